"""Page and frame arithmetic."""

from __future__ import annotations

import pytest

from hwpkho.base.addresses import human_bytes


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"), (353, "353 B"), (16 << 20, "16 MiB"), (3 << 39, "1.5 TiB"), (1 << 50, "1 PiB"),
        (1 << 52, "4 PiB"), (1 << 60, "1 EiB"), ((1 << 64) - 1, "16 EiB"), (1 << 70, "1024 EiB"),
    ],
)  # fmt: skip
def test_sizes_for_people(size: int, text: str) -> None:
    assert human_bytes(size) == text
