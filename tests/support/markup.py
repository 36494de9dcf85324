"""Pages and pictures as a reader of them sees them: parsed, strictly."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import html5lib

if TYPE_CHECKING:
    from collections.abc import Iterator

_XHTML = "{http://www.w3.org/1999/xhtml}"
_SVG = "{http://www.w3.org/2000/svg}"
#: Names of namespaces are no addresses that anybody asks.
_NAMES = ("http://www.w3.org/2000/svg", "http://www.w3.org/1999/xhtml")
_REFERS = ("src", "href", "action", "data", "poster", "srcset", "background")


@dataclass
class Markup:
    """A page or a picture: its elements by name, and all that it says."""

    root: Any
    source: str
    ids: list[str] = field(default_factory=list)

    def all(self, name: str) -> list[Any]:
        """Return the elements called ``name``, of HTML and SVG alike."""
        return [e for e in self.root.iter() if e.tag in (_XHTML + name, _SVG + name, name)]

    @property
    def text(self) -> str:
        """What is read, style and script aside, each gap as one blank."""
        return " ".join(" ".join(_texts(self.root)).split())

    def rows(self, caption: str) -> list[list[str]]:
        """Return the rows below the head of the table whose caption has a text in it."""
        (table,) = [t for t in self.all("table") if caption in _said(t[0])]
        rows = [e for e in table.iter() if e.tag == f"{_XHTML}tr"]
        return [[_said(cell) for cell in row] for row in rows[1:]]

    def requests(self) -> list[str]:
        """Return what is asked of anywhere beyond the file itself."""
        found = []
        for element in self.root.iter():
            for name, value in element.attrib.items():
                name = name.rpartition("}")[2]
                if name in _REFERS and not value.startswith(("#", "data:,")):
                    found.append(f"{element.tag} {name}={value}")
        plain = self.source
        for name in _NAMES:
            plain = plain.replace(name, "")
        return (
            found
            + re.findall(r"(?:https?:|//)[a-z0-9.-]+\.[a-z]+", plain)
            + (re.findall(r"@import|url\((?!#)", plain))
        )

    def dangling(self) -> list[str]:
        """Return the names of places that something refers to and that are not there, or twice."""
        ids = [e.attrib["id"] for e in self.root.iter() if "id" in e.attrib]
        found = [x for x in {*ids} if ids.count(x) > 1] if len(ids) != len({*ids}) else []
        for element in self.root.iter():
            href = element.attrib.get("href", "")
            named = [href[1:]] if href.startswith("#") else []
            for name in ("aria-labelledby", "aria-describedby", "for"):
                named += element.attrib.get(name, "").split()
            found += [x for x in named if x not in ids]
        return found

    def scripts(self) -> list[str]:
        """Return what runs, or could: scripts, and attributes that hold some."""
        found = [e.text or "" for e in self.all("script")]
        for element in self.root.iter():
            found += [
                f"{n}={v}"
                for n, v in element.attrib.items()
                if n.startswith("on") or v.strip().lower().startswith("javascript:")
            ]
        return found


def _said(element: Any) -> str:
    return " ".join("".join(_texts(element)).split())


def _texts(element: Any) -> Iterator[str]:
    if not isinstance(element.tag, str) or element.tag.rpartition("}")[2] in ("style", "script"):
        return
    yield element.text or ""
    for inner in element:
        yield from _texts(inner)
        yield inner.tail or ""


def page(source: str) -> Markup:
    """Read a page. What no strict reader of HTML takes raises."""
    parser = html5lib.HTMLParser(html5lib.getTreeBuilder("etree"), strict=True)
    return Markup(parser.parse(source), source)


def picture(source: str) -> Markup:
    """Read a picture. What is no well-formed XML raises."""
    return Markup(ElementTree.fromstring(source), source)  # of our own making
