"""Finds in memory what the boot loader passed to the running kernel about a handover.

x86: setup_data of type 10, in the list that starts in the zero page (boot_params.hdr.setup_data,
Documentation/arch/x86/boot.rst). Device-tree machines: /chosen linux,kho-fdt and
linux,kho-scratch (drivers/of/fdt.c early_init_dt_check_kho).
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.abi import fdt
from hwpkho.abi.boot_params import HEADER, HEADER_MAGIC, SETUP_DATA
from hwpkho.abi.setup_data import KHO_DATA_SIZE, SETUP_DATA_SIZE, SETUP_KEXEC_KHO, KhoData
from hwpkho.base.arch import known
from hwpkho.errors import InputError
from hwpkho.handover import scratch
from hwpkho.images.base import MIN_PAGE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hwpkho.images.base import Source

_KERNEL_MAP = 0xFFFFFFFF80000000
#: Bytes from _stext on that are searched: boot_params is in the kernel image's data.
_KERNEL_SPAN = 64 << 20
#: An image of up to so many bytes is searched completely.
_SMALL_IMAGE = 64 << 20
_PIECE = 1 << 20
_MAX_CHAIN = 64
#: How VMCOREINFO begins in memory (kernel/vmcore_info.c): in a page of its own. Those of kernels
#: that ran before may still be there.
VMCOREINFO = b"OSRELEAS"
_MAX_NOTES = 8
#: A kernel keeps a handful of copies of boot_params.
_MAX_BOOT_PARAMS = 1024
#: The most bytes of one device tree, and of all that are looked at.
_MAX_DTB = 2 << 20
_MAX_DTB_BYTES = 16 << 20
#: Limits for distinct device trees that pass on a handover: bytes of all, depth and nodes of each.
#: A running kernel has two of them, and those of the largest boards have less than half of this.
_MAX_PARSED, _DTB_LIMITS = 2 << 20, (64, 1 << 15)


class BootHandover(NamedTuple):
    """What a boot loader passed on: physical addresses and sizes, bytes.

    ``fdt_size`` is None where unknown. ``booted`` is False where it may be meant for the next
    kernel, which kexec has loaded but not started.
    """

    fdt_addr: int
    scratch_addr: int
    scratch_size: int
    fdt_size: int | None = None
    booted: bool = True


def by_setup_data(arch: str | None) -> bool:
    """Tell whether boot loaders of ``arch`` use setup_data; True where it is None or unknown."""
    row = known(arch)
    return row is None or row.boot == "setup_data"


def from_setup_data(source: Source, notes: Sequence[int] = ()) -> Iterator[BootHandover]:
    """Yield the handovers in x86 setup_data, found through copies of boot_params.

    ``notes`` are physical addresses of pages that begin like a kernel's VMCOREINFO, for an image
    without such a note of its own.
    """
    visited: set[int] = set()
    places = (
        hdrs
        for start, size in _where_to_look(source, notes)
        for hdrs in _find(source, start, size, HEADER_MAGIC)
        if hdrs >= HEADER
    )
    for hdrs in islice(places, _MAX_BOOT_PARAMS):
        header = source.look(hdrs, SETUP_DATA + 8 - HEADER)
        if header is not None:
            yield from _setup_chain(source, int.from_bytes(header[-8:], "little"), visited)


def _where_to_look(source: Source, notes: Sequence[int]) -> Iterator[tuple[int, int]]:
    if sum(size for _, size in source.extents()) <= _SMALL_IMAGE:
        yield from source.extents()
        return
    texts = [source.vmcoreinfo] if source.vmcoreinfo else []
    texts += [bytes(source.peek(at, MIN_PAGE) or b"") for at in notes[:_MAX_NOTES]]
    for first in sorted({at for text in texts if (at := _kernel_at(text)) is not None}):
        for start, size in source.extents():
            low, high = max(start, first), min(start + size, first + _KERNEL_SPAN)
            if low < high:
                yield low, high - low


def release(source: Source, notes: Sequence[int] = ()) -> str | None:
    """Return the release of the Linux kernel whose memory this is, None where unknown.

    It comes from VMCOREINFO. ``notes`` as for :func:`from_setup_data`; where there are none, memory
    is searched.
    """
    texts = [source.vmcoreinfo] if source.vmcoreinfo else []
    places = islice(notes or source.find_pages(VMCOREINFO), _MAX_NOTES)
    texts += [bytes(source.peek(at, MIN_PAGE) or b"") for at in places]
    for text in texts:
        found = re.search(rb"^OSRELEASE=([!-~]{1,64})$", text, re.MULTILINE)
        if found:
            return found[1].decode("ascii")
    return None


def _kernel_at(vmcoreinfo: bytes) -> int | None:
    """Return the physical address of _stext, None where it is unknown."""
    stext = re.search(rb"^SYMBOL\(_stext\)=([0-9a-f]{1,16})$", vmcoreinfo, re.MULTILINE)
    base = re.search(rb"^NUMBER\(phys_base\)=(-?[0-9]{1,20})$", vmcoreinfo, re.MULTILINE)
    if stext is None or base is None:
        return None
    return int(stext[1], 16) - _KERNEL_MAP + int(base[1])


def _find(source: Source, start: int, size: int, what: bytes, step: int = _PIECE) -> Iterator[int]:
    """Yield the physical addresses of ``what`` in a present range, reading ``step`` bytes each."""
    for at in range(start, start + size, step):
        length = min(step + len(what) - 1, start + size - at)
        try:
            piece = source.peek(at, length)
        except InputError:  # two images differ here: what decides is compared where it is read
            piece = None
        if piece is None:  # a part of it: search page by page
            if step > MIN_PAGE:
                yield from _find(source, at, min(step, start + size - at), what, MIN_PAGE)
            continue
        data = bytes(piece)
        hit = data.find(what)
        while hit >= 0:
            yield at + hit
            hit = data.find(what, hit + 1)


def _setup_chain(source: Source, at: int, visited: set[int]) -> Iterator[BootHandover]:
    """Yield the handovers of the setup_data list at ``at``; an entry in ``visited`` ends it."""
    for _ in range(_MAX_CHAIN):
        if not at or at in visited:
            return
        visited.add(at)
        head = source.look(at, SETUP_DATA_SIZE)
        if head is None:
            return
        following = int.from_bytes(head[:8], "little")
        kind = int.from_bytes(head[8:12], "little")
        size = int.from_bytes(head[12:16], "little")
        if kind == SETUP_KEXEC_KHO and size >= KHO_DATA_SIZE:
            payload = source.look(at + SETUP_DATA_SIZE, KHO_DATA_SIZE)
            if payload is not None:
                data = KhoData.parse(payload)
                yield BootHandover(
                    data.fdt_addr, data.scratch_addr, data.scratch_size, data.fdt_size
                )
        at = following


def from_device_trees(source: Source, magics: Iterable[tuple[int, int]]) -> list[BootHandover]:
    """Return the handovers in /chosen of the device trees at ``magics``, ``(phys, totalsize)``.

    Both are in bytes. kexec moves the next kernel's device tree into scratch
    (kho_locate_mem_hole()) only when it jumps; before, the tree is in pages outside scratch. So a
    tree in scratch is that of a kernel that has started. A tree of another boot loader is outside
    scratch as well, and counts as ``booted`` only where there is no other tree.
    """
    budget, parsed = _MAX_DTB_BYTES, _MAX_PARSED
    seen: set[bytes] = set()
    found: list[tuple[int, BootHandover]] = []
    others: list[tuple[int, int]] = []
    for at, total in magics:
        if total > _MAX_DTB or total > budget:
            continue
        data = source.peek(at, total)
        if data is None:
            continue
        budget -= total
        blob = bytes(data)
        if b"linux,kho-fdt\0" not in blob:
            if b"chosen\0" in blob and b"#address-cells\0" in blob:
                others.append((at, total))
            continue
        if blob in seen or total > parsed:
            continue
        parsed -= total
        seen.add(blob)
        source.look(at, total)  # a capture must keep this one
        try:
            tree = fdt.parse(blob, _DTB_LIMITS)
        except InputError:
            continue
        boot = from_chosen(tree)
        if boot:
            found.append((at, boot))
    in_scratch = [_in_scratch(source, at, boot) for at, boot in found]
    alone = not any(in_scratch) and not others
    if found and not any(in_scratch) and others:
        source.look(*others[0])  # and this one, as it decides about ``booted``
    return [
        b._replace(booted=here or alone) for (_, b), here in zip(found, in_scratch, strict=True)
    ]


def _in_scratch(source: Source, at: int, boot: BootHandover) -> bool:
    areas = scratch.read(source.look, boot.scratch_addr, boot.scratch_size).areas or ()
    return any(start <= at < start + size for start, size in areas)


def from_chosen(tree: fdt.Tree) -> BootHandover | None:
    """Return the handover in /chosen of a device tree, None where there is none."""
    node = tree.root.find("chosen")
    if node is None:
        return None
    root_fdt = _cells(tree, node.get("linux,kho-fdt"))
    areas = _cells(tree, node.get("linux,kho-scratch"))
    if root_fdt is None or areas is None:
        return None
    return BootHandover(root_fdt[0], *areas, root_fdt[1])


def _cells(tree: fdt.Tree, value: bytes | None) -> tuple[int, int] | None:
    found = (tree.root.get(name) for name in ("#address-cells", "#size-cells"))
    address, size = (int.from_bytes(x, "big") if x else fdt.DEFAULT_CELLS for x in found)
    if value is None or not 1 <= address <= 2 or not 1 <= size <= 2:
        return None
    if len(value) != 4 * (address + size):
        return None
    return int.from_bytes(value[: 4 * address], "big"), int.from_bytes(value[4 * address :], "big")
