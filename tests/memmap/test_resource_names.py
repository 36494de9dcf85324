"""Names of resources."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from hwpkho.memmap import read_memmap, resource_names
from tests.support.forged import FORGED


@given(st.lists(st.text(max_size=30) | st.sampled_from(FORGED), min_size=1, max_size=4))
def test_whatever_the_names_are_the_lines_are_theirs(names: list[str]) -> None:
    written = resource_names.plain(names)
    text = "".join(f"{n << 20:08x}-{(n << 20) + 9:08x} : {written[x]}\n"
                   for n, x in enumerate(names, 1))  # fmt: skip
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_text(text)
        (read,) = read_memmap([file.name]).maps
    assert [(e.start >> 20, e.type) for e in read.entries] == [
        (n, written[x]) for n, x in enumerate(names, 1)
    ]
