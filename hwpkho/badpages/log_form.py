"""A form of list that is a log: its own signs, and the one reader of all logs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hwpkho.badpages.model import BadPages
    from hwpkho.badpages.registry import Asked, Carried
    from hwpkho.badpages.signs import Sign
    from hwpkho.images.files import FileBytes


@dataclass(frozen=True, slots=True, eq=False)  # itself alone: a registry has each once
class LogForm:
    """A form whose lines are read by :mod:`hwpkho.badpages.logs`, as those of every log.

    The lines of several programs stand in one log, so every form reads all of them.

    Attributes:
        name: See :class:`hwpkho.badpages.registry.ListFormat`, as of the next three.
        about: Likewise.
        sign: What shows that a log has this form.
    """

    name: str
    about: str
    sign: Sign
    extra: None = None
    carries: frozenset[Carried] = frozenset(("kind", "when", "where"))
    options: frozenset[str] = frozenset(("boot",))

    def sniff(self, _head: bytes, /) -> Sign:
        """Return what a line of this form looks like."""
        return self.sign

    def read(self, file: FileBytes, asked: Asked, /) -> BadPages:
        """See :func:`hwpkho.badpages.logs.reader.read`."""
        from hwpkho.badpages.logs import reader

        return reader.read(file, asked, self.name)
