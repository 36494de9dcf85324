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
from hwpkho.badpages.logs.when import Place

if TYPE_CHECKING:
    from hwpkho.badpages.kinds import Kind
    from hwpkho.badpages.logs.timeline import Timeline

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
#: What is printed above the rows of a table, or instead of them; a table without rows has none.
_HEADING = re.compile(
    r"[\s>|]*(?:No )?(?P<table>[A-Z][\w ]{2,40} (?:events?|errors|records)(?: summary)?[.:])\s*$"
)
#: The headings above rows that tell of bad pages.
_OF_PAGES = re.compile(
    r"(?:Memory (?:controller|failure)|MCE|Extlog|CXL (?:poison|general media|DRAM)) events:"
)
#: How such a row begins behind its time, which may be cut off in its zone.
_BEGUN = re.compile(r"(?:[+-][0-9]{0,4}\s*)?(?:e|[0-9]{1,18}(?:\s|$)|$)")
#: Rows about no bad page, by what stands in front of what may be cut off.
_HARMLESS = re.compile(
    r"[0-9]+ (?:Corrected|Info) error\(s\): |error: type=.{0,80}?, severity=(?:corr|info)"
    r"|error: (?:error_count|affinity_level|signature|bus_name|dev|signal)="
    r"|error: .*(?:\b[Cc]orrected[ _]error|\berror_status: |\brecords from |\bdata:"
    r"|\b(?:event_type|health_status|media_status): |, (?:walltime|cpuid|apicid|microcode)=0x)"
)
#: A row that ends within what decides, or with a number that has no comma behind it.
_OPEN = re.compile(
    r"(?:\b(?:address|addr|hpa|dpa_length|status)=?(?:0x?[0-9a-f]*)?|, mci? ?[\w ]{0,24}"
    r"|\bdescriptor(?:_[^,]{0,80})?)\s*$"
)
#: All that is left of a row in its line: its number, perhaps with the beginning of its time.
_NUMBER = re.compile(
    r"[\s>|]*(?P<row>[0-9]{1,18})"
    r"(?P<date> [12][-0-9]{0,9}(?: [:0-9]{0,8}(?: [+-][0-9]{0,4})?)?)?\s*$"
)
#: The lines below a row or heading that may be such a rest: a row may go on in the lines below it.
_BELOW = 4
_CUT_OFF = "ras-mc-ctl: a row that is broken or cut off, in its address or in front of it"
#: A row's number, date and time, behind the date's second hyphen; and with a time zone.
_DATED = rb"(?<=[0-9] [0-9]{4}-[0-9]{2}-)[0-9]{2} [0-9:]{8} (?:[+-][0-9]{4} )?"
_ZONED = rb"(?<=[0-9] [0-9]{4}-[0-9]{2}-)[0-9]{2} [0-9:]{8} [+-][0-9]{4}"
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
        rb"-%b(?: (?:e[ror]{0,4}|[0-9]{1,18}(?: \w{0,20}(?: e[ror()s:]{0,8})?)?)?)?[ \t]*\n"
        % _ZONED,
        rb"rror: (?<=[+-][0-9]{4} error: )(?:pfn=|type=|memdev=|[^\n]{0,999}, cpuid=0x)",
        rb"rror\(s\):\s(?<=(?:ected|erred|Fatal) error\(s\):\s)",
        rb"vents:\n(?<=(?:ler|ure|MCE|log|son|dia|RAM|AER|sor|ble|low|ric|ule|ink|NAL) events:\n)",
        b"\t[UFD][a-z]{4,10} on DIMM",
        b"\t[RFID][a-z]{5,8} errors: ",
        b"\t[0-9]{1,18} [^\n]{1,80} errors\n",
        b"\t[0-9]{1,18} (?:System Fatal |Uncorrected, s|Deferred e)",
        b"CXL poison events summary:\n",
    )
    start = re.compile(
        r"(?:^|(?<=[ \t|\"]))(?P<row>[0-9]{1,18} [-0-9]{10} [:0-9]{8}(?: [+-][0-9]{4})?) "
        # What is left of a row that is cut off, or broken, at its other end.
        r"|^[\s>|]*(?P<rest>[-0-9]{0,10} ?[:0-9]{0,8} ?[+-][0-9]{4}) "
        r"(?=error: (?:pfn=|type=|memdev=|.*, cpuid=0x)|[0-9]{1,18} \w{1,20} error\(s\): )"
        r"|(?:^|(?<=[ \t|\"]))(?P<cut>[0-9]{1,18} [-0-9]{10} [:0-9]{8} [+-][0-9]{4}\s*$)|"
        + _SUMMARY
    )
    most = 16
    _summary_said = False

    def __init__(self, log: Timeline) -> None:
        super().__init__(log)
        #: Whether rows here may tell of bad pages, None where no heading says it; a heading below
        #: which there was no row yet; whether there was any row.
        self._of_pages: bool | None = None
        self._rows_due: Place | None = None
        self._any = False
        #: Whether a heading was above the first row; tables whose times fall are read upside down.
        self._headed = False
        #: The last row's number, 0 below a heading, and how many lines below may be the next row's.
        self._row, self._below = 0, 0

    def fresh(self, line: str, held: str) -> bool:
        """See :meth:`MessageReader.fresh`."""
        return super().fresh(line, held) or bool(_HEADING.match(line) or self.start.search(line))

    def feed(self, number: int, line: str) -> bool:
        """See :meth:`LineReader.feed`. A summary gets only one problem, however long it is."""
        if self._summary_said and self._held is None and _COUNTS.match(line):
            return False
        if self._rows_due and (row := self.start.search(line)) and (row["row"] or row["rest"]):
            self._rows_due = None  # its time may show that another boot began, which ends a table
        self._below -= self._below > 0
        below = self._below and self._held is None
        asks = super().feed(number, line)
        if heading := _HEADING.match(line):
            self._headed = self._headed or not self._any
        if heading and self._headed:
            self._end_table()
            self._of_pages = _OF_PAGES.fullmatch(heading["table"]) is not None
            if self._of_pages:
                self._rows_due = Place(self.log.number(number), line)
            self._any, self._row, self._below = True, 0, _BELOW
        elif below and self._of_pages is not False and self._is_next(line):
            self.log.unusable(Place(self.log.number(number), line), _CUT_OFF)
        return asks or self._below > 0

    def _is_next(self, line: str) -> bool:
        """Tell whether a line below a row is all that is left of the next row."""
        found = _NUMBER.match(line)
        if found is None:
            return False
        return found["date"] is not None or int(found["row"]) == self._row + 1

    def _end_table(self) -> None:
        due, self._rows_due = self._rows_due, None
        if due is not None:
            self.log.unusable(due, "ras-mc-ctl: a table whose rows are missing or cut off")

    def flush(self) -> None:
        """See :meth:`MessageReader.flush`."""
        super().flush()
        self._end_table()

    def take(self, message: Message) -> bool:
        """See :meth:`MessageReader.take`."""
        place, begun, text, whole = message
        place = place._replace(at=max(place.at, len(begun[0])))
        if begun["summary"]:
            self._summary_said = True
            self.log.unusable(
                place, "ras-mc-ctl --summary counts errors and names no page; use --errors"
            )
            return True
        if begun["cut"]:
            if whole and self._of_pages is not False:
                self.log.unusable(place, _CUT_OFF)
            return whole
        self._any = True
        self._row = int(begun["row"].split()[0]) if begun["row"] else self._row + 1
        self._below = _BELOW
        if not whole and not _WHOLE.match(text):
            return False
        if found := _FAILURE.match(text):
            self.log.pages(place, int(found[1], 16), int(found[1], 16), "poisoned")
        elif found := _CONTROLLER.match(text):
            self._address(place, found["severity"], int(found["address"]), int(found["grain"]))
        elif _OPEN.search(text) and self._of_pages is not False and not _HARMLESS.match(text):
            self.log.unusable(place, _CUT_OFF)
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
        elif self._of_pages is not False and _BEGUN.match(text) and not _HARMLESS.match(text):
            self.log.unusable(place, _CUT_OFF)
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
