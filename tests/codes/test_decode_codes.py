"""Every problem code that decode can report, provoked at least once."""

from __future__ import annotations

import re
from itertools import chain
from pathlib import Path

import pytest

import hwpkho
from hwpkho.codes import blob, efi, image, preserved, registry, tracker
from hwpkho.codes import root as root_codes
from hwpkho.inputs.case import read_inputs
from tests.support import captures, provoking_decode, provoking_efi, provoking_luo
from tests.support.examples import some
from tests.support.handovers import Machine

#: Parts of the program that decode runs; codes that none of them names are for validate.
_DECODE = ("handover", "efi", "images", "abi", "inputs", "badpages")
CASES = {**provoking_decode.CASES, **provoking_efi.DECODE, **provoking_luo.DECODE}


def _named_by_decode():
    folder = Path(hwpkho.__file__).parent
    files = [f for part in _DECODE for f in (folder / part).rglob("*.py")]
    assert len(files) > 40
    words = {w for f in files for w in re.findall(r"\b[A-Z][A-Z_]+\b", f.read_text())}
    modules = (image, root_codes, blob, tracker, efi, preserved)
    return {
        code.id
        for module in modules
        for name, code in vars(module).items()
        if name in words and getattr(code, "id", "") in registry()
    }


def test_no_code_is_left_out():
    missing = _named_by_decode() - set(CASES)
    assert not missing
    assert set(CASES) <= set(registry())


@pytest.mark.parametrize("code", sorted(CASES))
def test_is_reported(code, tmp_path):
    inputs, options = CASES[code](tmp_path)
    case = read_inputs(inputs, options)
    told = [*(h.problems for h in case.handovers), *(t.problems for t in case.tables)]
    found = {p.code: p for p in chain.from_iterable(told)}
    assert code in found
    assert found[code].message == " ".join(found[code].message.split())


@pytest.mark.parametrize(("code", "make"), some(CASES.items(), 2))
def test_errors_and_exit_codes_agree(code, make, tmp_path, cli):
    folder = tmp_path / code
    folder.mkdir()
    inputs, options = make(folder)
    args = ["--page-size", options.page_size] if options.page_size else []
    args += ["--root-fdt", options.root_fdt] if options.root_fdt else []
    got = cli("decode", "--json", *inputs, *args)
    if code == efi.AMBIGUOUS.id:
        assert (got.code, "give --layout" in got.err) == (3, True)
        return
    read = [*got.json["handovers"], *(got.json["efi_poisoned_memory"] or ())]
    severities = {p["severity"] for x in read for p in x["problems"]}
    assert got.code == ("error" in severities), (code, got.err)


def test_a_sound_handover_has_no_problem_but_unknown_scratch(tmp_path):
    m = Machine()
    m.handover()
    (h,) = read_inputs([str(m.save(tmp_path))]).handovers
    assert [p.code for p in h.problems] == [tracker.SCRATCH_UNKNOWN.id]
    assert h.tracker == "complete"


def test_a_real_capture_shows_each_generation_problem(decoded):
    assert "x86-structv1-small-in-late" in captures.NAMES
    first, last = decoded("x86-structv1-small-in-late")["handovers"]
    assert {p["code"] for p in first["problems"]} >= {"HP401", "HP408"}
    assert {p["code"] for p in last["problems"]} == {"HP105"}
