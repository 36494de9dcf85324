"""encode: of what a handover is made: the user's options, the list, the machine's memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.abi import fdt
from hwpkho.abi.kexec_metadata import KexecMetadata
from hwpkho.abi.kho import KEXEC_METADATA, numbered
from hwpkho.base.arch import DEFAULT as DEFAULT_ARCH
from hwpkho.base.arch import first_with, phys_bits
from hwpkho.base.escape import printable
from hwpkho.base.listing import of_runs, parts
from hwpkho.base.pfnset import pfn_set
from hwpkho.base.ranges import intersection, union
from hwpkho.commands import encode_remarks as remarks
from hwpkho.commands import usage
from hwpkho.encode.request import MAX_SUBTREE, Request
from hwpkho.errors import InputError, UsageError
from hwpkho.images.base import Source
from hwpkho.images.files import FileBytes
from hwpkho.inputs.recognise import Kind
from hwpkho.judging import machine

if TYPE_CHECKING:
    from hwpkho.base.listing import Listing
    from hwpkho.commands.encode_options import EncodeOptions, Result
    from hwpkho.encode.layout import Layout
    from hwpkho.handover.model import Handover
    from hwpkho.inputs.lists import CaseList
    from hwpkho.judging.next_kernel import NextKernel
    from hwpkho.memmap.view.regions import Regions

#: What kexec-metadata says where nothing else is asked for: the first kexec, made by no kernel.
DEFAULT_METADATA = KexecMetadata("hwpkho", 1)


def request(case: CaseList, options: EncodeOptions, result: Result) -> Request:
    """Return what is to be built of a case; what the user should know is added to ``result``.

    Raises UsageError for options that contradict each other or the memory map, InputError where an
    input cannot be read.
    """
    page_size = result.page_size
    subtrees = [(name, _read_small(path, f"subtree {name}")) for name, path in options.subtrees]
    if options.keep_subtrees:
        if case.handover is None or not isinstance(case.source, Source):
            raise UsageError(f"--keep-subtrees: {case.name} is not a handover with its memory")
        from hwpkho.encode.subtrees import keep

        kept, left_out = keep(case.handover, case.source, numbered(options.kho))
        replaced = {name for name, _ in subtrees}
        if options.says_metadata or not options.metadata:
            replaced.add(KEXEC_METADATA)
        kept = [(name, blob) for name, blob in kept if name not in replaced]
        subtrees += kept
        result.notes += left_out
        pointing = [printable(name) for name, _ in kept if name != KEXEC_METADATA]
        if pointing:
            result.notes.append(
                "of the kept subtrees, only the blobs are copied, not the memory they point to: "
                + ", ".join(pointing)
            )
    metadata = None
    usual = not numbered(options.kho).fdts and KEXEC_METADATA not in dict(subtrees)
    if options.metadata and (options.says_metadata or usual):
        metadata = _metadata(options, case.handover)
    regions = machine.memory(options.judging, machine.of_lists([case]))
    usage.refuse(options.judging.given, usage.with_map(usage.Facts(), regions))
    if regions is not None:
        from hwpkho.judging import wrong_map

        wrong_map.must_fit(options.judging, regions, [(case.handover, case.source)])
    arch = _arch(case, options, page_size, regions)
    kernel = machine.next_kernel(options.judging, page_size, regions, arch)
    if regions is not None and case.pfns and not _any_in_ram(case.pfns, kernel):
        revision = options.revision or numbered(options.kho).revision
        result.notes.append(remarks.empty("no PFN of the list is in RAM of the map", revision))
    return Request(
        case.pfns, page_size, arch, options.kho, options.revision, options.capacity,
        options.order, options.flags, metadata, tuple(subtrees), options.at,
        _ram(options, kernel), options.scratch, _known_end(kernel),
    )  # fmt: skip


def _any_in_ram(pfns: Listing, kernel: NextKernel) -> bool:
    """Tell whether a PFN of the list is in RAM of the map."""
    from hwpkho.judging import verdicts

    # Part by part: the first mostly has one, so a million PFNs are not sorted for it.
    judged = (verdicts.judge_pfns(pfn_set(of_runs(p)), kernel, None) for p in parts(pfns.runs()))
    return any(ruling.verdict != "not-ram" for runs in judged for ruling in runs.rulings)


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


def edited(path: str, layout: Layout) -> bytes:
    """Return the device tree at ``path`` with what hands the handover over. Raises InputError."""
    from hwpkho.encode import devicetree
    from hwpkho.inputs import mistakes

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
