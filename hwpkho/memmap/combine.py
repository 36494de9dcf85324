"""Combines and compares the maps of several files of one machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hwpkho.base import arch as arches
from hwpkho.base.addresses import human_bytes
from hwpkho.base.ranges import difference, intersection, union
from hwpkho.codes import problem
from hwpkho.codes.memmap import FILES_DISAGREE, SAME_TABLE
from hwpkho.codes.memmap_gaps import GAP_FILLED
from hwpkho.errors import InputError
from hwpkho.memmap import boots, gaps, names
from hwpkho.memmap.view.ownership import kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hwpkho.base.ranges import Range
    from hwpkho.codes import Problem
    from hwpkho.memmap.boots import Boot
    from hwpkho.memmap.table import Table

#: Smaller differences are ignored, bytes.
_PAGE = 4096


def combine(parts: Sequence[tuple[str, Boot]]) -> tuple[list[Table], list[Problem]]:
    """Return all maps of ``(shown name, boot)`` parts, and where the files disagree.

    A map that two files share is taken once; where one copy has lost lines, the other is taken.
    Raises InputError where two files have different maps of one name: they are not of one machine
    and one boot.
    """
    maps: dict[str, tuple[str, Table]] = {}
    problems: list[Problem] = []
    for shown, boot in parts:
        for name, table in boot.maps.items():
            other = maps.get(name)
            if other is None:
                maps[name] = (shown, table)
            elif bool(other[1].gaps) == bool(table.gaps) and boots.equal(other[1], table):
                problems.append(
                    problem(SAME_TABLE, f"{shown}: the {name} map equals that of {other[0]}")
                )
            elif gaps.agree(other[1], table):
                whole, lost = ((shown, table), other) if other[1].gaps else (other, (shown, table))
                maps[name] = whole
                message = f"{lost[0]}: lines of {name} are lost; the map of {whole[0]} has them"
                problems.append(problem(GAP_FILLED, message))
                problems += [gap.problem for gap in lost[1].gaps]
            else:
                raise InputError(
                    f"{shown}: its {name} map differs from that of {other[0]}: they are not of one "
                    "machine and one boot"
                )
    compared: dict[str, _Best] = {}  # one of each name: the others are equal to it
    for shown, boot in parts:
        best = _comparable(boot)
        if best is not None and best.name not in compared:
            whole = maps[best.name] if best.gaps else (shown, best)
            new = _Best(*whole, boot.arch)
            for earlier in compared.values():
                problems += _compare(earlier, new)
            compared[best.name] = new
    return [table for _, table in maps.values()], problems


class _Best(NamedTuple):
    """The best map of a file: the file's name, printable, the map, and its architecture."""

    shown: str
    table: Table
    arch: str | None


def _compare(a: _Best, b: _Best) -> list[Problem]:
    """Return where the best maps of two files disagree about RAM."""
    arch = a.arch or b.arch or arches.DEFAULT
    found: list[Problem] = []
    for (shown, one, _), (other_shown, other, _) in ((a, b), (b, a)):
        shared = intersection(_ranges(one, arch, ram=True), _ranges(other, arch, ram=False))
        wrong = [(start, end) for start, end in shared if end - start >= _PAGE]
        if wrong:
            start, end = wrong[0]
            size = human_bytes(sum(b - a for a, b in wrong))
            found.append(
                problem(
                    FILES_DISAGREE,
                    f"{size} is RAM in {one.name} of {shown}, but not in {other.name} of "
                    f"{other_shown}, first 0x{start:x}-0x{end - 1:x}",
                    start,
                )
            )
    return found


def _comparable(boot: Boot) -> Table | None:
    """Return the best map of the machine itself, not one that a command line has changed."""
    rows = ((names.of(t.name), t) for t in boot.maps.values())
    tables = [t for row, t in rows if not row.no_ram and row.stage != "cmdline"]
    return min(tables, key=lambda t: names.rank(t.name), default=None)


def _ranges(table: Table, arch: str, *, ram: bool) -> list[Range]:
    """Return the ranges that a map calls RAM, or all others.

    Of /proc/iomem only the outermost resources are looked at: kernel image and reservations are
    within RAM. Low memory is left out: kernels change it from one table to the next.
    """
    row = arches.known(arch)
    low = row.low_end if row else 0
    ranges = []
    for entry in table.entries:
        is_ram = kind(table.name, entry.type, entry.attributes, arch) == "ram"
        if is_ram == ram and (is_ram or not entry.attributes.get("depth")):
            ranges.append((max(entry.start, low), entry.end + 1))
    inside = (
        _ranges(table, arch, ram=True)
        if not ram and names.of(table.name).entries == "resources"
        else []
    )
    return list(difference(union(ranges), inside))
