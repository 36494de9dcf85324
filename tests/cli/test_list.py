"""``hwpkho list`` and ``hwpkho formats``: what they print, and where it comes from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from hwpkho.badpages.registry import LIST_FORMATS
from tests.support import schemas
from tests.support.captures import CAPTURES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.program import Result

    Cli = Callable[..., Result]

SMALL = CAPTURES / "x86-structv1-small"


def test_inputs_of_several_forms_are_one_list(tmp_path: Path, cli: Cli) -> None:
    plain, line = tmp_path / "plain.txt", tmp_path / "cmdline"
    plain.write_text("0x10 0x12\n")
    line.write_text("ro quiet memmap=8K$0x11000\n")
    got = cli("list", "--json", plain, line)
    assert got.code == 0, got.err
    schemas.check(got.json, "list")
    assert got.json["pfns"] == [[16, 18]]
    assert [(e["first"], e["last"], e["kind"], e["where"]) for e in got.json["entries"]] == [
        (16, 16, None, None),
        (17, 18, "excluded", "line 1"),
        (18, 18, None, None),
    ]
    assert cli("list", "--pfns", plain, line).out == "0x10\n0x11\n0x12\n"
    report = cli("list", plain, line).said
    assert f"{line}: 3 bad pages, 12 KiB" in report
    assert f"{line} line 1" in report
    assert cli("list", "--pfns", "--kinds", "poisoned", line).out == ""


def test_a_handover_lists_poisoned_pages(cli: Cli) -> None:
    image = SMALL / "memory.elf"
    got = cli("list", "--json", image)
    assert {e["kind"] for e in got.json["entries"]} == {"poisoned"}
    assert len(got.json["entries"]) == 37
    with_map = cli("list", image, "--memmap", SMALL / "iomem.txt").out
    assert "memory there" in with_map
    assert "System RAM" in with_map


def test_problems_say_of_which_input_and_where(tmp_path: Path, cli: Cli) -> None:
    paths = [tmp_path / name for name in ("one", "two")]
    for path, unit in zip(paths, ("K", "M"), strict=True):
        path.write_text(f"memmap=4K$0x10000\nmemmap=1{unit}!0x500000\n")
    got = cli("list", "--json", *paths)
    assert [(p["source"], p["where"]) for p in got.json["problems"]] == [
        (str(path), "line 2") for path in paths
    ]
    schemas.check(got.json, "list")
    assert all(f"{path}: line 2: memmap=1" in got.err for path in paths)


@pytest.mark.parametrize("command", ["diff", "merge", "encode", "validate"])
def test_every_command_says_that_a_log_is_a_lower_bound(
    command: str, tmp_path: Path, cli: Cli
) -> None:
    log, other = tmp_path / "log", tmp_path / "other"
    log.write_text("[1.000000] Memory failure: 0x10: recovery action for dirty LRU page: Failed\n")
    other.write_text("0x10\n")
    more: dict[str, list[object]] = {"diff": [other], "merge": [other], "encode": ["--to", "list"]}
    got = cli(command, log, *more.get(command, ()))
    assert got.code == 0, got.err
    assert "a log is a lower bound" in got.out + got.err
    assert "(HP614)" in got.err or command == "validate"


def test_a_run_is_shown_in_parts_by_the_memory_that_it_lies_in(tmp_path: Path, cli: Cli) -> None:
    pages, iomem = tmp_path / "pages", tmp_path / "iomem"
    pages.write_text("0x102-0x403 0x500\n")
    iomem.write_text(
        "00100000-001fffff : System RAM\n00200000-002fffff : Reserved\n"
        "00300000-003fffff : Reserved\n"
    )
    lines = [line.split() for line in cli("list", pages, "--memmap", iomem).out.splitlines()]
    table = lines[[line[:1] for line in lines].index(["PFN"]) + 1 :]
    assert [(line[0], line[1], " ".join(line[3:])) for line in table] == [
        ("0x102-0x1ff", "254", "System RAM"),
        ("0x200-0x3ff", "512", "reserved"),
        ("0x400-0x403", "4", "none"),
        ("0x500", "1", "none"),
    ]


@pytest.mark.parametrize("way", [["--json"], ["--pfns"], []])
def test_output_goes_to_a_file(way: list[str], tmp_path: Path, cli: Cli) -> None:
    plain, out = tmp_path / "plain.txt", tmp_path / "out"
    plain.write_text("0x10\n")
    assert cli("list", *way, plain, "-o", out).code == 0
    assert out.read_text() == cli("list", *way, plain).out
    assert cli("list", *way, plain, "-o", out).code == 2
    assert cli("list", *way, plain, "-o", out, "-f").code == 0
    assert cli("list", *way, plain, "-o", plain, "-f").code == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("memmap=1M!2399M", "reserves nothing"),
        ("memmap=4K$", "not a size or address"),
        ("reserve_mem=12M:4096:oops", "no address"),
        ("memmap=4K$0xffffffffffffffff", "does not fit|expected"),
    ],
)
def test_what_names_no_page_is_refused(text: str, says: str, tmp_path: Path, cli: Cli) -> None:
    path = tmp_path / "cmdline"
    path.write_text(text + "\n")
    got = cli("list", path)
    assert (got.code, got.out, len(got.err.splitlines())) == (3, "", 1)
    assert any(word in got.err for word in says.split("|")), got.err


@pytest.mark.parametrize(
    ("text", "pages"),
    [
        ("mem=7G memmap=16M@512M memmap=64K#0x7ffe0000 memmap=8M%1280M-1+20", []),
        ('GRUB_CMDLINE_LINUX="memmap=4K\\\\\\$0x1850602000,8K\\\\\\$0x40a0602000"',
         [0x1850602, [0x40A0602, 0x40A0603]]),
        ("BOOT_IMAGE=/vmlinuz-6.1 root=/dev/sda1 ro quiet", []),
        ("initrd=\\initrd root=UUID=0000-1111 rw", []),
        ('GRUB_DEFAULT=0\nGRUB_CMDLINE_LINUX_DEFAULT="quiet splash"', []),
        ("# memmap=4K$0x10000\nmemmap=010$0x20000", [0x20]),
        ('GRUB_CMDLINE_LINUX="memmap=4K\\\\\\$0x10000" # before: memmap=4K\\\\\\$0x20000', [0x10]),
        ('GRUB_CMDLINE_LINUX="memmap=4K\\\\\\$0x10000 # memmap=4K\\\\\\$0x20000"', [0x10, 0x20]),
        ("GRUB_CMDLINE_LINUX='memmap=4K\\$0x10000'\nGRUB_CMDLINE_LINUX=memmap=4K\\\\\\$0x20000",
         [0x20]),
        (('GRUB_CMDLINE_LINUX="memmap=4K\\\\\\$0x10000"\n'
         'GRUB_CMDLINE_LINUX="${GRUB_CMDLINE_LINUX} memmap=4K\\\\\\$0x20000"\n'
         'GRUB_CMDLINE_LINUX+=" memmap=4K\\\\\\$0x30000"'), [0x10, 0x20, 0x30]),
        ("memmap=79G$82G", [[82 << 18, (161 << 18) - 1]]),
        ("memmap=4K$0x10000,1M!0x500000", [0x10]),
    ],
)  # fmt: skip
def test_memmap_parameters(text: str, pages: list[object], tmp_path: Path, cli: Cli) -> None:
    path = tmp_path / "cmdline"
    path.write_text(text + "\n")
    got = cli("list", "--json", path)
    assert got.code == 0, got.err
    assert got.json["pfns"] == pages
    assert got.json["form"] == "memmap"
    assert bool(got.json["problems"]) == ("!" in text)


def test_a_form_can_be_named(tmp_path: Path, cli: Cli) -> None:
    path = tmp_path / "list"
    path.write_text("16\n")
    assert cli("list", "--from", "text", "--base", "16", "--pfns", path).out == "0x16\n"
    assert cli("list", "--from", "nothing", path).code == 2
    assert cli("list", "--kinds", "nothing", path).code == 2


def test_formats_are_those_of_the_registry(cli: Cli) -> None:
    got = cli("formats", "--json")
    schemas.check(got.json, "formats")
    assert [f["name"] for f in got.json["formats"]] == LIST_FORMATS.names()
    rows = [line for line in cli("formats").out.splitlines() if not line.startswith(" ")]
    assert [line.split()[0] for line in rows] == sorted(LIST_FORMATS.names())
    assert cli("formats", "--json", "--markdown").code == 2


def test_pfns_of_a_document_that_no_entry_names_are_listed(tmp_path: Path, cli: Cli) -> None:
    entry = {"first": 1, "last": 2, "kind": "poisoned", "when": None, "source": "x", "where": None}
    path = tmp_path / "list.json"
    document = {"schema": "hwpkho.list/1", "page_size": 4096, "pfns": [[1, 3], 5]}
    path.write_text(json.dumps(document | {"entries": [entry]}))
    got = cli("list", "--json", path).json
    assert got["pfns"] == [[1, 3], 5]
    assert [(e["first"], e["kind"]) for e in got["entries"]] == [
        (1, "poisoned"),
        (3, None),
        (5, None),
    ]


def test_pfns_are_printed_one_by_one_up_to_a_list_of_usual_length(tmp_path: Path, cli: Cli) -> None:
    (tmp_path / "cmdline").write_text("memmap=64P$0x0\n")
    got = cli("list", "--pfns", tmp_path / "cmdline", "-o", tmp_path / "out")
    assert (got.code, got.out) == (3, "")
    assert "--json has them as ranges" in got.err
    assert not (tmp_path / "out").exists()
    assert cli("list", "--json", tmp_path / "cmdline").json["pfns"] == [[0, (1 << 44) - 1]]


def test_an_entry_that_the_list_lacks_is_refused(
    tmp_path: Path, cli: Cli, subtests: pytest.Subtests
) -> None:
    document = {
        "schema": "hwpkho.list/1",
        "pfns": [1, [4, 6]],
        "entries": [
            {"first": 1, "last": 1, "kind": "poisoned"},
            {"first": 9, "last": 9, "kind": "corrected"},
            {"first": 5, "last": 7, "kind": "poisoned"},
        ],
    }
    path = tmp_path / "list.json"
    path.write_text(json.dumps(document))
    for command in (["list", path], ["diff", path, path], ["validate", path]):
        with subtests.test(str(command[0])):
            got = cli(*command)
            assert (got.code, len(got.err.splitlines())) == (3, 1)
            assert "0x5 to 0x7 is poisoned, but pfns lacks some of it" in got.err
    path.write_text(json.dumps({**document, "pfns": [1, [4, 7]]}))
    assert cli("list", path, "--pfns").out == "0x1\n0x4\n0x5\n0x6\n0x7\n"


def test_problems_beyond_the_first_are_counted(tmp_path: Path, cli: Cli) -> None:
    path = tmp_path / "cmdline"
    path.write_text("memmap=4K$0x10000\n" + "".join(f"memmap=4K!{n}M\n" for n in range(1, 41)))
    got = cli("list", "--json", path)
    assert got.code == 0
    assert len(got.json["problems"]) == 16
    assert "24 more problems like these are not shown" in got.err
