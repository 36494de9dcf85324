"""Where metrics go: to standard output, or to a file that node_exporter's textfile collector reads.

The collector reads every ``*.prom`` of a folder at any moment: a file takes its place in one step.
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
    """Raise UsageError where writing to ``path`` would replace an input, or what is not ours."""
    output.check_input(path, *inputs)
    output.check_file(path, force=force or _ours(path))


def write(checked: Checked, path: str, *, force: bool) -> None:
    """Write the metrics; ``-`` is standard output. Raises as :func:`hwpkho.base.output.file`."""
    text = "".join(metrics.text(checked, time.time()))
    with output.file(path, force=force or _ours(path)) as out:
        out.write(text.encode())


def _ours(path: str) -> bool:
    """Tell whether a file is one that metrics wrote: the next one takes its place."""
    if path == output.STDOUT or not Path(path).is_file():
        return False
    try:
        return opening.small(path, len(_HEAD)).startswith(_HEAD)
    except InputError:
        return False
