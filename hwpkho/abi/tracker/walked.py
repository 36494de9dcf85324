"""What a walk over a preserved-memory tracker finds, and how far any walk goes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

from hwpkho.errors import InputError

if TYPE_CHECKING:
    from hwpkho.abi.tracker.preserved import Preserved

#: Damage is sampled, not collected without end.
MAX_DEFECTS = 64
#: An image that lacks so many pages of a tracker says nothing more about it.
MAX_ABSENT = 1 << 16
#: A kernel leaves the nodes of which it unmarked everything, each for 128 MiB or more: so many are
#: 8 TiB. A hole of an image holds any number of them.
MAX_EMPTY = 1 << 16


class Memory(Protocol):
    """Where a tracker is read from.

    Attributes:
        name: For messages.
        arch: A name of ``ARCHES``, None where it is not known.
    """

    name: str
    arch: str | None

    def look(self, phys: int, size: int) -> memoryview | None:
        """Return ``size`` bytes at physical address ``phys``, None if any of them is absent."""


class Defect(NamedTuple):
    """What is wrong with a tracker: a message and the physical address concerned."""

    message: str
    phys: int


@dataclass(slots=True)
class TrackerWalk:
    """What a walk found.

    Attributes:
        preserved: The blocks marked, as far as the walk got.
        nodes: Physical addresses of the tracker's own pages that were read, in walking order.
        looks: ``(phys, size)``, bytes, of what was looked at for them.
        damaged: Nodes or keys that no kernel writes, and that crash the next one.
        odd: Nodes that no kernel writes, and that the next one reads all the same.
        absent: Addresses of nodes that the image does not hold.
        places: The pages that the tracker can describe, in walking order: address → two numbers of
            its own. In a radix tree the level, 0 for a bitmap, and the key bits above it.
        empty: How many nodes mark nothing.
        listed: False where this tree cannot be listed (kho-v2 with 16 KiB pages).
    """

    preserved: Preserved
    nodes: list[int]
    damaged: list[Defect]
    absent: list[int]
    listed: bool = True
    empty: int = 0
    odd: list[Defect] = field(default_factory=list)
    places: dict[int, tuple[int, int]] = field(default_factory=dict)
    looks: list[tuple[int, int]] = field(default_factory=list)

    @property
    def intact(self) -> bool:
        """Whether all of it was read and makes sense."""
        return not self.damaged and not self.odd and not self.absent

    @property
    def enough(self) -> bool:
        """Whether going on would tell nothing more."""
        return (
            len(self.damaged) >= MAX_DEFECTS
            or len(self.absent) >= MAX_ABSENT
            or self.empty > MAX_EMPTY
        )

    def check(self, memory: Memory, start: int) -> None:
        """Raise InputError where too many nodes are empty, unless it crashes the next kernel."""
        if self.empty > MAX_EMPTY and not self.damaged:
            raise InputError(
                f"{memory.name}: more than {MAX_EMPTY} nodes of the tracker at 0x{start:x} mark "
                "nothing: no kernel made it"
            )

    def note_odd(self, message: str, node: int) -> None:
        """Add what no kernel writes; damage is sampled, not collected without end."""
        if len(self.odd) < MAX_DEFECTS:
            self.odd.append(Defect(message, node))
