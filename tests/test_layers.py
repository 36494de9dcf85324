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
def test_one_failure_does_not_hide_the_rest() -> None:
    """What a loop of a test asserts is in a subtest; hypothesis looks for one failure alone."""
    hiding = [
        f"{path.relative_to(_TESTS)}:{line}"
        for path in _TESTS.rglob("test_*.py")
        for test in ast.walk(ast.parse(path.read_text()))
        if isinstance(test, ast.FunctionDef) and test.name.startswith("test_")
        if not any("given" in ast.unparse(decorator) for decorator in test.decorator_list)
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
    "decode": "badpages.model efi.reader handover.luo.model inputs.mistakes judging.result memmap",
    "validate": "abi.luo efi.reader efi.model handover.luo.model inputs.lists inputs.mistakes"
    " memmap.view.parameters",
    "diff": "badpages.logs efi.reader handover.luo.model inputs.mistakes judging.outcome"
    " judging.result memmap",
    "encode": "efi.write encode.damage handover.reader judging.result judging.verdicts",
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
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert done.returncode == (command == "diff"), done.stderr
    loaded = set(done.stderr.split("\n"))
    needless = {f"hwpkho.{name}" for name in _NEEDLESS[command].split()}
    assert "hwpkho.base.arch" in loaded
    assert all(map(find_spec, needless))  # none was renamed
    assert loaded.isdisjoint(needless)
