"""The note of a capture: JSON in an ELF note, about what the captured pages themselves do not show.

``{"schema": "hwpkho.capture/1", "page_size": int|null, "release": str|null, "handed": [root FDT,
scratch array, length of that]|null, "handed_fdt_size": int|null, "boot": [{"fdt", "fdt_size",
"scratch", "scratch_size", "booted"}], "passed": [{"phys", "why", "severity"}], "copies": [{"name",
"role", "fdt", "subtrees", "scratch", "unusable", "unreadable"}], "iomem": str|null, "partial":
bool, "to_load": bool}``; bytes are base64. ``boot`` and ``passed`` come from a search of the whole
image, ``copies`` from /sys/kernel/debug/kho. The note names no file or folder
of the machine that wrote it.
"""

from __future__ import annotations

import base64
import json
from typing import Any, NamedTuple

from hwpkho.base import jsontext
from hwpkho.base.arch import page_sizes
from hwpkho.codes import SEVERITIES, Severity
from hwpkho.errors import InputError

SCHEMA = "hwpkho.capture/1"
#: The most bytes of a copied file: debugfs shows single pages.
MAX_COPY = 1 << 16
_MAX_COPIES = 64
#: The most entries of ``boot`` and of ``passed``: a search that finds more raises an error.
_MAX_FOUND = 8192


class NotedCopy(NamedTuple):
    """A copy of one of the two folders of /sys/kernel/debug/kho.

    Attributes:
        name: Its name in messages.
        role: ``in``, ``out``, or None where unknown.
        fdt: The root FDT, possibly cut off; None where not copied.
        subtrees: Node name → blob.
        scratch: The areas ``(start, size)``, bytes; None where not copied.
        unusable: Messages about files that could not be used.
        unreadable: Names of the subtrees among them.
    """

    name: str
    role: str | None
    fdt: bytes | None
    subtrees: dict[str, bytes]
    scratch: tuple[tuple[int, int], ...] | None = None
    unusable: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()


class BootWords(NamedTuple):
    """What a boot loader passed on about a handover: physical addresses and sizes, bytes.

    ``booted``: whether it was to a kernel that has started, not to one that is only loaded.
    """

    fdt: int
    fdt_size: int | None
    scratch: int
    scratch_size: int
    booted: bool


class PassedPage(NamedTuple):
    """A page that looks like a root FDT but was ignored: its address, why, and the severity."""

    phys: int
    why: str
    severity: Severity


class CaptureNote(NamedTuple):
    """The contents of the note. "Cropped" is a capture made of an image, not of a running machine.

    Attributes:
        page_size: Bytes; None where unknown.
        release: The running kernel's release, None for a cropped image.
        handed: Physical addresses of root FDT and scratch array that the boot loader passed on,
            and the array's size, bytes; None where unknown.
        handed_fdt_size: Size of the root FDT that it passed on, bytes; None where unknown.
        boot: What the image's memory showed of what boot loaders passed on.
        passed: Pages of the image that look like a root FDT but were ignored.
        copies: Copies of debugfs.
        iomem: The text of /proc/iomem, None for a cropped image.
        partial: Whether the image was a piece of memory, cut off, or one file of a split dump.
        to_load: Whether it was meant to be loaded by a boot loader.
    """

    page_size: int | None = None
    release: str | None = None
    handed: tuple[int, int, int] | None = None
    handed_fdt_size: int | None = None
    boot: tuple[BootWords, ...] = ()
    passed: tuple[PassedPage, ...] = ()
    copies: tuple[NotedCopy, ...] = ()
    iomem: str | None = None
    partial: bool = False
    to_load: bool = False

    def build(self) -> bytes:
        """Return the note's JSON."""
        document = {
            "schema": SCHEMA,
            "page_size": self.page_size,
            "release": self.release,
            "handed": self.handed,
            "handed_fdt_size": self.handed_fdt_size,
            "boot": [words._asdict() for words in self.boot],
            "passed": [page._asdict() for page in self.passed],
            "copies": [
                {
                    "name": c.name,
                    "role": c.role,
                    "fdt": None if c.fdt is None else _text(c.fdt),
                    "subtrees": {name: _text(raw) for name, raw in c.subtrees.items()},
                    "scratch": c.scratch,
                    "unusable": c.unusable,
                    "unreadable": c.unreadable,
                }
                for c in self.copies
            ],
            "iomem": self.iomem,
            "partial": self.partial,
            "to_load": self.to_load,
        }
        return json.dumps(document).encode("ascii")

    @classmethod
    def parse(cls, raw: bytes) -> CaptureNote:
        """Read a note; InputError where it is not valid."""
        document = _object(jsontext.load(raw, "the note"), "the note", "schema")
        if document["schema"] != SCHEMA:
            raise InputError(f"its schema is not {SCHEMA}")
        _object(document, "the note", "page_size", "release", "handed", "copies", "iomem")
        copies = _list(document["copies"], "copies")
        if len(copies) > _MAX_COPIES:
            raise InputError(f"copies: expected {_MAX_COPIES} at most, found {len(copies)}")
        boot, passed = (_list(document.get(name, []), name) for name in ("boot", "passed"))
        for name, found in (("boot", boot), ("passed", passed)):
            if len(found) > _MAX_FOUND:
                raise InputError(f"{name}: expected {_MAX_FOUND} at most, found {len(found)}")
        size, handed = document.get("handed_fdt_size"), document["handed"]
        note = cls(
            document["page_size"],
            document["release"],
            None if handed is None else _handed(handed),
            None if size is None else _number(size),
            tuple(_words(b) for b in boot),
            tuple(_passed(p) for p in passed),
            tuple(_copy(c) for c in copies),
            document["iomem"],
            document.get("partial", False),
            document.get("to_load", False),
        )
        for name in ("partial", "to_load"):
            if type(getattr(note, name)) is not bool:
                raise InputError(f"{name} is neither true nor false")
        paged = type(note.page_size) is int and note.page_size in page_sizes()  # not 4096.0
        if not (paged or note.page_size is None):
            raise InputError(f"page_size: expected null or one of {page_sizes()}")
        for name, text in (("release", note.release), ("iomem", note.iomem)):
            if not _text_or_none(text):
                raise InputError(f"{name}: expected null or text")
        return note


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def _text_or_none(value: object) -> bool:
    return value is None or isinstance(value, str)


def _raw(text: Any) -> bytes:
    if not isinstance(text, str):
        raise InputError("a copy is not base64")
    if len(text) > 2 * MAX_COPY:
        raise InputError(
            f"a copy: expected base64 of {2 * MAX_COPY} characters at most, found {len(text)}"
        )
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:  # also for characters that are not ASCII
        raise InputError("a copy is not base64") from error


def _number(value: object) -> int:
    if type(value) is not int or not 0 <= value < 1 << 64:
        raise InputError("an address or size is not an integer below 2^64")
    return value


def _object(value: Any, what: str, *names: str) -> dict[str, Any]:
    """Return ``value`` if it is an object with the fields ``names``; else raise InputError."""
    lacking = next((n for n in names if n not in value), None) if isinstance(value, dict) else None
    if isinstance(value, dict) and lacking is None:
        return value
    found = f"it has no {lacking}" if lacking else "this is not one"
    raise InputError(f"{what}: expected an object with {', '.join(names)}; {found}")


def _list(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise InputError(f"{what}: expected a list")
    return value


def _handed(value: Any) -> tuple[int, int, int]:
    if not isinstance(value, list) or len(value) != 3:
        raise InputError("handed: expected [root FDT, scratch array, length of that]")
    return _number(value[0]), _number(value[1]), _number(value[2])


def _words(value: Any) -> BootWords:
    _object(value, "boot", *BootWords._fields)
    if type(value["booted"]) is not bool:
        raise InputError("boot: booted is neither true nor false")
    size = value["fdt_size"]
    return BootWords(
        _number(value["fdt"]),
        None if size is None else _number(size),
        _number(value["scratch"]),
        _number(value["scratch_size"]),
        value["booted"],
    )


def _passed(value: Any) -> PassedPage:
    _object(value, "passed", *PassedPage._fields)
    if not isinstance(value["why"], str):
        raise InputError("passed: why: expected text")
    if value["severity"] not in SEVERITIES:
        raise InputError(f"passed: severity: expected one of {', '.join(SEVERITIES)}")
    return PassedPage(_number(value["phys"]), value["why"], value["severity"])


def _copy(value: Any) -> NotedCopy:
    _object(value, "copies", *NotedCopy._fields)
    if not isinstance(value["name"], str):
        raise InputError("copies: name: expected text")
    if value["role"] not in ("in", "out", None):
        raise InputError("copies: role: expected in, out or null")
    areas = None if value["scratch"] is None else _list(value["scratch"], "scratch of a copy")
    if areas is not None and not all(isinstance(x, list) and len(x) == 2 for x in areas):
        raise InputError("scratch of a copy: expected [start, size] of each area")
    return NotedCopy(
        value["name"],
        value["role"],
        None if value["fdt"] is None else _raw(value["fdt"]),
        {name: _raw(text) for name, text in _object(value["subtrees"], "subtrees").items()},
        None if areas is None else tuple((_number(a), _number(n)) for a, n in areas),
        _strings(value, "unusable"),
        _strings(value, "unreadable"),
    )


def _strings(copy: dict[str, Any], name: str) -> tuple[str, ...]:
    values = copy[name]
    if not isinstance(values, list) or not all(isinstance(v, str) for v in values):
        raise InputError(f"copies: {name}: expected a list of texts")
    return tuple(values)
