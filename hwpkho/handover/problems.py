"""Collects problems while a handover is read: a problem does not stop the rest from being read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base.addresses import PHYS_END
from hwpkho.codes import Code, Problem, Severity, problem

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The most problems of one code and severity that are listed; further ones are counted.
MAX_PER_CODE = 16


class Report:
    """Problems in the order in which they were found, at most so many of each code and severity."""

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
        """Add a problem, and return it so that a fact can carry it.

        ``message`` is printable; ``phys`` is the physical address concerned, left out where it is
        beyond 2^64; ``field`` is the address of the wrong field, where that differs from ``phys``.
        """
        if phys is not None and phys >= PHYS_END:
            phys = None
        found = problem(code, message, phys, severity, field)
        self.add_problem(found)
        return found

    def add_problem(self, found: Problem) -> None:
        """Add a problem that was made elsewhere."""
        kind = found.code, found.severity
        self._counts[kind] = self._counts.get(kind, 0) + 1
        if self._counts[kind] <= MAX_PER_CODE:
            self._problems.append(found)

    def problems(self) -> tuple[Problem, ...]:
        """Return the listed problems, then one "and N more" for each kind that was cut short."""
        return tuple(self._problems) + tuple(self._rest())

    def _rest(self) -> Iterator[Problem]:
        for (code_id, severity), count in self._counts.items():
            if count > MAX_PER_CODE:
                rest = f"and {count - MAX_PER_CODE} more of the same kind"
                yield Problem(code_id, severity, rest)
