"""Lines of a file, from its end on."""

from __future__ import annotations

import pytest

from hwpkho.badpages import lines
from hwpkho.images.files import HeldBytes


@pytest.mark.parametrize("size", [1, 7, 1 << 16])
def test_lines_from_the_end_on(size, monkeypatch) -> None:
    monkeypatch.setattr(lines, "_PIECE", size)
    data = b"one\n\ntwo\nthree\n"
    with HeldBytes("x", memoryview(data)) as file:
        assert b"".join(lines.last_lines_first(file)) == b"three\ntwo\n\none\n"
