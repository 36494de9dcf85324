"""The registries: what is added at run time is there on the command line, too."""

from __future__ import annotations

import json
import re
import struct
from typing import TYPE_CHECKING

import pytest

from hwpkho.base.registry import Registry
from hwpkho.memmap.names import MAP_NAMES, MapName
from tests.support import efi
from tests.support.examples import much
from tests.toys import (
    efi_table,
    efi_table_at_zero,
    list_form,
    log_message,
    map_file,
    map_form,
    revision,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def toy_map() -> Iterator[None]:
    map_form.register()
    yield
    map_form.unregister()


@pytest.fixture
def toy_list() -> Iterator[None]:
    list_form.register()
    yield
    list_form.unregister()


@pytest.fixture
def toy_message() -> Iterator[None]:
    log_message.register()
    yield
    log_message.unregister()


@pytest.fixture
def toy_file() -> Iterator[None]:
    map_file.register()
    yield
    map_file.unregister()


@pytest.fixture
def toy_table() -> Iterator[None]:
    efi_table.register()
    yield
    efi_table.unregister()


@pytest.fixture
def toy_table_at_zero() -> Iterator[None]:
    efi_table_at_zero.register()
    yield
    efi_table_at_zero.unregister()


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
    # encode places the handover in the RAM of the map; decode and validate read it back.
    out = tmp_path / "x.elf"
    scratch = ("--scratch", "0x40000000:64M")
    made = cli("encode", "--json", tmp_path / "list", "--memmap", path, *scratch, "-o", out)
    assert made.code == 0, made.err
    assert 0x100000 <= made.json["handover"]["root"]["phys"] < 0x80000000
    (found,) = cli("decode", "--json", out).json["handovers"]
    assert found["hwpoison"]["pfns"] == [0x1000, 0x80000]
    assert cli("validate", "--json", out, "--memmap", path).json["outcome"] == "replay"


@pytest.mark.usefixtures("toy_map")
def test_a_toy_map_beside_others(cli, tmp_path: Path) -> None:
    """What its row says: its rank, that it is written as e820, and what it fills."""
    path, log, tree = tmp_path / "toy", tmp_path / "log", tmp_path / "iomem"
    path.write_text("toy: 0..9ffff usable\ntoy: 100000..7fffffff usable\n")
    tree.write_text("00000000-0009ffff : System RAM\n00100000-7fffffff : System RAM\n")
    got = cli("memmap", "--json", tree, path).json
    assert {m["name"]: m["primary"] for m in got["maps"]} == {"iomem": False, "toy_map": True}
    assert got["next"]["by"] == ["toy_map", "iomem"]
    written = cli("memmap", "--to", "e820", path).out
    assert "[mem 0x0000000000100000-0x000000007fffffff] usable" in written
    # A line of the log is torn: the toy map says what is there.
    line = "[    0.000000] BIOS-e820: [mem 0x{:016x}-0x{:016x}] usable\n".format
    lines = [line(0, 0x9FFFF), line(0x100000, 0x3FFFFFFF)[:60], line(0x40000000, 0x7FFFFFFF)]
    log.write_text("[    0.000000] BIOS-provided physical RAM map:\n" + "\n".join(lines))
    got = cli("memmap", "--json", log, path).json
    assert got["next"]["by"] == ["e820_firmware", "toy_map"]
    assert "HP523" in [p["code"] for p in got["problems"]]
    (region,) = [r for r in got["next"]["regions"] if r["start"] <= 0x200000 <= r["end"]]
    assert region["kind"] == "ram"


@pytest.mark.slow
def test_a_map_of_resources_in_another_spelling(cli, tmp_path: Path) -> None:
    """It is to every command what /proc/iomem is."""
    tree, other, pages = tmp_path / "iomem", tmp_path / "other", tmp_path / "list"
    tree.write_text(
        "00100000-7fffffff : System RAM\n  01000000-01ffffff : Kernel code\n"
        "80000000-8fffffff : Reserved\n90000000-90000fff : \n"
    )
    pages.write_text("0x1000\n0x2000\n0x80000\n")
    document = cli("memmap", "--json", tree).out
    MAP_NAMES.register("toy_tree", MapName("toy_tree", "resources", "kernel", fills=12))
    try:
        other.write_text(document.replace('"iomem"', '"toy_tree"'))
        wanted, got = (
            cli("validate", "--json", pages, "--memmap", file, "--iomem-of", "next").json
            for file in (tree, other)
        )
        assert got["runs"] == wanted["runs"]
        assert [r["verdict"] for r in got["runs"]] == ["in-use", "replays", "firmware"]
        shown = [cli("memmap", file).out.splitlines()[2:] for file in (tree, other)]
        assert [line.replace("toy_tree", "iomem") for line in shown[1]] == shown[0]
    finally:
        MAP_NAMES.unregister("toy_tree")


@pytest.mark.usefixtures("toy_map")
def test_a_toy_form_reads_a_log_that_lost_messages_and_is_cut_off(cli, tmp_path: Path) -> None:
    """A form has to say its needles, take its lines and return its tables, no more."""
    lines = [
        f"[    0.0] toy: {i << 16:x}..{(i << 16) + 0xFFFF:x} usable"
        for i in range(1, much(6000, 30_000))
    ]
    text = "\n".join([*lines[:-1], "** 5 printk messages dropped **", lines[-1][:-3]])
    path = tmp_path / "log"
    path.write_text(text)
    shown = cli("memmap", "--json", path)
    assert shown.code == 0, shown.err
    assert len(shown.json["maps"][0]["entries"]) == len(lines)


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
    assert "544f5939" + " " * 29 + "the toy's own word" in cli("decode", "--annotate", out).out
    # Its blob alone is recognised as well, by single commands and in the folder of a batch.
    blob = tmp_path / "batch" / "case" / "blob"
    blob.parent.mkdir(parents=True)
    placed = ("--at", "0x60000000", "--no-scratch", "--to", "blob", "-o", blob)
    assert cli("encode", "--revision", "toy-v9", tmp_path / "list", *placed).code == 0
    alone = cli("decode", "--json", blob)
    assert alone.json["handovers"][0]["hwpoison"]["revision"] == "toy-v9", alone.err
    judged = cli("validate", "--json", "--batch", tmp_path / "batch", "--jobs", 1)
    assert [r["error"] for r in judged.json["results"]] == [None]


_NOISE = "nothing of interest\n" * 5000
_TOY_LIST = f"{_NOISE}bad page at 1000\n{_NOISE}bad page at 80000000\n"


@pytest.mark.usefixtures("toy_list")
def test_a_toy_form_of_list_is_read_wherever_a_list_stands(cli, tmp_path: Path) -> None:
    toy = tmp_path / "toy"
    toy.write_text(_TOY_LIST)
    runs = cli("validate", "--json", toy).json["runs"]
    assert [(r["first"], r["last"]) for r in runs] == [(1, 1), (0x80000, 0x80000)]
    (tmp_path / "other").write_text("0x80000 0x90000\n")
    merged = cli("merge", toy, tmp_path / "other")
    assert (merged.code, merged.out) == (0, "0x1\n0x80000\n0x90000\n")
    changed = cli("diff", "--json", toy, tmp_path / "other")
    assert (changed.json["removed"], changed.json["added"]) == ([1], [0x90000])
    placed = ("--ram", "0x60000000:64M", "--scratch", "0x48000000:64M", "-o", tmp_path / "x.elf")
    made = cli("encode", "--json", toy, *placed)
    assert (made.code, made.json["count"]) == (0, 2)
    assert "--base has no effect" in cli("validate", toy, "--base", 16).err
    case = tmp_path / "batch" / "case"
    case.mkdir(parents=True)
    (case / "toy").write_text(_TOY_LIST)
    judged = cli("validate", "--json", "--batch", tmp_path / "batch", "--jobs", 1)
    assert judged.json["results"][0]["result"]["runs"] == runs


@pytest.mark.usefixtures("toy_list")
def test_a_toy_form_of_list_is_written(cli, tmp_path: Path, subtests: pytest.Subtests) -> None:
    (tmp_path / "list").write_text("0x80000 0x1 0x10000000000000\n")
    for command in ("merge", "encode"):
        with subtests.test(command):
            made = cli(command, tmp_path / "list", "--to", "toy-list", "-o", tmp_path / command)
            assert made.code == 1, made.err
            assert "1 bad page is left out: toy-list has no room" in made.err
            assert "toy-list" in cli(command, "--help").out.replace("\n", "").replace(" ", "")
            again = cli("diff", "--json", tmp_path / "list", tmp_path / command)
            assert (again.json["removed"], again.json["added"]) == ([0x10000000000000], [])


@pytest.mark.slow
@pytest.mark.usefixtures("toy_list")
def test_a_toy_form_says_whether_it_needs_one_architecture(
    cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, subtests: pytest.Subtests
) -> None:
    for arch in ("x86_64", "arm64"):
        document = {"schema": "hwpkho.list/1", "page_size": 4096, "arch": arch, "pfns": [1]}
        (tmp_path / arch).write_text(json.dumps(document))
    for carries, codes in (((), (0, 2)), (("architecture",), (0, 0))):
        for takes, code in zip(((), ("arch",)), codes, strict=True):
            monkeypatch.setattr(list_form.Toy, "takes", frozenset(takes))
            monkeypatch.setattr(list_form.Toy, "carries", frozenset(carries))
            for command in ("list", "merge"):
                with subtests.test(f"{command} {takes} {carries}"):
                    args = (tmp_path / "x86_64", tmp_path / "arm64", "--to", "toy-list")
                    assert cli(command, *args).code == code


@pytest.mark.usefixtures("toy_list")
def test_who_named_a_page_survives_as_json(cli, tmp_path: Path) -> None:
    (tmp_path / "toy").write_text("x\nbad page at 5000\n")
    written = cli("encode", tmp_path / "toy", "--to", "json")
    document = written.json
    assert (document["form"], document["page_size"], document["pfns"]) == ("toy-list", 4096, [5])
    (entry,) = document["entries"]
    assert (entry["kind"], entry["where"]) == ("poisoned", "line 2")
    (tmp_path / "json").write_text(written.out)
    again = cli("encode", tmp_path / "json", "--to", "json").json
    assert again["entries"] == document["entries"]


def test_the_toy_list_is_gone_again(cli, tmp_path: Path) -> None:
    (tmp_path / "toy").write_text(_TOY_LIST)
    assert cli("validate", tmp_path / "toy").code == 3
    assert cli("encode", tmp_path / "toy", "--to", "toy-list").code == 2


@pytest.mark.usefixtures("toy_message")
def test_a_toy_message_of_a_log(cli, tmp_path: Path) -> None:
    """Beside the kernel's own, of an earlier boot as well, and where a mail broke its line."""
    path = tmp_path / "log"
    path.write_text(
        "[    0.000000] Linux version 6.1.0 (x) #1\n"
        "[   10.000000] toy: bad frame 0x70, struck\n"
        "[   11.000000] toy: bad frame 0x71, struck\n"
        "[   12.000000] toy: bad frame 0x70, healed\n"
        "[    0.000000] Linux version 6.1.0 (x) #1\n"
        "[   10.000000] Memory failure: 0x90: recovery action for dirty LRU page: Recovered\n"
        "> [   11.000000] toy: bad frame\n"
        "> 0x72, struck\n"
    )
    read = cli("list", "--json", path)
    assert (read.code, read.json["form"]) == (0, "kernel-log")
    assert read.json["pfns"] == [[0x71, 0x72], 0x90]
    assert [e["where"] for e in read.json["entries"]] == ["line 3", "line 7", "line 6"]
    assert cli("merge", path).out == "0x71\n0x72\n0x90\n"
    judged = cli("validate", "--json", path)
    assert (judged.code, judged.json["summary"]["pfns"]) == (0, 3)
    out = tmp_path / "x.elf"
    made = cli("encode", path, "--at", "1G", "--no-scratch", "-o", out)
    assert made.code == 0, made.err
    assert cli("decode", "--pfns", out).out == "0x71\n0x72\n0x90\n"
    path.write_text("[   11.000000] toy: bad frame gone\n")
    lost = cli("list", path)
    assert (lost.code, lost.err.count("\n")) == (3, 1)
    assert "line 1: a bad frame without a number" in lost.err


@pytest.mark.usefixtures("toy_table")
def test_a_toy_layout_of_the_efi_table_and_its_kernels(
    cli, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    """Written, read where the user says so, and judged for each kernel."""
    toy = ("--layout", efi_table.NAME)
    (tmp_path / "list").write_text("0xa00 0xa01 0x1000")
    out = tmp_path / "table"
    made = cli(
        "encode", tmp_path / "list", "--to", "efi-table", *toy, "--phys-base", "2M", "-o", out
    )
    assert made.code == 0, made.err
    raw = out.read_bytes()
    assert raw.startswith(b"TOYB")
    shown = cli("decode", "--json", "--from", "efi-table", *toy, out).json["efi_poisoned_memory"][0]
    assert (shown["layout"], shown["units"]) == (efi_table.NAME, [4, 7])
    assert cli("list", "--pfns", "--from", "efi-table", *toy, out).out.startswith("0xa00\n0xa01\n")

    image = efi.saved(tmp_path, {efi.TABLE: raw})
    (tmp_path / "iomem").write_text("00001000-3fffffff : System RAM\n")
    rest = (image, "--memmap", tmp_path / "iomem", "--iomem-of", "next")
    for consumer, outcome, units in (("toy", "accepted", 2), ("d2", "ignored", 0)):
        with subtests.test(consumer):
            judged = cli("validate", "--json", "--consumer-efi", consumer, *rest).json["efi"]
            assert (judged["consumer"], judged["outcome"]) == (consumer, outcome)
            assert judged["units"] == units

    # Where there is a map, its stub begins where memory does and ends where RAM does.
    (tmp_path / "iomem").write_text(
        "00400000-3fffffff : System RAM\n80000000-8fffffff : Reserved\n"
    )
    write = ("encode", tmp_path / "list", "--to", "efi-table", *toy, "-o", out, "--force")
    assert cli(*write, "--memmap", tmp_path / "iomem").code == 0
    header = efi_table.parse(out.read_bytes()[: efi_table.HEAD])
    assert (header.phys_base, header.end) == (4 << 20, 0x40400000)


@pytest.mark.slow
@pytest.mark.usefixtures("toy_table_at_zero")
def test_a_toy_layout_of_the_efi_table_without_a_base(cli, tmp_path: Path) -> None:
    """Its bits begin at address 0, behind its own header, and its stub's map decides the rest."""
    toy = ("--layout", efi_table_at_zero.NAME)
    (tmp_path / "list").write_text("0xa00 0xa01 0x1000")
    out = tmp_path / "table"
    write = ("encode", tmp_path / "list", "--to", "efi-table", *toy, "-o", out)
    refused = cli(*write, "--phys-base", "2M")
    assert (refused.code, out.exists()) == (2, False)
    assert "layout toy-at-zero begins at address 0" in refused.err
    made = cli(*write)
    assert made.code == 0, made.err
    raw = out.read_bytes()
    assert raw == struct.pack("<4sI16xQQ", b"TOYZ", 2 << 20, 8, 1 << 5 | 1 << 8)
    (shown,) = cli("decode", "--json", "--from", "efi-table", *toy, out).json["efi_poisoned_memory"]
    assert (shown["phys_base"], shown["units"]) == (None, [5, 8])

    image = efi.saved(tmp_path, {efi.TABLE: raw})
    assert "phys_base" not in cli("decode", *toy, image).out
    annotated = cli("decode", "--annotate", *toy, image).out
    assert re.findall("(size 8|units 5 8|phys_base.*)$", annotated, re.MULTILINE) == [
        "size 8", "units 5 8",
    ]  # fmt: skip
    # A map: from 0 to its end, RAM or not, in units of which 16 bytes of bitmap are enough.
    (tmp_path / "iomem").write_text(
        "00001000-3fffffff : System RAM\n40000000-4fffffff : Reserved\n"
    )
    made = cli(*write, "--force", "--memmap", tmp_path / "iomem")
    assert made.code == 0, made.err
    header = efi_table_at_zero.parse(out.read_bytes()[: efi_table_at_zero.HEAD])
    assert (header.unit_size, header.size) == (16 << 20, 16)


@pytest.mark.usefixtures("toy_file")
def test_a_toy_file_that_is_a_memory_map(cli, tmp_path: Path) -> None:
    """Alone, and in the folder of a batch, where its content tells what it is."""
    case = tmp_path / "case"
    case.mkdir()
    path = case / "map"
    path.write_bytes(map_file.raw((0x100000, 0x7FFFFFFF)))
    (case / "list").write_text("0x1000\n0x80000\n")
    assert cli("memmap", "--json", path).json["form"] == "toy-file"
    (judged,) = cli("validate", "--json", "--batch", tmp_path).json["results"]
    assert [r["verdict"] for r in judged["result"]["runs"]] == ["replays", "not-ram"]
    path.write_bytes(map_file.raw((0x100000, 0x7FFFFFFF))[:-1])
    cut = cli("memmap", path)
    assert (cut.code, cut.err) == (3, f"hwpkho: {path}: 23 bytes are no whole toy map\n")
