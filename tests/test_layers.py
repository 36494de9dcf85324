"""No import circle, no long module, no needless import.

The layers are contracts of import-linter (make check).
"""

from __future__ import annotations

import subprocess
import sys
from graphlib import TopologicalSorter
from importlib.util import find_spec
from pathlib import Path

import grimp
import pytest

import hwpkho
from tests.support import captures


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
    package, tests = Path(hwpkho.__file__).parent, Path(__file__).parent
    for test in tests.rglob("test_*.py"):
        place, name = package / test.parent.relative_to(tests), f"{test.stem[5:]}.py"
        deeper = place != package and [*place.glob(f"*/**/{name}")]
        assert (place / name).exists() or not deeper, test


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
