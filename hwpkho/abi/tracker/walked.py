"""What a walk over a preserved-memory tracker finds, and the limits of every walk."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from hwpkho.errors import InputError

if TYPE_CHECKING:
    from hwpkho.abi.tracker.preserved import Preserved

#: The most defects of each kind that are collected.
MAX_DEFECTS = 64
#: The most absent pages of a tracker after which a walk goes on.
MAX_ABSENT = 1 << 16
#: The most nodes without any mark. A kernel does not free a node when it unmarks its last block,
#: and each is for 128 MiB or more, so that is 8 TiB. In a hole of an image every page is one.
MAX_EMPTY = 1 << 16


class Memory(Protocol):
    """The memory that a tracker is read from.

    Attributes:
        name: Its name for messages.
        arch: A name of ``ARCHES``, None where it is not known.
    """

    name: str
    arch: str | None

    def look(self, phys: int, size: int) -> memoryview | None:
        """Return ``size`` bytes at physical address ``phys``, None if any of them is absent."""


class Defect(NamedTuple):
    """One thing wrong with a tracker: a message and the physical address concerned."""

    message: str
    phys: int


class TrackerWalk(NamedTuple):
    """What a walk found.

    Attributes:
        preserved: The marked blocks, as far as the walk got.
        nodes: Physical addresses of the tracker's own pages that were read, in walking order.
        looks: ``(phys, size)`` in bytes of what :meth:`Memory.look` returned for them.
        damaged: What no kernel writes and what crashes the next kernel.
        odd: What no kernel writes but the next kernel reads without crashing.
        absent: Physical addresses of nodes that the image lacks.
        places: The pages that :meth:`Tracker.spans` can describe, in walking order: address → two
            numbers for it. In a radix tree these are the level, 0 for a bitmap, and the bits of its
            keys above the node's own index bits.
        empty: Physical addresses of nodes that mark nothing.
        listed: False where the blocks cannot be listed (kho-v2 with 16 KiB pages).
    """

    preserved: Preserved
    nodes: list[int]
    damaged: list[Defect]
    absent: list[int]
    empty: list[int]
    odd: list[Defect]
    places: dict[int, tuple[int, int]]
    looks: list[tuple[int, int]]
    listed: bool = True

    @classmethod
    def begin(cls, preserved: Preserved, *, listed: bool = True) -> TrackerWalk:
        """Return a walk that has found nothing yet."""
        return cls(preserved, [], [], [], [], [], {}, [], listed)

    @property
    def intact(self) -> bool:
        """Whether all of the tracker was read and a kernel may have written it."""
        return not self.damaged and not self.odd and not self.absent

    @property
    def enough(self) -> bool:
        """Whether a limit is reached at which the walk ends."""
        return (
            len(self.damaged) >= MAX_DEFECTS
            or len(self.absent) >= MAX_ABSENT
            or len(self.empty) > MAX_EMPTY
        )

    def check(self, memory: Memory, start: int) -> None:
        """Raise InputError where too many nodes are empty, unless ``damaged`` already decides.

        ``start`` is the tracker's physical address, for the message.
        """
        if len(self.empty) > MAX_EMPTY and not self.damaged:
            raise InputError(
                f"{memory.name}: more than {MAX_EMPTY} nodes of the tracker at 0x{start:x} mark "
                "nothing: no kernel made it"
            )

    def note_odd(self, message: str, node: int) -> None:
        """Add to :attr:`odd`, up to ``MAX_DEFECTS``; ``node`` is a physical address."""
        if len(self.odd) < MAX_DEFECTS:
            self.odd.append(Defect(message, node))
