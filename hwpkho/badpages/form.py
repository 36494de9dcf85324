"""Base classes of forms of list; :mod:`hwpkho.badpages.registry` explains the attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hwpkho.badpages.model import BadPages
    from hwpkho.badpages.registry import Asked, Carried
    from hwpkho.badpages.signs import Sign
    from hwpkho.images.files import FileBytes


class Form:
    """A form without optional dependencies or options, that carries nothing but pages."""

    extra: str | None = None
    carries: frozenset[Carried] = frozenset()
    options: frozenset[str] = frozenset()
    takes: frozenset[str] = frozenset()
    binary: bool = False
    bare: bool = False
    names_dimms: bool = False


class TextForm(Form):
    """A text form that is recognised by one of its lines.

    Attributes:
        sign: The pattern of such a line.
    """

    sign: Sign

    def sniff(self, _head: bytes, /) -> Sign | bool:
        """Return the pattern to look for in the lines."""
        return self.sign


class BootSetting(TextForm):
    """A form that is one of the boot settings; reading any of them reads all."""

    name: str

    def read(self, file: FileBytes, asked: Asked, /) -> BadPages:
        """See :func:`hwpkho.badpages.boot_settings.read`."""
        from hwpkho.badpages import boot_settings

        return boot_settings.read(file, self.name, asked)
