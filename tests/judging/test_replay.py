"""validate against what a real kernel did with the same handovers."""

from __future__ import annotations

import functools
import re
from itertools import pairwise

import pytest

from hwpkho.inputs.folder import natural
from tests.support import replays
from tests.support.examples import much

_LINE = re.compile(r"Memory failure: 0x([0-9a-f]+): recovery action for (.*)")


def _may_be(said: str) -> set[str]:
    """The verdicts that a line of the kernel supports."""
    if said.endswith("Recovered"):
        return {"replays", "scratch"}
    if "non struct page" in said:
        return {"not-ram"}
    return {"in-use", "handover", "scratch", "firmware"}


@pytest.fixture(scope="module")
def judged(tmp_path_factory, cli):
    """Judge a case, once."""

    @functools.cache
    def judge(name):
        folder = replays.unpack(name, tmp_path_factory.mktemp("replay"))
        result = cli(
            "validate", "--json", *replays.arguments(name),
            "--memmap", folder / "iomem.txt", folder / "memory",
        )  # fmt: skip
        assert result.code in (0, 1), result.err
        return result.json | {"code": result.code}

    return judge


@pytest.mark.parametrize("name", replays.NAMES)
def test_outcome(name, judged):
    want, got = replays.outcome(name), judged(name)
    assert got["outcome"] == want["outcome"]
    assert got["ok"] == (got["code"] == 0)
    if want["outcome"] in ("crash", "dropped", "refused"):
        assert got["code"] == 1
        assert got["decided_by"] in got["findings"]
        assert got["decided_by"]["severity"] == "error"
    else:
        assert got["decided_by"] is None


@pytest.mark.parametrize("name", [n for n in replays.NAMES if "pfns" in replays.outcome(n)])
def test_runs_cover_the_list(name, judged):
    want, runs = replays.outcome(name), judged(name)["runs"]
    assert all(a["last"] < b["first"] for a, b in pairwise(runs))
    covered = {p for r in runs for p in range(r["first"], r["last"] + 1)}
    if want["outcome"] == "replay":
        assert covered == set(want["pfns"])
        assert judged(name)["summary"]["pfns"] == len(covered)
    lost = judged(name)["summary"]["by_verdict"].get("not-ram", 0)
    flagged = want.get("hwpoison_pages")
    if want["outcome"] == "replay" and flagged is not None:
        assert len(covered) - lost == flagged


@pytest.mark.parametrize(
    "name",
    [
        n
        for n in replays.NAMES
        if replays.outcome(n)["outcome"] == "replay"
        and any(_LINE.match(line) for line in replays.outcome(n).get("lines", ()))
    ],
)
def test_verdicts_are_what_the_log_says(name, judged):
    verdict = {
        p: r["verdict"] for r in judged(name)["runs"] for p in range(r["first"], r["last"] + 1)
    }
    told = [m for line in replays.outcome(name)["lines"] if (m := _LINE.match(line))]
    assert told
    new = [m for m in told if "already poisoned" not in m[2]]
    assert [m[0] for m in new if verdict.get(int(m[1], 16)) not in _may_be(m[2])] == []


@pytest.mark.parametrize("name", replays.NAMES)
def test_sentence_says_it_first(name, judged):
    says = judged(name)["headline"]
    kind = replays.outcome(name)["outcome"]
    if kind == "crash":
        assert "will panic" in says
    elif kind in ("dropped", "refused"):
        assert "forgotten" in says
    else:
        assert "panic" not in says


def test_a_folder_of_them_is_a_batch(tmp_path, cli, judged, subtests):
    """handover.json, the map and the segments are recognised in the case's folder."""
    names = replays.NAMES[:: much(4, 1)]
    for name in names:
        replays.unpack(name, tmp_path)
    got = cli("validate", "--json", "--batch", tmp_path, "--iomem-of", "next", "--arch", "arm64",
              "--jobs", 1)  # fmt: skip
    assert got.code == 1, got.err
    assert [r["case"] for r in got.json["results"]] == sorted(names, key=natural)
    for r in got.json["results"]:
        with subtests.test(r["case"]):
            alone = judged(r["case"])
            assert r["exit"] == alone["code"]
            keys = ("outcome", "runs", "findings", "summary", "page_size", "headline")
            assert {key: r["result"][key] for key in keys} == {key: alone[key] for key in keys}
            assert "not used: outcome.json" in r["result"]["rests_on"]
