"""Handovers with one thing wrong each, and what a kernel made of them.

A damage is a function that changes a sound scene. Group "kernel": the kernel's own code judges it
(kho_populate(), the tracker walk, kho_restore_vmalloc()). Group "consumer": the consumer of the
list judges it; where that is our module, a result is a regression test and no evidence.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hwpkho.abi import fdt, kho
from hwpkho.abi.scratch import build_scratch
from hwpkho.abi.tracker import radix
from hwpkho.encode import devicetree
from hwpkho.images.raw import write_segments
from tests.kernel import handing, lists
from tests.support.handovers import Machine, Made

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.kernel import rig

Group = Literal["kernel", "consumer"]
#: Nothing of the guests' RAM, and nothing of their devices, is there.
NOWHERE = 0x8_0000_0000
#: RAM that nobody has marked preserved.
LOOSE = 0x6300_0000
_COUNT = 20
#: Page sizes; what was not built (16 KiB, unless it is asked for) is skipped.
SIZES = (4096, 16384, 65536)


@dataclass
class Scene:
    """A handover, and how it is handed over.

    Attributes:
        machine: Its memory.
        made: Where its parts are.
        pfns: What the list says.
        areas: Scratch.
        array: Address and length of the scratch array, bytes.
        root_size: Bytes that are handed over for the root FDT.
        tree: The root FDT as a tree; :meth:`write_root` puts it back.
    """

    machine: Machine
    made: Made
    pfns: list[int]
    areas: list[tuple[int, int]]
    array: tuple[int, int]
    tree: fdt.Node
    root_size: int

    @property
    def page(self) -> int:
        """Page size, bytes."""
        return self.machine.page_size

    def scratch(self, *areas: tuple[int, int]) -> None:
        """Hand over other scratch."""
        self.areas = list(areas)
        self.array = (self.machine.put(build_scratch(self.areas)), 16 * len(areas))

    def write_root(self) -> None:
        """Write the tree over the root FDT's page."""
        self.machine.memory[self.made.root] = fdt.build(self.tree).ljust(self.page, b"\0")

    def property(self, name: str, value: bytes | None, node: str | None = None) -> None:
        """Set a property of the root FDT, or take it away."""
        where = self.tree if node is None else self.tree.find(node)
        assert where is not None
        before = len(where.properties)
        where.properties = [p for p in where.properties if p.name != name]
        assert len(where.properties) == before - 1
        if value is not None:
            where.properties.insert(0, fdt.Property(name, value, 0))
        self.write_root()

    def header(self, offset: int, layout: str, *values: int) -> None:
        """Overwrite a field of the struct revision's blob."""
        self.machine.poke(self.made.blob + offset, layout, *values)

    def chunk(self, slot: int, value: int, chunk: int = 0) -> None:
        """Overwrite a slot of a chunk; slot -1 is ``next``."""
        self.machine.poke(self.made.chunks[chunk] + 8 * (slot + 1), "<Q", value)

    def mark(self, blocks: list[tuple[int, int]]) -> None:
        """Give the handover another tracker, that marks just these."""
        tracker, nodes = self.machine.tracker(blocks, 4)
        self.machine.memory.update(nodes)
        self.made.tracker, self.made.nodes = tracker, list(nodes)
        self.property("preserved-memory-map", struct.pack("<Q", tracker))

    def without(self, *pages: int) -> None:
        """Leave pages unmarked."""
        self.mark([b for b in self.made.blocks if b[0] not in pages])

    def leaf_of(self, phys: int, order: int = 0) -> tuple[int, int]:
        """Return the address of the lowest node of a block's key, and of the entry above it."""
        shape = radix.geometry(self.page)
        key = radix.encode_key(phys, order, shape.shift)
        node, entry = self.made.tracker, 0
        for level in range(shape.levels - 1, 0, -1):
            entry = node + 8 * shape.slot(key, level)
            held = self.machine.memory[node]
            (node,) = struct.unpack_from("<Q", held, entry - node)
        return node, entry


@dataclass(frozen=True)
class Damage:
    """One way of breaking a handover.

    Attributes:
        name: For the test.
        group: Who judges it.
        change: What breaks it.
        options: Of :meth:`handovers.Machine.handover`.
        sizes: Page sizes it is tried with.
    """

    name: str
    group: Group
    change: Callable[[Scene], object]
    options: dict[str, Any] = field(default_factory=dict)
    sizes: tuple[int, ...] = SIZES


DAMAGES: list[Damage] = []


def damage(
    name: str,
    group: Group = "kernel",
    *,
    sizes: tuple[int, ...] = SIZES,
    **options: Any,
) -> Callable[[Callable[[Scene], object]], Callable[[Scene], object]]:
    """Register the function as a damage."""

    def add(change: Callable[[Scene], object]) -> Callable[[Scene], object]:
        DAMAGES.append(Damage(name, group, change, options, sizes))
        return change

    return add


def registered() -> list[Damage]:
    """Return the damages of all modules ``damages_*`` here."""
    for path in sorted(Path(__file__).parent.glob("damages_*.py")):
        import_module(f"tests.kernel.{path.stem}")
    return DAMAGES


def scene(kernel: rig.Kernel, options: dict[str, Any]) -> Scene:
    """Return a sound handover of three array pages for a kernel."""
    where = handing.ground(kernel, _COUNT)
    options = dict(options)
    pfns = options.pop("pfns", None)
    if pfns is None:
        pfns = lists.scattered(_COUNT, *where.bad, kernel.page_size)
    machine = Machine(kernel.page_size, at=where.place[0])
    options.setdefault("capacity", 3 * kernel.page_size // 8)
    made = machine.handover(pfns, **options)
    areas = [where.scratch]
    array = machine.put(build_scratch(areas))
    tree = kho.parse(machine.memory[made.root]).tree.root
    return Scene(machine, made, list(pfns), areas, (array, 16 * len(areas)), tree, kernel.page_size)


def save(scene: Scene, folder: Path, base_dtb: Path) -> None:
    """Write the segments, what a boot loader passes on, and the device tree that does."""
    folder.mkdir(parents=True)
    handed = (scene.made.root, scene.root_size)
    tree = devicetree.edit(base_dtb.read_bytes(), "base.dtb", handed, scene.array)
    (folder / "handover.dtb").write_bytes(tree)
    (folder / "handover.json").write_text(
        json.dumps({"kho_fdt": handed, "kho_scratch": scene.array, "page_size": scene.page})
    )
    write_segments(folder, [(phys, [data]) for phys, data in sorted(scene.machine.memory.items())])


def outcome(run: rig.Run, scene: Scene) -> str:
    """Return what the kernel did, in the words of ``hwpkho.validate/1``."""
    said = run.said()
    if run.crashed:
        return "crash"
    if not run.found:
        return "refused"
    if "no subtree: -2" in said and scene.tree.find("hwpoison") is None:
        return "absent"
    if any(x.startswith(("refused:", "no subtree:")) for x in said):
        return "dropped"
    return "replay" if run.restored is not None else "unknown"


def adjacent(s: Scene) -> int:
    """Move the array to three pages that touch, the first at an even place."""
    start = s.machine.put(pages=4)
    for i, page in enumerate(s.made.pages):
        s.machine.write(start + i * s.page, s.machine.memory.pop(page))
        s.chunk(i, start + i * s.page)
    s.made.blocks = [b for b in s.made.blocks if b[0] not in s.made.pages]
    s.made.pages = [start + i * s.page for i in range(3)]
    return start
