"""Mutated inputs of every kind through the command line: python -m fuzz.run --help.

Each case is made of the seed and its number alone. Cases run one after the other in a child
process, each with limits of its own; a case that breaks one is kept and the command that repeats
it is printed. A child that dies or hangs costs its case, not the run.
"""

from __future__ import annotations

import argparse
import faulthandler
import gc
import json
import os
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from fuzz import files, kinds, lists, running
from hwpkho.cli import main as program

if TYPE_CHECKING:
    from collections.abc import Collection

#: What one case may take: processor seconds, and bytes beyond what the child had before it.
MAX_SECONDS, MAX_BYTES = 1.0, 200 << 20
#: What a case writes counts beside what it reads: a list of ten bytes may mean an array of 128 MiB.
#: Each byte that is there afterwards and was not before, in files and in both streams, allows a
#: byte of memory more, and so many of them a second more.
WRITTEN_IN_A_SECOND = 16 << 20
#: Cases of a child; a child that takes so many seconds for one is ended.
PER_CHILD, HANG = 1000, 20
#: A busy machine makes the same work take longer: what was too slow is run again, so often.
AGAIN = 2
MAX_FAILURES = 20
#: Unpacking as much as users are allowed to, 8 GiB, takes longer than a case may.
_UNPACKED = "100M"
#: A problem of an input, with its code.
_FOUND = re.compile(rb"^hwpkho: (?:note|warning|error): .*\(HP\d+\)$")


def _peak(*, reset: bool = False) -> int:
    """Return the peak of this process's resident memory, bytes; or begin to count anew."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) << 10


def _call(args: list[str], folder: Path) -> tuple[int, float, int]:
    """Run ``hwpkho`` with its output in files; return exit code, processor seconds, bytes."""
    before = _peak(reset=True)
    streams = [
        (folder / name).open("w", encoding="utf-8", errors="strict", newline="")
        for name in ("stdout", "stderr")
    ]
    start = time.process_time()
    saved = sys.argv, sys.stdout, sys.stderr
    sys.argv, (sys.stdout, sys.stderr) = ["hwpkho", *args], streams
    code: object = 0
    try:
        program.run()
    except SystemExit as end:
        code = end.code or 0
    finally:
        sys.argv, sys.stdout, sys.stderr = saved
        for stream in streams:
            stream.close()
    took, used = time.process_time() - start, _peak() - before
    gc.collect()
    gc.freeze()  # so that the next case's search is not through all modules again
    return int(str(code)), took, used


def _bytes_in(folder: Path) -> int:
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file() and not p.is_symlink())


def check(case: files.Case, folder: Path) -> str | None:
    """Run a case; return what is wrong with what it did, None where nothing is."""
    for attempt in range(AGAIN + 1):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        args = files.save(case, folder)
        there = _bytes_in(folder)
        signal.setitimer(signal.ITIMER_PROF, HANG)
        try:
            code, took, used = _call([*args, *(["-f"] if "-o" in args else [])], folder)
        except BaseException:  # whatever it is, it is what this looks for
            return traceback.format_exc()
        written = max(0, _bytes_in(folder) - there)
        seconds = MAX_SECONDS + written / WRITTEN_IN_A_SECOND
        if took <= seconds or attempt == AGAIN:
            break
    if took > seconds:
        return f"took {took:.2f} s of processor time"
    if used > MAX_BYTES + written:
        return f"took {used >> 20} MiB"
    out, err = ((folder / name).read_bytes() for name in ("stdout", "stderr"))
    if code not in (0, 1, 2, 3):
        return f"exit code {code}"
    if b"Traceback" in err or b"internal error" in out + err:
        return err.decode("utf-8", "replace")[-2000:] or "internal error in a document"
    batch = "--batch" in args or args[:2] == ["fleet", "add"]
    # What was found in an input that could be read is told before what then failed.
    said = [x for x in err.splitlines() if not _FOUND.search(x)]
    if code == 3 and not batch and len(said) > (4 if args[0] in ("merge", "diff") else 3):
        return f"{len(said)} lines for a failure: {err[:400]!r}"
    looked = args[0] == "check"  # whose document says what could not be looked at
    if "--json" in args and code in (2, 3) and out and not batch and not looked:
        return "a document in spite of a failure"
    if "--json" in args and code in (0, 1):
        try:
            json.loads(out)
        except ValueError as error:
            return f"no JSON: {error}"
    return None


def child(
    seed: int, numbers: range, until: float, told: int, folder: Path, names: Collection[str]
) -> None:
    """Run cases and tell the parent of each: its number before, its failure after."""
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    faulthandler.enable()
    for library in ("pyarrow.parquet", "duckdb"):  # none of a case's time
        with suppress(ImportError):
            import_module(library)
    for number in numbers:
        if time.monotonic() > until:
            break
        os.write(told, f"{number}\n".encode())
        signal.setitimer(signal.ITIMER_PROF, HANG)  # check() begins anew
        failure = check(kinds.make(seed, number, names), folder)
        signal.setitimer(signal.ITIMER_PROF, 0)
        if failure:
            (folder / "failure.txt").write_text(failure)
            os.write(told, b"failed\n")
            return
    os.write(told, b"done\n")


def main() -> int:
    """Run cases until they are done, the time is over, or too many failed."""
    os.environ.setdefault("HWPKHO_MAX_UNPACKED", _UNPACKED)
    parser = argparse.ArgumentParser(description="Mutated inputs through the command line.")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after so many")
    parser.add_argument("--cases", type=int, default=1 << 40, help="stop before this case")
    parser.add_argument("--first", type=int, default=0, help="begin with this case")
    parser.add_argument("--seed", type=int, default=time.time_ns() & 0xFFFFFFFF)
    parser.add_argument("--case", type=int, help="run this one alone, and keep its files")
    parser.add_argument(
        "--kind",
        action="append",
        default=[],
        choices=[kind.__name__ for kind in kinds.KINDS],
        help="only cases of this kind (repeatable)",
    )
    parser.add_argument("--keep", type=Path, default=None, help="folder for what failed")
    asked = parser.parse_args()
    keep = asked.keep or Path(tempfile.mkdtemp(prefix="hwpkho-fuzz-"))
    # A folder of its own: a link to the folder above must not find the cases that are kept.
    (keep / "now").mkdir(parents=True, exist_ok=True)
    if asked.case is not None:
        failure = check(kinds.make(asked.seed, asked.case, asked.kind), keep / "now" / "case")
        print(f"fuzz: {keep / 'case'}: {failure or 'nothing wrong'}")
        return int(failure is not None)
    (
        lists.seeds(),
        kinds.maps(),
        kinds.pictures(),
        kinds.documents(),
        kinds.folders(),
        running.trees(),
        running.saved(),
        running.data_set(),
    )  # once, before the children
    gc.freeze()
    until, start = time.monotonic() + asked.seconds, time.monotonic()
    number, failures = asked.first, Counter[str]()
    only = "".join(f" --kind {name}" for name in asked.kind)
    print(f"fuzz: seed {asked.seed}", flush=True)
    while number < asked.cases and time.monotonic() < until and failures.total() < MAX_FAILURES:
        numbers = range(number, min(number + PER_CHILD, asked.cases))
        source, told = os.pipe()
        pid = os.fork()
        if not pid:
            os.close(source)
            child(asked.seed, numbers, until, told, keep / "now" / "case", asked.kind)
            os._exit(0)
        os.close(told)
        with os.fdopen(source) as lines:
            last = [line.rstrip() for line in lines][-2:]
        _, status = os.waitpid(pid, 0)
        if last[-1] == "done":
            number = int(last[0]) + 1 if len(last) > 1 else numbers.stop
            continue
        number = int(last[0] if last[-1] == "failed" else last[-1])
        why = (keep / "now" / "case" / "failure.txt").read_text() if last[-1] == "failed" else (
            f"the process died: {os.waitstatus_to_exitcode(status)}"
        )  # fmt: skip
        if (keep / "now" / "case").exists():  # else it could not even be made
            (keep / "now" / "case").rename(keep / f"case-{asked.seed}-{number}")
        failures[why.strip().splitlines()[-1][:100]] += 1
        print(f"fuzz: case {number}: {why.strip()[-1500:]}")
        print(
            f"fuzz: repeat: {sys.executable} -m fuzz.run --seed {asked.seed} --case {number}{only}"
        )
        sys.stdout.flush()
        number += 1
    took = time.monotonic() - start
    print(f"fuzz: cases {asked.first} to {number - 1} in {took:.0f} s, {failures.total()} failed")
    for why, count in failures.most_common():
        print(f"fuzz: {count} x {why}")
    if not failures and asked.keep is None:
        shutil.rmtree(keep)
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main())
