"""``hwpkho version``: what is installed, what is missing, and what that would bring."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

import pytest

from hwpkho.base.version import __version__
from hwpkho.commands import version
from hwpkho.commands.version import PARTS
from tests.support import ROOT, schemas

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
#: Extras that are for work on hwpkho, not for its use.
OURS = {"browser", "ci", "dev", "docs", "release"}
#: Extras of which a test environment lacks something.
ELSEWHERE = {"spark"}


def _projects(requirements):
    return {
        re.split(r"[^A-Za-z0-9._-]", wanted)[0]
        for wanted in requirements
        if not wanted.startswith("hwpkho[")  # what another extra brings
        if "python_version < '3.14'" not in wanted or sys.version_info < (3, 14)
    }


def test_the_short_form_is_that_of_the_option(cli):
    assert cli("version").out == cli("--version").out == f"hwpkho {__version__}\n"


def test_the_document(cli):
    document = cli("version", "--json").json
    schemas.check(document, "version")
    assert document["installed"] == "checkout"
    assert Path(document["place"]) == ROOT
    assert document["python"]["version"] == sys.version.split()[0]
    parts = {part["module"]: part for part in document["parts"]}
    assert parts["click"]["version"] is not None
    assert all(part["usable"] for part in document["parts"] if part["extra"] not in ELSEWHERE)


def test_every_dependency_and_extra_is_told(subtests):
    told = {p.project for p in PARTS if p.project and not p.extra}
    assert told == _projects(PROJECT["dependencies"])
    extras = PROJECT["optional-dependencies"]
    assert {p.extra for p in PARTS if p.extra} == set(extras) - OURS
    for name in set(extras) - OURS:
        with subtests.test(name):
            assert {p.project for p in PARTS if p.extra == name} == _projects(extras[name])


@pytest.fixture
def without(monkeypatch):
    """Return a function that makes a module missing, or broken by what it raises."""

    def take(module, error=None):
        class Finder:
            @staticmethod
            def find_spec(name, path=None, target=None):
                if name == module:
                    raise error or ModuleNotFoundError(f"No module named '{name}'", name=name)

        monkeypatch.delitem(sys.modules, module, raising=False)
        monkeypatch.setattr(sys, "meta_path", [Finder, *sys.meta_path])

    return take


def test_what_is_missing_is_named_with_what_it_brings(cli, without):
    without("cramjam")
    assert cli("version", "--verbose").code == 0
    lines = cli("version", "--verbose").out.splitlines()
    (extra,) = (x for x in lines if x.startswith("extra kdump"))
    assert extra == "extra kdump: incomplete; pip install 'hwpkho[kdump]'"
    (line,) = (x for x in lines if "cramjam" in x)
    assert "NO: not installed" in line
    assert line.endswith("kdump pages compressed with snappy or zstd")


@pytest.mark.parametrize(
    "error",
    [
        ImportError("libc.so.6: version `GLIBC_2.99' not found"),
        OSError("\x1b[31m"),
        ModuleNotFoundError("No module named 'other'", name="other"),
    ],
)
def test_what_is_broken_is_told_apart_from_what_is_missing(error, cli, without):
    without("lzallright", error)
    (part,) = (p for p in cli("version", "--json").json["parts"] if p["module"] == "lzallright")
    assert (part["usable"], part["version"]) == (False, None)
    assert part["problem"] == f"{type(error).__name__}: {error}"
    assert "\x1b" not in cli("version", "-v").out


def test_an_archive_says_where_it_is(cli, monkeypatch):
    class Archive:
        def __str__(self):
            return "/opt/my tools/hwpkho.pyz/hwpkho/"

    monkeypatch.setattr(version, "files", lambda _name: Archive())
    document = cli("version", "--json").json
    assert (document["installed"], document["place"]) == ("zipapp", "/opt/my tools/hwpkho.pyz")
