"""A fleet's rows by Apache Spark: its executors judge the cases, its SQL answers the questions.

Needs the extra ``spark`` (PySpark 4 and Java 17 or later)::

    from hwpkho import spark as hwpkho_spark

    import hwpkho.spark as hwpkho_spark

    hosts = hwpkho_spark.cases(spark, "hosts", manifest="s3://bucket/nightly.jsonl")
    hwpkho_spark.ask(spark, "s3a://bucket/fleet", "lost", since="2026-11-28").show()

Each name is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hwpkho.spark.asking import ask, tables, views
    from hwpkho.spark.source import HwpkhoCases, cases
    from hwpkho.spark.starting import session

_WHERE = {
    "HwpkhoCases": "source",
    "ask": "asking",
    "cases": "source",
    "session": "starting",
    "tables": "asking",
    "views": "asking",
}
__all__ = ["HwpkhoCases", "ask", "cases", "session", "tables", "views"]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
