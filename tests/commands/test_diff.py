"""diff: captures before and after a kexec, and chains with losses."""

from __future__ import annotations

import json
import random
from contextlib import chdir
from itertools import pairwise
from pathlib import Path

import pytest

from hwpkho.badpages.formats.text import build as build_text
from tests.support import captures, efi


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x86-structv1-small", "x86-structv1-small-post"),
        ("x86-structv1-small", "x86-structv1-small-in-early"),
        ("x86-structv1-small-in-early", "x86-structv1-small-in-late"),
        ("x86-fdtv1-small", "x86-fdtv1-small-post"),
    ],
)
def test_the_list_survives_a_kexec(before, after, capture, cli):
    result = cli("diff", "--json", capture(before), capture(after))
    assert result.code == 0, result.err
    assert result.json["added"] == result.json["removed"] == []
    assert result.json["common"] == len(captures.truth(before)["hwpoison_pfns"])


def test_a_consumed_list_is_said_to_be_and_what_to_do_instead(capture, cli):
    result = cli("diff", capture("x86-structv1-small-post"))
    assert result.code == 3
    assert not result.out
    assert "consumed" in result.err
    assert "hwpkho diff BEFORE AFTER" in result.err


def test_both_sides_of_one_capture_where_the_list_is_not_consumed(capture, cli):
    """Caught before the consumer ran: the outgoing handover has no list yet."""
    result = cli("diff", "--json", capture("x86-structv1-small-in-late"))
    assert result.code == 1
    want = sorted(captures.truth("x86-structv1-small-in-late")["hwpoison_pfns"])
    assert result.json["removed"] == want


def test_one_handover_alone_is_no_pair(capture, cli):
    result = cli("diff", capture("x86-structv1-small"))
    assert (result.code, result.out) == (3, "")
    assert "before the kexec and one after" in result.err


def test_removed_comes_first_and_the_summary_is_one_line(lists, cli):
    before, after = lists([1, 2, 3, 9], [2, 3, 4])
    result = cli("diff", before, after)
    assert result.code == 1
    lines = [x.split()[0] for x in result.out.splitlines() if x.startswith("  ")]
    assert lines[-4:] == ["PFN", "removed", "removed", "added"]
    assert "back in circulation" in result.out
    assert cli("diff", "--summary", before, after).out == "2 removed, 1 added, 2 kept\n"
    assert cli("diff", "--plain", before, after).out == "-0x1\n-0x9\n+0x4\n"


def test_a_long_report_says_how_much_it_leaves_out(lists, cli):
    before, after = lists(range(0, 200, 2), [])
    out = cli("diff", before, after).out
    shown = out.count("back in circulation\n")
    assert f"and {100 - shown} more removed; -v shows them" in out
    assert 0 < shown < 100
    assert cli("diff", "-v", before, after).out.count("back in circulation\n") == 100


@pytest.mark.parametrize(
    ("old", "new", "codes"),
    [
        ([1], [1, 2], {"removed": 0, "added": 1, "any": 1}),
        ([1, 2], [1], {"removed": 1, "added": 0, "any": 1}),
        ([2, 1, 1], [1, 2], {"removed": 0, "added": 0, "any": 0}),
    ],
)
def test_what_fails_a_job(old, new, codes, lists, cli):
    before, after = lists(old, new)
    assert {at: cli("diff", "--fail-on", at, before, after).code for at in codes} == codes


def test_a_map_tells_lost_from_never_was_ram(lists, tmp_path, cli):
    iomem = tmp_path / "iomem"
    iomem.write_text("00100000-1fffffff : System RAM\n")
    before, after = lists([0x200, 0x999999], [])
    result = cli("diff", before, after, "--memmap", iomem, "--json")
    verdicts = {r["first"]: r["verdict"] for r in result.json["removed_runs"]}
    assert verdicts == {0x200: "replays", 0x999999: "not-ram"}
    text = cli("diff", before, after, "--memmap", iomem).out
    assert "LOST" in text
    assert "never was RAM" in text


def _verdicts(runs):
    return [(p, r["verdict"]) for r in runs for p in range(r["first"], r["last"] + 1)]


@pytest.mark.parametrize("before_size", [4096, 16384])
def test_an_added_page_is_judged_by_the_handover_it_was_added_to(before_size, lists, tmp_path, cli):
    """One page in scratch and one of the handover itself: to validate that is not free RAM."""
    iomem = tmp_path / "iomem"
    iomem.write_text("40000000-7fffffff : System RAM\n")
    new = [0x14000, 0x18000, 0x10200]
    (listed,) = lists(new)
    after = tmp_path / "after.elf"
    made = cli(
        "encode", listed, "--page-size", 16384, "--arch", "arm64", "--at", "0x60000000",
        "--scratch", "0x50000000:0x4000000", "-o", after,
    )  # fmt: skip
    assert made.code == 0, made.err
    before = tmp_path / "before.json"
    lost = 0x4444_4000 // before_size
    before.write_text(
        json.dumps({"schema": "hwpkho.list/1", "page_size": before_size, "pfns": [lost]})
    )
    judged = cli("validate", "--json", after, "--memmap", iomem, "--next-cmdline", "").json
    result = cli("diff", "--json", before, after, "--memmap", iomem)
    parts = 16384 // before_size
    want = {p * parts + k: v for p, v in _verdicts(judged["runs"]) for k in range(parts)}
    found = dict(_verdicts(result.json["added_runs"]))
    assert found == {p: v for p, v in want.items() if p in result.json["added"]}
    assert set(found.values()) == {"replays", "scratch"}
    assert dict(_verdicts(result.json["removed_runs"])) == {lost: "replays"}


def test_injected_losses_in_a_chain_are_all_found(lists, cli):
    generations = [
        [1, 2, 3, 4, 5],
        [1, 2, 3, 4, 5, 6],
        [1, 3, 4, 5, 6],
        [1, 2, 3, 5, 7],
    ]
    result = cli("diff", "--json", *lists(*generations))
    assert result.code == 1
    assert result.json["schema"] == "hwpkho.diff-chain/1"
    fates = {p: x["fate"] for x in result.json["lives"] for p in range(x["first"], x["last"] + 1)}
    assert fates == {
        1: "kept",
        2: "came back",
        3: "kept",
        4: "lost",
        5: "kept",
        6: "appeared and lost",
        7: "appeared",
    }
    assert [s["removed"] for s in result.json["steps"]] == [[], [2], [4, 6]]


def test_a_chain_of_handovers_is_found_out_completely(tmp_path, cli, subtests):
    """Generations that encode made, in each of which something else was lost or found."""
    rng = random.Random(7)
    first = set(rng.sample(range(1 << 20), 700))
    generations = [first]
    for _ in range(4):
        old = generations[-1]
        lost = set(rng.sample(sorted(old), 9))
        found = set(rng.sample(range(1 << 20, 1 << 21), 5)) | set(rng.sample(sorted(first), 2))
        generations.append(old - lost | found)
    paths = []
    for number, pfns in enumerate(generations, 1):
        listed, image = tmp_path / f"{number}.txt", tmp_path / f"{number}.elf"
        listed.write_text(build_text(rng.sample(sorted(pfns), len(pfns))))
        paths.append(image)
        with subtests.test(image.name):
            made = cli(
                "encode", listed, "--at", "0x200000000", "--no-scratch", "--kexec-count", number,
                "--revision", ("struct-v1", "fdt-v1")[number % 2], "-o", image,
            )  # fmt: skip
            assert made.code == 0, made.err
    result = cli("diff", "--json", *paths)
    assert result.code == 1, result.err
    assert [c["kexec_count"] for c in result.json["cases"]] == [1, 2, 3, 4, 5]
    assert [(step["removed"], step["added"]) for step in result.json["steps"]] == [
        (sorted(old - new), sorted(new - old)) for old, new in pairwise(generations)
    ]
    told = {p: x["seen"] for x in result.json["lives"] for p in range(x["first"], x["last"] + 1)}
    assert told == {p: [p in g for g in generations] for g in generations for p in g}


def test_lists_of_other_page_sizes_convert_without_loss_or_not_at_all(tmp_path, cli):
    large, small = tmp_path / "large", tmp_path / "small"
    large.write_text(json.dumps({"schema": "hwpkho.list/1", "page_size": 65536, "pfns": [2]}))
    small.write_text("\n".join(map(hex, range(32, 48))))
    assert cli("diff", large, small).code == 0
    small.write_text("\n".join(map(hex, range(32, 47))))
    result = cli("diff", large, small, "--json")
    assert result.json["removed"] == [47]
    assert f"{large}: converted from pages of 65536 bytes to 4096" in result.err
    small.write_text("2")
    assert cli("diff", large, small, "--page-size", "65536").code == 0
    small.write_text(json.dumps({"schema": "hwpkho.list/1", "page_size": 4096, "pfns": [[32, 46]]}))
    result = cli("merge", large, small, "--to-page-size", "65536")
    assert result.code == 3
    assert "15 of the 16" in result.err


def test_a_live_scan_against_a_handover(tmp_path, cli) -> None:
    """--from names the form of lists; a handover is told by its content."""
    scan, listed, handover = (tmp_path / name for name in ("kpageflags", "list", "handover"))
    scan.write_bytes(
        b"".join((1 << 19 if n in (3, 9) else 0).to_bytes(8, "little") for n in range(16))
    )
    listed.write_text("0x3\n")
    made = cli("encode", listed, "-o", handover, "--at", "0x60000000", "--no-scratch")
    assert made.code == 0, made.err
    got = cli("diff", "--from", "kpageflags", scan, handover)
    assert got.code == 1
    assert got.out.startswith("1 page is known bad and not in the handover")
    assert cli("diff", "--from", "kpageflags", handover, handover).code == 2


def _report(cli, paths):
    with chdir(Path(paths[0]).parent):  # short names stand in one line
        got = cli("diff", *(Path(path).name for path in paths))
    return got.code, got.out.splitlines()


def test_a_chain_says_what_became_of_each_page(lists, cli):
    """All that can happen over four kernels; the worst stands first."""
    chain = ([1, 2, 4, 9], [1, 3, 4, 5], [1, 2, 5, 6], [1, 6, 7, 8])
    code, lines = _report(cli, lists(*chain))
    assert code == 1
    heads, sentence, table = lines[:4], lines[4], [x.split() for x in lines[6:]]
    assert [x.split(": ")[1] for x in heads] == [
        "4 PFNs", "4 PFNs  -2 +2", "4 PFNs  -2 +2", "4 PFNs  -2 +2",
    ]  # fmt: skip
    assert sentence == "2 lost, 1 came back and lost, 2 appeared and lost, 3 appeared, 1 kept"
    assert [(row[4], " ".join(row[:4]), " ".join(row[5:])) for row in table] == [
        ("0x4", "x x . .", "lost"),
        ("0x9", "x . . .", "lost"),
        ("0x2", "x . x .", "came back and lost"),
        ("0x3", ". x . .", "appeared and lost"),
        ("0x5", ". x x .", "appeared and lost"),
        ("0x6", ". . x x", "appeared"),
        ("0x7-0x8", ". . . x", "appeared"),
    ]


def test_a_chain_that_gets_a_page_back(lists, cli):
    code, lines = _report(cli, lists([1, 2], [1], [1, 2]))
    assert code == 1
    assert lines[3] == "1 came back, 1 kept"
    assert lines[5].split() == ["x", ".", "x", "0x2", "came", "back"]


def test_a_chain_in_which_nothing_changes(lists, cli):
    code, lines = _report(cli, lists([1, 2], [1, 2], [2, 1]))
    assert (code, lines[3:]) == (0, ["2 kept"])
    assert _report(cli, lists([], [], []))[1][3:] == ["no PFNs at all"]


def test_a_long_table_of_a_chain_is_cut(lists, cli):
    many = list(range(0, 400, 2))
    code, lines = _report(cli, lists(many, [], []))
    assert code == 1
    shown = [x for x in lines if x.endswith("lost")][1:]
    assert lines[-1] == f"  and {len(many) - len(shown)} more runs; -v shows them, --json has all"
    assert 0 < len(shown) < len(many)


# EFI tables of poisoned memory


def test_a_real_table_over_a_kexec(cli, tmp_path):
    """What the second kernel's own errors added, by unit and by page."""
    before, after = efi.unpack("d-gen1", tmp_path), efi.unpack("d-gen2", tmp_path)
    old, new = (set(efi.truth(n)["units"]) for n in ("d-gen1", "d-gen2"))
    got = cli("diff", "--json", before, after)
    assert got.code == int(old != new)
    doc = got.json
    assert (doc["efi"]["unit_size"], doc["efi"]["phys_base"]) == (efi.UNIT, 0)
    added = {u for x in doc["efi"]["added_units"] for u in _span(x)}
    assert (added, doc["efi"]["removed_units"]) == (new - old, [])
    assert doc["efi"]["common_units"] == len(old & new)
    assert doc["added"] == [p for u in sorted(new - old) for p in range(u * 512, u * 512 + 512)]
    assert (doc["efi"]["without_bit"], doc["efi"]["good_pages"]) == (None, None)
    text = cli("diff", before, after).out.splitlines()
    assert text[0].startswith(f"0 units removed, {len(new - old)} added, {len(old & new)} kept (of")
    assert cli("diff", before, after).said.startswith(
        cli("diff", "--summary", before, after).out.strip()
    )
    assert f"[unit {min(new - old)}" in "\n".join(text[3:])
    assert cli("diff", "--fail-on", "removed", before, after).code == 0


def _span(run):
    return range(run[0], run[1] + 1) if isinstance(run, list) else (run,)


@pytest.mark.parametrize("turned", [False, True])
def test_a_real_table_and_what_the_kernel_said(turned, cli, tmp_path):
    """Soft-offlined pages set no bit; an unpoisoned one keeps its unit."""
    name = "b-kho-gen1"
    table, truth = efi.unpack(name, tmp_path), efi.truth(name)
    known = tmp_path / "known"
    known.write_text("".join(f"{p:#x}\n" for p in truth["hwpoison_pfns"]))
    (soft,) = truth["soft_offlined_pfns"]
    args = [known, table] if not turned else [table, known]
    args += ["--efi-table", truth["table_phys"]]  # else its handover's list counts
    got = cli("diff", "--json", *args)
    assert got.code == 1
    without, bare = ("removed", "added") if not turned else ("added", "removed")
    assert got.json[without] == [soft]
    assert got.json[bare] == list(range(72 * 512, 73 * 512))
    found = got.json["efi"]
    assert (found[f"{bare}_units"], found[f"{without}_units"]) == ([72], [])
    assert found["without_bit"] == 1
    assert got.json["common"] == len(truth["hwpoison_pfns"]) - 1
    assert found["common_units"] == len(truth["units"]) - 1
    assert found["good_pages"] == found["common_units"] * 512 - got.json["common"]
    names = [got.json[side]["pfns"] for side in ("before", "after")]
    assert sorted(names) == sorted([len(truth["hwpoison_pfns"]), len(truth["units"]) * 512])
    text = cli("diff", *args).out.splitlines()
    assert text[0].startswith("1 bad page has no bit and will be handed out again, 1 unit holds no")
    assert "no bit: will be handed out again" in "\n".join(text)
    assert cli("diff", "--fail-on", without, *args).code == 1
    # Without these two there is no difference: good pages of a unit are none.
    known.write_text("".join(f"{p:#x}\n" for p in truth["hwpoison_pfns"] if p != soft) + "0x9000\n")
    got = cli("diff", *args)
    assert (got.code, got.out.startswith("no difference: ")) == (0, True)
    assert "  PFN" not in got.out


def test_tables_of_two_generations(cli, tmp_path):
    """The grids do not begin at the same place, and have units of two sizes."""
    (tmp_path / "b").write_bytes(efi.table([(513, 514), (700, 701)], size=96))
    (tmp_path / "d").write_bytes(efi.table([(1, 2)], base=0x40000000, size=96))
    (tmp_path / "g").write_bytes(efi.table([(1, 2)], unit=1 << 30, size=8))
    (tmp_path / "a").write_bytes(efi.node([(0x40201000, 4096)]))
    args = ["diff", "--from", "efi-table", "--layout", "bitmap-base"]
    b, d, g, a = (tmp_path / name for name in "bdga")
    doc = cli(*args, "--json", b, d).json["efi"]
    assert (doc["common_units"], doc["removed_units"], doc["added_units"]) == (1, [700], [])
    got = cli(*args, "--json", d, g)
    doc = got.json["efi"]
    assert (doc["unit_size"], doc["phys_base"]) == (1 << 30, 0)
    assert (doc["common_units"], doc["removed_units"], doc["added_units"]) == (1, [], [])
    assert (got.code, len(got.json["added"])) == (1, (1 << 18) - 512)  # good pages are taken along
    assert cli(*args, "--fail-on", "removed", d, g).code == 0
    listed = ["diff", "--from", "efi-table", "--json"]
    (tmp_path / "b").write_bytes(efi.table([(513, 514)], size=96))
    got = cli(*listed, a, b)  # layout list names pages: it is a list
    assert (got.code, got.json["efi"]["common_units"], got.json["efi"]["good_pages"]) == (0, 1, 511)
    doc = cli(*listed, a, a).json["efi"]
    assert (doc["before"]["layout"], doc["unit_size"], doc["added_units"]) == ("list", None, None)


def test_a_chain_of_tables_is_told_by_unit(cli, tmp_path):
    """Three grids: units of 2 MiB from 0, of 2 MiB from 1 GiB, of 1 GiB from 0."""
    made = {
        "b": efi.table([(512, 514), (1536, 1537)], size=256),
        "d": efi.table([(1, 2), (600, 601)], base=0x40000000, size=96),
        "g": efi.table([(1, 2)], unit=1 << 30, size=8),
    }
    for name, raw in made.items():
        (tmp_path / name).write_bytes(raw)
    paths = [tmp_path / name for name in made]
    args = ["diff", "--from", "efi-table", "--layout", "bitmap-base", *paths]
    got = cli(*args, "--json")
    doc = got.json["efi"]
    assert (doc["unit_size"], doc["phys_base"]) == (1 << 30, 0)
    assert [x["units"] for x in doc["cases"]] == [3, 2, 1]
    assert doc["steps"] == [
        {"removed_units": [3], "added_units": [2], "common_units": 1},
        {"removed_units": [2], "added_units": [], "common_units": 1},
    ]
    assert [(x["first"], x["last"], x["seen"], x["fate"]) for x in doc["lives"]] == [
        (1, 1, [True, True, True], "kept"),
        (2, 2, [False, True, False], "appeared and lost"),
        (3, 3, [True, False, False], "lost"),
    ]
    assert len(got.json["steps"][0]["removed"]) == 1024  # by page as well
    with chdir(tmp_path):
        text = cli(*args[:-3], *made).out.splitlines()
    assert [x.split(": ", 1)[1] for x in text[:3]] == [
        "2 units; 1536 PFNs", "2 units -1 +1; 1024 PFNs  -1024 +512",
        "1 unit -1 +0; 262144 PFNs  -512 +261632",
    ]  # fmt: skip
    assert text[3] == "units of 1 GiB from 0x0: 1 lost, 1 appeared and lost, 1 kept"
    assert text[4].startswith("PFNs: 512 lost, ")
    assert [x.split() for x in text[6:]] == [
        ["x", ".", ".", "0xc0000-0xfffff", "lost", "[unit", "3]"],
        [".", "x", ".", "0x80000-0xbffff", "appeared", "and", "lost", "[unit", "2]"],
    ]
    # On one grid of all, what units tell and what pages tell is the same.
    with chdir(tmp_path):
        same = cli("diff", "--from", "efi-table", "--layout", "bitmap-base", *["b"] * 3)
    assert (same.code, same.out.splitlines()[3:]) == (
        0, ["units of 2 MiB from 0x0: 3 kept", "PFNs: 1536 kept"],
    )  # fmt: skip
    (tmp_path / "l").write_text("0x40000\n")
    assert cli(*args, tmp_path / "l", "--json").json["efi"] is None


def test_a_map_judges_what_changed_between_tables(cli, tmp_path):
    (tmp_path / "t").write_bytes(efi.table([(100, 101), (3000, 3001)], size=512))
    (tmp_path / "l").write_text("0x9001\n0x7000\n")
    got = cli("diff", "--from", "efi-table", tmp_path / "l", tmp_path / "t", "--memmap",
              efi.EFI / "iomem-x86-512m.txt")  # fmt: skip
    assert "no bit: will be handed out again" in got.out
    assert "no known bad page in the unit; not-ram [unit 3000]" in got.said


def test_what_is_too_long_to_spell_out_is_refused(cli, tmp_path):
    for name, units in (("one", [(0, 300)]), ("two", [(400, 401)])):
        (tmp_path / name).write_bytes(efi.table(units, unit=1 << 31, size=64))
    args = ["diff", "--from", "efi-table", tmp_path / "one", tmp_path / "two"]
    assert cli(*args).code == 1
    got = cli(*args, "--json")
    assert (got.code, got.out, got.err.count("\n")) == (3, "", 2)
    assert "too many to list one by one" in got.err
    got = cli(*args, tmp_path / "one", "--json")
    assert (got.code, got.out) == (3, "")
    got = cli("decode", "--pfns", "--from", "efi-table", tmp_path / "one")
    assert (got.code, got.out) == (3, "")
