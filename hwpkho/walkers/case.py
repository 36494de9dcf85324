"""One machine at one moment: joins memory images and copies, and reads all handovers in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.codecs import fdt
from hwpkho.codecs import root as roots
from hwpkho.codecs.metadata import KexecMetadata
from hwpkho.codes import Problem, problem
from hwpkho.codes.image import STALE_ROOT
from hwpkho.codes.root import GENERATIONS, ROOT_ABSENT
from hwpkho.errors import InputError
from hwpkho.model.handover import Handover, Role, Scratch
from hwpkho.pages import PAGE_SIZES
from hwpkho.sources.overlay import PieceSource
from hwpkho.text import printable
from hwpkho.walkers import boot, find
from hwpkho.walkers import scratch as scratches
from hwpkho.walkers.handover import HandoverReader
from hwpkho.walkers.tracker import Trackers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hwpkho.sources.base import Source
    from hwpkho.walkers.copies import Copy


class CaseOptions(NamedTuple):
    """What the user states about a case instead of having it found.

    Attributes:
        page_size: Bytes; None: inferred and proven.
        root_fdt: Physical address of the root FDT; None: found.
        kho_scratch: ``(address, length)`` of the scratch array in bytes, ``"none"``: nothing is
            handed over; None: found.
        arch: ``x86_64`` or ``arm64``; None: from the image.
        root_size: Bytes that the boot loader passes on for the root FDT; None: found.
    """

    page_size: int | None = None
    root_fdt: int | None = None
    kho_scratch: tuple[int, int] | str | None = None
    arch: str | None = None
    root_size: int | None = None


@dataclass(slots=True)
class _Found:
    """A root FDT on its way to a handover."""

    phys: int | None
    page: bytes
    root: roots.RootFdt | None
    kexec_count: int | None = None
    role: Role | None = None
    copy: Copy | None = None
    consumed: bool = False
    size: int | None = None
    problems: list[Problem] = field(default_factory=list)


class Noted(NamedTuple):
    """What a search of the whole image found that no handover's own pages tell.

    A capture has no more than those pages, and carries this as a note.

    Attributes:
        boot: What boot loaders said, as far as memory shows it.
        passed: Pages that look like a root FDT and count for nothing.
    """

    boot: tuple[boot.BootHandover, ...] = ()
    passed: tuple[find.Passed, ...] = ()


def from_memory(
    source: Source,
    copies: Sequence[Copy],
    options: CaseOptions,
    handed: Sequence[boot.BootHandover] = (),
    noted: Noted | None = None,
) -> list[Handover]:
    """Return the handovers in a memory image, oldest generation first; see :func:`search`."""
    return search(source, copies, options, handed, noted)[0]


def search(
    source: Source,
    copies: Sequence[Copy],
    options: CaseOptions,
    handed: Sequence[boot.BootHandover] = (),
    noted: Noted | None = None,
) -> tuple[list[Handover], Noted]:
    """Return the handovers in a memory image, oldest generation first, and what led to them.

    ``copies`` belong to the same machine and moment; ``handed`` is what is known of the boot
    loader's words, ``noted`` what a note of the image says. Raises InputError where no root FDT is
    found, the page size is not proven, or the copies contradict the memory.
    """
    if options.arch:
        source.arch = options.arch
    trackers = Trackers(source)
    noted = noted or Noted()
    told = [*handed, *noted.boot]
    seen = None
    if options.root_fdt is None:
        seen = find.search(source)
        if source.arch != "arm64":
            told += boot.from_setup_data(source, seen.notes)
        told += boot.from_device_trees(source, seen.magics)
        candidates = seen.candidates
    else:
        candidates = _chosen(source, options.root_fdt)
    if seen and not candidates and not copies and len(handed) == 1:
        # Nothing looks like a root FDT: what the boot loader calls one is none, then.
        options = options._replace(root_fdt=handed[0].fdt_addr)
        candidates = _chosen(source, handed[0].fdt_addr)
    known = {b.fdt_addr for b in told}
    # A handover.json beside segments is for the next kernel: it tells no role in this image.
    booted = {b.fdt_addr for b in told[len(handed) :] if b.booted}
    missing = [c for c in copies if not _belongs(c, candidates, source)]
    if not candidates and options.root_fdt is None and not copies:
        raise InputError(_nothing(source, seen))
    page_size = options.page_size or find.page_size_of(source, trackers, candidates)
    if options.root_fdt is None:
        real, dropped = find.choose(source, trackers, candidates, page_size, known, booted)
    else:
        real, dropped = list(candidates), []
    for copy in missing:
        _check_apart(copy, real, source)
    found = [
        _Found(c.phys, find.read_root_page(source.read, c.phys), c.root, c.kexec_count)
        for c in real
    ]
    if options.root_fdt is not None and not found:
        page = source.read(options.root_fdt, fdt.HEADER_SIZE)
        found = [_Found(options.root_fdt, bytes(page or b""), None)]
        if page is None:
            message = f"nothing of the image is at 0x{options.root_fdt:x}, the root FDT"
            found[0].problems.append(problem(ROOT_ABSENT, message, options.root_fdt))
    _set_roles(found, booted)
    for copy in copies:
        if copy not in missing:
            _attach(copy, found, source)
    found += [_Found(None, c.fdt or b"", c.root(), None, c.role, c) for c in missing]
    _set_consumed(found)
    for f in found:
        told_size = next((b.fdt_size for b in told if b.fdt_addr == f.phys), None)
        f.size = told_size if options.root_size is None else options.root_size
    passed = tuple(dict.fromkeys((*noted.passed, *dropped)))
    if found and passed:
        found[-1].problems += [
            problem(STALE_ROOT, f"the page at 0x{phys:x} was passed over: {why}", phys, severity)
            for phys, why, severity in passed
        ]
    handovers = [
        _read(f, source, page_size, _scratch(source, f, options, told), trackers) for f in found
    ]
    return handovers, Noted(tuple(dict.fromkeys(told[len(handed) :])), passed)


def from_copies(copies: Sequence[Copy], options: CaseOptions) -> list[Handover]:
    """Return what copies tell without the memory they point into."""
    joined = _join(copies)
    handovers = []
    for copy in joined:
        root = copy.root()
        pieces = [
            (ref.phys, copy.subtrees[ref.name])
            for ref in (root.subtrees if root else ())
            if ref.phys is not None and ref.name in copy.subtrees
        ]
        source = PieceSource(copy.name, pieces)
        source.arch = options.arch
        page_size = options.page_size or _page_size_of_copy(copy)
        found = _Found(None, copy.fdt or b"", root, None, copy.role, copy)
        scratch = _scratch(source, found, options, ())
        handovers.append(_read(found, source, page_size, scratch, None, memory=False))
    return handovers


def _read(
    found: _Found,
    source: Source,
    page_size: int | None,
    scratch: Scratch | None,
    trackers: Trackers | None,
    *,
    memory: bool = True,
) -> Handover:
    reader = HandoverReader(
        source, page_size, found.phys, found.page, found.root, found.copy, memory, found.role,
        scratch, found.consumed, trackers, found.size,
    )  # fmt: skip
    for p in found.problems:
        reader.report.add_problem(p)
    return reader.read()


def _chosen(source: Source, phys: int) -> list[find.Candidate]:
    """Return the root FDT that the user points at, none where it is no FDT at all."""
    try:
        root = roots.parse(find.read_root_page(source.read, phys))
    except InputError:
        return []
    return [find.Candidate(phys, root, None)]


def _nothing(source: Source, seen: find.Search | None) -> str:
    extents = list(source.extents())
    text = f"{source.name}: no root FDT in {sum(n for _, n in extents)} bytes of memory"
    if seen and seen.lookalikes:
        phys, why = seen.lookalikes[0]
        text += f"; the page at 0x{phys:x} looks like one, but: {why}"
    return text


def _set_roles(found: list[_Found], booted: set[int]) -> None:
    """Tell incoming from outgoing: by the boot loader's word, else by generation."""
    counts = [f.kexec_count for f in found]
    for f in found:
        if f.phys in booted:
            f.role = "in"
    if len(found) < 2:
        return
    newest = max((n for n in counts if n is not None), default=None)
    ordered = None not in counts and len(set(counts)) == len(counts)
    if not ordered:
        rest = [f for f in found if f.role is None]
        if len(rest) == 1 and len(found) == 2:
            rest[0].role = "out"
            found.sort(key=lambda f: f is rest[0])
            return
        where = ", ".join(f"0x{f.phys:x}" for f in found if f.phys is not None)
        found[-1].problems.append(
            problem(GENERATIONS, f"kexec-metadata does not order the root FDTs at {where}")
        )
        return
    for f in found:
        f.role = "out" if f.kexec_count == newest else f.role or "in"


def _set_consumed(found: Sequence[_Found]) -> None:
    """An incoming list was replayed where the running kernel publishes a hwpoison list itself."""
    publishes = any(
        f.role == "out"
        and ((f.root and f.root.find(roots.HWPOISON)) or (f.copy and _has_blob(f.copy)))
        for f in found
    )
    for f in found:
        f.consumed = publishes and f.role == "in"


def _has_blob(copy: Copy) -> bool:
    return roots.HWPOISON in copy.subtrees


def _belongs(copy: Copy, candidates: Sequence[find.Candidate], source: Source) -> bool:
    return any(_same(copy, c.root, source) for c in candidates)


def _same(copy: Copy, root: roots.RootFdt, source: Source) -> bool:
    """Tell whether a copy is of this handover: same tracker, else same metadata, else same blob."""
    own = copy.root()
    # A copy that is cut before the tracker's address does not tell.
    if own is not None and (own.memory_map is not None or not copy.cut):
        return own.memory_map == root.memory_map
    for name in (roots.KEXEC_METADATA, roots.HWPOISON):
        if name in copy.subtrees:
            return _in_memory(name, copy.subtrees[name], root, source) == copy.subtrees[name]
    return False


def _in_memory(name: str, raw: bytes, root: roots.RootFdt, source: Source) -> bytes | None:
    ref = next((s for s in root.subtrees if s.name == name), None)
    if ref is None or ref.phys is None:
        return None
    data = source.read(ref.phys, len(raw))
    return bytes(data) if data is not None else None


def _attach(copy: Copy, found: Sequence[_Found], source: Source) -> None:
    """Join a copy with the handover in memory that it is of; InputError where bytes conflict."""
    for f in found:
        if f.root is None or not _same(copy, f.root, source):
            continue
        if copy.fdt is not None:
            n = min(len(copy.fdt), f.root.totalsize)
            if copy.fdt[:n] != f.page[:n]:
                raise InputError(
                    f"{copy.name}: the root FDT differs from the one at 0x{f.phys or 0:x} in "
                    f"{source.name}: not one machine at one moment"
                )
        for name, raw in copy.subtrees.items():
            there = _in_memory(name, raw, f.root, source)
            if there is not None and there != raw:
                raise InputError(
                    f"{copy.name}: subtree {printable(name)} differs from the one in "
                    f"{source.name}: not one machine at one moment"
                )
        f.role = copy.role or f.role
        f.copy = copy if f.copy is None else f.copy


def _check_apart(copy: Copy, real: Sequence[find.Candidate], source: Source) -> None:
    """InputError where a copy that is of no root FDT in memory cannot be of this machine now."""
    root = copy.root()
    for name, raw in copy.subtrees.items():
        there = _in_memory(name, raw, root, source) if root else None
        if there is not None and there != raw:
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
                f"both are made after {count} kexecs: not one machine at one moment"
            )


def _join(copies: Sequence[Copy]) -> list[Copy]:
    """Join single files without memory: a root FDT and the one blob given beside it."""
    from_root = [c for c in copies if c.role is None and c.fdt is not None]
    loose = [c for c in copies if c.role is None and c.fdt is None]
    if len(from_root) == 1 and len(loose) == 1 and len(copies) == 2:
        root, blob = from_root[0], loose[0]
        root.subtrees |= blob.subtrees
        root.name = f"{root.name}, {blob.name}"
        return [root]
    return list(copies)


def _page_size_of_copy(copy: Copy) -> int | None:
    """The FDT revision's blob is registered as a whole page, and debugfs copies all of it."""
    raw = copy.subtrees.get(roots.HWPOISON, b"")
    return len(raw) if raw[:4] == fdt.MAGIC and len(raw) in PAGE_SIZES else None


def _scratch(
    source: Source,
    found: _Found,
    options: CaseOptions,
    told: Sequence[boot.BootHandover],
) -> Scratch | None:
    given = options.kho_scratch
    if isinstance(given, str):
        return Scratch(None, 0, ())
    if given is not None:
        return scratches.read(source.read, *given)
    areas = found.copy.scratch if found.copy else None
    for b in told:
        if found.role != "in" or b.fdt_addr == found.phys:
            scratch = scratches.read(source.read, b.scratch_addr, b.scratch_size)
            return Scratch(scratch.array, scratch.length, scratch.areas or areas)
    return Scratch(None, None, areas) if areas else None
