"""JSON from elsewhere: one reader for lists, maps, manifests, baselines and notes.

Python's own reader accepts more than JSON allows (``NaN``, ``Infinity``), values that fail later
(numbers too large for a float, and lone surrogates, which cannot be encoded), and keys that stand
twice in an object, of which it drops the first.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

from hwpkho.base.escape import printable
from hwpkho.errors import InputError

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_SHOWN = 80
#: Longest integer, digits. Python's own limit (4300) raises an error of another kind.
_DIGITS = 40
#: Deepest nesting; real documents have less than a tenth. Python's own limit is its stack's, which
#: is very deep from 3.14 on.
_DEPTH = 100
_LONG = re.compile(rb"\d{%d}" % (_DIGITS + 1))


def load(data: bytes | memoryview, where: str, *, surrogates: bool = False) -> Any:
    """Return the JSON document in ``data`` (UTF-8, UTF-16 or UTF-32, with or without a BOM).

    ``where`` begins each message. Raises InputError for what is not JSON, for integers of more than
    40 digits and numbers too large for a float, for nesting deeper than 100 levels, for a key that
    stands twice in an object, and for lone surrogates; with ``surrogates`` the caller checks for
    these by :func:`check_text`.
    """
    raw = bytes(data)
    try:
        text = raw.decode(json.detect_encoding(raw))
        long = b"\0" in raw[:4] or _LONG.search(raw)
        found = (_SUSPICIOUS if long else _PLAIN).decode(text)
        if text.count("[") + text.count("{") > _DEPTH:
            _check_depth(found)
        if not surrogates:
            check_text(found, where, raw)
    except RecursionError as error:
        raise InputError(f"{where}: not a JSON document: nested too deeply") from error
    except UnicodeError as error:
        raise InputError(
            f"{where}: not a JSON document: a character that no encoding has"
        ) from error
    except ValueError as error:
        raise InputError(
            f"{where}: not a JSON document: {printable(str(error))[:_SHOWN]}"
        ) from error
    return found


def check_text(document: Any, where: str, raw: bytes) -> None:
    """Raise InputError where a string of ``document``, keys included, holds a lone surrogate.

    ``raw`` are the document's bytes: without a ``\\uD8..`` escape in them there cannot be one.
    """
    # The expression does not match in UTF-16 and UTF-32, which the NUL in the first bytes shows.
    if not (_SURROGATE.search(raw) or b"\0" in raw[:4]):
        return
    try:
        json.dumps(document, ensure_ascii=False).encode()
    except UnicodeError as error:
        raise InputError(f"{where}: a lone surrogate, which is not a character") from error


def _check_depth(document: Any) -> None:
    level = [document]
    for _ in range(_DEPTH):
        below = (node.values() if isinstance(node, dict) else node for node in level)
        level = [child for inner in below for child in inner if isinstance(child, (list, dict))]
        if not level:
            return
    raise RecursionError


def _constant(name: str) -> float:
    raise ValueError(f"{name} is not a number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        ((twice, _),) = Counter(key for key, _ in pairs).most_common(1)
        raise ValueError(f"a key stands twice in an object: {twice}")
    return found


def _int(digits: str) -> int:
    if len(digits) > _DIGITS:
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


def _float(digits: str) -> float:
    number = float(digits)
    if number - number:  # NaN, for an infinity
        raise ValueError("a number beyond every float")
    return number


#: Made once: a manifest has one document a line, and making a decoder costs as much as reading one.
_PLAIN, _SUSPICIOUS = (
    json.JSONDecoder(
        object_pairs_hook=_object, parse_constant=_constant, parse_float=_float, parse_int=number
    )
    for number in (int, _int)  # int itself is twice as fast
)
