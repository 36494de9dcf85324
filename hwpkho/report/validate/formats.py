"""The formats of validate: a module each, and a line here.

A format's module has ``one(result, context)`` for a single case and ``batch(results, context)`` for
many, which takes results as they come. Both yield the output piece by piece.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from hwpkho.base.registry import Registry
from hwpkho.report.parts.paint import Paint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from hwpkho.judge.case_result import CaseResult
    from hwpkho.judge.result import Finding


@dataclass(frozen=True, slots=True)
class Context:
    """What a format may ask beside the results.

    Attributes:
        paint: Colours, off unless the output is a terminal.
        blocks: Whether block characters can be written.
        notes: Gives what there is to say of a batch as a whole, once all results were taken.
    """

    paint: Paint = field(default_factory=Paint)
    blocks: bool = True
    notes: Callable[[], Sequence[Finding]] = tuple


class Format(Protocol):
    """What a format's module offers."""

    def one(self, result: CaseResult, context: Context) -> Iterator[str]:
        """Yield the output for a single case, piece by piece."""

    def batch(self, results: Iterable[CaseResult], context: Context) -> Iterator[str]:
        """Yield the output for many cases, piece by piece."""


#: In the order of the help text.
FORMATS: Registry[Format] = Registry(
    "format of validate",
    {
        "text": "hwpkho.report.validate.text",
        "json": "hwpkho.report.validate.json",
        "ktap": "hwpkho.report.validate.ktap",
        "junit": "hwpkho.report.validate.junit",
        "sarif": "hwpkho.report.validate.sarif",
    },
)
