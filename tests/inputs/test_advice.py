"""Advice is taken at its word: the command that a message names is run, and must be accepted.

Every kind of thing that people have is given wherever a command takes one; what is said then may
name only options of that command, or whole command lines.
"""

from __future__ import annotations

import re
import shlex
import shutil
import tarfile
from functools import cache
from typing import TYPE_CHECKING

import click
import pytest

from hwpkho.cli.main import COMMANDS, load
from hwpkho.fleet.place import MARKER
from hwpkho.inputs import mistakes
from tests.support import FIXTURES, captures
from tests.support.examples import crossed
from tests.support.program import run_cli

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CAPTURE = "x86-structv1-small"
#: What people have, by name; some are folders.
THINGS = (
    "iomem.txt", "dmesg.txt", "bad.log", "list", "list.json", "decode.json", "memmap.json",
    "validate.json", "vmcore", "segments", "root_fdt.page", "hwpoison.blob", "kho", "kho.tar",
    "case", "cases", "case.tar", "machine", "sysfs", "dataset", "manifest", "baseline", "settings",
    "ras.db", "table", "tree.dtb", "zeropage", "kpageflags", "qcow2", "zip", "empty",
    "list of mine",
)  # fmt: skip
#: Where a command takes a file or folder; FILE stands for it.
PLACES = (
    "decode FILE", "capture FILE -o out.elf -f", "validate FILE", "validate vmcore FILE",
    "validate vmcore --memmap FILE", "validate --batch FILE --jobs 1",
    "validate vmcore --baseline FILE", "memmap FILE", "list FILE", "list --dimms FILE",
    "list list --to e820 --memmap FILE", "merge FILE -o out -f",
    "merge list --memmap FILE -o out -f", "merge list --exclude FILE -o out -f",
    "diff FILE list", "diff list FILE", "diff list list --memmap FILE",
    "encode FILE --ram 0x1000000:16M --no-scratch -o out -f",
    "encode list --to e820 --memmap FILE -o out -f",
    "encode list --ram 0x60000000:64M --no-scratch -o out -f --dtb FILE", "check --root FILE",
    "check --root machine --since FILE", "metrics --root FILE",
    "metrics --root machine --since FILE",
    "fleet add fleet FILE --jobs 1", "fleet add fleet --batch FILE --jobs 1",
    "fleet add fleet list --memmap FILE --jobs 1", "fleet ask FILE summary",
)  # fmt: skip


@pytest.fixture(scope="module")
def things(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top: Path = tmp_path_factory.mktemp("things")
    source = captures.folder(CAPTURE)
    for name in ("iomem.txt", "dmesg.txt", "root_fdt.page", "hwpoison.blob"):
        shutil.copy(source / name, top)
    shutil.copytree(source / "debugfs-kho", top / "kho")
    shutil.copytree(source / "sys-firmware-memmap", top / "sysfs")
    shutil.copytree(FIXTURES / "live" / CAPTURE, top / "machine")
    (top / "vmcore").write_bytes(captures.elf(CAPTURE))
    for case in ("case", "cases/one", "cases/two"):
        (top / case).mkdir(parents=True)
        shutil.copy(top / "vmcore", top / case)
        shutil.copy(top / "iomem.txt", top / case)
    for name in ("kho", "case"):
        with tarfile.open(top / f"{name}.tar", "w") as packed:
            packed.add(top / name, name)
    for name, fixture in {
        "bad.log": "neighbours/dmesg-hwpoison/01.txt", "table": "efi/tables/03.bin",
        "ras.db": "neighbours/rasdaemon-sqlite/01.db",
        "tree.dtb": "memmaps-binary/hisilicon-hi6220-hikey.dtb",
        "zeropage": "memmaps-binary/boot_params-e61.bin",
        "kpageflags": "neighbours/kpageflags/02.bin",
    }.items():  # fmt: skip
        shutil.copy(FIXTURES / fixture, top / name)
    files: dict[str, str | bytes] = {
        "list": "0x1234\n0x1300-0x1302\n", "list of mine": "0x1234\n", "empty": "",
        "list.json": '{"schema": "hwpkho.list/1", "page_size": 4096, "pfns": [4660]}\n',
        "manifest": '{"case": "a", "inputs": ["vmcore"], "memmap": ["iomem.txt"]}\n',
        "baseline": '[[accept]]\ncode = "HP603"\nreason = "known"\n',
        "settings": "[validate]\nmax-pages = 5\n", "qcow2": b"QFI\xfb\0\0\0\3" + bytes(8000),
        "zip": b"PK\3\4" + bytes(100),
    }  # fmt: skip
    for name, data in files.items():
        (top / name).write_bytes(data.encode() if isinstance(data, str) else data)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(top)
        for command in ("decode vmcore", "memmap iomem.txt", "validate vmcore"):
            name = command.partition(" ")[0]
            (top / f"{name}.json").write_text(run_cli(*command.split(), "--json").out)
        for command in (
            "encode list --ram 0x60000000:64M --no-scratch --to segments -o segments",
            "fleet add dataset list --jobs 1",
        ):
            assert run_cli(*command.split()).code == 0
    return top


def _command(words: list[str]) -> click.Command:
    found = load(words[0])
    while isinstance(found, click.Group):
        words = words[1:]
        found = found.commands[words[0]]
    return found


def _options(words: list[str]) -> set[str]:
    return {name for param in _command(words).params for name in param.opts}


#: A command line that a message gives, up to the end of the advice.
_LINE = re.compile(r"(?<=[:;,(] )hwpkho (?:[a-z]\S*|--?\S+)(?: [^;|)\n]+)?")


def _lines(said: str, thing: str) -> Iterator[list[str]]:
    """Yield the command lines that a message gives, FILE and INPUT replaced."""
    for line in _LINE.findall(said):
        line = re.sub(r" reads one .*| says so", " FILE", line.strip())
        words = shlex.split(line)[1:]
        yield [{"FILE": thing, "INPUT": "vmcore"}.get(word, word) for word in words]


def _with_option(said: str, words: list[str], thing: str) -> Iterator[list[str]]:
    """Yield what a user types who takes the advice about an option of his own command."""
    alone = re.search(r"give it without (--\S+?)(?:,|\n)", said)
    if alone is not None:
        yield [word for word in words if word not in (alone[1], "--jobs", "1")]
    found = re.search(r"give it with (--\S+?)(?:,|\n)", said)
    if found is None:
        return
    if found[1] == "--batch":
        yield [*words[: 3 if words[0] == "fleet" else 1], "--batch", thing]
    elif words[0] == "validate":
        yield ["validate", "list", found[1], thing]
    else:
        rest = [word for word in words if word not in ("--batch", "--jobs", "1")]
        yield [*("list" if word == thing else word for word in rest), found[1], thing]


def _how_to_read(said: str, words: list[str]) -> list[str] | None:
    """Return what a user types who says how the input is read, None where he need not."""
    if "give --page-size BYTES" in said:
        return [*words, "--page-size", "4096"]
    form = re.search(r"(?<!list )(--from \S+?)(?: reads| says)", said)
    return [*words, *form[1].split()] if form is not None else None


@cache
def _every_option() -> frozenset[str]:
    """Return the options of all commands: others in a message are other programs'."""
    found: set[str] = set()
    todo = [load(name) for name in COMMANDS]
    while todo:
        each = todo.pop()
        found |= {name for param in each.params for name in param.opts}
        todo += getattr(each, "commands", {}).values()
    return frozenset(found)


@pytest.mark.parametrize(("place", "thing"), crossed(PLACES, THINGS, 7))
def test_what_is_said_can_be_done(
    place, thing, things, monkeypatch, subtests: pytest.Subtests
) -> None:
    monkeypatch.chdir(things)
    words = [thing if word == "FILE" else word for word in place.split()]
    got = run_cli(*words)
    shutil.rmtree("fleet", ignore_errors=True)
    said = got.err
    assert "as INPUT" not in said
    if got.code < 2 and "could not be judged" not in said:
        return
    named = set(re.findall(r"(?<!\S)--[a-z-]+", _LINE.sub("", said)))
    assert named & _every_option() <= _options(words), said
    for line in (*_lines(said, thing), *_with_option(said, words, thing)):
        with subtests.test(" ".join(line)):
            done = run_cli(*line)
            assert done.code in (0, 1), (said, done.err)
    how = _how_to_read(said, words)
    if how is not None and how.count("list") < 1:
        done = run_cli(*how)  # what is wrong beside that is told then
        assert done.err != said
        assert done.code != 2


def test_the_place_of_a_data_set() -> None:
    assert mistakes.DATA_SET == MARKER
