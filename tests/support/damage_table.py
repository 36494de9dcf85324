"""The table of docs/damages.md: each damage, and what validate says of a handover that has it.

``python -m tests.support.damage_table`` writes it anew. The handovers are those that the kernel
tests give to real guests (pages of 4 KiB), with such a guest's /proc/iomem as the memory map.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.badpages.model import BadPages
from hwpkho.commands.validate import validate
from hwpkho.encode.damage.registry import DAMAGES
from hwpkho.encode.targets.base import ToWrite
from hwpkho.encode.targets.elf import TARGET
from hwpkho.judging.options import ValidateOptions
from tests.kernel.damage import Case, scene
from tests.support import FIXTURES, ROOT

if TYPE_CHECKING:
    from hwpkho.encode.damage.base import Damage

PAGE = ROOT / "docs" / "damages.md"
IOMEM = FIXTURES / "damages" / "iomem.txt"
BEGIN, END = "<!-- table: tests/support/damage_table.py -->", "<!-- end of table -->"
_ROW = re.compile(r"^\| `([^`]+)` \| [^|]+ \| [^|]+ \| (\w+) \|", re.MULTILINE)


class Said(NamedTuple):
    """What validate says: the outcome, and the code that decides it (None where none does)."""

    outcome: str
    code: str | None


def said(damage: Damage, folder: Path) -> Said:
    """Make the handover in ``folder`` and have it judged."""
    made = scene(Case(damage.name, damage, {}), 4096)
    path = folder / "broken.elf"
    with path.open("wb") as out:
        TARGET.write(ToWrite(BadPages("list", made.layout.pfns), made.layout), out)
    judged = validate([str(path)], ValidateOptions(memmaps=(str(IOMEM),), iomem_of="next"))
    why = judged.decided_by
    return Said(str(judged.outcome), why.code if why else None)


def row(damage: Damage, told: Said) -> str:
    """Return a line of the table."""
    code = f"[{told.code}](codes.md)" if told.code else ""
    return f"| `{damage.name}` | {damage.about} | {damage.judge} | {told.outcome} | {code} |"


def documented() -> dict[str, str]:
    """Return the outcome that the table has of each damage."""
    return dict(_ROW.findall(PAGE.read_text()))


def rows_of_page() -> dict[str, str]:
    """Return the lines of the table by damage."""
    table = PAGE.read_text().partition(BEGIN)[2].partition(END)[0]
    return {line.split("`")[1]: line for line in table.splitlines() if line.startswith("| `")}


def page(folder: Path) -> str:
    """Return docs/damages.md with the table as it should be."""
    head, _, rest = PAGE.read_text().partition(BEGIN)
    lines = [
        "| damage | what is broken | who judges | outcome | decided by |",
        "|---|---|---|---|---|",
        *(row(damage, said(damage, folder)) for damage in DAMAGES),
    ]
    table = "\n".join(lines)
    return f"{head}{BEGIN}\n\n{table}\n\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        new = page(Path(scratch))
    PAGE.write_text(new)
    sys.stdout.write(new)
