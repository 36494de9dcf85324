"""Reads a table of poisoned memory: out of memory, or from a file of its own.

Every number is checked before it sizes anything: a bitmap is read up to ``MAX_BITMAP`` bytes and
as far as the image goes, nodes of a list once each, and entries up to a bound.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right, insort
from dataclasses import replace
from typing import TYPE_CHECKING

from hwpkho.abi import efi_poisoned, efi_pool
from hwpkho.abi.efi_poisoned import ASSUMED, LAYOUTS, MAX_BITMAP, bitmap_layout, linked_list
from hwpkho.abi.efi_poisoned.tell import HEAD, Told, tell
from hwpkho.base.addresses import PHYS_END, align_up
from hwpkho.base.counting import counted
from hwpkho.base.options import option
from hwpkho.codes import efi, problem
from hwpkho.efi.model import NodeRead, PoisonTable
from hwpkho.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hwpkho.abi.efi_poisoned import BitmapLayout, Header
    from hwpkho.codes import Code, Problem
    from hwpkho.efi.find import Entry
    from hwpkho.images.base import Source
    from hwpkho.images.files import FileBytes

#: Nodes that are followed, and entries that are read in all; each entry is a page that failed.
MAX_NODES = 1 << 14
MAX_ENTRIES = 1 << 21
#: How far behind the head the end of the firmware's allocation is looked for, bytes.
_POOL = 8 << 20
_PAGE = 4096


def read_at(
    source: Source,
    phys: int,
    *,
    layout: str | None = None,
    entry: Entry | None = None,
    page_size: int | None = None,
    top: int | None = None,
) -> PoisonTable:
    """Return the table at physical address ``phys``.

    ``layout`` is the user's choice; ``page_size`` is the kernel's, bytes, None: 4096; ``top`` is
    one past the highest address of the memory, None: that of the image. A table that cannot be
    read has ``unread_because``; where two layouts fit and nothing decides, it has no layout.
    """
    head = source.read(phys, HEAD) or source.read(phys, linked_list.HEAD)
    if head is None:
        missing = problem(efi.ABSENT, f"the table at 0x{phys:x} is not in the image", phys)
        told = Told(None, missing.message)
        return PoisonTable(
            source.name, phys, told, entry, problems=(missing,), unread_because=missing
        )
    length = _pool_length(source, phys)
    if top is None:
        top = max((start + size for start, size in source.extents()), default=0)
    told = _stated(layout) or tell(bytes(head), length, top)
    reader = _Reader(source.read, phys, source.name, told, entry, length)
    return reader.read(bytes(head), page_size or _PAGE)


def read_file(file: FileBytes, layout: str | None = None) -> PoisonTable:
    """Return the table that a file is: a header and its bitmap, or one node of a list.

    Raises InputError where no layout fits or the file cannot be read as its layout;
    AmbiguousLayoutError where two layouts fit.
    """
    head = bytes(file.read(0, HEAD))
    told = _stated(layout) or tell(head, file.size)
    if told.between:
        raise AmbiguousLayoutError(file.shown, told)
    if told.layout is None:
        raise InputError(f"{file.shown}: no table of poisoned memory: {told.why}")

    def read(at: int, size: int) -> memoryview | None:
        data = file.read(at, size)
        return data if len(data) == size else None

    table = _Reader(read, None, file.shown, told, None, file.size).read(head, _PAGE)
    if table.unread_because is not None:
        raise InputError(
            f"{file.shown}: {table.unread_because.message} ({table.unread_because.code})"
        )
    return table


def _stated(layout: str | None) -> Told | None:
    return Told(layout, "as asked") if layout else None


def _ambiguous(told: Told) -> str:
    """Return the message that two layouts fit; only an error advises which option chooses."""
    return f"{told.why} ({' and '.join(told.between)})"


def _pool_length(source: Source, phys: int) -> int | None:
    """Return how many bytes EDK2's pool allocated at ``phys``, rounded up to 8; None if unknown."""
    at = phys
    while at < phys + _POOL:
        size = _PAGE - at % _PAGE
        data = source.peek(at, size)
        if data is None:
            return None
        raw, found = bytes(data), -1
        while (found := raw.find(b"ptal", found + 1)) >= 0:
            length = at + found - phys
            tail = source.peek(phys + length, efi_pool.TAIL) if length % 8 == 0 else None
            if length >= linked_list.HEAD and tail is not None and efi_pool.is_tail(tail, length):
                source.read(phys + length, efi_pool.TAIL)  # a capture must keep it
                return length
        at += size
    return None


class AmbiguousLayoutError(InputError):
    """Two layouts fit a table, and the user has to choose.

    Attributes:
        said: The message without the option that chooses.
    """

    def __init__(self, where: str, told: Told) -> None:
        self.said = f"{where}: {_ambiguous(told)}"
        names = " or ".join(told.between)
        super().__init__(f"{self.said}; give {option('layout')} {names}")


class _Reader:
    """Reads one table and collects its problems."""

    def __init__(
        self,
        read: Callable[[int, int], memoryview | None],
        phys: int | None,
        name: str,
        told: Told,
        entry: Entry | None,
        length: int | None,
    ) -> None:
        self._read, self._phys, self._name = read, phys, name
        self._told, self._entry, self._length = told, entry, length
        self.problems: list[Problem] = []
        self._overlap = False  # whether nodes that share bytes were reported

    def read(self, head: bytes, page_size: int) -> PoisonTable:
        if self._told.layout is None:
            return self._unknown(head)
        layout = LAYOUTS[self._told.layout]
        if efi_poisoned.has_bitmap(layout):
            return self._bitmap(layout, head)
        return self._chain(page_size)

    def _say(self, code: Code, message: str, phys: int | None = None) -> Problem:
        said = problem(code, message, self._phys if phys is None else phys)
        self.problems.append(said)
        return said

    def _unknown(self, head: bytes) -> PoisonTable:
        if self._told.between:
            return self._unread(self._say(efi.AMBIGUOUS, f"the table: {_ambiguous(self._told)}"))
        version = int.from_bytes(head[:4], "little")
        why = self._told.why
        if version != efi_poisoned.VERSION:
            said = self._say(efi.VERSION, f"the table: {why}")
        elif len(head) < HEAD:
            only = f"the image has only {counted(len(head), 'byte')} of it"
            said = self._say(efi.CUT, f"the table: {only}; {why}")
        else:
            said = self._say(efi.MALFORMED, f"the table: {why}")
        layout = bitmap_layout(ASSUMED)
        return self._unread(said, layout.parse(head) if len(head) == layout.HEAD else None)

    def _unread(self, because: Problem, header: Header | None = None) -> PoisonTable:
        return replace(self._table(header=header), unread_because=because)

    def _table(
        self,
        *,
        header: Header | None = None,
        bitmap: bytes | None = None,
        nodes: tuple[NodeRead, ...] | None = None,
        entries: array[int] | None = None,
        slack: int | None = None,
    ) -> PoisonTable:
        entries = array("Q") if entries is None else entries
        return PoisonTable(
            self._name, self._phys, self._told, self._entry, header, bitmap, nodes, entries, slack,
            tuple(self.problems),
        )  # fmt: skip

    def _bitmap(self, layout: BitmapLayout, head: bytes) -> PoisonTable:
        if len(head) < layout.HEAD:
            head = bytes(self._read(self._phys or 0, layout.HEAD) or head)
        if len(head) < layout.HEAD:
            why = f"{counted(len(head), 'byte')}, but the header has {layout.HEAD}"
            return self._unread(self._say(efi.CUT, why))
        header = layout.parse(head[: layout.HEAD])
        flaw = layout.flaw(header)
        if flaw is not None:
            code = efi.MALFORMED if header.version == efi_poisoned.VERSION else efi.VERSION
            return self._unread(self._say(code, f"the table: {flaw}"), header)
        if not self._told.sure:
            self._say(efi.LAYOUT, f"layout {self._told.layout}: {self._told.why}")
        whole = layout.HEAD + header.size
        length = self._length
        if length is not None and length < whole and align_up(whole, 8) > length:
            if self._phys is None:
                said = self._say(efi.CUT, f"{length} bytes, but its header says {whole}")
                return self._unread(said, header)
            self._say(
                efi.ALLOCATION,
                f"its header says {whole} bytes, but the firmware allocated {length}",
            )
        if header.size > MAX_BITMAP:
            what = f"{header.size} bytes of bitmap, more than any EFI stub makes ({MAX_BITMAP})"
            return self._unread(self._say(efi.CUT, what), header)
        data = self._read((self._phys or 0) + layout.HEAD, header.size)
        if data is None:
            size = counted(header.size, "byte of bitmap is", "bytes of bitmap are")
            what = f"the {size} only in part in the image"
            return self._unread(self._say(efi.CUT, what), header)
        if header.end > PHYS_END:
            self._say(
                efi.WRAPS,
                counted(
                    header.units,
                    f"unit of {header.unit_size} bytes reaches past 2^64",
                    f"units of {header.unit_size} bytes reach past 2^64",
                ),
            )
        slack = None if length is None or length < whole else length - whole
        return self._table(header=header, bitmap=bytes(data), slack=slack)

    def _chain(self, page_size: int) -> PoisonTable:
        nodes: list[NodeRead] = []
        entries = array("Q")
        seen: set[int] = set()
        taken: list[tuple[int, int]] = []
        at = self._phys or 0
        while True:
            if at in seen:
                self._say(
                    efi.LOOP,
                    f"node 0x{at:x} comes again after {counted(len(nodes), 'node')}: the chain is "
                    "a loop",
                    at,
                )
                break
            if len(nodes) == MAX_NODES or len(entries) // 2 > MAX_ENTRIES:
                self._say(efi.CHAIN, f"more than {len(nodes)} nodes; hwpkho reads no more", at)
                break
            seen.add(at)
            raw = self._read(at, linked_list.HEAD)
            if raw is None:
                said = self._say(efi.CHAIN, f"node 0x{at:x} is not in the image", at)
                if not nodes:
                    return self._unread(said)
                break
            node = linked_list.parse(raw)
            read = self._entries(at, node, page_size, entries)
            shown = at if self._phys is not None else None
            nodes.append(NodeRead(shown, node.room, node.used, node.next, read))
            self._check_overlap(at, at + linked_list.HEAD + linked_list.ENTRY * read, taken)
            if not node.next:
                break
            if self._phys is None:
                self._say(efi.CHAIN, f"the next node, 0x{node.next:x}, is not in the file")
                break
            at = node.next
        if any(a + n > PHYS_END for a, n in zip(entries[::2], entries[1::2], strict=True)):
            self._say(efi.WRAPS, "an entry reaches past 2^64")
        return self._table(nodes=tuple(nodes), entries=entries)

    def _entries(self, at: int, node: linked_list.Node, page_size: int, entries: array[int]) -> int:
        """Append the entries that a node counts, as far as its page goes; return how many."""
        fit = max(0, (page_size - at % page_size - linked_list.HEAD) // linked_list.ENTRY)
        if node.used > node.room or min(node.used, node.room) < 0 or node.used > fit:
            self._say(
                efi.NODE,
                f"node 0x{at:x}: {counted(node.used, 'entry used', 'entries used')} of "
                f"{node.room}, but its page holds {fit}",
                at,
            )
        for count in (min(max(node.used, 0), fit), 0):
            raw = self._read(at + linked_list.HEAD, count * linked_list.ENTRY)
            if raw is not None:
                break
            self._say(efi.CHAIN, f"some entries of node 0x{at:x} are not in the image", at)
        for base, size in linked_list.entries(raw or b""):
            entries.append(base)
            entries.append(size)
        return count

    def _check_overlap(self, start: int, end: int, taken: list[tuple[int, int]]) -> None:
        """Report a node that overlaps another, once."""
        i = bisect_right(taken, (start, PHYS_END))
        shares = (i and taken[i - 1][1] > start) or (i < len(taken) and taken[i][0] < end)
        if shares and not self._overlap:
            self._overlap = True
            self._say(efi.OVERLAP, f"node 0x{start:x} overlaps another", start)
        insort(taken, (start, end))
