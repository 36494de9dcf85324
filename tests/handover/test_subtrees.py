"""The readers of subtrees: a toy that follows a pointer, what the kernel frees, what is copied."""

from __future__ import annotations

import tracemalloc
from array import array
from typing import TYPE_CHECKING

import pytest

from hwpkho.handover.subtrees import kho_test as kho_test_reader
from hwpkho.handover.subtrees.registry import SUBTREES, reader_of
from tests.support.handovers import Blocks, Machine
from tests.support.provoking_luo import kho_test
from tests.toys import subtree as toy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

AT = 0x6000_0000
LUO = b"luo-v5\0\0".ljust(32, b"\0")


@pytest.fixture
def toy_subtree() -> Iterator[None]:
    toy.register()
    yield
    toy.unregister()


@pytest.fixture
def make(cli, tmp_path: Path):
    """Return a function that makes a handover whose toy points to an address."""

    def made(phys: int, *options: object) -> Path:
        (tmp_path / "list").write_text("0x1000\n")
        (tmp_path / "toy").write_bytes(toy.blob(phys))
        out = tmp_path / "made.elf"
        got = cli(
            "encode", tmp_path / "list", "--at", hex(AT), "--no-scratch", "-f", "-o", out,
            "--subtree", f"toy-subtree={tmp_path / 'toy'}", *options,
        )  # fmt: skip
        assert got.code == 0, got.err
        return out

    return made


def test_names_are_those_of_the_nodes() -> None:
    assert all(SUBTREES[name].name == name for name in SUBTREES.names())
    assert reader_of("LUO@0") is SUBTREES["LUO"]
    assert reader_of("none") is None


@pytest.mark.usefixtures("toy_subtree")
def test_a_toy_subtree_follows_its_pointer(make, cli) -> None:
    path = make(AT)
    (found,) = cli("decode", "--json", path).json["handovers"]
    (shown,) = [s for s in found["root"]["subtrees"] if s["name"] == "toy-subtree"]
    assert shown["kind"] == "toy"
    assert shown["details"] == {"at": AT, "word": "d00dfeed", "page_size": 4096}
    assert f"word d00dfeed at 0x{AT:x}" in cli("decode", path).said
    assert f"a word at 0x{AT:x}" in cli("decode", "--annotate", path).out
    judged = cli("validate", "--json", path)
    assert judged.json["outcome"] == "refused"  # --no-scratch
    assert not any("toy" in f["message"] for f in judged.json["findings"])


@pytest.mark.usefixtures("toy_subtree")
def test_what_a_toy_subtree_lacks_is_a_problem(make, cli, tmp_path: Path) -> None:
    got = cli("decode", "--json", make(0x9000_0000))
    (found,) = got.json["handovers"]
    assert "the word of the toy at 0x90000000 is not in the image" in str(found["problems"])
    assert found["hwpoison"]["pfns"] == [0x1000]
    (reported,) = [p for p in found["problems"] if "the word of the toy" in p["message"]]
    judged = cli("validate", "--json", tmp_path / "made.elf").json
    assert reported["code"] in [
        f["code"] for f in judged["findings"] if f["message"] == reported["message"]
    ]


@pytest.mark.usefixtures("toy_subtree")
def test_what_a_subtree_points_to_is_captured(make, cli, tmp_path: Path) -> None:
    path = make(AT + 0x3000)  # a page of the array, of which decode reads its live entries alone
    before = cli("decode", "--json", path).json["handovers"][0]["root"]["subtrees"]
    crop = tmp_path / "crop.elf"
    assert cli("capture", path, "-o", crop).code == 0
    assert cli("decode", "--json", crop).json["handovers"][0]["root"]["subtrees"] == before


@pytest.mark.usefixtures("toy_subtree")
def test_the_size_of_a_subtree_that_the_root_does_not_tell(cli, make, tmp_path: Path) -> None:
    """kho-v2 registers no sizes: what is kept is as long as the reader says."""
    kept = tmp_path / "kept.elf"
    v2 = ("--kho", "v2", "--keep-subtrees", "--at", "0x70000000", "--no-scratch", "-o", kept)
    got = cli("encode", make(AT, "--kho", "v2"), *v2)
    assert got.code == 0
    assert "left out" not in got.err
    (found,) = cli("decode", "--json", kept).json["handovers"]
    (shown,) = [s for s in found["root"]["subtrees"] if s["name"] == "toy-subtree"]
    assert shown["details"]["word"] is None


def test_the_toy_subtree_is_gone_again(make, cli) -> None:
    (found,) = cli("decode", "--json", make(AT)).json["handovers"]
    (shown,) = [s for s in found["root"]["subtrees"] if s["name"] == "toy-subtree"]
    assert (shown["kind"], shown["details"]) == (None, None)


@pytest.mark.parametrize(
    ("copied", "there", "why"),
    [
        (LUO, LUO[:16] + bytes(range(1, 17)), "LUO was not serialized yet"),
        (LUO, bytes(32), "the kernel has freed and reused it"),
        (bytes(32), LUO, "the kernel has freed and reused it"),
        (LUO[:31], LUO, "the kernel has freed and reused it"),
        (LUO[:16] + b"\1" + bytes(15), LUO, None),
        (LUO, b"luo-v6\0\0" + LUO[8:], None),
    ],
)
def test_when_a_copy_of_luo_may_differ(copied, there, why) -> None:
    assert SUBTREES["LUO"].newer(copied, there) == why
    assert SUBTREES["memblock"].newer(copied, there) is None


def test_the_folios_of_kho_test(cli, tmp_path: Path) -> None:
    m = Machine()
    folios = [(0x6000_0000, 0), (0x6040_0000, 3), (0x6080_0000, 9)]
    blob, blocks = kho_test(m, folios)
    m.handover(subtrees=[("kho_test", blob)], mark=lambda marked: marked + blocks)
    (h,) = cli("decode", "--json", m.save(tmp_path)).json["handovers"]
    owned = {x["kind"]: x for x in h["preserved"]}
    assert owned["kho-test"]["ranges"] == [
        [0x60000, 0x60000], [0x60400, 0x60407], [0x60800, 0x609FF],
    ]  # fmt: skip
    assert owned["kho_test"]["bytes"] == 3 * 4096
    assert "unknown" not in owned
    assert "5 folios" not in cli("decode", tmp_path / "memory.elf").out
    assert "3 folios" in cli("decode", tmp_path / "memory.elf").out


@pytest.mark.parametrize("word", [0, 0x6000_0000, 0xFFF, 0x6100_0000, 0x6040_1000])
def test_kho_test_stops_at_a_folio_that_it_cannot_restore(word, cli, tmp_path: Path) -> None:
    """One that is none, that it had before, or where no preserved block starts."""
    m = Machine()
    folios = [(0x6000_0000, 0), (0x6040_0000, 3), (word, 0), (0x6080_0000, 9)]
    blob, blocks = kho_test(m, folios)
    del blocks[-2]
    m.handover(subtrees=[("kho_test", blob)], mark=lambda marked: marked + blocks)
    (h,) = cli("decode", "--json", m.save(tmp_path)).json["handovers"]
    owned = {x["kind"]: x["ranges"] for x in h["preserved"]}
    assert owned["kho-test"] == [[0x60000, 0x60000], [0x60400, 0x60407]]
    assert owned["unknown"] == [[0x60800, 0x609FF]]


def test_kho_test_stops_behind_a_folio_of_another_order(cli, tmp_path: Path) -> None:
    """It is restored as the tracker has it; kho_test_restore_data() compares the orders then."""
    m = Machine()
    blob, blocks = kho_test(m, [(0x6000_0000, 0), (0x6040_0000, 3), (0x6080_0000, 9)])
    blocks[-2] = 0x6040_0000, 2
    m.handover(subtrees=[("kho_test", blob)], mark=lambda marked: marked + blocks)
    (h,) = cli("decode", "--json", m.save(tmp_path)).json["handovers"]
    owned = {x["kind"]: x["ranges"] for x in h["preserved"]}
    assert owned["kho-test"] == [[0x60000, 0x60000], [0x60400, 0x60403]]
    assert owned["unknown"] == [[0x60800, 0x609FF]]


def test_the_blob_of_kho_test_is_a_larger_folio(cli, tmp_path: Path) -> None:
    """As a real kernel makes it: a page, and room for its folios' addresses."""
    m = Machine()
    blob, blocks = kho_test(m, [(0x6000_0000, 0)])

    def mark(marked: Blocks) -> Blocks:
        (at,) = [phys for phys, _ in marked if m.memory[phys].startswith(blob)]
        return [(phys, int(phys == at)) for phys, _ in marked[:3]] + marked[3:] + blocks

    m.handover(subtrees=[("kho_test", blob)], mark=mark)
    (h,) = cli("decode", "--json", m.save(tmp_path)).json["handovers"]
    owned = {x["kind"]: x for x in h["preserved"]}
    assert owned["kho_test"]["bytes"] == 4 * 4096
    assert "unknown" not in owned
    assert "HP911" not in [p["code"] for p in h["problems"]]


def test_luo_is_not_kept(cli, capture, tmp_path: Path) -> None:
    """What it points to is not copied."""
    out = tmp_path / "out.elf"
    args = ("--keep-subtrees", "--at", "0x70000000", "--no-scratch", "-o", out)
    got = cli("encode", capture("luo-small"), *args)
    assert got.code == 0
    assert "subtree LUO is left out: what it points to is not copied" in got.err
    (h,) = cli("decode", "--json", out).json["handovers"]
    assert [s["name"] for s in h["root"]["subtrees"]] == ["hwpoison", "kexec-metadata"]


@pytest.mark.parametrize("name", ["memblock", "kho_test"])
def test_a_blob_that_cannot_be_read_is_told(name, cli, tmp_path: Path) -> None:
    """What it preserves would be nobody's without a word."""
    m = Machine()
    m.handover(subtrees=[(name, b"\xd0\x0d\xfe\xed" + b"\xff" * 60)])
    (h,) = cli("decode", "--json", m.save(tmp_path)).json["handovers"]
    (found,) = [p for p in h["problems"] if p["code"] == "HP916"]
    assert found["message"].startswith(f"{name}: ")
    assert "\n" not in found["message"]
    (shown,) = [s for s in h["root"]["subtrees"] if s["name"] == name]
    assert found["phys"] == shown["phys"]


def test_folios_of_kho_test_cost_what_their_words_do() -> None:
    """Those that follow each other are one block; each word was a tuple of its own."""
    words = array("Q", range(0x6000_0000, 0x6000_0000 + (1 << 26), 4096))
    tracemalloc.start()
    pfns, orders = kho_test_reader._folios([words], 4096, None)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * 8 * len(words)
    (claim,) = kho_test_reader.TestFolios([], pfns, orders).claims(12)
    assert [*claim.each()] == [(0x60000, 0, 1 << 14)]
    pfns, orders = array("Q", [8, 9, 11, 16, 20, 24]), array("B", [0, 0, 0, 2, 2, 1])
    mixed = kho_test_reader.TestFolios([], pfns, orders)
    (claim,) = mixed.claims(12)
    assert [*claim.each()] == [(8, 0, 2), (11, 0, 1), (16, 2, 2), (24, 1, 1)]


def test_words_of_kho_test_that_come_again_are_not_read_to_their_end() -> None:
    words, read = array("Q", range(0x6000_0000, 0x6000_4000, 4096)), []

    def pieces() -> Iterator[array[int]]:
        for n in range(100):
            read.append(n)
            yield words

    pfns, _ = kho_test_reader._folios(pieces(), 4096, None)
    assert (pfns.tolist(), len(read)) == ([0x60000, 0x60001, 0x60002, 0x60003], 2)
