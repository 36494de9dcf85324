"""validate as pictures: memory to scale, and the handover's structure, one below the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.errors import UsageError
from hwpkho.report.svg import markup
from hwpkho.report.svg import memory as drawing
from hwpkho.report.svg import structure as boxes
from hwpkho.report.validate import memory, structure, words
from hwpkho.report.validate.base import TextReport, TextWriter

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import BinaryIO

    from hwpkho.judging.case_result import CaseResult
    from hwpkho.judging.result import Finding
    from hwpkho.report.parts.screen import Screen


class _One(TextWriter):
    """The pictures of a single case; nothing if it could not be judged."""

    def add(self, result: CaseResult) -> None:
        v = result.validation
        if v is None:
            return
        found = [drawing.draw(memory.of(v), "memory")]
        made_of = structure.of(v)
        found += [boxes.draw(made_of)] if made_of else []
        title = f"{result.case}: {words.case_headline(result, v)[1]}"
        self.write(markup.document([x for x in found if x is not None], title))

    def finish(self, _notes: Sequence[Finding]) -> None:
        """Write nothing: a picture is complete."""


def _many(_out: BinaryIO, _screen: Screen) -> _One:
    raise UsageError("--format svg draws a single case; --format html has a page for each")


REPORT = TextReport("svg", "pictures of memory and of the handover, of a single case", _One, _many)
