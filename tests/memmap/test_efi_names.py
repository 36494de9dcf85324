"""What EFI calls types and attributes of memory."""

from __future__ import annotations

from hwpkho.memmap import efi
from hwpkho.memmap.efi_names import attributes_of, type_of


def test_efi_words() -> None:
    assert type_of("MMIO Port Space") == "mmio_port"
    assert type_of("ldr-code ") == "loader_code"
    assert type_of("Unusual") is None
    assert attributes_of(["RUN", "  ", "", "uc"]) == efi.RUNTIME | efi.UC
    assert attributes_of(["UC", "WHAT"]) is None
    assert attributes_of([]) == 0
