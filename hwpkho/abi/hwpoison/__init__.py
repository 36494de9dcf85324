"""The hwpoison blob: what both published revisions have in common, and which there are.

A revision is a module that offers what :class:`Revision` says, and its line in ``REVISIONS``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from hwpkho.abi import fdt
from hwpkho.base.registry import Registry
from hwpkho.codes.blob import BLOB_DAMAGED
from hwpkho.errors import InputError

if TYPE_CHECKING:
    from hwpkho.abi.spans import Span
    from hwpkho.abi.vmalloc import KhoVmalloc
    from hwpkho.codes import Code

#: Bytes that are enough to tell a revision and, of a struct, to read it whole.
HEAD = 32


@dataclass(frozen=True, slots=True)
class HwpoisonBlob:
    """The blob's fields.

    Attributes:
        revision: Which of the published revisions, a name in ``REVISIONS``.
        version: 1.
        count: Live entries in the array.
        vmalloc: Where the array is.
        pad: The struct revision's padding, 0 unless somebody wrote into it.
    """

    revision: str
    version: int
    count: int
    vmalloc: KhoVmalloc
    pad: int = 0


class MalformedBlobError(InputError):
    """The proposed consumer would refuse the blob; ``code`` says why."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code


class Revision(Protocol):
    """What the module of a revision offers."""

    #: Whether its consumer panics when it publishes a list of which nothing is left.
    EMPTY_PANICS: bool
    #: Whether kho-v1 can carry it, whose subtrees are FDTs.
    IS_FDT: bool

    def matches(self, raw: bytes) -> bool:
        """Tell by its first bytes whether the blob is of this revision."""

    def length(self, head: bytes, registered: int | None, page_size: int) -> int:
        """Return how many bytes the consumer reads, by the first ``HEAD`` of them.

        ``registered`` is the subtree's blob-size, None where it has none.
        """

    def registered_size(self, page_size: int) -> int:
        """Return the bytes that the producer registers with KHO; ``page_size`` in bytes."""

    def version(self, raw: bytes) -> int | None:
        """Return the version of a blob that may be damaged otherwise; None where it has none."""

    def parse(self, raw: bytes) -> HwpoisonBlob:
        """Read the blob; MalformedBlobError where the consumer would refuse it."""

    def spans(self, raw: bytes) -> list[Span]:
        """Return what the blob's bytes mean; InputError where they make no sense."""

    def build(self, blob: HwpoisonBlob, page_size: int) -> bytes:
        """Return the bytes as registered with KHO; ``page_size`` in bytes."""


#: By name; the one that takes every other blob comes last.
REVISIONS: Registry[Revision] = Registry(
    "revision of the hwpoison subtree",
    {"fdt-v1": "hwpkho.abi.hwpoison.fdt_v1", "struct-v1": "hwpkho.abi.hwpoison.struct_v1"},
)


def revision_of(raw: bytes) -> str:
    """Return the name of the revision of a blob: the first that matches."""
    return next(name for name in REVISIONS.names() if REVISIONS[name].matches(raw))


def parse(raw: bytes, phys: int | None = None) -> HwpoisonBlob:
    """Read a blob of any revision; ``phys`` is where it lies (bytes), None where unknown.

    Raises MalformedBlobError where the consumer would refuse it.
    """
    revision = REVISIONS[revision_of(raw)]
    if revision.IS_FDT and phys is not None and phys % fdt.ALIGNMENT:
        message = f"address 0x{phys:x} is not a multiple of {fdt.ALIGNMENT}, libfdt refuses it"
        raise MalformedBlobError(BLOB_DAMAGED, message)
    return revision.parse(raw)
