"""Forms of list that are logs: each has a pattern of its own, all share one reader."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hwpkho.badpages.model import BadPages
    from hwpkho.badpages.registry import Asked, Carried
    from hwpkho.badpages.signs import Sign
    from hwpkho.images.files import FileBytes


@dataclass(frozen=True, slots=True, eq=False)  # compared by identity
class LogForm:
    """A form of log, read by :mod:`hwpkho.badpages.logs`.

    A log may have lines of several programs, so every such form reads all of them.

    Attributes:
        name: See :class:`hwpkho.badpages.registry.ListFormat`.
        about: See there.
        sign: The pattern of a line that shows this form.
    """

    name: str
    about: str
    sign: Sign
    extra: None = None
    carries: frozenset[Carried] = frozenset(("kind", "when", "where"))
    options: frozenset[str] = frozenset(("boot",))

    def sniff(self, _head: bytes, /) -> Sign:
        """Return the pattern to look for in the lines."""
        return self.sign

    def read(self, file: FileBytes, asked: Asked, /) -> BadPages:
        """See :func:`hwpkho.badpages.logs.reader.read`."""
        from hwpkho.badpages.logs import reader

        return reader.read(file, asked, self.name)
