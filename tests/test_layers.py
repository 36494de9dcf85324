"""No import circle; the layers themselves are contracts of import-linter (make check)."""

from __future__ import annotations

from graphlib import TopologicalSorter

import grimp


def test_no_two_modules_import_each_other():
    """Imports in functions and for types count; import-linter compares only modules beside each
    other, not one with its own package.
    """
    graph = grimp.build_graph("hwpkho", cache_dir=None)
    imports = {m: graph.find_modules_directly_imported_by(m) for m in graph.modules}
    TopologicalSorter(imports).prepare()
