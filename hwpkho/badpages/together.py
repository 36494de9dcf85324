"""Joins several lists of one machine into one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hwpkho.badpages import mentions as columns
from hwpkho.badpages import registry
from hwpkho.badpages.convert import convert
from hwpkho.badpages.log_form import LogForm
from hwpkho.badpages.model import BadPages, Loss
from hwpkho.base.pfnset import union

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hwpkho.badpages.model import ListProblem, Mention
    from hwpkho.base.listing import Listing


def are_logs(lists: Sequence[BadPages]) -> bool:
    """Tell whether all lists were read from logs, so that each may have a part of the messages."""
    forms: tuple[object, ...] = tuple(registry.LIST_FORMATS)
    names = {form.name for form in forms if isinstance(form, LogForm)}
    return all(pages.origin in names for pages in lists)


def logs(found: Sequence[BadPages]) -> BadPages:
    """Return the union of lists from logs of one machine, ascending and distinct.

    They are converted to the smallest page size among them. Raises InputError where that makes a
    list too long.
    """
    sizes = [pages.page_size for pages in found if pages.page_size]
    size = min(sizes) if sizes else None
    same = [convert(pages, size) if size else pages for pages in found]
    mentions = columns.joined([columns.mentioned(pages) for pages in same]).ascending()
    whole = joined(same, union(pages.pfns for pages in same).listing(), mentions, size)
    problems = {(p.code, p.message, p.where and (p.source, p.where)): p for p in whole.problems}
    return replace(whole, problems=tuple(map(_placed, problems.values())))


def _placed(problem: ListProblem) -> ListProblem:
    """Return a problem with the input's name put in front of its place."""
    if problem.where is None:
        return problem
    return problem._replace(where=f"{problem.source}, {problem.where}")


def joined(
    lists: Sequence[BadPages],
    pfns: Listing,
    mentions: Sequence[Mention],
    size: int | None,
) -> BadPages:
    """Return one list of ``pfns`` and ``mentions``, with everything else joined from ``lists``.

    ``size`` is the page size of all of them in bytes, None where not recorded.
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
        tuple(n for x in lists for n in x.notes),
        tables=tuple(t for x in lists for t in x.tables),
    )
