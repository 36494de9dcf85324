"""Whole trees of sessions, files and folios, as a kernel makes them: each page is found again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from hwpkho.abi import luo
from hwpkho.base.escape import printable
from tests.support.examples import times
from tests.support.handovers import Machine
from tests.support.luo import Folio, Orchestrator
from tests.support.program import run_cli

if TYPE_CHECKING:
    import pytest

U64 = st.integers(0, (1 << 64) - 1)
_NAMES = st.binary(min_size=1, max_size=63).map(lambda raw: raw.replace(b"\0", b"0"))
_MACHINES = [(4096, "x86_64"), (4096, "arm64"), (16384, "arm64"), (65536, "arm64")]


class File(NamedTuple):
    """A memfd: token, orders of its folios, how many of its last folio's bytes it does not use."""

    token: int
    orders: list[int]
    unused: float


class Tree(NamedTuple):
    """Sessions with their files, and FLBs."""

    machine: tuple[int, str]
    sessions: dict[bytes, list[File]]
    flbs: list[luo.Flb]


_FILES = st.lists(
    st.builds(
        File, U64, st.lists(st.sampled_from([0, 0, 1, 2, 3, 6, 9]), max_size=6), st.floats(0, 0.99)
    ),
    max_size=5,
    unique_by=lambda file: file.token,
)
_TREES = st.builds(
    Tree,
    st.sampled_from(_MACHINES),
    st.dictionaries(_NAMES, _FILES, max_size=4),
    st.lists(
        st.builds(luo.Flb, _NAMES.map(lambda raw: raw[:47]), st.just(0xFEEDF00DCAFEBEE0), U64),
        max_size=3,
    ),
)


def _placed(tree: Tree, data: st.DataObject) -> dict[tuple[bytes, int], list[Folio]]:
    """Return the folios of each file, all over memory."""
    each = [
        (name, file.token, n, order)
        for name, files in tree.sessions.items()
        for file in files
        for n, order in enumerate(file.orders)
    ]
    where, at = {}, 0x50000
    for folio in data.draw(st.permutations(each)):
        order = folio[3]
        at += data.draw(st.sampled_from([0, 0, 1]))
        at = -(-at // (1 << order)) << order
        where[folio[:3]] = at
        at += 1 << order
    found: dict[tuple[bytes, int], list[Folio]] = {}
    for name, files in tree.sessions.items():
        for file in files:
            index, folios = 0, []
            for n, order in enumerate(file.orders):
                folios.append((where[name, file.token, n], index, order))
                index += 1 << order
            found[name, file.token] = folios
    return found


def _size(file: File, folios: list[Folio], page_size: int) -> int:
    """Return a size that ends in the last folio."""
    if not folios:
        return 0
    _, index, order = folios[-1]
    return index * page_size + max(1, round((page_size << order) * (1 - file.unused)))


def _each(runs: list[dict[str, int]]) -> list[tuple[int, int, int, int]]:
    """Return page, PFN, order and flags of each folio."""
    return [
        (r["index"] + (i << r["order"]), r["pfn"] + (i << r["order"]), r["order"], r["flags"])
        for r in runs
        for i in range(r["folios"])
    ]


@times(1)
@given(_TREES, U64, st.data())
def test_it_is_decoded_and_judged(
    tmp_path_factory: pytest.TempPathFactory, tree: Tree, number: int, data: st.DataObject
) -> None:
    page_size, arch = tree.machine
    made = Orchestrator(Machine(page_size, arch, at=0x1000_0000))
    placed = _placed(tree, data)
    sessions, sizes = [], {}
    for name, files in tree.sessions.items():
        entries = []
        for file in files:
            folios = placed[name, file.token]
            sizes[name, file.token] = _size(file, folios, page_size)
            entries.append((file.token, made.memfd(folios, size=sizes[name, file.token])))
        sessions.append(made.session(name, entries))
    every = [(key, folio) for key, listed in placed.items() for folio in listed]
    bad = _bad(every, data) if every else []
    state: dict[str, Any] = {} if sessions else {"sessions_pa": 0}
    blob = made.blob(sessions, tree.flbs, liveupdate_num=number, **state)
    made.handover(blob, pfns=[pfn for pfn, _, _ in bad] or [0x1000])
    folder = tmp_path_factory.mktemp("tree")
    path = made.machine.save(folder)

    (h,) = run_cli("decode", "--json", path).json["handovers"]
    assert h["page_size"] == page_size
    assert h["luo"]["liveupdate_num"] == number
    assert [s["name"] for s in h["luo"]["sessions"]] == [
        printable(name.decode("utf-8", "backslashreplace")) for name in tree.sessions
    ]
    for session, (name, files) in zip(h["luo"]["sessions"], tree.sessions.items(), strict=True):
        assert [f["token"] for f in session["files"]] == [f.token for f in files]
        for shown, file in zip(session["files"], files, strict=True):
            listed = placed[name, file.token]
            assert shown["size"] == sizes[name, file.token]
            assert shown["nr_folios"] == len(listed)
            assert _each(shown["runs"]) == [(i, pfn, order, 3) for pfn, i, order in listed]
    assert [(f["data"], f["count"], f["block"]) for f in h["luo"]["flbs"]] == [
        (f.data, f.users, None) for f in tree.flbs
    ]
    assert "unknown" not in [o["kind"] for o in h["preserved"]]
    expected = {"HP410"} | ({"HP909"} if state else set())
    assert {p["code"] for p in h["problems"]} <= expected
    _judged(bad, sizes, path, page_size)


_Bad = tuple[int, tuple[bytes, int], Folio]


def _bad(folios: list[tuple[tuple[bytes, int], Folio]], data: st.DataObject) -> list[_Bad]:
    """Return pages of folios: PFN, whose, and in which folio."""
    found = {}
    for key, folio in data.draw(st.lists(st.sampled_from(folios), max_size=4)):
        pfn = folio[0] + data.draw(st.integers(0, (1 << folio[2]) - 1))
        found[pfn] = (pfn, key, folio)
    return list(found.values())


def _judged(
    bad: list[_Bad], sizes: dict[tuple[bytes, int], int], path: Any, page_size: int
) -> None:
    iomem = path.parent / "iomem"
    iomem.write_text("00100000-7fffffffff : System RAM\n")
    got = run_cli("validate", "--json", path, "--memmap", iomem, "--page-size", page_size).json
    assert got["outcome"] == "replay"
    found = {
        run["first"] + i: (run, run["owner"]["index"] + i)
        for run in got["runs"]
        if run["owner"]
        for i in range(run["last"] - run["first"] + 1)
    }
    assert sorted(found) == sorted(pfn for pfn, _, _ in bad)
    for pfn, key, (first, index, order) in bad:
        run, page = found[pfn]
        beyond = page >= -(-sizes[key] // page_size)
        assert (run["verdict"], run["owner"]["order"], page) == (
            "preserved",
            order,
            index + pfn - first,
        )
        assert (run["owner"]["token"], run["owner"]["beyond_end"]) == (key[1], beyond)
        assert run["code"] == ("HP922" if beyond else "HP921" if order else "HP920")
