"""What the kernel's page flags say: page-types, crash's kmem -p, /proc/kpageflags."""

from __future__ import annotations

import os
import struct
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.badpages.registry import Asked, reader
from hwpkho.images.files import HeldBytes
from tests.support import neighbours
from tests.support.neighbours import said

_FOLDERS = ("page-types", "crash-kmem", "kpageflags")


@pytest.mark.parametrize(
    "truth", [t for f in _FOLDERS for t in neighbours.samples(f)], ids=lambda p: p.parent.name
)
def test_samples(truth, cli) -> None:
    neighbours.check(cli, truth, truth.parent.name)


_X = "___U_l_____________X________________________"
_CLEAN = _X.replace("X", "_")


@pytest.mark.parametrize(
    ("text", "listed"),
    [
        (f"offset\tlen\tflags\n10\t2\t{_X}\n20\t5\t{_CLEAN}\n", [[0x10, 0x11]]),
        (f"offset\tflags\n10\t{_X}\nff\t{_X}\n", [0x10, 0xFF]),
        (f"voffset\toffset\tlen\tflags\n7f00\t10\t2\t{_X}\n", [[0x10, 0x11]]),
        (f"voffset\tcgroup\toffset\tflags\n7f00\t@1\t10\t{_X}\n", [0x10]),
        (f"Jan 1 pt[1]: voffset\toffset\tflags\nJan 1 pt[1]: 7f00\t10\t{_X}\n", [0x10]),
        (f"10\t2\t{_X}\n", [[0x10, 0x11]]),
        (f"10:00:00 offset\tlen\tflags\n10:00:01 10\t2\t{_X}\n", [[0x10, 0x11]]),
        (f"offset\tlen\tflags\n20\t5\t{_CLEAN}\n", []),
        ("             flags\tpage-count       MB\n0x0000000000000400\t 4 0 ____\treserved\n", []),
    ],
)
def test_page_types(text, listed, tmp_path, cli) -> None:
    got = said(cli, tmp_path, text, "--from", "page-types")
    assert got.code == 0, got.err
    assert got.json["pfns"] == listed
    if "flags" in text:  # its heading shows what it is
        assert said(cli, tmp_path, text).json["form"] == "page-types"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"offset\tlen\tflags\n10\t{_X}\n", "columns are not those"),
        (f"ts 1 offset\tlen\tflags\nts 2 10\t{_X}\n", "columns are not those"),
        (f"offset\tlen\tflags\nffffffffffffffff\t2\t{_X}\n", "are not a range"),
        (f"offset\tlen\tflags\n10\t0\t{_X}\n", "are not a range"),
        ("offset\tlen\tflags\n10\t2\t___\n", "the line is cut"),
        ("0x0000000000080000\t 4 0 ____X\thwpoison\n", "counts 4 pages, 0 are listed"),
        ("hello\n", "no line of page-types"),
    ],
)
def test_page_types_refused(text, says, tmp_path, cli) -> None:
    got = said(cli, tmp_path, text, "--from", "page-types")
    assert got.code == 3
    assert says in got.err


_KMEM = """crash> kmem -p | grep hwpoison
ffffea0000001e40      79000                0        0  1 fffff00800000 hwpoison
ffffea0000001ec0      7b000                0        0  1 fffff00800020 lru,hwpoison
ffffea0000001f00      7c000                0        0  1 fffff00800020 has_hwpoisoned
"""
_ROW = "ffffea0000001f00      7c000                0        0  1 fffff00800020 "


@pytest.mark.parametrize(
    ("text", "code", "listed", "says"),
    [
        (_KMEM, 0, [0x79, 0x7B], ""),
        ("PAGE        PHYSICAL      MAPPING       INDEX CNT FLAGS\n", 0, [], ""),
        ("PAGE        flags\nffffea0000001e40 800000 hwpoison\n", 3, None, "no column PHYSICAL"),
        ("7b000 hwpoison\n", 3, None, "without an address"),
        ("nothing\n", 3, None, "no line of kmem -p"),
        (_KMEM + f"{_ROW}lru,hwpoison", 0, [0x79, [0x7B, 0x7C]], ""),
        (_KMEM + f"{_ROW}lru,hwpo", 0, [0x79, 0x7B], "last line: the text ends within this row"),
        (_KMEM + _ROW[:-5], 0, [0x79, 0x7B], "hwpoison may be cut off"),
        (_KMEM + f"{_ROW}lru", 0, [0x79, 0x7B], "hwpoison may be cut off"),
        (_KMEM + _ROW[:24], 0, [0x79, 0x7B], "flags are cut off"),
        (_KMEM + _ROW[:7], 0, [0x79, 0x7B], "flags are cut off"),
        (_KMEM + "crash> quit", 0, [0x79, 0x7B], ""),
        (_KMEM.split("\n")[0] + "\nkmem: invalid structure member offset: page_flags\n", 3, None,
         "kmem failed: invalid structure member offset: page_flags"),
        (_KMEM + "kmem: seek error: kernel virtual address: 0\n", 0, [0x79, 0x7B], "kmem failed"),
    ],
)  # fmt: skip
def test_crash(text, code, listed, says, tmp_path, cli) -> None:
    got = said(cli, tmp_path, text, "--from", "crash-kmem")
    assert got.code == code, got.err
    assert says in got.err
    assert bool(says) == bool(got.err)
    if listed is not None:
        assert got.json["pfns"] == listed
        assert {e["kind"] for e in got.json["entries"]} <= {"poisoned"}


@given(st.lists(st.integers(0, (1 << 56) - 1) | st.just(1 << 19), max_size=64))
def test_words_of_page_flags(words) -> None:
    data = memoryview(struct.pack(f"={len(words)}Q", *words))
    found = reader("kpageflags").read(HeldBytes("x", data), Asked())
    assert list(found.pfns) == [n for n, word in enumerate(words) if word >> 19 & 1]


def test_a_sparse_copy(tmp_path, cli) -> None:
    path = tmp_path / "kpageflags"
    with path.open("wb") as file:
        for pfn in (1, (1 << 17) - 1, 1 << 17, 1 << 32):  # the second and third: over a block's end
            file.seek(pfn * 8)
            file.write(struct.pack("=Q", 1 << 19))
    got = cli("list", "--json", "--from", "kpageflags", path)
    assert got.json["pfns"] == [1, [(1 << 17) - 1, 1 << 17], 1 << 32]
    assert got.json["entries"][0]["where"] == "offset 0x8"
    with path.open("ab") as file:
        file.write(b"\0")
    got = cli("list", "--from", "kpageflags", path)
    assert (got.code, "cut off, or not page flags" in got.err) == (3, True)


def test_a_pagemap_is_no_page_flags(tmp_path, cli) -> None:
    got = said(cli, tmp_path, array("Q", [1 << 63 | 1 << 19] * 4).tobytes(), "--from", "kpageflags")
    assert "no kernel has in page flags" in got.err


@pytest.mark.skipif(
    not os.access("/proc/kpageflags", os.R_OK), reason="page flags are only for root"
)
@pytest.mark.slow  # eight bytes for each page of the machine
def test_of_the_running_kernel(cli) -> None:
    got = cli("list", "--json", "--from", "kpageflags", "/proc/kpageflags")
    assert got.code == 0, got.err
