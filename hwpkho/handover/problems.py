"""Collects the problems that a walk meets: a problem never stops the rest from being decoded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base.addresses import PHYS_END
from hwpkho.codes import Code, Problem, Severity, problem

if TYPE_CHECKING:
    from collections.abc import Iterator

#: More of one code and severity than this are counted, not listed: notes hide no error.
MAX_PER_CODE = 16


class Report:
    """Problems in the order they were met, repeats of a code bounded."""

    def __init__(self) -> None:
        self._problems: list[Problem] = []
        self._counts: dict[tuple[str, Severity], int] = {}

    def add(
        self,
        code: Code,
        message: str,
        phys: int | None = None,
        severity: Severity | None = None,
        field: int | None = None,
    ) -> Problem:
        """Note a problem, and return it for the fact that it is about.

        ``phys`` is the physical address concerned, none where a wild PFN is beyond any; ``field``
        is that of the field which is wrong where it is another, ``message`` is printable.
        """
        if phys is not None and phys >= PHYS_END:
            phys = None
        found = problem(code, message, phys, severity, field)
        self.add_problem(found)
        return found

    def add_problem(self, found: Problem) -> None:
        """Note a problem that was met elsewhere."""
        kind = found.code, found.severity
        self._counts[kind] = self._counts.get(kind, 0) + 1
        if self._counts[kind] <= MAX_PER_CODE:
            self._problems.append(found)

    def problems(self) -> tuple[Problem, ...]:
        """Return what was met, and how many more there were of each kind that was cut short."""
        return tuple(self._problems) + tuple(self._rest())

    def _rest(self) -> Iterator[Problem]:
        for (code_id, severity), count in self._counts.items():
            if count > MAX_PER_CODE:
                rest = f"and {count - MAX_PER_CODE} more of the same kind"
                yield Problem(code_id, severity, rest)
