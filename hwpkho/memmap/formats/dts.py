"""Device tree sources (.dts), as far as they concern memory.

Source: Devicetree Specification v0.4 chapter 6; dtc's dtc-lexer.l and dtc-parser.y. The C
preprocessor's work is not done here: includes are skipped and reported, conditionals refused, and
a value that needs a macro is reported only where it is needed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hwpkho.abi import fdt
from hwpkho.base.escape import printable
from hwpkho.base.late import late
from hwpkho.codes import problem
from hwpkho.codes.memmap_view import DTS_SKIPPED
from hwpkho.errors import InputError
from hwpkho.memmap.formats.base import FileForm
from hwpkho.memmap.formats.devicetree import MAX_SIZE, Unresolved, memory_maps
from hwpkho.memmap.formats.dts_values import ValueReader

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hwpkho.codes import Problem
    from hwpkho.memmap.table import Table

_TAG = late(rb"/dts-v1/")  # an expression is twice as fast as bytes.find()
_VERSION = late(rb"^[ \t]*/dts-v1/[ \t]*;", re.MULTILINE)

_SKIP = late(r"(?:\s+|//[^\n]*|/\*.*?\*/)+", re.DOTALL)
_DIRECTIVE = late(r"#[ \t]*([a-z]+|[0-9]+)(?![\w,.+?#-])((?:\\\r?\n|[^\n])*)")
_CONDITIONALS = frozenset(("if", "ifdef", "ifndef", "else", "elif", "endif"))
_LABEL = late(r"[A-Za-z_][A-Za-z0-9_]*[ \t]*:(?!:)")
_NAME = late(r"\\?[A-Za-z0-9,._+*#?@-]+")
_REFERENCE = late(r"&([A-Za-z_][A-Za-z0-9_]*|\{[^}\n]*\})")
_KEYWORD = late(r"/(dts-v1|plugin|memreserve|include|delete-node|delete-property"
                      r"|omit-if-no-ref)/")  # fmt: skip
_NUMBER = late(r"0[xX][0-9a-fA-F]+|[0-9]+")
_QUOTED = late(r'"([^"\n]*)"')
_TO_SEMICOLON = late(r"[^;{}]*;")


class _Node:
    """A node while it is being put together: names are unique, the last value of one counts."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.properties: dict[str, bytes] = {}
        self.children: dict[str, _Node] = {}
        self.deleted = False


class _Parser:
    """Reads one source text; nothing is recursive, every step consumes text."""

    def __init__(self, text: str, shown: str) -> None:
        self.text, self.shown = text, shown
        self.at = 0
        self.line_at, self.line = 0, 1
        self.root = _Node("")
        self.labels: dict[str, _Node] = {}
        self.reserve: list[tuple[int, int]] = []
        self.includes: list[str] = []
        self.skipped: list[str] = []
        self.values = ValueReader(text, self.fail, self.line_of)
        self.nodes = 0

    def parse(self) -> None:
        """Read everything. Raises InputError, naming the line, for what is not a device tree."""
        stack: list[_Node] = []
        while True:
            self._blank()
            if self.at >= len(self.text):
                break
            if self.text.startswith("}", self.at):
                if not stack:
                    raise self.fail(self.at, "} without a node")
                stack.pop()
                self.at += 1
                self._expect(";")
            elif keyword := _KEYWORD.match(self.text, self.at):
                self.at = keyword.end()
                self._keyword(keyword[1], keyword.start(), stack)
            elif stack:
                self._statement(stack)
            else:
                self._open_top(stack)
        if stack:
            raise self.fail(self.at, "the file ends inside a node")

    # Helpers

    def line_of(self, at: int) -> int:
        """Return the line number (from 1) of an offset; cheap for ascending offsets."""
        if at < self.line_at:
            self.line_at, self.line = 0, 1
        self.line += self.text.count("\n", self.line_at, at)
        self.line_at = at
        return self.line

    def fail(self, at: int, what: str) -> InputError:
        """Return the error for something at an offset."""
        return InputError(f"{self.shown}: line {self.line_of(at)}: {what}")

    def _blank(self) -> None:
        while True:
            if match := _SKIP.match(self.text, self.at):
                self.at = match.end()
            if not self.text.startswith("#", self.at) or not self._line_begins():
                return
            directive = _DIRECTIVE.match(self.text, self.at)
            if directive is None:
                return  # a property such as #address-cells
            if directive[1] in _CONDITIONALS:
                raise self.fail(self.at, f"#{directive[1]}: run it through cpp and dtc first")
            if directive[1] == "include":
                self._include(directive[2].strip())
            self.at = directive.end()

    def _line_begins(self) -> bool:
        """Tell whether only blanks are between the start of the line and here."""
        at = self.at
        while at and self.text[at - 1] in " \t":
            at -= 1
        return not at or self.text[at - 1] == "\n"

    def _include(self, name: str) -> None:
        if not name.rstrip('>"').endswith(".h"):
            self.includes.append(printable(name))

    def _expect(self, char: str) -> None:
        self._blank()
        if not self.text.startswith(char, self.at):
            found = printable(self.text[self.at : self.at + 12].split("\n")[0]) or "end of file"
            raise self.fail(self.at, f"expected {char} instead of {found}")
        self.at += 1

    def _take(self, pattern: re.Pattern[str], what: str) -> re.Match[str]:
        self._blank()
        match = pattern.match(self.text, self.at)
        if match is None:
            raise self.fail(self.at, f"expected {what}")
        self.at = match.end()
        return match

    def _labels(self) -> list[str]:
        found: list[str] = []
        while match := _LABEL.match(self.text, self.at):
            found.append(match[0].rstrip(": \t"))
            self.at = match.end()
            self._blank()
        return found

    def _open(self, stack: list[_Node], node: _Node, labels: list[str]) -> None:
        self.nodes += 1
        if len(stack) >= fdt.DTB_LIMITS[0] or self.nodes > fdt.DTB_LIMITS[1]:
            raise self.fail(self.at, f"more than {fdt.DTB_LIMITS[0]} levels or too many nodes")
        self._expect("{")
        for label in labels:
            self.labels[label] = node
        stack.append(node)

    def _find(self, reference: str) -> _Node | None:
        if not reference.startswith("{"):
            return self.labels.get(reference)
        node: _Node | None = self.root
        for part in filter(None, reference[1:-1].split("/")):
            node = node.children.get(part) if node is not None else None
        return node

    # Statements

    def _keyword(self, word: str, at: int, stack: list[_Node]) -> None:
        if word == "plugin":
            raise self.fail(at, "an overlay (/plugin/) describes no machine")
        if word == "omit-if-no-ref":
            return
        if word == "include":
            self._include(self._take(_QUOTED, "a quoted file name")[0])
            return
        if word == "memreserve":
            start = self._take(_NUMBER, "the address of /memreserve/")[0]
            size = self._take(_NUMBER, "the size of /memreserve/")[0]
            self.reserve.append((self._u64(start, at), self._u64(size, at)))
        elif word in ("delete-node", "delete-property"):
            self._delete(word, stack)
        self._expect(";")

    def _u64(self, text: str, at: int) -> int:
        value = self.values.number(text)
        if value is None or value >> 64:
            raise self.fail(at, f"{printable(text[:40])} is not a 64-bit number")
        return value

    def _delete(self, word: str, stack: list[_Node]) -> None:
        self._blank()
        if match := _REFERENCE.match(self.text, self.at):
            self.at = match.end()
            gone = self._find(match[1])
            if gone is None:
                self.skipped.append(f"/delete-node/ {printable(match[0])}")
            else:
                gone.deleted = True
            return
        name = self._take(_NAME, "a name")[0].lstrip("\\")
        if not stack:
            return
        if word == "delete-node":
            stack[-1].children.pop(name, None)
        else:
            stack[-1].properties.pop(name, None)

    def _open_top(self, stack: list[_Node]) -> None:
        at = self.at
        labels = self._labels()
        if self.text.startswith("/", self.at) and not _KEYWORD.match(self.text, self.at):
            self.at += 1
            self._open(stack, self.root, labels)
        elif _KEYWORD.match(self.text, self.at):
            return  # a label of /memreserve/
        elif match := _REFERENCE.match(self.text, self.at):
            self.at = match.end()
            node = self._find(match[1])
            if node is None:
                self.skipped.append(f"{printable(match[0])} {{ … }}")
            self._open(stack, node or _Node("?"), labels)
        else:
            raise self.fail(at, "this is not a device tree source: expected / { or &label {")

    def _statement(self, stack: list[_Node]) -> None:
        at = self.at
        labels = self._labels()
        if _KEYWORD.match(self.text, self.at):
            return
        match = _NAME.match(self.text, self.at)
        if match is None:
            raise self.fail(at, "expected a property or a node")
        self.at = match.end()
        name = match[0].lstrip("\\")
        self._blank()
        node = stack[-1]
        if self.text.startswith("{", self.at):
            child = node.children.get(name)
            if child is None or child.deleted:
                child = node.children[name] = _Node(name)
            self._open(stack, child, labels)
        elif self.text.startswith("=", self.at):
            value, self.at = self.values.read(self.at + 1)
            node.properties[name] = value
        elif self.text.startswith(";", self.at):
            node.properties[name] = b""
            self.at += 1
        else:
            rest = _TO_SEMICOLON.match(self.text, self.at)
            if rest is None or not self.text.startswith("(", self.at):
                raise self.fail(at, f"expected =, {{ or ; after {printable(name[:40])}")
            self.skipped.append(f"macro {printable(name[:40])}")
            self.at = rest.end()


def _convert(root: _Node) -> fdt.Node:
    out = fdt.Node("")
    stack = [(root, out)]
    while stack:
        source, target = stack.pop()
        target.properties = [fdt.Property(n, v, 0) for n, v in source.properties.items()]
        for child in source.children.values():
            if child.deleted:
                continue
            node = fdt.Node(child.name)
            target.children.append(node)
            stack.append((child, node))
    return out


class DeviceTreeSource(FileForm):
    """A device tree in text form."""

    name = "devicetree-source"
    about = "device tree source (.dts), best as dtc prints it: dtc -I fs /proc/device-tree"
    most = MAX_SIZE

    def sniff(self, _path: Path, head: bytes) -> bool:
        """See :meth:`FileForm.sniff`."""
        return _TAG.search(head) is not None and _VERSION.search(head) is not None

    def read(self, path: Path, data: memoryview) -> Sequence[Table]:
        """See :meth:`FileForm.read`."""
        shown = printable(str(path))
        if len(data) > MAX_SIZE:
            raise InputError(f"{shown}: a device tree source of more than {MAX_SIZE >> 20} MiB")
        parser = _Parser(bytes(data).decode("latin-1"), shown)
        parser.parse()
        hint = ""
        problems: list[Problem] = []
        if parser.includes:
            named = ", ".join(parser.includes[:4]) + (", …" if len(parser.includes) > 4 else "")
            message = f"included files were not read: {named}; run it through cpp and dtc first"
            hint = f"; {message}"
            problems.append(problem(DTS_SKIPPED, message))
            for name in ("#address-cells", "#size-cells"):
                parser.root.properties.setdefault(
                    name, Unresolved.at(f"{name} may be in an included file{hint}")
                )
        if parser.skipped:
            named = ", ".join(parser.skipped[:4]) + (", …" if len(parser.skipped) > 4 else "")
            problems.append(problem(DTS_SKIPPED, f"not read: {named}"))
        root = _convert(parser.root)
        tree = fdt.Tree(root, len(data), 17, 0, parser.reserve, b"", ())
        maps = memory_maps(tree, shown, hint)
        maps[0].problems.extend(problems)
        return maps
