"""A baseline: findings that are known and accepted, each with a reason.

TOML, or the same as JSON::

    [[accept]]
    code = "HP603"
    reason = "0x10 is in the first MiB; nothing of ours runs there"
    first = 0x10

``code`` and ``reason`` are required. ``first`` and ``last`` (PFNs, inclusive), ``phys`` (bytes) and
``case`` (the name of a case of a batch) narrow an entry down: those that are given must be equal to
the finding's.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from hwpkho.base import jsontext, tomltext
from hwpkho.base.escape import printable
from hwpkho.codes import registry
from hwpkho.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hwpkho.judging.result import Finding

#: Bytes of the largest baseline: one is written by hand, or from the findings of one run.
MAX_SIZE = 4 << 20
_NUMBERS = ("first", "last", "phys")
_KEYS = ("code", "reason", "case", *_NUMBERS)


class Entry(NamedTuple):
    """One accepted finding.

    Attributes:
        code: Its id, ``HP603``.
        reason: Why it is accepted; printable.
        first: First PFN of the finding, None: any.
        last: Last PFN, inclusive, None: any.
        phys: Physical address (bytes), None: any.
        case: Name of the case, None: any.
    """

    code: str
    reason: str
    first: int | None = None
    last: int | None = None
    phys: int | None = None
    case: str | None = None

    def accepts(self, finding: Finding, case: str) -> bool:
        """Tell whether this entry accepts a finding of the case called ``case``."""
        return (
            self.code == finding.code
            and self.case in (None, case)
            and self.first in (None, finding.first)
            and self.last in (None, finding.last)
            and self.phys in (None, finding.phys)
        )

    def __str__(self) -> str:
        parts = [self.code]
        parts += [
            f"{key} 0x{value:x}" for key in _NUMBERS if (value := getattr(self, key)) is not None
        ]
        if self.case is not None:
            parts.append(f"case {printable(self.case)}")
        return ", ".join(parts)


def parse(data: bytes, name: str) -> tuple[Entry, ...]:
    """Return the entries of a baseline; ``name`` is for messages.

    Raises InputError where it is neither TOML nor JSON, or an entry has no code, no reason or
    something that no entry has.
    """
    if len(data) > MAX_SIZE:
        raise InputError(f"{name}: a baseline of {len(data)} bytes is longer than {MAX_SIZE}")
    document = _document(data, name)
    unknown = [key for key in document if key not in ("accept", "schema")]
    if unknown:
        raise InputError(f"{name}: unknown key {printable(unknown[0])}; expected [[accept]]")
    entries = document.get("accept", [])
    if not isinstance(entries, list):
        raise InputError(f"{name}: accept must be a list of entries, [[accept]]")
    return tuple(_entry(item, f"{name}: entry {n}") for n, item in enumerate(entries, 1))


def _document(data: bytes, name: str) -> dict[str, Any]:
    found: dict[str, Any]
    if data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{":
        found = jsontext.load(data, name)
        return found
    try:
        return tomltext.load(data, name)
    except InputError as error:
        raise InputError(f"{error}; a baseline is TOML or JSON") from error


def _entry(item: Any, where: str) -> Entry:
    if not isinstance(item, dict):
        raise InputError(f"{where}: expected a table with code and reason")
    for key in item:
        if key not in _KEYS:
            raise InputError(f"{where}: unknown key {printable(str(key))}")
    code = item.get("code")
    if not isinstance(code, str) or code.upper() not in registry():
        shown = printable(str(code)[:40]) if code is not None else "none"
        raise InputError(f"{where}: code must be one that hwpkho explain lists, not {shown}")
    reason = item.get("reason")
    if not isinstance(reason, str) or not reason.strip():
        raise InputError(f"{where}: {code.upper()} has no reason; say why it is accepted")
    numbers = {}
    for key in _NUMBERS:
        value = item.get(key)
        if value is not None and (type(value) is not int or not 0 <= value < 1 << 64):
            raise InputError(f"{where}: {key} must be an integer below 2^64")
        numbers[key] = value
    case = item.get("case")
    if case is not None and not isinstance(case, str):
        raise InputError(f"{where}: case must be text")
    return Entry(code.upper(), printable(reason.strip()), case=case, **numbers)


def build(entries: Iterable[Entry]) -> str:
    """Return a baseline with these entries, as TOML."""
    blocks = ["# Findings of hwpkho validate that are known and accepted, each with a reason.\n"]
    for entry in entries:
        lines = ["[[accept]]", f"code = {_quoted(entry.code)}", f"reason = {_quoted(entry.reason)}"]
        if entry.case is not None:
            lines.append(f"case = {_quoted(entry.case)}")
        lines += [
            f"{key} = 0x{value:x}" if value < 1 << 63 else f"{key} = {value}"
            for key in _NUMBERS
            if (value := getattr(entry, key)) is not None
        ]
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)


def build_json(entries: Iterable[Entry]) -> str:
    """Return a baseline with these entries, as JSON, a line each."""
    rows = [
        ", ".join(
            f"{_quoted(key)}: {_quoted(value) if isinstance(value, str) else value}"
            for key in _KEYS
            if (value := getattr(entry, key)) is not None
        )
        for entry in entries
    ]
    return '{"accept": [\n' + ",\n".join(f"{{{row}}}" for row in rows) + "\n]}\n"


def _quoted(text: str) -> str:
    """A JSON string, and a TOML basic one: printable text needs no other escapes there."""
    return json.dumps(printable(text), ensure_ascii=False)


def match(entries: Sequence[Entry], finding: Finding, case: str) -> int | None:
    """Return the index of the first entry that accepts a finding of ``case``, None if none does."""
    return next((i for i, e in enumerate(entries) if e.accepts(finding, case)), None)
