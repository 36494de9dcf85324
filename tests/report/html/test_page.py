"""Pages: strict HTML, complete in one file; text from inputs is never markup."""

from __future__ import annotations

import re
import sys
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.inputs.hashes import InputFile
from hwpkho.report.html.facts import (
    Cell,
    Column,
    Details,
    Fields,
    Listing,
    Message,
    Page,
    Part,
    Section,
    Table,
    Text,
)
from hwpkho.report.html.page import render
from hwpkho.report.registry import REPORTS, Call
from tests.support import FIXTURES, markup
from tests.support.examples import times
from tests.support.generations import generations
from tests.support.made_fleet import Fleet

CAPTURE = Path("fixtures/captures/x86-structv1-small").resolve()
#: Strings that are markup somewhere, or no text at all.
HOSTILE = [
    "</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>", "\"'><b>", "]]>",
    "</style>", "{{ 7*7 }}", "{% raw %}", "\x00\x07\x1b[31m", "\u202eevil", "\ud800", "\ufffe",
    "javascript:alert(1)", "&lt;", "<!--", "\x85\u2028",
]  # fmt: skip


def _page(text: str) -> Page:
    """Return a page that has a text wherever one can stand."""
    table = Table(
        text, (Column(text), Column(text, number=True)), [(text, Cell(text, "error"))], text
    )
    told = Message("warning", text, text, text, [(text, text)], counts=False)
    parts: list[Part] = [
        table,
        told,
        Fields([(text, [text])]),
        Text(text, "note"),
        Listing(text, [text], text),
    ]
    inner = Details("inner", text, [Text(text)])
    call = Call(text, (InputFile(text, 1, "0" * 64), InputFile(text, why=text)))
    return Page(text, text, "error", text, [text], [Section("one", text, [*parts, inner])], call)


@pytest.mark.parametrize("text", HOSTILE)
def test_text_is_never_markup(text):
    _hold("".join(render(_page(text))))


@times(2)
@given(st.text(st.characters(), min_size=1, max_size=30))
def test_any_text_is_never_markup(text):
    _hold("".join(render(_page(text))))


def _hold(source: str) -> None:
    plain = markup.page("".join(render(_page("x"))))
    got = markup.page(source.encode("utf-8", "strict").decode())
    assert [e.tag for e in got.root.iter()] == [e.tag for e in plain.root.iter()]
    assert got.scripts() == plain.scripts()
    assert got.requests() == got.dangling() == []


def test_the_policy_lets_nothing_in_but_our_own_style_and_script(subtests):
    got = markup.page("".join(render(_page("x"))))
    (policy,) = (e.attrib["content"] for e in got.all("meta") if "http-equiv" in e.attrib)
    for name in ("style", "script"):
        with subtests.test(name):
            (element,) = got.all(name)
            digest = b64encode(sha256((element.text or "").encode()).digest()).decode()
            assert f"{name}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; ")
    assert not re.search("unsafe|https?:|\\*", policy)
    assert "style=" not in re.sub(
        r"<style>.*?</style>|<script>.*?</script>", "", got.source, flags=re.DOTALL
    )


def test_colour_is_never_the_only_sign():
    """Contrast is the browser's to measure; a badge says its word, a cell has a sign."""
    got = markup.page("".join(render(_page("x"))))
    badges = [e for e in got.all("span") if "badge" in e.attrib.get("class", "")]
    assert {"".join(b.itertext()).split()[1] for b in badges} >= {"error", "warning", "note"}
    assert [e for e in got.all("span") if e.attrib.get("class") == "sign"]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    return {
        "decode": [CAPTURE / "memory.elf", CAPTURE / "debugfs-kho"],
        "memmap": [CAPTURE / "iomem.txt"],
        "list": [FIXTURES / "neighbours" / "dmesg-hwpoison" / "01.txt"],
        "merge": generations(tmp_path_factory.mktemp("merged")),
        "diff": generations(tmp_path_factory.mktemp("generations")),
        "fleet ask": [_fleet(tmp_path_factory.mktemp("fleet")), "summary"],
    }


def _fleet(folder):
    Fleet(12, 3, affected=0.9).store(folder / "d")
    return folder / "d"


def test_every_report_has_an_example_here(inputs):
    assert inputs.keys() == REPORTS.keys()


EVERY = [(c, name) for c, reports in REPORTS.items() for name in reports.names()]


@pytest.mark.parametrize(("command", "name"), EVERY)
def test_a_file_holds_what_standard_output_would(command, name, inputs, tmp_path, cli):
    out = tmp_path / "out"
    shown = cli(*command.split(), *inputs[command], "--format", name)
    saved = cli(*command.split(), *inputs[command], "--format", name, "-o", out)
    assert (saved.code, saved.out, saved.err) == (shown.code, "", shown.err)
    got = out.read_text()
    assert got.replace(f" -o {out}", "") == shown.out
    read = markup.page(got) if name == "html" else markup.picture(got)
    assert read.requests() == read.dangling() == []


@pytest.mark.parametrize(("command", "name"), EVERY)
def test_a_report_beside_changes_nothing_else(command, name, inputs, tmp_path, cli, subtests):
    for also in ([], ["--json"]):
        with subtests.test(str(also)):
            out = tmp_path / f"out{len(also)}"
            got = cli(*command.split(), *inputs[command], *also, "--format", f"{name}={out}")
            assert got == cli(*command.split(), *inputs[command], *also)
            assert got.out
            assert out.stat().st_size > 1000


@pytest.mark.parametrize("command", REPORTS)
def test_what_is_asked_for_twice(command, inputs, tmp_path, cli):
    got = cli(*command.split(), *inputs[command], "--json", "--format", "html")
    assert (got.code, got.out) == (2, "")
    assert got.err.endswith("give --format a file (--format html=FILE)\n")
    out = tmp_path / "out"
    got = cli(*command.split(), *inputs[command], "-o", out, "--format", f"html={out}")
    assert (got.code, got.err) == (2, f"hwpkho: {out}: two outputs would lie there\n")
    out.write_text("mine")
    got = cli(*command.split(), *inputs[command], "--format", f"html={out}")
    assert (got.code, out.read_text()) == (2, "mine")
    victim = inputs[command][0]
    if victim.is_dir():
        victim = next(p for p in victim.rglob("*") if p.is_file())
    got = cli(*command.split(), *inputs[command], "-f", "--format", f"html={victim}")
    assert (got.code, got.err) == (2, f"hwpkho: {victim}: is an input; give another output\n")


def test_a_page_tells_the_command_and_its_inputs(inputs, tmp_path, cli):
    strange = tmp_path / "a map <b>&'.txt"
    strange.write_bytes(Path(inputs["memmap"][0]).read_bytes())
    got = markup.page(cli("memmap", strange, "--format", "html").out)
    assert f"hwpkho memmap '{tmp_path}/a map <b>&'\"'\"'.txt' --format html" in got.text
    assert sha256(strange.read_bytes()).hexdigest() in got.text


def test_without_jinja2_a_line_says_what_to_install(inputs, monkeypatch, tmp_path, cli):
    for name in [n for n in sys.modules if n.startswith(("jinja2", "hwpkho.report.decode.html"))]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("hwpkho.report.html.page", "hwpkho.report.html.blocks"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "jinja2", None)
    monkeypatch.setattr(REPORTS["decode"], "_loaded", {})
    got = cli("decode", *inputs["decode"], "--format", f"html={tmp_path / 'x'}")
    assert (got.code, got.out) == (2, "")
    assert got.err == "hwpkho: --format html needs Jinja2: pip install 'hwpkho[html]'\n"
    assert not [*tmp_path.iterdir()]
