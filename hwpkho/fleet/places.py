"""Finds the place that a user names, a folder or an fsspec URL, and checks for a data set."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from hwpkho.base import jsontext
from hwpkho.base.escape import printable
from hwpkho.base.version import __version__
from hwpkho.errors import InputError, UsageError
from hwpkho.fleet.folder import Folder
from hwpkho.fleet.place import MARKER
from hwpkho.fleet.remote import Remote
from hwpkho.fleet.schema import SCHEMA, other_version

if TYPE_CHECKING:
    from hwpkho.fleet.place import Place

_URL = re.compile(r"([a-z][a-z0-9+.-]{1,30}):(?://|:)")


def at(name: str) -> Place:
    """Return the place that a user named.

    Raises UsageError for an empty name, or a URL whose file system is not installed.
    """
    if not name:
        raise UsageError("DATASET is an empty name")
    url = _URL.match(name)
    if url is None or url[1] == "file":
        return Folder(name.removeprefix("file://"))
    return Remote(name)


def ensure(place: Place, *, create: bool) -> None:
    """Check that a place is a data set of this version; with ``create``, make it one if need be.

    Raises InputError if it is not one, or of another version.
    """
    raw = place.marker()
    if raw is None and create:
        tool = {"name": "hwpkho", "version": __version__}
        place.create(json.dumps({"schema": SCHEMA, "tool": tool}).encode() + b"\n")
        raw = place.marker()
    check(raw, printable(place.name))


def check(marker: bytes | None, shown: str) -> None:
    """Raise InputError unless ``marker`` is that of a data set of this version.

    ``marker`` is None if there is none; ``shown`` is the data set's name, printable.
    """
    if marker is None:
        raise InputError(f"{shown}: no data set of hwpkho: it has no {MARKER}; fleet add makes one")
    document = jsontext.load(marker, f"{shown}/{MARKER}")
    schema = document.get("schema") if isinstance(document, dict) else None
    if schema != SCHEMA:
        raise InputError(f"{shown}: {other_version(schema)}")
