"""config: settings out of a file and the environment, in the place of options that were not given.

An option on the command line counts first, then the environment, then the file, then the default.
Within the file a command's own table counts before the keys above it, in the environment
``HWPKHO_VALIDATE_FAIL_ON`` before ``HWPKHO_FAIL_ON``.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from hwpkho.base.escape import printable
from hwpkho.base.late import late
from hwpkho.errors import InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

#: What the file is called, and the table of another file that does.
NAME, PYPROJECT, TABLE = "hwpkho.toml", "pyproject.toml", ("tool", "hwpkho")
#: The variable that names the file; ``none`` reads none.
VARIABLE, NONE = "HWPKHO_CONFIG", "none"
PREFIX = "HWPKHO_"
#: Longest file, bytes; folders that are looked into above the current one.
_MAX_SIZE, _MAX_DEPTH = 1 << 20, 64
#: Variables of other meaning.
_OTHERS = frozenset((VARIABLE, "HWPKHO_MAX_UNPACKED"))
#: Where that table may begin. Most projects have none, not even hwpkho's own, and to look for it
#: takes a hundredth of the time of parsing.
_MAY_HAVE_TABLE = late(
    rb"""^[\xef\xbb\xbf \t\["']*tool["']?[ \t]*(?:[]=]|\.[ \t]*["']?hwpkho)""", re.MULTILINE
)

Origin = Literal["environment", "file", "default"]


class Offer(NamedTuple):
    """An option that a file or the environment may set.

    Attributes:
        command: The command that has it, ``fleet.add`` for a command of a command.
        key: The option without dashes before it.
        about: What it does.
        default: Its value where nothing sets it.
        several: Whether it takes a list of values.
        flag: Whether it is true or false.
        path: Whether its values name files, from the folder of the file that sets them on.
        schema: What values it takes, as JSON Schema; of each where it takes several.
        check: Returns a text as the option's value; raises ValueError with the reason for one that
            it does not take.
    """

    command: str
    key: str
    about: str
    default: Any
    several: bool
    flag: bool
    path: bool
    schema: dict[str, Any]
    check: Callable[[Any], object]


class Setting(NamedTuple):
    """The value of an option and where it is from.

    Attributes:
        offer: The option.
        value: What the option takes it for: true or false, a number, text, or a list of those.
        origin: What sets it.
        where: The file, or the variable; empty for a default.
    """

    offer: Offer
    value: Any
    origin: Origin
    where: str = ""


class File(NamedTuple):
    """A file of settings.

    Attributes:
        path: As messages name it.
        folder: Where it is.
        values: What stands in it, not checked yet.
    """

    path: str
    folder: Path
    values: dict[str, Any]


def read(named: str | None, environ: Mapping[str, str]) -> File | None:
    """Return the file that counts: the one named, else the nearest from the current folder up.

    Raises UsageError where it cannot be read or is not TOML.
    """
    named = named if named is not None else environ.get(VARIABLE) or None
    if named is not None:
        return None if named == NONE else _of(Path(named))
    return next((found for path in _near() if (found := _of(path)) is not None), None)


def _near() -> Iterator[Path]:
    """Yield the files that may have settings, up to the top of a repository or the home."""
    try:
        folder, home = Path.cwd(), Path("~").expanduser()
    except (OSError, RuntimeError):
        return  # the current folder was removed, or nobody knows the home
    for depth in range(_MAX_DEPTH):
        for name in (NAME, PYPROJECT):
            path = folder / name
            # Another program's file that is not for us to read is none with a table for us.
            if path.is_file() and (name == NAME or os.access(path, os.R_OK)):
                yield Path(name) if not depth else path
        if folder in (home, folder.parent) or (folder / ".git").exists():
            return
        folder = folder.parent


def _of(path: Path) -> File | None:
    """Read a file; None for one of another program that has no table for us."""
    from hwpkho.base import opening  # where there is a file

    shown = printable(str(path))
    try:
        raw = opening.small(str(path), _MAX_SIZE)
    except InputError as error:
        raise UsageError(str(error)) from error
    if len(raw) > _MAX_SIZE:
        raise UsageError(f"{shown}: more than {_MAX_SIZE} bytes, too long for a configuration file")
    table = path.name == PYPROJECT
    if table and not (b"hwpkho" in raw and _MAY_HAVE_TABLE.search(raw)):
        return None
    try:
        from hwpkho.base import tomltext  # most calls have no file

        values: Any = tomltext.load(raw, shown)
    except InputError as error:
        raise UsageError(str(error)) from error
    if table:
        for name in TABLE:
            values = values.get(name) if isinstance(values, dict) else None
        if values is None:
            return None
        if not isinstance(values, dict):
            raise UsageError(f"{shown}: [tool.hwpkho] is not a table")
        shown += " [tool.hwpkho]"
    return File(shown, path.parent, values)


def settings(
    offers: Sequence[Offer], file: File | None, environ: Mapping[str, str]
) -> list[Setting]:
    """Return what each option is set to.

    Raises UsageError for an unknown key of the file, and for a value that its option does not
    take.
    """
    of_file = _of_file(offers, file) if file is not None else {}
    found = []
    for offer in offers:
        setting = _of_environment(offer, offers, environ) or of_file.get((offer.command, offer.key))
        found.append(setting or Setting(offer, offer.default, "default"))
    return found


def variables(environ: Mapping[str, str]) -> list[str]:
    """Return the variables that may set an option."""
    return sorted(n for n in environ if n.startswith(PREFIX) and n not in _OTHERS)


def unknown_variables(offers: Iterable[Offer], environ: Mapping[str, str]) -> list[str]:
    """Return a line for each variable of ours that sets nothing."""
    known = {name for offer in offers for name in _variables(offer)} | _OTHERS
    return [
        f"{printable(name)}: no such setting{_meant(name, known)}"
        for name in variables(environ)
        if name not in known
    ]


def file_schema(offers: Sequence[Offer]) -> dict[str, Any]:
    """Return the JSON Schema of the file."""
    tables: dict[str, Any] = {}
    tops: dict[str, list[Any]] = {}
    for offer in offers:
        one = {"type": "array", "items": offer.schema} if offer.several else offer.schema
        one = {"description": offer.about, **one}
        place = tables
        for name in offer.command.split("."):
            place = place.setdefault(name, _table())["properties"]
        place[offer.key] = one
        if one not in (have := tops.setdefault(offer.key, [])):
            have.append(one)
    top = {key: ones[0] if len(ones) == 1 else {"anyOf": ones} for key, ones in tops.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": NAME,
        "description": "Settings of hwpkho: at the top for each command that takes the value, in "
        "a command's table for that one.",
        **_table(),
        "properties": {**top, **tables},
    }


def _table() -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": {}}


def _variables(offer: Offer) -> tuple[str, str]:
    """Return the variables that set an option, the one that counts first."""
    key, command = (
        name.upper().replace("-", "_").replace(".", "_") for name in (offer.key, offer.command)
    )
    return f"{PREFIX}{command}_{key}", f"{PREFIX}{key}"


def _of_environment(
    offer: Offer, offers: Sequence[Offer], environ: Mapping[str, str]
) -> Setting | None:
    own, common = _variables(offer)
    for name in (own, common):
        text = environ.get(name)
        if text is None:
            continue
        value: Any = text
        if offer.flag:
            value = {"1": True, "true": True, "0": False, "false": False, "": False}.get(
                text.lower(), text
            )
        elif offer.several:
            value = [part.strip() for part in text.split(",") if part.strip()]
        try:
            return Setting(offer, _checked(offer, value), "environment", name)
        except ValueError as error:
            if name == own or not _taken(offers, offer.key, value):
                raise UsageError(f"{name}={printable(text[:60])}: {error}") from error
    return None


def _of_file(offers: Sequence[Offer], file: File) -> dict[tuple[str, str], Setting]:
    by_place = {(offer.command, offer.key): offer for offer in offers}
    tables = {".".join(name.split(".")[: n + 1]) for name, _ in by_place for n in range(2)}
    found: dict[tuple[str, str], Setting] = {}
    for table, key, value in _flat(file, tables):
        at = f"{file.path}: {printable(f'{table}.{key}' if table else key)}"
        mine = [o for o in offers if o.key == key and (not table or _within(o.command, table))]
        if not mine:
            known = {o.key for o in offers if not table or _within(o.command, table)}
            others = {o.command.partition(".")[0] for o in offers} if not table else set()
            where = f" of {table}" if table else ""
            if key in others:
                raise UsageError(f"{at}: this is a table, [{key}], not a setting")
            raise UsageError(f"{at}: no such setting{where}{_meant(key, known | others)}")
        why = ""
        for offer in mine:
            try:
                checked = _checked(offer, value)
            except ValueError as error:
                why = why or str(error)
                continue
            if offer.path:
                checked = _resolved(checked, file.folder)
            place = (offer.command, offer.key)
            # A command's own table counts before what stands above it, wherever in the file.
            if place not in found or table:
                found[place] = Setting(offer, checked, "file", file.path)
        if why and (table or not any((o.command, o.key) in found for o in mine)):
            raise UsageError(f"{at}: {why}")
    return found


def _flat(file: File, tables: set[str]) -> list[tuple[str, str, Any]]:
    """Return ``(table, key, value)`` of all that stands in the file, outer tables first."""
    found: list[tuple[str, str, Any]] = []
    todo: list[tuple[str, dict[str, Any]]] = [("", file.values)]
    for table, values in todo:
        for key, value in values.items():
            name = key.replace("_", "-")
            inner = f"{table}.{name}" if table else name
            if not isinstance(value, dict):
                found.append((table, name, value))
            elif inner in tables:
                todo.append((inner, value))
            else:
                known = {t.rpartition(".")[2] for t in tables if t.rpartition(".")[0] == table}
                raise UsageError(
                    f"{file.path}: [{printable(inner)}]: no such command{_meant(name, known)}"
                )
    return found


def _within(command: str, table: str) -> bool:
    return command == table or command.startswith(f"{table}.")


def _taken(offers: Iterable[Offer], key: str, value: Any) -> bool:
    """Tell whether any command takes this value for an option of this name."""
    for offer in offers:
        if offer.key == key:
            try:
                _checked(offer, value)
            except ValueError:
                continue
            return True
    return False


def _checked(offer: Offer, value: Any) -> Any:
    """Return a value as its option takes it; ValueError with the reason where it does not."""
    if offer.several:
        values = value if isinstance(value, list) else [value]
        return [_one(offer, each) for each in values]
    if isinstance(value, list):
        raise ValueError("takes one value, not a list")
    return _one(offer, value)


def _one(offer: Offer, value: Any) -> Any:
    if offer.flag:
        if not isinstance(value, bool):
            raise ValueError("takes true or false")
        return value
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError("takes text or a number")
    text = value if isinstance(value, str) else repr(value)
    if "\0" in text:
        raise ValueError("holds a NUL")
    taken = offer.check(text)
    return taken if isinstance(taken, (str, int, float)) else text


def _resolved(value: Any, folder: Path) -> Any:
    """Return paths from ``folder`` on; ``A+B`` names two where there is no file of that name."""
    if isinstance(value, list):
        return [_resolved(each, folder) for each in value]
    if str(folder) == "." or not value:
        return value
    if (folder / value).exists():
        return str(folder / value)
    return "+".join(str(folder / piece) for piece in value.split("+"))


def _meant(name: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches  # only for a mistake

    near = get_close_matches(name, sorted(known), 1, 0.6)
    return f"; did you mean {near[0]}?" if near else ""
