"""Codes explained: for people, as ``hwpkho.explain/1``, and as the page docs/codes.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.codes import CERTAINTY
from hwpkho.codes.examples import EXAMPLES
from hwpkho.report.parts.layout import Column, field, fold, table
from hwpkho.report.parts.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hwpkho.codes import Code
    from hwpkho.report.parts.layout import Cell

SCHEMA = "hwpkho.explain/1"

FAMILIES = {
    "HP1": "The memory image and the files given",
    "HP2": "The root FDT and its subtrees",
    "HP3": "The hwpoison blob, its preserved vmalloc and the array",
    "HP4": "The preserved-memory tracker and scratch",
    "HP5": "The memory map",
    "HP6": "The list against itself and against the map",
    "HP7": "Limits and choices of the user",
    "HP8": "The EFI table of poisoned memory",
    "HP9": "What else is preserved: LUO, its files, and who owns a page",
}


def text(codes: Sequence[Code], screen: Screen | None = None) -> str:
    """Return the text on one code in full, or of several codes a line each, by family."""
    screen = screen or Screen()
    if screen.detail < 0:
        return "".join(f"{_head(code, screen)}\n" for code in codes)
    if len(codes) == 1:
        return "\n".join(_full(codes[0], screen)) + "\n"
    lines: list[str] = []
    for family, title in FAMILIES.items():
        of_family = [code for code in codes if code.id.startswith(family)]
        if of_family:
            lines += [""] * bool(lines)
            lines += fold(screen.paint("head", f"{family}xx  {title}"), screen.prose, "", "  ")
            lines += table(_COLUMNS, map(_row, of_family), screen)
    return "\n".join(lines) + "\n"


_COLUMNS = (Column(""), Column(""), Column(""), Column("", wraps=True))


def _row(code: Code) -> tuple[Cell, ...]:
    return code.id, code.name, (code.severity, code.severity), code.meaning


def _full(code: Code, screen: Screen) -> Iterator[str]:
    yield _head(code, screen)
    for label, words in (
        ("found", code.meaning),
        ("kernel", f"{code.kernel} ({CERTAINTY[code.certainty]})"),
        ("advice", code.advice),
        ("case", EXAMPLES[code.id]),
    ):
        yield from field(label, words, screen, 8)


def _head(code: Code, screen: Screen) -> str:
    paint = screen.paint
    return f"{paint('head', f'{code.id} {code.name}')}: {paint(code.severity, code.severity)}"


def document(codes: Sequence[Code]) -> str:
    """Return ``hwpkho.explain/1``."""
    from hwpkho.report.parts import jsondoc  # text needs no JSON

    return jsondoc.dump(
        SCHEMA,
        {
            "codes": [
                {
                    "id": c.id,
                    "name": c.name,
                    "severity": c.severity,
                    "certainty": c.certainty,
                    "meaning": c.meaning,
                    "kernel": c.kernel,
                    "advice": c.advice,
                    "case": EXAMPLES[c.id],
                }
                for c in codes
            ]
        },
    )


def markdown(codes: Sequence[Code]) -> str:
    """Return the page docs/codes.md."""
    lines = [
        "# Codes of problems and findings",
        "",
        "Made by `hwpkho explain --markdown`; a test compares. A code is never reused.",
        "",
        "The severity is the usual one: a report may state another where the context calls for",
        "it, and in a handover that replays all the same an error of its structure is a warning.",
        "How sure it is what the kernel does: *measured* on a real arm64 kernel (Linux 7.3.4 with",
        "the proposed consumer), read from its *source*, or *policy* of the user.",
    ]
    family = ""
    for code in codes:
        if code.id[:3] != family:
            family = code.id[:3]
            lines += ["", f"## {family}xx: {FAMILIES[family]}"]
        lines += [
            "",
            f"### {code.id} {code.name}",
            "",
            f"{code.severity.capitalize()}, {code.certainty}. {code.meaning}",
            "",
            f"- The next kernel: {code.kernel}",
            f"- What to do: {code.advice}",
            f"- {EXAMPLES[code.id]}",
        ]
    return "\n".join(lines) + "\n"
