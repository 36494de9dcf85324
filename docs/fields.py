"""Makes a page of the site out of the JSON Schemas: each document, each field, what it means."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_HEAD = """\
# Every field of every document

Made from the schemas that `hwpkho schema NAME` prints. [JSON](json.md) says what holds for all of
them. `a.b` is a field of the object `a`, `a[].b` one of each object of the array `a`. `?` marks a
field that need not be there.
"""
_Schema = dict[str, Any]


def page(folder: Path) -> str:
    """Return the page of all schemas in ``folder``, as Markdown."""
    schemas = [json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*.json"))]
    titles = {schema["title"] for schema in schemas}
    return "\n".join([_HEAD, *(_document(schema, titles) for schema in schemas)])


def _document(schema: _Schema, titles: set[str]) -> str:
    """Return a document's table, and one for each object definition that it shares."""
    parts = [f"## {schema['title']}", schema["description"], _table(schema)]
    for name, shared in schema.get("$defs", {}).items():
        title = shared.get("properties", {}).get("schema", {}).get("const")
        shown = name.replace("_", " ")
        if title in titles:
            parts.append(f"**{shown}** is a document [{title}](#{_anchor(title)}).")
        elif objects := [one for one, _ in _within(shared, "")]:
            about = f": {_cell(shared['description'])}" if "description" in shared else ""
            parts += [f"**{shown}** of {schema['title']}{about}", *map(_table, objects)]
    return "\n\n".join([*parts, ""])


def _anchor(title: str) -> str:
    return re.sub(r"[^\w-]", "", title.lower())


def _table(schema: _Schema) -> str:
    rows = [f"| `{path}` | {kind} | {about} |" for path, kind, about in _fields(schema, "")]
    return "\n".join(["| field | type | meaning |", "|---|---|---|", *rows])


def _fields(schema: _Schema, before: str) -> Iterator[tuple[str, str, str]]:
    """Yield path, type and meaning of the fields of an object, nested ones included."""
    required = schema.get("required", [])
    for name, field in schema.get("properties", {}).items():
        path = f"{before}{name}"
        mark = "" if name in required else " ?"
        yield path + mark, _kind(field), _cell(field.get("description", ""))
        for inner, deeper in _within(field, path):
            yield from _fields(inner, f"{deeper}.")


def _within(field: _Schema, path: str) -> Iterator[tuple[_Schema, str]]:
    """Yield the objects that a field is or contains, each with its path."""
    if "properties" in field:
        yield field, path
    if isinstance(field.get("items"), dict):
        yield from _within(field["items"], f"{path}[]")
    if isinstance(field.get("additionalProperties"), dict):
        yield from _within(field["additionalProperties"], f"{path}.NAME")
    for one in [*field.get("oneOf", []), *field.get("anyOf", [])]:
        yield from _within(one, path)


def _kind(field: _Schema) -> str:
    """Return a field's type in words."""
    if "const" in field:
        return f"`{json.dumps(field['const'])}`"
    if "enum" in field:
        return ", ".join(f"`{json.dumps(value)}`" for value in field["enum"])
    if "$ref" in field:
        name = str(field["$ref"]).rpartition("/")[2]
        return {"u64": "integer", "u64_or_null": "integer, null"}.get(name, name.replace("_", " "))
    if several := field.get("oneOf") or field.get("anyOf"):
        return ", ".join(dict.fromkeys(_kind(one) for one in several))
    types = field.get("type", "any")
    kinds = [types] if isinstance(types, str) else list(types)
    of = field.get("items")
    if "array" in kinds and isinstance(of, dict):
        kinds[kinds.index("array")] = f"array of {_kind(of)}"
    return ", ".join(kinds)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
