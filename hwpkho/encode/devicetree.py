"""Puts the addresses of a handover into /chosen of a device tree, for the next kernel.

``linux,kho-fdt`` and ``linux,kho-scratch`` are ``<address size>`` in the root's cells; source:
drivers/of/fdt.c early_init_dt_check_kho() and drivers/of/kexec.c (Linux 7.3.4). The tree is read
by our own reader, which sees what libfdt sees; the ``fdt`` package holds and writes the edited
one, and what it wrote is read again and compared.
"""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any

from hwpkho.abi import fdt as codec
from hwpkho.base.counting import counted
from hwpkho.base.escape import printable
from hwpkho.errors import InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

KHO_FDT, KHO_SCRATCH = "linux,kho-fdt", "linux,kho-scratch"

#: Bytes of the largest device tree that arm64 maps (MAX_FDT_SIZE).
MAX_DTB = 2 << 20
#: The time that the package takes grows with the square of a node's children and with items ×
#: strings. Real trees have a few hundred children in a node, some 20 000 items and 20 KiB of
#: strings.
_MAX_CHILDREN, _MAX_ITEMS, _MAX_STRINGS = 1024, 1 << 16, 1 << 16


def edit(blob: bytes, source: str, kho_fdt: tuple[int, int], kho_scratch: tuple[int, int]) -> bytes:
    """Return the device tree ``blob`` with both properties in /chosen.

    ``kho_fdt`` and ``kho_scratch`` are ``(address, size)`` in bytes; ``source`` names the tree in
    messages. /chosen is made where it is missing, and properties of these names are replaced.
    Raises InputError for a tree that is damaged, too large, or would lose something else, and
    UsageError where a number does not fit into the root's cells.
    """
    if len(blob) > MAX_DTB:
        raise InputError(f"{source}: a device tree of {len(blob)} bytes is longer than {MAX_DTB}")
    try:
        tree = codec.parse(blob, codec.DTB_LIMITS)
    except InputError as error:
        raise InputError(f"{source}: {error}") from error
    if tree.error:
        raise InputError(f"{source}: {tree.error}")
    if tree.late:
        raise InputError(
            f"{source}: {counted(tree.late, 'property comes', 'properties come')} after a subnode "
            "of the node"
        )
    _check_size(tree, source)
    values = {
        KHO_FDT: _cells(tree.root, kho_fdt, source),
        KHO_SCRATCH: _cells(tree.root, kho_scratch, source),
    }
    _set_chosen(tree.root, values)
    raw = _write(tree, source)
    if not _same(raw, tree):
        raise InputError(f"{source}: this tree cannot be written back without changing it")
    return raw


def _same(raw: bytes, tree: codec.Tree) -> bool:
    try:
        again = codec.parse(raw, codec.DTB_LIMITS)
    except InputError:
        return False
    kept = (again.error, again.reserve, again.boot_cpuid)
    return kept == (None, tree.reserve, tree.boot_cpuid) and _content(again.root) == _content(
        tree.root
    )


def _check_size(tree: codec.Tree, source: str) -> None:
    items = 0
    for path, node in tree.root.walk():
        items += 1 + len(node.properties)
        if len(node.children) > _MAX_CHILDREN or len(node.properties) > _MAX_CHILDREN:
            raise InputError(
                f"{source}: more than {_MAX_CHILDREN} children in {printable(path[-60:])}"
            )
    if items > _MAX_ITEMS or len(tree.strings) > _MAX_STRINGS:
        raise InputError(f"{source}: {items} nodes and properties are more than can be edited")


def _cells(root: codec.Node, pair: tuple[int, int], source: str) -> bytes:
    value = b""
    for name, number in zip(("#address-cells", "#size-cells"), pair, strict=True):
        raw = root.get(name)
        cells = codec.DEFAULT_CELLS if raw is None else int.from_bytes(raw, "big")
        if (raw is not None and len(raw) != 4) or not 1 <= cells <= 2:
            raise InputError(f"{source}: {name} of / is not <1> or <2>")
        if number >> 32 * cells:
            raise UsageError(
                f"{source}: 0x{number:x} does not fit into the {cells} cell that {name} of / allows"
            )
        value += number.to_bytes(4 * cells, "big")
    return value


def _set_chosen(root: codec.Node, values: Mapping[str, bytes]) -> None:
    """Put the properties into /chosen, in place of those that are there."""
    chosen = root.find("chosen")
    if chosen is None:
        chosen = codec.Node("chosen")
        root.children.append(chosen)
    chosen.properties = [p for p in chosen.properties if p.name not in values]
    chosen.properties += [codec.Property(name, value, 0) for name, value in values.items()]


def _package() -> Any:
    """Import the ``fdt`` package, hiding what Python warns of when it compiles version 0.3.3.

    Invalid escapes in it would be a SyntaxError under ``-W error``, and noise on stderr without.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # Python 3.12 and later
        warnings.simplefilter("ignore", DeprecationWarning)  # 3.11
        return import_module("fdt")


def _write(tree: codec.Tree, source: str) -> bytes:
    fdt = _package()
    try:
        # Without entries, all trees of the process would share the package's default list.
        out = fdt.FDT(
            header=fdt.Header(),
            entries=[{"address": address, "size": size} for address, size in tree.reserve],
        )
        _fill(fdt, out.root, tree.root)
        raw: bytes = out.to_dtb(version=17, last_comp_version=16, boot_cpuid_phys=tree.boot_cpuid)
    except Exception as error:  # the package raises bare Exception and asserts
        why = printable(str(error))[:80]
        raise InputError(f"{source}: cannot be edited: {why}") from error
    return raw


def _fill(fdt: Any, out: Any, node: codec.Node) -> None:
    """Copy a node into a node of the ``fdt`` package; depth is limited by the reader."""
    for prop in node.properties:
        # As bytes always: the package would guess a type from the value.
        out.append(fdt.PropBytes(prop.name, data=prop.value))
    for child in node.children:
        below = fdt.Node(child.name)
        _fill(fdt, below, child)
        out.append(below)


def _content(node: codec.Node) -> tuple[Any, ...]:
    """Return a tree's content without offsets, to compare it."""
    properties = [(p.name, p.value) for p in node.properties]
    return node.name, properties, [_content(child) for child in node.children]
