"""Flattened device trees: a strict reader that sees what the kernel's libfdt sees, and a writer.

Source: Devicetree Specification v0.4 chapter 5; libfdt (scripts/dtc/libfdt) for what it tolerates:
NOP tokens anywhere; of two equal names it takes the first; it sees properties only before the first
child; and damage further down does not hide what was found above it. Property values are kept as
bytes: KHO stores native-endian integers in them, which a reader cannot tell from cells.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.base.counting import counted
from hwpkho.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAGIC = b"\xd0\x0d\xfe\xed"
HEADER_SIZE = 40
#: libfdt refuses a tree at any other address (fdt_ro_probe_(), fdt_check_header()), bytes.
ALIGNMENT = 8
#: What Linux assumes where a root has no #address-cells or #size-cells (OF_ROOT_NODE_*_DEFAULT in
#: include/linux/of.h); libfdt assumes 2 for the first.
DEFAULT_CELLS = 1
_HEADER = struct.Struct(">10I")
_WORD = struct.Struct(">I")
_PAIR = struct.Struct(">II")
_RESERVE = struct.Struct(">QQ")

_BEGIN_NODE, _END_NODE, _PROP, _NOP, _END = 1, 2, 3, 4, 9

#: The oldest version that libfdt accepts; and the first whose node names are not full paths and
#: whose values of 8 bytes and more are not aligned to 8.
_OLDEST, _PLAIN = 2, 16

#: ``(depth, nodes)``: limits for the trees that a kernel makes for KHO, and for boards' dtbs.
KHO_LIMITS = (8, 4096)
DTB_LIMITS = (64, 200_000)


class Property(NamedTuple):
    """One property: name, raw value, and the value's offset in the blob, bytes."""

    name: str
    value: bytes
    offset: int


@dataclass(slots=True)
class Node:
    """One node; ``offset`` is that of its BEGIN_NODE token in the blob, bytes."""

    name: str
    offset: int = 0
    properties: list[Property] = field(default_factory=list)
    children: list[Node] = field(default_factory=list)

    def get(self, name: str) -> bytes | None:
        """Return the value of the first property called ``name``, or None."""
        return next((p.value for p in self.properties if p.name == name), None)

    def find(self, name: str) -> Node | None:
        """Return the child that libfdt finds for ``name``: the first called that or ``name@unit``.

        None where there is none.
        """
        for child in self.children:
            if child.name == name:
                return child
            if "@" not in name and child.name.split("@", 1)[0] == name:
                return child
        return None

    def walk(self) -> Iterator[tuple[str, Node]]:
        """Yield ``(path, node)`` of this node and its descendants, parents first."""
        stack = [("/" if not self.name else self.name, self)]
        while stack:
            path, node = stack.pop()
            yield path, node
            base = path.rstrip("/")
            stack.extend((f"{base}/{c.name}", c) for c in reversed(node.children))


class Tree(NamedTuple):
    """A tree as libfdt sees it.

    Attributes:
        root: The root node.
        totalsize: As in the header, bytes.
        version: As in the header.
        boot_cpuid: As in the header.
        reserve: The memory reservations, ``(address, size)`` in bytes.
        strings: The raw strings block.
        header: The ten words of the header, in order.
        error: The first damage, None for a sound tree. ``root`` has what precedes it.
        late: Number of properties that come after a child of their node: libfdt does not see them,
            and ``root`` lacks them.
        missing: How many of the ``totalsize`` bytes the blob lacks; they belong neither to the
            structure nor to the strings block.
    """

    root: Node
    totalsize: int
    version: int
    boot_cpuid: int
    reserve: list[tuple[int, int]]
    strings: bytes
    header: tuple[int, ...]
    error: str | None = None
    late: int = 0
    missing: int = 0


def totalsize(head: bytes | memoryview) -> int | None:
    """Return the header's totalsize (bytes), None where ``head`` is not an FDT header."""
    if len(head) < 8 or bytes(head[:4]) != MAGIC:
        return None
    return int(_WORD.unpack_from(head, 4)[0])


def parse(blob: bytes | memoryview, limits: tuple[int, int] = KHO_LIMITS) -> Tree:
    """Read the tree in ``blob``, which may be longer than the tree.

    ``limits`` are the greatest depth and the greatest number of nodes and of memory reservations.
    Raises InputError where libfdt would refuse the header, or ``blob`` ends inside the structure or
    strings block. Damage inside the structure or reservation block is in :attr:`Tree.error`.
    """
    if len(blob) < HEADER_SIZE:
        raise InputError(f"FDT header: {counted(len(blob), 'byte')}, needs {HEADER_SIZE}")
    header: tuple[int, ...] = _HEADER.unpack_from(blob, 0)
    magic, total, off_struct, off_strings, off_reserve, version, last, cpu, n_strings, n_struct = (
        header
    )
    if magic != 0xD00DFEED:
        raise InputError(f"FDT header: magic 0x{magic:08x}, expected 0xd00dfeed")
    if not _OLDEST <= version >= last or last > 17:
        raise InputError(f"FDT header: version {version} (last compatible {last}), expected 17")
    head = HEADER_SIZE if version >= 17 else 36 if version > _OLDEST else 32
    if total < head or total >= 0x7FFFFFFF:
        raise InputError(f"FDT header: totalsize {total} is impossible")
    if version < 17:
        n_struct = total - off_struct if off_struct <= total else 0
    for name, start, size in (
        ("memory reservation", off_reserve, 0),
        ("structure", off_struct, n_struct),
        ("strings", off_strings, n_strings),
    ):
        if start < head or start + size > total:
            raise InputError(
                f"FDT header: {name} block {start}+{size} lies outside totalsize {total}"
            )
    if off_struct % 4 or off_reserve % 8:
        raise InputError("FDT header: structure or reservation block is not aligned")
    data = bytes(blob[:total])
    if len(data) < max(off_struct + n_struct, off_strings + n_strings):
        raise InputError(f"FDT: totalsize {total}, but only {len(data)} bytes are there")
    if version < 17:  # libfdt checks the size of the strings block but reads on to the end
        n_strings = total - off_strings
    strings = data[off_strings : off_strings + n_strings]
    root, reserve = Node(""), list[tuple[int, int]]()
    no_end = _read_reserve(data, off_reserve, reserve, limits[1])
    reader = _Reader(data, off_struct, off_struct + n_struct, strings, limits, version)
    error = reader.read(root) or reader.odd or no_end
    missing = total - len(data)
    return Tree(root, total, version, cpu, reserve, strings, header, error, reader.late, missing)


def _read_reserve(data: bytes, at: int, out: list[tuple[int, int]], most: int) -> str | None:
    while at + 16 <= len(data):
        entry = _RESERVE.unpack_from(data, at)
        if entry == (0, 0):
            return None
        if len(out) >= most:
            return f"more than {most} memory reservations"
        out.append(entry)
        at += 16
    return "memory reservation block has no end"


class _Reader:
    """Reads the structure block in one pass, without recursion.

    ``odd`` is a message on the first damage that libfdt skips, ``late`` as in :class:`Tree`.
    """

    def __init__(
        self,
        data: bytes,
        start: int,
        end: int,
        strings: bytes,
        limits: tuple[int, int],
        version: int,
    ) -> None:
        self.data, self.start, self.at, self.end, self.strings = data, start, start, end, strings
        self.max_depth, self.max_nodes = limits
        self.old, self.version = version < _PLAIN, version
        self.names: dict[int, str | None] = {}
        self.odd: str | None = None
        self.late = 0

    def read(self, root: Node) -> str | None:
        """Fill ``root``; return a message on what ended the reading early, or None."""
        stack: list[Node] = []
        nodes = 0
        data, end = self.data, self.end
        while True:
            at = self.at
            if at + 4 > end:
                return f"structure block ends at offset 0x{at:x} without END"
            (token,) = _WORD.unpack_from(data, at)
            self.at = at + 4
            if not nodes and token != _BEGIN_NODE:
                # libfdt looks for the root at the very first token: not even a NOP may precede it.
                return f"structure block at offset 0x{at:x} does not begin with a node"
            if token == _NOP:
                continue
            if token == _BEGIN_NODE:
                nodes += 1
                if nodes > self.max_nodes or len(stack) >= self.max_depth:
                    return f"more than {self.max_nodes} nodes or {self.max_depth} levels"
                name = self._name()
                if name is None:
                    return f"node name at offset 0x{at + 4:x} has no end"
                if stack:
                    node = Node(name, at)
                    stack[-1].children.append(node)
                elif nodes == 1:
                    node = root
                    node.offset = at
                else:
                    return f"second root node at offset 0x{at:x}"
                stack.append(node)
            elif token == _PROP:
                if not stack:
                    return f"property outside any node at offset 0x{at:x}"
                error = self._property(stack[-1], at)
                if error:
                    return error
            elif token == _END_NODE:
                if not stack:
                    return f"END_NODE without a node at offset 0x{at:x}"
                stack.pop()
            elif token == _END:
                if stack or not nodes:
                    return f"END inside a node at offset 0x{at:x}"
                return None
            else:
                return f"unknown token 0x{token:x} at offset 0x{at:x}"

    def _name(self) -> str | None:
        end = self.data.find(b"\0", self.at, self.end)
        if end < 0:
            return None
        name = self.data[self.at : end].decode("latin-1")
        if self.old and "/" not in name:
            where = f"name at offset 0x{self.at:x}: version {self.version} needs a path"
            self.odd = self.odd or f"node {where}"
        self.at = (end + 4) & ~3
        return name if not self.old else name.rpartition("/")[2] if "/" in name else "\0"

    def _property(self, node: Node, at: int) -> str | None:
        if self.at + 8 > self.end:
            return f"property at offset 0x{at:x} is cut off"
        size, nameoff = _PAIR.unpack_from(self.data, self.at)
        start = self.at + 8
        if self.old and size >= 8 and (start - self.start) % 8:
            start += 4
        if start + size > self.end:
            said = counted(size, "byte reaches", "bytes reach")
            return f"property at offset 0x{at:x}: {said} past the structure block"
        self.at = (start + size + 3) & ~3
        name = self._string(nameoff)
        if name is None:
            inside = nameoff < len(self.strings)
            why = "has no end" if inside else "is outside the strings"
            self.odd = self.odd or f"property at offset 0x{at:x}: name offset {nameoff} {why}"
        elif node.children:  # libfdt stops looking at the first child
            self.late += 1
        else:
            node.properties.append(Property(name, self.data[start : start + size], start))
        return None

    def _string(self, offset: int) -> str | None:
        if offset not in self.names:
            end = self.strings.find(b"\0", offset) if offset < len(self.strings) else -1
            self.names[offset] = self.strings[offset:end].decode("latin-1") if end >= 0 else None
        return self.names[offset]


def build(
    root: Node,
    *,
    strings: bytes = b"",
    reserve: Sequence[tuple[int, int]] = (),
    off_reserve: int = HEADER_SIZE,
    boot_cpuid: int = 0,
) -> bytes:
    """Return the packed version-17 blob of ``root``.

    ``strings`` is the beginning of the strings block: names found in it are shared, others are
    appended. ``off_reserve`` (bytes) is 40 after fdt_open_into() and 48 in a tree made by
    libfdt's sequential writer. ``reserve`` are ``(address, size)`` in bytes. For trees that the
    kernel writes it is the exact inverse of :func:`parse`. Raises ValueError for a name that holds
    a NUL.
    """
    table = bytearray(strings)
    body = bytearray()
    stack: list[Node | None] = [root]
    while stack:
        node = stack.pop()
        if node is None:
            body += _WORD.pack(_END_NODE)
            continue
        body += _WORD.pack(_BEGIN_NODE) + _padded(_c_string(node.name))
        for prop in node.properties:
            offset = _string_offset(table, _c_string(prop.name))
            body += _WORD.pack(_PROP) + _PAIR.pack(len(prop.value), offset) + _padded(prop.value)
        stack.append(None)
        stack.extend(reversed(node.children))
    body += _WORD.pack(_END)
    reserved = b"".join(_RESERVE.pack(*r) for r in (*reserve, (0, 0)))
    off_struct = off_reserve + len(reserved)
    off_strings = off_struct + len(body)
    total = off_strings + len(table)
    head = _HEADER.pack(
        0xD00DFEED, total, off_struct, off_strings, off_reserve, 17, 16, boot_cpuid,
        len(table), len(body),
    )  # fmt: skip
    return head.ljust(off_reserve, b"\0") + reserved + bytes(body) + bytes(table)


def _c_string(text: str) -> bytes:
    raw = text.encode("latin-1")
    if b"\0" in raw:
        raise ValueError(f"FDT name {text!r} holds a NUL")
    return raw + b"\0"


def _padded(raw: bytes) -> bytes:
    return raw + bytes(-len(raw) % 4)


def _string_offset(table: bytearray, name: bytes) -> int:
    found = table.find(name)
    if found < 0:
        found = len(table)
        table += name
    return found
