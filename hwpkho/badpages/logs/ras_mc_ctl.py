"""``ras-mc-ctl --errors``: rows of rasdaemon's database as text; and ``--summary``, only counts.

Source: rasdaemon's util/ras-mc-ctl.in (errors, summary). Addresses of memory controllers are
decimal, and their grain is the log2 of bytes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hwpkho.badpages.logs import cxl
from hwpkho.badpages.logs.base import Message, MessageReader
from hwpkho.badpages.logs.tracing import machine_check

if TYPE_CHECKING:
    from hwpkho.badpages.kinds import Kind
    from hwpkho.badpages.logs.when import Place

_FAILURE = re.compile(r"error: pfn=0x([0-9a-fA-F]{1,16}), page_type=")
_CONTROLLER = re.compile(
    r"[0-9]+ (?P<severity>\w+) error\(s\): .{0,600}, addr (?P<address>[0-9]{1,20}), "
    r"grain (?P<grain>[0-9]{1,20})\b(?! [0-9])"
)
_EXTLOG = re.compile(
    r"error: type=.{0,80}?, severity=(?P<severity>\w+), address=0x(?P<address>[0-9a-f]{1,16})\b"
)
_BAD = frozenset(("uncorrected", "deferred", "fatal", "recoverable"))
_SAID = re.compile(
    r"[0-9]+ (?:Uncorrected|Deferred|Fatal) error\(s\): "
    r"|error: type=.{0,80}?, severity=(?:fatal|recoverable)\b"
)
#: A machine check, whose row begins with any message; it may be cut off.
_CHECK = re.compile(
    r"error: (?:.*\bstatus=|.*\bMEMORY CONTROLLER\b|.*, (?:mci|bank) |Uncorrected, |Deferred error)"
)
_POISON = re.compile(r"\b(?:trace_type|dpa_length)=")
#: A row up to behind all that is read of it; a mail program or terminal may break one above that.
_WHOLE = re.compile(
    r"error: pfn=0x[0-9a-fA-F]{1,16}, page_type="
    r"|[0-9]+ \w+ error\(s\): .{0,600}, grain [0-9]{1,20}[\s,]"
    r"|error: type=.{0,80}?, address=0x[0-9a-f]{1,16},"
    r"|error: memdev=.*, (?:dpa_length|descriptor_flags: .*, hpa)=0x[0-9a-f]{1,16},"
    r"|error: .*\bstatus=0x.*, (?:walltime|ppin|cpu|cpuid|apicid|socketid|bank)=0x"
    r"|error: (?:error_count|affinity_level|signature|bus_name|dev|signal)="
)
#: What is printed above the rows of a table, or instead of them.
_HEADING = re.compile(r"(?:No )?[A-Z][\w ]{2,40} (?:events?|errors|records)(?: summary)?[.:]\s*$")
#: A row's number, date and time, behind the date's second hyphen.
_DATED = rb"(?<=[0-9] [0-9]{4}-[0-9]{2}-)[0-9]{2} [0-9:]{8} (?:[+-][0-9]{4} )?"
_MAX_BITS = 30
#: Rows of a summary that say that memory is bad. CXL's poison has only numbers by device, and a
#: heading only where there are any. AMD's machine checks are told by these words (mce-amd.c); those
#: of Intel do not say how bad they are, like CXL's media errors.
_SUMMARY = (
    r"^(?P<summary>\t(?:Uncorrected|Fatal|Deferred) on DIMM Label"
    r"|\t(?:Recovered|Failed|Ignored|Delayed)(?= errors: [1-9])"
    r"|\t[0-9]+ .{1,60} (?:recoverable|fatal) errors$"
    r"|\t[0-9]+ (?:System Fatal|Uncorrected, software \w{1,20}|Deferred) error[.,].{0,400} errors$"
    r"|CXL poison events summary:$)"
)
_COUNTS = re.compile(_SUMMARY)


class RasMcCtl(MessageReader):
    """The reader, see the module."""

    needles = (
        rb"-%b(?:error:\s|[0-9]{1,18} \w{1,20}(?: error\(s\):\s|[ \t]*\n))" % _DATED,
        b"\t[UFD][a-z]{4,10} on DIMM",
        b"\t[RFID][a-z]{5,8} errors: ",
        b"\t[0-9]{1,18} [^\n]{1,80} errors\n",
        b"\t[0-9]{1,18} (?:System Fatal |Uncorrected, s|Deferred e)",
        b"CXL poison events summary:\n",
    )
    start = re.compile(
        r"(?:^|(?<=[ \t|\"]))(?P<row>[0-9]{1,18} [-0-9]{10} [:0-9]{8}(?: [+-][0-9]{4})?) |"
        + _SUMMARY
    )
    most = 16
    _summary_said = False

    def fresh(self, line: str, held: str) -> bool:
        """See :meth:`MessageReader.fresh`."""
        return super().fresh(line, held) or bool(_HEADING.match(line) or self.start.search(line))

    def feed(self, number: int, line: str) -> bool:
        """See :meth:`LineReader.feed`. A summary gets only one problem, however long it is."""
        if self._summary_said and self._held is None and _COUNTS.match(line):
            return False
        return super().feed(number, line)

    def take(self, message: Message) -> bool:
        """See :meth:`MessageReader.take`."""
        place, begun, text, whole = message
        place = place._replace(at=max(place.at, len(begun[0])))
        if begun["summary"]:
            self._summary_said = True
            self.log.unusable(
                place, "ras-mc-ctl --summary counts errors and names no page; use --errors"
            )
        elif not whole and not _WHOLE.match(text):
            return False
        elif found := _FAILURE.match(text):
            self.log.pages(place, int(found[1], 16), int(found[1], 16), "poisoned")
        elif found := _CONTROLLER.match(text):
            self._address(place, found["severity"], int(found["address"]), int(found["grain"]))
        elif found := _EXTLOG.match(text):
            self._address(place, found["severity"], int(found["address"], 16), 0)
        elif text.startswith("error: memdev=") and _POISON.search(text):
            cxl.poison(self, place, text)
        elif text.startswith("error: memdev=") and ", dpa=" in text:
            cxl.media_error(self, place, text)
        elif _CHECK.match(text):
            machine_check(self, place, text)
        elif text.startswith("error: pfn="):
            self.log.unusable(place, "ras-mc-ctl: no page, or its number is cut off")
        elif _SAID.match(text):
            self.log.unusable(place, "ras-mc-ctl: an uncorrected error with a damaged address")
        return True

    def _address(self, place: Place, severity: str, address: int, bits: int) -> None:
        kind: Kind = "uncorrected" if severity.lower() in _BAD else "corrected"
        if kind == "corrected" and severity.lower() != "corrected":
            return
        if 0 < address < (1 << 64) - 1:
            extent = 1 << bits if bits <= _MAX_BITS else 1
            self.log.addresses(place, address, kind, extent=extent)
        elif kind == "uncorrected":
            self.log.unusable(place, "ras-mc-ctl: an uncorrected error without an address")
