"""No import circle, no long module; the layers are contracts of import-linter (make check)."""

from __future__ import annotations

from graphlib import TopologicalSorter
from pathlib import Path

import grimp

import hwpkho


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
