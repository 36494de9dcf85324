"""Lists of many images: what each keeps once it is read."""

from __future__ import annotations

import gzip
import os
import pickle
import tarfile
from typing import TYPE_CHECKING, Any

import pytest

import hwpkho
from tests.support import captures, efi, forked, kdump_writer, measure
from tests.support.examples import much, some

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SMALL = captures.CAPTURES / "x86-structv1-small"
IOMEM = SMALL / "iomem.txt"
#: So many images, and so many descriptors: 3 are open already, and tar archives take some.
MANY, FEW = 50, 40


def _elf(path: Path) -> str:
    path.write_bytes(captures.elf(SMALL.name))
    return str(path)


def _kdump(path: Path) -> str:
    pages = {at >> 12: page for at, page in captures.pages(SMALL.name).items()}
    path.write_bytes(kdump_writer.kdump(pages, vmcoreinfo=b"OSRELEASE=7.1.0\nPAGESIZE=4096\n"))
    return str(path)


def _raw(path: Path) -> str:
    with path.open("wb") as file:
        for at, page in captures.pages(SMALL.name).items():
            file.seek(at)
            file.write(page)
    return f"{path}@0"


def _gz(path: Path) -> str:
    path.write_bytes(gzip.compress(captures.elf(SMALL.name), 1))
    return str(path)


def _tar(path: Path) -> str:
    """An archive of which a member, a link, is left out, which is said."""
    _elf(path.with_suffix(".elf"))
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        archive.add(path.with_suffix(".elf"), "memory.elf")
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "memory.elf"
        archive.addfile(link)
    return str(path)


def _efi(path: Path) -> str:
    efi.unpack("b-gen1", path.parent)
    return str((path.parent / "b-gen1.elf").rename(path))


KINDS: dict[str, Callable[[Path], str]] = {
    "gz": _gz, "tar": _tar, "elf": _elf, "kdump": _kdump, "raw": _raw, "efi": _efi,
}  # fmt: skip


COMMANDS = ["merge", "merge by a map", "diff", "list", "list --dimms"]


def _images(kind: str, folder: Path) -> list[str]:
    """Return so many images of a kind that each would need a descriptor too many."""
    folder.mkdir()
    first = KINDS[kind](folder / "0.img")
    for i in range(1, MANY):
        os.link(folder / "0.img", folder / f"{i}.img")
    return [first.replace("0.img", f"{i}.img") for i in range(MANY)]


def _read(command: str, images: list[str]) -> measure.Cost:
    words = command.removesuffix(" by a map").split()
    words += ["--memmap", str(IOMEM)] if command.endswith("map") else []
    got = forked.run(*words, *images, limits={"NOFILE": FEW})
    assert got.code == 0, got.err
    return got


@pytest.mark.parametrize("command", some(COMMANDS, 5))
def test_many_images_need_few_descriptors(
    command: str, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    for kind in [*KINDS][: much(2, len(KINDS))]:
        with subtests.test(kind):
            got = _read(command, _images(kind, tmp_path / kind))
            left_out = MANY if kind == "tar" else 0
            assert got.err.count(b"left out of this archive: 1 link") == left_out


def _descriptors() -> list[str]:
    return sorted(os.listdir("/proc/self/fd"))  # noqa: PTH208


def test_a_result_holds_no_descriptor_and_can_be_pickled(
    tmp_path: Path, subtests: pytest.Subtests
) -> None:
    both = tmp_path / "both.elf"
    both.write_bytes(captures.elf("x86-structv1-small-in-late"))
    elf, kdump, table = (KINDS[kind](tmp_path / kind) for kind in ("elf", "kdump", "efi"))
    listed = hwpkho.read_list(kdump)
    calls: dict[str, Callable[[], Any]] = {
        "decode": lambda: hwpkho.decode(elf),
        "validate": lambda: hwpkho.validate(elf),
        "validate by a map": lambda: hwpkho.validate(kdump, memmap=IOMEM),
        "read_list": lambda: hwpkho.read_list(elf),
        "merge by a map": lambda: hwpkho.merge(elf, listed, memmap=IOMEM),
        "diff": lambda: hwpkho.diff(elf, listed),
        "diff of one": lambda: hwpkho.diff(both),
        "validate a table": lambda: hwpkho.validate(table),
        "read_list of a table": lambda: hwpkho.read_list(table),
    }
    for what, call in calls.items():
        with subtests.test(what):
            before = _descriptors()
            result = call()
            assert _descriptors() == before
            assert pickle.loads(pickle.dumps(result)).to_dict() == result.to_dict()
