"""JSON from elsewhere: one reader for lists, maps, manifests, baselines and notes.

Python's own reader takes more than JSON has (``NaN``, ``Infinity``), and things that no program can
use afterwards: numbers beyond every float, lone surrogates, which no encoding has.
"""

from __future__ import annotations

import json
import re
from typing import Any

from hwpkho.base.escape import printable
from hwpkho.errors import InputError

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_SHOWN = 80
#: Nobody writes longer integers; Python converts some thousand digits, and then none.
_DIGITS = 40
#: No document has a tenth of it. Python's own bound is that of its stack, from 3.14 on very deep.
_DEPTH = 100
_LONG = re.compile(rb"\d{%d}" % (_DIGITS + 1))


def load(data: bytes | memoryview, where: str, *, surrogates: bool = False) -> Any:
    """Return the document in ``data`` (UTF-8, with or without a mark; UTF-16 and UTF-32 as well).

    ``where`` is put before the message. Raises InputError for what is not JSON, for numbers beyond
    a float or of more than 40 digits, for nesting too deep, and for text that no encoding has;
    ``surrogates`` leaves the last to :func:`check_text`.
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
    """Raise InputError where a text in a document, or a name, holds a lone surrogate.

    Only an escape in ``raw``, the bytes of the document, makes one.
    """
    # In UTF-16 and UTF-32 the escape is not to be found so; the first character is ASCII.
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


def _int(digits: str) -> int:
    if len(digits) > _DIGITS:
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


def _float(digits: str) -> float:
    number = float(digits)
    if number - number:  # NaN, for an infinity
        raise ValueError("a number beyond every float")
    return number


#: A manifest has a document a line, and to make a decoder costs what to read a line does.
_PLAIN, _SUSPICIOUS = (
    json.JSONDecoder(parse_constant=_constant, parse_float=_float, parse_int=number)
    for number in (int, _int)  # int itself is twice as fast
)
