"""Completion for fish 3 and later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.report.completion import model
from hwpkho.report.completion.model import Command, Shell, Value

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEAD = """# fish completion for @PROGRAM@, made by: @PROGRAM@ completion fish

# Succeeds if the command line is at the command that the arguments name.
function __fish_hwpkho_at
    set -l path
    set -l previous
    for word in (commandline -opc)[2..-1]
        if contains -- "$path $previous" @VALUES@
            set previous
            continue
        end
        set previous $word
        if contains -- (string trim -- "$path $word") @PATHS@
            set path (string trim -- "$path $word")
        end
    end
    test "$path" = "$argv"
end

function __fish_hwpkho_lines
    printf '%s\\n' $argv
end

complete -c @PROGRAM@ -f
"""


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _value(value: Value) -> str:
    """Return the options of fish's ``complete`` for the values of a parameter."""
    words = " ".join(model.of(value))
    options = {
        "words": f"-x -a '{words}'",
        "listed": f"-x -a '(__fish_complete_list , \"__fish_hwpkho_lines {words}\")'",
        "file": "-r -F",
        "folder": "-x -a '(__fish_complete_directories)'",
    }
    return options.get(value.kind, "-x")


def _lines(command: Command, program: str) -> Iterator[str]:
    at = f"complete -c {program} -n {_quoted(' '.join(('__fish_hwpkho_at', *command.path)))}"
    for below in command.commands:
        yield f"{at} -a {below.path[-1]} -d {_quoted(below.help)}"
    for option in command.options:
        names = " ".join(
            f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names
        )
        takes = f" {_value(option.value)}" if option.value is not None else ""
        yield f"{at} {names}{takes} -d {_quoted(option.help)}"
    for value in command.arguments:
        if value.kind != "text":
            yield f"{at} {_value(value).removeprefix('-r ').removeprefix('-x ')}"


def script(root: Command, program: str) -> str:
    """Return the script."""
    paths, values = list[str](), list[str]()
    for command in root.walk():
        if command.path:
            paths.append(" ".join(command.path))
        if command.commands:
            taking = (o for o in command.options if o.value is not None)
            path = " ".join(command.path)
            values += [f"{path} {name}" for o in taking for name in o.names]
    head = _HEAD.replace("@PATHS@", " ".join(map(_quoted, paths)))
    head = head.replace("@VALUES@", " ".join(map(_quoted, values))).replace("@PROGRAM@", program)
    return (
        head
        + "".join(f"\n{line}" for command in root.walk() for line in _lines(command, program))
        + "\n"
    )


SHELL = Shell("fish", "share/fish/vendor_completions.d/{}.fish", script)
