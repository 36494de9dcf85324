"""Writes a target's files, with the device tree beside them: all of it or nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hwpkho.base import output
from hwpkho.base.escape import printable
from hwpkho.encode.targets.base import FileTarget, FolderTarget
from hwpkho.errors import UsageError

if TYPE_CHECKING:
    from hwpkho.badpages.model import Loss
    from hwpkho.encode.targets.base import Target, ToWrite


def check(target: Target, path: str, dtb_path: str | None, *, force: bool) -> None:
    """Raise UsageError where ``path`` or ``dtb_path`` may not be written; called before any work.

    ``force`` allows replacing a file, or a folder that the target made.
    """
    if dtb_path is not None:
        output.check_file(dtb_path, force=force)
    if target.binary:
        output.check_terminal(target.name, path)
    if not isinstance(target, FolderTarget):
        output.check_file(path, force=force)
    elif path == output.STDOUT:
        raise UsageError("a folder cannot go to standard output; give -o FOLDER")
    else:
        output.check_folder(path, target.owns, force=force)


def save(
    target: Target,
    what: ToWrite,
    path: str,
    dtb: bytes | None,
    dtb_path: str | None,
    *,
    force: bool,
) -> Loss | None:
    """Write ``what`` to ``path``, and the device tree to ``dtb_path`` where that is a file.

    Both are replaced together, or neither is. Return what the form of a list could not express
    exactly, None if nothing.

    Raises UsageError where a path may not be replaced, InputError where it cannot be written.
    """
    with output.together() as writing:
        if dtb is not None and dtb_path is not None:
            with writing.file(dtb_path, force=force) as tree:
                tree.write(dtb)
            dtb = None
        if isinstance(target, FileTarget):
            with writing.file(path, force=force) as out:
                return target.write(what, out)
        if isinstance(target, FolderTarget):
            with writing.folder(path, target.owns, force=force) as folder:
                target.fill(what, folder, dtb)
        return None


def same_file(first: str, second: str) -> bool:
    """Tell whether two paths name one file."""
    try:
        return Path(first).samefile(second)
    except OSError:
        return False


def default_dtb_path(target: Target, path: str) -> str | None:
    """Return the path of the device tree beside ``path``; None: it goes into the target's folder.

    Raises UsageError where the target has no use for one, or writes to standard output.
    """
    if not target.bootable:
        raise UsageError(f"--dtb goes with a whole handover, not with --to {target.name}")
    if isinstance(target, FolderTarget):
        return None
    if path == output.STDOUT:
        raise UsageError("--dtb with standard output needs --dtb-out FILE")
    return f"{path}.dtb"


def dtb_in(target: Target, path: str) -> str:
    """Return the path of a device tree without one of its own, in the folder ``path``."""
    return f"{path}/{target.dtb}" if isinstance(target, FolderTarget) else path


def shown(path: str) -> str:
    """Return a path for messages."""
    return "standard output" if path == output.STDOUT else printable(path)
