"""What the parameters of the library take, each said once: an error names the parameter.

A value of the wrong type raises TypeError, any other wrong value raises UsageError. What is
wrong only with the inputs at hand is told where they are read.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, get_args

from hwpkho.abi.efi_poisoned import LAYOUTS
from hwpkho.abi.hwpoison import REVISIONS
from hwpkho.abi.kho import named, numbers
from hwpkho.abi.role import Role
from hwpkho.abi.vmalloc import MAX_ORDER
from hwpkho.api.checks import (
    ADDRESS,
    FLAG,
    TEXT,
    area,
    blob,
    integer,
    many,
    mapping,
    number,
    of,
    one_of,
    optional,
    part,
    serves,
    shown,
    wrong,
)
from hwpkho.api.results import MemoryMap, Merged, PageList
from hwpkho.badpages.kinds import KINDS
from hwpkho.badpages.registry import readers
from hwpkho.base.addresses import PHYS_END
from hwpkho.base.arch import ARCHES, page_sizes
from hwpkho.base.listing import MAX_PFNS, parts
from hwpkho.encode.request import MAX_CAPACITY
from hwpkho.errors import UsageError
from hwpkho.judging.case_result import FailOn

if TYPE_CHECKING:
    from hwpkho.api.checks import Check

_READ = "a path or a file open for reading bytes"
_MAPS = "files, what read_memmap() returned, or rows (start, end, type)"


def check(given: Mapping[str, Any], table: Mapping[str, Check]) -> dict[str, Any]:
    """Return the values as hwpkho takes them.

    Raises TypeError or UsageError for the first that its parameter does not take.
    """
    return {name: table[name](name, value) for name, value in given.items()}


def _scratch_array(name: str, value: Any) -> object:
    if isinstance(value, str) and value == "none":
        return value
    if isinstance(value, str):
        raise UsageError(f'{name}={shown(value)} is not (address, bytes) or "none"')
    if not isinstance(value, (tuple, list)):
        raise wrong(name, '(address, bytes) or "none"', value)
    return area(name, value)


def _boot(name: str, value: Any) -> object:
    if isinstance(value, str):
        return value
    try:
        return integer(name, value)
    except TypeError:
        raise wrong(name, "a number or last", value) from None


def _consumer(name: str, value: Any) -> object:
    if not isinstance(value, str):
        return one_of(numbers)(name, value)
    try:
        named(value)
    except UsageError as error:
        raise UsageError(f"{name}={shown(value)}: {error}") from error
    return value


PATH = of("a path", str, os.PathLike)


# Files


def files(name: str, value: Any) -> Any:
    """Check one file or several: paths, and files open for reading bytes."""
    found = several(value)
    if not found:
        raise UsageError(f"{name}: no input is given")
    for each in found:
        file(name, each)
    return value


def file(name: str, value: Any) -> Any:
    """Check a single file."""
    if not _is_file(value):
        raise wrong(name, _READ, value)
    return value


def listed(name: str, value: Any) -> Any:
    """Check a list of bad pages: its files, or one that was read already."""
    return value if isinstance(value, PageList) else files(name, value)


def cases(given: Sequence[Any], needed: str) -> None:
    """Check lists of bad pages; ``needed`` is said where there is none."""
    if not given:
        raise UsageError(f"cases: {needed}")
    for each in given:
        listed("cases", each)


def pages(name: str, value: Any) -> Any:
    """Check what is written as a list of bad pages."""
    return value if isinstance(value, Merged) else listed(name, value)


def writable(name: str, value: Any) -> Any:
    """Check what is written to: a path, or a file open for writing bytes."""
    if not isinstance(value, (str, os.PathLike)) and not serves(value, "write"):
        raise wrong(name, "a path or a file open for writing bytes", value)
    return value


def are_files(value: object) -> bool:
    """Tell whether a memory map is given by files, not read already and not as rows."""
    found = several(value)
    return bool(found) and (_is_file(found[0]) or (found[0] is value and hasattr(value, "read")))


def several(value: Any) -> Sequence[Any]:
    """Return one file or several as several."""
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return value
    return (value,)


def _is_file(value: object) -> bool:
    return isinstance(value, (str, os.PathLike)) or serves(value, "read")


def _maps(name: str, value: Any) -> Any:
    return files(name, value) if value is not None and several(value) else value


def judged_by(name: str, value: Any) -> None:
    """Check what a list is judged by: a map's files, one that was read, or rows."""
    if value is None or isinstance(value, MemoryMap):
        return
    if are_files(value):
        files(name, value)
    elif not isinstance(value, Iterable) or isinstance(value, bytes):
        raise wrong(name, _MAPS, value)


# What is gone through only once


def pfns(name: str, value: Any) -> array[int]:
    """Return PFNs in their order.

    Raises ValueError for what is not a PFN, UsageError for more than any list may have.
    """
    if not isinstance(value, Iterable) or isinstance(value, (str, bytes, bytearray)):
        raise wrong(name, "integers", value)
    if isinstance(value, memoryview) and value.itemsize == 1:
        raise TypeError(f"{name}: expected integers, not the bytes of a memoryview: cast it")
    found = array("Q")
    for some in parts(value):
        if bool in map(type, some):  # True would be page 1
            raise wrong(name, "integers", True)
        try:
            found.fromlist(some)
        except OverflowError as error:
            raise ValueError(f"{name}: a PFN is an integer from 0 to 2^64 - 1") from error
        except TypeError as error:
            raise TypeError(f"{name}: {error}") from error
        if len(found) > MAX_PFNS:
            raise UsageError(f"{name}: more than {MAX_PFNS} PFNs")
    return found


def items(name: str, value: Any, wanted: str) -> tuple[Any, ...]:
    """Return what there is to go through."""
    if not isinstance(value, Iterable) or isinstance(value, (str, bytes)):
        raise wrong(name, wanted, value)
    return tuple(value)


def areas(name: str, value: Any) -> tuple[tuple[int, int], ...]:
    """Return ranges of memory, each ``(address, bytes)``."""
    return tuple(area(name, each) for each in items(name, value, "ranges (address, bytes)"))


def rows(name: str, value: Any) -> list[tuple[int, int, str]]:
    """Return rows of a memory map. Raises ValueError for one that is not a range of memory."""
    found = []
    for row in value:
        if not isinstance(row, (tuple, list)) or len(row) != 3:
            raise TypeError(f"{name}: expected a row (start, end, type), not {shown(row)}")
        start, end, kind = row
        if not isinstance(kind, str):
            raise TypeError(
                f"{name}: {shown(row)}: expected a name such as 'System RAM', not "
                f"{type(kind).__name__}"
            )
        first, last = integer(name, start), integer(name, end)
        if not 0 <= first <= last < PHYS_END:
            raise ValueError(
                f"{name}: ({shown(start)}, {shown(end)}, {shown(kind)}): expected first and last "
                "byte of a range"
            )
        found.append((first, last, kind))
    return found


def _iomem_of() -> tuple[str, ...]:
    from hwpkho.memmap.view.common import IomemOf  # decode knows no maps

    return get_args(IomemOf)


def _consumers() -> list[str]:
    from hwpkho.judging.efi_table.generations import Consumers  # nor does it judge

    return Consumers.names()


def _kinds(name: str, value: Any) -> object:
    found = many(one_of(lambda: KINDS), "kinds of bad pages")(name, value)
    if not found:  # as of an iterator that is used up
        raise UsageError(f"{name}: no kind of bad pages is given")
    return found


def _damages() -> tuple[str | None, ...]:
    from hwpkho.encode.damage.registry import DAMAGES  # few handovers are broken on purpose

    return (None, *DAMAGES.names())


#: What several functions take: the options of :mod:`hwpkho.api.inputs`.
OPTIONS: dict[str, Check] = {
    "page_size": one_of(lambda: (None, *page_sizes())),
    "root_fdt": optional(ADDRESS),
    "kho_scratch": optional(_scratch_array),
    "arch": one_of(lambda: (None, *ARCHES.names())),
    "efi_table": optional(ADDRESS),
    "layout": one_of(lambda: (None, *LAYOUTS.names())),
    "role": one_of(lambda: (None, *get_args(Role))),
    "base": one_of(lambda: (10, 16)),
    "form": optional(one_of(lambda: [form.name for form in readers()])),
    "memmap": _maps,
    "map_name": optional(TEXT),
    "boot": optional(_boot),
    "iomem_of": one_of(_iomem_of),
    "next_cmdline": optional(TEXT),
    "consumer_kho": _consumer,
    "consumer_efi": one_of(_consumers),
    "max_pages": optional(number(0)),
    "max_fraction": optional(part),
    "max_per_gib": optional(number(0)),
    "max_scratch": optional(part),
    "fail_on": one_of(lambda: get_args(FailOn)),
    "select": many(TEXT, "a list of codes"),
    "ignore": many(TEXT, "a list of codes"),
    "baseline": optional(file),
    "against": many(listed, "several lists of bad pages"),
}

#: What :func:`hwpkho.merge` takes besides.
MERGE: dict[str, Check] = {
    "exclude": many(listed, "several lists of bad pages"),
    "intersect": FLAG,
    "first_seen": FLAG,
    "keep_all": FLAG,
    "replayable_only": FLAG,
    "provenance": FLAG,
    "to_page_size": OPTIONS["page_size"],
}

#: What :func:`hwpkho.write_list` takes besides.
WRITE: dict[str, Check] = {
    "pages": pages,
    "out": writable,
    "to": TEXT,
    "max_loss": number(0),
    "budget": optional(number(1)),
    "unit": optional(integer),
    "phys_base": optional(ADDRESS),
    "at": optional(ADDRESS),
    "kinds": _kinds,
    "force": FLAG,
}

#: What :func:`hwpkho.open_memory` takes besides.
MEMORY: dict[str, Check] = {
    "name": TEXT,
    "roots": optional(mapping(one_of(lambda: get_args(Role)), ADDRESS, "addresses by role")),
    "vmcoreinfo": blob,
}

#: What :func:`hwpkho.build` takes.
BUILD: dict[str, Check] = {
    "page_size": one_of(page_sizes),
    "at": optional(ADDRESS),
    "arch": OPTIONS["arch"],
    "kho": one_of(numbers),
    "revision": one_of(lambda: (None, *REVISIONS.names())),
    "capacity": optional(number(1, MAX_CAPACITY)),
    "order": number(0, MAX_ORDER),
    "flags": optional(integer),
    "kexec_count": optional(number(0, (1 << 32) - 1)),
    "previous_release": optional(TEXT),
    "subtrees": optional(mapping(TEXT, blob, "blobs by node name")),
    "damage": one_of(_damages),
}
