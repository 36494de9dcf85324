"""The device tree codec: round trips, hostile bytes, and the opinion of dtc and libfdt."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.abi import fdt
from hwpkho.errors import InputError
from tests.support import captures, certain

NAME = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="/"), max_size=12
)
VALUE = st.binary(max_size=40)
PROPERTIES = st.lists(
    st.builds(fdt.Property, NAME.filter(bool), VALUE, st.just(0)),
    max_size=4,
    unique_by=lambda p: p.name,
)


def _nodes(children):
    return st.builds(
        fdt.Node,
        NAME.filter(bool),
        st.just(0),
        PROPERTIES,
        st.lists(children, max_size=3, unique_by=lambda n: n.name),
    )


LEAVES = st.builds(fdt.Node, NAME.filter(bool), st.just(0), PROPERTIES)
TREES = st.recursive(LEAVES, _nodes, max_leaves=12)


def _plain(node):
    """Return a tree as plain data, without offsets."""
    return (
        node.name,
        [(p.name, p.value) for p in node.properties],
        [_plain(c) for c in node.children],
    )


@given(
    TREES,
    st.lists(st.tuples(st.integers(1, 2**64 - 1), st.integers(1, 2**64 - 1)), max_size=3),
    st.sampled_from([40, 48]),
    st.integers(0, 2**32 - 1),
)
def test_what_is_built_reads_back(root, reserve, off_reserve, cpu):
    root.name = ""
    blob = fdt.build(root, reserve=reserve, off_reserve=off_reserve, boot_cpuid=cpu)
    tree = fdt.parse(blob + b"\xee" * 7, fdt.DTB_LIMITS)
    assert tree.error is None
    assert _plain(tree.root) == _plain(root)
    assert (tree.reserve, tree.boot_cpuid, tree.totalsize) == (reserve, cpu, len(blob))
    again = fdt.build(
        tree.root, strings=tree.strings, reserve=reserve, off_reserve=off_reserve, boot_cpuid=cpu
    )
    assert again == blob


@given(TREES, st.data())
def test_damage_never_escapes(root, data):
    root.name = ""
    blob = bytearray(fdt.build(root))
    for at, value in data.draw(
        st.lists(st.tuples(st.integers(0, len(blob) - 1), st.integers(0, 255)), max_size=6)
    ):
        blob[at] = value
    cut = data.draw(st.integers(0, len(blob)))
    for damaged in (bytes(blob), bytes(blob[:cut])):
        try:
            tree = fdt.parse(damaged)
        except InputError:
            continue
        assert tree.totalsize - tree.missing <= len(damaged)


@given(st.binary(max_size=200))
def test_random_bytes_never_escape(data):
    head = struct.pack(">10I", 0xD00DFEED, 40 + len(data), 56, 40, 40, 17, 16, 0, 8, len(data))
    for blob in (data, fdt.MAGIC + data, head + data):
        try:
            tree = fdt.parse(blob)
        except InputError:
            continue
        assert tree.totalsize - tree.missing <= len(blob)


def _header(**changes):
    names = ("magic", "total", "struct", "strings", "reserve", "version", "last", "cpu",
             "n_strings", "n_struct")  # fmt: skip
    blob = fdt.build(fdt.Node("", properties=[fdt.Property("a", b"1234", 0)]))
    words = dict(zip(names, struct.unpack_from(">10I", blob), strict=True)) | changes
    return struct.pack(">10I", *words.values()) + blob[40:]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"magic": 1}, "magic 0x00000001"),
        ({"version": 15}, "version 15"),
        ({"last": 18}, "last compatible 18"),
        ({"total": 39}, "totalsize 39"),
        ({"total": (1 << 31) - 1}, "totalsize 2147483647"),
        ({"total": 4096, "n_strings": 4000}, "only 90 bytes"),
        ({"struct": 8}, "structure block 8"),
        ({"struct": 1 << 31}, "structure block"),
        ({"strings": 1 << 31}, "strings block"),
        ({"n_strings": 1 << 31}, "strings block"),
        ({"n_struct": 1 << 31}, "structure block"),
        ({"reserve": 0}, "memory reservation block"),
        ({"struct": 58, "n_struct": 4}, "not aligned"),
        ({"reserve": 44}, "not aligned"),
        ({"version": 16, "last": 16, "struct": 1 << 30}, "structure block"),
    ],
)
def test_headers_that_libfdt_refuses(change, complaint):
    with pytest.raises(InputError, match=complaint):
        fdt.parse(_header(**change))


def test_short_blobs(subtests):
    for n in (0, 4, 7, 8, 39):
        with subtests.test(str(n)), pytest.raises(InputError, match=f"{n} bytes, needs 40"):
            fdt.parse(_header()[:n])
    assert fdt.totalsize(b"") is None
    assert fdt.totalsize(_header()[:7]) is None
    assert fdt.totalsize(b"\0" * 8) is None
    assert fdt.totalsize(_header()[:8]) == len(_header())


def test_version_16_has_no_structure_size():
    tree = fdt.parse(_header(version=16, n_struct=0))
    assert (tree.error, tree.root.get("a")) == (None, b"1234")


def _tree(*words, strings=b"name\0", reserve=bytes(16)):
    body = b"".join(w if isinstance(w, bytes) else struct.pack(">I", w) for w in words)
    start = 40 + len(reserve)
    head = struct.pack(
        ">10I", 0xD00DFEED, start + len(body) + len(strings), start, start + len(body), 40, 17, 16,
        0, len(strings), len(body),
    )  # fmt: skip
    return fdt.parse(head + reserve + body + strings)


EMPTY = b"\0\0\0\0"
PROP = (3, 4, 0, b"1234")


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ((), "without END"),
        ((1, EMPTY), "without END"),
        ((1, EMPTY, 9), "END inside a node"),
        ((9,), "does not begin with a node"),
        ((4, 1, EMPTY, 2, 9), "does not begin with a node"),
        ((1, EMPTY, 2, 2, 9), "END_NODE without a node"),
        ((1, EMPTY, 2, 3, 0, 0, 9), "property outside any node"),
        ((1, EMPTY, 2, 1, EMPTY, 2, 9), "second root node"),
        ((1, EMPTY, 2, 7), "unknown token 0x7"),
        ((1, b"abcd"), "node name"),
        ((1, EMPTY, 3, 4), "is cut off"),
        ((1, EMPTY, 3, 1 << 31, 0, 2, 9), "reach past the structure block"),
        ((1, EMPTY, 3, 0, 5, 2, 9), "outside the strings"),
        ((1, EMPTY, 3, 0, 1 << 31, 2, 9), "outside the strings"),
        ((1, EMPTY) * 9 + (2,) * 9 + (9,), "8 levels"),
        ((1, EMPTY, *(1, EMPTY, 2) * 4096, 2, 9), "4096 nodes"),
    ],
)
def test_damaged_structure(words, error):
    assert error in _tree(*words).error


def test_what_stands_before_the_damage_is_kept():
    tree = _tree(1, EMPTY, *PROP, 1, b"sub\0", 2, 7)
    assert tree.root.get("name") == b"1234"
    assert [c.name for c in tree.root.children] == ["sub"]


def test_what_libfdt_tolerates():
    tree = _tree(1, EMPTY, 4, *PROP, 4, 1, b"sub\0", 4, 2, 4, 2, 4, 9, 7, 7)
    assert tree.error is None
    assert tree.root.get("name") == b"1234"
    # libfdt stops looking for properties at the first child.
    assert _tree(1, EMPTY, 1, b"sub\0", 2, *PROP, 2, 9).root.get("name") is None
    # Of two equal names the first counts.
    twice = _tree(1, EMPTY, *PROP, 3, 4, 0, b"5678", 2, 9)
    assert twice.root.get("name") == b"1234"


def test_reservations():
    assert _tree(1, EMPTY, 2, 9, reserve=struct.pack(">4Q", 1, 2, 0, 0)).reserve == [(1, 2)]
    endless = _tree(1, EMPTY, 2, 9, reserve=struct.pack(">2Q", 1, 2))
    assert "no end" in endless.error
    four = fdt.build(fdt.Node("", 0, [], []), reserve=[(n << 13, 4096) for n in range(1, 5)])
    assert fdt.parse(four, (8, 4)).error is None
    assert fdt.parse(four, (8, 3)).error == "more than 3 memory reservations"


def test_find_and_walk():
    tree = _tree(1, EMPTY, 1, b"a@1\0", 1, b"b\0\0\0", 2, 2, 1, b"a\0\0\0", 2, 2, 9)
    assert tree.root.find("a").name == "a@1"
    assert tree.root.find("a@1").name == "a@1"
    assert tree.root.find("a@2") is None
    assert [path for path, _ in tree.root.walk()] == ["/", "/a@1", "/a@1/b", "/a"]


def test_names_with_nul_are_not_written():
    with pytest.raises(ValueError, match="NUL"):
        fdt.build(fdt.Node("a\0b"))


# --- other readers


def _captured():
    """Yield ``(where, bytes)`` of every FDT that the captures hold."""
    for name in captures.NAMES:
        seen = set()
        for phys, page in captures.pages(name).items():
            size = fdt.totalsize(page)
            if page[:4] != fdt.MAGIC or size is None or size > 4096:
                continue
            blob = page[:size]
            if fdt.parse(
                blob
            ).error:  # a file of debugfs in the page cache, cut as the kernel cuts it
                continue
            if blob not in seen:
                seen.add(blob)
                yield f"{name}-{phys:x}", blob


CAPTURED = dict(_captured())

#: Run by the system's python, which is where Debian puts libfdt: prints each tree as JSON.
_LIBFDT = """
import json, sys, libfdt
def node(f, at):
    props, p = [], f.first_property_offset(at, libfdt.QUIET_NOTFOUND)
    while p >= 0:
        x = f.get_property_by_offset(p)
        props.append([x.name, bytes(x).hex()])
        p = f.next_property_offset(p, libfdt.QUIET_NOTFOUND)
    kids, k = [], f.first_subnode(at, libfdt.QUIET_NOTFOUND)
    while k >= 0:
        kids.append(node(f, k))
        k = f.next_subnode(k, libfdt.QUIET_NOTFOUND)
    return [f.get_name(at), props, kids]
for line in sys.stdin:
    f = libfdt.FdtRo(bytes.fromhex(line))
    print(json.dumps([f.totalsize(), f.num_mem_rsv(), node(f, 0)]), flush=True)
"""
_PYTHON = "/usr/bin/python3"


def _has_libfdt():
    try:
        return not subprocess.run(
            [_PYTHON, "-c", "import libfdt"], capture_output=True, check=False
        ).returncode
    except OSError:
        return False


needs_libfdt = pytest.mark.skipif(not _has_libfdt(), reason="python3-libfdt is not installed")
needs_dtc = pytest.mark.skipif(not shutil.which("dtc"), reason="dtc is not installed")


@pytest.fixture(scope="module")
def libfdt():
    """Return a function that reads one tree with the libfdt of another process."""
    with subprocess.Popen(
        [_PYTHON, "-c", _LIBFDT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:

        def read(blob):
            certain(process.stdin).write(blob.hex() + "\n")
            certain(process.stdin).flush()
            return json.loads(certain(process.stdout).readline())

        yield read
        certain(process.stdin).close()


def _as_libfdt(blob):
    tree = fdt.parse(blob)
    assert tree.error is None

    def node(n):
        return [
            n.name,
            [[p.name, p.value.hex()] for p in n.properties],
            [node(c) for c in n.children],
        ]

    return [tree.totalsize, len(tree.reserve), node(tree.root)]


def test_the_captures_hold_trees_of_all_kinds():
    compatibles = {fdt.parse(b).root.get("compatible") for b in CAPTURED.values()}
    assert {b"kho-v4\0", b"memblock-v1\0", b"hwpoison-v1\0"} <= compatibles
    assert len(CAPTURED) > 30


@needs_libfdt
@pytest.mark.parametrize("where", CAPTURED)
def test_libfdt_reads_the_same(where, libfdt):
    assert _as_libfdt(CAPTURED[where]) == libfdt(CAPTURED[where])


@needs_dtc
@pytest.mark.parametrize("where", CAPTURED)
def test_dtc_reads_the_same(where, tmp_path):
    blob = CAPTURED[where]
    (tmp_path / "in.dtb").write_bytes(blob)
    done = subprocess.run(
        ["dtc", "-q", "-I", "dtb", "-O", "dtb", "-o", tmp_path / "out.dtb", tmp_path / "in.dtb"],
        capture_output=True,
        check=True,
    )
    assert done.stderr == b""
    theirs = fdt.parse((tmp_path / "out.dtb").read_bytes())
    assert _plain(theirs.root) == _plain(fdt.parse(blob).root)


@needs_libfdt
@given(root=TREES)
def test_libfdt_reads_what_we_write(libfdt, root):
    root.name = ""
    blob = fdt.build(root)
    assert _as_libfdt(blob) == libfdt(blob)


@pytest.mark.parametrize("where", CAPTURED)
def test_captured_trees_rebuild_to_the_same_bytes(where):
    blob = CAPTURED[where]
    tree = fdt.parse(blob)
    off_reserve = struct.unpack_from(">I", blob, 16)[0]
    rebuilt = fdt.build(tree.root, strings=tree.strings, off_reserve=off_reserve)
    if struct.unpack_from(">I", blob, 8)[0] == off_reserve + 16:
        assert rebuilt == blob
    else:  # memblock's has two terminators of its reservations
        assert _plain(fdt.parse(rebuilt).root) == _plain(tree.root)


def test_a_name_outside_the_strings_is_passed_over():
    tree = _tree(1, EMPTY, 3, 4, 99, b"1234", *PROP, 2, 9)
    assert tree.root.get("name") == b"1234"
    assert "outside the strings" in tree.error
    tree = _tree(1, EMPTY, 3, 4, 5, b"1234", *PROP, 2, 9, strings=b"name\0more")
    assert tree.root.get("name") == b"1234"
    assert "name offset 5 has no end" in tree.error


def _old(version, body):
    """Return a tree with an older header, of which libfdt believes fewer words."""
    blob = bytearray(fdt.build(body))
    struct.pack_into(">II", blob, 20, version, version)
    return fdt.parse(bytes(blob))


@pytest.mark.parametrize("version", [1, 2, 3, 15, 16, 18])
def test_header_versions(version):
    if version in (1, 18):
        with pytest.raises(InputError, match="version"):
            _old(version, fdt.Node(""))
    else:
        assert _old(version, fdt.Node("")).version == version


def test_names_and_values_before_version_16():
    """Names are paths there, and values of 8 bytes and more are aligned."""
    eight = fdt.Property("a", bytes(range(8)), 0)
    tree = _old(15, fdt.Node("", properties=[eight, fdt.Property("b", b"1234", 0)]))
    assert tree.root.get("a") != eight.value
    sub = fdt.Node("", children=[fdt.Node("/sub"), fdt.Node("plain")])
    tree = _old(15, sub)
    assert tree.root.find("sub")
    assert tree.root.find("plain") is None
    assert "needs a path" in tree.error


def test_a_header_that_wants_a_later_version():
    blob = bytearray(fdt.build(fdt.Node("")))
    struct.pack_into(">II", blob, 20, 16, 17)
    with pytest.raises(InputError, match="version 16"):
        fdt.parse(bytes(blob))
