"""fleet's figures: how fast cases are added, and what questions cost at 10^3, 10^4, 10^5 hosts.

Run alone it takes arguments: ``python -m bench fleet``; HWPKHO_FLEET_HOSTS=100000 is the largest
fleet; with 1000000 the answers of that one are not compared, whose model takes gigabytes. Rates are
of one call, start-up included, by the clock; what two cores without other work do follows from the
processor time, and stands beside them. An aim is met by either.
"""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING

from bench import figures
from hwpkho.fleet.questions import QUESTIONS
from tests.support.handovers import Machine
from tests.support.made_fleet import Fleet

if TYPE_CHECKING:
    from pathlib import Path

_MIB = 1 << 20
_NIGHT = "2026-11-28T03:00:00Z"
#: Answers about so many hosts, at most, are compared with the generator's.
_COMPARED = 100_000
#: The machines of a fleet have this map, or one of their own that differs a little.
_IOMEM = "40000000-7fffffff : System RAM\n"


def measure(folder: Path) -> None:
    """Run and print."""
    _adding(folder)
    print()
    _asking(folder)


def _adding(folder: Path) -> None:
    fleet = Fleet(20_000, 1, affected=1.0)
    lists = folder / "lists"
    lists.mkdir()
    batch = fleet.lists_of(lists)
    lines = batch.read_text().splitlines()
    shared = lists / "iomem.txt"
    shared.write_text(_IOMEM)
    _add(folder, "lists without a map", batch, len(lines), 4000)
    _add(folder, "lists with a shared map", batch, len(lines), 4000, "--memmap", shared)
    own = lists / "own.jsonl"
    own.write_text("".join(f"{_with_map(lists, line)}\n" for line in lines[:5000]))
    _add(folder, "lists with a map each", own, 5000, 1000)
    nightly = captures(folder / "captures", 2000)
    _add(folder, "captures with a map each", nightly, 2000, 400)
    again = figures.hwpkho(folder, "fleet", "add", folder / "d-0", "--batch", batch)
    figures.together([again], 1)
    print(f"the same lists once more, all known: {again.seconds:.1f} s")


def _add(folder: Path, what: str, batch: Path, cases: int, aim: int, *more: object) -> None:
    number = len(list(folder.glob("d-*")))
    run = figures.hwpkho(folder, "fleet", "add", folder / f"d-{number}", "--batch", batch, *more)
    figures.together([run], 1)
    rate, alone = cases / run.seconds, cases / (run.cpu / 2)
    met = max(rate, alone) >= aim
    figures.line(f"{what} ({cases}; {alone:.0f}/s alone)", f"{rate:.0f}/s", f">= {aim}/s", met=met)
    peak = run.peak // _MIB
    figures.line("  peak memory of a process", f"{peak} MiB", "<= 500 MiB", met=peak <= 500)


def _with_map(folder: Path, line: str) -> str:
    item = json.loads(line)
    name = f"{item['inputs'][0]}.iomem"
    (folder / name).write_text(_IOMEM + f"# {item['host']}\n")
    return json.dumps({**item, "memmap": [name]})


def captures(folder: Path, count: int) -> Path:
    """Write captures of small machines, each with its map, and their manifest."""
    fleet = Fleet(count, 1, seed=2, affected=1.0)
    folder.mkdir(parents=True)
    lines = []
    for capture in fleet.captures():
        place = folder / capture.host
        place.mkdir()
        machine = Machine()
        machine.handover(
            [0x50000 + page % 0x1000 for a, b in capture.runs for page in range(a, b + 1)]
        )
        machine.save(place)
        (place / "iomem.txt").write_text(_IOMEM)
        lines.append(
            {
                "host": capture.host, "taken_at": _NIGHT,
                "inputs": [f"{capture.host}/memory.elf"], "memmap": [f"{capture.host}/iomem.txt"],
            }
        )  # fmt: skip
    batch = folder / "captures.jsonl"
    batch.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return batch


def _asking(folder: Path) -> None:
    most = int(os.environ.get("HWPKHO_FLEET_HOSTS", "100000"))
    sizes = [n for n in (1000, 10_000, 100_000, 1_000_000) if n <= most]
    table: dict[str, list[float]] = {name: [] for name in QUESTIONS}
    clock: dict[str, float] = {}
    peaks = [0.0] * len(sizes)
    for at, hosts in enumerate(sizes):
        dataset = folder / f"fleet-{hosts}"
        began = time.perf_counter()
        fleet = Fleet(hosts, 7)
        fleet.store(dataset)
        stored = sum(p.stat().st_size for p in dataset.rglob("*.parquet")) / _MIB
        took = time.perf_counter() - began
        print(
            f"{hosts} hosts, 7 days: made in {took:.0f} s, {stored:.0f} MiB of Parquet", flush=True
        )
        wanted = fleet.answers() if hosts <= _COMPARED else {}
        for name, asked in QUESTIONS.items():
            limit = ["--max-pages", 64] if asked.needs else []
            run = figures.hwpkho(folder, "fleet", "ask", dataset, name, "--json", *limit)
            figures.together([run], 2)
            table[name].append(run.cpu)
            clock[name] = run.seconds
            peaks[at] = max(peaks[at], run.peak / _MIB)
            _compare(name, json.loads(run.out)["rows"], wanted.get(name))
    _print(sizes, table, clock, peaks)


def _compare(
    name: str, rows: list[dict[str, object]], wanted: list[dict[str, object]] | None
) -> None:
    """Fail where an answer is not the generator's."""
    if not wanted:
        return
    keys = list(wanted[0])
    found, told = (sorted(str([r[k] for k in keys]) for r in those) for those in (rows, wanted))
    if found != told:
        raise SystemExit(f"bench: {name}: the answer is not the generator's")


def _print(
    sizes: list[int], table: dict[str, list[float]], clock: dict[str, float], peaks: list[float]
) -> None:
    heads = "".join(f"{n:>10} hosts" for n in sizes)
    print(f"\n{'processor seconds':<20}{heads}{'by the clock':>16}")
    for name, seconds in table.items():
        print(f"{name:<20}" + "".join(f"{s:>16.2f}" for s in (*seconds, clock[name])))
    print(f"{'peak, MiB':<20}" + "".join(f"{p:>16.0f}" for p in peaks))
    slowest = max(min(table[name][-1], clock[name]) for name in table)
    most = f"{sizes[-1]} hosts"
    figures.line(f"slowest question, {most}", f"{slowest:.2f} s", "<= 2 s", met=slowest <= 2)
    figures.line("  peak memory", f"{peaks[-1]:.0f} MiB", "<= 1024 MiB", met=peaks[-1] <= 1024)
    if len(sizes) > 1 and sizes[-1] < 1_000_000:
        step = sizes[-1] - sizes[-2]
        more = (1_000_000 - sizes[-1]) / step
        told = ", ".join(f"{n} {s[-1] + (s[-1] - s[-2]) * more:.0f}" for n, s in table.items())
        print(f"by arithmetic, 1000000 hosts, processor seconds: {told}")
