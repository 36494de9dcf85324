"""The checks themselves: each finds what it is for, in a page made by hand."""

from __future__ import annotations

import pytest

HEAD = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>A page</title>'
    "<body><main><h1>A page</h1>"
)


@pytest.fixture
def shown(tmp_path, page_of):
    """Return a function that opens a page of some HTML."""

    def show(body, **how):
        path = tmp_path / "page.html"
        path.write_text(HEAD + body)
        return page_of(path, **how)

    return show


def test_nothing_is_wrong_with_a_plain_page(shown, axe):
    body = "<p>Words <b>and</b> more.</p><table><tr><th>PFN<tr><td>0x1</table>"
    with shown(body, width=360) as page:
        assert page.wrong() == []
        assert page.ask("active") == []
        assert page.axe() == []


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ("<script>console.error('a word')</script>", "console: error: a word"),
        ("<script>throw new Error('thrown')</script>", "thrown"),
        ("<script>alert(1)</script>", "dialog"),
        ("<img alt='' src=https://host.invalid/x>", "request: https://host.invalid/x"),
        ("<style>body {background: url(other.png)}</style>", "other.png"),
        ("<link rel=stylesheet href=https://host.invalid/x>", "request: https://host.invalid/x"),
        ("<p style='width: 900px'>wide</p>", "on a screen of 800"),
        ("<p>under<p style='margin-top: -1.9em'>over", '"under" <p> and "over" <p>'),
        (
            "<svg width=99 height=20><text y=15>under</text><text y=15 x=3>over</text></svg>",
            '"under" <text> and "over" <text>',
        ),
        (
            "<p style='width: 4em; overflow: hidden; white-space: nowrap'>a long line of text",
            "hides",
        ),
    ],
)
def test_what_is_wrong_is_found(body, what, shown):
    with shown(body, width=800) as page:
        page.page.wait_for_load_state("networkidle")
        assert what in "\n".join(page.wrong())


def test_what_scrolls_in_a_box_of_its_own_is_fine(shown):
    body = (
        "<div style='overflow-x: auto' tabindex=0><table><tr>"
        + "<td>0x123456789</td>" * 40
        + "</table></div><details><summary>More</summary><p style='width: 9000px'>x</details>"
    )
    with shown(body, width=360) as page:
        assert page.wrong() == []


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ("<p onclick='x()'>text", "<p> has onclick"),
        ("<a href='javascript:x()'>text</a>", "javascript:x()"),
        ("<script></script><script></script>", "2 scripts"),
        ("<iframe></iframe>", "<iframe>"),
    ],
)
def test_markup_that_acts_is_found(body, what, shown):
    with shown(body) as page:
        assert what in "\n".join(page.ask("active"))


def test_what_is_not_accessible_is_found(shown, axe):
    with shown("<p style='color: #aaa'>pale</p><button></button>") as page:
        found = "\n".join(page.axe())
    assert "color-contrast" in found
    assert "button-name" in found


def test_no_script_runs_where_none_shall(shown):
    with shown("<script>document.title = 'changed'</script>", script=False) as page:
        assert page.page.title() == "A page"
        assert page.ask("overflow") == []
