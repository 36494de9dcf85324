"""``Memory failure: 0x1234: …``, ``Soft offline: …``, ``Unpoison: …``: the kernel's own messages.

Source: mm/memory-failure.c since 2.6.32. Up to 4.6 the prefix was ``MCE``, up to 3.x the result
read ``dirty LRU page recovery: Recovered``. memory_failure() sets PG_hwpoison first and then tries
to recover, so every result leaves the page poisoned. Only ``memory outside kernel control``,
``unhandlable page``, and for pages without struct page ``non struct page pfn``, are printed without
the flag being set.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hwpkho.badpages.logs.base import Message, MessageReader
from hwpkho.codes.pfnlist import ENTRY_UNUSABLE

if TYPE_CHECKING:
    from hwpkho.badpages.kinds import Kind
    from hwpkho.badpages.logs.timeline import Reporter, Timeline
    from hwpkho.badpages.logs.when import Place

#: The kernel's ``%#lx`` prints 0 as 0x0, C's printf() in other programs as 0.
_PFN = re.compile(
    r"\s*(?:0x)?((?<=0x)[0-9a-fA-F]{1,16}|0(?=: ))(?![0-9a-zA-Z])(:?)\s*(.*)", re.DOTALL
)
_PLACEHOLDER = re.compile(r"\s*0x[0-9a-fA-F]*[^0-9a-fA-F\s:]\w*:")
_OPEN = re.compile(r"\s*(?:0x?)?$")
#: A message about a page whose number is missing.
_DAMAGED = re.compile(
    r"\s*(?:0[xX]|:|\(?nil\)?:|(?:\S{1,40} )?recovery action for|already (?:hardware )?poisoned"
    r"|Sending SIGBUS to|Killing |invalidated)"
)
_OVERFLOW = re.compile(
    r"\s*buffer overflow when queuing memory failure at\b\s*(?:0x([0-9a-f]{1,16}))?"
)
#: The panic of vm.memory_failure_recovery=0, before the flag is set; with the trap up to 4.15. The
#: number is none if digits alone follow it: a terminal may have broken it.
_PANIC = re.compile(
    r" (?:from trap -?[0-9]{1,5} )?on page\b\s*"
    r"(?:([0-9a-f]{1,16})(?![0-9a-zA-Z]|\s+[0-9a-f]{1,15}(?:\s|$)))?"
)
#: Printed after the flag is set, with the PFN without 0x.
_NO_ADDRESS = re.compile(r"\s*Unable to find user space address ([0-9a-f]{1,16}) in ")
#: Messages about a page after its flag is set.
_FLAGGED = re.compile(
    r"already (?:hardware )?poisoned"
    r"|(?P<kill>Killing .{1,40} due to hardware memory corruption"
    r"|Sending SIGBUS to|forcibly killing|Cannot send advisory)"
    r"|.{1,60} still referenced by"
    r"|[Cc]orrupted page was|keeping poisoned page|failed to unmap page|could not lock mapping"
    r"|Failed to (?:punch|invalidate|erase)|failed to release buffers|Unknown page state"
    r"|[Tt]runcation failed|page still mapped|unrecoverable page"
)
_RESULT = re.compile(
    r"recovery action for\s+(.{0,80}?)\s*:\s*(?:$|[A-Z])"
    r"|.{0,60}? page recovery:\s*(?:Ignored|Failed|Delayed|Recovered)",
    re.DOTALL,
)
_RESULT_BEGUN = re.compile(r"recovery action for\s+(.{0,80})$", re.DOTALL)
_NO_STRUCT_PAGE = "non struct page"
#: Messages before the flag is set, or about a page that does not exist.
_NOT_FLAGGED = re.compile(
    r"[Mm]emory outside kernel control|cannot catch tail|hwpoison(?:ed)? filter"
)
#: The text behind ``Unpoison:`` (``MCE:`` in older kernels) for an unpoisoned page; its PFN
#: is in one of two groups.
UNPOISONED = (
    r"\s*(?:Software-unpoisoned(?: free)? page|Page was already unpoisoned)\s+0x([0-9a-f]{1,16})\b"
    r"|\s*0x([0-9a-f]{1,16}):\s*(?:software-unpoisoned(?: free)? page|page was already unpoisoned)"
)
_UNPOISONED = re.compile(UNPOISONED, re.IGNORECASE)
_UNPOISONED_DAMAGED = re.compile(
    r"\s*(?:Software-unpoisoned|Page was already unpoisoned)|\s*0x.{0,30}unpoisoned", re.IGNORECASE
)
_UNPOISON_BEGUN = re.compile(
    r"\s*(?:Software-unp[\w ]*|Page was alr[\w ]*|0x[0-9a-f]*:?)?\s*$", re.IGNORECASE
)
_KEPT = "Unpoison: a damaged number; the page that it means stays listed"
#: The rest of a number that is the last of its message; what web pages and JSON add may follow.
_REST = re.compile(r"[\s>|]*([0-9a-f]{1,16})(?=\s*$|[\"'<\\),])", re.IGNORECASE)
_MOST_DIGITS = 16
#: A result that is cut off; it may be one of those below.
_SOFT_CUT = re.compile(
    r"(?:h[uge]{0,3} ?)?(?:p[age]{0,3} ?)?(?:a[lready]{0,6} ?)?(?:p[oisned]{0,7})?"
    r"|i[nvalidte]{0,10}"
)
_SOFT_BEGUN = re.compile(r"(?:huge ?)?(?:page ?)?(?:already ?)?[a-z]{0,10}\s*")
_SOFT_DONE = re.compile(r"invalidated|(?:huge ?)?(?:page )?already poisoned")
#: Texts that show that a number is a PFN even if the colon behind it is lost.
_KNOWN = re.compile(
    "|".join(re.sub(r"\?P<\w+>", "?:", p.pattern) for p in (_FLAGGED, _RESULT, _SOFT_DONE)),
    re.DOTALL,
)

_TAKEN_OUT: tuple[Kind, ...] = ("poisoned", "soft-offlined")
_TAKERS: tuple[Reporter, ...] = ("", "mcelog")
_MAX_KEPT = 1 << 16


class Hwpoison(MessageReader):
    """The reader, see the module."""

    needles = (
        b"Memory failure[: ]",
        b"failure: 0x[0-9a-f]{1,16}: (?:recovery|already |Sending SIGBUS|Killing )",
        rb"recovery action for(?<=[0-9a-f]: recovery action for)",
        b"MCE 0x",
        b"MCE: (?:Killing|Software|Page was|Unable)",
        rb"ffline(?:_page)?:[ \n]",  # begins like those of others, see LineReader.needles
        rb"Unpoison:[ \n]",
    )
    #: Nearly every alternative begins with letters, which makes Python's search many times as fast.
    start = re.compile(
        r"Memory failure(?::|(?= (?:from trap -?[0-9]{1,5} )?on page\b))|MCE(?= 0x)"
        r"|Soft[ _]offline:|soft[ _]offline(?:_page)?:|Unpoison:"
        r"|MCE:(?= Software-unpoisoned| Page was already unpoisoned| Unable to find user space)"
        # A mail program or terminal broke the line, or another message stands in it.
        r"|^[\s>|]*(?P<rest>failure:|offline:)(?= 0x[0-9a-fA-F]{1,16}:)"
        r"|:(?= 0x[0-9a-f]{1,16}: recovery action for)"
        r"|MCE: Killing(?= .{1,60} due to hardware memory corruption fault at)"
    )

    def __init__(self, log: Timeline) -> None:
        super().__init__(log)
        self._killed: set[int] = set()
        self._vague: dict[int, Place] = {}
        #: A page that is unpoisoned if a line follows that is no rest of its number, which is the
        #: last of its line: its digits.
        self._pending_unpoison: tuple[Place, str] | None = None

    def feed(self, number: int, line: str) -> bool:
        """See :meth:`MessageReader.feed`."""
        if self._pending_unpoison is not None:
            place, digits = self._pending_unpoison
            rest = None if self.fresh(line, "") else _REST.match(line)
            if rest is not None and len(digits) <= _MOST_DIGITS:  # a terminal broke the line
                self._pending_unpoison = place, digits + rest[1]
                return True
            self._finish_unpoison()
        return super().feed(number, line) or self._pending_unpoison is not None

    def take(self, message: Message) -> bool:
        """See :meth:`MessageReader.take`."""
        place, begun, text, whole = message
        self._finish_unpoison()
        what = begun["rest"] or begun[0]
        if what in ("Memory failure:", "failure:", ":", "MCE") and not _NO_ADDRESS.match(text):
            return self._failed(message)
        if what.endswith(("offline:", "offline_page:")):
            return self._soft(message)
        if what == "Memory failure":
            return self._panic(message)
        if no_address := _NO_ADDRESS.match(text):
            self.log.pages(place, int(no_address[1], 16), int(no_address[1], 16), "poisoned")
            return True
        if what in ("Unpoison:", "MCE:"):
            unpoisoned = _UNPOISONED.match(text)
            if unpoisoned is None:
                if _UNPOISON_BEGUN.match(text) and not whole:
                    return False
                if _UNPOISONED_DAMAGED.match(text) or _UNPOISON_BEGUN.match(text):
                    self.log.doubt(place, ENTRY_UNUSABLE, _KEPT)
                return True
            self._pending_unpoison = place, unpoisoned[1] or unpoisoned[2]
            if unpoisoned.end() < len(text.rstrip()):
                self._finish_unpoison()
        else:
            self.log.unusable(place, "a process was killed for a memory error at a virtual address")
        return True

    def _unpoison(self, place: Place, pfn: int) -> None:
        """Withdraw a page, also if mcelog named it: mcelog takes pages offline by the kernel."""
        known = (self.log.knows(pfn, kind, who) for kind in _TAKEN_OUT for who in _TAKERS)
        if self.log.counts and not any(known):
            self.log.put_back.add(pfn, place.number)
        self.log.withdraw(pfn, pfn, _TAKEN_OUT, *_TAKERS)

    def _finish_unpoison(self) -> None:
        """Withdraw the page whose number is not the last of the log."""
        if self._pending_unpoison is not None:
            place, digits = self._pending_unpoison
            self._pending_unpoison = None
            if len(digits) > _MOST_DIGITS:
                self.log.doubt(place, ENTRY_UNUSABLE, _KEPT)
            else:
                self._unpoison(place, int(digits, 16))

    def _number(self, message: Message, prefix: str) -> tuple[int, str] | None:
        """Return the PFN of a message and the text behind it; None where it names no page.

        Reports a number that is damaged or cut off.
        """
        found = _PFN.match(message.text)
        if found and (found[2] or _KNOWN.match(found[3])):
            return int(found[1], 16), found[3]
        what = None
        if _PLACEHOLDER.match(message.text):
            what = "a placeholder, not a page"
        elif _OPEN.match(message.text) or (found and not found[3]):
            what = "the number is cut off" if message.whole else None
        elif _DAMAGED.match(message.text):
            what = "the number is damaged"
        if what is not None:
            self.log.unusable(message.place, f"{prefix}: {what}")
        return None

    def _panic(self, message: Message) -> bool:
        found = _PANIC.match(message.text)
        if found and found[1] and (message.whole or found.end() < len(message.text)):
            pfn = int(found[1], 16)
            self.log.pages(message.place, pfn, pfn, "uncorrected")
        elif not message.whole:
            return False
        else:
            self.log.unusable(message.place, "Memory failure: the number is cut off or damaged")
        return True

    def _failed(self, message: Message) -> bool:
        place, _, text, whole = message
        if lost := _OVERFLOW.match(text):
            if lost[1]:
                self.log.pages(place, int(lost[1], 16), int(lost[1], 16), "uncorrected")
            elif not whole:
                return False
            else:
                self.log.unusable(place, "Memory failure: the number is cut off")
            return True
        numbered = self._number(message, "Memory failure")
        if numbered is None:
            return whole or not _cut_off(text)
        pfn, said = numbered
        result = _RESULT.match(said)
        if result is None and (begun := _RESULT_BEGUN.match(said)):
            if not whole:
                return False
            if not _NO_STRUCT_PAGE.startswith(begun[1].rstrip()[: len(_NO_STRUCT_PAGE)]):
                result = begun
        if result is not None:
            if (result[1] or "").startswith(_NO_STRUCT_PAGE):
                if pfn in self._killed:
                    self.log.withdraw(pfn, pfn, ("poisoned",), "")
            else:
                self._killed.discard(pfn)
                self.log.pages(place, pfn, pfn, "poisoned")
        elif flagged := _FLAGGED.match(said):
            known = self.log.knows(pfn, "poisoned")
            if flagged["kill"] and not known and len(self._killed) < _MAX_KEPT:
                self._killed.add(pfn)
            self.log.pages(place, pfn, pfn, "poisoned")
        elif said.startswith("just unpoisoned"):
            self._unpoison(place, pfn)
        elif not _NOT_FLAGGED.match(said):
            if not whole and len(said) < 30:
                return False
            if len(self._vague) < _MAX_KEPT:
                self._vague.setdefault(pfn, place)
        return True

    def _soft(self, message: Message) -> bool:
        place, _, text, whole = message
        numbered = self._number(message, "Soft offline")
        if numbered is None:
            return whole or not _cut_off(text)
        pfn, said = numbered
        if _SOFT_DONE.match(said):
            self.log.pages(place, pfn, pfn, "soft-offlined")
        elif whole and _SOFT_CUT.fullmatch(said.strip()):
            self.log.unusable(
                place, f"Soft offline: 0x{pfn:x}: the log does not say what became of the page"
            )
        elif _SOFT_BEGUN.fullmatch(said):
            return whole
        return bool(said) or whole

    def flush(self) -> None:
        """See :meth:`MessageReader.flush`; also report pages whose outcome is not in the log."""
        super().flush()
        if self._pending_unpoison is not None and self.log.open_line is not None:
            place, digits = self._pending_unpoison
            why = (
                f"Unpoison: 0x{digits}: the log ends within this line, so the number may be cut "
                "off; the page stays listed"
            )
            self.log.doubt(place, ENTRY_UNUSABLE, why)
            self._pending_unpoison = None
        self._finish_unpoison()
        for pfn, place in self._vague.items():
            if not self.log.knows(pfn, "poisoned"):
                self.log.unusable(
                    place,
                    f"Memory failure: 0x{pfn:x}: the log does not say what became of the page",
                )
        self._vague.clear()
        self._killed.clear()


def _cut_off(text: str) -> bool:
    """Tell whether a text ends within or right behind its number, and may continue below."""
    found = _PFN.match(text)
    return not found[3] if found else _OPEN.match(text) is not None
