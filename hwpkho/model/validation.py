"""What the next kernel will do with a list: the outcome, a verdict for each PFN, the findings."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from hwpkho.pages import PfnRuns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hwpkho.codes import Certainty, Code, Severity

Outcome = Literal["replay", "dropped", "refused", "crash", "absent"]
Verdict = Literal[
    "handover", "in-use", "scratch", "retired", "firmware", "device", "replays", "not-ram"
]

#: Where several fit, the first of these counts.
VERDICTS: tuple[Verdict, ...] = (
    "handover",
    "in-use",
    "scratch",
    "retired",
    "firmware",
    "device",
    "replays",
    "not-ram",
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know before the replay.

    Attributes:
        code: The registered code.
        severity: ``error``, ``warning`` or ``note``.
        certainty: ``measured``, ``source`` or ``policy``.
        message: One printable line.
        first: First PFN concerned, None where the finding is not about PFNs.
        last: Last PFN concerned, inclusive.
        phys: Physical address concerned, bytes.
    """

    code: str
    severity: Severity
    certainty: Certainty
    message: str
    first: int | None = None
    last: int | None = None
    phys: int | None = None

    def to_json(self) -> dict[str, object]:
        """Return the finding as it stands in ``hwpkho.validate/1``."""
        return {
            "code": self.code,
            "severity": self.severity,
            "certainty": self.certainty,
            "message": self.message,
            "first": self.first,
            "last": self.last,
            "phys": self.phys,
        }


def finding(
    code: Code,
    message: str,
    *,
    pfns: tuple[int, int] | None = None,
    phys: int | None = None,
    severity: Severity | None = None,
) -> Finding:
    """Return a :class:`Finding` of ``code``; ``pfns`` are the first and last concerned."""
    first, last = pfns or (None, None)
    return Finding(code.id, severity or code.severity, code.certainty, message, first, last, phys)


@dataclass(frozen=True, slots=True)
class Ruling:
    """What holds for a run: verdict, code of the finding (None: nothing to report), and region."""

    verdict: Verdict | None
    code: str | None
    region: str | None


@dataclass(slots=True)
class Extent:
    """What all runs of one ruling have: PFNs, and the first and the last of them."""

    pfns: int
    first: int
    last: int


@dataclass(slots=True)
class Runs:
    """PFN runs as columns: a million single pages must not be a million objects.

    Attributes:
        first: First PFN of each run, ascending.
        last: Last PFN, inclusive.
        rulings: The distinct rulings.
        extents: What the runs of each ruling have together.
    """

    first: array[int] = field(default_factory=lambda: array("Q"))
    last: array[int] = field(default_factory=lambda: array("Q"))
    rulings: list[Ruling] = field(default_factory=list)
    extents: list[Extent] = field(default_factory=list)
    #: Where each stretch of runs of one ruling ends (one past its last), and that ruling's number.
    _ends: array[int] = field(default_factory=lambda: array("Q"))
    _of: array[int] = field(default_factory=lambda: array("Q"))
    _numbers: dict[Ruling, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.first)

    def __iter__(self) -> Iterator[tuple[int, int, Ruling]]:
        for part, ruling in self.stretches():
            for first, last in part:
                yield first, last, ruling

    def stretches(self) -> Iterator[tuple[PfnRuns, Ruling]]:
        """Yield the runs that follow each other under one ruling, in their order."""
        at = 0
        for end, number in zip(self._ends, self._of, strict=True):
            yield PfnRuns(self.first[at:end], self.last[at:end]), self.rulings[number]
            at = end

    def add(self, found: PfnRuns, ruling: Ruling) -> None:
        """Add runs, all above what is there, under one ruling."""
        if not found:
            return
        number = self._numbers.setdefault(ruling, len(self.rulings))
        if number < len(self.rulings):
            extent = self.extents[number]
            extent.pfns, extent.last = extent.pfns + found.pages(), found.last[-1]
        else:
            self.rulings.append(ruling)
            self.extents.append(Extent(found.pages(), found.first[0], found.last[-1]))
        goes_on = bool(self._of) and self._of[-1] == number
        joined = goes_on and self.last[-1] + 1 == found.first[0]
        if joined:
            self.last.pop()
        self.first += found.first[joined:]
        self.last += found.last
        if goes_on:
            self._ends[-1] = len(self.first)
        else:
            self._ends.append(len(self.first))
            self._of.append(number)

    def counts(self) -> dict[str, int]:
        """Return how many PFNs have each verdict, in the order of ``VERDICTS``."""
        found: dict[str, int] = {}
        for verdict in VERDICTS:
            told = zip(self.rulings, self.extents, strict=True)
            n = sum(extent.pfns for ruling, extent in told if ruling.verdict == verdict)
            if n:
                found[verdict] = n
        return found


@dataclass(frozen=True, slots=True)
class Validation:
    """The judgement on one case.

    Attributes:
        name: The case, printable.
        page_size: Bytes.
        arch: What was taken for it.
        outcome: Of the handover; None for a bare list, or where the input does not tell.
        pfns: Distinct PFNs judged.
        runs: Sorted, disjoint, covering exactly the distinct PFNs.
        findings: Worst first.
        rests_on: What the verdicts rest on, for people: one line each.
        frames: The map they were judged by, None without one.
        chosen: Which of several handovers this is about, None where there was no choice.
    """

    name: str
    page_size: int | None
    arch: str | None
    outcome: Outcome | None
    pfns: int
    runs: Runs
    findings: tuple[Finding, ...]
    rests_on: tuple[str, ...] = ()
    frames: Sequence[tuple[int, int, str, str]] | None = None
    chosen: str | None = None

    def count(self, severity: Severity) -> int:
        """Return how many findings have this severity."""
        return sum(f.severity == severity for f in self.findings)
