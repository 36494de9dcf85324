"""merge: unions of captures and lists, and what unions must obey."""

from __future__ import annotations

import json
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.badpages.formats.text import build as build_text
from hwpkho.commands.merge import MergeOptions, merge
from hwpkho.judging.options import ValidateOptions
from tests.support import captures, efi, schemas

LISTS = st.lists(
    st.lists(st.integers(0, 99) | st.integers(0, 2**52), max_size=40).map(lambda x: array("Q", x)),
    min_size=1,
    max_size=4,
)


def test_captures_of_two_machines(capture, cli):
    names = ("x86-luo", "x86-structv1-small-post")
    result = cli("merge", "--json", *map(capture, names))
    assert result.code == 0, result.err
    want = set().union(*(captures.truth(n)["hwpoison_pfns"] for n in names))
    assert result.json["pfns"] == sorted(want)
    assert [c["entries"] for c in result.json["cases"]] == [14, 37]


def test_a_merged_handover_holds_the_merged_list(capture, tmp_path, cli):
    out = tmp_path / "merged.elf"
    result = cli(
        "merge", capture("x86-luo"), capture("x86-structv1-small"), "--to", "elf",
        "--ram", "0x10000000:16M", "--no-scratch", "-o", out,
    )  # fmt: skip
    assert result.code == 0, result.err
    listed = cli("merge", capture("x86-luo"), capture("x86-structv1-small")).out
    assert cli("decode", "--pfns", out).out == listed


def test_text_order_duplicates_and_exclusion(lists, cli):
    a, b, c = lists([9, 1, 1], [5, 9], [5])
    assert cli("merge", a, b).out == "0x1\n0x5\n0x9\n"
    assert "2 duplicates dropped" in cli("merge", a, b).err
    assert cli("merge", "--first-seen", a, b).out == "0x9\n0x1\n0x5\n"
    told = cli("merge", "--first-seen", "--provenance", a, b).out
    assert [line.split()[0] for line in told.splitlines()] == ["0x9", "0x1", "0x5"]
    assert cli("merge", a, b, "--exclude", c).out == "0x1\n0x9\n"
    assert cli("merge", "--intersect", a, b).out == "0x9\n"


def test_provenance_is_text_that_reads_back_and_json(lists, cli):
    a, b = lists([1, 2, 3], [3, 4])
    text = cli("merge", "--provenance", a, b).out
    assert text == "0x1-0x2  # 0\n0x3  # 0 1\n0x4  # 1\n"
    told = cli("merge", "--provenance", "--json", a, b).json["provenance"]
    assert told == [
        {"first": 1, "last": 2, "cases": [0]},
        {"first": 3, "last": 3, "cases": [0, 1]},
        {"first": 4, "last": 4, "cases": [1]},
    ]


#: Every kind of memory that a map of x86 tells apart, a page or more of each.
E820 = """\
[    0.000000] BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable
[    0.000000] BIOS-e820: [mem 0x0000000000100000-0x000000001fffffff] usable
[    0.000000] BIOS-e820: [mem 0x0000000020000000-0x0000000020000fff] unusable
[    0.000000] BIOS-e820: [mem 0x0000000020001000-0x0000000020001fff] reserved
[    0.000000] BIOS-e820: [mem 0x0000000020002000-0x0000000020002fff] ACPI data
[    0.000000] BIOS-e820: [mem 0x0000000100000000-0x00000001ffffffff] persistent (type 7)
"""
#: PFN → verdict by it.
KINDS = {
    0x10: "in-use", 0x200: "replays", 0x20000: "retired", 0x20001: "firmware",
    0x20002: "firmware", 0x100000: "device", 0x999999: "not-ram",
}  # fmt: skip
NOT_OURS = ("not-ram", "firmware", "device")


@pytest.fixture
def e820(tmp_path):
    path = tmp_path / "dmesg.txt"
    path.write_text(E820)
    return path


def _verdicts(runs):
    return {p: r["verdict"] for r in runs for p in range(r["first"], r["last"] + 1)}


@pytest.mark.parametrize(
    ("name", "map_"),
    [
        ("x86-luo", "sys-firmware-memmap"),
        ("x86-luo", "iomem.txt"),
        ("x86-structv1-small-post", "sys-firmware-memmap"),
        ("arm64-4k-A", "iomem.txt"),
        ("arm64-64k-B", "iomem.txt"),
    ],
)
def test_bad_ram_of_a_capture_is_kept_whoever_sits_on_it(name, map_, capture, tmp_path, cli):
    memmap = captures.CAPTURES / name / map_
    merged = cli("merge", capture(name), "--memmap", memmap, "--json").json
    listed = tmp_path / "list.json"
    listed.write_text(json.dumps(merged | {"pfns": captures.truth(name)["hwpoison_pfns"]}))
    arch = captures.truth(name)["arch"]
    judged = cli("validate", "--json", listed, "--memmap", memmap, "--arch", arch).json
    verdicts = _verdicts(judged["runs"])
    assert merged["pfns"] == [p for p, v in verdicts.items() if v not in NOT_OURS]
    assert _verdicts(merged["not_replaying"]) == {
        p: v for p, v in verdicts.items() if v != "replays"
    }
    assert _verdicts(merged["left_out"]) == {p: v for p, v in verdicts.items() if v in NOT_OURS}


def test_only_what_is_no_memory_or_not_the_kernels_is_left_out_and_said(lists, e820, cli):
    (a,) = lists(KINDS)
    result = cli("merge", a, "--memmap", e820)
    assert result.out == "0x10\n0x200\n0x20000\n"
    assert "left out by the memory map: 2 firmware, 1 device, 1 not-ram" in result.err
    assert "kept though not replaying: 1 in-use, 1 retired" in result.err
    told = cli("merge", a, "--memmap", e820, "--json")
    document = told.json
    assert document["pfns"] == [0x10, 0x200, 0x20000]
    assert _verdicts(document["not_replaying"]) == {
        p: v for p, v in KINDS.items() if v != "replays"
    }
    assert _verdicts(document["left_out"]) == {p: v for p, v in KINDS.items() if v in NOT_OURS}
    assert "left out by the memory map: 2 firmware, 1 device, 1 not-ram" in told.err


def test_only_what_replays_or_everything_on_demand(lists, e820, cli):
    (a,) = lists(KINDS)
    only = cli("merge", a, "--memmap", e820, "--replayable-only", "--json").json
    assert only["pfns"] == [0x200]
    assert only["left_out"] == only["not_replaying"]
    kept = cli("merge", a, "--memmap", e820, "--keep-all", "--json").json
    assert kept["pfns"] == sorted(KINDS)
    assert kept["left_out"] == []
    assert kept["kept_all"]
    assert kept["not_replaying"] == only["not_replaying"]
    without = cli("merge", a, "--json").json
    assert without["left_out"] is without["not_replaying"] is None


@pytest.mark.parametrize(
    "options",
    [["--keep-all"], ["--replayable-only"], ["--keep-all", "--replayable-only", "--memmap", "x"]],
)
def test_options_that_nothing_reads_are_wrong_usage(options, lists, cli):
    (a,) = lists([1])
    result = cli("merge", a, *options)
    assert (result.code, result.out) == (2, "")


def test_what_the_map_does_not_tell_is_kept_and_said(lists, e820, cli):
    """Where a line of the map is damaged nobody knows what there is."""
    e820.write_text(E820.replace("[mem 0x0000000020001000-0x0000000020001fff]", "[mem 0x00000@@"))
    (a,) = lists([0x200, 0x20001, 0x999999])
    result = cli("merge", a, "--memmap", e820, "--json")
    assert result.json["pfns"] == [0x200, 0x20001]
    assert _verdicts(result.json["not_replaying"]) == {0x20001: None, 0x999999: "not-ram"}
    assert _verdicts(result.json["left_out"]) == {0x999999: "not-ram"}
    assert "1 PFN lies where lines of the map are lost or damaged: kept" in result.err
    told = cli("merge", a, "--memmap", e820).err
    assert "kept though not replaying: 1 not judged by the map" in told
    only = cli("merge", a, "--memmap", e820, "--json", "--replayable-only")
    assert only.json["pfns"] == [0x200]
    assert "1 not-ram, 1 not judged by the map" in only.err


def test_entries_are_those_of_the_source_list(lists, tmp_path, e820, cli):
    """Neither repeats, nor what is left out, nor another page size change what a case listed."""
    large = tmp_path / "large.json"
    large.write_text(
        json.dumps({"schema": "hwpkho.list/1", "page_size": 16384, "pfns": [0x80, 0x80]})
    )
    (a,) = lists([0x200, 0x200, 0x999999])
    document = cli("merge", a, large, "--exclude", a, "--memmap", e820, "--json").json
    assert [c["entries"] for c in document["cases"]] == [3, 2]
    assert document["pfns"] == [0x201, 0x202, 0x203]


def test_a_made_handover_is_told_as_encode_tells_it(lists, tmp_path, cli, subtests):
    (a,) = lists([0x200, 0x300])
    out, same = tmp_path / "merged.elf", tmp_path / "encoded.elf"
    where = ["--at", "0x60000000", "--scratch", "0x50000000:0x4000000", "--to", "elf", "--json"]
    merged = cli("merge", a, *where, "-o", out)
    assert merged.code == 0, merged.err
    assert merged.json["handover"] == cli("encode", a, *where, "-o", same).json["handover"]
    assert out.read_bytes() == same.read_bytes()
    listed = cli("merge", a, "--json").json
    assert listed["handover"] is None
    for name, document in (("handover", merged.json), ("list", listed)):
        with subtests.test(name):
            schemas.check(document, "merge")


def test_a_handover_is_never_asked_for_in_vain(lists, cli):
    """--json alone prints the list; with --to something is to be made, and needs a place."""
    (a,) = lists([0x200])
    result = cli("merge", a, "--json", "--to", "elf", "--at", "0x60000000", "--no-scratch")
    assert (result.code, result.out) == (2, "")
    assert "-o OUT" in result.err


def test_provenance_in_large_pages_tells_how_to_read_it(tmp_path, cli):
    large = tmp_path / "large.json"
    large.write_text(json.dumps({"schema": "hwpkho.list/1", "page_size": 16384, "pfns": [1]}))
    result = cli("merge", large, "--provenance")
    assert result.out == "0x1  # 0\n"
    assert "say that it is 16384 to read it" in result.err


@given(
    pfns=st.lists(st.sampled_from(sorted(KINDS)) | st.integers(0, 0x20003), max_size=20),
)
def test_nothing_is_lost_but_what_is_told(pfns, e820, tmp_path, cli):
    listed = tmp_path / "list.txt"
    listed.write_text(build_text(pfns) or "# empty\n")
    document = cli("merge", listed, "--memmap", e820, "--json").json
    left_out = _verdicts(document["left_out"])
    assert sorted([*document["pfns"], *left_out]) == sorted(set(pfns))
    assert set(left_out.values()) <= set(NOT_OURS)
    assert left_out.items() <= _verdicts(document["not_replaying"]).items()


def test_what_is_kept_between_what_is_not_stays(lists, tmp_path, cli):
    iomem = tmp_path / "iomem"
    iomem.write_text("00100000-001fffff : System RAM\n00300000-003fffff : System RAM\n")
    (a,) = lists([0x150, 0x250, 0x350, 0x450])
    document = cli("merge", a, "--memmap", iomem, "--json").json
    assert document["pfns"] == [0x150, 0x350]
    assert [r["first"] for r in document["left_out"]] == [0x250, 0x450]


def test_nothing_is_overwritten_and_nothing_is_half_written(lists, tmp_path, cli):
    a, b = lists([1], [2])
    out = tmp_path / "out.txt"
    out.write_text("mine")
    result = cli("merge", a, b, "-o", out)
    assert (result.code, out.read_text()) == (2, "mine")
    result = cli("merge", a, tmp_path / "none", "-o", out, "--force")
    assert (result.code, out.read_text()) == (3, "mine")
    assert cli("merge", a, b, "-o", out, "--force").code == 0
    assert out.read_text() == "0x1\n0x2\n"


def test_page_sizes_convert_to_the_smallest(tmp_path, cli):
    large, small = tmp_path / "large", tmp_path / "small"
    large.write_text(json.dumps({"schema": "hwpkho.list/1", "page_size": 16384, "pfns": [1]}))
    small.write_text("0x20")
    result = cli("merge", large, small, "--json")
    assert (result.json["page_size"], result.json["pfns"]) == (4096, [4, 5, 6, 7, 0x20])
    assert "converted from pages of 16384 bytes to 4096" in result.err


def test_a_merged_document_is_an_input_again(lists, tmp_path, cli):
    a, b = lists([1, 2], [3])
    document = tmp_path / "merged.json"
    document.write_text(cli("merge", "--json", a, b).out)
    assert cli("diff", document, a, b, "--json").json["cases"][0]["pfns"] == 3


def _written(folder, lists):
    paths = []
    for number, pfns in enumerate(lists):
        path = folder / f"drawn{number}.txt"
        path.write_text(build_text(pfns) or "# empty\n")
        paths.append(str(path))
    return paths


@given(LISTS)
def test_a_merge_is_commutative_associative_and_idempotent(tmp_path_factory, lists):
    folder = tmp_path_factory.mktemp("lists")
    options = MergeOptions(ValidateOptions())
    paths = _written(folder, lists)
    whole = merge(paths, options).pfns.tolist()
    assert whole == sorted(set().union(*lists))
    assert merge(paths[::-1], options).pfns.tolist() == whole
    (again,) = _written(folder, [whole])
    assert merge([again, *paths[1:], again], options).pfns.tolist() == whole


@given(LISTS)
def test_first_seen_keeps_the_order_and_loses_nothing(tmp_path_factory, lists):
    paths = _written(tmp_path_factory.mktemp("lists"), lists)
    flat = [p for x in lists for p in x]
    how = MergeOptions(ValidateOptions(), in_order=True)
    assert merge(paths, how).pfns.tolist() == list(dict.fromkeys(flat))
    shared = merge(paths, how._replace(intersect=True)).pfns.tolist()
    assert set(shared) == set.intersection(*(set(x) for x in lists))
    assert shared == sorted(shared, key=flat.index)


# EFI tables of poisoned memory

GIB, MIB2 = 1 << 30, 2 << 20


def _table(path, *args, **more):
    path.write_bytes(efi.table(*args, **more))
    return path


def _ranges(cli, *args):
    (found,) = cli("decode", "--json", *args).json["efi_poisoned_memory"]
    return found


def test_tables_of_every_layout_become_one(cli, tmp_path):
    """A fleet goes on with generation d: nothing is lost, and what it costs is said."""
    b = _table(tmp_path / "b", [(5, 7), (300, 301)], size=38)  # as b's stub writes them, odd
    c = _table(tmp_path / "c", [(5, 6), (77, 78)], "bitmap")
    d = _table(tmp_path / "d", [(0, 1), (9, 10)], base=0x40200000, size=16)
    a = tmp_path / "a"
    a.write_bytes(efi.node([(0x12345000, 4096), (0, 0), (0x12349000, 4096)]))
    log = tmp_path / "log"
    log.write_text("Memory failure: 0x50001: recovery action for free buddy page: Recovered\n")
    out = tmp_path / "out"
    tables = [b, c, d, a]
    for n, path in enumerate(tables):
        (tmp_path / f"{n}.json").write_text(cli("list", "--json", "--from", "efi-table", path).out)
    args = ["merge", "--json", "--from", "efi-table", *tables, log, "--to", "efi-table"]
    got = cli(*args, "-o", out)
    assert got.code == 0, got.err
    assert got.json["efi_table"] == {
        "layout": "bitmap-base", "phys": None, "unit_size": MIB2, "phys_base": 0, "size": 88,
        "units": 8,
    }  # fmt: skip
    *known, plain = [c["efi_table"] for c in got.json["cases"]]
    assert plain is None
    assert [t["units"] for t in known] == [3, 2, 2, 2]
    assert [t["layout"] for t in known] == [
        "bitmap-base", "bitmap", "bitmap-base", "list",
    ]  # fmt: skip
    assert got.json["loss"] == {"good_pages": 1021, "bad_pages_left": 0}
    assert "1021 good pages are excluded, too" in got.err
    found = _ranges(cli, "--from", "efi-table", out)
    starts = [n * MIB2 for n in (5, 77, 145, 300, 513, 522, 640)]
    assert [a for a, _ in found["ranges"]] == starts
    # The same through lists, which know no grid: one more reason to merge the tables.
    lists = [tmp_path / f"{n}.json" for n in range(4)]
    assert cli("merge", *lists, log, "--to", "efi-table", "-f", "-o", out).code == 0
    assert [a for a, _ in _ranges(cli, "--from", "efi-table", out)["ranges"]] == starts


def test_the_coarser_unit_wins_unless_the_user_says_otherwise(cli, tmp_path):
    fine = _table(tmp_path / "fine", [(5, 6)], base=0x40200000, size=16)
    coarse = _table(tmp_path / "coarse", [(3, 4)], unit=GIB, size=8, base=2 * GIB)
    args = ["merge", "--from", "efi-table", fine, coarse, "--to", "efi-table", "-f"]
    got = cli(*args, "-o", tmp_path / "t")
    assert got.code == 0
    assert f"{fine}: units of 2 MiB become units of 1 GiB; --unit 2097152 keeps them" in got.err
    assert f"{(1 << 18) - 512} good pages are excluded, too" in got.err
    assert "2 units of 1 GiB set, of 128 from 0x40000000 on (16 bytes)" in got.told
    found = _ranges(cli, "--from", "efi-table", tmp_path / "t", "--layout", "bitmap-base")
    # The base of the fine one is not a multiple of 1 GiB: it is rounded down.
    assert (found["unit_size"], found["phys_base"]) == (GIB, GIB)
    assert found["ranges"] == [[GIB, 2 * GIB - 1], [5 * GIB, 6 * GIB - 1]]
    got = cli(*args, "--unit", "2M", "-o", tmp_path / "t")
    assert "good pages" not in got.err
    found = _ranges(cli, "--from", "efi-table", tmp_path / "t", "--layout", "bitmap-base")
    first = 0x40200000 + 5 * MIB2
    assert found["ranges"] == [[first, first + MIB2 - 1], [5 * GIB, 6 * GIB - 1]]
    assert found["phys_base"] == 0x40200000


def test_what_the_bitmap_has_no_place_for_is_counted(cli, tmp_path):
    table = _table(tmp_path / "t", [(0, 1), (200, 201)], base=0x40000000)
    out = tmp_path / "out"
    args = ["merge", "--from", "efi-table", table, "--to", "efi-table"]
    got = cli(*args, "--phys-base", "0x50000000", "-o", out)
    assert got.code == 1
    assert "512 bad pages are left out" in got.err
    iomem = efi.EFI / "iomem-arm64-4k.txt"  # RAM from 0x40000000 to 0x5fffffff
    got = cli(*args, "--memmap", iomem, "--arch", "arm64", "--json", "-f", "-o", out)
    assert got.json["left_out"] == got.json["not_replaying"][-len(got.json["left_out"]) :]
    made = got.json["efi_table"]
    assert (made["phys_base"], made["size"]) == (0x4000000, 96)  # as d's stub has it there


def test_a_table_and_a_handover_and_a_log(cli, tmp_path):
    """The image's handover counts, its table where it is named; all that is bad has a bit."""
    image = efi.unpack("b-kho-gen1", tmp_path)
    truth = efi.truth("b-kho-gen1")
    out = tmp_path / "out.elf"
    doc = cli("merge", "--json", "--provenance", image).json
    assert doc["cases"][0]["efi_table"] is None
    got = cli("merge", image, "--efi-table", truth["table_phys"], "--to", "efi-table", "--at",
              "0x1fb74018", "-o", out)  # fmt: skip
    assert got.code == 0, got.err
    found = _ranges(cli, out)
    assert (found["phys"], found["layout_sure"], found["slack"]) == (0x1FB74018, True, 0)
    runs = [u if isinstance(u, list) else [u, u] for u in found["units"]]
    assert [n for a, b in runs for n in range(a, b + 1)] == truth["units"]
    # Table and list of one image are two cases.
    (tmp_path / "l.json").write_text(cli("list", "--json", image).out)
    got = cli("merge", out, tmp_path / "l.json", "--to", "efi-table", "-o", tmp_path / "t")
    (soft,) = truth["soft_offlined_pfns"]
    pfns = cli("list", "--pfns", "--from", "efi-table", tmp_path / "t").out.split()
    assert hex(soft) in pfns
    assert f"{len(truth['units']) + 1} units of 2 MiB set" in got.err


def test_who_knew_a_unit(cli, tmp_path):
    one = _table(tmp_path / "one", [(5, 6)])
    two = _table(tmp_path / "two", [(5, 7)])
    got = cli("merge", "--from", "efi-table", "--provenance", one, two)
    assert got.out == "0xa00-0xbff  # 0 1; 0 excluded; 1 excluded\n0xc00-0xdff  # 1; 1 excluded\n"
    doc = cli("merge", "--json", "--from", "efi-table", "--provenance", one, two).json
    assert [(e["case"], e["where"]) for e in doc["entries"]] == [(0, "unit 5"), (1, "units 5-6")]


def test_a_table_takes_the_page_size_of_the_others(cli, tmp_path):
    """It records none itself; 4096 would make a handover of pages that the kernel does not have."""
    table = _table(tmp_path / "t", [(5, 6)])
    other = tmp_path / "l.json"
    other.write_text('{"schema": "hwpkho.list/1", "page_size": 65536, "pfns": [1]}')
    doc = cli("merge", "--json", "--from", "efi-table", table, other).json
    assert (doc["page_size"], doc["pfns"]) == (65536, [1, *range(0xA0, 0xC0)])
    small = _table(tmp_path / "s", [(1, 3)], unit=4096, size=8)
    got = cli("merge", "--json", "--from", "efi-table", small, other)
    assert got.json["pfns"] == [0, 1]
    assert "rounded out to pages of 65536 bytes: 57344 more bytes count as bad" in got.err


def test_a_table_is_no_longer_than_a_list_may_be(cli, tmp_path):
    """A list has 2^24 PFNs at most; a bitmap has a bit for any of them."""
    full = _table(tmp_path / "full", [(0, 64 * 8)], unit=GIB, size=64)
    args = ["merge", "--from", "efi-table", full]
    got = cli(*args)
    assert (got.code, got.out, got.err.count("\n")) == (3, "", 1)
    got = cli(*args, "--to", "efi-table", "-o", tmp_path / "t")
    assert got.code == 0, got.err
    assert (tmp_path / "t").read_bytes() == full.read_bytes()
    got = cli(*args, "--json", "--to", "efi-table", "-f", "-o", tmp_path / "t")
    assert (got.code, got.out) == (3, "")
    got = cli(*args, "--to", "efi-table", "--layout", "list", "-f", "-o", tmp_path / "t")
    assert (got.code, got.out, got.err.count("\n")) == (3, "", 1)


@pytest.mark.parametrize("command", ["list", "encode", "merge"])
def test_a_table_that_kernels_of_some_generations_die_of(command, cli, tmp_path, subtests):
    """Measured: b dies of 120 separate places and takes 110. Neighbours are one place."""
    for count, dies in ((110, False), (120, True)):
        with subtests.test(str(count)):
            (tmp_path / "list").write_text("".join(f"{n << 10:#x}\n" for n in range(1, count + 1)))
            args = [command, tmp_path / "list", "--to", "efi-table", "-f", "-o", tmp_path / "t"]
            told = f"{count} separate places; kernels of generations a and b"
            assert (told in cli(*args).err) == dies
            assert ("of generations a and b" in cli(*args, "--layout", "list").err) == dies
    (tmp_path / "list").write_text("".join(f"{n << 9:#x}\n" for n in range(1, 200)))
    assert "of generations a and b" not in cli(*args).err


def test_the_table_beside_a_list_is_not_forgotten_in_silence(cli, tmp_path, subtests):
    image = efi.unpack("b-kho-gen1", tmp_path)
    at = hex(efi.truth("b-kho-gen1")["table_phys"])
    told = f"the EFI table at {at} is not in the list; choose it by its address to read it"
    for command in (["merge"], ["list"], ["encode", "--to", "list"]):
        with subtests.test(command[0]):
            assert told in cli(*command, image).told
            assert "is not in the list" not in cli(*command, image, "--efi-table", at).err


def test_ranges_of_several_cases_are_split_where_they_are_listed(cli, tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    a.write_text("0x20-0x2f 0x8\n")
    b.write_text("0x28-0x37 0x8 0x5\n")
    told = cli("merge", "--first-seen", "--provenance", a, b).out
    assert told.splitlines() == [
        "0x20-0x27  # 0", "0x28-0x2f  # 0 1", "0x8  # 0 1", "0x30-0x37  # 1", "0x5  # 1",
    ]  # fmt: skip


@pytest.mark.parametrize("how", [(), ("--first-seen",), ("--provenance",)])
def test_a_list_of_which_nothing_is_left_can_be_read(how, cli, tmp_path):
    """With --provenance it was a file of zero bytes, which is none."""
    a, out = tmp_path / "a", tmp_path / "out"
    a.write_text("0x8\n")
    assert cli("merge", *how, a, "--exclude", a, "-o", out).code == 0
    assert out.read_text() == "# no PFNs\n"
    assert cli("merge", out).out == "# no PFNs\n"
