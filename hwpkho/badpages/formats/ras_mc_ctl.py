"""``ras-mc-ctl --errors``: rasdaemon's database as text."""

from __future__ import annotations

from hwpkho.badpages.log_form import LogForm
from hwpkho.badpages.signs import Sign
from hwpkho.base.late import late

_SIGN = Sign(
    (b" errors.", b" events", b" records", b" summary", b"error: ", b"error(s): "),
    late(
        rb"(?m)(?:^(?:No (?:Memory|MCE|Extlog|PCIe AER|CXL [\w ]+) errors\.$"
        rb"|(?:Memory (?:controller|failure)|MCE|Extlog|CXL [\w ]{1,40}) "
        rb"(?:events|records|summary)\b[\w ]{0,10}:$)"
        rb"|(?<![^ \t\n|\"])\d{1,18} \d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4} "
        rb"(?:error: |\d+ \w+ error\(s\): ))"
    ),
)

FORM = LogForm(
    "ras-mc-ctl",
    "`ras-mc-ctl --errors`",
    _SIGN,
)
