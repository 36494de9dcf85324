"""The registries: what is added at run time is there on the command line, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hwpkho.base.registry import Registry
from tests.toys import map_form, revision

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def toy_map() -> Iterator[None]:
    map_form.register()
    yield
    map_form.unregister()


@pytest.fixture
def toy_revision() -> Iterator[None]:
    revision.register()
    yield
    revision.unregister()


def test_order_and_names() -> None:
    found: Registry[int] = Registry("number", {"max": "sys:maxsize"})
    found.register("two", 2)
    found.register("one", 1, before="max")
    assert found.names() == ["one", "max", "two"]
    assert list(found)[::2] == [1, 2]
    assert found["max"] > 2
    assert "two" in found
    assert (found.get("two"), found.get("three")) == (2, None)
    assert len(found) == 3
    with pytest.raises(ValueError, match="number: two is there already"):
        found.register("two", 3)
    with pytest.raises(KeyError):
        found.register("three", 3, before="four")
    found.unregister("max")
    assert found.names() == ["one", "two"]
    with pytest.raises(KeyError):
        found.unregister("max")


@pytest.mark.usefixtures("toy_map")
def test_a_toy_form_of_memory_map(cli, tmp_path: Path) -> None:
    path = tmp_path / "map"
    path.write_text("toy: 100000..7fffffff usable\ntoy: 80000000..8fffffff reserved\n")
    shown = cli("memmap", "--json", path)
    assert (shown.code, shown.json["form"]) == (0, "toy-map")
    (tmp_path / "list").write_text("0x1000 0x80000\n")
    judged = cli("validate", "--json", tmp_path / "list", "--memmap", path)
    assert [r["verdict"] for r in judged.json["runs"]] == ["replays", "firmware"]


def test_the_toy_form_is_gone_again(cli, tmp_path: Path) -> None:
    path = tmp_path / "map"
    path.write_text("toy: 100000..7fffffff usable\n")
    assert cli("memmap", path).code == 3


@pytest.mark.usefixtures("toy_revision")
def test_a_toy_revision(cli, tmp_path: Path) -> None:
    (tmp_path / "list").write_text("0x1000 0x80000\n")
    out = tmp_path / "x.elf"
    args = ("--ram", "0x60000000:256M", "--scratch", "0x60000000:64M", "-o", out)
    made = cli("encode", "--revision", "toy-v9", tmp_path / "list", *args)
    assert made.code == 0, made.err
    found = cli("decode", "--json", out).json["handovers"][0]["hwpoison"]
    assert (found["revision"], found["version"], found["pfns"]) == ("toy-v9", 9, [0x1000, 0x80000])
    assert cli("validate", "--json", out).json["outcome"] == "replay"
    assert "toy-v9" in cli("encode", "--help").out
