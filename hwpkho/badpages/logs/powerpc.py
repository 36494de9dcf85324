"""Machine checks of POWER: uncorrectable errors (UE) and their physical address.

Source: arch/powerpc/kernel/mce.c (machine_check_print_event_info): since 5.0 ``MCE: CPU3: machine
check (Severe)  UE Load/Store DAR: … paddr: … [Recovered]``, or with ``paddr:`` at the end of the
next line; before, ``Error type: UE [Load/Store]`` and ``Physical address:`` on separate lines.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hwpkho.badpages.logs.base import Message, MessageReader

if TYPE_CHECKING:
    from hwpkho.badpages.logs.timeline import Timeline
    from hwpkho.badpages.logs.when import Place

#: Lines below the first that may have the address: kernels up to 4.20 print two addresses there.
_PATIENCE = 3
_BEGINS = re.compile(
    r"machine check \([A-Za-z]{1,20}\) {1,2}(?:(?:Host|Guest) )?(?P<type>[\w-]{1,20}) "
)
_ADDRESS = re.compile(r".{0,300}?\bpaddr: ([0-9a-f]{16})(?![0-9a-zA-Z])")
_NUMBER = re.compile(r" {1,4}([0-9a-f]{16})(?![0-9a-zA-Z])")


class PowerPc(MessageReader):
    """The reader, see the module."""

    needles = (b"MCE: CPU[0-9]", rb"UE \[")
    start = re.compile(
        r"MCE: CPU(?P<line>[0-9]{1,5}): |Error type: (?P<type>UE) \[|Physical address:(?P<address>)"
    )

    def __init__(self, log: Timeline) -> None:
        super().__init__(log)
        #: Where an uncorrectable error is whose address was not read yet.
        self._open: Place | None = None
        self._patience = 0

    def feed(self, number: int, line: str) -> bool:
        """See :meth:`LineReader.feed`; old kernels print the address below the error."""
        self._patience -= self._patience > 0
        super().feed(number, line)
        return self._patience > 0

    def take(self, message: Message) -> bool:
        """See :meth:`MessageReader.take`; these messages are never broken over lines."""
        place, begun, text, _ = message
        if begun["type"]:
            self._begin(place)
            self._patience = _PATIENCE
        elif begun["line"]:
            begins = _BEGINS.match(text)
            if begins and begins["type"] == "UE":
                self._begin(place)
            elif begins:
                self.flush()
            self._address(_ADDRESS.match(text))
        else:
            self._address(_NUMBER.match(text))
        return True

    def _begin(self, place: Place) -> None:
        self.flush()
        self._open = place

    def _address(self, found: re.Match[str] | None) -> None:
        if found is not None and self._open is not None:
            place, self._open = self._open, None
            self.log.addresses(place, int(found[1], 16), "uncorrected")

    def flush(self) -> None:
        """See :meth:`MessageReader.flush`."""
        super().flush()
        place, self._open = self._open, None
        if place is not None:
            self.log.unusable(place, "an uncorrected machine check without a physical address")
