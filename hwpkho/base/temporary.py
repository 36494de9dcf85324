"""Files and folders for the time of a call. Whatever ends it, they are gone then."""

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
    import tempfile  # a third of the standard library hangs on it, and it is rarely needed

    with ExitStack() as stack:
        with undisturbed():  # on some file systems it has a name for a moment
            spool = cast("BinaryIO", stack.enter_context(tempfile.TemporaryFile()))
        yield spool


@contextmanager
def folder(within: str | None = None) -> Iterator[Path]:
    """Yield an empty folder that nobody else may enter, in another one if asked. Raises OSError."""
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
