"""GRUB's badram and cutmem."""

from __future__ import annotations

import pytest

from tests.support import neighbours
from tests.support.neighbours import pages, said


@pytest.mark.parametrize("truth", neighbours.samples("grub-badram"), ids=lambda p: p.name)
def test_samples(truth, cli) -> None:
    neighbours.check(cli, truth, "badram")


@pytest.mark.parametrize("truth", neighbours.samples("memmap-cmdline"), ids=lambda p: p.name)
def test_samples_of_memmap(truth, cli) -> None:
    neighbours.check(cli, truth, "memmap")


@pytest.mark.parametrize(
    ("text", "listed"),
    [
        ("badram 1000,fffffffffffff000", [1]),
        ('badram "0x1000,0xfffffffffffff000" ; boot', [1]),
        ("grub> badram 0x1000,0xfffffffffffffc00", [1]),
        ("export GRUB_BADRAM=0x1000,0xfffffffffffff000", [1]),
        ("GRUB_BADRAM='0x1000,0xfffffffffffff000'\nGRUB_BADRAM=\"0x2000,0xfffffffffffff000\"", [2]),
        ('#GRUB_BADRAM="0x01234567,0xfefefefe,0x89abcdef,0xefefefef"\n', []),
        ('GRUB_BADRAM=""\n', []),
        ("linux /vmlinuz ro badram=0x1000,0xfffffffffffff000 quiet", [1]),
        ("badram 1000,fffffffffffff000\ncutmem 0x5000 24K\nlinux memmap=4K$0x9000", [1, 5, 9]),
        ("cutmem 0x5001 0x6001", [5, 6]),
        ("cutmem 010000 8193", [1, 2]),
        ("cutmem 1T 1025G", [(1 << 28) + n for n in range(1 << 18)]),
        ("# cutmem 0x5000 0x6000", []),
        ("/etc/default/grub:7:GRUB_BADRAM=0x1000,0xfffffffffffff000\n", [1]),
        (("8:# GRUB_BADRAM=0x1000,0xfffffffffffff000\n9:GRUB_CMDLINE_LINUX='memmap=4K$0x1000'\n"
         "/etc/x:GRUB_CMDLINE_LINUX='memmap=4K$0x2000'\n"), [2]),
        ("<cmdline>ro memmap=4K$0x9000</cmdline>", [9]),
        ("/vmlinuz root=x:# memmap=4K$0x9000\n", [9]),
    ],
)  # fmt: skip
def test_settings(text, listed, tmp_path, cli) -> None:
    got = said(cli, tmp_path, text)
    assert got.code == 0, got.err
    assert pages(got.json["pfns"]) == set(listed)
    assert {e["kind"] for e in got.json["entries"]} <= {"excluded"}


@pytest.mark.parametrize(
    ("text", "codes"),
    [("ro memmap=4K$0x9000", ["HP612"]), ("memmap=4K$0x9000 ro", []), ("memmap=4K$0x9000\n", []),
     ("badram 0x9000,0xfffffffffffff000", ["HP612"]), ("cutmem 0x5000 0x6000", ["HP612"]),
     ('GRUB_BADRAM="0x9000,0xfffffffffffff000"', []),
     ('GRUB_BADRAM="0x9000,0xfffffffffffff', ["HP612"])],
)  # fmt: skip
def test_a_number_at_the_end_may_be_cut_off(text, codes, tmp_path, cli) -> None:
    assert [p["code"] for p in said(cli, tmp_path, text).json["problems"]] == codes


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("badram 0x1000,0xfffffffffffff000,0x2000", "3 numbers, the last address has no mask"),
        ("badram 0x1000,0x10000000000000000", "'0x10000000000000000' is not a hex number"),
        ("badram 0x1000, 0xfffffffffffff000", "one argument"),
        ("badram 0x1000,0", "fits every address"),
        ("badram 0x1000,0x400", "a part of every page"),
        ("badram 0x1000,0x1000", "19 zero bits"),
        ("badram 0x1000,0x8000000000001000", "50 zero bits"),
        ("GRUB_BADRAM=x\x07y,0xfffff000", "\\x07"),
        ("GRUB_BADRAM=0x1,$MASK", "a variable"),
        ('{"line": "GRUB_BADRAM=\\"0x1000,0xfffffffffffff000\\""}\n', "behind something else"),
        ("cutmem 0x5000 0x5000", "is not above"),
        ("cutmem 4k 8k", "'4k' is not an address"),
        ("cutmem 0x5000", "two arguments"),
        ("cutmem 0x5000 16777217T", "is not an address"),
        ("cutmem 099 200", "'099' is not an address"),
        ("ro memmap=4Kx9000", "memmap=4Kx9000 has no $ behind its size"),
        ("ro memmap=4K/bin/bashx9000", "has no $ behind its size"),
    ],
)
def test_what_is_refused(text, says, tmp_path, cli) -> None:
    got = said(cli, tmp_path, text)
    assert got.code == 3
    assert says in got.err


@pytest.mark.parametrize("item", ["memmap=8K$0x2000", "3D8K$0x2000"])
def test_an_item_that_reserves_nothing_is_said(item, tmp_path, cli) -> None:
    got = said(cli, tmp_path, f"quiet memmap=4K$0x1000,{item},exactmap,4K$0x9000,1G\n")
    assert (got.code, got.json["pfns"]) == (0, [1, 9])
    (p,) = got.json["problems"]
    assert (p["severity"], p["where"]) == ("warning", "line 1")
    assert f"memmap={item}" in p["message"]


def test_a_short_mask_is_said(tmp_path, cli) -> None:
    got = said(cli, tmp_path, "badram 0x274a9e000,0xfffff000\n")
    assert got.json["pfns"] == [0x74A9E]
    assert [p["code"] for p in got.json["problems"]] == ["HP619"]
    assert "below 4 GiB" in got.json["problems"][0]["message"]
    got = said(cli, tmp_path, "badram 0x274a9e000,0xfffffffff000\n")
    assert got.json["pfns"] == [0x274A9E]
    assert "below 256 TiB" in got.json["problems"][0]["message"]


@pytest.mark.parametrize(
    # Of the slow one each pattern stands for 65 536 ranges, which are read in columns.
    "mask",
    ["0x1e400", pytest.param("0xffffffffe0001000", marks=pytest.mark.slow)],
)
def test_patterns_of_many_ranges_are_bounded_together(mask, tmp_path, cli) -> None:
    text = "".join(f"badram 0x{i:x}000,{mask}\n" for i in range(370))
    got = said(cli, tmp_path, text)
    assert (got.code, got.out) == (3, "")
    assert "more than 262144 ranges" in got.err
