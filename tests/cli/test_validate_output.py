"""validate -o: a report is written beside its place and renamed; some reports are binary."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hwpkho.report.validate.registry import REPORTS
from tests.support.examples import some
from tests.support.reporting import OF_MANY
from tests.toys import report as toy

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def toy_report() -> Iterator[None]:
    toy.register()
    yield
    toy.unregister()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a case that is fine, one with an error and one that is unreadable."""
    for name, text in (("a", "0x10\n"), ("b", "0x10 0x20\n"), ("c", "no list\n")):
        (tmp_path / "cases" / name).mkdir(parents=True)
        (tmp_path / "cases" / name / "list").write_text(text)
        (tmp_path / "cases" / name / "map").write_text("00000000-0001ffff : System RAM\n")
    return tmp_path / "cases"


_SUMS = re.compile(r"<p>[^<]*the SHA-256 of its inputs[^<]*</p>")


@pytest.mark.parametrize("name", REPORTS.names())
def test_a_file_holds_what_standard_output_would(name, folder, tmp_path, cli, subtests):
    cases: list[list[object]] = [[folder / "b" / "list"]]
    cases += [["--batch", folder, "--jobs", 1]] * (name in OF_MANY)
    for case in cases:
        with subtests.test(str(case[0])):
            shown = cli("validate", *case, "--format", name)
            out = tmp_path / "report"
            out.unlink(missing_ok=True)
            saved = cli("validate", *case, "--format", name, "-o", out)
            assert (saved.code, saved.out, saved.err) == (shown.code, "", shown.err)
            said = out.read_text("utf-8").replace(f" -o {out}", "")
            said = re.sub('<a href="report.d/[^"]+">(.*?)</a>', r"\1", said)
            # An index says where the sums of its cases' inputs are: only a file has them beside it.
            assert _SUMS.sub("", said) == _SUMS.sub("", shown.out)


def test_what_is_there_is_replaced_only_with_force(folder, tmp_path, cli):
    out = tmp_path / "report"
    out.write_text("mine")
    got = cli("validate", "--batch", folder, "--jobs", 1, "--json", "-o", out)
    assert (got.code, got.out) == (2, "")
    assert got.err == f"hwpkho: {out}: exists; give --force to overwrite it\n"
    assert out.read_text() == "mine"
    assert cli("validate", "--batch", folder, "--jobs", 1, "--json", "-f", "-o", out).code == 3
    assert json.loads(out.read_text())["summary"]["cases"] == 3


def test_nothing_is_written_where_nothing_is_judged(folder, tmp_path, cli):
    got = cli("validate", folder / "c" / "list", "-o", tmp_path / "report")
    assert got.code == 3
    assert not (tmp_path / "report").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["cases"]


@pytest.mark.parametrize("victim", ["a/list", "b/map", "c/list"])
def test_a_case_is_not_overwritten_by_its_report(victim, folder, cli):
    path = folder / victim
    before = path.read_bytes()
    got = cli("validate", "--batch", folder, "--jobs", 1, "-f", "-o", path)
    assert (got.code, got.out) == (2, "")
    assert got.err == f"hwpkho: {path}: is an input; give another output\n"
    assert path.read_bytes() == before


def test_no_input_of_any_kind_is_overwritten(folder, tmp_path, cli, subtests):
    (tmp_path / "seg").mkdir()
    (tmp_path / "seg" / "0x1000.bin").write_bytes(bytes(4096))
    (tmp_path / "accepted.toml").write_text('[[accept]]\ncode = "HP601"\nreason = "x"\n')
    (tmp_path / "m.jsonl").write_text('{"case": "a", "inputs": ["cases/a/list"]}\n')
    (tmp_path / "linked").symlink_to(folder / "a" / "list")
    raw = tmp_path / "raw"
    raw.write_bytes(bytes(4096))
    one = [folder / "a" / "list", "--memmap", folder / "a" / "map"]
    for args, victim in (
        (one, folder / "a" / "list"),
        (one, folder / "a" / "map"),
        ([tmp_path / "linked"], folder / "a" / "list"),
        ([tmp_path / "seg"], tmp_path / "seg" / "0x1000.bin"),
        ([f"{raw}@0x1000"], raw),
        ([*one, "--baseline", tmp_path / "accepted.toml"], tmp_path / "accepted.toml"),
        (["--batch", tmp_path / "m.jsonl"], tmp_path / "m.jsonl"),
        (["--batch", tmp_path / "m.jsonl"], folder / "a" / "list"),
    ):
        with subtests.test(f"{args[-1]}: {victim}"):
            before = victim.read_bytes()
            got = cli("validate", *args, "-f", "-o", victim)
            assert (got.code, got.out) == (2, "")
            assert got.err == f"hwpkho: {victim}: is an input; give another output\n"
            assert victim.read_bytes() == before


def test_report_and_baseline_take_their_places_together(folder, tmp_path, cli):
    args = ("validate", folder / "b" / "list", "--memmap", folder / "b" / "map", "--reason", "x")
    same = cli(*args, "-o", tmp_path / "x", "--write-baseline", tmp_path / "." / "x")
    assert same.code == 2
    (tmp_path / "there").write_text("mine")
    got = cli(*args, "-o", tmp_path / "x", "--write-baseline", tmp_path / "there")
    assert got.code == 2
    assert not (tmp_path / "x").exists()
    assert cli(*args, "-o", tmp_path / "x", "--write-baseline", tmp_path / "y").code in (0, 1)
    assert (tmp_path / "x").exists()
    assert (tmp_path / "y").exists()


def test_force_without_a_file_is_refused(folder, cli):
    got = cli("validate", folder / "a" / "list", "--force")
    assert (got.code, got.out) == (2, "")
    assert got.err == "hwpkho: --force is for -o FILE\n"


@pytest.mark.usefixtures("toy_report")
def test_a_toy_binary_report(folder, tmp_path, cli, monkeypatch):
    out = tmp_path / "report"
    assert cli("validate", folder / "b" / "list", "--format", "toy-report", "-o", out).code == 0
    assert toy.parse(out.read_bytes()) == (False, [(0, 2, str(folder / "b" / "list"))], 0)
    got = cli("validate", "--batch", folder, "--jobs", 1, "--format", "toy-report", "-f", "-o", out)
    assert (got.code, got.out) == (3, "")
    assert toy.parse(out.read_bytes()) == (True, [(0, 1, "a"), (0, 2, "b"), (3, 0, "c")], 0)
    piped = cli("validate", "--batch", folder, "--jobs", 1, "--format", "toy-report")
    assert piped.out.encode() == out.read_bytes()
    assert "toy-report" in cli("validate", "--help").out
    monkeypatch.setenv("TOY_SUMMARY", str(tmp_path / "summary"))
    assert cli("validate", folder / "b" / "list", "--format", "toy-report").code == 0
    csv = cli("validate", folder / "b" / "list", "--format", "csv").out
    assert (tmp_path / "summary").read_text() == csv


@pytest.mark.parametrize("to", some([[], ["-o", "-"]], 2))
def test_no_binary_report_on_a_terminal(to, folder):
    """Nothing is read before that is refused."""
    program = (
        "from tests.toys import report; report.register(); from hwpkho.cli import main; main.run()"
    )
    master, slave = pty.openpty()
    got = subprocess.run(
        [sys.executable, "-c", program, "validate", folder / "none", "--format", "toy-report", *to],
        stdout=slave, stderr=subprocess.PIPE, check=False,
        env={**os.environ, "PYTHONPATH": str(Path(toy.__file__).parents[2])},
    )  # fmt: skip
    os.close(slave)
    os.close(master)
    assert (got.returncode, got.stderr.decode()) == (
        2,
        "hwpkho: the report toy-report is binary and standard output is a terminal: give -o FILE\n",
    )


@pytest.mark.parametrize("more", [(), ("-q",)])
@pytest.mark.parametrize(
    ("lst", "says"),
    [("0x900 0xa00", "all 2 pages should be taken"), ("0x900 0x10", "1 of 2 pages would stay")],
)
def test_the_sentence_names_what_makes_the_exit_code(lst, says, more, folder, cli):
    case = (folder / "b" / "list", "--memmap", folder / "b" / "map")
    case[0].write_text(lst)
    case[2].write_text("00000000-0001ffff : Reserved\n00100000-1fffffff : System RAM\n")

    def sentence(*args: object) -> tuple[int, str]:
        got = cli("validate", *case, *more, *args)
        return got.code, " ".join(got.out.split("\n\n")[0].split())

    code, fine = sentence()
    assert code == 0
    assert says in fine
    assert sentence("--max-pages", 1) == (1, f"{fine}; HP701 too-many-pages")
    assert sentence("--max-pages", 1, "--fail-on", "never") == (0, fine)


@pytest.mark.parametrize("batch", [False, True])
def test_a_baseline_that_is_there_is_said_before_anything_is_judged(batch, folder, tmp_path, cli):
    there = tmp_path / "accepted.toml"
    there.write_text("")
    case = ("--batch", folder, "--jobs", 1) if batch else (folder / "a" / "list",)
    got = cli("validate", *case, "--write-baseline", there, "--reason", "known")
    assert (got.code, got.out) == (2, "")
    assert f"{there}: exists; give --baseline as well to add to it, or another name" in got.err
