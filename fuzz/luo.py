"""What LUO preserves, with any of its numbers changed: blocks, chains, memfds, folios."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from hwpkho.abi import luo
from tests.support.handovers import Machine
from tests.support.luo import Orchestrator

if TYPE_CHECKING:
    import random

_NUMBERS = (
    0, 1, 2, 51, 52, 63, 64, 255, 256, 257, 4095, 4096, 1 << 20, 1 << 32, 1 << 52, (1 << 52) - 1,
    1 << 63, (1 << 64) - 1,
)  # fmt: skip
_NAMES = (b"vm", b"", b"\x1b[31mred", "\u202e\u00fc".encode(), b"\xff" * 63, b'"\\,', b"x" * 63)
_VERSIONS: tuple[dict[str, object], ...] = (
    {}, {}, {}, {"compatible": "luo-v6"}, {"compatible": "luo-v5;block-v1", "at": 16},
    {"features": (7, 3, 1), "at": luo.FEATURES, "compatible": ""},
)  # fmt: skip
#: Frames of guests' memory.
_GUESTS = 0x50000


def image(rng: random.Random) -> bytes:
    """Return an ELF core with a handover that has a LUO."""
    made = Orchestrator(Machine(arch="x86_64", at=0x1000_0000, gap=rng.choice((0, 1))))
    sessions = [
        made.session(
            (b"%d" % n if n else b"") + rng.choice(_NAMES)[:60], _files(rng, made) if n < 3 else []
        )
        if rng.random() < 0.9
        else luo.Session(b"odd", rng.choice(_places(made)), rng.choice(_NUMBERS))
        for n in range(rng.choice((0, 1, 2, 52)))
    ]
    flbs = [luo.Flb(b"flb-v1", rng.choice(_NUMBERS), 1)] * rng.choice((0, 1, 63))
    blob = bytearray(made.blob(sessions, flbs, **rng.choice(_VERSIONS)))
    if rng.random() < 0.1:
        struct.pack_into("<Q", blob, len(blob) - 16, rng.choice((0, *_places(made))))
    made.handover(bytes(blob[: rng.choice((len(blob), len(blob), 31, 0x20))]), pfns=_listed(rng))
    for _ in range(rng.choice((0, 1, 1, 3, 20))):
        _poke(rng, made)
    return made.machine.elf()


def _files(rng: random.Random, made: Orchestrator) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for token in range(rng.choice((0, 1, 1, 3, 64))):
        if found and rng.random() < 0.05:
            found.append((token, rng.choice((found[0][1], *_places(made)))))
            continue
        order = rng.choice((0, 0, 3, 9))
        start = _GUESTS + (rng.randrange(1 << 8) << 9)
        count = rng.choice((0, 1, 5, 300 if token < 2 else 2))
        folios = [(start + (n << order), n << order, order) for n in range(count)]
        if folios and rng.random() < 0.1:
            rng.shuffle(folios)
        found.append((token, made.memfd(folios, rng.choice((None, None, 1, 1 << 40)))))
    return found


def _listed(rng: random.Random) -> list[int]:
    own = (0x10000, 0x10003, 0x10008)
    return [rng.choice((*own, _GUESTS + rng.randrange(1 << 17))) for _ in range(20)]


def _places(made: Orchestrator) -> list[int]:
    return [phys for found in made.places.values() for phys in found] or [0x1000]


def _poke(rng: random.Random, made: Orchestrator) -> None:
    """Overwrite a word of one of LUO's pages."""
    phys = rng.choice(_places(made))
    at = rng.choice((0, 8, 16, 24, 32, 40, 80, 88, 128, 8 * rng.randrange(512)))
    value = rng.choice((*_NUMBERS, *_places(made), phys + 8, rng.getrandbits(64)))
    made.machine.poke(phys + at, "<Q", value & (1 << 64) - 1)
