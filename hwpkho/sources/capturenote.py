"""The note of a capture: what is known of the machine beside its memory, as JSON in an ELF note.

``{"schema": "hwpkho.capture/1", "page_size": int|null, "release": str|null, "handed": [root FDT,
scratch array, length of that]|null, "copies": [{"name", "role", "fdt", "subtrees", "scratch",
"unusable", "unreadable"}], "iomem": str|null}``; bytes are base64. ``copies`` are those of
/sys/kernel/debug/kho.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass, field
from typing import Any

from hwpkho.errors import InputError
from hwpkho.pages import PAGE_SIZES

SCHEMA = "hwpkho.capture/1"
#: A copied file is at most so long, bytes: debugfs shows single pages.
MAX_COPY = 1 << 16
_MAX_COPIES = 64


@dataclass(frozen=True, slots=True)
class DebugfsCopy:
    """Copies of one side of /sys/kernel/debug/kho.

    Attributes:
        name: As messages call it.
        role: ``in``, ``out`` or None.
        fdt: The root FDT, possibly cut off; None where not copied.
        subtrees: Blobs by node name.
        scratch: The areas ``(start, size)``, bytes; None where not copied.
        unusable: What was said of files that could not be used.
        unreadable: Names of the subtrees among them.
    """

    name: str
    role: str | None
    fdt: bytes | None
    subtrees: dict[str, bytes] = field(default_factory=dict)
    scratch: tuple[tuple[int, int], ...] | None = None
    unusable: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CaptureNote:
    """What a capture says beside memory.

    Attributes:
        page_size: Bytes; None where it is not known.
        release: The running kernel's release, None for a cropped image.
        handed: ``(root FDT, scratch array, length of that)`` that a boot loader passed on, bytes.
        copies: Of debugfs.
        iomem: The text of /proc/iomem, None for a cropped image.
    """

    page_size: int | None = None
    release: str | None = None
    handed: tuple[int, int, int] | None = None
    copies: tuple[DebugfsCopy, ...] = ()
    iomem: str | None = None

    def build(self) -> bytes:
        """Return the note's bytes."""
        document = {
            "schema": SCHEMA,
            "page_size": self.page_size,
            "release": self.release,
            "handed": self.handed,
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
        }
        return json.dumps(document).encode("ascii")

    @classmethod
    def parse(cls, raw: bytes) -> CaptureNote:
        """Read a note; InputError where it is none."""
        try:
            document = json.loads(raw)
            if document["schema"] != SCHEMA:
                raise InputError(f"its schema is not {SCHEMA}")
            copies = document["copies"]
            if len(copies) > _MAX_COPIES:
                raise InputError(f"{len(copies)} copies of debugfs")
            note = cls(
                document["page_size"],
                document["release"],
                None if document["handed"] is None else _three(document["handed"]),
                tuple(_copy(c) for c in copies),
                document["iomem"],
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise InputError(f"malformed: {type(error).__name__}") from error
        texts = (note.release, note.iomem)
        if note.page_size not in (None, *PAGE_SIZES) or not all(_text_or_none(t) for t in texts):
            raise InputError("page_size, release or iomem makes no sense")
        return note


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def _text_or_none(value: object) -> bool:
    return value is None or isinstance(value, str)


def _raw(text: str) -> bytes:
    if len(text) > 2 * MAX_COPY:
        raise InputError(f"a copy of {len(text)} characters")
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise InputError("a copy is no base64") from error


def _number(value: object) -> int:
    if type(value) is not int or not 0 <= value < 1 << 64:
        raise InputError("an address is no integer below 2^64")
    return value


def _three(values: Any) -> tuple[int, int, int]:
    root, array, length = values
    return _number(root), _number(array), _number(length)


def _copy(value: Any) -> DebugfsCopy:
    if value["role"] not in ("in", "out", None) or not isinstance(value["name"], str):
        raise InputError("the role of a copy is neither in nor out")
    areas = value["scratch"]
    return DebugfsCopy(
        value["name"],
        value["role"],
        None if value["fdt"] is None else _raw(value["fdt"]),
        {name: _raw(text) for name, text in value["subtrees"].items()},
        None if areas is None else tuple((_number(a), _number(n)) for a, n in areas),
        _strings(value["unusable"]),
        _strings(value["unreadable"]),
    )


def _strings(values: Any) -> tuple[str, ...]:
    if not all(isinstance(v, str) for v in values):
        raise InputError("what is said of a copy is no text")
    return tuple(values)
