"""mcelog: decoded machine checks, its daemon's log, and ``mcelog --client``."""

from __future__ import annotations

from hwpkho.badpages.log_form import LogForm
from hwpkho.badpages.signs import Sign
from hwpkho.base.late import late

_SIGN = Sign(
    (
        b"Hardware event.",
        b"HARDWARE ERROR.",
        b"Per page corrected",
        b"corrected memory errors:",
        b" total ",
        b"BANK ",
        b"mcelog",
        b"Offlining page ",
    ),
    late(
        rb"Hardware event\. This is not a software error|HARDWARE ERROR\. This is \*NOT\*"
        rb"|Per page corrected memory statistics|(?m:^)[ >|]{0,16}(?:un)?corrected memory errors:"
        rb"|(?<![0-9a-z])[0-9a-f]{1,16}: total \d+ seen \"|CPU \d+[ \n](?:\d+ )?BANK \d"
        rb"|mcelog(?:\[\d{1,10}\])?: |Offlining page [0-9a-f]"
    ),
)

FORM = LogForm(
    "mcelog",
    "`mcelog`, `mcelog --client` and what its daemon logs",
    _SIGN,
)
