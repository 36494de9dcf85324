"""Memory in a device tree, as Linux reads it; and the compiled tree (dtb) as a form.

Source: drivers/of/fdt.c (early_init_dt_scan_memory, early_init_dt_check_for_usable_mem_range),
drivers/of/of_reserved_mem.c (fdt_scan_reserved_mem_reg_nodes), drivers/firmware/efi/efi-init.c
(reserve_regions drops all memory nodes); Devicetree Specification v0.4 chapters 3 and 5.
"""

from __future__ import annotations

import re
from itertools import chain, islice
from typing import TYPE_CHECKING

from hwpkho.abi import fdt
from hwpkho.base.addresses import PHYS_END
from hwpkho.base.counting import counted
from hwpkho.base.escape import printable
from hwpkho.base.ranges import holding, union
from hwpkho.codes import problem
from hwpkho.codes.memmap_view import (
    DT_NO_MEMORY,
    DT_ODD,
    DT_PLACED_AT_BOOT,
    DT_RESERVATIONS_IGNORED,
    DT_UEFI,
)
from hwpkho.errors import InputError
from hwpkho.memmap.formats.base import FileForm
from hwpkho.memmap.model import Entry
from hwpkho.memmap.table import Table
from hwpkho.memmap.tables import MAX_ENTRIES, MAX_PROBLEMS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from hwpkho.codes import Problem

#: Largest tree read, bytes: board trees have some 200 KiB, QEMU's are padded to 1 MiB.
MAX_SIZE = 64 << 20

_MAX_CELLS = 4

#: linux,usable-memory-range: one range, or a high and a low one (MAX_USABLE_RANGES).
_MAX_USABLE_RANGES = 2

#: Processors by their compatible. Of ARM's Cortex-A the one-digit ones, A12, A15, A17 and A32 are
#: 32 bit, all others 64.
_CPU_ARCH = (
    (re.compile(r"riscv"), "riscv64"),
    (re.compile(r"loongson,la"), "loongarch64"),
    (re.compile(r"arm,cortex-(a3[45]|a[5-9][0-9]|a[0-9]{3}|x[0-9])"), "arm64"),
    (re.compile(r"arm,(armv8|neoverse-)"), "arm64"),
    (re.compile(r"nvidia,(tegra[0-9]+-)?(denver|carmel)|qcom,(kryo|oryon|falkor)"), "arm64"),
    (re.compile(r"apple,|cavium,thunder|apm,|ampere,|brcm,(vulcan|brahma-b53)|fujitsu,"), "arm64"),
    (re.compile(r"arm,(cortex-a|arm[0-9])"), "arm"),
)
_ARM64_DEVICES = frozenset(("arm,armv8-timer", "arm,armv8-pmuv3"))


class Unresolved(bytes):
    """A property whose value cannot be computed from the source; empty as bytes.

    Attributes:
        where: Line and reason, for the message if the value is needed.
    """

    where: str

    @classmethod
    def at(cls, where: str) -> Unresolved:
        """Return one with its reason."""
        value = cls()
        value.where = where
        return value


def memory_maps(tree: fdt.Tree, shown: str, hint: str = "") -> list[Table]:
    """Return the maps of a tree: ``devicetree``, then its reservations and its limit.

    ``shown`` is the input's name, ``hint`` is added to the message if nothing is found; both
    printable. Raises InputError where a needed value is damaged or beyond 64 bits, and where the
    tree has nothing about memory.
    """
    return _Reader(tree, shown, hint).read()


class _Reader:
    def __init__(self, tree: fdt.Tree, shown: str, hint: str) -> None:
        self.tree, self.root, self.shown, self.hint = tree, tree.root, shown, hint
        self.problems: list[Problem] = []
        self.address_cells = self._cells(self.root, "#address-cells")
        self.size_cells = self._cells(self.root, "#size-cells")

    def read(self) -> list[Table]:
        reserved = self._reserved()
        no_map = [(e.start, e.end) for e in reserved if "no-map" in e.attributes]
        cover = _Cover(no_map)
        memory = [self._marked(e, cover) for e in self._bounded(self._memory())]
        memreserve = self._bounded(self._memreserve())
        chosen = self.root.find("chosen")
        usable = self._usable_ranges(chosen) if chosen else []
        efi_map = self._uefi(chosen) if chosen else None
        if not memory and not reserved and not memreserve and not usable:
            raise InputError(f"{self.shown}: {self._nothing(efi_map)}")
        if not memory and efi_map is None:
            message = "no memory node with a size: only reservations can be shown"
            self.problems.append(problem(DT_NO_MEMORY, message))
        arch = architecture(self.root)
        maps = [Table("devicetree", memory, arch=arch, problems=self.problems)]
        for name, entries in (
            ("reserved_memory", reserved),
            ("memreserve", memreserve),
            ("usable_memory_range", usable),
        ):
            if entries:
                maps.append(Table(name, entries, arch=arch))
        return maps

    def _bounded(self, entries: Iterator[Entry]) -> list[Entry]:
        """Return entries. Raises InputError for more than the map of any machine has."""
        found = list(islice(entries, MAX_ENTRIES + 1))
        if len(found) > MAX_ENTRIES:
            raise InputError(
                f"{self.shown}: more than {MAX_ENTRIES} ranges, too many for a memory map"
            )
        return found

    def _nothing(self, efi_map: str | None) -> str:
        if efi_map:
            return f"device tree: no memory node with a size; {efi_map}: give that map instead"
        return "device tree: no memory node with a size" + (
            self.hint
            or " (the boot loader fills it in): copy /sys/firmware/fdt from the running machine"
        )

    # Values

    def _value(self, node: fdt.Node, name: str) -> bytes | None:
        value = node.get(name)
        if isinstance(value, Unresolved):
            raise InputError(f"{self.shown}: {value.where} ({self._path(node)}, {name})")
        return value

    def _path(self, node: fdt.Node) -> str:
        return f"node {printable(node.name)}" if node.name else "root node"

    def _cells(self, node: fdt.Node, name: str) -> int:
        value = self._value(node, name)
        if value is None:
            return fdt.DEFAULT_CELLS
        if len(value) < 4:
            raise InputError(
                f"{self.shown}: {name} of the root has {counted(len(value), 'byte')}, needs 4"
            )
        cells = int.from_bytes(value[:4], "big")
        if cells > _MAX_CELLS:
            raise InputError(f"{self.shown}: {name} of the root is {cells}, at most {_MAX_CELLS}")
        return cells

    def _ranges(self, node: fdt.Node, name: str, value: bytes) -> Iterator[tuple[int, int]]:
        """Yield ``(address, size)`` in root cells; trailing bytes are reported, not read."""
        address, size = 4 * self.address_cells, 4 * self.size_cells
        step = address + size
        if not address or not size:
            raise InputError(
                f"{self.shown}: {self._path(node)}: {name} needs addresses and sizes, but the root "
                f"has #address-cells {self.address_cells} and #size-cells {self.size_cells}"
            )
        for at in range(0, len(value) - step + 1, step):
            start = int.from_bytes(value[at : at + address], "big")
            length = int.from_bytes(value[at + address : at + step], "big")
            if start + length > PHYS_END:
                raise InputError(
                    f"{self.shown}: {self._path(node)}: {name}: 0x{length:x} bytes from "
                    f"0x{start:x} reach past 2^64"
                )
            yield start, length
        if len(value) % step:
            self._odd(
                node, f"{name} has {counted(len(value) % step, 'byte')} after the last whole range"
            )

    def _odd(self, node: fdt.Node, what: str) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(problem(DT_ODD, f"{self._path(node)}: {what}"))

    def _available(self, node: fdt.Node) -> bool:
        status = self._value(node, "status")
        return status is None or status.rstrip(b"\0") in (b"okay", b"ok")

    # Memory

    def _memory(self) -> Iterator[Entry]:
        for node in self.root.children:
            named = node.name.split("@", 1)[0] == "memory"
            if (self._value(node, "device_type") or b"").rstrip(b"\0") != b"memory":
                if named:
                    self._odd(node, 'has no device_type "memory": the kernel ignores it')
                continue
            if not self._available(node):
                self._odd(node, "is disabled by its status: its RAM is not used")
                continue
            name = "linux,usable-memory"
            value = self._value(node, name)
            if value is None:
                name = "reg"
                value = self._value(node, name)
            if value is None:
                continue
            attributes: dict[str, object] = {"node": printable(node.name)}
            if name != "reg":
                attributes["property"] = name
            if (numa := self._value(node, "numa-node-id")) is not None and len(numa) >= 4:
                attributes["numa-node-id"] = int.from_bytes(numa[:4], "big")
            if node.get("hotpluggable") is not None:
                attributes["hotpluggable"] = True
            for start, size in self._ranges(node, name, value):
                if size:
                    yield Entry(start, start + size - 1, "memory", attributes)

    @staticmethod
    def _marked(entry: Entry, no_map: _Cover) -> Entry:
        if no_map.holds(entry.start, entry.end):
            return Entry(entry.start, entry.end, entry.type, {**entry.attributes, "no-map": True})
        return entry

    def _reserved(self) -> list[Entry]:
        parent = self.root.find("reserved-memory")
        if parent is None or not parent.children:
            return []
        own = tuple(self._value(parent, n) for n in ("#address-cells", "#size-cells"))
        wanted = tuple(n.to_bytes(4, "big") for n in (self.address_cells, self.size_cells))
        if own != wanted or parent.get("ranges") is None:
            message = (
                f"/reserved-memory with {counted(len(parent.children), 'node')}: it needs ranges "
                f"and the root's #address-cells {self.address_cells} and #size-cells "
                f"{self.size_cells}"
            )
            self.problems.append(problem(DT_RESERVATIONS_IGNORED, message))
            return []
        available = filter(self._available, parent.children)
        return self._bounded(chain.from_iterable(map(self._reservation, available)))

    def _reservation(self, node: fdt.Node) -> Iterator[Entry]:
        value = self._value(node, "reg")
        attributes: dict[str, object] = {"node": printable(node.name)}
        for flag in ("no-map", "reusable"):
            if node.get(flag) is not None:
                attributes[flag] = True
        compatible = _strings(self._value(node, "compatible") or b"")
        if compatible:
            attributes["compatible"] = printable(compatible[0])
        if value is None:
            wanted = self._value(node, "size")
            if wanted is not None and len(wanted) == 4 * self.size_cells:
                what = f"{printable(node.name)}: 0x{int.from_bytes(wanted, 'big'):x} bytes"
                lent = ", reusable" if "reusable" in attributes else ""
                if len(self.problems) < MAX_PROBLEMS:
                    self.problems.append(problem(DT_PLACED_AT_BOOT, f"{what} placed at boot{lent}"))
            return
        step = 4 * (self.address_cells + self.size_cells)
        if step and len(value) % step:
            self._odd(
                node, f"reg has {counted(len(value), 'byte')}, not a multiple of {step}: ignored"
            )
            return
        count = len(value) // step if step else 0
        if count > 1:
            self._odd(node, f"the kernel reserves only the first of {count} ranges")
        for start, size in self._ranges(node, "reg", value[:step]):
            if size:
                yield Entry(start, start + size - 1, "reserved_memory", attributes)

    def _memreserve(self) -> Iterator[Entry]:
        for start, size in self.tree.reserve:
            if not size:
                break  # as the kernel: it stops at the first size 0
            if start + size > PHYS_END:
                raise InputError(
                    f"{self.shown}: memory reservation: 0x{size:x} bytes from 0x{start:x} reach "
                    "past 2^64"
                )
            yield Entry(start, start + size - 1, "memreserve")

    # /chosen

    def _usable_ranges(self, chosen: fdt.Node) -> list[Entry]:
        name = "linux,usable-memory-range"
        value = self._value(chosen, name)
        if value is None:
            return []
        ranges = list(islice(self._ranges(chosen, name, value), _MAX_USABLE_RANGES + 1))
        if len(ranges) > _MAX_USABLE_RANGES:
            self._odd(chosen, f"{name}: only the first {_MAX_USABLE_RANGES} ranges count")
        return [Entry(a, a + n - 1, "memory") for a, n in ranges[:_MAX_USABLE_RANGES] if n]

    def _uefi(self, chosen: fdt.Node) -> str | None:
        start, size = (self._value(chosen, f"linux,uefi-mmap-{word}") for word in ("start", "size"))
        if start is None or size is None:
            return None
        address, length = int.from_bytes(start[:8], "big"), int.from_bytes(size[:8], "big")
        text = f"Linux takes its RAM from the EFI map at 0x{address:x} (0x{length:x} bytes)"
        self.problems.append(problem(DT_UEFI, text, address))
        return text


class _Cover:
    """The union of ranges (first byte, last byte), to ask whether it contains another range."""

    def __init__(self, ranges: Sequence[tuple[int, int]]) -> None:
        self._ranges = union((start, end + 1) for start, end in ranges)

    def holds(self, start: int, end: int) -> bool:
        """Tell whether every byte from ``start`` to ``end`` (inclusive) is in one of the ranges."""
        found = holding(self._ranges, start)
        return found is not None and end < found[1]


def architecture(root: fdt.Node) -> str | None:
    """Return the architecture by the processors, timer or firmware of a tree, None if unknown."""
    cpus = root.find("cpus")
    for node in cpus.children if cpus else ():
        for text in _strings(node.get("compatible") or b""):
            for pattern, arch in _CPU_ARCH:
                if pattern.match(text):
                    return arch
        if node.get("riscv,isa") is not None or node.get("riscv,isa-base") is not None:
            return "riscv64"
    for node in root.children:
        if _ARM64_DEVICES.intersection(_strings(node.get("compatible") or b"")):
            return "arm64"
    return None


def _strings(value: bytes) -> list[str]:
    return [part.decode("latin-1") for part in value.split(b"\0") if part]


class DeviceTree(FileForm):
    """A compiled device tree."""

    name = "devicetree"
    about = "a device tree blob: /sys/firmware/fdt, a board's .dtb, QEMU's -machine dumpdtb="
    enough = MAX_SIZE

    def sniff(self, _path: Path, head: bytes) -> bool:
        """See :meth:`FileForm.sniff`; structures of a handover are FDTs, too."""
        if fdt.totalsize(head) is None:
            return False
        from hwpkho.abi import kho  # only for an FDT

        return not kho.is_structure(head)

    def read(self, path: Path, data: memoryview) -> Sequence[Table]:
        """See :meth:`FileForm.read`."""
        shown = printable(str(path))
        if (fdt.totalsize(data) or 0) > MAX_SIZE:
            raise InputError(f"{shown}: a device tree of more than {MAX_SIZE >> 20} MiB")
        try:
            tree = fdt.parse(data, fdt.DTB_LIMITS)
        except InputError as error:
            raise InputError(f"{shown}: {error}") from error
        if tree.error:
            raise InputError(f"{shown}: device tree: {tree.error}")
        return memory_maps(tree, shown)
