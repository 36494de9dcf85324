"""Copies of single structures: a folder copied from /sys/kernel/debug/kho, a root FDT, a blob.

Source: kernel/liveupdate/kexec_handover_debugfs.c (Linux 7.3.4): ``{in,out}/fdt``,
``{in,out}/sub_fdts/NAME``, ``out/scratch_phys`` and ``out/scratch_len`` (one hex number a line for
each area). A patch on the mailing list moves them to /sys/kernel/debug/liveupdate/kho_{in,out};
scripts for bug reports copy them as ``kho-in`` and ``kho-out``, with the scratch files beside them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.abi import fdt
from hwpkho.abi import kho as roots
from hwpkho.base import opening, places
from hwpkho.base.counting import counted
from hwpkho.base.digits import unsigned
from hwpkho.base.escape import printable, quoted
from hwpkho.codes import Problem, problem
from hwpkho.codes.image import CUT_ROOT, UNREADABLE_FILE
from hwpkho.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from hwpkho.abi.role import Role

#: The most bytes of a file of the debugfs folder; a kernel shows single pages.
MAX_FILE = 1 << 20
_MAX_SUBTREES = 4096
_KHO, _BLOBS = "kho", "sub_fdts"
#: The two sides (folders), by all their names → role; incoming first.
SIDES: dict[str, Role] = {
    "in": "in", "kho_in": "in", "kho-in": "in", "out": "out", "kho_out": "out", "kho-out": "out",
}  # fmt: skip
#: Files that scripts put beside the sides.
BESIDE = ("scratch_phys", "scratch_len")
#: Folders in which ``cp -r`` may have put the sides.
_WITHIN = (_KHO, "liveupdate")
#: What a folder has one of if :func:`holds_debugfs` is true of it.
PARTS = frozenset({*SIDES, *_WITHIN, _BLOBS})


class DebugfsCopy:
    """Copies of the structures of one handover.

    Attributes:
        name: The folder or file they come from, printable.
        role: ``in`` or ``out`` by the debugfs folder, None where unknown.
        fdt: The root FDT, possibly cut off; None where not copied.
        subtrees: Node name → blob.
        scratch: The areas ``(start, size)``, bytes; None where not copied.
        problems: Files that could not be used.
        unreadable: Names of the subtrees among them.
    """

    def __init__(
        self,
        name: str,
        role: Role | None = None,
        fdt: bytes | None = None,
        subtrees: dict[str, bytes] | None = None,
    ) -> None:
        self.name, self.role, self.fdt = name, role, fdt
        self.subtrees = subtrees or {}
        self.scratch: tuple[tuple[int, int], ...] | None = None
        self.problems: list[Problem] = []
        self.unreadable: set[str] = set()

    @property
    def label(self) -> str:
        """Its name in problems, without the path on the user's machine."""
        return _label(self.name, self.role)

    @property
    def cut(self) -> bool:
        """Whether the copy of the root FDT ends before its totalsize."""
        return self.fdt is not None and (fdt.totalsize(self.fdt) or 0) > len(self.fdt)

    def cut_problem(self) -> Problem:
        """Return the warning about a copy of the root FDT that is cut off."""
        raw = self.fdt or b""
        return problem(
            CUT_ROOT,
            f"{self.label}/fdt has {len(raw)} of {fdt.totalsize(raw)} bytes: its property names "
            "are lost, values are taken from where the kernel always puts them",
        )

    def root(self) -> roots.RootFdt | None:
        """Parse the copy of the root FDT, None where there is none.

        Raises InputError where even its header is damaged.
        """
        if self.fdt is None:
            return None
        read = roots.parse_cut if self.cut else roots.parse
        try:
            return read(self.fdt)
        except InputError as error:
            raise InputError(f"{self.name}: {error}") from error


def _label(name: str, role: Role | None) -> str:
    return f"{_KHO}/{role}" if role else name.rpartition("/")[2]


def is_debugfs(folder: Path) -> bool:
    """Tell whether a folder has the sides of /sys/kernel/debug/kho, by any of their names."""
    # Most folders have no side at all, and a batch checks every folder: test for sides first.
    return any(
        places.exists(side / what)
        for side in map(folder.__truediv__, SIDES)
        if places.exists(side)
        for what in ("fdt", _BLOBS, "scratch_phys")
    )


def holds_debugfs(folder: Path) -> bool:
    """Tell whether :func:`read_debugfs` can read a folder: a copy, its parent, or one side."""
    return (
        is_debugfs(folder)
        or any(is_debugfs(folder / name) for name in _WITHIN if places.exists(folder / name))
        or places.is_folder(folder / _BLOBS)
    )


def read_debugfs(folder: Path) -> list[DebugfsCopy]:
    """Read a copy of /sys/kernel/debug/kho; the incoming side comes first.

    ``folder`` is the copy, a folder into which ``cp -r`` put it, or one of its two sides. Raises
    InputError where there is neither a root FDT nor a subtree, or the scratch files are invalid.
    """
    if is_debugfs(folder):
        sides = ((folder / name, role) for name, role in SIDES.items())
        copies = [_side(side, role) for side, role in sides if places.is_folder(side)]
    elif within := next((name for name in _WITHIN if is_debugfs(folder / name)), None):
        return read_debugfs(folder / within)
    else:
        copies = [_side(folder, _role_of(folder))]
    found = [c for c in copies if c.fdt or c.subtrees or c.scratch or c.problems]
    if not any(c.fdt or c.subtrees for c in found):
        raise InputError(f"{printable(str(folder))}: no root FDT and no subtree in this folder")
    beside = _areas(folder / "scratch_phys", folder / "scratch_len")
    scratch = next((c.scratch for c in found if c.scratch), beside)
    for c in found:
        c.scratch = c.scratch or scratch  # both handovers of a machine have the same areas
    return [c for c in found if c.fdt or c.subtrees or c.problems]


def _role_of(side: Path) -> Role | None:
    """Return the role of one side: ``out`` if it has scratch files, else by the folder's name."""
    if places.exists(side / "scratch_phys"):
        return "out"
    return SIDES.get(side.resolve().name)


def _side(folder: Path, role: Role | None) -> DebugfsCopy:
    copy = DebugfsCopy(printable(str(folder)), role)
    root = folder / "fdt"
    if places.exists(root):
        raw = _read(root)
        if raw[:4] == fdt.MAGIC and len(raw) >= fdt.HEADER_SIZE:
            copy.fdt = raw
        else:
            copy.problems.append(_unusable(f"{copy.label}/fdt", raw))
    blobs = folder / _BLOBS
    held = places.inside(blobs) if places.is_folder(blobs) else []
    names = [p for p in held if not places.is_folder(p)]
    if len(names) > _MAX_SUBTREES:
        raise InputError(f"{printable(str(blobs))}: more than {_MAX_SUBTREES} files")
    for path in names:
        raw = _read(path)
        if raw:
            copy.subtrees[path.name] = raw
        else:
            shown = f"{copy.label}/{_BLOBS}/{printable(path.name)}"
            copy.problems.append(_unusable(shown, raw))
            copy.unreadable.add(path.name)
    copy.scratch = _areas(folder / "scratch_phys", folder / "scratch_len")
    return copy


def _unusable(name: str, raw: bytes) -> Problem:
    what = "is empty" if not raw else f"is not an FDT ({counted(len(raw), 'byte')})"
    return problem(UNREADABLE_FILE, f"{name} {what}")


def _read(path: Path) -> bytes:
    raw = opening.small(str(path), MAX_FILE)
    if len(raw) > MAX_FILE:
        raise InputError(f"{printable(str(path))}: more than {MAX_FILE} bytes")
    return raw


def _areas(phys: Path, length: Path) -> tuple[tuple[int, int], ...] | None:
    if not places.exists(phys) or not places.exists(length):
        return None
    starts, sizes = _numbers(phys), _numbers(length)
    if len(starts) != len(sizes):
        raise InputError(
            f"{printable(str(phys))} has {counted(len(starts), 'area')}, {printable(str(length))} "
            f"{len(sizes)}"
        )
    return tuple(zip(starts, sizes, strict=True))


def _numbers(path: Path) -> list[int]:
    numbers = []
    for line, text in enumerate(_read(path).decode("ascii", "replace").split("\n"), 1):
        word = text.strip().strip("\0")
        if not word:
            continue
        number = unsigned(word, 16)
        if number is None:
            raise InputError(
                f"{printable(str(path))}: line {line}: {quoted(word)} is not a hex number"
            )
        numbers.append(number)
    return numbers
