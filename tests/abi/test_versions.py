"""KHO versions and their trackers: what is registered is there on the command line, too."""

from __future__ import annotations

import re
import struct
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from hwpkho.abi.hwpoison import REVISIONS
from hwpkho.abi.kho import DEFAULT, VERSIONS, named, numbered
from hwpkho.abi.tracker import TRACKERS
from hwpkho.errors import UsageError
from tests.toys import kho_version as toy

if TYPE_CHECKING:
    from collections.abc import Iterator

MAN = Path(__file__).parents[2] / "man"
E820 = """\
BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable
BIOS-e820: [mem 0x0000000000100000-0x000000007fffffff] usable
"""
PFNS = [0x5001, 0x7FFF0]


@pytest.fixture
def toy_version() -> Iterator[None]:
    toy.register()
    yield
    toy.unregister()


def test_rows_are_whole() -> None:
    assert [v.name for v in VERSIONS] == VERSIONS.names()
    assert all(v.tracker in TRACKERS for v in VERSIONS)
    assert all(REVISIONS[v.revision].IS_FDT or not v.fdts for v in VERSIONS)
    assert DEFAULT in list(VERSIONS)
    assert [numbered(v.number) for v in VERSIONS] == list(VERSIONS)
    with pytest.raises(UsageError, match="kho-v9 is not a known version"):
        numbered(9)


@pytest.mark.parametrize(
    ("command", "option"),
    [("encode", "kho"), ("merge", "kho"), ("validate", "consumer-kho")],
)
def test_choices_and_man_pages_have_every_version(command: str, option: str) -> None:
    module = import_module(f"hwpkho.cli.{command}")
    params = {p.name: p for p in module.command.params}
    choice = params[option.replace("-", "_")].type
    assert isinstance(choice, click.Choice)
    assert list(choice.choices) == VERSIONS.names()
    text = (MAN / f"hwpkho-{command}.1").read_text()
    shown = f"Fl -{option} Cm {' | '.join(VERSIONS.names())}\n"
    assert shown in text or f"Fl -{option} Cm" not in text


def test_the_man_page_names_the_kernels_of_each_version() -> None:
    text = (MAN / "hwpkho-encode.1").read_text().replace("\n", " ")
    first = {v.name: re.findall(r"\d+\.\d+", v.kernels)[0] for v in VERSIONS}
    found = [n for n in first if re.search(rf"\b{n}\b[^v]*\b{re.escape(first[n])}\b", text)]
    assert found == list(first)


@pytest.mark.usefixtures("toy_version")
def test_a_toy_version_with_its_own_tracker(cli, tmp_path: Path) -> None:
    (tmp_path / "list").write_text("0x5001 0x7fff0\n")
    (tmp_path / "map").write_text(E820)
    out = tmp_path / "x.elf"
    place = ("--ram", "0x60000000:256M", "--scratch", "0x60000000:64M")
    # So many array pages that the tracker has more than one page.
    made = cli("encode", "--kho", "v9", "--capacity", 300_000, tmp_path / "list", *place, "-o", out)
    assert made.code == 0, made.err

    found = cli("decode", "--json", out).json["handovers"][0]
    assert (found["root"]["compatible"], found["tracker"]) == ("kho-v9", "complete")
    assert found["hwpoison"]["pfns"] == PFNS
    assert not [p for p in found["problems"] if p["severity"] == "error"]
    dump = cli("decode", "--annotate", out).out
    assert "toy page" in dump
    assert f"block 0x{found['root']['phys']:x} order 0" in dump

    args = ("validate", "--json", out, "--memmap", tmp_path / "map")
    judged = cli(*args, "--consumer-kho", "v9")
    assert (judged.code, judged.json["outcome"]) == (0, "replay"), judged.out
    assert [r["verdict"] for r in judged.json["runs"]] == ["replays", "replays"]
    assert cli(*args).json["outcome"] == "absent"  # the default consumer is older
    assert "v9" in cli("encode", "--help").out


@pytest.mark.usefixtures("toy_version")
def test_damage_that_a_toy_tracker_finds_decides(cli, tmp_path: Path) -> None:
    (tmp_path / "list").write_text("0x5001\n")
    out = tmp_path / "x.elf"
    place = ("--at", "0x60000000", "--scratch", "0x70000000:64M")
    made = cli("encode", "--kho", "v9", tmp_path / "list", *place, "--json", "-o", out)
    root, tracker = (made.json["handover"][name] for name in ("root", "tracker"))
    head = struct.pack("<QQQ", 0, tracker["blocks"], root["phys"])
    loop = struct.pack("<QQQ", root["memory_map"], tracker["blocks"], root["phys"])
    raw = out.read_bytes()
    assert raw.count(head) == 1
    out.write_bytes(raw.replace(head, loop))
    judged = cli("validate", "--json", "--consumer-kho", "v9", out).json
    assert judged["outcome"] == "crash"
    assert any("comes again" in f["message"] for f in judged["findings"])


def test_the_toy_version_is_gone_again(cli, tmp_path: Path) -> None:
    (tmp_path / "list").write_text("0x5001\n")
    assert cli("encode", "--kho", "v9", tmp_path / "list", "-o", tmp_path / "x.elf").code == 2


@pytest.mark.parametrize("name", ["kho-v9;x-v1", "kho-v4;", "v0x4", "\x1bv4", "v" + "4" * 5000])
def test_a_version_that_is_none_is_named(name):
    """As the user wrote it, and no longer than a line."""
    with pytest.raises(UsageError, match="not a known KHO version; known are v1") as caught:
        named(name)
    assert str(caught.value).startswith(f'"{name[:4]}'.replace("\x1b", "\\x1b"))
    assert len(str(caught.value)) < 250
