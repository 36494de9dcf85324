"""handover.json: what boot loaders pass on."""

from __future__ import annotations

import json

import pytest

from hwpkho.abi.boot_json import BootJson, parse
from hwpkho.errors import InputError


@pytest.mark.parametrize(
    "said",
    [
        BootJson((1 << 30, 4096), (1 << 31, 32), 4096, "x86_64"),
        BootJson((1 << 30, 65536), (0, 0), 65536),
    ],
)
def test_handover_json_reads_back(said) -> None:
    assert parse(said.build(), "x") == said


@pytest.mark.parametrize(
    ("fdt", "scratch"),
    [
        ([4096, 4096, 0, 0], []), ([4096], [4096, 0, 0]), ([], [4096, 4096, 0, 0]),
        ([4096, 4096, 0], [0, 0]), (4096, [0, 0]), (None, [0, 0]), ([4096, True], [0, 0]),
    ],
)  # fmt: skip
def test_handover_json_has_two_pairs(fdt: object, scratch: object) -> None:
    """Four numbers are not enough: which is which would be guessed."""
    document = {"kho_fdt": fdt, "kho_scratch": scratch, "page_size": 4096}
    with pytest.raises(InputError, match=r"x: (expected kho_fdt|addresses and sizes)"):
        parse(json.dumps(document).encode(), "x")
