"""What the running kernel counts: HardwareCorrupted, and memory failures of each node.

Source: fs/proc/meminfo.c; drivers/base/node.c, Documentation/ABI/stable/sysfs-devices-node.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.base import confining, opening
from hwpkho.base.digits import unsigned
from hwpkho.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CORRUPTED = re.compile(r"^HardwareCorrupted:[ \t]*([0-9]{1,18}) kB[ \t\r]*$", re.MULTILINE)
_BLOCK = re.compile(r"memory([0-9]{1,9})")
#: Blocks that are looked at, at most: 128 TiB in blocks of 128 MiB.
_MAX_BLOCKS = 1 << 20
_NODE = re.compile(r"node([0-9]{1,5})")
#: Nodes that are looked at, at most: MAX_NUMNODES of the largest kernels.
_MAX_NODES = 1 << 10
_MAX_NUMBER = 64
#: The files of a node's ``memory_failure``; ``total`` is the sum of the others.
RESULTS = ("total", "ignored", "failed", "delayed", "recovered")


class NodeFailures(NamedTuple):
    """How memory_failure() ended on one node since boot, in pages.

    Attributes:
        node: Its number.
        counts: By a name of :data:`RESULTS`; a file that cannot be read is left out.
    """

    node: int
    counts: dict[str, int]


def corrupted(meminfo: str) -> int | None:
    """Return HardwareCorrupted, bytes; None where the kernel does not count it."""
    found = _CORRUPTED.search(meminfo)
    return None if found is None else int(found[1]) << 10


def is_meminfo(text: str) -> bool:
    """Tell whether a text is that of /proc/meminfo, with HardwareCorrupted or without."""
    return text.startswith("MemTotal:")


def nodes(root: Path) -> list[NodeFailures]:
    """Return the counters of every node, ascending; empty where there are none.

    ``root`` is the folder that stands for ``/``.
    """
    found = []
    for number, folder in _nodes(root):
        counts = {}
        for name in RESULTS:
            try:
                text = opening.small(str(folder / "memory_failure" / name), _MAX_NUMBER)
            except InputError:
                continue
            number_of = unsigned(text.decode("ascii", "replace").strip())
            if number_of is not None and number_of < 1 << 64:
                counts[name] = number_of
        if counts:
            found.append(NodeFailures(number, counts))
    return found


def _nodes(root: Path) -> Iterator[tuple[int, Path]]:
    folder = root / "sys/devices/system/node"
    numbers = sorted(int(m[1]) for name in _names(folder) if (m := _NODE.fullmatch(name)))
    for number in numbers[:_MAX_NODES]:
        yield number, folder / f"node{number}"


def blocks(root: Path) -> list[tuple[int, int, int]]:
    """Return the memory blocks of nodes: node, start and end (exclusive, bytes), by start.

    Empty where the kernel does not show them (CONFIG_MEMORY_HOTPLUG). Source:
    Documentation/admin-guide/mm/memory-hotplug.rst; block_size_bytes is in hex.
    """
    try:
        text = opening.small(str(root / "sys/devices/system/memory/block_size_bytes"), _MAX_NUMBER)
    except InputError:
        return []
    size = unsigned("0x" + text.decode("ascii", "replace").strip())
    if not size or size > 1 << 50:
        return []
    found: list[tuple[int, int, int]] = []
    for number, folder in _nodes(root):
        for name in _names(folder):
            match = _BLOCK.fullmatch(name)
            if match and len(found) < _MAX_BLOCKS:
                start = int(match[1]) * size
                found.append((number, start, start + size))
    return sorted(found, key=lambda block: block[1])


def _names(folder: Path) -> list[str]:
    try:
        confining.check_inside(str(folder))
        return [entry.name for entry in folder.iterdir()]
    except (InputError, OSError):
        return []
