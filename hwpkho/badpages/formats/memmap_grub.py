r"""``memmap=nn\\\$ss``: the parameter as written inside the double quotes of /etc/default/grub.

The shell that reads that file turns ``\\\$`` into ``\$`` for grub.cfg, and GRUB turns that into
``$``. It is read as form ``memmap``, which handles the escapes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from hwpkho.badpages.form import Form
from hwpkho.badpages.formats import memmap

if TYPE_CHECKING:
    from hwpkho.badpages.model import BadPages, Loss
    from hwpkho.badpages.registry import Writing


class MemmapGrub(Form):
    """The form, see the module."""

    name = "memmap-grub"
    about = r"`memmap=nn\\\$ss` as it stands inside the double quotes of /etc/default/grub"
    takes = memmap.Memmap.takes

    def write(self, pages: BadPages, out: BinaryIO, how: Writing, /) -> Loss | None:
        r"""See :func:`.memmap.write`. The escapes do not count in the budget."""
        return memmap.write(pages, out, how, self.name, r"\\\$")


FORM = MemmapGrub()
