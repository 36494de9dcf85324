"""Lost and damaged lines of maps: noticed, placed, and nothing concluded from what is unknown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from mapfiles import FIXTURES, primary, read_text

import hwpkho
from hwpkho.codes import problem
from hwpkho.codes.memmap import DAMAGED
from hwpkho.errors import InputError
from hwpkho.maps import gaps, read_memmap
from hwpkho.maps.forms.base import Loss, RawMap
from hwpkho.maps.gaps import TOP
from hwpkho.maps.regions import resolve
from hwpkho.model.memmap import Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from conftest import Result

    Cli = Callable[..., Result]

FOLDER = FIXTURES / "13-damaged"
BAD_DIGIT = FOLDER / "e820-bad-digit.txt"

#: Of each damaged file: the code that tells, and the places of which nothing is known.
KNOWN: dict[str, tuple[str, list[tuple[int, int]]]] = {
    "e820-bad-digit.txt": ("HP501", [(0x64806000, 0x6FFFEFFF)]),
    "e820-garbled-timestamp.txt": ("HP501", [(0x64806000, 0x6FFFEFFF)]),
    "e820-printk-dropped.txt": ("HP518", [(0x646C1000, 0xBFFFFFFF)]),
    "e820-head-lost.txt": ("HP519", [(0, 0x646C0FFF)]),
    "e820-filtered-dmesg.txt": ("HP519", [(0, 0x5944EFFF)]),
    "e820-firmware-head-lost-setup-data-whole.txt": ("HP519", [(0, 0xEFFFF)]),
    "e820-overlap-sort-u.txt": ("HP520", [(0x61079000, 0x646C0FFF)]),
}


@pytest.mark.parametrize("name", KNOWN)
def test_damage_of_a_real_map_is_noticed_and_placed(name: str) -> None:
    code, places = KNOWN[name]
    memmap = read_memmap([str(FOLDER / name)])
    shown = primary(memmap)
    assert [(g.start, g.end) for g in shown.gaps] == places
    found = [p for p in memmap.problems if p.code == code]
    assert [p.severity for p in found] == ["warning"] * len(places)
    assert all(f"{a:#x}-{b:#x}" in p.message for p, (a, b) in zip(found, places, strict=True))


# The mechanism --------------------------------------------------------------------------------


def table(*ranges: tuple[int, int] | tuple[int, int, int], losses: Sequence[Loss]) -> RawMap:
    """A map of ``(first byte, last byte, depth)`` with lost lines, settled."""
    entries = [Entry(r[0], r[1], "usable", {"depth": r[2]} if r[2:] else {}) for r in ranges]
    made = RawMap("x", entries, losses=list(losses))
    gaps.settle(made)
    return made


def loss(at: int, **more: Any) -> Loss:
    return Loss(at, problem(DAMAGED, "line 7", severity="warning"), **more)


def places(made: RawMap) -> list[tuple[int | None, int | None]]:
    return [(g.start, g.end) for g in made.gaps]


LIST = ((0, 0xFFF), (0x2000, 0x2FFF), (0x8000, 0x8FFF))


@pytest.mark.parametrize(
    ("lost", "place"),
    [
        (loss(1), (0x1000, 0x1FFF)),
        (loss(3), (0x9000, TOP)),
        (loss(2, told=(0x4000, 0x4FFF)), (0x3000, 0x7FFF)),
        (loss(2, told=(0x10000, 0x10FFF)), (0x3000, 0x10FFF)),
        (loss(1, replaced=1), (0x1000, 0x7FFF)),
        (loss(0, span=(5, 7)), (5, 7)),
    ],
)
def test_the_neighbours_tell_the_place(lost: Loss, place: tuple[int, int]) -> None:
    made = table(*LIST, losses=[lost])
    assert places(made) == [place]
    assert f"{place[0]:#x}-{place[1]:#x}" in made.gaps[0].problem.message


def test_a_lost_head_reaches_from_0() -> None:
    assert places(table(*LIST[1:], losses=[loss(0)])) == [(0, 0x1FFF)]


def test_where_there_is_no_room_nothing_is_lost() -> None:
    made = table((0, 0xFFF), (0x1000, 0x1FFF), losses=[loss(1)])
    assert not made.gaps
    assert [p.severity for p in made.problems] == ["warning"]


def test_a_map_without_order_tells_no_place() -> None:
    made = table(*LIST[::-1], losses=[loss(1)])
    assert places(made) == [(None, None)]
    assert made.gaps[0].problem.severity == "error"


def test_mmio_at_the_end_is_no_disorder() -> None:
    pages = [(n * 0x2000, n * 0x2000 + 0xFFF) for n in range(8)]
    made = table(*pages, (0x5000, 0x5FFF), losses=[loss(4)])
    assert places(made) == [(0x7000, 0x7FFF)]


@pytest.mark.parametrize(
    ("at", "depth", "place"),
    [
        (1, 0, (0x1000, 0xFFFF)),
        (2, 1, (0x10000, 0x11FFF)),  # the first child
        (3, 1, (0x13000, 0x1FFFF)),  # the last one
        (3, 0, (0x20000, 0x2FFFF)),
        (4, 0, (0x40000, TOP)),
    ],
)
def test_a_tree_has_places_within_its_branches(at: int, depth: int, place: Any) -> None:
    tree = ((0, 0xFFF, 0), (0x10000, 0x1FFFF, 0), (0x12000, 0x12FFF, 1), (0x30000, 0x3FFFF, 0))
    assert places(table(*tree, losses=[loss(at, depth=depth)])) == [place]


def test_a_table_of_which_nothing_is_left_cannot_be_read() -> None:
    made = table(losses=[loss(0)])
    assert [p.severity for p in made.problems] == ["error"]


def test_losses_are_bounded_and_none_is_forgotten() -> None:
    made = RawMap("x", [])
    for number in range(1000):
        gaps.lose(made, DAMAGED, f"line {number}")
        made.entries.append(Entry(number << 13, (number << 13) + 0xFFF, "usable"))
    gaps.settle(made)
    assert len(made.gaps) == gaps.MAX_GAPS - 1  # the first has no room below 0
    assert gaps.known(made.gaps)[-1][1] >= (999 << 13) - 1


def test_overlapping_ranges_hang_together() -> None:
    ranges = [(0, 9), (5, 20), (20, 30), (31, 40), (50, 99), (60, 61), (70, 71), (100, 110)]
    entries = [Entry(a, b, "x") for a, b in ranges]
    assert gaps.overlapping(entries) == [(0, 30), (50, 99)]


# What is concluded ----------------------------------------------------------------------------


def judged(cli: Cli, pfns: str, *args: object, tmp_path: Path, expect: int = 1) -> Any:
    path = tmp_path / "pfns"
    path.write_text(pfns)
    result = cli("validate", "--json", path, "--memmap", *args)
    assert result.code == expect, result.err
    document = result.json
    schema = Path(hwpkho.__file__).parent / "schemas" / "validate-1.json"
    jsonschema.validate(document, json.loads(schema.read_text()))
    return document


def test_a_pfn_in_a_gap_is_not_judged_and_the_others_are(cli: Cli, tmp_path: Path) -> None:
    doc = judged(cli, "0x1000\n0x64806\n0x6fffe\n0x70000\n0x7f000\n", BAD_DIGIT, tmp_path=tmp_path)
    verdicts = {r["first"]: r["verdict"] for r in doc["runs"]}
    assert verdicts == {
        0x1000: "replays",
        0x64806: None,
        0x6FFFE: None,
        0x70000: "firmware",
        0x7F000: "not-ram",
    }
    (found,) = [f for f in doc["findings"] if f["code"] == "HP524"]
    assert (found["severity"], found["first"], found["last"]) == ("error", 0x64806, 0x6FFFE)
    assert found["phys"] == 0x64806000
    (not_ram,) = [f for f in doc["findings"] if f["code"] == "HP601"]
    assert (not_ram["first"], not_ram["last"]) == (0x7F000, 0x7F000)


def test_a_list_without_pfns_in_the_gap_is_fine(cli: Cli, tmp_path: Path) -> None:
    doc = judged(cli, "0x1000\n0x2000\n", BAD_DIGIT, tmp_path=tmp_path, expect=0)
    assert doc["ok"]
    assert [(f["code"], f["severity"]) for f in doc["findings"]] == [("HP501", "warning")]


def test_a_gap_whose_place_is_not_known_is_not_judged(cli: Cli, tmp_path: Path) -> None:
    lines = [f"efi: mem{n:02}: [Conventional|WB] range=[0x{a:x}000-0x{a:x}fff] (0MB)\n"
             for n, a in enumerate((9, 3, 5, 1, 7))]  # fmt: skip
    del lines[2]
    memmap = read_text(tmp_path / "log", "".join(lines))
    assert [(g.start, g.end) for g in primary(memmap).gaps] == [(None, None)]
    with pytest.raises(InputError, match=r"mem02.*in no order"):
        resolve(memmap)
    (tmp_path / "pfns").write_text("1\n")
    result = cli("validate", "--json", tmp_path / "pfns", "--memmap", tmp_path / "log")
    assert (result.code, result.out, len(result.err.splitlines())) == (3, "", 1)


def test_a_map_beside_fills_the_gap_and_that_is_said(cli: Cli, tmp_path: Path) -> None:
    beside = tmp_path / "iomem"
    beside.write_text("00000000-00000fff : Reserved\n00001000-0009efff : System RAM\n"
                      "00100000-61078fff : System RAM\n64806000-6fffefff : Reserved\n"
                      "6ffff000-6fffffff : System RAM\nfee00000-fee00fff : Local APIC\n"
                      "100000000-8817fffff : System RAM\n")  # fmt: skip
    args = (BAD_DIGIT, "--memmap", beside)
    doc = judged(cli, "0x64806\n", *args, tmp_path=tmp_path, expect=0)
    assert [r["verdict"] for r in doc["runs"]] == ["firmware"]
    assert {"HP501", "HP523"} <= {f["code"] for f in doc["findings"]}


def test_the_extended_map_of_the_log_fills_the_gap(cli: Cli, tmp_path: Path) -> None:
    name = "e820-firmware-head-lost-setup-data-whole.txt"
    doc = judged(cli, "0x50\n0xa0000\n", FOLDER / name, tmp_path=tmp_path, expect=0)
    assert [r["verdict"] for r in doc["runs"]] == ["in-use", "replays"]
    assert "HP523" in {f["code"] for f in doc["findings"]}


def test_a_limit_on_ram_of_unknown_size_is_skipped(cli: Cli, tmp_path: Path) -> None:
    args = ("--max-fraction", "0.0000001")
    doc = judged(cli, "0x1000\n0x2000\n", BAD_DIGIT, *args, tmp_path=tmp_path, expect=0)
    assert any("--max-fraction" in f["message"] for f in doc["findings"] if f["severity"] == "note")


def test_merge_keeps_a_page_in_a_gap_and_says_so(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("0x64806\n0x7f000\n")
    out = tmp_path / "out"
    result = cli("merge", tmp_path / "a", "--memmap", BAD_DIGIT, "--to", "list", "-o", out)
    assert "0x64806" in out.read_text()
    assert "0x7f000" not in out.read_text()
    assert "1 PFN lies where lines of the map are lost" in result.err


def test_nothing_is_placed_in_a_gap(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("0x1000\n")
    for option in ("--ram", "--scratch"):
        more = [option, "0x64806000:0x100000"]
        more += ["--no-scratch"] if option == "--ram" else []
        where = ["--memmap", BAD_DIGIT, "-o", tmp_path / "out.elf"]
        result = cli("encode", tmp_path / "a", "--to", "elf", *where, *more)
        assert result.code == 2
        assert "lines of the map are lost" in result.err


def test_a_map_with_a_gap_is_not_written_as_if_it_were_whole(cli: Cli) -> None:
    for target in ("e820", "iomem"):
        result = cli("memmap", "--to", target, BAD_DIGIT)
        assert (result.code, result.out, len(result.err.splitlines())) == (3, "", 1)
    result = cli("memmap", "--to", "json", BAD_DIGIT)
    assert result.code == 0
    assert result.err.startswith("hwpkho: warning: line 11: ")
    (map_,) = result.json["maps"]
    assert map_["gaps"] == [{"start": 0x64806000, "end": 0x6FFFEFFF, "code": "HP501"}]
    schema = Path(hwpkho.__file__).parent / "schemas" / "memmap-1.json"
    jsonschema.validate(result.json, json.loads(schema.read_text()))


def test_the_report_shows_the_gap(cli: Cli, tmp_path: Path) -> None:
    shown = cli("memmap", BAD_DIGIT)
    assert "lost lines" in shown.out
    (tmp_path / "pfns").write_text("0x64806\n")
    text = cli("validate", tmp_path / "pfns", "--memmap", BAD_DIGIT)
    assert "nobody can tell" in text.out.splitlines()[0]
