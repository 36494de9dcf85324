"""Damage to LUO: each is told where it is, and nothing else is lost by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import pytest

from hwpkho.abi import fdt, luo
from hwpkho.abi.kho import V4, VERSIONS
from tests.support.examples import much, some
from tests.support.handovers import Machine
from tests.support.luo import Orchestrator
from tests.support.measure import within
from tests.support.provoking_luo import FOLIOS, IOMEM, PFN

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def made() -> Orchestrator:
    return Orchestrator(Machine(arch="x86_64", at=0x1000_0000))


@pytest.fixture
def decoded(made, cli, tmp_path) -> Callable[..., Any]:
    def run(blob, *options, **handover):
        made.handover(blob, **handover)
        got = cli("decode", "--json", made.machine.save(tmp_path), *options)
        assert got.code in (0, 1), got.err
        (h,) = got.json["handovers"]
        assert h["hwpoison"]["pfns"] == [0x1000, 0x2222, 0x1001]  # whatever becomes of LUO
        told = {p["code"]: p["message"] for p in h["problems"] if p["code"].startswith("HP9")}
        return h, told

    return run


def _runs(file):
    return [tuple(run.values()) for run in file["runs"]]


def test_runs_join_what_follows_in_memory_and_file(made, decoded):
    folios = [(PFN, 0, 0), (PFN + 1, 1, 0), (PFN + 2, 2, 1), (PFN + 4, 4, 1), (PFN + 8, 6, 1)]
    h, told = decoded(made.blob([made.session("vm", [(9, made.memfd(folios))])]))
    (file,) = h["luo"]["sessions"][0]["files"]
    assert _runs(file) == [(0, PFN, 2, 0, 3), (2, PFN + 2, 2, 1, 3), (6, PFN + 8, 1, 1, 3)]
    assert not told


def test_the_order_comes_from_the_place_of_the_next_folio_where_no_block_starts(made, decoded):
    data = made.memfd([(PFN, 0, 3), (PFN + 8, 8, 3)])
    made.blocks = [b for b in made.blocks if b[0] >> 12 not in (PFN, PFN + 8)]
    h, told = decoded(made.blob([made.session("vm", [(1, data)])]))
    assert _runs(h["luo"]["sessions"][0]["files"][0]) == [
        (0, PFN, 1, 3, 3), (8, PFN + 8, 1, None, 3),
    ]  # fmt: skip
    assert "2 folios" in told["HP906"]


_WILD = [b"\x1b[2J", b"a\nb", b"\x9b1m\xff", "\u202e\u2028".encode(), b"\x7f\r\t"]


@pytest.mark.parametrize("name", some(_WILD, 2))
def test_no_name_reaches_a_terminal_as_it_is(name, made, cli, tmp_path, subtests):
    """Of a session, of what wrote a file, of an FLB."""
    made.blocks.append((PFN + 64 << 12, 0))
    files = made.chain("files", [luo.File(name, PFN + 64 << 12, 3)], 63)
    known = made.session(name, [(1, made.memfd(FOLIOS))])
    sessions = [known, luo.Session(name[::-1], files, 1), luo.Session(name)]
    flb = luo.Flb(name, PFN + 64 << 12, 1)
    made.handover(made.blob(sessions, [flb]), pfns=[PFN, PFN + 0x201, PFN + 64])
    path = made.machine.save(tmp_path)
    (tmp_path / "iomem").write_text(IOMEM)
    (tmp_path / "list").write_text("0x1\n")
    other = Orchestrator(Machine(arch="x86_64", at=0x1000_0000))
    (tmp_path / "other").mkdir()
    other.handover(other.blob([]))
    before = other.machine.save(tmp_path / "other")
    mapped = ("--memmap", tmp_path / "iomem")
    for args in (
        ("decode", path), ("decode", "--annotate", path), ("decode", "--json", path),
        ("validate", path, *mapped), ("validate", "--json", path, *mapped),
        ("diff", before, path), ("merge", before, path, "-o", tmp_path / "out", "-f"),
        ("list", path),
    ):  # fmt: skip
        with subtests.test(str(args)):
            got = cli(*args)
            assert got.code in (0, 1), got.err
            assert not [c for c in got.out + got.err if c != "\n" and not c.isprintable()]


def test_names_are_escaped(made, decoded):
    names = [b"\x1b[31mred", "vm-\u00fc\u202e".encode(), b"\xff" * 63, b'"\\']
    h, told = decoded(made.blob([luo.Session(name) for name in names]))
    shown = [s["name"] for s in h["luo"]["sessions"]]
    assert shown == ["\\x1b[31mred", "vm-\u00fc\\u202e", "\\xff" * 63, '"\\']
    assert not told


@pytest.mark.parametrize("page_size", [4096, 65536])
def test_blocks_are_pages_of_the_kernel(page_size, cli, tmp_path):
    made = Orchestrator(Machine(page_size, at=0x1000_0000))
    made.handover(made.blob([luo.Session(b"%d" % n) for n in range(1000)]))
    (h,) = cli("decode", "--json", made.machine.save(tmp_path)).json["handovers"]
    assert [s["name"] for s in h["luo"]["sessions"]] == [str(n) for n in range(1000)]


@pytest.mark.parametrize(
    ("count", "code"), [(0, "HP902"), (52, "HP902"), (1 << 63, "HP902"), (50, None)]
)
def test_entries_of_a_session_block(count, code, made, cli, tmp_path):
    blob = made.blob([luo.Session(b"%d" % n) for n in range(60)])
    made.machine.poke(made.places["sessions"][-1] + 8, "<Q", count)
    made.handover(blob)
    (tmp_path / "iomem").write_text(IOMEM)
    got = cli("validate", "--json", made.machine.save(tmp_path), "--memmap", tmp_path / "iomem")
    assert got.json["outcome"] == ("crash" if code else "replay")
    assert code in (None, *(f["code"] for f in got.json["findings"]))


def test_a_file_block_costs_its_session_alone(made, decoded, cli, tmp_path):
    good = made.session("good", [(1, made.memfd(FOLIOS))])
    bad = made.session("bad", [(1, made.memfd([(PFN + 0x1000, 0, 0)]))])
    made.machine.poke(bad.files + 8, "<Q", 0)
    h, told = decoded(made.blob([bad, good]))
    assert [len(s["files"]) for s in h["luo"]["sessions"]] == [0, 1]
    assert 'session "bad"' in told["HP903"]
    (tmp_path / "iomem").write_text(IOMEM)
    args = (tmp_path / "memory.elf", "--memmap", tmp_path / "iomem")
    assert cli("validate", "--json", *args).json["outcome"] == "replay"  # it panics nobody


def _of_one_session(made, count):
    entries = [luo.File(b"memfd-v2", made.memfd([]), n) for n in range(count)]
    return made.chain("files", entries, 63)


#: What keeps LUO of the next kernel from its files, but does not stop that kernel.
_SHUT = {
    "empty block": (lambda made, at: made.machine.poke(at + 8, "<Q", 0), 3, "HP903"),
    "overfull block": (lambda made, at: made.machine.poke(at + 8, "<Q", 64), 3, "HP903"),
    "huge count": (lambda made, at: made.machine.poke(at + 8, "<Q", 1 << 63), 3, "HP903"),
    "cycle": (lambda made, at: made.machine.poke(at, "<Q", at), 3, "HP903"),
    "too few": (lambda made, at: None, 4, "HP903"),
    "too many": (lambda made, at: None, 2, "HP903"),
    "none": (lambda made, at: None, 0, "HP903"),
    "unknown": (lambda made, at: made.machine.poke(at + 16, "<8s", b"memfd-v3"), 3, "HP914"),
}


@pytest.mark.parametrize("name", _SHUT)
def test_what_keeps_luo_from_its_files(name, made, cli, tmp_path):
    """Opening /dev/liveupdate fails, and the list of bad pages is replayed all the same."""
    change, total, code = _SHUT[name]
    at = _of_one_session(made, 3)
    change(made, at)
    made.handover(made.blob([luo.Session(b"vm", at, total), luo.Session(b"other")]))
    (tmp_path / "iomem").write_text(IOMEM)
    got = cli("validate", "--json", made.machine.save(tmp_path), "--memmap", tmp_path / "iomem")
    assert got.json["outcome"] == "replay"
    assert code in [f["code"] for f in got.json["findings"]]
    kernel = " ".join(cli("explain", code).out.lower().split())
    assert "opening /dev/liveupdate fails with eio" in kernel


def test_files_that_no_block_has(made, cli, tmp_path):
    """It warns, and the session is there without files."""
    made.handover(made.blob([luo.Session(b"vm", 0, 3)]))
    (tmp_path / "iomem").write_text(IOMEM)
    path = made.machine.save(tmp_path)
    got = cli("validate", "--json", path, "--memmap", tmp_path / "iomem")
    told = {f["code"]: f["severity"] for f in got.json["findings"]}
    assert (got.json["outcome"], told["HP917"]) == ("replay", "warning")
    (h,) = cli("decode", "--json", path).json["handovers"]
    assert h["luo"]["sessions"] == [{"name": "vm", "files": []}]


@pytest.mark.parametrize("counts", [(51, 51, 2), (3, 51, 1), (1, 1, 1)])
def test_blocks_are_read_by_their_counts(counts, made, decoded):
    """A kernel fills each before the next one, but the reader asks for no more than a count."""
    first = 0
    for n, count in reversed([*enumerate(counts)]):
        part = [luo.Session(b"%d-%d" % (n, i)) for i in range(count)]
        first = made.page("sessions", luo.build_page(luo.Head(first, count), part, 4096))
    h, told = decoded(made.blob([], sessions_pa=first))
    names = [f"{n}-{i}" for n, count in enumerate(counts) for i in range(count)]
    assert ([s["name"] for s in h["luo"]["sessions"]], told) == (names, {})


def test_files_in_several_blocks(made, decoded):
    at = _of_one_session(made, 130)
    h, told = decoded(made.blob([luo.Session(b"vm", at, 130)]))
    (session,) = h["luo"]["sessions"]
    assert ([f["token"] for f in session["files"]], told) == ([*range(130)], {})
    assert len(made.places["files"]) == 3


@pytest.mark.parametrize("pfns", [None, [1], [1 << 60]])
def test_a_panic_over_luo_comes_before_all_that_becomes_of_the_list(pfns, made, cli, tmp_path):
    """LUO is early_initcall, the replay late_initcall: absent, sound and damaged lists alike."""
    blob = made.blob([luo.Session(b"vm")])
    made.machine.poke(made.places["sessions"][0] + 8, "<Q", 0)
    made.handover(blob, pfns=pfns)
    (tmp_path / "iomem").write_text(IOMEM)
    got = cli("validate", "--json", made.machine.save(tmp_path), "--memmap", tmp_path / "iomem")
    assert (got.code, got.json["outcome"]) == (1, "crash")
    assert got.json["decided_by"]["code"] == "HP902"


def test_an_incoming_blob_before_early_initcall(cli, tmp_path, subtests):
    """It is as the kernel before left it: what that one did not write will not come."""
    for serialized in (True, False):
        with subtests.test(f"serialized {serialized}"):
            made = Orchestrator(Machine(arch="x86_64", at=0x1000_0000))
            session = [made.session("vm", [(1, made.memfd(FOLIOS))])] if serialized else []
            made.handover(made.blob(session), kexec_count=0)
            made.machine.handover(kexec_count=1)  # of the kernel that runs
            (tmp_path / str(serialized)).mkdir()
            path = made.machine.save(tmp_path / str(serialized))
            h = cli("decode", "--json", path).json["handovers"][0]
            assert (h["role"], h["luo"]["state"]) == ("in", "serialized")
            assert [s["name"] for s in h["luo"]["sessions"]] == (["vm"] if serialized else [])


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("seals", 0x40, "seals 0x40"),
        ("nr_folios", 1 << 63, "nr_folios 9223372036854775808 is beyond the array's 256 entries"),
        ("nr_folios", 0, "2101248 bytes without a folio"),
        ("size", 1 << 60, "is more than 4294967295 pages"),
    ],
)
def test_fields_of_a_memfd(field, value, words, made, decoded):
    data = made.memfd(FOLIOS, **{field: value})
    _, told = decoded(made.blob([made.session("vm", [(5, data)])]))
    assert words in told["HP905"]
    assert 'session "vm", token 5' in told["HP905"]


def test_folio_arrays_that_share_chunks(made, decoded):
    """The second is not followed: a guest's memory has one owner."""
    first = made.memfd(FOLIOS)
    raw = made.machine.memory[first]
    second = made.page("memfd", raw)
    h, told = decoded(made.blob([made.session("vm", [(1, first), (2, second)])]))
    one, two = h["luo"]["sessions"][0]["files"]
    assert (one["runs"] is None, two["runs"]) == (False, None)
    assert "of another area" in told["HP905"]


def test_a_folio_of_two_files(made, decoded):
    files = [(n, made.memfd([(PFN, 0, 0)])) for n in range(2)]
    made.blocks.remove((PFN << 12, 0))
    _, told = decoded(made.blob([made.session("vm", files)]))
    assert told["HP908"] == (
        f'1 page of two owners, the first is PFN 0x{PFN:x}: session "vm", token 0 and '
        'session "vm", token 1'
    )


def test_a_folio_that_a_file_has_twice(made, decoded):
    data = made.memfd([(PFN, 0, 0), (PFN, 1, 0)])
    made.blocks.remove((PFN << 12, 0))
    _, told = decoded(made.blob([made.session("vm", [(3, data)])]))
    assert told["HP908"].endswith(f'PFN 0x{PFN:x}: session "vm", token 3 has it twice')


def test_a_folio_on_a_page_of_luos_own(made, decoded):
    """Guests' memory over LUO's structures: both are told."""
    first = made.memfd([(PFN, 0, 0)])
    data = made.memfd([(made.places["array"][0] >> 12, 0, 0)])
    made.blocks.pop([at for at, _ in made.blocks].index(made.places["array"][0]))
    _, told = decoded(made.blob([made.session("vm", [(1, first), (2, data)])]))
    assert told["HP908"].endswith('subtree LUO and session "vm", token 2')


def test_pages_of_a_file_that_go_back(made, decoded):
    data = made.memfd([(PFN, 0, 0), (PFN + 1, 1, 0), (PFN + 2, 1, 0), (PFN + 3, 3, 0)])
    h, told = decoded(made.blob([made.session("vm", [(1, data)])]))
    assert _runs(h["luo"]["sessions"][0]["files"][0]) == [
        (0, PFN, 2, 0, 3), (1, PFN + 2, 1, 0, 3), (3, PFN + 3, 1, 0, 3),
    ]  # fmt: skip
    assert f"2 folios, the first at PFN 0x{PFN + 1:x}, with orders that do not" in told["HP907"]
    assert "unknown" not in [o["kind"] for o in h["preserved"]]  # the kernel takes them, too


@pytest.mark.parametrize(
    ("folios", "size", "words"),
    [
        ([(PFN, 1, 0)], 8192, f"1 folio, the first at PFN 0x{PFN:x}, with orders"),
        ([(PFN, 0, 3), (PFN + 8, 4, 2)], 1 << 15, "2 folios, the first"),
        ([(PFN, 0, 0), (PFN + 8, 8, 3)], 1 << 16, "1 folio, the first"),
        ([(PFN, 0, 0), (PFN + 1, 1, 0)], 8193, "its folios end at page 2, its size is 3 pages"),
        ([(PFN, 0, 0), (PFN + 8, 1, 0)], 1, None),  # what is behind the end is nobody's loss
        ([(PFN, 0, 3)], 1, None),
        ([(PFN, 0, 0), (0, 0, 0), (PFN + 1, 1, 0)], 8192, None),  # zeros are passed over
    ],
)
def test_folios_fill_the_file(folios, size, words, made, decoded):
    """memfd_pin_folios() fills every hole."""
    data = made.memfd(folios, size=size)
    made.blocks = [b for b in made.blocks if b[0]]
    _, told = decoded(made.blob([made.session("vm", [(1, data)])]))
    assert ("HP907" in told) == bool(words)
    assert (words or "") in told.get("HP907", "")


@pytest.mark.parametrize(
    ("names", "twice"),
    [
        ([b"a", b"b", b"a"], '"a"'),
        ([b"a", b"A", b"a "], None),
        ([b"n" * 63, b"n" * 63], '"' + "n" * 63),
        ([b"", b""], '""'),
    ],
)
def test_names_of_sessions(names, twice, made, decoded):
    h, told = decoded(made.blob([luo.Session(name) for name in names]))
    assert len(h["luo"]["sessions"]) == len(names)  # what is there is shown
    assert (twice is not None) == ("HP927" in told)
    assert (twice or "") in told.get("HP927", "")


def test_a_name_without_an_end(made, decoded):
    """64 bytes of name: the kernel copies 63, so that two are the same."""
    blob = made.blob([luo.Session(b"x"), luo.Session(b"y")])
    (block,) = made.places["sessions"]
    for n in range(2):
        at = block + luo.HEAD + n * luo.SESSION
        made.machine.poke(at, "<64s", b"n" * 63 + b"%d" % n)
    _, told = decoded(blob)
    assert "HP927" in told


def test_tokens_are_of_one_session(made, decoded):
    top = (1 << 64) - 1
    one = made.session("one", [(0, made.memfd([])), (top, made.memfd([])), (0, made.memfd([]))])
    two = made.session("two", [(0, made.memfd([])), (top, made.memfd([]))])
    h, told = decoded(made.blob([one, two]))
    tokens = [[f["token"] for f in s["files"]] for s in h["luo"]["sessions"]]
    assert tokens == [[0, top, 0], [0, top]]
    assert told["HP928"] == 'session "one": another file has token 0'


def test_what_the_kernel_passes_over(made, decoded):
    """A folio with PFN 0 is a hole."""
    data = made.memfd([(PFN, 0, 0), (0, 1, 0), (PFN + 2, 2, 0)])
    made.blocks = [b for b in made.blocks if b[0]]
    h, _ = decoded(made.blob([made.session("vm", [(1, data)])]))
    assert [run[:2] for run in _runs(h["luo"]["sessions"][0]["files"][0])] == [
        (0, PFN), (2, PFN + 2),
    ]  # fmt: skip


def test_an_empty_memfd(made, decoded):
    h, told = decoded(made.blob([made.session("vm", [(1, made.memfd([]))])]))
    (file,) = h["luo"]["sessions"][0]["files"]
    assert (file["size"], file["runs"], told) == (0, [], {})


@pytest.mark.slow
@pytest.mark.parametrize("more", [0, 1])
def test_a_long_chain_costs_what_its_pages_do(more, made, cli, tmp_path):
    """More than the kernel follows: told, in time that follows the bytes."""
    made.machine.gap = 0
    at = 0
    for n in range(luo.MAX_BLOCKS + more):
        session = luo.Session(b"%d" % n)
        at = made.page("sessions", luo.build_page(luo.Head(at, 1), [session], 4096))
    made.handover(luo.Luo("luo-v5", 1, at, 0).build())
    path = made.machine.save(tmp_path)
    got = within(5, lambda: cli("decode", "--json", path))
    (h,) = got.json["handovers"]
    assert len(h["luo"]["sessions"]) == luo.MAX_BLOCKS
    assert ("more than 10000 blocks" in str(h["problems"])) == bool(more)


def test_sessions_are_written_many_at_once(made, cli, tmp_path, monkeypatch):
    """A write costs ten times what a session does."""
    written = []

    def counted(piece, echo=click.echo, **how):
        written.append(piece)
        echo(piece, **how)

    monkeypatch.setattr(click, "echo", counted)
    count = much(1000, 5000)
    made.handover(made.blob([luo.Session(b"%d" % n) for n in range(count)]))
    (h,) = cli("decode", "--json", made.machine.save(tmp_path)).json["handovers"]
    assert [s["name"] for s in h["luo"]["sessions"]] == [str(n) for n in range(count)]
    assert len(written) < 50


def test_many_files_that_lead_into_one_chain(made, cli, tmp_path):
    """Each has a first chunk of its own, and all the rest in common: no quadratic walk."""
    made.machine.gap = 0
    data = made.memfd([(PFN + n, n, 0) for n in range(300_000)])
    chunks = made.places["chunk"]
    follow = chunks[-2]
    files = []
    for n in range(400):
        first = made.page("first", follow.to_bytes(8, "little"))
        raw = bytearray(made.machine.memory[data])
        raw[32:40] = first.to_bytes(8, "little")
        files.append((n, made.page("memfd", bytes(raw))))
    made.blocks = [(phys, order) for phys, order in made.blocks if phys >> 12 < PFN]
    made.handover(made.blob([made.session("vm", files)]))
    path = made.machine.save(tmp_path)
    got = within(3, lambda: cli("decode", "--json", path))
    assert "of another area" in str(got.json["handovers"][0]["problems"])


@pytest.mark.parametrize(
    ("consumer", "outcome"), [("v4", "refused"), ("kho-v4;radix-v1;vmalloc-v1", "replay")]
)
def test_composite_versions(consumer, outcome, made, cli, tmp_path):
    blob = made.blob([], compatible="luo-v5;block-v1", at=16)
    made.handover(blob, named=("radix-v1", "vmalloc-v1"))
    (tmp_path / "iomem").write_text(IOMEM)
    path = made.machine.save(tmp_path)
    args = (path, "--memmap", tmp_path / "iomem", "--consumer-kho", consumer)
    got = cli("validate", "--json", *args)
    assert got.json["outcome"] == outcome
    (h,) = cli("decode", "--json", path).json["handovers"]
    assert h["root"]["compatible"] == "kho-v4;radix-v1;vmalloc-v1"
    assert {"HP219", "HP913"} <= {p["code"] for p in h["problems"]}


@pytest.mark.parametrize(
    ("blob", "consumer", "outcome"),
    [
        ({"compatible": "luo-v5;block-v1", "at": 16}, "v4", "crash"),
        ({"compatible": "luo-v6"}, "v4", "crash"),
        ({"features": (1, 1, 1), "at": 128, "compatible": ""}, "v4", "crash"),
        ({}, "v4", "replay"),
    ],
)
def test_which_luo_the_next_kernel_takes(blob, consumer, outcome, made, cli, tmp_path):
    made.handover(made.blob([], **blob))
    (tmp_path / "iomem").write_text(IOMEM)
    args = ("--memmap", tmp_path / "iomem", "--consumer-kho", consumer)
    got = cli("validate", "--json", made.machine.save(tmp_path), *args)
    assert got.json["outcome"] == outcome


@pytest.mark.parametrize("what", ["memfd", "sessions", "files"])
@pytest.mark.parametrize("before", [16, 8])
def test_a_structure_across_the_end_of_a_page(what, before, made, cli, tmp_path):
    """The kernel reads it as it stands, and so does --annotate."""
    made.machine.gap = 0
    data = made.memfd(FOLIOS)
    session = made.session("vm", [(5, data)])
    blob = made.blob([session])
    at = {"memfd": data, "files": session.files, "sessions": made.places["sessions"][0]}[what]
    raw = made.machine.memory[at]
    one, two = made.page(what), made.page(what)
    made.machine.memory[one] = bytes(4096 - before) + raw[:before]
    made.machine.memory[two] = raw[before:].ljust(4096, b"\0")
    moved = one + 4096 - before
    if what == "sessions":
        blob = luo.Luo("luo-v5", 1, moved, 0).build()
    else:
        made.machine.poke(*{
            "memfd": (session.files + luo.HEAD + luo.FILE_NAME, "<Q", moved),
            "files": (made.places["sessions"][0] + luo.HEAD + luo.SESSION_NAME, "<Q", moved),
        }[what])  # fmt: skip
    made.handover(blob)
    path = made.machine.save(tmp_path)
    (h,) = cli("decode", "--json", path).json["handovers"]
    assert h["luo"]["sessions"][0]["files"][0]["runs"]
    got = cli("decode", "--annotate", path)
    assert got.code in (0, 1)
    words = {"memfd": "nr_folios 2", "files": "file 0: token 5", "sessions": 'name "vm"'}
    assert words[what] in got.out


@pytest.mark.parametrize(
    "lead",
    [
        lambda made, page: luo.Luo("luo-v5", 1, page, page),  # the page of FLBs, empty as mostly
        lambda made, page: luo.Luo("luo-v5", 1, _leading_to(made, page), 0),
    ],
)
def test_the_kernel_reads_all_blocks_of_sessions_first(lead, made, cli, tmp_path):
    """What else their pages are does not keep it from a block that it cannot take."""
    page = made.page("flbs", luo.build_page(luo.Head(1, 0), [], 4096))
    made.handover(lead(made, page).build())
    (tmp_path / "iomem").write_text(IOMEM)
    got = cli("validate", "--json", made.machine.save(tmp_path), "--memmap", tmp_path / "iomem")
    assert (got.json["outcome"], got.json["decided_by"]["code"]) == ("crash", "HP902")


def _leading_to(made, page):
    """Return a block whose next is ``page``, and whose session has its files there as well."""
    block = luo.build_page(luo.Head(page, 1), [luo.Session(b"vm", page, 1)], 4096)
    return made.page("sessions", block)


@pytest.mark.parametrize("at", [0x9000_0000, 1 << 60])
def test_blocks_of_sessions_outside_ram(at, made, cli, tmp_path):
    made.handover(luo.Luo("luo-v5", 1, at, 0).build())
    path = made.machine.save(tmp_path)
    (tmp_path / "iomem").write_text(IOMEM)
    got = cli("validate", "--json", path, "--memmap", tmp_path / "iomem")
    assert (got.json["outcome"], got.json["decided_by"]["code"]) == ("crash", "HP902")
    assert "outside RAM" in got.json["decided_by"]["message"]
    (tmp_path / "more").write_text(IOMEM + "80000000-ffffffffffffff : System RAM\n")
    if at < 1 << 52:  # RAM that the image lacks: nothing is known of it
        got = cli("validate", "--json", path, "--memmap", tmp_path / "more")
        assert got.json["outcome"] == "replay"


def test_a_blob_outside_ram(made, cli, tmp_path):
    where = made.handover(made.blob([]))
    at = next(s.phys for s in where.subtrees if s.name == "LUO")
    made.machine.swap(where.root, at.to_bytes(8, "little"), (1 << 33).to_bytes(8, "little"))
    (tmp_path / "iomem").write_text(IOMEM)
    got = cli("validate", "--json", made.machine.save(tmp_path), "--memmap", tmp_path / "iomem")
    assert (got.json["outcome"], got.json["decided_by"]["code"]) == ("crash", "HP205")


@pytest.mark.parametrize(("consumer", "outcome"), [("v4", "crash"), ("v1", "absent")])
@pytest.mark.parametrize("name", [b"blob-size", b"preserved-data"])
def test_a_node_that_kho_refuses(name, consumer, outcome, made, cli, tmp_path):
    """Any error but a missing node panics the next kernel; the hwpoison node is sound."""
    where = made.handover(made.blob([]))
    raw = bytearray(made.machine.memory[where.root])
    node = raw.index(b"LUO\0")
    at = raw.index(b"\0\0\0\x03\0\0\0\x08", node)
    if name == b"preserved-data":
        at = raw.index(b"\0\0\0\x03\0\0\0\x08", at + 8)
    raw[at + 7] = 7
    made.machine.memory[where.root] = bytes(raw)
    (tmp_path / "iomem").write_text(IOMEM)
    args = ("--memmap", tmp_path / "iomem", "--consumer-kho", consumer)
    got = cli("validate", "--json", made.machine.save(tmp_path), *args)
    assert got.json["outcome"] == outcome
    if outcome == "crash":
        assert got.json["decided_by"]["code"] == "HP901"
        assert "has 7 bytes, expected 8" in got.json["decided_by"]["message"]


@pytest.mark.parametrize("version", ["luo-v6", "luo-v6;block-v1", "luo-v4;block-v1"])
def test_nothing_is_read_of_another_version(version, made, decoded):
    """Where its fields are is not known, whatever parts it names."""
    session = made.session("vm", [(1, made.memfd(FOLIOS))])
    h, told = decoded(made.blob([session], compatible=version, at=16 if ";" in version else 8))
    assert h["luo"]["compatible"] == version
    assert [h["luo"][x] for x in ("state", "liveupdate_num", "sessions", "flbs")] == [None] * 4
    assert f"{version}, known is luo-v5" in told["HP901"]


def test_a_tree_in_the_incoming_handover_is_told_from_a_reused_page(cli, tmp_path, subtests):
    tree = fdt.Node("", properties=[fdt.Property("compatible", b"luo-v1\0", 0)])
    for compatible, code in ((b"luo-v1\0", "HP915"), (b"vendor,board\0", "HP910")):
        with subtests.test(code):
            tree.properties[0] = fdt.Property("compatible", compatible, 0)
            machine = Machine(arch="x86_64", at=0x1000_0000)
            machine.handover(subtrees=[("LUO", fdt.build(tree, strings=b""))], kexec_count=0)
            machine.handover(kexec_count=1)  # of the kernel that runs
            h = cli("decode", "--json", machine.save(tmp_path)).json["handovers"][0]
            assert h["role"] == "in"
            assert code in [p["code"] for p in h["problems"]]


@pytest.mark.parametrize(
    ("kho", "reads", "outcome"),
    [(3, None, "replay"), (4, None, "crash"), (9, "tree", "replay"), (9, "structure", "crash")],
)
def test_a_tree_is_read_by_kernels_whose_version_has_it(
    kho, reads, outcome, cli, tmp_path, request
):
    if reads is not None:
        VERSIONS.register("v9", V4._replace(number=9, luo=reads))
        request.addfinalizer(lambda: VERSIONS.unregister("v9"))
    tree = fdt.Node("", properties=[fdt.Property("compatible", b"luo-v2\0", 0)])
    machine = Machine(arch="x86_64", at=0x1000_0000)
    machine.handover(subtrees=[("LUO", fdt.build(tree, strings=b""))], kho=kho)
    (tmp_path / "iomem").write_text(IOMEM)
    args = ("--memmap", tmp_path / "iomem", "--consumer-kho", f"v{kho}")
    got = cli("validate", "--json", machine.save(tmp_path), *args)
    assert got.json["outcome"] == outcome
    codes = {f["code"] for f in got.json["findings"]}
    assert ("HP915" in codes, "HP901" in codes) == (True, outcome == "crash")


#: What is wrong, and where: a structure, its page of that kind, the byte; the field and the code.
_WRONG = {
    "session-count": ("sessions", 8, 1 << 63, "count 9223372036854775808  <- HP902"),
    "session-cycle": ("sessions", 0, None, "next 0x{sessions:x}  <- HP902"),
    "file-count": ("files", 8, 0, "count 0  <- HP903"),
    "file-cycle": ("files", 0, None, "next 0x{files:x}  <- HP903"),
    "files-of-session": ("sessions", 16 + 72, 3, "session 0: count 3  <- HP903"),
    "no-files": ("sessions", 16 + 64, 0, "session 0: files 0x0  <- HP917"),
    "token": ("files", 16 + 64 + 56, 5, "file 1: token 5  <- HP928"),
    "name": ("sessions", 16 + 80, int.from_bytes(b"vm", "little"), 'name "vm"  <- HP927'),
    "handler": ("files", 16, int.from_bytes(b"pstore\0\0", "little"), '"pstore"  <- HP914'),
    "seals": ("memfd", 16, 1 << 31, "seals 0x80000000  <- HP905"),
    "size": ("memfd", 8, 1 << 63, "size 9223372036854775808  <- HP905"),
    "nr-folios": ("memfd", 24, 1 << 62, "nr_folios 4611686018427387904  <- HP905"),
    "array": ("memfd", 32, 0, "folios.first 0x0  <- HP905"),
    "flbs": ("flbs", 8, 64, "count 64  <- HP919"),
    "unmarked": ("array", 16, 0x9999 | 3 << 52, "folio 1: PFN 0x9999, flags 0x3 (dirty, uptodate)"),
    "order": ("array", 24, 700, "folio 0: PFN 0x50000"),
    "goes-back": ("array", 24, 0, "folio 1: PFN 0x50200"),
}


@pytest.mark.parametrize("name", _WRONG)
def test_each_wrong_field_is_marked(name, made, cli, tmp_path):
    what, offset, value, words = _WRONG[name]
    data = made.memfd(FOLIOS)
    files = [(5, data), (6, made.memfd([]))]
    blob = made.blob([made.session("vm", files), luo.Session(b"other")])
    at = made.places[what][0]
    made.machine.poke(at + offset, "<Q", at if value is None else value)
    made.handover(blob)
    out = cli("decode", "--annotate", made.machine.save(tmp_path)).out
    lines = [line for line in out.split("\n") if "<- HP9" in line]
    assert lines, out
    (line,) = [line for line in lines if words.format(**{what: at}) in line]
    aligned = at + offset - (offset % 16 if what == "array" or name == "handler" else 0)
    if name == "order":
        aligned = at
    assert line.startswith(f"  0x{aligned:012x}")
    if what == "array":
        assert line.endswith(
            {"unmarked": "HP906 folio-not-preserved"}.get(name, "HP907 folio-order")
        )
    before = out[: out.index(line)].rpartition("\n\n")[2]
    assert "memory.elf at 0x" in before.split("\n")[0]


def test_a_folio_of_two_files_is_marked_in_both(made, cli, tmp_path):
    files = [(n, made.memfd([(PFN, 0, 3), (PFN + 0x100 * (n + 1), 8, 0)])) for n in range(2)]
    made.blocks.remove((PFN << 12, 3))
    made.handover(made.blob([made.session("vm", files)]))
    out = cli("decode", "--annotate", made.machine.save(tmp_path)).out
    marked = [line for line in out.split("\n") if line.endswith("<- HP908 owned-twice")]
    assert [f"folio 0: PFN 0x{PFN:x}" in line for line in marked] == [True, True]
