"""A binary report: ``TOY1``, then for each case its exit code, the pages of its list, its name.

Its summary is a table."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, BinaryIO

from hwpkho.report.validate.base import Summary
from hwpkho.report.validate.registry import REPORTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hwpkho.judging.case_result import CaseResult
    from hwpkho.judging.result import Finding
    from hwpkho.report.parts.screen import Screen
    from hwpkho.report.validate.base import Folder

_CASE = struct.Struct("<BQH")


class Toy:
    """See the module."""

    name = "toy-report"
    about = "a toy"
    binary = True
    pages = None
    summary = Summary("csv", "TOY_SUMMARY")

    def open(
        self, out: BinaryIO, screen: Screen, *, batch: bool, folder: Folder | None = None
    ) -> ToyWriter:
        return ToyWriter(out, batch)


class ToyWriter:
    """Writes each case as it comes."""

    def __init__(self, out: BinaryIO, batch: bool) -> None:
        self._out = out
        out.write(b"TOY1" + bytes([batch]))

    def add(self, result: CaseResult) -> None:
        name = result.case.encode()
        pages = result.validation.pfns if result.validation else 0
        self._out.write(_CASE.pack(result.exit, pages, len(name)) + name)

    def finish(self, notes: Sequence[Finding]) -> None:
        self._out.write(b"END" + bytes([len(notes)]))


def parse(raw: bytes) -> tuple[bool, list[tuple[int, int, str]], int]:
    """Return whether it is of a batch, the cases, and how many notes there are."""
    assert raw[:4] == b"TOY1"
    at, cases = 5, []
    while raw[at : at + 3] != b"END":
        code, pages, length = _CASE.unpack_from(raw, at)
        at += _CASE.size
        cases.append((code, pages, raw[at : at + length].decode()))
        at += length
    assert len(raw) == at + 4
    return bool(raw[4]), cases, raw[-1]


def register() -> None:
    REPORTS.register(Toy.name, Toy())


def unregister() -> None:
    REPORTS.unregister(Toy.name)
