"""check as metrics, in the text format that Prometheus reads.

Names with ``hw_`` are metrics of OpenTelemetry's semantic conventions for hardware, with their
attributes (hw.errors, hw.status; hw.id, hw.type, hw.state); names with ``hwpkho_`` are our own, in
the same style. An unknown value has no sample, so a 0 was always counted.

Source: Prometheus exposition formats, text format 0.0.4; OpenTelemetry semantic conventions,
hardware metrics.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

from hwpkho.base.version import __version__
from hwpkho.codes import SEVERITIES
from hwpkho.commands.check_result import STATUSES
from hwpkho.judging.result import Outcome
from hwpkho.judging.rulings import VERDICTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from hwpkho.base.pfnset import PfnSet
    from hwpkho.commands.check_result import Checked

Kind = Literal["page", "hugetlb", "unlocated"]
#: ``hw_id`` of memory as a whole, and of bad pages whose node is not known.
_ALL = "memory"
#: Results of memory_failure(), named as in /sys/devices/system/node/node*/memory_failure/.
_RESULTS = ("ignored", "failed", "delayed", "recovered")


class Metric(NamedTuple):
    """A metric and its samples.

    Attributes:
        name: Its name, as Prometheus has it.
        type: ``gauge`` or ``counter``.
        help: What it counts: the HELP line.
        samples: Labels and value of each; empty if the value is not known.
    """

    name: str
    type: Literal["gauge", "counter"]
    help: str
    samples: tuple[tuple[Mapping[str, str], float], ...]


def text(checked: Checked, now: float) -> Iterator[str]:
    """Yield the lines, each ending in a newline; a metric without samples is left out.

    ``now`` is the time of the check, seconds since 1970.
    """
    for metric in metrics(checked, now):
        if not metric.samples:
            continue
        yield f"# HELP {metric.name} {metric.help}\n"
        yield f"# TYPE {metric.name} {metric.type}\n"
        for labels, value in metric.samples:
            inside = ",".join(f'{name}="{_escaped(word)}"' for name, word in labels.items())
            yield f"{metric.name}{f'{{{inside}}}' if inside else ''} {_number(value)}\n"


def metrics(checked: Checked, now: float) -> Iterator[Metric]:
    """Yield every metric, also those without samples; ``now`` in seconds since 1970."""
    yield from _check(checked, now)
    yield from _memory(checked)
    yield from _handover(checked)
    yield from _since(checked)


def _gauge(
    name: str, help_: str, samples: Iterable[tuple[Mapping[str, str], float | None]]
) -> Metric:
    known = tuple((labels, value) for labels, value in samples if value is not None)
    return Metric(name, "gauge", help_, known)


def _one(name: str, help_: str, value: float | None) -> Metric:
    return _gauge(name, help_, [({}, value)])


def _states(
    name: str, help_: str, label: str, states: Iterable[str], current: str | None
) -> Metric:
    """Return a metric with 1 for the current state and 0 for the others."""
    states = states if current is not None else ()
    return _gauge(name, help_, [({label: x}, float(x == current)) for x in states])


def _check(checked: Checked, now: float) -> Iterator[Metric]:
    facts = checked.facts
    known: dict[str, object] = {
        "version": __version__,
        "release": facts.tree.release,
        "arch": facts.arch,
        "page_size": facts.page_size,
    }
    labels = {name: "" if value is None else str(value) for name, value in known.items()}
    yield _gauge("hwpkho_check_info", "What was looked at, and by which hwpkho.", [(labels, 1)])
    yield _one("hwpkho_check_timestamp_seconds", "When the machine was looked at.", now)
    yield _states(
        "hwpkho_check_status",
        "What hwpkho check says: 1 for the state that it is in.",
        "state",
        STATUSES,
        checked.status,
    )
    yield _one(
        "hwpkho_check_not_seen", "Things that could not be looked at.", len(checked.not_seen)
    )
    found = Counter(f.severity for f in checked.findings)
    yield _gauge(
        "hwpkho_check_findings", "Findings.", [({"severity": s}, found[s]) for s in SEVERITIES]
    )


def _memory(checked: Checked) -> Iterator[Metric]:
    facts = checked.facts
    yield _gauge(
        "hwpkho_memory_bad_pages",
        "Pages that the kernel has taken out of use; of a hugetlb page, those that the list names, "
        "or one.",
        [({"kind": kind, "hw_id": node}, n) for (kind, node), n in _bad(checked).items()],
    )
    yield _one(
        "hwpkho_memory_corrupted_bytes", "HardwareCorrupted of /proc/meminfo.", facts.corrupted
    )
    errors = tuple(
        ({"hw_type": "memory", "hw_id": f"node{n.node}", "error_type": result}, n.counts[result])
        for n in facts.nodes
        for result in _RESULTS
        if result in n.counts
    )
    yield Metric(
        "hw_errors_total",
        "counter",
        "Memory failures since boot, by how they were handled.",
        errors,
    )
    bad = checked.bad_pages
    state = None if bad is None else "degraded" if bad else "ok"
    memory = {"hw_type": "memory", "hw_id": _ALL}
    yield _gauge(
        "hw_status",
        "Whether all memory is in use: 1 for the state that it is in.",
        [({**memory, "hw_state": x}, float(x == state)) for x in ("ok", "degraded")]
        if state
        else [],
    )


def _bad(checked: Checked) -> dict[tuple[Kind, str], int]:
    """Return how many pages are bad, by kind and node; empty if no page flags could be read."""
    facts = checked.facts
    if facts.flags is None or facts.page_size is None:
        return {}
    found: dict[tuple[Kind, str], int] = {}
    kinds: tuple[tuple[Kind, tuple[PfnSet, ...]], ...] = (
        ("page", (checked.bad - checked.in_huge,)),
        ("hugetlb", (checked.in_huge, checked.unplaced)),
    )
    for kind, sets in kinds:
        total = sum(pages.pages() for pages in sets)
        placed = Counter[str]({f"node{node}": 0 for node, _, _ in facts.blocks})
        for node, start, end in facts.blocks:
            first, last = start // facts.page_size, (end - 1) // facts.page_size
            placed[f"node{node}"] += sum(pages.pages(first, last) for pages in sets)
        found.update({(kind, name): n for name, n in sorted(placed.items())})
        rest = total - placed.total()
        if rest or not placed:
            found[kind, _ALL] = rest
    located = checked.bad.pages() + checked.unplaced.pages()
    if facts.counted is not None:
        found["unlocated", _ALL] = max(0, facts.counted - located)
    return found


def _handover(checked: Checked) -> Iterator[Metric]:
    v = checked.validation
    yield _gauge(
        "hwpkho_kexec_pages",
        "Bad pages by what becomes of them at the next kexec.",
        [({"fate": then}, n) for then, n in checked.after_kexec.items()],
    )
    verdicts = checked.runs.counts()
    known = checked.outcome == "replay" and checked.listed is not None
    yield _gauge(
        "hwpkho_kexec_verdict_pages",
        "Bad pages that the next kernel is told of, by verdict.",
        [({"verdict": x}, verdicts.get(x, 0)) for x in VERDICTS] if known else [],
    )
    yield _states(
        "hwpkho_kexec_outcome",
        "What the next kernel does with the handover: 1 for the outcome that is expected.",
        "outcome",
        get_args(Outcome),
        checked.outcome,
    )
    loaded = checked.kernel_loaded
    yield _one(
        "hwpkho_kexec_loaded",
        "Whether a kernel is loaded for kexec.",
        None if loaded is None else float(loaded),
    )
    listed, flags = checked.listed, checked.facts.flags
    yield _one(
        "hwpkho_list_pages", "Distinct pages of the list that is handed over.", _count(listed)
    )
    missing = None if listed is None or flags is None else (checked.bad - listed).pages()
    yield _one("hwpkho_list_missing_pages", "Pages with the flag that the list lacks.", missing)
    yield _one(
        "hwpkho_list_unflagged_pages",
        "Pages of the list without the flag.",
        _count(checked.unflagged),
    )
    scratch = v.scratch if v else None
    yield _one(
        "hwpkho_scratch_bytes",
        "Memory that KHO keeps for the start of the next kernel.",
        scratch.size if scratch else None,
    )
    yield _one(
        "hwpkho_scratch_ratio", "Its share of RAM, 0 to 1.", scratch.of_ram if scratch else None
    )
    yield _one(
        "hwpkho_scratch_bad_pages",
        "Bad pages of the list in it.",
        scratch.bad.pages() if scratch else None,
    )


def _since(checked: Checked) -> Iterator[Metric]:
    since = checked.since
    if since is None:
        return
    yield _one("hwpkho_since_pages", "Pages that were bad before the kexec.", since.pages.pages())
    yield _one("hwpkho_since_lost_pages", "Those that are in use again.", _count(since.lost))
    yield _one("hwpkho_since_timestamp_seconds", "When they were saved.", since.before.seconds)


def _count(pages: PfnSet | None) -> int | None:
    return None if pages is None else pages.pages()


def _escaped(label: str) -> str:
    """Escape the value of a label (text format 0.0.4)."""
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
