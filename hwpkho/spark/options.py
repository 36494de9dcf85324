"""The options of the data source ``hwpkho``, and how they are read."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

from hwpkho.abi.kho import DEFAULT
from hwpkho.base.escape import printable
from hwpkho.base.options import of_library
from hwpkho.batch import manifest
from hwpkho.errors import UsageError
from hwpkho.fleet import identity
from hwpkho.fleet.judging import Work
from hwpkho.fleet.schema import TABLES
from hwpkho.judging import accept
from hwpkho.judging.case_result import FailOn
from hwpkho.judging.options import ValidateOptions
from hwpkho.spark.layout import ALL
from hwpkho.spark.planning import Bounds

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Default of ``max_case_bytes``.
_CASE_BYTES = 8 << 30


class Option(NamedTuple):
    """An option.

    Attributes:
        about: Its meaning and values, for the documentation.
        default: Its default in words; empty for none.
    """

    about: str
    default: str = ""


#: Options of the source itself.
OPTIONS = {
    "table": Option("`hosts`, `pages`, `findings`, or `all` of them at once", "`hosts`"),
    "manifest": Option("a file with one JSON line per case, or a folder with one folder per case"),
    "path": Option("the same; `load(PATH)` sets it"),
    "cases": Option("a pattern: each file or folder that it matches is a case"),
    "names": Option("how cases are named: `{host}/{taken_at}.txt`"),
    "outside": Option("`true`: cases may lie outside the manifest's folder", "`false`"),
    "memmap": Option("a memory map for all cases; several as a JSON array of paths"),
    "fail_on": Option("`error`, `warning`, `note` or `never`", "`error`"),
    "added_at": Option("`added_at` of the rows, ISO 8601", "the time of the load"),
    "cases_per_task": Option("most cases that a task judges", "1000"),
    "bytes_per_task": Option("most bytes of their inputs, `4g`; `none`: not looked at", "`1g`"),
    "max_case_bytes": Option("most bytes that a case may bring to an executor's disk", "`8g`"),
}
#: Options on how cases are judged, named as in a manifest's line.
JUDGING = tuple(manifest.option_names())
_SIZE = re.compile(r"([0-9]{1,15})([kmgt]?)b?", re.IGNORECASE)
_SHIFT = {"": 0, "k": 10, "m": 20, "g": 30, "t": 40}
#: Those of ``JUDGING`` that are numbers in JSON.
_NUMBERS = ("page_size", "max_fraction", "max_scratch")


@dataclass(frozen=True, slots=True)
class Settings:
    """The options of a load, checked.

    Attributes:
        table: The table to load, or :data:`hwpkho.spark.layout.ALL`.
        batch: A manifest or folder of cases, a path or URL; None: ``cases`` is given.
        cases: A pattern of cases; None: ``batch`` is given.
        work: How cases are judged.
        memmaps: Paths or URLs of the memory maps for all cases.
        outside: Whether cases may lie outside the batch's folder.
        bounds: How much a task gets.
        case_bytes: Most bytes of a case that are copied to an executor's disk.
        added_at: ``added_at`` of the rows, microseconds since 1970; None: the time of the load.
    """

    table: str
    batch: str | None
    cases: str | None
    work: Work
    memmaps: tuple[str, ...] = ()
    outside: bool = False
    bounds: Bounds = field(default_factory=Bounds)
    case_bytes: int = _CASE_BYTES
    added_at: int | None = None


def read(given: Mapping[str, str]) -> Settings:
    """Return the options checked; ``max_pages``, ``maxPages`` and ``max-pages`` are the same name.

    Raises UsageError for an unknown option or a wrong value.
    """
    values = _named(given)
    batch, cases = values.pop("manifest", None), values.pop("cases", None)
    path = values.pop("path", None)
    if [batch, cases, path].count(None) != 2:
        raise UsageError("give one of the options manifest, path and cases")
    table = _one_of("table", values.pop("table", "hosts"), (*TABLES, ALL))
    outside = _one_of("outside", values.pop("outside", "false").lower(), ("true", "false"))
    fail_on: Any = _one_of("fail_on", values.pop("fail_on", "error"), get_args(FailOn))
    pattern = values.pop("names", None)
    memmaps = _paths("memmap", values.pop("memmap", "[]"))
    bounds = Bounds(
        _count("cases_per_task", values.pop("cases_per_task", str(Bounds().cases))),
        _size("bytes_per_task", values.pop("bytes_per_task", str(Bounds().bytes))),
    )
    case_bytes = _size("max_case_bytes", values.pop("max_case_bytes", str(_CASE_BYTES)))
    added_at = values.pop("added_at", None)
    with of_library():
        names = identity.names(pattern) if pattern is not None else None
    judging = {n: json.loads(v) if _is_number(n, v) else v for n, v in values.items()}
    options = manifest.applied(ValidateOptions(consumer=DEFAULT.name), judging, "option")
    return Settings(
        table,
        batch or path,
        cases,
        Work(options, accept.acceptance(fail_on=fail_on), names),
        memmaps,
        outside == "true",
        bounds,
        case_bytes or 1 << 63,
        None if added_at is None else _moment("added_at", added_at),
    )


_WORDS = str.maketrans("", "", "_-")
_NAMES = {name.translate(_WORDS): name for name in (*OPTIONS, *JUDGING)}


def _named(given: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in given.items():
        name = _NAMES.get(key.lower().translate(_WORDS))
        if name is None:
            known = ", ".join((*OPTIONS, *JUDGING))
            raise UsageError(f"no option {printable(key)[:40]}; there are: {known}")
        if name in found:
            raise UsageError(f"option {name} is given twice")
        if not value.strip():
            raise UsageError(f"option {name} is empty")
        found[name] = value.strip()
    return found


def _wrong(name: str, value: str, expected: str) -> UsageError:
    return UsageError(f"option {name} cannot be {printable(value)[:60]}: expected {expected}")


def _one_of(name: str, value: str, choices: tuple[str, ...]) -> str:
    if value not in choices:
        raise _wrong(name, value, f"{', '.join(choices[:-1])} or {choices[-1]}")
    return value


def _count(name: str, value: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,8}", value):
        raise _wrong(name, value, "a number, at least 1")
    return int(value)


def _size(name: str, value: str) -> int | None:
    """Return a size in bytes, None for ``none``; raises UsageError for anything else."""
    if value == "none":
        return None
    found = _SIZE.fullmatch(value)
    if found is None or not int(found[1]):
        raise _wrong(name, value, "a number of bytes, 512m or 4g, or none")
    return int(found[1]) << _SHIFT[found[2].lower()]


def _paths(name: str, value: str) -> tuple[str, ...]:
    if not value.startswith("["):
        return (value,)
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list) or not all(isinstance(p, str) and p for p in found):
        raise _wrong(name, value, "a path, or a JSON array of paths")
    return tuple(found)


def _moment(name: str, value: str) -> int:
    try:
        return identity.moment(value)
    except ValueError as error:
        raise _wrong(name, value, "ISO 8601, 2026-11-28T03:00:00Z") from error


def _is_number(name: str, value: str) -> bool:
    return name in _NUMBERS and re.fullmatch(r"[0-9]{1,20}(\.[0-9]{1,20})?", value) is not None
