"""``{1}[Hardware Error]: …``: errors that firmware reports by APEI, as the kernel prints them.

The lines of an event share a number in braces; numbers restart at every boot. An event has a
severity, and each of its sections has its own. Only memory sections have ``physical_address``.

Source: drivers/firmware/efi/cper.c (cper_estatus_print, cper_estatus_print_section,
cper_print_mem); drivers/acpi/apei/ghes.c (__ghes_print_estatus); up to 3.x drivers/acpi/apei/cper.c
with ``section: 0, severity: 2, corrected``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from hwpkho.badpages.logs.base import Message, MessageReader

if TYPE_CHECKING:
    from hwpkho.badpages.logs.timeline import Timeline
    from hwpkho.badpages.logs.when import Place

_BODY = re.compile(
    r"\s*(?:(?P<begins>Hardware error (?:from APEI|detected on)|APEI generic hardware error status)"
    r"|event severity:\s*(?P<event>\w+)"
    r"|severity:\s*[0-9]+,\s*(?P<event_old>\w+)"
    r"|Error [0-9]+, type:\s*(?P<section>\w+)"
    r"|section:\s*[0-9]+, severity:\s*[0-9]+,\s*(?P<section_old>\w+)"
    r"|section[_ ]type:\s*(?P<type>\S[^\\\"]{0,60})"
    r"|physical_address:\s*0x(?P<address>[0-9a-zA-Z]*)"
    r"|physical_address_mask:\s*0x(?P<mask>[0-9a-fA-F]{1,16}))"
)
#: A terminal or mail program may break a line there, and what counts is on the next one.
_BROKEN = re.compile(
    r"\s*(?:section[_ ]type:(?:\s*memory)?|physical_address(?:_mask)?:(?: 0x[0-9a-f]{0,15})?"
    r"|event(?: severity:)?|severity:|Error(?: [0-9]+,(?: type:)?)?)?\s*$"
)
_NUMBER = re.compile(r"\{([0-9]{1,10})\}$")
#: A text may end within it.
_MEMORY = re.compile(r"memory e|m[emory]{0,5}(?: e?r?r?o?)?$")
_HEX = re.compile(r"[0-9a-fA-F]{1,16}")
#: The most events whose lines may be interleaved.
_MAX_OPEN = 64

Severity = Literal["uncorrected", "corrected", "harmless"]
_SEVERITIES: dict[str, Severity] = {
    "fatal": "uncorrected",
    "recoverable": "uncorrected",
    "corrected": "corrected",
    "info": "harmless",
    "informational": "harmless",
}


@dataclass(slots=True)
class _Section:
    place: Place
    severity: Severity | None = None
    type: str | None = None
    address: str | None = None
    mask: int | None = None


@dataclass(slots=True)
class _Event:
    place: Place
    severity: Severity | None = None
    section: _Section | None = None
    shown: bool = False  # whether any section says what the error is about


class Cper(MessageReader):
    """The reader, see the module."""

    needles = (rb"Hardware Error\]:", rb"\[Hardware[ \t]*\n")
    start = re.compile(r"\[Hardware(?: Error\]:|(?P<broken>\s*$))")

    def __init__(self, log: Timeline) -> None:
        super().__init__(log)
        self._open: dict[str, _Event] = {}

    def take(self, message: Message) -> bool:
        """See :meth:`MessageReader.take`."""
        place, begun, text, whole = message
        if begun["broken"] is not None:
            return whole
        if not whole and _BROKEN.match(text):
            return False
        said = _BODY.match(text)
        if said is None:
            return True
        before = _NUMBER.search(place.line, max(0, place.at - 16), place.at)
        number = before[1] if before else ""
        event = self._open.get(number)
        severity = said["event"] or said["event_old"]
        if event is None or said["begins"] or (severity and (event.severity or event.section)):
            event = self._begin(number, place)
        if severity:
            event.severity = _SEVERITIES.get(severity)
        elif said["section"] or said["section_old"]:
            self._end_section(event)
            of_section = said["section"] or said["section_old"]
            event.section = _Section(place, _SEVERITIES.get(of_section))
        elif not said["begins"]:
            self._detail(event, place, said)
        return True

    def _begin(self, number: str, place: Place) -> _Event:
        old = self._open.pop(number, None)
        if old is not None:
            self._end(old)
        if len(self._open) >= _MAX_OPEN:
            self._end(self._open.pop(next(iter(self._open))))
        self._open[number] = event = _Event(place)
        return event

    def _detail(self, event: _Event, place: Place, said: re.Match[str]) -> None:
        section = event.section
        if section and (
            (said["type"] and section.type is not None)
            or (said["address"] is not None and section.address is not None)
        ):
            # The line that begins the next section is missing, so its severity is unknown.
            self._end_section(event)
            section = None
        if section is None:
            section = event.section = _Section(place)
        if said["type"]:
            section.type = said["type"]
        elif said["address"] is not None:
            section.address, section.place = said["address"], place
        else:
            section.mask = int(said["mask"], 16)

    def _end_section(self, event: _Event) -> None:
        section, event.section = event.section, None
        if section is None or (section.type is None and section.address is None):
            if section and section.severity == "uncorrected":
                event.severity = "uncorrected"
            return
        event.shown = True
        if section.type is not None and not _MEMORY.match(section.type.strip()):
            return
        severity = section.severity or event.severity
        if section.address is None:
            if severity == "uncorrected":
                self.log.unusable(
                    section.place, "CPER: an uncorrected memory error without a physical address"
                )
            return
        if severity in ("corrected", "harmless") and not _HEX.fullmatch(section.address):
            return
        digits = section.address
        if not _HEX.fullmatch(digits) or (digits.startswith("0") and len(digits) < 16):
            # The kernel prints 16 digits, so fewer with a leading 0 are cut off.
            self.log.unusable(section.place, "CPER: physical_address is damaged or cut off")
            return
        mask = section.mask or 0
        extent = mask & -mask or 1
        if severity is None:
            self.log.unsettled(section.place, int(digits, 16), extent)
        elif severity != "harmless":
            self.log.addresses(section.place, int(digits, 16), severity, extent=extent)

    def _end(self, event: _Event) -> None:
        self._end_section(event)
        if not event.shown and event.severity == "uncorrected":
            self.log.unusable(event.place, "CPER: an uncorrected error without a section")

    def flush(self) -> None:
        """See :meth:`MessageReader.flush`; also end all events, as their numbers restart."""
        super().flush()
        for event in self._open.values():
            self._end(event)
        self._open.clear()
