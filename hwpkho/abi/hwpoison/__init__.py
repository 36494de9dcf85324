"""The hwpoison blob: what its published revisions have in common, and the registry of them.

A revision is a module with the functions of :class:`Revision`, and a line in ``REVISIONS``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from hwpkho.abi import fdt
from hwpkho.base.registry import Registry
from hwpkho.codes.blob import BLOB_DAMAGED
from hwpkho.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hwpkho.abi.spans import Span
    from hwpkho.abi.vmalloc import KhoVmalloc
    from hwpkho.codes import Code

#: Bytes that suffice to tell the revision, and to read all of a struct-v1 blob.
HEAD = 32


@dataclass(frozen=True, slots=True)
class HwpoisonBlob:
    """The blob's fields.

    Attributes:
        revision: A name in ``REVISIONS``.
        version: 1, the only known one.
        count: Number of PFNs in the array.
        vmalloc: The preserved vmalloc area that holds the array.
        pad: The ``_pad`` of struct-v1, which producers leave 0.
    """

    revision: str
    version: int
    count: int
    vmalloc: KhoVmalloc
    pad: int = 0


class MalformedBlobError(InputError):
    """The proposed consumer refuses the blob; ``code`` is the problem's code."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code


class Revision(Protocol):
    """What the module of a revision offers."""

    #: Whether its consumer panics where no entry of the list is left to publish.
    EMPTY_PANICS: bool
    #: Whether the blob is an FDT, as every subtree of kho-v1 must be.
    IS_FDT: bool

    def matches(self, raw: bytes) -> bool:
        """Tell by its first bytes whether the blob is of this revision."""

    def of_file(self, head: bytes, size: int) -> bytes | None:
        """Return the blob that a file of ``size`` bytes is, None where nothing shows one.

        ``head`` are its first 64 KiB. Stricter than ``matches``: the file may be anything.
        """

    def length(self, head: bytes, registered: int | None, page_size: int) -> int:
        """Return how many bytes the consumer reads of a blob that begins with ``head``.

        ``head`` are the first ``HEAD`` bytes; ``registered`` is the subtree's blob-size in bytes,
        None where it has none.
        """

    def registered_size(self, page_size: int) -> int:
        """Return the bytes that the producer registers with KHO; ``page_size`` in bytes."""

    def version(self, raw: bytes) -> int | None:
        """Return the version of a blob that may be damaged, None where it has or shows none."""

    def parse(self, raw: bytes) -> HwpoisonBlob:
        """Read the blob; MalformedBlobError where the consumer refuses it."""

    def spans(self, raw: bytes) -> list[Span]:
        """Return the parts of the blob, for ``decode --annotate``; InputError where unreadable."""

    def build(self, blob: HwpoisonBlob, page_size: int) -> bytes:
        """Return the bytes as registered with KHO; ``page_size`` in bytes."""


#: By name; ``struct-v1``, which matches every blob, comes last.
REVISIONS: Registry[Revision] = Registry(
    "revision of the hwpoison subtree",
    {"fdt-v1": "hwpkho.abi.hwpoison.fdt_v1", "struct-v1": "hwpkho.abi.hwpoison.struct_v1"},
)


def revision_of(raw: bytes) -> str:
    """Return the name of the revision of a blob: the first that matches."""
    return next(name for name in REVISIONS.names() if REVISIONS[name].matches(raw))


def of_file(head: bytes, size: int) -> bytes | None:
    """Return the blob that a file is, of any revision; see :meth:`Revision.of_file`."""
    return next((raw for r in REVISIONS if (raw := r.of_file(head, size)) is not None), None)


def page_size_by(
    registered: int, revisions: Iterable[Revision], sizes: Iterable[int]
) -> int | None:
    """Return the only page size of ``sizes`` with which a producer registers so many bytes.

    ``revisions`` are those that the blob may have. Returns None where no size fits, or several.
    """
    every = list(sizes)
    fits = {size for r in revisions for size in every if r.registered_size(size) == registered}
    return fits.pop() if len(fits) == 1 else None


def parse(raw: bytes, phys: int | None = None) -> HwpoisonBlob:
    """Read a blob of any revision; ``phys`` is its physical address (bytes), None if unknown.

    Raises MalformedBlobError where the consumer refuses it.
    """
    revision = REVISIONS[revision_of(raw)]
    if revision.IS_FDT and phys is not None and phys % fdt.ALIGNMENT:
        message = f"address 0x{phys:x} is not a multiple of {fdt.ALIGNMENT}, libfdt refuses it"
        raise MalformedBlobError(BLOB_DAMAGED, message)
    return revision.parse(raw)
