"""``hwpkho metrics``: what check finds, as Prometheus reads it."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support import ROOT, captures, certain, live_trees
from tests.support.examples import some
from tests.support.live_trees import PFNS

PROMTOOL = shutil.which("promtool")


@pytest.fixture
def tree(tmp_path):
    return live_trees.made(tmp_path / "root")


@pytest.fixture
def measured(cli):
    """Return a function that gives the samples of a tree: name and labels → value."""

    def run(tree, *options):
        got = cli("metrics", "--root", tree.root, *options)
        assert got.code == 0, got.err
        return _parsed(got.out)

    return run


def _parsed(text):
    families = list(text_string_to_metric_families(text))
    assert [f.name for f in families if not f.documentation] == []
    assert [f.name for f in families if f.type not in ("gauge", "counter")] == []
    samples = [sample for family in families for sample in family.samples]
    keys = [(sample.name, *sorted(sample.labels.items())) for sample in samples]
    assert sorted(keys) == sorted({*keys})
    return {key: sample.value for key, sample in zip(keys, samples, strict=True)}


def _labelled(samples, name, *labels):
    """Return the samples of a metric, by the values of the labels."""
    found = {}
    for (metric, *pairs), value in samples.items():
        if metric == name:
            found[tuple(dict(pairs)[label] for label in labels)] = value
    return found


@pytest.mark.parametrize(
    "name", some(["luo-huge", "x86-structv1-small", "arm64-64k-B", "x86-none"], 2)
)
def test_the_numbers_are_those_of_check(name, tmp_path, measured, cli):
    tree = live_trees.of_capture(name, tmp_path)
    document = cli("check", "--root", tree.root, "--json").json
    samples = measured(tree)
    kinds = _labelled(samples, "hwpkho_memory_bad_pages", "kind")
    assert sum(kinds.values()) == document["bad_pages"]
    fates = _labelled(samples, "hwpkho_kexec_pages", "fate")
    assert fates == {
        ("replay",): document["will_replay"],
        ("stay",): document["stay_in_use"],
        ("guests",): document["in_guests"],
        ("forgotten",): document["forgotten"],
    }
    states = _labelled(samples, "hwpkho_check_status", "state")
    assert [state for (state,), on in states.items() if on] == [document["status"]]
    outcomes = _labelled(samples, "hwpkho_kexec_outcome", "outcome")
    assert [outcome for (outcome,), on in outcomes.items() if on] == [document["outcome"]]
    if document["scratch"]:
        assert samples["hwpkho_scratch_bytes",] == document["scratch"]["bytes"]
    verdicts = _labelled(samples, "hwpkho_kexec_verdict_pages", "verdict")
    expected = document["will_replay"] + document["stay_in_use"] + document["in_guests"]
    assert sum(verdicts.values()) == (expected if document["listed"] else 0)
    bad = len(captures.truth(name)["hwpoison_pfns"])
    state = _labelled(samples, "hw_status", "hw_state")
    assert state == {("ok",): float(not bad), ("degraded",): float(bool(bad))}


def test_list_against_flags(tree, measured):
    tree.flags([*PFNS[:2], 0x70000, 0x70001, 0x70002])
    samples = measured(tree)
    assert samples["hwpkho_list_pages",] == 3
    assert samples["hwpkho_list_missing_pages",] == 3
    assert samples["hwpkho_list_unflagged_pages",] == 1


def test_bad_pages_by_kind_and_node(tree, measured):
    tree.write("sys/devices/system/memory/block_size_bytes", "8000000\n")
    for node, numbers in ((0, (8, 9, 10)), (1, (11, 12))):
        for number in numbers:
            (tree.root / f"sys/devices/system/node/node{node}/memory{number}").mkdir(parents=True)
    tree.flags([*PFNS, 0x7F000], folios=[(0x60000, 512)])  # blocks 10, 10, 12, 15, 12
    tree.count(7)
    bad = _labelled(measured(tree), "hwpkho_memory_bad_pages", "kind", "hw_id")
    assert bad == {
        ("page", "node0"): 2,
        ("page", "node1"): 1,
        ("page", "memory"): 1,
        ("hugetlb", "node0"): 0,
        ("hugetlb", "node1"): 1,
        ("unlocated", "memory"): 2,
    }


def test_failures_of_nodes_are_counters(tree, measured):
    folder = "sys/devices/system/node/node1/memory_failure"
    for name, value in (("total", 5), ("recovered", 3), ("failed", 1), ("delayed", "x")):
        tree.write(f"{folder}/{name}", f"{value}\n")
    errors = _labelled(measured(tree), "hw_errors_total", "hw_type", "hw_id", "error_type")
    assert errors == {("memory", "node1", "recovered"): 3, ("memory", "node1", "failed"): 1}


def test_what_is_not_known_has_no_sample(tree, measured):
    (tree.root / "proc/kpageflags").unlink()
    (tree.root / "proc/meminfo").unlink()
    (tree.root / "proc/kcore").unlink()
    samples = measured(tree)
    names = {name for name, *_ in samples}
    unknown = {
        "hwpkho_memory_bad_pages", "hwpkho_memory_corrupted_bytes", "hwpkho_kexec_pages",
        "hwpkho_kexec_verdict_pages", "hwpkho_kexec_outcome", "hwpkho_list_pages",
        "hwpkho_list_missing_pages", "hwpkho_kexec_loaded", "hw_status",
    }  # fmt: skip
    assert names & unknown == set()
    assert samples["hwpkho_check_not_seen",] == 4  # nothing there shows the page size, either
    assert _labelled(samples, "hwpkho_check_status", "state")["unknown",] == 1


def test_since(tree, tmp_path, measured, cli):
    saved = tmp_path / "before.json"
    cli("check", "--root", tree.root, "--save", saved)
    after = live_trees.made(tmp_path / "after", PFNS[1:])
    samples = measured(after, "--since", saved)
    assert samples["hwpkho_since_pages",] == 3
    assert samples["hwpkho_since_lost_pages",] == 1
    when, now = (
        samples["hwpkho_since_timestamp_seconds",],
        samples["hwpkho_check_timestamp_seconds",],
    )
    assert 0 <= now - when < 600


def test_labels_are_escaped(tree, measured):
    tree.write("proc/sys/kernel/osrelease", '7.3"\\\x1b{},\n')
    tree.write("proc/sys/kernel/arch", "aarch64\n")
    labels = _labelled(measured(tree), "hwpkho_check_info", "release", "arch")
    assert labels == {('7.3"\\\\x1b{},', "arm64"): 1}


def test_a_file_takes_its_place_whole(tree, tmp_path, cli, monkeypatch):
    path = tmp_path / "hwpkho.prom"
    assert cli("metrics", "--root", tree.root, "-o", path).code == 0
    before = path.read_text()
    assert _parsed(before)
    assert [p.name for p in tmp_path.glob("*.prom")] == ["hwpkho.prom"]
    assert path.stat().st_mode & 0o444
    # Nothing can be written: the old file stays, and it ages.
    monkeypatch.setattr("os.fsync", _fails)
    got = cli("metrics", "--root", tree.root, "-o", path)
    assert got.code == 3
    assert path.read_text() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["hwpkho.prom", "root"]


def _fails(_descriptor):
    raise OSError(28, "No space left on device")


def test_a_file_that_metrics_wrote_is_replaced_and_no_other(tree, tmp_path, cli):
    path, other = tmp_path / "a.prom", tmp_path / "b.prom"
    assert cli("metrics", "--root", tree.root, "-o", path).code == 0
    assert cli("metrics", "--root", tree.root, "-o", path).code == 0
    other.write_text("# HELP others\n")
    assert cli("metrics", "--root", tree.root, "-o", other).code == 2
    assert other.read_text() == "# HELP others\n"
    assert cli("metrics", "--root", tree.root, "-o", other, "--force").code == 0
    assert cli("metrics", "--root", tree.root, "--since", other, "-o", other, "-f").code == 2
    assert cli("metrics", "--root", tree.root, "--force").code == 2
    assert cli("metrics", "--root", tmp_path / "absent").code == 3


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (Debian: prometheus)")
@pytest.mark.parametrize("name", ["luo-huge", "x86-none"])
def test_promtool_finds_nothing(name, tmp_path, cli):
    tree = live_trees.of_capture(name, tmp_path)
    text = cli("metrics", "--root", tree.root).out
    done = subprocess.run(
        [certain(PROMTOOL), "check", "metrics"],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_every_metric_stands_in_the_manual(tree, tmp_path, cli):
    folder = "sys/devices/system/node/node0/memory_failure"
    tree.write(f"{folder}/recovered", "3\n")
    tree.write("sys/kernel/kexec/loaded", "1\n")
    saved = tmp_path / "before.json"
    cli("check", "--root", tree.root, "--save", saved)
    out = cli("metrics", "--root", tree.root, "--since", saved).out
    names = {line.split()[2] for line in out.splitlines() if line.startswith("# TYPE")}
    page = ROOT / "man/hwpkho-metrics.1"
    stated = {
        line.removeprefix(".It Li ").split()[0]
        for line in page.read_text().splitlines()
        if line.startswith(".It Li ")
    }
    assert names == stated
