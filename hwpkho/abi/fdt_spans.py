"""What each byte of a flattened device tree means, for ``decode --annotate``."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from hwpkho.abi.spans import Span
from hwpkho.base.counting import counted
from hwpkho.base.escape import printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from hwpkho.abi import fdt

    Meaning = Callable[[fdt.Property], str]

_TOKENS = {1: "FDT_BEGIN_NODE", 2: "FDT_END_NODE", 3: "FDT_PROP", 4: "FDT_NOP", 9: "FDT_END"}
_HEADER = (
    "magic", "totalsize", "off_dt_struct", "off_dt_strings", "off_mem_rsvmap", "version",
    "last_comp_version", "boot_cpuid_phys", "size_dt_strings", "size_dt_struct",
)  # fmt: skip


def plain(prop: fdt.Property) -> str:
    """Return a property's value as text, from its name and size alone."""
    raw = prop.value
    if prop.name == "compatible":
        return f'"{printable(raw.rstrip(bytes(1)))}"'
    if len(raw) == 8:
        return f"0x{int.from_bytes(raw, 'little'):x} (u64, native endian)"
    return counted(len(raw), "byte")


def spans(data: bytes, tree: fdt.Tree, meaning: Meaning = plain) -> list[Span]:
    """Return the parts of a tree in the order of its bytes.

    ``data`` are its bytes, as far as they are present, and ``tree`` what :func:`fdt.parse` made of
    them; ``meaning`` returns a property's value as text.
    """
    found = [Span(4 * i, 4, f"{n} 0x{tree.header[i]:x}") for i, n in enumerate(_HEADER)]
    off_struct, off_strings, off_reserve = tree.header[2], tree.header[3], tree.header[4]
    for i, (address, size) in enumerate((*tree.reserve, (0, 0))):
        what = f"reserve 0x{address:x}+0x{size:x}" if address or size else "end of reservations"
        found.append(Span(off_reserve + 16 * i, 16, what))
    known: dict[int, Span] = {}
    for _, node in tree.root.walk():
        size = 4 + (len(node.name) + 4) // 4 * 4
        known[node.offset] = Span(node.offset, size, f'node "{printable(node.name)}"')
        for prop in node.properties:
            start = prop.offset - 12
            padded = 12 + -(-len(prop.value) // 4) * 4
            text = f"{printable(prop.name)} = {meaning(prop)}"
            known[start] = Span(start, padded, text, prop.name)
    at = off_struct
    while at < min(off_strings, len(data)):
        span = known.get(at)
        if span is None:
            (token,) = struct.unpack_from(">I", data.ljust(at + 4, b"\0"), at)
            span = Span(at, 4, _TOKENS.get(token, "(not read)"))
        found.append(span)
        at += span.size
    strings = data[off_strings : off_strings + tree.header[8]]
    at = off_strings
    for name in strings.split(b"\0")[:-1]:
        found.append(Span(at, len(name) + 1, f'string "{printable(name)}"'))
        at += len(name) + 1
    return found
