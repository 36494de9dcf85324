"""The questions to a data set: each is a file of SQL.

The SQL is common to DuckDB and Spark. Parameters are ``:host``, ``:since`` and ``:max_pages``; the
caller spells them for its engine, and calls :func:`check` with those that are given. Questions read
the views, which are defined over ``hosts_files``, ``pages_files`` and ``findings_files``: the rows
of the files, with ``day``.
"""

from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING, Literal, NamedTuple

from hwpkho.base.escape import printable
from hwpkho.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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
        row: What a row of the answer stands for, in the singular.
        bad: How bad it is that the answer has any rows; None where rows are no bad sign.
        then: Questions that a page or picture answers in place of this one.
    """

    name: str
    about: str
    needs: tuple[str, ...] = ()
    row: str = "row"
    bad: Literal["error", "warning"] | None = None
    then: tuple[str, ...] = ()

    @property
    def sql(self) -> str:
        """The SQL in its file, with comments."""
        return _text("questions", self.name)

    @property
    def parameters(self) -> set[str]:
        """Names of the parameters in its SQL."""
        return spelled(self.sql, str)[1]


#: In the order of --help.
QUESTIONS = {
    q.name: q
    for q in (
        # A summary is a single row, which needs no plot; these are what its reader asks next.
        Question(
            "summary",
            "the fleet in a line",
            then=("days", "worst", "growing", "outcomes", "verdicts", "findings"),
        ),
        Question(
            "lost",
            "pages that a list had before a kexec, and not after",
            row="range",
            bad="error",
        ),
        Question("new", "pages that a list has and the one before it did not", row="range"),
        Question(
            "unsafe",
            "captures whose list the next kernel does not take, by cause",
            row="capture",
            bad="error",
        ),
        Question("growing", "hosts and DIMMs with more bad pages than at first", bad="warning"),
        Question("repeat", "pages that come again, DIMMs that come to another host", bad="warning"),
        Question("worst", "hosts by their bad pages", row="host"),
        Question("findings", "findings by code", row="code"),
        Question(
            "policy",
            "captures that a limit on pages would refuse",
            ("max_pages",),
            row="capture",
            bad="warning",
        ),
        Question("release", "kernels by release, and how they fare", row="release"),
        Question("days", "captures and bad pages day by day", row="day"),
        Question(
            "verdicts",
            "what becomes of the bad pages if the next kernel takes the list",
            row="verdict",
        ),
        Question("outcomes", "what the next kernel does with the lists, by release"),
    )
}


def question(name: str) -> Question:
    """Return the question with this name; raises UsageError if there is none."""
    if name not in QUESTIONS:
        known = ", ".join(QUESTIONS)
        raise UsageError(f"no question '{printable(name)[:60]}'; there are: {known}")
    return QUESTIONS[name]


def having(parameter: str) -> str:
    """Return the names of the questions whose SQL has a parameter, for a message."""
    return " or ".join(q.name for q in QUESTIONS.values() if parameter in q.parameters)


def check(asked: Question, given: Mapping[str, object], named: Callable[[str], str] = str) -> None:
    """Raise UsageError where ``asked`` lacks a parameter that it needs, or has not one given.

    ``given`` has every parameter, None where it is not given; ``named`` spells it for the caller.
    """
    for name, value in given.items():
        if value is None and name in asked.needs:
            raise UsageError(f"{asked.name} needs {named(name)}")
        if value is not None and name not in asked.parameters:
            raise UsageError(f"{named(name)} is for {having(name)}")


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
