"""The hwpoison blob: what both published revisions have in common, and which there are.

A revision is a module with ``NAME``, ``matches(raw)``, ``parse(raw)`` and ``build(blob, …)``, and
its line in :func:`revisions`.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Literal, Protocol, cast

from hwpkho.errors import InputError

if TYPE_CHECKING:
    from hwpkho.codecs.vmalloc import KhoVmalloc
    from hwpkho.codes import Code

Revision = Literal["fdt-v1", "struct-v1"]

#: Bytes that are enough to tell a revision and, of a struct, to read it whole.
HEAD = 32


@dataclass(frozen=True, slots=True)
class HwpoisonBlob:
    """The blob's fields.

    Attributes:
        revision: Which of the published revisions.
        version: 1.
        count: Live entries in the array.
        vmalloc: Where the array is.
        pad: The struct revision's padding, 0 unless somebody wrote into it.
    """

    revision: Revision
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

    NAME: Revision

    def matches(self, raw: bytes) -> bool:
        """Tell by its first bytes whether the blob is of this revision."""

    def parse(self, raw: bytes) -> HwpoisonBlob:
        """Read the blob; MalformedBlobError where the consumer would refuse it."""

    def build(self, blob: HwpoisonBlob, page_size: int) -> bytes:
        """Return the bytes as registered with KHO; ``page_size`` in bytes."""


def revisions() -> dict[Revision, Codec]:
    """Return the codecs by name; the one that takes everything else comes last."""
    names = ("hwpoison_fdt", "hwpoison_struct")
    codecs = [cast("Codec", import_module(f"hwpkho.codecs.{name}")) for name in names]
    return {codec.NAME: codec for codec in codecs}


def parse(raw: bytes) -> HwpoisonBlob:
    """Read a blob of either revision, told apart by the FDT magic.

    Raises MalformedBlobError where the consumer would refuse it.
    """
    codec = next(c for c in revisions().values() if c.matches(raw))
    return codec.parse(raw)
