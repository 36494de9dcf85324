"""A line of JSON for each case as it comes: an item of ``results`` of hwpkho.validate-batch/1.

If there are notes on all cases together, a last line has them: ``{"notes": [...]}``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.report.parts import jsondoc
from hwpkho.report.validate.base import TextReport, TextWriter
from hwpkho.report.validate.json import entry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hwpkho.judging.case_result import CaseResult
    from hwpkho.judging.result import Finding


class _Writer(TextWriter):
    def add(self, result: CaseResult) -> None:
        self.write_all(entry(result))
        self.write("\n")

    def finish(self, notes: Sequence[Finding]) -> None:
        if notes:
            self.write(f'{{"notes":{jsondoc.text([f.to_json() for f in notes])}}}\n')


REPORT = TextReport("jsonl", "a line of JSON for each case", _Writer, _Writer)
