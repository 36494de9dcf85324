"""Collects the problems that a walk meets: a problem never stops the rest from being decoded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.codes import Code, Problem, Severity, problem

if TYPE_CHECKING:
    from collections.abc import Iterator

#: More of one code than this are counted, not listed.
MAX_PER_CODE = 16


class Report:
    """Problems in the order they were met, repeats of a code bounded."""

    def __init__(self) -> None:
        self._problems: list[Problem] = []
        self._counts: dict[str, int] = {}

    def add(
        self, code: Code, message: str, phys: int | None = None, severity: Severity | None = None
    ) -> None:
        """Note a problem; ``phys`` is the physical address concerned, ``message`` is printable."""
        self.add_problem(problem(code, message, phys, severity))

    def add_problem(self, found: Problem) -> None:
        """Note a problem that was met elsewhere."""
        self._counts[found.code] = self._counts.get(found.code, 0) + 1
        if self._counts[found.code] <= MAX_PER_CODE:
            self._problems.append(found)

    def has(self, *codes: Code) -> bool:
        """Tell whether one of ``codes`` was met."""
        return any(c.id in self._counts for c in codes)

    @property
    def errors(self) -> int:
        """How many errors are listed."""
        return sum(p.severity == "error" for p in self._problems)

    def problems(self) -> tuple[Problem, ...]:
        """Return what was met, and for each code cut short how many more there were."""
        return tuple(self._problems) + tuple(self._rest())

    def _rest(self) -> Iterator[Problem]:
        for code_id, count in self._counts.items():
            if count > MAX_PER_CODE:
                listed = next(p for p in self._problems if p.code == code_id)
                yield Problem(
                    code_id, listed.severity, f"and {count - MAX_PER_CODE} more of the same kind"
                )
