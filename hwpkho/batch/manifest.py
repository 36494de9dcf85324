"""A manifest of cases: one JSON object per line.

``{"case": NAME, "inputs": [...], "memmap": [...], "options": {...}}``; paths are relative to the
manifest, those of the option ``against`` as well. Options are those of ``hwpkho validate`` without
the dashes, with ``_`` or ``-`` between words; they take precedence over those of the command line.
For a fleet's data set a line may also have ``host``, ``taken_at``, ``boot_id``, ``release``, and
``dimms``, paths of files that show which DIMM a page is on. A line with a host needs no ``case``.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hwpkho.abi import kho
from hwpkho.abi.efi_poisoned import LAYOUTS
from hwpkho.base import jsontext, opening
from hwpkho.base.arch import ARCHES, page_sizes
from hwpkho.base.counting import counted
from hwpkho.base.digits import byte_count, unsigned
from hwpkho.base.escape import printable
from hwpkho.errors import InputError, UsageError
from hwpkho.inputs import mistakes
from hwpkho.judging.efi_table.generations import Consumers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from hwpkho.judging.options import ValidateOptions

#: Longest line, bytes.
MAX_LINE = 1 << 20
#: Paths under one key, more than any case has: each is resolved and checked.
MAX_PATHS = 1000
#: Lines that are not cases and are reported one by one; a file of another kind may have millions.
MAX_BAD = 20
#: Lines that are not cases, with no case among or before them: this is not a manifest.
_MAX_BAD_ALONE = 1000
#: Lines that are not cases, beside ten for each case: what follows is not read.
_MAX_BAD_AMONG = 10_000
#: Bytes that show a binary file, or one of another kind.
_HEAD = 1 << 16

_ABOUT = ("host", "taken_at", "boot_id", "release")
_KEYS = ("case", "inputs", "memmap", "options", "dimms", *_ABOUT)


class Line(NamedTuple):
    """A line of the manifest.

    Attributes:
        case: The name, printable; ``line N`` where the line has none.
        number: Number of the line, from 1.
        inputs: Paths of the inputs.
        memmaps: Paths of the memory maps.
        against: Paths under the option ``against``: lists that an EFI table is compared with.
        options: The other options of the line, not checked yet.
        error: Why the line cannot be read, None where it can.
        about: ``host``, ``taken_at``, ``boot_id`` and ``release``, as far as the line has them,
            not checked yet.
        dimms: Paths of logs, databases and listings that show which DIMM a page is on.
        absolute: The first absolute path of the line, None where there is none.
    """

    case: str
    number: int
    inputs: tuple[str, ...] = ()
    memmaps: tuple[str, ...] = ()
    against: tuple[str, ...] = ()
    options: dict[str, Any] | None = None
    error: str | None = None
    about: dict[str, Any] | None = None
    dimms: tuple[str, ...] = ()
    absolute: str | None = None


def read(path: str, *, distinct: bool = True, called: str | None = None) -> Iterator[Line]:
    """Yield the lines of a manifest; blank ones are skipped, bad ones carry an error.

    If ``distinct``, so does a line with the name of an earlier one. Where ``path`` is a copy of a
    manifest, ``called`` is the path of the original: other paths are relative to that, and messages
    name it.

    Of the lines that are not cases the first ``MAX_BAD`` are yielded one by one, the others as one
    line at the end; where they far outnumber the cases, reading ends. Raises InputError where the
    file cannot be read, is binary, or begins with a thousand lines without a case.
    """
    good = bad = last = 0
    held: list[Line] = []
    called = called or path
    for line in _lines(path, called, distinct=distinct):
        if line.error is None:
            yield from held
            held.clear()
            good += 1
            yield line
            continue
        bad, last = bad + 1, line.number
        if bad == _MAX_BAD_AMONG + 10 * good:
            break
        if bad == _MAX_BAD_ALONE and not good:
            raise InputError(f"{held[0].error}; nor is any of the {bad - 1} lines after it a case")
        if bad > MAX_BAD:
            continue
        if good:
            yield line
        else:
            held.append(line)
    yield from held
    if bad > MAX_BAD:
        more = bad - MAX_BAD
        lines = counted(
            more,
            f"more line, line {last}, is no case",
            f"more lines up to line {last} are no cases",
        )
        error = f"{printable(called)}: {lines} either"
        if bad == _MAX_BAD_AMONG + 10 * good:
            error += "; what follows is not read"
        yield Line(counted(more, "more line"), last, error=error)


def _lines(path: str, called: str, *, distinct: bool) -> Iterator[Line]:
    base = Path(called).parent
    shown = printable(called)
    seen: dict[str, int] = {}
    try:
        with os.fdopen(opening.stream(path), "rb") as file:
            number = 0
            head = file.read(_HEAD) or b""
            mistake = mistakes.no_batch(path, head)
            if mistake is not None:
                raise InputError(f"{shown}: {mistake}")
            if b"\0" in head:
                raise InputError(f"{shown}: a binary file; expected one JSON object per line")
            file.seek(0)
            while raw := file.readline(MAX_LINE + 1):
                number += 1
                if len(raw) > MAX_LINE:
                    raise InputError(f"{shown}: line {number}: longer than {MAX_LINE} bytes")
                if not raw.strip():
                    continue
                line = _line(raw, number, base, f"{shown}: line {number}")
                if line.error is None and distinct:
                    if line.case in seen:
                        where, first = f"{shown}: line {number}", seen[line.case]
                        error = f"{where}: the same case as in line {first}"
                        line = line._replace(error=error)
                    seen.setdefault(line.case, number)
                yield line
    except OSError as error:
        raise InputError(f"{shown}: {error.strerror or error}") from error


def _line(raw: bytes, number: int, base: Path, where: str) -> Line:
    name = f"line {number}"
    try:
        item = jsontext.load(raw, where, surrogates=True)
        if not isinstance(item, dict):
            raise InputError(f"{where}: expected an object with case and inputs")
        about = {key: item[key] for key in _ABOUT if item.get(key) is not None}
        if isinstance(item.get("case"), str) and item["case"]:
            name = printable(item["case"])
        elif "case" not in item and "host" in about:
            name = " ".join(printable(str(about[k]))[:80] for k in _ABOUT[:2] if k in about)
        elif "case" in item:
            raise InputError(f"{where}: case must be a name")
        else:
            raise InputError(f"{where}: expected an object with case and inputs")
        jsontext.check_text(item, where, raw)
        for key in item:
            if key not in _KEYS:
                raise InputError(f"{where}: unknown key {printable(key)[:40]}")
        inputs = _paths(item.get("inputs"), "inputs", base, where)
        if not inputs:
            raise InputError(f"{where}: inputs is empty")
        options = item.get("options", {})
        if not isinstance(options, dict):
            raise InputError(f"{where}: options must be an object")
        held = options.pop("against", [])
        against = _paths(held, "against", base, where)
        memmaps = _paths(item.get("memmap", []), "memmap", base, where)
        dimms = _paths(item.get("dimms", []), "dimms", base, where)
        named = (p for value in (item, {"against": held}) for p in _named(value))
        absolute = next((p for p in named if p.startswith("/")), None)
        return Line(name, number, inputs, memmaps, against, options, None, about, dimms, absolute)
    except InputError as error:
        return Line(name, number, error=str(error))


def _paths(value: Any, key: str, base: Path, where: str) -> tuple[str, ...]:
    items = [value] if isinstance(value, str) else value
    if items == []:
        return ()
    if not isinstance(items, list) or not all(isinstance(p, str) and p for p in items):
        raise InputError(f"{where}: {key} must be paths")
    if len(items) > MAX_PATHS:
        raise InputError(f"{where}: {key}: {len(items)} paths, more than {MAX_PATHS}")
    if "-" in items:
        raise InputError(f"{where}: {key}: standard input cannot be part of a case")
    if any("\0" in p for p in items):
        raise InputError(f"{where}: {key}: a path with a NUL byte")
    return tuple(str(base / p) for p in items)


def _named(values: dict[str, Any]) -> Iterator[str]:
    """Yield the paths of a line as it gives them."""
    for key in ("inputs", "memmap", "dimms", "against"):
        found = values.get(key, [])
        yield from [found] if isinstance(found, str) else found


def with_options(options: ValidateOptions, line: Line) -> ValidateOptions:
    """Return ``options`` with those of the line in their place.

    Raises UsageError for an unknown option or a wrong value.
    """
    options = applied(options, line.options or {}, f"case {line.case}:")
    # An option for the whole batch is for the cases that read it; the others do not refuse it.
    names = (key.replace("-", "_") for key in line.options or {})
    given = frozenset(_GIVEN.get(n, n) for n in names)
    if given != options.given:
        options = options._replace(given=given)
    if line.against:
        options = options._replace(against=line.against, given=options.given | {"against"})
    if line.memmaps:
        options = options._replace(memmaps=line.memmaps)
    return options


def option_names() -> list[str]:
    """Return the names of the options that a line may have beside ``against``."""
    return list(_OPTIONS)


def applied(options: ValidateOptions, values: Mapping[str, Any], where: str) -> ValidateOptions:
    """Return ``options`` with ``values`` in their place; its ``given`` stays.

    Raises UsageError for an unknown option or a wrong value, with ``where`` in front.
    """
    for key, value in values.items():
        name = key.replace("-", "_")
        if name not in _OPTIONS:
            raise UsageError(f"{where} unknown option {printable(key)[:40]}")
        place, attribute, read_value, expected = _OPTIONS[name]
        try:
            found = read_value(value)
        except (ValueError, TypeError, OverflowError) as error:
            shown = printable(json.dumps(value))[:60]
            raise UsageError(
                f"{where} {printable(key)} cannot be {shown}: expected {expected()}"
            ) from error
        if place == "case":
            options = options._replace(case=options.case._replace(**{attribute: found}))
        elif place == "limits":
            options = options._replace(limits=options.limits._replace(**{attribute: found}))
        elif place is None:
            options = options._replace(**{attribute: found})
        if place == "lists" or name in _OF_LISTS_TOO:
            options = options._replace(lists=options.lists._replace(**{attribute: found}))
    return options


def _count(value: Any) -> int:
    return _below_2_64(unsigned(value) if isinstance(value, str) else value)


def _number(value: Any) -> int:
    return _below_2_64(byte_count(value) if isinstance(value, str) else value)


def _below_2_64(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 1 << 64:
        raise ValueError("no number below 2^64")
    return value


def _scratch(value: Any) -> tuple[int, int] | str:
    if value == "none":
        return "none"
    first, second = value.split(":") if isinstance(value, str) else value
    return _number(first), _number(second)


def _page_sizes() -> str:
    return " or ".join(map(str, page_sizes()))


def _page_size(value: Any) -> int:
    if (size := _number(value)) not in page_sizes():
        raise ValueError("no page size")
    return size


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not text")
    return value


def _fraction(value: Any) -> float:
    if type(value) not in (int, float) or not 0 <= value <= 1:
        raise ValueError("no fraction")
    return float(value)


def _base(value: Any) -> int:
    if str(value) not in ("10", "16"):
        raise ValueError("no base")
    return int(value)


def _versions() -> str:
    return f"{' or '.join(kho.VERSIONS.names())}, or a compatible string"


def _consumer(value: Any) -> str:
    try:
        kho.named(_text(value))
    except UsageError as error:
        raise ValueError("no KHO version") from error
    return _text(value)


def _boot(value: Any) -> str:
    return str(value) if type(value) is int else _text(value)


class _Option(NamedTuple):
    """How an option is read.

    Attributes:
        place: A part of ValidateOptions, None for the whole.
        attribute: Its attribute there.
        read_value: Returns the value, or raises ValueError, TypeError or OverflowError.
        expected: Returns what a value may be, for messages.
    """

    place: str | None
    attribute: str
    read_value: Callable[[Any], Any]
    expected: Callable[[], str]


def _one_of(place: str | None, attribute: str, names: Callable[[], Sequence[str]]) -> _Option:
    def read_value(value: Any) -> str:
        if value not in names():
            raise ValueError("none of the choices")
        return str(value)

    return _Option(place, attribute, read_value, lambda: " or ".join(names()))


_ADDRESS, _WHOLE, _FRACTION = "an address below 2^64", "a whole number", "a number from 0 to 1"
#: Options that ``ValidateOptions.given`` has under another name.
_GIVEN = {"map": "map_name", "from": "form"}
#: Options that also say how lists are read, under the same name.
_OF_LISTS_TOO = ("boot", "layout")
_OPTIONS = {
    "page_size": _Option("case", "page_size", _page_size, _page_sizes),
    "root_fdt": _Option("case", "root_fdt", _number, lambda: _ADDRESS),
    "kho_scratch": _Option("case", "kho_scratch", _scratch, lambda: "PHYS:LENGTH or none"),
    "arch": _one_of("case", "arch", ARCHES.names),
    "efi_table": _Option("case", "efi_table", _number, lambda: _ADDRESS),
    "layout": _one_of("case", "layout", LAYOUTS.names),
    "base": _Option("lists", "base", _base, lambda: "10 or 16"),
    "from": _Option("lists", "form", _text, lambda: "a name"),
    "role": _one_of(None, "role", lambda: ("in", "out")),
    "map": _Option(None, "map_name", _text, lambda: "a name"),
    "boot": _Option(None, "boot", _boot, lambda: "a number or last"),
    "iomem_of": _one_of(None, "iomem_of", lambda: ("running", "next")),
    "next_cmdline": _Option(None, "next_cmdline", _text, lambda: "a string"),
    "consumer_kho": _Option(None, "consumer", _consumer, _versions),
    "consumer_efi": _one_of(None, "consumer_efi", Consumers().names),
    "max_pages": _Option("limits", "pages", _count, lambda: _WHOLE),
    "max_fraction": _Option("limits", "fraction", _fraction, lambda: _FRACTION),
    "max_per_gib": _Option("limits", "per_gib", _count, lambda: _WHOLE),
    "max_scratch": _Option("limits", "scratch", _fraction, lambda: _FRACTION),
}
