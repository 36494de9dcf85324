"""validate says which of several handovers it judged, and refuses what contradicts itself."""

from __future__ import annotations

import json


def test_stderr_says_which_of_two_handovers(cli, capture):
    result = cli("validate", "--json", capture("x86-structv1-small-post"))
    assert result.code == 0
    assert result.err == "hwpkho: of 2 handovers this is root FDT 0x260000 (out)\n"
    assert result.json["rests_on"][0] == "of 2 handovers this is root FDT 0x260000 (out)"
    assert cli("validate", "--json", capture("x86-structv1-small")).err == ""


def test_a_list_of_another_page_size_is_refused(cli, tmp_path):
    path = tmp_path / "list.json"
    path.write_text(json.dumps({"schema": "hwpkho.list/1", "page_size": 65536, "pfns": [1]}))
    assert cli("validate", "--json", path).json["page_size"] == 65536
    result = cli("validate", "--page-size", "4096", path)
    assert (result.code, result.out) == (3, "")
    assert "page_size 65536" in result.err
