"""Codes explained: for people, as ``hwpkho.explain/1``, and as the page docs/codes.md."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

from hwpkho.codes.examples import EXAMPLES
from hwpkho.report.parts import jsondoc
from hwpkho.report.parts.paint import Paint

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hwpkho.codes import Code

SCHEMA = "hwpkho.explain/1"
_WIDTH = 96

CERTAINTY = {
    "measured": "measured on a real kernel",
    "source": "read from the kernel's source",
    "policy": "a limit or choice of the user",
}
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


def text(codes: Sequence[Code], paint: Paint | None = None) -> str:
    """Return one code in full, or a line for each of several."""
    paint = paint or Paint()
    if len(codes) == 1:
        return "\n".join(_full(codes[0], paint)) + "\n"
    lines: list[str] = []
    family = ""
    width = max(len(c.name) for c in codes)
    for code in codes:
        if code.id[:3] != family:
            family = code.id[:3]
            lines += [""] * bool(lines) + [paint("head", f"{family}xx  {FAMILIES[family]}")]
        word = paint(code.severity, f"{code.severity:<7}")
        lines.append(f"  {code.id}  {code.name:<{width}}  {word}  {code.meaning}")
    return "\n".join(lines) + "\n"


def _full(code: Code, paint: Paint) -> Iterator[str]:
    yield f"{paint('head', f'{code.id} {code.name}')}: {paint(code.severity, code.severity)}"
    for label, words in (
        ("found", code.meaning),
        ("kernel", f"{code.kernel} ({CERTAINTY[code.certainty]})"),
        ("advice", code.advice),
        ("case", EXAMPLES[code.id]),
    ):
        yield from wrap(
            words,
            _WIDTH,
            initial_indent=f"  {label:<8}",
            subsequent_indent=" " * 10,
            break_on_hyphens=False,
        )


def document(codes: Sequence[Code]) -> str:
    """Return ``hwpkho.explain/1``."""
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
