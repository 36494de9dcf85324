"""A decision carries the finding that decides: no report has to guess which of several it was."""

from __future__ import annotations

import pytest

from hwpkho.abi.scratch import build_scratch
from tests.support.examples import some
from tests.support.handovers import Machine
from tests.support.provoked import CODES, arguments

FATAL = ("crash", "dropped", "refused")


@pytest.mark.parametrize("code", some(CODES, 5))
def test_every_fatal_outcome_says_what_decided(code, tmp_path, cli):
    got = cli("validate", "--json", *arguments(code, tmp_path))
    if got.code == 3:
        return  # of an input that cannot be judged nothing is said
    document = got.json
    decided = document["decided_by"]
    if document["outcome"] in FATAL:
        assert document["findings"].count(decided) == 1
        assert decided["severity"] == "error"
    elif document["outcome"] != "absent":
        assert decided is None


@pytest.fixture
def odd(tmp_path):
    """Return a handover of which the count is beyond the array, and much else is odd."""
    m = Machine(arch="arm64")
    made = m.handover([0x10], subtrees=[(f"foreign{i}", b"x") for i in range(20)])
    m.poke(made.blob + 8, "<Q", 1 << 40)
    return str(m.save(tmp_path))


def test_the_report_names_it_alone(odd, cli):
    got = cli("validate", odd)
    because = got.said.partition(" because ")[2].partition(" findings ")[0]
    assert "(HP301, " in because
    assert "the next kernel will panic on every boot" in got.said.partition(" outcome ")[0]


def test_it_is_said_also_where_it_does_not_count(odd, cli):
    """What the user ignores decides all the same."""
    got = cli("validate", odd, "--ignore", "HP301", "--json").json
    assert "HP301" not in {f["code"] for f in got["findings"]}
    assert got["decided_by"]["code"] == "HP301"
    assert got["headline"] == "the next kernel will panic on every boot"


def test_what_decides_is_not_hidden_by_many_of_its_kind(tmp_path, cli, monkeypatch, subtests):
    """Of a code 16 problems are listed, and of pages in scratch the first 1000 are found; the page
    that early boot overwrites may come later.
    """
    m = Machine(arch="arm64", gap=15)
    made = m.handover(range(0x80000, 0x80000 + 60 * 512))
    page, end = made.pages[30], made.pages[45] + 4096
    areas = m.put(build_scratch([(made.root, end - made.root)]))
    assert end - page < 1 << 20 < end - made.pages[20]
    (tmp_path / "iomem").write_text("40000000-ffffffff : System RAM\n")
    core = m.save(tmp_path)
    scratch = ("--kho-scratch", f"{areas}:16")
    listed = cli("decode", "--json", core, *scratch).json["handovers"][0]["problems"]
    assert page not in {p["phys"] for p in listed if p["code"] == "HP412"}
    for found in (1000, 20):
        monkeypatch.setattr("hwpkho.handover.scratch.MAX_FOUND", found)
        with subtests.test(str(found)):
            got = cli("validate", "--json", core, *scratch, "--memmap", tmp_path / "iomem").json
            assert got["outcome"] == "dropped"
            assert made.pages[28] < got["decided_by"]["phys"] <= page
            assert got["findings"].count(got["decided_by"]) == 1


@pytest.mark.parametrize(
    ("code", "words"),
    [("HP403", "will most likely drop the list"), ("HP404", "will drop the list")],
)
def test_chance_decides_only_what_nothing_marks(code, words, tmp_path, cli):
    """A page inside a larger preserved block is not reused: the kernel refuses it for certain."""
    got = cli("validate", *arguments(code, tmp_path))
    assert words in got.said.partition(" outcome ")[0]
