"""Brings the pages that stand at the top of the checkout into the site (see mkdocs.yml).

README.md is the site's first page. Its links lead to docs/NAME.md, where a reader of the repository
finds the page; here they lead to NAME.md.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

TOP = Path(__file__).resolve().parent.parent
#: File at the top of the checkout → page of the site.
FROM_TOP = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "CHANGELOG.md": "changelog.md",
}
_ASKED = re.compile(
    r"<(?:script|link|img|iframe|source)\b[^>]*(?:src|href)=\"?(?:https?:)?//[^>]*>"
)
_LINK = re.compile(r"\]\((docs/)?([^)#:]+)(#[^)]*)?\)")


def _here(link: re.Match[str]) -> str:
    target = link[2] if link[1] else FROM_TOP.get(link[2], link[2])
    return f"]({target}{link[3] or ''})"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for each file of FROM_TOP."""
    for name, page in FROM_TOP.items():
        text = _LINK.sub(_here, (TOP / name).read_text("utf-8"))
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, **_: object) -> str:
    """Lead links to files at the top to their pages."""
    for name, page in FROM_TOP.items():
        markdown = re.sub(rf"\]\(\.\./{re.escape(name)}(?=[)#])", f"]({page}", markdown)
    return markdown


def on_page_content(html: str, page: Page, **_: object) -> str:
    """Take out of docstrings what is meant for an editor: roles, and the second colon of ``::``."""
    if page.file.src_uri != "api.md":
        return html
    html = re.sub(r":[a-z]+:(<code>)", r"\1", html)
    return html.replace("::</p>", ":</p>")


def on_post_page(output: str, page: Page, **_: object) -> str:
    """Refuse a page that makes its reader's browser ask another host for something."""
    if found := _ASKED.search(output):
        raise PluginError(f"{page.file.src_uri} asks another host: {found[0]}")
    return output
