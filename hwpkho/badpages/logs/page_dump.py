"""``page: refcount:1 … pfn:0x7f001`` with ``flags: 0x…(…|hwpoison|…)`` below it: dumps of pages.

Source: mm/debug.c, dump_page(). The flags are a line of their own, with others in between. Newer
kernels print no address behind ``page:``, older ones no PFN in that line; what bad_page() and
memory hotplug print right above the dump has it. In a dump with a PFN the flags are those of the
folio, which are its first page's: the line ``head:`` has its order.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.badpages.logs.base import Message, MessageReader
from hwpkho.badpages.logs.when import host
from hwpkho.codes.pfnlist import ENTRY_UNUSABLE

if TYPE_CHECKING:
    from hwpkho.badpages.logs.timeline import Timeline
    from hwpkho.badpages.logs.when import Place

_PFN = re.compile(r"[^\n]{0,160}?\bpfn:0x([0-9a-f]{1,16})(?![0-9a-zA-Z])")
#: ``BUG: Bad page state in process foo  pfn:7f001``, ``migrating pfn 7f001 failed ret:1``.
_PFN_ABOVE = re.compile(r"\bpfn[: ](?:0x)?([0-9a-f]{3,16})(?![0-9a-zA-Z])")
#: More fields are behind it: a number at a line's end may be cut off.
_ORDER = re.compile(r"\S{0,20} order:([0-9]{1,2}) +[a-z_]{1,32}:")
#: The order of the largest folio, 16 GiB of 4-KiB pages: MAX_FOLIO_ORDER, include/linux/mm.h.
_MAX_ORDER = 22
#: Without blanks: a name may have been broken at a line's end.
_HWPOISON = re.compile(r"0x[0-9a-f]{1,16}\([^)]*\bhwpoison\b")
#: Who prints a line, where CONFIG_PRINTK_CALLER adds it: a task or a CPU.
_CALLER = re.compile(r"\]\[ {0,8}([TC][0-9]{1,10})\]")
#: The most lines between a page and its flags, other tasks' included; the most tasks and dumps.
_NEAR, _MAX_TASKS, _MAX_BEGUN = 24, 1 << 10, 64
#: The most lines of a dump between those of its page and its flags: a log that ends there cut it.
_BETWEEN = 4

_WITHOUT_PAGE = "a page dump with hwpoison: "


class _Dump(NamedTuple):
    place: Place
    pfn: int | None
    own: bool  # whether its own line has the PFN
    order: int | None = 0  # None: it is damaged
    mixed: bool = False  # whether flags above may have been this one's


class PageDumps(MessageReader):
    """The reader, see the module."""

    needles = (
        b"mapcount:",
        b"mped because: (?<=page dumped because: )",  # begins like the one above
        b"flags: 0x[0-9a-f]{1,16}\\(",
    )
    start = re.compile(
        r"page(?<!\wpage):(?=\S{0,20} (?:ref)?count:-?[0-9])"
        r"|head(?<!\whead):(?=\S{0,20} order:[0-9])"
        r"|flags(?<!\wflags)(?<!because of flags):(?= 0x[0-9a-f]{1,16}\()"
        r"|page dumped because:"
    )

    def __init__(self, log: Timeline) -> None:
        super().__init__(log)
        #: By who prints them: dumps whose flags have not been printed yet.
        self._begun_by: dict[tuple[str, str], list[_Dump]] = {}

    def take(self, message: Message) -> bool:
        """See :meth:`MessageReader.take`."""
        place, begun, text, whole = message
        if begun[0] == "page:":
            found = _PFN.match(text)
            if not whole and (not found or found.end() == len(text)):
                return False
            self._page(place, int(found[1], 16) if found else None)
        elif begun[0] == "head:":
            order = _ORDER.match(text)
            if not (order or whole):
                return False
            dumps = self._begun_by.get(_printer(place))
            if dumps and dumps[-1].own:
                number = int(order[1]) if order else None
                damaged = number is None or number > _MAX_ORDER
                dumps[-1] = dumps[-1]._replace(order=None if damaged else number)
        elif begun[0] == "page dumped because:":
            dumps = self._begun_by.get(_printer(place), [])
            if len(dumps) == 1 and not dumps[0].mixed:
                self._doubtful(dumps[0], "without its flags")
                dumps.clear()  # its flags were lost: the next ones are not its own
        else:
            flags, end, _ = text.partition(")")
            poisoned = _HWPOISON.match("".join(flags.split())) is not None
            if not (whole or poisoned or end):
                return False
            self._flags(place, poisoned=poisoned, cut=not end)
        return True

    def _page(self, place: Place, pfn: int | None) -> None:
        own, printer = pfn is not None, _printer(place)
        if pfn is None:
            before = self.log.number(place.number) - 1  # as the scanner counts, last line first
            above = next((line for number, line in self.above() if number == before), "")
            found = _PFN_ABOVE.search(above)
            if found and _printer(place._replace(line=above, at=found.start())) == printer:
                pfn = int(found[1], 16)
        if len(self._begun_by) >= _MAX_TASKS:
            self._begun_by.clear()
        dumps = self._begun_by.setdefault(printer, [])
        dumps[:] = [d for d in dumps[-_MAX_BEGUN:] if abs(place.number - d.place.number) <= _NEAR]
        dumps.append(_Dump(place, pfn, own))

    def _flags(self, place: Place, *, poisoned: bool, cut: bool) -> None:
        """Take the flags of the dump that the same task has begun, if it is one alone."""
        dumps = self._begun_by.get(_printer(place), [])
        near = [d for d in dumps if abs(place.number - d.place.number) <= _NEAR]
        alone = len({(d.pfn, d.order, d.mixed) for d in near}) == 1 and not near[0].mixed
        dumps[:] = near[:-1] if alone else [d._replace(mixed=True) for d in near[:-1]]
        if not poisoned:
            if cut and near:
                self._doubtful(near[-1], "whose flags are cut off")
            return
        if not alone:
            why = "several dumps are mixed up" if near else "no line above it names the page"
            self.log.unusable(place, f"{_WITHOUT_PAGE}{why}")
            return
        dump = near[-1]
        if dump.pfn is None:
            self.log.unusable(dump.place, f"{_WITHOUT_PAGE}it has no PFN")
            return
        first = dump.pfn >> (dump.order or 0) << (dump.order or 0)
        self.log.pages(dump.place, first, first, "poisoned")
        if dump.order is None:
            message = (
                f"0x{dump.pfn:x}: a page dump of a folio whose order is damaged: the flag hwpoison "
                "is that of its first page, which may be another"
            )
            self.log.doubt(dump.place, ENTRY_UNUSABLE, message)
        elif dump.order:
            message = (
                f"0x{dump.pfn:x}: a page dump of a folio of order {dump.order}: the flag hwpoison "
                f"is that of its first page, 0x{first:x}; of hugetlb any of its pages may be bad"
            )
            self.log.doubt(dump.place, ENTRY_UNUSABLE, message)

    def _doubtful(self, dump: _Dump, lack: str) -> None:
        page = "" if dump.pfn is None else f"0x{dump.pfn:x}: "
        message = f"{page}a page dump {lack}: they may have hwpoison"
        self.log.doubt(dump.place, ENTRY_UNUSABLE, message)

    def flush(self) -> None:
        """See :meth:`MessageReader.flush`."""
        super().flush()
        end = self.log.last_line
        if end is not None:
            for dump in (d for dumps in self._begun_by.values() for d in dumps):
                if end - dump.place.number <= _BETWEEN:
                    self._doubtful(dump, "without its flags")
        self._begun_by.clear()


def _printer(place: Place) -> tuple[str, str]:
    """Return who printed a line: the machine, and the task or CPU where the log has it."""
    callers = _CALLER.findall(place.line, 0, place.at or len(place.line))
    return host(place) or "", callers[-1] if callers else ""
