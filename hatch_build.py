"""Puts the completion files into a wheel: hatchling runs this; see its manual of build hooks.

They are made from the command line as it is, so that none is kept and none is out of date.
"""

from __future__ import annotations

import sys
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CompletionHook(BuildHookInterface):  # type: ignore[type-arg]  # its parameter is internal
    """Writes a file for each shell, at its place below the environment's ``share``."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make the files; an editable installation gets none, because it has no place for them."""
        if version == "editable":
            return
        sys.path.insert(0, self.root)
        from hwpkho.cli import tree
        from hwpkho.cli.main import main
        from hwpkho.report.completion.registry import SHELLS

        root = tree.read(main)
        self._folder = Path(mkdtemp(prefix="hwpkho-completion-"))
        for shell in SHELLS:
            file = self._folder / shell.name
            file.write_text(shell.script(root, "hwpkho"), "utf-8")
            build_data["shared_data"][str(file)] = shell.place.format("hwpkho")

    def finalize(self, version: str, *_args: object) -> None:
        """Remove them."""
        if version != "editable":
            rmtree(self._folder)
