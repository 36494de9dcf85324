"""What a generation of kernels reads out of a table, and what it comes to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hwpkho.base.ranges import Range
    from hwpkho.codes import Code
    from hwpkho.judging.efi_table.memory import EarlyMemory
    from hwpkho.judging.next_kernel import NextKernel
    from hwpkho.judging.result import Finding

EfiOutcome = Literal["accepted", "ignored", "crash", "hang"]
#: What becomes of the pages under a set unit: memblock keeps them out of the allocator's hands,
#: or the allocator takes them out one by one and flags them.
Fate = Literal["reserved", "flagged"]


@dataclass(slots=True)
class Reading:
    """What a kernel reads.

    Attributes:
        outcome: None: it cannot be told.
        reason: What it says, or what keeps hwpkho from telling; printable.
        code: What decides, None where the table is taken.
        units: Bits that it sees set, or entries with a size.
        bad: Yields the bytes that they stand for, ``(start, end)``, end exclusive, ascending and
            disjoint, again at each call.
        own: Ranges of the table's own that it reserves.
        unknown: Bytes that units stand for of which the image lacks the bits.
        blind: Whether the image lacks any bits that it reads.
        covers: Bytes that the bitmap has units for, None for a list.
    """

    outcome: EfiOutcome | None
    reason: str
    code: Code | None = None
    units: int = 0
    bad: Callable[[], Iterator[Range]] = field(default=lambda: iter(()))
    own: list[Range] = field(default_factory=list)
    unknown: list[Range] = field(default_factory=list)
    blind: bool = False
    covers: Range | None = None


class Generation(Protocol):
    """What the module of a generation offers.

    Attributes:
        about: What it is, in a few words.
        layout: The layout that it reads and writes, a name in ``LAYOUTS``.
        fate: What becomes of pages under a set unit.
        early: Whether it reserves each place in memblock before that may grow.
    """

    about: str
    layout: str
    fate: Fate
    early: bool

    def read(self, phys: int, memory: EarlyMemory, kernel: NextKernel) -> Reading:
        """Do its checks, and read what the table at ``phys`` says.

        Raises FaultError where a read faults, AbsentError where the image lacks what decides.
        """


class EfiJudged(NamedTuple):
    """The judgement on a table; ``efi`` of ``hwpkho.validate/1``.

    Attributes:
        phys: Physical address of the table.
        layout: Its layout, a name in ``LAYOUTS``; None where no layout fits, or several do.
        consumer: The generation of the next kernel, or ``none``.
        outcome: None: it cannot be told, or the kernel does not know the table.
        reason: The kernel's own words, or why nothing can be told.
        units: Bits that it sees set, or entries with a size.
        pages_lost: Pages of RAM under them; None without a memory map.
        fate: What becomes of pages under a set unit.
        bad: As :attr:`Reading.bad`.
        findings: What to know.
    """

    phys: int
    layout: str | None
    consumer: str
    outcome: EfiOutcome | None
    reason: str
    units: int
    pages_lost: int | None
    fate: Fate
    bad: Callable[[], Iterator[Range]]
    findings: tuple[Finding, ...] = ()

    def to_json(self) -> dict[str, object]:
        """Return it as it stands in the document."""
        return {
            "phys": self.phys,
            "layout": self.layout,
            "consumer": self.consumer,
            "outcome": self.outcome,
            "reason": self.reason,
            "units": self.units,
            "pages_lost": self.pages_lost,
        }
