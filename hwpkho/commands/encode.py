"""encode: makes a handover from a list of PFNs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING

from hwpkho.abi import fdt
from hwpkho.abi.kexec_metadata import KexecMetadata
from hwpkho.abi.kho import DEFAULT, KEXEC_METADATA, numbered
from hwpkho.badpages.model import Loss
from hwpkho.badpages.registry import AS_IT_IS, Writing
from hwpkho.base import output
from hwpkho.base.arch import DEFAULT as DEFAULT_ARCH
from hwpkho.base.arch import first_with, phys_bits
from hwpkho.base.escape import printable
from hwpkho.base.listing import MAX_PFNS
from hwpkho.base.pfnset import pfn_set
from hwpkho.base.ranges import intersection, union
from hwpkho.commands import encode_damage, usage
from hwpkho.commands import encode_remarks as remarks
from hwpkho.commands import writing as list_writing
from hwpkho.encode import devicetree
from hwpkho.encode.request import MAX_SUBTREE, Request
from hwpkho.encode.subtrees import keep
from hwpkho.encode.targets import registry as targets
from hwpkho.encode.targets import saving
from hwpkho.encode.targets.base import ToWrite
from hwpkho.errors import InputError, UsageError
from hwpkho.images.files import FileBytes
from hwpkho.inputs import mistakes
from hwpkho.inputs.lists import CaseList, read_list
from hwpkho.inputs.recognise import Kind
from hwpkho.judging import machine, verdicts, wrong_map
from hwpkho.judging.options import ValidateOptions

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from hwpkho.encode.layout import Layout
    from hwpkho.handover.model import Handover
    from hwpkho.inputs.lists import CaseNamed
    from hwpkho.judging.next_kernel import NextKernel
    from hwpkho.memmap.view.regions import Regions

#: What kexec-metadata says where nothing else is asked for: the first kexec, made by no kernel.
DEFAULT_METADATA = KexecMetadata("hwpkho", 1)


@dataclass(frozen=True, slots=True)
class EncodeOptions:
    """What the user wants made.

    Attributes:
        to: Name of the form, see :func:`hwpkho.encode.targets.registry.names`.
        output: Path, ``-`` for standard output, None where it was not given.
        force: Whether to overwrite.
        kho: Number of the KHO version.
        revision: None: the default of the version.
        arch: None: as the list's source records it, else by page size.
        capacity: Entries; None: as a producer.
        order: Of the vmalloc's entries.
        flags: Of the vmalloc; None: as a producer.
        metadata: False for no kexec-metadata.
        kexec_count: None: 1, or as the handover has it whose subtrees are kept.
        previous_release: None: likewise.
        keep_subtrees: Whether to copy the other subtrees of the list's handover.
        subtrees: ``(node name, file)`` of further ones.
        at: Physical address of the first page, None: placed in ``ram``.
        ram: ``(start, size)``, bytes.
        scratch: ``(start, size)``, bytes; empty with ``no_scratch`` only.
        no_scratch: That there is to be none.
        dtb: A device tree to edit.
        dtb_output: Where to, None: beside the output.
        damage: How to break the handover, a name in ``DAMAGES``; None: not at all.
        json: Whether a document goes to standard output.
        judging: The memory map in whose RAM to place it, if one is given.
        writing: What the user says of a list that is written as such.
    """

    to: str = "elf"
    output: str | None = None
    force: bool = False
    kho: int = DEFAULT.number
    revision: str | None = None
    arch: str | None = None
    capacity: int | None = None
    order: int = 0
    flags: int | None = None
    metadata: bool = True
    kexec_count: int | None = None
    previous_release: str | None = None
    keep_subtrees: bool = False
    subtrees: tuple[tuple[str, str], ...] = ()
    at: int | None = None
    ram: tuple[tuple[int, int], ...] = ()
    scratch: tuple[tuple[int, int], ...] = ()
    no_scratch: bool = False
    dtb: str | None = None
    dtb_output: str | None = None
    damage: str | None = None
    json: bool = False
    judging: ValidateOptions = field(default_factory=ValidateOptions)
    writing: Writing = AS_IT_IS


@dataclass(slots=True)
class Result:
    """What was made and written.

    Attributes:
        case: The list, and the handover that has it.
        options: What was asked for.
        path: Where it went, ``-`` for standard output.
        layout: The handover, None where only the list was written.
        page_size: Bytes.
        dtb_path: The device tree written, None for none.
        notes: What the user should know.
        loss: What the form of a list could not say exactly, None where a handover was written.
        table: What the EFI table is like that was written, None where none was.
    """

    case: CaseList
    options: EncodeOptions
    path: str
    layout: Layout | None
    page_size: int
    dtb_path: str | None = None
    notes: list[str] = field(default_factory=list)
    loss: Loss | None = None
    table: list_writing.WrittenTable | None = None


def make(spec: str, options: EncodeOptions) -> Result:
    """Read the list of the case ``spec``, make what ``options`` wants of it, and write it.

    Raises as :func:`encode` does, and UsageError for an option that nothing reads.
    """
    how, target = options.judging, targets.target(options.to)
    check(options, [spec])
    asked = how.given | ({"place_by"} if "memmap" in how.given else set())
    known = usage.Facts(memmap=bool(how.memmaps), placed=target.placed, whole=target.bootable)
    known = list_writing.facts(known, targets.list_form(options.to))
    usage.check_pair(how.case)
    usage.refuse(asked, known)
    with list_writing.reading(targets.list_form(options.to)):
        case = read_list(spec, how.case, how.lists, how.role, empty_ok=False)
    facts = usage.of_lists([case])._replace(
        memmap=known.memmap, placed=known.placed, takes=known.takes
    )
    usage.refuse(
        asked, facts._replace(machine=facts.handover or target.placed or bool(known.machine))
    )
    regions = None if target.placed else machine.memory(how, machine.of_lists([case]))
    return encode(case, options, regions)


def reads(to: str, given: Collection[str]) -> bool:
    """Tell whether the form ``to`` reads all of the options ``given``, as far as it decides."""
    target = targets.target(to)
    facts = usage.Facts(placed=target.placed, whole=target.bootable)
    if usage.unread(given, list_writing.facts(facts, targets.list_form(to))):
        return False
    return (target.placed or "damage" not in given) and (target.bootable or "dtb" not in given)


def encode(case: CaseList, options: EncodeOptions, regions: Regions | None = None) -> Result:
    """Make what ``options`` wants of ``case``, and write it.

    ``regions`` is the machine's memory, for a form of list that writes it.

    Raises UsageError for options that contradict each other or where something is in the way,
    InputError where an input is malformed or the output cannot be written.
    """
    path = check(options)
    target = targets.target(options.to)
    page_size = case.page_size
    if case.pfns.count > MAX_PFNS and not list_writing.is_bitmap(options.to, options.writing):
        raise InputError(f"{case.name}: {case.pfns.count} PFNs; a list has at most {MAX_PFNS}")
    result = Result(case, options, path, None, page_size, notes=list(case.notes))
    dtb_path, dtb = None, None
    if target.placed:
        request = _request(case, options, result)
        result.layout = encode_damage.build(request, options.damage, target)
        result.notes += remarks.of_layout(request, result.layout)
        if options.dtb is not None:
            dtb_path = _dtb_path(options, path)
            dtb = _edited(options.dtb, result.layout)
            result.dtb_path = dtb_path or saving.dtb_in(target, path)
    made = ToWrite(case.pages, result.layout, options.writing)
    if not target.placed:
        made = _listed(case, options, regions)
        result.notes += list_writing.unrecorded(page_size, targets.list_form(options.to))
    table = list_writing.planned(options.to, made.pages, made.how)
    loss = saving.save(target, made, path, dtb, dtb_path, force=options.force)
    result.table = table._replace(units=table.plan.units(made.pages, loss)) if table else None
    if not target.placed:
        result.loss = loss or Loss()
        result.notes += list_writing.losses(loss, options.to)
        result.notes += list_writing.places(options.to, made.pages, made.how)
    return result


def _listed(case: CaseList, options: EncodeOptions, regions: Regions | None) -> ToWrite:
    """Return a list with what its form needs of the machine."""
    wanted = list_writing.ListOutput(options.to, how=options.writing)
    arches = [case.arch] if case.arch else []
    how = list_writing.prepared(wanted, options.judging, regions, arches).how
    arch = list_writing.arch_of(case.pages, options.judging, regions)
    return ToWrite(replace(case.pages, arch=arch), None, how)


def check(options: EncodeOptions, specs: Iterable[CaseNamed] = ()) -> str:
    """Return the path to write to; ``specs`` are the cases that are read.

    Raises UsageError for options that contradict each other, for outputs that are in the way and
    for such as are read, before any work is done.
    """
    target = targets.target(options.to)
    encode_damage.check(options.damage, target)
    if target.placed and options.at is None and not options.ram and not options.judging.memmaps:
        raise UsageError(
            "no place for the handover: give --at PHYS, or --memmap FILE or --ram START:SIZE"
        )
    if target.placed and not options.scratch and not options.no_scratch:
        raise UsageError("no scratch area: give --scratch START:SIZE, or --no-scratch")
    if options.scratch and options.no_scratch:
        raise UsageError("--scratch and --no-scratch exclude each other")
    if not options.metadata and _asked(options):
        raise UsageError(
            "--no-kexec-metadata goes with neither --kexec-count nor --previous-release"
        )
    if options.dtb_output is not None and options.dtb is None:
        raise UsageError("--dtb-out needs --dtb IN.dtb")
    path = options.output
    if path is None:
        if options.json or target.bootable:
            raise UsageError(f"no output for the {target.title}: give -o OUT")
        path = output.STDOUT
    if writer := targets.list_form(options.to):
        list_writing.check_stream(writer, path)
    if path == output.STDOUT and options.json:
        raise UsageError("--json takes standard output; give another -o OUT")
    dtb_path = _dtb_path(options, path)
    saving.check(target, path, dtb_path, force=options.force)
    inputs = [*chain.from_iterable(map(_named, specs)), *options.judging.memmaps]
    inputs += [file for _, file in options.subtrees]
    for out in (path, dtb_path):
        if out is not None:
            output.check_input(out, *inputs, *([] if options.dtb is None else [options.dtb]))
    return path


def _named(spec: CaseNamed) -> Sequence[str]:
    """Return what a case names on the disk."""
    if isinstance(spec, CaseList):
        return ()
    return (spec, *spec.split("+")) if isinstance(spec, str) else spec


def _dtb_path(options: EncodeOptions, path: str) -> str | None:
    """Return the file for the device tree; None for none, or for one inside the folder."""
    if options.dtb is None:
        return None
    default = saving.default_dtb_path(
        targets.target(options.to), path if options.dtb_output is None else ""
    )
    dtb_out = default if options.dtb_output is None else options.dtb_output
    if dtb_out is None:
        return None
    if output.STDOUT in (dtb_out, path) and (options.json or dtb_out == path):
        raise UsageError("standard output takes one document; give --dtb-out FILE")
    if output.clash(dtb_out, path):
        raise UsageError(
            f"{saving.shown(dtb_out)}: that is where the {targets.target(options.to).title} goes; "
            "give another --dtb-out FILE"
        )
    if saving.same_file(dtb_out, options.dtb):
        raise UsageError(f"{saving.shown(dtb_out)}: the device tree is not overwritten by its copy")
    return dtb_out


def _request(case: CaseList, options: EncodeOptions, result: Result) -> Request:
    page_size = result.page_size
    subtrees = [(name, _read_small(path, f"subtree {name}")) for name, path in options.subtrees]
    if options.keep_subtrees:
        if case.handover is None or case.source is None:
            raise UsageError(f"--keep-subtrees: {case.name} is no handover with its memory")
        kept, left_out = keep(case.handover, case.source, numbered(options.kho))
        replaced = {name for name, _ in subtrees}
        if _asked(options) or not options.metadata:
            replaced.add(KEXEC_METADATA)
        kept = [(name, blob) for name, blob in kept if name not in replaced]
        subtrees += kept
        result.notes += left_out
        pointing = [printable(name) for name, _ in kept if name != KEXEC_METADATA]
        if pointing:
            result.notes.append(
                "of kept subtrees only the blobs are copied, not the memory they point to: "
                + ", ".join(pointing)
            )
    metadata = None
    usual = not numbered(options.kho).fdts and KEXEC_METADATA not in dict(subtrees)
    if options.metadata and (_asked(options) or usual):
        metadata = _metadata(options, case.handover)
    regions = machine.memory(options.judging, machine.of_lists([case]))
    usage.refuse(options.judging.given, usage.with_map(usage.Facts(), regions))
    wrong_map.must_fit(options.judging, regions, [(case.handover, case.source)])
    arch = _arch(case, options, page_size, regions)
    kernel = machine.next_kernel(options.judging, page_size, regions, arch)
    if regions is not None and case.pfns:
        runs = verdicts.judge_pfns(pfn_set(case.pfns), kernel, None)
        if all(r.verdict == "not-ram" for r in runs.rulings):
            revision = options.revision or numbered(options.kho).revision
            result.notes.append(remarks.empty("no PFN of the list is RAM of the map", revision))
    return Request(
        case.pfns, page_size, arch, options.kho, options.revision, options.capacity,
        options.order, options.flags, metadata, tuple(subtrees), options.at,
        _ram(options, kernel), options.scratch, _known_end(kernel),
    )  # fmt: skip


def _known_end(kernel: NextKernel) -> int:
    """Return where the memory map ends, bytes; 0 without one."""
    frames = kernel.frames
    return (max(frames.last, default=-1) + 1) * kernel.page_size if frames is not None else 0


def _ram(options: EncodeOptions, kernel: NextKernel) -> tuple[tuple[int, int], ...]:
    """Return where pages may go: --ram, inside what the memory map gives to the page allocator.

    Raises UsageError where --ram or --scratch lie outside the map's RAM.
    """
    frames, page_size = kernel.frames, kernel.page_size
    if frames is None:
        return options.ram
    for what, spans in (("--ram", options.ram), ("--scratch", options.scratch)):
        for start, size in spans:
            if kernel.outside(start, max(size, 1)):
                raise UsageError(f"{what} 0x{start:x}:0x{size:x} lies outside the map's RAM")
            if kernel.in_gap(start, max(size, 1)):
                raise UsageError(
                    f"{what} 0x{start:x}:0x{size:x} lies where lines of the map are lost: it is "
                    "unknown whether that is RAM"
                )
    top = 1 << phys_bits(kernel.arch)  # a map may describe more than can be addressed
    owned = union(
        (first * page_size, min((last + 1) * page_size, top))
        for first, last, kind, _ in frames.runs()
        if kind == "ram"
    )
    if options.ram:
        owned = list(intersection(union((a, a + n) for a, n in options.ram), owned))
    if not owned:
        where = " there" if options.ram else f" below 2^{phys_bits(kernel.arch)}"
        raise UsageError(f"the memory map gives no RAM to the page allocator{where}")
    return tuple((start, end - start) for start, end in owned)


def _arch(case: CaseList, options: EncodeOptions, page_size: int, regions: Regions | None) -> str:
    """Return the architecture that is stated, else the first with such pages and a device tree."""
    arch = options.arch or case.arch
    if arch is None and regions is not None and regions.arch_from == "input":
        arch = regions.arch
    if arch is not None:
        return arch
    first = first_with(page_size, device_tree=options.dtb is not None)
    return first.name if first else DEFAULT_ARCH


def _asked(options: EncodeOptions) -> bool:
    return options.kexec_count is not None or options.previous_release is not None


def _metadata(options: EncodeOptions, handover: Handover | None) -> KexecMetadata:
    kept = handover.metadata if handover and options.keep_subtrees else None
    base = kept or DEFAULT_METADATA
    release, number = options.previous_release, options.kexec_count
    metadata = KexecMetadata(
        base.previous_release if release is None else release,
        base.kexec_count if number is None else number,
    )
    try:
        metadata.build()
    except ValueError as error:
        raise UsageError(
            "kexec-metadata: a kernel release has at most 64 ASCII characters; see "
            "--previous-release"
        ) from error
    return metadata


def _edited(path: str, layout: Layout) -> bytes:
    blob = _read_small(path, "device tree", devicetree.MAX_DTB)
    among = {Kind.STRUCTURE} if blob.startswith(fdt.MAGIC) else frozenset(Kind)
    other = mistakes.instead(path, "device tree", among=among)
    if other is not None:
        raise InputError(f"{printable(path)}: {other}")
    return devicetree.edit(blob, printable(path), layout.kho_fdt, layout.kho_scratch)


def _read_small(path: str, what: str, limit: int = MAX_SUBTREE) -> bytes:
    with FileBytes(path) as file:
        if not 0 < file.size <= limit:
            raise InputError(
                f"{printable(path)}: {file.size} bytes; a {printable(what)} has 1 to {limit}"
            )
        return bytes(file.read(0, file.size))
