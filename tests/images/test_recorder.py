"""Memory that is recorded as it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.images.recorder import Recorder

if TYPE_CHECKING:
    from pathlib import Path


def test_a_page_that_is_there_in_part_stays_so(tmp_path: Path) -> None:
    from hwpkho.images.overlay import PieceSource

    inner = PieceSource("pieces", [(0x1000, b"abcdefgh"), (0x3000, bytes(4096))])
    recorder = Recorder(inner)
    recorder.read(0x1000, 2)
    recorder.read(0x1004, 4)
    recorder.read(0x3FF8, 8)
    assert recorder.read(0x2000, 4) is None
    kept = [(phys, b"".join(parts)) for phys, parts in recorder.kept(4096, scrub=True)]
    assert kept == [(0x1000, b"ab"), (0x1004, b"efgh"), (0x3000, bytes(4096))]
