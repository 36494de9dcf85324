"""Forms of list that are logs: each has a pattern of its own, all share one reader."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.badpages.form import TextForm

if TYPE_CHECKING:
    from hwpkho.badpages.model import BadPages
    from hwpkho.badpages.registry import Asked
    from hwpkho.badpages.signs import Sign
    from hwpkho.images.files import FileBytes


class LogForm(TextForm):
    """A form of log, read by :mod:`hwpkho.badpages.logs`.

    A log may have lines of several programs, so every such form reads all of them.

    Attributes:
        name: See :class:`hwpkho.badpages.registry.ListFormat`.
        about: See there.
        sign: The pattern of a line that shows this form.
    """

    carries = frozenset(("kind", "when", "where"))
    options = frozenset(("boot",))
    names_dimms = True

    def __init__(self, name: str, about: str, sign: Sign) -> None:
        self.name = name
        self.about = about
        self.sign = sign

    def read(self, file: FileBytes, asked: Asked, /) -> BadPages:
        """See :func:`hwpkho.badpages.logs.reader.read`."""
        from hwpkho.badpages.logs import reader

        return reader.read(file, asked, self.name)
