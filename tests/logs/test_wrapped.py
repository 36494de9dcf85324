"""Lines that a screen wrapped at its last column."""

from __future__ import annotations

import pytest

from hwpkho.logs.text import blocks

STAMP = "[    0.000000] "
#: The list that 3.18 prints, and other messages.
LOG = [
    f"{STAMP}Linux version 3.18.0 (a@b) (gcc version 4.9.2) #1 SMP",
    *(
        f"{STAMP}efi: mem{n:02}: [{name:19}|   |  |  |  |  |  |  |   |WB|WT|WC|UC] "
        f"range=[0x{n << 24:016x}-0x{(n + 1) << 24:016x}) (16MB)"
        for n, name in enumerate(["Boot Data", "Loader Code", "ACPI Reclaim Memory", "Reserved"])
    ),
    *(f"{STAMP}SMBIOS 2.{n} present." for n in range(9)),
]


#: Rows of one shape: what is broken at 80 columns is a number.
ALIKE = [
    *(
        f"{STAMP}efi: mem{n:02}: type=7, attr=0xf, range=[0x{n << 24:016x}-0x{n + 1 << 24:016x})"
        for n in range(9)
    ),
    *LOG[-9:],
]


def joined(lines: list[str], piece: int = 1 << 16) -> list[str]:
    text = "".join(f"{line}\n" for line in lines).encode()
    pieces = (text[at : at + piece] for at in range(0, len(text), piece))
    return b"".join(blocks(pieces)).decode().splitlines()


def wrapped(lines: list[str], width: int) -> list[str]:
    return [line[at : at + width] for line in lines for at in range(0, len(line), width)]


@pytest.mark.parametrize(("log", "width"), [(LOG, 80), (LOG, 100), (LOG, 132), (ALIKE, 80)])
def test_wrapped_lines_are_joined(log: list[str], width: int, subtests: pytest.Subtests) -> None:
    for piece in (1 << 16, 1000):
        with subtests.test(f"pieces of {piece}"):
            assert joined(wrapped(log, width), piece) == log


def test_what_is_as_wide_and_not_wrapped(subtests: pytest.Subtests) -> None:
    cut = [line[:100] for line in LOG]
    rows = [f"{STAMP}{'x' * 60} {n:016x}-{n:016x}" for n in range(9)]
    broken = [part for row in rows for part in (row, "usable")]
    traces = [part for line in LOG for part in (line.ljust(140, "."), "  at f()", "  at g()")]
    narrow = wrapped(LOG, 76)
    every = {"log": LOG, "cut": cut, "broken": broken, "traces": traces, "narrow": narrow}
    for name, lines in every.items():
        with subtests.test(name):
            assert joined(lines) == lines
