"""ELF cores of physical memory: QEMU's, /proc/vmcore, makedumpfile -E, /proc/kcore, and hwpkho's.

Source: System V gABI chapter 5; fs/proc/vmcore.c, fs/proc/kcore.c; QEMU dump/dump.c. Quirks of real
images: e_phoff is not always 64, PN_XNUM moves the count into section header 0, segments are
unsorted and overlap, p_paddr = 2^64 - 1 means that a segment has no physical address, and
p_filesz < p_memsz means that the rest is absent.
"""

from __future__ import annotations

import struct
import sys
from array import array
from typing import TYPE_CHECKING

from hwpkho.abi.elf import MAGIC
from hwpkho.base import sparse
from hwpkho.base.arch import ARCHES, known
from hwpkho.base.counting import counted
from hwpkho.base.escape import printable
from hwpkho.base.ranges import intersection
from hwpkho.codes import problem
from hwpkho.codes.image import TRUNCATED
from hwpkho.errors import InputError
from hwpkho.images.base import ImageFormat
from hwpkho.images.extents import MappedSource

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import BinaryIO

    from hwpkho.codes import Problem
    from hwpkho.images.files import FileBytes

_PT_LOAD, _PT_NOTE = 1, 4
_PN_XNUM = 0xFFFF
_PHDR_SIZE = 56
_NO_PHYS = 0xFFFF_FFFF_FFFF_FFFF
#: The most bytes of notes that are read, of all segments together.
_MAX_NOTES = 4 << 20
#: Up to so many bytes a table of program headers is read without checking for holes.
_SURE = 1 << 20
_PF_RW, _ET_CORE = 6, 4
_TYPES = {
    1: ": an object file or kernel module", 2: ": a program, or a kernel (vmlinux)",
    3: ": a program or library",
}  # fmt: skip
_EHDR = struct.Struct("<4s4B8xHHIQQQIHHHHHH")
_PHDR = struct.Struct("<IIQQQQQQ")
_EHDR_SIZE, _SHDR_SIZE = 64, 64

#: Owner of the note in cores that hwpkho writes; its content is a ``handover.json``.
NOTE_OWNER = b"HWPKHO"
#: Owner of the note of a capture.
CAPTURE_OWNER = b"HWPKHO-CAPTURE"
_NOTE_TYPE = 0

#: ELFCLASS64, also for a core that is written for an unknown architecture.
_CLASS = 2


def sniff(file: FileBytes) -> bool:
    """Tell whether the file begins with the ELF magic."""
    return bytes(file.read(0, 4)) == MAGIC


def is_core(head: bytes) -> bool:
    """Tell whether a file with these first 18 bytes or more is a 64-bit ELF core."""
    return head.startswith(MAGIC) and len(head) >= 18 and head[4] == _CLASS and head[16] == _ET_CORE


def open_elf(file: FileBytes) -> MappedSource:
    """Open an ELF64 core.

    Raises InputError for anything but a 64-bit little-endian core with physical addresses.
    """
    name = printable(file.path)
    head = bytes(file.read(0, 64))
    if len(head) < 64:
        raise InputError(f"{name}: ELF header at offset 0: {counted(len(head), 'byte')}, needs 64")
    if head[4] != _CLASS:
        raise InputError(f"{name}: ELF class {head[4]} at offset 4, expected {_CLASS} (64 bit)")
    if head[5] != 1:
        raise InputError(
            f"{name}: ELF data encoding {head[5]} at offset 5, expected 1 (little endian)"
        )
    kind, machine = struct.unpack_from("<HH", head, 16)
    if kind != 4:
        what = _TYPES.get(kind, "")
        raise InputError(f"{name}: ELF type {kind} at offset 16, expected 4 (core){what}")
    table = _program_headers(file, head, name)
    words = array("Q", table)
    if sys.byteorder == "big":
        words.byteswap()
    # Columns of an Elf64_Phdr: type and flags, offset, vaddr, paddr, filesz, memsz, align.
    kinds = array("I", table)[0::14]
    if sys.byteorder == "big":
        kinds.byteswap()
    offsets, paddrs, sizes = words[1::7], words[3::7], words[4::7]
    problems: list[Problem] = []
    file_size = file.size
    phys, size, offset = array("Q"), array("Q"), array("Q")
    missing = 0
    for i, k in enumerate(kinds):
        n = sizes[i]
        if k != _PT_LOAD or not n or paddrs[i] == _NO_PHYS:
            continue
        at = offsets[i]
        if at + n > file_size:
            missing += at + n - max(at, file_size)
            n = max(0, file_size - at)
            if not n:
                continue
        phys.append(paddrs[i])
        size.append(n)
        offset.append(at)
    if missing:
        problems.append(
            problem(
                TRUNCATED,
                f"{name}: the segments announce {counted(missing, 'byte')} past the end of the "
                f"file ({file_size} bytes)",
            )
        )
    if not phys and not missing:
        raise InputError(f"{name}: this ELF core has no segment with a physical address")
    if len(phys) > 1 and not any(phys):
        raise InputError(f"{name}: all segments have physical address 0: a core of a process?")
    source = MappedSource(name, [file], phys, size, offset)
    source.arch = next((a.name for a in ARCHES if a.elf == (machine, _CLASS)), None)
    source.problems, source.partial = problems, bool(missing)
    left = _MAX_NOTES
    for i, k in enumerate(kinds):
        if k == _PT_NOTE and left:
            data = bytes(file.read(offsets[i], min(sizes[i], left)))
            left -= len(data)
            for owner, desc in _notes(data):
                if owner == b"VMCOREINFO":
                    source.vmcoreinfo = source.vmcoreinfo or desc
                elif owner == NOTE_OWNER:
                    source.handover_note = source.handover_note or desc
                elif owner == CAPTURE_OWNER:
                    source.capture_note = source.capture_note or desc
    return source


def _program_headers(file: FileBytes, head: bytes, name: str) -> bytes:
    (phoff,) = struct.unpack_from("<Q", head, 32)
    (shoff,) = struct.unpack_from("<Q", head, 40)
    phentsize, phnum = struct.unpack_from("<HH", head, 54)
    if phnum == _PN_XNUM:
        section = bytes(file.read(shoff, 64))
        if len(section) == 64 and shoff:
            (phnum,) = struct.unpack_from("<I", section, 44)
    if not phnum:
        raise InputError(f"{name}: ELF core without program headers")
    if phentsize != _PHDR_SIZE:
        raise InputError(f"{name}: program header size {phentsize} at offset 54, expected 56")
    size = phnum * _PHDR_SIZE
    if phoff + size > file.size:
        where = f"at offset 0x{phoff:x}"
        said = counted(phnum, f"program header {where} reaches", f"program headers {where} reach")
        raise InputError(f"{name}: {said} past the end of the file ({file.size} bytes)")
    if size > _SURE:
        spans = intersection([(phoff, phoff + size)], file.data_ranges())
        held = sum(end - start for start, end in spans)
        if held < size // 2:  # a hole costs the input nothing, but each header costs us memory
            raise InputError(
                f"{name}: {phnum} program headers at offset 0x{phoff:x} are a hole of the file: "
                f"{held} of {size} bytes are written"
            )
    table = bytes(file.read(phoff, size))
    if len(table) < size:
        raise InputError(f"{name}: program headers at offset 0x{phoff:x} cannot be read")
    return table


def _notes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + 12 <= len(data):
        n_name, n_desc, _ = struct.unpack_from("<III", data, at)
        at += 12
        desc = at + ((n_name + 3) & ~3)
        end = desc + n_desc
        if end > len(data):
            return
        yield data[at : at + n_name].rstrip(b"\0"), data[desc:end]
        at = (end + 3) & ~3


def write_core(
    out: BinaryIO,
    extents: Sequence[tuple[int, Sequence[bytes | memoryview]]],
    *,
    page_size: int,
    arch: str | None,
    note: bytes,
    owner: bytes = NOTE_OWNER,
) -> None:
    """Write an ELF64 core of ``extents``: ascending, disjoint ``(phys, parts)`` of whole pages.

    ``page_size`` in bytes; ``arch`` is a name of ``ARCHES``, None for an unknown one; ``note`` is
    the content of a note owned by ``owner`` (:data:`NOTE_OWNER` or :data:`CAPTURE_OWNER`). There is
    no VMCOREINFO note: readers such as drgn take it as proof of a whole kernel image. Virtual
    addresses equal the physical ones, so that a debugger can read by either.
    """
    row = known(arch)
    machine, bits = row.elf if row else (0, _CLASS)
    owner += b"\0"
    notes = struct.pack("<III", len(owner), len(note), _NOTE_TYPE)
    notes += owner + bytes(-len(owner) % 4) + note + bytes(-len(note) % 4)
    count = 1 + len(extents)
    many = count >= _PN_XNUM
    table = _EHDR_SIZE + many * _SHDR_SIZE
    at = table + count * _PHDR_SIZE
    headers = [_PHDR.pack(_PT_NOTE, 0, at, 0, 0, len(notes), len(notes), 4)]
    data = (at + len(notes) + page_size - 1) & ~(page_size - 1)
    for phys, parts in extents:
        size = sum(len(p) for p in parts)
        headers.append(_PHDR.pack(_PT_LOAD, _PF_RW, data, phys, phys, size, size, page_size))
        data += size
    out.write(
        _EHDR.pack(
            MAGIC, bits, 1, 1, 0, _ET_CORE, machine, 1, 0, table, _EHDR_SIZE * many, 0, _EHDR_SIZE,
            _PHDR_SIZE, min(count, _PN_XNUM), _SHDR_SIZE * many, int(many), 0,
        )
    )  # fmt: skip
    if many:  # the real count is in sh_info of section header 0
        out.write(struct.pack("<IIQQQQIIQQ", 0, 0, 0, 0, 0, 0, 0, count, 0, 0))
    out.write(b"".join(headers))
    out.write(notes)
    out.write(bytes(-(at + len(notes)) % page_size))
    sparse.write(out, (part for _, parts in extents for part in parts))


FORMAT = ImageFormat("elf", "ELF core", (MAGIC,), open_elf, is_core)
