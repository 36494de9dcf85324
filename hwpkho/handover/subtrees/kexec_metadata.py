"""The subtree kexec-metadata: the previous kernel's release, and the number of kexecs so far."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hwpkho.abi.kexec_metadata import (
    KEXEC_METADATA_SIZE,
    KEXEC_METADATA_VERSION,
    KexecMetadata,
)
from hwpkho.abi.kho import KEXEC_METADATA
from hwpkho.abi.spans import Span
from hwpkho.base.escape import printable
from hwpkho.handover.subtrees.base import SubtreeReader

if TYPE_CHECKING:
    from hwpkho.handover.problems import Report
    from hwpkho.images.base import Source


class KexecMetadataReader(SubtreeReader):
    """See the module."""

    name = KEXEC_METADATA
    kind = KEXEC_METADATA
    size = KEXEC_METADATA_SIZE

    def read(
        self, raw: bytes, _source: Source, _page_size: int | None, _report: Report
    ) -> dict[str, Any]:
        """Return the previous kernel's release and the kexec count."""
        metadata = KexecMetadata.parse(raw)
        return {
            "previous_release": printable(metadata.previous_release),
            "kexec_count": metadata.kexec_count,
        }

    def spans(self, raw: bytes) -> list[Span]:
        """Return its three fields."""
        metadata = KexecMetadata.parse(raw)
        return [
            Span(0, 4, f"version {KEXEC_METADATA_VERSION}"),
            Span(4, 65, f'previous_release "{printable(metadata.previous_release)}"'),
            Span(69, 4, f"kexec_count {metadata.kexec_count}"),
        ]


READER = KexecMetadataReader()
