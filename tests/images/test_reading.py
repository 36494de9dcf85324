"""Sources of physical memory against a plain picture of the same memory."""

from __future__ import annotations

import os
import struct
import threading
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.errors import InputError, ReadError
from hwpkho.images.elf import open_elf
from hwpkho.images.extents import MAX_JOINED
from hwpkho.images.files import FileBytes
from hwpkho.images.overlay import CombinedSource, PieceSource
from hwpkho.images.raw import open_raw
from hwpkho.inputs.case import read_inputs
from tests.support import certain, forked
from tests.support.examples import some
from tests.support.handovers import Machine, elf, note

PAGE = 4096
MAGIC = b"magic!"


def _of(tmp_path_factory, load, name="x"):
    path = tmp_path_factory.getbasetemp() / f"source-{name}-{os.getpid()}"
    path.write_bytes(elf(load))
    return open_elf(FileBytes(str(path)))


def _picture(load):
    """Return the memory byte by byte; of two pieces the one that starts lower counts."""
    held: dict[int, int] = {}
    end = 0
    for start, data in sorted(load, key=lambda p: p[0]):
        held |= {at: byte for at, byte in enumerate(data, start) if at >= end}
        end = max(end, start + len(data))
    return held


def test_what_is_not_there_costs_no_budget(tmp_path_factory):
    """A capture lacks the guests' pages: millions are asked for."""
    source = _of(tmp_path_factory, [(0x10000, b"x" * PAGE), (0x30000, b"y" * PAGE)])
    assert {source.read(0x20000, 48) for _ in range(MAX_JOINED + 2)} == {None}
    assert source.read(0x11000 - 8, 16) is None
    assert source.read(0x30000, 1) == b"y"


def test_segments_of_a_page_are_one_piece(tmp_path_factory):
    """As some dumpers write them: no read over their ends is a join."""
    pages = [(0x10000 + n * PAGE, bytes([n]) * PAGE) for n in range(64)]
    source = _of(tmp_path_factory, pages)
    whole = b"".join(page for _, page in pages)
    assert {source.read(0x10000, 64 * PAGE) == whole for _ in range(MAX_JOINED // 63 + 2)} == {True}
    assert list(source.extents()) == [(0x10000, 64 * PAGE)]


PIECES = st.lists(
    st.tuples(st.integers(0, 600), st.integers(1, 200), st.sampled_from([0, 0, 0, 1])).map(
        lambda p: (0x10000 + p[0], bytes((p[0] + i) % 251 + p[2] for i in range(p[1])))
    ),
    min_size=1,
    max_size=6,
)


def _agree(load, phys, size):
    """Tell whether all pieces have the same bytes in a range."""
    held: dict[int, int] = {}
    for start, data in load:
        for at, byte in enumerate(data, start):
            if phys <= at < phys + size and held.setdefault(at, byte) != byte:
                return False
    return True


@given(PIECES, st.integers(0x10000 - 10, 0x10000 + 900), st.integers(0, 300))
def test_reads_and_extents(tmp_path_factory, load, phys, size):
    source = _of(tmp_path_factory, load)
    held = _picture(load)
    data = source.peek(phys, size)
    wanted = [held.get(a) for a in range(phys, phys + size)]
    if None in wanted:
        assert data is None
    elif size:
        assert data is not None
        assert list(data) == wanted
    if data is None or _agree(load, phys, size):
        assert source.read(phys, size) == data
    else:
        with pytest.raises(InputError, match="two segments hold different bytes at 0x1"):
            source.read(phys, size)
    covered = {a for start, n in source.extents() for a in range(start, start + n)}
    assert covered == set(held)
    if size:
        assert source.holds(phys, size) == (set(wanted) != {None})
    spans = list(source.extents())
    assert spans == sorted(spans)
    assert all(a + n < b for (a, n), (b, _) in pairwise(spans))
    source.close()


@given(
    st.sets(st.integers(0, 40)), st.sets(st.integers(0, 40)), st.integers(0, 3), st.integers(0, 999)
)
def test_magics_are_found_at_page_starts(tmp_path_factory, pages, decoys, cut, skew):
    image = bytearray(PAGE * 41)
    for page in pages:
        image[page * PAGE : page * PAGE + len(MAGIC)] = MAGIC
    for page in decoys:
        image[page * PAGE + 8 : page * PAGE + 8 + len(MAGIC)] = MAGIC
    at = cut * 10 * PAGE + 2000 * (cut > 0)
    load = [(PAGE, bytes(image[:at])), (PAGE + at, bytes(image[at:]))]
    path = tmp_path_factory.getbasetemp() / f"magics-{os.getpid()}"
    path.write_bytes(elf(load, skew=skew))
    source = open_elf(FileBytes(str(path)))
    assert list(source.find_pages(MAGIC)) == [PAGE * (1 + p) for p in sorted(pages)]
    source.close()
    image[: len(MAGIC)] = MAGIC if 0 in pages else b"another!"[: len(MAGIC)]
    source = _of(tmp_path_factory, [(PAGE, bytes(image))])
    assert list(source.find_pages(MAGIC, b"another!"[: len(MAGIC)])) == [
        PAGE * (1 + p) for p in sorted({0, *pages})
    ]
    source.close()


def test_a_magic_across_two_segments_is_none(tmp_path_factory):
    source = _of(tmp_path_factory, [(PAGE, MAGIC[:3]), (PAGE + 3, MAGIC[3:].ljust(100))])
    assert list(source.find_pages(MAGIC)) == []
    assert source.read(PAGE, 6) == MAGIC


@pytest.mark.parametrize(("at", "code"), [(None, 0), (0, 3), (16, 3), (24, 0), (4095, 0)])
@pytest.mark.parametrize("first", [0, 1])
def test_segments_that_disagree_about_the_list(at, code, first, tmp_path, cli, subtests):
    """Which of the two counts nobody can say. What lies behind the three PFNs is not read."""
    m = Machine(arch="x86_64")
    made = m.handover()
    page = made.pages[0]
    bent = bytearray(m.memory[page])
    if at is not None:
        bent[at] ^= 1
    both = [(page, m.memory[page]), (page - 8, bytes(8) + bent)]
    rest = [p for p in sorted(m.memory.items()) if p[0] != page]
    path = tmp_path / "core"
    path.write_bytes(elf([*rest, *(both[::-1] if first else both)], "x86_64"))
    for command in ("decode", "validate"):
        with subtests.test(command):
            got = cli(command, path)
            assert got.code == code
            said = f"two segments hold different bytes at 0x{page:x}: not one machine" in got.err
            assert (said, got.err.count("\n"), not got.out) == ((True, 1, True) if code else
                                                                (False, 0, False))  # fmt: skip


def test_segments_that_disagree_at_the_end_of_the_address_space(tmp_path_factory) -> None:
    top = (1 << 64) - PAGE
    source = _of(tmp_path_factory, [(top, bytes(PAGE)), (top, bytes([1]) * PAGE)])
    with pytest.raises(InputError, match="two segments hold different bytes at 0xfffffffffffff000"):
        source.read(top, PAGE)


def test_a_running_kernel_may_show_memory_in_two_ways(tmp_path_factory, monkeypatch) -> None:
    """In /proc/kcore its own segment has zeros where it gave pages back."""
    real = FileBytes.__init__

    def opened(self, *args, **how):
        real(self, *args, **how)
        self.live = True

    monkeypatch.setattr(FileBytes, "__init__", opened)
    source = _of(tmp_path_factory, [(0x10000, bytes([1]) * PAGE), (0x10800, bytes(PAGE // 2))])
    assert source.read(0x10000, PAGE) == bytes([1]) * PAGE


@pytest.mark.parametrize(("size", "count"), [(8, 102), (PAGE, 52), (1 << 18, 4)])
def test_many_segments_over_the_same_memory_are_refused(
    size, count, tmp_path_factory, monkeypatch, subtests
):
    monkeypatch.setattr("hwpkho.images.extents.MAX_LOOKUPS", 99)
    for held in (count, count - 1):
        with subtests.test(f"{held} segments"):
            source = _of(tmp_path_factory, [(0x10000, bytes(size))] * held)
            if held == count:
                with pytest.raises(
                    InputError, match="too many segments hold 0x10000; this is not a mem"
                ):
                    source.read(0x10000, size)
            else:
                assert source.read(0x10000, size) == bytes(size)


# --- several images


def test_combined(tmp_path_factory):
    first = _of(tmp_path_factory, [(PAGE, b"a" * PAGE), (3 * PAGE, MAGIC.ljust(PAGE))], "a")
    second = _of(tmp_path_factory, [(2 * PAGE, b"b" * PAGE), (3 * PAGE, MAGIC.ljust(PAGE))], "b")
    both = CombinedSource([first, second])
    assert both.read(PAGE, 2 * PAGE) == b"a" * PAGE + b"b" * PAGE
    assert both.read(PAGE + 100, 2 * PAGE) == b"a" * 3996 + b"b" * PAGE + MAGIC.ljust(100)
    assert both.read(PAGE, 4 * PAGE) is None
    assert both.read(0, 10) is None
    assert list(both.find_pages(MAGIC)) == [3 * PAGE]
    assert list(both.extents()) == [(PAGE, 3 * PAGE)]
    assert both.name == f"{first.name}, {second.name}"
    assert both.read(PAGE, PAGE) == b"a" * PAGE
    both.close()


def test_combined_extents_with_gaps(tmp_path_factory):
    first = _of(tmp_path_factory, [(PAGE, bytes(10)), (9 * PAGE, bytes(10))], "a")
    second = _of(tmp_path_factory, [(PAGE + 5, bytes(10)), (5 * PAGE, bytes(1))], "b")
    both = CombinedSource([first, second])
    assert list(both.extents()) == [(PAGE, 15), (5 * PAGE, 1), (9 * PAGE, 10)]
    areas = [(PAGE + 14, PAGE), (PAGE + 15, PAGE), (5 * PAGE, 1), (0, 1 << 64), (0, PAGE)]
    closed = both.closed(areas)
    assert [closed.holds(*area) for area in areas] == [True, False, True, True, False]


def test_combined_images_that_disagree(tmp_path_factory):
    first = _of(tmp_path_factory, [(PAGE, b"a" * PAGE)], "a")
    second = _of(tmp_path_factory, [(PAGE, b"b" * PAGE)], "b")
    with pytest.raises(InputError, match="different bytes at 0x1000"):
        CombinedSource([first, second]).read(PAGE, 1)


def test_pieces():
    source = PieceSource("x", [(2 * PAGE, MAGIC), (PAGE, b"abc"), (2 * PAGE + 1, MAGIC)])
    assert source.read(PAGE + 1, 2) == b"bc"
    assert source.read(PAGE + 1, 3) is None
    assert source.read(0, 1) is None
    assert list(source.find_pages(MAGIC)) == [2 * PAGE]
    assert list(source.extents()) == [(PAGE, 3), (2 * PAGE, 6), (2 * PAGE + 1, 6)]


# --- files


def _feed(pipe, data):
    with os.fdopen(pipe, "wb") as into:
        into.write(data)


def test_a_pipe_that_was_handed_over_is_spooled():
    """As ``<(xz -dc core.xz)`` gives one."""
    m = Machine()
    m.handover()
    out, into = os.pipe()
    feeder = threading.Thread(target=_feed, args=(into, m.elf()))
    feeder.start()
    (h,) = read_inputs([f"/dev/fd/{out}"]).handovers
    feeder.join()
    os.close(out)
    assert certain(certain(h.hwpoison).pfns).tolist() == [0x1000, 0x2222, 0x1001]


def test_a_file_is_read_where_it_is_asked_for(tmp_path):
    m = Machine(arch="x86_64")
    m.handover()
    path = m.save(tmp_path)
    (h,) = read_inputs([str(path)]).handovers
    assert certain(certain(h.hwpoison).pfns).tolist() == [0x1000, 0x2222, 0x1001]
    with FileBytes(str(path)) as file:
        assert bytes(file.read(1, 3)) == b"ELF"
        assert bytes(file.read(-1, 3)) == b""
        assert bytes(file.read(1 << 63, 3)) == b""
        assert bytes(file.read(file.size - 1, 3)) == path.read_bytes()[-1:]
        assert list(file.data_ranges()) == [(0, file.size)]


@pytest.mark.parametrize("blocks", [0, 8])
def test_what_cannot_be_read_is_absent_or_said(blocks, tmp_path, monkeypatch):
    """A hole of /proc/kcore or /dev/mem; a disk that fails."""

    def refuse(*_args, **_options):
        raise OSError(5, "Input/output error")

    path = tmp_path / "x"
    path.write_bytes(b"data")
    status = list(path.stat())
    monkeypatch.setattr("hwpkho.images.files.SMALL", 0)
    monkeypatch.setattr(
        "hwpkho.images.files.os.fstat",
        lambda _fd: os.stat_result(status, {"st_blocks": blocks}),
    )
    with FileBytes(str(path)) as file:
        monkeypatch.setattr("hwpkho.images.files.os.pread", refuse)
        if blocks:
            with pytest.raises(ReadError, match="Input/output error at offset 0x0"):
                file.read(0, 4)
        else:
            assert bytes(file.read(0, 4)) == b""


def test_what_is_no_hole(tmp_path):
    """Of two images, pieces in the order of their addresses, cut to what the files hold."""
    sources = []
    for n, data in enumerate((1 << 20, 3 << 20)):
        path = tmp_path / str(n)
        with path.open("wb") as file:
            file.truncate(8 << 20)
            file.seek(data)
            file.write(b"x" * PAGE)
        sources.append(open_raw(str(path), n << 30))
    (tmp_path / "hole").touch()
    os.truncate(tmp_path / "hole", 1 << 20)
    sources.append(open_raw(str(tmp_path / "hole"), 5 << 30))
    both = CombinedSource(sources[::-1])
    assert next(both.extents()) == (0, 8 << 20)
    assert list(both.data()) == [(1 << 20, PAGE), ((1 << 30) + (3 << 20), PAGE)]


def test_a_file_system_without_holes(tmp_path, monkeypatch):
    real = os.lseek

    def refuse(descriptor, at, whence):
        if whence in (os.SEEK_HOLE, os.SEEK_DATA):
            raise OSError(22, "Invalid argument")
        return real(descriptor, at, whence)

    m = Machine()
    m.handover()
    path = m.save(tmp_path)
    monkeypatch.setattr("hwpkho.images.files.os.lseek", refuse)
    (h,) = read_inputs([str(path)]).handovers
    assert h.tracker == "complete"


def test_directories_and_missing_files(tmp_path, subtests):
    for path, word in ((tmp_path, "Is a directory"), (tmp_path / "no", "No such file")):
        with subtests.test(word), pytest.raises(InputError, match=word):
            FileBytes(str(path))
    (tmp_path / "empty").write_bytes(b"")
    with pytest.raises(InputError, match="is empty"):
        open_raw(str(tmp_path / "empty"), 0)


# --- boot_params in a large image


@pytest.mark.parametrize("told", some(["note", "page", None], 2))
def test_boot_params_of_a_large_image(told, tmp_path):
    """Only the kernel's own data are looked through, where VMCOREINFO tells where they are.

    QEMU puts none into its dumps unless the guest gave it away; the page is in memory all the same.
    """
    m = Machine(arch="x86_64", at=0x200_0000)
    made = m.handover()
    m.boot_data(made, [(1 << 33, 1 << 24)])
    base = 0x100_0000
    text = f"SYMBOL(_stext)={0xFFFFFFFF81000000:x}\nNUMBER(phys_base)=0\n".encode()
    if told == "page":
        m.put(b"OSRELEASE=7.3.4\n" + text.replace(b"=0", b"=-1073741824"))  # of an older kernel
        m.put(b"OSRELEASE=7.3.4\n" + text)
        m.put(b"OSRELEASE=7.3.4\n")
    image = bytearray(max(a + len(b) for a, b in m.memory.items()) - base)
    for phys, data in m.memory.items():
        image[phys - base : phys - base + len(data)] = data
    head = elf([(base, bytes(image)), (1 << 32, b"")], "x86_64",
               notes=note(b"VMCOREINFO", text) if told == "note" else b"")  # fmt: skip
    # The second segment is a hole of 80 MiB at the end of the file.
    filler = 80 << 20
    phdr = 64 + 2 * 56
    patched = bytearray(head)
    struct.pack_into("<QQ", patched, phdr + 32, filler, filler)
    path = tmp_path / "memory"
    path.write_bytes(patched)
    with path.open("r+b") as file:
        file.truncate(len(patched) + filler)
    (h,) = read_inputs([str(path)]).handovers
    assert (h.role, h.scratch is None) == (("in", False) if told else (None, True))


@pytest.mark.parametrize("size", [2, 8, PAGE, PAGE + 8, 2 * PAGE])
def test_a_read_across_the_end_of_one_image_into_the_next(size):
    """A scratch array or a blob may lie there, however small it is."""
    data = bytes(n % 251 for n in range(4 * PAGE))
    halves = [(0x1000, data[: 2 * PAGE]), (0x3000, data[2 * PAGE :])]
    source = CombinedSource([PieceSource(str(at), [(at, raw)]) for at, raw in halves])
    at = 0x3000 - size // 2
    assert source.read(at, size) == data[at - 0x1000 : at - 0x1000 + size]
    assert source.read(0x5000 - size // 2, size) is None


def test_notes_may_stand_in_several_segments(tmp_path):
    """The generic ABI says so; the first of two notes counts."""
    first = note(b"CORE", b"registers") + note(b"HWPKHO", b"{}")
    more = note(b"VMCOREINFO", b"PAGESIZE=65536\n") + note(b"HWPKHO", b"second")
    image = bytearray(elf([(0x1000, more), (0x10000, bytes(PAGE))], notes=first))
    struct.pack_into("<I", image, 64 + 56, 4)  # the first PT_LOAD is a PT_NOTE
    (tmp_path / "core").write_bytes(image)
    source = open_elf(FileBytes(str(tmp_path / "core")))
    assert source.vmcoreinfo == b"PAGESIZE=65536\n"
    assert source.handover_note == b"{}"
    assert list(source.extents()) == [(0x10000, PAGE)]


def test_segments_of_notes_are_read_up_to_a_bound(tmp_path):
    """Thousands of headers may name the same bytes."""
    notes = note(b"X", b"y") * 50_000
    image = bytearray(elf([(n << 20, b"") for n in range(9999)] + [(1 << 40, notes)]))
    at = struct.unpack_from("<Q", image, 64 + 10_000 * 56 + 8)[0]
    for n in range(1, 10_000):
        struct.pack_into("<IIQ", image, 64 + 56 * n, 4, 0, at)
        struct.pack_into("<Q", image, 64 + 56 * n + 32, len(notes))
    (tmp_path / "core").write_bytes(image)
    got = forked.within(2, "decode", tmp_path / "core")
    assert (got.code, got.err.count(b"\n")) == (3, 1)


@pytest.mark.parametrize("count", [1 << 16, 1 << 24, 1 << 27, (1 << 32) - 1])
def test_program_headers_in_a_hole_cost_nothing(count, tmp_path):
    """4 KiB on a disk, and a table of up to 240 GiB: none of it is read."""
    head, section = bytearray(64), bytearray(64)
    head[:7] = b"\x7fELF\2\1\1"
    struct.pack_into("<HHIQQQIHHHHHH", head, 16, 4, 62, 1, 0, 128, 64, 0, 64, 56, 0xFFFF, 64, 1, 0)
    struct.pack_into("<I", section, 44, count)
    with (tmp_path / "core").open("wb") as file:
        file.write(head + section)
        file.truncate(1 << 43)
    got = forked.run("decode", tmp_path / "core")
    assert (got.code, got.err.count(b"\n")) == (3, 1)
    assert b"are a hole of the file" in got.err
    assert got.peak < 100 << 20
