"""Files of the handler ``memfd-v2``: memfds, such as the memory of a guest.

Source: mm/memfd_luo.c, kho_restore_vmalloc() and kho_restore_folio() in
kernel/liveupdate/kexec_handover.c (Linux 7.3.4).
"""

from __future__ import annotations

from itertools import chain, pairwise
from typing import TYPE_CHECKING

from hwpkho.abi import memfd as abi
from hwpkho.base.addresses import align_down
from hwpkho.base.counting import counted
from hwpkho.base.escape import printable
from hwpkho.codes.preserved import FILE_BROKEN, FOLIO_ODD, FOLIO_UNMARKED, LUO_ABSENT, OWNED_TWICE
from hwpkho.errors import InputError
from hwpkho.handover import vmalloc
from hwpkho.handover.luo.memory import MAX_AMISS
from hwpkho.handover.luo.model import (
    ARRAY,
    CHUNK,
    MAX_INFERRED,
    MEMFD,
    UNKNOWN_ORDER,
    Folios,
    LuoFile,
)
from hwpkho.handover.problems import Report

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterable

    from hwpkho.abi.luo import File
    from hwpkho.handover.luo.memory import LuoMemory


def read(file: File, name: str, memory: LuoMemory, /) -> LuoFile:
    """Return a memfd and its folios, reporting what is wrong; ``name`` is for messages."""
    found = LuoFile(printable(file.compatible), file.token, file.data)
    raw = memory.read(MEMFD, file.data, abi.SIZE, name)
    if raw is None:
        return found
    ser = abi.MemfdSer.parse(raw)
    found = found._replace(size=ser.size, memfd=ser)
    if flaw := ser.flaw(memory.page_size):
        what, where = flaw
        memory.note(FILE_BROKEN, f"{name}: {what}", file.data, file.data + where)
    nr_folios = file.data + abi.NR_FOLIOS
    if not ser.nr_folios:
        if ser.size:
            message = f"{name}: {counted(ser.size, 'byte')} without a folio"
            memory.note(FILE_BROKEN, message, file.data, nr_folios)
        return found._replace(folios=Folios())
    if ser.nr_folios > ser.capacity(memory.page_size):
        message = (
            f"{name}: nr_folios {ser.nr_folios} is beyond the array's "
            f"{ser.capacity(memory.page_size)} entries ({counted(ser.folios.total_pages, 'page')})"
        )
        memory.note(FILE_BROKEN, message, file.data, nr_folios)
        return found
    if 2 * ser.nr_folios > vmalloc.MAX_WORDS:
        message = f"{name}: nr_folios {ser.nr_folios} is more than the {vmalloc.MAX_WORDS // 2} "
        memory.note(FILE_BROKEN, f"{message}that are read", file.data, nr_folios)
        return found
    return _with_folios(found, ser, name, memory)


def _with_folios(found: LuoFile, ser: abi.MemfdSer, name: str, memory: LuoMemory) -> LuoFile:
    met, area = Report(), found.data + abi.AREA
    try:
        walk = vmalloc.walk(memory.source, ser.folios, memory.page_size, met, memory.chunks)
    except InputError as error:
        memory.note(FILE_BROKEN, f"{name}: {error}", found.data, area)
        return found
    memory.chunks.update(walk.chunks)
    order = ser.folios.entry_order
    found = found._replace(chunks=tuple(walk.chunks), pages=tuple(walk.pages))
    if not walk.sound:
        why = walk.problem.message if walk.problem else "the array is not complete"
        code = LUO_ABSENT if walk.chain.end == "absent" else FILE_BROKEN
        memory.note(code, f"{name}: {why}", found.data, area)
        return found
    if memory.taken(walk.pages) or not memory.take_array(walk.pages, order):
        message = f"{name}: a page of its array is another page of LUO's as well"
        memory.note(OWNED_TWICE, message, found.data, area)
        return found
    for chunk in walk.chunks:
        memory.take(CHUNK, chunk, of=name)
    for page in walk.pages:
        memory.take(ARRAY, align_down(page, memory.page_size), order, of=name)
    pieces = vmalloc.read_pieces(memory.source, walk, order, 2 * ser.nr_folios, memory.page_size)
    try:
        folios, end = _folios(pieces, name, memory)
    except vmalloc.AbsentError as absent:
        memory.note(LUO_ABSENT, f"{name}: {absent}", absent.phys)
        return found
    pages = -(-ser.size // memory.page_size)
    if end is not None and end < pages and UNKNOWN_ORDER not in folios.order:
        message = f"{name}: its folios end at page {end}, its size is {counted(pages, 'page')}"
        memory.note(FOLIO_ODD, message, found.data, found.data + abi.FILE_SIZE)
    return found._replace(folios=folios)


def _folios(
    pieces: Iterable[array[int]], name: str, memory: LuoMemory
) -> tuple[Folios, int | None]:
    """Return the folios of an array, and the end of the last one in pages of the file (exclusive).

    Like the kernel, this continues with the next folio whatever is wrong with one. The end is None
    where so many are wrong that the rest is not read.
    """
    found, order_at = Folios(), memory.order_at
    unmarked, odd = dict[int, int](), dict[int, int]()  # entry: PFN
    # In pages of the file: the end of the folio before, -1 where unknown; the end of all so far.
    before, end, last, stopped = 0, 0, 0, None
    entries = (entry for piece in pieces for entry in zip(piece[::2], piece[1::2], strict=True))
    for n, ((word, index), (_, following)) in enumerate(pairwise(chain(entries, [(0, 0)]))):
        if memory.amiss < 0:
            stopped = n
            break
        pfn, flags = abi.split_word(word)
        if not pfn:  # the kernel skips it
            before, end = -1, max(end, index + 1)
            memory.amiss -= 1
            continue
        if index != before >= 0:
            odd.setdefault(max(n - 1, 0), last if n else pfn)
            memory.amiss -= 1
        if index < end:
            odd.setdefault(n, pfn)
            memory.amiss -= 1
        order = order_at(pfn) if order_at else None
        if order is not None:
            before = index + (1 << order)
        else:
            if memory.tracked:
                unmarked[n] = pfn
                memory.amiss -= 1
            order, before = _inferred(pfn, following - index), -1
        end, last = max(end, before, index + 1), pfn
        found.add(index, pfn, order, flags)
    found.unmarked.extend(unmarked)
    found.odd.extend(odd)
    for code, wrong, what in (
        (FOLIO_UNMARKED, unmarked, "where no preserved block starts"),
        (FOLIO_ODD, odd, "with orders that do not fit their places in the file"),
    ):
        if wrong:
            pfn = next(iter(wrong.values()))
            memory.note(code, f"{name}: {_folio(len(wrong), pfn)} {what}", pfn << memory.shift)
    if stopped is None:
        return found, end
    message = (
        f"{name}: its array is not read from entry {stopped} on: more than {MAX_AMISS} entries of "
        "LUO's files have no PFN, or no folio at their place"
    )
    memory.note(FOLIO_ODD, message)
    return found, None


def _inferred(pfn: int, step: int) -> int:
    """Return the order of a folio whose successor is ``step`` pages further on in the file."""
    order = step.bit_length() - 1
    fits = step > 0 and step == 1 << order and order <= MAX_INFERRED and not pfn % step
    return order if fits else UNKNOWN_ORDER


def _folio(n: int, pfn: int) -> str:
    return f"{counted(n, 'folio')}, the first at PFN 0x{pfn:x},"
