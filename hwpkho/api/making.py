"""Making a handover."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from hwpkho.abi.kexec_metadata import KexecMetadata
from hwpkho.abi.kho import DEFAULT, numbered
from hwpkho.api import checks, inputs, parameters
from hwpkho.api.results import document
from hwpkho.api.rows import PageRow, page_rows
from hwpkho.badpages.model import BadPages
from hwpkho.base import lending
from hwpkho.base.arch import DEFAULT as DEFAULT_ARCH
from hwpkho.base.arch import first_with
from hwpkho.base.listing import Listing
from hwpkho.commands import encode_damage, encode_remarks
from hwpkho.encode.request import Request
from hwpkho.encode.targets import elf, saving
from hwpkho.encode.targets.base import ToWrite
from hwpkho.encode.targets.registry import TARGETS
from hwpkho.errors import UsageError
from hwpkho.report.encode import json as encode_json

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterable, Mapping, Sequence
    from typing import BinaryIO

    from hwpkho.api.inputs import Out
    from hwpkho.encode import layout

_SOURCE = "pfns"


@dataclass(frozen=True, slots=True)
class Layout:
    """A handover that was made; ``hwpkho.encode/1``.

    Attributes:
        pfns: The list.
        notes: What is allowed but would not work in a real boot, one line each.
    """

    _layout: layout.Layout
    pfns: array[int]
    notes: tuple[str, ...] = ()

    @property
    def damage(self) -> str | None:
        """How it is broken on purpose, None for a sound one."""
        return self._layout.broken.name if self._layout.broken else None

    def write_elf(self, out: Out, *, force: bool = False) -> None:
        """Write an ELF core, as ``hwpkho encode --to elf``.

        ``out`` is a path, or a file open for writing bytes, which needs ``write`` alone. One that
        can seek ends with the core: what it held behind its position is cut off.

        Raises UsageError where ``out`` exists and ``force`` is not set, InputError where it cannot
        be written.
        """
        parameters.check({"out": out, "force": force}, parameters.WRITE)
        if isinstance(out, (str, os.PathLike)):
            self._save("elf", out, force)
        else:
            elf.TARGET.write(self._made(), cast("BinaryIO", lending.Written(out)))

    def write_segments(self, folder: str | os.PathLike[str], *, force: bool = False) -> None:
        """Write a folder of ``0xADDR.bin`` and ``handover.json``, as ``--to segments``."""
        parameters.PATH("folder", folder)
        checks.FLAG("force", force)
        self._save("segments", folder, force)

    def _save(self, to: str, out: str | os.PathLike[str], force: bool) -> None:
        with inputs.named():
            saving.save(TARGETS[to], self._made(), inputs.path(out), None, None, force=force)

    def _made(self) -> ToWrite:
        return ToWrite(BadPages(_SOURCE, Listing(self.pfns)), self._layout)

    def rows(self) -> list[PageRow]:
        """Return the list as runs, in its order."""
        return page_rows(Listing(self.pfns))

    def to_dict(self) -> dict[str, Any]:
        """Return the document of ``hwpkho encode --json``, as of an ELF core on standard output."""
        body = encode_json.of_layout(self._layout, _SOURCE, self.notes)
        return document(encode_json.SCHEMA, body)


def build(
    pfns: Iterable[int],
    *,
    page_size: int = 4096,
    at: int | None = None,
    ram: Sequence[tuple[int, int]] = (),
    scratch: Sequence[tuple[int, int]] = (),
    arch: str | None = None,
    kho: int = DEFAULT.number,
    revision: str | None = None,
    capacity: int | None = None,
    order: int = 0,
    flags: int | None = None,
    kexec_count: int | None = None,
    previous_release: str | None = None,
    subtrees: Mapping[str, bytes] | None = None,
    damage: str | None = None,
) -> Layout:
    """Make the handover of a list, as a careful producer places it in memory.

    Example::

        high, low = (0x60000000, 64 << 20), (0x48000000, 64 << 20)
        layout = hwpkho.build([0x50001], ram=[high], scratch=[low])
        layout.write_elf("handover.elf")

    Args:
        pfns: In the order of the array; repeats are kept.
        page_size: Bytes that a PFN stands for.
        at: Physical address of the first page; default placed in ``ram``, near its end.
        ram: ``(start, size)`` in bytes: where pages may go.
        scratch: ``(start, size)`` in bytes, whole pages; without scratch a kernel ignores it.
        arch: ``x86_64`` or ``arm64``; default the first of them with such pages.
        kho: KHO version, 4 for kho-v4.
        revision: Of the hwpoison subtree; default struct-v1, with kho-v1 fdt-v1.
        capacity: Entries of the array; default 512, doubled until the list fits.
        order: Blocks of the array have ``2 ** order`` pages.
        flags: Of ``struct kho_vmalloc``; default the producer's.
        kexec_count: In kexec-metadata; default 1.
        previous_release: In kexec-metadata; default ``hwpkho``.
        subtrees: Blobs of further subtrees by node name, newest first.
        damage: How to break it on purpose, to test what reads it; the error for an unknown name
            lists all, ``hwpkho encode --damage list`` says what each breaks.

    Raises UsageError for what cannot go together or has no room, ValueError for an
    integer that is not a PFN.
    """
    given: dict[str, Any] = {
        "page_size": page_size,
        "at": at,
        "arch": arch,
        "kho": kho,
        "revision": revision,
        "capacity": capacity,
        "order": order,
        "flags": flags,
        "kexec_count": kexec_count,
        "previous_release": previous_release,
        "subtrees": subtrees,
        "damage": damage,
    }
    given = parameters.check(given, parameters.BUILD)
    page_size, kho, kexec_count = given["page_size"], given["kho"], given["kexec_count"]
    listed = parameters.pfns("pfns", pfns)
    metadata = None
    if not numbered(kho).fdts or kexec_count is not None or previous_release is not None:
        metadata = KexecMetadata(
            "hwpkho" if previous_release is None else previous_release,
            1 if kexec_count is None else kexec_count,
        )
        try:
            metadata.build()
        except ValueError as error:
            raise UsageError(f"previous_release: {error}") from error
    usual = first_with(page_size)
    request = Request(
        Listing(listed),
        page_size,
        arch or (usual.name if usual else DEFAULT_ARCH),
        kho,
        revision,
        given["capacity"],
        given["order"],
        given["flags"],
        metadata,
        tuple((given["subtrees"] or {}).items()),
        given["at"],
        parameters.areas("ram", ram),
        parameters.areas("scratch", scratch),
    )
    with inputs.named():
        encode_damage.check(damage, elf.TARGET)
        made = encode_damage.build(request, damage, elf.TARGET)
        return Layout(made, listed, tuple(encode_remarks.of_layout(request, made)))
