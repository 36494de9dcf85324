"""Writes metrics to standard output, or to a file for node_exporter's textfile collector.

The collector may read any ``*.prom`` of its folder at any moment, so a new file replaces the old
one by a rename.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from hwpkho.base import opening, output
from hwpkho.errors import InputError
from hwpkho.report.check import metrics

if TYPE_CHECKING:
    from hwpkho.commands.check_result import Checked

_HEAD = b"# HELP hwpkho_check_info "


def check_place(path: str, *, force: bool, inputs: tuple[str, ...] = ()) -> None:
    """Raise UsageError if writing to ``path`` would replace an input or a file that is not ours.

    A file that metrics wrote earlier may be replaced; any other only with ``force``.
    """
    output.check_input(path, *inputs)
    output.check_file(path, force=force or _ours(path))


def write(checked: Checked, path: str, *, force: bool) -> None:
    """Write the metrics to ``path``; ``-`` is standard output.

    Raises what :func:`hwpkho.base.output.file` raises.
    """
    text = "".join(metrics.text(checked, time.time()))
    with output.file(path, force=force or _ours(path)) as out:
        out.write(text.encode())


def _ours(path: str) -> bool:
    """Tell whether ``path`` is a file that metrics wrote earlier, and may replace."""
    if path == output.STDOUT or not Path(path).is_file():
        return False
    try:
        return opening.small(path, len(_HEAD)).startswith(_HEAD)
    except InputError:
        return False
