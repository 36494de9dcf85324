"""capture: what is kept decodes and validates as the original does, and holds nothing else."""

from __future__ import annotations

import json
import os
import shutil
import struct
from typing import TYPE_CHECKING, Any

import captures
import pytest
from handovers import Machine, note
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.commands import capture
from hwpkho.commands.live import Live
from hwpkho.errors import InputError, UsageError
from hwpkho.sources.capturenote import CaptureNote, DebugfsCopy
from hwpkho.sources.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NAMES = sorted(p.name for p in (captures.FIXTURES / "captures").iterdir() if p.is_dir())
PFNS = [0x1000, 0x2222, 0x1001]


def _decoded(cli: Callable[..., Any], *args: object) -> Any:
    result = cli("decode", "--json", *args)
    assert result.code in (0, 1), result.err
    document = result.json
    for handover in document["handovers"]:
        del handover["source"]
    return document


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("more", [[], ["--no-scrub"]])
def test_a_crop_says_what_the_original_says(
    name: str, more: list[str], cli: Any, capture: Any, tmp_path: Path
) -> None:
    source, out = capture(name), tmp_path / "small.elf"
    assert cli("capture", source, "-o", out, *more).code == 0
    assert _decoded(cli, out) == _decoded(cli, source)
    plain = cli("validate", "--json", source)
    again = cli("validate", "--json", out)
    assert plain.code == again.code
    assert plain.json == again.json


@pytest.mark.parametrize("name", NAMES)
def test_with_a_copy_of_debugfs(name: str, cli: Any, capture: Any, tmp_path: Path) -> None:
    debugfs = captures.FIXTURES / "captures" / name / "debugfs-kho"
    if not debugfs.is_dir():
        pytest.skip("this capture has no copy of debugfs")
    out = tmp_path / "small.elf"
    assert cli("capture", capture(name), debugfs, "-o", out).code == 0
    assert _decoded(cli, out) == _decoded(cli, capture(name), debugfs)


def _dirty(folder: Path, stale: int = 0x4141_4141_4141_4141) -> Path:
    m = Machine(arch="arm64")
    m.handover(PFNS, stale=stale)
    m.put(b"SECRET" * 100)
    return m.save(folder)


def test_what_stands_past_the_count_is_not_kept(tmp_path: Path, cli: Any) -> None:
    source, out = _dirty(tmp_path), tmp_path / "small.elf"
    assert source.read_bytes().count(b"A" * 8) > 100
    assert cli("capture", source, "-o", out, "--page-size", 4096).code == 0
    assert b"A" * 8 not in out.read_bytes()
    assert cli("capture", source, "-f", "-o", out, "--no-scrub", "--page-size", 4096).code == 0
    assert out.read_bytes().count(b"A" * 8) > 100


@pytest.mark.parametrize("more", [[], ["--no-scrub"]])
def test_other_pages_are_not_kept(tmp_path: Path, cli: Any, more: list[str]) -> None:
    source, out = _dirty(tmp_path), tmp_path / "small.elf"
    assert cli("capture", source, "-o", out, "--page-size", 4096, *more).code == 0
    assert b"SECRET" in source.read_bytes()
    assert b"SECRET" not in out.read_bytes()


def test_what_the_boot_loader_passed_on_is_kept(tmp_path: Path, cli: Any) -> None:
    listed = tmp_path / "list.txt"
    listed.write_text("0x50001\n0x50002\n")
    made = tmp_path / "handover"
    cli(
        "encode", listed, "--at", "0x60000000", "--scratch", "0x50000000:0x4000000",
        "--arch", "arm64", "--to", "segments", "-o", made,
    )  # fmt: skip
    out = tmp_path / "small.elf"
    assert cli("capture", made, "-o", out).code == 0
    document = _decoded(cli, out)
    assert document == _decoded(cli, made)
    assert document["handovers"][0]["scratch"]["areas"] == [[0x5000_0000, 0x400_0000]]


def test_a_truncated_image_is_said_to_be_one(tmp_path: Path, cli: Any) -> None:
    source = _dirty(tmp_path)
    raw = source.read_bytes()
    source.write_bytes(raw[: raw.index(b"SECRET")])
    result = cli("capture", source, "-o", tmp_path / "small.elf", "--page-size", 4096)
    assert result.code == 0
    assert "not wrong any more" in result.err


def test_refusals(tmp_path: Path, cli: Any, capture: Any) -> None:
    listed = tmp_path / "list.txt"
    listed.write_text("1\n")
    out = tmp_path / "small.elf"
    for args, code, word in (
        ([listed, "-o", out], 3, "no memory image"),
        ([captures.FIXTURES / "captures/x86-empty/debugfs-kho", "-o", out], 3, "holds no memory"),
        ([capture("x86-empty")], 2, "-o OUT"),
        ([capture("x86-empty"), "-o", listed], 2, "exists"),
    ):
        result = cli("capture", *args)
        assert (result.code, word in result.err) == (code, True), result.err
        assert not out.exists()


# --- the note -------------------------------------------------------------------------------------

TEXTS = st.none() | st.text(max_size=20)
NUMBERS = st.integers(0, (1 << 64) - 1)
COPIES = st.builds(
    DebugfsCopy,
    st.text(max_size=9),
    st.sampled_from(["in", "out", None]),
    st.none() | st.binary(max_size=40),
    st.dictionaries(st.text(max_size=9), st.binary(max_size=40), max_size=2),
    st.none() | st.lists(st.tuples(NUMBERS, NUMBERS), max_size=2).map(tuple),
    st.lists(st.text(max_size=9), max_size=2).map(tuple),
    st.lists(st.text(max_size=9), max_size=2).map(tuple),
)
NOTES = st.builds(
    CaptureNote,
    st.sampled_from([None, 4096, 16384, 65536]),
    TEXTS,
    st.none() | st.tuples(NUMBERS, NUMBERS, NUMBERS),
    st.lists(COPIES, max_size=2).map(tuple),
    TEXTS,
)


@given(NOTES)
def test_a_note_round_trips(made: CaptureNote) -> None:
    assert CaptureNote.parse(made.build()) == made


@given(NOTES, st.data())
def test_a_damaged_note_is_refused_or_read(made: CaptureNote, data: st.DataObject) -> None:
    document = json.loads(made.build())
    key = data.draw(st.sampled_from(sorted(document)))
    document[key] = data.draw(
        st.sampled_from([7, -1, "x", [], [1], {}, [[]], [{}], 1.5, True, [{"role": "x"}]])
    )
    try:
        read = CaptureNote.parse(json.dumps(document).encode())
    except InputError:
        return
    assert CaptureNote.parse(read.build()) == read


def test_a_malformed_note_is_one_line(tmp_path: Path, cli: Any) -> None:
    m = Machine(arch="arm64")
    m.handover(PFNS)
    path = m.save(tmp_path, notes=note(b"HWPKHO-CAPTURE", b'{"schema": 1}'))
    result = cli("decode", path)
    assert result.code == 3
    assert "HWPKHO-CAPTURE note" in result.err
    assert result.err.count("\n") == 1


def test_a_page_that_is_there_in_part_stays_so(tmp_path: Path) -> None:
    from hwpkho.sources.overlay import PieceSource

    inner = PieceSource("pieces", [(0x1000, b"abcdefgh"), (0x3000, bytes(4096))])
    recorder = Recorder(inner)
    recorder.read(0x1000, 2)
    recorder.read(0x1004, 4)
    recorder.read(0x3FF8, 8)
    assert recorder.read(0x2000, 4) is None
    kept = [(phys, b"".join(parts)) for phys, parts in recorder.kept(scrub=True)]
    assert kept == [(0x1000, b"ab"), (0x1004, b"efgh"), (0x3000, bytes(4096))]


# --- a running kernel -----------------------------------------------------------------------------


@pytest.fixture
def root(tmp_path: Path, capture: Any) -> Path:
    """A file system that looks like that of a machine which was captured."""
    name = "x86-structv1-small-post"
    root = tmp_path / "root"
    given = captures.FIXTURES / "captures" / name
    shutil.copytree(given / "debugfs-kho", root / "sys/kernel/debug/kho")
    (root / "proc").mkdir()
    shutil.copy(capture(name), root / "proc/kcore")
    (root / "proc/cmdline").write_text("console=ttyS0\n")
    (root / "proc/iomem").write_text("00001000-0fffffff : System RAM\n")
    return root


def test_a_running_kernel(root: Path, tmp_path: Path, cli: Any, capture: Any) -> None:
    out = tmp_path / "live.elf"
    made = capture_running(root, out)
    assert made.pages < 100
    expected = _decoded(cli, capture("x86-structv1-small-post"), root / "sys/kernel/debug/kho")
    found = _decoded(cli, out)
    lists = [[h["hwpoison"]["pfns"] for h in d["handovers"]] for d in (found, expected)]
    assert lists[0] == lists[1]


def test_its_memory_map_is_read(root: Path, tmp_path: Path, cli: Any) -> None:
    out, map_ = tmp_path / "live.elf", root / "proc/iomem"
    shutil.copy(captures.FIXTURES / "captures/x86-structv1-small-post/iomem.txt", map_)
    capture_running(root, out)
    shown = cli("memmap", "--json", out)
    assert shown.code == 0, shown.err
    (carried,) = shown.json["maps"]
    assert (shown.json["form"], shown.json["arch"]) == ("capture", "x86_64")
    assert carried["entries"] == cli("memmap", "--json", map_).json["maps"][0]["entries"]
    by_capture = cli("validate", "--json", out, "--memmap", out)
    assert by_capture.code in (0, 1), by_capture.err
    assert by_capture.json == cli("validate", "--json", out, "--memmap", map_).json


def test_a_core_without_a_memory_map_is_told(tmp_path: Path, cli: Any, capture: Any) -> None:
    out = tmp_path / "small.elf"
    assert cli("capture", capture("x86-empty"), "-o", out).code == 0
    for path, words in ((out, "was cropped"), (capture("x86-empty"), "is a memory image")):
        result = cli("memmap", path)
        assert result.code == 3
        assert words in result.err
        assert "/proc/iomem" in result.err
    m = Machine(arch="arm64")
    m.put(b"memory")
    bad = m.save(tmp_path, notes=note(b"HWPKHO-CAPTURE", b"[]"))
    result = cli("memmap", bad)
    assert result.code == 3
    assert "HWPKHO-CAPTURE note: malformed" in result.err


def test_an_iomem_without_end_is_refused(root: Path) -> None:
    (root / "proc/iomem").write_bytes(b"\n" * ((1 << 20) + 1))
    with pytest.raises(InputError, match="/proc/iomem: more than 1048576 bytes"):
        Live(root, 4096)


def capture_running(root: Path, out: Path) -> capture.Captured:
    return capture.running(Live(root, 4096), str(out))


def test_setup_data_tells_the_incoming_one(root: Path, tmp_path: Path) -> None:
    entry = root / "sys/kernel/boot_params/setup_data/0"
    entry.mkdir(parents=True)
    (entry / "type").write_text("0xa\n")
    (entry / "data").write_bytes(struct.pack("<4Q", 0x1000, 4096, 0x2000, 48))
    (told,) = Live(root, 4096).handed()
    assert (told.fdt_addr, told.scratch_addr, told.scratch_size) == (0x1000, 0x2000, 48)


def test_chosen_tells_the_incoming_one(root: Path) -> None:
    chosen = root / "proc/device-tree/chosen"
    chosen.mkdir(parents=True)
    (chosen / "linux,kho-fdt").write_bytes(struct.pack(">QQ", 0x1000, 4096))
    assert Live(root, 4096).handed() == []
    (chosen / "linux,kho-scratch").write_bytes(struct.pack(">QQ", 0x2000, 48))
    (told,) = Live(root, 4096).handed()
    assert (told.fdt_addr, told.scratch_addr, told.scratch_size) == (0x1000, 0x2000, 48)


def test_dev_mem_where_there_is_no_kcore(root: Path, tmp_path: Path, capture: Any) -> None:
    image = capture("x86-structv1-small-post")
    (root / "proc/kcore").unlink()
    live = Live(root, 4096)
    with pytest.raises(InputError, match=r"kcore.*; .*mem"):
        live.memory()
    (root / "dev").mkdir()
    memory = bytearray(1 << 20)
    memory[0x1000:0x1004] = b"abcd"
    (root / "dev/mem").write_bytes(memory)
    (root / "proc/iomem").write_text("00001000-000fffff : System RAM\n")
    source = Live(root, 4096).memory()
    assert bytes(source.read(0x1000, 4) or b"") == b"abcd"
    assert source.read(0, 4) is None
    assert image.exists()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda r: shutil.rmtree(r / "sys/kernel/debug"), "is debugfs there"),
        (lambda r: shutil.rmtree(r / "sys/kernel/debug/kho"), "mount -t debugfs"),
        (lambda r: (r / "sys/kernel/debug/kho").rename(r / "sys/kernel/debug/x"), "kho=on"),
        (lambda r: (r / "proc/kcore").unlink(), "kcore"),
    ],
)
def test_the_reason_is_told(
    root: Path, tmp_path: Path, spoil: Callable[[Path], object], reason: str
) -> None:
    spoil(root)
    with pytest.raises(InputError, match=reason):
        capture_running(root, tmp_path / "live.elf")
    assert not (tmp_path / "live.elf").exists()


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_permission_denied(root: Path, tmp_path: Path) -> None:
    (root / "sys/kernel/debug").chmod(0)
    with pytest.raises(InputError, match="needs root"):
        capture_running(root, tmp_path / "live.elf")


def test_an_output_that_is_in_the_way(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "live.elf"
    out.write_text("precious")
    with pytest.raises(UsageError, match="exists"):
        capture_running(root, out)
    assert out.read_text() == "precious"
