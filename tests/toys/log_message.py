"""A message of a kernel log: ``toy: bad frame 0xPFN, struck``, or ``healed``."""

from __future__ import annotations

import re

from hwpkho.badpages.logs.base import Message, MessageReader
from hwpkho.badpages.logs.registry import MESSAGES

_BEHIND = re.compile(r"\s*0x([0-9a-f]{1,16}), (struck|healed)")


class ToyMessages(MessageReader):
    """Waits for the word that a mail program may have put on the next line."""

    needles = (rb"toy: bad frame",)
    start = re.compile(r"\btoy: bad frame")

    def take(self, message: Message) -> bool:
        found = _BEHIND.match(message.text)
        if found is None:
            if message.whole:
                self.log.unusable(message.place, "a bad frame without a number")
            return message.whole
        pfn = int(found[1], 16)
        if found[2] == "struck":
            self.log.pages(message.place, pfn, pfn, "poisoned")
        else:
            self.log.withdraw(pfn, pfn, ["poisoned"], "")
        return True


def register() -> None:
    MESSAGES.register("toy", ToyMessages, before="edac")


def unregister() -> None:
    MESSAGES.unregister("toy")
