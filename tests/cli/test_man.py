"""``hwpkho man``: on a terminal by what the machine has, else as text."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from hwpkho.cli.main import COMMANDS
from tests.support import ROOT, forked


@pytest.mark.parametrize("name", [None, *COMMANDS])
def test_every_command_has_a_page(name, cli):
    shown = cli("man", *([name] if name else []))
    assert shown.code == 0
    assert shown.err == ""
    assert shown.out.startswith(f"NAME\n     hwpkho{f'-{name}' if name else ''} - ")
    assert "\nEXIT STATUS\n" in shown.out


def test_a_page_by_its_own_name(cli):
    assert cli("man", "hwpkho-decode").out == cli("man", "decode").out
    assert cli("man", "hwpkho-decode.1").out == cli("man", "decode").out
    assert cli("man", "hwpkho").out == cli("man").out


def test_source(cli):
    assert cli("man", "--source", "decode").out == (ROOT / "man" / "hwpkho-decode.1").read_text()


@pytest.mark.parametrize("name", ["nothing", "../hwpkho", "hwpkho-", "", "\x1b[31m"])
def test_no_such_page(name, cli):
    shown = cli("man", name)
    assert (shown.code, shown.out) == (2, "")
    assert shown.err.startswith("hwpkho: no manual page '")
    assert shown.err.count("\n") == 1
    assert "\x1b" not in shown.err


def _terminal(path, **env):
    env = {"PATH": str(path), "TERM": "dumb", **env}
    return forked.on_terminal("man", "schema", stdout=True, env=env)[1].decode()


def _program(folder, name, script):
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


@pytest.mark.parametrize(("name", "option"), [("man", "-l"), ("mandoc", "-a")])
def test_a_terminal_gets_what_shows_pages(name, option, tmp_path):
    _program(tmp_path, name, 'echo "SHOWN $1"; IFS= read -r line < "$2"; echo "$line"')
    shown = _terminal(tmp_path)
    assert f"SHOWN {option}" in shown
    assert ".Dd " in shown


@pytest.mark.parametrize(
    "script",
    [
        "echo 'this image has been minimized' >&2; exit 1",  # as in a container of Ubuntu
        "echo 'man: invalid option -- l' >&2; exit 2",  # busybox
        "exit 127",
    ],
)
def test_a_man_that_shows_nothing_is_not_the_end(script, tmp_path):
    _program(tmp_path, "man", script)
    shown = _terminal(tmp_path, PAGER="/bin/cat")
    assert "hwpkho-schema - print the JSON Schema of a document" in shown
    assert "invalid option" not in shown


def test_a_terminal_without_any_program(tmp_path):
    shown = _terminal(tmp_path / "nothing", PAGER="")
    assert "hwpkho-schema - print the JSON Schema of a document" in shown


def test_in_a_bare_place(tmp_path):
    """No PATH, a C locale, a home and a folder that nobody can write."""
    tmp_path.chmod(0o500)
    env = {"LANG": "C", "LC_ALL": "C", "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "hwpkho", "man", "diff"],
        env={**env, "TMPDIR": os.devnull},
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"hwpkho-diff - compare lists" in done.stdout
