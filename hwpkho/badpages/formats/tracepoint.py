"""Events of the kernel's tracing: trace_pipe, ``trace-cmd report``, ``perf script``."""

from __future__ import annotations

import re

from hwpkho.badpages.log_form import LogForm
from hwpkho.badpages.signs import Sign

_SIGN = Sign(
    (b"_event: ", b"_event(", b"_record: ", b"_record(", b"_poison: ", b"_media: ", b"_dram: "),
    re.compile(
        rb"(?:memory_failure_event|mc_event|mce_record|extlog_mem_event"
        rb"|cxl_(?:poison|general_media|dram)):\s+"
        rb"(?!<[A-Z]+> |\d{4}-\d\d-\d\d )\S|\b(?:ras:(?:memory_failure|mc)_event|mce:mce_record)\("
    ),
)

FORM = LogForm(
    "tracepoint",
    "trace_pipe, `trace-cmd report`, `perf script`, `perf trace`: the events of `ras` and `cxl`",
    _SIGN,
)
