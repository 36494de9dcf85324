"""Every code is provoked by a case, and explained with one."""

from __future__ import annotations

import re

import pytest

from hwpkho.codes import registry
from hwpkho.codes.examples import EXAMPLES
from tests.support import (
    ROOT,
    captures,
    provoking,
    provoking_decode,
    provoking_efi,
    provoking_live,
    provoking_luo,
    replays,
)
from tests.support.examples import some

CASES = {**provoking.CASES, **provoking_efi.VALIDATE, **provoking_luo.VALIDATE}


def test_no_code_is_left_out():
    decode = {*provoking_decode.CASES, *provoking_efi.DECODE, *provoking_luo.DECODE}
    others = {*provoking.MERGED, *provoking.BATCH, *provoking_live.CASES}
    assert set(registry()) == decode | set(CASES) | others


@pytest.mark.parametrize("code", sorted(provoking_live.CASES))
def test_is_reported_by_check(code, tmp_path, cli):
    got = cli("check", "--json", *provoking_live.CASES[code](tmp_path))
    assert got.code in (0, 1, 3), got.err
    assert code in {f["code"] for f in got.json["findings"]}
    assert all(f["message"] == " ".join(f["message"].split()) for f in got.json["findings"])


@pytest.mark.parametrize("code", sorted(provoking.MERGED))
def test_is_reported_by_merge(code, tmp_path, cli):
    got = cli("merge", "--json", *provoking.MERGED[code](tmp_path))
    assert got.code == 0, got.err
    found = [p for p in got.json["problems"] if p["code"] == code]
    assert found, got.json["problems"]
    assert f"({code})" in got.err


@pytest.mark.parametrize("code", sorted(provoking.BATCH))
def test_is_reported_of_a_batch(code, tmp_path, cli):
    baseline = tmp_path / "accepted.toml"
    case = provoking.BATCH[code](tmp_path)
    got = cli("validate", *case, "--write-baseline", baseline, "--reason", "known")
    assert got.code == 3
    assert f'code = "{code}"' in baseline.read_text()
    assert cli("validate", *case, "--baseline", baseline).code == 0


@pytest.mark.parametrize("code", sorted(CASES))
def test_is_reported(code, tmp_path, cli):
    got = cli("validate", "--json", *CASES[code](tmp_path))
    assert got.code in (0, 1), got.err
    found = [f for f in got.json["findings"] if f["code"] == code]
    assert found, got.json["findings"]
    assert all(f["message"] == " ".join(f["message"].split()) for f in found)
    assert (got.code == 1) == any(f["severity"] == "error" for f in got.json["findings"])


def test_the_page_of_codes_is_up_to_date(cli):
    page = ROOT / "docs" / "codes.md"
    same = page.read_text() == cli("explain", "--markdown").out
    assert same, "run: make pages"


def test_every_code_has_a_case():
    assert set(EXAMPLES) == set(registry())
    assert all(e.startswith(("Real: ", "Constructed: ")) for e in EXAMPLES.values())


_NAMED = [
    (code, name)
    for code, example in EXAMPLES.items()
    if example.startswith("Real: ")
    for name in sorted(
        {*replays.NAMES, *captures.NAMES, *captures.LUO_NAMES}, key=lambda n: (len(n), n)
    )
    if re.search(rf"\b{re.escape(name)}(?![\w-])", example) and code not in provoking_live.CASES
]


@pytest.mark.parametrize(("code", "name"), some(_NAMED, 2))
def test_real_cases_show_their_codes(code, name, tmp_path, cli, capture):
    if name in replays.NAMES:
        case = replays.unpack(name, tmp_path)
        args = [case / "memory", "--memmap", case / "iomem.txt", *replays.arguments(name)]
    elif "debugfs-kho" in EXAMPLES[code]:
        args = [captures.folder(name) / "debugfs-kho"]
    else:
        args = [capture(name)]
        maps = captures.folder(name) / "iomem.txt"
        args += ["--memmap", maps] if maps.exists() else []
    codes = set()
    for role in ([], ["--role", "in"], ["--role", "out"]):
        got = cli("validate", "--json", *args, *role)
        if got.code in (0, 1):
            codes |= {f["code"] for f in got.json["findings"]}
    assert code in codes


def test_no_real_case_goes_untested():
    told = {code for code, example in EXAMPLES.items() if example.startswith("Real: ")}
    # Of these the case is any capture or replay, or a board's device tree in fixtures.
    # HP643 is of check, and stands in provoking_live.
    assert told - {code for code, _ in _NAMED} == {"HP208", "HP554", "HP600", "HP643"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("301", "no code '301'; did you mean HP301? hwpkho explain lists all"),
        ("beyond-arr", "did you mean HP301 count-beyond-array?"),
        ("HP0", "no code 'HP0'; hwpkho explain lists all"),
        ("HP309x", "no code 'HP309x'; hwpkho explain lists all"),
        ("HP324", "no code 'HP324'; there are HP320, "),
        ("HP999", "no code 'HP999'; hwpkho explain lists all"),
        ("zz", "no code 'zz'; hwpkho explain lists all"),
    ],
)
def test_which_code_may_be_meant(given, said, cli):
    got = cli("explain", given)
    assert (got.code, got.out) == (2, "")
    assert said in got.err


def test_a_prefix_lists_its_codes_as_all_are_listed(cli):
    everything = cli("explain").out
    assert cli("explain", "HP").out == cli("explain", "hp").out == everything
    some = cli("explain", "HP3").out
    assert some.startswith("HP3xx  ")
    assert "HP301" in some
    assert "HP2" not in some
    assert all(len(line) <= 80 for line in some.splitlines())
    assert cli("explain", "HP3xx").out == some
    ids = [code["id"] for code in cli("explain", "HP30", "--json").json["codes"]]
    assert ids == sorted(i for i in registry() if i.startswith("HP30"))
