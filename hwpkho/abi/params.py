"""A kernel command line: splitting it into parameters, and reading sizes as the kernel does.

Source: lib/cmdline.c (memparse, next_arg), lib/kstrtox.c (_parse_integer_fixup_radix),
kernel/params.c (dash2underscore).
"""

from __future__ import annotations

import re
from itertools import dropwhile, islice, takewhile
from typing import TYPE_CHECKING

from hwpkho.base.addresses import PHYS_END
from hwpkho.base.escape import printable
from hwpkho.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

#: COMMAND_LINE_SIZE of x86 and arm64, bytes, the NUL included: the kernel cuts longer lines off.
MAX_LENGTH = 2048

_SUFFIXES = {c: shift for shift, c in zip(range(10, 70, 10), "kmgtpe", strict=True)}
#: A number as simple_strtoull() reads it with base 0: 0x, a leading 0 (octal), decimal.
NUMBER = re.compile(r"0[xX](?P<hex>[0-9a-fA-F]+)|0(?P<oct>[0-7]*)|(?P<dec>[1-9][0-9]*)")


def memparse(text: str, parameter: str) -> tuple[int, str]:
    """Read a size like the kernel's memparse(): 0x, 0 (octal) or decimal, then K M G T P or E.

    Returns the value in bytes and the rest of ``text``. Raises UsageError, naming ``parameter``,
    where there is no number or it does not fit into 64 bits.
    """
    match = NUMBER.match(text)
    if match is None or match.end() > 64:
        raise UsageError(
            f"{parameter}: {printable(text[:40]) or 'an empty value'} is not a size or address"
        )
    if match["hex"]:
        value = int(match["hex"], 16)
    else:
        value = int(match["dec"]) if match["dec"] else int(match["oct"] or "0", 8)
    at = match.end()
    suffix = text[at : at + 1].lower()
    if suffix in _SUFFIXES:
        value <<= _SUFFIXES[suffix]
        at += 1
    if value >= PHYS_END:
        raise UsageError(f"{parameter}: {printable(text[:at])} does not fit into 64 bits")
    return value, text[at:]


def parameters(text: str) -> Iterator[tuple[str, str | None]]:
    """Yield ``(name, value)`` as next_arg() splits a command line; value is None without ``=``.

    Dashes in names become underscores, double quotes protect blanks, and everything after ``--`` is
    left to init (:func:`left_to_init`). Raises UsageError where the line is longer than the kernel
    takes or holds a NUL.
    """
    return takewhile(_is_for_kernel, _arguments(text))


def left_to_init(text: str) -> Iterator[tuple[str, str | None]]:
    """Yield what stands behind ``--``, split like :func:`parameters`; the kernel ignores it."""
    return islice(dropwhile(_is_for_kernel, _arguments(text)), 1, None)


def _is_for_kernel(parameter: tuple[str, str | None]) -> bool:
    return parameter != ("--", None)


def _arguments(text: str) -> Iterator[tuple[str, str | None]]:
    if len(text.encode("utf-8", "surrogateescape")) >= MAX_LENGTH:
        raise UsageError(f"longer than the {MAX_LENGTH - 1} bytes the kernel takes")
    if "\0" in text:
        raise UsageError("holds a NUL")
    at = 0
    while True:
        while at < len(text) and text[at].isspace():
            at += 1
        if at >= len(text):
            return
        start, quoted = at, False
        while at < len(text) and (quoted or not text[at].isspace()):
            quoted ^= text[at] == '"'
            at += 1
        argument = text[start:at]
        if argument.startswith('"'):
            argument = argument[1:].removesuffix('"')
        name, equals, value = argument.partition("=")
        if value.startswith('"'):
            value = value[1:].removesuffix('"')
        name = name if argument == "--" else name.replace("-", "_")
        yield name, value if equals else None
