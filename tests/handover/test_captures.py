"""decode over real captures, compared with what the kernels said of themselves."""

from __future__ import annotations

import shutil

import pytest

from tests.support import captures, certain
from tests.support.examples import some

CASES = [(n, i) for n in captures.NAMES for i in range(len(captures.truth(n)["handovers"]))]


@pytest.fixture(params=CASES, ids=lambda c: f"{c[0]}-{c[1]}")
def pair(request, decoded):
    """Return ``(truth of the capture, truth of one handover, what decode says of it)``."""
    name, index = request.param
    truth = captures.truth(name)
    return truth, truth["handovers"][index], decoded(name)["handovers"][index]


@pytest.mark.parametrize("name", captures.NAMES)
def test_handovers_are_found_oldest_first(name, decoded):
    want = [h["root_phys"] for h in captures.truth(name)["handovers"]]
    assert [h["root"]["phys"] for h in decoded(name)["handovers"]] == want
    counts = [h["kexec_metadata"]["kexec_count"] for h in decoded(name)["handovers"]]
    assert counts == list(range(counts[0], counts[0] + len(want)))


def test_machine(pair):
    truth, want, got = pair
    assert got["page_size"] == truth["page_size"]
    assert got["arch"] == truth["arch"]
    alone = len(truth["handovers"]) == 1
    assert got["role"] == want["role"] or (alone and got["role"] is None)


def test_root(pair):
    _, want, got = pair
    root = got["root"]
    assert root["compatible"] == want["compatible"]
    assert root["memory_map"] == want["memory_map"]
    assert root["totalsize"] == want.get("totalsize", root["totalsize"])
    if "subtrees" in want:
        assert [{k: s[k] for k in ("name", "phys", "size")} for s in root["subtrees"]] == want[
            "subtrees"
        ]
    assert got["kexec_metadata"]["previous_release"].startswith("7.3.4")


def test_tracker(pair):
    _, want, got = pair
    assert got["tracker"] == want["tracker"]


def test_list(pair):
    truth, want, got = pair
    found = got["hwpoison"]
    if want["list"] == "absent":
        assert found is None
        assert "HP105" in {p["code"] for p in got["problems"]}
        return
    if want["list"] == "broken":
        assert found["pfns"] is None
        assert "HP205" in {p["code"] for p in got["problems"] if p["severity"] == "error"}
        return
    blob = next((s for s in want.get("subtrees", ()) if s["name"] == "hwpoison"), None)
    phys, size = (blob["phys"], blob["size"]) if blob else (want["blob_phys"], want["blob_size"])
    assert (found["phys"], found["size"]) == (phys, size)
    assert (found["revision"], found["version"]) == (truth["revision"], 1)
    area = want.get("vmalloc", {})
    assert {k: found["vmalloc"][k] for k in area} == area
    assert found["capacity"] == found["vmalloc"]["total_pages"] * truth["page_size"] // 8
    if want["list"] == "consumed":
        assert found["pfns"] is None
        assert "HP319" in {p["code"] for p in got["problems"]}
        return
    assert found["pfns"] == want["pfns"]
    assert found["count"] == want["count"] == len(found["pfns"])
    assert found["chunks"] == want["chunks"]
    assert len(found["pages"]) == found["vmalloc"]["total_pages"] >> found["vmalloc"]["order"]


def test_scratch(pair):
    truth, _, got = pair
    if got["scratch"] is None:
        # What told of it is in the image of a second kernel only where the crop kept it.
        assert got["role"] != "in" or truth["luo"]
        return
    array = got["scratch"]["array"]
    assert array == truth.get("scratch_array_phys", array)
    assert got["scratch"]["areas"] == truth["scratch"]


def test_no_error_on_what_a_kernel_made(pair):
    _, want, got = pair
    errors = [p for p in got["problems"] if p["severity"] == "error"]
    assert bool(errors) == (want["list"] == "broken")


@pytest.mark.parametrize(
    "name", [n for n in captures.NAMES if "preserved_blocks" in captures.truth(n)]
)
def test_preserved_blocks(name, capture):
    from hwpkho.inputs.case import read_inputs

    truth = captures.truth(name)
    handover = read_inputs([str(capture(name))]).handovers[-1]
    preserved = certain(handover.walk).preserved
    assert [block for block in truth["preserved_blocks"] if not preserved.has(*block)] == []
    assert preserved.count == len(truth["preserved_blocks"])


@pytest.mark.parametrize("name", captures.NAMES)
def test_hardware_corrupted(name, decoded):
    truth = captures.truth(name)
    lists = [
        h["hwpoison"]["pfns"]
        for h in decoded(name)["handovers"]
        if h["hwpoison"] and h["hwpoison"]["pfns"] is not None
    ]
    live = truth["handovers"][-1]["list"] == "intact" and "stopped" not in truth["phase"]
    if live:  # a kernel that stands still has not replayed yet
        pages = truth["hardware_corrupted_kb"] * 1024 // truth["page_size"]
        assert len(set(lists[-1]) & set(truth["hwpoison_pfns"])) == pages


@pytest.mark.parametrize("name", captures.DEBUGFS)
def test_debugfs_and_memory_are_one(name, cli, capture, decoded):
    copy = captures.CAPTURES / name / "debugfs-kho"
    got = cli("decode", "--json", copy, capture(name))
    assert got.code in (0, 1), got.err
    both, alone = got.json["handovers"], decoded(name)["handovers"]
    assert [h["root"]["phys"] for h in both] == [h["root"]["phys"] for h in alone]
    assert [h["hwpoison"] for h in both] == [h["hwpoison"] for h in alone]
    assert {h["role"] for h in both} <= {"in", "out"}
    scratch = captures.truth(name)["scratch"]
    assert [h["scratch"]["areas"] for h in both] == [scratch for _ in both]


@pytest.mark.parametrize("name", captures.DEBUGFS)
def test_debugfs_alone(name, cli, subtests):
    truth = captures.truth(name)
    copy = captures.CAPTURES / name / "debugfs-kho"
    got = cli("decode", "--json", copy, "--page-size", truth["page_size"])
    assert got.code in (0, 1), got.err
    want = {h["role"]: h for h in truth["handovers"]}
    for h in got.json["handovers"]:
        with subtests.test(h["role"]):
            w = want[h["role"]]
            codes = {p["code"] for p in h["problems"]}
            if h["root"]:
                assert h["root"]["compatible"] == w["compatible"]
                assert h["root"]["memory_map"] == w["memory_map"]
                assert h["root"]["totalsize"] == w.get("totalsize", h["root"]["totalsize"])
                cut = (copy / h["role"] / "fdt").stat().st_size < h["root"]["totalsize"]
                assert ("HP102" in codes) == cut
            else:
                assert not (copy / h["role"] / "fdt").exists()
            assert h["tracker"] is None
            blob = copy / h["role"] / "sub_fdts" / "hwpoison"
            if blob.exists() and blob.stat().st_size:
                assert h["hwpoison"]["revision"] == truth["revision"]
                assert h["hwpoison"]["pfns"] is None
                assert h["hwpoison"]["count"] == len(truth["hwpoison_pfns"]) or w["list"] in (
                    "broken",
                    "consumed",
                )


def test_debugfs_one_side_or_one_folder_deeper(cli, capture, tmp_path):
    name = "x86-structv1-small-post"
    copy = captures.CAPTURES / name / "debugfs-kho"

    def decoded(*inputs):
        got = cli("decode", "--json", *inputs)
        assert got.code == 0, got.err
        return [h | {"source": None, "problems": None} for h in got.json["handovers"]]

    whole = decoded(copy)
    shutil.copytree(copy, tmp_path / "deeper" / "kho")  # cp -r into a folder that was there
    assert decoded(tmp_path / "deeper") == whole
    incoming, outgoing = decoded(copy / "in"), decoded(copy / "out")
    assert [incoming[0]["role"], outgoing[0]["role"]] == ["in", "out"]
    assert incoming[0]["hwpoison"] == whole[0]["hwpoison"]
    assert outgoing == whole[1:]
    assert decoded(capture(name), copy / "in", copy / "out") == decoded(capture(name), copy)
    shutil.copytree(copy / "in", tmp_path / "elsewhere")
    shutil.copytree(copy / "out", tmp_path / "renamed")
    assert [decoded(tmp_path / n)[0]["role"] for n in ("elsewhere", "renamed")] == [None, "out"]


@pytest.mark.parametrize("name", some(captures.NAMES, 2))
def test_report_and_annotation_and_pfns(name, cli, capture, decoded):
    path = capture(name)
    report = cli("decode", path)
    assert report.code in (0, 1)
    roots = [h["root"]["phys"] for h in decoded(name)["handovers"]]
    assert [root for root in roots if f"0x{root:x}  kho-v4" not in report.out] == []
    notes = cli("decode", "--annotate", path)
    assert notes.code == report.code
    assert [root for root in roots if f"{root:x}" not in notes.out] == []
    last = decoded(name)["handovers"][-1]
    listed = cli("decode", "--pfns", path)
    lists = [h["hwpoison"] and h["hwpoison"]["pfns"] for h in decoded(name)["handovers"]]
    want = lists[-1] if last["hwpoison"] else lists[0]
    if want is None:
        assert (listed.code, listed.out) == (3, "")
    else:
        assert [int(x, 16) for x in listed.out.split()] == want
