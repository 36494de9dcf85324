"""Finds out when a log's line was written, in which boot, and on which machine."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import NamedTuple

#: What dmesg -d and journalctl -o short-delta print behind printk's stamp: the time since the last
#: line. The latter has a star if another boot was between, and blanks in the first line.
_AGO = r"(?: <[ 0-9.]{1,24}\*?>| {16})?"
#: ``[ 1234.567890]``: printk's stamp.
STAMP = re.compile(rf"\[ {{0,8}}([0-9]{{1,9}}\.[0-9]{{3,9}}){_AGO}\]")
#: ``313.747669: mc_event:``: ftrace's stamp, in front of an event's name.
_TRACED = re.compile(r"(?<![0-9.])([0-9]{1,9}\.[0-9]{6,9}): (?:[a-z_]+:)?$")
_ISO = re.compile(
    r"(?<![0-9])([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]{1,9})?)"
    r"(?: ?(Z|UTC|[+-][0-9]{2}:?[0-9]{2})(?![0-9]))?"
)
#: ``[Tue May 10 01:40:38 2016]`` of dmesg -T.
_HUMAN = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) "
    r"([ 0-9][0-9]) ([:0-9]{8}) ([0-9]{4})"
)
#: journalctl -o short-monotonic: a host behind the stamp, unless --no-hostname.
_MONOTONIC = re.compile(rf"\[ {{0,8}}[0-9]{{1,9}}\.[0-9]+{_AGO}\] (?:\S{{1,64}} )?kernel: ")
#: journalctl -o short-unix, with a host or not as above.
_UNIX = re.compile(r"([0-9]{10})\.([0-9]{6}) (?=(?:\S{1,64} )?kernel: )")
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
#: Microseconds since 1970, in the journal's JSON.
_JOURNAL = re.compile(r'"_?_(?:SOURCE_)?REALTIME_TIMESTAMP"\s*:\s*"([0-9]{10,17})"')
#: The same in its export format.
_EXPORT = re.compile(r"^__REALTIME_TIMESTAMP=([0-9]{10,17})$", re.MULTILINE)
#: The cursor of an entry in its verbose format: boot ID, and microseconds since 1970 in hex.
_CURSOR = re.compile(
    r"\[s=[0-9a-f]{0,32};i=[0-9a-f]{1,16};b=(?P<boot>[0-9a-f]{1,32});m=[0-9a-f]{1,16};"
    r"t=(?P<time>[0-9a-f]{1,14});x="
)
_BOOT_ID = re.compile(r'"_BOOT_ID"[ :]+"([0-9a-f]{32})"')
_EXPORT_BOOT_ID = re.compile(r"^_BOOT_ID=([0-9a-f]{32})$", re.MULTILINE)
#: ``Nov 28 17:20:03``, of syslog and journalctl.
_SYSLOG = re.compile(
    r"(?<![\w:])(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) ([ 0-9][0-9]) "
    r"([0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?)"
)
#: A quick test: every wall clock time matches.
_MINUTES = re.compile(r":[0-9]{2}:[0-9]{2}")
#: The host in front of the program's name and behind the time, perhaps with a time zone: of syslog
#: and journalctl.
_HOST = re.compile(
    r"(?:[0-9]{2}:[0-9]{2}\S{0,32}|\]|^[0-9]{10}\.[0-9]{6})(?: [A-Z]{2,5})? {1,4}"
    r"(\w[\w.-]{0,254}) {1,4}(?:kernel|rasdaemon|mcelog)(?:\[[0-9]{1,7}\])?: "
)
_JOURNAL_HOST = re.compile(r'"_HOSTNAME"\s*:\s*"([^"\\]{1,255})"')
_EXPORT_HOST = re.compile(r"^[ \t>|]{0,16}_HOSTNAME=(\S{1,255})\s*$", re.MULTILINE)
#: Words in a host's position that are not names: levels, and what a machine without a name prints.
_NO_HOSTS = frozenset((
    "emerg", "alert", "crit", "err", "error", "warn", "warning", "notice", "info", "debug",
    "localhost", "none", "unknown",
))  # fmt: skip
#: A stamp is at most so many characters in front of its message.
_NEAR = 512
_YEAR_10000 = 253402300800


class Clock(NamedTuple):
    """A time for comparison.

    Attributes:
        sort: The sort of time stamp; only times of the same sort can be compared.
        time: Text that is greater for a later time; syslog's has no year.
    """

    sort: str
    time: str


class Place(NamedTuple):
    """The place of a message in a log.

    Attributes:
        number: Number of the line, from 1.
        line: Text of the line.
        at: Offset of the message in it, characters.
        entry: The whole entry, where it has many lines: the journal's export format or JSON.
    """

    number: int
    line: str
    at: int = 0
    entry: str = ""


def stamp(place: Place) -> float | None:
    """Return printk's stamp nearest in front of a place, seconds since boot; None for none."""
    found = _last(STAMP, place.line, place.at or len(place.line))
    return float(found[1]) if found else None


def _last(pattern: re.Pattern[str], line: str, end: int) -> re.Match[str] | None:
    """Return the last match shortly in front of ``end``: a line may have several messages."""
    matches = list(pattern.finditer(line, max(0, end - _NEAR), end))
    return matches[-1] if matches else None


def when(place: Place, epoch: int | None = None) -> str | None:
    """Return when a place was written: ISO 8601 or ``boot+SECONDS``, None without a time stamp.

    ``epoch`` is the time in the message itself, seconds since 1970; it comes first.
    """
    if epoch is not None:
        return of_epoch(epoch)
    line = place.line
    if microseconds := _journal(place):
        return of_epoch(microseconds // 1_000_000)
    if found := _UNIX.match(line):
        return of_epoch(int(found[1]))
    date = _last(_ISO, line, max(place.at, 64))
    if date:
        zone = (date[3] or "").replace("UTC", "Z")
        zone = f"{zone[:3]}:{zone[3:]}" if len(zone) == 5 else zone
        return f"{date[1]}T{date[2].replace(',', '.')}{zone}"
    if human := _HUMAN.search(line):
        month = _MONTHS.index(human[1]) + 1
        return f"{human[4]}-{month:02}-{int(human[2]):02}T{human[3]}"
    found = _last(STAMP, line, place.at or len(line)) or _TRACED.search(line, 0, place.at)
    return f"boot+{found[1]}" if found else None


def of_epoch(seconds: int) -> str | None:
    """Return seconds since 1970 as ISO 8601 in UTC, None where not positive or beyond year 9999."""
    if not 0 < seconds < _YEAR_10000:
        return None
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def boot_id(place: Place) -> str | None:
    """Return the journal's boot ID for a place, None where there is none."""
    if cursor := _CURSOR.search(place.entry):
        return cursor["boot"]
    found = _BOOT_ID.search(place.line) if '"_BOOT_ID"' in place.line else None
    if "_BOOT_ID" in place.entry and not found:
        found = _EXPORT_BOOT_ID.search(place.entry) or _BOOT_ID.search(place.entry)
    return found[1] if found else None


def host(place: Place) -> str | None:
    """Return the name of the machine that wrote a place's line, None where there is none.

    In lower case, without domain; not yet safe to print.
    """
    found = _JOURNAL_HOST.search(place.line) if '"_HOSTNAME"' in place.line else None
    if found is None and "_HOSTNAME" in place.entry:
        found = _EXPORT_HOST.search(place.entry) or _JOURNAL_HOST.search(place.entry)
    found = found or _HOST.search(place.line, 0, place.at or _NEAR)
    name = found[1].lower() if found else ""
    if not name.replace(".", "").isdigit():  # log servers may write an IP address
        name = name.split(".")[0]
    return name if name and name not in _NO_HOSTS else None


def _journal(place: Place) -> int | None:
    """Return the journal's time of a place, microseconds since 1970; None where there is none."""
    found = _JOURNAL.search(place.line) if "REALTIME_" in place.line else None
    if place.entry and not found:
        if cursor := _CURSOR.search(place.entry):
            return int(cursor["time"], 16)
        found = _EXPORT.search(place.entry) or _JOURNAL.search(place.entry)
    return int(found[1]) if found else None


def clock(place: Place) -> Clock | None:
    """Return the time of a place for comparison, None where its line has none."""
    if microseconds := _journal(place):
        return Clock("journal", f"{microseconds:020}")
    head = place.line[: place.at or _NEAR]
    if _MINUTES.search(head):
        if date := _ISO.search(head):
            return Clock("iso", f"{date[1]} {date[2]}")
        if human := _HUMAN.search(head):
            return Clock("date", f"{human[4]} {_MONTHS.index(human[1]):02} {human[2]} {human[3]}")
        if day := _SYSLOG.search(head):
            return Clock("syslog", f"{_MONTHS.index(day[1]):02} {day[2]} {day[3]}")
    if unix := _UNIX.match(head):
        return Clock("unix", f"{unix[1]}{unix[2]}")
    if _MONOTONIC.match(head) and (found := STAMP.search(head)):
        return Clock("monotonic", f"{found[1]:0>20}")
    return None
