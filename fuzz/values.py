"""What mutations put in: numbers at the edges, text that terminals and parsers trip over."""

from __future__ import annotations

import copy
import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import random

#: The largest input that is made, bytes.
LIMIT = 4 << 20

NUMBERS = (
    0, 1, -1, 2, 63, 64, 511, 4095, 4096, 4097, 65536, (1 << 20) - 1, 1 << 24, 0xFFFFFE,
    300_000_000, (1 << 31) - 1, (1 << 32) - 1, 1 << 40, (1 << 52) - 1, 1 << 52, (1 << 63) - 1,
    1 << 63, (1 << 64) - 4096, (1 << 64) - 1, 1 << 64, 10**20, 10**400, -(1 << 63),
)  # fmt: skip
TEXTS = (
    "", " ", "\n", "\0", "-", "+", "=", "#", "\x1b[31m", "\u202e", "\u2028", "\xa0", "é", "𝔸",
    "\ud800", "%s", "{}", "../..", "/", "a" * 300, "x" * 5000, "0x", "0xfffffffffffffffff", "1e400",
    "NaN", "Infinity", "-0", "٣", "true", "null", "a.a.a.a.a.a.a.a.a.a", "[[[[[[[[", '"', "\\",
)  # fmt: skip
JSONS: tuple[Any, ...] = (
    None,
    True,
    False,
    1.5,
    -0.0,
    float("nan"),
    float("inf"),
    1e308,
    [],
    {},
    [[]],
    {"": None},
)


def number(rng: random.Random) -> int:
    """Return a number at an edge, or near one."""
    return rng.choice(NUMBERS) + rng.choice((0, 0, 0, 1, -1, 4096))


def word(rng: random.Random) -> str:
    """Return a number in some spelling, a range, or a text."""
    kind = rng.random()
    if kind < 0.3:
        return rng.choice((str, hex, "{:016x}".format, "{:o}".format))(number(rng))
    if kind < 0.45:
        return f"{number(rng)}-{number(rng):#x}"
    return rng.choice(TEXTS)


def value(rng: random.Random, depth: int = 0) -> Any:
    """Return something that JSON can say."""
    kind = rng.random()
    if kind < 0.4:
        return number(rng)
    if kind < 0.6:
        return rng.choice(TEXTS)
    if kind < 0.8 or depth > 3:
        return copy.deepcopy(rng.choice(JSONS))  # the tree is changed in place
    if kind < 0.9:
        return [value(rng, depth + 1) for _ in range(rng.randrange(4))]
    if kind < 0.95:
        return {rng.choice(TEXTS): value(rng, depth + 1) for _ in range(rng.randrange(4))}
    nested: Any = []
    for _ in range(rng.choice((20, 500))):
        nested = [nested]
    return nested


_TOKENS = re.compile(rb"[0-9A-Za-z_.]+|\s+|[^0-9A-Za-z_.\s]+")


def text(rng: random.Random, data: bytes, others: list[bytes]) -> bytes:
    """Return a text changed in its words and lines, or repeated up to the limit."""
    for _ in range(rng.choice((1, 1, 2, 4, 12))):
        lines = data.split(b"\n")
        at = rng.randrange(len(lines))
        kind = rng.randrange(10)
        if kind <= 3:  # a word of a line
            words = _TOKENS.findall(lines[at]) or [b""]
            words[rng.randrange(len(words))] = word(rng).encode("utf-8", "surrogatepass")
            lines[at] = b"".join(words)
        elif kind == 4:
            lines.insert(at, rng.choice(lines))
        elif kind == 5:
            del lines[at : at + rng.choice((1, 2, 50))]
        elif kind == 6:
            lines[at] = bytes(rng.randrange(256) for _ in range(rng.randrange(40)))
        elif kind == 7:
            other = rng.choice(others).split(b"\n")
            start = rng.randrange(len(other))
            lines[at:at] = other[start : start + rng.choice((1, 5, 200))]
        elif kind == 8:
            lines[at] = lines[at][: rng.randrange(len(lines[at]) + 1)]
            del lines[at + 1 :]
        else:
            part = lines[at : at + rng.choice((1, 1, 3))]
            size = sum(map(len, part)) + 1
            top = LIMIT if rng.random() < 0.02 else 1 << 14
            lines[at:at] = part * (rng.randrange(top) // size)
        data = b"\n".join(lines)[:LIMIT]
    return data


def document(rng: random.Random, data: bytes) -> bytes:
    """Return a JSON document changed in its tree."""
    try:
        root: dict[str, Any] = {"": json.loads(data)}
    except (ValueError, RecursionError):
        return data
    holder: Any
    key: Any
    for _ in range(rng.choice((1, 1, 2, 4))):
        root.setdefault("", value(rng))
        holder, key = root, ""
        while isinstance(holder[key], (dict, list)) and holder[key] and rng.random() < 0.85:
            holder = holder[key]
            keys = list(holder) if isinstance(holder, dict) else range(len(holder))
            key = rng.choice(keys)
        kind = rng.random()
        if kind < 0.6:
            holder[key] = value(rng)
        elif kind < 0.75:
            del holder[key]
        elif isinstance(holder, list):
            top = 4000 if rng.random() < 0.9 else 200_000
            most = top // (1 + len(str(holder[key])) // 8)
            holder[key:key] = [holder[key]] * rng.randrange(most + 1)
        else:
            holder[rng.choice(TEXTS)] = holder[key]
    return json.dumps(root.get("")).encode()[:LIMIT]
