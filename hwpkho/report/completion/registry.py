"""The shells that there is a completion script for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base.registry import Registry

if TYPE_CHECKING:
    from hwpkho.report.completion.model import Shell

SHELLS: Registry[Shell] = Registry(
    "shell",
    {
        "bash": "hwpkho.report.completion.bash:SHELL",
        "zsh": "hwpkho.report.completion.zsh:SHELL",
        "fish": "hwpkho.report.completion.fish:SHELL",
    },
)
