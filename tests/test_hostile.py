"""Inputs that claim far more than they hold: bounded time, bounded memory, one clear line."""

from __future__ import annotations

import json
import os
import struct

import captures
import hostile
import measure
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.cases import CaseOptions, read_case
from hwpkho.errors import HwpkhoError
from hwpkho.render import annotate, decode_json, decode_text, jsondoc

MAX_CPU, MAX_PEAK = 1.0, 200 << 20


def _cheapest(args, folder):
    """Run up to three times: a busy machine makes the same work cost more processor time."""
    for _ in range(3):
        cost = measure.hwpkho(args, folder)
        if cost.cpu < MAX_CPU:
            break
    return cost


@pytest.mark.parametrize("name", hostile.CASES)
def test_work_is_bounded_by_the_bytes(name, tmp_path):
    make, args = hostile.CASES[name]
    data = make()
    assert len(data) <= hostile.LIMIT + (128 << 10)
    path = tmp_path / "input"
    path.write_bytes(data)
    cost = _cheapest(["decode", "--json", *args, str(path)], tmp_path)
    assert cost.code in (0, 1, 3), cost.err
    assert cost.cpu < MAX_CPU
    assert cost.peak < MAX_PEAK
    if cost.code == 3:
        assert cost.out == b""
        assert cost.err.count(b"\n") == 1
    else:
        assert json.loads(cost.out)["handovers"]


@pytest.mark.parametrize("name", hostile.CASES)
def test_reports_are_short(name, cli, tmp_path):
    make, args = hostile.CASES[name]
    path = tmp_path / "input"
    path.write_bytes(make())
    got = cli("decode", *args, path)
    assert "\x1b" not in got.out + got.err
    assert max(map(len, got.out.split("\n"))) < 1000


def _decode(path):
    """Do everything that decode can do; whatever is wrong is said in one line."""
    try:
        _all_of_it(path)
    except HwpkhoError as error:
        complaint = str(error)
    else:
        return
    assert "\n" not in complaint
    assert len(complaint) < 2000


def _all_of_it(path):
    case = read_case([str(path)], CaseOptions())
    jsondoc.dump(decode_json.SCHEMA, decode_json.body(case.handovers))
    decode_text.report(case.handovers)
    if case.source:
        for _ in annotate.lines(case.handovers, case.source):
            pass
        case.source.close()


#: (offset, bytes) to overwrite; offsets count from interesting places, see _mutated().
PATCHES = st.lists(
    st.tuples(
        st.integers(0, 1 << 20),
        st.one_of(
            st.binary(min_size=1, max_size=8),
            st.integers(0, (1 << 64) - 1).map(lambda n: struct.pack("<Q", n)),
            st.sampled_from([0, 1, 2**16 - 1, 2**31, 2**32 - 1, 2**63]).map(
                lambda n: struct.pack(">I", n & 0xFFFFFFFF)
            ),
        ),
    ),
    min_size=1,
    max_size=8,
)
NAMES = ["x86-structv1-small", "arm64-4k-A", "x86-fdtv1-small", "x86-structv1-small-post"]


def _targets(name):
    """Return file offsets of the structures of a capture: most of an image matters to nobody."""
    image = captures.elf(name)
    places = [range(64), range(64, 400)]
    phoff, phnum = struct.unpack_from("<Q", image, 32)[0], struct.unpack_from("<H", image, 56)[0]
    loads = [struct.unpack_from("<IIQQQQQQ", image, phoff + 56 * i) for i in range(phnum)]

    def file_range(phys, size):
        at = next(
            (p[2] + phys - p[4] for p in loads if p[0] == 1 and p[4] <= phys < p[4] + p[5]), None
        )
        if at is not None:
            places.append(range(at, at + size))

    for h in captures.truth(name)["handovers"]:
        file_range(h["root_phys"], 360)
        file_range(h["memory_map"], 64)
        for s in h.get("subtrees", ()):
            file_range(s["phys"], min(s["size"], 128))
        for chunk in h.get("chunks", ()):
            file_range(chunk, 64)
    return places


@given(st.sampled_from(NAMES), PATCHES, st.integers(0, 1 << 20))
def test_mutated_captures(tmp_path_factory, name, patches, choice):
    image = bytearray(captures.elf(name))
    places = _targets(name)
    for number, (offset, data) in enumerate(patches):
        place = places[(choice + number) % len(places)]
        at = place[offset % len(place)]
        image[at : at + len(data)] = data
    path = tmp_path_factory.getbasetemp() / f"mutated-{os.getpid()}"
    path.write_bytes(image)
    _decode(path)


@given(st.sampled_from(NAMES), st.floats(0, 1))
def test_truncated_captures(tmp_path_factory, name, part):
    image = captures.elf(name)
    path = tmp_path_factory.getbasetemp() / f"cut-{os.getpid()}"
    path.write_bytes(image[: int(len(image) * part)])
    _decode(path)


@given(
    st.binary(max_size=300), st.sampled_from([b"", b"\x7fELF", b"\xd0\x0d\xfe\xed", b"\1\0\0\0"])
)
def test_random_files(tmp_path_factory, data, magic):
    path = tmp_path_factory.getbasetemp() / f"random-{os.getpid()}"
    path.write_bytes(magic + data)
    _decode(path)


#: 16 Mi PFNs in ten bytes.
BOMB = "0-0xfffffe"
RANGES = json.dumps({"schema": "hwpkho.list/1", "page_size": 4096, "pfns": [[0, 0xFFFFFE]]})


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (["validate", "bomb", "--json"], 0),
        (["validate", "json", "--memmap", "iomem"], 1),
        (["diff", "bomb", "json"], 0),
        (["diff", "bomb", "empty", "bomb"], 1),
        (["diff", "bomb", "empty", "--plain", "--memmap", "iomem"], 1),
        (["merge", "bomb", "json", "--provenance"], 0),
        (["merge", "bomb", "json", *["other"] * 9, "--provenance", "--exclude", "odd"], 0),
        (["merge", "bomb", "--memmap", "iomem", "--provenance", "--first-seen"], 0),
        (["merge", "bomb", "json", "--intersect", "--exclude", "bomb"], 0),
        (["merge", "bomb", "--to-page-size", "65536", "--exclude", "bomb"], 3),
        (["merge", "bomb", "high"], 3),
        (["validate", "too-long"], 3),
        (["encode", "many", "--to", "list", "-o", "out"], 0),
        (["encode", "many", "--at", "0x200000000", "--no-scratch", "-o", "out"], 0),
        (["encode", "many", "--to", "blob", "--ram", "0:4T", "--no-scratch", "-o", "out"], 0),
        (["encode", "many", "--to", "segments", "--ram", "0:4T", "--no-scratch", "-o", "out"], 0),
        (["merge", "many", "--json"], 0),
        (["diff", "many", "empty", "--json"], 1),
    ],
)
def test_ranges_stay_ranges(args, code, tmp_path):
    """A range costs what a range does; the array that encode makes of it takes 8 bytes a PFN."""
    files = {
        "bomb": BOMB,
        "json": RANGES,
        "empty": "# none\n",
        "high": "0x1000000-0x1000001",
        "many": "0-0xfffff",
        "odd": " ".join(f"{i}-{i + 5}" for i in range(0, 9000, 9)),
        "other": "0x900000-0xffffff, 5-0x2aaaaa # c\n0x10",
        "too-long": "0-0xffffffffffffffff",
        "iomem": "00001000-0009ffff : System RAM\n00100000-1fffffff : System RAM\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    named = [str(tmp_path / a) if a in files or a == "out" else a for a in args]
    cost = measure.hwpkho(named, tmp_path)
    assert cost.code == code, cost.err
    assert cost.peak < 60 << 20
    assert cost.cpu < 5
    if code == 3:
        assert cost.err.count(b"\n") == 1
