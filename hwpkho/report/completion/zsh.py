"""Completion for zsh: a file for a folder of fpath, which may be sourced as well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.report.completion import model
from hwpkho.report.completion.model import Command, Option, Shell, Value

if TYPE_CHECKING:
    from collections.abc import Iterator

_END = """
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
  _hwpkho "$@"
else
  compdef _hwpkho @PROGRAM@
fi
"""


def _quoted(text: str) -> str:
    """Return ``text`` for a description within single quotes."""
    for mark in "\\[]:":
        text = text.replace(mark, f"\\{mark}")
    return text.replace("'", "'\\''")


def _action(value: Value) -> str:
    """Return the part of a specification for _arguments that completes ``value``."""
    words = " ".join(model.of(value))
    actions = {
        "words": f"({words})",
        "listed": f"_sequence compadd - {words}",
        "file": "_files",
        "folder": "_files -/",
    }
    return f":{_quoted(value.name or 'value')}:{actions.get(value.kind, ' ')}"


def _option(option: Option) -> Iterator[str]:
    """Yield a specification for each name; unless repeatable, giving one excludes all of them."""
    once = "*" if option.repeatable else f"({' '.join(option.names)})"
    for name in option.names:
        joint = "" if option.value is None else "=" if name.startswith("--") else "+"
        value = "" if option.value is None else _action(option.value)
        yield f"'{once}{name}{joint}[{_quoted(option.help)}]{value}'"


def _function(command: Command) -> str:
    return "_".join(("_hwpkho", *(part.replace("-", "_") for part in command.path)))


def _body(command: Command) -> Iterator[str]:
    specs = [spec for option in command.options for spec in _option(option)]
    for number, value in enumerate(command.arguments, 1):
        last = command.rest and number == len(command.arguments)
        specs.append(f"'{'*' if last else number}{_action(value)}'")
    name = _function(command)
    yield f"{name}() {{"
    if not command.commands:
        yield "  _arguments -s -S \\"
        yield from (f"    {spec} \\" for spec in specs[:-1])
        yield f"    {specs[-1]}"
    else:
        yield "  local curcontext=$curcontext state line ret=1"
        yield "  typeset -A opt_args"
        yield "  _arguments -s -S -C \\"
        yield from (f"    {spec} \\" for spec in specs)
        yield f"    '1:command:{name}__commands' '*:: :->rest' && ret=0"
        yield "  if [[ $state == rest ]]; then"
        yield '    curcontext="${curcontext%:*:*}:hwpkho-$words[1]:"'
        yield "    case $words[1] in"
        yield from (f"    {c.path[-1]}) {_function(c)} && ret=0 ;;" for c in command.commands)
        yield "    esac"
        yield "  fi"
        yield "  return ret"
    yield "}"
    if command.commands:
        yield f"{name}__commands() {{"
        yield "  local -a commands=("
        yield from (f"    '{c.path[-1]}:{_quoted(c.help)}'" for c in command.commands)
        yield "  )"
        yield "  _describe -t commands command commands"
        yield "}"


def script(root: Command, program: str) -> str:
    """Return the script: a function for each command."""
    head = f"#compdef {program}\n# Made by: {program} completion zsh\n"
    functions = ("\n".join(_body(command)) for command in root.walk())
    return "\n".join((head, "\n\n".join(functions), _END.replace("@PROGRAM@", program)))


SHELL = Shell("zsh", "share/zsh/site-functions/_{}", script)
