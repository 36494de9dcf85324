"""The reports of validate: a module each, and a line here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base.registry import Registry

if TYPE_CHECKING:
    from hwpkho.report.validate.base import Report

#: In the order of the help text.
REPORTS: Registry[Report] = Registry(
    "report",
    {
        "text": "hwpkho.report.validate.text:REPORT",
        "json": "hwpkho.report.validate.json:REPORT",
        "jsonl": "hwpkho.report.validate.jsonl:REPORT",
        "csv": "hwpkho.report.validate.csv:REPORT",
        "markdown": "hwpkho.report.validate.markdown:REPORT",
        "github": "hwpkho.report.validate.github:REPORT",
        "ktap": "hwpkho.report.validate.ktap:REPORT",
        "junit": "hwpkho.report.validate.junit:REPORT",
        "sarif": "hwpkho.report.validate.sarif:REPORT",
        "html": "hwpkho.report.validate.html:REPORT",
        "svg": "hwpkho.report.validate.svg:REPORT",
    },
)
