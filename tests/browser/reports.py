"""One of every kind of page, made of fixtures by the program itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support import FIXTURES, captures, dimms
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


#: Kind of page → what to give hwpkho for it, beside ``--format html``.
KINDS: dict[str, Arguments] = {
    "decode": _decode,
    "decode-luo": lambda folder: ["decode", _capture(folder, "x86-luo")],
    "memmap": lambda folder: ["memmap", _IOMEM],
    "diff": _pair,
    "diff-same": lambda folder: ["diff", *generations(folder, [[1], [1]])],
    "diff-chain": lambda folder: ["diff", *generations(folder)],
    "diff-chain-long": lambda folder: [
        "diff", *generations(folder, [range(n, n + 300, n % 5 + 1) for n in range(40)])
    ],
    "list": lambda _: ["list", FIXTURES / "neighbours" / "dmesg-hwpoison" / "01.txt"],
    "list-dimms": _dimms,
    "list-empty": lambda folder: ["list", *generations(folder, [[]])],
    "merge": lambda folder: [
        "merge", *generations(folder, [[1, 0x200, 0x99999999], [2, 0x200]]), "--provenance",
        "--memmap", _IOMEM,
    ],
    "fleet-summary": lambda folder: _fleet(folder, 60, "summary"),
    "fleet-lost": lambda folder: _fleet(folder, 60, "lost"),
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
    assert got.code in (0, 1), got.err
    return path
