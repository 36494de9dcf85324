"""Lists of PFNs as text and JSON.

Text: PFNs or inclusive ranges ``A-B``, separated by line ends, commas or blanks, ``#`` starts a
comment; ``0x…`` is hex, other digits decimal. JSON: ``hwpkho.list/1``, or any hwpkho document
that holds PFNs.
"""

from __future__ import annotations

import re
from array import array
from itertools import repeat
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Protocol

from hwpkho.badpages.model import BadPages
from hwpkho.base import jsontext
from hwpkho.base.arch import ARCHES, page_sizes
from hwpkho.base.escape import printable, quoted
from hwpkho.base.listing import MAX_PFNS, Listing
from hwpkho.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SCHEMA = "hwpkho.list/1"

_PFN_END = 1 << 64
_COMMENT = re.compile("#[^\n]*")
#: Bytes of a text that are read at once.
_BLOCK = 1 << 20
_SEPARATORS = (b",", b" ", b"\t", b"\r")
#: 2^64 - 1 has 20 digits.
_MAX_DIGITS = 20


class Text(Protocol):
    """Bytes that are there in parts: ``bytes``, or a view of a file that is read as one goes on."""

    def __len__(self) -> int: ...
    def __getitem__(self, part: slice, /) -> bytes | memoryview: ...


def parse(data: Text, source: str, base: int = 10) -> BadPages:
    """Read a list of either form; ``base`` is that of numbers without ``0x`` (10 or 16).

    Raises InputError, naming the line or the field, for what is no PFN, and for more than
    :data:`~hwpkho.base.listing.MAX_PFNS` entries, ranges counted in full.
    """
    if bytes(data[:_BLOCK]).lstrip()[:1] == b"{":
        return _parse_json(bytes(data[:]), source)
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
    """Yield the text in blocks that cut no word and no comment."""
    at, number = 0, 1
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
                raise InputError(f"{source}: line {number}: a word of {size} bytes is no PFN")
            block = block[:end]
        at += len(block)
        number += block.count(b"\n")
        yield block.decode("utf-8", "replace")


def _line_end(data: Text, at: int) -> int:
    """Return the place of the next line feed, or the end of the data."""
    while at < len(data):
        block = bytes(data[at : at + _BLOCK])
        end = block.find(b"\n")
        if end >= 0:
            return at + end
        at += len(block)
    return len(data)


def _words(text: str) -> list[str]:
    if "#" in text:
        text = _COMMENT.sub("", text)
    return text.replace(",", " ").split()


def _numbers(words: list[str], base: int) -> array[int] | None:
    """Return what hwpkho prints, ``0x…`` alone, or numbers of ``base`` alone; else None.

    Words of ``base`` 16 may have their ``0x`` or not.
    """
    if not words or max(map(len, words)) > _MAX_DIGITS:
        return None
    text = "".join(words)
    if not text.isascii() or not text.isalnum():  # no sign, no underscore, no range
        return None
    hexes = text.count("x") + text.count("X")
    try:
        if hexes == len(words) or base == 16:
            return array("Q", map(int, words, repeat(16)))
        if not hexes:
            return array("Q", map(int, words))
    except (ValueError, OverflowError):
        pass  # read again, to name the line
    return None


class _Words(dict[str, tuple[int, int]]):
    """Words and the ranges that they are; ValueError for what is none."""

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
    """Return numbers and ranges of any form; None where a word is neither."""
    known = _Words(base)
    try:
        pairs = [known[word] for word in words]
    except ValueError:
        return None
    first, last = (array("Q", map(itemgetter(i), pairs)) for i in (0, 1))
    return Listing(first, last)


def _no_pfn(text: str, base: int, number: int, source: str) -> InputError:
    """Return the error about the first word that is no PFN; ``number`` is the first line's."""
    for line_number, line in enumerate(text.split("\n"), number):
        for word in _words(line):
            where = f"{source}: line {line_number}"
            first, dash, last = word.partition("-")
            try:
                low = _number(first, base, where)
                high = _number(last, base, where) if dash else low
            except InputError as error:
                return error
            if high < low:
                return InputError(f"{where}: range {printable(word)} ends before it starts")
    raise AssertionError(f"{source}: every word is a PFN after all")


def _too_long(text: str, base: int, number: int, count: int) -> str:
    """Return which word exceeds the bound, ``count`` PFNs after what stood before ``text``."""
    known = _Words(base)
    for line_number, line in enumerate(text.split("\n"), number):
        for word in _words(line):
            low, high = known[word]
            count += high - low + 1
            if count > MAX_PFNS:
                return f"line {line_number}: {printable(word)}"
    raise AssertionError("the list is not too long after all")


def _value(word: str, base: int) -> int:
    """Return the number that ``word`` is. Raises ValueError for none."""
    digits, radix = (word[2:], 16) if word[:2] in ("0x", "0X") else (word, base)
    if not (digits.isascii() and digits.isalnum() and len(digits) <= _MAX_DIGITS):
        raise ValueError(word)
    number = int(digits, radix)
    if number >= _PFN_END:
        raise ValueError(word)
    return number


def _number(word: str, base: int, where: str) -> int:
    """Return the number that ``word`` is. Raises InputError for none."""
    try:
        return _value(word, base)
    except ValueError as error:
        if (
            base == 10
            and re.fullmatch(f"[0-9a-fA-F]{{1,{_MAX_DIGITS}}}", word)
            and not word.isdigit()
        ):
            raise InputError(
                f"{where}: '{printable(word)}' is hex without 0x; give --base 16 if all are"
            ) from error
        raise InputError(
            f"{where}: {quoted(word)} is no PFN (0x… or decimal, or a range A-B)"
        ) from error


def _parse_json(data: bytes, source: str) -> BadPages:
    document = jsontext.load(data, source)
    schema = document.get("schema") if isinstance(document, dict) else None
    read = _DOCUMENTS.get(schema) if isinstance(schema, str) else None
    if read is None:
        ours = schema is None or (isinstance(schema, str) and schema.startswith("hwpkho."))
        shown = printable(repr(schema)[:60]) if ours else "of another program"
        raise InputError(
            f"{source}: schema {shown} holds no PFNs; expected one of {', '.join(_DOCUMENTS)}"
        )
    try:
        items, page_size, arch = read(document)
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise InputError(f"{source}: not as {schema} should be: {error!r}"[:160]) from error
    if page_size is not None and (type(page_size) is not int or page_size not in page_sizes()):
        raise InputError(f"{source}: page_size {page_size!r} is none of {page_sizes()}"[:160])
    known = arch if isinstance(arch, str) and arch in ARCHES else None
    return BadPages(source, _from_items(items, source), page_size, known, origin="json")


def _from_items(items: Any, source: str) -> Listing:
    if not isinstance(items, list):
        raise InputError(f"{source}: the PFNs are no list")
    found = _all_pairs(items)
    if found is not None and found.count <= MAX_PFNS:
        return found
    count = 0
    for index, item in enumerate(items):
        pair = item if isinstance(item, list) else (item, item)
        if len(pair) != 2 or not all(type(n) is int and 0 <= n < _PFN_END for n in pair):
            raise InputError(f"{source}: item {index} of the PFNs is no PFN and no [first, last]")
        low, high = pair
        if high < low:
            raise InputError(f"{source}: item {index}: the range ends before it starts")
        count += high - low + 1
        if count > MAX_PFNS:
            raise InputError(f"{source}: item {index} makes the list longer than {MAX_PFNS} PFNs")
    raise AssertionError(f"{source}: every item is a PFN after all")


def _all_pairs(items: list[Any]) -> Listing | None:
    """Return PFNs and ``[first, last]`` as they stand there; None where an item is neither."""
    types = set(map(type, items))
    try:
        if types <= {int}:
            return Listing(array("Q", items))
        if types <= {int, list}:
            pairs = items if types == {list} else [x if type(x) is list else (x, x) for x in items]
            if set(map(len, pairs)) == {2}:
                first, last = ([pair[i] for pair in pairs] for i in (0, 1))
                if set(map(type, first)) | set(map(type, last)) == {int}:
                    return Listing(array("Q", first), array("Q", last))
    except (ValueError, OverflowError):
        pass  # looked at one by one, to name the item
    return None


def _of_list(document: dict[str, Any]) -> tuple[Any, Any, Any]:
    return document["pfns"], document.get("page_size"), document.get("arch")


def _of_decode(document: dict[str, Any]) -> tuple[Any, Any, Any]:
    """The outgoing handover's list where it has one, else the incoming one's."""
    having = [h for h in document["handovers"] if h["hwpoison"]]
    if not having:
        raise KeyError("no handover with a hwpoison subtree")
    best = next((h for h in reversed(having) if h["role"] == "out"), having[-1])
    if best["hwpoison"]["pfns"] is None:
        raise KeyError("the handover's PFNs are null")
    return best["hwpoison"]["pfns"], best["page_size"], best.get("arch")


def _of_validate(document: dict[str, Any]) -> tuple[Any, Any, Any]:
    """Its arch may be the one that was taken because nothing told any: it tells none."""
    return [[r["first"], r["last"]] for r in document["runs"]], document.get("page_size"), None


#: Schema → how to get (items, page size, architecture) out of the document.
_DOCUMENTS = {
    SCHEMA: _of_list,
    "hwpkho.decode/1": _of_decode,
    "hwpkho.validate/1": _of_validate,
    "hwpkho.merge/1": _of_list,
}


def build_text(pfns: Iterable[int]) -> str:
    """Return one ``0x…`` a line, as :func:`parse` reads it back."""
    text = "\n".join(map(hex, pfns))
    return text + "\n" if text else ""


def build_runs(runs: Iterable[tuple[int, int, str]]) -> str:
    """Return ``(first, last, comment)`` runs, one a line, as :func:`parse` reads them back."""
    return "".join(
        f"0x{first:x}  # {comment}\n" if first == last else f"0x{first:x}-0x{last:x}  # {comment}\n"
        for first, last, comment in runs
    )
