"""Files of memory that change while they are read."""

from __future__ import annotations

import os

import pytest

from hwpkho.errors import ReadError
from hwpkho.images.files import FileBytes


def test_a_hole_at_the_end_that_goes_is_missed(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"data" * 2048)
    os.truncate(path, 1 << 30)
    with FileBytes(str(path)) as file:
        os.truncate(path, 4096)
        with pytest.raises(ReadError, match="4096 of 1073741824 bytes are left"):
            list(file.data_ranges())
