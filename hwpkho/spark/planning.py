"""Divides cases into tasks: large enough that starting one costs little in comparison, small enough
that one that is lost is soon repeated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hwpkho.batch.pool import Job


class Bounds(NamedTuple):
    """Limits of a task.

    Attributes:
        cases: Cases.
        bytes: Bytes of their inputs; None: no limit, and sizes are not looked up.
    """

    cases: int = 1000
    bytes: int | None = 1 << 30


class Sized(NamedTuple):
    """A case and the bytes of its inputs, 0 if not known."""

    job: Job
    size: int


def plan(found: Iterable[Sized], bounds: Bounds) -> Iterator[list[Job]]:
    """Yield the cases of each task, in order; a case larger than the limit is a task by itself."""
    task: list[Job] = []
    held = 0
    for job, size in found:
        full = bounds.bytes is not None and held + size > bounds.bytes
        if task and (full or len(task) == bounds.cases):
            yield task
            task, held = [], 0
        task.append(job)
        held += size
    if task:
        yield task
