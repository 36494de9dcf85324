"""The questions to a data set: each is a file of SQL.

The SQL is common to DuckDB and Spark. Parameters are ``:host``, ``:since`` and ``:max_pages``; the
caller spells them for its engine. Questions read the views, which are defined over ``hosts_files``,
``pages_files`` and ``findings_files``: the rows of the files, with ``day``.
"""

from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.base.escape import printable
from hwpkho.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

#: In the order of definition: later ones read earlier ones.
VIEWS = ("superseded", "hosts", "pages", "findings", "changes")
_PARAMETER = re.compile(r"(?<![:\w]):([a-z_]+)")
_COMMENT = re.compile(r"^--.*$", re.MULTILINE)


class Question(NamedTuple):
    """A question.

    Attributes:
        name: Its name on the command line, and of its file.
        about: What it asks, in a few words.
        needs: Names of the parameters that must be given.
    """

    name: str
    about: str
    needs: tuple[str, ...] = ()

    @property
    def sql(self) -> str:
        """The SQL in its file, with comments."""
        return _text("questions", self.name)


#: In the order of --help.
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
        Question("verdicts", "what becomes of the bad pages if the next kernel takes the list"),
        Question("outcomes", "what the next kernel does with the lists, by release"),
    )
}


def question(name: str) -> Question:
    """Return the question with this name; raises UsageError if there is none."""
    if name not in QUESTIONS:
        known = ", ".join(QUESTIONS)
        raise UsageError(f"no question '{printable(name)[:60]}'; there are: {known}")
    return QUESTIONS[name]


def view(name: str) -> str:
    """Return the SQL of one of :data:`VIEWS`."""
    return _text("views", name)


def spelled(sql: str, parameter: Callable[[str], str]) -> tuple[str, set[str]]:
    """Return SQL with its parameters as ``parameter`` spells them, and their names.

    Comments are removed.
    """
    plain = _COMMENT.sub("", sql)
    names = set(_PARAMETER.findall(plain))
    return _PARAMETER.sub(lambda m: parameter(m[1]), plain), names


def _text(folder: str, name: str) -> str:
    return (files("hwpkho") / "fleet" / "sql" / folder / f"{name}.sql").read_text("utf-8")
