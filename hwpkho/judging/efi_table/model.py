"""What a generation of kernels reads out of a table, and how that ends."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from hwpkho.base.ranges import Range
    from hwpkho.codes import Code
    from hwpkho.judging.efi_table.memory import EarlyMemory
    from hwpkho.judging.next_kernel import NextKernel
    from hwpkho.judging.result import EfiOutcome, Exclusion


class Reading(NamedTuple):
    """What a kernel reads.

    Attributes:
        outcome: None: unknown, or the kernel does not know the table.
        reason: The kernel's message, or why the outcome is unknown; printable.
        code: Code of the finding that decides, None where the table is taken.
        units: Bits that it sees set, or entries with a size.
        bad: Each call yields the byte ranges that these stand for anew: ``(start, end)``, end
            exclusive, ascending and disjoint.
        own: Byte ranges of the table itself that it reserves.
        unknown: Byte ranges of units whose bits are not in the image.
        hidden: Bits that it reads and the image lacks.
        covers: The byte range that the bitmap has units for, None for a list.
    """

    outcome: EfiOutcome | None
    reason: str
    code: Code | None = None
    units: int = 0
    bad: Callable[[], Iterator[Range]] = partial(iter, ())
    own: Sequence[Range] = ()
    unknown: Sequence[Range] = ()
    hidden: int = 0
    covers: Range | None = None


class Generation(Protocol):
    """What the module of a generation offers."""

    @property
    def about(self) -> str:
        """What it is, in a few words."""

    @property
    def layout(self) -> str:
        """The layout that it reads and writes, a name in ``LAYOUTS``."""

    @property
    def exclusion(self) -> Exclusion:
        """How it excludes pages under a set unit from use."""

    @property
    def early(self) -> bool:
        """Whether it reserves each bad range in memblock before memblock may grow its arrays."""

    def read(self, phys: int, memory: EarlyMemory, kernel: NextKernel) -> Reading:
        """Return what this generation reads of the table at ``phys`` (bytes), after its checks.

        Raises FaultError where a read faults, AbsentError where the image lacks what decides.
        """
