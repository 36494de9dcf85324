"""Zero page, e820 entries, setup_data, EFI descriptors: real ones, then bent ones."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.errors import InputError
from hwpkho.memmap import read_memmap
from hwpkho.memmap.formats.e820_entries import E820Entries
from hwpkho.memmap.formats.efi_descriptors import EfiDescriptors
from hwpkho.memmap.formats.setup_data_e820 import SetupDataE820
from hwpkho.memmap.formats.zero_page import ZeroPage
from tests.support.mapdata import FIXTURES, GIB, TRUTH, e820, efi, read, rows

FORMS = (ZeroPage(), SetupDataE820(), EfiDescriptors(), E820Entries())

REAL = {
    "boot_params-b73.bin": ("zero-page", "zero_page"),
    "boot_params-e61.bin": ("zero-page", "zero_page"),
    "e820-entries-e61.bin": ("e820-entries", "e820_entries"),
    "fw_cfg-etc-e820-b73.bin": ("e820-entries", "e820_entries"),
    "efi-memory-map-e73-stride48.bin": ("efi-descriptors", "efi"),
    "efi-memory-map-a61e-stride40.bin": ("efi-descriptors", "efi"),
    "e61nd-efi-memory-map.bin": ("efi-descriptors", "efi"),
}
SMALL = e820((0, 0x9FC00, 1), (0xF0000, 0x10000, 2), (0x100000, GIB, 1))


@pytest.mark.parametrize("name", REAL)
def test_real_maps_are_read_by_the_one_form_they_are(name: str) -> None:
    data = (FIXTURES / name).read_bytes()
    assert [f.name for f in FORMS if f.sniff(Path(name), data)] == [REAL[name][0]]
    form = next(f for f in FORMS if f.name == REAL[name][0])
    (found,) = read(form, data)
    assert found.name == REAL[name][1]
    assert rows(found.entries) == TRUTH["entries"][name]
    assert not found.problems


def test_the_same_table_in_zero_page_and_alone() -> None:
    page = (FIXTURES / "boot_params-e61.bin").read_bytes()
    alone = (FIXTURES / "e820-entries-e61.bin").read_bytes()
    assert read(ZeroPage(), page)[0].entries == read(E820Entries(), alone)[0].entries


@pytest.mark.parametrize("stride", [40, 48, 56, 64, 80, 256])
@pytest.mark.parametrize("name", ["efi-memory-map-e73-stride48.bin", "e61nd-efi-memory-map.bin"])
def test_any_stride(name: str, stride: int) -> None:
    data = (FIXTURES / name).read_bytes()
    bent = b"".join(data[i : i + 40].ljust(stride, b"\xa5") for i in range(0, len(data), 48))
    (found,) = read(EfiDescriptors(), bent)
    assert rows(found.entries) == TRUTH["entries"][name]
    assert not any(f.sniff(Path(name), bent) for f in FORMS if f.name != "efi-descriptors")


@pytest.mark.parametrize("count", range(1, 31))
def test_few_descriptors_of_either_stride(count: int, subtests: pytest.Subtests) -> None:
    for name, stride in (
        ("efi-memory-map-e73-stride48.bin", 48),
        ("efi-memory-map-a61e-stride40.bin", 40),
    ):
        with subtests.test(name):
            data = (FIXTURES / name).read_bytes()[: count * stride]
            (found,) = read(EfiDescriptors(), data)
            assert rows(found.entries) == TRUTH["entries"][name][:count]


def test_stride_that_nothing_tells_is_refused() -> None:
    # 240 bytes: 6 descriptors of 40 bytes or 5 of 48. In each 8-byte word a value that fits both
    # of its roles: type, physical, virtual, pages, attribute, anything.
    fits = {
        "t": {8, 0, 1},
        "p": {0x1000, 0},
        "v": {0x1000, 0},
        "n": {8, 0x1000, 1},
        "a": {8, 0x1000},
        "?": {8, 0x1000, 0, 1},
    }
    words = [
        min(fits["tpvna"[i % 5]] & fits["tpvna?"[i % 6]] or {0}, key=lambda v: v != 8)
        for i in range(30)
    ]
    with pytest.raises(InputError, match="could be 40 or 48 bytes long"):
        read(EfiDescriptors(), struct.pack("<30Q", *words))


def test_ragged_entries() -> None:
    data = (FIXTURES / "NEG-e820-entries-ragged.bin").read_bytes()
    with pytest.raises(InputError, match=r"107 bytes are not a multiple of 20.*0x64"):
        read(E820Entries(), data)


def test_ragged_descriptors() -> None:
    data = (FIXTURES / "efi-memory-map-e73-stride48.bin").read_bytes()
    with pytest.raises(InputError, match="cut off or damaged"):
        read(EfiDescriptors(), data[:-20])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(40),
        bytes(48),
        bytes(4096),
        bytes(20),
        b"text of forty characters, no memory map!",
        b"\xff" * 480,
        bytes(range(240)),
        b"BIOS-e820: [mem 0x0-0x1] usable\n" * 5,
    ],
)
def test_what_is_no_map_is_not_recognised(data: bytes) -> None:
    assert not [f.name for f in FORMS if f.sniff(Path("x"), data)]


def test_zero_page_count() -> None:
    page = bytearray((FIXTURES / "boot_params-b73.bin").read_bytes())
    page[0x1E8] = 129
    with pytest.raises(InputError, match="129 e820 entries"):
        read(ZeroPage(), bytes(page))
    page[0x1E8] = 0
    with pytest.raises(InputError, match="no e820 entries"):
        read(ZeroPage(), bytes(page))


def test_zero_page_without_signature_is_told_by_its_table() -> None:
    page = bytearray(4096)
    page[0x1E8] = 3
    page[0x2D0 : 0x2D0 + 60] = SMALL
    assert len(read(ZeroPage(), bytes(page))[0].entries) == 3


def test_full_zero_page_holds_128_entries() -> None:
    page = bytearray(4096)
    page[0x202:0x206] = b"HdrS"
    page[0x1E8] = 128
    page[0x2D0 : 0x2D0 + 2560] = e820(*((i << 20, 1 << 20, 1 + i % 5) for i in range(128)))
    (found,) = read(ZeroPage(), bytes(page))
    assert [e.start >> 20 for e in found.entries] == list(range(128))
    assert {e.type for e in found.entries} == {
        "usable",
        "reserved",
        "acpi_data",
        "acpi_nvs",
        "unusable",
    }


def test_setup_data() -> None:
    node = struct.pack("<QII", 0x1234, 1, 60)
    (found,) = read(SetupDataE820(), node + SMALL)
    assert found.name == "e820_setup_data"
    assert [(e.start, e.type) for e in found.entries] == [
        (0, "usable"),
        (0xF0000, "reserved"),
        (0x100000, "usable"),
    ]
    padded = read(SetupDataE820(), node + SMALL + bytes(16))
    assert padded[0].entries == found.entries
    with pytest.raises(InputError, match="60 bytes of entries announced at offset 12, but 40"):
        read(SetupDataE820(), node + SMALL[:40])


def overflowing(tmp_path: Path) -> tuple[Path, Path]:
    """A zero page that is full, and the node with what did not fit into it."""
    page = bytearray(4096)
    page[0x202:0x206], page[0x1E8] = b"HdrS", 128
    everything = [(n << 20, 1 << 20, 1 + n % 2) for n in range(131)]
    page[0x2D0 : 0x2D0 + 128 * 20] = e820(*everything[:128])
    (tmp_path / "page").write_bytes(page)
    node = struct.pack("<QII", 0, 1, 60) + e820(*everything[128:])
    (tmp_path / "node").write_bytes(node)
    return tmp_path / "page", tmp_path / "node"


def test_setup_data_is_a_part_where_the_zero_page_is_not_given(tmp_path: Path) -> None:
    page, node = overflowing(tmp_path)
    assert [p.code for p in read_memmap([str(node)]).problems] == ["HP551"]
    assert not read_memmap([str(page), str(node)]).problems


@pytest.mark.parametrize("to", ["e820", "iomem"])
def test_what_did_not_fit_into_the_zero_page_is_written(
    to: str, tmp_path: Path, cli, subtests: pytest.Subtests
) -> None:
    page, node = overflowing(tmp_path)
    for paths in ((page, node), (node, page)):
        with subtests.test(paths[0].name):
            got = cli("memmap", "--to", to, *paths)
            assert (got.code, got.err) == (0, "")
            (tmp_path / "out").write_text(got.out)
            (map_,) = read_memmap([str(tmp_path / "out")]).maps
            assert [(e.start, e.end) for e in map_.entries] == [
                (n << 20, (n + 1 << 20) - 1) for n in range(131)
            ]


def test_tables_of_nothing_and_too_much() -> None:
    empty = e820((0, 0, 1), (0x1000, 0, 2))
    page = bytearray(4096)
    page[0x202:0x206] = b"HdrS"
    page[0x1E8] = 2
    page[0x2D0 : 0x2D0 + 40] = empty
    with pytest.raises(InputError, match="all 2 e820 entries have size 0"):
        read(ZeroPage(), bytes(page))
    one = e820((0, 4096, 1))
    with pytest.raises(InputError, match="4097 e820 entries; a kernel takes"):
        read(E820Entries(), one * 4097)
    with pytest.raises(InputError, match="4097 e820 entries are too many"):
        read(SetupDataE820(), struct.pack("<QII", 0, 1, 4097 * 20) + one * 4097)
    with pytest.raises(InputError, match="are not a memory map"):
        read(EfiDescriptors(), efi((7, 0, 1, 8)) * 90000)


def test_manufacturers_types() -> None:
    (found,) = read(E820Entries(), SMALL + e820((GIB * 2, 4096, 0xF0000001)))
    assert found.entries[-1].type == "type_4026531841"


def test_types_by_number() -> None:
    kinds = (1, 2, 3, 4, 5, 7, 12, 16, 20, 0xEFFFFFFF)
    (found,) = read(E820Entries(), e820(*((i << 20, 4096, k) for i, k in enumerate(kinds))))
    assert [e.type for e in found.entries] == [
        "usable",
        "reserved",
        "acpi_data",
        "acpi_nvs",
        "unusable",
        "pmem",
        "pram",
        "type_16",
        "type_20",
        "soft_reserved",
    ]


def test_entries_without_size_are_left_out_and_told() -> None:
    (found,) = read(E820Entries(), SMALL + e820((0x5000, 0, 2)))
    assert len(found.entries) == 3
    assert [p.code for p in found.problems] == ["HP550"]
    (efi_map,) = read(EfiDescriptors(), efi((7, 0x100000, 16, 15), (7, 0x200000, 0, 15)))
    assert [p.code for p in efi_map.problems] == ["HP550"]


def test_entry_past_the_end_of_the_address_space() -> None:
    page = bytearray((FIXTURES / "boot_params-b73.bin").read_bytes())
    struct.pack_into("<QQ", page, 0x2D0 + 20, (1 << 64) - 4096, 8192)
    with pytest.raises(InputError, match=r"entry 1 at offset 0x2e4.*past 2\^64"):
        read(ZeroPage(), bytes(page))
    struct.pack_into("<QQ", page, 0x2D0 + 20, (1 << 64) - 4096, 4096)
    assert read(ZeroPage(), bytes(page))[0].entries[1].end == (1 << 64) - 1


def test_oem_type_and_specific_purpose() -> None:
    (found,) = read(
        EfiDescriptors(),
        efi(
            (7, 0, 160, 15),
            (0x80000001, 0x100000, 1, 8),
            (7, GIB, 16, 0x4000F),
            (14, 2 * GIB, 1, 0x800F),
        ),
    )
    assert [(e.type, e.attributes["attr"]) for e in found.entries] == [
        ("conventional", 15),
        ("type_2147483649", 8),
        ("conventional", 0x4000F),
        ("persistent", 0x800F),
    ]


def one_line(error: InputError) -> None:
    assert str(error).isprintable()


def read_or_refused(data: bytes) -> None:
    for form in FORMS:
        if form.sniff(Path("x"), data):
            try:
                maps = form.read(Path("x"), memoryview(data))
            except InputError as error:
                one_line(error)
                continue
            assert all(0 <= e.start <= e.end < 1 << 64 for m in maps for e in m.entries)


@given(st.binary(max_size=512))
def test_any_bytes(data: bytes) -> None:
    read_or_refused(data)


@given(
    st.sampled_from(sorted(REAL)),
    st.lists(st.tuples(st.integers(0, 6000), st.integers(0, 255)), max_size=8),
    st.integers(0, 6000),
)
def test_bent_real_maps(name: str, changes: list[tuple[int, int]], cut: int) -> None:
    data = bytearray((FIXTURES / name).read_bytes())
    for at, value in changes:
        data[at % len(data)] = value
    read_or_refused(bytes(data))
    read_or_refused(bytes(data[:cut]))


@given(
    st.lists(
        st.tuples(
            st.integers(0, 1 << 40), st.integers(1, 1 << 40), st.sampled_from((1, 2, 3, 4, 5))
        ),
        min_size=2,
        max_size=100,
    )
)
def test_entries_come_back_in_order(table: list[tuple[int, int, int]]) -> None:
    data = e820((0, 4096, 1), *table)
    (found,) = E820Entries().read(Path("x"), memoryview(data))
    assert [(e.start, e.end + 1 - e.start) for e in found.entries[1:]] == [t[:2] for t in table]
