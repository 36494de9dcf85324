"""A list in one of the forms in which lists are written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.encode.targets.base import FileTarget, ToWrite

if TYPE_CHECKING:
    from typing import BinaryIO

    from hwpkho.badpages.model import Loss
    from hwpkho.badpages.registry import ListWriter


class ListTarget(FileTarget):
    """See the module.

    Attributes:
        form: The writer of this form of list.
    """

    placed = False

    def __init__(self, form: ListWriter) -> None:
        self.form = form
        self.name = form.name
        self.title = f"{form.name} list"
        self.binary = form.binary

    def write(self, what: ToWrite, out: BinaryIO) -> Loss | None:
        """Write the list."""
        return self.form.write(what.pages, out, what.how)
