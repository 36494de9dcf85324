"""A memory map that is of another architecture, or cannot be of the machine that was captured."""

from __future__ import annotations

from contextlib import nullcontext

import pytest

import hwpkho
from hwpkho.abi.scratch import build_scratch
from hwpkho.errors import InputError
from hwpkho.report.parts.headline import headline
from tests.support import captures, replays
from tests.support.examples import some
from tests.support.handovers import Machine
from tests.support.judged import PFNS, RAM, SCRATCH, validated

#: A map that ends below the handover, and one that has another hole.
ABOVE = "60100000-7fffffff : System RAM\n"


def iomem(name, folder):
    path = folder / f"{name}-iomem.txt"
    path.write_bytes((captures.CAPTURES / name / "iomem.txt").read_bytes())
    return path


# Another architecture: exit 3 in every command, one line with both files and both architectures


def calls(image, map_, folder):
    more = ["--memmap", map_]
    manifest = folder / "cases.jsonl"
    manifest.write_text(f'{{"case": "a", "inputs": ["{image}"], "memmap": ["{map_}"]}}\n')
    return {
        "validate": ["validate", image, *more],
        "merge": ["merge", image, *more, "-o", folder / "out"],
        "merge --exclude": ["merge", folder / "list", "--exclude", image, *more],
        "diff": ["diff", image, image, *more],
        "encode": ["encode", image, *more, "--no-scratch", "-o", folder / "out"],
        "batch": ["validate", "--batch", manifest, "--json", "--outside"],
    }


@pytest.mark.parametrize(
    ("name", "arch", "other", "others_arch"),
    [("x86-structv1-small", "x86_64", "arm64-4k-B", "arm64"),
     ("arm64-64k-B", "arm64", "x86-efi", "x86_64")],
)  # fmt: skip
def test_another_architecture(name, arch, other, others_arch, cli, capture, tmp_path, subtests):
    image, map_ = capture(name), iomem(other, tmp_path)
    (tmp_path / "list").write_text("0x50001\n")
    for command, args in calls(image, map_, tmp_path).items():
        with subtests.test(command):
            got = cli(*args)
            assert got.code == 3
            said = got.json["results"][0]["error"] if command == "batch" else got.err
            if command != "batch":
                assert (got.out, len(got.err.splitlines())) == ("", 1)
            words = (str(image), f"is of {arch}", str(map_), f"is of {others_arch}")
            assert [word for word in words if word not in said] == []
            assert not (tmp_path / "out").exists()


def test_a_page_size_tells_the_architecture(cli, tmp_path, subtests):
    """x86-64 has pages of 4 KiB only, so no kernel there can take a list of others either."""
    (tmp_path / "list").write_text("0x5001\n")
    (tmp_path / "iomem").write_text(RAM)
    where = ["--at", "0x60000000", "--no-scratch", "--page-size", "64K", "--to", "segments"]
    assert cli("encode", tmp_path / "list", *where, "-o", tmp_path / "made").code == 0
    x86 = iomem("x86-efi", tmp_path)
    for made in (tmp_path / "made", tmp_path / "list"):
        with subtests.test(made.name):
            got = cli(
                "validate", made, "--page-size", "64K", "--memmap", tmp_path / "iomem", "--json"
            )
            assert got.json["arch"] == "arm64"
            got = cli("validate", made, "--page-size", "64K", "--memmap", x86)
            assert (got.code, got.err.count("\n")) == (3, 1)
            assert "of 65536" in got.err or "is of arm64" in got.err
    got = cli("validate", tmp_path / "made", "--memmap", x86)
    assert "is of arm64" in got.err
    assert "is of x86_64" in got.err


def test_a_map_that_does_not_tell_its_architecture_contradicts_nothing(cli, capture, tmp_path):
    (tmp_path / "iomem").write_text("00100000-1ffdffff : System RAM\n")
    got = cli("validate", capture("x86-structv1-small"), "--memmap", tmp_path / "iomem", "--json")
    assert (got.code, got.json["arch"], got.json["outcome"]) == (0, "x86_64", "replay")
    (tmp_path / "iomem").write_text("40000000-7fffffff : System RAM\n")
    got = cli("validate", capture("arm64-4k-B"), "--memmap", tmp_path / "iomem", "--json")
    assert (got.code, got.json["arch"], got.json["outcome"]) == (0, "arm64", "replay")


def test_cases_of_two_architectures_have_no_map_in_common(cli, capture, tmp_path):
    (tmp_path / "iomem").write_text(RAM)
    both = capture("x86-structv1-small"), capture("arm64-4k-B")
    assert cli("merge", *both, "-o", "-").code == 0
    got = cli("merge", *both, "--memmap", tmp_path / "iomem", "-o", "-")
    assert (got.code, got.out) == (3, "")
    assert "cannot be the memory map of both" in got.err


def test_encode_takes_the_architecture_from_the_map(cli, tmp_path):
    (tmp_path / "list").write_text("0x50001\n")
    args = ["encode", tmp_path / "list", "--no-scratch", "--json", "-o", tmp_path / "out"]
    got = cli(*args, "--memmap", iomem("arm64-4k-B", tmp_path))
    assert (got.code, got.json["handover"]["arch"]) == (0, "arm64")


# Another machine of the same architecture: an error, and nothing is judged by it


@pytest.mark.parametrize(
    ("name", "other"),
    some([("x86-structv1-small", "x86-empty"), ("x86-structv1-multichunk", "x86-empty"),
          ("x86-fdtv1-small-post", "x86-empty"), ("x86-luo", "x86-empty"),
          ("arm64-64k-B", "arm64-4k-A")], 4),
)  # fmt: skip
def test_another_machine(name, other, cli, capture, tmp_path, subtests):
    image, map_ = capture(name), iomem(other, tmp_path)
    got = cli("validate", image, "--memmap", map_, "--json")
    document = got.json
    assert (got.code, document["outcome"]) == (1, None)
    first = document["findings"][0]
    assert (first["code"], first["severity"]) == ("HP566", "error")
    assert first["message"].startswith("is this the right memory map? the map has no RAM at 0x")
    assert document["summary"]["by_verdict"] == {}
    assert {r["verdict"] for r in document["runs"]} <= {None}
    assert document["headline"] == "this cannot be the machine's memory map"
    own = cli("validate", image, "--memmap", iomem(name, tmp_path), "--json").json
    assert own["outcome"] == "replay"
    assert "HP566" not in {f["code"] for f in own["findings"]}
    for command in ("merge", "diff", "encode"):
        with subtests.test(command):
            got = cli(*calls(image, map_, tmp_path)[command])
            assert (got.code, got.out, len(got.err.splitlines())) == (3, "", 1)
            assert "is this the right memory map?" in got.err
            assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", some(captures.NAMES, 2))
def test_its_own_map_is_never_doubted(name, cli, capture, tmp_path, subtests):
    if not (captures.CAPTURES / name / "iomem.txt").exists():
        pytest.skip("taken before there was a user space to copy a map from")
    for role in ([], ["--role", "in"], ["--role", "out"]):
        with subtests.test(str(role)):
            got = cli("validate", capture(name), "--memmap", iomem(name, tmp_path), "--json", *role)
            if got.code != 3:
                codes = {f["code"] for f in got.json["findings"]}
                assert not codes & {"HP566", "HP567"}


@pytest.mark.parametrize(
    "name",
    [n for n in replays.NAMES if replays.outcome(n)["outcome"] == "crash" or "outside" in n],
)
def test_what_is_broken_is_no_wrong_map(name, cli, tmp_path):
    """One pointer, area, block or PFN outside RAM: the handover is damaged, the map is not."""
    case = replays.unpack(name, tmp_path)
    args = [case / "memory", "--memmap", case / "iomem.txt", *replays.arguments(name)]
    document = cli("validate", "--json", *args).json
    assert document["outcome"] == replays.outcome(name)["outcome"]
    assert not {f["code"] for f in document["findings"]} & {"HP566", "HP567"}


@pytest.fixture
def m():
    return Machine(at=0x6000_0000)


def doubted(judged):
    return "HP566" in {f.code for f in judged.findings}


@pytest.mark.parametrize("part", ["root", "blob", "chunks", "pages", "nodes", "array"])
def test_each_part_that_was_read_is_proof(part, m, tmp_path):
    made = m.handover(PFNS)
    where = getattr(made, part) if part != "array" else m.at  # the array is put there next
    at = where[0] if isinstance(where, list) else where
    hole = f"40000000-{at - 1:08x} : System RAM\n{at + 4096:08x}-7fffffff : System RAM\n"
    judged = validated(m, made, tmp_path, iomem=hole)
    assert doubted(judged)
    assert judged.outcome is None
    assert f"0x{at:x}" in judged.findings[0].message


@pytest.mark.parametrize(
    ("areas", "doubt"),
    [
        ([SCRATCH], False),
        ([(0x9000_0000, 64 << 20)], False),
        ([(0x9000_0000, 64 << 20), (0x9800_0000, 16 << 20)], True),
        ([(0x9000_0000, 64 << 20), SCRATCH], False),
        ([(0x9000_0000, 64 << 20), (0x9800_0000, 0)], False),
        ([(0x7000_0000, 1 << 63), (0x7100_0000, 1 << 63)], False),
    ],
)
def test_scratch_outside(areas, doubt, m, tmp_path):
    """All of a kernel's several areas are proof, one is damage."""
    judged = validated(m, m.handover(PFNS), tmp_path, areas=areas)
    assert doubted(judged) == doubt
    assert judged.outcome == (None if doubt else "replay" if areas == [SCRATCH] else "crash")


def test_scratch_whose_memory_the_image_holds(m, tmp_path, subtests):
    """Also where the lists of many images are merged, which are closed by then."""
    made = m.handover(PFNS)
    for held in (False, True):
        if held:
            m.memory[0x9000_0000] = bytes(4096)
        array = m.put(build_scratch(areas := [SCRATCH, (0x9000_0000, 64 << 20)]))
        with subtests.test(str(held)):
            assert doubted(validated(m, made, tmp_path, areas=areas)) == held
            listed = hwpkho.read_list(m.save(tmp_path, "image"), kho_scratch=(array, 32))
            with pytest.raises(InputError, match="HP566") if held else nullcontext():
                hwpkho.merge(listed, memmap=tmp_path / "iomem")


@pytest.mark.parametrize(("blocks", "doubt"), [(1, False), (2, True)])
def test_preserved_blocks_outside(blocks, doubt, m, tmp_path):
    more = [(0x9_0000_0000 + i * 0x1000_0000, 0) for i in range(blocks)]
    made = m.handover(PFNS, mark=lambda own: [*own, *more])
    judged = validated(m, made, tmp_path)
    assert doubted(judged) == doubt
    assert judged.outcome == (None if doubt else "crash")


def test_what_the_next_command_line_takes_away_is_no_other_machine(cli, tmp_path):
    """memmap= over the handover is the user's: the kernel would panic, and the map is right."""
    name = "x86-structv1-small"
    (tmp_path / "memory.elf").write_bytes(captures.elf(name))
    got = cli(
        "validate", tmp_path / "memory.elf", "--memmap", iomem(name, tmp_path), "--json",
        "--next-cmdline", "memmap=64K$0x690000",
    )  # fmt: skip
    assert "HP566" not in {f["code"] for f in got.json["findings"]}
    assert got.json["outcome"] == "crash"


@pytest.mark.parametrize(("map_", "doubt"), [(RAM, False), (ABOVE, True)])
@pytest.mark.parametrize("form", ["elf", "segments"])
def test_segments_prove_less(map_, doubt, form, cli, tmp_path):
    """They are what a boot loader is to load: one place outside RAM is a mistake in them."""
    (tmp_path / "list").write_text("0x70001\n")
    (tmp_path / "iomem").write_text(map_)
    out = tmp_path / "out"
    args = ["--at", "0x60000000", "--scratch", "0x78000000:64M", "--arch", "arm64"]
    assert cli("encode", tmp_path / "list", *args, "--to", form, "-o", out).code == 0
    got = cli("validate", out, "--memmap", tmp_path / "iomem", "--arch", "arm64", "--json")
    assert ("HP566" in {f["code"] for f in got.json["findings"]}) == doubt
    if form == "segments" and not doubt:
        blob = next(s for s in cli("decode", "--json", out).json["handovers"][0]["root"]["subtrees"]
                    if s["name"] == "hwpoison")["phys"]  # fmt: skip
        hole = f"40000000-{blob - 1:08x} : System RAM\n{blob + 4096:08x}-7fffffff : System RAM\n"
        (tmp_path / "iomem").write_text(hole)
        got = cli("validate", out, "--memmap", tmp_path / "iomem", "--arch", "arm64", "--json")
        assert got.json["outcome"] == "crash"
        assert "HP566" not in {f["code"] for f in got.json["findings"]}


def test_copies_of_debugfs_alone(cli, tmp_path, subtests):
    name = "x86-structv1-small-post"
    copy = captures.CAPTURES / name / "debugfs-kho"
    for other, code in ((name, 0), ("x86-empty", 1)):
        with subtests.test(other):
            got = cli(
                "validate", copy, "--role", "out", "--memmap", iomem(other, tmp_path), "--json"
            )
            assert ("HP566" in {f["code"] for f in got.json["findings"]}) == bool(code)


# A map that alone makes a captured handover fatal: the question comes before the panic


@pytest.mark.parametrize(
    ("areas", "blocks", "says"),
    [([SCRATCH, (0x9000_0000, 64 << 20)], 0, "scratch area 0x90000000"),
     ([SCRATCH], 1, "preserved block of order 0")],
)  # fmt: skip
def test_a_panic_that_the_map_alone_predicts(areas, blocks, says, m, tmp_path):
    more = [(0x9_0000_0000, 0)] * blocks
    made = m.handover(PFNS, mark=lambda own: [*own, *more])
    judged = validated(m, made, tmp_path, areas=areas)
    assert judged.outcome == "crash"
    first = judged.findings[0]
    assert (first.code, first.severity) == ("HP568", "error")
    assert first.message.startswith("is this the right memory map? ")
    assert says in first.message
    words = "if the memory map is this machine's, the next kernel will panic at boot"
    assert headline(judged) == ("error", words)
    m.poke(made.blob + 24, "<I", 7)  # total_pages: without a map the list is dropped
    judged = validated(m, made, tmp_path, areas=areas)
    assert judged.outcome == "crash"
    assert "HP568" not in {f.code for f in judged.findings}


def test_a_list_of_which_the_map_alone_leaves_nothing(m, tmp_path):
    """fdt-v1 panics on a list of which nothing can be recorded."""
    judged = validated(m, m.handover([0x9_0000], revision="fdt-v1"), tmp_path)
    assert judged.outcome == "crash"
    assert judged.findings[0].code == "HP568"


@pytest.mark.parametrize("name", ["x86-empty-post", "arm64-4k-emptied-gen2"])
def test_a_panic_of_the_handover_itself_asks_nothing(name, cli, capture, tmp_path):
    got = cli("validate", capture(name), "--memmap", iomem(name, tmp_path), "--json")
    assert got.json["outcome"] == "crash"
    assert "HP568" not in {f["code"] for f in got.json["findings"]}


def test_kho_off_takes_no_list(cli, tmp_path):
    (tmp_path / "list").write_text("0x1000\n")
    map_ = iomem("x86-structv1-small", tmp_path)
    got = cli(
        "validate", tmp_path / "list", "--memmap", map_, "--next-cmdline", "kho=off", "--json"
    )
    assert got.json["headline"].endswith(", but with kho=off the next kernel takes no list")


# A map whose RAM ends below most of the list


@pytest.mark.parametrize(
    ("pfns", "doubt"),
    [("0x80000-0x80001", True), ("0x80000", False), ("0x50000-0x50001 0x80000-0x80002", True),
     ("0x50000-0x50003 0x80000-0x80002", False), ("0x10-0x12", False)],
)  # fmt: skip
def test_a_list_above_all_ram(pfns, doubt, cli, tmp_path):
    (tmp_path / "list").write_text(pfns)
    (tmp_path / "iomem").write_text(RAM)
    got = cli(
        "validate", tmp_path / "list", "--memmap", tmp_path / "iomem", "--arch", "arm64", "--json"
    )
    told = [f for f in got.json["findings"] if f["code"] == "HP567"]
    assert bool(told) == doubt
    if doubt:
        assert "RAM ends at PFN 0x7ffff" in told[0]["message"]
        assert got.code == 1


def test_array_of_scratch_is_known(m):
    """What the tests above rest on: the scratch array is put where the machine's next page is."""
    at = m.at
    assert m.put(build_scratch([SCRATCH])) == at
