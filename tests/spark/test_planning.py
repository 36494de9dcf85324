"""Which cases a task gets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hwpkho.batch.pool import Job
from hwpkho.spark.planning import Bounds, Sized, plan
from tests.support.examples import times


@times(2)
@given(
    st.lists(st.integers(0, 100), max_size=60),
    st.integers(1, 10),
    st.none() | st.integers(1, 150),
)
def test_tasks(sizes, cases, most):
    found = [Sized(Job(str(at)), size) for at, size in enumerate(sizes)]
    tasks = list(plan(found, Bounds(cases, most)))
    assert [job for task in tasks for job in task] == [sized.job for sized in found]
    weights = [[sizes[int(job.case)] for job in task] for task in tasks]
    for at, task in enumerate(weights):
        assert 1 <= len(task) <= cases
        assert most is None or len(task) == 1 or sum(task) <= most
        if at:  # no task could have had the next one's first case
            before = weights[at - 1]
            full = len(before) == cases
            assert full or (most is not None and sum(before) + task[0] > most)


def test_cases_are_taken_as_they_come():
    """A million are never held twice."""
    taken = []

    def coming():
        for at in range(100):
            taken.append(at)
            yield Sized(Job(str(at)), 1)

    assert len(next(plan(coming(), Bounds(10)))) == 10
    assert len(taken) == 11
