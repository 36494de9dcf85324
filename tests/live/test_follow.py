"""Events as the kernel reports them."""

from __future__ import annotations

import os
import time

import pytest

from hwpkho.errors import InputError
from hwpkho.live import follow
from hwpkho.live.follow import Follower


def _gathered(follower):
    text, ended = b"", False
    while not ended:
        piece, ended = follower.wait(5)
        text += piece
    return text


def test_records_that_the_kernel_overwrote(monkeypatch):
    """A read fails with EPIPE, and the next one gives the oldest record that is left."""
    steps = [b"6,1,1,-;a\n", BrokenPipeError(32, "Broken pipe"), b"6,9,1,-;b\n", b""]

    def read(_fd, _size):
        step = steps.pop(0)
        if isinstance(step, OSError):
            raise step
        return step

    reading, writing = os.pipe()
    os.write(writing, b"x")  # so that there is something to read
    monkeypatch.setattr("os.open", lambda *_: reading)
    monkeypatch.setattr("os.lseek", lambda *_: 0)
    monkeypatch.setattr("stat.S_ISCHR", lambda _mode: True)
    follower = Follower(follow.KMSG)
    monkeypatch.setattr("os.read", read)
    with follower:
        piece, _ = follower.wait(5)
        follower.stop()
    assert piece == b"6,1,1,-;a\n6,9,1,-;b\n"
    assert follower.overwritten == 1
    os.close(writing)


def test_a_reading_error_ends_it(tmp_path, monkeypatch):
    path = tmp_path / "log"
    path.write_text("x\n")

    def fails(_fd, _size):
        raise OSError(5, "Input/output error")

    follower = Follower(str(path))
    monkeypatch.setattr("os.read", fails)
    with follower, pytest.raises(InputError, match="Input/output error"):
        _gathered(follower)


def test_what_waits_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(follow, "_MAX_WAITING", 1 << 17)
    path = tmp_path / "log"
    path.write_bytes(b"0123456789abcde\n" * (1 << 16))
    follower = Follower(str(path))
    with follower:
        time.sleep(0.2)
        assert follower.waiting < 1 << 18
        assert len(_gathered(follower)) == 1 << 20
    assert not follower._thread.is_alive()


def test_what_waits_is_counted_while_both_threads_work(tmp_path):
    class Interrupted(bytes):
        """The other thread takes what was there when this one has begun to count."""

        asked = 0

        def __len__(self):
            self.asked += 1
            if self.asked == 2:  # the first time it is asked whether there is anything
                assert follower.wait(0)[0] == b"before"
            return super().__len__()

    path = tmp_path / "log"
    path.write_bytes(b"")
    follower = Follower(str(path))
    follower._give(b"before")
    follower._give(Interrupted(b"after"))
    assert follower.waiting == 5
    assert follower.wait(0)[0] == b"after"
    assert follower.waiting == 0
