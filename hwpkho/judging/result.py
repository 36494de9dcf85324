"""What the next kernel will do with a list: the outcome, a verdict for each PFN, the findings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

from hwpkho.codes import code_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from hwpkho.base.pfnset import PfnSet
    from hwpkho.base.ranges import Range
    from hwpkho.codes import Certainty, Code, Problem, Severity
    from hwpkho.efi.compare import HeldAgainst
    from hwpkho.efi.model import PoisonTable
    from hwpkho.handover.model import Doubt, Handover
    from hwpkho.judging.rulings import Runs

Outcome = Literal["replay", "dropped", "refused", "crash", "absent"]
EfiOutcome = Literal["accepted", "ignored", "crash", "hang"]
#: How the pages under a set unit are excluded from use: memblock keeps them out of the allocator's
#: hands, or the allocator takes them out one by one and flags them.
Exclusion = Literal["reserved", "flagged"]

#: ``no-kho``: the dump is of a kernel without KHO; ``no-map``: there are pages, and no memory map
#: says what becomes of them.
Judged = Literal["judged", "no-map", "no-kho"]

#: How an outcome comes about: ``chance``: it depends on what the pages hold by then, mostly nothing
#: that the kernel accepts; ``always``: on every boot, as measured; ``unheeded``: the kernel ignores
#: the handover.
How = Literal["chance", "always", "unheeded"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know before the replay.

    Attributes:
        code: The registered code.
        severity: ``error``, ``warning`` or ``note``.
        certainty: ``measured``, ``source`` or ``policy``.
        message: One printable line.
        first: First PFN concerned, None where the finding is not about PFNs.
        last: Last PFN concerned, inclusive.
        phys: Physical address concerned, bytes.
        problem: The problem of reading that it states, None for what a rule found.
    """

    code: str
    severity: Severity
    certainty: Certainty
    message: str
    first: int | None = None
    last: int | None = None
    phys: int | None = None
    problem: Problem | None = field(default=None, compare=False, repr=False)

    def to_json(self) -> dict[str, object]:
        """Return the finding as ``hwpkho.validate/1`` has it."""
        return {
            "code": self.code,
            "severity": self.severity,
            "certainty": self.certainty,
            "message": self.message,
            "first": self.first,
            "last": self.last,
            "phys": self.phys,
        }


def finding(
    code: Code,
    message: str,
    *,
    pfns: tuple[int, int] | None = None,
    phys: int | None = None,
    severity: Severity | None = None,
) -> Finding:
    """Return a :class:`Finding` of ``code``; ``pfns`` are the first and last concerned."""
    first, last = pfns or (None, None)
    return Finding(code.id, severity or code.severity, code.certainty, message, first, last, phys)


def of_problem(problem: Problem, severity: Severity | None = None) -> Finding:
    """Return a problem of reading as a finding, with its own severity unless one is given."""
    certainty = code_of(problem.code).certainty
    return Finding(
        problem.code,
        severity or problem.severity,
        certainty,
        problem.message,
        phys=problem.phys,
        problem=problem,
    )


class EfiJudged(NamedTuple):
    """The judgement on a table; ``efi`` of ``hwpkho.validate/1``.

    Attributes:
        phys: Physical address of the table.
        layout: Its layout, a name in ``LAYOUTS``; None where no layout fits, or several do.
        consumer: The generation of the next kernel, or ``none``.
        outcome: None: unknown, or the kernel does not know the table.
        reason: The kernel's own message, or why the outcome is unknown.
        units: Bits that it sees set, or entries with a size.
        pages_lost: Pages of RAM under them; None without a memory map.
        fate: How pages under a set unit are excluded from use.
        bad: Each call yields the byte ranges called bad anew: ``(start, end)``, end exclusive,
            ascending and disjoint.
        table: The table read in its own layout, whatever the kernel makes of it.
        findings: Findings on the table.
        against: Comparisons with lists of bad pages, in the order given.
        decided_by: The finding that says what the kernel makes of the table; None where it takes
            it as it was written.
    """

    phys: int
    layout: str | None
    consumer: str
    outcome: EfiOutcome | None
    reason: str
    units: int
    pages_lost: int | None
    fate: Exclusion
    bad: Callable[[], Iterator[Range]]
    table: PoisonTable
    findings: tuple[Finding, ...] = ()
    against: tuple[HeldAgainst, ...] = ()
    decided_by: Finding | None = None

    @property
    def unread(self) -> bool:
        """Whether the next kernel goes on as if there were no table."""
        return self.outcome == "ignored" or self.consumer == "none"

    def to_json(self) -> dict[str, object]:
        """Return it as the document has it."""
        return {
            "phys": self.phys,
            "layout": self.layout,
            "consumer": self.consumer,
            "outcome": self.outcome,
            "reason": self.reason,
            "units": self.units,
            "pages_lost": self.pages_lost,
            "against": [x.to_json() for x in self.against],
        }


class ScratchCost(NamedTuple):
    """Scratch of one handover.

    Attributes:
        areas: ``(start, size)``, bytes, as the handover has them.
        size: Bytes of all areas together.
        of_ram: Its share of RAM, 0 to 1; None without a memory map, or with a damaged one.
        bad: The PFNs of the list that are in scratch.
    """

    areas: tuple[tuple[int, int], ...]
    size: int
    of_ram: float | None
    bad: PfnSet

    def to_json(self) -> dict[str, object]:
        """Return it as ``hwpkho.validate/1`` has it."""
        return {
            "areas": [list(area) for area in self.areas],
            "bytes": self.size,
            "of_ram": self.of_ram,
            "bad_pages": self.bad.pages(),
        }


class Basis(NamedTuple):
    """What a judgement rests on, for reports to put into words.

    Attributes:
        handover: Whether a handover was judged, and not just a list.
        memmap: ``used``; ``set-aside``: the map is not of this machine; ``none``: there was none.
        map_decides: Whether the handover is sound, and fatal only by this map.
        kho_off: Whether the next kernel is booted with kho=off.
        table: Whether the PFNs are those that an EFI table calls bad: there is no KHO list.
        no_kho: Whether the input is a dump of a kernel without KHO.
    """

    handover: bool = False
    memmap: Literal["used", "set-aside", "none"] = "none"
    map_decides: bool = False
    kho_off: bool = False
    table: bool = False
    no_kho: bool = False


@dataclass(frozen=True, slots=True)
class Validation:
    """The judgement on one case.

    Attributes:
        name: The case, printable.
        page_size: Bytes.
        arch: As recorded or assumed; None where unknown.
        outcome: Of the handover; None for a plain list, or where it is unknown.
        pfns: Distinct PFNs judged.
        runs: Sorted, disjoint, covering exactly the distinct PFNs.
        findings: Worst first.
        rests_on: What the verdicts rest on, for people: one line each.
        frames: The map they were judged by: first and last PFN (inclusive), kind, label; None
            without a map.
        which_handover: Which of several handovers this is about, None where there was no choice.
        unsure: How many of the PFNs that replay are where early boot may keep them in use; None
            without a map.
        decided_by: The finding that decided the outcome; None where the list replays, there is no
            handover, or the outcome is unknown.
        how: How the outcome comes about; None if there is no more to say.
        in_doubt: Why it is unsure which of the handovers found is the one that counts; empty where
            it is not.
        basis: What the judgement rests on.
        efi: The judgement on the EFI table of poisoned memory, None where there is none. Where
            there is no KHO list beside it, the PFNs are those that it calls bad.
        scratch: What scratch costs; None where that is unknown.
        handover: The handover that was judged, None for a plain list or an EFI table alone.
    """

    name: str
    page_size: int | None
    arch: str | None
    outcome: Outcome | None
    pfns: int
    runs: Runs
    findings: tuple[Finding, ...]
    rests_on: tuple[str, ...] = ()
    frames: Sequence[tuple[int, int, str, str]] | None = None
    which_handover: str | None = None
    unsure: int | None = None
    decided_by: Finding | None = None
    how: How | None = None
    in_doubt: frozenset[Doubt] = frozenset()
    basis: Basis = field(default_factory=Basis)
    efi: EfiJudged | None = None
    scratch: ScratchCost | None = None
    handover: Handover | None = None

    @property
    def state(self) -> Judged:
        """How far the case could be judged."""
        if self.basis.no_kho:
            return "no-kho"
        return "no-map" if self.pfns and self.basis.memmap != "used" else "judged"

    def count(self, severity: Severity) -> int:
        """Return how many findings have this severity."""
        return sum(f.severity == severity for f in self.findings)
