"""Expressions that are compiled when they are first used."""

from __future__ import annotations

import re
from abc import ABCMeta

import pytest

from hwpkho.base.late import late


def test_is_what_compile_gives() -> None:
    numbers = late(r"(?P<low>[0-9a-f]+)-", re.IGNORECASE)
    found = numbers.search("map: 1F-")
    assert found is not None
    assert found["low"] == "1F"
    assert numbers.pattern == r"(?P<low>[0-9a-f]+)-"
    assert numbers.sub("", "1F-2") == "2"
    assert [m["low"] for m in numbers.finditer("1-2-")] == ["1", "2"]
    assert late(rb"\d").findall(b"12") == [b"1", b"2"]


def test_is_compiled_at_its_first_use() -> None:
    broken = late("(")
    with pytest.raises(re.error):
        broken.search("x")


def test_an_abstract_class_does_not_compile_its_own() -> None:
    """ABCMeta asks each attribute of a class whether it is abstract."""
    form = ABCMeta("form", (), {"broken": late("(")})
    with pytest.raises(re.error):
        form.__dict__["broken"].search("x")
