"""The root FDT of a handover, kho-v1 to kho-v4.

Source: include/linux/kho/abi/kexec_handover.h and kho_add_subtree(), kho_retrieve_subtree(),
kho_populate() in kernel/liveupdate/kexec_handover.c (Linux 7.3.4); kernel/kexec_handover.c for
kho-v1 (6.16 to 6.19).
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, Literal, NamedTuple

from hwpkho.abi import fdt
from hwpkho.base.counting import counted
from hwpkho.base.escape import printable
from hwpkho.base.registry import Registry
from hwpkho.errors import InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

HWPOISON = "hwpoison"
KEXEC_METADATA = "kexec-metadata"
LUO = "LUO"
MEMORY_MAP = "preserved-memory-map"
#: Patches on the mailing list append the versions of KHO's parts: ``kho-v4;radix-v1``.
_COMPATIBLE = re.compile(rb"kho-v[0-9]{1,3}(?:;[a-z0-9._-]{1,32}){0,8}")
#: That of a subtree's FDT: ``memblock-v1``.
_STRUCTURE = re.compile(rb"[a-z][a-z0-9_-]*[-_]v[0-9]{1,4}(?:;[a-z0-9._-]{1,32}){0,8}")
#: Bytes that hold the names of all properties of a root FDT.
_NAMES = 128
#: The most digits of a version's number.
_DIGITS = 3


class Version(NamedTuple):
    """One version of the KHO ABI.

    Attributes:
        number: 1 for kho-v1.
        kernels: The Linux releases that use it, for people.
        tracker: Form of the preserved-memory tracker, a name of
            :data:`hwpkho.abi.tracker.TRACKERS`.
        data: Name of the subnode property that holds the blob's address.
        sized: Whether the subnode has a ``blob-size``.
        fdts: Whether the blob of every subtree is an FDT.
        revision: The revision of the hwpoison blob that its producer is assumed to write, a name
            of :data:`hwpkho.abi.hwpoison.REVISIONS`.
        parts: Versions of parts that the compatible string names as well, as patches on the
            mailing list do: ``radix-v1``. A kernel accepts only a handover with the same parts as
            its own.
        luo: What its kernels take as the blob of LUO: ``structure``; ``tree`` where some of them
            take a device tree; ``none`` where some have no LUO.
    """

    number: int
    kernels: str
    tracker: str
    data: str = "preserved-data"
    sized: bool = True
    fdts: bool = False
    revision: str = "struct-v1"
    parts: tuple[str, ...] = ()
    luo: Literal["none", "tree", "structure"] = "structure"

    @property
    def name(self) -> str:
        """Its name in ``VERSIONS`` and on the command line: ``v4``."""
        return f"v{self.number}"

    @property
    def compatible(self) -> str:
        """The root node's compatible string: ``kho-v4``, or ``kho-v4;radix-v1`` with parts."""
        return ";".join((f"kho-v{self.number}", *self.parts))


V1 = Version(
    1, "6.16 to 6.19", "bitmap", data="fdt", sized=False, fdts=True, revision="fdt-v1", luo="none"
)
V2 = Version(2, "7.0", "radix-7.0", sized=False, luo="tree")
V3 = Version(3, "7.1", "radix", luo="tree")
# The series that made LUO a structure, "liveupdate: register luo_ser as KHO subtree", brought v4.
V4 = Version(4, "7.2, 7.3", "radix")

#: By name: ``v4``.
VERSIONS: Registry[Version] = Registry(
    "KHO version",
    {
        "v1": f"{__name__}:V1",
        "v2": f"{__name__}:V2",
        "v3": f"{__name__}:V3",
        "v4": f"{__name__}:V4",
    },
)
#: The version that encode writes by default, and that is assumed for the next kernel and for a root
#: FDT whose own version is unreadable.
DEFAULT = V4


def numbered(number: int) -> Version:
    """Return the version with this number. Raises UsageError for an unknown one."""
    name = f"v{number}"
    if name not in VERSIONS:
        raise UsageError(
            f"kho-{name} is not a known version; known are {', '.join(VERSIONS.names())}"
        )
    return VERSIONS[name]


def numbers() -> list[int]:
    """Return the numbers of all versions."""
    return [version.number for version in VERSIONS]


def named(name: str | int) -> Version:
    """Return the version that a user names: ``v4``, 4, or its whole compatible string.

    Raises UsageError for an unknown one.
    """
    if isinstance(name, int):
        return numbered(name)
    found = _of_string(name) if _COMPATIBLE.fullmatch(name.encode("ascii", "replace")) else None
    if found is not None:
        return found
    number = name.removeprefix("v")
    if number.isascii() and number.isdigit() and len(number) <= _DIGITS:
        return numbered(int(number))
    shown = printable(name if len(name) <= _NAMES else name[:_NAMES] + "…")
    raise UsageError(
        f'"{shown}" is not a known KHO version; known are {", ".join(VERSIONS.names())}'
    )


def _of_string(compatible: str) -> Version | None:
    """Return the version that a compatible string names, None for an unknown one."""
    own, *parts = compatible.split(";")
    found = VERSIONS.get(own.removeprefix("kho-"))
    if found is None or found.compatible != own:
        return None
    return found._replace(parts=tuple(parts))


BLOB_SIZE = "blob-size"
#: Where the structure block of a tree without reservations begins, bytes.
_CUT_STRUCT = fdt.HEADER_SIZE + 16


class SubtreeRef(NamedTuple):
    """One subnode of the root.

    Attributes:
        name: The node's name, unit address included.
        phys: Physical address of its blob, None where the property is missing or malformed.
        size: Registered size in bytes, None where this version has none or it is malformed.
        defect: Why the kernel refuses the subnode ("broken KHO subnode"), None where it does not.
        offset: Offset of the node in the FDT, bytes.
    """

    name: str
    phys: int | None
    size: int | None
    defect: str | None = None
    offset: int = 0


class RootFdt(NamedTuple):
    """The root FDT, as the next kernel's libfdt sees it.

    Attributes:
        compatible: The strings of the property, in order.
        version: The version of ``compatible`` as which the tree is read, None if none is known.
        memory_map: Physical address of the tracker; None where the kernel refuses the property.
        memory_map_defect: Why it refuses it, else None.
        totalsize: Of the FDT, bytes.
        subtrees: The subnodes in their order, which is newest first.
        tree: The tree itself.
        cut: Whether it was read from a copy that lacks its end; memory may hold more subtrees.
    """

    compatible: tuple[str, ...]
    version: Version | None
    memory_map: int | None
    memory_map_defect: str | None
    totalsize: int
    subtrees: tuple[SubtreeRef, ...]
    tree: fdt.Tree
    cut: bool = False

    def find(self, name: str) -> SubtreeRef | None:
        """Return the subtree that the kernel finds for ``name``: the first ``name[@unit]``."""
        return next((s for s in self.subtrees if s.name.split("@", 1)[0] == name), None)


def looks_like_root(page: bytes | memoryview) -> bool:
    """Tell cheaply whether a page that begins with the FDT magic may be a root FDT.

    It must have the compatible string, or "preserved-memory-map" at the beginning of its strings
    block: one of the two may be damaged.
    """
    data = bytes(page)
    if b"kho-v" in data and _COMPATIBLE.search(data) is not None:  # `in` is much cheaper
        return True
    names = int.from_bytes(data[12:16], "big")
    return MEMORY_MAP.encode() in data[names : names + _NAMES]


def parse(raw: bytes | memoryview) -> RootFdt:
    """Read the root FDT at the start of ``raw``.

    Raises InputError where libfdt refuses the header. Damage after the header is in ``tree.error``.
    """
    tree = fdt.parse(raw)
    root = tree.root
    # The last string needs no NUL of its own: libfdt finds one in the padding or the next token.
    strings = tuple(s.decode("latin-1") for s in (root.get("compatible") or b"").split(b"\0") if s)
    version = _written_as(strings, root.children)
    address, defect = _u64(root.get(MEMORY_MAP), MEMORY_MAP)
    if address == 0:
        address, defect = None, f"{MEMORY_MAP} is 0"
    subtrees = tuple(_subtree(node, version) for node in root.children)
    return RootFdt(strings, version, address, defect, tree.totalsize, subtrees, tree)


def _written_as(compatible: Iterable[str], nodes: Sequence[fdt.Node]) -> Version | None:
    """Return the version in which a tree was written, None where it names no known one.

    Of several that it names, this is the version that refuses the fewest of its nodes, and of these
    the newest.
    """
    known = [v for v in map(_of_string, compatible) if v is not None]
    if len(known) < 2:
        return next(iter(known), None)

    def refused(version: Version) -> int:
        return sum(_subtree(node, version).defect is not None for node in nodes)

    return min(known, key=lambda v: (refused(v), -v.number))


def read_by(root: RootFdt, version: Version) -> RootFdt:
    """Return the tree as a kernel of this version reads it; unchanged where it does not name it.

    A kernel accepts a root FDT if its own version is anywhere among the compatible strings
    (fdt_node_check_compatible() in kho_populate()), and then reads all of it as that version.
    """
    if version == root.version or version.compatible not in root.compatible:
        return root
    subtrees = tuple(_subtree(node, version) for node in root.tree.root.children)
    return root._replace(version=version, subtrees=subtrees)


def is_root(root: RootFdt) -> bool:
    """Tell whether the tree's compatible names a KHO version, known to hwpkho or not."""
    return any(_COMPATIBLE.fullmatch(s.encode("latin-1")) for s in root.compatible)


def is_structure(head: bytes) -> bool:
    """Tell whether an FDT is of a handover, and not the device tree of a machine.

    It is a root FDT or the blob of a subtree: ``compatible`` is a name with a version, without a
    vendor, and the root node has no ``#address-cells``, which that of a machine must have.
    """
    try:
        root = (parse_cut if (fdt.totalsize(head) or 0) > len(head) else parse)(head)
    except InputError:
        return False
    top = root.tree.root
    named = (top.get("compatible") or b"").split(b"\0", 1)[0]
    machine = root.cut or top.get("#address-cells") is not None
    return is_root(root) or (not machine and _STRUCTURE.fullmatch(named) is not None)


def _u64(value: bytes | None, name: str) -> tuple[int | None, str | None]:
    if value is None:
        return None, f"{name} is missing"
    if len(value) != 8:
        return None, f"{name} has {counted(len(value), 'byte')}, expected 8"
    number: int = struct.unpack("<Q", value)[0]
    return number, None


def _subtree(node: fdt.Node, version: Version | None) -> SubtreeRef:
    data = version.data if version else _data_of(node)
    phys, defect = _u64(node.get(data), data)
    size = None
    if node.get(BLOB_SIZE) is not None or (version and version.sized):
        size, size_defect = _u64(node.get(BLOB_SIZE), BLOB_SIZE)
        if version and version.sized:
            defect = defect or size_defect
    return SubtreeRef(node.name, phys, size, defect, node.offset)


def _data_of(node: fdt.Node) -> str:
    """Guess the name of the property with a blob's address, for a tree of an unknown version."""
    names = (v.data for v in VERSIONS if node.get(v.data) is not None)
    return next(names, DEFAULT.data)


def build(version: Version, memory_map: int, subtrees: Iterable[SubtreeRef]) -> bytes:
    """Return the packed root FDT, byte for byte as the kernel writes it.

    ``subtrees`` are newest first; ``memory_map`` is the tracker's physical address. Raises
    ValueError where a subtree lacks its address, or its size where the version has one.
    """
    root = fdt.Node(
        "",
        properties=[
            fdt.Property("compatible", version.compatible.encode() + b"\0", 0),
            fdt.Property(MEMORY_MAP, struct.pack("<Q", memory_map), 0),
        ],
    )
    for sub in subtrees:
        node = fdt.Node(sub.name)
        if sub.phys is None or (version.sized and sub.size is None):
            raise ValueError(f"subtree {sub.name} lacks its address or size")
        if version.sized and sub.size is not None:
            node.properties.append(fdt.Property(BLOB_SIZE, struct.pack("<Q", sub.size), 0))
        node.properties.append(fdt.Property(version.data, struct.pack("<Q", sub.phys), 0))
        root.children.append(node)
    return fdt.build(root, strings=_strings(version, bool(root.children)))


def _strings(version: Version, subtrees: bool) -> bytes:
    names: Sequence[str] = (MEMORY_MAP, "compatible")
    if subtrees:
        names = (*names, version.data, *((BLOB_SIZE,) if version.sized else ()))
    return b"".join(n.encode() + b"\0" for n in names)


def parse_cut(raw: bytes | memoryview) -> RootFdt:
    """Read the beginning of a root FDT whose end is missing: debugfs may cut it off.

    The strings block comes last, so the names of properties are lost. The kernel always writes the
    same names at the same offsets, so these are assumed. Incomplete nodes are left out. Raises
    InputError where not even the header is complete.
    """
    data = bytes(raw)
    if len(data) < fdt.HEADER_SIZE or data[:4] != fdt.MAGIC:
        raise InputError(f"FDT header: {counted(len(data), 'byte')}, needs {fdt.HEADER_SIZE}")
    words = list(struct.unpack_from(">10I", data))
    total, off_struct = words[1], words[2]
    body = data[off_struct : off_struct + words[9]]
    version = _cut_version(body)
    strings = _strings(version, subtrees=True)
    root = parse(_together(words, body, strings))
    return root._replace(
        subtrees=tuple(s for s in root.subtrees if s.defect is None),
        totalsize=total,
        version=version,
        memory_map_defect=root.memory_map_defect if root.tree.root.get(MEMORY_MAP) else None,
        cut=True,
    )


def salvage(raw: bytes | memoryview) -> RootFdt | None:
    """Read what is left of a root FDT that libfdt refuses; None without a tracker's address.

    As :func:`parse_cut`, but ignores the header too, which may be damaged like the names. The
    result shows which handover the page belongs to; no kernel would read it.
    """
    body = bytes(raw)[_CUT_STRUCT:]
    version = _cut_version(body)
    words = [int.from_bytes(fdt.MAGIC, "big"), 0, 0, 0, 0, 17, 16, 0, 0, 0]
    # A fresh header instead of the damaged one.
    root = parse(_together(words, body, _strings(version, subtrees=True)))
    return root._replace(version=version) if root.memory_map is not None else None


def _together(words: list[int], body: bytes, strings: bytes) -> bytes:
    """Return a tree of a fixed-up header, no reservations, a structure block and strings."""
    off_strings = _CUT_STRUCT + len(body)
    words[1:5] = off_strings + len(strings), _CUT_STRUCT, off_strings, fdt.HEADER_SIZE
    words[8:10] = len(strings), len(body)
    head = struct.pack(">10I", *words).ljust(_CUT_STRUCT, b"\0")
    return head + body + strings


def _cut_version(body: bytes) -> Version:
    match = _COMPATIBLE.search(body)
    return (match and _of_string(match[0].decode())) or DEFAULT
