"""Segments of memory, each a file of its own."""

from __future__ import annotations

import gzip

from hwpkho.images.raw import open_segments


def test_segments_of_memory_are_never_unpacked(tmp_path) -> None:
    """A page of an initrd begins as a gzip file does, and is memory all the same."""
    packed = gzip.compress(b"x" * 9000)
    (tmp_path / "0x1000.bin").write_bytes(packed + bytes(4096 - len(packed)))
    source = open_segments(tmp_path)
    assert bytes(source.read(0x1000, len(packed)) or b"") == packed
    source.close()
