"""Words of /proc/kpageflags."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from hwpkho.abi import kpageflags
from tests.support.examples import times


@times(2)
@given(st.lists(st.sampled_from([0, 1, 1 << 10, 1 << 56, 0xFF00]), max_size=40))
def test_words_without_any_flag(words):
    data = struct.pack(f"={len(words)}Q", *words)
    found = {n for a, b in kpageflags.without_flags(data) for n in range(a, b + 1)}
    assert found == {index for index, word in enumerate(words) if not word}
