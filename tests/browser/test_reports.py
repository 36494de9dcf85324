"""Every kind of report in a browser: nothing is wrong with it, whoever looks at it and how."""

from __future__ import annotations

import re

import pytest

from hwpkho.report.registry import REPORTS
from tests.browser.chromium import PAPER, WIDTHS
from tests.browser.reports import KINDS, make, scattered


@pytest.fixture(scope="session")
def page_file(tmp_path_factory):
    """Return a function that gives a page of a kind."""
    made = {}

    def give(kind):
        if kind not in made:
            made[kind] = make(KINDS[kind], tmp_path_factory.mktemp(kind))
        return made[kind]

    return give


@pytest.mark.slow  # it makes each report
def test_every_command_that_draws_is_here(tmp_path):
    commands = {command for command, reports in REPORTS.items() if "html" in reports.names()}
    calls = [" ".join(map(str, made(tmp_path))) for made in KINDS.values()]
    assert not [x for x in commands if not any(call.startswith(f"{x} ") for call in calls)]


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_overlaps_or_overflows(kind, page_file, page_of, subtests):
    for script in (True, False):
        with page_of(page_file(kind), script=script) as page:
            for width in WIDTHS:
                with subtests.test(f"{width}, script {script}"):
                    page.page.set_viewport_size({"width": width, "height": 800})
                    assert page.wrong() == []
            with subtests.test(f"on paper, script {script}"):
                page.page.set_viewport_size({"width": PAPER, "height": 1000})
                page.page.emulate_media(media="print")
                assert page.ask("overflow") + page.ask("overlaps") == []


def test_a_long_list_opens_at_once(tmp_path, page_of):
    """One of some tries does: other programs may run."""
    path = make(lambda folder: scattered(folder, 131_098), tmp_path)
    assert path.stat().st_size < 10 << 20
    spent: list[float] = []
    while min(spent, default=TOO_LONG) >= TOO_LONG and len(spent) < 10:
        with page_of(path) as page:
            spent.append(page.page.evaluate(_LOADED))
    assert 0 < min(spent) < TOO_LONG
    with page_of(path) as page:
        assert page.wrong() == []
        assert page.page.locator("details.long").count()
        scrolls = page.page.locator("details.long pre:not([tabindex='0'])")
        assert scrolls.count() == 0, "the keyboard cannot scroll it"


#: Milliseconds that nobody waits for a page.
TOO_LONG = 2000
#: Milliseconds until all of a page was there, layout and script included.
_LOADED = """new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() =>
  resolve(performance.now()))))"""


def test_a_closer_look_opens_where_a_link_leads(page_file, page_of):
    with page_of(page_file("validate")) as page:
        look = page.page.locator("#bands-range-1")
        assert not look.evaluate("e => e.open")
        page.page.evaluate("location.hash = '#bands-range-1'")
        look.locator("svg").wait_for(state="visible")
        before = page.page.locator("figure svg").first.bounding_box()["width"]
        page.page.locator("button[aria-label=Larger]").first.press("Enter")
        assert page.page.locator("figure svg").first.bounding_box()["width"] > 1.9 * before
        assert page.wrong() == []


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_accessible(kind, page_file, page_of, axe):
    with page_of(page_file(kind)) as page:
        page.page.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = true))")
        assert page.axe() == []
        page.page.emulate_media(color_scheme="dark")
        assert page.axe() == [], "dark"
        assert page.wrong() == []


@pytest.mark.parametrize("kind", KINDS)
def test_scripts_add_and_hide_nothing(kind, page_file, page_of):
    """What is on the page is there without a script; with one there are controls, too."""
    with page_of(page_file(kind)) as page, page_of(page_file(kind), script=False) as plain:
        assert plain.ask("dead") == []
        words = [re.sub(r"[↕↑↓]", "", p.page.inner_text("main")).split() for p in (page, plain)]
        added = {"Filter", "rows", "−", "+", "100", "%"}
        assert [w for w in words[0] if w not in added] == [w for w in words[1] if w not in added]
        assert page.ask("active") == []


@pytest.mark.parametrize("kind", KINDS)
def test_it_can_be_printed(kind, page_file, page_of):
    with page_of(page_file(kind), scheme="dark") as page:
        assert page.page.pdf(format="A4").startswith(b"%PDF")
        page.page.emulate_media(media="print")
        background = page.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert background in ("rgb(255, 255, 255)", "rgba(0, 0, 0, 0)")


_FOCUS = """(() => {
  const el = document.activeElement, style = getComputedStyle(el);
  (window.reached ??= new Set()).add(el);
  return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1;
})()"""


@pytest.mark.parametrize("kind", KINDS)
def test_the_keyboard_reaches_all_that_can_be_used(kind, page_file, page_of):
    with page_of(page_file(kind)) as page:
        wanted = len(page.ask("controls"))
        seen = []
        for _ in range(wanted):
            page.page.keyboard.press("Tab")
            seen.append(page.page.evaluate(_FOCUS))
        assert [n for n in range(wanted) if not seen[n]] == [], "what has the focus cannot be told"
        assert page.page.evaluate("reached.size") == wanted


def test_a_table_is_filtered_and_sorted(page_file, page_of):
    with page_of(page_file("diff-chain-long"), width=360) as page:
        table = page.page.locator("table.data").first
        rows = table.locator("tbody tr:visible")
        before = rows.all_inner_texts()
        page.page.locator("input[type=search]").first.press_sequentially("came  back")
        assert 0 < rows.count() < len(before)
        assert all("came back" in text for text in rows.all_inner_texts())
        status = page.page.locator(".filter [role=status]").first.inner_text()
        assert status == f"{rows.count()} of {len(before)} rows"
        page.page.locator("input[type=search]").first.fill("")
        assert rows.all_inner_texts() == before
        head = table.locator("thead th").first
        head.locator("button").focus()
        page.page.keyboard.press("Enter")
        assert head.get_attribute("aria-sort") == "ascending"
        pfns = [int(t.split()[0].split("-")[0], 16) for t in rows.all_inner_texts()]
        assert pfns == sorted(pfns)
        page.page.keyboard.press("Enter")
        assert head.get_attribute("aria-sort") == "descending"
        assert page.wrong() == []


def test_a_drawing_is_zoomed(page_file, page_of):
    with page_of(page_file("diff-chain-long")) as page:
        figure = page.page.locator("figure[data-zoom]").first
        drawing = figure.locator("svg")
        wide = drawing.bounding_box()["width"]
        figure.get_by_role("button", name="Larger").focus()
        page.page.keyboard.press("Enter")
        assert drawing.bounding_box()["width"] == pytest.approx(2 * wide, rel=0.02)
        assert page.wrong() == []
        figure.get_by_role("button", name="Smaller").click()
        assert drawing.bounding_box()["width"] == pytest.approx(wide, rel=0.02)
