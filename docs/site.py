"""Adds pages to the site that are not files in docs/ (see mkdocs.yml).

README.md is the site's first page. Its links lead to docs/NAME.md, where a reader of the repository
finds the page; here they lead to NAME.md. The manual pages, and a page of all fields of JSON
documents, are made anew in each build.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import fields  # beside this file
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

TOP = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TOP))  # hwpkho is not installed where the site is built

from hwpkho.report.man.page import render  # noqa: E402 - found by the line above

#: File at the top of the checkout → page of the site.
FROM_TOP = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "CHANGELOG.md": "changelog.md",
}
#: Markup that makes a browser ask another host: elements, styles, classes for the theme's script.
_ASKED = re.compile(
    r"<(?:script|link|img|iframe|source|audio|video|embed|object|track|input)\b[^>]*"
    r"\b(?:src|srcset|href|data|poster)=[\"']?(?:https?:)?//[^>]*>"
    r"|url\([\"']?(?:https?:)?//[^)]*\)|@import [\"'](?:https?:)?//\S*"
    r"|class=[\"']?mermaid\b|data-md-component=[\"']?source\b"
)
_LINK = re.compile(r"\]\((docs/)?([^)#:]+)(#[^)]*)?\)")


def _here(link: re.Match[str]) -> str:
    target = link[2] if link[1] else FROM_TOP.get(link[2], link[2])
    return f"]({target}{link[3] or ''})"


def _made() -> dict[str, str]:
    """Return the generated pages by their paths: fields of documents, and manual pages."""
    made = {"fields.md": fields.page(TOP / "hwpkho" / "schemas")}
    for path in sorted((TOP / "man").glob("*.1")):
        text = render(path.read_text("utf-8"), 90)
        made[f"man/{path.stem}.md"] = f"# {path.stem}(1)\n\n```text\n{text}\n```\n"
    return made


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the generated pages into the navigation, at the end of the reference."""
    (reference,) = (part["Reference"] for part in config.nav if "Reference" in part)
    manual = [{path[4:-3]: path} for path in _made() if path.startswith("man/")]
    reference += [{"Fields of the documents": "fields.md"}, {"Manual pages": manual}]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for each file of FROM_TOP, and the generated ones."""
    for name, page in FROM_TOP.items():
        text = _LINK.sub(_here, (TOP / name).read_text("utf-8"))
        files.append(File.generated(config, page, content=text))
    for page, text in _made().items():
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Point links to files at the top to their pages, and add links to the generated pages."""
    for name, at in FROM_TOP.items():
        markdown = re.sub(rf"\]\(\.\./{re.escape(name)}(?=[)#])", f"]({at}", markdown)
    if page.file.src_uri == "commands.md":
        command = r"^\| (`hwpkho ([a-z-]+)`) \|"
        return re.sub(command, r"| [\1](man/hwpkho-\2.md) |", markdown, flags=re.MULTILINE)
    if page.file.src_uri == "json.md":
        markdown = markdown.replace("*Fields of the documents*", "[all fields](fields.md)")
        return re.sub(
            r"^\| (`(hwpkho\.[a-z-]+)/(\d+)`) \|", _to_fields, markdown, flags=re.MULTILINE
        )
    return markdown


def _to_fields(row: re.Match[str]) -> str:
    return f"| [{row[1]}](fields.md#{row[2].replace('.', '')}{row[3]}) |"


def on_page_content(html: str, page: Page, **_: object) -> str:
    """Remove reStructuredText from docstrings: roles, and the second colon of ``::``."""
    if page.file.src_uri != "api.md":
        return html
    html = re.sub(r":[a-z]+:(<code>)", r"\1", html)
    return html.replace("::</p>", ":</p>")


def on_post_page(output: str, page: Page, **_: object) -> str:
    """Raise PluginError for a page that makes a browser ask another host for something."""
    if found := _ASKED.search(output):
        raise PluginError(f"{page.file.src_uri} asks another host: {found[0]}")
    return output


def on_post_build(config: MkDocsConfig) -> None:
    """Raise PluginError for a style sheet that does so."""
    for path in Path(config.site_dir).rglob("*.css"):
        if found := _ASKED.search(path.read_text("utf-8")):
            raise PluginError(f"{path.name} asks another host: {found[0]}")
