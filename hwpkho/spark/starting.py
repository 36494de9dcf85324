"""Starts a Spark session: finds a Java, and makes the workers use this Python.

A session from ``spark-submit`` does as well; on a cluster that sets up both.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from hwpkho.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pyspark.sql import SparkSession

#: Releases of Java that PySpark 4 runs with, the preferred ones first.
_JAVAS = ("17", "21", "25")
#: Spark's master: all cores, and up to four attempts at a task, as on a cluster.
_LOCAL = "local[*,4]"
_INSTALLED = ("usr/lib/jvm/*", "opt/java/*", "Library/Java/JavaVirtualMachines/*/Contents/Home")
_VERSION = re.compile(r'^JAVA_VERSION="([0-9]{1,4})[^"]*"', re.MULTILINE)


def session(master: str = _LOCAL, settings: Mapping[str, str] | None = None) -> SparkSession:
    """Return a Spark session with ``settings`` (Spark's own), or the one that is running already.

    Raises UsageError if PySpark or Java is missing.
    """
    prepare()
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master(master).appName("hwpkho")
    for name, value in (settings or {}).items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def prepare() -> None:
    """Set JAVA_HOME, PYSPARK_PYTHON and PYSPARK_DRIVER_PYTHON unless they are set and usable.

    Raises UsageError if PySpark or Java is missing.
    """
    if find_spec("pyspark") is None:
        raise UsageError("needs PySpark: pip install 'hwpkho[spark]'")
    given = os.environ.get("JAVA_HOME")
    java = shutil.which("java")
    found = [given] if given else []
    found += [str(Path(java).resolve().parent.parent)] if java else []
    installed = (str(p) for where in _INSTALLED for p in sorted(Path("/").glob(where)))
    home = java_home([*found, *installed])
    if home is None:
        wanted = f"{', '.join(_JAVAS[:-1])} or {_JAVAS[-1]}"
        raise UsageError(f"needs Java {wanted}: apt-get install default-jre-headless")
    os.environ["JAVA_HOME"] = home
    # Without it workers are whatever python3 is on the PATH, which may lack hwpkho.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("PYSPARK_DRIVER_PYTHON", sys.executable)


def java_home(places: Iterable[str]) -> str | None:
    """Return the one of ``places`` with the best Java for Spark, None if none has a usable one."""
    found: dict[str, str] = {}
    for place in places:
        release = Path(place) / "release"
        if (Path(place) / "bin" / "java").exists() and release.is_file():
            said = _VERSION.search(release.read_text("utf-8", "replace"))
            if said:
                found.setdefault(said[1], place)
    return next((found[version] for version in _JAVAS if version in found), None)
