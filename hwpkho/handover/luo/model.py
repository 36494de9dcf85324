"""What was read of LUO."""

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

#: ``serialized``: the blob leads to the sessions; ``not-serialized``: LUO writes them inside
#: reboot(KEXEC), and has not yet; ``released``: the running kernel has taken the blob and freed it.
State = Literal["serialized", "not-serialized", "released"]

#: An order that nothing tells.
UNKNOWN_ORDER = -1

#: What LUO's own pages are.
FLBS, SESSIONS, FILES = "page of FLBs", "session block", "file block"
MEMFD, CHUNK, ARRAY = "memfd structure", "chunk of folios", "array of folios"


def shown(name: bytes) -> str:
    """Return a name from LUO's structures, printable."""
    return printable(name.decode("utf-8", "backslashreplace"))


class Run(NamedTuple):
    """Folios of one order and the same flags, one after the other in memory and in the file.

    Attributes:
        page: Of the file, from 0, at which the first begins.
        pfn: First PFN.
        folios: How many.
        order: Log2 of the pages of each, ``UNKNOWN_ORDER`` where nothing tells.
        flags: 1 dirty, 2 uptodate.
    """

    page: int
    pfn: int
    folios: int
    order: int
    flags: int

    @property
    def pages(self) -> int:
        """How many pages they have, as far as is known: of a folio of unknown order one."""
        return self.folios << max(self.order, 0)


@dataclass(slots=True)
class Folios:
    """The folios of a file in the order of its array, as columns of runs; see :class:`Run`.

    Attributes:
        unmarked: Numbers of entries of the array at whose folio no preserved block starts.
        odd: Numbers of those that do not end where the next one begins in the file, or begin where
            another one is.
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
        """Add a folio behind the others; see :class:`Run`."""
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
        """Yield PFN, order and number of folios of each run; an unknown order is 0."""
        return zip(self.pfn, (max(order, 0) for order in self.order), self.folios, strict=True)


class Page(NamedTuple):
    """A page of LUO's own.

    Attributes:
        what: ``session block`` or another of the names above, or what a handler calls it.
        phys: Its physical address, bytes.
        order: Log2 of how many pages it is.
        spans: Returns what its bytes mean, from ``phys`` on; None for the names above.
        of: Whose it is, for people: a session, a file.
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
        token: Its name in its session.
        data: What the handler keeps; for a memfd the address of its structure.
        size: Bytes of the file; None where the handler knows no end, and where nothing can be read.
        memfd: That structure; None for another handler, and where it cannot be read.
        folios: Its memory; None where that cannot be read.
        chunks: Physical addresses of the chunks of its array, as far as they were read.
        pages: Of the array's pages.
        block: Of a file whose handler is not known the preserved block at ``data``: its address
            (bytes) and order; None where there is none.
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


def unwritten(data: int) -> str:
    """Return what a file is called whose session is not written yet: by its structure's address."""
    return f"file of a session not written yet, at 0x{data:x}"


def place_of(session: str | None, file: LuoFile) -> str:
    """Return where a file is, for messages; ``session`` is printable, None before it is written."""
    if session is None:
        return unwritten(file.data)
    return f'session "{session}", token {file.token}'


class LuoFlb(NamedTuple):
    """What several files share.

    Attributes:
        name: Printable.
        data: Its own, mostly an address.
        users: How many files depend on it.
        block: The preserved block that begins at ``data``: its address (bytes) and order; None
            where none does.
        devices: Of PCI devices which ones, ``0000:00:1f.2``; None for another FLB.
    """

    name: str
    data: int
    users: int
    block: Placed | None = None
    devices: tuple[str, ...] | None = None


@dataclass(slots=True)
class LuoTree:
    """All that the subtree LUO leads to.

    Attributes:
        state: How far LUO was; None where the blob cannot be read.
        phys: Physical address of the blob (bytes), None where only a copy was given.
        compatible: Its name, printable; None where the blob cannot be read.
        liveupdate_num: See :class:`hwpkho.abi.luo.Luo`; None likewise.
        features: Likewise.
        sessions: In the order of creation; None where they cannot be read.
        flbs: None where their page cannot be read.
        pages: LUO's own pages, as far as they are known: blocks, the FLBs, files' structures and
            arrays.
        apart: Files whose sessions are not written yet, found by what preserved pages hold.
        fatal: What makes the next kernel panic, as it was reported; None for nothing.
        unread: Physical address of a block of sessions that the image lacks; None for none.
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
    apart: tuple[LuoFile, ...] = ()
    fatal: Problem | None = None
    unread: int | None = None
    is_tree: bool = False

    def files(self) -> Iterator[tuple[LuoSession | None, LuoFile]]:
        """Yield every file and its session, None where that is not written yet."""
        for session in self.sessions or ():
            for file in session.files:
                yield session, file
        for file in self.apart:
            yield None, file

    def blocks(self, page_shift: int) -> Iterator[Block]:
        """Yield LUO's own pages."""
        for page in self.pages:
            yield page.phys >> page_shift, page.order, 1

    def claims(self, page_shift: int) -> Iterator[Claim]:
        """Yield the memory of each file, and what stands at the data of others and of FLBs."""

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
