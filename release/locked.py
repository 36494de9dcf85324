"""Prints a part of a lock file: some projects, and what they need, with their hashes.

``python3 -m release.locked build`` has what builds a wheel, ``core`` what hwpkho always needs,
``kdump`` what its extra brings. So a tool takes only what it needs, of the locks that are there.
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
#: What can be asked for → the lock that has it.
LOCKS = {
    "build": "requirements-dev.lock",
    "core": "requirements.lock",
    "kdump": "requirements.lock",
}
_ENTRY = re.compile(
    r"^(?P<name>[A-Za-z0-9._-]+)(?:\[[^]]*\])?==(?P<version>[^\s;]+)(?: ;(?P<marker>.*?))? \\\n"
    r"(?P<hashes>(?:    --hash=\S+(?: \\)?\n)+)"
    r"(?P<via>(?:    #.*\n)*)",
    re.MULTILINE,
)


class Entry(NamedTuple):
    """A project of a lock.

    Attributes:
        name: In its normal form: lower case, ``-`` between words.
        version: As the lock pins it.
        marker: Where it is wanted, as the lock says; empty for everywhere.
        hashes: SHA-256 of each of its files.
        via: The projects that need it.
        text: The lines themselves.
    """

    name: str
    version: str
    marker: str
    hashes: frozenset[str]
    via: frozenset[str]
    text: str


def normal(name: str) -> str:
    """Return the normal form of the name of a project."""
    return re.sub(r"[-_.]+", "-", name).lower()


def entries(text: str) -> list[Entry]:
    """Return the projects of a lock, in its order; one may have several versions for machines."""
    return [
        Entry(
            normal(match["name"]),
            match["version"],
            (match["marker"] or "").strip(),
            frozenset(re.findall(r"sha256:([0-9a-f]{64})", match["hashes"])),
            frozenset(map(normal, re.sub(r"#(?:\s*via\b)?", " ", match["via"]).split())),
            match[0],
        )
        for match in _ENTRY.finditer(text)
    ]


def closure(locked: list[Entry], wanted: list[str]) -> list[Entry]:
    """Return the projects ``wanted`` and what they need, in the order of the lock.

    Raises ValueError where the lock lacks one of them.
    """
    missing = sorted(set(wanted) - {entry.name for entry in locked})
    if missing:
        raise ValueError(f"the lock has no {', '.join(missing)}: make lock")
    names = set(wanted)
    while more := {entry.name for entry in locked if entry.via & names} - names:
        names |= more
    return [entry for entry in locked if entry.name in names]


def part(what: str) -> list[Entry]:
    """Return what one of LOCKS takes. Raises ValueError where the lock does not have it.

    What hwpkho always needs goes into one file for all machines: nothing of it may be for some.
    """
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    project = pyproject["project"]
    needs = {
        "build": pyproject["build-system"]["requires"],
        "core": project["dependencies"],
        "kdump": project["optional-dependencies"]["kdump"],
    }[what]
    wanted = [normal(re.split(r"[^A-Za-z0-9._-]", need)[0]) for need in needs]
    found = closure(entries((ROOT / LOCKS[what]).read_text("utf-8")), wanted)
    for entry in found:
        if what == "core" and entry.marker:
            raise ValueError(f"{entry.name} is for some machines only: {entry.marker}")
    return found


def main() -> int:
    """Print what was asked for as requirements."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=LOCKS)
    try:
        found = part(parser.parse_args().what)
    except ValueError as error:
        print(f"locked: {error}", file=sys.stderr)
        return 1
    sys.stdout.writelines(entry.text for entry in found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
