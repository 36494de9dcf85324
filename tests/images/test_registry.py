"""The registries of image formats and of encode's targets: one writes what the other reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hwpkho.images.registry import FORMATS, HEAD
from tests.toys import image, target

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PLACED = ("--ram", "0x60000000:256M", "--scratch", "0x60000000:64M")


@pytest.fixture
def toys() -> Iterator[None]:
    image.register()
    target.register()
    yield
    target.unregister()
    image.unregister()


def test_every_magic_can_be_seen(subtests: pytest.Subtests) -> None:
    for name in FORMATS.names():
        with subtests.test(name):
            form = FORMATS[name]
            assert (form.name, bool(form.about)) == (name, True)
            assert [magic for magic in form.magics if not 0 < len(magic) <= HEAD] == []


@pytest.mark.usefixtures("toys")
def test_a_toy_target_and_a_toy_image(cli, tmp_path: Path, subtests: pytest.Subtests) -> None:
    (tmp_path / "list").write_text("0x1000 0x80000\n")
    out = tmp_path / "case" / "toy"
    out.parent.mkdir()
    made = cli("encode", tmp_path / "list", "--to", "toy-dump", *PLACED, "-o", out)
    assert (made.code, made.out) == (0, "")
    assert "toy dump of 2 PFNs" in made.told
    assert out.read_bytes()[:8] == image.MAGIC
    (found,) = cli("decode", "--json", out).json["handovers"]
    assert found["hwpoison"]["pfns"] == [0x1000, 0x80000]
    assert found["tracker"] == "complete"
    for case in ([out], ["--batch", tmp_path, "--jobs", "1"]):
        with subtests.test(str(case)):
            assert cli("validate", *case).code == 0
    merged = cli("merge", out, "--to", "toy-dump", *PLACED, "-o", tmp_path / "merged")
    assert merged.code == 0
    assert cli("decode", "--pfns", tmp_path / "merged").out == "0x1000\n0x80000\n"
    assert "toy-dump" in cli("encode", "--help").out
    assert "toy-dump" in cli("merge", "--help").out


@pytest.mark.usefixtures("toys")
def test_a_damaged_toy_image_is_one_line(cli, tmp_path: Path) -> None:
    (tmp_path / "toy").write_bytes(image.MAGIC + bytes(20))
    got = cli("decode", tmp_path / "toy")
    assert (got.code, got.out) == (3, "")
    assert got.err == f"hwpkho: {tmp_path / 'toy'}: a run of 0 bytes is cut off\n"


@pytest.mark.usefixtures("toys")
def test_raw_memory_that_begins_as_a_toy(cli, tmp_path: Path, subtests: pytest.Subtests) -> None:
    """Its form says whether that proves anything."""
    for more, refused in ((bytes(4088), False), (b"\1" + bytes(4087), True)):
        with subtests.test(f"refused {refused}"):
            (tmp_path / "raw").write_bytes(image.MAGIC + more)
            got = cli("decode", f"{tmp_path}/raw@0x0")
            assert ("this is a memory image of its own (a toy)" in got.err) == refused


def test_toys_are_gone_again(cli, tmp_path: Path) -> None:
    (tmp_path / "toy").write_bytes(image.MAGIC + bytes(24))
    assert cli("decode", tmp_path / "toy").code == 3
    (tmp_path / "list").write_text("0x1000\n")
    got = cli("encode", tmp_path / "list", "--to", "toy-dump", *PLACED, "-o", tmp_path / "x")
    assert got.code == 2
