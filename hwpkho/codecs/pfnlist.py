"""Lists of PFNs as text and JSON.

Text: PFNs or inclusive ranges ``A-B``, separated by line ends, commas or blanks, ``#`` starts a
comment; ``0x…`` is hex, other digits decimal. JSON: ``hwpkho.list/1``, or any hwpkho document
that holds PFNs.
"""

from __future__ import annotations

import json
import re
from array import array
from itertools import repeat
from typing import TYPE_CHECKING, Any, NamedTuple

from hwpkho.errors import InputError
from hwpkho.pages import PAGE_SIZES
from hwpkho.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

SCHEMA = "hwpkho.list/1"

#: The page size (bytes) taken for a list that tells none.
DEFAULT_PAGE_SIZE = 4096

#: Entries that a list may expand to: 64 GiB of bad 4 KiB pages.
MAX_PFNS = 1 << 24

_PFN_END = 1 << 64
_SPLIT = re.compile(r"[\s,]+")
_HEX_LIST = b"0123456789abcdefABCDEFxX \t\r\n"
_DECIMAL_LIST = b"0123456789, \t\r\n"
#: 2^64 - 1 has 20 digits.
_MAX_DIGITS = 20


_ARCHES = ("x86_64", "arm64")


class PfnList(NamedTuple):
    """A list that is no handover.

    Attributes:
        source: Where it comes from, printable.
        pfns: In the order given, repeats kept, ``array('Q')``.
        page_size: Bytes, None where the list does not tell.
        arch: Of the machine that it was read from, None where the list does not tell.
    """

    source: str
    pfns: array[int]
    page_size: int | None = None
    arch: str | None = None


def parse(data: bytes, source: str, base: int = 10) -> PfnList:
    """Read a list of either form; ``base`` is that of numbers without ``0x`` (10 or 16).

    Raises InputError, naming the line or the field, for what is no PFN.
    """
    if data.lstrip()[:1] == b"{":
        return _parse_json(data, source)
    fast = _all_hex(data)
    if fast is None and base == 10:
        fast = _all_decimal(data)
    if fast is not None:
        return PfnList(source, fast)
    pfns = array("Q")
    for number, raw in enumerate(data.split(b"\n"), 1):
        if not raw:
            continue
        line = raw.partition(b"#")[0].decode("utf-8", "replace")
        for token in _SPLIT.split(line):
            if token:
                _take(token, base, pfns, f"{source}: line {number}")
    return PfnList(source, pfns)


def _all_hex(data: bytes) -> array[int] | None:
    """Read what --pfns prints, one ``0x…`` a line, without looking at each line twice.

    With nothing but hex digits, x and blanks in it, and as many x as words, every word that int()
    takes has its ``0x``.
    """
    if data.translate(None, _HEX_LIST):
        return None
    words = data.split()
    if data.count(b"x") + data.count(b"X") != len(words):
        return None
    return _numbers(words, 16)


def _all_decimal(data: bytes) -> array[int] | None:
    """Read decimal numbers and nothing else, likewise."""
    if data.translate(None, _DECIMAL_LIST):
        return None
    return _numbers(data.replace(b",", b" ").split(), 10)


def _numbers(words: list[bytes], radix: int) -> array[int] | None:
    if not 0 < len(words) <= MAX_PFNS or max(map(len, words)) > _MAX_DIGITS:
        return None
    try:
        return array("Q", map(int, words, repeat(radix)))
    except (ValueError, OverflowError):
        return None  # read again, to name the line


def _take(token: str, base: int, pfns: array[int], where: str) -> None:
    first, dash, last = token.partition("-")
    low = _number(first, base, where)
    high = _number(last, base, where) if dash else low
    if high < low:
        raise InputError(f"{where}: range {printable(token)} ends before it starts")
    if len(pfns) + high - low >= MAX_PFNS:
        raise InputError(f"{where}: {printable(token)} makes the list longer than {MAX_PFNS} PFNs")
    pfns.extend(range(low, high + 1))


def _number(word: str, base: int, where: str) -> int:
    digits, radix = (word[2:], 16) if word[:2] in ("0x", "0X") else (word, base)
    if digits.isascii() and digits.isalnum() and len(digits) <= _MAX_DIGITS:
        try:
            number = int(digits, radix)
        except ValueError:
            number = -1
        if 0 <= number < _PFN_END:
            return number
        if number < 0 and radix == 10 and re.fullmatch(r"[0-9a-fA-F]+", digits):
            raise InputError(
                f"{where}: '{printable(word)}' is hex without 0x; give --base 16 if all are"
            )
    raise InputError(
        f"{where}: '{printable(word[:40])}' is no PFN (0x… or decimal, or a range A-B)"
    )


def _parse_json(data: bytes, source: str) -> PfnList:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{source}: no JSON document: {str(error)[:80]}") from error
    schema = document.get("schema") if isinstance(document, dict) else None
    read = _DOCUMENTS.get(schema) if isinstance(schema, str) else None
    if read is None:
        raise InputError(
            f"{source}: schema {printable(repr(schema)[:60])} holds no PFNs; expected one of "
            f"{', '.join(_DOCUMENTS)}"
        )
    try:
        items, page_size, arch = read(document)
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise InputError(f"{source}: not as {schema} should be: {error!r}"[:160]) from error
    if page_size is not None and (type(page_size) is not int or page_size not in PAGE_SIZES):
        raise InputError(f"{source}: page_size {page_size!r} is none of {PAGE_SIZES}"[:160])
    known = arch if isinstance(arch, str) and arch in _ARCHES else None
    return PfnList(source, _from_items(items, source), page_size, known)


def _from_items(items: Any, source: str) -> array[int]:
    if not isinstance(items, list):
        raise InputError(f"{source}: the PFNs are no list")
    if len(items) <= MAX_PFNS and set(map(type, items)) == {int}:
        try:
            return array("Q", items)
        except OverflowError:
            pass  # looked at one by one, to name the item
    pfns = array("Q")
    for index, item in enumerate(items):
        pair = item if isinstance(item, list) else (item, item)
        if len(pair) != 2 or not all(type(n) is int and 0 <= n < _PFN_END for n in pair):
            raise InputError(f"{source}: item {index} of the PFNs is no PFN and no [first, last]")
        low, high = pair
        if high < low:
            raise InputError(f"{source}: item {index}: the range ends before it starts")
        if len(pfns) + high - low >= MAX_PFNS:
            raise InputError(f"{source}: item {index} makes the list longer than {MAX_PFNS} PFNs")
        pfns.extend(range(low, high + 1))
    return pfns


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
