"""How boot loader and kernel read what hwpkho writes: from their semantics, not by its readers.

Sources: GRUB's grub-core/mmap/mmap.c (grub_cmd_badram, fill_mask, badram_iter, parsemem,
cutmem_iter); Linux' arch/x86/kernel/e820.c (parse_memmap_opt, parse_memmap_one), lib/cmdline.c
(memparse, next_arg), lib/kstrtox.c.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: A range of bytes, its end exclusive.
Bytes = tuple[int, int]

_U64 = (1 << 64) - 1


def badram(command: str) -> Iterator[Bytes]:
    """Yield what GRUB takes out for the one argument of ``badram``."""
    name, argument = command.split()
    assert name == "badram"
    numbers = [int(word, 16) for word in argument.split(",")]
    assert len(numbers) % 2 == 0
    for address, mask in zip(numbers[::2], numbers[1::2], strict=True):
        yield from _matches(address, mask & ~0x3FF & _U64)


def _matches(address: int, mask: int) -> Iterator[Bytes]:
    """The mask's lowest set bit is the size of a piece; each zero bit above doubles the pieces."""
    tail = next(i for i in range(64) if mask >> i & 1)
    free = [i for i in range(tail, 64) if not mask >> i & 1]
    for iterator in range(1 << len(free)):
        start = address & mask
        for j, i in enumerate(free):
            if iterator >> j & 1:
                start |= 1 << i
        yield start, start + (1 << tail)


def cutmem(commands: str, *, bits: int = 64) -> Iterator[Bytes]:
    """Yield what GRUB cuts; ``bits`` are those of its unsigned long."""
    for line in commands.splitlines():
        if line.startswith("#"):
            continue
        name, start, end = line.split()
        assert name == "cutmem"
        low, past = (_parsemem(word, bits) for word in (start, end))
        if low < past:
            yield low, past


def _parsemem(word: str, bits: int) -> int:
    match = re.match(r"0x([0-9a-f]+)|([0-9]+)", word)
    assert match, word
    number = int(match[1], 16) if match[1] else int(match[2])
    assert number < 1 << bits, f"{word}: overflows"
    shift = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}[word[match.end() : match.end() + 1]]
    return number << shift & _U64


def command_line(text: str) -> Iterator[Bytes]:
    """Yield what ``memmap=`` reserves; AssertionError for what the kernel refuses or cuts off."""
    assert len(text.encode()) < 2048, "COMMAND_LINE_SIZE"
    return parameters(text)


def parameters(text: str) -> Iterator[Bytes]:
    """The same of a command line of any length: several kernels took longer ones."""
    for argument in text.split():
        name, _, value = argument.partition("=")
        if name != "memmap":
            continue
        for item in value.split(","):
            size, rest = _memparse(item)
            assert rest[:1] == "$", f"{item}: no reservation"
            start, rest = _memparse(rest[1:])
            assert not rest, f"{item}: -EINVAL"
            yield start, start + size


def _memparse(text: str) -> tuple[int, str]:
    """simple_strtoull() with base 0, then one letter of K M G T P E."""
    match = re.match(r"0[xX]([0-9a-fA-F]+)|0([0-7]*)|([1-9][0-9]*)", text)
    assert match, f"{text}: -EINVAL"
    if match[1]:
        number = int(match[1], 16)
    else:
        number = int(match[3]) if match[3] else int(match[2] or "0", 8)
    rest = text[match.end() :]
    if rest[:1] and rest[0] in "kKmMgGtTpPeE":
        number <<= 10 * ("KMGTPE".index(rest[0].upper()) + 1)
        rest = rest[1:]
    return number & _U64, rest


def pages(ranges: Iterable[Bytes], page_size: int = 4096) -> set[int]:
    """Return the pages that are wholly in ``ranges``; every range must be made of whole pages."""
    found: set[int] = set()
    for start, end in ranges:
        assert start % page_size == end % page_size == 0, (hex(start), hex(end))
        found.update(range(start // page_size, end // page_size))
    return found
