"""check: what it found, without a word about terminals."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

from hwpkho.base.pfnset import PfnSet
from hwpkho.codes import code_of
from hwpkho.judging.result import finding
from hwpkho.judging.rulings import Runs

if TYPE_CHECKING:
    from hwpkho.codes import Code, Severity
    from hwpkho.commands.check_facts import Facts
    from hwpkho.handover.model import Handover
    from hwpkho.judging.next_kernel import NextKernel
    from hwpkho.judging.result import Finding, Outcome, Validation

Status = Literal["ok", "warning", "critical", "unknown"]
STATUSES: tuple[Status, ...] = get_args(Status)
#: What becomes of a bad page at a kexec: ``replay``: it is kept out of use; ``stay``: it stays in
#: use; ``guests``: it lies in a file that LUO preserves; ``forgotten``: it is handed out as a good
#: one. JSON documents and metrics call it ``fate``.
AfterKexec = Literal["replay", "stay", "guests", "forgotten"]
AFTER_KEXEC: tuple[AfterKexec, ...] = get_args(AfterKexec)
#: Outcomes with which the bad pages are lost, or the machine is.
BAD_OUTCOMES = ("dropped", "refused", "crash")


class Before(NamedTuple):
    """Bad pages of an earlier boot.

    Attributes:
        name: The file, printable.
        pages: Its pages.
        page_size: Bytes.
        complete: Whether they were all bad pages of that boot; a list without a word on that is.
        boot_id: Of the boot that saved them, None where the file does not record it.
        when: ISO 8601, None where the file does not record it.
        foreseen: Those of them that were to be forgotten.
    """

    name: str
    pages: PfnSet
    page_size: int
    complete: bool = True
    boot_id: str | None = None
    when: str | None = None
    foreseen: PfnSet | None = None

    @property
    def seconds(self) -> float | None:
        """When it was saved, seconds since 1970; None where the file does not record it."""
        try:
            return datetime.datetime.fromisoformat(self.when or "").timestamp()
        except (ValueError, OverflowError):
            return None


class Since(NamedTuple):
    """What became of the bad pages of an earlier boot.

    Attributes:
        before: That boot.
        pages: Its bad pages, in frames of this kernel.
        lost: Those that are in use again; None where the page flags cannot be read.
        excluded: Those that are no longer memory of this kernel.
    """

    before: Before
    pages: PfnSet
    lost: PfnSet | None
    excluded: PfnSet


class Judged(NamedTuple):
    """What is handed over, for verdicts.

    Attributes:
        kernel: The next kernel.
        handover: None where there is none.
        taken: The list, if the next kernel takes it.
        table: The pages under the EFI table's units, if it takes that.
    """

    kernel: NextKernel
    handover: Handover | None
    taken: PfnSet
    table: PfnSet


@dataclass(slots=True)
class Checked:
    """What a check found.

    Attributes:
        facts: What was looked at.
        bad_pages: Bad pages now, None where nothing tells how many.
        after_kexec: How many of them each holds of; None where that is not known.
        bad: The bad pages whose place is known.
        in_huge: Those of them in huge pages of hugetlb, as the list places them.
        unplaced: The first page of each huge page with a bad page that nothing places.
        unflagged: Pages of the list without the flag; None where flags or list are not known.
        lost: The bad pages that will be forgotten, as far as their place is known.
        runs: The bad pages that the next kernel is told of, with their verdicts.
        listed: The pages in the list that is handed over; None where it was not read.
        hands_over: Whether the machine hands a list or table over, None where that is not known.
        because: Why pages are forgotten, for people; None where none are.
        judged: What verdicts rest on, None where it is not known.
        validation: The judgement on what is handed over, None where nothing is.
        findings: Worst first.
        memmap: The parameter that keeps the forgotten pages from an x86 kernel, None without need.
        memmap_lost: Good pages that it takes along, and bad ones that it has no room for.
        kernel_loaded: Whether a kernel is loaded for kexec, None where that is not known.
        since: What became of the bad pages of an earlier boot; None if nobody asked.
    """

    facts: Facts
    bad_pages: int | None = None
    after_kexec: dict[AfterKexec, int | None] = field(
        default_factory=lambda: dict.fromkeys(AFTER_KEXEC)
    )
    bad: PfnSet = field(default_factory=PfnSet)
    in_huge: PfnSet = field(default_factory=PfnSet)
    unplaced: PfnSet = field(default_factory=PfnSet)
    unflagged: PfnSet | None = None
    lost: PfnSet = field(default_factory=PfnSet)
    runs: Runs = field(default_factory=lambda: Runs(PfnSet()))
    listed: PfnSet | None = None
    hands_over: bool | None = None
    because: str | None = None
    judged: Judged | None = None
    validation: Validation | None = None
    findings: list[Finding] = field(default_factory=list)
    memmap: str | None = None
    memmap_lost: tuple[int, int] = (0, 0)
    kernel_loaded: bool | None = None
    since: Since | None = None

    @property
    def outcome(self) -> Outcome | None:
        """Of the handover, as validate has it; None where that is not known."""
        if self.validation is not None:
            return self.validation.outcome
        return "absent" if self.hands_over is False else None

    @property
    def not_seen(self) -> list[str]:
        """What could not be looked at, and what that leaves open."""
        return [str(unseen) for unseen in self.facts.unseen]

    @property
    def status(self) -> Status:
        """The worst of what was seen; ``ok`` only where everything was."""
        forgotten, stay, guests = (self.after_kexec[f] for f in ("forgotten", "stay", "guests"))
        worst = self.worst
        if forgotten or self.outcome in BAD_OUTCOMES or (worst and worst.severity == "error"):
            return "critical"
        if stay or guests or worst:
            return "warning"
        if self.facts.unseen or self.bad_pages is None or None in self.after_kexec.values():
            return "unknown"
        return "ok"

    @property
    def worst(self) -> Finding | None:
        """The worst finding about the machine, error or warning; None without one.

        Findings on the files are none, nor is a warning where nothing tells the outcome: it is of
        what the files lack.
        """
        counts = ("error",) if self.outcome is None else ("error", "warning")
        for severity in counts:
            for f in self.findings:
                about_files = code_of(f.code).subject in ("image", "map")
                if f.severity == severity and not about_files:
                    return f
        return None

    @property
    def exit_code(self) -> int:
        """0 ok; 1 something bad was seen; 3 something could not be looked at."""
        return {"ok": 0, "warning": 1, "critical": 1, "unknown": 3}[self.status]

    def tell(
        self,
        code: Code,
        message: str,
        pfns: PfnSet | None = None,
        severity: Severity | None = None,
    ) -> None:
        """Add a finding, about the first to the last of ``pfns``."""
        span = (pfns.first[0], pfns.last[-1]) if pfns else None
        self.findings.append(finding(code, message, pfns=span, severity=severity))
