"""Base classes of forms of list; :mod:`hwpkho.badpages.registry` explains the attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hwpkho.badpages.registry import Carried
    from hwpkho.badpages.signs import Sign


class Form:
    """A form without optional dependencies or options, that carries nothing but pages."""

    extra: str | None = None
    carries: frozenset[Carried] = frozenset()
    options: frozenset[str] = frozenset()
    takes: frozenset[str] = frozenset()
    binary: bool = False
    bare: bool = False


class TextForm(Form):
    """A text form that is recognised by one of its lines.

    Attributes:
        sign: The pattern of such a line.
    """

    sign: Sign

    def sniff(self, _head: bytes, /) -> Sign | bool:
        """Return the pattern to look for in the lines."""
        return self.sign
