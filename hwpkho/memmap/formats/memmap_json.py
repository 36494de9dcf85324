"""The document hwpkho.memmap/1, as ``hwpkho memmap --json`` and ``--to json`` write it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from hwpkho.base.addresses import PHYS_END
from hwpkho.base.escape import printable
from hwpkho.codes import problem, registry
from hwpkho.codes.memmap import LOST_LINES
from hwpkho.errors import InputError
from hwpkho.memmap import names
from hwpkho.memmap.formats.base import FileForm
from hwpkho.memmap.model import Entry, Gap
from hwpkho.memmap.table import Table
from hwpkho.memmap.tables import MAX_DISTINCT, MAX_ENTRIES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SCHEMA = "hwpkho.memmap/1"

#: Messages have a map's name as it is, so others are refused; hwpkho writes only such names.
_NAME = re.compile(r"[a-z0-9_]{1,64}")

#: Levels of a tree of resources, as the form of /proc/iomem counts them.
MAX_DEPTH = 64

#: Messages of problems by code and address.
Messages = Mapping[tuple[str, int | None], str]

#: Largest document read, bytes; one of 65536 entries has some 10 MB.
MAX_SIZE = 32 << 20


class MemmapJson(FileForm):
    """A document of this program."""

    name = "json"
    about = "hwpkho's own memmap document (--json, --to json)"
    most = MAX_SIZE

    def sniff(self, _path: Path, head: bytes) -> bool:
        """See :meth:`FileForm.sniff`."""
        return head.lstrip(b" \t\r\n\xef\xbb\xbf")[:1] == b"{" and SCHEMA.encode() in head[:4096]

    def read(self, path: Path, data: memoryview) -> Sequence[Table]:
        """See :meth:`FileForm.read`."""
        shown = printable(str(path))
        if len(data) > MAX_SIZE:
            raise InputError(
                f"{shown}: a document of {len(data)} bytes, at most {MAX_SIZE} are read"
            )
        from hwpkho.base import jsontext  # slow to import, and rarely needed

        document = jsontext.load(data, shown)
        try:
            if document["schema"] != SCHEMA:
                raise InputError(f"{shown}: schema is not {SCHEMA}")
            arch = document.get("arch")
            named_arch = arch if isinstance(arch, str) else None
            messages = _messages(document)
            found = [_map(m, named_arch, messages) for m in document["maps"]]
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            said = printable(str(error))[:80]
            why = "a value is of another type than it says"
            if isinstance(error, KeyError):
                why = f"{said} is missing"
            elif isinstance(error, ValueError):
                why = said
            raise InputError(f"{shown}: not valid hwpkho.memmap/1: {why}") from error
        if not found:
            raise InputError(f"{shown}: the document holds no map")
        if sum(len(m.entries) for m in found) > MAX_DISTINCT:
            raise InputError(f"{shown}: more than {MAX_DISTINCT} entries")
        return found


def _map(map_: dict[str, object], arch: str | None, messages: Messages) -> Table:
    entries = map_["entries"]
    boot = map_["boot"]
    if not isinstance(entries, list) or len(entries) > MAX_ENTRIES:
        raise ValueError(f"entries must be a list of at most {MAX_ENTRIES}")
    if type(boot) is not int or not 0 <= boot < MAX_ENTRIES:
        raise ValueError("boot must be a small number")
    name = _text(map_["name"])
    if not _NAME.fullmatch(name):
        raise ValueError("a map's name has lower-case letters, digits and underscores")
    gaps = map_.get("gaps", [])  # absent in documents of older versions
    if not isinstance(gaps, list) or len(gaps) > MAX_ENTRIES:
        raise ValueError(f"gaps must be a list of at most {MAX_ENTRIES}")
    nameless = names.of(name).entries == "resources"
    read = [_entry(e, nameless=nameless) for e in entries]
    table = Table(name, read, boot=boot, arch=arch)
    table.gaps += [_gap(g, name, messages) for g in gaps]
    return table


def _gap(gap: dict[str, object], name: str, messages: Messages) -> Gap:
    """Return a gap with the problem that the document has for it."""
    start, end = gap["start"], gap["end"]
    code = registry().get(_text(gap["code"]), LOST_LINES)
    if start is None and end is None:
        message = messages.get((code.id, None)) or f"lines of {name} are lost, where is unknown"
        return Gap(None, None, problem(code, message, severity="error"))
    if type(start) is not int or type(end) is not int or not 0 <= start <= end < PHYS_END:
        raise ValueError(f"a gap must have 0 <= start <= end < 2^64, has {start} and {end}")
    message = messages.get((code.id, start)) or f"what is at 0x{start:x}-0x{end:x} is not known"
    return Gap(start, end, problem(code, message, start, severity="warning"))


def _messages(document: dict[str, object]) -> Messages:
    """Return the messages of a document's problems by code and address."""
    out: dict[tuple[str, int | None], str] = {}
    problems = document.get("problems")
    for found in problems[:MAX_ENTRIES] if isinstance(problems, list) else ():
        phys = found.get("phys")
        if phys is None or type(phys) is int:
            out.setdefault((_text(found["code"]), phys), printable(_text(found["message"])))
    return out


def _entry(entry: dict[str, object], *, nameless: bool) -> Entry:
    start, end, attributes = entry["start"], entry["end"], entry["attributes"]
    if type(start) is not int or type(end) is not int or not 0 <= start <= end < PHYS_END:
        raise ValueError(f"start and end must be 0 <= start <= end < 2^64, are {start} and {end}")
    if not isinstance(attributes, dict):
        raise TypeError("attributes must be an object")
    attr = attributes.get("attr")
    if attr is not None and not (type(attr) is int and 0 <= attr < 1 << 64):
        raise ValueError("attr must be null or a number of 64 bits")
    depth = attributes.get("depth", 0)
    if type(depth) is not int or not 0 <= depth <= MAX_DEPTH:
        raise ValueError(f"depth must be 0 to {MAX_DEPTH}")
    return Entry(start, end, _text(entry["type"], empty=nameless), attributes)


def _text(value: object, *, empty: bool = False) -> str:
    if not isinstance(value, str) or not (value or empty) or len(value) > 4096:
        raise ValueError("name and type must be strings")
    return value
