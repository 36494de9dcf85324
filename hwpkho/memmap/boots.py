"""Sorts the tables of a log into boots."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base.ranges import holding, union
from hwpkho.codes import problem
from hwpkho.codes.memmap import RUNTIME_ONLY, SAME_TABLE
from hwpkho.logs.boot_marks import Mark
from hwpkho.memmap import efi, extended, names

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hwpkho.codes import Problem
    from hwpkho.memmap.table import Table


def is_listing(table: Table) -> bool:
    """Tell whether a table was printed on request, by firmware, a boot loader or from a file."""
    return table.printed_by is None


def equal(left: Table, right: Table) -> bool:
    """Tell whether two tables of one name are equal; in listings the order does not matter."""
    if left.name != right.name or len(left.entries) != len(right.entries):
        return False
    if left.entries is right.entries or left.entries == right.entries:
        return True
    return is_listing(left) and is_listing(right) and _in_order(left) == _in_order(right)


def _in_order(table: Table) -> list[tuple[int, int, str, str]]:
    return sorted((e.start, e.end, e.type, repr(e.attributes)) for e in table.entries)


class Boot:
    """The tables of one boot.

    Attributes:
        maps: By name.
        line: Log line of the first map, from 1; None where the input is not a log.
        arch: The architecture that its lines name, None for none.
        problems: About the boot, not about one of its maps.
        number: Its place among the boots of its log that have a map, from 0.
    """

    def __init__(self, arch: str | None = None) -> None:
        self.maps: dict[str, Table] = {}
        self.line: int | None = None
        self.arch = arch
        self.problems: list[Problem] = []
        self.number = 0

    def primary(self) -> Table:
        """Return the map that describes the machine best."""
        return min(self.maps.values(), key=lambda m: names.rank(m.name))


class _Splitter:
    def __init__(self) -> None:
        self.boots: list[Boot] = []
        self._now = Boot()
        self._marked = False
        self._linux = False  # whether this boot has a table that its Linux printed, or after it

    def mark(self, mark: Mark) -> None:
        if not mark.starts:
            self._now.arch = self._now.arch or mark.arch
            return
        if self._linux:
            self._next()
        self._marked = True
        self._now.arch = mark.arch or self._now.arch

    def table(self, table: Table) -> None:
        if table.arch and self._now.arch not in (None, table.arch):
            self._next()  # only a kernel of its own architecture prints it
        if table.name == "efi":
            self._place_efi(table)
        if names.of(table.name).replaces and table.name in self._now.maps:
            self._now.maps[table.name] = table  # U-Boot reserves more as it runs
            return
        if table.name in self._now.maps and not self._fold(table):
            arch = self._now.arch
            self._next()
            self._now.arch = arch
        if table.name in self._now.maps:
            return
        now = self._now
        now.maps[table.name] = table
        now.arch = table.arch if table.arch and not now.arch else now.arch
        now.line = now.line or table.line
        self._linux = self._linux or self._marked or table.printed_by == "Linux"

    def _place_efi(self, table: Table) -> None:
        """Rename x86's second EFI list, and the list that U-Boot printed before Linux started."""
        first = self._now.maps.get("efi")
        if first is None:
            return
        if first.form != table.form:
            if first.form == "uboot":
                first.name = "uboot_efi"
                self._now.maps["uboot_efi"] = self._now.maps.pop("efi")
        elif (
            not is_listing(table)
            and "efi_print_2" not in self._now.maps
            and _same_machine(first, table)
        ):
            table.name = "efi_print_2"

    def _fold(self, table: Table) -> bool:
        """Tell whether a second table of one name only repeats the first; note it if it does."""
        first = self._now.maps[table.name]
        if (names.of(table.name).once and not is_listing(table)) or not equal(first, table):
            return False
        self._now.problems.append(
            problem(
                SAME_TABLE,
                f"line {table.line}: {table.name} repeats the table at line {first.line}",
            )
        )
        return True

    def _next(self) -> None:
        if self._now.maps:
            self.boots.append(self._now)
        self._now = Boot()
        self._linux = self._marked = False

    def finish(self) -> list[Boot]:
        self._next()
        for boot in self.boots:
            _set_runtime_apart(boot)
            extended.compare(boot.maps)
        return self.boots


def _same_machine(first: Table, second: Table) -> bool:
    """Tell whether ``second`` may be x86's print after SetVirtualAddressMap of ``first``.

    It has merged some of the first's ranges and left others out, but invents none.
    """
    described = union((e.start, e.end + 1) for e in first.entries)
    for entry in second.entries:
        there = holding(described, entry.start)
        if there is None or entry.end >= there[1]:
            return False
    return first.entries != second.entries


def _set_runtime_apart(boot: Boot) -> None:
    """Rename an EFI list with runtime regions only, beside an e820 map: this boot was a kexec.

    Source: drivers/firmware/efi/runtime-map.c, arch/x86/kernel/kexec-bzimage64.c: kexec hands over
    the runtime regions and nothing else.
    """
    table = boot.maps.get("efi")
    if table is None or "e820_firmware" not in boot.maps or "efi_runtime" in boot.maps:
        return
    for entry in table.entries:
        attr = entry.attributes.get("attr")
        if not isinstance(attr, int) or not attr & efi.RUNTIME:
            return
    del boot.maps["efi"]
    table.name = "efi_runtime"
    boot.maps["efi_runtime"] = table
    n = len(table.entries)
    ranges = "the one EFI range is" if n == 1 else f"all {n} EFI ranges are"
    table.problems.append(problem(RUNTIME_ONLY, f"line {table.line}: {ranges} runtime"))


def split(tables: Iterable[Table], marks: Iterable[Mark]) -> list[Boot]:
    """Return the boots of a log, oldest first; those without a map do not count.

    A boot ends where the next kernel starts, or where a table begins that this boot has already.
    Xen and the Linux above it are one boot.
    """
    splitter = _Splitter()
    events: list[tuple[int, int, Table | Mark]] = [(m.line, 0, m) for m in marks]
    events += [(t.line or 0, 1, t) for t in tables]
    for _, _, event in sorted(events, key=lambda e: e[:2]):
        if isinstance(event, Mark):
            splitter.mark(event)
        else:
            splitter.table(event)
    return splitter.finish()
