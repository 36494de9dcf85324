"""What a start imports: each module that is not needed makes every call slower."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support import ROOT, captures

#: Runs the program and prints what was imported.
_RUN = """\
import sys
sys.argv[0] = "hwpkho"
from hwpkho.cli.entry import program
try:
    program()
finally:
    print(*sys.modules, sep="\\n", file=sys.stderr)
"""
#: What no small call needs: screens, trees that are edited, settings where there are none,
#: archives, other programs, mistakes, other commands and their reports.
NEVER = (
    "rich", "fdt", "tomllib", "tarfile", "zipfile", "bz2", "lzma", "sqlite3", "subprocess",
    "shutil", "tempfile", "multiprocessing", "difflib", "xml", "html", "csv", "logging", "socket",
    "duckdb", "pyarrow", "pandas", "pyspark", "hwpkho.api", "hwpkho.batch", "hwpkho.encode",
    "hwpkho.fleet", "hwpkho.live", "hwpkho.dimms", "hwpkho.logs", "hwpkho.badpages.formats",
    "hwpkho.memmap.formats", "hwpkho.memmap.view", "hwpkho.memmap.reader", "hwpkho.report.html",
    "hwpkho.report.validate", "hwpkho.judging.verdicts", "hwpkho.judging.outcome",
    "hwpkho.images.kdump", "hwpkho.images.lime", "hwpkho.handover.luo.files",
    "hwpkho.abi.tracker.bitmap", "hwpkho.abi.efi_table",
)  # fmt: skip
#: What a version does not need, either.
NOT_FOR_VERSION = (
    "dataclasses", "json", "struct", "array", "hashlib", "construct", "hwpkho.abi",
    "hwpkho.codes", "hwpkho.handover", "hwpkho.images", "hwpkho.inputs", "hwpkho.memmap",
    "hwpkho.badpages", "hwpkho.judging", "hwpkho.base.registry", "hwpkho.base.arch",
    "hwpkho.base.pfnset",
)  # fmt: skip


@pytest.mark.parametrize(
    ("args", "needless"),
    [
        (["--version"], NEVER + NOT_FOR_VERSION),
        (["decode", "--json", captures.CAPTURES / "x86-structv1-small" / "memory.elf"], NEVER),
        pytest.param(["memmap", "--help"], NEVER, marks=pytest.mark.slow),
    ],
    ids=["version", "decode", "help"],
)
def test_a_start_imports_what_it_needs(args, needless):
    """At the top of the checkout, whose pyproject.toml names hwpkho and has no settings for it."""
    got = subprocess.run(
        [sys.executable, "-c", _RUN, *args], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert got.stdout.startswith(("hwpkho ", "{", "Usage: "))
    imported = set(got.stderr.split())
    assert "hwpkho.cli.main" in imported
    assert {name for name in needless if name in imported} == set()
