"""A table of what is known of each run of bad pages: comma separated values with a heading.

Columns are those of ``entries`` in ``hwpkho.list/1``; numbers are decimal, as spreadsheets and
pandas read them.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, BinaryIO

from hwpkho.badpages.form import Form
from hwpkho.badpages.mentions import mentioned
from hwpkho.badpages.model import Mention
from hwpkho.base.listing import parts

if TYPE_CHECKING:
    from hwpkho.badpages.model import BadPages
    from hwpkho.badpages.registry import Carried, Writing


class Csv(Form):
    """The form, see the module."""

    name = "csv"
    about = "a table: first and last PFN, kind, when, source, where"
    carries: frozenset[Carried] = frozenset(("kind", "when", "where"))
    bare = True

    def write(self, pages: BadPages, out: BinaryIO, _how: Writing, /) -> None:
        """Write a row for each run of pages of which the same is known."""
        import csv  # the standard library's

        out.write((",".join(Mention._fields) + "\n").encode())
        for part in parts(mentioned(pages)):
            text = io.StringIO()
            csv.writer(text, lineterminator="\n").writerows(part)
            out.write(text.getvalue().encode())


FORM = Csv()
