"""What encode writes, seen by others: dtc, libfdt, pyelftools, readelf."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from elftools.elf.elffile import ELFFile
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.abi import fdt
from hwpkho.abi.kexec_metadata import KexecMetadata
from hwpkho.badpages.model import BadPages
from hwpkho.base.listing import Listing
from hwpkho.encode import devicetree
from hwpkho.encode.builder import build
from hwpkho.encode.request import Request
from hwpkho.encode.targets import elf as elf_target
from hwpkho.encode.targets.base import ToWrite
from hwpkho.encode.targets.registry import TARGETS
from hwpkho.encode.targets.saving import save
from hwpkho.errors import InputError, UsageError
from tests.support import FIXTURES, certain
from tests.support.examples import some

TREES = sorted((FIXTURES / "memmaps-binary").glob("*.dtb"))
#: Debian's pylibfdt belongs to the system's own python.
LIBFDT = """
import json, libfdt, sys
tree = libfdt.FdtRo(open(sys.argv[1], "rb").read())
found = {}
def node(at, path):
    here = found[path] = {}
    prop = tree.first_property_offset(at, libfdt.QUIET_NOTFOUND)
    while prop >= 0:
        value = tree.get_property_by_offset(prop)
        here[value.name] = bytes(value).hex()
        prop = tree.next_property_offset(prop, libfdt.QUIET_NOTFOUND)
    below = tree.first_subnode(at, libfdt.QUIET_NOTFOUND)
    while below >= 0:
        node(below, path.rstrip("/") + "/" + tree.get_name(below))
        below = tree.next_subnode(below, libfdt.QUIET_NOTFOUND)
node(0, "/")
print(json.dumps(found))
"""


def dts(path: Path) -> list[str]:
    run = subprocess.run(
        ["dtc", "-q", "-I", "dtb", "-O", "dts", str(path)], capture_output=True, check=True
    )
    return run.stdout.decode("latin-1").splitlines()


def libfdt(path: Path) -> Any:
    python = "/usr/bin/python3"
    have = Path(python).exists() and subprocess.run(
        [python, "-c", "import libfdt"], capture_output=True, check=False
    )
    if not have or have.returncode:
        pytest.skip("python3-libfdt is not installed")
    run = subprocess.run([python, "-c", LIBFDT, str(path)], capture_output=True, check=True)
    return json.loads(run.stdout)


needs_dtc = pytest.mark.skipif(shutil.which("dtc") is None, reason="dtc is not installed")


def handover(kho: int = 4, revision=None, size: int = 4096):
    return build(
        Request(
            Listing([7, 9]),
            size,
            "arm64",
            kho,
            revision,
            metadata=KexecMetadata("7.3.4", 3) if kho > 1 else None,
            at=0x6000_0000,
            scratch=((0x5000_0000, 1 << 26),),
        )
    )


FORMS = [(1, "fdt-v1"), (2, "struct-v1"), (3, "fdt-v1"), (4, "struct-v1"), (4, "fdt-v1")]


def trees_of(layout, folder) -> list[Path]:
    """Write the FDTs of a handover to files: the pages, as they stand in memory."""
    memory = dict(layout.pieces)
    paths = [folder / "root"]
    paths[0].write_bytes(memory[layout.root])
    if layout.blob.revision == "fdt-v1":
        paths.append(folder / "blob")
        paths[1].write_bytes(memory[layout.blob_phys])
    return paths


@needs_dtc
@pytest.mark.parametrize("form", FORMS)
def test_dtc_takes_every_tree(form, tmp_path, subtests):
    for path in trees_of(handover(*form), tmp_path):
        with subtests.test(path.name):
            text = "\n".join(dts(path))
            assert ("kho-v" in text) != ("hwpoison-v1" in text)


@pytest.mark.parametrize(("kho", "revision"), some(FORMS, 4))
def test_libfdt_reads_every_tree(kho, revision, tmp_path, subtests):
    layout = handover(kho, revision)
    paths = trees_of(layout, tmp_path)
    root = libfdt(paths[0])
    assert bytes.fromhex(root["/"]["compatible"]) == f"kho-v{kho}\0".encode()
    assert int.from_bytes(bytes.fromhex(root["/"]["preserved-memory-map"]), "little") == (
        layout.memory_map
    )
    for sub in layout.subtrees:
        with subtests.test(sub.name):
            properties = root[f"/{sub.name}"].items()
            node = {k: int.from_bytes(bytes.fromhex(v), "little") for k, v in properties}
            want = {"fdt" if kho == 1 else "preserved-data": sub.phys}
            assert node == want | ({"blob-size": sub.size} if kho > 2 else {})
    if revision == "fdt-v1":
        blob = libfdt(paths[1])["/"]
        assert bytes.fromhex(blob["count"]) == (2).to_bytes(8, "little")
        assert bytes.fromhex(blob["pfns"]) == layout.blob.vmalloc.build()


@needs_dtc
@pytest.mark.parametrize("path", TREES, ids=lambda p: p.stem)
def test_only_chosen_is_edited(path, tmp_path):
    edited = tmp_path / "edited.dtb"
    edited.write_bytes(
        devicetree.edit(path.read_bytes(), "t", (0x6000_0000, 4096), (0x1_6000_B000, 32))
    )
    before, after = dts(path), dts(edited)
    added = [line.strip() for line in after if line not in before]
    assert added == [
        "linux,kho-fdt = <0x00 0x60000000 0x00 0x1000>;",
        "linux,kho-scratch = <0x01 0x6000b000 0x00 0x20>;",
    ]
    assert [line for line in after if line.strip() not in added] == before
    chosen = libfdt(edited)["/chosen"]
    assert chosen["linux,kho-fdt"] == "00000000600000000000000000001000"


def tree(root: fdt.Node, **more) -> bytes:
    return fdt.build(root, **more)


def prop(name: str, value: bytes) -> fdt.Property:
    return fdt.Property(name, value, 0)


def edit(blob: bytes, address: int = 0x6000_0000) -> fdt.Tree:
    return fdt.parse(devicetree.edit(blob, "t.dtb", (address, 4096), (0x7000_0000, 16)))


def test_chosen_is_made_and_properties_are_replaced():
    one = edit(tree(fdt.Node("", children=[fdt.Node("cpus")]), boot_cpuid=3, reserve=[(1, 2)]))
    assert [c.name for c in one.root.children] == ["cpus", "chosen"]
    assert (one.boot_cpuid, one.reserve) == (3, [(1, 2)])
    two = edit(devicetree.edit(tree(one.root), "t", (1, 2), (3, 4)))
    assert [p.name for p in two.root.children[1].properties] == [
        "linux,kho-fdt", "linux,kho-scratch",
    ]  # fmt: skip
    assert two.root.children[1].properties[0].value.hex() == "60000000" + "00001000"


def test_the_library_keeps_no_reservations_of_other_trees():
    first = edit(tree(fdt.Node(""), reserve=[(0x1000, 0x1000)]))
    second = edit(tree(fdt.Node("")))
    assert (first.reserve, second.reserve) == ([(0x1000, 0x1000)], [])


def test_cells(subtests):
    # Without the properties Linux takes a cell each, and nothing for a value of another length.
    bare = edit(tree(fdt.Node(""))).root.children[0]
    assert certain(bare.get("linux,kho-fdt")).hex() == "6000000000001000"
    with pytest.raises(UsageError, match="#address-cells of / allows"):
        edit(tree(fdt.Node("")), 1 << 32)
    small = fdt.Node("", properties=[prop("#address-cells", b"\0\0\0\1")])
    assert (
        certain(edit(tree(small)).root.children[0].get("linux,kho-fdt")).hex() == "6000000000001000"
    )
    with pytest.raises(UsageError, match="does not fit into the 1 cell"):
        edit(tree(small), 1 << 32)
    for value in (b"\0\0\0\3", b"\0\0\0\0", b"", b"\0\0\0\0\0\0\0\2"):
        with subtests.test(repr(value)), pytest.raises(InputError, match="#size-cells"):
            edit(tree(fdt.Node("", properties=[prop("#size-cells", value)])))


WORD = {name: number.to_bytes(4, "big") for name, number in (("b", 1), ("e", 2), ("p", 3))}


def late_property() -> bytes:
    """A property behind a subnode: dtc reads it, libfdt does not see it."""
    body = (
        WORD["b"] + bytes(4) + WORD["b"] + b"chosen\0\0" + WORD["e"]
        + WORD["p"] + bytes(8) + WORD["e"] + (9).to_bytes(4, "big")
    )  # fmt: skip
    head = [0xD00DFEED, 56 + len(body) + 2, 56, 56 + len(body), 40, 17, 16, 0, 2, len(body)]
    return b"".join(n.to_bytes(4, "big") for n in head) + bytes(16) + body + b"x\0"


@pytest.mark.parametrize(
    ("blob", "words"),
    [
        (late_property(), "after a subnode"),
        (tree(fdt.Node("", children=[fdt.Node("x"), fdt.Node("x")])), "cannot be edited"),
        (tree(fdt.Node("", properties=[prop("a", b""), prop("a", b"")])), "cannot be edited"),
        (tree(fdt.Node("", children=[fdt.Node("\xe9")])), "cannot be edited"),
        (tree(fdt.Node("", properties=[prop("x_with_references", b"")])), "without changing"),
        (tree(fdt.Node("", children=[fdt.Node("/")])), "without changing"),
        (tree(fdt.Node("", children=[fdt.Node(str(i)) for i in range(1025)])), "more than 1024"),
        (tree(fdt.Node("", properties=[prop("x" * 65536, b"")])), "more than can be edited"),
        (tree(fdt.Node(""))[:-4], "FDT"),
        (bytes((2 << 20) + 1), "longer than"),
    ],
)
def test_trees_that_are_refused(blob, words):
    with pytest.raises(InputError, match=words) as raised:
        edit(blob)
    assert str(raised.value).startswith("t.dtb: ")


NAMES = st.text("abcdefgh,-@", min_size=1, max_size=8)
PROPS = st.dictionaries(
    NAMES, st.one_of(st.binary(max_size=20), st.sampled_from([b"A\0B\0", b"ABCDEFG\0"])), max_size=4
)


@st.composite
def nodes(draw, name="", depth=2):
    children = draw(st.sets(NAMES, max_size=3)) if depth else set()
    return fdt.Node(
        name,
        properties=[prop(k, v) for k, v in draw(PROPS).items()],
        children=[draw(nodes(c, depth - 1)) for c in sorted(children)],
    )


def plain(node: fdt.Node):
    return node.name, [(p.name, p.value) for p in node.properties], list(map(plain, node.children))


@given(root=nodes())
def test_editing_changes_nothing_else(root):
    after = edit(tree(root)).root
    chosen = after.children.pop()
    assert chosen.name == "chosen"
    assert [p.name for p in chosen.properties] == ["linux,kho-fdt", "linux,kho-scratch"]
    assert plain(after) == plain(root)


@given(data=st.data())
def test_damaged_trees_are_refused_or_edited(data):
    blob = bytearray(TREES[-1].read_bytes() if data.draw(st.booleans()) else late_property())
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, min(len(blob), 600) - 1))
        blob[at] = data.draw(st.integers(0, 255))
    try:
        raw = devicetree.edit(bytes(blob), "t.dtb", (0x6000_0000, 4096), (0x7000_0000, 16))
    except (InputError, UsageError):
        return
    assert fdt.parse(raw, fdt.DTB_LIMITS).error is None


@pytest.mark.parametrize("size", [4096, 16384, 65536])
def test_pyelftools_reads_the_core(size):
    layout = handover(size=size)
    out = io.BytesIO()
    elf_target.TARGET.write(ToWrite(BadPages("none", Listing()), layout), out)
    core = ELFFile(out)
    assert core.get_machine_arch() == "AArch64"
    assert core["e_type"] == "ET_CORE"
    segments: list[Any] = list(core.iter_segments())
    note, *loads = segments
    (text,) = [n["n_desc"] for n in note.iter_notes() if n["n_name"] == "HWPKHO"]
    raw = text if isinstance(text, bytes) else bytes.fromhex(text.replace(" ", ""))
    assert json.loads(raw) == {
        "kho_fdt": list(layout.kho_fdt),
        "kho_scratch": list(layout.kho_scratch),
        "page_size": size,
        "arch": "arm64",
    }
    assert [(s["p_paddr"], s["p_filesz"]) for s in loads] == layout.extents()
    assert [s["p_vaddr"] for s in loads] == [s["p_paddr"] for s in loads]
    assert [s["p_offset"] for s in loads if s["p_offset"] % size] == []
    joined = b"".join(bytes(data) for _, data in layout.pieces)
    assert b"".join(s.data() for s in loads) == joined


@pytest.mark.skipif(shutil.which("readelf") is None, reason="binutils are not installed")
def test_readelf_does_not_complain(tmp_path):
    path = tmp_path / "core"
    first = 0x6000_0000 >> 12
    scattered = Request(Listing(range(first, first + 400, 2)), capacity=99 * 512, at=first << 12)
    save(
        TARGETS["elf"],
        ToWrite(BadPages("none", Listing()), build(scattered)),
        str(path),
        None,
        None,
        force=False,
    )
    run = subprocess.run(
        ["readelf", "-hln", str(path)], capture_output=True, check=True, env={"LC_ALL": "C"}
    )
    assert run.stderr == b""
    assert b"HWPKHO" in run.stdout
    assert run.stdout.count(b"  LOAD ") == len(build(scattered).extents())
