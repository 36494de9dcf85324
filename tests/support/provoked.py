"""The cases that provoke the codes of problems and findings, for one command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support import provoking, provoking_decode

if TYPE_CHECKING:
    from pathlib import Path

#: The codes that a single case can provoke, in ascending order.
CODES = sorted({*provoking.CASES, *provoking_decode.CASES})


def arguments(code: str, folder: Path) -> list[object]:
    """Return what validate is called with for the case of a code, which is made in ``folder``."""
    if code in provoking.CASES:
        return provoking.CASES[code](folder)
    specs, told = provoking_decode.CASES[code](folder)
    scratch = told.kho_scratch
    options = {
        "--root-fdt": told.root_fdt,
        "--page-size": told.page_size,
        "--arch": told.arch,
        "--kho-scratch": scratch if scratch in (None, "none") else f"{scratch[0]}:{scratch[1]}",
    }
    return [*specs, *(x for k, v in options.items() if v is not None for x in (k, v))]
