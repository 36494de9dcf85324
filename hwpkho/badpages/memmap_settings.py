"""``memmap=`` in boot settings: its values, what the kernel gets of them, the pages they name.

Source: arch/x86/kernel/e820.c (parse_memmap_opt, parse_memmap_one); kernel/params.c (parse_args);
memtest86+'s app/badram.c (ERROR_MODE_MEMMAP), whose list continues below behind a comma; GRUB's
util/grub-mkconfig.in, util/grub.d/10_linux.in and grub-core/script/yylex.l.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import repeat
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.abi.params import memparse
from hwpkho.badpages import plain_settings
from hwpkho.badpages.lines import LONGEST
from hwpkho.base.addresses import PHYS_END, page_shift
from hwpkho.base.escape import printable
from hwpkho.base.late import late
from hwpkho.codes.pfnlist import DOLLAR_EATEN, ENTRY_UNUSABLE
from hwpkho.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hwpkho.badpages.collector import Collector

#: A value ends at a blank, quote or tag. ``$`` may be escaped as ``\$`` or ``\\\$``.
_VALUE = late(r"(?<![\w.-])memmap=[\"']?([^\s\"'`<]*)")
_BEGUN = late(r"(?<![\w.-])memmap=")
#: The start of a line that continues such a value, and a whole one that continues below, too.
ITEM = r"[ \t>|]*[0-9]\w*\\*\$[0-9]"
_ITEM = late(ITEM)
_ITEMS_OPEN = late(r"[\s>|]*+[^\s\"'`<]+,\\?\s*")
#: ``--`` as a word, and what is certainly of the same command line.
_LEFT_TO_INIT = late(r"(?<![^\s\"'])--(?=\s)[^\"';|&]*+")
#: A line of /etc/default/grub, and a command of grub.cfg.
_DEFAULT_GRUB = late(r"(?:[^\s=\"'#]{1,200}:)?\s*(?:export\s+)?GRUB_CMDLINE_LINUX\w{0,40}\+?=")
_GRUB_CFG = late(r"\s*linux(?:efi|16)?\s+[/(]\S*\s")
_QUOTED = late(r"\\.|(?P<double>\"(?:[^\"\\]++|\\.)*+\"?)|(?P<single>'[^']*+'?)")
#: A dollar sign that does not arrive at the kernel as such. The shell makes ``\$`` of ``\\\$``,
#: except in single quotes, and GRUB makes ``$`` of that. Without a backslash either expands ``$0``.
_NOT_3 = late(r"(?<!\\)(?!\\{3}\$)\\*\$(?=[0-9])")
_NOT_1 = late(r"(?<!\\)(?!\\\$)\\*\$(?=[0-9])")
#: In grub.cfg: ``\\\$`` stands in scripts that print a part of it.
_EVEN = late(r"(?<!\\)(?:\\\\)*\$(?=[0-9])")
_SHOWN = 60
#: The most items that plain_settings cannot read: a Linux command line has 2048 characters.
_MOST_LOOSE = 1 << 16


class Setting(NamedTuple):
    """A value of ``memmap=``.

    Attributes:
        value: Its items, without backslashes.
        where: Its place.
        lost: Why the kernel does not get it as it stands, None if it does.
        to_init: Whether it stands behind ``--``, where the kernel reads nothing.
    """

    value: str
    where: str
    lost: str | None
    to_init: bool


def joined(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Yield numbered lines; a value that ends in a comma is joined with the items below it."""
    parts: list[str] = []  # of the value that is open
    start = last = size = 0
    for number, line in lines:
        if parts and number == last + 1 and size <= LONGEST and _ITEM.match(line):
            parts[-1] = parts[-1].rstrip().rstrip("\\")
            parts.append(line.lstrip(" \t>|"))
            last, size = number, size + len(line)
            if _ITEMS_OPEN.fullmatch(line):
                continue
        elif parts:
            yield start, "".join(parts)
            parts = []
        if parts:
            yield start, "".join(parts)
            parts = []
        elif _is_open(line):
            parts, start, last, size = [line], number, number, len(line)
        else:
            yield number, line
    if parts:
        yield start, "".join(parts)


def _is_open(line: str) -> bool:
    """Tell whether a line ends in a comma of a value, perhaps with a backslash to continue it."""
    if line.rstrip().rstrip("\\")[-1:] != ",":
        return False
    last = line.rsplit(maxsplit=1)[-1]
    quote = max(map(last.rfind, "\"'`<"))
    return _BEGUN.search(last, max(0, quote - len("memmap="))) is not None


def of_line(line: str, where: str) -> Iterator[Setting]:
    """Yield the values in a line without comment; ``where`` is its place."""
    matches = _LEFT_TO_INIT.finditer(line) if "--" in line else ()
    left = [match.span() for match in matches]
    grub = _Grub(line) if "$" in line else None
    for match in _VALUE.finditer(line):
        raw, start = match[1], match.start(1)
        before = bisect_right(left, (start,)) - 1
        to_init = before >= 0 and start < left[before][1]
        lost = grub.lost(raw, start) if grub else None
        yield Setting(raw.replace("\\", ""), where, lost, to_init)


class _Quoted(NamedTuple):
    """Text in quotes.

    Attributes:
        start: Where it begins.
        end: Where it ends.
        single: Whether its quotes are single.
        inner: Where the first single quote stands in double ones; ``end`` for none.
    """

    start: int
    end: int
    single: bool
    inner: int


class _Grub:
    """Tells what arrives of a line of GRUB's configuration; of any other line all does."""

    def __init__(self, line: str) -> None:
        self._shell = _DEFAULT_GRUB.match(line)
        begin = self._shell or _GRUB_CFG.match(line)
        self._known = begin is not None and "`" not in line and "$(" not in line
        self._quoted: list[_Quoted] = []
        for match in _QUOTED.finditer(line, begin.end()) if begin and self._known else ():
            start, end = match.span()
            if match["double"]:
                inner = line.find("'", start, end)
                self._quoted.append(_Quoted(start, end, False, end if inner < 0 else inner))
            elif match["single"]:
                self._quoted.append(_Quoted(start, end, True, end))

    def lost(self, value: str, at: int) -> str | None:
        """Return why the kernel does not get ``value``, which begins at ``at``; None if it may."""
        before = bisect_right(self._quoted, (at,)) - 1
        quoted = self._quoted[before] if before >= 0 else None
        inside = quoted if quoted and at < quoted.end else None
        if not self._known or (inside and at > inside.inner):
            return None
        if self._shell and inside and inside.single:
            wrong, needed = _NOT_1, r"/etc/default/grub needs \$ in single quotes"
        elif self._shell:
            wrong, needed = _NOT_3, r"/etc/default/grub needs \\\$ in double quotes"
        elif inside and inside.single:
            return None
        else:
            wrong, needed = _EVEN, r"grub.cfg needs \$"
        match = wrong.search(value)
        if match is None:
            return None
        begin = value.rfind(",", 0, match.start()) + 1
        shown = printable(value[begin : begin + _SHOWN].partition(",")[0])
        return f"memmap={shown}: its $ does not arrive at the kernel: {needed}"


def read(found: Collector, settings: Iterable[Setting]) -> None:
    """Name the pages that the values exclude, and report what excludes nothing."""
    loose = 0  # items that plain_settings cannot read
    for value, where, lost, to_init in settings:
        found.refuse_more(value.count(","))
        if to_init:
            shown = printable(value[:_SHOWN])
            found.unusable(
                f"memmap={shown} stands behind --: the kernel leaves it to init, and reserves "
                "nothing",
                where,
            )
            continue
        if lost:
            found.problem(DOLLAR_EATEN, lost, where)
        if value.endswith(","):
            message = "memmap= ends in a comma: items behind it may be missing"
            found.problem(ENTRY_UNUSABLE, message, where)
        if columns := plain_settings.memmap(value, page_shift(found.page_size)):
            found.ranges("excluded", *columns, where, repeat(-1, len(columns.first)))
            continue
        loose += value.count(",") + 1
        found.refuse_more(loose, _MOST_LOOSE)
        for item in value.split(","):
            _item(found, item, where)


def _item(found: Collector, item: str, where: str) -> None:
    """Name the pages of an item: the kernel takes each by itself, whatever the others are."""
    if not item or item == "exactmap":
        return
    shown = printable(item[:_SHOWN])
    if item[0].isalpha():  # the kernel ignores an item without a number and reads the next one
        if "$" in item:
            found.unusable(
                f"memmap={shown} does not begin with a number: it reserves nothing", where
            )
        return
    expected = "expected memmap=SIZE$ADDRESS"
    try:
        size, rest = memparse(item, f"memmap={shown}")
        sign = rest[:1]
        if sign not in ("$", "!"):
            # The kernel stops at an unknown sign. Where there is no $, a shell or GRUB has expanded
            # $0 as a variable.
            if "$" in rest or sign not in ("", "@", "#", "%"):
                how = "something between size and $" if "$" in rest else "no $ behind its size"
                found.unusable(f"memmap={shown} has {how}: it reserves nothing", where)
            return
        start, rest = memparse(rest[1:], f"memmap={shown}")
    except UsageError as error:
        found.unusable(f"{error}; {expected}", where)
        return
    if rest or not size or start + size > PHYS_END:
        found.unusable(f"memmap={shown}: {expected}", where)
    elif sign == "!":
        found.unusable(f"memmap={shown} makes persistent memory and reserves nothing", where)
    else:
        found.addresses(start, start + size - 1, "excluded", where=where, exact=True)
