"""JSON documents: one on stdout, the same bytes for the same input."""

from __future__ import annotations

import json
from array import array
from typing import TYPE_CHECKING, Any

from hwpkho import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping


def dump(schema: str, body: Mapping[str, object]) -> str:
    """Return the document ``schema`` (``hwpkho.decode/1``) with ``body``, ending in a newline.

    Arrays of type ``array`` and views are written as lists of integers. Non-ASCII text is
    escaped, so what a broken machine put into a string cannot reach a terminal raw.
    """
    head = {"schema": schema, "tool": {"name": "hwpkho", "version": __version__}}
    return json.dumps({**head, **body}, default=_bulk, allow_nan=False) + "\n"


def _bulk(value: Any) -> list[int]:
    if isinstance(value, (array, memoryview)):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} has no place in a document")
