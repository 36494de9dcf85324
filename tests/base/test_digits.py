"""Numbers out of text: what passes for one, and what only Python takes for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.base.digits import unsigned
from tests.support.program import run_cli


@given(st.integers(0, (1 << 64) - 1))
def test_what_is_written_is_read(number: int) -> None:
    assert unsigned(str(number)) == unsigned(hex(number)) == unsigned(f"{number:X}", 16) == number


@pytest.mark.parametrize(
    "text",
    ["", "0x", "+1", "-1", " 1", "1 ", "1_0", "0x_1", "٣", "²", "1e3", "1.0", "0b1", "0o7", "f",
     str(1 << 64), hex(1 << 64), "9" * 5000, "0x" + "f" * 5000, "1\n", "0x-1", "0x 1"],
)  # fmt: skip
def test_what_is_no_number(text: str) -> None:
    assert unsigned(text) is None
    assert text == "f" or unsigned(text, 16) is None or text in ("1e3", "0b1")


@pytest.mark.parametrize("word", ["1_0", "+1", "0b11", "٣", " 1", "9" * 5000])
def test_options_take_no_more(word: str, tmp_path) -> None:
    (tmp_path / "list").write_text("1\n")
    (tmp_path / "manifest").write_text(
        f'{{"case": "a", "inputs": ["list"], "options": {{"root_fdt": "{word}"}}}}\n'
    )
    result = run_cli("validate", "--batch", tmp_path / "manifest", "--jobs", 1)
    assert result.code == 2
    assert "root_fdt" in result.out + result.err
    result = run_cli("decode", tmp_path / "list", f"--root-fdt={word}")
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert run_cli("validate", tmp_path / "list", f"--boot={word}").code == 2
