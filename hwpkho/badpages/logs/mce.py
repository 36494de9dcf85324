"""Machine checks: the kernel's own lines, EDAC's, AMD's decoder's, and mcelog's.

Source: arch/x86/kernel/cpu/mce/core.c (__print_mce), drivers/edac/sb_edac.c and skx_common.c,
drivers/edac/mce_amd.c; mcelog's mcelog.c (dump_mce, dump_mce_raw_ascii), p4.c (decode_mci) and
page.c (offline_action, dump_page_errors), memdb.c (dump_memory_errors).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hwpkho.badpages.logs.base import Message, MessageReader
from hwpkho.badpages.logs.mce_status import AMD, Record, settle

if TYPE_CHECKING:
    from hwpkho.badpages.kinds import Kind
    from hwpkho.badpages.logs.mce_status import Register
    from hwpkho.badpages.logs.timeline import Timeline
    from hwpkho.badpages.logs.when import Place

_HEX = r"(?:0x)?([0-9a-fA-F]{1,16})(?![0-9a-zA-Z])"
_SMCA_FAMILY = 0x17
#: The most lines of a record of mcelog, with other programs' lines between them; and the most below
#: its status, which is near the end.
_PATIENCE, _TAIL = 40, 8
#: The rest of a number that a terminal or mail program broke, in the line below it.
_REST = re.compile(
    r"[\s>|]*[0-9a-fA-F]{1,15}(?:\s*$|[\"'}\],<]| (?:failed|ADDR|MISC|PPIN|SYND[12]?|IPID|TIME)\b)"
)
#: The rest of a machine check's first line, from a blank in front of its status on; and the family
#: of AMD's processors, which the line above it has.
_BANK = r"(?:Machine )?(?:[Cc]heck )?(?:\w{0,20}: {1,40})?(?:(?:0x)?[0-9a-fA-F]+ )?Bank [0-9]+: "
_RESTED = re.compile(rf"[\s>|]*{_BANK}")
_FAMILY = re.compile(r"CPU:[0-9]+ \(([0-9a-f]{1,4}):[^)]{0,12}\)\s*$")
#: What is printed with leading zeros (%016llx), so that it shows whether it is whole.
_PADDED = re.compile(r"(?:Addr|Address|_ADDR|IPID): (?:0x)?([0-9a-fA-F]+)$")
_DIGITS = 16
#: Another message right behind a number: two processors print at once on a serial console.
_ANOTHER = re.compile(r"<[0-9]{1,3}>|\[ {0,8}[0-9]{1,9}\.[0-9]")
#: The rest of what mcelog says of a page that it takes offline.
_PAGE = re.compile(r"[\s>|]*page [0-9a-f]")
#: The groups of messages that end within a word; and those of messages that name a page, or should.
_UNREAD = ("unread_word", "unread_name")
_OF_PAGES = ("page", "offlining", "access", "total", "unread", "unread_page", *_UNREAD)


class MachineChecks(MessageReader):
    """The reader, see the module. It collects registers until the next machine check begins."""

    needles = (
        rb"Hardware Error\]:[ \t]*[A-Z]",
        rb"Hardware event\. This",
        rb"MC[0-9]{1,4}(?:: |_STATUS\[)",
        b"Bank [0-9]{1,4}: (?:0x)?[0-9a-f]",
        b"Machine [Cc]heck",
        b"MCE [0-9]{1,9}\n",
        rb"U [0-9]{1,5}(?:\n| (?:[0-9]{1,4} )?BANK [0-9])",
        # In an entry of many lines (journalctl -o export, verbose, json-pretty).
        rb"MESSAGE(?:=|\" ?: ?\")(?:CPU|MISC|ADDR|TIME|STATUS|PROCESSOR|(?:Unc|C)orrected err)",
        rb"-access[ \t]*(?:at|\n)",
        b"memory error in u",
        rb"mcelog(?:\[[0-9]{1,8}\])?: O[fling]{0,8}(?: pa?g?)?\n",
        b"Memory error not recovered",
        rb"fflining(?: page)?(?:[ \t]*\n| +[0-9a-f])",
        b'ffline(?<=" offline)',
        b'" online',
        b"\t[0-9]{1,18} total\n",
    )
    signs = (
        "Machine ", "Bank ", "CPU", "MCE ", "ADDR", "MISC", "IPID", "STATUS", "Error Addr",
        "PROCESSOR", "TIME ", "orrected ", "user-access", "not recovered", "Offlining", " total",
        "Hardware event. ", "error in u", "mcelog",
    )  # fmt: skip
    # Each branch begins with literal characters; lookbehinds and groups follow. That makes a search
    # three times as fast.
    start = re.compile(
        r"Machine (?P<begins>[Cc]heck[\w ]{0,20}: {1,40}(?:0x)?[0-9a-fA-F]+ "
        rf"Bank [0-9]+: {_HEX})"
        # A terminal or mail program broke the line.
        r"|CPU(?<!\wCPU) [0-9]+: Machine (?P<statusless>[Cc]heck(?: Exception)?:?"
        r"(?: {1,40}[0-9a-fA-F]{1,16})?(?: Ba?n?k?)?(?: [0-9]{1,4}:?)?\s*$)"
        rf"|^[\s>|]*(?P<rest>{_BANK}{_HEX}(?=\s*$|[\"'}}\],<\\]))"
        rf"|^[\s>|]*(?P<amd_rest>(?:\((?P<amd_family>[0-9a-f]{{1,4}}):[^)]{{0,12}}\) )?"
        rf"MC[0-9]+_STATUS\[[^\]]{{0,120}}\]: {_HEX})"
        # AMD; kernels up to 3.13 print no family.
        r"|CPU:(?P<amd>[0-9]+(?: \((?P<family>[0-9a-f]{1,4}):[^)]{0,12}\) |\t)"
        rf"MC[0-9]+_STATUS\[[^\]]{{0,120}}\]: (?!0\s*$){_HEX})"
        r"|MC(?P<cut>[0-9]+_STATUS\[[^|\]]{0,20}\|UE\|[^\]]{0,120}+(?:\]:? ?(?:0x?)?)?\s*$)"
        r"|Hardware event\. This is (?P<text>not)|^[\s>|]*(?:CPU|MCE) (?P<record>[0-9]+)$"
        r"|CPU(?<!\wCPU) (?P<bank>[0-9]+ (?:[0-9]+ )?BANK [0-9]+)"
        rf"|ADDR(?<!\wADDR) {_HEX}|MISC(?<!\wMISC) {_HEX}|IPID(?<!\wIPID):? {_HEX}"
        rf"|STATUS(?<!\wSTATUS) {_HEX}"
        rf"|Error (?P<error_addr>Addr(?:ess)?: ){_HEX}|MC(?P<mc_addr>[0-9]+_ADDR: ){_HEX}"
        r"|PROCESSOR(?<!\wPROCESSOR) (?P<vendor>[0-9]{1,3}):"
        r"|TIME(?<!\wTIME) (?P<time>[0-9]{9,12})\b"
        r"|(?:^[\s>|]*|: |(?<=[0-9]>))(?P<words>(?:Unc|C)orrected error\b)"
        rf"|user-access(?P<access> at {_HEX})|user-access(?P<unread>(?: at)?(?: 0x)?\s*$)"
        r"|error in u(?P<unread_word>(?:se?r?-?|ser-ac?c?e?s?|ser-access a)?\s*$)"
        r"|mcelog(?:\[[0-9]{1,8}\])?: O(?P<unread_name>(?:f[flin]{0,6}|fflining pa?g?)?\s*$)"
        r"|Memory error (?P<lost>not recovered)"
        r"|Offlining(?<!\wOfflining) page (?P<offlining>[0-9a-f]{1,16})\b(?P<failed> failed)?"
        r"|Offlining(?P<unread_page>(?: page)?\s*$)"
        r"|(?P<page>[0-9a-f](?<![0-9a-zA-Z].)[0-9a-f]{0,15}): total [0-9]+ seen \".{0,40}?\" "
        r"(?P<state>online|offline(?:-failed)?)\b"
        r"|^[ >|]*\t(?P<total>[0-9]{1,18}) total$"
    )

    def __init__(self, log: Timeline) -> None:
        super().__init__(log)
        self._record: Record | None = None
        #: Where the record's address is, or its first line.
        self._place: Place | None = None
        #: How many more lines may belong to the record.
        self._patience = 0

    def feed(self, number: int, line: str) -> bool:
        """See :meth:`LineReader.feed`; the following lines of a record match no needle."""
        super().feed(number, line)
        self._patience -= self._patience > 0
        return self._patience > 0

    def take(self, message: Message) -> bool:
        """See :meth:`MessageReader.take`; a broken number is reported, and no line joined."""
        place, begun, _, _ = message
        if begun["lost"]:
            if not self.log.names_any:  # the page may be named further up
                self.log.unusable(place, "a memory error that was not recovered, without a page")
            return True
        if any(begun[name] is not None for name in _OF_PAGES):
            self._pages(message)
            return True
        if begun["statusless"] or begun["cut"]:
            if not _RESTED.match(self.beneath()):
                self.log.unusable(place, "a machine check whose status is cut off")
            return True
        numbers = [group for group in _numbers(begun) if group]
        text = begun["text"] or begun["record"] or begun["bank"]
        begins, amd = begun["begins"] or begun["rest"], begun["amd"] or begun["amd_rest"]
        if begins or amd or text:
            self._patience = _PATIENCE
            self._taken -= bool(text)  # any program may write such a line: only its registers count
            if not (text and self._record and self._record.empty):
                self._end()
                self._record, self._place = Record(), place
            if begins:
                self._record.status = int(numbers[0], 16)
            elif amd and len(numbers[0]) < _DIGITS:
                self._record = None
                self.log.unusable(place, "a machine check whose status is cut off")
            elif amd:
                self._record.status, self._record.vendor = int(numbers[0], 16), AMD
                self._record.smca = self._family(begun) >= _SMCA_FAMILY
            return True
        if self._record is None:
            self._record, self._place = Record(), place
        record = self._record
        word = begun[0].lstrip()[:4]
        register: Register | None = None
        if word == "ADDR" or begun["error_addr"] or begun["mc_addr"]:
            if record.addr is not None and record.status is None:
                self._end()
                record = self._record = Record()
            register, record.addr, self._place = "addr", int(numbers[0], 16), place
        elif word == "MISC":
            register, record.misc = "misc", int(numbers[0], 16)
        elif word == "IPID":
            register, record.ipid = "ipid", int(numbers[0], 16)
        elif word == "STAT":
            record.status = int(numbers[0], 16)
            self._patience = min(self._patience, _TAIL)
        elif begun["vendor"]:
            record.vendor = int(begun["vendor"])
        elif begun["time"]:
            record.time = int(begun["time"])
        elif begun["words"]:
            record.uncorrected = begun["words"].startswith("Unc")
        if register is not None:
            (record.broken.add if self._broken(message) else record.broken.discard)(register)
        return True

    def _family(self, begun: re.Match[str]) -> int:
        """Return the family of an AMD processor; a line that was broken may have lost it."""
        if begun["amd"]:
            return int(begun["family"] or "0", 16)
        above = [text for _, text in self.above()[:1]]
        found = begun["amd_family"] or next((f[1] for f in map(_FAMILY.search, above) if f), None)
        return int(found, 16) if found else _SMCA_FAMILY

    def _broken(self, message: Message) -> bool:
        """Tell whether the number of a message goes on elsewhere: in the line below, mostly."""
        padded = _PADDED.search(message.begun[0])
        if padded:
            return len(padded[1]) < _DIGITS
        if message.whole or message.text.strip():
            return _ANOTHER.match(message.text) is not None
        return _REST.match(self.beneath()) is not None

    def _pages(self, message: Message) -> None:
        place, begun, _, _ = message
        if begun["total"]:
            above = self.above()
            if int(begun["total"]) and above and "uncorrected memory errors" in above[0][1]:
                self.log.unusable(
                    place, "mcelog: a count of uncorrected memory errors names no page"
                )
        elif begun["page"]:
            kind: Kind = "soft-offlined" if begun["state"] == "offline" else "corrected"
            self.log.addresses(place, int(begun["page"], 16), kind)
        elif begun["unread_page"] is not None and not (
            begun["unread_page"].strip() or _PAGE.match(self.beneath())
        ):
            return  # another program's
        elif self._broken(message) or any(
            begun[name] is not None for name in ("unread", "unread_page", *_UNREAD)
        ):
            self.log.unusable(place, "an address that is broken at the end of its line")
        elif begun["access"]:
            address = next(filter(None, _numbers(begun)))
            self.log.addresses(place, int(address, 16), "uncorrected")
        elif begun["failed"]:
            pages = self.log.around(int(begun["offlining"], 16))
            self.log.withdraw(*pages, ("soft-offlined",), "mcelog")
        else:
            address = begun["offlining"]
            self.log.addresses(place, int(address, 16), "soft-offlined", reporter="mcelog")

    def _end(self) -> None:
        record, self._record = self._record, None
        if record is not None and self._place is not None:
            settle(self.log, self._place, record)

    def flush(self) -> None:
        """See :meth:`MessageReader.flush`."""
        super().flush()
        self._end()


def _numbers(begun: re.Match[str]) -> list[str | None]:
    """Return the unnamed groups of a match."""
    named = set(begun.re.groupindex.values())
    return [begun[i] for i in range(1, begun.re.groups + 1) if i not in named]
