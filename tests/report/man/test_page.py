"""Manual pages as text: the same words as mandoc(1) shows."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hwpkho.report.man.inline import NO_BREAK, of_macro, unescaped
from hwpkho.report.man.page import LONGEST, SHORTEST, render
from hwpkho.report.parts.paint import Paint
from tests.support import ROOT

PAGES = sorted((ROOT / "man").glob("*.1"))


def _words(text):
    for marks, ours in (("‘’`", "'"), ("“”", '"'), ("•", "*"), ("–", "-")):
        text = re.sub(f"[{marks}]", ours, text)
    return text.split()


@pytest.mark.skipif(not shutil.which("mandoc"), reason="mandoc is not installed")
@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_words_are_those_of_mandoc(page):
    """Lines so long that neither breaks one, and overstrikes for bold taken out."""
    done = subprocess.run(
        ["mandoc", "-T", "utf8", "-O", "width=1000", page], capture_output=True, check=True
    )
    shown = re.sub(".\b", "", done.stdout.decode()).splitlines()[1:-1]
    words = [word for line in render(page.read_text(), 1000).splitlines() for word in _words(line)]
    assert words == _words("\n".join(shown))


@pytest.mark.parametrize("width", [1, 60, 80, 200])
@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_lines_fit(page, width):
    """Only an example, or a word that has no blank, is longer than the terminal is wide."""
    text, room = render(page.read_text(), width), max(SHORTEST, min(width, LONGEST))
    long = [line.strip() for line in text.splitlines() if len(line) > room]
    examples = unescaped(page.read_text()).replace(NO_BREAK, " ")
    assert [line for line in long if " " in line and line not in examples] == []
    assert "\x1b" not in text
    assert "\n\n\n" not in text


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (".Op Fl -to Ar FORM Op Fl -budget Ar N", "[--to FORM [--budget N]]"),
        (".Fl f , Fl -force", "-f, --force"),
        (".Op Fl -json | -pfns", "[--json | --pfns]"),
        (".Ar FILE Ns @0x Ns Ar BASE ,", "FILE@0xBASE,"),
        (".Xr hwpkho-decode 1 .", "hwpkho-decode(1)."),
        (".Pq Ql grep -r .\\& ) .", "('grep -r .'))."),
        (".Nm", "toy"),
        (".Ar", "file ..."),
        (".Fl", "-"),
        ('.Ql "two  words" \\(dqx\\(dq', "'two  words \"x\"'"),
        (".Zz unknown macros show their arguments", "Zz unknown macros show their arguments"),
    ],
)
def test_macros(line, text):
    words = of_macro(line, "toy")
    assert "".join(("" if w.glued else " ") + w.text for w in words).strip() == text


def test_colours_are_for_terminals():
    page = ".Sh NAME\n.Nm toy\n.Nd x\n.Sh OPTIONS\n.Bl -tag -width Ds\n.It Fl a Ar B\nText.\n.El\n"
    plain, painted = render(page), render(page, paint=Paint(on=True))
    assert plain == "NAME\n     toy - x\n\nOPTIONS\n     -a B    Text.\n"
    assert re.sub("\x1b\\[[0-9;]*m", "", painted) == plain
    assert painted != plain


@example(".Ed")
@given(st.text(alphabet=".\\(NmFlOpItBlElShPpBdEd -\n\"'a|[", max_size=200))
def test_any_source_is_shown_somehow(source):
    """Pages are ours; one with a mistake in it is still no traceback."""
    assert render(source).endswith("\n")
