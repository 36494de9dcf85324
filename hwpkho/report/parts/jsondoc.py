"""Writes JSON documents: the same bytes for the same input.

Programs read them, and they may have a million entries, so there are no blanks.
"""

from __future__ import annotations

import json
from array import array
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from hwpkho.base.listing import MAX_PFNS, Listing
from hwpkho.base.listing import joined as joined
from hwpkho.base.version import __version__
from hwpkho.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


#: Characters that :func:`gathered` collects before a write.
_PIECE = 1 << 16


class Array(NamedTuple):
    """An array too long to hold as objects: its items as JSON text in pieces, commas included."""

    pieces: Iterable[str]


def dump(schema: str, body: Mapping[str, object]) -> str:
    """Return the document ``schema`` (``hwpkho.decode/1``) with ``body``, ending in a newline.

    ``array`` and ``memoryview`` values become lists of integers. Non-ASCII text is escaped, so that
    nothing a broken machine put into a string reaches a terminal raw.
    """
    return text({**_head(schema), **body}) + "\n"


def begin(schema: str) -> str:
    """Return the start of a document; the caller adds ``,"field":value`` and the closing brace."""
    return text(_head(schema))[:-1]


def pieces(schema: str, fields: Iterable[tuple[str, object]]) -> Iterator[str]:
    """Yield in pieces what :func:`dump` returns; the value of a field may be an ``Array``.

    ``fields`` are taken one by one, so a field may depend on an array written before it.
    """
    before = "{"
    for name, value in chain(_head(schema).items(), fields):
        before += f"{text(name)}:"
        if isinstance(value, Array):
            yield f"{before}["
            yield from value.pieces
            before = "],"
        else:
            before += f"{text(value)},"
    yield before[:-1] + "}\n"


def numbers(pfns: Iterable[int]) -> Array:
    """Return integers as an array that is made while it is written.

    Raises InputError for a list of more than ``MAX_PFNS``: the units of an EFI table may cover
    more pages than could be listed one by one.
    """
    _check_length(pfns)
    return Array(_numbers(pfns))


def _check_length(pfns: Iterable[int]) -> None:
    if isinstance(pfns, Listing) and pfns.count > MAX_PFNS:
        raise InputError(
            f"{pfns.count} PFNs are too many to list one by one; the limit is {MAX_PFNS}"
        )


def _numbers(pfns: Iterable[int]) -> Iterator[str]:
    return joined(map(str, pfns))


def gathered(pieces: Iterable[str]) -> Iterator[str]:
    """Yield small pieces joined into larger ones, since every write has a cost of its own."""
    held, size = list[str](), 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size >= _PIECE:
            yield "".join(held)
            held, size = [], 0
    yield "".join(held)


def text(value: object) -> str:
    """Return a value as JSON text; raises TypeError for what JSON has no form for."""
    return _ENCODER.encode(value)


def _head(schema: str) -> dict[str, object]:
    return {"schema": schema, "tool": {"name": "hwpkho", "version": __version__}}


def _bulk(value: Any) -> list[int]:
    if isinstance(value, (array, memoryview)):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} has no place in a document")


_ENCODER = json.JSONEncoder(default=_bulk, allow_nan=False, separators=(",", ":"))
