"""capture: what decode and validate touch of an image, or of a running kernel, as one file."""

from __future__ import annotations

import shutil
from contextlib import suppress
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.base import output, temporary
from hwpkho.base.arch import ARCHES
from hwpkho.efi import every_reading
from hwpkho.errors import InputError, UsageError
from hwpkho.handover import assemble
from hwpkho.handover.model import page_size_of
from hwpkho.handover.stated import NoHandoverError, Noted
from hwpkho.images import elf
from hwpkho.images.base import MIN_PAGE
from hwpkho.images.capture_note import BootWords, CaptureNote, NotedCopy, PassedPage
from hwpkho.images.overlay import CombinedSource
from hwpkho.images.recorder import Recorder
from hwpkho.inputs import tables
from hwpkho.inputs.case import CaseOptions, expanded, noted, read_inputs
from hwpkho.inputs.opened import Memory, open_input
from hwpkho.judging.decision import spent

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import BinaryIO

    from hwpkho.codes import Problem
    from hwpkho.efi.model import PoisonTable
    from hwpkho.handover.boot_loader import BootHandover
    from hwpkho.handover.debugfs import DebugfsCopy
    from hwpkho.handover.model import Handover
    from hwpkho.images.base import Source
    from hwpkho.live.machine import Live


class Captured(NamedTuple):
    """What a capture holds.

    Attributes:
        source: The memory that was captured, printable.
        handovers: What decode reads in it.
        tables: EFI tables of poisoned memory likewise.
        pages: Pages kept, those of which the image holds a part included.
        page_size: Of these, bytes.
        scrubbed: Whether the bytes of these pages that decode does not read are zeros.
        path: Where it went.
        notes: What the user should know.
    """

    source: str
    handovers: tuple[Handover, ...]
    tables: tuple[PoisonTable, ...]
    pages: int
    page_size: int
    scrubbed: bool
    path: str
    notes: tuple[str, ...] = ()


class _Machine(NamedTuple):
    """One machine at one moment, opened."""

    source: Source
    copies: list[DebugfsCopy]
    boot: list[BootHandover]
    page_size: int | None
    release: str | None = None
    iomem: str | None = None
    noted: Noted = Noted()


def crop(
    specs: Sequence[str],
    path: str,
    options: CaseOptions | None = None,
    *,
    scrub: bool = True,
    force: bool = False,
) -> Captured:
    """Write what ``decode`` touches of a case to an ELF core at ``path``.

    ``scrub`` zeroes every byte of the pages kept that nobody read. Raises InputError where there
    is no memory or no handover in the inputs, or the core would not decode alike; UsageError
    where ``path`` is in the way.
    """
    inputs, options, _, _ = expanded(specs, options or CaseOptions())
    images: list[Memory] = []
    copies: list[DebugfsCopy] = []
    for spec in inputs:
        found = open_input(spec)
        if isinstance(found, Memory):
            images.append(found)
            copies += found.copies
        elif isinstance(found, list):
            copies += found
        else:
            raise InputError(f"{found.name}: this is a list of PFNs; capture needs a memory image")
    if not images:
        raise InputError(
            f"{copies[0].name}: a copy of debugfs holds no memory to capture; give the memory "
            "image, too"
        )
    source = images[0].source if len(images) == 1 else CombinedSource([m.source for m in images])
    recorded = next((m.page_size for m in images if m.page_size), source.page_size_hint)
    source.page_size_hint = recorded
    boot = [m.boot for m in images if m.boot]
    if len(boot) > 1:
        raise InputError(
            f"{source.name}: two of the images record a boot loader's data; capture them one by one"
        )
    output.check_input(path, *specs)
    machine = _Machine(source, copies, boot, options.page_size or recorded, noted=noted(images))
    return _capture(machine, path, options, scrub=scrub, force=force)


def running(
    live: Live,
    path: str,
    options: CaseOptions | None = None,
    *,
    scrub: bool = True,
    force: bool = False,
) -> Captured:
    """Write the pages of the running kernel's handovers to an ELF core at ``path``.

    Raises InputError with the reason where it cannot be read, and as :func:`crop`.
    """
    machine = _Machine(
        live.memory(), live.copies(), live.boot(), live.page_size, live.release, live.iomem
    )
    return _capture(machine, path, options or CaseOptions(), scrub=scrub, force=force)


def _capture(
    machine: _Machine, path: str, options: CaseOptions, *, scrub: bool, force: bool
) -> Captured:
    output.check_file(path, force=force)
    recorder = Recorder(machine.source)
    if options.page_size is None and machine.page_size:
        recorder.page_size_hint = machine.page_size
    try:
        handovers, found = assemble.search(
            recorder, machine.copies, options, machine.boot, machine.noted
        )
    except NoHandoverError as error:
        handovers, found, nothing = [], Noted(), error
    else:
        nothing = NoHandoverError(f"{machine.source.name}: no handover to capture")
    held = tables.of_memory(recorder, options)
    if not handovers and not held:
        raise nothing
    page_size = page_size_of(handovers) or machine.page_size
    if recorder.arch is None:
        _keep_for_every_arch(recorder, machine, options, handovers)
    for table in held:
        every_reading.keep(recorder, table, page_size or MIN_PAGE)
    _keep_the_end(recorder, handovers, held)
    note = CaptureNote(
        page_size,
        machine.release,
        next(((b.fdt_addr, b.scratch_addr, b.scratch_size) for b in machine.boot), None),
        next((b.fdt_size for b in machine.boot), None),
        tuple(
            BootWords(b.fdt_addr, b.fdt_size, b.scratch_addr, b.scratch_size, b.booted)
            for b in found.boot
        ),
        tuple(PassedPage(*p) for p in found.passed),
        tuple(_noted(c) for c in machine.copies),
        machine.iomem,
        machine.source.partial or bool(machine.source.elsewhere),
        machine.source.to_load,
    )
    own = list(machine.source.problems)

    def write(core: BinaryIO) -> int:
        nonlocal note
        where = f"/proc/self/fd/{core.fileno()}"
        pages = _write(core, recorder, note, page_size or MIN_PAGE, scrub=scrub)
        if not _alike(where, handovers, held, options, own):
            # What was only looked at in passing matters here: then it is kept as well.
            recorder.keep_all()
            note = note._replace(boot=(), passed=())
            pages = _write(core, recorder, note, page_size or MIN_PAGE, scrub=scrub)
            if not _alike(where, handovers, held, options, own):
                raise InputError(
                    "the capture would not decode as the original does: use the original instead"
                )
        return pages

    with output.file(path, force=force, private=True) as out:
        if out.seekable():
            pages = write(out)
        else:
            with temporary.file() as core:
                pages = write(core)
                core.seek(0)
                shutil.copyfileobj(core, out)
    notes = tuple(f"the capture no longer has this problem: {p.message}" for p in own)
    return Captured(
        machine.source.name,
        tuple(handovers),
        held,
        pages,
        page_size or MIN_PAGE,
        scrub,
        path,
        notes,
    )


def _keep_for_every_arch(
    recorder: Recorder, machine: _Machine, options: CaseOptions, handovers: Sequence[Handover]
) -> None:
    """Read each handover as kernels of every architecture would; ``--arch`` may come with decode.

    High bits of an address, which arm64 ignores, lead to no memory elsewhere.
    """
    roots = [h.root.phys for h in handovers if h.root and h.root.phys is not None]
    sizes = {options.page_size, page_size_of(handovers)}
    for arch, phys, size in product(ARCHES, roots, sizes):
        if not arch.has_pages(size):
            continue
        like = options._replace(arch=arch.name, root_fdt=phys, page_size=size)
        with suppress(InputError):
            assemble.search(recorder, (), like, machine.boot, machine.noted)
        recorder.arch = None


def _write(
    core: BinaryIO, recorder: Recorder, note: CaptureNote, page_size: int, *, scrub: bool
) -> int:
    """Write what was recorded in place of what ``core`` holds; return how many pages that is."""
    core.seek(0)
    core.truncate()
    extents = recorder.kept(page_size, scrub=scrub)
    elf.write_core(
        core,
        extents,
        page_size=MIN_PAGE,
        arch=recorder.arch,
        note=note.build(),
        owner=elf.CAPTURE_OWNER,
    )
    core.flush()
    touched = (
        (phys // page_size, (phys + sum(map(len, parts)) - 1) // page_size)
        for phys, parts in extents
    )
    pages, before = 0, -1
    for first, last in touched:
        pages += last - max(first, before + 1) + 1
        before = last
    return pages


def _noted(copy: DebugfsCopy) -> NotedCopy:
    """Return a copy as it goes into the note: without its folder on this machine."""
    return NotedCopy(
        copy.label,
        copy.role,
        copy.fdt,
        copy.subtrees,
        copy.scratch,
        tuple(p.message for p in copy.problems),
        tuple(sorted(copy.unreadable)),
    )


def _keep_the_end(
    recorder: Recorder, handovers: Sequence[Handover], held: Sequence[PoisonTable]
) -> None:
    """A list beyond memory is recognised by where memory ends, and so may the layout of a table
    be: its last bytes are kept, too.
    """
    nowhere = any(h.hwpoison and h.hwpoison.state == "nowhere" for h in handovers)
    if nowhere or any(not t.told.sure for t in held):
        end = max(start + size for start, size in recorder.extents())
        recorder.hold(end - 8, 8)


def _alike(
    path: str,
    handovers: Sequence[Handover],
    held: Sequence[PoisonTable],
    options: CaseOptions,
    own: list[Problem],
) -> bool:
    """Decode the core again, and tell whether the facts are the same.

    What is wrong with the original as a file, ``own``, is no longer so in the capture.
    """
    try:
        again = read_inputs([path], options)
    except InputError:
        return False
    if list(map(_table, held)) != list(map(_table, again.tables)):
        return False
    return [_facts(h, own) for h in handovers] == [_facts(h, []) for h in again.handovers]


def _table(t: PoisonTable) -> tuple[object, ...]:
    """Return an EFI table as it compares: without its file."""
    return t.phys, t.layout, t.entry, t.header, t.bitmap, t.nodes, t.entries, t.slack


def _facts(h: Handover, without: list[Problem]) -> Handover:
    """Return a handover as it compares: without its file, and a tracker that is reused long ago."""
    problems = tuple(p for p in h.problems if p not in without)
    return h._replace(source="", problems=problems, walk=None if spent(h) else h.walk)


def check(path: str | None, *, as_json: bool = False) -> str:
    """Return the path to write to.

    Raises UsageError where none was given, or where ``as_json`` takes standard output from it.
    """
    if path is None:
        raise UsageError("no output for the capture: give -o OUT")
    output.check_terminal("a capture", path)
    if path == output.STDOUT and as_json:
        raise UsageError("--json takes standard output; give another -o OUT")
    return path
