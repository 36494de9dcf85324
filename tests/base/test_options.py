"""Options in messages are spelled as the caller wrote them."""

from __future__ import annotations

import ast
import inspect
import re
from typing import TYPE_CHECKING

import pytest

import hwpkho
from hwpkho.api.inputs import Judging
from hwpkho.base.options import of_library, option
from tests.support import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: What only the command line reaches, and what explains it.
_COMMAND_LINE = {
    "cli", "report", "batch", "codes", "commands/encode.py", "commands/encode_handover.py",
    "encode/targets/saving.py", "commands/memmap.py", "commands/check.py", "commands/check_look.py",
    "commands/watch.py", "fleet", "base/options.py",
}  # fmt: skip
_FUNCTIONS = (hwpkho.build, hwpkho.merge, hwpkho.write_list, hwpkho.read_memmap)
_PARAMETERS = {*Judging.__annotations__}.union(
    *(inspect.signature(f).parameters for f in _FUNCTIONS)
)


def test_spelling() -> None:
    assert option("page_size", 4096) == "--page-size 4096"
    assert option("map_name") == "--map"
    with of_library():
        assert option("page_size", 4096) == "page_size=4096"
        assert option("form") == "form"


def _texts(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the strings of a module with their lines, without docstrings and commands to run."""
    source = path.read_text()
    if "--" not in source:
        return
    tree = ast.parse(source)
    said = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):  # what a format is, for tables
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "about":
            said.update(map(id, ast.walk(node.value)))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
            yield node.lineno, re.sub(r"hwpkho (list|encode|memmap|validate) .*", "", node.value)


@pytest.mark.parametrize("package", sorted(p.name for p in (ROOT / "hwpkho").iterdir()))
def test_what_the_library_says_names_parameters(package: str) -> None:
    """A parameter of the library is never spelled as an option in a message that it may raise."""
    spelled = re.compile(r"--([a-z][a-z-]*)")
    found = []
    top = ROOT / "hwpkho" / package
    for path in sorted(top.rglob("*.py")) if top.is_dir() else ():
        name = str(path.relative_to(ROOT / "hwpkho"))
        if {name, name.split("/")[0]} & _COMMAND_LINE:
            continue
        for line, text in _texts(path):
            words = {w.replace("-", "_") for w in spelled.findall(text)}
            if words & {*_PARAMETERS, "map", "from"} - {"pfns"}:
                found.append(f"{name}:{line}: {text}")
    assert not found
