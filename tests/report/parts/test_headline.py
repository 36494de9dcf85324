"""The sentence that counts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hwpkho.base.pfnset import pfn_set
from hwpkho.judging.result import Finding, Validation
from hwpkho.judging.rulings import Ruling, Runs
from hwpkho.report.parts.headline import headline
from tests.support.judged import validation


@pytest.mark.parametrize(
    ("v", "sentence"),
    [
        (validation(outcome="absent", findings=[Finding("HP105", "note", "source", "")]),
         "there is no list for the next kernel"),
        (replace(validation([(1, 2, 0)], [Finding("HP212", "warning", "source", "")], "absent"),
                 how="unheeded"),
         "the next kernel will not look at the list: all 2 pages will be forgotten"),
        (validation(outcome=None, handover=False), "the list is empty"),
        (validation(outcome=None),
         "this input does not show what the next kernel will do"),
        (validation(outcome="replay"),
         "the list is empty; the proposed consumer mishandles an empty list (HP318)"),
        (validation([(1, 1, 0)], outcome=None, handover=False),
         "the one page would be taken out of use"),
        (validation([(1, 1, 0)], outcome=None),
         ("this input does not show whether the list will be replayed; if it is, the one page "
          "would be taken out of use")),
        (validation(outcome="crash", findings=[Finding("HP307", "error", "source", "")]),
         "the next kernel will panic at boot (read from its source, not measured)"),
    ],
)  # fmt: skip
def test_other_sentences(v, sentence):
    assert headline(v)[1] == sentence


def test_sentence_without_loss():
    runs = Runs(pfn_set([1, 5]))
    runs.add(1, 1, Ruling("replays", None, "x"))
    runs.add(5, 5, Ruling("retired", "HP606", "unusable"))
    v = Validation("case", 4096, "x86_64", None, 2, runs, ())
    assert headline(v) == (
        "good", "1 of 2 pages would be taken out of use, 1 of 2 pages is not the kernel's"
    )  # fmt: skip


def test_a_hole_beside_ram_is_in_nobodys_use():
    """Not the kernel's, but no firmware sits there either."""
    runs = Runs(pfn_set([1, 5]))
    runs.add(1, 1, Ruling("replays", None, "x"))
    runs.add(5, 5, Ruling("firmware", "HP610", "hole", "idle"))
    v = Validation("case", 4096, "x86_64", None, 2, runs, ())
    assert headline(v) == (
        "warning", "1 of 2 pages would be taken out of use, 1 of 2 pages is not the kernel's"
    )  # fmt: skip
