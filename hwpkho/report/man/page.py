"""Renders a manual page in mdoc(7) as text: sections, lists, displays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hwpkho.report.man import inline
from hwpkho.report.man.inline import Word
from hwpkho.report.parts.paint import Paint

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Indents in columns, as in mandoc's output.
_BODY, _SUBHEAD, _DISPLAY = 5, 3, 6
#: Width of lines at most, however wide the terminal is: longer ones are hard to read.
LONGEST = 78
SHORTEST = 40


@dataclass(slots=True)
class _List:
    kind: str
    width: int
    compact: bool
    indent: int
    items: int = 0


class _Page:
    """Takes the source line by line and collects the lines of text."""

    def __init__(self, width: int, paint: Paint) -> None:
        self.lines: list[str] = []
        self._width = width
        self._paint = paint
        self._name = ""
        self._synopsis = False
        self._literal = False
        self._fresh = True  # directly below a heading: no blank line is wanted
        self._lists: list[_List] = []
        self._displays: list[int] = []
        self._words: list[Word] = []
        self._head: list[Word] | None = None
        self._hang = 0

    @property
    def _indent(self) -> int:
        inner = self._lists[-1].indent + self._lists[-1].width if self._lists else _BODY
        return inner + (self._displays[-1] if self._displays else 0)

    def take(self, line: str) -> None:
        """Take the next line of the source."""
        if self._literal and not line.startswith(".Ed"):
            self._example(line, self._indent)
        elif not line.startswith("."):
            if line.strip():
                self._words += inline.of_text(line)
            else:
                self._blank()
        elif not line.startswith('.\\"'):
            macro, _, rest = line[1:].partition(" ")
            block = getattr(self, f"_{macro.lower()}", None) if macro in _BLOCKS else None
            if block is not None:
                block(rest)
            else:
                words = inline.of_macro(line, self._name)
                self._words += _kept(words, self._width // 2) if self._synopsis else words

    def end(self) -> None:
        """Add the words that are still held, as the last line."""
        self._flush()

    def _nm(self, rest: str) -> None:
        first = rest.split(" ")[0]
        if not self._name:
            self._name = first
        if self._synopsis:
            self._flush()
            self._hang = len(rest or self._name) + 1
        self._words += inline.of_macro(f"Nm {rest}", self._name)

    def _nd(self, rest: str) -> None:
        self._words += [Word("-"), *inline.of_text(rest)]

    def _sh(self, rest: str) -> None:
        self._flush()
        self._lists.clear()
        self._synopsis = rest == "SYNOPSIS"
        self._blank()
        self.lines.append(self._paint("head", inline.unescaped(rest)))
        self._fresh = True

    def _ss(self, rest: str) -> None:
        self._flush()
        self._blank()
        self.lines.append(" " * _SUBHEAD + self._paint("head", inline.unescaped(rest)))
        self._fresh = True

    def _pp(self, _rest: str) -> None:
        self._blank()

    def _dl(self, rest: str) -> None:
        self._flush()
        self._example(rest, self._indent + _DISPLAY)
        self._fresh = False

    def _example(self, line: str, indent: int) -> None:
        text = inline.unescaped(line).replace(inline.NO_BREAK, " ")
        self.lines.append((" " * indent + text).rstrip())

    def _bd(self, rest: str) -> None:
        self._flush()
        if "-compact" not in rest:
            self._blank()
        self._displays.append(_DISPLAY if "-offset" in rest else 0)
        self._literal = "-literal" in rest or "-unfilled" in rest

    def _ed(self, _rest: str) -> None:
        self._flush()
        if self._displays:
            self._displays.pop()
        self._literal = self._fresh = False

    def _bl(self, rest: str) -> None:
        self._flush()
        given = rest.split()
        kind = given[0].lstrip("-") if given else "tag"
        after = given[given.index("-width") + 1] if "-width" in given[:-1] else "Ds"
        narrow = {"bullet": 2, "dash": 2, "item": 2, "enum": 3}
        width = narrow.get(kind) or (6 if after == "Ds" else len(after))
        indent = self._indent + (_DISPLAY if "-offset" in given else 0)
        self._lists.append(_List(kind, width + 2, "-compact" in given, indent))

    def _it(self, rest: str) -> None:
        self._flush()
        if not self._lists:
            return
        listed = self._lists[-1]
        if not listed.compact:
            self._blank()
        listed.items += 1
        marks = {"bullet": "*", "dash": "-", "enum": f"{listed.items}."}
        heads = {"item": [], **{kind: [Word(mark)] for kind, mark in marks.items()}}
        self._head = heads.get(listed.kind, inline.of_macro(rest, self._name))

    def _el(self, _rest: str) -> None:
        self._flush()
        if self._lists:
            self._lists.pop()

    def _blank(self) -> None:
        self._flush()
        if self.lines and self.lines[-1] and not self._fresh:
            self.lines.append("")

    def _flush(self) -> None:
        if self._head is not None:
            self._item(self._head)
            self._head = None
        elif self._words:
            self.lines += self._filled(self._words, self._indent, self._hang)
        if self._words:
            self._fresh = False
        self._words, self._hang = [], 0

    def _item(self, head: list[Word]) -> None:
        listed = self._lists[-1]
        first = self._filled(head, listed.indent, 0)
        body = self._filled(self._words, self._indent, 0)
        if body and len(first) <= 1 and _length(head) < listed.width:
            pad = " " * (listed.width - _length(head))
            start = first[0] if first else " " * listed.indent
            first = [start + pad + body.pop(0).lstrip(" ")]
        self.lines += first + body
        self._fresh = False

    def _filled(self, words: Sequence[Word], indent: int, hang: int) -> list[str]:
        """Return ``words`` filled into lines of the page's width; glued words stay together.

        The first line is indented by ``indent`` columns, the others by ``hang`` more.
        """
        lines, line, used = [], "", 0
        for unit in _units(words):
            size = _length(unit)
            if used and used + 1 + size > self._width:
                lines.append(line)
                used = 0
            if used:
                line, used = f"{line} ", used + 1
            else:
                used = indent + (hang if lines else 0)
                line = " " * used
            line += "".join(self._shown(word) for word in unit)
            used += size
        return [*lines, line] if used else lines

    def _shown(self, word: Word) -> str:
        text = word.text.replace(inline.NO_BREAK, " ")
        return self._paint(word.style, text) if word.style else text


_BLOCKS = {"Nm", "Nd", "Sh", "Ss", "Pp", "Dl", "Bd", "Ed", "Bl", "It", "El"}
_SILENT = (".Dd", ".Dt", ".Os")


def _units(words: Sequence[Word]) -> list[list[Word]]:
    units: list[list[Word]] = []
    for word in words:
        if word.glued and units:
            units[-1].append(word)
        else:
            units.append([word])
    return units


def _kept(words: list[Word], longest: int) -> list[Word]:
    """Return the words of an option in a synopsis, glued together if up to ``longest`` columns."""
    if _length(words) > longest:
        return words
    return [
        word
        if word.glued or not number
        else Word(inline.NO_BREAK + word.text, word.style, glued=True)
        for number, word in enumerate(words)
    ]


def _length(words: Sequence[Word]) -> int:
    return sum(len(word.text) + (not word.glued and n > 0) for n, word in enumerate(words))


def render(source: str, width: int = LONGEST, paint: Paint | None = None) -> str:
    """Return a page as text in lines of ``width`` columns, within 40 to 78.

    Only a longer word, or the line of a display, exceeds that.
    """
    page = _Page(max(SHORTEST, min(width, LONGEST)), paint or Paint())
    for line in source.splitlines():
        if not line.startswith(_SILENT):
            page.take(line)
    page.end()
    return "\n".join(page.lines) + "\n"
