"""merge: the union of lists, and who knew what."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace
from itertools import pairwise
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.badpages import provenance, said
from hwpkho.badpages.formats import text
from hwpkho.badpages.model import BadPages, ListNote
from hwpkho.badpages.sets import Histories, first_seen, histories
from hwpkho.base import output
from hwpkho.base.addresses import human_bytes
from hwpkho.base.counting import counted
from hwpkho.base.listing import MAX_PFNS, Listing, of_runs, parts
from hwpkho.base.options import option
from hwpkho.base.pfnset import PfnSet, in_all, once, pfn_set, without
from hwpkho.commands import encode, usage
from hwpkho.commands import writing as list_writing
from hwpkho.encode.targets import registry as targets
from hwpkho.errors import InputError, UsageError
from hwpkho.inputs.lists import CaseList, common_page_size, owners_turnover, read_lists
from hwpkho.judging import machine
from hwpkho.judging.rulings import Runs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hwpkho.badpages.model import ListProblem, Loss
    from hwpkho.badpages.provenance import Entries
    from hwpkho.commands.encode_options import EncodeOptions
    from hwpkho.efi.model import PoisonTable
    from hwpkho.encode.layout import Layout
    from hwpkho.handover.owners import Turnover
    from hwpkho.inputs.lists import CaseNamed
    from hwpkho.judging.options import ValidateOptions
    from hwpkho.judging.rulings import Verdict
    from hwpkho.memmap.view.regions import Regions

#: What no kernel of this machine can take out of use: no memory, or memory of somebody else.
#: Known-bad RAM stays, also where it is in use today: the next generation may free it.
NOT_OURS: frozenset[Verdict | None] = frozenset(("not-ram", "firmware", "device"))


class MergeOptions(NamedTuple):
    """How lists are brought together.

    Attributes:
        judging: How cases are read, and the memory map.
        in_order: Keep the order in which PFNs were first seen, instead of ascending.
        intersect: Keep only what stands in every list.
        exclude: Cases whose PFNs are left out.
        keep_all: Leave nothing out by the memory map.
        replayable_only: Keep only what replays by the memory map.
        provenance: Record which case lists which PFN.
        page_size: Of the result, bytes; None: the smallest among the cases.
    """

    judging: ValidateOptions
    in_order: bool = False
    intersect: bool = False
    exclude: tuple[CaseNamed, ...] = ()
    keep_all: bool = False
    replayable_only: bool = False
    provenance: bool = False
    page_size: int | None = None


class Merged(NamedTuple):
    """The result.

    Attributes:
        cases: What was merged, in the order given, converted to one page size.
        sizes: Entries of each case's own list, in its own page size, repeats included.
        pfns: The merged list, distinct.
        page_size: Bytes.
        duplicates: PFNs, in pages of the result, that stood in the lists before.
        excluded: PFNs left out because ``exclude`` names them.
        not_replaying: Runs that do not replay by the memory map, or that it does not judge.
        left_out: Those of them that were left out.
        judged: Whether there was a map.
        kept_all: Whether nothing was to be left out.
        histories: Which case knew which PFN, where that was asked for.
        notes: What a user should know, one line each.
        arches: The architectures that the cases record.
        layout: The handover that was made of the result, None where that is a list.
        loss: What the form of that list could not say exactly, None where none was written.
        regions: The machine's memory, None without a map.
        entries: Where the cases name the pages, where that was asked for or is written.
        tables: Of each case the EFI table of poisoned memory that it is, None for another list.
        table: What the EFI table is like that was written, None where none was.
        problems: What of the cases could not be used, and where they disagree.
        owners: From each case to the next, which owners of preserved memory came and went; None
            where one of them does not record it.
    """

    cases: tuple[str, ...]
    sizes: tuple[int, ...]
    pfns: Listing
    page_size: int
    duplicates: int
    excluded: int
    not_replaying: Runs
    left_out: Runs
    judged: bool
    kept_all: bool
    histories: Histories | None
    notes: tuple[str, ...]
    arches: tuple[str, ...]
    layout: Layout | None = None
    loss: Loss | None = None
    regions: Regions | None = None
    entries: Entries | None = None
    problems: tuple[ListProblem, ...] = ()
    tables: tuple[PoisonTable | None, ...] = ()
    table: list_writing.WrittenTable | None = None
    owners: tuple[Turnover | None, ...] = ()

    @property
    def pages(self) -> BadPages:
        """The merged list, with who named which page where that is known."""
        return BadPages(
            "the merged list",
            self.pfns,
            self.page_size,
            self.arches[0] if len(self.arches) == 1 else None,
            "merge",
            mentions=self.entries.mentions if self.entries else (),
            problems=self.problems,
            tables=tuple(t for t in self.tables if t is not None),
        )


def merge(
    specs: Sequence[CaseNamed], options: MergeOptions, writing: EncodeOptions | None = None
) -> Merged:
    """Merge the lists of the cases ``specs``, and write the result as ``writing`` wants it.

    Raises InputError where one cannot be read, or cannot be converted to the others' page size
    without loss; UsageError where the result cannot be written, or options contradict each other.
    """
    _check(options)
    target = targets.target("list" if writing is None else writing.to)
    known = usage.Facts(
        memmap=bool(options.judging.memmaps), placed=target.placed, whole=target.bootable
    )
    form = targets.list_form("list" if writing is None else writing.to)
    known = list_writing.facts(known, form)
    usage.check_pair(options.judging.case)
    usage.refuse(options.judging.given, known)
    if writing is not None:
        encode.check(writing, [*specs, *options.exclude])
    # A bitmap has a bit for any page; nor is the list spelled out, unless a document has it.
    whole = (
        writing is not None
        and list_writing.is_bitmap(writing.to, writing.writing)
        and not writing.json
    )
    entries = options.provenance or (form is not None and "kind" in form.carries)
    with list_writing.reading(form):
        merged = _merge(specs, options, known, entries=entries, whole=whole)
    if writing is None:
        return merged
    if merged.histories is not None:
        _write_provenance(merged, writing, in_order=options.in_order)
        unrecorded = list_writing.unrecorded(merged.page_size, targets.list_form(writing.to))
        return merged._replace(notes=(*merged.notes, *unrecorded))
    case = CaseList(replace(merged.pages, arch=_arch(merged, writing)))
    result = encode.encode(case, writing, merged.regions)
    made = result.notes[len(case.notes) :]  # those of the cases are in merged.notes
    coarser = said.merged(_coarser(merged, result.table))
    notes = list(dict.fromkeys((*merged.notes, *made, *coarser)))
    return merged._replace(
        notes=tuple(notes), layout=result.layout, loss=result.loss, table=result.table
    )


def _coarser(merged: Merged, made: list_writing.WrittenTable | None) -> Iterator[ListNote]:
    """Yield a note on each case whose units became larger."""
    header = made.plan.header if made else None
    for name, table in zip(merged.cases, merged.tables, strict=True):
        unit = table.header.unit_size if table and table.header else 0
        if header is not None and 0 < unit < header.unit_size:
            sizes = f"{human_bytes(unit)} become units of {human_bytes(header.unit_size)}"
            yield ListNote(f"units of {sizes}; {option('unit', unit)} keeps them", name)


def _arch(merged: Merged, writing: EncodeOptions) -> str | None:
    """Return the architecture for what is made; UsageError where the cases are of two."""
    form = targets.list_form(writing.to)
    if len(merged.arches) > 1 and writing.arch is None:
        named = " and ".join(merged.arches)
        if form is None:
            raise UsageError(
                f"the cases are of {named}: a handover is of one architecture; merge them into a "
                "list"
            )
        if "arch" in form.takes and "architecture" not in form.carries:
            raise UsageError(f"{option('to', form.name)}: the cases are of {named}")
        return None
    return next(iter(merged.arches), None)


def _check(options: MergeOptions) -> None:
    asked = {"keep_all": options.keep_all, "replayable_only": options.replayable_only}
    if all(asked.values()):
        raise UsageError(f"{option('keep_all')} and {option('replayable_only')} exclude each other")
    for name, given in asked.items():
        if given and not options.judging.memmaps:
            raise UsageError(
                f"{option(name)} goes with {option('memmap')}: without a map nothing is left out"
            )


def _write_provenance(merged: Merged, writing: EncodeOptions, *, in_order: bool) -> None:
    runs: Iterable[tuple[int, int, str]] = ()
    if merged.histories is not None and merged.entries is not None:
        runs = provenance.commented(merged.histories, merged.entries)
    if in_order:
        runs = _as_listed(merged.pfns, list(runs))
    path = output.STDOUT if writing.output is None else writing.output
    with output.file(path, force=writing.force) as file:
        file.writelines(text.build_runs(part).encode() for part in parts(runs))
        if not merged.pfns:
            file.write(text.EMPTY)


def _as_listed(
    pfns: Listing, runs: Sequence[tuple[int, int, str]]
) -> Iterator[tuple[int, int, str]]:
    """Yield ``runs``, which ascend and hold every one of ``pfns``, in the order of the list."""
    for first, end in pfns.runs():
        at = bisect_right(runs, first, key=itemgetter(0)) - 1
        while first <= end:
            _, last, comment = runs[at]
            yield first, min(last, end), comment
            first, at = last + 1, at + 1


def _merge(
    specs: Sequence[CaseNamed],
    options: MergeOptions,
    known: usage.Facts,
    *,
    entries: bool,
    whole: bool,
) -> Merged:
    how = options.judging
    found = read_lists(specs, how.case, how.lists, how.role)
    unwanted = read_lists(options.exclude, how.case, how.lists, how.role)
    facts = usage.of_named((*specs, *options.exclude), (*found, *unwanted))
    facts = facts._replace(
        machine=facts.handover or known.memmap or known.placed or bool(known.machine),
        takes=known.takes,
        placed=known.placed,
    )
    usage.refuse(how.given, facts)
    machines = machine.of_lists([*found, *unwanted])
    size = options.page_size or common_page_size((*found, *unwanted))
    sizes = tuple(x.pfns.count for x in found)
    found, unwanted = [[x.converted(size) for x in xs] for xs in (found, unwanted)]
    notes = said.of_lists([x.pages for x in (*found, *unwanted)])
    lists = [x.pfns for x in found]
    if options.intersect:
        merged = in_all(lists)
    else:
        merged = first_seen(lists) if options.in_order else once(lists)
    before = merged.count
    duplicates = 0 if options.intersect else sum(x.count for x in lists) - before
    if unwanted:
        merged = without(merged, [x.pfns for x in unwanted])
    excluded = before - merged.count
    regions = machine.memory(how, machines)
    usage.refuse(how.given, usage.with_map(facts, regions))
    merged, not_replaying, left_out = _by_map(merged, size, options, regions, found)
    unjudged = _unjudged(not_replaying) - _unjudged(left_out)
    if unjudged:
        notes.append(
            f"{counted(unjudged, 'PFN lies', 'PFNs lie')} where lines of the map are lost or "
            "damaged: kept, because what is there is unknown"
        )
    if merged.count > MAX_PFNS and not whole:
        raise InputError(f"the merged list has {merged.count} PFNs; a list has at most {MAX_PFNS}")
    disagreements = provenance.disagreements([x.pages for x in found])
    notes += map(str, disagreements)
    if options.in_order and (options.intersect or left_out.rulings):
        merged = pfn_set(merged).kept_of(first_seen(lists))
    fewer = options.intersect or excluded or left_out.rulings
    kept = pfn_set(merged) if fewer and (options.provenance or entries) else None
    return Merged(
        tuple(x.name for x in found),
        sizes,
        merged,
        size,
        duplicates,
        excluded,
        not_replaying,
        left_out,
        bool(how.memmaps),
        options.keep_all,
        _known_by(kept, found) if options.provenance else None,
        tuple(dict.fromkeys(notes)),
        tuple(dict.fromkeys(x.arch for x in found if x.arch)),
        regions=regions,
        entries=provenance.entries([x.pages for x in found], kept) if entries else None,
        problems=(
            *(p for x in (*found, *unwanted) for p in x.pages.problems),
            *disagreements,
        ),
        tables=tuple(x.table for x in found),
        owners=tuple(owners_turnover(*pair) for pair in pairwise(found)),
    )


def _by_map(
    merged: Listing,
    page_size: int,
    options: MergeOptions,
    regions: Regions | None,
    found: Sequence[CaseList],
) -> tuple[Listing, Runs, Runs]:
    """Return what is kept, the runs that do not replay by the memory map, and those left out.

    The map alone judges: the result is no handover yet. A page that the map does not judge is kept,
    unless only what replays is wanted. Raises InputError where the map cannot be of the machine of
    one of ``found``.
    """
    if regions is None:
        return merged, Runs(PfnSet()), Runs(PfnSet())
    from hwpkho.judging import verdicts, wrong_map

    wrong_map.must_fit(options.judging, regions, ((x.handover, x.source) for x in found))
    pfns = pfn_set(merged)
    judged = verdicts.judge_pfns(
        pfns, machine.next_kernel(options.judging, page_size, regions), None
    )
    not_replaying, left_out = Runs(judged.pfns), Runs(judged.pfns)
    for first, last, ruling in judged.stretches():
        if ruling.verdict == "replays":
            continue
        not_replaying.add(first, last, ruling)
        if options.replayable_only or (ruling.verdict in NOT_OURS and not options.keep_all):
            left_out.add(first, last, ruling)
    if not left_out.rulings:
        return merged, not_replaying, left_out
    gone = pfn_set(of_runs((first, last) for first, last, _ in left_out))
    return (pfns - gone).listing(), not_replaying, left_out


def _unjudged(runs: Runs) -> int:
    """Return how many PFNs the map does not judge."""
    pairs = zip(runs.rulings, runs.extents, strict=True)
    return sum(extent.pfns for ruling, extent in pairs if ruling.verdict is None)


def _known_by(kept: PfnSet | None, found: Sequence[CaseList]) -> Histories:
    """Return which of ``found`` knew which PFN of ``kept``; None for all."""
    known = (pfn_set(x.pfns) for x in found)
    return histories([x if kept is None else kept & x for x in known])
