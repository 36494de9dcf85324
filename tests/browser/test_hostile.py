"""What captures and names of files say is text: never markup, never a script."""

from __future__ import annotations

import pytest

from hwpkho.base.escape import printable
from tests.browser.reports import KINDS, make

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


TEXTS = {
    "a DIMM's label": (
        "list", "--dimms", "bad.txt", "log.txt",
    ),
    "a range of /proc/iomem": ("memmap", "iomem.txt"),
}  # fmt: skip
LABEL = "<img src=x onerror=alert`1`>\u202e'&"
FILES = {
    "bad.txt": "0x100\n",
    "log.txt": "[    1.0] EDAC MC0: 1 UE memory read error on {} (channel:0 slot:0 page:0x100 "
    "offset:0x0 grain:8)\n",
    "iomem.txt": "00000000-0009ffff : System RAM\n00100000-1fffffff : {}\n"
    "20000000-2fffffff : System RAM\n",
}


@pytest.mark.parametrize("what", TEXTS)
def test_texts_of_a_machine(what, tmp_path, page_of):
    for name, text in FILES.items():
        (tmp_path / name).write_text(text.format(LABEL))
    command, *args = TEXTS[what]
    files = [tmp_path / arg if arg in FILES else arg for arg in args]
    with page_of(make(lambda _: [command, *files], tmp_path)) as page:
        assert page.ask("active") == []
        assert page.complaints == []
        assert printable(LABEL) in page.page.inner_text("main")
