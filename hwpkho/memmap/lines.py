"""Tells whether a log holds lines of a memory map, without reading the map."""

from __future__ import annotations

from hwpkho.errors import InputError
from hwpkho.logs.scanner import Scanner
from hwpkho.memmap import registry


class MapLines:
    """The lines of a log, block by block, as the forms of memory maps see them."""

    def __init__(self) -> None:
        self._forms = registry.line_forms()
        self._log = Scanner(self._forms)
        self._refused = False

    def feed(self, block: bytes) -> None:
        """Take whole lines, each ended by LF."""
        if not self._refused:
            try:
                self._log.feed(block)
            except InputError:
                self._refused = True  # so many lines look like a map's that it counts as one

    def form(self) -> str | None:
        """Return the form whose lines were found, damaged ones included; None for none."""
        for form in self._forms:
            try:
                if form.finish():
                    return form.name
            except InputError:
                return form.name
        return self._forms[0].name if self._refused else None
