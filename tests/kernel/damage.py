"""The damages that hwpkho knows, done to handovers for the rig's guests, and what a kernel did.

What is broken and how is :mod:`hwpkho.encode.damage`; here stands where the guests have RAM and
what is handed to them. Where the consumer of the list judges (``by_kernel`` False), that is our
module, and a result is a regression test and no evidence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hwpkho.abi.kexec_metadata import KexecMetadata
from hwpkho.abi.kho import HWPOISON
from hwpkho.badpages.model import BadPages
from hwpkho.base.listing import Listing
from hwpkho.encode import devicetree
from hwpkho.encode.damage.base import FDT
from hwpkho.encode.damage.draft import Draft
from hwpkho.encode.damage.registry import DAMAGES
from hwpkho.encode.request import Request
from hwpkho.encode.targets import segments
from hwpkho.encode.targets.base import ToWrite
from tests.kernel import handing, lists

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hwpkho.encode.damage.base import Damage
    from hwpkho.encode.layout import Layout
    from tests.kernel import rig

_COUNT = 20
#: Tried with pages of 4 KiB alone: nothing in the code that judges them depends on the page size.
_ONCE = {
    "all-ram-marked", "another-block-marked", "chunk-goes-on-behind-its-end", "data-4-bytes",
    "data-across-two-pages", "entries-swapped", "fdt-size-ignored", "flags-none", "map-4-bytes",
    "next-outside-ram-behind-too-many", "no-metadata", "node-with-unit-address", "order-11",
    "order-11-of-single-pages", "order-31", "order-32", "order-64", "root-begins-with-nop",
    "root-compatible-missing", "root-size-0", "root-struct-outside", "root-version-16",
    "scratch-length-24", "scratch-two-areas", "size-4-bytes", "size-larger",
    "tracker-pages-marked",
}  # fmt: skip
#: Tried with smaller pages, which take less memory.
_NOT_64K = {
    "fdt-pfns-8-bytes", "metadata-outside-ram", "next-not-aligned", "next-with-high-bits",
    "order-1-not-aligned", "scratch-ends-inside-a-page", "scratch-over-the-handover",
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A handover to try.

    Attributes:
        name: For the test.
        damage: What is done to it, None for a sound one.
        options: Of the request, where they are not the usual ones.
    """

    name: str
    damage: Damage | None
    options: dict[str, Any]

    @property
    def group(self) -> str:
        """Who judges it: the kernel's own code, or the consumer of the list."""
        return "kernel" if self.damage is None or self.damage.by_kernel else "consumer"

    @property
    def sizes(self) -> Sequence[int]:
        """The page sizes that it is tried with; what was not built is skipped."""
        if self.name in _ONCE:
            return (4096,)
        return (4096, 16384) if self.name in _NOT_64K else (4096, 16384, 65536)

    @property
    def revision(self) -> str:
        """The revision of the blob: that which the damage can be done to."""
        fdt = self.damage is not None and FDT in self.damage.needs
        return "fdt-v1" if fdt else "struct-v1"

    def request(self, page_size: int) -> Request:
        """Return the request for a guest with pages of this size: an array of three pages."""
        where = handing.ground(page_size, _COUNT)
        usual = {
            "pfns": Listing(lists.scattered(_COUNT, *where.bad, page_size)),
            "revision": self.revision,
            "capacity": 3 * page_size // 8,
            "metadata": KexecMetadata("7.3.4", 0),
        }
        return Request(
            page_size=page_size, arch="arm64", at=where.place[0],
            ram=((handing.RAM, where.memory << 20),), scratch=(where.scratch,),
            **{**usual, **self.options},
        )  # fmt: skip


#: What each kernel must take.
SOUND = [
    Case("sound", None, {}),
    Case("no-metadata", None, {"metadata": None}),
    Case("order-1-sound", None, {"order": 1, "capacity": 1}),
]


def cases() -> list[Case]:
    """Return all of them."""
    return [*SOUND, *(Case(damage.name, damage, {}) for damage in DAMAGES)]


@dataclass
class Scene:
    """A handover for a guest.

    Attributes:
        draft: Where its parts are and what they hold.
        layout: The same, as it is written.
        pfns: What the list says.
    """

    draft: Draft
    layout: Layout
    pfns: list[int]


def scene(case: Case, page_size: int) -> Scene:
    """Make it."""
    draft = Draft.of(case.request(page_size))
    pfns = list(draft.request.pfns)
    if case.damage is None:
        return Scene(draft, draft.layout, pfns)
    case.damage.change(draft)
    broken = draft.broken(case.damage.name, case.damage.about)
    return Scene(draft, broken, [] if case.name == "list-empty" else pfns)


def save(layout: Layout, folder: Path, base_dtb: Path) -> None:
    """Write the segments, what a boot loader passes on, and the device tree that does."""
    folder.mkdir(parents=True)
    tree = devicetree.edit(base_dtb.read_bytes(), "base.dtb", layout.kho_fdt, layout.kho_scratch)
    segments.TARGET.fill(ToWrite(BadPages("list", layout.pfns), layout), folder, tree)


def outcome(run: rig.Run, scene: Scene) -> str:
    """Return what the kernel did, in the words of ``hwpkho.validate/1``."""
    said = run.said()
    if run.crashed:
        return "crash"
    if not run.found:
        return "refused"
    if "no subtree: -2" in said and scene.draft.tree.find(HWPOISON) is None:
        return "absent"
    if any(x.startswith(("refused:", "no subtree:")) for x in said):
        return "dropped"
    return "replay" if run.restored is not None else "unknown"
