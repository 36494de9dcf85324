"""decode as pictures: of each handover its structure, and where its memory lies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.errors import InputError
from hwpkho.report.decode import memory
from hwpkho.report.parts import structure
from hwpkho.report.svg import markup
from hwpkho.report.svg import memory as drawing
from hwpkho.report.svg import structure as boxes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.commands.decode import Decoded
    from hwpkho.report.registry import Call


class Report:
    """``--format svg`` of decode."""

    name = "svg"
    about = "pictures of the structure and of memory"

    def pieces(self, result: Decoded, _call: Call) -> Iterator[str]:
        """Yield the file; raises InputError if there is no handover to draw."""
        if not result.handovers:
            raise InputError(f"{result.name}: holds no handover; --format html shows a table")
        found = list[markup.Drawing | None]()
        for i, h in enumerate(result.handovers):
            found.append(boxes.draw(structure.of_handover(h)))
            found.append(drawing.draw(memory.of_handover(h), f"memory-{i}"))
        yield markup.document([x for x in found if x is not None], result.name)


REPORT = Report()
