"""Parameters of a command line."""

from __future__ import annotations

import pytest

from hwpkho.abi.params import left_to_init, memparse, parameters


@pytest.mark.parametrize(
    ("text", "value", "rest"),
    [("1", 1, ""), ("1k", 1 << 10, ""), ("2M@", 2 << 20, "@"), ("0x10G", 16 << 30, ""),
     ("1t", 1 << 40, ""), ("3P", 3 << 50, ""), ("1E", 1 << 60, ""), ("017", 15, ""), ("0", 0, ""),
     ("0x", 0, "x"), ("08", 0, "8"), ("1KK", 1 << 10, "K"), ("0X1f", 31, "")],
)  # fmt: skip
def test_memparse(text: str, value: int, rest: str) -> None:
    assert memparse(text, "x=") == (value, rest)


def test_parameters(subtests: pytest.Subtests) -> None:
    text = 'root=/dev/x  "a b=c d" foo-bar=1 v="x y" w=" quiet\tro -- init=1'
    assert list(parameters(text)) == [
        ("root", "/dev/x"), ("a b", "c d"), ("foo_bar", "1"), ("v", "x y"),
        ("w", " quiet\tro -- init=1"),
    ]  # fmt: skip
    for text in ("a -- b", 'a "--" b', "a -- b -- c"):
        with subtests.test(text):
            assert list(parameters(text)) == [("a", None)]
    assert [name for name, _ in parameters("a __ -_ --b --=c")] == ["a", "__", "__", "__b", "__"]
    assert list(left_to_init("a -- b -c --")) == [("b", None), ("_c", None), ("--", None)]
    assert not list(left_to_init("a --b"))
