"""Reads SQLite databases from elsewhere, without running any SQL that the file contains.

It uses Python's sqlite3. A database is opened read-only; if SQLite would have to write first (to
roll back a journal, or to apply a write-ahead log), it does so in a private copy. Views, triggers,
virtual tables and generated columns are never used.

Source: www.sqlite.org: fileformat2.html, security.html (untrusted SQLite database files), uri.html.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from hwpkho.base import confining, places, temporary
from hwpkho.base.escape import printable
from hwpkho.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hwpkho.images.files import FileBytes

#: Seconds to wait for another program's lock; rasdaemon holds one while it writes a row.
WAIT = 2.0
#: The longest text of the schema, and the longest text or blob of a column that is read, bytes.
_MAX_SQL, _MAX_VALUE = 1 << 20, 1 << 12
#: The most processor time for loading the schema, seconds: a thousand times what rasdaemon's takes.
#: SQLite's time is quadratic in the number of tables, and it does not count steps for that.
_SCHEMA_SECONDS = 0.5
#: The largest database that is copied, with its journal or log, bytes.
_MAX_COPY = 1 << 31
#: Steps of SQLite's virtual machine between checks of the budget, for rows and for the schema; the
#: budget itself, and what it grows by for each byte of the file. A row takes a dozen steps and some
#: dozen bytes.
_TICK, _SCHEMA_TICK = 1 << 16, 1 << 12
_STEPS, _STEPS_PER_BYTE = 1 << 22, 4
#: Rows fetched at once.
_ROWS = 1 << 10
_SAFE = ("trusted_schema=OFF", "query_only=ON", "cell_size_check=ON", "mmap_size=0")
_NAME = re.compile(r"[a-z_0-9]+")


class Database:
    """The requested tables of a database.

    Attributes:
        tables: Name → column names, for the requested tables that exist and are ordinary tables.
    """

    def __init__(self, connection: sqlite3.Connection, names: Sequence[str], shown: str) -> None:
        self._connection, self._shown = connection, shown
        self.tables: dict[str, frozenset[str]] = {}
        for name in names:
            found = connection.execute(
                # A crafted schema may give a virtual table a root page.
                "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ? "
                "AND typeof(rootpage) = 'integer' AND rootpage > 0 AND sql LIKE 'CREATE TABLE %'",
                (name,),
            ).fetchone()
            if found:
                columns = connection.execute(
                    "SELECT name, hidden FROM pragma_table_xinfo(?)", (name,)
                )
                self.tables[name] = frozenset(column for column, hidden in columns if not hidden)

    def rows(
        self, table: str, columns: Sequence[str], where: str = "1"
    ) -> Iterator[tuple[object, ...]]:
        """Yield rows; see :meth:`blocks`."""
        for rows in self.blocks(table, columns, where):
            yield from rows

    def blocks(
        self, table: str, columns: Sequence[str], where: str = "1"
    ) -> Iterator[list[tuple[object, ...]]]:
        """Yield the values of ``columns``, up to 1024 rows at once; None for a missing column.

        ``where`` is a trusted SQL condition on existing columns. Raises sqlite3.Error.
        """
        if not all(map(_NAME.fullmatch, (table, *columns))):
            raise AssertionError(f"{table}: names of our own")
        names = ", ".join(c if c in self.tables[table] else "NULL" for c in columns)
        cursor = self._connection.execute(
            " ".join(("SELECT", names, "FROM", table, "WHERE", where))
        )
        while rows := cursor.fetchmany(_ROWS):
            yield rows


@contextmanager
def opened(file: FileBytes, names: Sequence[str]) -> Iterator[Database]:
    """Open a database and yield its tables ``names``.

    Raises InputError, also for errors within the block, where the database is damaged or locked, or
    takes more work than its size justifies.
    """
    try:
        with _place(file) as uri:
            connection = sqlite3.connect(uri, uri=True, timeout=WAIT, isolation_level=None)
            with closing(connection):
                _harden(connection)
                database = Database(connection, names, file.shown)
                _limit(connection, file.size)
                yield database
    except sqlite3.Error as error:
        raise InputError(f"{file.shown}: {_message(error)}") from error
    except UnicodeError as error:
        raise InputError(f"{file.shown}: a text in the database is not UTF-8") from error


def _message(error: sqlite3.Error) -> str:
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return f"the database is locked by another program for more than {WAIT:g} s; try again"
    if name == "SQLITE_INTERRUPT":
        return "the database takes more work than its size allows: damaged, or crafted"
    return f"the database cannot be read: {printable(str(error))[:120]}"


def _harden(connection: sqlite3.Connection) -> None:
    """Set safe pragmas, and limits for loading the schema."""
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MAX_SQL)
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    until = time.thread_time() + _SCHEMA_SECONDS
    connection.set_progress_handler(lambda: time.thread_time() > until, _SCHEMA_TICK)
    for pragma in _SAFE:
        connection.execute(f"PRAGMA {pragma}")


def _limit(connection: sqlite3.Connection, size: int) -> None:
    """Set limits for reading rows; ``size`` is the file's size in bytes."""
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MAX_VALUE)
    ticks = (_STEPS + _STEPS_PER_BYTE * size) // _TICK

    def spent() -> bool:
        nonlocal ticks
        ticks -= 1
        return ticks < 0

    connection.set_progress_handler(spent, _TICK)


@contextmanager
def _place(file: FileBytes) -> Iterator[str]:
    """Yield a URI by which the database can be read without writing anything beside it."""
    named = file.lies_at(file.path)
    path = os.path.realpath(file.path)  # journal and log are beside the file, not beside a link
    for name in ("-wal", "-journal") if named else ():
        beside = Path(f"{path}{name}")
        if places.exists(beside) and not places.is_file(beside):  # SQLite would block on a pipe
            raise InputError(f"{file.shown}: {printable(beside.name)} beside it is not a file")
    log = Path(f"{path}-wal")
    if not named or (places.is_file(log) and log.stat().st_size):
        with _copied(file, log if named else None) as uri:
            yield uri
        return
    plain = _uri(confining.check_inside(path), "mode=ro")
    if bytes(file.read(18, 2)) == b"\2\2":  # WAL mode without a log: SQLite would create one
        yield f"{plain}&immutable=1"
        return
    journal = Path(f"{path}-journal")
    if places.is_file(journal) and _is_unfinished(plain):
        with _copied(file, journal) as uri:
            yield uri
        return
    yield plain


def _is_unfinished(uri: str) -> bool:
    """Tell whether the journal must be rolled back; it need not while its program still runs."""
    with closing(sqlite3.connect(uri, uri=True, timeout=WAIT)) as connection:
        _harden(connection)
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN")):
                return True
            raise
    return False


@contextmanager
def _copied(file: FileBytes, beside: Path | None) -> Iterator[str]:
    """Yield the URI of a temporary copy of a database and of its journal or log."""
    size = file.size + (beside.stat().st_size if beside else 0)
    if size > _MAX_COPY:
        raise InputError(f"{file.shown}: {size} bytes, too large to read from a copy")
    with temporary.folder() as folder:
        copy = folder / "db"
        with copy.open("wb") as out:
            for at in range(0, file.size, 1 << 20):
                out.write(file.read(at, min(1 << 20, file.size - at)))
        if beside:
            shutil.copyfile(
                confining.check_inside(str(beside)), f"{copy}-{beside.name.rpartition('-')[2]}"
            )
        yield _uri(str(copy), "mode=rw")


def _uri(path: str, how: str) -> str:
    return f"file:{quote(os.fsencode(Path(path).absolute()))}?{how}"
