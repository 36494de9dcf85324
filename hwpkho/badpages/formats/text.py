"""Lists of PFNs as plain text.

PFNs or inclusive ranges ``A-B``, separated by line ends, commas or blanks. ``#`` starts a comment.
``0x…`` is hex; other numbers are decimal, or hex if the user says so.
"""

from __future__ import annotations

import codecs
import os
import re
from array import array
from itertools import repeat
from operator import gt, itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from hwpkho.base.digits import unsigned
from hwpkho.base.escape import printable, quoted
from hwpkho.base.late import late
from hwpkho.base.listing import MAX_PFNS, Listing, parts
from hwpkho.base.options import option
from hwpkho.errors import InputError
from hwpkho.images.files import FileText

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hwpkho.badpages.model import BadPages
    from hwpkho.badpages.registry import Asked, Carried, Writing
    from hwpkho.images.files import FileBytes

#: UTF-8's byte order mark, which Windows' editors write.
BOM = b"\xef\xbb\xbf"
#: The first line of what cat -n and nl print: its number would be a PFN.
_NUMBERED = b"     1\t"
_LINE_END = late(rb"[\r\n]")
_COMMENT = late("#[^\r\n]*")
#: Bytes of a text read at once.
_BLOCK = 1 << 20
_SEPARATORS = (b",", b" ", b"\t", b"\r")
#: 2^64 - 1 has 20 digits.
_MAX_DIGITS = 20
#: The most bytes of a list.
_MAX_SIZE = 1 << 29
#: The most bytes of a list in UTF-16, which is read at once.
_MAX_UTF16 = 1 << 26
#: What a list consists of, with numbers of either base; and how many bytes are checked.
_LIST = late(
    rb"(?:[\s,]+|#[^\r\n]*+"
    rb"|(?:0[xX])?[0-9a-fA-F]{1,20}+(?:-(?:0[xX])?[0-9a-fA-F]{1,20}+)?(?![^\s,#]))*+"
)
_LOOKED_AT = 1 << 14
#: A disk's bad blocks: first sector and count (block/badblocks.c), which look like two PFNs.
#: Regions of an NVDIMM and members of an md array have such files, too.
_BLOCK_DEVICE = late(r"(?:^|/)sys/(?:.*/)?(?:unacknowledged_)?bad_?blocks$")
#: A word that is cut off where the checked bytes end.
_CUT = late(rb"[^\s,#]*")


class Text(Protocol):
    """A sequence of bytes that is read in slices: ``bytes``, or a :class:`FileText`."""

    def __len__(self) -> int: ...
    def __getitem__(self, part: slice, /) -> bytes | memoryview: ...


def parse(data: Text, source: str, base: int = 10) -> BadPages:
    """Read a list; ``base`` (10 or 16) is that of numbers without ``0x``, ``source`` its name.

    Raises InputError, naming the line, for what is not a PFN, for numbered lines, and for more than
    :data:`~hwpkho.base.listing.MAX_PFNS` entries, ranges counted in full.
    """
    from hwpkho.badpages.model import BadPages  # decode --pfns only builds lines

    if bytes(data[: len(BOM + _NUMBERED)]).removeprefix(BOM).startswith(_NUMBERED):
        raise InputError(
            f"{source}: line 1: the line is numbered, as by cat -n; give the list without the "
            "numbers of its lines"
        )
    first, last = array("Q"), array("Q")
    count, number = 0, 1
    for block in _blocks(data, source):
        words = _words(block)
        numbers = _numbers(words, base)
        found = Listing(numbers) if numbers is not None else _ranges(words, base)
        if found is None:
            raise _no_pfn(block, base, number, source)
        count += found.count
        if count > MAX_PFNS:
            where = _too_long(block, base, number, count - found.count)
            raise InputError(f"{source}: {where} makes the list longer than {MAX_PFNS} PFNs")
        first.extend(found.first)
        last.extend(found.last)
        number += block.count("\n")
    return BadPages(source, Listing(first, last))


def _blocks(data: Text, source: str) -> Iterator[str]:
    """Yield the text in blocks that do not end within a word or a comment."""
    at, number = len(BOM) if data[: len(BOM)] == BOM else 0, 1
    while at < len(data):
        block = bytes(data[at : at + _BLOCK])
        size = len(block)
        if at + size < len(data):
            end = block.rfind(b"\n") + 1
            if not end:
                comment = block.find(b"#")
                if not comment:
                    at = _line_end(data, at)
                    continue
                if comment < 0:
                    comment = max(map(block.rfind, _SEPARATORS)) + 1
                end = comment
            if not end:
                raise InputError(f"{source}: line {number}: a word of {size} bytes is not a PFN")
            block = block[:end]
        at += len(block)
        number += block.count(b"\n")
        yield block.decode("utf-8", "replace")


def _line_end(data: Text, at: int) -> int:
    """Return the offset of the next line end from ``at`` on, or the end of the data."""
    while at < len(data):
        block = bytes(data[at : at + _BLOCK])
        if end := _LINE_END.search(block):
            return at + end.start()
        at += len(block)
    return len(data)


def _words(text: str) -> list[str]:
    if "#" in text:
        text = _COMMENT.sub("", text)
    return text.replace(",", " ").split()


def _numbers(words: list[str], base: int) -> array[int] | None:
    """Return the numbers where all words are ``0x…``, or none is and all are of ``base``.

    None for anything else, ranges included. With ``base`` 16, ``0x`` may be mixed.
    """
    if not words or max(map(len, words)) > _MAX_DIGITS:
        return None
    text = "".join(words)
    # Rules out signs, underscores and ranges; isalnum() of bytes is ten times as fast.
    if not text.isascii() or not text.encode("ascii").isalnum():
        return None
    hexes = text.count("x") + text.count("X")
    try:
        if hexes == len(words) or base == 16:
            return array("Q", map(int, words, repeat(16)))
        if not hexes:
            return array("Q", map(int, words))
    except (ValueError, OverflowError):
        pass  # the caller reads it again, to name the line
    return None


class _Words(dict[str, tuple[int, int]]):
    """A cache: word → the range that it is, ends inclusive; ValueError for anything else."""

    def __init__(self, base: int) -> None:
        super().__init__()
        self.base = base

    def __missing__(self, word: str) -> tuple[int, int]:
        low, dash, high = word.partition("-")
        first = _value(low, self.base)
        found = first, _value(high, self.base) if dash else first
        if found[0] > found[1]:
            raise ValueError(word)
        self[word] = found
        return found


def _ranges(words: list[str], base: int) -> Listing | None:
    """Return the numbers and ranges that ``words`` are; None where a word is neither."""
    parts = [word.partition("-") for word in words]
    lows = _numbers([low for low, _, _ in parts], base)
    highs = _numbers([high if dash else low for low, dash, high in parts], base)
    if lows is None or highs is None:  # hex and decimal mixed, or something else
        known = _Words(base)
        try:
            pairs = [known[word] for word in words]
        except ValueError:
            return None
        lows, highs = (array("Q", map(itemgetter(i), pairs)) for i in (0, 1))
    elif any(map(gt, lows, highs)):
        return None
    return Listing(lows, highs)


def _no_pfn(text: str, base: int, number: int, source: str) -> InputError:
    """Return the error about the first word that is not a PFN, in lines from ``number`` on."""
    for line_number, line in enumerate(text.split("\n"), number):
        for word in _words(line):
            where = f"{source}: line {line_number}"
            first, dash, last = word.partition("-")
            try:
                low = _number(first, base, where, word)
                high = _number(last, base, where, word) if dash else low
            except InputError as error:
                return error
            if high < low:
                return InputError(f"{where}: range {printable(word)} ends before it starts")
    raise AssertionError(f"{source}: every word is a PFN after all")


def _too_long(text: str, base: int, number: int, count: int) -> str:
    """Return which word exceeds ``MAX_PFNS``; ``count`` PFNs came before ``text``."""
    known = _Words(base)
    for line_number, line in enumerate(text.split("\n"), number):
        for word in _words(line):
            low, high = known[word]
            count += high - low + 1
            if count > MAX_PFNS:
                return f"line {line_number}: {printable(word)}"
    raise AssertionError("the list is not too long after all")


def _value(word: str, base: int) -> int:
    """Return ``word`` as a number; ValueError where it is not one."""
    number = unsigned(word, base)
    if number is None:
        raise ValueError(word)
    return number


def _number(word: str, base: int, where: str, whole: str) -> int:
    """Return ``word``, a part of ``whole``, as a number; InputError where it is not one."""
    try:
        return _value(word, base)
    except ValueError as error:
        if (
            base == 10
            and re.fullmatch(f"[0-9a-fA-F]{{1,{_MAX_DIGITS}}}", word)
            and not word.isdigit()
        ):
            raise InputError(
                f"{where}: '{printable(word)}' is hex without 0x; give "
                f"{option('base', 16)} if all are"
            ) from error
        raise InputError(
            f"{where}: {quoted(whole)} is not a PFN (0x… or decimal, or a range A-B)"
        ) from error


#: A list without pages: a file of 0 bytes is refused as an input.
EMPTY = b"# no PFNs\n"


class PlainText:
    """The form, see the module."""

    name = "text"
    about = "PFNs or ranges `A-B`, `0x…` or decimal, `#` comments; what `--pfns` prints"
    extra = None
    carries: frozenset[Carried] = frozenset(("order",))
    options = frozenset(("base",))
    takes: frozenset[str] = frozenset()
    binary = False
    bare = True
    names_dimms = False

    def sniff(self, head: bytes, /) -> bool:
        """Tell whether the first 16 KiB are nothing but numbers, ranges and comments."""
        from hwpkho.logs.text import utf16_of

        encoding = utf16_of(head) if b"\0" in head else None
        if encoding is not None:
            head = _decoded(head, encoding)
        elif b"\0" in head:
            return False
        part = head.removeprefix(BOM)[:_LOOKED_AT]
        found = _LIST.match(part)
        rest = part[found.end() :] if found else part
        return not rest or (len(part) == _LOOKED_AT and _CUT.fullmatch(rest) is not None)

    def read(self, file: FileBytes, asked: Asked, /) -> BadPages:
        """See :func:`parse`.

        Also raises InputError for a file of more than 512 MiB, and for a disk's bad blocks.
        """
        if file.size > _MAX_SIZE:
            raise InputError(
                f"{file.shown}: a list of {file.size} bytes is longer than {_MAX_SIZE}"
            )
        path = os.fsdecode(file.path)
        if path.endswith("blocks") and _BLOCK_DEVICE.search(str(Path(path).absolute())):
            raise InputError(
                f"{file.shown}: bad blocks of a disk, in sectors from an unknown address; give "
                "cxl list -r REGION --media-errors"
            )
        from hwpkho.badpages.model import HEAD
        from hwpkho.logs.text import utf16_of

        encoding = utf16_of(bytes(file.read(0, HEAD)))
        if encoding is not None:  # Windows' "Unicode"
            if file.size > _MAX_UTF16:
                raise InputError(
                    f"{file.shown}: UTF-16, {file.size} bytes, more than {_MAX_UTF16}; give it as "
                    "UTF-8"
                )
            text = _decoded(file.read(0, file.size), encoding)
            return parse(text, file.shown, asked.base)
        return parse(FileText(file), file.shown, asked.base)

    def write(self, pages: BadPages, out: BinaryIO, _how: Writing, /) -> None:
        """Write one PFN a line, in the list's order; nothing is lost.

        Raises InputError for more than ``MAX_PFNS`` pages.
        """
        from hwpkho.badpages.writing import bounded

        bounded(pages, pages.pfns.count, self.name)
        out.writelines(build(part).encode("ascii") for part in parts(pages.pfns))
        if not pages.pfns:
            out.write(EMPTY)


def _decoded(data: bytes | memoryview, encoding: str) -> bytes:
    """Return UTF-16 as UTF-8 without BOM; an invalid character becomes U+FFFD or is dropped."""
    text = codecs.getincrementaldecoder(encoding)("replace").decode(bytes(data))
    return text.removeprefix("\ufeff").encode("utf-8", "replace")


def build(pfns: Iterable[int]) -> str:
    """Return ``0x…``, one a line, as :func:`parse` reads them back."""
    text = "\n".join(map(hex, pfns))
    return text + "\n" if text else ""


def build_runs(runs: Iterable[tuple[int, int, str]]) -> str:
    """Return the runs ``(first, last, comment)``, last inclusive, one a line, for :func:`parse`."""
    return "".join(
        f"0x{first:x}  # {comment}\n" if first == last else f"0x{first:x}-0x{last:x}  # {comment}\n"
        for first, last, comment in runs
    )


FORM = PlainText()
