"""Options that a file or the environment may set: taken from the commands themselves."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from hwpkho.commands import config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    #: Imports a command.
    Load = Callable[[str], click.Command]

#: Options of one call: what to read and write, how to show it once, and addresses of one machine.
_OF_A_CALL = frozenset(
    (
        "against", "at", "batch", "config", "damage", "dimms", "dtb", "dtb-out", "efi-table",
        "exclude", "force", "from", "host", "kexec-count", "kho-scratch", "layout", "names",
        "output", "phys-base", "previous-release", "reason", "role", "root", "root-fdt", "save",
        "since", "sql", "subtree", "unit", "write-baseline",
    )
)  # fmt: skip
#: Flags that say how hwpkho works, not what this call is for.
_FLAGS = frozenset(("keep-all", "no-pager", "no-scratch", "replayable-only"))
_PATHS = frozenset(("FILE", "LIST", "DIR"))
#: Commands of which nothing can be set: they must work whatever the file says.
PLAIN = frozenset(
    ("completion", "config", "explain", "formats", "help", "man", "schema", "version")
)


class Defaults(dict[str, Any]):
    """What click takes for options that were not given: read when a command is called."""

    def __init__(self, context: click.Context, load: Load, names: Iterable[str]) -> None:
        """Take the context of the program, what loads a command, and the names of all."""
        super().__init__()
        self._load, self._names = load, list(names)
        self._named = context.params.get("config")
        # What stands before the name of the command was given, too.
        typed = click.core.ParameterSource.COMMANDLINE
        named = (p.name for p in context.command.params if p.name)
        self._given = {n for n in named if context.get_parameter_source(n) is typed}

    def get(self, name: str, default: Any = None) -> Any:
        """Return the settings of a command. Raises UsageError where they are none."""
        if name in PLAIN or name in self or name not in self._names:
            return super().get(name, default)
        file = config.read(self._named, os.environ)
        if file is None and not config.variables(os.environ):
            return default
        # Of a file every key is checked, and so every command is asked for what it takes.
        found = config.settings(all_offers(self._load, self._names), file, os.environ)
        self[name] = _tree(found, name, self._load(name), self._given)
        return self[name]


def _tree(
    found: list[config.Setting], name: str, command: click.Command, given: set[str]
) -> dict[str, Any]:
    """Return settings as click takes them: parameter → value, command of a command → those."""
    if isinstance(command, click.Group):
        return {
            inner: _tree(found, f"{name}.{inner}", each, given)
            for inner, each in command.commands.items()
        }
    set_ = {s.offer.key: s for s in found if s.offer.command == name and s.origin != "default"}
    return {
        p.name: set_[key].value
        for p, key in _options(command)
        if p.name and key in set_ and p.name not in given
    }


def all_offers(load: Load, names: Iterable[str]) -> list[config.Offer]:
    """Return what may be set of all commands."""
    found: list[config.Offer] = []
    for name in names:
        if name not in PLAIN:
            found += offers(name, load(name))
    return found


def offers(name: str, command: click.Command) -> Iterator[config.Offer]:
    """Yield what may be set of a command, and of those that it has."""
    if isinstance(command, click.Group):
        for inner, each in command.commands.items():
            yield from offers(f"{name}.{inner}", each)
        return
    context = click.Context(command, info_name=name)
    for param, key in _options(command):
        yield config.Offer(
            name,
            key,
            param.help or "",
            _default(param, context),
            param.multiple,
            param.is_flag,
            param.metavar in _PATHS,
            _schema(param),
            _checker(param, context),
        )


def _options(command: click.Command) -> Iterator[tuple[click.Option, str]]:
    """Yield options that may be set, with their long names."""
    for param in command.params:
        if not isinstance(param, click.Option) or param.hidden or param.is_eager or param.count:
            continue
        key = next((o[2:] for o in param.opts if o.startswith("--")), "")
        if key in _OF_A_CALL or not key or (param.is_flag and key not in _FLAGS):
            continue
        yield param, key


def _default(param: click.Option, context: click.Context) -> Any:
    value = param.get_default(context)
    if param.multiple:
        return list(value) if isinstance(value, (list, tuple)) else []
    return value if isinstance(value, (bool, int, float, str)) else None


def _checker(param: click.Option, context: click.Context) -> Callable[[Any], object]:
    def check(value: Any) -> object:
        try:
            return param.type(value, param, context)
        except click.BadParameter as error:
            raise ValueError(error.message.rstrip(".")) from error

    return check


def _schema(param: click.Option) -> dict[str, Any]:
    if param.is_flag:
        return {"type": "boolean"}
    kind = param.type
    if isinstance(kind, click.Choice):
        return {"enum": [str(choice) for choice in kind.choices]}
    if isinstance(kind, (click.IntRange, click.FloatRange)):
        name = "integer" if isinstance(kind, click.IntRange) else "number"
        ends: Mapping[str, Any] = {"minimum": kind.min, "maximum": kind.max}
        return {"type": name, **{k: v for k, v in ends.items() if v is not None}}
    return {"type": ["string", "integer"]}
