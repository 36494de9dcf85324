"""JUnit XML as GitLab and Jenkins read it.

Each case is a test suite, each check that applies to it a test case; the first test case says
whether the case could be judged. Nothing depends on the time or the machine, so the same cases give
the same bytes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from hwpkho.codes import code_of
from hwpkho.report.parts.checks import checks
from hwpkho.report.parts.headline import headline
from hwpkho.report.validate.base import TextReport, TextWriter

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import BinaryIO

    from hwpkho.judging.case_result import CaseResult
    from hwpkho.judging.result import Finding
    from hwpkho.report.parts.checks import Check
    from hwpkho.report.parts.screen import Screen


#: States of cases of which only a part could be judged → why.
_NOT_WHOLE = {
    "no-kho": "the dump is of a kernel without KHO",
    "no-map": "no memory map says what becomes of the pages",
}


class _Writer(TextWriter):
    """Holds the text of all cases until the end, because the file begins with the totals."""

    def __init__(self, out: BinaryIO, screen: Screen) -> None:
        super().__init__(out, screen)
        self._totals = [0, 0, 0, 0]
        self._suites: list[str] = []

    def add(self, result: CaseResult) -> None:
        counts, text = _suite(result)
        self._totals = [a + b for a, b in zip(self._totals, counts, strict=True)]
        self._suites.append(_ascii(text))

    def finish(self, notes: Sequence[Finding]) -> None:
        self.write('<?xml version="1.0" encoding="UTF-8"?>\n')
        self.write(f'<testsuites name="hwpkho validate"{_counts(self._totals)}>\n')
        self.write_all(self._suites)
        if notes:
            lines = [f"{note.code}: {note.message}" for note in notes]
            self.write(_ascii(f"<!-- {_comment(lines)} -->\n"))
        self.write("</testsuites>\n")


REPORT = TextReport("junit", "JUnit XML", _Writer, _Writer)


def _ascii(text: str) -> str:
    """Return XML in ASCII: it is declared as UTF-8, but the output may have another encoding."""
    return text.encode("ascii", "xmlcharrefreplace").decode()


def _counts(counts: Iterable[int]) -> str:
    names = ("tests", "failures", "errors", "skipped")
    return "".join(f' {name}="{n}"' for name, n in zip(names, counts, strict=True))


def _suite(result: CaseResult) -> tuple[tuple[int, int, int, int], str]:
    v = result.validation
    if v is None and result.accepted is not None:
        skip = _open("skipped", message=f"accepted: {result.accepted}: {result.error}")
        head = _open("testcase", name="judged", classname=result.case)
        return (1, 0, 0, 1), _whole(result, (1, 0, 0, 1), [f"{head}>{skip}/></testcase>"])
    if v is None:
        body = [
            _open("testcase", name="judged", classname=result.case) + ">",
            _open("error", message=result.error or "", type=f"exit {result.exit}") + "/>",
            "</testcase>",
        ]
        return (1, 0, 1, 0), _whole(result, (1, 0, 1, 0), body)
    unsure = _NOT_WHOLE.get(v.state)
    head = _open("testcase", name="judged", classname=result.case)
    body = [f"{head}>{_open('skipped', message=unsure)}/></testcase>" if unsure else f"{head}/>"]
    failures, skipped, total = 0, int(bool(unsure)), 1
    for check in filter(lambda check: check.applies, checks(result)):
        total += 1
        failures += check.status == "fail"
        skipped += check.status == "skip"
        body += _check(check, result.case)
    body.append(f"<system-out>{escape(headline(v)[1])}</system-out>")
    counts = (total, failures, 0, skipped)
    return counts, _whole(result, counts, body)


def _whole(result: CaseResult, counts: tuple[int, int, int, int], body: Iterable[str]) -> str:
    head = f"{_open('testsuite', name=result.case)}{_counts(counts)}>"
    return "\n".join([head, *body, "</testsuite>"]) + "\n"


def _check(check: Check, case: str) -> list[str]:
    head = _open("testcase", name=check.name, classname=case)
    found = escape("\n".join(check.messages))
    if check.status == "fail":
        code = code_of(check.code)
        text = f"{found}\n{escape(f'kernel: {code.kernel}')}\n{escape(f'advice: {code.advice}')}"
        failure = _open("failure", message=check.messages[0], type=code.name)
        return [f"{head}>{failure}>{text}</failure></testcase>"]
    if check.status == "skip":
        return [f"{head}>{_open('skipped', message=check.why)}/></testcase>"]
    if found:
        return [f"{head}><system-out>{found}</system-out></testcase>"]
    return [f"{head}/>"]


def _open(tag: str, **attributes: str) -> str:
    given = "".join(f" {name}={quoteattr(value)}" for name, value in attributes.items())
    return f"<{tag}{given}"


def _comment(lines: Iterable[str]) -> str:
    return re.sub("-(?=-)", "- ", "; ".join(lines))
