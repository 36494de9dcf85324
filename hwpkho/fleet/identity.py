"""Finds out which machine a case comes from, and when it was captured.

In this order: from the manifest, from a pattern over the cases' names, from the capture itself. A
case whose host is not known gets its own name as host. A time is ISO 8601, UTC without an offset; a
date alone is the start of that day.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from hwpkho.base.escape import printable
from hwpkho.base.options import option
from hwpkho.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Longest host, boot_id and release, characters; a host's name has at most 253 (RFC 1035).
MAX_TEXT = 255
#: Characters at the end of a name that are matched against a pattern.
_MAX_NAME = 4096
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Year 10000, seconds.
_LATEST = 253402300800
_MICROSECOND = timedelta(microseconds=1)
_DAY = 86_400_000_000  # microseconds

#: ISO 8601, extended or basic, or as in names of files: 2026-11-28_03-00-00. The separator between
#: hours and minutes must also precede seconds, so that an offset is not read as seconds.
_TIME = (
    r"(?P<year>[0-9]{4})(?P<d>-?)(?P<month>[0-9]{2})(?P=d)(?P<day>[0-9]{2})"
    r"(?:[Tt _-]?(?P<hour>[0-9]{2})(?P<s>[:-]?)(?P<minute>[0-9]{2})"
    r"(?:(?P=s)(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]{1,9}))?)?"
    r"(?:[Zz]|(?P<sign>[+-])(?P<hours>[0-9]{2}):?(?P<minutes>[0-5][0-9])?)?)?"
)
_MOMENT = re.compile(_TIME)
_FIELD = re.compile(r"\{([^{}]*)\}|\*|([^{}*]+)|(.)", re.DOTALL)
_FIELDS = {"host": r"(?P<host>[^/]{1,255}?)", "taken_at": rf"(?P<taken_at>{_TIME})"}


@dataclass(frozen=True, slots=True)
class Identity:
    """The machine and time of a capture.

    Attributes:
        host: The machine, printable; None only for a case without a name.
        host_from: What names it: ``manifest``, ``names``, ``capture`` or ``case``.
        taken_at: Microseconds since 1970, UTC; None if not known.
        time_from: ``manifest``, ``names`` or ``capture``; None if not known.
        boot_id: Boot of the captured kernel, printable; None if not known.
        release: Release of the captured kernel, printable; None if not known.
        remark: Which of these were given and cannot be used, printable; None: none.
    """

    host: str | None
    host_from: str
    taken_at: int | None = None
    time_from: str | None = None
    boot_id: str | None = None
    release: str | None = None
    remark: str | None = None

    @property
    def complete(self) -> bool:
        """Whether host and time are known, so that the capture's own records cannot change them."""
        return self.host_from != "case" and self.taken_at is not None


class Names(NamedTuple):
    """A pattern over the names of cases.

    Attributes:
        text: As the user gave it.
        pattern: Matches the end of a name.
    """

    text: str
    pattern: re.Pattern[str]

    def match(self, path: str) -> re.Match[str] | None:
        """Return the match at the end of a case's path, None if it does not fit."""
        return self.pattern.search(path[-_MAX_NAME:])


def names(text: str) -> Names:
    """Return the pattern for ``text``, such as ``{host}/{taken_at}`` or ``{host}-*.txt``.

    ``{host}`` stands for a name or part of one between slashes, ``{taken_at}`` for a date, or a
    date and a time, ``*`` for anything without a slash. It must fit the end of a case's path.
    Raises UsageError for other placeholders, for none, and for more than four ``*``.
    """
    parts, seen = [], set[str]()
    for match in _FIELD.finditer(text):
        field, literal, other = match.groups()
        if literal is not None:
            parts.append(re.escape(literal))
        elif match[0] == "*":
            parts.append("[^/]{0,255}?")
        elif field in _FIELDS and field not in seen:
            seen.add(field)
            parts.append(_FIELDS[field])
        else:
            shown = printable(other or match[0])[:40]
            raise UsageError(
                f"{option('names')}: {shown}: expected {{host}} and {{taken_at}} once each, or *"
            )
    if not seen:
        raise UsageError(f"{option('names')}: expected {{host}} or {{taken_at}} in it")
    if text.count("*") > 4:
        raise UsageError(f"{option('names')}: more than four *")
    return Names(text, re.compile(rf"(?:^|/){''.join(parts)}/?$"))


def identify(case: str, path: str, about: Mapping[str, Any] | None, by: Names | None) -> Identity:
    """Return machine and time of a case, as manifest and name tell them.

    Args:
        case: Its name, printable.
        path: The text to match the pattern against: its path, or its name in the manifest.
        about: ``host``, ``taken_at``, ``boot_id``, ``release`` of the manifest, unchecked.
        by: The pattern over names.
    """
    said = about or {}
    remarks: list[str] = []
    found = by.match(path) if by else None
    named = found.groupdict() if found else {}
    if by and not found:
        remarks.append(f"the name does not end with {printable(by.text)}")
    host, host_from = _text(said, "host", remarks), "manifest"
    if host is None and named.get("host"):
        host, host_from = printable(named["host"]), "names"
    if host is None:
        host, host_from = printable(case)[:MAX_TEXT] or None, "case"
    taken_at = time_from = None
    given = said.get("taken_at", named.get("taken_at"))
    if given is not None:
        try:
            taken_at = moment(given)
            time_from = "manifest" if "taken_at" in said else "names"
        except ValueError as error:
            remarks.append(f"taken_at {error}")
    return Identity(
        host,
        host_from,
        taken_at,
        time_from,
        _text(said, "boot_id", remarks),
        _text(said, "release", remarks),
        "; ".join(remarks) or None,
    )


class Recorded(NamedTuple):
    """What a capture itself records; None for what it does not.

    Attributes:
        host: Name of the machine, printable.
        release: Release of its kernel, printable.
        seconds: When it was taken, seconds since 1970, UTC.
    """

    host: str | None = None
    release: str | None = None
    seconds: int | None = None


def completed(known: Identity, by: Recorded) -> Identity:
    """Return ``known`` with what it lacks taken from the capture's own records."""
    if known.host_from == "case" and by.host:
        known = replace(known, host=by.host[:MAX_TEXT], host_from="capture")
    if known.release is None and by.release:
        known = replace(known, release=by.release[:MAX_TEXT])
    if known.taken_at is None and by.seconds is not None and 0 < by.seconds < _LATEST:
        known = replace(known, taken_at=by.seconds * 1_000_000, time_from="capture")
    return known


def moment(value: object) -> int:
    """Return microseconds since 1970 of an ISO 8601 time; raises ValueError for anything else."""
    found = _MOMENT.fullmatch(value.strip()) if isinstance(value, str) else None
    try:
        if found is None:
            raise ValueError
        parts = found.group("year", "month", "day", "hour", "minute", "second")
        year, month, day, hour, minute, second = (int(part or 0) for part in parts)
        at = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        if found["fraction"]:
            at += timedelta(microseconds=int(found["fraction"].ljust(6, "0")[:6]))
        if found["hours"]:
            offset = timedelta(hours=int(found["hours"]), minutes=int(found["minutes"] or 0))
            if offset >= timedelta(hours=24):
                raise ValueError
            at += offset if found["sign"] == "-" else -offset
    except (ValueError, OverflowError) as error:
        shown = printable(str(value))[:60]
        raise ValueError(f"{shown}: expected ISO 8601, 2026-11-28T03:00:00Z") from error
    return since_1970(at)


def since_1970(at: datetime) -> int:
    """Return microseconds since 1970; a time without a zone is UTC."""
    return (at.replace(tzinfo=at.tzinfo or UTC) - _EPOCH) // _MICROSECOND


def time_text(microseconds: int) -> str:
    """Return microseconds since 1970 as ``2026-11-28T03:00:00Z``, with a fraction if need be."""
    text = (_EPOCH + timedelta(microseconds=microseconds)).isoformat()
    return text.replace("+00:00", "Z")


def day_of(microseconds: int) -> str:
    """Return the UTC date of microseconds since 1970: ``2026-11-28``."""
    return date.fromordinal(_EPOCH.toordinal() + microseconds // _DAY).isoformat()


def _text(said: Mapping[str, Any], name: str, remarks: list[str]) -> str | None:
    value = said.get(name)
    if value is None:
        return None
    text = printable(value) if isinstance(value, str) else ""
    if not text or len(text) > MAX_TEXT or not value.strip():
        shown = printable(str(value))[:60]
        remarks.append(f"{name} {shown!r}: expected a text of 1 to {MAX_TEXT} characters")
        return None
    return text
