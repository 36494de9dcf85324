"""version: what this installation is made of, and what it can do."""

from __future__ import annotations

import platform
import sys
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from typing import Literal, NamedTuple

from hwpkho.base.version import __version__

#: How hwpkho got here: an archive of one file, a folder of packages, or a checkout that is edited.
Installed = Literal["zipapp", "package", "checkout"]


class Part(NamedTuple):
    """A module that hwpkho uses where it is.

    Attributes:
        module: As it is imported.
        project: What installs it; empty for Python's own.
        extra: The optional dependencies that it belongs to; empty for what is always needed.
        brings: What it is for.
    """

    module: str
    project: str
    extra: str
    brings: str


_ZSTD = (
    Part("compression.zstd", "", "", "inputs compressed with zstd")
    if sys.version_info >= (3, 14)
    else Part("backports.zstd", "backports.zstd", "kdump", "inputs compressed with zstd")
)
#: Every module that may be missing. Those of an extra are the ones that pyproject.toml lists.
PARTS = (
    Part("click", "click", "", "the command line"),
    Part("construct", "construct", "", "headers of the kernel's structures"),
    Part("fdt", "fdt", "", "writing of device trees"),
    Part("rich", "rich", "", "tables and progress on a terminal"),
    Part("lzallright", "lzallright", "kdump", "kdump pages compressed with LZO"),
    Part("cramjam", "cramjam", "kdump", "kdump pages compressed with snappy or zstd"),
    _ZSTD,
    Part("duckdb", "duckdb", "fleet", "questions to a fleet's data set"),
    Part("pyarrow", "pyarrow", "fleet", "a fleet's data set"),
    Part("fsspec", "fsspec", "fleet-url", "data sets that a URL names"),
    Part("pyspark", "pyspark", "spark", "cases judged, and a data set asked, by Apache Spark"),
    Part("jinja2", "jinja2", "html", "reports as pages"),
    Part("zlib", "", "", "kdump pages compressed with zlib, inputs compressed with gzip"),
    Part("bz2", "", "", "inputs compressed with bzip2"),
    Part("lzma", "", "", "inputs compressed with xz"),
    Part("sqlite3", "", "", "databases of rasdaemon"),
)


class Found(NamedTuple):
    """A part of this installation: its version, None where that is not known or it is not there.

    ``problem`` says why it cannot be used; empty where it can.
    """

    part: Part
    version: str | None
    problem: str


class Installation(NamedTuple):
    """What ``hwpkho version`` tells."""

    version: str
    installed: Installed
    place: str
    python: str
    implementation: str
    executable: str
    system: str
    machine: str
    parts: tuple[Found, ...]


def installation() -> Installation:
    """Return what is installed. Each part is imported: one that is there may be broken."""
    how, place = _place()
    return Installation(
        __version__,
        how,
        place,
        platform.python_version(),
        platform.python_implementation(),
        sys.executable or "",
        platform.system(),
        platform.machine(),
        tuple(map(_find, PARTS)),
    )


def _place() -> tuple[Installed, str]:
    package = files("hwpkho")
    if not isinstance(package, Path):
        return "zipapp", str(package).removesuffix("/").removesuffix("/hwpkho")
    edited = (package.parent / "pyproject.toml").exists()
    return "checkout" if edited else "package", str(package.parent)


def _find(part: Part) -> Found:
    try:
        import_module(part.module)
    except ModuleNotFoundError as error:
        missing = error.name == part.module
        return Found(part, None, "not installed" if missing else _why(error))
    except Exception as error:  # whatever a broken module raises
        return Found(part, None, _why(error))
    return Found(part, _version(part), "")


def _version(part: Part) -> str | None:
    if part.module == "sqlite3":
        import sqlite3

        return sqlite3.sqlite_version
    if part.module == "zlib":
        import zlib

        return zlib.ZLIB_RUNTIME_VERSION
    if not part.project:
        return None  # Python's own, and it does not state that of its library
    try:
        return version(part.project)
    except PackageNotFoundError:
        return None


def _why(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
