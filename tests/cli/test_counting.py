"""Of one thing the program says ``1 page``, and never ``1 pages``."""

from __future__ import annotations

import re
import tarfile
from contextlib import chdir
from pathlib import Path
from typing import TYPE_CHECKING

from hwpkho.encode.damage.registry import DAMAGES
from tests.support.examples import much

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pytest

    from tests.support.program import Result

    Cli = Callable[..., Result]

#: Words that may stand behind a 1: verdicts, what the exit code 1 means, and no plurals at all.
WORDS = {"address", "findings", "is", "pass", "replays", "stays"}
_BEFORE = "(?:(?:more|bad|good|huge|live|preserved|distinct|routine) )*"
_PLURAL = re.compile(rf"(?<![\w.,:-])1 ({_BEFORE}[A-Za-z]+s)\b")
_HANDOVER = ("encode", "one.txt", "--ram", "0x100000:0x3ff00000", "--arch", "x86_64")
_SCRATCH = ("--scratch", "0x2000000:0x2000000")
_MAP = ("--memmap", "e820.log")
_TABLE = ("encode", "one.txt", "--to", "efi-table", *_MAP, "--layout")
_FROM_TABLE = ("--from", "efi-table")


def plurals(text: str) -> list[str]:
    """Return what a text has one of, in the plural."""
    return [word for word in _PLURAL.findall(text) if word not in WORDS]


def fill(cli: Cli) -> None:
    """Write inputs of one thing each into the working folder."""
    for name, text in {
        "one.txt": "0x10000\n",
        "other.txt": "0x10001\n",
        "dup.txt": "0x10000\n0x10000\n",
        "far.txt": "0x900000\n",
        "one.iomem": "00100000-3fffffff : System RAM\n",
        "rom.iomem": "000f0000-000fffff : System ROM\n",
        "lost.log": "BIOS-e820: [mem 0x0000000000000000-0x000000000fffffff] usable\n"
        "BIOS-e820: [mem 0x00000000200000\n"
        "BIOS-e820: [mem 0x0000000030000000-0x000000003fffffff] usable\n",
        "e820.log": "BIOS-e820: [mem 0x0000000000000000-0x000000003fffffff] usable\n",
        "efi.log": "efi: mem00: [Runtime Data|RUN| | | | | | | | | |WB|WT|WC|UC] "
        "range=[0x0000000000000000-0x000000003fffffff] (1023MB)\n",
        "kernel.log": "[    0.000000] Linux version 6.8.0\n"
        "[   10.000000] Memory failure: 0x10000: recovery action for dirty LRU page: Recovered\n",
        "byte": "x",
        "zero": "\0",
        "badram": "badram=0x10000000,0xfffff000,0x20000000\n",
    }.items():
        Path(name).write_text(text)
    with tarfile.open("links.tar", "w") as archive:
        archive.add("one.txt")
        link = tarfile.TarInfo("link.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "one.txt"
        archive.addfile(link)
    Path("cases/a").mkdir(parents=True)
    for name in ("one.txt", "e820.log"):
        Path("cases/a", name).write_bytes(Path(name).read_bytes())
    Path("unread/a").mkdir(parents=True)
    Path("unread/a/byte").write_text("x")
    for args in (
        (*_HANDOVER, *_SCRATCH, "-o", "one.elf"),
        (*_HANDOVER, *_SCRATCH, "--revision", "fdt-v1", "-o", "fdt.elf"),
        (*_HANDOVER, *_SCRATCH, "--to", "blob", "-o", "blob"),
        (*_TABLE, "list", "-o", "nodes"),
        (*_TABLE, "bitmap-base", "-o", "bits"),
    ):
        cli(*args)


COMMANDS: tuple[tuple[object, ...], ...] = (
    ("list", "one.txt"),
    ("list", "kernel.log", "-v"),
    ("list", "links.tar"),
    ("list", "zero", "--from", "kpageflags"),
    ("list", "badram"),
    ("memmap", "one.iomem"),
    ("memmap", "rom.iomem"),
    ("memmap", "lost.log"),
    ("memmap", "efi.log"),
    ("memmap", "zero"),
    ("validate", "byte"),
    ("validate", "dup.txt"),
    ("validate", "one.txt", "--memmap", "one.iomem"),
    ("validate", "one.txt", "--memmap", "lost.log", "-v"),
    ("validate", "far.txt", *_MAP),
    ("validate", "one.elf", *_MAP, "--max-pages", "0", "--max-per-gib", "0"),
    ("validate", "one.elf", *_MAP, "--max-fraction", "0", "--format", "html"),
    ("validate", "nodes", *_FROM_TABLE, *_MAP),
    ("validate", "bits", *_FROM_TABLE, *_MAP),
    ("validate", "bits", *_FROM_TABLE, "--against", "other.txt"),
    ("validate", "nodes", *_FROM_TABLE, "--against", "other.txt"),
    *(
        ("validate", "--batch", folder, *form)
        for folder in ("cases", "unread")
        for form in ((), ("--format", "markdown"), ("--format", "github"))
    ),
    ("diff", "one.txt", "one.txt"),
    ("diff", "one.txt", "other.txt", "one.txt"),
    ("diff", "one.txt", "bits", *_FROM_TABLE),
    ("diff", "bits", "bits", *_FROM_TABLE),
    ("merge", "one.txt", "dup.txt", "-o", "merged.txt", "-f"),
    ("merge", "one.txt", "far.txt", "-o", "merged.txt", "-f", "--memmap", "lost.log"),
    ("decode", "one.elf", "-v"),
    ("decode", "one.elf", "--annotate"),
    ("decode", "fdt.elf"),
    ("decode", "blob"),
    ("decode", "nodes", *_FROM_TABLE),
    ("decode", "bits", *_FROM_TABLE),
    ("decode", "zero@0x1000"),
    ("capture", "one.elf", "-o", "saved.elf", "-f"),
    ("encode", "dup.txt", *_HANDOVER[2:], *_SCRATCH, "-o", "again.elf", "-f"),
)


def commands() -> Iterator[tuple[object, ...]]:
    """Yield what runs on the inputs of :func:`fill`, and on handovers that are broken."""
    yield from COMMANDS
    for name in DAMAGES.names()[:: much(12, 1)]:
        yield (*_HANDOVER, *_SCRATCH, "-o", "broken.elf", "-f", "--damage", name)
        yield "validate", "broken.elf", *_MAP, "-v"


def test_of_one_thing_there_is_no_plural(
    cli: Cli, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    assert plurals("1 pages, 11 pages, 0x1 pages, 1.1 pages and 1 more ranges; 1 pass") == [
        "pages",
        "more ranges",
    ]
    with chdir(tmp_path):
        fill(cli)
        for args in commands():
            with subtests.test(" ".join(map(str, args))):
                result = cli(*args)
                assert result.code < 4, result.err
                assert not plurals(result.out), result.out
                assert not plurals(result.err), result.err
