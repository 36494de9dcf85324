"""What a walk over a preserved-memory tracker found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from hwpkho.handover.preserved import Preserved


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
        places: Of a radix tree: node → (level, key bits above it); level 0 is a bitmap.
        listed: False where this tree cannot be listed (kho-v2 with 16 KiB pages).
    """

    preserved: Preserved
    nodes: list[int]
    damaged: list[Defect]
    absent: list[int]
    listed: bool = True
    odd: list[Defect] = field(default_factory=list)
    places: dict[int, tuple[int, int]] = field(default_factory=dict)
    looks: list[tuple[int, int]] = field(default_factory=list)

    @property
    def intact(self) -> bool:
        """Whether all of it was read and makes sense."""
        return not self.damaged and not self.odd and not self.absent
