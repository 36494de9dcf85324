"""A shell whose script has the commands and nothing else, a line each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.report.completion.model import Shell
from hwpkho.report.completion.registry import SHELLS

if TYPE_CHECKING:
    from hwpkho.report.completion.model import Command


def _script(root: Command, program: str) -> str:
    return "".join(f"{program} {' '.join(command.path)}\n" for command in root.commands)


SHELL = Shell("toy-shell", "share/toy/{}", _script)


def register() -> None:
    SHELLS.register(SHELL.name, SHELL)


def unregister() -> None:
    SHELLS.unregister(SHELL.name)
