"""How DuckDB and Spark spell types and parameters; the rest of the questions' SQL is common.

The SQL always says NULLS LAST, and casts each sum, because there the engines differ silently: Spark
puts nulls first, and a sum in DuckDB has 128 bits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hwpkho.fleet import questions
from hwpkho.fleet.schema import TABLES

if TYPE_CHECKING:
    from hwpkho.fleet.schema import Table, Type

_PARAMETERS: dict[str, Type] = {"host": "text", "since": "time", "max_pages": "int"}


class Dialect(NamedTuple):
    """How an engine spells what the two spell differently.

    Attributes:
        types: Type of a column → its SQL name.
        mark: The character before the name of a parameter.
    """

    types: dict[Type, str]
    mark: str

    def spelled(self, sql: str) -> tuple[str, set[str]]:
        """Return a question's SQL for this engine, and the names of its parameters.

        Parameters are cast, because one that is not given is a null without a type.
        """
        return questions.spelled(sql, self._parameter)

    def _parameter(self, name: str) -> str:
        return f"CAST({self.mark}{name} AS {self.types[_PARAMETERS[name]]})"

    def empty(self, table: Table) -> str:
        """Return SQL for no rows, with the columns of a table's files."""
        columns = ", ".join(
            f"CAST(NULL AS {self.types[c.type]}) AS {c.name}" for c in TABLES[table]
        )
        return f"SELECT {columns} WHERE false"


_COMMON: dict[Type, str] = {"int": "BIGINT", "bool": "BOOLEAN", "big": "DECIMAL(20,0)"}
DUCKDB = Dialect({**_COMMON, "text": "VARCHAR", "time": "TIMESTAMP"}, "$")
#: Not TIMESTAMP, which in Spark is in the session's time zone.
SPARK = Dialect({**_COMMON, "text": "STRING", "time": "TIMESTAMP_NTZ"}, ":")
