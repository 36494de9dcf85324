"""The headers of a kdump-compressed image.

Source: makedumpfile diskdump_mod.h (struct disk_dump_header, struct kdump_sub_header), and how
crash's diskdump.c reads them; QEMU include/sysemu/dump.h. The layouts are those of 64-bit
little-endian machines, the only ones with KHO.
"""

from __future__ import annotations

import re
import struct
import sys
from array import array
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.base.addresses import PHYS_END
from hwpkho.base.arch import ARCHES, page_sizes
from hwpkho.base.counting import counted
from hwpkho.base.escape import printable
from hwpkho.base.ranges import difference
from hwpkho.errors import InputError

if TYPE_CHECKING:
    from hwpkho.base.ranges import Range
    from hwpkho.images.files import FileBytes

MAGIC = b"KDUMP   "
#: The format's predecessor (kernels before 2.6.17), recognised only for the error message.
OLD_MAGIC = b"DISKDUMP"

#: header_version → bytes of its sub header; later versions only append fields.
_SUB_SIZES = {0: 8, 1: 16, 2: 32, 3: 48, 4: 64, 5: 80, 6: 104}
_NEWEST = 6
#: A larger number is not a version but one in big endian.
_MAX_VERSION = 0xFFFF

# signature, version, utsname (six times 65 bytes), timestamp; then status, block_size,
# sub_hdr_size, bitmap_blocks, max_mapnr and five counters that do not matter for the layout.
_HEADER = struct.Struct("<8si390s6xq8xIiiII20x")
_NODENAME = slice(65, 2 * 65)
_MACHINE = slice(4 * 65, 5 * 65)
# phys_base, dump_level, split, start_pfn, end_pfn, then offset and size of vmcoreinfo, notes and
# eraseinfo, then start_pfn, end_pfn and max_mapnr once more, always with 64 bits.
_SUB = struct.Struct("<QiiQQQQQQQQQQQ")

# An Elf64_Nhdr (sizes of name and description, type) and the name "CORE".
_NOTE = struct.Struct("<III4s4x")

#: One page descriptor: offset and size of the data, flags, page flags (always 0).
DESC = struct.Struct("<QIIQ")
#: Flag of a page, or of the whole dump, for which the writer had no space left.
INCOMPLETE = 0x8

#: QEMU's block size for architectures that may have such pages, whatever the guest's page size.
_QEMU_BLOCK = 65536
_MAX_VMCOREINFO = 1 << 20
_PAGESIZE = re.compile(rb"^PAGESIZE=([0-9]{4,6})$", re.MULTILINE)


class KdumpHeader(NamedTuple):
    """Where things are in the image; offsets and sizes in bytes, ends exclusive.

    Attributes:
        block_size: Size of a page of the dump.
        bitmap: Offset of the bitmap of dumped pages (the second one where there are two).
        table: Offset of the page descriptors.
        first_pfn: First page frame for which this file has descriptors; not 0 in a split dump.
        end_pfn: End (exclusive) of these page frames.
        arch: As in :class:`hwpkho.images.base.Source`.
        vmcoreinfo: Text of the VMCOREINFO note, empty where there is none.
        page_size: The kernel's page size if the image records it, see :func:`read_header`.
        incomplete: Whether the writer marked the dump as incomplete, for lack of space.
        nodename: Name of the machine, printable; empty where the image does not record it.
        seconds: When it was written, since 1970, UTC; 0 where the image does not record it.
        elsewhere: Ranges of memory, bytes, that are in other files of a split dump.
    """

    block_size: int
    bitmap: int
    table: int
    first_pfn: int
    end_pfn: int
    arch: str | None
    vmcoreinfo: bytes
    page_size: int | None
    incomplete: bool
    nodename: str
    seconds: int
    elsewhere: tuple[Range, ...]


def read_header(file: FileBytes) -> KdumpHeader:
    """Read and check the headers.

    makedumpfile's block size is the kernel's page size. QEMU's is 64 KiB for every arm64 guest,
    whatever its page size, so such a dump (its utsname has only the machine) shows the page size
    only by ``PAGESIZE=`` in its VMCOREINFO.

    Raises InputError where a field is invalid or the bitmaps are not completely in the file.
    """
    name = printable(file.path)
    raw = bytes(file.read(0, _HEADER.size))
    if raw[:8] == OLD_MAGIC:
        raise InputError(f"{name}: a diskdump of a 2.6 kernel at offset 0, expected a kdump")
    if len(raw) < _HEADER.size:
        raise InputError(
            f"{name}: kdump header at offset 0: {counted(len(raw), 'byte')}, expected "
            f"{_HEADER.size}"
        )
    _, version, utsname, seconds, *layout = _HEADER.unpack(raw)
    status, block, sub_blocks, bitmap_blocks, pages = layout
    if not 0 <= version <= _MAX_VERSION:
        raise InputError(
            f"{name}: kdump header version {version} at offset 8, expected 0 to {_NEWEST} "
            f"(little endian)"
        )
    if block not in page_sizes():
        raise InputError(
            f"{name}: block size {block} at offset 428, expected one of {page_sizes()}"
        )
    if sub_blocks < 1:
        raise InputError(
            f"{name}: sub header size {sub_blocks} blocks at offset 432, expected at least 1"
        )
    sub = _sub_header(file, min(version, _NEWEST), block, name)
    split, start, end, info_at, info_size = sub[2], sub[3], sub[4], sub[5], sub[6]
    if version >= _NEWEST:
        start, end, pages = sub[11:14]
    bitmap, table = _layout(name, file.size, block, sub_blocks, bitmap_blocks, pages)
    first, stop = 0, min(pages, PHYS_END // block)
    elsewhere: tuple[Range, ...] = ()
    if split:
        if start > end:
            raise InputError(f"{name}: split dump of page frames {start} to {end}")
        whole = [(0, stop * block)]
        first, stop = start, min(end, stop)
        elsewhere = tuple(difference(whole, [(first * block, stop * block)]))
    machine = utsname[_MACHINE].split(b"\0")[0]
    vmcoreinfo = _optional(file, info_at, min(info_size, _MAX_VMCOREINFO))
    return KdumpHeader(
        block_size=block,
        bitmap=bitmap,
        table=table,
        first_pfn=min(first, stop),
        end_pfn=stop,
        arch=_arch_of(machine) or _arch_of_notes(file, sub[7], sub[8]),
        vmcoreinfo=vmcoreinfo,
        page_size=_page_size(block, vmcoreinfo, bool(utsname[0])),
        incomplete=bool(status & INCOMPLETE),
        nodename=printable(utsname[_NODENAME].split(b"\0")[0]),
        seconds=seconds,
        elsewhere=elsewhere,
    )


def _arch_of(machine: bytes) -> str | None:
    return next((a.name for a in ARCHES if a.machine.encode() == machine), None)


def _optional(file: FileBytes, offset: int, size: int) -> bytes:
    """Return optional bytes of the file; empty where it lacks any of them."""
    if not offset or offset + size > file.size:
        return b""
    try:
        return bytes(file.read(offset, size))
    except InputError:  # a gap of a flattened file
        return b""


def _arch_of_notes(file: FileBytes, offset: int, size: int) -> str | None:
    """Return the architecture by the size of the first note, if it is an NT_PRSTATUS.

    Needed for arm64 guests of QEMU, whose machine it gives as "Unknown".
    """
    note = _optional(file, offset, min(size, _NOTE.size))
    if len(note) < _NOTE.size:
        return None
    name_size, desc_size, kind, name = _NOTE.unpack(note)
    if (name_size, kind, name) != (5, 1, b"CORE"):
        return None
    return next((a.name for a in ARCHES if a.prstatus == desc_size), None)


def columns(descriptors: bytes | memoryview) -> tuple[array[int], array[int]]:
    """Return two columns of raw descriptors: offsets; sizes, with the flags in bits 32 to 63."""
    cells = array("Q", bytes(descriptors))
    if sys.byteorder == "big":
        cells.byteswap()
    return cells[0::3], cells[1::3]


def _sub_header(file: FileBytes, version: int, block: int, name: str) -> tuple[int, ...]:
    size = _SUB_SIZES[version]
    raw = bytes(file.read(block, size))
    if len(raw) < size:
        raise InputError(
            f"{name}: kdump sub header at offset {block}: {counted(len(raw), 'byte')}, expected "
            f"{size}"
        )
    return _SUB.unpack(raw.ljust(_SUB.size, b"\0"))


def _layout(
    name: str, file_size: int, block: int, sub_blocks: int, bitmap_blocks: int, pages: int
) -> tuple[int, int]:
    """Return the file offsets of the bitmap of dumped pages and of the descriptors."""
    begin = (1 + sub_blocks) * block
    table = begin + bitmap_blocks * block
    if table > file_size:
        raise InputError(
            f"{name}: the bitmaps ({counted(bitmap_blocks, 'block')} at offset 0x{begin:x}) reach "
            f"past the end of the file ({file_size} bytes)"
        )
    if not pages:
        raise InputError(f"{name}: the kdump header announces no page frames (max_mapnr 0)")
    needed = -(-pages // (8 * block))
    if bitmap_blocks >= 2 * needed:
        if bitmap_blocks % 2:
            raise InputError(
                f"{name}: {counted(bitmap_blocks, 'bitmap block')} at offset 436, expected two "
                "halves"
            )
        return begin + bitmap_blocks // 2 * block, table
    if bitmap_blocks < needed:
        raise InputError(
            f"{name}: {bitmap_blocks} bitmap blocks at offset 436, but {pages} page frames need "
            f"{2 * needed}"
        )
    return begin, table


def _page_size(block: int, vmcoreinfo: bytes, by_kernel: bool) -> int | None:
    match = _PAGESIZE.search(vmcoreinfo)
    if match is not None and int(match[1]) in page_sizes():
        return int(match[1])
    return block if by_kernel or block < _QEMU_BLOCK else None
