"""Which cases a task judges: so many that what a task costs by itself does not count, and so few
that each is done soon and a lost one is soon done again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hwpkho.batch.pool import Job


class Bounds(NamedTuple):
    """What a task gets at most.

    Attributes:
        cases: Cases.
        bytes: Bytes of their inputs; None: their sizes are not looked at.
    """

    cases: int = 1000
    bytes: int | None = 1 << 30


class Sized(NamedTuple):
    """A case, and the bytes of its inputs as far as they are known."""

    job: Job
    size: int


def plan(found: Iterable[Sized], bounds: Bounds) -> Iterator[list[Job]]:
    """Yield the cases of each task, in their order; a case that is too large has one of its own."""
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
