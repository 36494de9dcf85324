"""DuckDB's work in a thread of its own, so that a signal ends it at once.

DuckDB looks for signals between its tasks only, some of which take hours, and loses what a handler
raises where a query begins. The main thread waits meanwhile, and tells it to stop.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, TypeVar

from hwpkho.base.undisturbed import undisturbed

if TYPE_CHECKING:
    from collections.abc import Callable

    from duckdb import DuckDBPyConnection

T = TypeVar("T")
#: A query that just begins forgets that it was told to stop: it is told again, after seconds.
_AGAIN = 0.05


def run(connection: DuckDBPyConnection, work: Callable[[], T]) -> T:
    """Return what ``work`` returns, which uses ``connection``. Raises what it raises.

    An error in this thread, as a signal's handler raises it, stops the work.
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
