"""What becomes of a list that the next kernel takes: what early boot holds, what is carried on."""

from __future__ import annotations

import pytest

from hwpkho.base.pfnset import pfn_set
from hwpkho.commands.validate import validate
from hwpkho.inputs.case import CaseOptions
from hwpkho.judging.next_kernel import NextKernel
from hwpkho.judging.options import ValidateOptions
from hwpkho.judging.replayed import unsure
from hwpkho.report.parts.headline import headline
from tests.support import captures
from tests.support.handovers import Machine
from tests.support.judged import SCRATCH, validated

BEYOND = 0x8_0000_0000 >> 12
REVISIONS = ["fdt-v1", "struct-v1"]
FATE = [("fdt-v1", "crash"), ("struct-v1", "replay")]


@pytest.fixture
def m():
    return Machine(at=0x6000_0000)


def codes(judged):
    return {f.code: f.severity for f in judged.findings}


@pytest.mark.parametrize("memmap", [True, False])
@pytest.mark.parametrize(("revision", "outcome"), FATE)
def test_an_empty_list(revision, outcome, memmap, m, tmp_path):
    made = m.handover([], revision=revision)
    if memmap:
        judged = validated(m, made, tmp_path)
    else:
        options = ValidateOptions(CaseOptions(4096, made.root))
        judged = validate([str(m.save(tmp_path))], options)
    assert judged.outcome == outcome
    assert codes(judged)["HP318"] == "warning"
    assert codes(judged).get("HP325") == ("error" if outcome == "crash" else None)


def test_the_real_fdt_v1_list_emptied(cli, tmp_path):
    """Of capture x86-fdtv1-small the blob's count is set to 0."""
    image = bytearray(captures.elf("x86-fdtv1-small"))
    (listed,) = captures.truth("x86-fdtv1-small")["handovers"]
    blob = captures.memory("x86-fdtv1-small", listed["subtrees"][0]["phys"], 4096)
    at, count = bytes(image).index(blob[:256]), (37).to_bytes(8, "little")
    assert blob[:256].count(count) == 1
    where = at + blob.index(count)
    image[where : where + 8] = bytes(8)
    (tmp_path / "memory.elf").write_bytes(image)
    iomem = tmp_path / "iomem.txt"
    iomem.write_bytes((captures.CAPTURES / "x86-fdtv1-small" / "iomem.txt").read_bytes())
    got = cli("validate", "--json", tmp_path / "memory.elf", "--memmap", iomem)
    assert (got.code, got.json["outcome"]) == (1, "crash")
    assert got.json["headline"] == "the next kernel will panic at boot"


@pytest.mark.parametrize(("revision", "outcome"), FATE)
def test_a_list_of_which_nothing_can_be_recorded(revision, outcome, m, tmp_path):
    judged = validated(m, m.handover([BEYOND, BEYOND + 7], revision=revision), tmp_path)
    assert judged.outcome == outcome
    assert ("HP325" if outcome == "crash" else "HP318") in codes(judged)


@pytest.mark.parametrize("revision", REVISIONS)
def test_one_page_that_is_recorded_is_enough(revision, m, tmp_path):
    judged = validated(m, m.handover([BEYOND, 0x50001], revision=revision), tmp_path)
    assert judged.outcome == "replay"
    assert not codes(judged).keys() & {"HP318", "HP325"}


@pytest.mark.parametrize("revision", REVISIONS)
def test_encode_says_what_an_empty_list_does(revision, cli, tmp_path):
    (tmp_path / "list").write_text("# none\n")
    got = cli(
        "encode", tmp_path / "list", "--revision", revision, "--ram", "0x60000000:16M",
        "--scratch", "0x48000000:64M", "--arch", "arm64", "-o", tmp_path / "out",
    )  # fmt: skip
    assert got.code == 0
    says = "panics at boot (HP325)" if revision == "fdt-v1" else "oopses (HP318)"
    assert says in got.told
    judged = cli("validate", "--json", tmp_path / "out").json
    assert judged["outcome"] == ("crash" if revision == "fdt-v1" else "replay")


# The lowest 32 MiB

LOWEST = 0x4000_0000 >> 12
MIB = 256


@pytest.mark.parametrize(
    ("pfns", "unsure", "sentence"),
    [
        ([LOWEST + 32 * MIB], 0, "the one page will be taken out of use"),
        ([LOWEST + 32 * MIB - 1], 1,
         "the one page should be taken out of use, unless early boot holds it"),
        ([LOWEST + 5, LOWEST + 9, 0x50001], 2,
         "all 3 pages should be taken out of use, unless early boot holds 2 of them"),
        ([LOWEST + 5, LOWEST + 9], 2,
         "all 2 pages should be taken out of use, unless early boot holds any of them"),
        ([LOWEST + 5, BEYOND], 1, "1 of 2 pages will be forgotten"),
    ],
)  # fmt: skip
def test_where_early_boot_allocates(pfns, unsure, sentence, m, tmp_path):
    judged = validated(m, m.handover(pfns), tmp_path)
    assert (judged.unsure, headline(judged)[1]) == (unsure, sentence)
    told = [f for f in judged.findings if f.code == "HP611"]
    assert [f.message.split()[0] for f in told] == ([str(unsure)] if unsure else [])
    assert all((f.severity, f.certainty) == ("note", "measured") for f in told)
    assert judged.outcome == "replay"


def test_scratch_does_not_count_as_the_lowest_memory(m, tmp_path):
    areas = [(0x4100_0000, 64 << 20), SCRATCH]
    pfns = [LOWEST, LOWEST + 20 * MIB, LOWEST + 80 * MIB, LOWEST + 96 * MIB - 1, LOWEST + 96 * MIB]
    judged = validated(m, m.handover(pfns), tmp_path, areas=areas)
    assert judged.runs.counts() == {"scratch": 1, "replays": 4}
    assert judged.unsure == 3


def test_of_a_list_alone(cli, tmp_path, subtests):
    iomem = tmp_path / "iomem"
    iomem.write_text("40000000-7fffffff : System RAM\n")
    (tmp_path / "list").write_text("0x40001 0x50000")
    args = ("validate", "--arch", "arm64", tmp_path / "list")
    document = cli(*args, "--memmap", iomem, "--json").json
    assert document["summary"]["may_stay_in_use"] == 1
    assert cli(*args, "--json").json["summary"]["may_stay_in_use"] is None
    for form in ("text", "ktap", "sarif", "junit"):
        with subtests.test(form):
            out = cli(*args, "--memmap", iomem, "--format", form, "--fail-on", "note").said
            assert "in the lowest 32 MiB of RAM, where early boot allocates" in out


def test_without_a_map_nothing_is_told():
    judged = pfn_set([1, 2, 3])
    from hwpkho.judging import verdicts

    kernel = NextKernel(4096)
    assert unsure(verdicts.judge_pfns(judged, kernel, None), kernel, None) is None
