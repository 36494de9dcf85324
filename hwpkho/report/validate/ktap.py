"""KTAP version 1 (the kernel's Documentation/dev-tools/ktap.rst): what kernel CI reads.

Each case is a test, each check of it a subtest, one line each. Findings stand as diagnostic lines
before the result line of their check.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hwpkho.report.parts.checks import checks
from hwpkho.report.parts.headline import headline

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hwpkho.judge.case_result import CaseResult
    from hwpkho.report.validate.formats import Context

VERSION = "KTAP version 1"
_DIRECTIVE = re.compile(r"#(?=\s*(?:SKIP|TODO|XFAIL|TIMEOUT|ERROR))", re.IGNORECASE)


def one(result: CaseResult, context: Context) -> Iterator[str]:
    """Yield the output for a single case."""
    return batch([result], context)


def batch(results: Iterable[CaseResult], context: Context) -> Iterator[str]:
    """Yield the output for many cases. The plan comes first: all results are awaited."""
    cases = list(results)
    yield f"{VERSION}\n1..{len(cases)}\n"
    for note in context.notes():
        yield f"# {note.code}: {note.message}\n"
    for number, result in enumerate(cases, 1):
        yield "\n".join(_case(number, result)) + "\n"


def _case(number: int, result: CaseResult) -> Iterator[str]:
    name = _name(result.case)
    v = result.validation
    if v is None:
        yield f"not ok {number} {name} # ERROR {_words(result.error or '')}"
        return
    all_checks = list(checks(result))
    yield f"  {VERSION}"
    yield f"  1..{len(all_checks)}"
    for at, check in enumerate(all_checks, 1):
        for message in check.messages:
            yield f"  # {check.code}: {message}"
        ok = "not ok" if check.status == "fail" else "ok"
        skip = f" # SKIP {_words(check.why)}" if check.status == "skip" else ""
        yield f"  {ok} {at} {check.name}{skip}"
    yield f"# {name}: {headline(v)[1]}"
    yield f"{'not ok' if result.exit else 'ok'} {number} {name}"


def _words(text: str) -> str:
    """Of what follows a directive; readers take the last of a line for the one that counts."""
    return _DIRECTIVE.sub(r"\\x23", text)


def _name(case: str) -> str:
    """A description must not hold ``#``, and blanks would end it for some readers."""
    return "_".join(case.split()).replace("#", "_").lstrip("-") or "_"
