"""What the tests of several commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hwpkho.badpages.formats.text import build as build_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def lists(tmp_path: Path) -> Callable[..., list[str]]:
    """Return a function that writes lists and gives their paths."""

    def write(*contents: list[int]) -> list[str]:
        paths = []
        for number, pfns in enumerate(contents):
            path = tmp_path / f"list{number}.txt"
            path.write_text(build_text(pfns) or "# empty\n")
            paths.append(str(path))
        return paths

    return write
