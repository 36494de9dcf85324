"""Lists of one machine as one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hwpkho.badpages import mentions as columns
from hwpkho.badpages import registry, said
from hwpkho.badpages.convert import convert
from hwpkho.badpages.log_form import LogForm
from hwpkho.badpages.model import BadPages, Loss
from hwpkho.base.pfnset import union

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hwpkho.badpages.model import ListProblem, Mention
    from hwpkho.base.listing import Listing


def are_logs(lists: Sequence[BadPages]) -> bool:
    """Tell whether all are read from logs: each then has a part of what its machine said."""
    forms: tuple[object, ...] = tuple(registry.LIST_FORMATS)
    names = {form.name for form in forms if isinstance(form, LogForm)}
    return all(pages.origin in names for pages in lists)


def logs(found: Sequence[BadPages]) -> BadPages:
    """Return the bad pages that logs of one machine name, ascending and distinct.

    A page that any of them calls bad is bad. Raises InputError where the lists are too long in
    pages of one size.
    """
    sizes = [pages.page_size for pages in found if pages.page_size]
    size = min(sizes) if sizes else None
    same = [convert(pages, size) if size else pages for pages in found]
    mentions = columns.joined([columns.mentioned(pages) for pages in same]).ascending()
    whole = joined(same, union(pages.pfns for pages in same).listing(), mentions, size)
    problems = {(p.code, p.message, p.where and (p.source, p.where)): p for p in whole.problems}
    return replace(whole, problems=tuple(map(_placed, problems.values())))


def _placed(problem: ListProblem) -> ListProblem:
    """Return a problem of one of several inputs with its input where it is."""
    if problem.where is None:
        return problem
    return problem._replace(where=f"{problem.source}, {problem.where}")


def joined(
    lists: Sequence[BadPages],
    pfns: Listing,
    mentions: Sequence[Mention],
    size: int | None,
) -> BadPages:
    """Return lists as one, with the PFNs and mentions of them that are wanted.

    ``size`` (bytes) is the page size of all of them.
    """
    forms = dict.fromkeys(x.origin for x in lists)
    arches = dict.fromkeys(x.arch for x in lists if x.arch)
    losses = [x.loss for x in lists if x.loss]
    return BadPages(
        ", ".join(x.name for x in lists),
        pfns,
        size,
        next(iter(arches)) if len(arches) == 1 else None,
        next(iter(forms)) if len(forms) == 1 else "several",
        "address" if all(x.unit == "address" for x in lists) else "pfn",
        mentions,
        Loss(sum(x.good_pages for x in losses), sum(x.bad_pages_left for x in losses))
        if losses
        else None,
        tuple(p for x in lists for p in x.problems),
        tuple(said.notes(lists)),
        tables=tuple(t for x in lists for t in x.tables),
    )
