"""``cxl list -r REGION --media-errors``: the media errors of a region of CXL memory, as JSON.

In the errors of a region, offsets count from the region's ``resource``, a host physical address. In
those of a memdev they are device addresses, which show no page. Numbers are JSON integers; with
``-u`` they are strings, hex, and sizes above 5 MB are rounded (``"8.00 GiB (8.59 GB)"``).

Source: ndctl's cxl/json.c (poison_event_to_json), util/json.c (display_size),
Documentation/cxl/cxl-list.txt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hwpkho.badpages.collector import Collector
from hwpkho.badpages.form import Form
from hwpkho.badpages.signs import Sign
from hwpkho.base.addresses import PHYS_END
from hwpkho.base.counting import counted
from hwpkho.base.escape import printable
from hwpkho.base.late import late
from hwpkho.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.badpages.model import BadPages
    from hwpkho.badpages.registry import Asked
    from hwpkho.images.files import FileBytes

#: The most bytes of a document: a region has few errors.
_MAX_SIZE = 64 << 20
_GRAIN = 64
_SIGN = Sign(
    (b"media_errors", b"badblock"), late(rb'"(?:media_errors|badblock_count|badblocks)"\s*:')
)
_HEX = late(r"0[xX]([0-9a-fA-F]{1,16})")
_DECIMAL = late(r"[0-9]{1,20}")
_ROUNDED = late(r"([0-9]{1,9})\.([0-9]{2}) ([KMGTP])iB(?: \(.{1,20}\))?")
_UNITS = {"K": 10, "M": 20, "G": 30, "T": 40, "P": 50}


class CxlList(Form):
    """The form, see the module."""

    name = "cxl-list"
    about = "`cxl list -r REGION --media-errors`, with or without `-u`"

    def sniff(self, head: bytes, /) -> bool | Sign:
        """Tell whether it is JSON with ``media_errors``, or ndctl's ``badblocks``, to refuse it."""
        return _SIGN if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"[", b"{") else False

    def read(self, file: FileBytes, asked: Asked, /) -> BadPages:
        """Return the pages, of kind ``uncorrected``. Raises InputError, naming region and error."""
        from hwpkho.base import jsontext  # slow to import, and rarely needed

        if file.size > _MAX_SIZE:
            raise InputError(f"{file.shown}: {file.size} bytes are more than {_MAX_SIZE}")
        document = jsontext.load(file.read(0, file.size), file.shown)
        found = Collector(file.shown, self.name, asked, "address")
        known = False
        for item in _objects(document):
            if "badblocks" in item or "badblock_count" in item:
                known = True
                if item.get("badblocks") or item.get("badblock_count"):
                    found.unusable(
                        "bad blocks of ndctl are offsets from an unknown address; give cxl list -r "
                        "REGION --media-errors"
                    )
            if "media_errors" in item:
                known = True
                _of_item(found, item)
        if not known:
            raise InputError(f"{file.shown}: no media_errors: not the output of cxl list")
        return found.finish()


def _objects(document: Any) -> Iterator[dict[str, Any]]:
    """Yield all objects of a document in order, except the errors inside them."""
    stack = [document]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            yield node
            stack += [
                v for k, v in reversed(node.items()) if k not in ("media_errors", "badblocks")
            ]
        elif isinstance(node, list):
            stack += reversed(node)


def _of_item(found: Collector, item: dict[str, Any]) -> None:
    errors = item["media_errors"]
    if not isinstance(errors, list):
        raise InputError(f"{found.name}: media_errors is not a list")
    name = next((item[k] for k in ("region", "memdev") if isinstance(item.get(k), str)), "?")
    shown = printable(name[:40])
    if not errors:
        return
    if "region" not in item:
        found.unusable(
            f"{counted(len(errors), 'error has', 'errors have')} device addresses, not host "
            "addresses; give cxl list -r REGION --media-errors",
            shown,
        )
        return
    base = _exact(item.get("resource"))
    if base is None:
        found.unusable("the region has no resource: the errors have no host address", shown)
        return
    size = _exact(item.get("size"))
    for index, error in enumerate(errors):
        _of_error(found, error, base, size, f"{shown} error {index}")


def _of_error(found: Collector, error: Any, base: int, size: int | None, where: str) -> None:
    if not isinstance(error, dict):
        raise InputError(f"{found.name}: {where} is not an object")
    offset = _exact(error.get("offset"))
    length = _upper(error.get("length"))
    if offset is None or not length:
        found.unusable(f"{'no offset' if offset is None else 'no length'}, so no address", where)
        return
    start, end = base + offset, base + offset + length
    if end > PHYS_END or (size is not None and offset + length > size):
        found.unusable("the error lies outside its region", where)
        return
    flags = error.get("flags")
    if isinstance(flags, str) and "Overflow" in flags:
        found.note("the device's list of errors is full: there may be more")
    found.addresses(start - start % _GRAIN, end + -end % _GRAIN - 1, "uncorrected", where=where)


def _exact(value: Any) -> int | None:
    """Return an exact number, None for a rounded one or anything else."""
    if type(value) is int:
        return value if 0 <= value < PHYS_END else None
    if not isinstance(value, str):
        return None
    if match := _HEX.fullmatch(value):
        return int(match[1], 16)
    return int(value) if _DECIMAL.fullmatch(value) and int(value) < PHYS_END else None


def _upper(value: Any) -> int | None:
    """Return a size in bytes; of a rounded one, the largest that it may have been."""
    match = _ROUNDED.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return _exact(value)
    hundredths = 200 * int(match[1]) + 2 * int(match[2]) + 1
    return (hundredths << _UNITS[match[3]]) // 200


FORM = CxlList()
