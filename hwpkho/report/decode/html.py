"""decode as an HTML page: structure, memory, list and problems of each handover and EFI table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base.addresses import human_bytes
from hwpkho.base.counting import counted
from hwpkho.base.pfnset import pfn_set
from hwpkho.report.decode import luo_text, memory, table_text, text
from hwpkho.report.html import blocks, figures
from hwpkho.report.html.facts import Page, Section, Text
from hwpkho.report.html.page import render
from hwpkho.report.parts import structure
from hwpkho.report.parts.paint import Paint
from hwpkho.report.parts.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.commands.decode import Decoded
    from hwpkho.efi.model import PoisonTable
    from hwpkho.handover.model import Handover
    from hwpkho.report.html.facts import Part
    from hwpkho.report.registry import Call


class Report:
    """``--format html`` of decode."""

    name = "html"
    about = "one page with all of it, to open in a browser"

    def pieces(self, result: Decoded, call: Call) -> Iterator[str]:
        """Return the page."""
        problems = [p for h in result.handovers for p in h.problems]
        problems += [p for t in result.tables for p in t.problems]
        sections = [_handover(h, i, call) for i, h in enumerate(result.handovers)]
        sections += [_table(t, i, result.size, call) for i, t in enumerate(result.tables)]
        return render(
            Page(
                "decode",
                result.name,
                blocks.worst_of(problems),
                _sentence(result),
                blocks.todo_of((p.code, p.severity) for p in problems),
                sections,
                call,
            )
        )


REPORT = Report()


def _sentence(result: Decoded) -> str:
    parts = [_list_sentence(h) for h in result.handovers]
    for table in result.tables:
        bad = f"calls {human_bytes(table.bad_bytes())} bad" if table.readable else "is unreadable"
        parts.append(f"an EFI table {bad}")
    return "; ".join(parts)


def _list_sentence(h: Handover) -> str:
    which = {"in": "the incoming handover", "out": "the outgoing handover"}.get(
        h.role or "", "the handover"
    )
    if h.hwpoison is None:
        return f"{which} has no list"
    if h.hwpoison.pfns is None:
        return f"{which} has a list that cannot be read"
    n = pfn_set(h.hwpoison.pfns).pages()
    return f"{which} lists {counted(n, 'bad page')}"


def _handover(h: Handover, number: int, call: Call) -> Section:
    size = f"{human_bytes(h.page_size)} pages" if h.page_size else "page size unknown"
    about = f"{h.source}: {h.arch or 'architecture unknown'}, {size}"
    parts: list[Part] = [
        Text(about),
        figures.structure(structure.of_handover(h), f"structure-{number}"),
        *blocks.problems(h.problems, whole=call.everything),
        *figures.memory(memory.of_handover(h), f"memory-{number}"),
        blocks.fields([*text.rows(h, Paint()), *luo_text.rows(h)]),
        *_list(h, call),
    ]
    title = text.ROLES[h.role]
    return Section(f"handover-{number}", title[0].upper() + title[1:], parts)


def _list(h: Handover, call: Call) -> Iterator[Part]:
    if h.hwpoison is None or h.hwpoison.blob is None:
        return
    if h.hwpoison.pfns is None or h.page_size is None:
        yield Text("The list is not readable; the problems say why.", "error")
        return
    pfns = pfn_set(h.hwpoison.pfns)
    yield blocks.pfn_table("Bad pages", pfns, h.page_size, whole=call.everything)


def _table(table: PoisonTable, number: int, page_size: int, call: Call) -> Section:
    where = "" if table.phys is None else f" at 0x{table.phys:x}"
    rows = table_text.rows(table, Screen(everything=call.everything), page_size)
    parts: list[Part] = [
        Text(table.source),
        blocks.fields(rows),
        *blocks.problems(table.problems, whole=call.everything),
    ]
    return Section(f"table-{number}", f"EFI table of poisoned memory{where}", parts)
