"""check: the machine's memory map, its page size, and which pages have the flag."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from hwpkho.abi.kpageflags import WORD
from hwpkho.base import arch as arches
from hwpkho.base.addresses import page_shift
from hwpkho.base.counting import counted
from hwpkho.base.escape import printable
from hwpkho.base.pfnset import pfn_set
from hwpkho.base.ranges import union
from hwpkho.codes.pfnlist import LOG_LOWER_BOUND
from hwpkho.errors import HwpkhoError, InputError
from hwpkho.images.files import FileBytes
from hwpkho.inputs.case import CaseOptions
from hwpkho.inputs.lists import read_list
from hwpkho.judging import machine
from hwpkho.judging.options import ValidateOptions
from hwpkho.live import page_flags

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hwpkho.commands.check_facts import Facts
    from hwpkho.memmap.view.regions import Regions


def read_map(facts: Facts) -> None:
    """Read the machine's memory: /proc/iomem, else what firmware or the kernel log says of it."""
    tree = facts.tree
    machines = machine.of_case(facts.case) if facts.case else []
    reasons: list[Exception] = []
    files = [(tree.path(name), None) for name in ("proc/iomem", "sys/firmware/memmap")]
    # A log may be of several boots: the running kernel's is the last.
    for path, boot in (*files, (tree.log(), "last")):
        if path is None or (reasons and not os.path.lexists(path)):
            continue
        options = ValidateOptions(CaseOptions(arch=facts.arch), memmaps=(path,), boot=boot)
        try:
            facts.regions = machine.memory(options, machines)
        except HwpkhoError as error:
            reasons.append(error)
            continue
        facts.map_path, facts.map_boot = path, boot
        break
    open_ = "what becomes of each page is not known: there is no memory map"
    if facts.regions is not None:
        open_ = f"{printable(facts.map_path or '')} is used as the memory map"
    for reason in reasons:
        facts.miss(reason, open_)
    regions = facts.regions
    if regions is not None and facts.arch is None and regions.arch_from == "input":
        facts.arch = regions.arch


def page_size(facts: Facts) -> int | None:
    """Return the page size (bytes) of a tree that has no handover to prove it."""
    arch = arches.known(facts.arch)
    if arch is not None and len(arch.pages) == 1:
        return next(iter(arch.pages))
    ways: tuple[Callable[[Facts], int | None], ...] = (_recorded, _by_free_pages, _by_length)
    return next((size for way in ways if (size := way(facts)) is not None), None)


def page_size_by_count(facts: Facts) -> None:
    """Take the page size (bytes) that makes HardwareCorrupted and the flags of a copy agree."""
    flags, corrupted = facts.flags, facts.corrupted
    pages = flags.single.pages() if flags else 0
    if flags is None or not corrupted or not pages or flags.folios.count:
        return
    size = corrupted // pages
    arch = arches.known(facts.arch)
    fits = size in (arch.pages if arch else arches.page_sizes())
    covers = facts.regions is None or flags.frames * size >= _ram_end(facts.regions)
    if corrupted == pages * size and fits and covers:
        facts.page_size = size
        facts.notes.append(
            f"page size {size}: HardwareCorrupted counts {counted(pages, 'page')} of it"
        )


def _recorded(facts: Facts) -> int | None:
    source = facts.case.source if facts.case else None
    return (source.page_size_hint if source else None) or facts.tree.page_size()


def _by_free_pages(facts: Facts) -> int | None:
    """MemFree in kB and nr_free_pages are of about one moment; page sizes are far apart."""
    try:
        free = re.search(
            r"^MemFree:\s*([0-9]{1,15}) kB", facts.tree.text("proc/meminfo"), re.MULTILINE
        )
        pages = re.search(
            r"^nr_free_pages ([0-9]{1,15})$", facts.tree.text("proc/vmstat"), re.MULTILINE
        )
    except InputError:
        return None
    if not free or not pages or int(pages[1]) < 1024:
        return None
    each = (int(free[1]) << 10) / int(pages[1])
    return next((s for s in arches.page_sizes() if s / 1.5 < each < s * 1.5), None)


def _by_length(facts: Facts) -> int | None:
    """/proc/kpageflags ends where the last memory section with RAM does."""
    path = facts.tree.path("proc/kpageflags")
    if facts.regions is None or not os.path.lexists(path):
        return None
    try:
        with FileBytes(path) as file:
            frames = file.size // WORD
    except InputError:
        return None
    end = _ram_end(facts.regions)
    fits = [
        size
        for size in arches.page_sizes()
        if end <= frames * size < end + (1 << arches.pages(facts.arch, size).section_bits)
    ]
    return fits[0] if len(fits) == 1 else None


def _ram_end(regions: Regions) -> int:
    """Return one past the last byte of RAM; 0 where there is none."""
    return max((r.end + 1 for r in regions.regions if r.kind in ("ram", "in-use")), default=0)


def read_flags(facts: Facts) -> None:
    """Read /proc/kpageflags; where it cannot be read, a copied kernel log."""
    path = facts.tree.path("proc/kpageflags")
    try:
        with FileBytes(path, inside=facts.tree.copied) as file:
            facts.flags = page_flags.read(file, _frames_with_ram(facts))
    except (HwpkhoError, OSError) as error:
        facts.miss(error, "which pages are bad is not known")
        _read_log(facts)
        return
    regions, flags = facts.regions, facts.flags
    if regions is None or facts.page_size is None:
        return
    end, covered = _ram_end(regions), flags.frames * facts.page_size
    if covered >= end:
        return
    if facts.counted == flags.single.pages() + len(flags.folios.first):
        facts.flags_end = covered, end
    else:
        shown = f"{printable(path)}: ends at 0x{covered:x}, RAM at 0x{end:x}"
        facts.miss(shown, "which pages above that are bad is not known")


def _frames_with_ram(facts: Facts) -> Iterator[tuple[int, int]] | None:
    """Return what is read of the running kernel's flags: memory sections that RAM fills in part.

    None: all, of a copy or without a map. Memory may end at 2^50, and each word costs.
    """
    size, regions = facts.page_size, facts.regions
    if facts.tree.copied or size is None or regions is None:
        return None
    bits = arches.pages(regions.arch, size).section_bits - page_shift(size)
    sections = union(
        (r.start // size >> bits << bits, (r.end // size >> bits) + 1 << bits)
        for r in regions.regions
        if r.kind in ("ram", "in-use")
    )
    return ((first, end - 1) for first, end in sections)


def _read_log(facts: Facts) -> None:
    """Read the bad pages that a copied kernel log names: a lower bound."""
    path = facts.tree.log()
    if path is None:
        return
    try:
        found = read_list(path, CaseOptions(page_size=facts.page_size)).pages
    except HwpkhoError as error:
        facts.notes.append(str(error))
        return
    facts.log = replace(found, page_size=facts.page_size or found.page_size)
    facts.notes.append(
        f"{found.name}: names {counted(pfn_set(found.pfns).pages(), 'bad page')}; a log is a lower "
        f"bound ({LOG_LOWER_BOUND.id})"
    )
