"""diff: did the list survive? What was lost, what was added, over two captures or a chain."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Literal, NamedTuple

from hwpkho.badpages.sets import Difference, Histories, compare, histories
from hwpkho.base.addresses import page_shift
from hwpkho.base.listing import of_runs
from hwpkho.base.options import option
from hwpkho.base.pfnset import PfnSet, pfn_set
from hwpkho.commands import usage
from hwpkho.errors import InputError, UsageError
from hwpkho.inputs import plus
from hwpkho.inputs.case import read_inputs
from hwpkho.inputs.lists import CaseList, closed, common_page_size, of_handover, read_lists
from hwpkho.judging import machine, verdicts
from hwpkho.judging.options import ValidateOptions
from hwpkho.judging.rulings import Runs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hwpkho.efi.compare import OneGrid, Units
    from hwpkho.efi.model import PoisonTable
    from hwpkho.handover.model import Handover
    from hwpkho.inputs.lists import CaseNamed
    from hwpkho.memmap.view.regions import Regions

#: What makes a job fail: known-bad memory lost, pages added, or either.
FailOn = Literal["removed", "added", "any"]


class Change(NamedTuple):
    """What changed from one list to the next.

    Attributes:
        removed: Runs only in the first: known-bad memory back in circulation. With a memory map
            they have their verdicts.
        added: Runs only in the second.
        common: PFNs in both.
    """

    removed: Runs
    added: Runs
    common: int

    @property
    def empty(self) -> bool:
        """Whether nothing changed."""
        return not self.removed.pfns and not self.added.pfns


class Comparison(NamedTuple):
    """Lists compared: two, or a chain of generations.

    Attributes:
        cases: The lists in the order given, all in one page size.
        changes: What changed from each to the next: one fewer than there are lists.
        units: Of two lists of which one at least is an EFI table with a bitmap, what changed by
            unit. Between a table and another list good pages of a unit with a bad page are no
            change: the table has no other way to say that.
        grid: Of a chain in which every list is such a table, their units on one grid.
        regions: Of two lists, the memory of the machine after; None without a map.
    """

    cases: tuple[CaseList, ...]
    changes: tuple[Change, ...]
    units: Units | None = None
    grid: OneGrid | None = None
    regions: Regions | None = None

    @property
    def page_size(self) -> int:
        """Bytes."""
        return self.cases[0].page_size

    def notes(self) -> list[str]:
        """Return what the user should know of the order: each kexec counts up."""
        return [
            f"{before.name} has kexec_count {before.kexec_count}, {after.name} "
            f"{after.kexec_count}: is the earlier one first?"
            for before, after in pairwise(self.cases)
            if before.kexec_count is not None
            and after.kexec_count is not None
            and before.kexec_count > after.kexec_count
        ]

    def distinct(self) -> list[int]:
        """Return how many distinct PFNs each list has."""
        if self.units is not None and self.units.good is not None:
            return [pfn_set(x.pfns).pages() for x in self.cases]
        first = self.changes[0].common + self.changes[0].removed.pfns.pages()
        return [first, *(c.common + c.added.pfns.pages() for c in self.changes)]

    def histories(self) -> Histories:
        """Return runs of PFNs and the lists that have them."""
        return histories([pfn_set(x.pfns) for x in self.cases])

    def unit_histories(self) -> Histories | None:
        """Return runs of units and the tables that have them, None where ``grid`` is."""
        return histories(self.grid.units) if self.grid else None


def diff(specs: Sequence[CaseNamed], options: ValidateOptions | None = None) -> Comparison:
    """Compare the lists of ``specs``: one capture with two handovers, two cases, or a chain.

    A case is its pieces, or one argument that joins them with ``+``.

    Raises InputError where a list cannot be read, or one capture does not hold both.
    """
    options = options or ValidateOptions()
    known = usage.Facts(memmap=bool(options.memmaps), chooses=len(specs) > 1)
    usage.check_pair(options.case)
    usage.refuse(options.given, known)
    if len(specs) == 1:
        found = _both_sides(specs[0], options)
        facts = usage.of_lists(found)
    else:
        found = read_lists(specs, options.case, options.lists, options.role)
        facts = usage.of_named(specs, found)
    facts = facts._replace(chooses=known.chooses, memmap=known.memmap)
    facts = facts._replace(machine=facts.handover or known.memmap)
    usage.refuse(options.given, facts)
    machines = machine.of_lists(found)
    size = common_page_size(found)
    found = [x.converted(size) for x in found]
    if len(found) > 2:
        if options.memmaps:
            raise UsageError(
                f"{option('memmap')} judges the changes between two lists, not a chain"
            )
        kernel = machine.next_kernel(options, size, None)
        steps = [compare(a.pfns, b.pfns) for a, b in pairwise(found)]
        changes = [
            Change(
                verdicts.judge_pfns(s.removed, kernel, None),
                verdicts.judge_pfns(s.added, kernel, None),
                s.common,
            )
            for s in steps
        ]
        every = [table for x in found if (table := _bitmap(x)) is not None]
        grid = None
        if len(every) == len(found):
            from hwpkho.efi import compare as tables

            grid = tables.one_grid(every)
        return Comparison(tuple(found), tuple(changes), grid=grid)
    before, after = found
    units = _units(before, after)
    change = _by_unit(before, units) or compare(before.pfns, after.pfns)
    # The map is that of the machine after: a removed page is judged by it alone, as in a bare list.
    regions = machine.memory(options, machines)
    usage.refuse(options.given, usage.with_map(facts, regions))
    if regions is not None:
        from hwpkho.judging import wrong_map

        wrong_map.must_fit(options, regions, [(after.handover, after.source)])
    kernel = machine.next_kernel(options, size, regions)
    removed = verdicts.judge_pfns(change.removed, kernel, None)
    added = _added(change.added, after, size, options, regions)
    changed = Change(removed, added, change.common)
    return Comparison((before, after), (changed,), units, regions=regions)


def _bitmap(found: CaseList) -> PoisonTable | None:
    """Return the table that a list is from if it has a bitmap; few lists are from tables."""
    return found.table if found.table is not None and found.table.has_units else None


def _units(before: CaseList, after: CaseList) -> Units | None:
    """Compare by unit, None where neither list is a table that has some."""
    old, new = _bitmap(before), _bitmap(after)
    if old is None and new is None:
        return None
    from hwpkho.efi import compare as tables

    if old is not None and new is not None:
        return tables.by_unit(old, new)
    if old is not None:
        return tables.by_page(old, pfn_set(after.pfns), after.page_size, first=True)
    if new is not None:
        return tables.by_page(new, pfn_set(before.pfns), before.page_size, first=False)
    return None


def _by_unit(before: CaseList, units: Units | None) -> Difference | None:
    """Return what changed between a table and another list; None between others."""
    if units is None or units.uncovered is None or units.bare is None:
        return None
    known = pfn_set(before.pfns).pages()
    if _bitmap(before) is not None:
        common = known - units.bare.pages() - (units.good or 0)
        return Difference(units.bare, units.uncovered, common)
    return Difference(units.uncovered, units.bare, known - units.uncovered.pages())


def _added(
    pfns: PfnSet,
    after: CaseList,
    page_size: int,
    options: ValidateOptions,
    regions: Regions | None,
) -> Runs:
    """Judge the added PFNs as validate judges AFTER: by its handover, in its own page size."""
    own = (after.handover.page_size if after.handover else None) or page_size
    shift = page_shift(own) - page_shift(page_size)
    kernel = machine.next_kernel(options, own, regions)
    if not shift:
        return verdicts.judge_pfns(pfns, kernel, after.handover)
    frames = pfn_set(of_runs((first >> shift, last >> shift) for first, last in pfns))
    runs = Runs(pfns)
    for first, last, ruling in verdicts.judge_pfns(frames, kernel, after.handover).stretches():
        runs.add(first << shift, (last + 1 << shift) - 1, ruling)
    return runs


def _both_sides(spec: CaseNamed, options: ValidateOptions) -> list[CaseList]:
    case = None
    if not isinstance(spec, CaseList):
        case = read_inputs(plus.inputs_of(spec), options.case, options.lists)
    if case is None or case.pages is not None:
        raise UsageError("diff needs two lists, or one capture that holds two handovers")
    sides: dict[str | None, Handover] = {h.role: h for h in case.handovers}
    old, new = sides.get("in"), sides.get("out")
    if old is None or new is None:
        have = ", ".join(str(h) for h in case.handovers)
        raise InputError(
            f"{case.name}: holds only {have}; take a capture before the kexec and one after it, "
            "and compare those"
        )
    if old.hwpoison and old.hwpoison.pfns is None and new.hwpoison:
        raise InputError(
            f"{case.name}: the incoming list was consumed by this kernel and nothing may be "
            "concluded from its pages; compare the capture taken before the kexec with this one "
            "(hwpkho diff BEFORE AFTER)"
        )
    memory = closed(case)
    return [CaseList(of_handover(f"{case.name} ({h.role})", h), h, memory) for h in (old, new)]


def exit_code(result: Comparison, fail_on: FailOn = "any") -> int:
    """Return 1 where the lists differ in what ``fail_on`` names, else 0."""
    removed = any(c.removed.pfns for c in result.changes)
    added = any(c.added.pfns for c in result.changes)
    return int({"removed": removed, "added": added, "any": removed or added}[fail_on])
