"""Arrays of EFI memory descriptors, as the firmware's GetMemoryMap() and the kernel hold them.

Source: UEFI specification 2.10 section 7.2.3 (u32 type, u32 pad, u64 physical, u64 virtual, u64
pages, u64 attribute: 40 bytes); include/linux/efi.h. The firmware chooses the distance between
two descriptors (48 bytes in practice) and does not write it into the array: it is derived from the
content, which also distinguishes descriptors from e820 entries.
"""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import TYPE_CHECKING

from hwpkho.base.addresses import PHYS_END
from hwpkho.base.counting import counted
from hwpkho.base.escape import printable
from hwpkho.codes import problem
from hwpkho.codes.memmap_view import ENTRY_IGNORED
from hwpkho.errors import InputError
from hwpkho.memmap import efi
from hwpkho.memmap.formats.base import FileForm
from hwpkho.memmap.model import Entry
from hwpkho.memmap.table import Table
from hwpkho.memmap.tables import MAX_PROBLEMS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hwpkho.codes import Problem

_DESCRIPTOR = struct.Struct("<IIQQQQ")
SIZE = _DESCRIPTOR.size
_STRIDES = range(SIZE, 257, 8)
#: What firmware uses in practice.
_USUAL = 48

#: Real maps have some hundred descriptors of 48 bytes.
MAX_BYTES = 4 << 20

#: Types from here on belong to OEMs and operating system loaders.
_OEM_TYPES = 0x70000000

#: Whole descriptors that a cut-off array must have before the cut.
_MIN_CUT = 3


def _plausible(data: bytes | memoryview, at: int) -> bool:
    type_, _, phys, virt, pages, attr = _DESCRIPTOR.unpack_from(data, at)
    return (
        (type_ < len(efi.TYPES) or type_ >= _OEM_TYPES)
        and not phys % efi.PAGE
        and not virt % efi.PAGE
        and phys + pages * efi.PAGE <= PHYS_END
        and not attr & ~efi.KNOWN
    )


def _places(data: bytes | memoryview, stride: int) -> range | None:
    """Return the offsets of the whole descriptors in ``data`` if all of them are plausible."""
    places = range(0, len(data) - SIZE + 1, stride)
    useful = False
    for at in places:
        if not _plausible(data, at):
            return None
        _, _, _, _, pages, attr = _DESCRIPTOR.unpack_from(data, at)
        useful |= pages > 0 and attr > 0
    return places if useful else None


def _well_ordered(data: bytes | memoryview, places: range) -> bool:
    """Tell whether no descriptors overlap and each has pages and an attribute."""
    spans: list[tuple[int, int]] = []
    for at in places:
        _, _, phys, _, pages, attr = _DESCRIPTOR.unpack_from(data, at)
        if not pages or not attr:
            return False
        spans.append((phys, phys + pages * efi.PAGE))
    spans.sort()
    return all(before[1] <= after[0] for before, after in pairwise(spans))


def strides(data: bytes | memoryview) -> list[int]:
    """Return the distances (bytes) between descriptors that make sense of all of ``data``.

    Multiples of a fitting one are left out: they fit by skipping descriptors. Where several are
    left, those whose descriptors overlap or describe nothing are dropped.
    """
    found: dict[int, range] = {}
    for stride in _STRIDES:
        if len(data) % stride or any(not stride % s for s in found):
            continue
        if len(data) == stride > _USUAL:
            continue  # rather the first bytes of a longer array
        places = _places(data, stride)
        if places is not None:
            found[stride] = places
    if len(found) > 1:
        ordered = [s for s, places in found.items() if _well_ordered(data, places)]
        return ordered or list(found)
    return list(found)


def _cut_off(data: bytes | memoryview) -> int | None:
    """Return the stride of an array whose last descriptor is cut off, None where it is none."""
    for stride in (48, 40):
        if len(data) % stride and len(data) // stride >= _MIN_CUT:
            whole = data[: len(data) - len(data) % stride]
            if _places(whole, stride) is not None:
                return stride
    return None


class EfiDescriptors(FileForm):
    """An array of descriptors and nothing else."""

    name = "efi-descriptors"
    about = "EFI memory descriptors as bytes (GetMemoryMap, linux,uefi-mmap-start), any stride"
    most = MAX_BYTES

    def sniff(self, _path: Path, head: bytes) -> bool:
        """See :meth:`FileForm.sniff`; the head of a longer array looks like a cut-off one."""
        if len(head) < SIZE:
            return False
        return bool(strides(head)) or _cut_off(head) is not None

    def read(self, path: Path, data: memoryview) -> Sequence[Table]:
        """See :meth:`FileForm.read`."""
        shown = printable(str(path))
        if len(data) > MAX_BYTES:
            raise InputError(f"{shown}: {len(data)} bytes of EFI descriptors are not a memory map")
        found = strides(data)
        if not found:
            stride = _cut_off(data) or SIZE
            raise InputError(
                f"{shown}: EFI memory descriptors: {counted(len(data), 'byte is', 'bytes are')} "
                f"not a whole number of valid descriptors of {stride} bytes: the copy is cut off "
                "or damaged"
            )
        if len(found) > 1:
            sizes = " or ".join(str(s) for s in found)
            raise InputError(
                f"{shown}: EFI memory descriptors: each could be {sizes} bytes long; only a longer "
                "map would show which"
            )
        return [_read(data, found[0])]


def _read(data: memoryview, stride: int) -> Table:
    entries: list[Entry] = []
    problems: list[Problem] = []
    for i, at in enumerate(range(0, len(data), stride)):
        type_, _, phys, _, pages, attr = _DESCRIPTOR.unpack_from(data, at)
        if not pages:
            message = f"EFI descriptor {i} at offset 0x{at:x} (0x{phys:x}) has no pages"
            if len(problems) < MAX_PROBLEMS:
                problems.append(problem(ENTRY_IGNORED, message, phys))
            continue
        end = phys + pages * efi.PAGE - 1
        entries.append(Entry(phys, end, efi.type_name(type_), {"attr": attr}))
    return Table("efi", entries, problems=problems)
