"""Baselines that cost more than they say."""

from __future__ import annotations

import pytest

from hwpkho.errors import InputError
from hwpkho.judging import baseline


@pytest.mark.parametrize(
    ("text", "why"),
    [("x = 1\n" * 101, "more than 100 keys"), ("a.b.c.d.e.f.g.h.i = 1", "more than 8 parts")],
)
def test_a_baseline_of_too_many_keys(text, why, monkeypatch):
    monkeypatch.setattr(baseline, "_MAX_KEYS", 100)
    with pytest.raises(InputError, match=why):
        baseline.parse(text.encode(), "base")
