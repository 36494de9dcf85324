"""The interface of a subtree's reader."""

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
        kind: Its name in JSON documents.
        size: Bytes of its blob if every kernel writes the same size, else None.
        freed: Bytes of its blob if the kernel frees it at boot, else None.
        dangles: Whether its blob does harm without the memory that it points to.
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
        """Return the blob's fields, ready for JSON, text printable; empty where there are none.

        ``raw`` is the blob, as much of it as was read. What it points to is read from ``source``;
        ``page_size`` (bytes) is None where only copies were given. Problems go to ``report``.
        Raises InputError or ValueError for an invalid blob.
        """

    def follow(self, _raw: bytes, _phys: int | None, _reach: Reach) -> Owner | None:
        """Return the preserved memory that the blob leads to, None where there is only the blob.

        ``phys`` is the blob's physical address, None where only a copy of it was given.
        """
        return None

    def spans(self, _raw: bytes) -> Sequence[Span] | None:
        """Return the parts of the blob, for ``decode --annotate``; None where they are not known.

        FDTs are annotated without it. Raises InputError or ValueError for an invalid blob.
        """
        return None

    def shown(self, _details: Mapping[str, Any]) -> str:
        """Return what :meth:`read` returned in a few words, for people; empty for none."""
        return ""

    def released(self, _raw: bytes) -> bool:
        """Tell whether the bytes at the blob's address are not the blob: its page was reused."""
        return False

    def newer(self, _copied: bytes, _there: bytes) -> str | None:
        """Return why memory may differ from an earlier copy of the blob; None where it may not."""
        return None
