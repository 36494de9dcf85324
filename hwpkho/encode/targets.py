"""The forms in which a handover is written.

A new form is a function here and a line in ``TARGETS``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from hwpkho.badpages import text as pfnlist
from hwpkho.base import output
from hwpkho.base.escape import printable
from hwpkho.base.listing import parts
from hwpkho.encode.layout import Layout, joined
from hwpkho.errors import UsageError
from hwpkho.images import elf, raw

if TYPE_CHECKING:
    from collections.abc import Callable

    from hwpkho.base.listing import Listing

HANDOVER_JSON = "handover.json"
HANDOVER_DTB = "handover.dtb"


@dataclass(frozen=True, slots=True)
class Made:
    """What there is to write: the list, and the handover made of it unless only the list counts."""

    pfns: Listing
    layout: Layout | None

    @property
    def handover(self) -> Layout:
        """The handover; UsageError where none was made."""
        if self.layout is None:
            raise UsageError("nothing was placed")
        return self.layout


@dataclass(frozen=True, slots=True)
class Target:
    """A form.

    Attributes:
        title: For people.
        placed: Whether addresses are needed, and so free memory and scratch.
        bootable: Whether a boot loader can use it, so that a device tree makes sense beside it.
        write: Writes to an open file; None where ``fill`` fills a folder instead.
        fill: Fills a new folder; the bytes are the device tree's, None for none.
    """

    title: str
    placed: bool
    bootable: bool
    write: Callable[[Made, BinaryIO], None] | None = None
    fill: Callable[[Made, Path, bytes | None], None] | None = None


def handover_json(layout: Layout) -> str:
    """Return what a boot loader passes on, and what no page of the handover tells."""
    return json.dumps(
        {
            "kho_fdt": list(layout.kho_fdt),
            "kho_scratch": list(layout.kho_scratch),
            "page_size": layout.page_size,
            "arch": layout.arch,
        }
    )


def _elf(made: Made, out: BinaryIO) -> None:
    layout = made.handover
    elf.write_core(
        out,
        list(joined(layout.pieces)),
        page_size=layout.page_size,
        arch=layout.arch,
        note=handover_json(layout).encode(),
    )


def _segments(made: Made, folder: Path, dtb: bytes | None) -> None:
    layout = made.handover
    raw.write_segments(folder, joined(layout.pieces))
    (folder / HANDOVER_JSON).write_text(handover_json(layout) + "\n", encoding="ascii")
    if dtb is not None:
        (folder / HANDOVER_DTB).write_bytes(dtb)


def _blob(made: Made, out: BinaryIO) -> None:
    out.write(made.handover.raw_blob)


def _list(made: Made, out: BinaryIO) -> None:
    out.writelines(pfnlist.build_text(part).encode("ascii") for part in parts(made.pfns))
    if not made.pfns:
        out.write(b"# no PFNs\n")  # a file of zero bytes would be nothing at all


TARGETS: dict[str, Target] = {
    "elf": Target("ELF core", placed=True, bootable=True, write=_elf),
    "segments": Target("folder of segments", placed=True, bootable=True, fill=_segments),
    "blob": Target("hwpoison blob", placed=True, bootable=False, write=_blob),
    "list": Target("text list", placed=False, bootable=False, write=_list),
}


def _ours(name: str) -> bool:
    return raw.is_segment_name(name) or name in (HANDOVER_JSON, HANDOVER_DTB)


def check(target: Target, path: str, dtb_path: str | None, *, force: bool) -> None:
    """Raise UsageError where something is in the way, before any work is done."""
    if target.write:
        output.check_file(path, force=force)
        if dtb_path is not None:
            output.check_file(dtb_path, force=force)
    elif path == output.STDOUT:
        raise UsageError("a folder cannot go to standard output; give -o FOLDER")
    else:
        output.check_folder(path, _ours, force=force)
        if dtb_path is not None:
            output.check_file(dtb_path, force=force)


def save(
    target: Target, made: Made, path: str, dtb: bytes | None, dtb_path: str | None, *, force: bool
) -> None:
    """Write ``made`` to ``path``, and the device tree to ``dtb_path`` where that is a file.

    Both are replaced together, or neither is.

    Raises UsageError where something is in the way, InputError where it cannot be written.
    """
    with output.together() as writing:
        if dtb is not None and dtb_path is not None:
            with writing.file(dtb_path, force=force) as tree:
                tree.write(dtb)
            dtb = None
        if target.write:
            with writing.file(path, force=force) as out:
                target.write(made, out)
        elif target.fill:
            with writing.folder(path, _ours, force=force) as folder:
                target.fill(made, folder, dtb)


def same_file(first: str, second: str) -> bool:
    """Tell whether two paths name one file."""
    try:
        return Path(first).samefile(second)
    except OSError:
        return False


def default_dtb_path(target: Target, path: str) -> str | None:
    """Return where the device tree goes beside ``path``; None: into the folder itself.

    Raises UsageError where there is no such place.
    """
    if not target.bootable:
        raise UsageError(f"--dtb does not go with a {target.title}")
    if target.fill:
        return None
    if path == output.STDOUT:
        raise UsageError("--dtb with standard output needs --dtb-out FILE")
    return f"{path}.dtb"


def shown(path: str) -> str:
    """Return a path for messages."""
    return "standard output" if path == output.STDOUT else printable(path)
