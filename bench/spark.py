"""What Apache Spark costs beside ``fleet add``, on the same cores: ``make spark-bench``.

A session starts once and is told apart. Rates are of a load that follows another one, by the clock;
processor time is that of all of Spark's processes, and says what a case costs whatever else runs.
"""

from __future__ import annotations

import os
import pickle
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from bench import figures
from bench.fleet import captures
from hwpkho.spark import cases, listing, options, planning, session
from tests.support.fleet import manifest
from tests.support.made_fleet import Fleet

if TYPE_CHECKING:
    from collections.abc import Callable

_TIMES = 2
_TICK = os.sysconf("SC_CLK_TCK")


class Cost(NamedTuple):
    """Seconds by the clock, and of processors."""

    seconds: float
    cpu: float


def main() -> None:
    """Run and print."""
    folder = Path(tempfile.mkdtemp(prefix="hwpkho-bench-"))
    try:
        measure(folder)
    finally:
        shutil.rmtree(folder)


def measure(folder: Path) -> None:
    """Print all figures."""
    lists = folder / "lists"
    lists.mkdir()
    batch = Fleet(10_000, 1, affected=1.0).lists_of(lists)
    iomem = lists / "iomem.txt"
    iomem.write_text("40000000-7fffffff : System RAM\n")
    nightly = captures(folder / "captures", 2000)
    _of_driver(batch)
    spark: Any = None

    def start() -> None:
        nonlocal spark
        quiet = ("spark.ui.enabled", "spark.ui.showConsoleProgress")
        spark = session("local[2]", dict.fromkeys(quiet, "false") | {"spark.log.level": "ERROR"})
        spark.range(1).count()

    cost = _cost(start)
    print(f"{'start-up of a session':<44} {cost.seconds:>7.1f} s {cost.cpu:>7.1f} s of processors")
    print(f"\n{'':<44} {'cases/s':>9} {'ms of a processor a case':>26}")
    _compare(spark, folder, "lists with a shared map", batch, 10_000, iomem)
    _compare(spark, folder, "captures with a map each", nightly, 2000)
    copied = _load(spark, manifest=f"local://{nightly}", cases_per_task=500)
    _print("  copied from a URL first", 2000, copied)
    many = "".join(f"{pfn:#x}\n" for pfn in range(0, 2_000_000, 2))
    one = manifest(lists, [("one", "2026-11-28T03:00:00Z", many)])
    cost = _load(spark, table="pages", manifest=str(one))
    print(f"\n{'a host with 10^6 pages, scattered':<44} {cost.seconds:>7.1f} s")
    spark.stop()


def _compare(spark: Any, folder: Path, what: str, batch: Path, count: int, *maps: Path) -> None:
    number = len(list(folder.glob("d-*")))
    args: list[object] = [word for path in maps for word in ("--memmap", path)]
    runs = [
        figures.hwpkho(folder, "fleet", "add", folder / f"d-{number + n}", "--batch", batch, *args)
        for n in range(_TIMES)
    ]
    for run in runs:
        run.once()
    add = Cost(min(r.seconds for r in runs), min(r.cpu for r in runs))
    given = {"memmap": str(maps[0])} if maps else {}
    by_spark = _load(spark, manifest=str(batch), cases_per_task=500, **given)
    _print(f"{what}: fleet add", count, add)
    _print("  Spark", count, by_spark)
    more = (by_spark.cpu - add.cpu) / count * 1000
    print(f"{'  overhead a case':<44} {'':>9} {more:>26.2f}", flush=True)


def _load(spark: Any, table: str = "all", **given: object) -> Cost:
    """Return the best of some loads of all rows, which go nowhere; the first one is warm-up."""
    frame = cases(spark, table, **given)
    each = [_cost(frame.write.format("noop").mode("overwrite").save) for _ in range(_TIMES + 1)]
    return Cost(min(c.seconds for c in each[1:]), min(c.cpu for c in each[1:]))


def _print(what: str, count: int, cost: Cost) -> None:
    rate, each = count / cost.seconds, cost.cpu / count * 1000
    print(f"{what:<44} {rate:>9.0f} {each:>26.2f}", flush=True)


def _of_driver(batch: Path) -> None:
    settings = options.read({"manifest": str(batch)})
    began = time.process_time()
    tasks = list(planning.plan(listing.cases(settings), settings.bounds))
    count = sum(map(len, tasks))
    took = (time.process_time() - began) / count
    held = sum(len(pickle.dumps(task)) for task in tasks) / count
    print(f"listing on the driver: {took * 1e6:.0f} us and {held:.0f} bytes a case of a manifest")


def _cost(run: Callable[[], object]) -> Cost:
    began, spent = time.perf_counter(), _spent()
    run()
    return Cost(time.perf_counter() - began, _spent() - spent)


def _spent() -> float:
    """Return the processor seconds of this process's descendants, those that ended included."""
    parents, spent = {}, {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        pid = int(path.parent.name)
        parents[pid], spent[pid] = int(fields[1]), sum(map(int, fields[11:15])) / _TICK
    ours = {os.getpid()}
    while more := {p for p, parent in parents.items() if parent in ours} - ours:
        ours |= more
    return sum(spent[pid] for pid in ours)


if __name__ == "__main__":
    main()
