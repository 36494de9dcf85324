"""What captures and names of files say is text: never markup, never a script."""

from __future__ import annotations

import pytest

from hwpkho.base.escape import printable
from tests.browser.reports import KINDS, make
from tests.support.fleet import manifest
from tests.support.program import run_cli

#: Markup of every sort, quotes, what turns the direction of writing, and a template's own signs.
NAME = "\"'><img src=x onerror=alert(1)><script>alert(2)<\u200f\u202eevil &lt; {{7*7}} \x07]]>"


@pytest.mark.parametrize("kind", KINDS)
def test_names_of_files(kind, tmp_path, page_of):
    folder = tmp_path / NAME
    folder.mkdir()
    with page_of(make(KINDS[kind], folder)) as page:
        assert page.ask("active") == []
        assert page.complaints == []
        assert page.page.locator("img").count() == 0
        assert printable(NAME) in page.page.inner_text("main")


LABEL = "<img src=x onerror=alert`1`>\u202e'&"
ASCII = "<img src=x onerror=alert`1`>'&"


def _dimm(folder):
    (folder / "bad.txt").write_text("0x100\n")
    (folder / "log.txt").write_text(
        f"[    1.0] EDAC MC0: 1 UE memory read error on {LABEL} (channel:0 slot:0 page:0x100 "
        "offset:0x0 grain:8)\n"
    )
    return ["list", "--dimms", folder / "bad.txt", folder / "log.txt"]


def _range(folder):
    (folder / "iomem.txt").write_text(
        f"00000000-0009ffff : System RAM\n00100000-1fffffff : {LABEL}\n"
        "20000000-2fffffff : System RAM\n"
    )
    return ["memmap", folder / "iomem.txt"]


def _release(folder, command):
    (folder / "list.txt").write_text("0x60800\n")
    made = run_cli(
        "encode", folder / "list.txt", "--arch", "arm64", "--page-size", 4096, "--at", "0x60000000",
        "--no-scratch", "--previous-release", ASCII, "-o", folder / "made.elf",
    )  # fmt: skip
    assert made.code == 0, made.err
    return [command, folder / "made.elf"]


def _host(folder, *question):
    cases = [(LABEL, f"2026-11-2{n}T03:00:00Z", "1-9\n"[: 4 - 4 * n] or "# none\n") for n in (0, 1)]
    batch = manifest(folder, cases, release=LABEL)
    assert run_cli("fleet", "add", folder / "fleet", "--batch", batch).code == 0
    return ["fleet", "ask", folder / "fleet", *question]


#: What says it → what to give hwpkho for it.
TEXTS = {
    "a DIMM's label": _dimm,
    "a range of /proc/iomem": _range,
    "a kernel's release": lambda folder: _release(folder, "decode"),
    "a host of a fleet": lambda folder: _host(folder, "summary"),
    "a host that lost pages": lambda folder: _host(folder, "lost"),
    "a name in a query": lambda folder: _host(folder, "--sql", f'SELECT 1 AS "{ASCII}"'),
}


@pytest.mark.parametrize("what", TEXTS)
def test_texts_of_a_machine(what, tmp_path, page_of):
    with page_of(make(TEXTS[what], tmp_path)) as page:
        assert page.ask("active") == []
        assert page.complaints == []
        assert page.page.locator("main img").count() == 0
        page.page.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = true))")
        shown = page.page.inner_text("main").partition("How this was made\nThe command line")[0]
        assert printable(LABEL) in shown or ASCII in shown
