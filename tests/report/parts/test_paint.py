"""Colours of a terminal."""

from __future__ import annotations

from hwpkho.report.parts.paint import Paint


def test_paint():
    assert Paint()("error", "x") == "x"
    assert Paint(on=True)("error", "x") == "\x1b[1;31mx\x1b[0m"
