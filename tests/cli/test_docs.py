"""Manual pages and help: every command and option stands in its page."""

from __future__ import annotations

import shutil
import subprocess

import click
import pytest

from hwpkho.cli.main import COMMANDS, LazyGroup, main
from hwpkho.cli.screen import OPTIONS
from tests.support import ROOT, forked

MAN = ROOT / "man"
PAGES = sorted(MAN.glob("*.1"))


def _command(name):
    found = main.get_command(click.Context(main), name)
    assert found is not None
    return found


def _options(command):
    """Return the options of a command, and of the commands in it."""
    inner = command.commands.values() if isinstance(command, click.Group) else ()
    if isinstance(command, LazyGroup):
        inner = ()
    return [
        *(
            name
            for p in command.params
            if isinstance(p, click.Option)
            for name in (*p.opts, *p.secondary_opts)
        ),
        *(name for c in inner for name in _options(c)),
    ]


def _page(name):
    return (MAN / name).read_text("utf-8")


def _names(page):
    """Return the options that a page marks up: the words after Fl, and those after , or |."""
    found = set()
    for line in page.splitlines():
        words, flag, separated = line.lstrip(".").split(), False, False
        for word in words:
            if word == "Fl":
                flag, separated = True, True
            elif word in (",", "|"):
                separated = flag
            elif separated:
                found.add("-" + word)
                separated = False
            else:
                flag = False
    return found


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_stands_in_the_page_of_its_command(name):
    command, everywhere = _command(name), {o for p in OPTIONS for o in p.opts}
    own = set(_options(command)) - everywhere
    assert not own - _names(_page(f"hwpkho-{name}.1"))


@pytest.mark.parametrize("name", COMMANDS)
def test_no_page_names_an_option_that_there_is_not(name):
    page = _page(f"hwpkho-{name}.1")
    known = {*_options(_command(name)), "-h", "--help"}
    items = "\n".join(line for line in page.splitlines() if line.startswith(".It Fl"))
    named = {n for n in _names(items) if n.startswith("-")}
    assert named <= known


def test_options_of_the_program_itself():
    page = _page("hwpkho.1")
    assert set(_options(main)) <= _names(page)
    assert [name for name in COMMANDS if f".It Xr hwpkho-{name} 1" not in page] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_pages_have_their_sections(page):
    text = page.read_text("utf-8")
    sections = ("NAME", "SYNOPSIS", "DESCRIPTION", "EXIT STATUS", "EXAMPLES", "SEE ALSO")
    assert [section for section in sections if f".Sh {section}\n" not in text] == []
    assert f".Dt {page.stem.upper()} 1\n" in text
    command = page.stem.removeprefix("hwpkho").lstrip("-")
    assert command == "" or command in COMMANDS


@pytest.mark.skipif(not shutil.which("mandoc"), reason="mandoc is not installed")
@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_mandoc_finds_nothing(page):
    done = subprocess.run(
        ["mandoc", "-T", "lint", "-W", "warning", page], capture_output=True, check=False
    )
    assert done.stdout == b""
    assert done.returncode == 0


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_examples_and_exit_codes(name, cli):
    text = cli(name, "--help").out
    assert cli(name, "-h").out == text
    assert "Examples:" in text
    assert f"  hwpkho {name}" in text.split("Examples:")[1]
    assert "Exit codes:" in text
    assert _command(name).help


def test_help_lists_the_commands(cli):
    text = cli("--help").out
    assert [x for x, line in COMMANDS.items() if f"{x} " not in text or line not in text] == []
    assert "Examples:" in text


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shell_completion(shell):
    done = forked.run(env={"_HWPKHO_COMPLETE": f"{shell}_source"})
    assert b"hwpkho" in done.out
    assert done.code == 0
