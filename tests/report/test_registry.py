"""The registry of pages and pictures: a toy of every command that has ``--format``."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hwpkho.report.registry import REPORTS
from tests.support.captures import CAPTURES
from tests.support.made_fleet import Fleet
from tests.toys import drawn

if TYPE_CHECKING:
    from collections.abc import Iterator

IMAGE = CAPTURES / "x86-structv1-small" / "memory.elf"
IOMEM = CAPTURES / "x86-structv1-small" / "iomem.txt"
#: Command → arguments, and what its report gets.
CALLS: dict[str, tuple[list[object], str]] = {
    "decode": ([IMAGE], "Decoded"),
    "memmap": ([IOMEM], "MemmapReport"),
    "list": ([IMAGE], "ListReport"),
    "merge": ([IMAGE, "list"], "Merged"),
    "diff": ([IMAGE, "list"], "Comparison"),
    "fleet ask": (["fleet", "summary"], "Answer"),
}


@pytest.fixture
def toy() -> Iterator[None]:
    drawn.register()
    yield
    drawn.unregister()


def test_each_report_is_called_as_the_registry_calls_it(subtests: pytest.Subtests) -> None:
    for command, reports in REPORTS.items():
        with subtests.test(command):
            assert [report.name for report in reports] == reports.names()
            assert [report.name for report in reports if not report.about] == []


@pytest.mark.usefixtures("toy")
@pytest.mark.parametrize("command", REPORTS)
def test_a_toy_report(command: str, cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Instead of what the command prints, beside it, and in --help."""
    monkeypatch.chdir(tmp_path)
    Path("list").write_text("0x10\n")
    if command == "fleet ask":
        Fleet(4, 2, seed=3, affected=0.5).store(Path("fleet"))
    arguments, result = CALLS[command]
    words = command.split()
    plain = cli(*words, *arguments)
    alone = cli(*words, *arguments, "--format", "toy-card")
    assert alone.code == plain.code, alone.err
    head, *inputs = alone.out.splitlines()
    assert head.startswith(f"{result}: hwpkho {command} ")
    if IMAGE in arguments:
        assert inputs[0] == f"{IMAGE} {hashlib.sha256(IMAGE.read_bytes()).hexdigest()}"
    beside = cli(*words, *arguments, "--format", "toy-card=card")
    assert (beside.code, beside.out) == (plain.code, plain.out)
    assert Path("card").read_text().startswith(f"{result}: hwpkho {command} ")
    assert "|toy-card][=FILE]" in cli(*words, "--help").out.replace("\n", "").replace(" ", "")


def test_the_toy_report_is_gone_again(cli) -> None:
    assert cli("decode", IMAGE, "--format", "toy-card").code == 2
