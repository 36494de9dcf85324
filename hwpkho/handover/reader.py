"""Reads one handover, from the root FDT through tracker and blob to the list.

A problem does not stop the rest from being read. PFNs are read only where the structures that lead
to them are sound.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from hwpkho.abi import fdt
from hwpkho.abi import hwpoison as blobs
from hwpkho.abi import kho as roots
from hwpkho.abi.kexec_metadata import KEXEC_METADATA_SIZE, KexecMetadata
from hwpkho.base.addresses import align_down
from hwpkho.base.arch import linear, page_sizes
from hwpkho.base.listing import MAX_PFNS
from hwpkho.codes import problem as as_problem
from hwpkho.codes.blob import CONSUMED, LIST_UNREACHED
from hwpkho.codes.image import NO_HANDOVER, NO_MEMORY
from hwpkho.codes.root import (
    BROKEN_SUBTREE,
    DAMAGED,
    METADATA,
    SUBTREE_ABSENT,
    SUBTREE_NOWHERE,
)
from hwpkho.errors import InputError
from hwpkho.handover import (
    accounting,
    membership,
    owners,
    root_oddities,
    scratch,
    tracker,
    vmalloc,
)
from hwpkho.handover.membership import Membership, Page, Pages
from hwpkho.handover.model import Doubt, Handover, HwpoisonList, ListState, Root, Scratch, Subtree
from hwpkho.handover.problems import Report
from hwpkho.handover.reach import Reach
from hwpkho.handover.root_oddities import node_name
from hwpkho.handover.subtrees import hwpoison
from hwpkho.handover.subtrees import registry as subtrees

if TYPE_CHECKING:
    from hwpkho.codes import Problem, Severity
    from hwpkho.handover.generations import Found
    from hwpkho.images.base import Source

#: The most bytes that are read of a blob other than hwpoison's.
MAX_FOREIGN_BLOB = 1 << 16


class HandoverReader:
    """Reads one handover.

    Args:
        found: Its root FDT, or what copies have of the handover.
        source: The memory, or the copies where memory was not given.
        page_size: Bytes; None only without memory.
        scratch: The scratch areas, None where unknown.
        trackers: Walks over trackers, shared with the search for the root FDT.
        memory: Whether ``source`` is a memory image.
        reads_as: The KHO version of the kernel that is to read the handover, None for any.

    Attributes:
        no_list: The reported problem that there is no hwpoison subtree, else None.
        no_tracker: The reported problem that the kernel refuses the tracker's address, else None.
        spent: Whether the kernel that took this handover is running and has reused its tracker.
        report: The problems of the handover.
        doubts: Problems that leave open which root FDT the next kernel reads.
        in_doubt: What these doubts are about.
        preserved: The handover's own pages, which the tracker must mark.
    """

    def __init__(
        self,
        found: Found,
        source: Source,
        page_size: int | None,
        scratch: Scratch | None,
        trackers: tracker.Trackers | None,
        *,
        memory: bool,
        reads_as: roots.Version | None,
    ) -> None:
        self.phys, self.page, self.root, self.size = found.phys, found.page, found.root, found.size
        self.copy, self.role = found.copy, found.role
        self.consumed, self.refused = found.consumed, found.refused
        self.unread, self.root_problem = found.unread, found.root_problem
        self.source, self.page_size, self.memory = source, page_size, memory
        self.scratch, self.trackers, self.reads_as = scratch, trackers, reads_as
        self.no_list: Problem | None = None
        self.no_tracker: Problem | None = None
        self.spent = False
        self.report, self.doubts, self.preserved = Report(), Report(), Pages()
        for p in found.problems:
            self.report.add_problem(p)
        for _, p in found.doubts:
            self.doubts.add_problem(p)
        self.in_doubt: frozenset[Doubt] = frozenset(about for about, _ in found.doubts)

    def read(self) -> Handover:
        """Read the handover; call it once.

        Raises InputError where a structure exceeds a limit, or the image is damaged.
        """
        report = self.report
        for p in self.copy.problems if self.copy else ():
            report.add_problem(p)
        root_fdt = self._root()
        walk, marks = None, Membership(None)
        trackers = self.trackers or tracker.Trackers(self.source)
        if self.memory and self.page_size and root_fdt and root_fdt.memory_map and root_fdt.version:
            walk = trackers.walk(root_fdt.memory_map, self.page_size, root_fdt.version)
        self.spent = (
            self.role == "in"
            and self.phys is not None
            and walk is not None
            and bool(walk.nodes)
            and walk.preserved.block_around(self.phys) is None
        )
        reach = Reach(self.source, self.page_size, report, walk, self.role == "in", self.spent)
        root = self._describe(root_fdt, reach) if root_fdt else self._unread_root()
        metadata = self._metadata(root_fdt)
        hwpoison = self._hwpoison(root_fdt)
        if walk:
            marks = membership.check(
                walk, self.role, hwpoison, self.preserved, report, consumed=self.consumed
            )
            settle = trackers.hold if marks.state == "gone" else trackers.keep
            settle(walk)
        account = None
        if walk and walk.listed and root and marks.state not in (None, "gone"):
            account = owners.account(accounting.claims(root, hwpoison, walk), walk.preserved)
            accounting.report(account, root, hwpoison, walk, report)
        short_scratch, in_scratch = scratch.check(self.scratch, self.preserved, report)
        for p in self.source.problems:  # last: reading may have added some
            report.add_problem(p)
        return Handover(
            self.source.name, self.page_size, self.source.arch, self.role, root, marks.state,
            self.scratch, metadata, hwpoison, report.problems(), walk, self.unread,
            self.root_problem, marks.unmarked, in_scratch, self.no_list, self.doubts.problems(),
            self.in_doubt, account, self.no_tracker, marks.damage, short_scratch,
        )  # fmt: skip

    def _root(self) -> roots.RootFdt | None:
        report, at = self.report, self.phys
        if not self.page:
            return None
        cut = self.copy is not None and self.copy.cut and at is None
        try:
            read = roots.parse_cut if cut else roots.parse
            root = self.root or read(self.page)
        except InputError as error:
            noted = report.add(DAMAGED, str(error), at)
            self.root_problem = self.root_problem or noted
            self.unread = self.unread or "damaged"
            return None
        if self.reads_as is not None:
            root = roots.read_by(root, self.reads_as)
        if at is not None:
            self._note_bytes("root FDT", at, min(root.totalsize, len(self.page)))
        if self.copy is not None and cut:
            report.add_problem(self.copy.cut_problem())
        elif root.tree.error:
            noted = report.add(DAMAGED, root.tree.error, at)
            self.root_problem = self.root_problem or noted
        elif root.tree.missing:
            there = root.totalsize - root.tree.missing
            message = f"totalsize is {root.totalsize}, but only {there} bytes are there"
            report.add(DAMAGED, message, at, "warning")
        if at is not None and at % fdt.ALIGNMENT:
            message = f"address 0x{at:x} is not a multiple of {fdt.ALIGNMENT}, libfdt refuses it"
            noted = report.add(DAMAGED, message, at)
            if self.unread is None:  # libfdt looks at this first
                self.root_problem = noted
        self.no_tracker = root_oddities.report(root, at, report)
        return root

    def _unread_root(self) -> Root | None:
        """Return a Root with only its address, for a damaged root FDT in memory; else None."""
        if self.unread != "damaged" or self.phys is None:
            return None
        return Root(self.phys, None, None, None, (), None, self.size)

    def _describe(self, root: roots.RootFdt, reach: Reach) -> Root:
        found = []
        ours = root.find(roots.HWPOISON)
        seen: set[str] = set()
        for ref in root.subtrees:
            name = node_name(ref.name)
            raw: bytes | memoryview | None = None
            if ref.defect:
                self.report.add(BROKEN_SUBTREE, f"{name}: {ref.defect}", self.phys)
            elif ref is not ours:
                raw = self._foreign_blob(ref)
            base = ref.name.split("@", 1)[0]
            # The kernel sees only the first of two nodes with the same name.
            raw = None if base in seen else raw
            found.append(self._subtree(base, name, ref, raw, reach))
            seen.add(base)
        listed = {ref.name for ref in root.subtrees}
        for copied, raw in self.copy.subtrees.items() if self.copy else ():
            if copied not in listed:  # the copy of the root FDT was cut off before this node
                ref = roots.SubtreeRef(copied, None, len(raw))
                found.append(self._subtree(copied, node_name(copied), ref, raw, reach))
        compatible = node_name(root.compatible[0]) if root.compatible else None
        return Root(
            self.phys, compatible, root.totalsize, root.memory_map, tuple(found), root, self.size
        )

    def _subtree(
        self,
        node: str,
        name: str,
        ref: roots.SubtreeRef,
        raw: bytes | memoryview | None,
        reach: Reach,
    ) -> Subtree:
        reader = subtrees.reader_of(node)
        details = subtrees.read(reader, raw, self.source, self.page_size, self.report)
        content = subtrees.follow(reader, raw, ref.phys, reach)
        kind = reader.kind if reader else None
        return Subtree(name, ref.phys, ref.size, kind, details, content)

    def _copied(self, name: str) -> bytes | None:
        return self.copy.subtrees.get(name) if self.copy else None

    def _foreign_blob(self, ref: roots.SubtreeRef) -> bytes | memoryview | None:
        """Return the blob of a subtree other than hwpoison, or its beginning; None where absent."""
        if ref.phys is None:
            return self._copied(ref.name)
        size = ref.size
        if size is None:
            head = self.source.read(ref.phys, 8)
            reader = subtrees.reader_of(ref.name)
            known = reader.size if reader else None
            size = (fdt.totalsize(head) if head else None) or known or KEXEC_METADATA_SIZE
        data = self.source.read(ref.phys, min(size, MAX_FOREIGN_BLOB))
        if data is not None:
            return data
        copied = self._copied(ref.name)
        if copied is None or self.memory:
            self._subtree_missing(ref, "warning", copied)
        return copied

    def _subtree_missing(
        self, ref: roots.SubtreeRef, severity: Severity, copied: bytes | None = None
    ) -> tuple[ListState, Problem]:
        """Report a missing blob; return what that means for a list, and the problem.

        ``copied`` is a copy of it that is read instead. The next kernel still reads the address in
        the root FDT.
        """
        phys, name = ref.phys or 0, node_name(ref.name)
        if not self.memory:
            message = f"the blob of {name} at 0x{phys:x} is not among the files given"
            return "not-given", self.report.add(NO_MEMORY, message, phys)
        if ref.name.split("@", 1)[0] == roots.HWPOISON:
            end = self.source.end()
            if end is not None and phys >= end:
                message = f"{name} points to 0x{phys:x}; the image's memory ends at 0x{end:x}"
                noted = self.report.add(SUBTREE_NOWHERE, message, phys)
                return "nowhere", noted
        message = f"the blob of {name} at 0x{phys:x} is not in the image"
        message += "; its copy is read" if copied is not None else ""
        return "absent", self.report.add(SUBTREE_ABSENT, message, phys, severity)

    def _metadata(self, root: roots.RootFdt | None) -> KexecMetadata | None:
        ref = root.find(roots.KEXEC_METADATA) if root else None
        phys = ref.phys if ref else None
        there = self.source.read(phys, KEXEC_METADATA_SIZE) if phys is not None else None
        raw = bytes(there) if there is not None else self._copied(roots.KEXEC_METADATA)
        if raw is None:
            if root and ref is None:
                self.report.add(METADATA, "there is no kexec-metadata", self.phys)
            return None  # otherwise it was reported as absent already
        try:
            return KexecMetadata.parse(raw)
        except ValueError as error:
            self.report.add(METADATA, f"kexec-metadata: {error}", phys)
            return None

    def _hwpoison(self, root: roots.RootFdt | None) -> HwpoisonList | None:
        ref = root.find(roots.HWPOISON) if root else None
        copied = self._copied(roots.HWPOISON)
        if ref is None and copied is not None:
            ref = roots.SubtreeRef(roots.HWPOISON, None, len(copied))
        if ref is None and root is None and self.page:
            return None  # an unreadable root FDT shows no subtree
        if ref is None:
            if self.copy is not None and roots.HWPOISON in self.copy.unreadable:
                return None  # there is one; that its file is unusable has been reported
            message = "no hwpoison subtree"
            self.no_list = self.report.add(NO_HANDOVER, message, self.phys)
            return None
        if ref.defect:
            noted = as_problem(BROKEN_SUBTREE, f"{node_name(ref.name)}: {ref.defect}", self.phys)
            return HwpoisonList(ref.phys, ref.size, None, state="refused", problem=noted)
        if ref.phys is not None:
            ref = ref._replace(phys=linear(ref.phys, self.source.arch))
        raw = None
        if ref.phys is not None:
            raw = hwpoison.blob(self.source, ref.phys, ref.size, self.page_size)
        if raw is None and (ref.phys is None or not self.memory):
            raw = self._copied(ref.name)
        if raw is None:
            raw = copied if self.memory else None
            state, noted = self._subtree_missing(ref, "warning" if raw else "error", raw)
            if raw is None or state == "nowhere":
                return HwpoisonList(ref.phys, ref.size, None, state=state, problem=noted)
        if ref.phys is not None:
            self._note_bytes("hwpoison blob", ref.phys, len(raw))
        revision = blobs.revision_of(raw)
        try:
            blob = blobs.parse(raw, ref.phys)
        except blobs.MalformedBlobError as error:
            noted = self.report.add(error.code, f"hwpoison blob: {error}", ref.phys)
            version = blobs.REVISIONS[revision].version(raw)
            return HwpoisonList(
                ref.phys, ref.size, None, revision=revision, version=version, state="malformed",
                problem=noted,
            )  # fmt: skip
        beyond = hwpoison.check(
            blob, ref.phys, ref.size, self.page_size, self.report, consumed=self.consumed
        )
        return self._list(ref, blob, beyond)

    def _list(
        self, ref: roots.SubtreeRef, blob: blobs.HwpoisonBlob, beyond: Problem | None
    ) -> HwpoisonList:
        area, page_size = blob.vmalloc, self.page_size
        pfns: array[int] | None = None
        state: ListState = "read"
        unread = HwpoisonList(
            ref.phys, ref.size, blob, revision=blob.revision, version=blob.version
        )
        if not self.memory or page_size is None:
            noted = self.report.add(
                LIST_UNREACHED,
                f"the array's first chunk lies at 0x{area.first:x}, in memory that was not given",
                area.first,
            )
            return unread._replace(state="not-given", problem=noted)
        if self.consumed:
            # The content of the freed pages means nothing any more.
            done = "the list was replayed by this kernel and its pages freed"
            if self.refused:
                done = "the running kernel, of another KHO version, refused the list and freed it"
            said = f"{done}; the outgoing handover has the list that counts"
            noted = self.report.add(CONSUMED, said, ref.phys, "warning" if self.refused else None)
            return unread._replace(state="consumed", problem=noted)
        report, met = self.report, Report()
        found = vmalloc.walk(self.source, area, page_size, met)
        if self.spent and not found.sound:
            # Whether the list was replayed is unknown, but its pages were freed like the tracker's.
            noted = report.add(
                CONSUMED,
                "the running kernel has freed the list's pages; they no longer hold the list",
                ref.phys,
            )
            return unread._replace(state="consumed", problem=noted)
        for p in met.problems():
            report.add_problem(p)
        order = area.entry_order
        self.preserved.add(Page("chunk", phys, restored=True) for phys in found.chunks)
        self.preserved.add_array(found.pages, found.pfns, order, page_size)
        problem = found.problem or beyond
        if problem is None and found.sound:
            if blob.count > MAX_PFNS:
                raise InputError(
                    f"{self.source.name}: count {blob.count} is more than the {MAX_PFNS} PFNs of "
                    "the longest list"
                )
            words = vmalloc.read_array(self.source, found, order, blob.count, page_size, report)
            if isinstance(words, array):
                pfns = words
            else:
                state, problem = "array-absent", words
        return HwpoisonList(
            ref.phys, ref.size, blob, found.chunks, found.pages, pfns,
            blob.revision, blob.version, state, found.chain, problem,
        )  # fmt: skip

    def _note_bytes(self, what: str, phys: int, size: int) -> None:
        """Add the pages of a structure that the kernel only reads; it may cross a page boundary."""
        step = self.page_size or page_sizes()[-1]
        inside = range(align_down(phys, step) + step, phys + size, step)
        self.preserved.add(Page(what, at) for at in (phys, *inside))
