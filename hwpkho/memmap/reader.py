"""Reads memory maps: one input or several of one machine, whatever their form."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hwpkho.base import arch as arches
from hwpkho.base import garbage, opening, places, tar
from hwpkho.base.counting import counted
from hwpkho.base.escape import printable
from hwpkho.base.options import option
from hwpkho.base.reading import Input
from hwpkho.codes import problem
from hwpkho.codes.memmap import DAMAGED, NO_MAP_IN_LOG, SAME_BOOTS
from hwpkho.errors import InputError, UsageError
from hwpkho.logs import scanner
from hwpkho.logs.around import MAX_LINE
from hwpkho.logs.boot_marks import BootMarks
from hwpkho.logs.chosen_boot import chosen_boot
from hwpkho.logs.lost_messages import LostMessages
from hwpkho.logs.text import Ending, blocks
from hwpkho.memmap import boots, combine, extended, folders, gaps, mistakes, registry
from hwpkho.memmap import names as map_names
from hwpkho.memmap.model import Map, MemoryMap

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hwpkho.codes import Problem
    from hwpkho.memmap.boots import Boot
    from hwpkho.memmap.table import Table

#: Boots named in a message about several.
_NAMED_BOOTS = 8
#: Boots that may be copies of one map with different lines lost: each is compared line by line.
_DAMAGED_BOOTS = 64


class Reading:
    """One input as read: its boots, oldest first, and problems of the input itself.

    Attributes:
        shown: The input's name, printable.
        boots: At least one, each with at least one map; the first one is used.
        problems: Of the input itself.
    """

    def __init__(self, shown: str, boots: list[Boot], problems: list[Problem]) -> None:
        self.shown, self.boots, self.problems = shown, boots, problems
        for number, boot in enumerate(boots):
            boot.number = number

    @property
    def boot(self) -> Boot:
        """The boot that is used."""
        return self.boots[0]


@garbage.uncollected()
def read_memmap(
    paths: Sequence[str],
    *,
    boot: str | None = None,
    map_name: str | None = None,
    arch: str | None = None,
) -> MemoryMap:
    """Return the memory map of one machine, read from one or more inputs.

    Args:
        paths: Files or folders of any form; ``-`` is standard input.
        boot: Which boot of a log of several: a number from 0, or ``last``.
        map_name: Keep only the map of this name and make it primary.
        arch: A name of ``ARCHES``, for inputs that do not record it.

    Raises InputError where an input is not a memory map, or is damaged or ambiguous, and UsageError
    for a boot or map that does not exist.
    """
    if not paths:
        raise UsageError("no memory map given")
    if len(set(paths)) != len(paths):
        twice = next(p for i, p in enumerate(paths) if p in paths[:i])
        raise UsageError(f"{printable(twice)}: given twice")
    wanted = chosen_boot(boot)
    readings, without = _read_all(paths)
    if wanted is not None:
        _choose_boots(readings, wanted)
    if map_name is not None:
        _keep_only(readings, map_name)
    for reading in readings:
        if len(reading.boots) > 1:
            _must_agree(reading)
    for reading in readings:
        _drop_damaged(reading)
    if len(readings) > 1:
        for reading in readings:
            _name_file(reading)
    maps, problems = combine.combine([(r.shown, r.boot) for r in readings])
    problems += extended.lacking(maps)
    arch_name, how = _arch([*readings, *without], arch)
    more = [problem(NO_MAP_IN_LOG, f"{log.shown}: {log.reason}") for log in without]
    number = next((r.boot.number for r in readings if r.boot.number), 0)
    primary = min(maps, key=lambda m: map_names.rank(m.name))
    for reading in readings:
        problems += reading.problems + reading.boot.problems
    for map_ in maps:
        problems += map_.problems
        problems += [gap.problem for gap in map_.gaps]
    return MemoryMap(
        source=" + ".join(paths),
        form=primary.form,
        arch=arch_name,
        arch_from=how,
        maps=tuple(
            Map(m.name, number, tuple(m.entries), m is primary, tuple(m.gaps)) for m in maps
        ),
        problems=(*problems, *more),
    )


class UnreadMapError(InputError):
    """An input that cannot be read as a memory map.

    Attributes:
        path: The input as it was named.
        head: Its first bytes where it came through a pipe, which cannot be read again; else None.
    """

    def __init__(self, error: InputError, path: str, head: bytes | None = None) -> None:
        super().__init__(str(error))
        self.path, self.head = path, head


class _MaplessError(InputError):
    """A kernel log without a map.

    Attributes:
        shown: The input's name, printable.
        reason: Why it has none.
        boot: Carries the architecture, which the log may still name.
    """

    def __init__(self, shown: str, reason: str, arch: str | None) -> None:
        super().__init__(f"{shown}: {reason}")
        self.shown, self.reason, self.boot = shown, reason, boots.Boot(arch=arch)


def _read_all(paths: Sequence[str]) -> tuple[list[Reading], list[_MaplessError]]:
    """Read all inputs; kernel logs without a map are passed over if another input has one."""
    readings: list[Reading] = []
    without: list[_MaplessError] = []
    for named in paths:
        head: bytes | None = None
        try:
            if opening.is_inherited(named):
                with Input(named) as source:
                    if not tar.is_tar(source.head):
                        head = source.head
                        readings.append(_of_input(source))
                        continue
                    source.keep()
        except _MaplessError as log:
            without.append(log)
            continue
        except InputError as error:
            raise UnreadMapError(error, named, head) from error
        for path in _files(named):
            try:
                readings.append(_read(path))
            except _MaplessError as log:
                without.append(log)
            except InputError as error:
                raise UnreadMapError(error, path) from error
    if not readings:
        raise without[0]
    return readings, without


def _files(path: str) -> list[str]:
    """Return the memory maps that a path names: itself, or those in a folder or an archive.

    Raises InputError where a folder or an archive has none.
    """
    entered = opening.enter(path) or (path if places.is_folder(path) else None)
    if entered is None:
        return [path]
    folder = places.top(entered, folders.is_map)
    said: list[str] = []
    if folders.is_sosreport(folder):
        found, said = folders.of_sosreport(folder)
        found = found or folders.copies_in(entered, ())
    else:
        found = [folder] if folders.is_map(folder) else folders.maps_in(folder)
        found += folders.copies_in(entered, found)
    if said and not found:
        raise InputError(said[0])
    if not found:
        raise UnreadMapError(InputError(f"{printable(path)}: {mistakes.folder(folder)}"), path)
    return list(map(str, found))


def _read(path: str) -> Reading:
    if places.is_folder(path) and not places.is_file(path):  # an archive is both
        form = registry.file_form(Path(path), b"")
        if form is None:
            raise InputError(f"{printable(path)}: {mistakes.folder(Path(path))}")
        return _of_file(printable(path), form.name, form.read(Path(path), memoryview(b"")))
    with Input(path) as source:
        return _of_input(source)


def _of_input(source: Input) -> Reading:
    if not source.head:
        raise InputError(f"{source.shown}: the file is empty")
    path = Path(source.path)
    form = registry.file_form(path, source.head)
    if form is None:
        return _read_log(source)
    return _of_file(source.shown, form.name, form.read(path, source.whole(form.enough, form.most)))


def _of_file(shown: str, form: str, tables: Sequence[Table]) -> Reading:
    by_boot: dict[int, Boot] = {}
    problems: list[Problem] = []
    for table in tables:
        gaps.settle(table)
        table.form = form
        boot = by_boot.setdefault(table.boot or 0, boots.Boot())
        boot.arch = boot.arch or table.arch
        if table.name in boot.maps:
            raise InputError(f"{shown}: two maps called {printable(table.name)} of one boot")
        boot.maps[table.name] = table
    if not by_boot:
        raise InputError(f"{shown}: holds no memory map")
    return Reading(shown, [by_boot[n] for n in sorted(by_boot)], problems)


def _read_log(source: Input) -> Reading:
    try:
        return _of_log(source)
    except _MaplessError:
        raise
    except InputError as error:
        raise InputError(f"{source.shown}: {error}") from error
    except OSError as error:
        raise InputError(f"{source.shown}: {error.strerror or error}") from error


def _of_log(source: Input) -> Reading:
    forms = registry.line_forms()
    marks = BootMarks()
    log = scanner.Scanner([LostMessages(forms), *forms, marks])
    ending = Ending()
    for block in blocks(ending.watch(source.pieces()), ending.mails):
        log.feed(block)
        ending.block = block
    tables: list[Table] = []
    for form in forms:
        if ending.line is not None:
            form.cut_off(log.lines, ending.line)
        for table in form.finish():
            gaps.settle(table)
            table.form, table.printed_by = form.name, form.printed_by
            tables.append(table)

    found = boots.split((t for t in tables if not t.zeroed), marks.marks)
    zeros = [t.zeroed for t in tables if t.zeroed]
    if not found:
        if zeros:
            raise InputError(zeros[0].message)
        reason = mistakes.no_map(source.head)
        if marks.marks:
            raise _MaplessError(source.shown, reason, marks.marks[-1].arch)
        raise InputError(reason)
    cut = [
        problem(
            DAMAGED,
            f"{source.shown}: line {number} has more than {MAX_LINE} bytes; the rest "
            "of it was not looked at",
            severity="warning",
        )
        for number in log.cut
    ]
    return Reading(source.shown, found, zeros + cut)


def _keep_only(readings: list[Reading], map_name: str) -> None:
    """Drop all maps but ``map_name``, and boots without it. Raises UsageError if none has it."""
    names: set[str] = set()
    kept: list[Reading] = []
    for reading in readings:
        names.update(name for boot in reading.boots for name in boot.maps)
        reading.boots = [b for b in reading.boots if map_name in b.maps]
        for boot in reading.boots:
            boot.maps = {map_name: boot.maps[map_name]}
        if reading.boots:
            kept.append(reading)
    if not kept:
        there = ", ".join(sorted(names, key=map_names.rank))
        raise UsageError(
            f"{option('map_name', printable(map_name))}: no such map; the input has "
            f"{printable(there)}"
        )
    readings[:] = kept


def _choose_boots(readings: list[Reading], wanted: int) -> None:
    """Drop all boots of a log but the wanted one."""
    several = [r for r in readings if len(r.boots) > 1]
    if not several and wanted not in (0, -1):
        raise UsageError(f"{option('boot', wanted)}: there is one boot, number 0")
    for reading in several:
        count = len(reading.boots)
        if wanted >= count:
            raise UsageError(
                f"{option('boot', wanted)}: {reading.shown} has boots 0 to {count - 1}"
            )
        reading.boots = [reading.boots[wanted]]


def _must_agree(reading: Reading) -> None:
    """Note that several boots have equal primary maps. Raises InputError where they differ."""
    first = reading.boots[0].primary()
    count = len(reading.boots)
    unequal = [b.primary() for b in reading.boots if not boots.equal(b.primary(), first)]
    if len(unequal) > _DAMAGED_BOOTS or not all(gaps.agree(table, first) for table in unequal):
        named = "; ".join(_describe(b) for b in reading.boots[:_NAMED_BOOTS])
        rest = f"; and {count - _NAMED_BOOTS} more" if count > _NAMED_BOOTS else ""
        listed = all(boots.is_listing(b.primary()) for b in reading.boots)
        what = (
            "tables that differ, of two moments or boots" if listed else "boots whose maps differ"
        )
        raise InputError(
            f"{reading.shown}: holds {count} {what}: {named}{rest}; choose one with "
            f"{option('boot', 'N')} or {option('boot', 'last')}"
        )
    reading.boots.sort(key=lambda b: bool(b.primary().gaps))  # a whole one counts
    reading.problems.append(
        problem(
            SAME_BOOTS,
            f"{reading.shown}: {count} boots with equal maps; this is boot {reading.boot.number}",
        )
    )


def _describe(boot: Boot) -> str:
    primary = boot.primary()
    where = f" from line {boot.line}" if boot.line else ""
    return f"boot {boot.number}{where} ({primary.name}, {counted(len(primary.entries), 'range')})"


def _drop_damaged(reading: Reading) -> None:
    """Drop damaged maps. Raises InputError where the boot cannot be judged without one."""
    boot = reading.boot
    for name, table in list(boot.maps.items()):
        if not table.unusable:
            continue
        if map_names.of(name).needed or table is boot.primary():
            raise InputError(f"{reading.shown}: {name}: {table.unusable[0].message}")
        del boot.maps[name]
        reading.problems += table.unusable


def _name_file(reading: Reading) -> None:
    """Put the input's name in front of every problem of the boot that is used."""

    def named(found: Problem) -> Problem:
        if found.message.startswith(f"{reading.shown}: "):
            return found
        return found._replace(message=f"{reading.shown}: {found.message}")

    boot = reading.boot
    reading.problems[:] = map(named, reading.problems)
    boot.problems[:] = map(named, boot.problems)
    for table in boot.maps.values():
        table.problems[:] = map(named, table.problems)
        table.gaps[:] = [gap._replace(problem=named(gap.problem)) for gap in table.gaps]


def _arch(readings: Sequence[Reading | _MaplessError], wanted: str | None) -> tuple[str, str]:
    """Return the architecture and where it comes from. Raises InputError if the inputs disagree."""
    found = {r.boot.arch for r in readings if r.boot.arch}
    if len(found) > 1:
        raise InputError(
            "the inputs are of different architectures: "
            + ", ".join(f"{r.shown} {r.boot.arch}" for r in readings if r.boot.arch)
        )
    if not found:
        return (wanted, "option") if wanted else (arches.DEFAULT, "default")
    arch = found.pop()
    if wanted and wanted != arch:
        shown = ", ".join(r.shown for r in readings if r.boot.arch)
        raise InputError(
            f"{shown} is of {printable(arch)}, {option('arch')} says {printable(wanted)}"
        )
    return arch, "input"
