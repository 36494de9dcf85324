"""``hwpkho completion``: every command, option and name is in the script, and TAB finds it."""

from __future__ import annotations

import shutil
import subprocess

import click
import pytest
from click.shell_completion import ShellComplete

from hwpkho.badpages.kinds import KINDS
from hwpkho.badpages.registry import written_names
from hwpkho.cli import tree
from hwpkho.cli.main import COMMANDS, main
from hwpkho.codes import registry
from hwpkho.commands import schema
from hwpkho.commands.list import form_names
from hwpkho.encode.damage.registry import DAMAGES
from hwpkho.memmap.names import MAP_NAMES
from hwpkho.report.completion.model import Command, Option, Value
from hwpkho.report.completion.registry import SHELLS
from tests.support import tabs
from tests.toys import shell as toy

CODES = [*registry(), *(code.name for code in registry().values())]
#: Command and parameter → the words that it completes to.
WORDS = {
    "explain CODE": CODES,
    "schema NAME": schema.names(),
    "man COMMAND": sorted(COMMANDS),
    "completion SHELL": SHELLS.names(),
    "validate --map": MAP_NAMES.names(),
    "memmap --map": MAP_NAMES.names(),
    "validate --from": form_names(),
    "list --from": form_names(),
    "list --to": written_names(),
    "list --kinds": KINDS,
    "validate --ignore": CODES,
    "encode --damage": ["list", *DAMAGES.names()],
    "validate --role": ["in", "out"],
    "decode --page-size": ["4096", "16384", "65536"],
}
#: A line, and what a TAB at its end makes of it.
LINES = [
    ("expl", "explain"),
    ("explain count-bey", "explain count-beyond-array"),
    ("list --to memmap-g", "list --to memmap-grub"),
    ("list --to=memmap-g", "list --to=memmap-grub"),
    ("validate x --map xen_do", "validate x --map xen_dom0"),
    ("validate --ignore HP101,count-bey", "validate --ignore HP101,count-beyond-array"),
    ("decode --ann", "decode --annotate"),
    ("schema hwpkho.dam", "schema hwpkho.damages/1"),
    ("decode a", "decode a dump.elf"),
    ("validate --memmap a", "validate --memmap a dump.elf"),
]


@pytest.fixture(scope="module")
def root():
    return tree.read(main)


@pytest.fixture(scope="module", params=SHELLS.names())
def shell(request):
    return SHELLS[request.param]


def _needs(name):
    if not shutil.which(name):
        pytest.skip(f"{name} is not installed")


def _values(root):
    for command in root.walk():
        path = " ".join(command.path)
        for option in command.options:
            if option.value is not None:
                yield from ((f"{path} {name}", option.value) for name in option.names)
        for value in command.arguments:
            yield f"{path} {value.name}", value


@pytest.mark.parametrize("what", WORDS)
def test_words_follow_the_registries(what, root):
    assert sorted(dict(_values(root))[what].words) == sorted(WORDS[what])


def test_the_tree_has_all_that_click_knows(root, subtests):
    assert [command.path[0] for command in root.commands] == list(COMMANDS)
    for command in root.commands:
        with subtests.test(command.path[0]):
            known = certain_command(command.path[0])
            names = [name for option in command.options for name in option.names]
            wanted = [n for p in known.params for n in p.opts if isinstance(p, click.Option)]
            assert set(wanted) | {"-h", "--help"} == set(names)


def certain_command(name):
    found = main.get_command(click.Context(main), name)
    assert found is not None
    return found


def test_every_argument_completes_to_something(root):
    """Also those of commands below a command."""
    arguments = [(c.path, value.name) for c in root.walk() for value in c.arguments]
    free = [(c.path, v.name) for c in root.walk() for v in c.arguments if v.kind == "text"]
    assert not free
    assert len(arguments) > len(COMMANDS) / 2


def test_the_program_prints_the_script(shell, root, cli):
    printed = cli("completion", shell.name)
    assert (printed.code, printed.err) == (0, "")
    assert printed.out == shell.script(root, "hwpkho")
    assert all(option in printed.out for option in ("page-size", "write-baseline"))


def test_a_program_of_another_name(shell, cli, monkeypatch, subtests):
    printed = cli("completion", shell.name, "--name", "hwpkho-0.1.pyz").out
    assert f"{'#compdef' if shell.name == 'zsh' else 'complete'} " in printed
    assert "hwpkho-0.1.pyz" in printed
    for name in ("", "a b", "$(id)", "-x", "a/b", "x\n"):
        with subtests.test(repr(name)):
            wrong = cli("completion", shell.name, "--name", name)
            assert (wrong.code, wrong.out) == (2, "")


def test_a_hostile_tree_runs_nothing(shell, tmp_path):
    """Words and help of a plugin, too, are text for the shell."""
    _needs(shell.name)
    trap = tmp_path / "trap"
    bad = f"'; touch {trap}; $(touch {trap}) `touch {trap}` \\[x]:\""
    value = Value("words", bad, (bad, "good", f"$(touch${{IFS}}{trap})"))
    options = (
        Option(("-o", "--one"), bad, value, repeatable=False),
        Option(("--two",), bad, value._replace(kind="listed"), repeatable=True),
        Option(("--three",), bad, None, repeatable=False),
    )
    below = Command(("do",), bad, options, (value,), rest=True)
    script = tmp_path / "script"
    script.write_text(shell.script(Command((), "", options[2:], commands=(below,)), "hwpkho"))
    flag = [] if shell.name == "fish" else ["-n"]
    subprocess.run([shell.name, *flag, script], check=True, capture_output=True, cwd=tmp_path)
    if shell.name != "zsh":  # as it is completed by a press of the key, below
        assert tabs.pressed(shell.name, script, "hwpkho do --one go", tmp_path)[-1] == "good"
    assert not trap.exists()


@pytest.mark.parametrize("words", LINES[:4], ids=lambda w: w[0])
def test_bash(words, root, tmp_path):
    """The function alone: to press the key takes a second."""
    line, wanted = words
    (tmp_path / "script").write_text(SHELLS["bash"].script(root, "hwpkho"))
    split = " ".join(line.replace("=", " = ").split())
    script = f"""source ./script; COMP_WORDS=(hwpkho {split}); COMP_CWORD=$((${{#COMP_WORDS[@]}}-1))
_hwpkho 2>/dev/null; printf '%s\\n' "${{COMPREPLY[@]}}" """
    done = subprocess.run(
        ["bash", "--norc", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [wanted.replace("=", " ").split()[-1]]


@pytest.mark.slow
@pytest.mark.parametrize("words", LINES, ids=lambda w: w[0])
def test_tab(shell, words, root, tmp_path):
    _needs(shell.name)
    (tmp_path / "a dump.elf").write_bytes(b"")
    script = tmp_path / "script"
    script.write_text(shell.script(root, "hwpkho"))
    line, wanted = words
    got = tabs.pressed(shell.name, script, f"hwpkho {line}", tmp_path)
    assert " ".join(got) == wanted


@pytest.mark.slow
def test_tab_for_another_name(shell, root, tmp_path):
    _needs(shell.name)
    script = tmp_path / "script"
    script.write_text(shell.script(root, "kho.pyz"))
    assert tabs.pressed(shell.name, script, "kho.pyz expl", tmp_path, "kho.pyz") == ["explain"]


def test_a_toy_shell(cli):
    """Its script is printed, and the others complete its name."""
    toy.register()
    try:
        printed = cli("completion", "toy-shell", "--name", "own")
        assert (printed.code, printed.out.split("\n")[0]) == (0, "own decode")
        assert "toy-shell" in cli("completion", "bash").out
        assert "|toy-shell}" in cli("completion", "--help").out
    finally:
        toy.unregister()
    assert cli("completion", "toy-shell").code == 2


def test_names_are_completed():
    complete = ShellComplete(main, {}, "hwpkho", "_HWPKHO_COMPLETE")
    found = [item.value for item in complete.get_completions(["encode", "--damage"], "count-")]
    assert found == ["count-beyond-array", "count-huge"]
    found = [item.value for item in complete.get_completions(["encode", "--damage"], "li")]
    assert found == ["list", "list-empty"]
