"""A judgement as a list of checks, one for each code, for KTAP and JUnit.

Every case has the same checks, in the same order and with the same names, so that a dashboard can
follow each over time. Which of them apply depends on what the case holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from hwpkho.codes import registry
from hwpkho.judging.case_result import fails_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.codes import Code
    from hwpkho.judging.case_result import CaseResult
    from hwpkho.judging.result import Finding

Status = Literal["pass", "fail", "skip"]

#: Why checks that need a memory map are skipped, by ``basis.memmap``.
_NO_MAP = {
    "none": "no memory map was given",
    "set-aside": "the memory map is not this machine's",
}
#: Findings shown for one check; of others only the number.
MAX_MESSAGES = 16


class Check(NamedTuple):
    """One code looked for in one case.

    Attributes:
        code: Its id.
        name: ``HP301-count-beyond-array``.
        status: ``fail`` if a finding makes the case fail (--fail-on); ``skip`` if the code could
            not be looked for or its findings are accepted; else ``pass``.
        why: The reason for ``skip``, else empty.
        messages: Up to ``MAX_MESSAGES`` findings, and how many more there are.
        applies: Whether the code was found or accepted, or could have been found in such a case and
            would have made it fail.
    """

    code: str
    name: str
    status: Status
    why: str
    messages: tuple[str, ...]
    applies: bool


def checks(result: CaseResult) -> Iterator[Check]:
    """Yield the checks of a case in the order of their codes; none if it could not be judged."""
    v = result.validation
    if v is None:
        return
    found: dict[str, list[Finding]] = {}
    for f in v.findings:
        found.setdefault(f.code, []).append(f)
    accepted: dict[str, str] = {}
    for s in result.suppressed:
        how = {"select": "not selected", "ignore": "ignored"}.get(s.by) or f"accepted: {s.reason}"
        accepted.setdefault(s.finding.code, how)
    no_map = _NO_MAP.get(v.basis.memmap)
    for code in registry().values():
        here = found.get(code.id, [])
        status: Status = "pass"
        why = ""
        if any(result.fails(f) for f in here):
            status = "fail"
        elif code.id in accepted:
            status, why = "skip", accepted[code.id]
        elif no_map and code.needs_map:
            status, why = "skip", no_map
        applies = bool(here) or code.id in accepted or (status == "pass" and _applies(code, result))
        yield Check(code.id, f"{code.id}-{code.name}", status, why, _messages(here), applies)


def _applies(code: Code, result: CaseResult) -> bool:
    """Tell whether a code that was not found could have been, and would have failed the case."""
    v = result.validation
    if v is None or not fails_at(code.severity, result.fail_on):
        return False
    if code.subject == "list" and code.pfns_are:
        return v.basis.memmap == "used" and bool(v.pfns)
    # Most codes on maps, lists and policies concern a single form or option, so they apply only
    # when found.
    if code.subject == "table":
        return v.efi is not None
    return code.subject in ("image", "handover") and v.basis.handover


def _messages(findings: list[Finding]) -> tuple[str, ...]:
    shown = [f"{f.severity}: {f.message}" for f in findings[:MAX_MESSAGES]]
    if len(findings) > MAX_MESSAGES:
        shown.append(f"and {len(findings) - MAX_MESSAGES} more")
    return tuple(shown)
