"""What a file or folder is, told by its content."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from hwpkho.errors import InputError
from hwpkho.images import files
from hwpkho.images.files import FileBytes
from hwpkho.inputs import recognise
from hwpkho.inputs.opened import open_input
from hwpkho.inputs.recognise import Kind
from tests.support import FIXTURES, forked
from tests.support.handovers import Machine
from tests.toys import list_form

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

IOMEM = "40000000-7fffffff : System RAM\n"
MAPS = FIXTURES / "memmaps-binary"


@pytest.fixture
def toy_list() -> Iterator[None]:
    list_form.register()
    yield
    list_form.unregister()


def _root_and_blob() -> tuple[bytes, bytes]:
    m = Machine()
    h = m.handover()
    return bytes(m.memory[h.root]), bytes(m.memory[h.blob][:32])


FILES = {
    "an ELF core": (b"\x7fELF" + bytes(60), [(Kind.IMAGE, "elf")]),
    "a kdump": (b"KDUMP   " + bytes(60), [(Kind.IMAGE, "kdump")]),
    "a root FDT": (_root_and_blob()[0], [(Kind.STRUCTURE, "root FDT")]),
    "a blob": (_root_and_blob()[1], [(Kind.STRUCTURE, "hwpoison blob")]),
    "a list": (b"0x1000-0x1fff, 7 # bad\n", [(Kind.LIST, "text")]),
    "comments": (b"# nothing is bad\n", [(Kind.LIST, "text")]),
    "a document": (b'{"pfns": [1], "schema": "hwpkho.list/1"}', [(Kind.LIST, "json")]),
    "a long document": (
        b'{"pfns": [1' + b",1" * 70_000 + b'], "schema": "hwpkho.list/1"}',
        [(Kind.LIST, "json")],
    ),
    "another document": (b'{"pfns": [1]}', []),
    "iomem": (IOMEM.encode(), [(Kind.MEMMAP, "iomem")]),
    "iomem in UTF-16": (IOMEM.encode("utf-16"), [(Kind.MEMMAP, "iomem")]),
    "iomem after much else": (b"nothing\n" * 20_000 + IOMEM.encode(), [(Kind.MEMMAP, "iomem")]),
    "a device tree": (
        (MAPS / "hisilicon-hi6220-hikey.dtb").read_bytes(),
        [(Kind.MEMMAP, "devicetree")],
    ),
    "a zero page": ((MAPS / "boot_params-b73.bin").read_bytes(), [(Kind.MEMMAP, "zero-page")]),
    "notes": (b"Captured on the 3rd\n", []),
    "a log with NULs": (bytes(70_000) + b"[    1.000000] x\n", [(Kind.LIST, "kernel-log")]),
    "NULs": (bytes(70_000), []),
    "words and NULs": (b"these are\0no lines", []),
    "rubbish and a line of a log": (b"\1\0\n[    1.000000] x\n", []),
    "rubbish": (b"\1\2\3\0" * 99, []),
}


@pytest.mark.parametrize("name", FILES)
def test_files(name: str, tmp_path: Path) -> None:
    data, want = FILES[name]
    (tmp_path / "x").write_bytes(data)
    assert [a[:2] for a in recognise.of_path(tmp_path / "x")] == want
    inputs = recognise.of_path(tmp_path / "x", recognise.INPUTS)
    assert [a[:2] for a in inputs] == [a for a in want if a[0] is not Kind.MEMMAP]


def test_folders(tmp_path: Path) -> None:
    assert recognise.of_path(tmp_path) == ()
    (tmp_path / "0x1000.bin").write_bytes(bytes(4096))
    assert [a[:2] for a in recognise.of_path(tmp_path)] == [(Kind.IMAGE, "segments")]
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "fdt").write_bytes(_root_and_blob()[0])
    kinds = [a.kind for a in recognise.of_path(tmp_path)]
    assert kinds == [Kind.DEBUGFS, Kind.IMAGE]
    with pytest.raises(InputError, match="both a debugfs copy and memory segments"):
        open_input(str(tmp_path))
    (tmp_path / "empty").touch()
    with pytest.raises(InputError, match="the file is empty"):
        recognise.of_path(tmp_path / "empty")
    with pytest.raises(InputError, match="neither a file nor a folder"):
        recognise.of_path(tmp_path / "nowhere")


@pytest.mark.usefixtures("toy_list")
@pytest.mark.parametrize("between", [b"", b"nothing\n" * 20_000])
def test_a_log_may_be_map_and_list(between: bytes, tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"boot\n" + IOMEM.encode() + between + b"bad page at 5000\n")
    want = [(Kind.MEMMAP, "iomem"), (Kind.LIST, "toy-list")]
    assert [a[:2] for a in recognise.of_path(path)] == want
    path.write_bytes(b"boot\n" + between + b"bad page at 5000\n" + between + IOMEM.encode())
    assert [a[:2] for a in recognise.of_path(path)] == want


@pytest.mark.usefixtures("toy_list")
def test_what_may_be_two_things_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "blob"
    path.write_bytes(_root_and_blob()[1])
    monkeypatch.setattr(list_form.Toy, "sniff", lambda _self, _head: True)
    with pytest.raises(InputError, match=r"structure of a handover .* or a list of bad pages"):
        open_input(str(path))


def test_a_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside its head, which is looked at first, each byte is read once, holes are not."""
    path = tmp_path / "x"
    monkeypatch.setattr(files, "SMALL", 1 << 20)
    path.write_bytes(b"nothing of interest\n" * (1 << 17))  # more than is held
    os.truncate(path, 1 << 40)
    read = 0
    real = FileBytes.read

    def counted(self: FileBytes, offset: int, size: int) -> memoryview:
        nonlocal read
        data = real(self, offset, size)
        read += len(data)
        return data

    monkeypatch.setattr(FileBytes, "read", counted)
    assert recognise.of_path(path) == ()
    assert 20 << 17 <= read < (20 << 17) + (2 << 16) + 4096


@pytest.mark.parametrize("behind", [False, True])
def test_a_log_with_a_hole(behind: bool, tmp_path: Path, cli: Any) -> None:
    """Somebody truncated it, and its writer went on where it was; or a crash left its end empty."""
    log = b"[    1.000000] Memory failure: 0x7: recovery action for free buddy page: Recovered\n"
    path = tmp_path / "batch" / "case" / "log"
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        if behind:
            file.write(log)
            file.truncate(8 << 40)
        else:
            file.seek(8 << 40)
            file.write(log)
    assert cli("list", "--json", path).json["pfns"] == [7]
    (result,) = cli("validate", "--json", "--batch", tmp_path / "batch").json["results"]
    assert result["exit"] == 0
    assert result["result"]["summary"]["pfns"] == 1


def test_a_hostile_text_costs_its_bytes(tmp_path: Path) -> None:
    """A batch looks for maps in every text, whatever it is."""
    case = tmp_path / "batch" / "case"
    case.mkdir(parents=True)
    (case / "list").write_text("1\n")
    (case / "x").write_bytes(b'{"schema"' * (1 << 18) + b"\n[mem 0x" * (1 << 18))
    cost = forked.within(20, "validate", "--batch", case.parent, "--jobs", 1)
    assert cost.code in (0, 3)
    assert cost.peak < 150 << 20


def test_a_memory_map_in_place_of_a_list_is_named(
    tmp_path: Path, cli: Any, subtests: pytest.Subtests
) -> None:
    (tmp_path / "map").write_text(IOMEM)
    for command in ("validate", "encode", "merge"):
        with subtests.test(command):
            got = cli(command, tmp_path / "map", *(["--to", "list"] if command == "encode" else []))
            assert (got.code, got.out) == (3, "")
            assert "this is a memory map (iomem), not a list; give it with --memmap" in got.err
    (tmp_path / "slip").write_text("0x10\n0x2g\n")
    assert "line 2: '0x2g' is not a PFN" in cli("validate", tmp_path / "slip").err


def test_a_list_is_not_searched_for_other_forms(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("searched")

    (tmp_path / "x").write_text("0x10\n" * 20_000)
    monkeypatch.setattr(recognise, "_in_blocks", never)
    assert recognise.of_path(tmp_path / "x", recognise.INPUTS)[0].form == "text"


def test_fdts_of_a_handover_are_no_device_trees(cli, tmp_path, subtests):
    """In a folder the map beside them is read; a batch says what they are."""
    case = tmp_path / "case"
    case.mkdir()
    shutil.copy(FIXTURES / "captures/x86-structv1-small/iomem.txt", case)
    out = FIXTURES / "live/x86-structv1-small/sys/kernel/debug/kho/out"
    for name, what in (
        ("fdt", "a structure of a handover, not a memory map"),
        ("sub_fdts/memblock", "the FDT of a KHO subtree"),
    ):
        with subtests.test(name):
            assert f"this is {what}" in cli("memmap", shutil.copy(out / name, case)).err
    assert cli("memmap", "--json", case).json["form"] == "iomem"
    judged = cli("validate", "--json", "--batch", tmp_path, "--jobs", 1).json["results"]
    assert "memblock: this is the FDT of a KHO subtree; give the whole" in str(judged)
