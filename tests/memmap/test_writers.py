"""The forms in which maps are written: a toy is one of them, on the command line, too."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from typing import TYPE_CHECKING

import pytest

from hwpkho.cli import memmap
from hwpkho.errors import UsageError
from hwpkho.memmap.writers import WRITERS
from tests.toys import map_form, map_writer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAP = "toy: 100000..7fffffff usable\ntoy: 80000000..8fffffff reserved\n"


@pytest.fixture
def toys() -> Iterator[None]:
    map_form.register()
    map_writer.register()
    yield
    map_writer.unregister()
    map_form.unregister()


@pytest.mark.usefixtures("toys")
def test_a_toy_writer(cli, tmp_path: Path) -> None:
    path = tmp_path / "map"
    path.write_text(MAP)
    assert "|toy-map|json]" in cli("memmap", "--help").out.replace("\n", "").replace(" ", "")
    assert cli("memmap", "--to", "toy-map", path).out == MAP
    assert cli("memmap", "--to", "toy-map", "-o", tmp_path / "out", path).code == 0
    assert (tmp_path / "out").read_text() == MAP
    # What goes for every writer: --next-cmdline changes no map of the machine.
    got = cli("memmap", "--to", "toy-map", "--next-cmdline", "mem=1G", path)
    assert (got.code, got.out) == (2, "")


class Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


@pytest.mark.usefixtures("toys")
def test_a_binary_one_goes_to_no_terminal(cli, tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "map"
    path.write_text(MAP)
    monkeypatch.setattr(map_writer.Toy, "binary", True)
    assert cli("memmap", "--to", "toy-map", path).out == MAP
    with (
        redirect_stdout(Terminal(io.BytesIO())),
        pytest.raises(UsageError, match=r"toy-map is binary .* terminal: give -o FILE"),
    ):
        memmap.command.main(["--to", "toy-map", str(path)], standalone_mode=False)


def test_the_toy_writer_is_gone_again(cli, tmp_path: Path) -> None:
    (tmp_path / "map").write_text("00100000-7fffffff : System RAM\n")
    assert cli("memmap", "--to", "toy-map", tmp_path / "map").code == 2


@pytest.mark.parametrize("name", WRITERS.names())
def test_names_are_those_of_the_registry(name) -> None:
    assert WRITERS[name].name == name
