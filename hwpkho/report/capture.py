"""What a capture holds: for people, and as ``hwpkho.capture/1``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hwpkho.base.addresses import human_bytes
from hwpkho.base.counting import counted
from hwpkho.base.escape import printable
from hwpkho.report.parts import jsondoc

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.commands.capture import Captured
    from hwpkho.handover.model import Handover

SCHEMA = "hwpkho.capture/1"


def document(made: Captured) -> str:
    """Return ``hwpkho.capture/1``."""
    body = {
        "source": made.source,
        "output": printable(made.path),
        "page_size": made.page_size,
        "pages": made.pages,
        "scrubbed": made.scrubbed,
        "handovers": [_handover(h) for h in made.handovers],
        "efi_tables": [{"phys": t.phys, "layout": t.layout} for t in made.tables],
        "notes": [printable(note) for note in made.notes],
    }
    return jsondoc.dump(SCHEMA, body)


def _handover(h: Handover) -> dict[str, Any]:
    blob = h.hwpoison.blob if h.hwpoison else None
    root = {"phys": h.root.phys, "compatible": h.root.compatible} if h.root else None
    return {
        "role": h.role,
        "arch": h.arch,
        "page_size": h.page_size,
        "root": root,
        "count": blob.count if blob else None,
    }


def lines(made: Captured) -> Iterator[str]:
    """Yield a line for each handover and each EFI table, one for the file, and the notes."""
    for handover in made.handovers:
        yield printable(str(handover))
    for table in made.tables:
        yield f"EFI table of poisoned memory at 0x{table.phys or 0:x}"
    yield f"{printable(made.path)}: {counted(made.pages, 'page')} of {human_bytes(made.page_size)}"
    for note in made.notes:
        yield f"note: {note}"
