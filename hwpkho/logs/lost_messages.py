"""Lines in which a log reports that it lost messages.

Source: kernel/printk/printk.c (console_unlock; up to 4.6 in front of the next message's own text,
later on a line of its own; devkmsg_read and the rate limit), lib/ratelimit.c; systemd
src/journal/journald-kmsg.c and journald-rate-limit.c; rsyslog plugins/imuxsock and
tools/syslogd.c.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from hwpkho.base.escape import printable
from hwpkho.base.late import late
from hwpkho.logs.scanner import LineReader

if TYPE_CHECKING:
    from collections.abc import Iterable


#: A report of lost messages.
REPORT = (
    r"\*\*\s+[0-9]+\s+printk\s+messages?\s+dropped\s+\*\*"
    r"|\bMissed\s+[0-9]+\s+kernel\s+messages?"
    r"|\b[0-9]+\s+(?:kernel\s+)?messages?\s+suppressed\b"
    r"|\bSuppressed\s+[0-9]+\s+messages\s+from\b[^\n]{0,80}"
    r"|\bprintk:\s+[0-9]+\s+messages\s+suppressed\b"
    r"|\bimuxsock\b[^\n]{0,40}\blost\s+[0-9]+\s+messages\b[^\n]{0,60}"
    r"|\b(?:[0-9]+|some)\s+messages\s+lost\b"
)


class _Listener(Protocol):
    def messages_lost(self, number: int, words: str, /) -> None:
        """Take note that line ``number`` reports lost messages; ``words`` quotes it."""


class LostMessages(LineReader):
    """Finds the lines that report lost messages, and passes them on to the other readers.

    The scanner must show it a line before the others: up to 4.6 the kernel writes the report in
    front of the next message, on the same line.
    """

    needles: tuple[bytes, ...] = (
        rb"messages? (?:dropped|suppressed|lost|from )",
        rb"messages\b(?<=kernel messages)",
    )
    #: What of a line is the report.
    report = late(REPORT)

    def __init__(self, listeners: Iterable[_Listener]) -> None:
        self._listeners = list(listeners)

    def feed(self, number: int, line: str) -> bool:
        """See :meth:`LineReader.feed`."""
        said = self.report.search(line)
        if said:
            words = f'the log says "{printable(" ".join(said[0].split()))}"'
            for listener in self._listeners:
                listener.messages_lost(number, words)
        return False

    def taken(self) -> int:
        """See :meth:`LineReader.taken`: these lines are of use only beside others."""
        return 0
