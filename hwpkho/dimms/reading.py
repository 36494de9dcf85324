"""Reads what names DIMMs and nodes: logs, rasdaemon's databases, listings of dmidecode."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.badpages.lines import pieces
from hwpkho.badpages.signs import SQLITE
from hwpkho.base import places
from hwpkho.base.ranges import union
from hwpkho.dimms import lines, smbios
from hwpkho.dimms.model import Dimms, Pair
from hwpkho.errors import InputError
from hwpkho.images.files import FileBytes
from hwpkho.logs.scanner import Scanner
from hwpkho.logs.text import blocks

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hwpkho.badpages.sqlite import Database
    from hwpkho.memmap.view.regions import Regions

#: Bytes of a listing, at most; that of a machine with a thousand DIMMs has half a MiB.
_MAX_LISTING = 1 << 24
#: What every listing of dmidecode that names a DIMM has.
_LISTED = b", DMI type 17, "


def read(paths: Iterable[str], *, sure: bool = True) -> Dimms:
    """Return what files say about a machine's DIMMs.

    Args:
        paths: Logs, databases of rasdaemon, listings of dmidecode, of one machine.
        sure: Whether each file must name a DIMM or a node; if not, one that does not is skipped,
            and so is a folder, such as a copy of /sys/firmware/memmap.

    Raises InputError where a file cannot be read, or names none although it must.
    """
    found = Dimms()
    for path in paths:
        if not sure and places.is_folder(path):
            continue
        before = _count(found)
        with FileBytes(path) as file:
            head = bytes(file.read(0, 1 << 16))
            if head.startswith(SQLITE):
                _database(file, found)
            elif sure or _may_name(file):
                _text(file, found)
            if sure and _count(found) == before:
                raise InputError(
                    f"{file.shown}: names no DIMM and no node; expected a log with lines of EDAC, "
                    "CPER or SRAT, a database of rasdaemon, or what dmidecode prints"
                )
    found.pairs = list(dict.fromkeys(found.pairs))
    return found


def ram_of(regions: Regions | None) -> list[tuple[int, int]] | None:
    """Return what a map calls RAM, for :meth:`Dimms.places`; None without a map.

    ``(start, end)`` in bytes, ends inclusive, ascending.
    """
    if regions is None:
        return None
    ram = union((r.start, r.end + 1) for r in regions.regions if r.kind in ("ram", "in-use"))
    return [(start, end - 1) for start, end in ram]


def _count(found: Dimms) -> int:
    return len(found.pairs) + len(found.devices) + len(found.mapped) + len(found.nodes)


def _may_name(file: FileBytes) -> bool:
    """Tell whether a file may name a DIMM or a node: whether it has one of the words."""
    words = (_LISTED, *(reader.word for reader in lines.READERS))
    with_overlap = range(0, file.size, 1 << 20)
    return any(
        any(word in block for word in words)
        for block in (bytes(file.read(at, (1 << 20) + 32)) for at in with_overlap)
    )


def _text(file: FileBytes, found: Dimms) -> None:
    readers = [reader(found) for reader in lines.READERS]
    scanner = Scanner(readers, "errors that name a DIMM", file.shown)
    listing: list[bytes] | None = []
    size = 0
    for block in blocks(pieces(file)):
        scanner.feed(block)
        if listing is not None:
            size += len(block)
            listing.append(block)
            if size > _MAX_LISTING or (len(listing) == 1 and not _may_list(block)):
                listing = None
    if listing:
        devices, mapped = smbios.read(b"".join(listing).decode("utf-8", "replace"))
        found.devices += devices
        found.mapped += mapped


def _may_list(block: bytes) -> bool:
    return smbios.is_listing(block[: 1 << 16].decode("utf-8", "replace"))


def _database(file: FileBytes, found: Dimms) -> None:
    from hwpkho.badpages import sqlite  # costs sqlite3: only where there is a database

    with sqlite.opened(file, ("mc_event",)) as database:
        if "mc_event" in database.tables:
            _mc_events(database, found)


def _mc_events(database: Database, found: Dimms) -> None:
    seen: set[Pair] = set()
    for label, address, grain in database.rows("mc_event", ("label", "address", "grain")):
        if not isinstance(label, str) or not isinstance(address, int) or address == 0:
            continue
        # grain is the tracepoint's grain_bits: with more, the page is uncertain.
        if isinstance(grain, int) and grain > lines.GRAIN_BITS:
            continue
        plain = lines.label_of(label)
        if plain and len(seen) < lines.MAX:
            seen.add(Pair(address % (1 << 64), plain, None, "decoded"))
    found.pairs += sorted(seen)
