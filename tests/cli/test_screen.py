"""The options of every command: width, colours, pager, how much is said; help and what is meant."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from pathlib import Path

import click
import pytest

from hwpkho.cli.main import COMMANDS, main
from hwpkho.cli.screen import OPTIONS
from tests.support import FIXTURES, captures, certain
from tests.support.forked import on_terminal

IOMEM = FIXTURES / "captures" / "x86-structv1-small" / "iomem.txt"
LIST = "0x10 0x979 0x1ffe0 0x999999\n"


@pytest.fixture
def judged(cli, tmp_path, monkeypatch):
    """Return a function that judges a list of four pages, one of each sort."""
    (tmp_path / "list").write_text(LIST)
    monkeypatch.chdir(tmp_path)
    return lambda *options: cli("validate", "list", "--memmap", IOMEM, *options)


def test_they_may_stand_before_the_command_or_after_it(cli, judged):
    plain = judged().out
    coloured = judged("--color", "always").out
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain
    before = ("validate", "list", "--memmap", IOMEM)
    assert cli("--color=always", *before).out == coloured
    assert cli("-v", *before).out == judged("-v").out
    assert cli("--no-pager", "-q", *before).out == judged("--quiet", "--no-pager").out
    assert cli("--color=never", *before, "--color", "always").out == coloured  # the last counts


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_them(name, subtests):
    todo = [certain(main.get_command(click.Context(main), name))]
    while todo:
        each = todo.pop()
        with subtests.test(each.name):
            assert set(OPTIONS) <= set(each.params)
        todo += getattr(each, "commands", {}).values()


@pytest.mark.parametrize(
    "where", [("-V",), ("--version",), ("validate", "-V"), ("-q", "list", "-V")]
)
def test_the_version(where, cli):
    got = cli(*where)
    assert (got.code, got.err) == (0, "")
    assert re.fullmatch(r"hwpkho \d+\.\d+\.\d+\S*\n", got.out)


@pytest.mark.parametrize("args", [("-q", "-v", "list", "x"), ("-v", "list", "x", "--quiet")])
def test_quiet_and_verbose_exclude_each_other(args, cli):
    assert (cli(*args).code, cli(*args).err) == (
        2, "hwpkho: --quiet and --verbose exclude each other\n"
    )  # fmt: skip


def test_quiet_is_the_one_line_that_counts(judged):
    got = judged("-q")
    assert (got.code, got.err) == (1, "")
    assert got.said == "list: 1 of 4 pages would be forgotten, 2 of 4 pages would stay in use"
    assert judged("-q", "--json").out == judged("--json").out


#: A call with a report for people → how many lines of it -q leaves, None: one an item.
QUIET = {
    "decode vmcore": 1, "validate list --memmap iomem.txt": 1, "memmap iomem.txt": 1,
    "validate --batch cases --jobs 1": 1, "diff list vmcore": 1, "diff list other list": 1,
    "check --root machine": 1, "list vmcore": 1, "list --dimms list": 1, "explain HP603": 1,
    "explain": None, "formats": None, "config": 1, "config --all": 1, "version": 1,
    "encode --damage list": None, "fleet add data list --jobs 1": 1, "list list --to memmap": 1,
    "merge list vmcore -o out -f": 0, "capture vmcore -o out -f": 0,
    "encode list --to list -o out -f": 0,
    "encode list --ram 0x60000000:64M --no-scratch -o out -f": 0,
}  # fmt: skip
#: Those whose output is what was asked for, whole.
WHOLE = {"metrics", "watch", "schema", "man", "completion", "help"}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    top = tmp_path_factory.mktemp("inputs")
    (top / "list").write_text(LIST)
    (top / "other").write_text("0x10\n")
    shutil.copy(IOMEM, top / "iomem.txt")
    (top / "vmcore").write_bytes(captures.elf("x86-structv1-small"))
    shutil.copytree(FIXTURES / "live" / "x86-structv1-small", top / "machine")
    (top / "cases/one").mkdir(parents=True)
    (top / "cases/one/list").write_text(LIST)
    return top


def test_quiet_is_tried_on_every_command():
    assert {call.partition(" ")[0] for call in QUIET} | WHOLE == set(COMMANDS)


@pytest.mark.parametrize("call", QUIET)
def test_quiet_is_the_same_everywhere(call, cli, inputs, monkeypatch):
    """It leaves one line, or one an item, says nothing beside, and changes no exit code."""
    monkeypatch.chdir(inputs)
    monkeypatch.setenv("COLUMNS", "1000")
    usual = cli(*call.split())
    shutil.rmtree("data", ignore_errors=True)
    quiet = cli("-q", *call.split())
    shutil.rmtree("data", ignore_errors=True)
    assert (quiet.code, quiet.err) == (usual.code, "")
    lines = quiet.out.splitlines()
    assert all(line == line.strip() for line in lines)
    if QUIET[call] is None:
        assert len(lines) == len(set(lines)) > 20
        assert len(quiet.out) < len(usual.out) / 2
    else:
        assert len(lines) == QUIET[call]
        assert call.startswith("diff") or set(lines) <= set(usual.out.splitlines())


@pytest.mark.parametrize("name", ["encode", "merge", "capture", "list"])
def test_quiet_says_that_nothing_is_reported_of_what_is_written(name, cli):
    assert "no report on what is written" in " ".join(cli(name, "--help").out.split())
    page = " ".join(cli("man", "--no-pager").out.split())
    assert "print no report; if a list had no room" in page


@pytest.mark.parametrize("call", ["validate list --memmap iomem.txt", "check --root machine"])
def test_verbose_has_the_notes_of_nearly_every_report(call, cli, inputs, monkeypatch):
    monkeypatch.chdir(inputs)
    usual, verbose = cli(*call.split()).said, cli("-v", *call.split()).said
    assert "HP562" in verbose
    assert "HP562" not in usual
    assert re.search(r"routine notes? \(-v shows them\)", usual)


@pytest.mark.parametrize(
    ("env", "plain"),
    [
        ({"LC_ALL": "C"}, True),
        ({"LC_ALL": "POSIX", "LANG": "C.UTF-8"}, True),
        ({"LC_ALL": "", "LC_CTYPE": "", "LANG": "C"}, True),
        ({"LC_ALL": "", "LC_CTYPE": "C", "LANG": "C.UTF-8"}, True),
        ({"LC_ALL": "", "LC_CTYPE": "C.UTF-8", "LANG": "C"}, False),
        ({"LC_ALL": "C.UTF-8", "LANG": "C"}, False),
        ({"LC_ALL": "", "LC_CTYPE": "", "LANG": ""}, False),
    ],
)
def test_a_user_of_the_c_locale_gets_plain_characters(env, plain, judged, monkeypatch):
    """Python writes UTF-8 there all the same."""
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert ("\u2588" not in judged().out) == plain
    assert ("####" in judged().out) == plain


@pytest.mark.parametrize(
    "call", ["check machine", "check nothing machine", "metrics machine -q", "watch machine"]
)
def test_a_copied_tree_is_given_with_root(call, cli, inputs, monkeypatch):
    monkeypatch.chdir(inputs)
    name = call.split()[0]
    got = cli(*call.split())
    assert (got.code, got.err) == (
        2, f"hwpkho: machine: give a copied tree with --root: hwpkho {name} --root machine\n"
    )  # fmt: skip
    said = "nothing: No such file or directory"
    if name != "watch":  # it takes a log
        said = "Got unexpected extra argument (nothing)"
    assert cli(name, "nothing").err == f"hwpkho: {said}\n"


def test_notes_of_nearly_every_report_are_for_verbose(judged):
    got = judged()
    assert "2 routine notes (-v shows them)" in got.out
    assert "HP562" not in got.out
    assert "HP562 running-kernel-image" in judged("-v").out
    assert "HP562" in judged("--json").out


def test_nothing_is_broken_within_a_word(judged, monkeypatch, subtests):
    """A narrow screen has the words of a wide one; heads of columns that go below come again."""
    monkeypatch.setenv("COLUMNS", "400")
    words = _words(judged().out)
    for columns in (20, 33, 50, 61, 80):
        with subtests.test(str(columns)):
            monkeypatch.setenv("COLUMNS", str(columns))
            assert set(_words(judged().out)) <= set(words)
            assert (words - _words(judged().out)).total() <= 7


def _words(text):
    blocks = text.split("\n\n")  # the picture has other rows
    return Counter(" ".join(block for block in blocks if "\u2588" not in block).split())


@pytest.mark.parametrize("said", ["", "0", "-5", "wide", "80x", "9" * 30, "\u0668\u0660"])
def test_columns_that_are_none_are_not_heeded(said, judged, monkeypatch):
    usual = judged().out
    monkeypatch.setenv("COLUMNS", said)
    assert judged().out == usual


def test_width_of_the_terminal(tmp_path, subtests):
    (tmp_path / "list").write_text(LIST)
    args = ("validate", tmp_path / "list", "--memmap", IOMEM)
    for columns in (60, 100):
        with subtests.test(str(columns)):
            _, seen = on_terminal(*args, stdout=True, env={"COLUMNS": ""}, size=(500, columns))
            lines = re.sub(r"\x1b\[[0-9;]*m", "", seen.decode()).splitlines()
            drawn = [line for line in lines if line.startswith("  0x0000000000")]
            assert columns - 25 < len(drawn[0]) <= columns
            assert max(len(x) for x in lines if str(tmp_path) not in x) <= columns


@pytest.mark.parametrize(
    ("options", "env", "coloured"),
    [
        ((), {}, True),
        ((), {"NO_COLOR": "1"}, False),
        ((), {"NO_COLOR": ""}, True),
        ((), {"TERM": "dumb"}, False),
        (("--color", "always"), {"NO_COLOR": "1", "TERM": "dumb"}, True),
        (("--color=never",), {}, False),
    ],
)
def test_colours(options, env, coloured):
    env = {"NO_COLOR": "", **env}
    _, seen = on_terminal("explain", "HP601", *options, stdout=True, env=env)
    assert (b"\x1b[1;31m" in seen) == coloured


def test_colours_of_a_pipe(cli, monkeypatch):
    assert "\x1b" not in cli("explain", "HP601").out
    assert "\x1b[1;31m" in cli("--color", "always", "explain", "HP601").out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[1;31m" in cli("--color", "always", "explain", "HP601").out
    assert cli("--color", "green", "explain").code == 2


def _paged(*args, lines=24, **env):
    env = {"PAGER": "sed s/^/|/", "NO_COLOR": "1", **env}
    _, seen = on_terminal(*args, stdout=True, env=env, size=(lines, 80))
    return [line.startswith("|") for line in seen.decode().splitlines()]


@pytest.mark.slow
def test_what_is_longer_than_the_terminal_goes_through_the_pager():
    assert all(_paged("explain"))
    assert not any(_paged("explain", lines=10000))
    assert not any(_paged("explain", "--no-pager"))
    assert not any(_paged("--no-pager", "explain"))
    assert not any(_paged("explain", PAGER=""))
    assert not any(_paged("explain", PAGER="cat"))
    assert not any(_paged("explain", PAGER="/nowhere/pager --x"))
    assert not any(_paged("explain", PAGER="'unbalanced"))
    assert not any(_paged("explain", TERM="dumb"))
    assert not any(_paged("explain", lines=0))
    assert all(_paged("explain", "HP601", lines=5))


def test_what_is_printed_while_it_happens_is_not_held_for_a_pager(tmp_path):
    """Else an event is seen when the screen is full of them, perhaps days later."""
    for name in ("proc", "sys"):
        (tmp_path / name).mkdir()
    (tmp_path / "log").write_text(
        "[    1.0] Memory failure: 0x12345: recovery action for free buddy page: Recovered\n"
    )
    seen = _paged("watch", tmp_path / "log", "--root", tmp_path, lines=3)
    assert seen
    assert not any(seen)


def test_who_quits_the_pager_has_seen_enough(tmp_path):
    (tmp_path / "list").write_text(LIST)
    # the exit code is that of the judgement, not of the pager
    args = ("validate", tmp_path / "list", "--memmap", IOMEM)
    _, seen = on_terminal(*args, stdout=True, env={"PAGER": "head -n 1"}, size=(10, 80))
    assert len(seen.splitlines()) == 1
    assert b"rror" not in seen


def test_help(cli, subtests):
    for name in COMMANDS:
        with subtests.test(name):
            assert cli("help", name).out == cli(name, "--help").out
    assert cli("help").out == cli("--help").out
    assert cli("help", "fleet", "add").out == cli("fleet", "add", "--help").out


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("valdate",), "hwpkho: No such command 'valdate'. Did you mean validate?"),
        (("help", "explan"), "hwpkho: No such command 'explan'. Did you mean explain?"),
        (("merg", "x"), "hwpkho: No such command 'merg'. Did you mean merge?"),
        (("zzz",), "hwpkho: No such command 'zzz'. hwpkho --help lists them."),
        (
            ("--to", "memmap", "list", "x"),
            "hwpkho: --to is an option of list; give it after the command: hwpkho list ...",
        ),
        (
            ("fleet", "--batch", "x", "add", "y"),
            "hwpkho: --batch is an option of add; give it after the command: hwpkho fleet add ...",
        ),
        (("--tu", "memmap", "list", "x"), "hwpkho: No such option '--tu'."),
        (("/",), "hwpkho: No such command '/'. It is a file: give a command before it."),
        (("fleet", "ad"), "hwpkho: No such command 'ad'. Did you mean add?"),
        (("help", "list", "x"), "hwpkho: hwpkho list has no commands of its own"),
        (("x\x1b[2J",), "hwpkho: No such command 'x\\x1b[2J'. hwpkho --help lists them."),
    ],
)
def test_what_may_be_meant(args, says, cli):
    got = cli(*args)
    assert (got.code, got.out, got.err) == (2, "", says + "\n")


def test_what_is_said_beside_is_broken_between_words_on_a_terminal(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("list").write_text(LIST)
    _, seen = on_terminal("list", "list", size=(500, 40), env={"COLUMNS": ""})
    assert seen.decode().splitlines() == [
        "hwpkho: list: page size 4096 assumed:", "  the list does not record it"
    ]  # fmt: skip
