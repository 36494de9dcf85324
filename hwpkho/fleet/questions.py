"""The questions to a data set: each a file of SQL that a person can read.

The SQL is what DuckDB and Spark both have. Parameters are ``:host``, ``:since``, ``:max_pages``;
who runs it says how its engine spells them. A question asks the tables through the views, which
rest on ``hosts_files``, ``pages_files`` and ``findings_files``: the rows of the files and ``day``.
"""

from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.base.escape import printable
from hwpkho.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

#: In the order in which they rest on one another.
VIEWS = ("superseded", "hosts", "pages", "findings", "changes")
_PARAMETER = re.compile(r"(?<![:\w]):([a-z_]+)")
_COMMENT = re.compile(r"^--.*$", re.MULTILINE)


class Question(NamedTuple):
    """A question.

    Attributes:
        name: Its name.
        about: What it asks, a few words.
        needs: Names of the parameters that must be given.
    """

    name: str
    about: str
    needs: tuple[str, ...] = ()

    @property
    def sql(self) -> str:
        """Its SQL, as it stands in its file."""
        return _text("questions", self.name)


#: In the order of use.
QUESTIONS = {
    q.name: q
    for q in (
        Question("summary", "the fleet in a line"),
        Question("lost", "pages that a list had before a kexec, and not after"),
        Question("new", "pages that a list has and the one before it did not"),
        Question("unsafe", "captures whose list the next kernel does not take, by cause"),
        Question("growing", "hosts and DIMMs with more bad pages than at first"),
        Question("repeat", "pages that come again, DIMMs that come to another host"),
        Question("worst", "hosts by their bad pages"),
        Question("findings", "findings by code"),
        Question("policy", "captures that a limit on pages would refuse", ("max_pages",)),
        Question("release", "kernels by release, and how they fare"),
        Question("days", "captures and bad pages day by day"),
        Question("verdicts", "what becomes of the bad pages at the next kexec"),
        Question("outcomes", "what the next kernel does with the lists, by release"),
    )
}


def question(name: str) -> Question:
    """Return a question. UsageError where there is none of the name."""
    if name not in QUESTIONS:
        known = ", ".join(QUESTIONS)
        raise UsageError(f"no question '{printable(name)[:60]}'; there are: {known}")
    return QUESTIONS[name]


def view(name: str) -> str:
    """Return the SQL of one of :data:`VIEWS`."""
    return _text("views", name)


def spelled(sql: str, parameter: Callable[[str], str]) -> tuple[str, set[str]]:
    """Return SQL with its parameters as an engine spells them, and their names."""
    plain = _COMMENT.sub("", sql)
    names = set(_PARAMETER.findall(plain))
    return _PARAMETER.sub(lambda m: parameter(m[1]), plain), names


def _text(folder: str, name: str) -> str:
    return (files("hwpkho") / "fleet" / "sql" / folder / f"{name}.sql").read_text("utf-8")
