"""/sys/firmware/memmap, and /sys/firmware/efi/runtime-map which looks alike, as a folder.

Source: drivers/firmware/memmap.c (one directory per e820 entry: start, end inclusive, type as
e820_type_to_string() names it); drivers/firmware/efi/runtime-map.c (type, phys_addr, virt_addr,
num_pages, attribute). The number of a directory is the place of its entry in the table; the
order in which they are listed means nothing.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from hwpkho.base import opening, places
from hwpkho.base.addresses import PHYS_END
from hwpkho.base.escape import printable, quoted
from hwpkho.base.late import late
from hwpkho.codes import problem
from hwpkho.codes.memmap_forms import INCOMPLETE
from hwpkho.codes.memmap_view import MAP_PARTIAL, TYPE_UNKNOWN
from hwpkho.errors import InputError
from hwpkho.memmap import efi, gaps, listings, numbered_entries
from hwpkho.memmap.formats.base import FileForm
from hwpkho.memmap.model import Entry
from hwpkho.memmap.table import Table
from hwpkho.memmap.tables import MAX_PROBLEMS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path


#: What the kernel prints → type. Kernels before 4.11 write "reserved"; before 7.0 every other
#: type number is "Reserved", since then "Unknown E820 type".
TYPES = {
    "System RAM": "usable",
    "Reserved": "reserved",
    "reserved": "reserved",
    "ACPI Tables": "acpi_data",
    "ACPI Non-volatile Storage": "acpi_nvs",
    "Unusable memory": "unusable",
    "Persistent Memory": "pmem",
    "Persistent Memory (legacy)": "pram",
    "Soft Reserved": "soft_reserved",
    "Unknown E820 type": "unknown",
}

E820_FIELDS = frozenset(("start", "end", "type"))
EFI_FIELDS = frozenset(("type", "phys_addr", "virt_addr", "num_pages", "attribute"))
FIELDS = E820_FIELDS | EFI_FIELDS
#: The fields that only these folders have; a number with a type may be something else.
STARTS = frozenset(("start", "phys_addr"))

#: The last parts of a path to a value: number and field.
TAIL = late(r"(?:^|/)([0-9]{1,6})/(" + "|".join(sorted(FIELDS)) + r")$")

#: More entries than the kernel keeps; values are one line of sysfs.
MAX_ENTRIES = 65536
MAX_VALUE = 4096

#: Where a map may stand below the folder that was given.
_BELOW = (
    "memmap", "firmware/memmap", "sys/firmware/memmap",
    "efi/runtime-map", "firmware/efi/runtime-map", "sys/firmware/efi/runtime-map", "runtime-map",
)  # fmt: skip

_HEX = re.compile(r"0[xX][0-9a-fA-F]{1,16}")


class Values:
    """Collects the values of one or more such trees, in any order."""

    def __init__(self, shown: str) -> None:
        """Take the input's name, printable."""
        self.shown = shown
        self._trees: dict[str, dict[int, dict[str, str]]] = {}
        self._count = 0

    def __bool__(self) -> bool:
        return bool(self._trees)

    def add(self, folder: str, number: int, field: str, value: str, where: str) -> None:
        """Take one value; ``where`` names its place in the input for messages.

        Raises InputError where it was given before with another value.
        """
        value = value.strip("\0 \t\r\n")  # tar pads what sysfs announced as 4096 bytes
        tree = self._trees.setdefault(folder.rstrip("/"), {})
        if number not in tree:
            self._count += 1
            if self._count > MAX_ENTRIES:
                raise InputError(
                    f"{self.shown}: more than {MAX_ENTRIES} entries, too many for a memory map"
                )
        if tree.setdefault(number, {}).setdefault(field, value) != value:
            raise InputError(f"{self.shown}: {where}: given twice, with different values")

    def maps(self) -> list[Table]:
        """Return the maps: ``sysfs_memmap`` and, after it, ``efi_runtime``.

        Raises InputError where two trees of a kind differ. An entry with a missing or damaged value
        counts as a lost line, and so does a missing number.
        """
        found: dict[str, tuple[str, Table]] = {}
        for folder, tree in sorted(self._trees.items()):
            for map_ in self._read(folder, tree):
                before = found.setdefault(map_.name, (folder, map_))
                if before[1].entries != map_.entries:
                    raise InputError(
                        f"{self.shown}: two different maps: below {printable(before[0] or '.')} "
                        f"and {printable(folder or '.')}: give one machine's"
                    )
        maps = [found[name][1] for name in ("sysfs_memmap", "efi_runtime") if name in found]
        listings.lose_overlaps(maps, ("sysfs_memmap",))
        return maps

    def _read(self, folder: str, tree: dict[int, dict[str, str]]) -> Iterator[Table]:
        firmware = {n for n, values in tree.items() if "start" in values or "end" in values}
        runtime = {n for n, v in tree.items() if not EFI_FIELDS.isdisjoint(v.keys() - {"type"})}
        if firmware & runtime:
            number = min(firmware & runtime)
            raise InputError(f"{self.shown}: {self._at(folder, number)}: two kinds of entries")
        if firmware:
            yield self._firmware(folder, {n: tree[n] for n in sorted(firmware)})
        if runtime:
            yield self._runtime(folder, {n: tree[n] for n in sorted(runtime)})

    @staticmethod
    def _at(folder: str, number: int) -> str:
        return f"{printable(folder)}/{number}" if folder else str(number)

    def _firmware(self, folder: str, tree: Mapping[int, Mapping[str, str]]) -> Table:
        table = Table("sysfs_memmap", [], arch="x86_64")
        there: list[int] = []
        for number, values in tree.items():
            at = self._at(folder, number)
            start, end = _number(values, "start"), _number(values, "end")
            text = values.get("type")
            if start is None or end is None or text is None or end < start:
                _incomplete(table, at, values, E820_FIELDS, start, end)
                continue
            attributes: dict[str, object] = {}
            if text not in TYPES:
                attributes["name"] = printable(text[:80])
                message = f"{at}: type {attributes['name'] or 'of no name'} is not known"
                if len(table.problems) < MAX_PROBLEMS:
                    table.problems.append(problem(TYPE_UNKNOWN, message, start))
            table.entries.append(Entry(start, end, TYPES.get(text, "unknown"), attributes))
            there.append(number)
        numbered_entries.lose_missing(table, there, partial(self._at, folder), unreadable=set(tree))
        return table

    def _runtime(self, folder: str, tree: Mapping[int, Mapping[str, str]]) -> Table:
        message = "runtime-map lists only what the firmware needs at run time, not the RAM"
        table = Table("efi_runtime", [], problems=[problem(MAP_PARTIAL, message)])
        there: list[int] = []
        for number, values in tree.items():
            start, pages = _number(values, "phys_addr"), _number(values, "num_pages")
            type_, attr = _number(values, "type"), _number(values, "attribute")
            end = None if start is None or not pages else start + pages * efi.PAGE - 1
            if start is None or end is None or type_ is None or attr is None or end >= PHYS_END:
                at = self._at(folder, number)
                _incomplete(table, at, values, EFI_FIELDS - {"virt_addr"}, start, end)
                continue
            table.entries.append(Entry(start, end, efi.type_name(type_), {"attr": attr}))
            there.append(number)
        numbered_entries.lose_missing(table, there, partial(self._at, folder), unreadable=set(tree))
        return table


def _bits(field: str) -> int:
    """Return how many bits the number in a file of this name has."""
    return 32 if field == "type" else 64


def _number(values: Mapping[str, str], field: str) -> int | None:
    """Return a value, None if it is missing, not a number, or has too many bits."""
    text = values.get(field, "")
    number = int(text, 16) if _HEX.fullmatch(text) else None
    return number if number is not None and not number >> _bits(field) else None


def _incomplete(
    table: Table,
    at: str,
    values: Mapping[str, str],
    fields: Iterable[str],
    start: int | None,
    end: int | None,
) -> None:
    """Record an entry with a missing or damaged value, behind the sound ones."""
    missing = sorted(field for field in fields if field not in values)
    if missing:
        what = f": no {', no '.join(missing)}"
    elif start is not None and end is not None and end < start:
        what = f": end 0x{end:x} is before 0x{start:x}"
    else:
        damaged = next(
            (f for f in sorted(fields) if f in values and _number(values, f) is None), "range"
        )
        found = values.get(damaged, "")
        shown = quoted(found) if found else "an empty value"
        what = f"/{damaged}: {shown} is not a hexadecimal number of up to {_bits(damaged)} bits"
        if damaged == "range":
            what = ": not a range of memory"
    ends = [x for x in (start, end) if x is not None and x < PHYS_END]
    named = (min(ends), max(ends)) if ends else None
    gaps.lose(table, INCOMPLETE, f"{at}{what}: the copy is not complete", named=named)


def split_path(path: str) -> tuple[str, int, str] | None:
    """Return folder, number and field of a path to a value; None for any other path."""
    match = TAIL.search(path)
    if match is None:
        return None
    return path[: match.start()], int(match[1]), match[2]


class SysfsMemmap(FileForm):
    """A folder copied from /sys/firmware/memmap, or that folder itself."""

    name = "sysfs-memmap"
    about = "/sys/firmware/memmap as a folder (root only, x86 only); cp -r copies it"

    def sniff(self, path: Path, _head: bytes) -> bool:
        """See :meth:`FileForm.sniff`."""
        return places.within(path) is None and is_copy(path)

    def read(self, path: Path, _data: memoryview) -> Sequence[Table]:
        """See :meth:`FileForm.read`."""
        shown = printable(str(path))
        values = Values(shown)
        for folder in folders_of(path):
            inside = "" if folder == path else str(folder.relative_to(path))
            for number, field, file in _files(folder):
                text = _content(file, shown)
                values.add(inside, number, field, text, f"{printable(file.name)}")
        return values.maps()


def is_copy(path: Path) -> bool:
    """Tell whether a folder, also one inside an archive, is such a copy."""
    try:
        return places.is_folder(path) and any(True for _ in folders_of(path))
    except InputError:
        return False


def folders_of(path: Path) -> Iterator[Path]:
    """Yield the folder itself and those below it that hold numbered entries of its copy."""
    for folder in (path, *(path / name for name in _BELOW)):
        if places.is_folder(folder) and any(True for _ in _files(folder)):
            yield folder


def _files(folder: Path) -> Iterator[tuple[int, str, Path]]:
    for entry in places.inside(folder):
        if entry.name.isascii() and entry.name.isdigit() and len(entry.name) <= 6:
            for field in sorted(FIELDS):
                file = entry / field
                if places.exists(file):
                    yield int(entry.name), field, file


def _content(file: Path, shown: str) -> str:
    data = opening.small(str(file), MAX_VALUE)
    if len(data) > MAX_VALUE:
        raise InputError(f"{shown}: {printable(str(file))}: more than {MAX_VALUE} bytes")
    return data.decode("latin-1")
