"""A fleet that is made up, with the answers to every question about it.

Errors are as field studies have them: a few per cent of the machines hold nearly all, errors per
machine are Pareto and come in clusters. Lists lose pages, kernels crash, DIMMs move to other hosts.
The answers follow from sets of page numbers, by Python alone.
"""

from __future__ import annotations

import json
import random
from array import array
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from hwpkho.fleet import add, content, places
from hwpkho.fleet.known import Known, key_of
from hwpkho.fleet.rows import CaseRows, Segment, Shared
from hwpkho.fleet.schema import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_DAY = 86_400_000_000
_FIRST = int(datetime(2026, 11, 20, 3, tzinfo=UTC).timestamp()) * 1_000_000
_RELEASES = ("6.18.0", "6.18.7", "7.0.1")
_DIMM = 22
_DIMMS = 16
#: Of all hosts those with errors, and of all captures those that crash the next kernel.
_AFFECTED, _CRASHES = 0.04, 0.0005
_MOST = 2000
_CRASH = ("crash", "HP301")

Runs = tuple[tuple[int, int], ...]


@dataclass(slots=True)
class Capture:
    """A capture of one host."""

    host: str
    taken_at: int
    boot_id: str
    kexec_count: int
    release: str
    runs: Runs
    crashes: bool
    serials: tuple[str, ...]

    @property
    def pages(self) -> int:
        """How many pages its list has."""
        return sum(b - a + 1 for a, b in self.runs)

    @property
    def time(self) -> str:
        """When it was taken, as an answer has it."""
        return _time(self.taken_at)


@dataclass(slots=True)
class Fleet:
    """What is made of a seed: captures day by day.

    Attributes:
        hosts: How many.
        days: How many captures of each.
        seed: Of all that is random.
        affected: Part of the hosts that have errors.
    """

    hosts: int
    days: int
    seed: int = 1
    affected: float = _AFFECTED
    lists: dict[int, list[frozenset[int]]] = field(default_factory=dict)
    moved: dict[int, tuple[int, int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rng = random.Random(self.seed)
        for host in range(self.hosts):
            if rng.random() < self.affected:
                self.lists[host] = list(_history(rng, self.days))
        named = sorted(self.lists)
        # A DIMM of a host with errors moves on, and makes errors in its next host.
        for here, there in zip(named[::20], named[1::20], strict=False):
            if here != there and self.days > 2:
                slot = rng.randrange(_DIMMS)
                self.moved[there] = (here, slot, self.days // 2)
                page = (slot << _DIMM) + rng.randrange(1 << _DIMM)
                for host, days in ((here, range(self.days // 2)),
                                   (there, range(self.days // 2, self.days))):  # fmt: skip
                    for day in days:
                        self.lists[host][day] |= {page}

    def captures(self, days: Iterable[int] | None = None) -> Iterator[Capture]:
        """Yield the captures, day by day."""
        none: Runs = ()
        for day in range(self.days) if days is None else days:
            rng = random.Random(self.seed * 1000 + day)
            for host in range(self.hosts):
                crashes = rng.random() < _CRASHES
                listed = self.lists.get(host)
                runs = _runs(listed[day]) if listed and not crashes else none
                yield Capture(
                    f"host-{host:06}", _FIRST + day * _DAY + host * 1000, f"{host:06}-{day}",
                    day + 1, _RELEASES[host % 7 % 3], runs, crashes,
                    self._serials(host, day) if runs else (),
                )  # fmt: skip

    def _serials(self, host: int, day: int) -> tuple[str, ...]:
        found = [f"S{host:06}{slot:02}" for slot in range(_DIMMS)]
        if host in self.moved and day >= self.moved[host][2]:
            here, slot, _ = self.moved[host]
            found[slot] = f"S{here:06}{slot:02}"
        return tuple(found)

    def lists_of(self, folder: Path, days: Iterable[int] | None = None) -> Path:
        """Write each capture as a list of PFNs; return the manifest."""
        batch = folder / "made.jsonl"
        with batch.open("w") as lines:
            for number, c in enumerate(self.captures(days)):
                name = f"{number // 1000:04}/{number:07}.txt"
                path = folder / name
                path.parent.mkdir(exist_ok=True)
                text = "".join(f"{a:#x}-{b:#x}\n" for a, b in c.runs) or "# none\n"
                path.write_text(text)
                line = {
                    "host": c.host, "taken_at": c.time, "boot_id": c.boot_id,
                    "release": c.release, "inputs": [name],
                }  # fmt: skip
                lines.write(json.dumps(line) + "\n")
        return batch

    def store(self, dataset: Path) -> None:
        """Write the rows of a data set without judging: as many as there are."""
        place = places.at(str(dataset))
        places.ensure(place, create=True)
        writer = add._Writer(place, Known(place))
        for capture in self.captures():
            writer.take([_rows(capture)])
        writer.flush()

    def answers(self) -> dict[str, list[dict[str, Any]]]:
        """Return what each question must answer: the columns that issue from the model."""
        by_host: dict[str, list[Capture]] = defaultdict(list)
        for capture in self.captures():
            by_host[capture.host].append(capture)
        found: dict[str, list[dict[str, Any]]] = {
            "lost": [], "new": [], "unsafe": [], "worst": [], "growing": [], "repeat": [],
            "policy": [],
        }  # fmt: skip
        seen: dict[str, dict[str, tuple[int, int]]] = defaultdict(dict)
        for host, captures in by_host.items():
            _of_host(host, captures, found, seen)
        for serial, hosts in seen.items():
            turns = sorted(hosts.items(), key=lambda item: (item[1][0], item[0]))
            for (other, (_, last)), (host, (first, _)) in pairwise(turns):
                found["repeat"].append(
                    {"what": "dimm", "host": host, "other_host": other, "before": _time(last),
                     "after": _time(first), "first_pfn": None, "last_pfn": None, "pages": None,
                     "dimm_serial": serial}
                )  # fmt: skip
        found["summary"] = [
            {
                "hosts": self.hosts, "cases": self.hosts * self.days,
                "pages": sum(r["pages"] for r in found["worst"]),
                "hosts_with_pages": len(found["worst"]), "unsafe": len(found["unsafe"]),
                "not_judged": 0,
            }
        ]  # fmt: skip
        run = Counter(captures[0].release for captures in by_host.values())
        found["release"] = [
            {"release": release, "hosts": hosts, "cases": hosts * self.days}
            for release, hosts in run.items()
        ]
        found |= self._counts(by_host)
        return found

    def _counts(self, by_host: dict[str, list[Capture]]) -> dict[str, list[dict[str, Any]]]:
        """Return what the questions that count captures and pages must answer."""
        every = [capture for captures in by_host.values() for capture in captures]
        days = defaultdict[str, list[Capture]](list)
        for capture in every:
            days[capture.time[:10]].append(capture)
        judged = ([c for c in captures if not c.crashes] for captures in by_host.values())
        last = [max(captures, key=lambda c: c.taken_at) for captures in judged if captures]
        known = [c for c in last if c.pages]
        verdicts = {"verdict": "replays", "pages": sum(c.pages for c in known), "hosts": len(known)}
        outcomes = Counter((c.release, _CRASH[0] if c.crashes else "replay") for c in every)
        return {
            "days": [
                {
                    "day": day, "hosts": self.hosts, "cases": len(found),
                    "pages": sum(c.pages for c in found), "unsafe": sum(c.crashes for c in found),
                }
                for day, found in days.items()
            ],
            "verdicts": [verdicts],
            "outcomes": [
                {"release": release, "outcome": outcome, "cases": n}
                for (release, outcome), n in outcomes.items()
            ],
        }  # fmt: skip


def _history(rng: random.Random, days: int) -> Iterator[frozenset[int]]:
    """Yield the pages of a host with errors, day by day."""
    total = min(_MOST, int(rng.paretovariate(0.6)))
    pages: list[int] = []
    while len(pages) < total:
        base = rng.randrange(_DIMMS << _DIMM)
        size = min(total - len(pages), rng.choice((1, 1, 1, 2, 8, 64)))
        at = base
        for _ in range(size):
            pages.append(at)
            at += rng.choice((1, 1, 3, 512))
    known = max(1, int(total * rng.random()))
    loses = rng.randrange(1, days) if days > 1 and rng.random() < 0.1 else days
    returns = rng.random() < 0.3
    gone: frozenset[int] = frozenset()
    for day in range(days):
        if day and rng.random() < 0.5:
            known = min(total, known + rng.randrange(total // 4 + 2))
        held = frozenset(pages[:known])
        if day == loses:
            gone = frozenset(p for p in held if rng.random() < 0.5)
        yield held if returns and day > loses else held - gone


def _runs(pages: Iterable[int]) -> Runs:
    found: list[tuple[int, int]] = []
    for page in sorted(pages):
        if found and found[-1][1] + 1 == page:
            found[-1] = (found[-1][0], page)
        else:
            found.append((page, page))
    return tuple(found)


def _rows(c: Capture) -> CaseRows:
    hashed = content.digest(repr(c.runs), c.host)
    ident = content.digest(c.host, str(c.taken_at), hashed)
    segments: dict[int, tuple[array[int], array[int]]] = {}
    for first, last in c.runs:
        at = first
        while at <= last:
            slot = at >> _DIMM
            end = min(last, ((slot + 1) << _DIMM) - 1)
            columns = segments.setdefault(slot, (array("Q"), array("Q")))
            columns[0].append(at)
            columns[1].append(end)
            at = end + 1
    rows = CaseRows(key_of(ident, b""), {**_HOST, **_host(c, ident, hashed)}, 4096, "handover")
    for slot, (lows, highs) in segments.items():
        serial = c.serials[slot % _DIMMS]
        shared = Shared(
            "poisoned", "replays", None, "System RAM", None, 0, f"DIMM_{slot}", serial, "decoded"
        )
        rows.segments.append(Segment(lows, highs, shared))
    if c.crashes:
        rows.findings.append(("HP301", "error", "measured", "made up", None, None, None))
    return rows


_HOST: dict[str, Any] = {
    c.name: 0 if c.type == "int" else "" if c.type == "text" else False
    for c in TABLES["hosts"]
    if c.required
}


def _host(c: Capture, ident: bytes, hashed: bytes) -> dict[str, Any]:
    return {
        "case_id": ident.hex(), "host": c.host, "taken_at": c.taken_at, "host_from": "manifest",
        "time_from": "manifest", "case_name": c.host, "boot_id": c.boot_id,
        "kexec_count": c.kexec_count, "release": c.release, "arch": "x86_64", "page_size": 4096,
        "sources": "image", "outcome": _CRASH[0] if c.crashes else "replay",
        "code": _CRASH[1] if c.crashes else None, "ok": not c.crashes,
        "exit": int(c.crashes), "pages": None if c.crashes else c.pages,
        "list_hash": None if c.crashes else content.digest(repr(c.runs)).hex(),
        "pages_replays": c.pages, "errors": int(c.crashes), "content_hash": hashed.hex(),
        "tool_version": "0", "judgement": "", "error": None, "remark": None,
    }  # fmt: skip


def _of_host(
    host: str,
    captures: list[Capture],
    found: dict[str, list[dict[str, Any]]],
    seen: dict[str, dict[str, tuple[int, int]]],
) -> None:
    """Add what the captures of one host answer."""
    for c in captures:
        if c.crashes:
            found["unsafe"].append(
                {"host": host, "taken_at": c.time, "outcome": _CRASH[0], "code": _CRASH[1]}
            )
        for first, last in c.runs:
            for slot in {first >> _DIMM, last >> _DIMM}:
                _see(seen[c.serials[slot % _DIMMS]], host, c.taken_at)
    read = [c for c in captures if not c.crashes]
    most = max((c.pages for c in read), default=0)
    if most:
        found["worst"].append({"host": host, "pages": most})
    found["policy"] += [
        {"host": host, "taken_at": c.time, "pages": c.pages} for c in read if c.pages > 64
    ]
    if not most:
        return
    lost: list[tuple[int, set[int]]] = []
    for before, after in pairwise(read):
        old, new = _pages(before), _pages(after)
        for name, changed in (("lost", old - new), ("new", new - old)):
            found[name] += [
                {"host": host, "before": before.time, "after": after.time, "first_pfn": a,
                 "last_pfn": b, "pages": b - a + 1}
                for a, b in _runs(changed)
            ]  # fmt: skip
        for at, gone in lost:
            found["repeat"] += [
                {"what": "page", "host": host, "other_host": None, "before": _time(at),
                 "after": after.time, "first_pfn": a, "last_pfn": b, "pages": b - a + 1,
                 "dimm_serial": None}
                for a, b in _runs((new - old) & gone)
            ]  # fmt: skip
        lost.append((after.taken_at, old - new))
    _grown(host, read[0], read[-1], found["growing"])


def _grown(host: str, first: Capture, last: Capture, found: list[dict[str, Any]]) -> None:
    counts: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for at, c in enumerate((first, last)):
        for page in _pages(c):
            slot = page >> _DIMM
            counts[f"DIMM_{slot}", c.serials[slot % _DIMMS]][at] += 1
    found += [
        {"host": host, "dimm": dimm, "dimm_serial": serial, "pages_before": before,
         "pages_after": after, "grown": after - before}
        for (dimm, serial), (before, after) in counts.items()
        if after > before
    ]  # fmt: skip


def _see(hosts: dict[str, tuple[int, int]], host: str, at: int) -> None:
    first, last = hosts.get(host, (at, at))
    hosts[host] = (min(first, at), max(last, at))


def _pages(c: Capture) -> set[int]:
    return {page for a, b in c.runs for page in range(a, b + 1)}


def _time(microseconds: int) -> str:
    at = datetime.fromtimestamp(microseconds / 1_000_000, UTC)
    return at.isoformat().replace("+00:00", "Z")
