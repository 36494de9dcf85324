"""Builds the tree of commands for completion scripts from click's commands."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from hwpkho.report.completion.model import Command, Option, Value

if TYPE_CHECKING:
    from hwpkho.report.completion.model import Kind

#: Word of a metavar → kind of value, for parameters whose type is plain text; others: any text.
_NAMED: dict[str, Kind] = {
    "DIR": "folder", "FOLDER": "folder", "FILE": "file", "INPUT": "file", "CASE": "file",
    "LIST": "file", "OUT": "file", "BEFORE": "file", "AFTER": "file", "MANIFEST": "file",
    "LOG": "file", "dtb": "file", "PATH": "file", "DATASET": "folder",
}  # fmt: skip
_UNFIT = re.compile(r"[^A-Za-z0-9_:/|=-]+")


def read(command: click.Command, *path: str, ctx: click.Context | None = None) -> Command:
    """Return the tree of ``command``, named by the words ``path``; imports all commands in it."""
    ctx = ctx or click.Context(command, **command.context_settings)
    below = []
    if isinstance(command, click.Group):
        for name in command.list_commands(ctx):
            found = command.get_command(ctx, name)
            if found is not None and not found.hidden:
                below.append(read(found, *path, name, ctx=click.Context(found, ctx, name)))
    parameters = [p for p in command.get_params(ctx) if not getattr(p, "hidden", False)]
    arguments = [p for p in parameters if isinstance(p, click.Argument)]
    return Command(
        path,
        _line(command.get_short_help_str(limit=200)),
        tuple(_option(p, ctx) for p in parameters if isinstance(p, click.Option)),
        tuple(_value(p, ctx) for p in arguments),
        bool(arguments) and arguments[-1].nargs == -1,
        tuple(below),
    )


def _line(text: str) -> str:
    """Return the first sentence without its full stop, short enough for a list of completions."""
    return re.split(r"(?<=[.;]) ", text)[0].rstrip(".;")


def _option(option: click.Option, ctx: click.Context) -> Option:
    flag = option.is_flag or option.count
    return Option(
        (*option.opts, *option.secondary_opts),
        _line(option.help or ""),
        None if flag else _value(option, ctx),
        option.multiple or option.count,
    )


def _value(parameter: click.Parameter, ctx: click.Context) -> Value:
    metavar = parameter.make_metavar(ctx)
    name = parameter.metavar or (parameter.name or "").upper()
    shown = _UNFIT.sub("", name) or parameter.type.name
    items = parameter.shell_complete(ctx, "")
    kinds = {item.type for item in items}
    if kinds & {"file", "dir"}:
        return Value("folder" if kinds == {"dir"} else "file", shown)
    if items:
        listed = any(getattr(item, "listed", False) for item in items)
        return Value("listed" if listed else "words", shown, tuple(str(i.value) for i in items))
    if not isinstance(parameter.type, click.types.StringParamType):
        return Value("text", shown)
    found = [_NAMED[word] for word in re.findall(r"[A-Za-z]+", metavar) if word in _NAMED]
    return Value("file" if "file" in found else found[0] if found else "text", shown)
