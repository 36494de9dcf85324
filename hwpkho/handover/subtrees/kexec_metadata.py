"""kexec-metadata: the release of the kernel before, and how often was kexec'd."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hwpkho.abi.kexec_metadata import KEXEC_METADATA_SIZE, KexecMetadata
from hwpkho.abi.kho import KEXEC_METADATA
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
        """Return both."""
        metadata = KexecMetadata.parse(raw)
        return {
            "previous_release": printable(metadata.previous_release),
            "kexec_count": metadata.kexec_count,
        }


READER = KexecMetadataReader()
