"""list: the bad pages that inputs name, whatever their form."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from hwpkho.badpages import registry
from hwpkho.badpages.model import BAD, KINDS, BadPages, Loss, Mention
from hwpkho.base.listing import Listing, of_runs
from hwpkho.base.pfnset import pfn_set
from hwpkho.commands import usage
from hwpkho.errors import UsageError
from hwpkho.inputs.lists import read_list
from hwpkho.judging import machine
from hwpkho.judging.options import ValidateOptions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hwpkho.badpages.model import Kind
    from hwpkho.inputs.lists import CaseNamed
    from hwpkho.memmap.view.regions import Frames


@dataclass(frozen=True, slots=True)
class ListOptions:
    """How lists are read and shown.

    Attributes:
        judging: How inputs are read, and the memory map.
        kinds: The kinds of bad pages that are wanted; pages of unknown kind always are.
    """

    judging: ValidateOptions = field(default_factory=ValidateOptions)
    kinds: frozenset[Kind] = BAD


@dataclass(frozen=True, slots=True)
class ListReport:
    """The bad pages of all inputs.

    Attributes:
        pages: One list: PFNs ascending and distinct, and where which of them is named, ascending.
        inputs: What was read, in the order given.
        frames: The memory map in frames of the list's page size, None without one.
    """

    pages: BadPages
    inputs: tuple[BadPages, ...]
    frames: Frames | None = None

    def runs(self) -> Iterator[Mention]:
        """Yield the mentions as runs: neighbours of one kind, time and place are one."""
        for key, group in groupby(
            enumerate(self.pages.mentions),
            key=lambda x: (x[1].first - x[0], x[1].first == x[1].last, *x[1][2:]),
        ):
            del key
            members = [mention for _, mention in group]
            if members[0].first == members[0].last:
                yield members[0]._replace(last=members[-1].last)
            else:
                yield from members


def kinds(words: Iterable[str]) -> frozenset[Kind]:
    """Return the kinds that comma separated ``words`` name; UsageError for an unknown one."""
    names = [name.strip() for word in words for name in word.split(",")]
    unknown = next((name for name in names if name not in KINDS), None)
    if unknown is not None:
        raise UsageError(f"--kinds: '{unknown}' is not one of {', '.join(KINDS)}")
    return frozenset(kind for kind in KINDS if kind in names) or BAD


def list_pages(specs: Sequence[CaseNamed], options: ListOptions | None = None) -> ListReport:
    """Read the bad pages that ``specs`` name, each a case of its own.

    Raises InputError where one cannot be read, or says that memory is bad and names no page.
    """
    options = options or ListOptions()
    how = options.judging
    usage.check_pair(how.case)
    asked = how.lists._replace(kinds=options.kinds, maps=True)
    found = [read_list(spec, how.case, asked, how.role) for spec in specs]
    facts = usage.of_lists(found)
    usage.refuse(how.given, facts._replace(memmap=bool(how.memmaps), machine=True))
    size = min(x.page_size for x in found)
    lists = [x.converted(size).pages for x in found]
    mentions = sorted(
        (m for x in lists for m in _mentions(x) if m.kind is None or m.kind in options.kinds),
        key=itemgetter(0, 1),
    )
    pfns = pfn_set(of_runs((m.first, m.last) for m in mentions)).listing()
    regions = machine.memory(how, machine.of_lists(found))
    frames = regions.frames(size) if regions else None
    return ListReport(_joined(lists, pfns, mentions, size), tuple(lists), frames)


def _mentions(pages: BadPages) -> Iterator[Mention]:
    """Yield where a list names its pages; what no mention names stands for itself.

    That is all of a form without such words, or what somebody added to the PFNs of a document.
    """
    yield from pages.mentions
    kind: Kind | None = "poisoned" if pages.origin == "handover" else None
    named = pfn_set(of_runs((m.first, m.last) for m in pages.mentions))
    rest = (pfn_set(pages.pfns) - named).listing() if named else pages.pfns
    for first, last in rest.runs():
        yield Mention(first, last, kind, None, pages.name)


def _joined(
    lists: Sequence[BadPages], pfns: Listing, mentions: Sequence[Mention], size: int
) -> BadPages:
    """Return the lists as one."""
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
        tuple(dict.fromkeys(note for x in lists for note in x.notes)),
    )


def form_names() -> list[str]:
    """Return the forms that ``--from`` takes."""
    return [form.name for form in registry.readers()]
