"""kexec-metadata: the subtree in which a kernel tells the next one its release and kexec count.

Source: include/linux/kho/abi/kexec_handover.h (struct kho_kexec_metadata).
"""

from __future__ import annotations

from typing import NamedTuple

from hwpkho.base.counting import counted

KEXEC_METADATA_SIZE = 73
KEXEC_METADATA_VERSION = 1


class KexecMetadata(NamedTuple):
    """``struct kho_kexec_metadata``.

    Attributes:
        previous_release: Release of the kernel that handed over.
        kexec_count: How many kexecs there have been since the cold boot.
    """

    previous_release: str
    kexec_count: int

    @classmethod
    def parse(cls, raw: bytes | memoryview) -> KexecMetadata:
        """Read it from at least 73 bytes.

        Raises ValueError for fewer, another version, or a release without a NUL.
        """
        from hwpkho.abi import headers

        if len(raw) < KEXEC_METADATA_SIZE:
            raise ValueError(
                f"{counted(len(raw), 'byte')}, the structure has {KEXEC_METADATA_SIZE}"
            )
        h = headers.parse(headers.KEXEC_METADATA, raw[:KEXEC_METADATA_SIZE])
        if h.version != KEXEC_METADATA_VERSION:
            raise ValueError(f"version {h.version}, known is {KEXEC_METADATA_VERSION}")
        release, end, _ = h.release.partition(b"\0")
        if not end:
            raise ValueError("the release has no end")
        return cls(release.decode("ascii", "backslashreplace"), h.kexec_count)

    def build(self) -> bytes:
        """Return the 73 bytes.

        Raises ValueError for a release that is not ASCII, has a NUL or over 64 bytes.
        """
        from hwpkho.abi import headers

        if not self.previous_release.isascii():
            raise ValueError("a kernel release is ASCII")
        release = self.previous_release.encode("ascii")
        if b"\0" in release:
            raise ValueError("a kernel release has no NUL")
        if len(release) > 64:
            raise ValueError("a kernel release has at most 64 characters")
        return headers.build(
            headers.KEXEC_METADATA,
            version=KEXEC_METADATA_VERSION,
            release=release.ljust(65, b"\0"),
            kexec_count=self.kexec_count,
        )
