"""README and docs/ show real output and lead somewhere; see tests/support/pages.py."""

from __future__ import annotations

import contextlib
import io
import json
import re
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from itertools import chain
from typing import TYPE_CHECKING, Any

import pytest
import yaml

import hwpkho
from tests.support import ROOT, certain, markup, pages, stage
from tests.support.examples import some
from tests.support.pages import DOCS, PAGES, README, TABLES, name_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Pages of the site that docs/site.py makes of files at the top.
FROM_TOP = {"index.md", "contributing.md", "security.md", "changelog.md"}
LINKED = [*PAGES, *(ROOT / f"{name}.md" for name in ("CONTRIBUTING", "SECURITY", "CHANGELOG"))]

_SHOWN = [
    (page, *pair) for page in PAGES if not pages.in_a_copy(page) for pair in pages.shown(page)
]
_TABLES = [(page, *pair) for page in PAGES for pair in pages.tables(page)]
_PICTURES = [pair for page in PAGES for pair in pages.pictures(page)]
_PYTHON = [(page, code) for page in PAGES for code in pages.python(page)]
_TYPED = [(page, script) for page in PAGES for script in pages.scripts(page)]
#: Code in a page: a fenced block, an indented one, or a piece of a line.
_CODE = re.compile(r"^```.*?^```|^(?: {4}|\t).*?$|`[^`\n]*`", re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize(
    ("page", "command", "output"),
    some(_SHOWN, 2),
    ids=[f"{p.stem}: {c[:50]}" for p, c, _ in _SHOWN],
)
def test_output_is_real(page, command, output):
    assert pages.run(command) == output, f"make pages, or mend the block of {name_of(page)}"


@pytest.mark.slow
@pytest.mark.parametrize("page", [p for p in PAGES if pages.in_a_copy(p)], ids=name_of)
def test_output_of_commands_that_follow_one_another_is_real(page, subtests):
    with pages.place(page) as folder:
        for command, output in pages.shown(page):
            with subtests.test(command):
                assert pages.run(command, folder) == output, f"make pages, or mend {name_of(page)}"


@pytest.mark.parametrize(
    ("page", "name", "table"), _TABLES, ids=[f"{p.stem}: {n}" for p, n, _ in _TABLES]
)
def test_tables_follow_from_the_registries(page, name, table):
    made = pages.made(name)
    assert made, f"{name_of(page)}: no such table; there are {', '.join(TABLES)}"
    assert table == made, f"run: python -m tests.support.pages {name_of(page)}"


@pytest.mark.parametrize(("file", "command"), _PICTURES, ids=[file.name for file, _ in _PICTURES])
def test_pictures_are_real(file, command):
    drawn = file.read_text("utf-8")
    assert pages.picture(command) == drawn, "make pages, and look at it"
    assert markup.picture(drawn).all("title")


def test_every_picture_stands_somewhere():
    files = {file.resolve() for file, _ in _PICTURES}
    assert files == {*(pages.DOCS / "pictures").iterdir()}


def test_every_table_stands_somewhere():
    assert set(TABLES) <= {name for _, name, _ in _TABLES}


@pytest.mark.parametrize(("page", "code"), _PYTHON, ids=[p.stem for p, _ in _PYTHON])
def test_examples_for_the_library_run(page, code, monkeypatch):
    monkeypatch.chdir(ROOT)
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(code, name_of(page), "exec"), {"__name__": "example"})


@pytest.mark.parametrize(
    ("page", "script"), some(_TYPED, 4), ids=[f"{p.stem}: {s[:50]}" for p, s in _TYPED]
)
def test_what_the_reader_types_works(page, script, tmp_path):
    """On a machine made of fixtures: tests/support/stage.py."""
    assert stage.wrong(stage.play(script, tmp_path)) is None


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_what_the_reader_types_stands_where_it_is_run(page):
    text = pages.FENCED.sub("", page.read_text("utf-8"))
    typed = re.findall(r"^ {4}(?:[#$] )?(?:sudo )?hwpkho (?!.*[A-Z]{3}).*", text, re.MULTILINE)
    assert not typed, "make it a ```sh block"


def test_the_readme_is_a_first_page():
    text = README.read_text()
    assert len(text.splitlines()) <= 150
    assert {"make demo", "make test"} <= set(re.findall(r"^    (\w+ \w+)", text, re.MULTILINE))
    assert pages.python(README)  # run above; mypy reads it in tests/api/test_api.py


# The site


def _named(nav: Any) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    else:
        yield from chain.from_iterable(
            _named(part) for part in (nav.values() if isinstance(nav, dict) else nav)
        )


def test_every_page_stands_in_the_navigation():
    """``make docs`` says so, too, where mkdocs can be had."""
    config = yaml.safe_load((ROOT / "mkdocs.yml").read_text())
    named = list(_named(config["nav"]))
    there = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")} | FROM_TOP
    assert sorted(named) == sorted(there), "add the page to nav of mkdocs.yml"
    assert config["strict"] is True
    assert config["theme"]["font"] is False


def _properties(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
    if isinstance(schema, dict | list):
        for part in schema.values() if isinstance(schema, dict) else schema:
            yield from _properties(part)


@pytest.mark.parametrize("path", sorted((ROOT / "hwpkho/schemas").glob("*.json")), ids=name_of)
def test_the_site_shows_each_field_of_a_document(path, tmp_path):
    spec = certain(spec_from_file_location("fields", DOCS / "fields.py"))
    fields = module_from_spec(spec)
    certain(spec.loader).exec_module(fields)
    (tmp_path / path.name).write_bytes(path.read_bytes())
    schema = json.loads(path.read_text())
    page = fields.page(tmp_path)
    assert f"\n## {schema['title']}\n" in page
    rows = re.findall(r"^\| `(\S+)(?: \?)?` \| (\S.*) \| (?:.*) \|$", page, re.MULTILINE)
    shown = {name.rpartition(".")[2].removesuffix("[]") for name, _ in rows}
    assert set(_properties(schema)) <= shown


def test_the_reference_has_what_the_library_offers():
    named = re.findall(r"^::: hwpkho\.(\w+)$", (DOCS / "api.md").read_text(), re.MULTILINE)
    assert sorted([*named, "__version__"]) == sorted(hwpkho.__all__)


@cache
def _anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and mkdocs make them."""
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    heads = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", h.strip()).lower()) for h in heads}


def _fault(page: Path, target: str) -> str | None:
    """Return what is wrong with a link of a page."""
    path, _, anchor = target.partition("#")
    if "://" in path:
        return None
    to = (page.parent / path).resolve() if path else page
    if not to.is_file():
        return "no such file"
    if not (to.is_relative_to(DOCS) or to in LINKED or page.parent == ROOT):
        return "not in the site"
    return "no such heading" if anchor and anchor not in _anchors(to) else None


@pytest.mark.parametrize("page", LINKED, ids=name_of)
def test_links_lead_somewhere(page):
    text = _CODE.sub("", page.read_text("utf-8"))
    faults = {target: _fault(page, target) for target in re.findall(r"\]\(([^)]+)\)", text)}
    assert {target: fault for target, fault in faults.items() if fault} == {}
