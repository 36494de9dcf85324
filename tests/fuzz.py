"""A longer mutation run over decode: python tests/fuzz.py --seconds N [--seed S].

Changes captures at the places that matter (headers, root FDT, blob, chunks, tracker), at random
ones, and cuts and splices them; hands the results to decode in a child process that reads them one
after the other. An exception that is not hwpkho's own, an answer later than a second or more than
200 MiB of memory end the run: the input is then kept in the folder that is named.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import struct
import sys
import tempfile
import time
import traceback
from pathlib import Path

import captures
import kdump_writer

from hwpkho.cases import CaseOptions, read_case
from hwpkho.errors import HwpkhoError
from hwpkho.render import annotate, decode_json, decode_text, jsondoc

#: Processor seconds for one input. The aim is one second for 4 MiB; these are smaller.
MAX_SECONDS = 1.0
MAX_BYTES = 200 << 20
PER_CHILD = 500

WORDS = [
    struct.pack(order + size, value)
    for order in "<>"
    for size, top in (("H", 16), ("I", 32), ("Q", 64))
    for value in (0, 1, 2, (1 << top) - 1, 1 << (top - 1), 4096, 4095)
]


def seeds() -> list[tuple[bytes, list[int]]]:
    """Return images and, for each, the offsets at which their structures lie."""
    found = []
    for name in captures.NAMES:
        image = captures.elf(name)
        if len(image) > 1 << 20:
            continue
        places = [*range(0, 64, 4), *range(64, 400, 8)]
        for h in captures.truth(name)["handovers"]:
            wanted = [(h["root_phys"], 360), (h["memory_map"], 4096)]
            wanted += [(s["phys"], 73) for s in h.get("subtrees", ())]
            wanted += [(h["blob_phys"], 64)] if "blob_phys" in h else []
            wanted += [(c, 64) for c in h.get("chunks", ())]
            for phys, size in wanted:
                at = _offset(image, phys)
                if at is not None:
                    places += range(at, at + size, 4)
        found.append((image, places))
        if name.endswith("small"):
            pages = {
                phys // 4096: data
                for phys, data in captures.pages(name).items()
                if len(data) == 4096
            }
            for method in (kdump_writer.ZLIB, kdump_writer.LZO):
                dump = kdump_writer.kdump(pages, method=method)
                found.append((dump, [*range(0, 600, 4), *range(4096, 4300, 4)]))
                flat = kdump_writer.flatten(dump)
                found.append((flat, [*range(0, 64, 4), *range(4096, 4200, 8)]))
    return found


def _offset(image: bytes, phys: int) -> int | None:
    phoff, phnum = struct.unpack_from("<Q", image, 32)[0], struct.unpack_from("<H", image, 56)[0]
    for i in range(phnum):
        p = struct.unpack_from("<IIQQQQQQ", image, phoff + 56 * i)
        if p[0] == 1 and p[4] <= phys < p[4] + p[5]:
            return int(p[2] + phys - p[4])
    return None


def mutate(rng: random.Random, image: bytes, places: list[int]) -> bytes:
    """Return a changed copy of an image."""
    data = bytearray(image)
    for _ in range(rng.choice((1, 1, 2, 3, 8, 32))):
        if not data:
            break
        at = min(rng.choice(places), len(data) - 1)
        if rng.random() < 0.1:
            at = rng.randrange(len(data))
        kind = rng.random()
        if kind < 0.4:
            data[at] ^= 1 << rng.randrange(8)
        elif kind < 0.7:
            word = rng.choice(WORDS)
            data[at : at + len(word)] = word
        elif kind < 0.9:
            other, size = rng.choice(places), rng.choice((4, 8, 16, 64))
            data[at : at + size] = data[other : other + size]
        elif kind < 0.97:
            data[at : at + 8] = rng.randbytes(8)
        else:
            del data[rng.randrange(len(data)) :]
            places = [p for p in places if p < len(data)] or [0]
    return bytes(data)


def stated(rng: random.Random) -> CaseOptions:
    """Return what a user might state."""
    if rng.random() < 0.7:
        return CaseOptions()
    root = rng.choice([h["root_phys"] for _, h in captures.handovers()])
    return CaseOptions(
        page_size=rng.choice((None, 4096, 16384, 65536)),
        root_fdt=rng.choice((None, root, root + 4096, rng.getrandbits(64))),
        kho_scratch=rng.choice((None, "none", (root, rng.choice((0, 16, 1 << 40))))),
        arch=rng.choice((None, "x86_64", "arm64")),
    )


def decode(path: str, options: CaseOptions) -> None:
    """Do everything that decode can do."""
    try:
        case = read_case([path], options)
        jsondoc.dump(decode_json.SCHEMA, decode_json.body(case.handovers))
        decode_text.report(case.handovers)
        for _ in annotate.lines(case.handovers, case.source) if case.source else ():
            pass
    except HwpkhoError as error:
        if "\n" in str(error) or len(str(error)) > 2000:
            raise ValueError(f"not one clear line: {error!r}"[:300]) from error


def child(seed: int, path: Path, until: float) -> int:
    """Feed mutated inputs to decode; return 0 if all was well."""
    rng, images = random.Random(seed), seeds()
    resource.setrlimit(resource.RLIMIT_CPU, (600, 600))
    for _ in range(PER_CHILD):
        if time.monotonic() > until:
            break
        image, places = rng.choice(images)
        path.write_bytes(mutate(rng, image, places))
        start = time.process_time()
        try:
            decode(str(path), stated(rng))
        except Exception:  # whatever it is, it is what this looks for
            traceback.print_exc()
            return 1
        took = time.process_time() - start
        if took > MAX_SECONDS:
            print(f"fuzz: took {took:.1f} s", file=sys.stderr)
            return 1
        # What a child has in common with all: the images and the interpreter, about 60 MiB.
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
        if peak > MAX_BYTES + (60 << 20):
            print(f"fuzz: took {peak >> 20} MiB", file=sys.stderr)
            return 1
    return 0


def main() -> int:
    """Run children until the time is over or one fails."""
    parser = argparse.ArgumentParser(description="Mutation run over decode.")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=time.time_ns() & 0xFFFFFFFF)
    options = parser.parse_args()
    until = time.monotonic() + options.seconds
    seed, runs = options.seed, 0
    folder = Path(tempfile.mkdtemp(prefix="hwpkho-fuzz-"))
    print(f"fuzz: {options.seconds:.0f} s, seed {seed}", flush=True)
    while time.monotonic() < until:
        path = folder / "input"
        pid = os.fork()
        if not pid:
            os._exit(child(seed + runs, path, until))
        _, status = os.waitpid(pid, 0)
        if status:
            print(f"fuzz: failed with seed {seed + runs}; the input is {path}", file=sys.stderr)
            return 1
        runs += 1
    path.unlink(missing_ok=True)
    folder.rmdir()
    print(f"fuzz: {runs} rounds of up to {PER_CHILD} inputs, nothing found")
    return 0


if __name__ == "__main__":
    sys.exit(main())
