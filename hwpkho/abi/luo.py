"""The live update orchestrator: sessions, their files, and what files share (FLBs).

The subtree ``LUO`` is one structure, which points to a chain of blocks of sessions and to a page of
FLBs; each session points to a chain of blocks of files. A block is one kernel page: a head,
followed directly by as many entries as fit. Every block but the last is full.

Source: include/linux/kho/abi/luo.h and block.h, kernel/liveupdate/ (Linux 7.3.4); patches on the
mailing list, not merged, for compatible strings of several parts (``luo-v5;block-v1``) and for a
header of feature bits in place of the string.
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.abi.spans import Span
from hwpkho.base.counting import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

#: The only version whose structures are known; the next kernel compares all 8 bytes of the field.
COMPATIBLE = "luo-v5"
#: Bytes of the structure with a compatible string of up to 7 characters; of the fields behind the
#: string; of a header of features in its place.
SIZE, FIELDS, FEATURES = 32, 24, 128
#: The most blocks of a chain that the kernel follows.
MAX_BLOCKS = 10_000
#: Bytes of a block's head, of a session, of a file and of an FLB.
HEAD, SESSION, FILE, FLB = 16, 80, 64, 64
#: Offset of the number of entries in a block's head, and of sessions_pa from ``Luo.at``, bytes.
COUNT, SESSIONS_PA = 8, 8
#: Offset of a file's token in its entry, bytes.
TOKEN = 56
#: Bytes of the name of a session, of a file's handler, and of an FLB.
SESSION_NAME, FILE_NAME, FLB_NAME = 64, 48, 48

_NAMED = re.compile(rb"luo-v[0-9]{1,4}(?:;[a-z0-9-]{1,32}){0,8}")
_SESSION = struct.Struct("<64s2Q")
_FILE = struct.Struct("<48s2Q")
_FLB = struct.Struct("<48s2Q")


class Luo(NamedTuple):
    """``struct luo_ser``.

    Attributes:
        compatible: The compatible string; empty with a header of features.
        liveupdate_num: Number of the live update it is for, 1 for the first.
        sessions_pa: Physical address of the first block of sessions, 0 before they are written.
        flbs_pa: Physical address of the page of FLBs.
        at: Offset of these three fields, bytes: 8, or more for a longer string or for features.
        features: Bits of the supported, required and active features; None without such a header.
    """

    compatible: str
    liveupdate_num: int
    sessions_pa: int
    flbs_pa: int
    at: int = SIZE - FIELDS
    features: tuple[int, int, int] | None = None

    @classmethod
    def parse(cls, raw: bytes | memoryview) -> Luo:
        """Read it from all bytes of the subtree; ValueError where they are not such a structure.

        A compatible string of one part takes 8 bytes, and bytes behind the fields are ignored. For
        one of several parts, the length of ``raw`` shows where the fields begin.
        """
        from hwpkho.abi import headers

        data = bytes(raw)
        name, features, at = _name(data), None, SIZE - FIELDS
        if name is None:
            if not _has_features(data):
                raise ValueError("it begins neither with luo-v… nor with a header of features")
            features, at = struct.unpack_from("<3Q", data), FEATURES
        elif b";" in name:
            at = len(data) - FIELDS
            if at % 8 or at <= len(name) or any(data[len(name) : at]):
                raise ValueError(
                    f"{counted(len(data), 'byte does', 'bytes do')} not show where its fields begin"
                )
        if len(data) < at + FIELDS:
            raise ValueError(f"{counted(len(data), 'byte')}, {at + FIELDS} expected")
        h = headers.parse(headers.LUO_FIELDS, data[at : at + FIELDS])
        text = name.decode() if name is not None else ""
        return cls(text, h.liveupdate_num, h.sessions_pa, h.flbs_pa, at, features)

    def build(self) -> bytes:
        """Return its bytes: 32, or more with a longer string or a header of features."""
        from hwpkho.abi import headers

        if self.features is not None:
            head = struct.pack("<3Q", *self.features)
        else:
            head = self.compatible.encode("ascii")
        return head.ljust(self.at, b"\0") + headers.build(
            headers.LUO_FIELDS,
            liveupdate_num=self.liveupdate_num,
            sessions_pa=self.sessions_pa,
            flbs_pa=self.flbs_pa,
        )

    @property
    def parts(self) -> list[str]:
        """The parts of the compatible string: LUO's version, then those of other structures."""
        return self.compatible.split(";") if self.compatible else []

    def spans(self) -> list[Span]:
        """Return the parts of the structure, for ``decode --annotate``."""
        at = self.at
        if self.features is None:
            spans = [Span(0, at, f'compatible "{self.compatible}"')]
        else:
            words = ("supported", "required", "active")
            pairs = enumerate(zip(words, self.features, strict=True))
            spans = [Span(8 * n, 8, f"features {what} 0x{bits:x}") for n, (what, bits) in pairs]
            spans.append(Span(24, at - 24, "features reserved"))
        sessions = f"0x{self.sessions_pa:x}" if self.sessions_pa else "0: not written yet"
        return [
            *spans,
            Span(at, 8, f"liveupdate_num {self.liveupdate_num}"),
            Span(at + 8, 8, f"sessions_pa {sessions}"),
            Span(at + 16, 8, f"flbs_pa 0x{self.flbs_pa:x}"),
        ]


def looks_like(raw: bytes | memoryview) -> bool:
    """Tell whether bytes begin like the structure, of whatever version."""
    data = bytes(raw)
    return _name(data) is not None or _has_features(data)


def _has_features(data: bytes) -> bool:
    return len(data) == FEATURES + FIELDS and not any(data[24:FEATURES]) and any(data[:24])


def _name(data: bytes) -> bytes | None:
    found = _NAMED.match(data)
    if found is None or data[found.end() : found.end() + 1] != b"\0":
        return None
    return found[0]


class Head(NamedTuple):
    """The head of a block of sessions or files, or of the page of FLBs.

    Attributes:
        first: Physical address of the next block, 0 for none; in the page of FLBs, its number of
            pages (``pgcnt``).
        entries: How many entries follow.
    """

    first: int
    entries: int

    @classmethod
    def parse(cls, page: bytes | memoryview) -> Head:
        """Read it from the beginning of a page; ValueError for fewer than 16 bytes."""
        from hwpkho.abi import headers

        h = headers.parse(headers.LUO_HEAD, page[:HEAD])
        return cls(h.first, h.count)


class Session(NamedTuple):
    """One session.

    Attributes:
        name: Its name, up to the first NUL.
        files: Physical address of its first block of files, 0 for none.
        total: Number of its files, in all blocks together.
    """

    name: bytes
    files: int = 0
    total: int = 0

    def build(self) -> bytes:
        """Return its 80 bytes; ValueError for a name that does not fit."""
        return _SESSION.pack(_fits(self.name, SESSION_NAME), self.files, self.total)


class File(NamedTuple):
    """One file of a session.

    Attributes:
        compatible: Its handler and version: ``memfd-v2``.
        data: A number for the handler; for a memfd the physical address of its structure.
        token: The number by which userspace names the file in the session.
    """

    compatible: bytes
    data: int
    token: int

    def build(self) -> bytes:
        """Return its 64 bytes; ValueError for a name that does not fit."""
        return _FILE.pack(_fits(self.compatible, FILE_NAME), self.data, self.token)


class Flb(NamedTuple):
    """What several files share (file-lifecycle-bound data).

    Attributes:
        name: Its handler and version: ``pci-v1``.
        data: A number for the handler; an address for few of them.
        users: Number of files that depend on it.
    """

    name: bytes
    data: int
    users: int

    def build(self) -> bytes:
        """Return its 64 bytes; ValueError for a name that does not fit."""
        return _FLB.pack(_fits(self.name, FLB_NAME), self.data, self.users)


def room(page_size: int, entry: int) -> int:
    """Return how many entries of ``entry`` bytes a page of ``page_size`` bytes has room for."""
    return (page_size - HEAD) // entry


def sessions(page: bytes | memoryview, count: int) -> list[Session]:
    """Return the first ``count`` sessions of a block; ``page`` must be large enough."""
    rows = _SESSION.iter_unpack(page[HEAD : HEAD + count * SESSION])
    return [Session(name.split(b"\0", 1)[0], files, n) for name, files, n in rows]


def files(page: bytes | memoryview, count: int) -> list[File]:
    """Return the first ``count`` files of a block; ``page`` must be large enough."""
    rows = _FILE.iter_unpack(page[HEAD : HEAD + count * FILE])
    return [File(name.split(b"\0", 1)[0], data, token) for name, data, token in rows]


def flbs(page: bytes | memoryview, count: int) -> list[Flb]:
    """Return the first ``count`` FLBs of their page; ``page`` must be large enough."""
    rows = _FLB.iter_unpack(page[HEAD : HEAD + count * FLB])
    return [Flb(name.split(b"\0", 1)[0], data, n) for name, data, n in rows]


def build_page(head: Head, entries: Sequence[Session | File | Flb], page_size: int) -> bytes:
    """Return a block or the page of FLBs: head and entries, zero-padded to ``page_size`` bytes.

    Raises ValueError where the entries, or a name, do not fit.
    """
    from hwpkho.abi import headers

    start = headers.build(headers.LUO_HEAD, first=head.first, count=head.entries)
    page = start + b"".join(entry.build() for entry in entries)
    if len(page) > page_size:
        raise ValueError(f"{len(entries)} entries in a page of {page_size} bytes")
    return page.ljust(page_size, b"\0")


def _fits(name: bytes, size: int) -> bytes:
    if len(name) >= size or b"\0" in name:
        raise ValueError(f"a name of {len(name)} bytes in {size}")
    return name.ljust(size, b"\0")
