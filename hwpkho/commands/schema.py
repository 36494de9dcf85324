"""schema: the JSON Schemas of the documents that hwpkho writes and reads."""

from __future__ import annotations

import re
from importlib.resources import files

from hwpkho.base.escape import printable
from hwpkho.errors import UsageError

_FILE = re.compile(r"(?P<name>[a-z-]+)-(?P<version>[0-9]+)\.json")


def names() -> list[str]:
    """Return the schemas there are, ``hwpkho.decode/1``, in ascending order.

    A schema is a file ``hwpkho/schemas/NAME-VERSION.json``; nothing else registers it.
    """
    return [f"hwpkho.{name}/{version}" for name, version in sorted(_all())]


def text(name: str) -> str:
    """Return the JSON Schema called ``hwpkho.decode/1``, ``decode/1`` or (the newest) ``decode``.

    Raises UsageError for a name that there is no schema of.
    """
    wanted, slash, version = name.removeprefix("hwpkho.").partition("/")
    having = [v for n, v in _all() if n == wanted]
    number = version if slash else str(max(having, default=0))
    if number not in map(str, having):
        raise UsageError(f"no schema '{printable(name)}'; there are: {', '.join(names())}")
    return (files("hwpkho") / "schemas" / f"{wanted}-{number}.json").read_text("utf-8")


def _all() -> list[tuple[str, int]]:
    found = (files("hwpkho") / "schemas").iterdir()
    return [(m["name"], int(m["version"])) for f in found if (m := _FILE.fullmatch(f.name))]
