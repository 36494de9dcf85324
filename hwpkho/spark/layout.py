"""Which columns rows have: those of a table of the fleet's, or of all three at once.

All at once is for whoever judges each case a single time and keeps the rows of every table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.fleet.schema import TABLES, Column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hwpkho.fleet.schema import Table

#: The name of all three; the column ``table`` tells them apart.
ALL = "all"


def tables_of(name: str) -> tuple[Table, ...]:
    """Return the tables that a name stands for."""
    return tuple(table for table in TABLES if name in (table, ALL))


def columns_of(name: str) -> Sequence[Column]:
    """Return the columns of a table, or of all: the others' are null. ``day`` comes after them."""
    tables = tables_of(name)
    if len(tables) == 1:
        return TABLES[tables[0]]
    found = [Column("table", "text", "The table that the row is of.", True)]
    for name, column in {c.name: c for table in tables for c in TABLES[table]}.items():
        same = [c for table in tables for c in TABLES[table] if c.name == name]
        always = len(same) == len(tables) and all(c.required for c in same)
        found.append(column._replace(required=always))
    return found
