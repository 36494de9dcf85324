"""Matches copies from debugfs with the handovers in memory that they are copies of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.abi import kho as roots
from hwpkho.abi.kexec_metadata import KexecMetadata
from hwpkho.base.counting import counted
from hwpkho.base.escape import printable
from hwpkho.codes import Problem, problem
from hwpkho.codes.image import COPY_OLDER
from hwpkho.errors import InputError
from hwpkho.handover import find_root
from hwpkho.handover.subtrees.registry import reader_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from hwpkho.abi.role import Role
    from hwpkho.handover.debugfs import DebugfsCopy
    from hwpkho.images.base import Source

#: The address of the tracker is within so many first bytes of a root FDT.
_TELLING = 128


def belongs(copy: DebugfsCopy, candidates: Sequence[find_root.Candidate], source: Source) -> bool:
    """Tell whether a copy is one of a root FDT among ``candidates``."""
    return any(
        same(copy, c.root, find_root.read_root_page(source.look, c.phys), source)
        for c in candidates
    )


def same(copy: DebugfsCopy, root: roots.RootFdt, page: bytes, source: Source) -> bool:
    """Tell whether a copy is one of this handover, by what it contains.

    Compares the root FDT's bytes, else the tracker's address, else kexec-metadata, else the
    hwpoison blob.
    """
    raw = copy.fdt or b""
    if len(raw) >= _TELLING and raw[: root.totalsize] == page[: min(len(raw), root.totalsize)]:
        return True
    own = copy.root()
    # A copy that is cut off before the tracker's address does not record it.
    if own is not None and (own.memory_map is not None or not copy.cut):
        return own.memory_map == root.memory_map
    for name in (roots.KEXEC_METADATA, roots.HWPOISON):
        if name in copy.subtrees:
            return _in_memory(name, copy.subtrees[name], root, source) == copy.subtrees[name]
    return False


def by_role(copy: DebugfsCopy, root: roots.RootFdt, role: Role | None) -> bool:
    """Tell whether a copy that has no bytes to compare has this handover's role and subtree names.

    Reading the debugfs file of a subtree that points to no memory kills the reader, so the copy may
    consist of nothing but an empty file.
    """
    comparable = copy.fdt is not None or any(
        name in copy.subtrees for name in (roots.KEXEC_METADATA, roots.HWPOISON)
    )
    names = {*copy.subtrees, *copy.unreadable}
    return (
        not comparable
        and role is not None
        and copy.role == role
        and names <= {s.name for s in root.subtrees}
    )


def compare(
    copy: DebugfsCopy, root: roots.RootFdt, page: bytes, source: Source, phys: int | None
) -> list[Problem]:
    """Return notes where a copy and memory differ for a known reason.

    Raises InputError where they differ otherwise.
    """
    if copy.fdt is not None:
        n = min(len(copy.fdt), root.totalsize)
        if copy.fdt[:n] != page[:n]:
            raise InputError(
                f"{copy.name}: the root FDT differs from the one at 0x{phys or 0:x} in "
                f"{source.name}: not one machine at one moment"
            )
    notes: list[Problem] = []
    for name, raw in copy.subtrees.items():
        there = _in_memory(name, raw, root, source)
        if there is None or there == raw:
            continue
        newer = _newer(name, raw, there)
        if newer is None:
            raise InputError(
                f"{copy.name}: subtree {printable(name)} differs from the one in "
                f"{source.name}: not one machine at one moment"
            )
        message = f"{copy.label}: subtree {printable(name)} was copied earlier: {newer}"
        notes.append(problem(COPY_OLDER, message))
    return notes


def check_apart(copy: DebugfsCopy, real: Sequence[find_root.Candidate], source: Source) -> None:
    """Raise InputError where a copy that matches no root FDT in memory contradicts the memory."""
    root = copy.root()
    for name, raw in copy.subtrees.items():
        there = _in_memory(name, raw, root, source) if root else None
        if there is not None and there != raw and _newer(name, raw, there) is None:
            raise InputError(
                f"{copy.name}: subtree {printable(name)} differs from what is at its address in "
                f"{source.name}: not one machine at one moment"
            )
    try:
        count = KexecMetadata.parse(copy.subtrees.get(roots.KEXEC_METADATA, b"")).kexec_count
    except ValueError:
        return
    for c in real:
        if c.kexec_count == count:
            raise InputError(
                f"{copy.name}: another handover than the one at 0x{c.phys:x} in {source.name}, and "
                f"both are made after {counted(count, 'kexec')}: not one machine at one moment"
            )


def check_sides(copies: Sequence[DebugfsCopy]) -> None:
    """Raise InputError where copies of the same side have different root FDTs.

    Copies may be cut off, so each is compared with the longest one before it.
    """
    seen: dict[Role, tuple[DebugfsCopy, bytes]] = {}
    for copy in copies:
        if copy.role is None or copy.fdt is None:
            continue
        other, raw = seen.setdefault(copy.role, (copy, copy.fdt))
        n = min(len(raw), len(copy.fdt))
        if raw[:n] != copy.fdt[:n]:
            side = "incoming" if copy.role == "in" else "outgoing"
            raise InputError(
                f"{other.name} and {copy.name} are both the {side} side, and differ: not one "
                "machine at one moment"
            )
        if n < len(copy.fdt):
            seen[copy.role] = (copy, copy.fdt)


def join(copies: Sequence[DebugfsCopy]) -> list[DebugfsCopy]:
    """Merge two single files, a root FDT and a blob, into one copy; return others unchanged."""
    from_root = [c for c in copies if c.role is None and c.fdt is not None]
    loose = [c for c in copies if c.role is None and c.fdt is None]
    if len(from_root) == 1 and len(loose) == 1 and len(copies) == 2:
        root, blob = from_root[0], loose[0]
        root.subtrees |= blob.subtrees
        root.name = f"{root.name}, {blob.name}"
        return [root]
    return list(copies)


def released(root: roots.RootFdt, source: Source) -> Collection[str]:
    """Return the names of subtrees whose blob the kernel has freed at boot and reused since."""
    found = []
    for ref in root.subtrees:
        reader = reader_of(ref.name)
        if reader is None or reader.freed is None:
            continue
        if ref.phys is None or ref.size not in (None, reader.freed):
            continue
        raw = source.read(ref.phys, reader.freed)
        if raw is not None and reader.released(bytes(raw)):
            found.append(ref.name)
    return found


def _newer(name: str, copied: bytes, there: bytes) -> str | None:
    reader = reader_of(name)
    return reader.newer(copied, there) if reader else None


def _in_memory(name: str, raw: bytes, root: roots.RootFdt, source: Source) -> bytes | None:
    ref = next((s for s in root.subtrees if s.name == name), None)
    if ref is None or ref.phys is None:
        return None
    data = source.read(ref.phys, len(raw))
    return bytes(data) if data is not None else None
