"""Makes the rows of one case for the fleet's tables: plain values, cheap to send between processes.

A million scattered pages are two arrays and the values their runs share, not a million objects.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from hwpkho.badpages import mentions
from hwpkho.badpages.kinds import BAD, KINDS
from hwpkho.base.addresses import DEFAULT_PAGE_SIZE
from hwpkho.base.escape import printable
from hwpkho.base.pfnset import PfnSet, pfn_set
from hwpkho.base.version import __version__
from hwpkho.fleet import content
from hwpkho.fleet.identity import Recorded
from hwpkho.fleet.schema import of_verdict
from hwpkho.inputs.role import which_handover
from hwpkho.judging.rulings import VERDICTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hwpkho.abi.role import Role
    from hwpkho.dimms.model import Dimms
    from hwpkho.fleet.identity import Identity
    from hwpkho.inputs.case import Case
    from hwpkho.judging.case_result import CaseResult
    from hwpkho.judging.result import Finding, Validation
    from hwpkho.judging.rulings import Runs

#: PFNs from here on become null: the tables' integers are signed. No machine has so many pages.
_END = 1 << 63
_RELEASE = re.compile(rb"^OSRELEASE=([!-~]{1,64})$", re.MULTILINE)
#: Node names that name no machine: UTS_NODENAME of include/linux/uts.h, which a kernel has before
#: user space sets another, and what distributions set until they know better.
_NO_NAMES = ("", "(none)", "localhost", "localhost.localdomain")
#: When the kernel crashed, seconds since 1970; only a crash adds it: crash_save_vmcoreinfo().
_CRASHTIME = re.compile(rb"^CRASHTIME=([0-9]{1,12})$", re.MULTILINE)


class Shared(NamedTuple):
    """What the runs of a segment have in common: columns of ``pages`` in :data:`schema.TABLES`."""

    kind: str | None
    verdict: str | None
    code: str | None
    region: str | None
    owner: str | None
    node: int | None
    dimm: str | None
    dimm_serial: str | None
    dimm_confidence: str


class Segment(NamedTuple):
    """Runs that share everything but their PFNs.

    Attributes:
        first: First PFN of each run.
        last: Last PFN, inclusive.
        shared: The rest.
    """

    first: array[int]
    last: array[int]
    shared: Shared


class Mark(NamedTuple):
    """Facts on pages that are not from the judgement: their kind, or their DIMM and node.

    Attributes:
        first: First PFN.
        last: Last PFN, inclusive.
        fields: Names and values of fields of :class:`Shared`.
    """

    first: int
    last: int
    fields: dict[str, Any]


#: Disjoint marks, ascending.
Layer = list[Mark]


@dataclass(slots=True)
class CaseRows:
    """The rows of one case.

    Attributes:
        key: 16 bytes for the capture and what it was judged by; see :func:`known.key_of`.
        host: The row of ``hosts``: values by column.
        page_size: Bytes.
        source: What lists the pages: ``handover``, ``efi-table`` or a form of list.
        segments: The rows of ``pages``.
        findings: The rows of ``findings``: code, severity, certainty, message, first_pfn,
            last_pfn, phys.
        known: Whether the data set has the case already, so that it was not judged.
    """

    key: bytes
    host: dict[str, Any] = field(default_factory=dict)
    page_size: int = 4096
    source: str = ""
    segments: list[Segment] = field(default_factory=list)
    findings: list[tuple[Any, ...]] = field(default_factory=list)
    known: bool = False

    @property
    def rows(self) -> int:
        """The number of rows of ``pages`` and ``findings``."""
        return sum(len(s.first) for s in self.segments) + len(self.findings)


def of_error(result: CaseResult, who: Identity, key: bytes) -> CaseRows:
    """Return the row of ``hosts`` of a case that could not be judged; there are no others."""
    return CaseRows(key, _host(result, who))


def of_case(
    case: Case,
    result: CaseResult,
    who: Identity,
    key: bytes,
    role: Role | None,
    dimms: Dimms | None = None,
    ram: Sequence[tuple[int, int]] | None = None,
) -> CaseRows:
    """Return the rows of a case that was judged.

    Args:
        case: What was read.
        result: The judgement.
        who: Machine and time.
        key: See :class:`CaseRows`.
        role: The handover asked for by --role, if several were read.
        dimms: Which DIMM a page is on; None if not known.
        ram: The machine's RAM, for :meth:`Dimms.places`.
    """
    v = result.validation
    if v is None:
        return of_error(result, who, key)
    handover = which_handover(case.handovers, role) if case.handovers else None
    row = _host(result, who)
    unread = handover is not None and (
        handover.unread or (handover.hwpoison is not None and handover.hwpoison.pfns is None)
    )
    efi_decided = v.efi.decided_by if v.efi else None
    row |= {
        "kexec_count": handover.metadata.kexec_count if handover and handover.metadata else None,
        "arch": v.arch,
        "page_size": v.page_size,
        "sources": _sources(case),
        "outcome": v.outcome,
        "code": v.decided_by.code if v.decided_by else None,
        "efi_outcome": v.efi.outcome if v.efi else None,
        "efi_code": efi_decided.code if efi_decided else None,
        "pages": None if unread else v.pfns,
        "list_hash": None if unread else _list_hash(v),
        "scratch_bytes": v.scratch.size if v.scratch else None,
    }
    for verdict, pages in v.runs.counts().items():
        row[of_verdict(verdict)] = pages
    for finding in v.findings:
        row[f"{finding.severity}s"] += 1
    kind, kinds = _kinds(case)
    source = _source(case, v)
    size = v.page_size or DEFAULT_PAGE_SIZE
    places = _places(dimms, v, size, ram) if dimms else []
    layers = [layer for layer in (kinds, places) if layer]
    found = CaseRows(key, row, size, source)
    found.segments = list(_segments(v.runs, kind, layers))
    found.findings = [_finding(f) for f in v.findings]
    return found


def recorded(case: Case) -> Recorded:
    """Return machine, release and time as the capture itself records them."""
    handed = next((h for h in reversed(case.handovers) if h.role == "out" and h.metadata), None)
    release = printable(handed.metadata.previous_release) if handed and handed.metadata else None
    if case.source is None:
        return Recorded(None, release)
    said = _RELEASE.search(case.source.vmcoreinfo)
    crashed = _CRASHTIME.search(case.source.vmcoreinfo)
    return Recorded(
        None if case.source.nodename in _NO_NAMES else case.source.nodename,
        printable(said[1]) if said else release,
        int(crashed[1]) if crashed else case.source.taken_at,
    )


def _host(result: CaseResult, who: Identity) -> dict[str, Any]:
    return {
        "host": who.host,
        "taken_at": who.taken_at,
        "host_from": who.host_from,
        "time_from": who.time_from,
        "case_name": result.case[:4096],
        "boot_id": who.boot_id,
        "release": who.release,
        "ok": result.exit == 0,
        "exit": result.exit,
        "error": result.error,
        "remark": who.remark,
        "tool_version": __version__,
        **dict.fromkeys(_COUNTS, 0),
    }


_COUNTS = (*map(of_verdict, VERDICTS), "errors", "warnings", "notes")


def _list_hash(v: Validation) -> str:
    """Return a hash of the set of pages: the same for equal lists in any order and form."""
    pfns = v.runs.pfns
    return content.digest(str(v.page_size), pfns.first.tobytes(), pfns.last.tobytes()).hex()


def _sources(case: Case) -> str:
    if case.pages is not None:
        return case.pages.origin
    found = ["image" if case.source else "debugfs"] if case.handovers else []
    return "+".join([*found, *(["efi-table"] if case.tables else [])])


def _source(case: Case, v: Validation) -> str:
    if case.pages is not None:
        return case.pages.origin
    return "efi-table" if v.basis.table or not case.handovers else "handover"


def _finding(f: Finding) -> tuple[Any, ...]:
    first, last = f.first, f.last
    fits = first is not None and last is not None and last < _END
    return (
        f.code, f.severity, f.certainty, f.message,
        first if fits else None, last if fits else None, f.phys,
    )  # fmt: skip


def _kinds(case: Case) -> tuple[str | None, Layer]:
    """Return the kind of all pages, or None and a layer if they are of several kinds."""
    if case.pages is None:
        return "poisoned", []
    if not case.pages.mentions:
        return None, []
    named = mentions.of(case.pages.mentions)
    present = set(named.kind) & BAD
    if not present:
        return None, []
    if len(present) == 1 and pfn_set(named.pages()) == pfn_set(case.pages.pfns):
        return next(iter(present)), []
    layer: Layer = []
    taken = PfnSet()
    for kind in KINDS:  # a page named as several kinds gets the first of them
        at = [i for i, k in enumerate(named.kind) if k == kind and kind in present]
        if at:
            pages = pfn_set(named.picked(at).pages())
            layer += [Mark(a, b, {"kind": kind}) for a, b in pages - taken]
            taken |= pages
    return None, sorted(layer, key=lambda mark: mark.first)


def _places(
    dimms: Dimms, v: Validation, page_size: int, ram: Sequence[tuple[int, int]] | None
) -> Layer:
    return [
        Mark(
            run.first,
            run.last,
            {
                "node": run.place.node,
                "dimm": run.place.dimm,
                "dimm_serial": run.place.serial,
                "dimm_confidence": run.place.confidence,
            },
        )
        for run in dimms.places(v.runs.pfns, page_size, ram)
        if run.place.confidence != "unknown"
    ]


def _segments(runs: Runs, kind: str | None, layers: Sequence[Layer]) -> Iterator[Segment]:
    for start, end, ruling in runs.stretches():
        owner = printable(ruling.owner.name) if ruling.owner else None
        first, last = runs.pfns.columns(start, end)
        shared = Shared(
            kind, ruling.verdict, ruling.code, ruling.region, owner, None, None, None, "unknown"
        )
        at = bisect_left(last, _END)
        if at < len(last):  # pages beyond what the tables can name: counted, PFNs null
            yield Segment(first[at:], last[at:], shared)
        if at:
            yield from _marked(first[:at], last[:at], shared, layers)


def _marked(
    first: array[int], last: array[int], shared: Shared, layers: Sequence[Layer]
) -> Iterable[Segment]:
    """Return the runs cut where the marks of any layer begin or end."""
    if not layers:
        return [Segment(first, last, shared)]
    parts = [(first, last, shared)]
    for layer in layers:
        cut: dict[Shared, tuple[array[int], array[int]]] = {}
        starts = [mark.first for mark in layer]
        for lows, highs, common in parts:
            for low, high in zip(lows, highs, strict=True):
                for a, b, fields in _cut(low, high, layer, starts):
                    key = common._replace(**fields) if fields else common
                    columns = cut.setdefault(key, (array("Q"), array("Q")))
                    columns[0].append(a)
                    columns[1].append(b)
        parts = [(a, b, key) for key, (a, b) in cut.items()]
    return [Segment(a, b, key) for a, b, key in parts]


def _cut(
    low: int, high: int, layer: Layer, starts: Sequence[int]
) -> Iterator[tuple[int, int, dict[str, Any] | None]]:
    at = low
    for mark in layer[max(0, bisect_right(starts, low) - 1) :]:
        if mark.first > high:
            break
        if mark.last < at:
            continue
        if at < mark.first:
            yield at, mark.first - 1, None
        at = max(at, mark.first)
        yield at, min(high, mark.last), mark.fields
        at = mark.last + 1
        if at > high:
            return
    if at <= high:
        yield at, high, None
