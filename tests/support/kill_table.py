"""The table of what every writing command leaves when a signal ends it at any of its file events.

``python -m tests.support.kill_table [ROW]...`` runs each row with SIGTERM, SIGINT and SIGKILL at
every event, over something old and over nothing, and prints how often the old was left, the new,
some of both. tests/base/test_output.py judges the same rows.
"""

from __future__ import annotations

import re
import shutil
import signal
import sys
import tempfile
from collections import Counter
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from hwpkho.abi import fdt
from hwpkho.badpages import registry as lists
from hwpkho.cli import main, values
from hwpkho.encode.targets.registry import TARGETS
from hwpkho.report.registry import REPORTS as PAGES
from hwpkho.report.validate.registry import REPORTS
from tests.support import FIXTURES, certain, efi, forked, live_trees
from tests.support.handovers import Machine
from tests.support.program import run_cli

if TYPE_CHECKING:
    from collections.abc import Iterator

ENDINGS = (signal.SIGTERM, signal.SIGINT, signal.SIGKILL)
#: Options and arguments whose value is a path that is written, whatever the command; and --format,
#: where it takes a file.
_WRITTEN = {"--output", "--dtb-out", "--save", "--write-baseline"}
#: A data set grows and is never replaced: tests/fleet/test_add.py ends its writing.
OF_ITS_OWN = {("fleet add", "dataset")}
#: Those whose value is read, or is no path at all.
_READ = {
    "--config", "--dtb", "--subtree", "--memmap", "--against", "--baseline", "--batch", "--exclude",
    "--root", "--since", "inputs", "given", "cases", "files", "log",
    "--previous-release", "--map", "--boot", "--next-cmdline", "--from", "--select", "--ignore",
    "--reason", "--kinds", "--names", "--host", "--sql", "question", "code", "name", "--name",
    "names",
}  # fmt: skip
_READ_BY = {("fleet ask", "dataset"), ("fleet shell", "dataset")}
#: Types of which no value is a path.
_NO_PATHS = (
    click.Choice, click.IntRange, click.FloatRange, values.Number, values.Span, values.ScratchArray,
)  # fmt: skip

_SIZE = ("--page-size", "4096")
PLACED = ("--at", "0x60000000", "--no-scratch")
_TREE = ("--arch", "arm64", "--dtb", "tree")
#: Calls of commands that draw pages and pictures.
_READING = {
    "decode": ("decode", "image"),
    "diff": ("diff", "list", "list2", "list"),
    "fleet ask": ("fleet", "ask", "fleet", "summary"),
    "list": ("list", "list", *_SIZE),
    "memmap": ("memmap", "map"),
    "merge": ("merge", "list", "list2"),
}
_JUDGED = ("validate", "list", "--memmap", "map")


class Row(NamedTuple):
    """A call, and the names of what it writes; ``-f`` and what it takes are added."""

    args: tuple[str, ...]
    outputs: tuple[str, ...] = ("out",)
    #: What overwrites: check and metrics know their own, a baseline is read before.
    over: tuple[str, ...] = ("-f",)


def _forms() -> Iterator[tuple[str, Row]]:
    for name in lists.written_names():
        more = ("--memmap", "map") if name.startswith(("e820", "setup-data")) else ()
        yield f"list --to {name}", Row(("list", "list", "--to", name, *more, "-o", "out"))
    args: tuple[str, ...]
    for name in TARGETS.names():
        where = "dir" if name == "segments" else "out"
        for command in ("encode", "merge"):
            args = (command, "list", *PLACED, "--to", name, "-o", where)
            yield f"{command} --to {name}", Row(args, (where,))
    for name in REPORTS.names():
        args = (*_JUDGED, "--format", name, "-o", "out")
        yield f"validate --format {name}", Row(args)
    for command, reports in PAGES.items():
        beside = tuple(f"out.{name}" for name in reports.names())
        drawn = (x for name in reports.names() for x in ("--format", f"{name}=out.{name}"))
        yield (
            f"{command} --format",
            Row((*_READING[command], *drawn, "-o", "out"), ("out", *beside)),
        )
    for name in ("iomem", "json", "e820"):
        yield f"memmap --to {name}", Row(("memmap", "map", "--to", name, "-o", "out"))


#: Of these quick tests end the writing: one file, piece by piece, a folder and a file.
ROWS = {
    "merge": Row(("merge", "list", "list2", "-o", "out")),
    "capture": Row(("capture", "image", "-o", "out")),
    "folder and tree": Row(
        ("encode", "list", *PLACED, *_TREE, "--to", "segments", "--dtb-out", "out.dtb", "-o",
         "dir"),
        ("dir", "out.dtb"),
    ),
    "file and tree": Row(("encode", "list", *PLACED, *_TREE, "-o", "out"), ("out", "out.dtb")),
    "merge with a tree": Row(
        ("merge", "list", "list2", *PLACED, *_TREE, "--to", "elf", "--dtb-out", "out.dtb", "-o",
         "out"),
        ("out", "out.dtb"),
    ),
    "merge --provenance": Row(("merge", "list", "list2", "--provenance", "-o", "out")),
    "encode --to efi-table": Row(("encode", "list", "--to", "efi-table", "-o", "out")),
    "merge --to badram": Row(("merge", "list", "list2", "--to", "badram", "-o", "out")),
    "capture of several": Row(("capture", "packed", "copy", "-o", "out")),
    "capture of an EFI table": Row(("capture", "efi", "-o", "out")),
    "list": Row(("list", "list", *_SIZE, "-o", "out")),
    "list --json": Row(("list", "list", *_SIZE, "--json", "-o", "out")),
    "list of a database": Row(("list", "database", "-o", "out")),
    "memmap": Row(("memmap", "map", "-o", "out")),
    "check --save": Row(("check", "--root", "root", "--save", "out")),
    "metrics": Row(("metrics", "--root", "root", "-o", "out")),
    "several reports": Row(
        (*_JUDGED, "--format", "junit=out", "--format", "sarif=out.sarif", "--format", "csv", "-o",
         "out.csv"),
        ("out", "out.sarif", "out.csv"),
    ),
    "baseline": Row(
        (*_JUDGED, "--write-baseline", "out.toml", "--reason", "known"),
        ("out.toml",),
        ("--baseline", "out.toml"),
    ),
    "baseline and report": Row(
        (*_JUDGED, "--write-baseline", "out.toml", "--reason", "known", "-o", "out"),
        ("out.toml", "out"),
        ("--baseline", "out.toml", "-f"),
    ),
    "batch": Row(
        ("validate", "--batch", "cases.jsonl", "--jobs", "1", "--format", "jsonl=out", "--format",
         "junit=out.xml"),
        ("out", "out.xml"),
    ),
    "fleet ask": Row(("fleet", "ask", "fleet", "summary", "-o", "out")),
    "fleet ask --json": Row(("fleet", "ask", "fleet", "summary", "--json", "-o", "out")),
    "fleet ask --csv": Row(("fleet", "ask", "fleet", "summary", "--csv", "-o", "out")),
    "fleet ask --parquet": Row(("fleet", "ask", "fleet", "summary", "--parquet", "-o", "out")),
    **dict(_forms()),
}  # fmt: skip


# Which options write ------------------------------------------------------------------------------


class Parameter(NamedTuple):
    """A parameter of the program whose value may be a path, and whether it is a report's."""

    command: str
    name: str
    report: bool


def paths() -> list[Parameter]:
    """Return all of them."""
    return list(_paths(main.main, ()))


def _paths(command: click.Command, path: tuple[str, ...]) -> Iterator[Parameter]:
    ctx = click.Context(command)
    for p in command.params:  # click would keep the --help of this context for all that follows
        flag = isinstance(p, click.Option) and (p.is_flag or p.count)
        report = isinstance(p.type, values.OneOfPlaced)
        if not flag and (report or not isinstance(p.type, _NO_PATHS)):
            yield Parameter(" ".join(path), p.opts[-1], report)
    if isinstance(command, click.Group):
        for name in command.list_commands(ctx):
            yield from _paths(certain(command.get_command(ctx, name)), (*path, name))


def written() -> set[tuple[str, str]]:
    """Return the ``(command, parameter)`` of what is written."""
    return OF_ITS_OWN | {p[:2] for p in paths() if p.report or p.name in _WRITTEN}


def unknown() -> set[tuple[str, str]]:
    """Return those of which nobody has said whether it is written or read."""
    said = written() | _READ_BY
    return {p[:2] for p in paths() if p[:2] not in said and p.name not in _READ}


def written_by_rows() -> set[tuple[str, str]]:
    """Return the ``(command, parameter)`` of what the rows write."""
    found = set(OF_ITS_OWN)
    for row in ROWS.values():
        command = " ".join(row.args[: 1 + (row.args[0] == "fleet")])
        placed = "--format" in row.args and any("=out" in a for a in row.args)
        for arg in row.args:
            if (arg != "--format" or placed) and arg in ("-o", "--format", *_WRITTEN):
                found.add((command, "--output" if arg == "-o" else arg))
    return found


# Running a row ------------------------------------------------------------------------------------


@cache
def _tree() -> bytes:
    cells = [fdt.Property(f"#{w}-cells", b"\0\0\0\2", 0) for w in ("address", "size")]
    return fdt.build(fdt.Node("", properties=cells, children=[fdt.Node("chosen")]))


def inputs(folder: Path, args: tuple[str, ...] = ()) -> None:
    """Write what the rows read; what takes time only if ``args`` name it."""
    (folder / "list").write_text("0x10\n0x20\n")
    (folder / "list2").write_text("0x30\n")
    (folder / "map").write_text("00000000-0000ffff : System RAM\n00100000-7fffffff : System RAM\n")
    (folder / "tree").write_bytes(_tree())
    (folder / "cases.jsonl").write_text(
        '{"case": "a", "inputs": ["list"], "memmap": ["map"]}\n{"case": "b", "inputs": "list2"}\n'
    )
    m = Machine()
    m.handover()
    m.save(folder).rename(folder / "image")
    if "database" in args:
        for end in ("", "-wal"):
            shutil.copy(FIXTURES / "databases" / f"wal.db{end}", folder / f"database{end}")
    if "efi" in args:
        efi.unpack(efi.NAMES[0], folder).rename(folder / "efi")
    if "root" in args or "copy" in args:
        tree = live_trees.made(folder / "root")
        shutil.copytree(tree.root / "sys/kernel/debug/kho", folder / "copy", dirs_exist_ok=True)
        (folder / "packed").write_bytes((tree.root / "proc/kcore").read_bytes())
    if "fleet" in args:
        assert not run_cli("fleet", "add", folder / "fleet", folder / "list", "--jobs", "1").code


class Left(NamedTuple):
    """What a run left: its outputs, as the row names them, and the names of all else."""

    outputs: dict[str, list[tuple[str, bytes]]]
    others: frozenset[str]


#: Two runs differ in these.
_TIMES = re.compile(rb'(?<="when":")[^"]*|(?<=^hwpkho_check_timestamp_seconds )\S+', re.MULTILINE)


def left(folder: Path, names: tuple[str, ...]) -> Left:
    """Return what is in the folder and in the one for temporary files."""
    found = {}
    for name in names:
        path = folder / name
        inside = sorted(path.iterdir()) if path.is_dir() else [path] if path.exists() else []
        found[name] = [(p.name, _TIMES.sub(b"", p.read_bytes())) for p in inside]
    others = {p.name for p in folder.iterdir()} - set(names)
    return Left(found, frozenset(others | {f"tmp/{p.name}" for p in (folder / "tmp").iterdir()}))


def before(folder: Path, names: tuple[str, ...], *, old: bool) -> None:
    """Put something old in the place of each output, or nothing; what a kill left goes."""
    (folder / "tmp").mkdir(exist_ok=True)
    for path in (
        *folder.glob(".hwpkho-*"),
        *(folder / "tmp").iterdir(),
        *(folder / n for n in names),
    ):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    for name in names if old else ():
        if name == "dir":
            (folder / name).mkdir()
            (folder / name / "0x1000.bin").write_bytes(b"old")
        else:
            (folder / name).write_text("# old\n")  # which a baseline may be


class End(NamedTuple):
    """How a run ended."""

    code: int
    said: str
    left: Left


class Runs:
    """The runs of one row, over something old or over nothing, in a folder of their own."""

    def __init__(self, row: Row, folder: Path, *, old: bool) -> None:
        self.row, self.folder, self.had_old = row, folder, old
        inputs(folder, row.args)
        before(folder, row.outputs, old=old)
        self.old = left(folder, row.outputs)
        whole = self.run(0, 0)
        assert whole.code in (0, 1), whole.said
        self.code, self.new = whole.code, whole.left
        self.events = int(certain(re.search(r"events (\d+)", whole.said))[1])

    def run(self, number: int, at: int) -> End:
        """Run it from the beginning, with signal ``number`` at event ``at``."""
        before(self.folder, self.row.outputs, old=self.had_old)
        args = (*self.row.args, *(self.row.over if self.had_old else ()))
        got = forked.run(
            *args,
            cwd=self.folder,
            kill=(int(number), at),
            env={"TMPDIR": str(self.folder / "tmp"), "GITHUB_STEP_SUMMARY": ""},
        )
        return End(got.code, got.err.decode(), left(self.folder, self.row.outputs))

    def what(self, end: End) -> str:
        """Say what stands in the places of the outputs: old, new, mixed (some of either), torn."""
        now = end.left.outputs
        if now == self.old.outputs:
            return "old"
        if now == self.new.outputs:
            return "new"
        each = (now[n] in (self.old.outputs[n], self.new.outputs[n]) for n in self.row.outputs)
        return "mixed" if all(each) else "torn"


def _line(name: str, folder: Path) -> str:
    cells = []
    for old in (True, False):
        here = folder / str(old)
        here.mkdir()
        runs = Runs(ROWS[name], here, old=old)
        for number in ENDINGS:
            found = Counter[str]()
            for at in range(1, runs.events + 1):
                end = runs.run(number, at)
                found[runs.what(end)] += 1
                if number != signal.SIGKILL and end.left.others != runs.old.others:
                    found["rest left"] += 1
            cells.append(", ".join(f"{count} {what}" for what, count in sorted(found.items())))
        cells.insert(0 if old else 4, str(runs.events))
    return f"| {name} | {' | '.join(cells)} |"


def table(names: list[str]) -> Iterator[str]:
    """Yield the lines of the table."""
    signals = " | ".join(number.name for number in ENDINGS)
    yield f"| row | events over something | {signals} | events over nothing | {signals} |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for name in names or ROWS:
        with tempfile.TemporaryDirectory() as folder:
            yield _line(name, Path(folder))


if __name__ == "__main__":
    for each in table(sys.argv[1:]):
        sys.stdout.write(f"{each}\n")
        sys.stdout.flush()
    forked.close()
