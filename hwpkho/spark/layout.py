"""The columns of the rows that Spark loads: those of one table, or of all three as one.

Loading all three at once judges each case only once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.fleet.schema import TABLES, Column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hwpkho.fleet.schema import Table

#: The name for all three tables as one; the column ``table`` tells their rows apart.
ALL = "all"


def tables_of(name: str) -> tuple[Table, ...]:
    """Return the tables that a name stands for: one, or with :data:`ALL` three."""
    return tuple(table for table in TABLES if name in (table, ALL))


def columns_of(name: str) -> Sequence[Column]:
    """Return the columns of a table, or of all, without ``day``.

    A row of ``all`` has nulls in the columns of the other tables.
    """
    tables = tables_of(name)
    if len(tables) == 1:
        return TABLES[tables[0]]
    found = [Column("table", "text", "The table that the row is of.", True)]
    for name, column in {c.name: c for table in tables for c in TABLES[table]}.items():
        same = [c for table in tables for c in TABLES[table] if c.name == name]
        always = len(same) == len(tables) and all(c.required for c in same)
        found.append(column._replace(required=always))
    return found
