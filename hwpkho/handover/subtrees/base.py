"""What a reader of a subtree is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hwpkho.abi.spans import Span
    from hwpkho.handover.owners import Owner
    from hwpkho.handover.problems import Report
    from hwpkho.handover.reach import Reach
    from hwpkho.images.base import Source


class SubtreeReader(ABC):
    """Reads the blob of one subtree, and what it points to.

    Attributes:
        name: The node's name, without a unit address.
        kind: What documents call it.
        size: Bytes of its blob where every kernel writes as many, else None.
        freed: Bytes of its blob where the kernel frees it at boot, else None.
        dangles: Whether its blob is of no use, and does harm, without what it points to.
    """

    name: ClassVar[str]
    kind: ClassVar[str]
    size: ClassVar[int | None] = None
    freed: ClassVar[int | None] = None
    dangles: ClassVar[bool] = False

    @abstractmethod
    def read(
        self, raw: bytes, source: Source, page_size: int | None, report: Report
    ) -> Mapping[str, Any]:
        """Return what the blob says, ready for JSON, its text printable; empty for nothing.

        ``raw`` is the blob as far as it is there. What it points to is read from ``source``;
        ``page_size`` (bytes) is None where only copies were given. What is wrong goes to
        ``report``. Raises InputError or ValueError for an invalid blob.
        """

    def follow(self, _raw: bytes, _phys: int | None, _reach: Reach) -> Owner | None:
        """Return what the subtree leads to, None where it is its blob and no more.

        ``phys`` is the blob's address, None where only a copy of it was given.
        """
        return None

    def spans(self, _raw: bytes) -> Sequence[Span] | None:
        """Return what the bytes of the blob mean; None where that is not known.

        An FDT is annotated without this. Raises InputError or ValueError for an invalid blob.
        """
        return None

    def shown(self, _details: Mapping[str, Any]) -> str:
        """Return a few words of what :meth:`read` returned, for people; empty for none."""
        return ""

    def released(self, _raw: bytes) -> bool:
        """Tell whether bytes that stand where the blob was are something else: it was freed."""
        return False

    def newer(self, _copied: bytes, _there: bytes) -> str | None:
        """Say why memory may hold other bytes than a copy made before; None where it may not."""
        return None
