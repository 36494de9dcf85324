"""Blocks of pages."""

from __future__ import annotations

from hwpkho.codes import Problem
from hwpkho.report.html import blocks
from hwpkho.report.html.blocks import MAX_PROBLEMS
from hwpkho.report.html.facts import Text


def test_many_problems_are_cut_and_said():
    found = [Problem("HP505", "note", f"line {i}: the same") for i in range(MAX_PROBLEMS + 3)]
    assert len(blocks.problems(found)) == MAX_PROBLEMS + 1
    left = "3 more problems are not shown; --json and -v have all."
    assert blocks.problems(found)[-1] == Text(left, "warning")
    assert len(blocks.problems(found, whole=True)) == MAX_PROBLEMS + 3
