"""Marks on the picture of memory, compared with looking at every cell; any judgement renders."""

from __future__ import annotations

import json
import re

from hypothesis import given
from hypothesis import strategies as st

from hwpkho.base.pfnset import pfn_set
from hwpkho.codes import SEVERITIES, registry
from hwpkho.judging import baseline
from hwpkho.judging.accept import Acceptance, apply
from hwpkho.judging.case_result import CaseResult
from hwpkho.judging.result import Basis, Finding, Validation
from hwpkho.judging.rulings import VERDICTS, Ruling, Runs
from hwpkho.report.parts import picture, to_scale
from hwpkho.report.parts.headline import headline
from hwpkho.report.parts.screen import Screen
from hwpkho.report.parts.to_scale import Marks, Run
from hwpkho.report.validate.registry import REPORTS
from tests.support import ktap
from tests.support.examples import times
from tests.support.reporting import OF_MANY, written

U64 = st.integers(0, (1 << 64) - 1)
_ROW = re.compile(r"  0x([0-9a-f]+) (.{48})(?: x (\d+))?")


def _drawn(lines):
    """Return ``(first byte, cells, rows alike)`` of each line of a picture."""
    return [(int(m[1], 16), m[2], int(m[3] or 1)) for line in lines if (m := _ROW.fullmatch(line))]


def _size(text):
    number, unit = text.split()
    return int(number) << 10 * ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"].index(unit)


@given(
    st.sets(st.integers(0, 1 << 20), max_size=30),
    st.sets(st.integers(0, 1 << 20), max_size=30),
    st.integers(1, 1 << 20),
)
def test_every_mark_is_seen_and_nothing_else(bad, worse, pages):
    def marks(name, pfns):
        ordered = sorted(pfns)
        return Marks(name, pfn_set(ordered), [(p, p) for p in ordered], 4096)

    lines = picture.draw(
        [Run(0, pages * 4096 - 1, "ram")],
        Screen(blocks=False),
        marks=[marks("forgotten", worse), marks("stays", bad)] if bad or worse else [],
    )
    rows = _drawn(lines)
    assert len(rows) <= to_scale.MAX_ROWS
    assert rows[0][0] == 0
    (size,) = re.findall(r"a character (\d+ \w+)", " ".join(lines))
    cell = _size(size)
    row = cell * len(rows[0][1])
    top = max([pages * 4096 - 1, *((p + 1) * 4096 - 1 for p in bad | worse)])
    for start, cells, count in rows:
        assert count == 1 or len(set(cells)) == 1
        for i, seen in enumerate(cells):
            low = start + i * cell
            high = low + cell if count == 1 else start + row * count
            here = [p for p in bad | worse if low < (p + 1) * 4096 and p * 4096 < high]
            if any(p in worse for p in here):
                assert seen == "?"
            elif here:
                assert seen == "!"
            elif low < pages * 4096 and count == 1 and low + cell <= pages * 4096:
                assert seen == "#"
            elif low >= pages * 4096:
                assert seen == "."
    assert rows[-1][0] + row * rows[-1][2] > top
    assert any(". nothing" in x for x in lines) == any("." in cells for _, cells, _ in rows)
    assert not any(set(cells) == {"."} for _, cells, _ in rows)
    assert any("! bad" in x for x in lines) == any("!" in cells for _, cells, _ in rows)


def test_marks_beyond_every_address_cost_nothing():
    ends = [1, (1 << 64) - 1]
    marks = Marks("stays", pfn_set(ends), [(p, p) for p in ends], 65536)
    lines = picture.draw([Run(0, 1 << 30, "ram")], Screen(), marks=[marks])
    assert len(lines) <= to_scale.MAX_ROWS + 2


# Any judgement

TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cf", "Co", "Cn", "Zl", "Zp"))
)
FINDINGS = st.builds(
    Finding,
    st.sampled_from(sorted(registry())),
    st.sampled_from(SEVERITIES),
    st.sampled_from(["measured", "source", "policy"]),
    TEXT,
    st.none() | U64,
    st.none() | U64,
    st.none() | U64,
)


FACTS = st.sampled_from([None, "gap", "idle"])


@st.composite
def validations(draw):
    pfns = draw(st.lists(st.integers(0, (1 << 52) - 1), unique=True, max_size=20).map(sorted))
    judged = draw(st.booleans())
    runs = Runs(pfn_set(pfns))
    for pfn in pfns:
        verdict = draw(st.sampled_from(VERDICTS)) if judged else None
        code = draw(st.none() | st.sampled_from(sorted(registry()))) if judged else None
        runs.add(pfn, pfn, Ruling(verdict, code, draw(st.none() | TEXT), draw(FACTS)))
    return Validation(
        draw(TEXT),
        draw(st.sampled_from([None, 4096, 16384, 65536])),
        draw(st.sampled_from([None, "x86_64", "arm64"])),
        draw(st.sampled_from([None, "replay", "dropped", "refused", "crash", "absent"])),
        len(pfns),
        runs,
        tuple(draw(st.lists(FINDINGS, max_size=5))),
        tuple(draw(st.lists(TEXT, max_size=2))),
        ((0, 9999, "ram", "System RAM"), (20000, 20005, "firmware", "x")) if judged else None,
        decided_by=draw(st.none() | FINDINGS),
        how=draw(st.sampled_from([None, "chance", "always", "unheeded"])),
        in_doubt=frozenset(draw(st.lists(st.sampled_from(["root", "copy", "list", "outgoing"])))),
        basis=Basis(
            draw(st.booleans()), draw(st.sampled_from(["used", "set-aside", "none"])),
            draw(st.booleans()), draw(st.booleans()),
        ),
    )  # fmt: skip


RESULTS = st.builds(
    lambda v, case, fail_on, code: apply(
        v,
        Acceptance(None, frozenset(), (baseline.Entry(code, "known"),), fail_on),
        case,
        ("input",),
        ("map",),
    ),
    validations(),
    TEXT,
    st.sampled_from(["error", "warning", "note", "never"]),
    st.sampled_from(sorted(registry())),
) | st.builds(
    lambda case, code, error: CaseResult(case, code, error=error),
    TEXT,
    st.sampled_from([2, 3]),
    TEXT,
)


@times(0.5)
@given(st.lists(RESULTS, min_size=1, max_size=3))
def test_any_judgement_renders_in_every_format(results):
    for name in REPORTS.names():
        text = written(name, results) if name in OF_MANY else ""
        if name in ("json", "sarif"):
            json.loads(text)
        elif name == "ktap":
            assert [t.ok for t in ktap.parse(text)] == [not r.exit for r in results]
        for result in results:
            if result.validation is not None:
                written(name, [result], batch=False)


@times(0.5)
@given(validations())
def test_any_judgement_has_a_sentence(v):
    style, sentence = headline(v)
    assert style in ("error", "warning", "note", "good")
    assert sentence
    assert not sentence.endswith(".")
    if v.outcome == "crash":
        assert "panic" in sentence
