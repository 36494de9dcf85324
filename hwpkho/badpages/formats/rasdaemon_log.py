"""rasdaemon's messages, on a terminal or in the journal."""

from __future__ import annotations

from hwpkho.badpages.log_form import LogForm
from hwpkho.badpages.signs import Sign
from hwpkho.base.late import late

_SIGN = Sign(
    (
        b"_event",
        b"_record",
        b"_poison",
        b"_media",
        b"_dram",
        b"rasdaemon",
        b"offlining page at",
        b"ras_mc_event_",
    ),
    late(
        rb"(?:(?:memory_failure|mc|aer|arm|non_standard|extlog_mem)_event|mce_record"
        rb"|cxl_(?:poison|general_media|dram)):?\s+"
        rb"(?:\[[A-Z]{1,8}\] )?\d{4}-\d\d-\d\d "
        rb"|rasdaemon(?:\[\d{1,10}\])?: |offlining page at 0x[0-9a-f]+: |Calling ras_mc_event_"
    ),
)

FORM = LogForm(
    "rasdaemon-log",
    "rasdaemon's messages, in the foreground or in the journal",
    _SIGN,
)
