"""Bad pages in boot settings: GRUB's badram and cutmem, and memmap= of a kernel command line.

One file, such as /etc/default/grub or grub.cfg, may have all of them, so all of them are read.
Comments, whole lines or at the end of one, are skipped; so are variables of /etc/default/grub that
a later line sets again.

Source: GRUB's grub-core/mmap/mmap.c (grub_cmd_badram, grub_cmd_cutmem, parsemem);
arch/x86/kernel/e820.c (parse_memmap_one); Documentation/admin-guide/kernel-parameters.txt.
"""

from __future__ import annotations

import re
from itertools import chain, repeat
from typing import TYPE_CHECKING

from hwpkho.badpages import memmap_settings, plain_settings
from hwpkho.badpages.collector import MAX_EXPANDED, Collector
from hwpkho.badpages.lines import LONGEST, ends_within_line, numbered
from hwpkho.badpages.patterns import PatternError, pattern
from hwpkho.base.addresses import PHYS_END, page_shift
from hwpkho.base.counting import counted
from hwpkho.base.escape import printable
from hwpkho.base.late import late
from hwpkho.codes.pfnlist import ENTRY_UNUSABLE, MASK_SHORT
from hwpkho.errors import InputError

if TYPE_CHECKING:
    from hwpkho.badpages.kinds import Kind
    from hwpkho.badpages.model import BadPages
    from hwpkho.badpages.registry import Asked
    from hwpkho.images.files import FileBytes

_RESERVE_MEM = late(r"(?<![\w.-])reserve_mem=")
_COMMAND = late(r"(?:^|[\s;{&|>])(badram|cutmem)[ \t]+([^;#}&|]*)")
#: A colon ends the name of a file, or the number of a line, that grep prints.
_ASSIGNED = late(r"(?:^|[\s;:])GRUB_BADRAM=(?:\"([^\"]*)|'([^']*)|(\S*))")
_BADRAM = late(r"(?<![\w.-])badram=([^\s\"'`]*)")
#: Matches in every line that sets anything.
_WANTED = late(r"memmap=|reserve_mem=|badram|cutmem|GRUB_")
#: The same, and in lines that continue a value of memmap=.
_LOOKED_AT = late(
    rf"memmap=|reserve_mem=|badram|cutmem|GRUB_|^{memmap_settings.ITEM}", re.MULTILINE
)
_SETTINGS = ("memmap=", "badram", "cutmem")
#: A setting with whose last number a line ends.
_LAST = late(
    r"(?:memmap=[^\s\"'`<]*|badram(?:=|[ \t]+)\S*|BADRAM=\S*|cutmem[ \t]+\S+[ \t]+\S*)"
    r"(?<=[0-9a-zA-Z])$"
)
_HEX = late(r"(?:0[xX])?([0-9a-fA-F]{1,16})")
_CUT = late(r"(0[xX][0-9a-fA-F]{1,16}|[0-9]{1,22})([KMGT]?)")
#: A shell's tokens that may contain ``#``, and the comment that it begins elsewhere.
#: Behind a colon only what grep prints can be one: ``root=x:# memmap=…`` goes on.
_SHELL = late(
    r"""\\.|"(?:[^"\\]|\\.)*"|'[^']*'|(?P<open>["'].*)"""
    r"""|(?P<comment>(?<![^\s;&|])#.*|\A[^\s="'#]{1,200}:#.*)"""
)
#: Assignment to GRUB_CMDLINE_LINUX and the like; it adds with ``+=`` or its own value in it.
_VARIABLE = late(r"(?:[^\s=\"'#]{1,200}:)?\s*(?:export\s+)?(GRUB_CMDLINE\w{0,40})(\+?)=(.*)")
_SUFFIXES = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}
_SHOWN = 60
#: The most settings in a line: a Linux command line has 2048 characters.
_MOST_SETTINGS = 1 << 16
#: So many ranges read as columns take as long as one read by itself.
_IN_COLUMNS = 8


def read(file: FileBytes, form: str, asked: Asked) -> BadPages:
    """Return the ranges that boot settings exclude; ``form`` is the form that was recognised.

    Raises InputError for a damaged value of another setting than memmap=, and where settings are
    about bad memory but name no page.
    """
    found = Collector(file.shown, form, asked, "address")
    assigned: tuple[str, str] | None = None
    memmaps: dict[str | None, list[memmap_settings.Setting]] = {}  # by the variable that has them
    cuts = _Cuts(found)
    number, whole = 0, ""
    for number, whole in memmap_settings.joined(numbered(file, _LOOKED_AT, LONGEST)):
        if not _WANTED.search(whole) or cuts.line(whole, number):
            continue
        line = _uncommented(whole)
        where = f"line {number}"
        if len(line) > _MOST_SETTINGS < sum(map(line.count, _SETTINGS)):
            raise InputError(
                f"{file.shown}: {where}: more than {_MOST_SETTINGS} settings in one line, too many "
                "for a boot loader"
            )
        variable = _VARIABLE.match(line)
        name = variable[1] if variable else None
        if variable and not variable[2] and f"${name}" not in line.replace("{", ""):
            memmaps[name] = []
        if "reserve_mem=" in line and _RESERVE_MEM.search(line):
            found.unusable("reserve_mem= has no address: the kernel chooses the place", where)
        # A line may have a million items; `in` is much faster than an expression.
        if "memmap=" in line:
            memmaps.setdefault(name, []).extend(memmap_settings.of_line(line, where))
        if "GRUB_BADRAM=" in line and not _ASSIGNED.search(line):
            found.unusable("GRUB_BADRAM= stands behind something else, which is not read", where)
        for match in _ASSIGNED.finditer(line) if "GRUB_BADRAM=" in line else ():
            assigned = next((text for text in match.groups() if text is not None), ""), where
        for match in _BADRAM.finditer(line) if "badram=" in line else ():
            badram(found, match[1], where, "excluded")
        for match in _COMMAND.finditer(line) if "badram" in line or "cutmem" in line else ():
            command = _badram_command if match[1] == "badram" else _cutmem
            command(found, match[2].strip(), where)
    last = max(map(whole.rfind, ("memmap=", "badram", "BADRAM=", "cutmem")))
    if last >= 0 and _LAST.match(whole, last) and ends_within_line(file):
        message = "the text ends within this line: its last number may be cut off"
        found.problem(ENTRY_UNUSABLE, message, f"line {number}")
    cuts.finish()
    memmap_settings.read(found, chain.from_iterable(memmaps.values()))
    if assigned is not None and assigned[0].strip():  # in a shell the last assignment counts
        _badram_command(found, assigned[0].strip(), assigned[1])
    return found.finish()


class _Cuts:
    """Collects lines that are nothing but ``cutmem FROM TO``, as columns."""

    def __init__(self, found: Collector) -> None:
        self._found = found
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._numbers: list[int] = []

    def line(self, line: str, number: int) -> bool:
        """Take a line; return False if it is anything else."""
        ends = plain_settings.cutmem(line)
        if ends is None:
            return False
        self._starts.append(ends[0])
        self._ends.append(ends[1])
        self._numbers.append(number)
        return True

    def finish(self) -> None:
        """Name the pages that the lines cut."""
        shift = page_shift(self._found.page_size)
        columns = plain_settings.pages(self._starts, self._ends, shift)
        if columns:
            self._found.ranges("excluded", *columns, "line ", self._numbers)
            return
        for start, end, number in zip(self._starts, self._ends, self._numbers, strict=True):
            where = f"line {number}"
            self._found.addresses(start, end - 1, "excluded", where=where, exact=True)


def _uncommented(line: str) -> str:
    """Return a line without the comment at its end: ``#`` begins one at the start of a word."""
    if "#" not in line:
        return line
    for match in _SHELL.finditer(line):
        if match["comment"]:
            return line[: match.start()]
    return line


def _badram_command(found: Collector, argument: str, where: str) -> None:
    argument = argument.strip("\"'")
    if "$" in argument:
        found.unusable("badram with a variable, whose value is not known", where)
    elif len(argument.split()) > 1:
        raise InputError(
            f"{found.name}: {where}: badram takes one argument, ADDR,MASK,… without blanks"
        )
    else:
        badram(found, argument, where, "excluded")


def badram(found: Collector, value: str, where: str, kind: Kind) -> None:
    """Name the pages of ``ADDR,MASK[,ADDR,MASK…]``, hex with or without ``0x``.

    Raises InputError where ``value`` is damaged or a mask matches everything.
    """
    found.refuse_more(value.count(",") // 2)
    columns = plain_settings.badram(value, page_shift(found.page_size))
    if columns and kind == "excluded":
        found.expand(len(columns.first) // _IN_COLUMNS)
        found.ranges(kind, *columns, where, repeat(-1, len(columns.first)))
        return
    found.refuse_more(value.count(",") // 2, MAX_EXPANDED)
    words = value.rstrip(",").split(",")
    numbers = [_HEX.fullmatch(word.strip()) for word in words]
    for word, number in zip(words, numbers, strict=True):
        if number is None:
            raise InputError(
                f"{found.name}: {where}: badram: '{printable(word[:_SHOWN])}' is not a hex number "
                "of up to 64 bits; expected ADDR,MASK,…"
            )
    values = [int(number[1], 16) for number in numbers if number]
    if len(values) % 2:
        raise InputError(
            f"{found.name}: {where}: badram: {counted(len(values), 'number')}, the last address "
            "has no mask"
        )
    for address, mask in zip(values[::2], values[1::2], strict=True):
        try:
            matched = pattern(address, mask, page_shift(found.page_size))
        except PatternError as error:
            raise InputError(f"{found.name}: {where}: badram 0x{mask:x}: {error}") from error
        if matched.below is not None:
            found.problem(
                MASK_SHORT,
                f"the mask 0x{mask:x} has no bits above {matched.below - 1}: 0x{address:x} is read "
                f"below {_size(matched.below)}; GRUB takes the same places out above it, too",
                where,
            )
        found.expand(1 << matched.holes.bit_count())
        for first, last in matched.runs():
            found.pages(first, last, kind, where=where)
        if kind == "uncorrected" and matched.pages > 2:
            # Merging two addresses that differ in one bit adds no good page; a larger pattern may.
            found.lost(matched.pages - 2)


def _size(bits: int) -> str:
    return f"{1 << bits - 30} GiB" if bits < 40 else f"{1 << bits - 40} TiB"


def _cutmem(found: Collector, arguments: str, where: str) -> None:
    words = [word.strip("\"'") for word in arguments.split()]
    if any("$" in word for word in words):
        found.unusable("cutmem with a variable, whose value is not known", where)
        return
    if len(words) != 2:
        raise InputError(f"{found.name}: {where}: cutmem takes two arguments, FROM TO")
    start, end = (_parsemem(found, word, where) for word in words)
    if start < end:
        found.addresses(start, end - 1, "excluded", where=where, exact=True)
    else:
        found.unusable(f"cutmem: 0x{end:x} is not above 0x{start:x}: nothing is cut", where)


def _parsemem(found: Collector, word: str, where: str) -> int:
    """Return the value of a number as GRUB's parsemem() reads it: suffixes in capitals only."""
    match = _CUT.fullmatch(word)
    digits = match[1] if match else ""
    octal = len(digits) > 1 and digits[0] == "0" and digits[1] not in "xX"
    try:
        value = int(digits, 16 if digits[1:2] in ("x", "X") else 8 if octal else 10)
    except ValueError:
        value = PHYS_END + 1
    if match is None or value << _SUFFIXES[match[2]] > PHYS_END:
        raise InputError(
            f"{found.name}: {where}: cutmem: '{printable(word[:_SHOWN])}' is not an address; "
            "expected a number, optionally with K, M, G or T"
        )
    return value << _SUFFIXES[match[2]]
