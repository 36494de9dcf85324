"""Parses a line of mdoc(7), with its macros, delimiters and escapes, into words.

Knows the macros that hwpkho's own pages use and some like them; of an unknown macro only the
arguments are shown. Source: the manual mdoc(7) of mandoc.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: A word in quotes, in which "" stands for a quotation mark, or a plain word.
_WORD = re.compile(r'"((?:[^"]|"")*)"?|(\S+)')
_ESCAPE = re.compile(r"\\(?:\((..)|\[([^]]*)\]|f(?:\(..|.)|(.))")
_CHARACTERS = {
    "dq": '"',
    "aq": "'",
    "en": "-",
    "em": "--",
    "lq": '"',
    "rq": '"',
    "ha": "^",
    "ti": "~",
}
#: Keeps words together; becomes a blank once the lines are filled.
NO_BREAK = "\N{NO-BREAK SPACE}"
_SINGLE = {"e": "\\", "&": "", "-": "-", " ": NO_BREAK, "~": NO_BREAK}
#: Macros → the characters before and after their arguments.
_AROUND = {
    "Op": "[]", "Bq": "[]", "Brq": "{}", "Aq": "<>", "Pq": "()", "Sq": "''", "Ql": "''",
    "Dq": '""', "Qq": '""',
}  # fmt: skip
#: Macros → the style of their arguments, a style of Paint.
_STYLES = {
    "Nm": "head", "Fl": "head", "Cm": "head", "Ic": "head", "Sy": "head", "Ar": "note",
    "Em": "note", "Pa": "", "Li": "", "No": "", "Sx": "", "Vt": "", "Va": "", "Ev": "", "Er": "",
    "Dv": "", "Lk": "",
}  # fmt: skip
_CLOSING, _OPENING = frozenset(".,:;)]?!"), frozenset("([")


class Word(NamedTuple):
    """A word of a line, in a style of Paint or plain (""); ``glued``: no blank before it."""

    text: str
    style: str = ""
    glued: bool = False


def unescaped(text: str) -> str:
    """Return text with the escapes of roff(7) replaced; an unknown one is dropped."""

    def one(match: re.Match[str]) -> str:
        named, bracketed, single = match.groups()
        if single is not None:
            return _SINGLE.get(single, "")
        return _CHARACTERS.get(named or bracketed or "", "")

    return _ESCAPE.sub(one, text)


def of_text(line: str) -> list[Word]:
    """Return the words of a line of text."""
    return [Word(unescaped(word)) for word in line.split()]


def of_macro(line: str, name: str) -> list[Word]:
    """Return the words of a macro line such as ``.Op Fl -to Ar FORM``.

    ``name`` is the program's name, which ``.Nm`` without an argument stands for.
    """
    arguments = [
        quoted.replace('""', '"') or bare
        for quoted, bare in _WORD.findall(line.lstrip(".").strip())
    ]
    return list(_words(arguments, name))


def _words(arguments: Sequence[str], name: str) -> Iterator[Word]:
    macro, glue, at = "No", False, 0
    while at < len(arguments):
        word = arguments[at]
        at += 1
        if word in _AROUND:
            rest = arguments[at:]
            end = len(rest)
            while end and rest[end - 1] in _CLOSING:
                end -= 1
            yield from _around(_AROUND[word], list(_words(rest[:end], name)), glued=glue)
            yield from (Word(mark, glued=True) for mark in rest[end:])
            return
        if word == "Xr":
            page, section = (*arguments[at : at + 2], "", "")[:2]
            yield Word(f"{page}({section})", glued=glue)
            macro, glue, at = "No", False, at + 2
        elif word == "Ns":
            macro, glue = "No", True
        elif word in _STYLES:
            macro = word
            if at == len(arguments) or arguments[at] in _CLOSING:
                empty = {"Nm": name, "Ar": "file ...", "Fl": "-"}.get(word, "")
                if empty:
                    yield Word(empty, _STYLES[word], glue)
                    glue = False
        elif word in _CLOSING:
            yield Word(word, glued=True)
        elif word in _OPENING:
            yield Word(word, glued=glue)
            glue = True
        elif word == "|":
            yield Word(word, glued=glue)
            glue = False
        else:
            text = ("-" if macro == "Fl" else "") + unescaped(word)
            yield Word(text, _STYLES[macro], glue)
            glue = False


def _around(marks: str, words: list[Word], *, glued: bool) -> Iterator[Word]:
    yield Word(marks[0], glued=glued)
    for number, word in enumerate(words):
        yield word._replace(glued=word.glued or not number)
    yield Word(marks[1], glued=True)
