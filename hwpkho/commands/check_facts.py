"""check: what a machine's files show, and what could not be looked at."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.live.tree import Kho, Tree

if TYPE_CHECKING:
    from hwpkho.badpages.model import BadPages
    from hwpkho.inputs.case import Case
    from hwpkho.live.counters import NodeFailures
    from hwpkho.live.page_flags import PageFlags
    from hwpkho.memmap.view.regions import Regions


class Unseen(NamedTuple):
    """What could not be looked at.

    Attributes:
        why: The file and the reason, printable.
        open: What that leaves open.
        denied: Whether somebody with more rights would see it.
    """

    why: str
    open: str
    denied: bool = False

    def __str__(self) -> str:
        """Return the line for people."""
        return f"{self.why}; {self.open}"


@dataclass(slots=True)
class Facts:
    """What the files of one machine show.

    Attributes:
        tree: The files.
        page_size: Bytes, None where nothing tells it.
        arch: None where nothing tells it.
        flags: None where they cannot be read.
        flags_end: Where they end below the end of RAM: both addresses; None where they do not.
        corrupted: HardwareCorrupted, bytes; None where it cannot be read.
        nodes: Memory failures by node since boot.
        blocks: Which memory is of which node: its number, start and end (exclusive) in bytes.
        log: Bad pages that a copied kernel log names, None without one.
        kho: Whether there is a handover.
        case: The handovers and tables; None where there are none, or none can be read.
        regions: The machine's memory, None where no map can be read.
        map_path: The file that it was read from.
        map_boot: Which boot of it, ``last`` of a log.
        unseen: What could not be looked at.
        kho_unseen: The one of these that says that it is unknown whether there is a handover.
        notes: What was taken for granted, for people.
    """

    tree: Tree
    page_size: int | None = None
    arch: str | None = None
    flags: PageFlags | None = None
    flags_end: tuple[int, int] | None = None
    corrupted: int | None = None
    nodes: list[NodeFailures] = field(default_factory=list)
    blocks: list[tuple[int, int, int]] = field(default_factory=list)
    log: BadPages | None = None
    kho: Kho = field(default_factory=Kho)
    case: Case | None = None
    regions: Regions | None = None
    map_path: str | None = None
    map_boot: str | None = None
    unseen: list[Unseen] = field(default_factory=list)
    kho_unseen: Unseen | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def counted(self) -> int | None:
        """How many pages HardwareCorrupted counts, None where that is not known."""
        if self.corrupted is None or (self.page_size is None and self.corrupted):
            return None
        return self.corrupted // (self.page_size or 1)

    def miss(self, why: object, left_open: str, *, denied: bool = False) -> Unseen:
        """Note what could not be looked at and return it; ``why`` may be the error that says so."""
        cause = why.__cause__ if isinstance(why, BaseException) else None
        denied = denied or isinstance(why, PermissionError) or isinstance(cause, PermissionError)
        if denied and self.tree.in_container and not self.tree.copied:
            left_open += " (this is a container: look on its host)"
        unseen = Unseen(str(why), left_open, denied)
        self.unseen.append(unseen)
        return unseen
