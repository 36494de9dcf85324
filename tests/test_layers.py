"""No import circle, no long module, no needless import; tests in their places, and each reported.

The layers are contracts of import-linter (make check).
"""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import grimp
import pytest

import hwpkho
from tests.support import captures

if TYPE_CHECKING:
    from collections.abc import Iterator

_TESTS = Path(__file__).parent


def test_no_two_modules_import_each_other():
    """Imports in functions and for types count; import-linter compares only modules beside each
    other, not one with its own package.
    """
    graph = grimp.build_graph("hwpkho", cache_dir=None)
    imports = {m: graph.find_modules_directly_imported_by(m) for m in graph.modules}
    TopologicalSorter(imports).prepare()


def test_no_module_is_longer_than_400_lines():
    modules = Path(hwpkho.__file__).parent.rglob("*.py")
    lines = {str(path): path.read_bytes().count(b"\n") for path in modules}
    assert {path: n for path, n in lines.items() if n > 400} == {}


def test_a_module_and_its_test_have_the_same_place():
    package, elsewhere = Path(hwpkho.__file__).parent, []
    for test in _TESTS.rglob("test_*.py"):
        place, name = package / test.parent.relative_to(_TESTS), f"{test.stem[5:]}.py"
        if place != package and not (place / name).exists() and [*place.glob(f"*/**/{name}")]:
            elsewhere.append(test)
    assert elsewhere == []


@pytest.mark.slow
def test_a_test_stands_in_the_folder_of_a_package_that_it_calls() -> None:
    """Of tests that call hwpkho alone, and no helper that calls it for them."""
    conftests = [ast.parse(path.read_text()) for path in _TESTS.rglob("conftest.py")]
    helpers = set().union(*map(_defined, conftests)) - {"tmp_path"}
    elsewhere = []
    for path in _TESTS.rglob("test_*.py"):
        place = path.parent.relative_to(_TESTS)
        folder, tree = ".".join(("hwpkho", *place.parts, "")), ast.parse(path.read_text())
        if path.parent == _TESTS or not _is_module(folder[:-1]):
            continue
        imported, defined = _imported(tree), _defined(tree)
        for test in (name for name in defined if name.startswith("test_")):
            used = _used(test, defined)
            modules = {f"{imported[name]}." for name in used if name in imported}
            called = {m for m in modules if m.startswith("hwpkho.")} - {"hwpkho.errors."}
            helped = used & helpers or any(m.startswith("tests.") for m in modules - _HARMLESS)
            if (
                called
                and not helped
                and not any(folder.startswith(m) or m.startswith(folder) for m in called)
            ):
                elsewhere.append(f"{place}/{path.name} {test}: {' '.join(sorted(called))}")
    assert elsewhere == []


#: Helpers that call nothing themselves.
_HARMLESS = {"tests.support.examples.", "tests.support.measure."}


def _imported(tree: ast.Module) -> dict[str, str]:
    """Return the module that each imported name is, or is of."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            for name in node.names:
                module = f"{node.module}.{name.name}"
                found[name.asname or name.name] = module if _is_module(module) else str(node.module)
        elif isinstance(node, ast.Import):
            found |= {name.asname or name.name: name.name for name in node.names}
    return found


def _is_module(name: str) -> bool:
    path = Path(hwpkho.__file__).parents[1].joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


def _defined(tree: ast.Module) -> dict[str, ast.stmt]:
    """Return what a module defines, by name."""
    found: dict[str, ast.stmt] = {}
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found[node.name] = node
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            names = (n for n in ast.walk(node) if isinstance(n, ast.Name))
            found |= {n.id: node for n in names if isinstance(n.ctx, ast.Store)}
    return found


def _used(name: str, defined: dict[str, ast.stmt]) -> set[str]:
    """Return the names in what ``name`` stands for, in what these stand for, and so on."""
    used, left = set[str](), {name}
    while left:
        nodes = list(ast.walk(defined[left.pop()]))
        new = {node.id for node in nodes if isinstance(node, ast.Name)}
        new |= {node.arg for node in nodes if isinstance(node, ast.arg)}
        left |= (new - used) & defined.keys()
        used |= new
    return used


@pytest.mark.slow
def test_one_failure_does_not_hide_the_rest() -> None:
    """What a loop of a test asserts is in a subtest; hypothesis looks for one failure alone."""
    hiding = [
        f"{path.relative_to(_TESTS)}:{line}"
        for path in _TESTS.rglob("test_*.py")
        for test in ast.walk(ast.parse(path.read_text()))
        if isinstance(test, ast.FunctionDef) and test.name.startswith("test_")
        if not any(ast.unparse(x).startswith("given(") for x in test.decorator_list)
        for line in _asserted(test, looped=False)
    ]
    assert hiding == []


def _asserted(node: ast.AST, *, looped: bool) -> Iterator[int]:
    """Yield the lines in which the body of a loop asserts, apart from its subtests."""
    for child in ast.iter_child_nodes(node):
        starts = [ast.unparse(x.context_expr) for x in getattr(child, "items", ())]
        if any(start.startswith("subtests.test(") for start in starts):
            continue
        asserts = isinstance(child, ast.Assert) or "pytest.raises" in "".join(starts)
        if looped and asserts and isinstance(child, ast.stmt):
            yield child.lineno
        yield from _asserted(child, looped=looped or isinstance(child, (ast.For, ast.While)))


_CASE = captures.CAPTURES / "x86-structv1-small"
#: What a run does not need: start-up grows with every module.
_NEEDLESS = {
    "decode": "badpages.model base.tomltext efi.reader handover.luo.model inputs.mistakes"
    " judging.result memmap",
    "validate": "abi.luo efi.reader efi.model handover.luo.model inputs.lists inputs.mistakes"
    " memmap.view.parameters",
    "diff": "badpages.logs base.tomltext efi.reader handover.luo.model inputs.mistakes"
    " judging.outcome judging.result memmap",
    "encode": "base.tomltext efi.write encode.damage handover.reader judging.result"
    " judging.verdicts",
}


@pytest.mark.parametrize("command", _NEEDLESS)
def test_a_run_imports_only_what_it_calls(command: str, tmp_path: Path) -> None:
    image, listed = tmp_path / "memory.elf", tmp_path / "list"
    image.write_bytes(captures.elf(_CASE.name))
    listed.write_text("0x1234\n")
    given: dict[str, list[object]] = {
        "decode": [image],
        "validate": [image, "--memmap", _CASE / "iomem.txt"],
        "diff": [image, listed],
        "encode": [listed, "--at", "0x40000000", "--no-scratch", "-o", tmp_path / "out"],
    }
    code = (
        "import sys; from hwpkho.cli.main import run\n"
        "try:\n    run()\n"
        "finally:\n    print(*sys.modules, sep='\\n', file=sys.stderr)"
    )
    call = [sys.executable, "-c", code, command, *map(str, given[command])]
    # The checkout has a pyproject.toml, in which there may be settings.
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == (command == "diff"), done.stderr
    loaded = set(done.stderr.split("\n"))
    needless = {f"hwpkho.{name}" for name in _NEEDLESS[command].split()}
    assert "hwpkho.base.arch" in loaded
    assert all(map(find_spec, needless))  # none was renamed
    assert loaded.isdisjoint(needless)
