"""Follows LUO from its blob through sessions and files to the files' memory.

Source: luo_session_deserialize(), luo_file_deserialize() and luo_flb_setup_incoming() in
kernel/liveupdate/ (Linux 7.3.4).
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from hwpkho.abi import fdt
from hwpkho.abi import luo as abi
from hwpkho.base.counting import counted
from hwpkho.base.escape import printable
from hwpkho.codes.preserved import (
    FILE_BLOCK,
    FLB_PAGE,
    LUO_FDT,
    LUO_REFUSED,
    LUO_RELEASED,
    NO_FILES,
    NOT_SERIALIZED,
    OTHER_ABI,
    SESSION_BLOCK,
    SESSION_TWICE,
    TOKEN_TWICE,
    UNKNOWN_FILE,
)
from hwpkho.errors import InputError
from hwpkho.handover.luo import unwritten
from hwpkho.handover.luo.files import HANDLERS, SHARED
from hwpkho.handover.luo.memory import LuoMemory
from hwpkho.handover.luo.model import (
    FILES,
    FLBS,
    SESSIONS,
    LuoFile,
    LuoFlb,
    LuoSession,
    LuoTree,
    shown,
)
from hwpkho.images.words import WORD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.codes import Code, Problem
    from hwpkho.handover.reach import Reach


def walk(raw: bytes, phys: int | None, reach: Reach) -> LuoTree:
    """Return what LUO's blob leads to; ``phys`` is its physical address, None for a copy.

    Problems go to ``reach.report``.
    """
    report = reach.report
    is_tree = _is_tree(raw)
    gone = reach.incoming and not is_tree and not abi.looks_like(raw)
    if reach.spent or gone:
        message = "the running kernel has freed the blob of LUO; its sessions cannot be found"
        report.add(LUO_RELEASED, message, phys)
        return LuoTree("released", phys, sessions=())
    if is_tree:
        report.add(LUO_FDT, "LUO: a device tree, which is not read", phys)
        return LuoTree(None, phys, is_tree=True)
    try:
        blob = abi.Luo.parse(raw)
    except ValueError as error:
        noted = report.add(LUO_REFUSED, f"LUO: {error}", phys)
        return LuoTree(None, phys, fatal=noted)
    if blob.parts[:1] not in ([], [abi.COMPATIBLE]):
        # The layout of other versions is not known.
        noted = report.add(LUO_REFUSED, f"LUO: {blob.compatible}, known is {abi.COMPATIBLE}", phys)
        return LuoTree(None, phys, printable(blob.compatible), fatal=noted)
    tree = LuoTree(
        "serialized", phys, printable(blob.compatible), blob.liveupdate_num, blob.features
    )
    if blob.features is not None or len(blob.parts) > 1:
        report.add(OTHER_ABI, f"LUO: {_named(blob)}", phys)
    if not blob.sessions_pa and not reach.incoming:
        tree.state, tree.sessions = "not-serialized", ()
        report.add(NOT_SERIALIZED, "LUO has not written its sessions yet", phys)
    if reach.page_size is None or phys is None:
        return tree
    memory = LuoMemory(reach, reach.page_size)
    _Walk(tree, memory).run(blob)
    if tree.state == "not-serialized":
        tree.unwritten = tuple(unwritten.search(reach, memory))
    return tree


def _is_tree(raw: bytes) -> bool:
    """Tell whether the blob is an FDT of LUO's, as kernels before luo-v5 wrote.

    Its compatible string is checked, as the page of a freed blob may hold any other FDT.
    """
    if raw[: len(fdt.MAGIC)] != fdt.MAGIC:
        return False
    try:
        compatible = fdt.parse(raw).root.get("compatible")
    except InputError:
        return False
    return (compatible or b"").startswith(b"luo-")


def _named(blob: abi.Luo) -> str:
    if blob.features is not None:
        supported, required, active = blob.features
        return f"features supported 0x{supported:x}, required 0x{required:x}, active 0x{active:x}"
    version, *parts = blob.parts
    return f"version {version}, with {', '.join(parts)}"


class _Walk:
    """Fills a tree from a blob; see the module."""

    def __init__(self, tree: LuoTree, memory: LuoMemory) -> None:
        self._tree, self._memory = tree, memory
        self._names = set[bytes]()

    def run(self, blob: abi.Luo) -> None:
        """Fill the tree."""
        tree, memory = self._tree, self._memory
        # In the kernel's order: at boot it reads all blocks of sessions before anything else.
        blocks = _Chain(memory, SESSIONS, abi.SESSION, SESSION_BLOCK, "LUO")
        link = (tree.phys or 0) + blob.at + abi.SESSIONS_PA
        pages = list(blocks.follow(blob.sessions_pa, link))
        tree.fatal, tree.unread = blocks.broken, blocks.absent
        tree.flbs = self._flbs(blob.flbs_pa)
        if tree.sessions is None and (pages or blocks.whole or blocks.broken):
            listed = (self._sessions(*block) for block in pages)
            tree.sessions = tuple(chain.from_iterable(listed))
        tree.pages = memory.pages

    def _flbs(self, phys: int) -> tuple[LuoFlb, ...] | None:
        memory = self._memory
        what, size = FLBS, memory.page_size
        if not phys:
            return ()
        page = memory.read(what, phys, size)
        if page is None:
            return None
        entries, room = abi.Head.parse(page).entries, abi.room(size, abi.FLB)
        if entries > room:
            message = f"{what} 0x{phys:x} has {entries} entries, expected at most {room}"
            memory.note(FLB_PAGE, message, phys, phys + abi.COUNT)
            return None
        return tuple(map(self._flb, abi.flbs(page, entries)))

    def _flb(self, flb: abi.Flb) -> LuoFlb:
        block = self._memory.block(flb.data)
        # Only the handler knows whether its data is an address.
        if block is None or block[0] != flb.data:
            return LuoFlb(shown(flb.name), flb.data, flb.users)
        found = LuoFlb(shown(flb.name), flb.data, flb.users, block)
        handler = SHARED.get(found.name)
        return handler.read(found, block, self._memory) if handler else found

    def _sessions(self, phys: int, page: memoryview, n: int) -> Iterator[LuoSession]:
        """Yield the first ``n`` sessions of the block at ``phys``."""
        entries = range(phys + abi.HEAD, phys + abi.HEAD + n * abi.SESSION, abi.SESSION)
        return map(self._session, abi.sessions(page, n), entries)

    def _session(self, session: abi.Session, entry: int) -> LuoSession:
        title = shown(session.name)
        where = f'session "{title}"'
        name = session.name[: abi.SESSION_NAME - 1]  # the kernel copies no more
        if name in self._names:
            self._memory.note(SESSION_TWICE, f"{where}: another one has this name", field=entry)
        self._names.add(name)
        first = entry + abi.SESSION_NAME
        blocks = _Chain(self._memory, FILES, abi.FILE, FILE_BLOCK, where)
        found: list[LuoFile] = []
        tokens = set[int]()
        for phys, page, n in blocks.follow(session.files, first):
            entries = range(phys + abi.HEAD, phys + abi.HEAD + n * abi.FILE, abi.FILE)
            for file, at in zip(abi.files(page, n), entries, strict=True):
                if file.token in tokens:
                    message = f"{where}: another file has token {file.token}"
                    self._memory.note(TOKEN_TWICE, message, field=at + abi.TOKEN)
                tokens.add(file.token)
                found.append(self._file(file, where, at))
        if session.total and not session.files:
            message = f"{where}: {counted(session.total, 'file')}, and no block"
            self._memory.note(NO_FILES, message, field=first)
        elif blocks.whole and len(found) != session.total:
            message = f"{where}: {counted(session.total, 'file')}, its blocks have {len(found)}"
            self._memory.note(FILE_BLOCK, message, session.files or None, first + WORD)
        return LuoSession(title, tuple(found))

    def _file(self, file: abi.File, where: str, entry: int) -> LuoFile:
        compatible = shown(file.compatible)
        where = f"{where}, token {file.token}"
        handler = HANDLERS.get(compatible)
        if handler is not None:
            return handler.read(file, where, self._memory)
        self._memory.note(UNKNOWN_FILE, f"{where}: {compatible} is not known", field=entry)
        return LuoFile(compatible, file.token, file.data, block=self._memory.block(file.data))


class _Chain:
    """A chain of blocks of sessions or files.

    Attributes:
        whole: Whether it was followed to its end.
        broken: The reported problem that keeps the kernel from following it, or None.
        absent: Physical address of a block that the image lacks, or None.
    """

    def __init__(self, memory: LuoMemory, what: str, entry: int, code: Code, where: str) -> None:
        self._memory, self._what, self._code, self._where = memory, what, code, where
        self._room = abi.room(memory.page_size, entry)
        self.whole = False
        self.broken: Problem | None = None
        self.absent: int | None = None

    def follow(self, phys: int, link: int) -> Iterator[tuple[int, memoryview, int]]:
        """Yield ``(phys, page, number of entries)`` of each block.

        ``phys`` is the first block's physical address, ``link`` that of the pointer to it.
        """
        memory, seen = self._memory, set[int]()
        at = phys
        while at:
            if at in seen:
                self._break(f"the chain comes back to {self._what} 0x{at:x}", at, link)
                return
            if len(seen) == abi.MAX_BLOCKS:
                self._break(f"more than {abi.MAX_BLOCKS} blocks", at, link)
                return
            seen.add(at)
            page = memory.read(self._what, at, memory.page_size, self._where)
            if page is None:
                self.absent = at
                return
            head = abi.Head.parse(page)
            if not 0 < head.entries <= self._room:
                expected = f"{head.entries} entries, expected 1 to {self._room}"
                self._break(f"{self._what} 0x{at:x} has {expected}", at, at + abi.COUNT)
                return
            yield at, page, head.entries
            link, at = at, head.first
        self.whole = True

    def _break(self, why: str, phys: int, field: int) -> None:
        self.broken = self._memory.note(self._code, f"{self._where}: {why}", phys, field)
