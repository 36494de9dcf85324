"""Trace events: trace_pipe, trace-cmd report (-R), perf script, perf trace, rasdaemon's log.

Source: include/trace/events/memory-failure.h (up to 6.x include/ras/ras_event.h),
include/ras/ras_event.h (mc_event, extlog_mem_event), include/trace/events/mce.h, rasdaemon's
ras-memory-failure-handler.c, ras-mc-handler.c, ras-extlog-handler.c, ras-mce-handler.c and
ras-page-isolation.c. The numbers of types and results differ between kernels and are not used, nor
is rasdaemon's page_type.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hwpkho.badpages.logs import cxl
from hwpkho.badpages.logs.base import Message, MessageReader
from hwpkho.badpages.logs.broken_numbers import BROKEN, broken, fields_together, mended
from hwpkho.badpages.logs.mce_status import AMD, NORMALIZING, Record, settle

if TYPE_CHECKING:
    from hwpkho.badpages.kinds import Kind
    from hwpkho.badpages.logs.when import Place

#: rasdaemon with libtraceevent (its ras-events.c, parse_ras_data) prints the date behind an event's
#: name, without a colon, and since 0.8.4 a level between them (types.c, loglevel_str); the line may
#: be broken there.
_NEXT = rb"[ \t]*\n|\s+(?:[0-9]{4}-|\[[A-Z]{1,8}[\]\n])"
_DATE = re.compile(r"\s*(?:\[[A-Z]{1,8}\] )?[0-9]{4}-[0-9]{2}-[0-9]{2} [:0-9]{8}(?: [+-][0-9]{4})?")
#: An event that is broken in front of that date, and the date; in front of a line it is no stamp.
_UNDATED = re.compile(r"\w{8,24}:?\s*+(?:\[[A-Z]{1,8}\])?\s*+")
_ZONED = re.compile(r"[\s>|]*[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8} [+-][0-9]{4} ")
#: All that an event says, without blanks around it, if it is cut off within that date or above.
_NOTHING = re.compile(r"(?:\[[A-Z]*\]?)? ?(?:[0-9]{4}-[-+: 0-9]{0,20})?:?")
#: perf and trace-cmd use C's printf(), which prints 0 without 0x.
_PFN = re.compile(
    r".{0,80}?\bpfn(?:=| )\s*(?:0x)?((?<=0x)[0-9a-fA-F]{1,16}|(?<!x)0(?=[:\s,]))"
    r"(?P<then>:|[\s,]+\w+=)(.*)",
    re.DOTALL,
)
#: ``perf trace`` prints raw fields, decimal.
_PERF_PFN = re.compile(r"pfn: ([0-9]{1,20})(?=[,)])")
#: Its other fields are signed; it leaves out those that are 0.
_PERF_FIELDS = re.compile(r"[a-z_]{2,16}: -?[0-9]{1,20}(?:[,)]|\s*$)")
#: Raw fields, as printed by ``perf trace``, by ras-mc-ctl, and by ``trace-cmd report -R`` (unsigned
#: long in hex, others decimal). A decimal number at the end of a text may be cut off, except
#: cpuvendor, the last field of mce_record, which has one digit.
_FIELD = re.compile(
    r"\b([a-z][a-z_]{1,15})(?:: |=)"
    r"(-?[0-9]{1,20}(?=[\s,)]|(?<=vendor=[0-9])$)|0x[0-9a-f]{1,16}(?=[\s,)]|$))"
)
_PFN_BEGUN = re.compile(r".{0,80}?\b(?:pf?|pfn(?:=| )\s*+(?:0?x?[0-9a-fA-F]*[\s,:]*)?)$", re.DOTALL)
_NO_STRUCT_PAGE = re.compile(r"\s*recovery action for\s+non struct page")
_SEVERITY = re.compile(
    r"\b((?:Un ?)?corrected|Deferred|Fatal|Info) errors?(?:\s?:|\s*$)", re.IGNORECASE
)
#: What an mc_event begins with, if it is cut off before its severity is told; one that has the
#: letters of no bad one is harmless.
_NO_SEVERITY = re.compile(r"[0-9]{0,10}\s?(?:[UDF][a-z]*(?: e?r{0,2}o?)?|error[a-z_]{0,5}[:=]?)?")
_ERROR_TYPE = re.compile(r"\berror_type(?:=|: )(?:0x)?([0-9])\b")
_ADDRESS = re.compile(r"\baddress(?::|: |=)(0x[0-9a-fA-F]{1,16}|[0-9]{1,20})(?![0-9a-zA-Z])")
_GRAIN = re.compile(r"\bgrain(?P<log>: |_bits(?:=|: ))?:?([0-9]{1,20})\b")
_EXTLOG = re.compile(
    r"(?P<severity>[a-z]{4,16}) error: .{0,200}?physical addr: (?:0x)?(?P<address>[0-9a-f]{1,16})\b"
    r"(?: \(masklsb:(?P<lsb>[0-9a-f]{1,2})\)| mask: 0x(?P<mask>[0-9a-f]{1,16})\b)?",
    re.IGNORECASE,
)
#: What its mask begins with, where a line ends within it; and a mask.
_MASK_BEGUN = re.compile(r"(?:\([^)]{0,16}|mask:)$")
_MASK = re.compile(r"\([ a-fklms:0-9]{10,20}\)")
_STATUS = re.compile(r"\bMC[0-9]+: ([0-9a-f]{1,16})|\bstatus= ?(?:0x)?([0-9a-f]{1,16})")
_ADDR = re.compile(r"\bADDR(?:/MISC(?:/SYND)?)?: ([0-9a-f]{1,16})|\baddr= ?(?:0x)?([0-9a-f]{1,16})")
_MISC = re.compile(
    r"\bMISC: ([0-9a-f]{1,16})|\bADDR/MISC(?:/SYND)?: [0-9a-f]+/([0-9a-f]{1,16})"
    r"|\bmisc= ?(?:0x)?([0-9a-f]{1,16})"
)
_IPID = re.compile(r"\b(?:IPID: |ipid= ?)([0-9a-f]{1,16})")
#: The CPU vendor; ras-mc-ctl prints it behind ``CPU``.
_VENDOR = re.compile(r"(?:vendor: |PROCESSOR: |, CPU )([0-9]{1,3})(?![0-9a-f])")
_OFFLINING = re.compile(
    r"\s*0x([0-9a-fA-F]{1,16})(?:\b.{0,300}?: (offlined|offline-failed|online)\b"
    r"| is already (offlined), ignore)"
)
_OFFLINING_BEGUN = re.compile(r"(?:\s*0x[0-9a-fA-F]{0,16}(?: of row .{0,300}|:)?)?")
_AN_ADDRESS = re.compile(r"\s*0(?: ?x|$)")
_OFFLINED = re.compile(r".{0,300}(?:: offlined\b| is already offlined)")

#: Values of ``sev``: CPER_SEV_*, include/linux/cper.h.
_SEVERITIES = {0: "recoverable", 1: "fatal", 2: "corrected"}
#: rasdaemon's name of an AMD memory controller's bank.
_UMC = re.compile(r"\bUnified Memory Controller\b")
#: Deferred errors are uncorrected, but nothing has used the data yet; EDAC logs them as UE.
_BAD = frozenset(("uncorrected", "deferred", "fatal", "recoverable"))
_BAD_RECORD = re.compile(
    r"\bmci(?:=|= | )(?:Uncorrected|Deferred)|\bUncorrected, |\bDeferred error"
)
#: What a machine check without a status has, if it is cut off; nothing tells how bad it is.
_CUT_RECORD = re.compile(r"\bMCGc/s|\bCPU: [0-9]|\bbank=|\bMEMORY CONTROLLER\b|\bstatus=")
#: What follows the registers: the kernel's fields, raw ones, rasdaemon's, ras-mc-ctl's.
_ALL_REGISTERS = re.compile(
    r"\bAPIC: [0-9a-f]|\bcpuvendor=[0-9]|\bapicid= ?[0-9a-f]|\)\s*$"
    r"|\bstatus=0x.{20,200}, (?:walltime|ppin|cpu|cpuid|socketid|bank)=0x",
    re.DOTALL,
)
#: How lines of a trace begin, and of rasdaemon: a task, a CPU, a time; perf trace's have a time.
_LINE = re.compile(
    r"[\s>|]*(?:\S.{0,40}[\s/-][0-9]{1,10}\s+(?:\([ 0-9-]+\) )?\[[0-9]{3,5}\]\s"
    r"|[0-9]{1,10}\.[0-9]{3} [\s(]|rasdaemon(?:\[[0-9]+\])?: )"
)
_BAD_EXTLOG = re.compile(r"\b(?:fatal|recoverable) error: ", re.IGNORECASE)
#: HW_EVENT_ERR_*. The meanings of 2 and 3 changed in 4.x, and one of them is harmless.
_RAW: dict[str, Kind | None] = {"0": "corrected", "1": "uncorrected", "2": "uncorrected"}
#: What stands in front of an event's name in a command, and where rasdaemon enables it; perf script
#: prints it, too, behind a time.
_GROUP = re.compile(r"(?<![0-9]{6}: )(?<!\w)(?:ras|mce|cxl|memory_failure):$")
#: A machine check's raw fields, which unlike rasdaemon's have no blank behind ``=``.
_RAW_RECORD = re.compile(r"\bmcgcap=[0-9]")
_MAX_BITS = 63
_NO_ADDRESS = _ALL_BITS = (1 << 64) - 1


class Traced(MessageReader):
    """The reader, see the module."""

    needles = (
        b"_event(?:[:(]|%b)" % _NEXT,
        b"_record(?:[:(]|%b)" % _NEXT,
        b"_poison(?:[:(]|%b)" % _NEXT,
        b"_media(?:[:(]|%b)" % _NEXT,
        b"_dram(?:[:(]|%b)" % _NEXT,
        b"fflining page at",
        b"fflined",
    )
    start = re.compile(
        r"(?<![\w/-])(?P<event>memory_failure_event|mc_event|mce_record|extlog_mem_event"
        r"|cxl_(?:poison|general_media|dram))"
        r"(?::\s|\(|(?=:?\s*$|\s+\[[A-Z]{1,8}(?:\]\s|\]?$)"
        r"|\s+[0-9]{4}-(?:[0-9]{2}-|[0-9]{0,2}$)))"
        r"|(?<!\w)(?P<isolation>offlining page at|page at(?=.{1,40} is already offlined))"
    )

    most = 16

    def fresh(self, line: str, held: str) -> bool:
        """See :meth:`MessageReader.fresh`."""
        if _UNDATED.fullmatch(held) and _ZONED.match(line):
            return False
        return super().fresh(line, held) or bool(_LINE.match(line) or self.start.search(line))

    def take(self, message: Message) -> bool:
        """See :meth:`MessageReader.take`."""
        place, begun, text, whole = message
        grouped = _GROUP.search(begun.string[: begun.start()][-32:])
        if grouped and not text.strip(" :") and not begun[0].endswith("("):
            return True  # what rasdaemon enables, or a command is to record
        said = text
        if date := _DATE.match(text):  # rasdaemon's date; the stamp in front is the logger's
            place = place._replace(at=begun.end() + date.end())
            said = text[date.end() :]
        if begun["event"] and _NOTHING.fullmatch(text.strip(" \t:")):
            if whole:
                self.log.unusable(place, f"{begun['event']}: it is cut off behind its name")
            return whole
        if begun["isolation"]:
            return self._offlining(place, text, whole=whole)
        if begun["event"] == "memory_failure_event":
            return self._failure(place, text, whole=whole)
        if begun["event"] == "mc_event":
            return self._controller(place, said, whole=whole)
        if begun["event"] == "extlog_mem_event":
            return self._extlog(place, text, whole=whole)
        if begun["event"] == "mce_record":
            if not whole and not _ALL_REGISTERS.search(text):
                return False
            machine_check(self, place, text)
        elif begun["event"] == "cxl_poison":
            if not whole and cxl.cut(text, "dpa_length"):
                return False
            cxl.poison(self, place, text)
        else:
            if not whole and cxl.cut(text, "hpa"):
                return False
            cxl.media_error(self, place, text, begun["event"])
        return True

    def _offlining(self, place: Place, text: str, *, whole: bool) -> bool:
        if found := _OFFLINING.match(text):
            kind: Kind = "soft-offlined" if "offlined" in found.groups() else "corrected"
            self.log.addresses(place, int(found[1], 16), kind)
        elif _OFFLINED.match(text):
            self.log.unusable(
                place, "rasdaemon: a page was taken offline, but its address is damaged"
            )
        else:
            begun = _OFFLINING_BEGUN.fullmatch(text.rstrip())
            if begun and not whole:
                return False
            if begun or _AN_ADDRESS.match(text):
                self.log.unusable(
                    place,
                    "rasdaemon: a page to take offline, but the line is cut off before the result",
                )
        return True

    def _failure(self, place: Place, text: str, *, whole: bool) -> bool:
        if fields := _PERF_PFN.match(text):
            self.log.pages(place, int(fields[1]), int(fields[1]), "poisoned")
            return True
        found = _PFN.match(text)
        if found is None:
            if not whole:
                return False
            if _PFN_BEGUN.match(text) or "pfn" in text:
                self.log.unusable(place, "memory_failure_event: no page, or its number is cut off")
            return True
        if found["then"] == ":" and not found[3].strip() and not whole:
            return False
        if not _NO_STRUCT_PAGE.match(found[3]):
            self.log.pages(place, int(found[1], 16), int(found[1], 16), "poisoned")
        return True

    def _controller(self, place: Place, text: str, *, whole: bool) -> bool:
        kind: Kind | None
        text = fields_together(text)
        if "address:0x" in text:  # the kernel's words; in rasdaemon's a blank tells the unit
            text = text.replace("grain: ", "grain:")
        if (severity := _SEVERITY.search(text)) is not None:
            word = severity[1].lower().replace(" ", "")  # where a line ended in it
            kind = "uncorrected" if word in _BAD else "corrected" if word == "corrected" else None
        elif (raw := _ERROR_TYPE.search(text)) is not None:
            kind = _RAW.get(raw[1])
            if raw[1] == "3":
                self.log.unusable(
                    place, "mc_event: error_type 3 has another meaning in each kernel"
                )
        else:
            if whole and _NO_SEVERITY.fullmatch(text.strip()):
                self.log.unusable(place, "mc_event: it is cut off before its severity")
            return whole
        if kind is None:
            return True
        found, grain = _ADDRESS.search(text), _GRAIN.search(text)
        if not whole and (not grain or not text[grain.end() :].strip()):
            return False  # the rest is in the next line
        if broken(text):
            self.log.unusable(place, f"mc_event: {BROKEN}")
            return True
        address = int(found[1], 0 if found[1].startswith("0x") else 10) if found else 0
        # In words the grain follows.
        cut = severity is not None and found is not None and not text[found.end() :].strip()
        if address and not cut:
            self.log.addresses(place, address, kind, extent=_grain(grain))
        elif kind == "uncorrected":
            how = "whose address is cut off" if cut else "without an address"
            self.log.unusable(place, f"mc_event: an uncorrected error {how}")
        return True

    def _extlog(self, place: Place, text: str, *, whole: bool) -> bool:
        text = _MASK.sub(lambda m: m[0].replace(" ", ""), mended(fields_together(text)))
        found = _EXTLOG.search(text)
        fields = {} if found else _fields(text)
        if not whole and "pa_mask_lsb" not in fields:
            behind = text[found.end() :].strip() if found else ""
            if not behind or (found and _MASK_BEGUN.match(behind)):
                return False
        if broken(text):
            self.log.unusable(place, f"extlog_mem_event: {BROKEN}")
            return True
        if "pa" in fields:
            severity = _SEVERITIES.get(fields.get("sev", 0), "")
            self._firmware(place, severity, fields["pa"], _extent(fields.get("pa_mask_lsb", 0)))
            return True
        if found is None:
            if _BAD_EXTLOG.search(text):
                message = "extlog_mem_event: an uncorrected error with a damaged address"
                self.log.unusable(place, message)
            return True
        mask = int(found["mask"] or "0", 16)
        extent = mask & -mask if mask else _extent(int(found["lsb"] or "0", 16))
        self._firmware(place, found["severity"].lower(), int(found["address"], 16), extent)
        return True

    def _firmware(self, place: Place, severity: str, address: int, extent: int) -> None:
        if severity not in _BAD and severity != "corrected":
            return
        kind: Kind = "uncorrected" if severity in _BAD else "corrected"
        if 0 < address < _NO_ADDRESS:
            self.log.addresses(place, address, kind, extent=extent)
        elif kind == "uncorrected":
            self.log.unusable(place, "extlog_mem_event: an uncorrected error without an address")


def _extent(bits: int) -> int:
    return 1 << bits if bits <= _MAX_BITS else 1


def _grain(grain: re.Match[str] | None) -> int:
    """Return a grain in bytes: rasdaemon and raw fields have its log2, the kernel's text bytes."""
    if grain is None:
        return 1
    number = int(grain[2])
    if not grain["log"]:
        return number if number and not number & (number - 1) else 1
    return _extent(number)


def machine_check(reader: MessageReader, place: Place, text: str) -> None:
    """Read a machine check whose registers are all in one line."""
    text = mended(fields_together(text) if _RAW_RECORD.search(text) else text)
    if broken(text):
        reader.log.unusable(place, f"mce_record: {BROKEN}")
        return
    fields = _fields(text)
    vendor = _VENDOR.search(text)
    amd = "AMD" in text or (vendor is not None and int(vendor[1]) in NORMALIZING)
    if "status" in fields:
        record = Record(
            fields["status"],
            fields.get("addr"),
            fields.get("misc"),
            fields.get("ipid") or None,
            AMD if amd or fields.get("cpuvendor") in NORMALIZING else None,
        )
    else:
        if _PERF_FIELDS.match(text) and ")" not in text:
            reader.log.unusable(place, "mce_record: its fields are cut off")
        record = Record(
            _number(_STATUS.search(text)),
            _number(_ADDR.search(text)),
            _number(_MISC.search(text)),
            _number(_IPID.search(text)) or None,
            AMD if amd else None,
        )
        if record.status is None and _BAD_RECORD.search(text):
            reader.log.unusable(place, "mce_record: an uncorrected error without its status")
        elif record.status is None and _CUT_RECORD.search(text) and "mci" not in text:
            reader.log.unusable(place, "mce_record: it is cut off before its status")
    record.channel = _UMC.search(text) is not None
    settle(reader.log, place, record)


def _fields(text: str) -> dict[str, int]:
    """Return the raw fields of an event, name → unsigned value."""
    return {
        name: int(word, 16 if word.startswith("0x") else 10) & _ALL_BITS
        for name, word in _FIELD.findall(text)
    }


def _number(found: re.Match[str] | None) -> int | None:
    return int(next(filter(None, found.groups())), 16) if found else None
