"""One of every kind of page, made of fixtures by the program itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support import FIXTURES, captures, dimms, replays
from tests.support.generations import generations
from tests.support.made_fleet import Fleet
from tests.support.program import run_cli

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Arguments = Callable[[Path], list[object]]

_SMALL = FIXTURES / "captures" / "x86-structv1-small"
_SQL = "SELECT host, taken_at, release, code, page_size, outcome, pages, ok FROM hosts"
_IOMEM = _SMALL / "iomem.txt"


def _capture(folder: Path, name: str) -> Path:
    path = folder / f"{name}.elf"
    path.write_bytes(captures.elf(name))
    return path


def _decode(folder: Path) -> list[object]:
    return ["decode", _capture(folder, "x86-structv1-small"), _SMALL / "debugfs-kho"]


def _pair(folder: Path) -> list[object]:
    lists = [[1, 2, 3, 0x999999, *range(0x2000, 0x2100)], [2, 3, 4, *range(0x2000, 0x2080)]]
    return ["diff", *generations(folder, lists), "--memmap", _IOMEM]


def _dimms(folder: Path) -> list[object]:
    bad, memory = folder / "bad.txt", folder / "dmidecode.txt"
    bad.write_text("0xee30a0-0xee30a1\n0x46fe735\n")
    memory.write_text(dimms.listing())
    logs = [FIXTURES / "neighbours" / name for name in ("edac-dmesg/01.txt", "ghes-cper/01.txt")]
    return ["list", "--dimms", bad, *logs, memory, "--memmap", _IOMEM]


def _fleet(folder: Path, hosts: int, *question: object) -> list[object]:
    Fleet(hosts, 40, seed=3, affected=0.2).store(folder / "fleet")
    return ["fleet", "ask", folder / "fleet", *question]


def _crash(folder: Path) -> list[object]:
    case = replays.unpack("arm64-4k-B-c-count-big-past-array", folder)
    name = case.name
    return ["validate", case, *replays.arguments(name), "--memmap", case / "iomem.txt"]


def _guests(folder: Path) -> list[object]:
    luo = FIXTURES / "luo" / "luo-poison"
    return ["validate", luo, "--memmap", luo / "iomem.txt"]


def scattered(folder: Path, pages: int) -> list[object]:
    """Return what judges a list of so many single pages."""
    (folder / "list").write_text("".join(f"0x{0x100 + i * 1531:x}\n" for i in range(pages)))
    (folder / "map").write_text(
        "00000000-bfffffff : System RAM\n100000000-2ffffffffff : System RAM\n"
    )
    return ["validate", folder / "list", "--memmap", folder / "map"]


def _batch(folder: Path) -> list[object]:
    for case in (
        "arm64-4k-B-c-count-big-past-array",
        "arm64-4k-B-good",
        "arm64-4k-B-h-kernel-text",
    ):
        replays.unpack(case, folder / "cases")
    (folder / "cases" / "none").mkdir()
    (folder / "cases" / "none" / "list").write_text("no list\n")
    return ["validate", "--batch", folder / "cases", "--jobs", 1, "--all"]


#: Kind of page → what to give hwpkho for it, beside ``--format html``.
KINDS: dict[str, Arguments] = {
    "decode": _decode,
    "decode-luo": lambda folder: ["decode", _capture(folder, "x86-luo")],
    "validate": lambda folder: ["validate", *_decode(folder)[1:], "--memmap", _IOMEM],
    "validate-crash": _crash,
    "validate-guests": _guests,
    "validate-efi": lambda _: ["validate", FIXTURES / "efi" / "captures" / "a-gen1"],
    "validate-list": lambda folder: ["validate", *generations(folder, [[1, 2, 0x300]])],
    "validate-long": lambda folder: scattered(folder, 300),
    "validate-batch": _batch,
    "memmap": lambda folder: ["memmap", _IOMEM],
    "diff": _pair,
    "diff-same": lambda folder: ["diff", *generations(folder, [[1], [1]])],
    "diff-chain": lambda folder: ["diff", *generations(folder)],
    "diff-chain-long": lambda folder: [
        "diff", *generations(folder, [range(n, n + 90, n % 5 + 1) for n in range(40)])
    ],
    "list": lambda _: ["list", FIXTURES / "neighbours" / "dmesg-hwpoison" / "01.txt"],
    "list-dimms": _dimms,
    "list-empty": lambda folder: ["list", *generations(folder, [[]])],
    "merge": lambda folder: [
        "merge", *generations(folder, [[1, 0x200, 0x99999999], [2, 0x200]]), "--provenance",
        "--memmap", _IOMEM,
    ],
    "fleet-summary": lambda folder: _fleet(folder, 60, "summary"),
    "fleet-lost": lambda folder: _fleet(folder, 25, "lost"),
    "fleet-repeat": lambda folder: _fleet(folder, 60, "repeat"),
    "fleet-empty": lambda folder: _fleet(folder, 0, "summary"),
    "fleet-empty-lost": lambda folder: _fleet(folder, 0, "lost"),
    "fleet-sql": lambda folder: _fleet(folder, 1, "--sql", _SQL),
    "merge-empty": lambda folder: ["merge", *generations(folder, [[], []])],
    "diff-chain-empty": lambda folder: ["diff", *generations(folder, [[], [], []])],
}  # fmt: skip


def make(arguments: Arguments, folder: Path, *more: object) -> Path:
    """Make a page in a folder, and return it."""
    path = folder / "page.html"
    got = run_cli(*arguments(folder), *more, "--format", f"html={path}")
    assert got.code in (0, 1) or path.exists(), got.err
    return path
