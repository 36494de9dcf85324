"""EFI tables of poisoned memory in the reports of diff, encode and merge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base.addresses import human_bytes
from hwpkho.base.counting import counted

if TYPE_CHECKING:
    from hwpkho.abi.efi_poisoned import Header
    from hwpkho.commands.writing import WrittenTable
    from hwpkho.efi.model import PoisonTable


def read(table: PoisonTable | None) -> dict[str, object] | None:
    """Return the JSON fields of a table that was read as a list; None for None."""
    if table is None:
        return None
    return _fields(table.layout, table.phys, table.header, table.units())


def written(made: WrittenTable | None) -> dict[str, object] | None:
    """Return the JSON fields of a table that was written; None for None."""
    if made is None:
        return None
    return _fields(made.plan.layout, made.plan.phys, made.plan.header, made.units)


def _fields(
    layout: str | None, phys: int | None, header: Header | None, units: int | None
) -> dict[str, object]:
    return {
        "layout": layout,
        "phys": phys,
        "unit_size": header.unit_size if header else None,
        "phys_base": header.phys_base if header else None,
        "size": header.size if header else None,
        "units": units,
    }


def described(made: WrittenTable) -> str:
    """Return layout, units and size of a table that was written, for people."""
    header, n = made.plan.header, made.units
    if header is None:
        return f"layout {made.plan.layout}, {counted(n, 'entry')}"
    units = f"{counted(n, 'unit')} of {human_bytes(header.unit_size)}"
    return (
        f"layout {made.plan.layout}, {units} set, of {header.units} from 0x{header.phys_base:x} on "
        f"({counted(header.size, 'byte')})"
    )
