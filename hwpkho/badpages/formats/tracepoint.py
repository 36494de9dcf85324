"""The kernel's trace events: trace_pipe, ``trace-cmd report``, ``perf script``."""

from __future__ import annotations

from hwpkho.badpages.log_form import LogForm
from hwpkho.badpages.signs import Sign
from hwpkho.base.late import late

#: The events of ``ras``, ``mce`` and ``cxl``, whether they name a page or not.
_EVENTS = (
    rb"(?:(?:memory_failure|mc|aer|arm|non_standard|extlog_mem)_event|mce_record"
    rb"|cxl_(?:poison|general_media|dram|memory_module|generic_event|overflow|aer_\w{1,30}))"
)
#: A line of a trace or of rasdaemon that is cut off behind an event's name, or in the date there.
_CUT = (
    rb"\[\d{3,5}\] (?:[ \w.#+-]{0,40} )?\d{1,12}\.\d{6}:? (?:\w{1,20}:)?"
    + _EVENTS
    + rb":?(?: (?:\[[A-Z]{0,8}\]? ?)?(?:\d{4}-[\d-]{0,5})?)?[ \t]*\n"
)
_SIGN = Sign(
    (b"_event", b"mce_record", b"cxl_"),
    late(
        _CUT + rb"|(?<!\w)" + _EVENTS + rb":\s+(?!(?:\[[A-Z]{1,8}\] )?\d{4}-\d\d-\d\d )\S"
        rb"|\b(?:ras|mce|cxl|memory_failure):" + _EVENTS + rb"\("
    ),
)

FORM = LogForm(
    "tracepoint",
    "trace_pipe, `trace-cmd report`, `perf script`, `perf trace`: the events of `ras` and `cxl`",
    _SIGN,
)
