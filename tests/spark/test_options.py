"""The options of the source: one clear line for each that is wrong."""

from __future__ import annotations

import re

import pytest

from hwpkho.cli import fleet
from hwpkho.errors import UsageError
from hwpkho.fleet.schema import TABLES
from hwpkho.spark import options
from hwpkho.spark.planning import Bounds

M = {"manifest": "m.jsonl"}


def test_what_is_not_given():
    found = options.read(M)
    assert (found.table, found.batch, found.cases, found.outside) == (
        "hosts", "m.jsonl", None, False,
    )  # fmt: skip
    assert found.bounds == Bounds()
    assert found.added_at is None
    assert found.work.accepted.fail_on == "error"


def test_what_is_given():
    found = options.read({
        "path": "s3://b/f", "table": "pages", "names": "{host}", "outside": "TRUE",
        "memmap": '["a.txt", "b.txt"]', "fail_on": "never", "cases_per_task": "10",
        "bytes_per_task": "4G", "max_case_bytes": "512mb", "added_at": "1970-01-02",
        "page_size": "65536", "max_fraction": "0.5", "max_pages": "0x40", "boot": "last",
        "base": "16", "consumer_kho": "kho-v2", "next_cmdline": "1", "kho_scratch": "none",
    })  # fmt: skip
    assert (found.batch, found.table, found.outside) == ("s3://b/f", "pages", True)
    assert found.memmaps == ("a.txt", "b.txt")
    assert found.bounds == Bounds(10, 4 << 30)
    assert found.case_bytes == 512 << 20
    assert found.added_at == 86_400_000_000
    judging = found.work.options
    assert judging.case.page_size == 65536
    assert (judging.limits.fraction, judging.limits.pages) == (0.5, 0x40)
    assert (judging.boot, judging.lists.base, judging.next_cmdline) == ("last", 16, "1")
    assert judging.case.kho_scratch == "none"
    assert found.work.accepted.fail_on == "never"


@pytest.mark.parametrize("name", ["max_pages", "maxPages", "max-pages", "MAXPAGES"])
def test_how_names_are_written(name):
    assert options.read({**M, name: "5"}).work.options.limits.pages == 5


def test_sizes_are_not_looked_at():
    found = options.read({**M, "bytesPerTask": "none", "maxCaseBytes": "none"})
    assert found.bounds.bytes is None
    assert found.case_bytes >= 1 << 60


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "give one of the options manifest, path and cases"),
        ({**M, "path": "x"}, "give one of the options manifest, path and cases"),
        ({**M, "cases": "x"}, "give one of the options manifest, path and cases"),
        ({**M, "tabel": "x"}, "no option tabel; there are: table, manifest"),
        ({**M, "a\x1b[2J": "x"}, r"no option a\\x1b"),
        ({**M, "max_pages": "1", "maxPages": "2"}, "option max_pages is given twice"),
        ({**M, "names": " "}, "option names is empty"),
        ({**M, "table": "cases"}, "option table cannot be cases: expected hosts, pages, "),
        ({**M, "outside": "yes"}, "option outside cannot be yes: expected true or false"),
        ({**M, "fail_on": "x"}, "option fail_on cannot be x"),
        ({**M, "names": "{x}"}, "names: {x}: expected {host} and {taken_at}"),
        ({**M, "memmap": "[1]"}, "option memmap cannot be [1]: expected a path, or a JSON array"),
        ({**M, "memmap": "[" * 99999}, "option memmap cannot be"),
        ({**M, "cases_per_task": "0"}, "option cases_per_task cannot be 0"),
        ({**M, "bytes_per_task": "1x"}, "option bytes_per_task cannot be 1x"),
        ({**M, "max_case_bytes": "0"}, "option max_case_bytes cannot be 0"),
        ({**M, "added_at": "now"}, "option added_at cannot be now: expected ISO 8601"),
        ({**M, "max_pages": "many"}, 'option max_pages cannot be "many"'),
        ({**M, "page_size": "8k"}, 'option page_size cannot be "8k"'),
        ({**M, "page_size": "5"}, "option page_size cannot be 5"),
        ({**M, "max_fraction": "1.5"}, "option max_fraction cannot be 1.5"),
        ({**M, "max_fraction": "1" * 5000}, "option max_fraction cannot be"),
        ({**M, "consumer_kho": "x"}, 'option consumer_kho cannot be "x"'),
        ({**M, "arch": "vax"}, 'option arch cannot be "vax"'),
    ],
)
def test_what_is_wrong(given, said):
    with pytest.raises(UsageError, match=f"^{re.escape(said)}" if "\\" not in said else said) as e:
        options.read(given)
    assert "\n" not in str(e.value)
    assert len(str(e.value)) < 800


def test_every_option_of_fleet_add_is_one():
    """Beside what is for a terminal, or for the data set."""
    of_add = {p.opts[0].strip("-").replace("-", "_") for p in fleet.add.params}
    other = {"dataset", "batch", "jobs", "json", "quiet", "verbose", "version", "color", "no_pager"}
    assert {name for name in of_add if len(name) > 1} - other <= {
        *options.OPTIONS,
        *options.JUDGING,
    }


def test_each_has_words():
    assert all(option.about for option in options.OPTIONS.values())
    assert all(f"`{table}`" in options.OPTIONS["table"].about for table in TABLES)
