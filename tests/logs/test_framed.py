"""Streams of syslog in which each message stands behind its length (RFC 6587)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.logs.text import blocks

if TYPE_CHECKING:
    import pytest

MESSAGES = [f"<6>1 2026-11-28T10:00:00+00:00 h kernel - - - message {'x' * n}" for n in range(40)]
FRAMES = "".join(f"{len(message)} {message}" for message in MESSAGES)


def lines(text: str, piece: int = 1 << 16) -> list[str]:
    pieces = (text[at : at + piece].encode() for at in range(0, len(text), piece))
    return b"".join(blocks(pieces)).decode().splitlines()


def test_messages_of_a_stream(subtests: pytest.Subtests) -> None:
    for piece in (1 << 16, 100, 17):
        with subtests.test(f"pieces of {piece}"):
            assert lines(FRAMES, piece) == MESSAGES


def test_what_is_no_stream_or_breaks_off(subtests: pytest.Subtests) -> None:
    cut = FRAMES[:-9]
    assert lines(cut)[:-1] == MESSAGES[:-1]
    assert lines(cut)[-1].endswith("- - - message " + "x" * 30)
    wrong = FRAMES.replace("70 <6>", "99 <6>", 1)
    at = next(n for n, message in enumerate(MESSAGES) if len(message) == 70)
    assert lines(wrong) == [*MESSAGES[:at], wrong[wrong.index("99 <6>") :]]
    for text in ("12 apples\n", "60 <6>of 1 line\n60 <6>another\n"):
        with subtests.test(repr(text)):
            assert lines(text) == text.splitlines()
