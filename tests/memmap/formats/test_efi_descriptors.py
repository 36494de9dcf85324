"""Arrays of EFI descriptors that are cut off."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hwpkho.errors import InputError
from tests.support.mapdata import efi as efi_descriptors
from tests.support.mapfiles import read_text

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(("stride", "cut"), [(40, 8), (48, 8), (48, 40), (40, 32)])
def test_a_cut_off_array_is_no_single_long_descriptor(stride: int, cut: int, log: Path) -> None:
    """Fewer than 257 bytes divide by themselves."""
    array = efi_descriptors(*((7, i << 20, 0x10, 0xF) for i in range(256 // stride)), stride=stride)
    with pytest.raises(InputError, match="cut off or damaged"):
        read_text(log, array[: len(array) - stride + cut])
