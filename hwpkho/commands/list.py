"""list: the bad pages that inputs name, whatever their form."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.badpages import mentions as columns
from hwpkho.badpages import registry
from hwpkho.badpages.kinds import BAD, KINDS
from hwpkho.badpages.model import BadPages, ListNote, Loss, Mention
from hwpkho.badpages.together import joined
from hwpkho.base import kept, places
from hwpkho.base.escape import printable
from hwpkho.base.pfnset import pfn_set, union
from hwpkho.commands import usage, writing
from hwpkho.dimms import reading as dimm_files
from hwpkho.dimms.model import Dimms
from hwpkho.errors import InputError, UsageError
from hwpkho.inputs.lists import common_page_size, read_list, read_lists
from hwpkho.judging import machine
from hwpkho.judging.options import ValidateOptions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hwpkho.badpages.kinds import Kind
    from hwpkho.badpages.mentions import Mentions
    from hwpkho.badpages.registry import Asked, ListWriter
    from hwpkho.commands.writing import ListOutput
    from hwpkho.dimms.model import Run
    from hwpkho.inputs.lists import CaseList, CaseNamed
    from hwpkho.memmap.view.regions import Frames, Regions


class ListOptions(NamedTuple):
    """How lists are read and shown.

    Attributes:
        judging: How inputs are read, and the memory map.
        kinds: The kinds of bad pages that are wanted; pages of unknown kind always are.
        output: What to write the list as, None where it is only shown.
        entries: Whether it matters who named which pages; it costs where there are a million.
        dimms: Whether to say which DIMM a page is on. Inputs are of one machine then, and one
            may say just that and name no bad page.
    """

    judging: ValidateOptions = ValidateOptions()
    kinds: frozenset[Kind] = BAD
    output: ListOutput | None = None
    entries: bool = True
    dimms: bool = False


class ListReport(NamedTuple):
    """The bad pages of all inputs.

    Attributes:
        pages: One list: PFNs ascending and distinct, and where which of them is named, ascending.
        inputs: What was read, in the order given.
        frames: The memory map in frames of the list's page size, None without one.
        written: What was lost where the list was written, None where it was not.
        dimms: Where the pages are, None where nobody asked.
        regions: The memory map itself, None without one.
    """

    pages: BadPages
    inputs: tuple[BadPages, ...]
    frames: Frames | None = None
    written: Loss | None = None
    dimms: tuple[Run, ...] | None = None
    regions: Regions | None = None

    def runs(self) -> Runs:
        """Return the mentions as runs: neighbours of one kind, time and place are one."""
        mentions = columns.of(self.pages.mentions)
        ends = mentions.run_starts()
        ends.append(len(mentions))
        return Runs(mentions, ends)


class Runs:
    """Runs of mentions; each is made when somebody asks for it: there may be a million.

    Attributes:
        mentions: Ascending.
        ends: Where each run begins among them, and the end of the last.
    """

    def __init__(self, mentions: Mentions, ends: Sequence[int]) -> None:
        self.mentions, self.ends = mentions, ends

    def __len__(self) -> int:
        return len(self.ends) - 1

    def __iter__(self) -> Iterator[Mention]:
        for start, end in pairwise(self.ends):
            yield self.mentions[start]._replace(last=self.mentions[end - 1].last)


def kinds(words: Iterable[str]) -> frozenset[Kind]:
    """Return the kinds that comma-separated ``words`` name; UsageError for an unknown one."""
    names = [name.strip() for word in words for name in word.split(",")]
    unknown = next((name for name in names if name not in KINDS), None)
    if unknown is not None:
        raise UsageError(f"'{printable(unknown[:40])}' is not one of {', '.join(KINDS)}")
    return frozenset(kind for kind in KINDS if kind in names) or BAD


def list_pages(specs: Sequence[CaseNamed], options: ListOptions | None = None) -> ListReport:
    """Read the bad pages that ``specs`` name, each a case of its own, and write them if wanted.

    Raises InputError where one cannot be read, or says that memory is bad and names no page;
    UsageError where they cannot be written so.
    """
    options = options or ListOptions()
    how = options.judging
    usage.check_pair(how.case)
    writer = options.output.form if options.output else None
    usage.refuse(how.given, writing.facts(usage.Facts(), writer))
    asked = how.lists._replace(kinds=options.kinds, maps=True)
    said = Dimms()
    with writing.reading(writer):
        if options.dimms:
            specs, said = _sorted_out(specs, how, asked)
        found = read_lists(specs, how.case, asked, how.role)
    facts = writing.facts(usage.of_named(specs, found), writer)._replace(memmap=bool(how.memmaps))
    usage.refuse(how.given, facts._replace(machine=facts.read or _of_machine(facts, found, writer)))
    size = common_page_size(found)
    lists = [x.converted(size).pages for x in found]
    if options.output and not options.entries and not any(x.mentions for x in lists):
        mentions, pfns = columns.of(()), union(x.pfns for x in lists).listing()
    else:
        mentions = _wanted(lists, options.kinds).ascending()
        pfns = pfn_set(mentions.pages()).listing()
    regions = machine.memory(how, machine.of_lists(found))
    frames = regions.frames(size) if regions else None
    pages = joined(lists, pfns, mentions, size)
    if options.output is None:
        if not options.dimms:
            return ListReport(pages, tuple(lists), frames, regions=regions)
        runs = said.places(pfn_set(pfns), pages.taken_page_size, dimm_files.ram_of(regions))
        return ListReport(pages, tuple(lists), frames, dimms=tuple(runs), regions=regions)
    arches = [arch for arch in dict.fromkeys(x.arch for x in lists) if arch]
    output = writing.prepared(options.output, how, regions, arches)
    pages = replace(pages, arch=writing.arch_of(pages, how, regions))
    lost = output.write(pages)
    more = map(ListNote, writing.places(output.to, pages, output.how))
    pages = replace(pages, notes=(*pages.notes, *more))
    pages = replace(pages, loss=writing.total(pages.loss, lost) or lost)
    return ListReport(pages, tuple(lists), frames, lost, regions=regions)


def _of_machine(facts: usage.Facts, found: Sequence[CaseList], writer: ListWriter | None) -> bool:
    """Tell whether an architecture counts for lists that were read before."""
    told = writer is not None and ("arch" in writer.takes or "architecture" in writer.carries)
    return bool(facts.memmap) or (told and any(x.arch is None for x in found))


def _sorted_out(
    specs: Sequence[CaseNamed], how: ValidateOptions, asked: Asked
) -> tuple[list[CaseNamed], Dimms]:
    """Return the inputs that are lists, and what all of them say about DIMMs.

    Raises InputError for one that is neither a list nor says anything about DIMMs.
    """
    lists: list[CaseNamed] = []
    said = Dimms()
    for spec in specs:
        own = Dimms()
        if isinstance(spec, str) and places.is_file(spec):
            own = dimm_files.read([spec], sure=False)
        try:
            read_list(spec, how.case, asked, how.role)
            lists.append(spec)
        except InputError:
            if not own and not own.devices:
                raise
        said = said.joined(own)
        kept.let_go()
    if not lists:
        raise InputError("none of the inputs names bad pages")
    return lists, said


def _wanted(lists: Sequence[BadPages], kinds: frozenset[Kind]) -> Mentions:
    """Return where the lists name pages of some kinds, or of a kind that is not known."""
    named = columns.joined([columns.mentioned(x) for x in lists])
    wanted = {None, *kinds}
    if wanted.issuperset(named.kind):
        return named
    return named.picked([at for at, kind in enumerate(named.kind) if kind in wanted])


def form_names() -> list[str]:
    """Return the forms that ``--from`` takes."""
    return [form.name for form in registry.readers()]
