"""SARIF 2.1.0 (OASIS): findings as results, codes as rules, accepted findings as suppressions.

A result points at the input, or at the memory map if it is about that. A physical address becomes
``address.absoluteAddress``, PFNs a logical location. The files are binary, so the region has
``startLine`` 1 for the file as a whole: GitHub's code scanning demands a line.
"""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from hwpkho.base.version import __version__
from hwpkho.codes import registry
from hwpkho.images.raw import split_base
from hwpkho.report.parts.headline import headline
from hwpkho.report.validate.base import TextReport, TextWriter

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import BinaryIO

    from hwpkho.codes import Code
    from hwpkho.judging.case_result import CaseResult
    from hwpkho.judging.result import Finding
    from hwpkho.report.parts.screen import Screen

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
VERSION = "2.1.0"
#: Severity → ``problem.severity``, from which GitHub takes the severity of an alert.
_PROBLEM = {"error": "error", "warning": "warning", "note": "recommendation"}


class _Writer(TextWriter):
    """Holds all results until the end: they are one run in one document."""

    def __init__(self, out: BinaryIO, screen: Screen) -> None:
        super().__init__(out, screen)
        self._codes = registry()
        self._artifacts = _Artifacts()
        self._found: list[dict[str, Any]] = []
        self._notifications: list[dict[str, Any]] = []
        self._cases: list[dict[str, Any]] = []
        self._worst = 0

    def add(self, result: CaseResult) -> None:
        self._worst = max(self._worst, result.exit)
        v, artifacts = result.validation, self._artifacts
        for path in (*result.inputs, *result.memmaps):
            artifacts.location(path)
        if v is None:
            self._notifications.append(_notification(result, artifacts))
            return
        self._found += [_result(f, result, self._codes, artifacts) for f in v.findings]
        self._found += [
            {
                **_result(s.finding, result, self._codes, artifacts),
                "suppressions": [
                    {"kind": "external", "status": "accepted", "justification": s.reason}
                ],
            }
            for s in result.suppressed
            if s.by == "baseline"
        ]
        self._cases.append(
            {
                "case": result.case,
                "exit": result.exit,
                "outcome": v.outcome,
                "headline": headline(v)[1],
                "byVerdict": v.runs.counts(),
            }
        )

    def finish(self, notes: Sequence[Finding]) -> None:
        more = [
            {"level": note.severity, "message": _text(f"{note.code}: {note.message}")}
            for note in notes
        ]
        run = {
            "tool": {
                "driver": {
                    "name": "hwpkho",
                    "version": __version__,
                    "rules": [_rule(c) for c in self._codes.values()],
                }
            },
            "invocations": [
                {
                    "executionSuccessful": self._worst < 2,
                    "exitCode": self._worst,
                    "toolExecutionNotifications": self._notifications + more,
                }
            ],
            "artifacts": self._artifacts.all,
            "results": self._found,
            "properties": {"cases": self._cases},
        }
        self.write(json.dumps({"$schema": SCHEMA, "version": VERSION, "runs": [run]}) + "\n")


REPORT = TextReport("sarif", f"SARIF {VERSION}", _Writer, _Writer)


class _Artifacts:
    """The files that results point at, each once."""

    def __init__(self) -> None:
        self.all: list[dict[str, Any]] = []
        self._known: dict[str, dict[str, Any]] = {}

    def location(self, path: str) -> dict[str, Any]:
        """Return an artifactLocation for a path as the user named it."""
        found = self._known.get(path)
        if found is None:
            where = _location(path)
            self.all.append({"location": where, "roles": ["analysisTarget"]})
            found = self._known[path] = {**where, "index": len(self.all) - 1}
        return found


def _location(path: str) -> dict[str, Any]:
    if path == "-":
        return {"description": {"text": "standard input"}}
    based = split_base(path)
    plain = os.fsencode(based[0] if based else path)
    return {"uri": f"file://{quote(plain)}" if plain.startswith(b"/") else quote(plain)}


def _result(
    f: Finding, result: CaseResult, codes: dict[str, Code], artifacts: _Artifacts
) -> dict[str, Any]:
    files = (result.memmaps if codes[f.code].subject == "map" else ()) or result.inputs
    place: dict[str, Any] = {
        "artifactLocation": artifacts.location(files[0]),
        "region": {"startLine": 1},
    }
    if f.phys is not None:
        place["address"] = {"absoluteAddress": f.phys, "kind": "physical"}
    return {
        "ruleId": f.code,
        "ruleIndex": list(codes).index(f.code),
        "level": f.severity,
        "message": _text(f"{result.case}: {f.message}"),
        "locations": [{"physicalLocation": place, "logicalLocations": [_logical(f, result.case)]}],
        "partialFingerprints": {"primaryLocationLineHash": _fingerprint(f, result.case)},
        "properties": {
            "case": result.case,
            "certainty": f.certainty,
            "first": f.first,
            "last": f.last,
            "phys": f.phys,
        },
    }


def _logical(f: Finding, case: str) -> dict[str, Any]:
    if f.first is None or f.last is None:
        return {"name": case, "fullyQualifiedName": case, "kind": "module"}
    span = f"0x{f.first:x}" if f.first == f.last else f"0x{f.first:x}-0x{f.last:x}"
    return {"name": span, "fullyQualifiedName": f"{case}/pfn/{span}", "kind": "resource"}


def _fingerprint(f: Finding, case: str) -> str:
    """Return a hash that stays the same for a finding when its message is reworded."""
    parts = json.dumps([f.code, case, f.first, f.last, f.phys])
    return hashlib.sha256(parts.encode()).hexdigest()[:32] + ":1"


def _notification(result: CaseResult, artifacts: _Artifacts) -> dict[str, Any]:
    found: dict[str, Any] = {
        "level": "error",
        "message": _text(f"{result.case}: {result.error}"),
    }
    if result.inputs:
        place = {"artifactLocation": artifacts.location(result.inputs[0])}
        found["locations"] = [{"physicalLocation": place}]
    return found


def _rule(code: Code) -> dict[str, Any]:
    return {
        "id": code.id,
        "name": "".join(word.capitalize() for word in code.name.split("-")),
        "shortDescription": _text(code.name.replace("-", " ")),
        "fullDescription": _text(code.meaning),
        "help": _text(f"The next kernel: {code.kernel}\nWhat to do: {code.advice}"),
        "defaultConfiguration": {"level": code.severity},
        "properties": {
            "certainty": code.certainty,
            "problem.severity": _PROBLEM[code.severity],
            "tags": ["hwpoison", "kho"],
        },
    }


def _text(text: str) -> dict[str, str]:
    """Return a message with braces (placeholders) and ``[a](b)`` (links) escaped (SARIF 3.11)."""
    return {"text": text.replace("{", "{{").replace("}", "}}").replace("](", "] (")}
