"""What the library returns: results with ``to_dict()`` and rows for a table."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, cast, get_args

from hwpkho.abi.role import Role
from hwpkho.api.checks import one_of, optional
from hwpkho.api.rows import ChangeRow, EntryRow, PageRow, RangeRow, judged_rows, page_rows
from hwpkho.badpages.formats.json import build
from hwpkho.badpages.sets import describe_history
from hwpkho.base.listing import Listing
from hwpkho.base.options import of_library
from hwpkho.base.pfnset import pfn_set
from hwpkho.inputs.role import which_handover
from hwpkho.report.decode import json as decode_json
from hwpkho.report.diff import json as diff_json
from hwpkho.report.memmap import json as memmap_json
from hwpkho.report.merge import json as merge_json
from hwpkho.report.parts import jsondoc
from hwpkho.report.validate import json as validate_json

if TYPE_CHECKING:
    from array import array
    from collections.abc import Mapping

    from hwpkho.api.rows import JudgedRow
    from hwpkho.badpages.model import BadPages
    from hwpkho.codes import Problem
    from hwpkho.commands import merge as merging
    from hwpkho.commands.diff import Comparison
    from hwpkho.commands.memmap import MemmapReport
    from hwpkho.efi.model import PoisonTable
    from hwpkho.handover.model import Handover
    from hwpkho.inputs.lists import CaseList
    from hwpkho.judging.case_result import Suppressed
    from hwpkho.judging.result import EfiJudged, Finding, Outcome, Validation
    from hwpkho.memmap.model import Map
    from hwpkho.memmap.view.regions import Region


def document(schema: str, body: Mapping[str, object]) -> dict[str, Any]:
    """Return the document that ``--json`` prints."""
    return cast("dict[str, Any]", json.loads("".join(jsondoc.pieces(schema, body.items()))))


@dataclass(frozen=True, slots=True)
class Decoded:
    """The handovers and EFI tables of one case; ``hwpkho.decode/1``.

    Attributes:
        name: The inputs, printable.
        handovers: Oldest generation first.
        tables: EFI tables of poisoned memory.
    """

    name: str
    handovers: tuple[Handover, ...]
    tables: tuple[PoisonTable, ...] = ()

    def handover(self, role: Role | None = None) -> Handover:
        """Return the handover that the next kernel reads, or that of ``role``.

        Raises InputError where there is none, or nothing shows which it is.
        """
        optional(one_of(lambda: get_args(Role)))("role", role)
        with of_library():
            return which_handover(self.handovers, role)

    @property
    def pfns(self) -> list[int]:
        """PFNs of the handover that the next kernel reads, in the order of its array.

        Raises InputError where that has no list, or one that cannot be trusted.
        """
        return self._pfns().tolist()

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The problems of all handovers and tables."""
        return tuple(
            chain(*(h.problems for h in self.handovers), *(t.problems for t in self.tables))
        )

    def rows(self) -> list[PageRow]:
        """Return the list of :attr:`pfns` as runs, in its order; raises as that does."""
        return page_rows(Listing(self._pfns()))

    def _pfns(self) -> array[int]:
        from hwpkho.commands import decode

        with of_library():
            return decode.pfns(self.handovers)[1]

    def to_text(self) -> str:
        """Return what ``hwpkho decode`` prints, without colours."""
        from hwpkho.report.decode import text

        return text.report(self.handovers, tables=self.tables)

    def to_dict(self) -> dict[str, Any]:
        """Return the document of ``hwpkho decode --json``."""
        return document(decode_json.SCHEMA, decode_json.body(self.handovers, self.tables))


@dataclass(frozen=True, slots=True)
class Judged:
    """What the next kernel will do with a case; ``hwpkho.validate/1``.

    Attributes:
        validation: The judgement, with the findings that count.
        ok: Whether none of them is as bad as ``fail_on``.
        suppressed: Findings that do not count.
    """

    validation: Validation
    ok: bool
    suppressed: tuple[Suppressed, ...] = ()

    @property
    def outcome(self) -> Outcome | None:
        """What becomes of the handover as a whole; None for a list, or where nothing shows it."""
        return self.validation.outcome

    @property
    def efi(self) -> EfiJudged | None:
        """The judgement on the EFI table of poisoned memory, None where there is none."""
        return self.validation.efi

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings that count, worst first."""
        return self.validation.findings

    @property
    def counts(self) -> dict[str, int]:
        """How many PFNs have each verdict."""
        return self.validation.runs.counts()

    def rows(self) -> list[JudgedRow]:
        """Return the judged PFNs as runs, ascending."""
        return judged_rows(self.validation.runs)

    def to_dict(self) -> dict[str, Any]:
        """Return the document of ``hwpkho validate --json``."""
        body = validate_json.body(self.validation, ok=self.ok, suppressed=self.suppressed)
        return document(validate_json.SCHEMA, body)


@dataclass(frozen=True, slots=True)
class Compared:
    """Two lists compared, or a chain of them; ``hwpkho.diff/1`` or ``hwpkho.diff-chain/1``."""

    _result: Comparison

    @property
    def same(self) -> bool:
        """Whether all lists hold the same PFNs."""
        return all(change.empty for change in self._result.changes)

    @property
    def page_size(self) -> int:
        """Bytes that a PFN of the rows stands for: the smallest page size among the lists."""
        return self._result.page_size

    @property
    def cases(self) -> tuple[str, ...]:
        """The names of the lists, in the order given."""
        return tuple(x.name for x in self._result.cases)

    @property
    def removed(self) -> list[int]:
        """PFNs of the first list that the last one lacks, ascending."""
        return self._between(0, -1)

    @property
    def added(self) -> list[int]:
        """PFNs of the last list that the first one lacks, ascending."""
        return self._between(-1, 0)

    def _between(self, one: int, other: int) -> list[int]:
        cases = self._result.cases
        return (pfn_set(cases[one].pfns) - pfn_set(cases[other].pfns)).listing().tolist()

    def histories(self) -> dict[str, int]:
        """Return how many PFNs were kept, appeared, lost, came back, and so on."""
        found: dict[str, int] = {}
        for history in self._result.histories():
            name = describe_history(history.seen, len(self._result.cases))
            found[name] = found.get(name, 0) + history.last - history.first + 1
        return found

    def rows(self) -> list[ChangeRow]:
        """Return what changed as runs, step by step, removed ones first."""
        return [
            ChangeRow(step, word, first, last, last - first + 1, ruling.verdict)
            for step, change in enumerate(self._result.changes)
            for word, runs in (("removed", change.removed), ("added", change.added))
            for first, last, ruling in runs
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return the document of ``hwpkho diff --json``."""
        if len(self._result.changes) > 1:
            return document(diff_json.CHAIN_SCHEMA, diff_json.chain_body(self._result))
        return document(diff_json.SCHEMA, diff_json.body(self._result))


@dataclass(frozen=True, slots=True)
class Merged:
    """Lists merged; ``hwpkho.merge/1``."""

    _result: merging.Merged

    @property
    def pages(self) -> BadPages:
        """The merged list with all that is known about it."""
        return self._result.pages

    @property
    def pfns(self) -> list[int]:
        """The merged list."""
        return self._result.pfns.tolist()

    @property
    def page_size(self) -> int:
        """Bytes that a PFN stands for."""
        return self._result.page_size

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know, one line each."""
        return self._result.notes

    def left_out(self) -> list[JudgedRow]:
        """Return what the memory map left out."""
        return judged_rows(self._result.left_out)

    def rows(self) -> list[PageRow]:
        """Return the merged list as runs, in its order."""
        return page_rows(self._result.pfns)

    def to_dict(self) -> dict[str, Any]:
        """Return the document of ``hwpkho merge --json``."""
        return document(merge_json.SCHEMA, merge_json.body(self._result, None))


@dataclass(frozen=True, slots=True)
class PageList:
    """A list of bad pages; ``hwpkho.list/1``."""

    _case: CaseList

    @property
    def pages(self) -> BadPages:
        """The list with all that is known about it."""
        return self._case.pages

    @property
    def name(self) -> str:
        """What it was read from, printable."""
        return self._case.name

    @property
    def pfns(self) -> list[int]:
        """PFNs in the list's order, repeats kept."""
        return self._case.pfns.tolist()

    @property
    def page_size(self) -> int:
        """Bytes that a PFN stands for; 4096 where the list does not record it."""
        return self._case.page_size

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know, one line each."""
        return self._case.notes

    def rows(self) -> list[PageRow]:
        """Return the list as runs, in its order."""
        return page_rows(self._case.pfns)

    def entries(self) -> list[EntryRow]:
        """Return each place of the input that names bad pages, by PFN; ``corrected`` left out."""
        from hwpkho.commands.list import list_pages

        return [EntryRow(*said) for said in list_pages([self._case]).pages.mentions]

    def to_dict(self) -> dict[str, Any]:
        """Return the document of ``hwpkho list --json``, which every command reads.

        Its PFNs are ascending and distinct.
        """
        from hwpkho.commands.list import list_pages

        return cast("dict[str, Any]", json.loads("".join(build(list_pages([self._case]).pages))))


@dataclass(frozen=True, slots=True)
class MemoryMap:
    """A machine's memory map, and what the next kernel makes of it; ``hwpkho.memmap/1``."""

    _shown: MemmapReport

    @property
    def arch(self) -> str:
        """The architecture."""
        return self._shown.memmap.arch

    @property
    def maps(self) -> tuple[Map, ...]:
        """Every map, as the input gives it."""
        return self._shown.memmap.maps

    @property
    def regions(self) -> tuple[Region, ...]:
        """Memory as the next kernel has it; empty where the maps do not show that."""
        return self._shown.regions.regions if self._shown.regions else ()

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is lost, damaged or odd."""
        return self._shown.problems

    def ram_bytes(self) -> int | None:
        """Return how many bytes the next kernel has as RAM; None where the maps do not show it."""
        return self._shown.regions.ram_bytes() if self._shown.regions else None

    def rows(self) -> list[RangeRow]:
        """Return the entries of every map, in the order of the input."""
        return [RangeRow(e.start, e.end, m.name, e.type) for m in self.maps for e in m.entries]

    def to_dict(self) -> dict[str, Any]:
        """Return the document of ``hwpkho memmap --json``."""
        return document(memmap_json.SCHEMA, memmap_json.body(self._shown))
