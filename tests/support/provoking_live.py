"""For each code that check alone reports: a tree that provokes it.

A case writes its files into a folder and returns the arguments of ``hwpkho check --json``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from hwpkho.codes import live
from tests.support import live_trees
from tests.support.live_trees import PFNS
from tests.support.program import run_cli

if TYPE_CHECKING:
    from pathlib import Path

    from hwpkho.codes import Code
    from tests.support.live_trees import LiveTree

Make = Callable[["Path"], list[object]]
CASES: dict[str, Make] = {}


def provokes(code: Code) -> Callable[[Make], Make]:
    """Register a function that makes a case which shows ``code``."""

    def register(make: Make) -> Make:
        CASES[code.id] = make
        return make

    return register


def _args(tree: LiveTree, *more: object) -> list[object]:
    return ["--root", tree.root, *more]


@provokes(live.LIST_LACKS)
def _list_lacks(folder: Path) -> list[object]:
    return _args(live_trees.made(folder, bad=[*PFNS, 0x41000, 0x41001, 0x70003]))


@provokes(live.LIST_HAS_MORE)
def _list_has_more(folder: Path) -> list[object]:
    return _args(live_trees.made(folder, bad=PFNS[:2]))


@provokes(live.COUNT_DIFFERS)
def _count_differs(folder: Path) -> list[object]:
    tree = live_trees.made(folder)
    tree.count(5)
    return _args(tree)


@provokes(live.NO_HANDOVER)
def _no_handover(folder: Path) -> list[object]:
    return _args(live_trees.of_capture("x86-none", folder))


def _saved(folder: Path) -> Path:
    before = live_trees.made(folder / "before")
    path = folder / "before.json"
    assert run_cli("check", "--root", before.root, "--save", path).code == 0
    return path


@provokes(live.PAGES_LOST)
def _pages_lost(folder: Path) -> list[object]:
    return _args(live_trees.made(folder / "after", PFNS[1:]), "--since", _saved(folder))


@provokes(live.NOT_LOADED)
def _not_loaded(folder: Path) -> list[object]:
    tree = live_trees.made(folder)
    tree.write("sys/kernel/kexec/loaded", "0\n")
    return _args(tree)


@provokes(live.HUGE_FLAG)
def _huge_flag(folder: Path) -> list[object]:
    tree = live_trees.made(folder)
    tree.flags(PFNS[2:], folios=[(0x50000, 512)])
    return _args(tree)


@provokes(live.FLAGS_SHORT)
def _flags_short(folder: Path) -> list[object]:
    tree = live_trees.made(folder)
    tree.flags(PFNS, 0x70000)
    return _args(tree)


@provokes(live.MOVED_OUT)
def _moved_out(folder: Path) -> list[object]:
    tree = live_trees.made(folder / "after", PFNS[:2])
    tree.write("proc/iomem", "40000000-60ffffff : System RAM\n62000000-7fffffff : System RAM\n")
    return _args(tree, "--since", _saved(folder))
