"""The options that hwpkho.toml or the environment may set, found by looking at the commands."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from hwpkho.commands import config

    #: Imports a command by its name.
    Load = Callable[[str], click.Command]

#: Options that only make sense for one call, and so cannot be set: inputs, outputs, addresses.
_OF_A_CALL = frozenset(
    (
        "against", "at", "batch", "config", "damage", "dimms", "dtb", "dtb-out", "efi-table",
        "exclude", "force", "from", "host", "kexec-count", "kho-scratch", "layout", "names",
        "output", "phys-base", "previous-release", "reason", "role", "root", "root-fdt", "save",
        "since", "sql", "subtree", "unit", "write-baseline",
    )
)  # fmt: skip
#: Flags that can be set; all others only make sense for one call.
_FLAGS = frozenset(("keep-all", "no-pager", "no-scratch", "replayable-only"))
_PATHS = frozenset(("FILE", "LIST", "DIR"))
#: Commands without settings: they must work even if hwpkho.toml is wrong.
PLAIN = frozenset(
    ("completion", "config", "explain", "formats", "help", "man", "schema", "version")
)


class Defaults(dict[str, Any]):
    """The ``default_map`` of click: settings by command, read when a command is called."""

    def __init__(self, context: click.Context, load: Load, names: Iterable[str]) -> None:
        """Take the program's context, the function that imports a command, and all their names."""
        super().__init__()
        self._load, self._names = load, list(names)
        self._named = context.params.get("config")
        # Options before the name of the command were typed, too.
        typed = click.core.ParameterSource.COMMANDLINE
        named = (p.name for p in context.command.params if p.name)
        self._given = {n for n in named if context.get_parameter_source(n) is typed}

    def get(self, name: str, default: Any = None) -> Any:
        """Return the settings of a command: parameter → value; raises UsageError for wrong ones."""
        if name in PLAIN or name in self or name not in self._names:
            return super().get(name, default)
        from hwpkho.commands import config  # those that are plain need none

        file = config.read(self._named, os.environ)
        if file is None and not config.variables(os.environ):
            return default
        # Every key of a file is checked, so the options of every command are needed.
        found = config.settings(all_offers(self._load, self._names), file, os.environ)
        self[name] = _tree(found, name, self._load(name), self._given)
        return self[name]


def _tree(
    found: list[config.Setting], name: str, command: click.Command, given: set[str]
) -> dict[str, Any]:
    """Return settings for click: parameter → value, or for a group command → its settings."""
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
    """Return the options of all commands that can be set; imports all commands."""
    found: list[config.Offer] = []
    for name in names:
        if name not in PLAIN:
            found += offers(name, load(name))
    return found


def offers(name: str, command: click.Command) -> Iterator[config.Offer]:
    """Yield the options of a command, or of all commands in a group, that can be set."""
    if isinstance(command, click.Group):
        for inner, each in command.commands.items():
            yield from offers(f"{name}.{inner}", each)
        return
    from hwpkho.commands import config

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
    """Yield the options that can be set, with their long names without ``--``."""
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
