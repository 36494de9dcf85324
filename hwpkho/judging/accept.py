"""Which findings count: codes selected and ignored, and a baseline of accepted ones."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.base import opening, unopened
from hwpkho.base.escape import printable
from hwpkho.base.options import option
from hwpkho.codes import names
from hwpkho.codes.limits import BASELINE_STALE, NOT_JUDGED
from hwpkho.errors import InputError, UsageError
from hwpkho.judging import baseline
from hwpkho.judging.case_result import CaseResult, FailOn, Suppressed, fails
from hwpkho.judging.result import Finding, finding

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hwpkho.base.output import Together
    from hwpkho.judging.result import Validation


class Acceptance(NamedTuple):
    """Which findings count, and which of those make a case fail.

    Attributes:
        select: Ids of the codes that count; None: all of them.
        ignore: Ids of codes that do not count.
        baseline: Accepted findings.
        fail_on: The least severity that makes a case fail.
        baseline_file: Path of the baseline that was read; None without one.
    """

    select: frozenset[str] | None = None
    ignore: frozenset[str] = frozenset()
    baseline: tuple[baseline.Entry, ...] = ()
    fail_on: FailOn = "error"
    baseline_file: str | None = None


def acceptance(
    select: Iterable[str] = (),
    ignore: Iterable[str] = (),
    baseline_file: str | None = None,
    fail_on: FailOn = "error",
) -> Acceptance:
    """Return the acceptance for what the user gave.

    Each text of ``select`` and ``ignore`` is a comma separated list of codes, names and prefixes.
    Raises UsageError for an unknown code and a ``select`` of none, InputError for a baseline that
    cannot be read.
    """
    select = tuple(select)
    selected = _matching("select", select) if select else None
    if selected == frozenset():
        raise UsageError(f"{option('select')} names no code, so no finding would count")
    entries: tuple[baseline.Entry, ...] = ()
    if baseline_file is not None:
        entries = _entries(baseline_file)
    return Acceptance(
        selected,
        _matching("ignore", ignore),
        entries,
        fail_on,
        baseline_file,
    )


def _matching(parameter: str, texts: Iterable[str]) -> frozenset[str]:
    try:
        return names.matching(texts)
    except UsageError as error:
        raise UsageError(f"{option(parameter)}: {error}") from error


def _entries(path: str) -> tuple[baseline.Entry, ...]:
    try:
        return baseline.parse(_read(path), printable(path))
    except InputError as error:
        from hwpkho.inputs import mistakes  # only for a mistake

        said = None if opening.is_inherited(path) else mistakes.instead(path, "baseline")
        if said is None:
            raise
        raise InputError(f"{printable(path)}: {said}") from error


def _read(path: str) -> bytes:
    with os.fdopen(opening.stream(path), "rb") as file:
        try:
            return file.read(baseline.MAX_SIZE + 1) or b""  # an empty pipe may give None
        except OSError as error:
            raise unopened.failed(path, error) from error


def apply(
    validation: Validation,
    accepted: Acceptance,
    case: str,
    inputs: tuple[str, ...],
    memmaps: tuple[str, ...],
) -> CaseResult:
    """Return the result of a case, its findings divided into those that count and the others.

    ``case`` is its name; ``inputs`` and ``memmaps`` are as the user named them.
    """
    kept: list[Finding] = []
    suppressed: list[Suppressed] = []
    used: set[int] = set()
    for f in validation.findings:
        number = baseline.match(accepted.baseline, f, case)
        if accepted.select is not None and f.code not in accepted.select:
            suppressed.append(Suppressed(f, "select"))
        elif f.code in accepted.ignore:
            suppressed.append(Suppressed(f, "ignore"))
        elif number is not None:
            suppressed.append(Suppressed(f, "baseline", accepted.baseline[number].reason))
        else:
            kept.append(f)
        if number is not None:
            used.add(number)
    return CaseResult(
        case,
        int(any(fails(f, accepted.fail_on) for f in kept)),
        inputs,
        memmaps,
        accepted.fail_on,
        replace(validation, findings=tuple(kept)) if suppressed else validation,
        None,
        tuple(suppressed),
        frozenset(used),
    )


def unjudged(error: str, accepted: Acceptance, case: str, code: int) -> CaseResult:
    """Return the result of a batch case that could not be judged.

    ``error`` says why, ``code`` is the exit code. A baseline entry with the code HP707 accepts
    the case, which then has exit code 0; but not where ``code`` is that of a wrong option, 2.
    """
    result = CaseResult(case, code, fail_on=accepted.fail_on, error=error)
    number = baseline.match(accepted.baseline, finding(NOT_JUDGED, error), case)
    if number is None or code != InputError.exit_code:
        return result
    reason = accepted.baseline[number].reason
    return result._replace(exit=0, used=frozenset((number,)), accepted=reason)


def stale(accepted: Acceptance, results: Iterable[CaseResult]) -> list[Finding]:
    """Return a note for each baseline entry that matches no finding of ``results``.

    An entry for a case that could not be judged is not stale.
    """
    used: set[int] = set()
    cases: set[str] = set()
    for result in results:
        used |= result.used
        if result.validation is not None:
            cases.add(result.case)
    return stale_entries(accepted, used, cases)


def stale_entries(accepted: Acceptance, used: set[int], cases: set[str]) -> list[Finding]:
    """Return a note for each baseline entry not ``used`` although its case was judged.

    ``used`` are indices of entries, ``cases`` the names of the cases that were judged.
    """
    if BASELINE_STALE.id in accepted.ignore or not cases:
        return []
    if accepted.select is not None and BASELINE_STALE.id not in accepted.select:
        return []
    return [
        finding(BASELINE_STALE, f"baseline entry {number} ({entry}) no longer matches any finding")
        for number, entry in enumerate(accepted.baseline, 1)
        if number - 1 not in used and (entry.case is None or entry.case in cases)
    ]


def with_stale(result: CaseResult, accepted: Acceptance) -> CaseResult:
    """Return the result of a single case with a note for each stale entry of the baseline."""
    notes = stale(accepted, [result])
    if not notes or result.validation is None:
        return result
    findings = (*result.validation.findings, *notes)
    return result._replace(
        exit=max(result.exit, int(any(result.fails(f) for f in notes))),
        validation=replace(result.validation, findings=findings),
    )


def check_place(path: str, accepted: Acceptance) -> None:
    """Raise UsageError where writing a baseline to ``path`` would replace another file.

    Only the baseline that was read may be replaced. This is called before anything is judged, and
    again before the file is written.
    """
    if path != accepted.baseline_file and os.path.lexists(path) and Path(path).is_file():
        raise UsageError(
            f"{printable(path)}: exists; give {option('baseline')} as well to add to it, "
            "or another name"
        )


def write_entries(
    writing: Together, path: str, entries: Iterable[baseline.Entry], accepted: Acceptance
) -> None:
    """Write the entries of the baseline that was read, then ``entries``, to ``path``.

    A name that ends in ``.json`` gets JSON, any other TOML.
    The file appears together with the other outputs of ``writing``, or not at all. Raises
    UsageError or InputError where it cannot be written; see :func:`check_place`.
    """
    check_place(path, accepted)  # somebody may have made the file meanwhile
    with writing.file(path, force=path == accepted.baseline_file) as stream:
        form = baseline.build_json if path.lower().endswith(".json") else baseline.build
        stream.write(form([*accepted.baseline, *entries]).encode())


def as_entries(results: Iterable[CaseResult], reason: str, *, batch: bool) -> list[baseline.Entry]:
    """Return entries that accept every finding that makes one of ``results`` fail.

    Each entry has the given ``reason``. In a ``batch`` an entry names its case, and a case that
    could not be judged (exit code 3) gets an entry with HP707.
    """
    results, why = list(results), printable(reason.strip())
    unread = [r for r in results if batch and r.validation is None and r.exit == 3]
    return [baseline.Entry(NOT_JUDGED.id, why, case=r.case) for r in unread] + [
        baseline.Entry(f.code, why, f.first, f.last, f.phys, r.case if batch else None)
        for r in results
        if r.validation
        for f in r.validation.findings
        if r.fails(f)
    ]
