"""The facts that a walk through LUO returns."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

from hwpkho.base.escape import printable
from hwpkho.handover.owners import Claim

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from hwpkho.abi.memfd import MemfdSer
    from hwpkho.abi.spans import Span
    from hwpkho.codes import Problem
    from hwpkho.handover.owners import Block, KnownBy

#: ``serialized``: the blob points to the sessions; ``not-serialized``: LUO has not written them
#: yet, which it does inside reboot(KEXEC); ``released``: the running kernel has freed the blob.
State = Literal["serialized", "not-serialized", "released"]

#: Stands for an order that is not known.
UNKNOWN_ORDER = -1
#: The largest order that is inferred from the folio's position in the file: 1 GiB.
MAX_INFERRED = 18

#: Names of LUO's own pages.
FLBS, SESSIONS, FILES = "page of FLBs", "session block", "file block"
MEMFD, CHUNK, ARRAY = "memfd structure", "chunk of folios", "array of folios"


def shown(name: bytes) -> str:
    """Return a name from LUO's structures, printable."""
    return printable(name.decode("utf-8", "backslashreplace"))


class Run(NamedTuple):
    """Folios of the same order and flags that are contiguous in memory and in the file.

    Attributes:
        page: Page of the file, from 0, at which the first folio begins.
        pfn: Its PFN.
        folios: How many folios.
        order: log2 of the pages of each, ``UNKNOWN_ORDER`` where not known.
        flags: 1 dirty, 2 uptodate.
    """

    page: int
    pfn: int
    folios: int
    order: int
    flags: int

    @property
    def pages(self) -> int:
        """How many pages they have; a folio of unknown order counts as one page."""
        return self.folios << max(self.order, 0)


@dataclass(slots=True)
class Folios:
    """The folios of a file in the order of its array, as columns of runs; see :class:`Run`.

    Attributes:
        unmarked: Indices of array entries whose PFN is not the start of a preserved block.
        odd: Indices of array entries whose folio leaves a gap before the next one in the file, or
            overlaps another.
    """

    page: array[int] = field(default_factory=lambda: array("Q"))
    pfn: array[int] = field(default_factory=lambda: array("Q"))
    folios: array[int] = field(default_factory=lambda: array("Q"))
    order: array[int] = field(default_factory=lambda: array("b"))
    flags: array[int] = field(default_factory=lambda: array("H"))
    unmarked: array[int] = field(default_factory=lambda: array("Q"))
    odd: array[int] = field(default_factory=lambda: array("Q"))

    def __len__(self) -> int:
        return len(self.page)

    def __iter__(self) -> Iterator[Run]:
        return map(Run, self.page, self.pfn, self.folios, self.order, self.flags)

    def add(self, page: int, pfn: int, order: int, flags: int) -> None:
        """Append a folio; see :class:`Run` for the parameters."""
        if self.order and order == self.order[-1] != UNKNOWN_ORDER and flags == self.flags[-1]:
            pages = self.folios[-1] << order
            if pfn == self.pfn[-1] + pages and page == self.page[-1] + pages:
                self.folios[-1] += 1
                return
        self.page.append(page)
        self.pfn.append(pfn)
        self.folios.append(1)
        self.order.append(order)
        self.flags.append(flags)

    def blocks(self) -> Iterator[tuple[int, int, int]]:
        """Yield ``(pfn, order, number of folios)`` of each run; an unknown order is 0."""
        return zip(self.pfn, (max(order, 0) for order in self.order), self.folios, strict=True)


class Page(NamedTuple):
    """A page, or a block of pages, that holds one of LUO's own structures.

    Attributes:
        what: ``session block`` or another of the names above, or a handler's own name for it.
        phys: Physical address of the structure, bytes.
        order: log2 of the number of pages.
        spans: Returns the parts of the bytes from ``phys`` on; None for the names above.
        of: The session or file that it belongs to, for people.
    """

    what: str
    phys: int
    order: int = 0
    spans: Callable[[bytes], Iterable[Span]] | None = None
    of: str = ""


#: A preserved block: its physical address, bytes, and order.
Placed = tuple[int, int]


class LuoFile(NamedTuple):
    """A preserved file.

    Attributes:
        compatible: Its handler and version, printable.
        token: The number that names it in its session.
        data: The handler's number; for a memfd the physical address of its structure.
        size: Bytes of the file; None where the handler records no size or it cannot be read.
        memfd: The memfd's structure; None for other handlers, and where it cannot be read.
        folios: Its memory; None where that cannot be read.
        chunks: Physical addresses of the chunks of its array, as far as they were read.
        pages: Physical addresses of the array's entries.
        block: For an unknown handler, the preserved block at ``data``: physical address (bytes)
            and order; None where there is none.
    """

    compatible: str
    token: int
    data: int
    size: int | None = None
    memfd: MemfdSer | None = None
    folios: Folios | None = None
    chunks: tuple[int, ...] = ()
    pages: tuple[int, ...] = ()
    block: Placed | None = None


class LuoSession(NamedTuple):
    """A session: its name, printable, and its files as far as they could be read."""

    name: str
    files: tuple[LuoFile, ...] = ()


def unwritten_name(data: int) -> str:
    """Return the name, for messages, of a file whose session is not written yet.

    ``data`` is the physical address of its structure.
    """
    return f"file of a session not written yet, at 0x{data:x}"


def place_of(session: str | None, file: LuoFile) -> str:
    """Return a file's name for messages; ``session`` is printable, None before it is written."""
    if session is None:
        return unwritten_name(file.data)
    return f'session "{session}", token {file.token}'


class LuoFlb(NamedTuple):
    """An FLB: what several files share.

    Attributes:
        name: Its handler and version, printable.
        data: The handler's number, mostly an address.
        users: How many files depend on it.
        block: The preserved block that begins at ``data``: physical address (bytes) and order;
            None where none does.
        devices: The PCI devices of ``pci-v1``, as ``0000:00:1f.2``; None for other FLBs.
    """

    name: str
    data: int
    users: int
    block: Placed | None = None
    devices: tuple[str, ...] | None = None


@dataclass(slots=True)
class LuoTree:
    """Everything that the subtree LUO leads to.

    Attributes:
        state: Whether the sessions are written; None where the blob cannot be read.
        phys: Physical address of the blob (bytes), None where only a copy was given.
        compatible: The blob's compatible string, printable; None where it cannot be read.
        liveupdate_num: See :class:`hwpkho.abi.luo.Luo`; None where the blob cannot be read.
        features: See :class:`hwpkho.abi.luo.Luo`.
        sessions: In the order of creation; None where they cannot be read.
        flbs: None where their page cannot be read.
        pages: LUO's own pages, as far as they are known: blocks of sessions and files, the FLBs,
            files' structures and arrays.
        unwritten: Files whose sessions are not written yet, found by searching preserved pages.
        fatal: The reported problem that makes the next kernel panic, None where there is none.
        unread: Physical address of a block of sessions that the image lacks, or None.
        is_tree: Whether the blob is a device tree, as kernels before KHO version 4 wrote it.
    """

    state: State | None
    phys: int | None = None
    compatible: str | None = None
    liveupdate_num: int | None = None
    features: tuple[int, int, int] | None = None
    sessions: tuple[LuoSession, ...] | None = None
    flbs: tuple[LuoFlb, ...] | None = None
    pages: list[Page] = field(default_factory=list)
    unwritten: tuple[LuoFile, ...] = ()
    fatal: Problem | None = None
    unread: int | None = None
    is_tree: bool = False

    def files(self) -> Iterator[tuple[LuoSession | None, LuoFile]]:
        """Yield ``(session, file)`` for every file; session is None where it is not written yet."""
        for session in self.sessions or ():
            for file in session.files:
                yield session, file
        for file in self.unwritten:
            yield None, file

    def blocks(self, page_shift: int) -> Iterator[Block]:
        """See :meth:`Owner.blocks`: LUO's own pages."""
        for page in self.pages:
            yield page.phys >> page_shift, page.order, 1

    def claims(self, page_shift: int) -> Iterator[Claim]:
        """See :meth:`Owner.claims`: the memory of each file, and the block of each FLB.

        Of a file with an unknown handler, the block at its data.
        """

        def at(block: Placed) -> list[Block]:
            return [(block[0] >> page_shift, block[1], 1)]

        def known_by(session: LuoSession | None) -> KnownBy:
            return "memory" if session is None else "name"

        for session, file in self.files():
            name = session and session.name
            token = file.token if session else None
            said, by = place_of(name, file), known_by(session)
            if file.folios is not None:
                yield Claim(file.compatible, said, file.folios.blocks, name, token, known_by=by)
            elif file.block is not None:
                block = at(file.block)
                yield Claim(file.compatible, said, block, name, token, known_by=by, weak=True)
        for flb in self.flbs or ():
            if flb.block is not None:
                yield Claim(flb.name, f"FLB {flb.name}", at(flb.block), known_by="name", weak=True)
