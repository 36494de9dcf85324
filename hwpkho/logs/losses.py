"""Where a log says itself that it lost messages, and whether it ends within a line.

Source: kernel/printk/printk.c (console_unlock; up to 4.6 in front of the next message's own text,
later on a line of its own; devkmsg_read and the rate limit), lib/ratelimit.c; systemd
src/journal/journald-kmsg.c and journald-rate-limit.c; rsyslog plugins/imuxsock and
tools/syslogd.c.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

from hwpkho.base.escape import printable
from hwpkho.logs.scanner import LineReader

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class _Listener(Protocol):
    def messages_lost(self, number: int, words: str, /) -> None:
        """Hear that at line ``number`` the log says, in ``words``, that messages were lost."""


class Losses(LineReader):
    """The lines by which a log says that messages are missing; tells those who read the log.

    It must be shown a line before they are: an old kernel writes it in front of a message.
    """

    needles = (rb"messages? (?:dropped|suppressed|lost|from )", rb"messages\b(?<=kernel messages)")

    _SAID = re.compile(
        r"\*\*\s+\d+\s+printk\s+messages?\s+dropped\s+\*\*"
        r"|\bMissed\s+\d+\s+kernel\s+messages?"
        r"|\b\d+\s+(?:kernel\s+)?messages?\s+suppressed\b"
        r"|\bSuppressed\s+\d+\s+messages\s+from\b[^\n]{0,80}"
        r"|\bprintk:\s+\d+\s+messages\s+suppressed\b"
        r"|\bimuxsock\b[^\n]{0,40}\blost\s+\d+\s+messages\b[^\n]{0,60}"
        r"|\b(?:\d+|some)\s+messages\s+lost\b"
    )

    def __init__(self, listeners: Iterable[_Listener]) -> None:
        self._listeners = list(listeners)

    def feed(self, number: int, line: str) -> bool:
        """See :meth:`LineReader.feed`."""
        said = self._SAID.search(line)
        if said:
            words = f'the log says "{printable(" ".join(said[0].split()))}"'
            for listener in self._listeners:
                listener.messages_lost(number, words)
        return False


class Ending:
    """Whether an input has an end of its last line: what a command writes has.

    Attributes:
        block: The last block of clean text, set by who reads.
    """

    def __init__(self) -> None:
        self.block = b""
        self._last = b"\n"

    def watch(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Yield ``pieces`` and remember how they end."""
        for piece in pieces:
            self._last = piece[-4:] or self._last
            yield piece

    @property
    def line(self) -> str | None:
        """The line within which the input ends; None where it ends with a line end."""
        if self._last.rstrip(b"\0")[-1:] in b"\r\n" or not self.block:
            return None
        return self.block.rstrip(b"\n").rsplit(b"\n", 1)[-1][-4096:].decode("utf-8", "replace")
