"""A session of Apache Spark on this machine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from hwpkho.errors import UsageError
from hwpkho.spark import starting
from tests.support import ROOT

if TYPE_CHECKING:
    from collections.abc import Generator

#: What a cluster's defaults cost where there is neither a cluster nor data: a task for each of 200
#: shuffles, a compiler for each query.
_SMALL = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.shuffle.partitions": "1",
    "spark.default.parallelism": "2",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.driver.memory": "1g",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
}


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Generator[Any]:
    """Two cores, and a task may fail three times."""
    disk = tmp_path_factory.mktemp("disk")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        patch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)  # workers see the tests
        try:
            starting.prepare()
        except UsageError as error:
            pytest.skip(str(error))
        started = starting.session("local[2,4]", {**_SMALL, "spark.local.dir": str(disk)})
        started.sparkContext.setLogLevel("OFF")
        yield started
        started.stop()


@pytest.fixture
def disk(spark: Any) -> Any:
    """Return what lists what tasks have left on the executor's disk."""
    from pathlib import Path

    folder = Path(spark.conf.get("spark.local.dir"))
    return lambda: [p for p in folder.rglob("hwpkho-*") if p.is_dir()]
