"""The types of the values of options."""

from __future__ import annotations

from hwpkho.base.registry import Registry
from hwpkho.cli.values import OneOf


def test_choices_are_those_of_the_registry_now() -> None:
    """Also those that completion and the manual's tests see, before any call reads the option."""
    found: Registry[int] = Registry("number", {"max": "sys:maxsize"})
    option = OneOf(found)
    found.register("one", 1)
    assert option.choices == ("max", "one")
    found.unregister("one")
    assert option.choices == ("max",)
