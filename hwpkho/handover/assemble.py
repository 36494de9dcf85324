"""Joins the memory image and debugfs copies of one machine, and reads all handovers in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.abi import fdt
from hwpkho.abi import hwpoison as blobs
from hwpkho.abi import kho as roots
from hwpkho.base.arch import page_sizes
from hwpkho.base.counting import counted
from hwpkho.base.options import option
from hwpkho.codes import Problem, problem
from hwpkho.codes.image import STALE_ROOT
from hwpkho.codes.root import ROOT_ABSENT
from hwpkho.errors import InputError
from hwpkho.handover import boot_loader, evidence, find_root, generations, joining
from hwpkho.handover import scratch as scratches
from hwpkho.handover.model import Doubt, Handover, Scratch
from hwpkho.handover.page_size import page_size_of, recorded_page_size
from hwpkho.handover.reader import HandoverReader
from hwpkho.handover.stated import NoHandoverError, Noted
from hwpkho.handover.tracker import Trackers
from hwpkho.images.overlay import PieceSource

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from hwpkho.handover.debugfs import DebugfsCopy
    from hwpkho.handover.stated import CaseOptions
    from hwpkho.images.base import Source


def from_memory(
    source: Source,
    copies: Sequence[DebugfsCopy],
    options: CaseOptions,
    boot: Sequence[boot_loader.BootHandover] = (),
    noted: Noted | None = None,
) -> list[Handover]:
    """Return the handovers in a memory image, oldest generation first; see :func:`search`."""
    return search(source, copies, options, boot, noted)[0]


def search(
    source: Source,
    copies: Sequence[DebugfsCopy],
    options: CaseOptions,
    boot: Sequence[boot_loader.BootHandover] = (),
    noted: Noted | None = None,
) -> tuple[list[Handover], Noted]:
    """Return the handovers in a memory image, oldest generation first, and what the search showed.

    ``copies`` are of the same machine and moment; ``boot`` is what the boot loader passed on, from
    a ``handover.json``; ``noted`` is what a capture's note or a debugger knows. Raises
    NoHandoverError where there is no root FDT, InputError where the page size is not proven or the
    copies contradict the memory.
    """
    _check_recorded(source, options)
    joining.check_sides(copies)
    if options.arch:
        source.arch = options.arch
    trackers = Trackers(source)
    noted = noted or Noted()
    boots = [*boot, *noted.boot]
    seen = None
    if options.root_fdt is None:
        seen = find_root.search(source)
        if boot_loader.by_setup_data(source.arch):
            boots += boot_loader.from_setup_data(source, seen.notes)
        boots += boot_loader.from_device_trees(source, seen.magics)
        candidates = seen.candidates
    else:
        candidates = _stated_root(source, options.root_fdt)
    if len(boot) == 1 and seen and _is_given(boot[0], candidates, copies):
        # The boot loader's root FDT counts, whatever else looks like one.
        options = options._replace(root_fdt=boot[0].fdt_addr)
        candidates = _stated_root(source, boot[0].fdt_addr)
    copied: dict[int, Problem] = {}
    known = {b.fdt_addr for b in boots}
    # A handover.json beside segments is for the next kernel: it does not show a role here.
    booted = {b.fdt_addr for b in boots[len(boot) :] if b.booted}
    booted |= {phys for phys, role in noted.roles.items() if role == "in"}
    missing = [c for c in copies if not joining.belongs(c, candidates, source)]
    if not candidates and options.root_fdt is None and not copies:
        raise _nothing(source, seen)
    page_size = options.page_size or page_size_of(source, trackers, candidates, missing)
    hurt: list[evidence.Damaged] = []
    doubts: list[tuple[Doubt, Problem]] = []
    if seen is not None and options.root_fdt is None:
        real, dropped = find_root.choose(source, trackers, candidates, page_size, known, booted)
        damaged = evidence.damaged_roots(source, trackers, seen.lookalikes, page_size)
        hurt, doubtful = evidence.partition(damaged, real)
        real = generations.not_left_over(real, hurt)
        doubts = [("root", evidence.doubt(d)) for d in doubtful]
        at = {c.phys for c in candidates} | {d.phys for d in damaged if d.marked}
        unread = evidence.unread_by_boot(source, boots[len(boot) :], at) if real else []
        doubts += [("root", p) for p in unread]
    else:
        real, dropped = list(candidates), []
    for copy in missing:
        joining.check_apart(copy, real, source)
    found = [
        generations.Found(
            c.phys, find_root.read_root_page(source.read, c.phys), c.root, c.kexec_count
        )
        for c in real
    ]
    if options.root_fdt is not None and not found:
        page = source.read(options.root_fdt, fdt.HEADER_SIZE)
        found = [generations.Found(options.root_fdt, bytes(page or b""), None)]
        if page is None:
            message = (
                f"the image holds nothing at 0x{options.root_fdt:x}, the address "
                "given for the root FDT"
            )
            found[0].root_problem = problem(ROOT_ABSENT, message, options.root_fdt)
            found[0].problems.append(found[0].root_problem)
            found[0].unread = "absent"
    if options.root_fdt is None:
        for copy in missing:
            behind = evidence.behind_copy(source, trackers, copy, (candidates, hurt), page_size)
            if behind is not None:
                copied[id(copy)] = behind
                hurt = [d for d in hurt if d.phys != behind.phys]
    found += [
        generations.Found(d.phys, d.page, None, d.kexec_count, unread="damaged", left=d.root)
        for d in hurt
    ]
    found.sort(key=lambda f: (f.kexec_count is None, f.kexec_count or 0))
    generations.set_roles(found, booted)
    for f in found:
        f.role = noted.roles.get(f.phys, f.role) if f.phys is not None else f.role
    for copy in copies:
        if copy not in missing:
            _attach(copy, found, source)
    apart = [c for c in missing if not _attach_by_role(c, found, source)]
    found += [_of_copy(c, copied.get(id(c))) for c in apart]
    if len(found) == 1:
        generations.set_running(found[0], source, trackers, page_size)
    generations.set_consumed(found)
    doubts += [("outgoing", p) for p in generations.own_missing(found, trackers, page_size)]
    for f in found:
        passed_size = next((b.fdt_size for b in boots if b.fdt_addr == f.phys), None)
        f.size = passed_size if options.root_size is None else options.root_size
    passed = tuple(dict.fromkeys((*noted.passed, *dropped)))
    if found and passed:
        found[-1].problems += [
            problem(STALE_ROOT, f"the page at 0x{phys:x} was passed over: {why}", phys, severity)
            for phys, why, severity in passed
        ]
    if found:
        found[-1].problems += [p for _, p in doubts]
        found[-1].doubts += doubts
    refused = {f.phys for f in found if f.refused}
    handovers = [
        _read(f, source, page_size, options, _scratch(source, f, options, boots, refused), trackers)
        for f in found
    ]
    handovers = generations.check_published(handovers)
    return handovers, Noted(tuple(dict.fromkeys(boots[len(boot) :])), passed)


def _check_recorded(source: Source, options: CaseOptions) -> None:
    """Raise InputError where an option contradicts what the image records about its machine."""
    if options.arch and source.arch and options.arch != source.arch:
        raise InputError(f"{source.name} is of {source.arch}, {option('arch')} says {options.arch}")
    recorded = recorded_page_size(source)
    if options.page_size and recorded and options.page_size != recorded:
        raise InputError(
            f"{source.name} has pages of {recorded} bytes, {option('page_size')} says "
            f"{options.page_size}"
        )


def from_copies(copies: Sequence[DebugfsCopy], options: CaseOptions) -> list[Handover]:
    """Return the handovers of debugfs copies alone, without the memory they point into.

    Raises InputError where copies of one side differ.
    """
    joining.check_sides(copies)
    joined = joining.join(copies)
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
        found = generations.Found(None, copy.fdt or b"", root, None, copy.role, copy)
        scratch = _scratch(source, found, options, (), ())
        handovers.append(_read(found, source, page_size, options, scratch, None, memory=False))
    return handovers


def _read(
    found: generations.Found,
    source: Source,
    page_size: int | None,
    options: CaseOptions,
    scratch: Scratch | None,
    trackers: Trackers | None,
    *,
    memory: bool = True,
) -> Handover:
    return HandoverReader(
        found, source, page_size, scratch, trackers, memory=memory, reads_as=options.reads_as
    ).read()


def _is_given(
    boot: boot_loader.BootHandover,
    candidates: Sequence[find_root.Candidate],
    copies: Sequence[DebugfsCopy],
) -> bool:
    """Tell whether only ``boot`` shows which page is the root FDT."""
    if boot.booted:
        return not candidates and not copies
    return all(c.phys != boot.fdt_addr for c in candidates)


def _stated_root(source: Source, phys: int) -> list[find_root.Candidate]:
    """Return the root FDT at an address that the user gave, none where there is no FDT."""
    try:
        root = roots.parse(find_root.read_root_page(source.read, phys))
    except InputError:
        return []
    return [find_root.Candidate(phys, root, None)]


def _nothing(source: Source, seen: find_root.Search | None) -> NoHandoverError:
    nothing = f"no root FDT in {counted(sum(n for _, n in source.extents()), 'byte')} of memory"
    text = f"{source.name}: {nothing}"
    if seen and seen.lookalikes:
        phys, why = seen.lookalikes[0]
        return NoHandoverError(f"{text}; the page at 0x{phys:x} looks like one, but: {why}")
    if source.elsewhere:
        return NoHandoverError(
            f"{text}; this is only a part of a split dump: give all of its files"
        )
    if source.problems:
        # The problem names the image, or the one of its files that it is in.
        return NoHandoverError(f"{source.problems[0].message}; {nothing}")
    error = NoHandoverError(text)
    error.kernel = boot_loader.release(source, seen.notes if seen else ())
    return error


def _of_copy(copy: DebugfsCopy, behind: Problem | None) -> generations.Found:
    """Return what is found of a handover that only a copy shows.

    ``behind`` is the problem of the damaged page in memory that was copied, None where unknown.
    """
    found = generations.Found(None, copy.fdt or b"", copy.root(), None, copy.role, copy)
    if behind is not None:
        found.unread = "damaged"
        found.root_problem = behind
        found.problems.append(behind)
        found.doubts.append(("copy", behind))
    return found


def _attach(copy: DebugfsCopy, found: Sequence[generations.Found], source: Source) -> None:
    """Attach a copy to the same handover in memory. Raises InputError where bytes conflict."""
    for f in found:
        if f.root is None or not joining.same(copy, f.root, f.page, source):
            continue
        f.problems += joining.compare(copy, f.root, f.page, source, f.phys)
        f.role = copy.role or f.role
        f.copy = copy if f.copy is None else f.copy


def _attach_by_role(copy: DebugfsCopy, found: Sequence[generations.Found], source: Source) -> bool:
    """Attach a copy that has no bytes to compare to the only handover of its role, if there is one.

    Tells whether it did. Raises InputError where bytes conflict.
    """
    fits = [f for f in found if f.root is not None and joining.by_role(copy, f.root, f.role)]
    if len(fits) != 1 or fits[0].root is None or fits[0].copy is not None:
        return False
    f, root = fits[0], fits[0].root
    f.problems += joining.compare(copy, root, f.page, source, f.phys)
    f.copy = copy
    return True


def _page_size_of_copy(copy: DebugfsCopy) -> int | None:
    """Return the page size (bytes) that the size of the hwpoison blob shows, None where none.

    A blob that is registered as a whole page tells it, as debugfs shows all of it.
    """
    raw = copy.subtrees.get(roots.HWPOISON)
    if raw is None:
        return None
    revision = blobs.REVISIONS[blobs.revision_of(raw)]
    return blobs.page_size_by(len(raw), (revision,), page_sizes())


def _same_scratch(
    source: Source,
    found: generations.Found,
    stated: tuple[int, int],
    boots: Sequence[boot_loader.BootHandover],
) -> None:
    """Raise InputError where a boot loader passed on another scratch array with this root FDT."""
    for b in boots:
        if found.phys is not None and b.fdt_addr == found.phys:
            if stated == (b.scratch_addr, b.scratch_size):
                return
            raise InputError(
                f"{source.name}: beside the root FDT 0x{found.phys:x} the scratch array "
                f"0x{b.scratch_addr:x}:{b.scratch_size} is handed over, "
                f"{option('kho_scratch')} says "
                f"0x{stated[0]:x}:{stated[1]}"
            )


def _scratch(
    source: Source,
    found: generations.Found,
    options: CaseOptions,
    boots: Sequence[boot_loader.BootHandover],
    refused: Collection[int | None],
) -> Scratch | None:
    stated = options.kho_scratch
    if isinstance(stated, str):
        return Scratch(None, 0, ())
    if stated is not None:
        _same_scratch(source, found, stated, boots)
        return scratches.read(source.read, *stated)
    areas = found.copy.scratch if found.copy else None
    # The kernel that refused what it was handed has reserved scratch of its own.
    for b in boots:
        if b.fdt_addr == found.phys or (found.role != "in" and b.fdt_addr not in refused):
            scratch = scratches.read(source.read, b.scratch_addr, b.scratch_size)
            return Scratch(scratch.array, scratch.length, scratch.areas or areas)
    return Scratch(None, None, areas) if areas else None
