"""What a damage is, what it may need of a handover, and who judges it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.abi.kho import KEXEC_METADATA, VERSIONS, Version
from hwpkho.abi.tracker import TRACKERS
from hwpkho.abi.tracker.radix import RadixTracker
from hwpkho.abi.vmalloc import slots
from hwpkho.base.options import areas, called, option

if TYPE_CHECKING:
    from hwpkho.encode.damage.draft import Draft
    from hwpkho.encode.request import Request

Change = Callable[["Draft"], object]

# The code that reads what is broken. All but the last is of the kernel itself,
# kernel/liveupdate/kexec_handover.c (Linux 7.3.4).
POPULATE = "kho_populate()"
TRACKER = "the walk over the tracker"
SUBTREE = "kho_retrieve_subtree()"
METADATA = "the reader of kexec-metadata"
RESTORE = "kho_restore_vmalloc()"
CONSUMER = "the consumer of the list"


class Need(NamedTuple):
    """Something that a handover must have so that a damage can be done to it.

    Attributes:
        text: The need in words, for the list of damages.
        lacks: Returns None where a request meets it, else the option that would.
    """

    text: str
    lacks: Callable[[Request], str | None]


class Damage(NamedTuple):
    """One way of breaking a handover.

    Attributes:
        name: Its name in ``DAMAGES``.
        about: What is broken, in a line.
        judge: The code that reads it: :data:`CONSUMER`, or which code of the kernel.
        change: Breaks a sound handover.
        needs: What the sound handover must have.
    """

    name: str
    about: str
    judge: str
    change: Change
    needs: tuple[Need, ...] = ()

    @property
    def by_kernel(self) -> bool:
        """Whether the kernel's own code reads it, and not a consumer of the list."""
        return self.judge != CONSUMER


class Damages(list[Damage]):
    """The damages of a module, in its order."""

    def damage(self, name: str, about: str, judge: str, *needs: Need) -> Callable[[Change], Change]:
        """Return a decorator that adds a function as the damage ``name``."""

        def add(change: Change) -> Change:
            self.append(Damage(name, about, judge, change, needs))
            return change

        return add


def _versions(fit: Callable[[Version], bool]) -> str:
    """Return the option that chooses a KHO version, with all versions that ``fit``."""
    *others, last = (called(str(v.number), v.name) for v in VERSIONS if fit(v))
    return option("kho", f"{', '.join(others)} or {last}" if others else last)


def _not_only_fdts(version: Version) -> bool:
    return not version.fdts


def _has_tree(version: Version) -> bool:
    return isinstance(TRACKERS[version.tracker], RadixTracker)


def _struct(request: Request) -> str | None:
    if request.version.fdts:
        return _versions(_not_only_fdts)
    return None if request.wanted_revision == "struct-v1" else option("revision", "struct-v1")


def _fdt(request: Request) -> str | None:
    return None if request.wanted_revision == "fdt-v1" else option("revision", "fdt-v1")


def _one_chunk(request: Request) -> str | None:
    most = slots(request.page_size) - 2
    if request.total_pages <= most:
        return None
    return f"{option('capacity', most * request.page_size // 8)} or less, and a list that fits"


def _metadata(request: Request) -> str | None:
    if KEXEC_METADATA in dict(request.all_subtrees):
        return None
    if request.version.fdts:
        return _versions(_not_only_fdts)
    return f"{option('kexec_count', 1)}, and leave no kexec-metadata out"


def _first(areas: tuple[tuple[int, int], ...]) -> int:
    """Return the size of the first area, 0 where there is none."""
    return areas[0][1] if areas else 0


#: The blob is a struct, not an FDT.
STRUCT = Need("revision struct-v1", _struct)
FDT = Need("revision fdt-v1", _fdt)
SINGLE = Need("an array of single pages", lambda r: option("order", 0) if r.order else None)
ONE_CHUNK = Need("an array in one chunk", _one_chunk)
SCRATCH = Need("scratch", lambda r: None if r.scratch else areas("scratch"))
TWO_PAGES = Need(
    "a first scratch area of two pages or more",
    lambda r: None if _first(r.scratch) >= 2 * r.page_size else areas("scratch"),
)
RAM = Need("the RAM to be named", lambda r: None if r.ram else areas("ram"))
META = Need("kexec-metadata", _metadata)
TREE = Need(
    "a tracker that is a radix tree",
    lambda r: None if _has_tree(r.version) else _versions(_has_tree),
)
SIZED = Need("a blob-size", lambda r: None if r.version.sized else _versions(lambda v: v.sized))


def pages(count: int) -> Need:
    """Return the need for an array of ``count`` pages or more."""

    def lacks(request: Request) -> str | None:
        if request.total_pages >= count:
            return None
        return option("capacity", (count - 1) * request.page_size // 8 + 1)

    return Need(f"an array of {count} pages or more", lacks)
