"""Findings as lines for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.codes import registry
from hwpkho.report.explain import CERTAINTY
from hwpkho.report.parts.layout import fold

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.judging.result import Finding
    from hwpkho.report.parts.screen import Screen

_LABEL = 9


def is_routine(f: Finding) -> bool:
    """Tell whether a finding stands in nearly every report, and is shown with --verbose only."""
    return f.severity == "note" and registry()[f.code].routine


def finding_lines(f: Finding, screen: Screen, *, advice: bool = True) -> Iterator[str]:
    """Yield a finding, and unless it is a note what the kernel does and what to do."""
    code, indent = registry()[f.code], " " * (_LABEL + 2)
    head = f"  {screen.paint(f.severity, f'{f.severity:<{_LABEL}}')}"
    yield from fold(f"{f.code} {code.name}: {f.message}", screen.prose, head, indent)
    if f.severity == "note" or not advice:
        return
    kernel = f"{code.kernel} ({CERTAINTY[f.certainty]})"
    for label, text in (("kernel: ", kernel), ("advice: ", code.advice)):
        yield from fold(text, screen.prose, indent + screen.paint("dim", label))


def counted(n: int, what: str) -> str:
    """Return ``1 note``, ``2 notes``."""
    return f"{n} {what}{'s' * (n != 1)}"
