"""The hwpoison blob: what both published revisions have in common, and which there are.

A revision is a module with ``matches(raw)``, ``parse(raw)`` and ``build(blob, …)``, and its line in
``REVISIONS``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from hwpkho.errors import InputError
from hwpkho.registry import Registry

if TYPE_CHECKING:
    from hwpkho.codecs.vmalloc import KhoVmalloc
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
    """The blob is none that the proposed consumer would take; ``code`` says why."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code


class Codec(Protocol):
    """What the module of a revision offers."""

    def matches(self, raw: bytes) -> bool:
        """Tell by its first bytes whether the blob is of this revision."""

    def parse(self, raw: bytes) -> HwpoisonBlob:
        """Read the blob; MalformedBlobError where the consumer would refuse it."""

    def build(self, blob: HwpoisonBlob, page_size: int) -> bytes:
        """Return the bytes as registered with KHO; ``page_size`` in bytes."""


#: By name; the one that takes every other blob comes last.
REVISIONS: Registry[Codec] = Registry(
    "revision of the hwpoison subtree",
    {"fdt-v1": "hwpkho.codecs.hwpoison_fdt", "struct-v1": "hwpkho.codecs.hwpoison_struct"},
)


def parse(raw: bytes) -> HwpoisonBlob:
    """Read a blob of any revision; the first that matches reads it.

    Raises MalformedBlobError where the consumer would refuse it.
    """
    codec = next(c for c in REVISIONS if c.matches(raw))
    return codec.parse(raw)
