"""check: the handovers and EFI tables of the running kernel, or of a copied tree."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hwpkho.base.escape import printable
from hwpkho.errors import HwpkhoError
from hwpkho.handover import assemble
from hwpkho.handover.stated import NoHandoverError
from hwpkho.images.files import FileBytes
from hwpkho.inputs import tables
from hwpkho.inputs.case import Case, CaseOptions, read_inputs
from hwpkho.live.tree import Kho

if TYPE_CHECKING:
    from hwpkho.commands.check_facts import Facts
    from hwpkho.live.tree import Tree

#: Memory of which so much is in an image: what is in none of it, the machine does not have.
_WHOLE = 0.9
_EFI = "sys/firmware/efi/config_table"
#: Entries of the EFI configuration table take no more, bytes.
_EFI_ENTRIES = 4096
#: What is open where the handover cannot be read.
OPEN = "whether the bad pages are handed over is not known"


def read(facts: Facts, page_size: int | None) -> None:
    """Read the handovers and tables of the machine."""
    options = CaseOptions(page_size, arch=facts.arch)
    if facts.tree.copied:
        _read_copied(facts, options)
    else:
        try:
            facts.case = _running(facts, options)
        except HwpkhoError as error:
            facts.miss(error, OPEN)
    case = facts.case
    if facts.kho.absent and not facts.kho.sure and case and case.handovers:
        shown = printable(facts.tree.path("sys/kernel/debug"))
        facts.miss(f"{shown}: it has no folder kho, but {case.name} has a handover", OPEN)
        facts.kho = Kho()
    if facts.kho.unseen and not (case and any(h.role == "out" for h in case.handovers)):
        facts.kho_unseen = facts.miss(facts.kho.unseen, OPEN, denied=facts.kho.denied)
    if case is None:
        return
    sizes = {h.page_size for h in case.handovers if h.page_size}
    if len(sizes) == 1:
        facts.page_size = sizes.pop()
    known = [h.arch for h in case.handovers] + [case.source.arch if case.source else None]
    facts.arch = facts.arch or next((arch for arch in known if arch), None)


#: What is open where only debugfs can be read.
_OPEN_LIST = "the list that is handed over lies in memory: what is in it is not known"


def _read_copied(facts: Facts, options: CaseOptions) -> None:
    """Read the handover of a copied tree: memory and debugfs together, else what there is."""
    tree = facts.tree
    copied = [str(facts.kho.folder)] if facts.kho.folder else []
    memories = [tree.path(name) for name in ("proc/kcore", "proc/vmcore") if tree.has(name)]
    together = [[path, *copied] for path in memories]
    alone = [[path] for path in memories] if copied else []
    reasons = dict[str, Exception]()
    for specs in (*together, *alone, *([copied] if copied else [])):
        try:
            facts.case = _case(specs, options)
        except (HwpkhoError, OSError) as error:
            reasons[str(error)] = error
            continue
        break
    if facts.case is not None and not memories:
        shown = printable(str(tree.root))
        facts.miss(f"{shown}: it has neither proc/kcore nor proc/vmcore", _OPEN_LIST)
    no_memory = facts.case is not None and facts.case.source is None
    for reason in reasons.values():
        facts.miss(reason, _OPEN_LIST if no_memory else OPEN)


def _case(specs: list[str], options: CaseOptions) -> Case:
    try:
        return read_inputs(specs, options, plain=False)
    except NoHandoverError as error:
        return _only_memory(specs[0], error)


def _only_memory(path: str, why: NoHandoverError) -> Case:
    """Return memory in which there is no handover."""
    from hwpkho.images.registry import open_image

    source = open_image(FileBytes(path))
    return Case(str(why), (), None, source)


def nothing_in_memory(facts: Facts) -> None:
    """Tell whether memory without a handover shows that there is none."""
    case = facts.case
    if case is None or case.handovers or case.tables or case.source is None:
        return
    facts.case = None
    if facts.kho.absent:
        return
    held = sum(size for _, size in case.source.extents())
    if facts.regions is not None and held >= facts.regions.ram_bytes() * _WHOLE:
        facts.unseen = [u for u in facts.unseen if u is not facts.kho_unseen]
        facts.kho = Kho(absent="no root FDT is in its memory")
    else:
        facts.miss(case.name, OPEN)


def _running(facts: Facts, options: CaseOptions) -> Case | None:
    """Read the handovers of the running kernel without a search of all its memory.

    None where it has neither KHO nor an EFI table. Raises InputError where nothing shows that.
    """
    from hwpkho.live.machine import Live
    from hwpkho.live.near import Near, device_trees, marked

    tree, entries = facts.tree, _efi_entries(facts.tree)
    has_kho = facts.kho.folder is not None
    if not has_kho and not entries:
        return None
    live = Live(tree.root, options.page_size, kho=has_kho)
    options = options._replace(page_size=live.page_size)
    memory = live.memory()
    if not has_kho:
        near = Near(memory, [], entries)
        found = tables.of_memory(near, options)
        return Case(near.name, (), None, None, found) if found else None
    copies, boot = live.copies(), live.boot()
    pages = [*marked(memory, copies, live.page_size), *(b.fdt_addr for b in boot)]
    if any(copy.role == "out" and copy.fdt is None for copy in copies):
        with FileBytes(tree.path("proc/kpageflags")) as flags:
            pages += device_trees(memory, flags, live.page_size)
    near = Near(memory, pages, entries)
    near.page_size_hint = near.page_size_hint or live.page_size
    handovers = assemble.from_memory(near, copies, options, boot)
    found = tables.beside_handovers(tables.of_memory(near, options), handovers)
    return Case(f"/sys/kernel/debug/kho, {near.name}", tuple(handovers), None, near, found)


def _efi_entries(tree: Tree) -> list[tuple[int, int]]:
    """Return where the firmware's configuration table is, as x86 kernels show it."""
    word = tree.word(_EFI) or ""
    if not re.fullmatch(r"0x[0-9a-f]{1,16}", word):
        return []
    return [(int(word, 16), _EFI_ENTRIES)]
