"""Finding root FDTs: page sizes, copies, generations, roles, and who told of them."""

from __future__ import annotations

import struct
from itertools import product

import pytest

from hwpkho.abi import fdt
from hwpkho.abi.scratch import build_scratch
from hwpkho.base.arch import page_sizes
from hwpkho.errors import InputError
from hwpkho.handover.boot_loader import from_chosen
from hwpkho.inputs.case import CaseOptions, read_inputs
from hwpkho.inputs.role import which_handover
from tests.support import certain
from tests.support.examples import crossed
from tests.support.handovers import Machine, note

PFNS = [0x1000, 0x2222, 0x1001]


def _decode(folder, m, **options):
    notes = options.pop("notes", b"")
    return read_inputs([str(m.save(folder, notes=notes))], CaseOptions(**options)).handovers


# --- page size


@pytest.mark.parametrize(
    ("page_size", "form"),
    crossed(page_sizes(), product([1, 2, 3, 4], ["fdt-v1", "struct-v1"], [0, 3]), 3),
)
def test_page_size_is_proven(page_size, form, tmp_path):
    kho, revision, order = form
    m = Machine(page_size)
    made = m.handover(PFNS, kho=kho, revision=revision, order=order, capacity=100_000, stale=0xBAD)
    (h,) = _decode(tmp_path, m)
    assert h.page_size == page_size
    assert h.tracker == "complete"
    assert h.hwpoison.pfns.tolist() == PFNS
    assert h.hwpoison.pages.tolist() == made.pages
    assert h.hwpoison.chunks == made.chunks
    assert h.hwpoison.blob.vmalloc.order == order
    assert {p.code for p in h.problems} <= {"HP407", "HP410"}


@pytest.mark.parametrize("page_size", page_sizes())
def test_page_size_where_all_addresses_suit_the_largest(page_size, tmp_path):
    m = Machine(page_size, at=1 << 30, gap=65536 // page_size * 2 - 1)
    m.handover(PFNS)
    assert all(not phys % 65536 for phys in m.memory)
    (h,) = _decode(tmp_path, m)
    assert (h.page_size, h.tracker) == (page_size, "complete")


@pytest.mark.parametrize("page_size", page_sizes())
@pytest.mark.parametrize("kho", [1, 4])
def test_what_is_left_of_a_damaged_tracker_tells_the_page_size(page_size, kho, tmp_path):
    """A part that marks other memory is damaged; nothing else tells."""
    m = Machine(page_size, at=1 << 30, gap=65536 // page_size * 2 - 1)
    made = m.handover(PFNS, kho=kho, mark=lambda own: [*own, (1 << 38, 9)])
    if kho == 1:  # the last chunk, of order 9: its bitmap
        m.poke(made.nodes[-2] + 24, "<Q", 0)
    else:
        leaf = struct.pack("<Q", made.nodes[1])
        (table,) = (node for node in made.nodes if leaf in m.memory[node])
        m.swap(table, leaf, struct.pack("<Q", 1 << 62))
    (h,) = _decode(tmp_path, m)
    assert (h.page_size, h.tracker) == (page_size, "partial")
    assert h.hwpoison.pfns.tolist() == PFNS
    for node in made.nodes:
        m.memory[node] = b"\xff" * page_size
    with pytest.raises(InputError, match=r"the page size is unknown: no tracker proves one, the "
                       r"addresses suit 4096, 16384, 65536; give --page-size BYTES, what getconf "
                       r"PAGESIZE says on that machine$"):  # fmt: skip
        _decode(tmp_path, m)


def test_two_page_sizes_that_fit_are_refused(tmp_path):
    m = Machine(65536)
    h = m.handover(None, kexec_count=None)
    for node in h.nodes:
        m.memory[node] = bytes(65536)
    with pytest.raises(InputError, match="--page-size"):
        _decode(tmp_path, m)
    (h,) = _decode(tmp_path, m, page_size=65536)
    assert h.page_size == 65536


def test_vmcoreinfo_tells_the_page_size(tmp_path, subtests):
    m = Machine(16384)
    h = m.handover(PFNS)
    for node in h.nodes:
        m.memory[node] = bytes(16384)
    (h,) = _decode(tmp_path, m, notes=note(b"VMCOREINFO", b"OSRELEASE=7\nPAGESIZE=16384\n"))
    assert h.page_size == 16384
    assert h.hwpoison.pfns.tolist() == PFNS
    for text in (b"PAGESIZE=5000\n", b"PAGESIZE=" + b"9" * 100, b"XPAGESIZE=16384\n", b"PAGESIZE="):
        with subtests.test(str(text)), pytest.raises(InputError, match="--page-size"):
            _decode(tmp_path, m, notes=note(b"VMCOREINFO", text))


def test_x86_has_one_page_size(tmp_path):
    m = Machine(arch="x86_64")
    h = m.handover(PFNS)
    for node in h.nodes:
        m.memory[node] = bytes(4096)
    (h,) = _decode(tmp_path, m)
    assert h.page_size == 4096


@pytest.mark.parametrize("page_size", [16384, 65536])
def test_copies_inside_files_rule_out_no_page_size(page_size, tmp_path, subtests):
    """A file in tmpfs that goes on with a copy: no page of this kernel begins there."""
    m = Machine(page_size, at=1 << 30, gap=65536 // page_size * 2 - 1)
    made = m.handover(PFNS)
    at = m.put(b"header".ljust(4096, b"\0") + m.memory[made.root][:4096])
    for nodes in ([], made.nodes):
        with subtests.test(f"{len(nodes)} nodes are gone"):
            for node in nodes:
                m.memory[node] = bytes(page_size)
            (h,) = _decode(tmp_path, m, page_size=page_size if nodes else None)
            assert (h.root.phys, h.page_size) == (made.root, page_size)
            assert h.tracker == ("gone" if nodes else "complete")
            passed = [(p.phys, p.severity) for p in h.problems if p.code == "HP104"]
            assert passed == [(at + 4096, "note")]


@pytest.mark.parametrize("page_size", page_sizes())
def test_fdt_blob_tells_the_page_size(page_size, tmp_path):
    m = Machine(page_size, at=1 << 30, gap=65536 // page_size * 2 - 1)
    h = m.handover(PFNS, revision="fdt-v1")
    for node in h.nodes:
        m.memory[node] = bytes(page_size)
    (h,) = _decode(tmp_path, m)
    assert h.page_size == page_size


# --- look-alikes


@pytest.mark.parametrize("where", ["below", "above"])
def test_copies_of_the_root_are_passed_over(where, tmp_path):
    m = Machine(at=0x8000_0000)
    made = m.handover(PFNS)
    m.at = 0x4000_0000 if where == "below" else m.at
    copies = [m.put(m.memory[made.root]) for _ in range(3)]
    (h,) = _decode(tmp_path, m)
    assert h.root.phys == made.root
    assert {p.phys for p in h.problems if p.code == "HP104"} == set(copies)


def test_as_many_copies_as_somebody_read_the_file(tmp_path):
    m = Machine()
    made = m.handover(PFNS)
    raw = m.memory[made.root]
    for _ in range(100):
        m.put(raw)
        m.put(raw[:233])  # as debugfs gives it on a first boot
    (h,) = _decode(tmp_path, m)
    assert (h.root.phys, h.tracker, list(h.hwpoison.pfns)) == (made.root, "complete", PFNS)


def test_no_machine_has_so_many_different_root_fdts(tmp_path):
    m = Machine()
    for i in range(33):
        m.handover([i], kexec_count=i)
    with pytest.raises(InputError, match=r"32 different pages look like a root FDT.*--root-fdt"):
        _decode(tmp_path, m)


def test_a_device_full_of_copies_is_refused(tmp_path):
    m = Machine(gap=0)
    raw = m.memory[m.handover(PFNS).root]
    m.memory[m.put(pages=4096)] = raw * 4096
    with pytest.raises(InputError, match=r"4096 pages look like a root FDT.*--root-fdt"):
        _decode(tmp_path, m)


def test_root_fdt_chooses_among_identical_copies(tmp_path, subtests):
    m = Machine(arch="x86_64")
    made = m.handover(PFNS)
    copy = m.put(m.memory[made.root])
    for node in made.nodes:
        m.memory[node] = bytes(4096)
    for phys in (made.root, copy):
        with subtests.test(f"0x{phys:x}"):
            (h,) = _decode(tmp_path, m, root_fdt=phys)
            assert h.root.phys == phys


def test_setup_data_tells_copies_apart(tmp_path):
    m = Machine(arch="x86_64")
    made = m.handover(PFNS)
    m.put(m.memory[made.root])
    for node in made.nodes:
        m.memory[node] = bytes(4096)
    m.boot_data(made, [(1 << 32, 1 << 24)])
    (h,) = _decode(tmp_path, m)
    assert (h.root.phys, h.role, h.tracker) == (made.root, "in", "gone")


def test_pages_that_only_look_like_a_root(tmp_path):
    m = Machine()
    m.put(fdt.MAGIC + b"kho-v4\0")
    m.put(fdt.MAGIC + b"\xff" * 36 + b"kho-v4\0")
    tree = fdt.Node("", properties=[fdt.Property("note", b"kho-v4\0", 0)])
    m.put(fdt.build(tree))
    made = m.handover(PFNS)
    m.put(b"\0" * 16 + m.memory[made.root][:4000])  # not at the start of its page
    (h,) = _decode(tmp_path, m)
    assert h.root.phys == made.root


def test_only_lookalikes_say_why(tmp_path):
    m = Machine()
    made = m.handover(PFNS)
    m.poke(made.root + 4, ">I", 0xFFFFFFFF)
    with pytest.raises(InputError, match=r"no root FDT.*totalsize 4294967295"):
        _decode(tmp_path, m)


# --- generations and roles


def _chain(n, *, arch="arm64", **options):
    m = Machine(arch=arch)
    return m, [m.handover([i + 1], kexec_count=i, **options) for i in range(n)]


@pytest.mark.parametrize("n", [3, 4, 6])
def test_a_chain_of_kexecs_shows_the_last_two(n, tmp_path):
    m, made = _chain(n)
    found = _decode(tmp_path, m)
    assert [h.root.phys for h in found] == [h.root for h in made[-2:]]
    assert [h.role for h in found] == ["in", "out"]
    assert found[1].hwpoison.pfns.tolist() == [n]
    assert found[0].hwpoison.pfns is None
    assert which_handover(found) is found[1]


@pytest.mark.parametrize(("lacks", "roots"), [(True, 3), (False, 2)])
def test_an_outgoing_root_whose_tracker_is_not_in_the_image(lacks, roots, tmp_path):
    """Its tracker may mark it; one that is all zeros does not."""
    m, made = _chain(3)
    for node in made[2].nodes:
        m.memory[node] = bytes(m.page_size)
        if lacks:
            del m.memory[node]
    found = _decode(tmp_path, m)
    assert [h.root.phys for h in found] == [h.root for h in made[roots - 2 : roots]]
    assert which_handover(found) is found[1]


def test_old_roots_in_no_order_of_addresses(tmp_path):
    m = Machine(at=0x9000_0000)
    last = m.handover([3], kexec_count=2)
    m.at = 0x5000_0000
    old = m.handover([1], kexec_count=0)
    middle = m.handover([2], kexec_count=1)
    found = _decode(tmp_path, m)
    assert [h.root.phys for h in found] == [middle.root, last.root]
    assert old.root in {p.phys for p in found[1].problems if p.code == "HP104"}


def test_leftovers_whose_metadata_is_overwritten(tmp_path):
    m, made = _chain(3)
    m.memory[made[0].metadata] = b"\xaa" * 4096
    for node in made[0].nodes:
        m.memory[node] = b"\xaa" * 4096
    found = _decode(tmp_path, m)
    assert [h.root.phys for h in found] == [h.root for h in made[1:]]


def test_leftovers_of_a_longer_chain_before_this_boot(tmp_path):
    """RAM may survive a reset: what counts more kexecs is not newer where its tracker is gone."""
    m = Machine()
    before = [m.handover([9], kexec_count=n) for n in (6, 7)]
    for h in before:
        for node in h.nodes:
            m.memory[node] = bytes(4096)
    now = [m.handover([n], kexec_count=n) for n in (1, 2)]
    for node in now[0].nodes:  # its incoming tracker is gone too, as it should
        m.memory[node] = bytes(4096)
    found = _decode(tmp_path, m)
    assert [h.root.phys for h in found] == [h.root for h in now]
    assert [h.role for h in found] == ["in", "out"]


def test_two_of_one_generation(tmp_path):
    m, made = _chain(2)
    twin = m.handover([7], kexec_count=0)
    for node in (*made[0].nodes, *twin.nodes):
        m.memory[node] = bytes(4096)
    found = _decode(tmp_path, m)
    assert {h.root.phys for h in found} == {made[0].root, made[1].root, twin.root}
    assert "HP210" in {p.code for h in found for p in h.problems}


def test_setup_data_tells_which_is_incoming(tmp_path):
    m = Machine(arch="x86_64")
    first = m.handover([1], kexec_count=None)
    second = m.handover([2], kexec_count=None)
    m.boot_data(second, [(1 << 32, 1 << 24)])
    found = _decode(tmp_path, m)
    assert [(h.root.phys, h.role) for h in found] == [(second.root, "in"), (first.root, "out")]


def test_the_only_handover_has_no_role_unless_told(tmp_path):
    m = Machine(arch="x86_64")
    made = m.handover(PFNS)
    assert _decode(tmp_path, m)[0].role is None
    m.boot_data(made, [(1 << 32, 1 << 24)])
    assert _decode(tmp_path, m)[0].role == "in"


def test_pick(tmp_path):
    m, _ = _chain(2)
    found = _decode(tmp_path, m)
    assert which_handover(found, "in") is found[0]
    assert which_handover(found, "out") is found[1]
    assert which_handover(found[:1]) is found[0]
    with pytest.raises(InputError, match="role out"):
        which_handover(found[:1], "out")
    with pytest.raises(InputError, match="no handover"):
        which_handover([])
    m, _ = _chain(1)
    m.handover(None, kexec_count=1)
    found = _decode(tmp_path, m)
    assert which_handover(found) is found[0]  # the outgoing one has no list


def test_outgoing_without_metadata_order_is_not_chosen(tmp_path):
    m = Machine()
    m.handover([1], kexec_count=None)
    m.handover([2], kexec_count=None)
    with pytest.raises(InputError, match="--root-fdt"):
        which_handover(_decode(tmp_path, m))


def test_consumed_list_is_not_even_read(tmp_path):
    m, made = _chain(2)
    m.memory[made[0].chunks[0]] = b"text" * 1024
    found = _decode(tmp_path, m)
    assert found[0].hwpoison.chunks is None
    assert not [p for h in found for p in h.problems if p.severity == "error"]


# --- scratch and boot data


AREAS = [(0x1_0000_0000, 1 << 24), (0x2_0000_0000, 1 << 28)]


def test_scratch_from_setup_data(tmp_path):
    m = Machine(arch="x86_64")
    made = m.handover(PFNS)
    array = m.boot_data(made, AREAS)
    (h,) = _decode(tmp_path, m)
    assert (h.scratch.array, h.scratch.length, h.scratch.areas) == (array, 32, tuple(AREAS))


@pytest.mark.parametrize(("kho", "known"), [(4, True), (3, False)])
def test_a_kernel_that_refused_what_it_was_handed_has_other_scratch(kho, known, tmp_path):
    m = Machine(arch="x86_64")
    given = m.handover([1], kexec_count=0, kho=kho)
    m.handover(PFNS, kexec_count=1)
    m.boot_data(given, AREAS)
    before, after = _decode(tmp_path, m)
    assert (before.role, before.scratch.areas) == ("in", tuple(AREAS))
    (noted,) = (p for p in before.problems if p.code == "HP319")
    assert (noted.severity, "replayed" in noted.message) == (("warning", "note")[known], known)
    assert (after.role, after.scratch is not None) == ("out", known)


def test_setup_data_that_goes_in_circles(tmp_path):
    m = Machine(arch="x86_64")
    m.handover(PFNS)
    a, b = m.put(), m.put()
    m.poke(a, "<QII", b, 10, 8)  # too short to be what it says
    m.poke(b, "<QII", a, 10, 32)
    zero_page = m.put()
    m.write(zero_page + 0x202, b"HdrS")
    m.poke(zero_page + 0x250, "<Q", a)
    (h,) = _decode(tmp_path, m)
    assert h.hwpoison.pfns.tolist() == PFNS


def _board(m, made, array, *, cells=(2, 2), length=32, fdt_size=4096):
    """Return a device tree as a boot loader hands it to the kernel."""
    address, size = cells

    def pair(a, n):
        cell = a.to_bytes(16, "big")[16 - 4 * address :]
        return cell + n.to_bytes(16, "big")[16 - 4 * size :]

    def prop(name, value):
        return fdt.Property(name, value, 0)

    chosen = fdt.Node(
        "chosen",
        properties=[
            prop("bootargs", b"quiet\0"),
            prop("linux,kho-fdt", pair(made.root, fdt_size)),
            prop("linux,kho-scratch", pair(array, length)),
        ],
    )
    root = fdt.Node(
        "",
        properties=[
            prop("#address-cells", struct.pack(">I", address)),
            prop("#size-cells", struct.pack(">I", size)),
            prop("compatible", b"linux,dummy-virt\0"),
        ],
        children=[fdt.Node("memory@40000000"), chosen],
    )
    return fdt.build(root)


def _kexeced(m, made, array):
    """Put the device tree where kexec puts it: into scratch, the first of AREAS."""
    m.memory[AREAS[0][0] + 0x3000] = _board(m, made, array).ljust(m.page_size, b"\0")


@pytest.mark.parametrize("counts", [(1,), (1, 2), (1, 2, 3)])
def test_a_boot_that_has_not_made_its_own_handover_yet(counts, tmp_path):
    """Seen in real third boots: the first boot's root FDT is still in its page."""
    m = Machine()
    made = [m.handover([n], kexec_count=n) for n in counts]
    _kexeced(m, made[-1], m.put(build_scratch(AREAS)))
    (h,) = _decode(tmp_path, m)
    assert (h.role, h.root.phys, list(h.hwpoison.pfns)) == ("in", made[-1].root, [counts[-1]])
    passed = {p.phys for p in h.problems if p.code == "HP104"}
    assert passed == {x.root for x in made[:-1]}


def test_a_device_tree_that_is_only_loaded_makes_nothing_incoming(tmp_path):
    """kexec_file_load() names the outgoing root FDT, in pages that are none of scratch's."""
    m = Machine()
    first = m.handover([1], kexec_count=1)
    array = m.put(build_scratch(AREAS))
    m.put(_board(m, first, array).replace(b"linux,kho-", b"linux,usb-"))  # the one it runs on
    m.put(_board(m, first, array))
    (h,) = _decode(tmp_path, m)
    assert (h.role, h.scratch.areas) == (None, tuple(AREAS))
    second = m.handover([2], kexec_count=2)
    _kexeced(m, first, array)
    m.put(_board(m, second, array))
    found = _decode(tmp_path, m)
    assert [(h.role, h.root.phys) for h in found] == [("in", first.root), ("out", second.root)]


def test_a_device_tree_left_over_keeps_no_generation(tmp_path):
    m, made = _chain(3)
    array = m.put(build_scratch(AREAS))
    _kexeced(m, made[1], array)
    m.put(_board(m, made[0], array))
    found = _decode(tmp_path, m)
    assert [(h.role, h.root.phys) for h in found] == [("in", made[1].root), ("out", made[2].root)]


@pytest.mark.parametrize("cells", [(2, 2), (2, 1), (1, 1)])
def test_scratch_from_a_device_tree(cells, tmp_path):
    m = Machine()
    made = m.handover(PFNS)
    array = m.put(build_scratch(AREAS))
    m.put(_board(m, made, array, cells=cells))
    (h,) = _decode(tmp_path, m)
    assert (h.scratch.array, h.scratch.areas) == (array, tuple(AREAS))
    assert h.role == "in"


def test_a_device_tree_that_is_longer_than_a_page(tmp_path):
    m = Machine()
    made = m.handover(PFNS)
    array = m.put(build_scratch(AREAS))
    tree = fdt.parse(_board(m, made, array), fdt.DTB_LIMITS).root
    tree.children += [fdt.Node(f"device@{i:x}") for i in range(1000)]
    m.put(fdt.build(tree), 8)
    (h,) = _decode(tmp_path, m)
    assert h.scratch.areas == tuple(AREAS)


@pytest.mark.parametrize("cells", [(3, 2), (0, 1), (2, 0)])
def test_odd_cells_are_not_followed(cells, tmp_path):
    m = Machine()
    made = m.handover(PFNS)
    m.put(_board(m, made, 0, cells=cells))
    (h,) = _decode(tmp_path, m)
    assert h.scratch is None


def test_an_empty_scratch_area_is_normal(tmp_path):
    """A kernel whose RAM is all low memory hands one over (tests/kernel, 7.3.4)."""
    m = Machine()
    m.handover(PFNS)
    array = m.put(build_scratch([(m.at + (1 << 24), 0), *AREAS]))
    options = CaseOptions(kho_scratch=(array, 16 * (1 + len(AREAS))))
    (h,) = read_inputs([str(m.save(tmp_path))], options).handovers
    assert certain(certain(h.scratch).areas)[1:] == tuple(AREAS)
    assert h.problems == ()


def test_trailing_and_zero_scratch(tmp_path, subtests):
    m = Machine()
    made = m.handover(PFNS)
    array = m.put(build_scratch(AREAS))
    path = str(m.save(tmp_path))
    for length, codes in ((0, {"HP411"}), (15, {"HP411"}), (40, {"HP414"})):
        with subtests.test(f"{length} bytes"):
            (h,) = read_inputs([path], CaseOptions(kho_scratch=(array, length))).handovers
            assert {p.code for p in h.problems} == codes
    (h,) = read_inputs([path], CaseOptions(kho_scratch=(array, 1 << 63))).handovers
    assert "HP413" in {p.code for p in h.problems}
    assert made.root == certain(h.root).phys


# --- trackers


def test_tracker_with_a_wrong_order_bit(tmp_path):
    m = Machine(arch="x86_64")
    made = m.handover(PFNS)
    m.memory[made.tracker] = m.memory[made.tracker][8:] + bytes(8)  # every key one too small
    (h,) = _decode(tmp_path, m)
    assert h.tracker == "gone"


def test_tracker_in_big_endian(tmp_path):
    m = Machine(arch="x86_64")
    made = m.handover(PFNS)
    table = struct.unpack("<512Q", m.memory[made.tracker])
    m.memory[made.tracker] = struct.pack(">512Q", *table)
    (h,) = _decode(tmp_path, m)
    assert h.tracker == "gone"
    assert {"HP401", "HP408"} <= {p.code for p in h.problems}


def test_an_empty_tree_that_looks_valid_is_gone(tmp_path):
    m = Machine(arch="x86_64")
    made = m.handover(PFNS)
    m.memory[made.tracker] = bytes(4096)
    (h,) = _decode(tmp_path, m)
    assert h.tracker == "gone"


def without(drop):
    return lambda blocks: [block for i, block in enumerate(blocks) if i != drop]


@pytest.mark.parametrize(
    ("drop", "word"), [(0, "root FDT"), (2, "hwpoison blob"), (3, "chunk"), (4, "array page")]
)
def test_what_is_unmarked_is_named(drop, word, tmp_path):
    m = Machine(arch="x86_64")
    made = m.handover(PFNS, mark=without(drop))
    (h,) = _decode(tmp_path, m)
    found = [p for p in h.problems if p.code == "HP403"]
    assert (h.tracker, len(found)) == ("partial", 1)
    assert word in found[0].message
    assert found[0].phys == (made.root, 0, made.blob, made.chunks[0], made.pages[0])[drop]


def test_bitmap_tracker_with_small_bitmaps(tmp_path):
    """6.16 and 6.17: 512 bytes each, several in a page."""
    m = Machine(at=0x40FF_E000)
    made = m.handover(PFNS, kho=1)
    page = m.put()
    bits = 512 * 8
    elements: dict[int, int] = {}
    assert {order for _, order in made.blocks} == {0}
    for phys, _ in made.blocks:
        number, bit = divmod(phys >> 12, bits)
        at = page + 512 * elements.setdefault(number, len(elements))
        old = m.memory[page][at - page + (bit >> 3)]
        m.poke(at + (bit >> 3), "<B", old | 1 << (bit & 7))
    body = b"".join(struct.pack("<QQ", n * bits << 12, page + 512 * i) for n, i in elements.items())
    chunk = m.put(struct.pack("<QII", 0, 0, len(elements)) + body)
    m.swap(made.root, struct.pack("<Q", made.tracker), struct.pack("<Q", chunk))
    (h,) = _decode(tmp_path, m, page_size=4096)
    assert (h.tracker, h.walk.preserved.bits) == ("complete", bits)


def test_bitmap_tracker_damage(tmp_path, subtests):
    for layout, offset, value, state, word in (
        ("<Q", 0, 0x1001, "partial", "is not page aligned"),
        ("<Q", 0, 1 << 60, "partial", "is not a physical address"),
        ("<I", 8, 64, "gone", "order 64"),
        ("<I", 12, 4096, "partial", "announces"),
        ("<Q", 16, 4096, "gone", "is not one that a kernel makes"),
        ("<Q", 24, 0, "gone", "null pointer"),
    ):
        with subtests.test(word):
            m = Machine(arch="x86_64")
            made = m.handover(PFNS, kho=1)
            m.poke(made.tracker + offset, layout, value)
            (h,) = _decode(tmp_path, m)
            first = [*h.walk.damaged, *h.walk.odd][0].message
            assert (word in first, h.tracker) == (True, state), first
    m = Machine(arch="x86_64")
    made = m.handover(PFNS, kho=1)
    m.poke(made.tracker, "<Q", made.tracker)
    (h,) = _decode(tmp_path, m)
    assert (h.tracker, h.hwpoison.pfns.tolist()) == ("partial", PFNS)
    assert "reached twice" in " ".join(p.message for p in h.problems)


@pytest.mark.parametrize("name", ["hwpoison@0", "hwpoison"])
def test_a_unit_address_does_not_hide_the_node(name, tmp_path):
    from hwpkho.abi import kho as roots

    m = Machine(arch="x86_64")
    made = m.handover(PFNS)
    tree = roots.parse(m.memory[made.root]).tree.root
    certain(tree.find("hwpoison")).name = name
    m.memory[made.root] = fdt.build(tree).ljust(4096, b"\0")
    (h,) = _decode(tmp_path, m)
    assert h.hwpoison.pfns.tolist() == PFNS


def test_compatible_in_a_list_and_nops(tmp_path):
    from hwpkho.abi import kho as roots

    m = Machine(arch="x86_64")
    made = m.handover(PFNS)
    tree = roots.parse(m.memory[made.root]).tree.root
    tree.properties[0] = fdt.Property("compatible", b"kho-v9\0kho-v4\0", 0)
    tree.properties.insert(0, fdt.Property("x", b"", 0))
    raw = bytearray(fdt.build(tree))
    at = raw.index(struct.pack(">II", 3, 0))  # the property without a value
    raw[at : at + 12] = struct.pack(">III", 4, 4, 4)
    m.memory[made.root] = bytes(raw).ljust(4096, b"\0")
    (h,) = _decode(tmp_path, m)
    assert h.hwpoison.pfns.tolist() == PFNS
    assert "HP202" not in {p.code for p in h.problems}


@pytest.mark.parametrize(("address", "size"), [(1, 1), (2, 1), (1, 2), (2, 2), (3, 1)])
def test_chosen_of_a_root_without_cells_is_read_as_the_kernel_does(address, size):
    """A cell each (OF_ROOT_NODE_*_DEFAULT), and no value of another length."""
    numbers = (0x6000_0000).to_bytes(4 * address, "big") + (0x1000).to_bytes(4 * size, "big")
    named = [fdt.Property(name, numbers, 0) for name in ("linux,kho-fdt", "linux,kho-scratch")]
    root = fdt.Node("", children=[fdt.Node("chosen", properties=named)])
    boot = from_chosen(fdt.parse(fdt.build(root)))
    assert (boot is not None) == (address == size == 1)
    assert boot is None or boot.scratch_addr == 0x6000_0000
