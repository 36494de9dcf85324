"""What forms of list mostly have in common; see :mod:`hwpkho.badpages.registry` for each name."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hwpkho.badpages.registry import Carried
    from hwpkho.badpages.signs import Sign


class Form:
    """A form that needs no other package, holds pages and no more, and has no options."""

    extra: str | None = None
    carries: frozenset[Carried] = frozenset()
    options: frozenset[str] = frozenset()
    takes: frozenset[str] = frozenset()
    binary: bool = False
    bare: bool = False


class TextForm(Form):
    """A form that a line of its text shows.

    Attributes:
        sign: What such a line looks like.
    """

    sign: Sign

    def sniff(self, _head: bytes, /) -> Sign | bool:
        """Return what to look for in the lines."""
        return self.sign
