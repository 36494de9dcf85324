"""Takes messages out of a stream of syslog over TCP: each behind its length, without line ends.

Source: RFC 6587, 3.4.1 (octet counting): ``LENGTH <PRI>...``, as a collector stores what it gets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base.late import late

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: The length of a message in bytes, and how the message begins.
_FRAME = late(rb"\s{0,2}([1-9][0-9]{0,4}) (?=<[0-9]{1,3}>)")
#: Bytes of what the pattern matches and looks at.
_HEAD = 16


def unframed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the messages of such a stream, each ended by LF; the pieces of anything else.

    Where a length is wrong, the rest is passed on as it is.
    """
    rest = iter(pieces)
    held = next(rest, b"")
    at = 0
    messages: list[bytes] = []
    while frame := _FRAME.match(held, at):
        end = frame.end() + int(frame[1])
        if len(held) < end + _HEAD and (piece := next(rest, b"")):
            yield b"".join(messages)
            messages, held, at = [], held[at:] + piece, 0
            continue
        follows = held[end : end + _HEAD]
        if end > len(held) or (follows.strip() and not _FRAME.match(follows)):
            break
        messages.append(held[frame.end() : end].rstrip(b"\r\n") + b"\n")
        at = end
    yield b"".join((*messages, held[at:]))
    yield from rest
