"""What tests of memory maps share: files to write maps into."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hwpkho.memmap import read_memmap

if TYPE_CHECKING:
    from pathlib import Path

    from hwpkho.memmap.model import MemoryMap
    from tests.support.mapfiles import Reader


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    """Write texts to files and read the map of them all."""

    def read(*texts: str) -> MemoryMap:
        paths = []
        for number, text in enumerate(texts):
            path = tmp_path / f"input{number}"
            path.write_text(text)
            paths.append(str(path))
        return read_memmap(paths)

    return read
