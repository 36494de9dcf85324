"""A table of the runs of bad pages, as comma separated values with a heading.

The columns are those of ``entries`` in ``hwpkho.list/1``; numbers are decimal, as spreadsheets and
pandas read them. A spreadsheet reads a cell that begins with ``=``, ``+``, ``-`` or ``@`` as a
formula, also behind a ``;`` if that ends a cell there. So such a character is written as an escape,
``\\x3d``.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, BinaryIO

from hwpkho.badpages.form import Form
from hwpkho.badpages.mentions import mentioned
from hwpkho.badpages.model import Mention
from hwpkho.base.late import late
from hwpkho.base.listing import parts

if TYPE_CHECKING:
    from hwpkho.badpages.model import BadPages
    from hwpkho.badpages.registry import Carried, Writing


#: Chinese and Japanese spreadsheets accept the full-width forms of these characters, too.
_FORMULA = late(r"(?:^|(?<=;))(\s*)([=+@\uff0b\uff0d\uff1d\uff20-])", re.MULTILINE)
#: A quick test of written rows for such cells, which may be quoted.
_LIKELY = late(r"[,;\"]\s*[=+@\uff0b\uff0d\uff1d\uff20-]")


class Csv(Form):
    """The form, see the module."""

    name = "csv"
    about = "a table: first and last PFN, kind, when, source, where"
    carries: frozenset[Carried] = frozenset(("kind", "when", "where"))
    bare = True

    def write(self, pages: BadPages, out: BinaryIO, _how: Writing, /) -> None:
        """Write a row for each mention."""
        import csv  # the standard library's

        out.write((",".join(Mention._fields) + "\n").encode())
        for part in parts(mentioned(pages)):
            text = io.StringIO()
            rows = csv.writer(text, lineterminator="\n")
            rows.writerows(part)
            if _LIKELY.search(text.getvalue()):
                text.seek(text.truncate(0))
                rows.writerows(map(_plain, part))
            out.write(text.getvalue().encode())


def _plain(mention: Mention) -> list[int | str | None]:
    return [_FORMULA.sub(_escape, x) if isinstance(x, str) else x for x in mention]


def _escape(found: re.Match[str]) -> str:
    code = ord(found[2])
    return found[1] + (f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}")


FORM = Csv()
