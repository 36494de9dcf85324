"""The note of a capture."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from hwpkho.errors import InputError
from hwpkho.images.capture_note import BootWords, CaptureNote, NotedCopy, PassedPage

TEXTS = st.none() | st.text(max_size=20)


NUMBERS = st.integers(0, (1 << 64) - 1)


COPIES = st.builds(
    NotedCopy,
    st.text(max_size=9),
    st.sampled_from(["in", "out", None]),
    st.none() | st.binary(max_size=40),
    st.dictionaries(st.text(max_size=9), st.binary(max_size=40), max_size=2),
    st.none() | st.lists(st.tuples(NUMBERS, NUMBERS), max_size=2).map(tuple),
    st.lists(st.text(max_size=9), max_size=2).map(tuple),
    st.lists(st.text(max_size=9), max_size=2).map(tuple),
)


WORDS = st.builds(BootWords, NUMBERS, st.none() | NUMBERS, NUMBERS, NUMBERS, st.booleans())


PASSED = st.builds(
    PassedPage, NUMBERS, st.text(max_size=9), st.sampled_from(["error", "warning", "note"])
)


NOTES = st.builds(
    CaptureNote,
    st.sampled_from([None, 4096, 16384, 65536]),
    TEXTS,
    st.none() | st.tuples(NUMBERS, NUMBERS, NUMBERS),
    st.none() | NUMBERS,
    st.lists(WORDS, max_size=2).map(tuple),
    st.lists(PASSED, max_size=2).map(tuple),
    st.lists(COPIES, max_size=2).map(tuple),
    TEXTS,
    st.booleans(),
    st.booleans(),
)


@given(NOTES)
def test_a_note_round_trips(made: CaptureNote) -> None:
    assert CaptureNote.parse(made.build()) == made


@given(NOTES, st.data())
def test_a_damaged_note_is_refused_or_read(made: CaptureNote, data: st.DataObject) -> None:
    document = json.loads(made.build())
    key = data.draw(st.sampled_from(sorted(document)))
    document[key] = data.draw(
        st.sampled_from([7, -1, "x", [], [1], {}, [[]], [{}], 1.5, True, [{"role": "x"}]])
    )
    try:
        read = CaptureNote.parse(json.dumps(document).encode())
    except InputError:
        return
    assert CaptureNote.parse(read.build()) == read
