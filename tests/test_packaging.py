"""What is built for those who install: release/, hatch_build.py, debian/."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import tomllib
from collections import Counter
from importlib.metadata import files, version
from typing import TYPE_CHECKING
from zipfile import ZipFile, ZipInfo

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

from hwpkho.base.version import __version__
from hwpkho.cli import tree
from hwpkho.cli.main import main
from hwpkho.report.completion.registry import SHELLS
from release import locked, sbom, zipapp
from tests.support import ROOT

if TYPE_CHECKING:
    from pathlib import Path

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LOCKS = sorted(path.name for path in ROOT.glob("requirements*.lock"))


def _tracked():
    """Return the files of the checkout."""
    if not (ROOT / ".git").exists():
        pytest.skip("no checkout: git does not say which files belong to it")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    return {name for name in listed.stdout.decode().split("\0") if name}


# sdist and wheel


def test_the_sdist_has_the_whole_checkout():
    """Its tests, too, and what they read."""
    held = {file.distribution_path for file in SdistBuilder(str(ROOT)).recurse_included_files()}
    held |= {
        f"man/{page.name}"
        for source, inside in SdistBuilder(str(ROOT)).config.force_include.items()
        for page in (ROOT / source).iterdir()
        if inside == "man"
    }
    link = "hwpkho/man"  # followed: a folder there
    assert _tracked() - {link} <= held
    assert {f"{link}/{page.name}" for page in (ROOT / "man").iterdir()} <= held


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    (built,) = WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])
    with ZipFile(built) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_wheel_has_every_module_schema_and_page(wheel):
    held = {name for name in wheel if name.startswith("hwpkho/")}
    wanted = {str(p.relative_to(ROOT)) for p in (ROOT / "hwpkho").rglob("*") if p.is_file()}
    pages = {f"hwpkho/man/{page.name}" for page in (ROOT / "man").iterdir()}
    assert held == {name for name in wanted if "__pycache__" not in name} | pages


def test_the_wheel_puts_pages_and_completion_in_their_places(wheel):
    data = f"hwpkho-{__version__}.data/data"
    root = tree.read(main)
    wanted = {
        **{f"{data}/share/man/man1/{p.name}": p.read_bytes() for p in (ROOT / "man").iterdir()},
        **{f"{data}/{s.place.format('hwpkho')}": s.script(root, "hwpkho").encode() for s in SHELLS},
    }
    assert {name for name in wheel if ".data/" in name} == wanted.keys()
    assert [name for name in wanted if wheel[name] != wanted[name]] == []


# The version


def test_the_version_stands_in_one_place():
    """Else it is read from there, or stands in a log of changes."""
    assert PYPROJECT["project"]["dynamic"] == ["version"]
    newest = re.search(r"^## (\S+) - ", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    debian = re.match(r"hwpkho \((\S+)\) ", (ROOT / "debian" / "changelog").read_text())
    assert newest is not None
    assert debian is not None
    assert (newest[1], debian[1]) == (__version__, __version__)
    if (ROOT / ".git").exists():
        found = subprocess.run(
            ["git", "grep", "-lF", f'"{__version__}"', "--", "*.py", "*.toml", "Makefile"],
            cwd=ROOT, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert found.stdout.split() == ["hwpkho/base/version.py"]


# Parts of locks


@pytest.mark.parametrize("name", LOCKS)
def test_every_project_of_a_lock_is_read(name):
    text = (ROOT / name).read_text()
    found = locked.entries(text)
    assert len(found) == len(re.findall(r"^\S+==", text, re.MULTILINE))
    assert all(entry.hashes and entry.via for entry in found)
    assert sum(len(entry.hashes) for entry in found) == text.count("--hash=")
    assert "".join(entry.text for entry in found) == text[text.index(found[0].text) :]


def test_the_core_is_what_is_always_needed():
    names = {entry.name for entry in locked.part("core")}
    assert {"click", "construct", "fdt", "rich", "mdurl"} <= names
    assert not {"cramjam", "lzallright", "pytest"} & names
    assert {"cramjam", "lzallright"} <= {entry.name for entry in locked.part("kdump")}
    assert not {entry.name for entry in locked.part("kdump")} & names
    assert {"hatchling", "pathspec", "click"} <= {entry.name for entry in locked.part("build")}


_HASH = f"    --hash=sha256:{'0' * 64}\n"
_LOCK = f"""\
# made by
a==1 \\
{_HASH}    # via
    #   hwpkho (pyproject.toml)
    #   c
b-b==2 ; sys_platform == 'win32' \\
{_HASH.rstrip()} \\
{_HASH.replace("0", "1")}    # via a
c==3 \\
{_HASH}    # via b-b
d==4 \\
{_HASH}    # via hwpkho (pyproject.toml)
"""


def test_a_part_has_all_that_it_needs_and_no_more():
    """Also where two need each other."""
    found = locked.entries(_LOCK)
    assert [entry.name for entry in locked.closure(found, ["a"])] == ["a", "b-b", "c"]
    assert [entry.name for entry in locked.closure(found, ["d"])] == ["d"]
    assert found[1].marker == "sys_platform == 'win32'"
    assert len(found[1].hashes) == 2
    with pytest.raises(ValueError, match="the lock has no x, y: make lock"):
        locked.closure(found, ["y", "a", "x"])


def test_what_only_some_machines_need_is_not_for_one_file(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(locked, "ROOT", tmp_path)
    (tmp_path / "requirements.lock").write_text(_LOCK)
    (tmp_path / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\n[project]\ndependencies = ["A>=1"]\n'
        "[project.optional-dependencies]\nkdump = []\n"
    )
    monkeypatch.setattr(sys, "argv", ["locked", "core"])
    assert locked.main() == 1
    told = "locked: b-b is for some machines only: sys_platform == 'win32'\n"
    assert capsys.readouterr() == ("", told)


# The zipapp


def _wheel(path: Path, members: dict[str, bytes], when: int = 2020) -> Path:
    with ZipFile(path, "w") as archive:
        for name, content in members.items():
            info = ZipInfo(name, (when, 1, 1, 0, 0, 0))
            archive.writestr(info, content)
    return path


_PARTS = {
    "one/__init__.py": b"",
    "one/data.json": b"{}",
    "one-1.dist-info/METADATA": b"Name: one",
    "one-1.dist-info/RECORD": b"",
    "one-1.data/data/share/man/man1/one.1": b"",
    "one-1.data/scripts/one": b"",
}


def test_the_same_wheels_make_the_same_file(tmp_path):
    """Whenever and in whatever order they were packed."""
    other = tmp_path / "other"
    other.mkdir()
    first = _wheel(tmp_path / "one-1-py3-none-any.whl", _PARTS)
    backwards = dict(reversed(list(_PARTS.items())))
    second = _wheel(other / "one-1-py3-none-any.whl", backwards, when=2031)
    two = _wheel(tmp_path / "two-1-py2.py3-none-any.whl", {"two.py": b""})
    made = zipapp.build([first, two])
    assert made == zipapp.build([two, second])
    assert made.startswith(b"#!/usr/bin/env python3\nPK")
    with ZipFile(io.BytesIO(made)) as archive:
        held = archive.namelist()
        assert archive.testzip() is None
    assert held == [
        "__main__.py", "one-1.dist-info/METADATA", "one/__init__.py", "one/data.json", "two.py",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "members", "told"),
    [
        ("two-1-cp311-cp311-linux_x86_64.whl", {}, "not a wheel of pure Python"),
        ("two-1-py3-none-any.whl", {"one/__init__.py": b""}, "one/__init__.py is in another wheel"),
        ("two-1-py3-none-any.whl", {"__main__.py": b""}, "__main__.py is in another wheel"),
    ],
)
def test_wheels_that_do_not_go_together_are_refused(name, members, told, tmp_path, monkeypatch):
    one = _wheel(tmp_path / "one-1-py3-none-any.whl", _PARTS)
    two = _wheel(tmp_path / name, members)
    with pytest.raises(ValueError, match=re.escape(told)):
        zipapp.build([one, two])
    out = tmp_path / "out.pyz"
    monkeypatch.setattr(sys, "argv", ["zipapp", str(one), str(two), "-o", str(out)])
    assert zipapp.main() == 1
    assert not out.exists()


def test_an_old_python_is_told_so(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 10, 13))
    monkeypatch.setattr(sys, "executable", "/opt/old/python")
    with pytest.raises(SystemExit) as end:
        exec(zipapp.MAIN, {"__name__": "__main__"})
    told = "hwpkho: needs Python 3.11 or later; this is 3.10, /opt/old/python"
    assert end.value.code == told


# The bill of materials


def _bill(*components):
    return {
        "metadata": {"component": {"name": "hwpkho"}},
        "components": [{"name": name, "version": number} for name, number in components],
    }


def test_the_bill_has_the_version_and_every_hash(tmp_path):
    ours = _wheel(tmp_path / "hwpkho-7.1-py3-none-any.whl", {})
    other = _wheel(tmp_path / "markdown_it_py-4.3.0-py3-none-any.whl", {"a": b""})
    bill = _bill(("markdown-it-py", "4.3.0"))
    sbom.complete(bill, "7.1", [ours, other])
    program = bill["metadata"]["component"]
    assert program["purl"] == "pkg:pypi/hwpkho@7.1"
    digests = [c["hashes"][0]["content"] for c in (program, *bill["components"])]
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in digests)
    assert len(set(digests)) == 2
    json.dumps(bill)


@pytest.mark.parametrize("components", [[], [("one", "2")], [("one", "1"), ("two", "1")]])
def test_a_bill_of_something_else_is_refused(components, tmp_path):
    wheels = [_wheel(tmp_path / f"{n}-1-py3-none-any.whl", {}) for n in ("hwpkho", "one")]
    with pytest.raises(ValueError, match="not both in the environment and among the wheels"):
        sbom.complete(_bill(*components), "1", wheels)


# The Debian package


def test_the_copyright_file_names_every_library_of_the_program(subtests):
    text = (ROOT / "debian" / "copyright").read_text("utf-8")
    named = set(re.findall(r"^Files: (\S+)/\*$", text, re.MULTILINE))
    modules = set()
    for entry in locked.part("core"):
        with subtests.test(entry.name):
            assert version(entry.name) is not None
            tops = Counter(p.parts[0] for p in files(entry.name) or () if p.suffix == ".py")
            modules.add(tops.most_common(1)[0][0])
    assert named == modules
    licences = set(re.findall(r"^License: (\S+)$", text, re.MULTILINE))
    whole = re.findall(r"^License: (\S+)\n ", text, re.MULTILINE)
    assert licences == set(whole)
    assert len(whole) == len(licences)


def test_the_package_depends_on_the_python_that_hwpkho_needs():
    control = (ROOT / "debian" / "control").read_text("utf-8")
    needed = PYPROJECT["project"]["requires-python"].removeprefix(">=")
    assert f"\nDepends: python3:any (>= {needed}~), ${{misc:Depends}}\n" in control


def test_debian_puts_completion_where_its_shells_look(subtests):
    rules = (ROOT / "debian" / "rules").read_text("utf-8")
    for shell in SHELLS:
        with subtests.test(shell.name):
            place = shell.place.format("hwpkho").removeprefix("share/")
            place = place.replace("zsh/site-functions", "zsh/vendor-completions")
            assert f"completion {shell.name} --name hwpkho >$(SHARE)/{place}\n" in rules
