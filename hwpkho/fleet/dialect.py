"""What DuckDB and Spark spell differently; all else of the questions' SQL is what both have.

Both get the same text. It says where nulls stand in an order and of which type a sum is, because
there the engines differ silently: Spark puts nulls first, and a sum of DuckDB is twice as wide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hwpkho.fleet import questions
from hwpkho.fleet.schema import TABLES

if TYPE_CHECKING:
    from hwpkho.fleet.schema import Table, Type

_PARAMETERS: dict[str, Type] = {"host": "text", "since": "time", "max_pages": "int"}


class Dialect(NamedTuple):
    """How an engine spells what is not common to both.

    Attributes:
        types: The types of columns.
        mark: What stands before the name of a parameter.
    """

    types: dict[Type, str]
    mark: str

    def spelled(self, sql: str) -> tuple[str, set[str]]:
        """Return a question's SQL for this engine, and the names of its parameters.

        A parameter that is not given is null, which has a type only by the cast.
        """
        return questions.spelled(sql, self._parameter)

    def _parameter(self, name: str) -> str:
        return f"CAST({self.mark}{name} AS {self.types[_PARAMETERS[name]]})"

    def empty(self, table: Table) -> str:
        """Return SQL of no rows that have the columns of a table's files."""
        columns = ", ".join(
            f"CAST(NULL AS {self.types[c.type]}) AS {c.name}" for c in TABLES[table]
        )
        return f"SELECT {columns} WHERE false"


_COMMON: dict[Type, str] = {"int": "BIGINT", "bool": "BOOLEAN", "big": "DECIMAL(20,0)"}
DUCKDB = Dialect({**_COMMON, "text": "VARCHAR", "time": "TIMESTAMP"}, "$")
#: TIMESTAMP alone has the zone of the session.
SPARK = Dialect({**_COMMON, "text": "STRING", "time": "TIMESTAMP_NTZ"}, ":")
