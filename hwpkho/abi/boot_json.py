"""``handover.json``: what a boot loader passes on about a handover, and no page of it records.

Encode writes it beside its segments and as a note into its ELF cores; it may also be written by
hand: ``{"kho_fdt": [address, size], "kho_scratch": [address, size], "page_size": int, "arch":
str}``, all in bytes; ``arch`` may be missing. The kernel gets the same numbers in /chosen
(``linux,kho-fdt``, ``linux,kho-scratch``) or in struct kho_data of x86 setup_data.
"""

from __future__ import annotations

from typing import NamedTuple

from hwpkho.base.arch import ARCHES, known, page_sizes
from hwpkho.errors import InputError

#: Name of the file beside segments.
HANDOVER_JSON = "handover.json"
#: The most bytes it may have.
MAX_SIZE = 1 << 16


class BootJson(NamedTuple):
    """The contents of a ``handover.json``.

    Attributes:
        kho_fdt: Physical address and size of the root FDT, bytes.
        kho_scratch: Physical address and size of the scratch array, bytes.
        page_size: The kernel's page size, bytes.
        arch: A name of ``ARCHES``, None where the document has none.
    """

    kho_fdt: tuple[int, int]
    kho_scratch: tuple[int, int]
    page_size: int
    arch: str | None = None

    def build(self) -> bytes:
        """Return the document, without a line end."""
        import json  # slow to import, and rarely needed

        fields = {name: value for name, value in self._asdict().items() if value is not None}
        return json.dumps(fields).encode("ascii")


def parse(text: bytes, name: str) -> BootJson:
    """Read the document; ``name`` is the file's name for messages.

    Raises InputError where it is not such a document, or its page size does not exist on ``arch``.
    """
    from hwpkho.base import jsontext  # as above

    document = jsontext.load(text, name)
    try:
        (root, size), (array, length) = document["kho_fdt"], document["kho_scratch"]
        page_size, arch = document["page_size"], document.get("arch")
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{name}: expected kho_fdt and kho_scratch as [address, size] and page_size"
        ) from error
    numbers = (root, size, array, length, page_size)
    if not all(type(n) is int and 0 <= n < 1 << 64 for n in numbers):
        raise InputError(f"{name}: addresses and sizes must be integers below 2^64")
    if page_size not in page_sizes():
        raise InputError(f"{name}: page_size {page_size} is not one of {page_sizes()}")
    if arch not in (None, *ARCHES.names()):
        raise InputError(f"{name}: arch is not one of {', '.join(ARCHES.names())}")
    row = known(arch)
    if row is not None and not row.has_pages(page_size):
        raise InputError(
            f"{name}: {arch} has pages of {row.page_sizes()} bytes, page_size is {page_size}"
        )
    return BootJson((root, size), (array, length), page_size, arch)
