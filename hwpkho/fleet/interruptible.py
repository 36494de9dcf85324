"""Runs DuckDB in a thread of its own, so that a signal ends it at once.

DuckDB checks for signals only between its tasks, some of which take hours, and loses an exception
that a signal handler raises while a query begins. So the main thread waits, gets the exception, and
interrupts the query.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, TypeVar

from hwpkho.base.undisturbed import undisturbed

if TYPE_CHECKING:
    from collections.abc import Callable

    from duckdb import DuckDBPyConnection

T = TypeVar("T")
#: Seconds after which the query is interrupted again: one that is just beginning forgets it.
_AGAIN = 0.05


def run(connection: DuckDBPyConnection, work: Callable[[], T]) -> T:
    """Run ``work``, which uses ``connection``, in a thread; return or raise what it does.

    An exception in this thread meanwhile, as of a signal handler, interrupts the work and is
    raised.
    """
    with ThreadPoolExecutor(1) as thread:
        with undisturbed():
            future = thread.submit(work)
        try:
            return future.result()
        except BaseException:
            while not future.done():
                connection.interrupt()
                wait((future,), _AGAIN)
            raise
