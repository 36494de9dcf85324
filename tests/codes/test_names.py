"""Names of codes and their prefixes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hwpkho.codes import names, registry


@given(st.sampled_from(sorted(registry())), st.integers(2, 5))
def test_prefixes(code, length):
    found = names.matching([code[:length]])
    assert found == {c for c in registry() if c.startswith(code[:length])}
    assert names.find(registry()[code].name).id == code
