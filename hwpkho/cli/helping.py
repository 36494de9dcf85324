"""Formats ``--help``: as wide as the screen, broken only between words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from hwpkho.report.parts.layout import cells, flow, fold
from hwpkho.report.parts.screen import PROSE

if TYPE_CHECKING:
    from collections.abc import Iterable

#: An option's help text that has fewer columns than this beside the option goes below it.
_NARROW = 24
_LINE_END = re.compile(r"\s*\n\s*")


class Formatter(click.HelpFormatter):
    """Writes paragraphs and lists. click's own formatter cuts words wider than their column."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """Write the usage line of a command."""
        prefix = "Usage: " if prefix is None else prefix
        lines = fold(f"{prog} {args}", self.width, prefix, " " * (cells(prefix) + 4))
        self.write("".join(f"{line}\n" for line in lines))

    def write_text(self, text: str) -> None:
        """Write paragraphs; one that begins with ``\\b`` keeps its lines."""
        indent = " " * self.current_indent
        for n, paragraph in enumerate(re.split(r"\n[ \t]*\n", text.strip("\n"))):
            self.write("\n" * bool(n))
            if paragraph.lstrip(" ").startswith("\b"):
                lines = [x for line in paragraph.splitlines()[1:] for x in self._as_is(line)]
            else:
                lines = fold(" ".join(paragraph.split()), self.width, indent, indent)
            self.write("".join(f"{line}\n" for line in lines))

    def _as_is(self, line: str) -> list[str]:
        """Return a line unbroken; of an item ``  NAME  text``, only the text is broken."""
        line = " " * self.current_indent + line
        listed = re.fullmatch(r"( +\S+ {2,})(.*)", line)
        return fold(listed[2], self.width, listed[1]) if listed else [line.rstrip()]

    def _named(self, name: str) -> list[str]:
        """Return an option with its choices, broken between choices if it is too long."""
        if cells(name) <= self.width or "[" not in name:
            return [name]
        option, bracket, choices = name.partition("[")
        return flow(re.findall(r"[^|]+\|?", choices), self.width, option + bracket, "")

    def write_dl(
        self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2
    ) -> None:
        """Write options or commands, each with its text beside it or below."""
        rows, indent = list(rows), " " * self.current_indent
        names = min(max(cells(name) for name, _ in rows), col_max) + col_spacing
        room = self.width - self.current_indent - names
        rest = indent + " " * (names if room >= _NARROW else 4)
        for name, text in rows:
            beside = room >= _NARROW and cells(name) <= names - col_spacing
            lines = [] if beside else self._named(indent + name)
            first = f"{indent}{name:<{names}}" if beside else rest
            lines += fold(_LINE_END.sub(" ", text), self.width, first, rest) if text else []
            self.write("".join(f"{line.rstrip()}\n" for line in lines or [indent + name]))


class Context(click.Context):
    """The click context of each command, with :class:`Formatter`."""

    formatter_class = Formatter


def width(columns: int) -> int:
    """Return the width of a help text on a screen of ``columns``."""
    return min(columns, PROSE) - 2
