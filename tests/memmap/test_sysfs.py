"""/sys/firmware/memmap as folder, archive and grep output; efi/runtime-map, which looks alike."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import tarfile
import tempfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.base import kept, opening, places
from hwpkho.errors import InputError
from hwpkho.memmap import gaps, read_memmap
from hwpkho.memmap.formats.sysfs_grep import SysfsGrep
from hwpkho.memmap.formats.sysfs_memmap import SysfsMemmap
from hwpkho.memmap.formats.sysfs_tar import SysfsTar
from tests.support import certain
from tests.support.examples import much
from tests.support.mapdata import FIXTURES, TRUTH, rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hwpkho.memmap.model import MemoryMap
    from hwpkho.memmap.table import Table

ENTRY = {"start": b"0x100000\n", "end": b"0x1fffff\n", "type": b"System RAM\n"}


def unpack(name: str, to: Path) -> Path:
    with tarfile.open(FIXTURES / f"{name}.tar.gz") as archive:
        # The archives are ours; Python before 3.11.4 has no filters.
        safely: Any = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        archive.extractall(to, **safely)
    return to / name


def folder(path: Path) -> list[Table]:
    assert SysfsMemmap().sniff(path, b"")
    return list(SysfsMemmap().read(path, memoryview(b"")))


def packed(data: bytes) -> list[Table]:
    """Return the maps in an archive."""
    with tempfile.TemporaryDirectory() as folder, kept.for_call():
        path = Path(folder) / "input"
        path.write_bytes(data)
        opening.enter(str(path))
        top = places.top(path, lambda at: SysfsTar().sniff(at, b""))
        assert SysfsTar().sniff(top, b"")
        return list(SysfsTar().read(top, memoryview(b"")))


def memmap_of(path: Path) -> MemoryMap:
    """Read an input as a command does, for which archives are folders."""
    with kept.for_call():
        return read_memmap([str(path)])


def grep(lines: Iterable[str]) -> list[Table]:
    form = SysfsGrep()
    for number, line in enumerate(lines, 1):
        if any(re.search(needle, line.encode()) for needle in form.needles):
            form.feed(number, line)
    return list(form.finish())


def archive(members: Iterable[tuple[str | tarfile.TarInfo, bytes]]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for member, data in members:
            info = tarfile.TarInfo(member) if isinstance(member, str) else member
            if info.isreg():
                info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def tree(prefix: str, values: Mapping[str, bytes] = ENTRY) -> list[tuple[str, bytes]]:
    return [(f"{prefix}/{name}", value) for name, value in values.items()]


# Real ones


@pytest.fixture(scope="module")
def firmware(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder like /sys/firmware."""
    top = tmp_path_factory.mktemp("firmware")
    unpack("qemu-6.1-ovmf", top).rename(top / "memmap")
    (top / "efi").mkdir()
    unpack("efi-runtime-map-e73", top).rename(top / "efi" / "runtime-map")
    return top


@pytest.mark.parametrize(
    ("name", "place"),
    [("qemu-6.1-ovmf", "memmap"), ("efi-runtime-map-e73", "efi/runtime-map")],
)
def test_folder_and_archive_say_what_is_known(
    name: str, place: str, firmware: Path, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    (found,) = folder(firmware / place)
    assert found.name == ("efi_runtime" if "runtime" in name else "sysfs_memmap")
    assert rows(found.entries) == TRUTH["entries"][name]
    packed = (FIXTURES / f"{name}.tar.gz").read_bytes()
    plain = gzip.decompress(packed)
    ways = {
        "gzip": packed,
        "none": plain,
        "bzip2": bz2.compress(plain),
        "xz": lzma.compress(plain),
        "gzip and zeros": packed + bytes(512),
    }
    for way, data in list(ways.items())[: much(2, 5)]:
        with subtests.test(way):
            (tmp_path / "archive").write_bytes(data)
            again = memmap_of(tmp_path / "archive")
            (map_,) = again.maps
            assert (again.form, map_.entries) == ("sysfs-memmap-tar", tuple(found.entries))


def test_grep_output(subtests: pytest.Subtests) -> None:
    lines = (FIXTURES / "qemu-7.3-ovmf-grep.txt").read_text().splitlines()
    (found,) = grep(lines)
    assert rows(found.entries) == TRUTH["entries"]["qemu-7.3-ovmf-grep.txt"]
    assert found.line == 1
    for prefix in ("", "./", "host:/copy/", "/mnt/my.copy/memmap/"):
        with subtests.test(repr(prefix)):
            moved = [line.replace("/sys/firmware/memmap/", prefix) for line in reversed(lines)]
            assert grep(["$ grep -r .", *moved])[0].entries == found.entries


def test_folder_above_and_both_maps(firmware: Path) -> None:
    assert [m.name for m in folder(firmware)] == ["sysfs_memmap", "efi_runtime"]


# Values


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("System RAM", "usable"), ("Reserved", "reserved"), ("reserved", "reserved"),
        ("ACPI Tables", "acpi_data"), ("ACPI Non-volatile Storage", "acpi_nvs"),
        ("Unusable memory", "unusable"), ("Persistent Memory", "pmem"),
        ("Persistent Memory (legacy)", "pram"), ("Soft Reserved", "soft_reserved"),
        ("Unknown E820 type", "unknown"),
    ],
)  # fmt: skip
def test_types(text: str, kind: str) -> None:
    (found,) = packed(archive(tree("memmap/0", {**ENTRY, "type": text.encode()})))
    assert [e.type for e in found.entries] == [kind]
    assert not found.problems


def test_type_that_no_kernel_prints() -> None:
    (found,) = packed(archive(tree("0", {**ENTRY, "type": b"\x1b[2JSystem RAM"})))
    assert found.entries[0].type == "unknown"
    assert found.entries[0].attributes == {"name": "\\x1b[2JSystem RAM"}
    assert [p.code for p in found.problems] == ["HP565"]


def test_values_padded_as_tar_pads_sysfs_files() -> None:
    padded = {name: value.ljust(4096, b"\0") for name, value in ENTRY.items()}
    (found,) = packed(archive(tree("0", padded)))
    assert [(e.start, e.end, e.type) for e in found.entries] == [(0x100000, 0x1FFFFF, "usable")]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"start": b""}, "0/start: an empty value is not a hexadecimal"),
        ({"start": b"100000"}, "0/start: '100000' is not a hexadecimal"),
        ({"end": b"0x10000000000000000"}, "0/end: '0x10000000000000000' is no"),
        ({"end": b"0x0"}, "end 0x0 is before 0x100000"),
        ({"end": None}, "0: no end: the copy is not complete"),
        ({"type": None}, "0: no type"),
    ],
)
def test_damaged_values(
    change: Mapping[str, bytes | None], what: str, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    """Where nothing else is left the input is refused."""
    values = {n: v for n, v in {**ENTRY, **change}.items() if v is not None}
    (tmp_path / "tar").write_bytes(archive(tree("0", values)))
    (tmp_path / "folder" / "0").mkdir(parents=True)
    for name, value in values.items():
        (tmp_path / "folder" / "0" / name).write_bytes(value)
    lines = (f"/sys/firmware/memmap/0/{n}:{v.decode()}" for n, v in values.items())
    (tmp_path / "grep").write_text("\n".join(lines))
    for form in ("tar", "folder", "grep"):
        with subtests.test(form), pytest.raises(InputError, match=what):
            memmap_of(tmp_path / form)


def test_two_kinds_of_values_in_one_entry() -> None:
    with pytest.raises(InputError, match="two kinds of entries"):
        packed(archive(tree("0", {**ENTRY, "num_pages": b"0x1"})))


@pytest.mark.parametrize("field", sorted(ENTRY))
@pytest.mark.parametrize("value", [None, b"", b"1OO000", b"0x10000000000000000"])
@pytest.mark.parametrize("number", [0, 1, 2])
def test_an_entry_in_part_is_a_gap(
    field: str, value: bytes | None, number: int, tmp_path: Path
) -> None:
    """Of three entries one lacks a value, or has a damaged one: the others are judged."""
    if field == "type" and value is not None:
        return  # any word may be a type
    whole = [(0, 0xFFFFF), (0x100000, 0x1FFFFF), (0x300000, 0x3FFFFF)]
    members: list[tuple[str, bytes]] = []
    for n, (start, end) in enumerate(whole):
        values = {"start": b"%#x\n" % start, "end": b"%#x\n" % end, "type": b"System RAM\n"}
        if n == number and value is None:
            del values[field]
        elif n == number and value is not None:
            values[field] = value
        members += tree(str(n), values)
    path = tmp_path / "tar"
    path.write_bytes(archive(members))
    memmap = memmap_of(path)
    (map_,) = memmap.maps
    rest = [e for i, e in enumerate(whole) if i != number]
    assert [(e.start, e.end) for e in map_.entries] == rest
    place = [(0, 0xFFFFF), (0x100000, 0x2FFFFF), (0x200000, gaps.TOP)][number]
    assert [(g.start, g.end, g.problem.code) for g in map_.gaps] == [(*place, "HP532")]


@pytest.mark.parametrize("gone", [{0}, {1}, {0, 1}, {1, 2}, {0, 2}])
def test_missing_numbers_are_gaps(gone: set[int], tmp_path: Path) -> None:
    whole = {n: (n << 20, (n << 20) + 0xFFFFF) for n in range(4)}
    lines = [
        f"/sys/firmware/memmap/{n}/{field}:{value}\n"
        for n, (start, end) in whole.items()
        for field, value in (("end", hex(end)), ("start", hex(start)), ("type", "System RAM"))
        if n not in gone
    ]
    path = tmp_path / "grep"
    path.write_text("".join(lines))
    (map_,) = memmap_of(path).maps
    assert {g.problem.code for g in map_.gaps} == {"HP508"}
    placed = [(certain(g.start), certain(g.end)) for g in map_.gaps]
    assert {n for n, (a, _) in whole.items() if any(s <= a <= e for s, e in placed)} == gone


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"phys_addr": b"0xfffffffffffff000"}, ": not a range of memory"),
        (
            {"type": b"0x100000006"},
            "/type: '0x100000006' is not a hexadecimal number of up to 32 bits",
        ),
    ],
)
def test_damaged_values_of_the_runtime_map(change: Mapping[str, bytes], what: str) -> None:
    values = {"type": b"0x6", "phys_addr": b"0x1000", "num_pages": b"0x2",
              "attribute": b"0xf", "virt_addr": b"0x0"}  # fmt: skip
    (table,) = packed(archive(tree("0", {**values, **change})))
    assert not table.entries
    (lost,) = table.lost_lines
    assert lost.problem.message == f"0{what}: the copy is not complete"


def test_two_machines_in_one_archive() -> None:
    other = {**ENTRY, "end": b"0x2fffff\n"}
    both = "below firmware/memmap and memmap"
    with pytest.raises(InputError, match=f"two different maps: {both}"):
        packed(archive(tree("firmware/memmap/0") + tree("memmap/0", other)))
    assert len(packed(archive(tree("firmware/memmap/0") + tree("memmap/0")))) == 1


def test_one_value_given_twice() -> None:
    (found,) = packed(archive([*tree("memmap/0"), ("memmap/0/start", b"0x0\n")]))
    assert [e.start for e in found.entries] == [0]  # as tar unpacks it
    with pytest.raises(InputError, match="line 2: given twice"):
        grep(["/sys/firmware/memmap/0/start:0x0", "/sys/firmware/memmap/0/start:0x1"])


def test_numbers_give_the_order() -> None:
    members = [
        (f"memmap/{i}/{n}", v)
        for i in (10, 2, 0, 11, 1)
        for n, v in {**ENTRY, "start": f"0x{i:x}".encode()}.items()
    ]
    (found,) = packed(archive(members))
    assert [e.start for e in found.entries] == [0, 1, 2, 10, 11]


# Archives


@pytest.mark.parametrize(
    "prefix",
    ["memmap/0", "./0", "0", "/sys/firmware/memmap/0", "etc/memmap/0",
     "d" * 90 + "/" + "e" * 40 + "/0"],
)  # fmt: skip
def test_names(prefix: str) -> None:
    (found,) = packed(archive(tree(prefix)))
    assert len(found.entries) == 1


def test_links_devices_and_huge_members_are_harmless(tmp_path: Path) -> None:
    members: list[tuple[str | tarfile.TarInfo, bytes]] = list(tree("memmap/0"))
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE,
                 tarfile.BLKTYPE, tarfile.FIFOTYPE,
                 tarfile.DIRTYPE):  # fmt: skip
        info = tarfile.TarInfo(f"memmap/0/{kind.decode()}")
        info.type = kind
        info.linkname = "/etc/passwd"
        members.append((info, b""))
    members.append(("/etc/passwd", b"root"))
    (found,) = packed(archive(members))
    assert [(e.start, e.end) for e in found.entries] == [(0x100000, 0x1FFFFF)]
    with pytest.raises(InputError, match="memmap/1/start: more than 4096 bytes"):
        packed(archive([*members, ("memmap/1/start", bytes(1 << 20))]))
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_map_anywhere_in_an_archive(tmp_path: Path, subtests: pytest.Subtests) -> None:
    """Other folders with a number and a type are no maps."""
    path = tmp_path / "archive"
    others = [("readme", b"x"), ("a/b/0/type", b"disk"), ("a/c/0/type", b"disk")]
    path.write_bytes(archive([*others, *tree("a/b/memmap/0")]))
    found = memmap_of(path)
    assert (found.form, [m.name for m in found.maps]) == ("sysfs-memmap-tar", ["sysfs_memmap"])
    runtime = {"type": b"0x6", "phys_addr": b"0x1000", "num_pages": b"0x2", "attribute": b"0xf"}
    path.write_bytes(archive([*others, *tree("a/b/memmap/0"), *tree("d/c/runtime-map/0", runtime)]))
    assert {m.name for m in memmap_of(path).maps} == {"sysfs_memmap", "efi_runtime"}
    path.write_bytes(archive([*tree("c/runtime-map/0", runtime), *tree("a/b/memmap/0")]))
    assert {m.name for m in memmap_of(path).maps} == {"sysfs_memmap", "efi_runtime"}
    other = {**ENTRY, "end": b"0x2fffff\n"}
    for first in ("a/b", "a", "."):
        path.write_bytes(archive([*tree(f"{first}/memmap/0"), *tree("a/c/memmap/0", other)]))
        with (
            subtests.test(first),
            pytest.raises(InputError, match="its sysfs_memmap map differs from that of "),
        ):
            memmap_of(path)
    many = [m for n in range(4097) for m in tree(f"a/{n}/memmap/0", {"start": b"0x0"})]
    path.write_bytes(archive([*others, *many]))
    with pytest.raises(InputError, match="archive: 4097 files are too many for one case"):
        memmap_of(path)
    path.write_bytes(archive(others))
    with pytest.raises(InputError, match="no memory map in this folder"):
        memmap_of(path)


def test_archive_that_is_cut_off_or_bent() -> None:
    data = archive([*tree("memmap/0"), ("memmap/1/x", bytes(3000))])
    with pytest.raises(InputError, match="reaches past the end"):
        packed(data[: data.index(b"memmap/1") + 1024])
    bent = bytearray(data)
    bent[512 * 2 + 100] ^= 1
    with pytest.raises(InputError, match="no valid header at offset 0x400"):
        packed(bytes(bent))


def test_folder_that_cannot_be_read_is_no_map(tmp_path: Path) -> None:
    assert not SysfsMemmap().sniff(tmp_path, b"")
    assert not SysfsMemmap().sniff(tmp_path / "missing", b"")
    (tmp_path / "0").mkdir()
    (tmp_path / "0" / "start").symlink_to("/dev/zero")
    with pytest.raises(InputError, match="is a character device"):
        SysfsMemmap().read(tmp_path, memoryview(b""))
    (tmp_path / "0" / "end").write_bytes(bytes(5000))
    with pytest.raises(InputError, match="more than 4096 bytes"):
        folder(tmp_path)


def test_lines_of_other_logs_are_passed_over() -> None:
    assert not grep(["Jan 1 foo/type:bar", "x/start:0x1", "a/b/type:1", "12/type: 3", ""])


@given(
    st.lists(st.tuples(st.integers(0, 9000), st.integers(0, 255)), max_size=6), st.integers(0, 9000)
)
def test_bent_archives(changes: list[tuple[int, int]], cut: int) -> None:
    plain = bytearray(zlib.decompress((FIXTURES / "qemu-6.1-ovmf.tar.gz").read_bytes(), 31)[:9000])
    for at, value in changes:
        plain[at % len(plain)] = value
    for data in (bytes(plain), bytes(plain[:cut])):
        if SysfsTar().sniff(Path("x"), data):
            try:
                SysfsTar().read(Path("x"), memoryview(data))
            except InputError as error:
                one_line(error)


@given(st.lists(st.text(max_size=60)), st.lists(st.integers(0, 60)))
def test_any_lines(extra: list[str], at: list[int]) -> None:
    lines = (FIXTURES / "qemu-7.3-ovmf-grep.txt").read_text().splitlines()
    for place, text in zip(at, extra, strict=False):
        lines[place % len(lines)] = lines[place % len(lines)][: place % 20] + text
    try:
        grep(lines)
    except InputError as error:
        one_line(error)


def one_line(error: InputError) -> None:
    assert str(error).isprintable()
