"""Temporary files and folders; they are gone when the block ends, however it ends."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

from hwpkho.base.undisturbed import undisturbed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO


@contextmanager
def file() -> Iterator[BinaryIO]:
    """Yield a file without a name, which nobody else can open. Raises OSError."""
    import tempfile  # it imports much of the standard library and is rarely needed

    with ExitStack() as stack:
        with undisturbed():  # without O_TMPFILE the file has a name for a moment
            spool = cast("BinaryIO", stack.enter_context(tempfile.TemporaryFile()))
        yield spool


@contextmanager
def folder(within: str | None = None) -> Iterator[Path]:
    """Yield an empty folder of mode 0700, in the folder ``within`` if given. Raises OSError."""
    import shutil
    import tempfile

    made = None
    try:
        with undisturbed():
            made = Path(tempfile.mkdtemp(prefix="hwpkho-", dir=within))
        yield made
    finally:
        if made is not None:
            with undisturbed():
                shutil.rmtree(made, ignore_errors=True)
