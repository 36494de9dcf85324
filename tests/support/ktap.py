"""A reader of KTAP version 1, written from the kernel's ktap.rst and nothing else.

Strict where the specification is: version line, plan, numbers that rise by one, indentation of two
blanks a level, parents that fail with their subtests.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_RESULT = re.compile(r"(?P<result>ok|not ok) (?P<number>\d+)(?: (?P<rest>.*))?")
#: Documentation/dev-tools/ktap.rst, version 1.
DIRECTIVES = ("SKIP", "TODO", "XFAIL", "TIMEOUT", "ERROR")
_PLAN = re.compile(r"1\.\.(\d+)")


@dataclass
class Test:
    """A test and its subtests."""

    number: int
    name: str
    ok: bool
    directive: str | None
    data: str
    subtests: list[Test] = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    __test__ = False  # not one of pytest's


def parse(text: str) -> list[Test]:
    """Return the top-level tests; AssertionError where the text is no KTAP version 1."""
    assert text.endswith("\n")
    lines = text[:-1].split("\n")
    tests, rest, log = _block(lines, "")
    assert not rest
    assert not log
    return tests


def _block(lines: list[str], indent: str) -> tuple[list[Test], list[str], list[str]]:
    assert lines[0] == f"{indent}KTAP version 1"
    plan = _PLAN.fullmatch(lines[1].removeprefix(indent))
    assert plan
    tests: list[Test] = []
    rest = lines[2:]
    log: list[str] = []
    subtests: list[Test] = []
    while rest and len(tests) < int(plan[1]):
        line = rest[0]
        if line == f"{indent}  KTAP version 1":
            assert not subtests
            subtests, rest, deeper = _block(rest, indent + "  ")
            log += deeper
            continue
        assert line.startswith(indent)
        body = line[len(indent) :]
        rest = rest[1:]
        match = _RESULT.fullmatch(body)
        if match is None:
            assert body.startswith("# "), body
            log.append(body[2:])
            continue
        tests.append(_test(match, subtests, log))
        assert tests[-1].number == len(tests)
        subtests, log = [], []
    assert len(tests) == int(plan[1])
    return tests, rest, log


def _test(match: re.Match[str], subtests: list[Test], log: list[str]) -> Test:
    name, _, data = (match["rest"] or "").partition(" # ")
    assert name
    assert "#" not in name
    assert name == name.strip()
    words = data.split(" ", 1)
    known = words[0] in DIRECTIVES
    test = Test(
        int(match["number"]),
        name,
        match["result"] == "ok",
        words[0] if known else None,
        (words[1:] or [""])[0] if known else data,
        subtests,
        log,
    )
    if any(not s.ok and s.directive != "SKIP" for s in subtests):
        assert not test.ok
    if test.directive in ("TIMEOUT", "ERROR"):
        assert not test.ok
    return test
