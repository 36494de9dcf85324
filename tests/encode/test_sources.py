"""encode from other handovers and with memory maps: what it takes, leaves, and refuses."""

from __future__ import annotations

import pytest

from hwpkho.abi import kho as root
from hwpkho.encode.request import MAX_SUBTREE
from tests.support import FIXTURES, captures, forked
from tests.support.examples import much
from tests.support.handovers import Machine

PLACED = ("--at", "0x60000000", "--scratch", "0x50000000:64M", "--json")
FDT = bytes.fromhex("d00dfeed") + (999).to_bytes(4, "big")


@pytest.fixture
def keep(cli, tmp_path):
    """Return a function that changes a handover's subtree and copies it with --keep-subtrees."""

    def run(change, *args, name="other", data=b"other-v5\0", kho=4):
        machine = Machine()
        made = machine.handover(subtrees=[(name, data)], kho=kho)
        refs = [change(s) if s.name == name else s for s in made.subtrees]
        raw = root.build(root.numbered(kho), made.tracker, refs)
        machine.memory[made.root] = raw.ljust(4096, b"\0")
        path = machine.save(tmp_path)
        out = tmp_path / "out"
        result = cli("encode", path, *PLACED, "-o", out, "--keep-subtrees", "-f", *args)
        assert result.code == 0, result.err
        names = [s["name"] for s in result.json["handover"]["root"]["subtrees"]]
        return names, " ".join(result.json["notes"])

    return run


def test_a_subtree_is_kept(keep):
    assert keep(lambda s: s) == (
        ["hwpoison", "other", "kexec-metadata"],
        "of the kept subtrees, only the blobs are copied, not the memory they point to: other",
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"size": 0}, "0 bytes"),
        ({"size": 2**64 - 1}, "18446744073709551615 bytes"),
        ({"size": MAX_SUBTREE + 1}, "16777217 bytes"),
        ({"size": MAX_SUBTREE}, "is not in the image"),
        ({"phys": 0x1234_5000}, "0x12345000 is not in the image"),
        ({"phys": 2**64 - 1}, "is not in the image"),
        ({"name": "L\x1b[2J"}, "subtree L\\x1b[2J is left out: not a valid name"),
        ({"name": "kexec-metadata"}, "a second one of that name"),
    ],
)
def test_a_hostile_subtree_is_left_out(keep, change, words):
    names, notes = keep(lambda s: s._replace(**change))
    assert names == ["hwpoison", "kexec-metadata"]
    assert words in notes


def test_a_subtree_without_a_size(keep):
    names, notes = keep(lambda s: s, kho=2)
    assert names == ["hwpoison", "kexec-metadata"]
    assert "subtree other is left out: its size is unknown" in notes
    names, _ = keep(lambda s: s, kho=2, data=FDT + bytes(2000))
    assert names == ["hwpoison", "other", "kexec-metadata"]


def test_a_broken_subtree(cli, tmp_path):
    machine = Machine()
    made = machine.handover(subtrees=[("other", b"other-v5\0")])
    page = machine.memory[made.root]
    machine.memory[made.root] = page.replace(b"preserved-data", b"preserved-dat_")
    result = cli("encode", machine.save(tmp_path), *PLACED, "-o", tmp_path / "out")
    assert result.code == 3  # the hwpoison subtree is broken as well
    assert "HP204" in result.err


def test_kexec_metadata_is_kept_byte_for_byte(cli, tmp_path):
    machine = Machine()
    made = machine.handover(kexec_count=4)
    blob = b"\1\0\0\0" + b"7.3.4-\xff\0garbage".ljust(65, b"!") + b"\4\0\0\0"
    machine.write(made.metadata, blob)
    out = tmp_path / "out"
    args = ("encode", machine.save(tmp_path), *PLACED, "-o", out, "-f")
    document = cli(*args, "--keep-subtrees").json
    assert document["handover"]["kexec_metadata"] == {
        "previous_release": "7.3.4-\\xff",
        "kexec_count": 4,
    }
    at = document["handover"]["root"]["subtrees"][1]["phys"]
    assert dict(captures.segments(out.read_bytes()))[0x6000_0000][at - 0x6000_0000 :][:73] == blob
    # Unless something else is asked for.
    document = cli(*args, "--keep-subtrees", "--kexec-count", "9").json
    assert document["handover"]["kexec_metadata"]["kexec_count"] == 9
    document = cli(*args, "--keep-subtrees", "--no-kexec-metadata").json
    assert document["handover"]["kexec_metadata"] is None
    assert cli(*args).json["handover"]["kexec_metadata"]["previous_release"] == "hwpkho"
    # A blob that is no kexec-metadata is a subtree like others.
    machine.write(made.metadata, b"\2")
    machine.save(tmp_path)
    document = cli(*args, "--keep-subtrees").json
    assert document["handover"]["kexec_metadata"] is None
    assert document["handover"]["root"]["subtrees"][1]["name"] == "kexec-metadata"


def test_kexec_metadata_from_a_file(cli, tmp_path):
    (tmp_path / "list").write_text("1")
    (tmp_path / "blob").write_bytes(b"\1\0\0\0" + b"6.6.6".ljust(65, b"\0") + b"\7\0\0\0")
    given = f"kexec-metadata={tmp_path / 'blob'}"
    args = ("encode", tmp_path / "list", *PLACED, "-o", tmp_path / "out", "--subtree", given)
    result = cli(*args, "--kexec-count", "1")
    assert result.code == 2
    assert "of that name exists already" in result.err
    document = cli(*args).json
    assert document["handover"]["kexec_metadata"] == {"previous_release": "6.6.6", "kexec_count": 7}


def test_a_page_size_that_nothing_tells(cli):
    debugfs = captures.CAPTURES / "x86-structv1-small" / "debugfs-kho"
    result = cli("encode", debugfs, "--to", "list")
    assert result.code == 3
    assert len(result.err.splitlines()) == 1


@pytest.fixture
def mapped(cli, tmp_path):
    """Return a function that encodes with the memory map of a real machine."""

    def run(*args, name="arm64-4k-B", pfns="1"):
        (tmp_path / "list").write_text(pfns)
        iomem = captures.CAPTURES / name / "iomem.txt"
        return cli(
            "encode", tmp_path / "list", "--memmap", iomem, "--json", "-o", tmp_path / "out",
            "--arch", "arm64" if "arm64" in name else "x86_64", *args,
        )  # fmt: skip

    return run


def test_a_place_in_the_maps_ram(mapped):
    document = mapped("--no-scratch").json
    text = (captures.CAPTURES / "arm64-4k-B" / "iomem.txt").read_text()
    ram = [
        tuple(int(n, 16) for n in line.split(" : ")[0].split("-"))
        for line in text.splitlines()
        if line.endswith(": System RAM") and not line.startswith(" ")
    ]
    extents = [(start, start + size - 1) for start, size in document["handover"]["extents"]]
    assert [(s, e) for s, e in extents if not any(a <= s and e <= b for a, b in ram)] == []


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--no-scratch", "--ram", "0x1000:0x1000"), "--ram 0x1000:0x1000 lies outside"),
        (("--scratch", "0x1000:0x1000"), "--scratch 0x1000:0x1000 lies outside"),
        (("--no-scratch", "--at", "0x1000"), "lies outside the RAM given"),
    ],
)
def test_what_lies_outside_the_maps_ram(args, words, mapped):
    result = mapped(*args)
    assert (result.code, result.out) == (2, "")
    assert words in result.err


def test_low_memory_of_x86_is_not_used(mapped):
    result = mapped("--no-scratch", name="x86-structv1-small")
    assert all(start >= 1 << 20 for start, _ in result.json["handover"]["extents"])


def test_ram_of_the_map_that_cannot_be_addressed_is_not_used(cli, tmp_path):
    """Nothing of such a map was usable: "RAM 0x10000000000000:… reaches past 2^52"."""
    (tmp_path / "list").write_text("0x9\n")
    iomem, out = tmp_path / "iomem", tmp_path / "out"
    low, high = "00100000-7fffffff : System RAM\n", "10000000000000-ffffffffffffffff : System RAM\n"
    how = ("encode", tmp_path / "list", "--memmap", iomem, "--no-scratch", "--to", "segments")
    iomem.write_text(f"00000000-00000fff : Reserved\n{low}{high}")
    assert cli(*how, "-o", out).code == 0
    places = [int(path.stem, 16) for path in out.glob("0x*.bin")]
    assert places
    assert all(0x7000_0000 < place < 0x8000_0000 for place in places)
    iomem.write_text(f"00000000-00000fff : Reserved\n{high}")
    got = cli(*how, "-o", out, "-f")
    said = "hwpkho: the memory map gives no RAM to the page allocator below 2^52\n"
    assert (got.code, got.err) == (2, said)


def test_ram_from_address_zero(cli, tmp_path):
    """Boards have RAM from 0 on: all of it but page 0 is there to use."""
    (tmp_path / "list").write_text("1")
    dtb = FIXTURES / "memmaps-binary" / "hisilicon-hi6220-hikey.dtb"
    args = ("--memmap", dtb, "--no-scratch", "--ram", "0:64K", "-o", tmp_path / "out", "--json")
    result = cli("encode", tmp_path / "list", "--arch", "arm64", *args)
    assert result.code == 0, result.err
    # Frame 0 means nowhere, frame 1 is poisoned.
    assert result.json["handover"]["extents"] == [[0x2000, 0xB000]]


def test_standard_output_may_be_a_file_that_others_append_to(tmp_path):
    (tmp_path / "list").write_text("1")
    out = tmp_path / "out"
    out.write_bytes(b"before")
    command = (
        "encode", tmp_path / "list", "--at", "1G", "--no-scratch", "--capacity", "4096", "-o",
    )  # fmt: skip
    with out.open("ab") as appended:
        assert forked.run(*command, "-", stdout=appended).code == 0
    assert forked.run(*command, tmp_path / "whole").code == 0
    assert out.read_bytes() == b"before" + (tmp_path / "whole").read_bytes()
    assert forked.run(*command, "/dev/null").code == 0


def test_zero_pages_are_holes(cli, tmp_path):
    (tmp_path / "list").write_text("1")
    out, capacity = tmp_path / "out", much(1_000_000, 8_000_000)
    cli("encode", tmp_path / "list", *PLACED, "--capacity", capacity, "-o", out)
    status = out.stat()
    assert status.st_size > capacity * 8
    if status.st_blocks * 512 > status.st_size // 2:
        pytest.skip("this file system has no holes")
    assert cli("decode", "--pfns", out).out == "0x1\n"
