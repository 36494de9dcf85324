"""What a request for a handover may ask for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.abi.kexec_metadata import KexecMetadata
from hwpkho.base.listing import Listing, of_runs
from hwpkho.encode.builder import build
from hwpkho.encode.request import Request
from hwpkho.errors import UsageError

ONE = Listing([1])


PHYS_LIMIT = 1 << 52


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"page_size": 16384}, "x86_64 has pages of 4096"),
        ({"kho": 1, "revision": "struct-v1"}, "struct-v1 cannot go with kho-v1"),
        ({"kho": 1, "metadata": KexecMetadata("x", 1)}, "kexec-metadata cannot go"),
        ({"order": 11}, "order 11"),
        ({"flags": 1 << 16}, "16 bits"),
        ({"capacity": 0}, "capacity 0"),
        ({"capacity": (1 << 27) + 1}, "capacity"),
        ({"pfns": Listing(range(600)), "capacity": 512}, "600 PFNs do not fit"),
        ({"at": None}, "no place for the handover"),
        ({"at": 0x6000_0800}, "not the address of a page"),
        ({"at": 0}, "not the address of a page"),
        ({"at": PHYS_LIMIT}, "below 2^52"),
        ({"at": 0x1000}, "first 1 MiB"),
        ({"at": PHYS_LIMIT - 4096}, "no room"),
        ({"ram": ((0x6000_0000, 0),)}, "empty"),
        ({"ram": ((PHYS_LIMIT, 4096),)}, "past 2^52"),
        ({"ram": ((0x7000_0000, 1 << 20),)}, "outside the RAM"),
        ({"at": None, "ram": ((0x6000_0000, 0x8000),)}, "no room"),
        ({"at": None, "ram": ((0x6000_0800, 0x800),)}, "no room: the 0 B"),
        ({"at": None, "ram": ((0, 1 << 20),)}, "no room"),
        ({"scratch": ((0x5000_0000, 0),)}, "not a whole number of pages"),
        ({"scratch": ((0x5000_0800, 4096),)}, "not a whole number of pages"),
        ({"scratch": ((PHYS_LIMIT - 4096, 8192),)}, "past 2^52"),
        ({"scratch": ((0, 8192), (4096, 4096))}, "overlaps"),
        ({"subtrees": (("a/b", b"x"),)}, "not a valid name of a device-tree node"),
        ({"subtrees": (("a\x1b", b"x"),)}, "'a\\x1b'"),
        ({"subtrees": (("hwpoison@0", b"x"),)}, "of that name exists already"),
        ({"subtrees": (("a", b"x"), ("a", b"y"))}, "of that name exists already"),
        (
            {"subtrees": (("kexec-metadata", b"x"),), "metadata": KexecMetadata("x", 1)},
            "of that name exists already",
        ),
        ({"subtrees": (("a", b""),)}, "0 bytes"),
        ({"subtrees": (("a", bytes((16 << 20) + 1)),)}, "16777217 bytes"),
        ({"kho": 1, "subtrees": (("a", b"struct"),)}, "takes FDTs only"),
        ({"subtrees": tuple((f"n{i}", b"x") for i in range(100))}, "one page of root FDT"),
    ],
)
def test_what_a_request_may_not_ask(changes, words):
    request = Request(**{"pfns": ONE, "at": 0x6000_0000, **changes})
    with pytest.raises(UsageError) as raised:
        build(request)
    assert words in str(raised.value)


@pytest.mark.parametrize(("size", "arch"), [(4096, "x86_64"), (65536, "arm64")])
def test_pfns_beyond_every_address_are_kept_and_told(size, arch):
    last = PHYS_LIMIT // size - 1
    assert Request(Listing([last]), size, arch).beyond() is None
    request = Request(Listing([last, last + 1, 2**64 - 1]), size, arch, at=0x6000_0000)
    assert request.beyond() == 1
    assert build(request).blob.count == 3


@given(
    runs=st.lists(st.tuples(st.integers(0, PHYS_LIMIT // 2048), st.integers(0, 3)), max_size=6),
    size=st.sampled_from([4096, 65536]),
)
def test_the_first_entry_beyond_every_address_is_found_in_ranges(runs, size):
    listing = of_runs((first, first + more) for first, more in runs)
    request = Request(listing, size, "x86_64" if size == 4096 else "arm64", at=0x6000_0000)
    beyond = [at for at, pfn in enumerate(listing) if pfn >= PHYS_LIMIT // size]
    assert request.beyond() == (beyond[0] if beyond else None)
