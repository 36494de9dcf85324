"""README and the pages of docs/: what in them follows from the program, and writes it anew.

``python -m tests.support.pages [PAGE...]`` (``make pages``) runs every console block and writes
what the commands print now, and makes the tables between ``<!-- table: NAME -->`` and
``<!-- end of table -->``. tests/test_readme.py compares.

A picture is what the command in the comment above it writes: ``<!-- picture: hwpkho ... -->``.

Commands run at the top of the checkout, each by itself. In a page with ``<!-- in a copy of FOLDER
-->`` they run one after the other in such a copy, and may leave files for the next.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from hwpkho.abi.kho import VERSIONS
from hwpkho.cli.main import COMMANDS
from hwpkho.images.registry import FORMATS
from hwpkho.memmap.registry import file_forms, line_forms
from hwpkho.report import formats
from hwpkho.report.validate.registry import REPORTS
from hwpkho.spark.options import JUDGING, OPTIONS
from tests.support import ROOT, forked, stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from hwpkho.memmap.formats.base import FileForm, LineForm

README = ROOT / "README.md"
DOCS = ROOT / "docs"
#: The pages of the site, the first page first.
PAGES = [README, *sorted(DOCS.rglob("*.md"))]
#: Tables that take long to make: each is written by a module of its own, and held by a test there.
SLOW_TABLES = ("tests/support/verdict_table.py", "tests/support/damage_table.py")

_BLOCK = re.compile(r"^```console\n(?P<body>.*?)^```", re.DOTALL | re.MULTILINE)
_PROMPT = re.compile(r"^\$ (?P<command>(?:.*\\\n)*.*)\n", re.MULTILINE)
FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
_INLINE = re.compile(r"`((?:sudo )?hwpkho [a-z][^`]*)`")
_COPY = re.compile(r"^<!-- in a copy of (\S+) -->$", re.MULTILINE)
_OF_COMMANDS = re.compile(r"^\|[^|\n]+\| command \|.*\n\|[-|]+\n((?:\|.*\n)+)", re.MULTILINE)
_PICTURE = re.compile(
    r"^<!-- picture: (?P<command>hwpkho [^\n]*) -->\n!\[[^]\n]+\]\((?P<file>[^)\n]+\.svg)\)$",
    re.MULTILINE,
)
_TABLE = re.compile(
    r"(?P<begin><!-- table: (?P<name>[^>]+) -->\n)(?P<table>(?:(?!<!-- table: ).)*?)"
    r"(?P<end><!-- end of table -->)",
    re.DOTALL,
)


def name_of(page: Path) -> str:
    """Return the page's path in the checkout."""
    return str(page.relative_to(ROOT))


# Console blocks


def run(command: str, folder: Path = ROOT) -> str:
    """Return what a command of a page prints, run at the top of the checkout."""
    with tempfile.TemporaryDirectory() as bin_:
        forked.program(Path(bin_))
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=folder,
            env={
                # what hwpkho and our own tests are set by
                **{k: v for k, v in os.environ.items() if not k.startswith("HWPKHO_")},
                "PATH": f"{bin_}:{os.environ['PATH']}",
                "NO_COLOR": "1",
                "COLUMNS": "100",
                "LC_ALL": "C.UTF-8",
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
    return done.stdout.decode()


def _commands(body: str) -> list[tuple[str, str]]:
    found = list(_PROMPT.finditer(body))
    ends = [m.start() for m in found[1:]] + [len(body)]
    return [(m["command"], body[m.end() : end]) for m, end in zip(found, ends, strict=True)]


def shown(page: Path) -> list[tuple[str, str]]:
    """Return ``(command, output as it stands)`` of the page's console blocks."""
    blocks = _BLOCK.finditer(page.read_text("utf-8"))
    return [pair for block in blocks for pair in _commands(block["body"])]


@contextlib.contextmanager
def place(page: Path) -> Iterator[Path]:
    """Give the folder in which the page's commands run."""
    copied = _COPY.search(page.read_text("utf-8"))
    if not copied:
        yield ROOT
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(shutil.copytree(ROOT / copied[1], Path(folder) / "copy"))


def in_a_copy(page: Path) -> bool:
    """Return whether the page's commands rest on one another."""
    return bool(_COPY.search(page.read_text("utf-8")))


def _filled(block: re.Match[str], folder: Path) -> str:
    printed = (f"$ {c}\n{run(c, folder)}" for c, _ in _commands(block["body"]))
    return f"```console\n{''.join(printed)}```"


def python(page: Path) -> list[str]:
    """Return the page's examples for the library."""
    text = _TABLE.sub("", page.read_text("utf-8"))  # without the files that it shows
    return re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def scripts(page: Path) -> list[str]:
    """Return what the page's reader types.

    These are ``sh`` blocks, the column "command" of tables, and what stands in a line and names a
    file, or has no options.
    """
    text = page.read_text("utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    tables = _OF_COMMANDS.findall(text)
    cells = [
        cell for table in tables for cell in re.findall(r"^\|.*?\| `(.+?)` \|", table, re.MULTILINE)
    ]
    inline = [span for span in _INLINE.findall(FENCED.sub("", text)) if _whole(span)]
    return list(
        dict.fromkeys(
            blocks + [one.replace("\\|", "|").replace("\n", " ") for one in cells + inline]
        )
    )


def _whole(command: str) -> bool:
    words = re.split(r"[\s+@]", command.removeprefix("sudo "))
    if any(re.fullmatch(r"[A-Z]{2,}(?:\.\.\.)?", word) for word in words):
        return False  # stands for something
    return not stage.FILES.keys().isdisjoint(words) or not (
        len(words) < 3 or "-" in " ".join(words)
    )


# Tables


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(row)} |" for row in (head, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]])


def _commands_table() -> str:
    rows = ((f"`hwpkho {name}`", about) for name, about in COMMANDS.items())
    return _table(("command", "what it does"), rows)


def _reports() -> str:
    return _table(("`--format`", "what it is"), ((f"`{r.name}`", r.about) for r in REPORTS))


def _maps() -> str:
    forms: list[FileForm | LineForm] = [*file_forms(), *line_forms()]
    rows = sorted((f"`{f.name}`", f.about) for f in forms)
    return _table(("form", "what it is"), rows)


def _lists() -> str:
    return "\n".join(formats.markdown())


def _images() -> str:
    return _table(("form", "what it is"), ((f"`{form.name}`", form.about) for form in FORMATS))


def _kho_versions() -> str:
    rows = ((f"`{v.compatible}`", v.kernels, f"`{v.tracker}`") for v in VERSIONS)
    return _table(("compatible", "Linux", "tracker of preserved memory"), rows)


def _documents() -> str:
    def rows() -> Iterator[tuple[str, str]]:
        for path in sorted((ROOT / "hwpkho" / "schemas").glob("*.json")):
            schema = json.loads(path.read_text("utf-8"))
            yield f"`{schema['title']}`", f"{schema['description'].partition('. ')[0].rstrip('.')}."

    return _table(("document", "what it is"), rows())


def _spark() -> str:
    rows = [(f"`{n}`", o.about, o.default) for n, o in OPTIONS.items()]
    rows.append((", ".join(f"`{n}`" for n in JUDGING), "as those of `fleet add`", ""))
    return _table(("option", "what it says", "default"), rows)


#: Name of a table in a page → what makes it.
TABLES: dict[str, Callable[[], str]] = {
    "commands": _commands_table,
    "reports of validate": _reports,
    "forms of memory maps": _maps,
    "forms of lists": _lists,
    "memory images": _images,
    "KHO versions": _kho_versions,
    "documents": _documents,
    "options of Spark's source": _spark,
}


#: What the file of a table ``file NAME`` is, by its ending.
_LANGUAGES = {
    ".sh": "bash",
    ".yml": "yaml",
    ".yaml": "yaml",
    ".py": "python",
    "": "groovy",
    ".jinja2": "jinja",
}


def made(name: str) -> str | None:
    """Return the table of this name, None for an unknown; ``file NAME`` is a block of that file."""
    if name.startswith("file "):
        path = ROOT / name.removeprefix("file ")
        return f"```{_LANGUAGES[path.suffix]}\n{path.read_text('utf-8')}```"
    return TABLES[name]() if name in TABLES else None


def tables(page: Path) -> list[tuple[str, str]]:
    """Return ``(name, as it stands)`` of the page's tables, those of SLOW_TABLES aside."""
    found = [(m["name"], m["table"].strip("\n")) for m in _TABLE.finditer(page.read_text("utf-8"))]
    return [(name, table) for name, table in found if name not in SLOW_TABLES]


def _made(table: re.Match[str]) -> str:
    new = None if table["name"] in SLOW_TABLES else made(table["name"])
    return table[0] if new is None else f"{table['begin']}\n{new}\n\n{table['end']}"


def pictures(page: Path) -> list[tuple[Path, str]]:
    """Return the files of the page's pictures, and what command makes each."""
    found = _PICTURE.finditer(page.read_text("utf-8"))
    return [(page.parent / m["file"], m["command"]) for m in found]


def picture(command: str) -> str:
    """Return the picture that a command draws, without what it says beside it."""
    return run(f"{command} 2>/dev/null")


def update(page: Path) -> None:
    """Write the present output of each command, each table, and each picture."""
    for file, command in pictures(page):
        file.write_text(picture(command), "utf-8")
    with place(page) as folder:
        text = _BLOCK.sub(partial(_filled, folder=folder), page.read_text("utf-8"))
    page.write_text(_TABLE.sub(_made, text), "utf-8")


if __name__ == "__main__":
    for _page in [Path(name).resolve() for name in sys.argv[1:]] or PAGES:
        update(_page)
    forked.close()
