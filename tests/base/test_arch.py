"""The table of architectures: each row is all that there is to say of one."""

from __future__ import annotations

import json
import re
import struct
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hwpkho.base import arch as arches
from hwpkho.logs.boot_marks import BootMarks
from hwpkho.memmap.view import VIEWS
from tests.toys import arch as toy

if TYPE_CHECKING:
    from collections.abc import Iterator

MAN = Path(__file__).parents[2] / "man"
IOMEM = """\
00000000-3fffffff : System RAM
40000000-4fffffff : Reserved
80000000-8fffffff : System RAM
"""
PFNS = [0x10, 0x3000, 0x20001, 0x40000]


@pytest.fixture
def toy_arch() -> Iterator[None]:
    toy.register()
    yield
    toy.unregister()


def enums(node: Any) -> Iterator[set[Any]]:
    """Yield the values of every ``arch`` in a schema that is one of a few."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "arch" and isinstance(value, dict):
                text = json.dumps(value)
                if '"enum"' in text:
                    yield {v for found in re.findall(r'"enum": (\[[^]]*\])', text)
                           for v in json.loads(found)} - {None}  # fmt: skip
            yield from enums(value)
    elif isinstance(node, list):
        for value in node:
            yield from enums(value)


def test_schemas_have_the_architectures_of_the_table() -> None:
    schemas = (resources.files("hwpkho") / "schemas").iterdir()
    found = [(p.name, names) for p in schemas for names in enums(json.loads(p.read_text()))]
    assert len(found) >= 5
    assert [row for row in found if row[1] != set(arches.ARCHES.names())] == []


@pytest.mark.parametrize("page", sorted(MAN.glob("*.1")), ids=lambda page: page.stem)
def test_man_pages_have_the_architectures_of_the_table(page: Path) -> None:
    wanted = " | ".join(arches.ARCHES.names())
    assert set(re.findall(r"Fl -arch Cm (.+)", page.read_text())) <= {wanted}


def test_rows_are_whole(subtests: pytest.Subtests) -> None:
    machines = [arch.machine for arch in arches.ARCHES]
    assert len({arch.elf for arch in arches.ARCHES}) == len(set(machines)) == len(arches.ARCHES)
    for name in arches.ARCHES.names():
        with subtests.test(name):
            arch = arches.ARCHES[name]
            assert arch.name == name
            assert arch.memory in VIEWS
            assert arch.elf[1] == 2
            assert [size for size in arch.pages if size & (size - 1)] == []


def test_what_is_not_known_is_not_guessed() -> None:
    assert arches.page_sizes() == (4096, 16384, 65536)
    assert arches.known(None) is arches.known("riscv64") is None
    assert arches.by_machine("aarch64") == "arm64"
    assert arches.by_machine("riscv64") == "riscv64"
    assert arches.by_page_size(None) is arches.by_page_size(4096) is None
    assert arches.by_page_size(65536) == arches.ARCHES["arm64"]
    assert arches.linear(1 << 60 | 4096, None) == 1 << 60 | 4096
    assert arches.linear(1 << 60 | 4096, "arm64") == 4096
    assert arches.linear(1 << 60 | 4096, "x86_64") == 1 << 60 | 4096
    assert arches.removes(1 << 52, "arm64")
    assert not arches.removes(1 << 52, "x86_64")
    assert not arches.removes(1 << 52, None)
    # Of a list with 16 KiB pages that is held against a map of x86 nobody knows the kernel.
    assert arches.pages("x86_64", 16384) == arches.pages("arm64", 16384)
    assert arches.pages(None, 4096).early_pages == 65
    with pytest.raises(KeyError):
        arches.pages(None, 8192)


@pytest.mark.usefixtures("toy_arch")
def test_a_toy_architecture(cli, tmp_path: Path) -> None:
    (tmp_path / "list").write_text("".join(f"0x{pfn:x}\n" for pfn in PFNS))
    (tmp_path / "iomem").write_text(IOMEM)
    out = tmp_path / "x.elf"
    made = cli(
        "encode", "--arch", "toy", "--page-size", 8192, tmp_path / "list",
        "--memmap", tmp_path / "iomem", "--scratch", "0x30000000:64M", "-o", out, "--json",
    )  # fmt: skip
    assert made.code == 0, made.err
    assert (made.json["handover"]["arch"], made.json["page_size"]) == ("toy", 8192)
    assert struct.unpack_from("<H", out.read_bytes(), 18) == (0x9026,)

    found = cli("decode", "--json", out).json["handovers"][0]
    assert (found["arch"], found["page_size"], found["hwpoison"]["pfns"]) == ("toy", 8192, PFNS)

    judged = cli("validate", "--json", out, "--memmap", tmp_path / "iomem")
    assert judged.code == 0, judged.out
    assert (judged.json["arch"], judged.json["outcome"]) == ("toy", "replay")
    assert [r["verdict"] for r in judged.json["runs"]] == [
        "in-use",
        "replays",
        "firmware",
        "firmware",
    ]
    assert judged.json["runs"][0]["region"] == "toy's own"


@pytest.mark.usefixtures("toy_arch")
def test_a_parameter_of_its_own(cli, tmp_path: Path) -> None:
    """The view says which parameters its kernel has; the others are noted, not applied."""
    (tmp_path / "iomem").write_text(IOMEM)
    shown = ["memmap", "--json", "--arch", "toy", tmp_path / "iomem", "--next-cmdline"]

    def regions(line: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = cli(*shown, line).json["next"]["regions"]
        return found

    def high(line: str) -> str:
        return str(next(r["kind"] for r in regions(line) if r["start"] == 1 << 31))

    assert (high("quiet"), high("lowmem=4G")) == ("firmware", "ram")
    noted = cli(*shown, "mem=1G").json
    assert noted["next"]["regions"] == regions("quiet")
    assert "mem=: hwpkho knows no such parameter of toy kernels" in str(noted["problems"])
    assert cli(*shown, "lowmem=1Gx").err == "hwpkho: --next-cmdline: lowmem=: x is not understood\n"


@pytest.mark.usefixtures("toy_arch")
def test_what_a_toy_architecture_does_not_have(
    cli, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    (tmp_path / "list").write_text("0x1\n")
    (tmp_path / "iomem").write_text(IOMEM)
    encode = (
        "encode",
        tmp_path / "list",
        "--arch",
        "toy",
        "--no-scratch",
        "-o",
        tmp_path / "x.elf",
    )
    place = ("--page-size", 8192, "--at")
    for args, words in (
        (("--page-size", 4096, "--at", "16M"), "--arch toy has pages of 8192 bytes, not 4096"),
        ((*place, "1M"), "toy keeps the first 2 MiB to itself"),
        ((*place, 1 << 40), "below 2^40"),
    ):
        with subtests.test(words):
            said = cli(*encode, *args)
            assert (said.code, words in said.err) == (2, True), said.err
    marks = BootMarks()
    marks.feed(1, "[    0.000000] Linux version 9.0.1-toy64 (builder@host)")
    marks.feed(2, "[    0.000001] Toy processor 0 starts")
    assert [(mark.arch, mark.starts) for mark in marks.marks] == [("toy", True), ("toy", False)]
    log = tmp_path / "log"
    log.write_text("Toy processor 0 starts\n" + IOMEM)
    assert cli("memmap", "--json", log).json["arch"] == "toy"
    # A copied tree: the name of the host says nothing, the machine does.
    (tmp_path / "tree/proc").mkdir(parents=True)
    for uname, arch in (
        ("Linux aarch64 9.0.1 #1 SMP toy64 toy64 GNU/Linux", "toy"),
        ("Linux toy64 9.0.1-x86_64 #1 SMP riscv64 GNU/Linux", None),
        ("Linux toy64-1 9.0.1 #1 SMP x86_64 unknown unknown GNU/Linux", "x86_64"),
        ("Linux 9.0.1 toy64", "toy"),
        ("toy64", "toy"),
    ):
        with subtests.test(uname):
            (tmp_path / "tree/uname").write_text(f"{uname}\n")
            assert cli("check", "--json", "--root", tmp_path / "tree").json["arch"] == arch
    # Without a word about the architecture its page size tells it.
    cli("encode", tmp_path / "list", "-o", tmp_path / "y.elf", "--no-scratch", *place, "16M")
    said = cli("validate", tmp_path / "y.elf", "--memmap", tmp_path / "iomem", "--json")
    assert said.json["arch"] == "toy"
    assert "toy" in cli("memmap", "--help").out
    assert cli("memmap", "--json", "--arch", "toy", tmp_path / "iomem").json["arch"] == "toy"


def test_the_toy_architecture_is_gone_again(cli, tmp_path: Path) -> None:
    (tmp_path / "iomem").write_text(IOMEM)
    assert cli("memmap", "--arch", "toy", tmp_path / "iomem").code == 2
