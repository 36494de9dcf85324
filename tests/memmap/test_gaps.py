"""Lost and damaged lines of maps: noticed, placed, and nothing concluded from what is unknown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from hwpkho.codes import problem
from hwpkho.codes.memmap import DAMAGED
from hwpkho.errors import InputError
from hwpkho.memmap import gaps, read_memmap
from hwpkho.memmap.gaps import TOP
from hwpkho.memmap.model import Entry
from hwpkho.memmap.table import LostLine, Table
from hwpkho.memmap.view.regions import view_of
from tests.support import schemas
from tests.support.handovers import Machine
from tests.support.mapfiles import FIXTURES, primary, read_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tests.support.program import Result

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


def table(*ranges: tuple[int, int] | tuple[int, int, int], lost_lines: Sequence[LostLine]) -> Table:
    """A map of ``(first byte, last byte, depth)`` with lost lines, settled."""
    entries = [Entry(r[0], r[1], "usable", {"depth": r[2]} if len(r) > 2 else {}) for r in ranges]
    made = Table("x", entries)
    made.lost_lines += lost_lines
    gaps.settle(made)
    return made


def loss(at: int, **more: Any) -> LostLine:
    return LostLine(at, problem(DAMAGED, "line 7", severity="warning"), **more)


def places(made: Table) -> list[tuple[int | None, int | None]]:
    return [(g.start, g.end) for g in made.gaps]


LIST = ((0, 0xFFF), (0x2000, 0x2FFF), (0x8000, 0x8FFF))


@pytest.mark.parametrize(
    ("lost", "place"),
    [
        (loss(1), (0x1000, 0x1FFF)),
        (loss(3), (0x9000, TOP)),
        (loss(2, named=(0x4000, 0x4FFF)), (0x3000, 0x7FFF)),
        (loss(2, named=(0x10000, 0x10FFF)), (0x3000, 0x10FFF)),
        (loss(1, replaced=1), (0x1000, 0x7FFF)),
        (loss(0, span=(5, 7)), (5, 7)),
    ],
)
def test_the_neighbours_tell_the_place(lost: LostLine, place: tuple[int, int]) -> None:
    made = table(*LIST, lost_lines=[lost])
    assert places(made) == [place]
    assert f"{place[0]:#x}-{place[1]:#x}" in made.gaps[0].problem.message


def test_a_lost_head_reaches_from_0() -> None:
    assert places(table(*LIST[1:], lost_lines=[loss(0)])) == [(0, 0x1FFF)]


def test_where_there_is_no_room_nothing_is_lost() -> None:
    made = table((0, 0xFFF), (0x1000, 0x1FFF), lost_lines=[loss(1)])
    assert not made.gaps
    assert [p.severity for p in made.problems] == ["warning"]


def test_a_map_without_order_tells_no_place() -> None:
    made = table(*LIST[::-1], lost_lines=[loss(1)])
    assert places(made) == [(None, None)]
    assert made.gaps[0].problem.severity == "error"


def test_mmio_at_the_end_is_no_disorder() -> None:
    pages = [(n * 0x2000, n * 0x2000 + 0xFFF) for n in range(8)]
    made = table(*pages, (0x5000, 0x5FFF), lost_lines=[loss(4)])
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
    assert places(table(*tree, lost_lines=[loss(at, depth=depth)])) == [place]


def test_a_table_of_which_nothing_is_left_cannot_be_read() -> None:
    made = table(lost_lines=[loss(0)])
    assert [p.code for p in made.unusable] == [DAMAGED.id]
    assert not made.lost_lines


def test_losses_are_bounded_and_none_is_forgotten() -> None:
    made = Table("x", [])
    for number in range(1000):
        gaps.lose(made, DAMAGED, f"line {number}")
        made.entries.append(Entry(number << 13, (number << 13) + 0xFFF, "usable"))
    gaps.settle(made)
    assert len(made.gaps) == gaps.MAX_GAPS - 1  # the first has no room below 0
    assert gaps.known(made.gaps)[-1][1] >= (999 << 13) - 1


SPAN = (1 << 30, (1 << 30) + 0xFFF)


@pytest.mark.parametrize(
    ("first", "more", "place"),
    [
        ({"span": (5, 7)}, {"span": SPAN}, (5, SPAN[1])),
        ({"span": SPAN}, {"span": (5, 7)}, (5, SPAN[1])),
        ({"span": (5, 7)}, {"span": (9, 9), "named": SPAN}, (5, SPAN[1])),
        ({"at": 1}, {"span": SPAN}, (0x1000, SPAN[1])),
        ({"at": 2}, {"span": (5, 7)}, (5, 0x7FFF)),
        ({"span": (5, 7)}, {"at": 2}, (5, 0x7FFF)),
        ({"span": SPAN}, {"at": 1}, (0x1000, SPAN[1])),
        ({"at": 2}, {"at": 1}, (0x1000, 0x7FFF)),
        ({"at": 1}, {"at": 1, "named": SPAN}, (0x1000, SPAN[1])),
        ({"at": 1, "named": (5, 7)}, {"at": 1}, (5, 0x1FFF)),
    ],
)
def test_one_loss_too_many_covers_both_places(first: Any, more: Any, place: Any) -> None:
    made = Table("x", [Entry(a, b, "usable") for a, b in LIST])
    for number in range(gaps.MAX_GAPS - 1):
        gaps.lose(made, DAMAGED, f"line {number}", span=(0, 0))
    gaps.lose(made, DAMAGED, "line 70", **first)
    gaps.lose(made, DAMAGED, "line 71", **more)
    gaps.settle(made)
    assert places(made)[gaps.MAX_GAPS - 1 :] == [place]


def test_losses_at_two_depths_of_a_tree_are_those_of_the_upper() -> None:
    made = Table("x", [])
    for number in range(gaps.MAX_GAPS - 1):
        gaps.lose(made, DAMAGED, f"line {number}", span=(0, 0))
    made.entries += [Entry(0, 0xFFFF, "a", {"depth": 0}), Entry(0, 0xFFF, "b", {"depth": 1})]
    gaps.lose(made, DAMAGED, "line 70", depth=1)
    gaps.lose(made, DAMAGED, "line 71", depth=0)
    made.entries.append(Entry(1 << 30, 1 << 31, "c", {"depth": 0}))
    gaps.settle(made)
    assert places(made)[-1] == (0x10000, (1 << 30) - 1)


@pytest.mark.parametrize(
    ("head", "line"),
    [
        ("00000000-00000fff : Reserved", "{0:08x}-{1:08x} : {3}"),
        ("Type Start End # Pages", "{4} {0:016X}-{1:016X} {2:016X} 000000000000000F"),
    ],
)
def test_no_overlap_is_one_too_many(head: str, line: str, cli: Cli, tmp_path: Path) -> None:
    """None of a hundred is forgotten: a page in the last one is not judged."""
    ram, reserved = ("System RAM", "Available"), ("Reserved", "Reserved")
    ranges = [(n << 20, (n << 20) + 0x7FFFF, ram) for n in range(1, 101)]
    ranges += [(n + 0x40000, end + 0x20000, reserved) for n, end, _ in ranges]
    lines = [
        line.format(start, end, (end + 1 - start) >> 12, *names)
        for start, end, names in (*sorted(ranges), (1 << 30, (1 << 30) + 0xFFFFF, ram))
    ]
    log = tmp_path / "log"
    log.write_text("\n".join((head, *lines, "")))
    document = judged(cli, "0x150 0x6450 0x40000", log, tmp_path=tmp_path)
    assert [run["verdict"] for run in document["runs"]] == [None, None, "replays"]


@pytest.mark.parametrize(
    "line",
    [
        "base_addr = 0x1000000, length = 0xffffffffffffffff, reserved RAM\n",
        "base_addr = 0x1000000, length = 0xfffffffffffff000, reserved RAM\n",
    ],
)
def test_where_a_range_that_cannot_be_begins_is_unknown(line: str, tmp_path: Path) -> None:
    """Also within a range of another line: it may be what is right of the two."""
    good = "base_addr = 0x0, length = 0x80000000, available RAM\n"
    (map_,) = read_text(tmp_path / "log", good + line).maps
    assert gaps.known(map_.gaps)[0][0] == 0x1000000


def test_a_gap_of_the_first_byte_alone_is_known() -> None:
    made = table(*LIST, lost_lines=[loss(0, span=(0, 0))])
    assert gaps.known(made.gaps) == [(0, 1)]


def test_overlapping_ranges_hang_together() -> None:
    ranges = [
        (0, 9),
        (5, 20),
        (20, 30),
        (31, 40),
        (50, 99),
        (60, 61),
        (70, 71),
        (100, 110),
        (105, 120),
    ]
    entries = [Entry(a, b, "x") for a, b in ranges]
    assert gaps.overlapping(entries) == [(0, 30), (50, 120)]


# What is concluded ----------------------------------------------------------------------------


def judged(cli: Cli, pfns: str, *args: object, tmp_path: Path, expect: int = 1) -> Any:
    path = tmp_path / "pfns"
    path.write_text(pfns)
    result = cli("validate", "--json", path, "--memmap", *args)
    assert result.code == expect, result.err
    document = result.json
    schemas.check(document, "validate")
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
    told = [(f["code"], f["severity"]) for f in doc["findings"]]
    assert told == [("HP501", "warning"), ("HP611", "note")]


def test_a_gap_whose_place_is_not_known_is_not_judged(cli: Cli, tmp_path: Path) -> None:
    lines = [f"efi: mem{n:02}: [Conventional|WB] range=[0x{a:x}000-0x{a:x}fff] (0MB)\n"
             for n, a in enumerate((9, 3, 5, 1, 7))]  # fmt: skip
    del lines[2]
    memmap = read_text(tmp_path / "log", "".join(lines))
    assert [(g.start, g.end) for g in primary(memmap).gaps] == [(None, None)]
    with pytest.raises(InputError, match=r"mem02.*not in ascending order"):
        view_of(memmap)
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
    said = {f["code"]: f["message"] for f in doc["findings"]}
    assert said["HP501"].startswith(f"{BAD_DIGIT}: line 11: ")
    assert "HP523" in said


def test_the_firmware_s_map_does_not_fill_what_the_command_line_changed(tmp_path: Path) -> None:
    user = [line.replace("BIOS-e820", "user") for line in THREE]
    lost = user[1].replace("0x0000000000100000", "0x00000000001OOOOO")
    text = "".join([*THREE, "user-defined physical RAM map:\n", user[0], lost, user[2]])
    regions = view_of(read_text(tmp_path / "log", text))
    region = regions.at(0x200000)
    assert region is not None
    assert (region.kind, region.source) == ("unknown", "e820_user")


def test_the_extended_map_of_the_log_fills_the_gap(cli: Cli, tmp_path: Path) -> None:
    name = "e820-firmware-head-lost-setup-data-whole.txt"
    doc = judged(cli, "0x50\n0xa0000\n", FOLDER / name, tmp_path=tmp_path, expect=0)
    assert [r["verdict"] for r in doc["runs"]] == ["in-use", "replays"]
    assert "HP523" in {f["code"] for f in doc["findings"]}


def test_a_limit_on_ram_of_unknown_size_is_skipped(cli: Cli, tmp_path: Path) -> None:
    args = ("--max-fraction", "0.0000001")
    doc = judged(cli, "0x1000\n0x2000\n", BAD_DIGIT, *args, tmp_path=tmp_path, expect=0)
    (told,) = [f["message"] for f in doc["findings"] if f["code"] == "HP704"]
    assert "the map has lost lines, so the amount of RAM is unknown" in told


def test_merge_keeps_a_page_in_a_gap_and_says_so(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("0x64806\n0x7f000\n")
    out = tmp_path / "out"
    result = cli("merge", tmp_path / "a", "--memmap", BAD_DIGIT, "--to", "list", "-o", out)
    assert "0x64806" in out.read_text()
    assert "0x7f000" not in out.read_text()
    assert "1 PFN lies where lines of the map are lost" in result.err


def test_diff_gives_no_verdict_in_a_gap(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("0x64806\n")
    (tmp_path / "b").write_text("0x1000\n")
    args = ("diff", tmp_path / "a", tmp_path / "b", "--memmap", BAD_DIGIT)
    assert cli(*args, "--plain").out.splitlines() == ["-0x64806", "+0x1000 replays"]
    result = cli(*args, "--json")
    assert result.code == 1
    assert [r["verdict"] for r in result.json["removed_runs"]] == [None]
    assert [r["verdict"] for r in result.json["added_runs"]] == ["replays"]


@pytest.mark.parametrize("lost", [False, True])
def test_nothing_is_concluded_from_a_handover_in_a_gap(
    lost: bool, cli: Cli, tmp_path: Path
) -> None:
    machine = Machine()
    machine.handover()
    path = machine.save(tmp_path)
    low = min(machine.memory)
    iomem = tmp_path / "iomem"
    line = "OO100000-feO00000 : System RAM\n" if lost else ""
    iomem.write_text(
        f"00000000-0000ffff : System RAM\n{line}fee00000-ffffffff : reserved\n"
        "10000000000-100ffffffff : System RAM\n"
    )
    assert 0x10000 < low < 0xFEE00000
    result = cli("validate", "--json", path, "--memmap", iomem)
    codes = {f["code"] for f in result.json["findings"]}
    assert result.json["outcome"] == ("replay" if lost else None)
    assert ("HP566" in codes) == (not lost)  # without the gap it is another machine's map


def test_nothing_is_placed_in_a_gap(cli: Cli, tmp_path: Path, subtests: pytest.Subtests) -> None:
    (tmp_path / "a").write_text("0x1000\n")
    for option in ("--ram", "--scratch"):
        with subtests.test(option):
            more = [option, "0x64806000:0x100000"]
            more += ["--no-scratch"] if option == "--ram" else []
            where = ["--memmap", BAD_DIGIT, "-o", tmp_path / "out.elf"]
            result = cli("encode", tmp_path / "a", "--to", "elf", *where, *more)
            assert result.code == 2
            assert "lines of the map are lost" in result.err


def test_a_map_with_a_gap_is_not_written_as_if_it_were_whole(
    cli: Cli, subtests: pytest.Subtests
) -> None:
    for target in ("e820", "iomem"):
        with subtests.test(target):
            result = cli("memmap", "--to", target, BAD_DIGIT)
            assert (result.code, result.out, len(result.err.splitlines())) == (3, "", 1)
    result = cli("memmap", "--to", "json", BAD_DIGIT)
    assert result.code == 0
    assert result.err.startswith("hwpkho: warning: line 11: ")
    (map_,) = result.json["maps"]
    assert map_["gaps"] == [{"start": 0x64806000, "end": 0x6FFFEFFF, "code": "HP501"}]
    schemas.check(result.json, "memmap")


def test_the_report_shows_the_gap(cli: Cli, tmp_path: Path) -> None:
    shown = cli("memmap", BAD_DIGIT)
    assert "lost lines" in shown.out
    (tmp_path / "pfns").write_text("0x64806\n")
    text = cli("validate", tmp_path / "pfns", "--memmap", BAD_DIGIT)
    assert (
        "the one page cannot be judged: the map has lost lines"
        in text.said.partition(" findings ")[0]
    )


def test_the_report_tells_lost_lines_from_lost_pages(cli: Cli, tmp_path: Path) -> None:
    """Every page is in the table, and no mark of the picture means two things."""
    (tmp_path / "pfns").write_text("0x64806 0x64807 0x8000000\n")
    text = cli("validate", tmp_path / "pfns", "--memmap", BAD_DIGIT).out
    assert re.search(r"^  not judged +2  lines of the map are lost there$", text, re.MULTILINE)
    (picture,) = [block for block in text.split("\n\n") if "a row is " in block]
    legend = "  ".join(x.strip() for x in picture.splitlines() if not x.startswith("  0x"))
    shown = [part.split()[0] for part in legend.partition("  a row is ")[0].split("  ")]
    assert len(shown) == len(set(shown))
    (tmp_path / "pfns").write_text("0x64806\n")
    text = cli("validate", tmp_path / "pfns", "--memmap", BAD_DIGIT).out
    assert "1  lines of the map are lost there" in text


SEVEN = [
    f"[    0.000000] BIOS-e820: [{what}\n"
    for what in (
        "mem 0x0000000000000000-0x000000000009fbff]  System RAM",
        "gap 0x000000000009fc00-0x00000000000effff]",
        "mem 0x00000000000f0000-0x00000000000fffff]  device reserved",
        "mem 0x0000000000100000-0x000000001ffdffff]  System RAM",
        "mem 0x000000001ffe0000-0x000000001fffffff]  device reserved",
        "gap 0x0000000020000000-0x00000000fffbffff]",
        "mem 0x00000000fffc0000-0x00000000ffffffff]  device reserved",
    )
]


@pytest.mark.parametrize("prefix", ["", "host kernel: "])
@pytest.mark.parametrize(
    ("lost", "place"),
    [(None, None), (1, (0x9FC00, 0xEFFFF)), (2, (0xF0000, 0xFFFFF)), (3, (0x100000, 0x1FFDFFFF)),
     (4, (0x1FFE0000, 0x1FFFFFFF)), (5, (0x20000000, 0xFFFBFFFF)),
     (6, (0xFFFC0000, (1 << 52) - 1))],
)  # fmt: skip
def test_since_7_0_every_address_has_a_line(
    lost: int | None, place: tuple[int, int] | None, prefix: str, cli: Cli, tmp_path: Path
) -> None:
    """A [gap] line says that nothing is there; where neither stands, a line is lost."""
    lines = ["Linux version 7.3.4\n", "BIOS-provided physical RAM map:\n", *SEVEN]
    if lost is not None:
        del lines[lost + 2]
    (tmp_path / "log").write_text("".join(prefix + line for line in lines))
    (map_,) = cli("memmap", "--json", tmp_path / "log").json["maps"]
    found = [(g["start"], g["end"]) for g in map_["gaps"]]
    if place is None:
        assert not found
        return
    assert found == [place]
    assert {g["code"] for g in map_["gaps"]} == {"HP569"}
    (tmp_path / "pfns").write_text(f"0x{-(-place[0] // 4096):x}\n")
    got = cli("validate", tmp_path / "pfns", "--memmap", tmp_path / "log", "--json")
    assert got.code == 1
    assert got.json["runs"][0]["verdict"] is None


# Kinds of damage ------------------------------------------------------------------------------

E820_LINE = "[    0.000000] BIOS-e820: [mem 0x{:016x}-0x{:016x}] {}\n"
NOISE = "noise\n" * 50
THREE = [
    E820_LINE.format(0, 0x9FFFF, "usable"),
    E820_LINE.format(0x100000, 0x7FFFFFFF, "usable"),
    E820_LINE.format(0xF0000000, 0xFFFFFFFF, "reserved"),
]
IOMEM = """\
00000000-00000fff : Reserved
00001000-0009ffff : System RAM
00100000-7fffffff : System RAM
  01000000-01ffffff : Kernel code
  02000000-02ffffff : Kernel data
fee00000-fee00fff : Local APIC
100000000-17fffffff : System RAM
"""
XEN = """\
(XEN) Xen-e820 RAM map:
(XEN)  [0000000000000000, 000000000009fbff] (usable)
(XEN)  [0000000000100000, 000000007fffffff] (usable)
(XEN)  [00000000f0000000, 00000000ffffffff] (reserved)
"""


def spots(path: Path, text: str, **options: Any) -> list[tuple[int | None, int | None]]:
    """The gaps of the primary map of a log."""
    return [(g.start, g.end) for g in primary(read_text(path, text, **options)).gaps]


@pytest.mark.parametrize(
    "words",
    [
        "** 4 printk messages dropped **",
        "** 1 printk messages dropped ** [    0.000000] e820: something",
        "Jan 02 03:04:05 host systemd-journald[311]: Missed 4 kernel messages",
        "Jan 02 03:04:05 host kernel: printk: 4 messages suppressed.",
        "Jan 02 03:04:05 host systemd-journald[9]: Suppressed 32 messages from kernel",
        "Jan  2 03:04:05 host rsyslogd: imuxsock lost 17 messages from pid 0 due to rate-limiting",
        "Jan 02 03:04:05 host systemd-journald[1]: /dev/kmsg buffer overrun, some messages lost.",
        "Jan  2 03:04:05 host rsyslogd-2177: imuxsock begins to drop messages: 4 messages lost",
    ],
)
def test_messages_that_the_log_says_it_lost(words: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    text = f"{THREE[0]}{words}\n{THREE[1]}{THREE[2]}"
    assert spots(log, text) == [(0xA0000, 0xFFFFF)]
    # Right behind the list its tail may be lost; far from it nothing is.
    assert spots(log, f"{''.join(THREE)}{words}\n") == [(0x100000000, TOP)]
    assert spots(log, f"{''.join(THREE)}{NOISE}{words}\n") == []
    assert spots(log, f"{words}\n{NOISE}{''.join(THREE)}") == []


def test_an_old_kernel_says_so_in_front_of_the_next_line(tmp_path: Path) -> None:
    text = f"{THREE[0]}** 4 printk messages dropped ** {THREE[1]}{THREE[2]}"
    assert spots(tmp_path / "log", text) == [(0xA0000, 0xFFFFF)]


def test_messages_lost_between_ranges_that_touch_are_not_of_the_map(tmp_path: Path) -> None:
    lines = [E820_LINE.format(0, 0xFFFFF, "usable"), *THREE[1:]]
    text = f"{lines[0]}** 4 printk messages dropped **\n{lines[1]}{lines[2]}"
    assert spots(tmp_path / "log", text) == []


@pytest.mark.parametrize(
    "tail",
    ["1", "100000000", "100000000-", "100000000-17fff", "100000000-17fffffff ",
     "100000000-17fffffff :", "100000000-17fffffff : Syst", "  "],
)  # fmt: skip
def test_iomem_that_ends_within_a_line(tail: str, tmp_path: Path) -> None:
    whole = IOMEM[: IOMEM.rindex("100000000")]
    path = tmp_path / "iomem"
    memmap = read_text(path, whole + tail)
    assert "HP507" in {p.code for p in memmap.problems}
    begins = 0x100000000 if ":" in tail and "S" in tail else 0xFEE01000
    if tail.isspace():  # a line below the last resource, or of a deeper level
        begins = 0xFEE00000
        indented = "".join(f"{tail}{line}\n" for line in whole.splitlines())
        assert spots(tmp_path / "indented", indented + tail) == []
    assert [(g.start, g.end) for g in primary(memmap).gaps] == [(begins, TOP)]
    assert spots(path, IOMEM.rstrip()) == []  # a copy from a terminal has no last line end


@pytest.mark.parametrize(
    ("good", "bad", "place"),
    [
        ("00100000-7fffffff : System RAM", "001OOOOO-7fffffff : System RAM", (0xA0000, 0xFEDFFFFF)),
        ("00100000-7fffffff : System RAM", "00100000~7fffffff : System RAM", (0xA0000, 0xFEDFFFFF)),
        ("00100000-7fffffff : System RAM", "00100000-7fffffff System RAM", (0xA0000, 0xFEDFFFFF)),
        ("fee00000-fee00fff : Local", "fee00000-feeO0fff : Local", (0x80000000, 0xFFFFFFFF)),
        ("  02000000-02ffffff", "  O2000000-02ffffff", (0x2000000, 0x7FFFFFFF)),
    ],
)  # fmt: skip
def test_a_damaged_line_of_iomem(good: str, bad: str, place: Any, tmp_path: Path) -> None:
    assert place in spots(tmp_path / "iomem", IOMEM.replace(good, bad))


def test_iomem_that_lost_a_parent(tmp_path: Path) -> None:
    text = IOMEM.replace("00100000-7fffffff : System RAM\n", "")
    assert (0xA0000, 0xFEDFFFFF) in spots(tmp_path / "iomem", text)


def test_iomem_whose_branches_overlap(tmp_path: Path) -> None:
    text = IOMEM.replace("fee00000-fee00fff", "7f000000-fee00fff")
    assert spots(tmp_path / "iomem", text) == [(0x100000, 0xFEE00FFF)]


def test_iomem_without_its_indentation_is_whole(tmp_path: Path) -> None:
    memmap = read_text(tmp_path / "iomem", IOMEM.replace("  0", "0"))
    assert not primary(memmap).gaps
    assert not [p for p in memmap.problems if p.severity != "note"]


def test_iomem_that_begins_within_a_branch(tmp_path: Path) -> None:
    text = IOMEM[IOMEM.index("  01000000") :]
    assert spots(tmp_path / "iomem", text)[0] == (0, 0xFEDFFFFF)


def test_iomem_without_ram_is_told_and_not_judged(tmp_path: Path) -> None:
    memmap = read_memmap([str(FOLDER / "iomem-grep-one-driver.txt")])
    assert "HP521" in {p.code for p in memmap.problems}
    with pytest.raises(InputError, match="no RAM"):
        view_of(memmap)


@pytest.mark.parametrize("name", ["", "Sys", "System R", "Kernel cod"])
def test_a_name_of_iomem_that_is_cut_off(name: str, tmp_path: Path) -> None:
    text = IOMEM.replace("7fffffff : System RAM", f"7fffffff : {name}")
    assert (0xA0000, 0xFEDFFFFF) in spots(tmp_path / "iomem", text)
    text = IOMEM.replace("Local APIC", "Syscon")  # nothing of Linux's own
    assert not spots(tmp_path / "iomem", text)


@pytest.mark.parametrize("line", ["00100000-7ffff", "001.0000-7fffffff : System RAM"])
def test_a_damaged_line_above_a_tree(line: str, tmp_path: Path) -> None:
    text = line + IOMEM[IOMEM.index("\n") :]
    assert (0, 0xFFF) in spots(tmp_path / "iomem", text)


def test_lines_of_iomem_that_lost_their_ends(tmp_path: Path) -> None:
    whole = primary(read_text(tmp_path / "iomem", IOMEM))
    texts = (IOMEM.replace("Reserved\n", "Reserved"), IOMEM.replace("RAM\n  ", "RAM  "))
    assert [primary(read_text(tmp_path / "iomem", text)) for text in texts] == [whole] * 2


def test_iomem_of_nothing_but_ram_is_told(tmp_path: Path) -> None:
    text = "".join(line for line in IOMEM.splitlines(True) if "System RAM" in line)
    assert {p.code for p in read_text(tmp_path / "iomem", text).problems} == {"HP521"}


def test_an_address_of_iomem_that_descends_is_damaged(tmp_path: Path) -> None:
    text = IOMEM.replace("100000000-17fffffff", "10000000-17fffffff")
    assert spots(tmp_path / "iomem", text) == [(0xFEE01000, TOP)]


def test_xen_s_list_upside_down_is_refused_with_that_reason(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="upside down"):
        read_text(tmp_path / "log", "\n".join(XEN.splitlines()[::-1]) + "\n")


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("[0000000000100000", "[00000000001OOOOO", (0x9FC00, 0xEFFFFFFF)),
        ("(XEN)  [00000000f0000000, 00000000ffffffff] (reserved)\n", "(XEN)  [00000000f0000000, 0",
         (0x80000000, TOP)),
        ("(XEN)  [00000000f0000000, 00000000ffffffff] (reserved)\n", "(XEN)  [0000",
         (0x80000000, TOP)),
        ("(XEN) Xen-e820 RAM map:\n(XEN)  [0000000000000000, 000000000009fbff] (usable)\n", "",
         (0, 0xFFFFF)),
        ("[00000000f0000000", "[0000000070000000", (0x100000, 0xFFFFFFFF)),
    ],
)  # fmt: skip
def test_damage_of_xen_s_list(old: str, new: str, place: Any, tmp_path: Path) -> None:
    assert old in XEN
    assert spots(tmp_path / "log", XEN.replace(old, new)) == [place]
    assert spots(tmp_path / "log", XEN) == []


X86_EFI = "efi: mem{0:02}: [Conventional|   |WB|WT|WC|UC] range=[0x{1:016x}-0x{2:016x}] ({3}MB)\n"
ARM_EFI = "efi:   0x{1:012x}-0x{2:012x} [Conventional|   |WB|WT|WC|UC]\n"
CHUNK = 16 << 20


def efi_list(line: str, *numbers: int) -> list[str]:
    return [line.format(n, n * CHUNK, (n + 1) * CHUNK - 1, 16) for n in numbers]


@pytest.mark.parametrize("line", [X86_EFI, ARM_EFI])
@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace("0x", "0xO", 1),
        lambda text: text.replace("-0x", "-0xO", 1),
        lambda text: text.replace("-0x", "-[    0.000000] 0x", 1),
        lambda text: text.replace("WB", "WX"),
        lambda text: text.replace("Conventional", "C#nventional"),
    ],
)
def test_a_damaged_descriptor(line: str, spoil: Callable[[str], str], tmp_path: Path) -> None:
    lines = efi_list(line, 0, 1, 2, 3, 4)
    lines[2] = spoil(lines[2])
    assert (2 * CHUNK, 3 * CHUNK - 1) in spots(tmp_path / "log", "".join(lines))
    lines = [*lines[:2], *efi_list(line, 2, 3), spoil(efi_list(line, 4)[0])]
    assert spots(tmp_path / "log", "".join(lines)) == [(4 * CHUNK, TOP)]


@pytest.mark.parametrize("line", [X86_EFI, ARM_EFI])
@pytest.mark.parametrize("rest", [9, 14, 22, 30, 45])
def test_a_log_that_ends_within_a_descriptor(line: str, rest: int, tmp_path: Path) -> None:
    lines = efi_list(line, 0, 1, 2)
    memmap = read_text(tmp_path / "log", "".join([*lines[:2], lines[2][:rest]]))
    assert "HP507" in {p.code for p in memmap.problems}
    assert [(g.start, g.end) for g in primary(memmap).gaps] == [(2 * CHUNK, TOP)]


@pytest.mark.parametrize("line", [X86_EFI, ARM_EFI])
def test_descriptors_that_overlap(line: str, tmp_path: Path) -> None:
    lines = efi_list(line, 0, 1, 3, 4)
    lines[2] = line.format(2, 2 * CHUNK, 5 * CHUNK - 1, 48)
    lines[3] = line.format(3, 4 * CHUNK, 5 * CHUNK - 1, 16)
    assert spots(tmp_path / "log", "".join(lines)) == [(2 * CHUNK, 5 * CHUNK - 1)]


@pytest.mark.parametrize(
    "lines",
    [
        ["Linux version 6.1.0 #1\n", "BIOS-provided physical RAM map:\n", *THREE],
        ["Linux version 6.1.0 #1\n", *efi_list(X86_EFI, 0, 1, 2, 3)],
        ["Linux version 6.1.0 #1\n", "efi: Processing EFI memory map:\n",
         *efi_list(ARM_EFI, 4, 5, 6)],
    ],
)  # fmt: skip
def test_a_journal_upside_down_is_refused_with_that_reason(
    lines: list[str], tmp_path: Path
) -> None:
    stamped = [f"Jan 02 03:04:05 host kernel: {line}" for line in lines]
    assert spots(tmp_path / "log", "".join(stamped)) == []
    with pytest.raises(InputError, match=r"upside down, as journalctl -r"):
        read_text(tmp_path / "log", "".join(stamped[::-1]))


def test_a_list_wrapped_at_80_columns_is_read() -> None:
    memmap = read_memmap([str(FOLDER / "efi-hikey-3.18-wrap80.txt")])
    assert [(e.start, e.end, e.type) for e in primary(memmap).entries] == [
        (0, 0xFFF, "conventional"),
        (0x1000, 0x1FFF, "loader_data"),
        (0x2000, 0x5FFFFFF, "conventional"),
        (0x3DA94000, 0x3DA9DFFF, "runtime_services_data"),
        (0x3DA9E000, 0x3DE08FFF, "boot_services_data"),
    ]
    assert (memmap.arch, memmap.arch_from) == ("arm64", "input")


def test_a_map_of_which_no_line_can_be_read_is_not_said_to_be_none(tmp_path: Path) -> None:
    text = "Linux version 6.1.0\nefi: Processing EFI memory map:\nefi:   0x0000\n[Conv|\n"
    with pytest.raises(InputError, match="has a memory map, but no line of it can be read"):
        read_text(tmp_path / "log", text)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda text: text.replace(" ", "&nbsp;").replace("\n", "<br>\n"),
        lambda text: text.replace("\n", "<br/>"),
        lambda text: "<html><pre>" + text.replace("\n", "<BR>\n") + "</pre></html>",
        lambda text: "".join(f"<p><span class='k'>{line}</span></p>" for line in text.split("\n")),
        lambda text: text.replace("-", "&#45;").replace(" ", "&#160;"),
    ],
)
@pytest.mark.parametrize("text", ["".join(THREE), IOMEM, XEN], ids=["e820", "iomem", "xen"])
def test_pages_of_the_web(text: str, wrap: Callable[[str], str], tmp_path: Path) -> None:
    expected = primary(read_text(tmp_path / "log", text))
    assert primary(read_text(tmp_path / "log", wrap(text))) == expected


@pytest.mark.parametrize("at", ["reserve ", "setup_data: ", "[mem ", "] "])
def test_a_folded_line_of_the_extended_map(at: str, tmp_path: Path) -> None:
    extended = [line.replace("BIOS-e820", "reserve setup_data") for line in THREE]
    folded = [line.replace(at, f"{at.rstrip()}\n", 2 if at == "] " else 1) for line in extended]
    if at == "] ":
        folded = [line.replace("]\nreserve", "] reserve", 1) for line in folded]
    heading = "[    0.000000] extended physical RAM map:\n"
    text = "".join(THREE) + heading + "".join(folded)
    memmap = read_text(tmp_path / "log", text)
    first, second = memmap.maps
    assert (first.name, second.name) == ("e820_firmware", "e820_setup_data")
    assert first.entries == second.entries
    assert not memmap.problems


def test_a_line_that_only_the_extended_map_has(tmp_path: Path) -> None:
    extended = [line.replace("BIOS-e820", "reserve setup_data") for line in THREE]
    log = tmp_path / "log"
    memmap = read_text(log, "".join([THREE[0], THREE[2], *extended]))
    assert "HP522" in {p.code for p in memmap.problems}
    assert [(g.start, g.end) for g in primary(memmap).gaps] == [(0x100000, 0x7FFFFFFF)]
    regions = view_of(memmap)
    region = regions.at(0x200000)
    assert region is not None
    assert (region.kind, region.source) == ("ram", "e820_setup_data")
    memmap = read_text(log, "".join([*THREE, extended[0], extended[2]]))
    assert not primary(memmap).gaps
    assert "HP522" in {p.code for p in memmap.problems}


USER = [
    "reserve setup_data: [mem 0x0000000000000000-0x000000000009fbff] usable\n",
    "reserve setup_data: [mem 0x0000000000100000-0x000000003fffffff] usable\n",
    "reserve setup_data: [mem 0x0000000040000000-0x000000007fffffff] reserved\n",
    "user-defined physical RAM map:\n",
    "user: [mem 0x0000000000000000-0x000000000009fbff] usable\n",
    "user: [mem 0x0000000000100000-0x000000003fffffff] usable\n",
    "user: [mem 0x0000000040000000-0x000000007fffffff] reserved\n",
]
FIRMWARE = [
    "BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable\n",
    "BIOS-e820: [mem 0x0000000000100000-0x000000007fffffff] usable\n",
]


def test_an_extended_map_that_the_command_line_changed(cli: Cli, tmp_path: Path) -> None:
    """setup_arch() parses memmap= and mem= before it prints "reserve setup_data"."""
    log = tmp_path / "log"
    memmap = read_text(log, "".join(FIRMWARE + USER))
    assert [m.name for m in memmap.maps] == ["e820_firmware", "e820_setup_data", "e820_user"]
    assert not memmap.problems
    out = tmp_path / "e820.bin"
    assert cli("memmap", "--to", "e820", "-o", str(out), str(log)).code == 0
    written = primary(read_memmap([str(out)]))
    assert [(e.start, e.end, e.type) for e in written.entries] == [
        (e.start, e.end, e.type) for e in primary(memmap).entries
    ]


def test_what_the_command_line_changed_fills_no_gap_of_the_firmware_s_map(tmp_path: Path) -> None:
    lost = FIRMWARE[1].replace("0x0000000000100000", "0x00000000001OOOOO")
    memmap = read_text(tmp_path / "log", "".join([FIRMWARE[0], lost, *USER]))
    region = view_of(memmap, next_cmdline="quiet").at(0x50000000)
    assert region is not None
    assert region.kind == "unknown"


def test_a_whole_copy_beside_a_damaged_one_is_taken(
    tmp_path: Path, subtests: pytest.Subtests
) -> None:
    damaged = "".join(THREE).replace("0x0000000000100000", "0x00000000001OOOOO")
    whole, other = tmp_path / "whole", tmp_path / "other"
    whole.write_text("".join(THREE))
    other.write_text(damaged)
    for paths in ([whole, other], [other, whole]):
        with subtests.test(paths[0].name):
            memmap = read_memmap([str(p) for p in paths])
            assert not primary(memmap).gaps
            assert {"HP501", "HP523"} <= {p.code for p in memmap.problems}
            (lost,) = (p.message for p in memmap.problems if p.code == "HP501")
            assert lost.startswith(f"{other}: line 2: ")
    two = "Linux version 6.1.0\n" + damaged + "Linux version 6.1.0\n" + "".join(THREE)
    memmap = read_text(tmp_path / "log", two)
    assert (primary(memmap).boot, primary(memmap).gaps) == (1, ())


def test_ram_below_1_mib_alone_still_gives_verdicts(cli: Cli, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(THREE[0] + THREE[2])
    doc = judged(cli, "0x10\n0xf0000\n0x200000\n", log, tmp_path=tmp_path)
    assert [r["verdict"] for r in doc["runs"]] == ["in-use", "firmware", "not-ram"]


@pytest.mark.parametrize("host", ["cafe5", "deadbeef", "abcde.example"])
def test_a_host_of_hex_digits_makes_no_message_a_lost_line(host: str, tmp_path: Path) -> None:
    at = f"Jan  1 10:00:00 {host} kernel: "
    text = (
        f"{at}BIOS-provided physical RAM map:\n"
        f"{at}BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable\n"
        f"{at}hello\n"
        f"{at}BIOS-e820: [mem 0x0000000000100000-0x00000000bffd8fff] usable\n"
    )
    assert not primary(read_text(tmp_path / "log", text)).gaps
    damaged = text.replace("hello", "hello 0x1234")
    assert primary(read_text(tmp_path / "log", damaged)).gaps
