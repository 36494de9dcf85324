"""Every code is provoked by a case, and explained with one."""

from __future__ import annotations

import provoking
import pytest
import test_codes

from hwpkho.codes import registry


def test_no_code_is_left_out():
    assert set(registry()) == set(test_codes.CASES) | set(provoking.CASES)


@pytest.mark.parametrize("code", sorted(provoking.CASES))
def test_is_reported(code, tmp_path, cli):
    got = cli("validate", "--json", *provoking.CASES[code](tmp_path))
    assert got.code in (0, 1), got.err
    found = [f for f in got.json["findings"] if f["code"] == code]
    assert found, got.json["findings"]
    assert all(f["message"] == " ".join(f["message"].split()) for f in found)
    assert (got.code == 1) == any(f["severity"] == "error" for f in got.json["findings"])
