"""rasdaemon's database, ``ras-mc_event.db``: a row for each RAS event of the kernel.

Bad pages are the PFNs of ``memory_failure_event``, whatever the result (the page type is wrong on
new kernels and not used); the addresses of uncorrected errors in ``mc_event`` (EDAC),
``mce_record`` and ``extlog_event``, unless a machine check's code is not about memory; the host
addresses of ``cxl_poison_event``, until a Clear; and those of uncorrectable errors of the memory
itself in ``cxl_general_media_event`` and ``cxl_dram_event``.

Source: rasdaemon's ras-record.c (tables), ras-mc-handler.c (grain_bits), ras-extlog-handler.c
(err_severity), ras-cxl-handler.c. For the registers of a machine check see
:mod:`hwpkho.badpages.logs.mce_status`.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

from hwpkho.badpages.collector import MAX_EXTENT, Collector, in_range
from hwpkho.badpages.form import Form
from hwpkho.badpages.signs import SQLITE
from hwpkho.base import garbage
from hwpkho.base.late import late
from hwpkho.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hwpkho.badpages.kinds import Kind
    from hwpkho.badpages.model import BadPages
    from hwpkho.badpages.registry import Asked
    from hwpkho.badpages.sqlite import Database
    from hwpkho.images.files import FileBytes

_TABLES = (
    "memory_failure_event", "mc_event", "mce_record", "extlog_event", "cxl_poison_event",
    "cxl_general_media_event", "cxl_dram_event",
)  # fmt: skip
#: rasdaemon's tables without memory errors; any table shows that it is rasdaemon's database.
_OTHERS = (
    "aer_event", "arm_event", "non_standard_event", "devlink_event", "disk_errors",
    "cxl_overflow_event", "cxl_generic_event", "cxl_memory_module_event", "cxl_aer_ue_event",
    "cxl_aer_ce_event", "signal_event", "reri_event",
)  # fmt: skip

_PFN = late(r"0[xX][0-9a-fA-F]{1,16}")
_TIME = late(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(?: [+-][0-9]{4})?")
#: Those of many rows, joined by commas, as rasdaemon writes them.
_PFNS = late(r"0x[0-9a-f]{1,16}(?:,0x[0-9a-f]{1,16})*")
_WHOLE_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2} [+-][0-9]{4}"
_TIMES = late(rf"{_WHOLE_TIME}(?:,{_WHOLE_TIME})*")
_U64 = (1 << 64) - 1
#: Bit of the descriptor: CXL 3.1, 8.2.9.2.1.1 and 8.2.9.2.1.2.
_UNCORRECTABLE = 1
_UMC = late(r"unified memory|\bumc\b", re.IGNORECASE)


class RasdaemonDb(Form):
    """The form, see the module."""

    name = "rasdaemon-db"
    about = "rasdaemon's database, `/var/lib/rasdaemon/ras-mc_event.db`"
    names_dimms = True

    def sniff(self, head: bytes, /) -> bool:
        """Tell whether it is an SQLite database."""
        return head.startswith(SQLITE)

    def read(self, file: FileBytes, asked: Asked, /) -> BadPages:
        """Return the pages that events name.

        Raises InputError where the database cannot be read, or is not rasdaemon's.
        """
        from hwpkho.badpages import sqlite  # slow to import, and rarely needed

        found = Collector(file.shown, self.name, asked, "address")
        with sqlite.opened(file, (*_TABLES, *_OTHERS)) as database, garbage.uncollected():
            if not database.tables:
                raise InputError(f"{file.shown}: a database without any table of rasdaemon")
            for name, read in _READERS.items():
                if name in database.tables:
                    read(found, database)
        return found.finish()


def _memory_failures(found: Collector, database: Database) -> None:
    for block in database.blocks("memory_failure_event", ("id", "timestamp", "pfn")):
        plain = _plain(block)
        if plain is not None:
            found.table("poisoned", *plain)
            continue
        for row, time, pfn in block:
            pfn = _number(pfn, hexadecimal=True)
            if not isinstance(pfn, int):
                where = _row("memory_failure_event", row)
                found.unusable("a memory failure without a PFN", where)
            else:
                where, number = _place("memory_failure_event", row)
                found.pages(pfn, pfn, "poisoned", when=_when(time), where=where, number=number)


def _plain(
    block: Sequence[tuple[object, ...]],
) -> tuple[list[int], list[str], str, Sequence[int]] | None:
    """Return columns of rows as rasdaemon writes them: PFNs, times, label and row numbers.

    None where any row is not. There may be a million, so they are checked all at once.
    """
    rows, times, pfns = zip(*block, strict=True)
    if set(map(type, rows)) != {int} or set(map(type, times + pfns)) != {str}:
        return None
    if not (_PFNS.fullmatch(",".join(pfns)) and _TIMES.fullmatch(",".join(times))):
        return None
    numbers = [int(pfn, 16) for pfn in pfns]
    when = [f"{t[:10]}T{t[11:19]}{t[20:23]}:{t[23:]}" for t in times]
    return numbers, when, "memory_failure_event row ", rows


def _controller_errors(found: Collector, database: Database) -> None:
    columns = ("id", "timestamp", "err_type", "address", "grain")
    kinds: dict[object, Kind] = {
        "Uncorrected": "uncorrected",
        "Deferred": "uncorrected",  # EDAC logs it as UE
        "Fatal": "uncorrected",
        "Corrected": "corrected",
    }
    # Nearly all events are corrected ones, so skip these in SQL unless they are wanted.
    all_of_them = found.wants("corrected") or "err_type" not in database.tables["mc_event"]
    where = "1" if all_of_them else "err_type IS NOT 'Corrected'"
    for row, time, type_, value, grain in database.rows("mc_event", columns, where):
        kind = kinds.get(type_)
        address = _number(value)
        if kind is None:
            continue
        if not address:
            if kind == "uncorrected":
                where = _row("mc_event", row)
                found.unusable("an uncorrected error without an address", where)
            continue
        # rasdaemon's grain is the tracepoint's grain_bits.
        bits = grain if isinstance(grain, int) and 0 < grain < 64 else 0
        _around(found, address, bits, kind, _when(time), "mc_event", row)


def _machine_checks(found: Collector, database: Database) -> None:
    from hwpkho.badpages.logs.mce_status import Record, assess

    columns = ("id", "timestamp", "status", "addr", "misc", "cpuvendor", "bank_name")
    for row, time, status, addr, misc, vendor, bank in database.rows("mce_record", columns):
        record = Record(_number(status), _number(addr), _number(misc), vendor=_number(vendor))
        record.channel = isinstance(bank, str) and _UMC.search(bank) is not None
        said = assess(record)
        if said is None:
            continue
        if said.address is not None:
            bits = said.extent.bit_length() - 1
            _around(found, said.address, bits, said.kind, _when(time), "mce_record", row)
        elif said.bad:
            message = f"an uncorrected machine check {said.why}"
            found.unusable(message, _row("mce_record", row))


def _extlog(found: Collector, database: Database) -> None:
    """Read errors that firmware reports by eMCA, all of them memory errors."""
    kinds: dict[object, Kind] = {0: "uncorrected", 1: "uncorrected", 2: "corrected"}
    columns = ("id", "timestamp", "severity", "address")
    for row, time, severity, value in database.rows("extlog_event", columns):
        kind, address, where = kinds.get(severity), _number(value), _row("extlog_event", row)
        if kind is None:
            continue
        if address and address != _U64:
            _around(found, address, 0, kind, _when(time), "extlog_event", row)
        elif kind == "uncorrected":
            found.unusable("an uncorrected error without an address", where)


def _around(
    found: Collector,
    address: int,
    bits: int,
    kind: Kind,
    when: str | None,
    table: str,
    row: object,
) -> None:
    """Add the pages around an address whose low ``bits`` bits are undefined."""
    if 1 << bits <= MAX_EXTENT:
        start, end = address & -(1 << bits), address | (1 << bits) - 1
        where, number = _place(table, row)
        found.addresses(start, end, kind, when=when, where=where, number=number)
    elif kind == "uncorrected":
        message = f"an error of 2^{bits} bytes: a damaged number"
        found.unusable(message, _row(table, row))


def _poison(found: Collector, database: Database) -> None:
    columns = ("id", "timestamp", "trace_type", "hpa", "dpa_length")
    events = []
    for row, time, type_, hpa, length in database.rows("cxl_poison_event", columns):
        where = _row("cxl_poison_event", row)
        start, size = _number(hpa), _number(length)
        if not start or start == _U64:
            if type_ != "Clear":
                found.unusable("poison at a device address, not a host address", where)
        elif not in_range(end := start + (size or 1) - 1):
            found.unusable("poison that ends above 64 bits", where)
        elif end - start >= MAX_EXTENT and type_ != "Clear":
            found.unusable(f"poison of {size} bytes: a damaged number", where)
        else:
            events.append((start, end, type_ == "Clear", _when(time), where))
    for start, end, when, where in reversed(list(_left(events))):
        found.addresses(start, end, "uncorrected", when=when, where=where)


def _left(
    events: Sequence[tuple[int, int, bool, str | None, str]],
) -> Iterator[tuple[int, int, str | None, str]]:
    """Yield the poison that no later event clears, latest event first; addresses inclusive."""
    firsts: list[int] = []  # ranges that later events clear: disjoint, ascending, inclusive
    lasts: list[int] = []
    for start, end, clears, when, where in reversed(events):
        low, high = bisect_left(lasts, start), bisect_right(firsts, end)
        if clears:
            if low < high:
                start, end = min(start, firsts[low]), max(end, lasts[high - 1])
            firsts[low:high], lasts[low:high] = [start], [end]
            continue
        at = start
        for index in range(low, high):
            if at < firsts[index]:
                yield at, firsts[index] - 1, when, where
            at = lasts[index] + 1
        if at <= end:
            yield at, end, when, where


def _general_media(found: Collector, database: Database) -> None:
    from hwpkho.badpages.logs.cxl import NO_MEDIA

    _media(found, database, "cxl_general_media_event", NO_MEDIA["cxl_general_media"])


def _dram(found: Collector, database: Database) -> None:
    from hwpkho.badpages.logs.cxl import NO_MEDIA

    _media(found, database, "cxl_dram_event", NO_MEDIA["cxl_dram"])


def _media(found: Collector, database: Database, table: str, others: tuple[int, ...]) -> None:
    """Read errors that a CXL device reports; ``others`` are types that are not about memory."""
    columns = ("id", "timestamp", "descriptor", "type", "hpa")
    for row, time, descriptor, type_, hpa in database.rows(table, columns):
        if type_ in others:
            continue
        bad = isinstance(descriptor, int) and bool(descriptor & _UNCORRECTABLE)
        kind: Kind = "uncorrected" if bad else "corrected"
        address = _number(hpa)
        if address and address != _U64:
            _around(found, address, 0, kind, _when(time), table, row)
        elif bad:
            found.unusable("an error at a device address, not a host address", _row(table, row))


def _place(table: str, row: object) -> tuple[str, int]:
    """Return ``where`` and ``number`` of a row for :meth:`Collector.pages`."""
    if isinstance(row, int) and row >= 0:
        return f"{table} row ", row
    return _row(table, row), -1


def _row(table: str, row: object) -> str:
    return f"{table} row {row if isinstance(row, int) else '?'}"


def _number(value: object, *, hexadecimal: bool = False) -> int | None:
    """Return an unsigned 64-bit number, which SQLite stores signed; None for anything else."""
    if isinstance(value, int):
        return value & _U64
    if hexadecimal and isinstance(value, str) and _PFN.fullmatch(value):
        return int(value, 16)
    return None


def _when(value: object) -> str | None:
    """Return a time such as ``2025-03-28 13:28:48 +0800`` as ISO 8601, None for anything else."""
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        return None
    zone = f"{value[20:23]}:{value[23:]}" if len(value) > 19 else ""
    return f"{value[:10]}T{value[11:19]}{zone}"


_READERS = {
    "memory_failure_event": _memory_failures,
    "mc_event": _controller_errors,
    "mce_record": _machine_checks,
    "extlog_event": _extlog,
    "cxl_poison_event": _poison,
    "cxl_general_media_event": _general_media,
    "cxl_dram_event": _dram,
}

FORM = RasdaemonDb()
