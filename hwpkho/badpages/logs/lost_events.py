"""Lines in which a log reports that it lost what may name bad pages: messages, callbacks, events.

Source: lib/ratelimit.c, kernel/trace/trace.c (print_trace_line) and trace-cmd's trace-read.c.
"""

from __future__ import annotations

from hwpkho.base.late import late
from hwpkho.logs.lost_messages import REPORT, LostMessages


class LostEvents(LostMessages):
    """Finds those of every log, and those about bad pages.

    Of what other parts of the kernel suppress only that counts which names bad pages.
    """

    needles = (
        *LostMessages.needles,
        b"callbacks suppressed",
        rb"U:[0-9]{1,5} \[(?:LOST|[0-9]{0,20} ?EVENTS) ",
    )
    report = late(
        rf"{REPORT}"
        r"|\b\w*(?:ghes|memory_failure|offline_page|unpoison)\w*: [0-9]+ callbacks suppressed\b"
        r"|\bCPU:[0-9]+ \[(?:LOST(?: [0-9]+)? EVENTS|(?:[0-9]+ )?EVENTS DROPPED)\]"
    )
