"""Writing files and folders: completely or not at all, and never over something by accident.

Output is written beside its target under a temporary name, then renamed in one step; several
outputs may be renamed together. Signals are held back during a step: a program that they end leaves
the old output or the new one, and no temporary file. ``-`` is standard output.
"""

from __future__ import annotations

import io
import os
import stat
import sys
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from hwpkho.base import places
from hwpkho.base.escape import printable
from hwpkho.base.named_file import NamedFile, named
from hwpkho.base.options import called, option
from hwpkho.base.undisturbed import undisturbed
from hwpkho.errors import InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

STDOUT = "-"
_together: ContextVar[Together | None] = ContextVar("_together", default=None)
#: Modes of a new file before the umask: readable by anybody, and by its owner alone.
_PUBLIC, _PRIVATE = 0o666, 0o600


def check_file(path: str, *, force: bool) -> None:
    """Raise the UsageError with which :func:`file` would refuse ``path``; nothing is written."""
    if path == STDOUT:
        return
    _check_name(path)
    kind = _kind(Path(path))
    if kind is None or _is_stream(kind):
        return
    if not stat.S_ISREG(kind):
        raise UsageError(f"{printable(path)}: exists and is not a regular file")
    if not force:
        raise UsageError(f"{printable(path)}: exists; give {option('force')} to overwrite it")


def check_terminal(what: str, path: str) -> None:
    """Raise UsageError where ``what``, which is binary, would go to a terminal."""
    if path == STDOUT and sys.stdout.isatty():
        raise UsageError(
            f"{what} is binary and standard output is a terminal: give {called('out', '-o FILE')}"
        )


def is_stream(path: str) -> bool:
    """Tell whether ``path`` is standard output, a character device or a pipe."""
    if path == STDOUT:
        return True
    kind = _kind(Path(path))
    return kind is not None and _is_stream(kind)


def _check_name(path: str) -> None:
    """Raise UsageError for an empty name, such as an unset shell variable gives."""
    if not path:
        stdout = called("", "; - is standard output")
        raise UsageError(f"the name of an output is empty{stdout}")


def check_input(path: str, *inputs: str) -> None:
    """Raise UsageError where writing to ``path`` would replace one of ``inputs``.

    Inputs are as a user names them: files, ``FILE@0xBASE``, and folders, whose files count up to
    four levels deep (a copy of debugfs has three).
    """
    if path == STDOUT:
        return
    try:
        target = Path(path).stat()
    except (OSError, ValueError):
        return  # nothing is there to be replaced
    for other in inputs:
        based = other.rpartition("@")[0]
        for name in (other, based) if based else (other,):
            place = Path(name)
            if any(_same(target, file) for file in chain([place], places.files(place, 4))):
                raise UsageError(f"{printable(path)}: is an input; give another output")


def _same(target: os.stat_result, path: Path) -> bool:
    try:
        return os.path.samestat(target, path.stat())
    except (OSError, ValueError):
        return False


def clash(first: str, second: str) -> str | None:
    """Tell whether two outputs collide: ``there`` for one path, ``in one another``, or None."""
    if STDOUT in (first, second):
        return None
    one, other = Path(os.path.realpath(first)), Path(os.path.realpath(second))
    if one == other:
        return "there"
    return "in one another" if one in other.parents or other in one.parents else None


def check_apart(path: str, *others: str) -> None:
    """Raise UsageError where ``path`` is another output's path, or one is inside the other."""
    for where in filter(None, (clash(path, other) for other in others)):
        raise UsageError(f"{printable(path)}: two outputs would lie {where}")


def check_folder(path: str, ours: Callable[[str], bool], *, force: bool) -> None:
    """Raise the UsageError with which :func:`folder` would refuse ``path``; nothing is written."""
    _check_name(path)
    target = Path(path)
    kind = _kind(target)
    if kind is None:
        return
    name = printable(path)
    if not stat.S_ISDIR(kind):
        raise UsageError(f"{name}: exists and is not a folder")
    with named(path):
        inside = [entry.name for entry in target.iterdir()]
    foreign = next((n for n in sorted(inside) if not ours(n)), None)
    if foreign is not None:
        raise UsageError(f"{name}: holds {printable(foreign)}, which hwpkho did not write")
    if inside and not force:
        raise UsageError(f"{name}: exists; give {option('force')} to overwrite it")


class _Stream(io.BufferedIOBase):
    """An output that is not seekable, even if the file behind it is.

    Standard output may be a file that others append to.
    """

    def __init__(self, out: BinaryIO) -> None:
        self._out = out

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        return self._out.write(data)

    def flush(self) -> None:
        if not self._out.closed:  # the finalizer of this object flushes too, perhaps later
            self._out.flush()


class _Ready(NamedTuple):
    """An output that is written completely: its temporary path ``part`` and its ``target``.

    ``check`` raises UsageError where the target may not be replaced any more.
    """

    path: str
    part: Path
    target: Path
    check: Callable[[], None]
    force: bool


class Together:
    """The outputs of one :func:`together`: at the end all are renamed into place, or none."""

    def __init__(self) -> None:
        self._parts: list[Path] = []
        self._targets: list[str] = []
        self._ready: list[_Ready] = []
        self._added: list[tuple[str, BinaryIO, bytes]] = []

    @contextmanager
    def file(self, path: str, *, force: bool = False, private: bool = False) -> Iterator[BinaryIO]:
        """Open ``path`` for writing; see :func:`file`."""
        check_file(path, force=force)
        if path == STDOUT:
            with named("standard output"):
                yield cast("BinaryIO", _Stream(sys.stdout.buffer))
                sys.stdout.buffer.flush()
            return
        kind = _kind(Path(path))
        if kind is not None and _is_stream(kind):
            # Not by its real path: /dev/stdout and /dev/fd/N may lead to a pipe, which has none.
            with named(path), _opened(path) as stream:
                yield cast("BinaryIO", _Stream(stream))
            return
        target = Path(os.path.realpath(path))
        part = self._beside(target, path)
        with named(path):
            with undisturbed():
                descriptor = os.open(
                    part,
                    os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC,
                    _PRIVATE if private or kind is not None else _PUBLIC,
                )
                out = io.BufferedWriter(NamedFile(descriptor, path))
            with out:
                yield cast("BinaryIO", out)
                out.flush()
                if kind is not None:
                    _as_before(out.fileno(), target, private=private)
                os.fsync(out.fileno())
        self._ready.append(_Ready(path, part, target, lambda: check_file(path, force=True), force))

    @contextmanager
    def folder(
        self, path: str, ours: Callable[[str], bool], *, force: bool = False
    ) -> Iterator[Path]:
        """Yield a new folder to fill; see :func:`folder`."""
        check_folder(path, ours, force=force)
        target = Path(os.path.realpath(path))
        part = self._beside(target, path)
        with named(path):
            with undisturbed():
                part.mkdir()
            yield part
            if target.is_dir():
                part.chmod(stat.S_IMODE(target.stat().st_mode))
            for written in part.iterdir():
                _sync(written)
            _sync(part)
        self._ready.append(
            _Ready(path, part, target, lambda: check_folder(path, ours, force=force), True)
        )

    def add(self, path: str, data: bytes) -> None:
        """Append ``data`` to a file, once everything else is in place.

        Raises InputError where the file cannot be opened.
        """
        with named(path):
            self._added.append((path, Path(path).open("ab"), data))  # noqa: SIM115  # close() does

    def commit(self) -> None:
        """Rename every output into place, undoing all where one fails; then append.

        Raises InputError or UsageError.
        """
        if self._ready:
            self._put()
        for path, file, data in self._added:
            with named(path), file:
                file.write(data)

    def close(self) -> None:
        """Close the files that :meth:`add` opened."""
        for _, file, _ in self._added:
            file.close()

    def _put(self) -> None:
        from hwpkho.base import renaming  # ctypes is slow to import

        with undisturbed():
            done: list[_Ready] = []
            try:
                for ready in self._ready:
                    with named(ready.path):
                        ready.check()
                        renaming.put(ready.part, ready.target, force=ready.force)
                    done.append(ready)
            except BaseException:
                for ready in reversed(done):
                    with suppress(OSError):
                        renaming.take_back(ready.part, ready.target)
                raise
            finally:
                self.discard()
            for folder in {ready.target.parent for ready in done}:
                _sync(folder)

    def discard(self) -> None:
        """Remove the temporary files: outputs that failed, and what was replaced."""
        with undisturbed():
            for part in self._parts:
                if part.is_dir():
                    import shutil

                    shutil.rmtree(part, ignore_errors=True)
                else:
                    with suppress(OSError):
                        part.unlink(missing_ok=True)
            self._parts.clear()

    def _beside(self, target: Path, path: str) -> Path:
        """Return a temporary path beside ``target``; UsageError where it is another's target."""
        check_apart(path, *self._targets)
        self._targets.append(str(target))
        part = target.with_name(f".hwpkho-{os.urandom(8).hex()}.part")
        self._parts.append(part)
        return part


@contextmanager
def together() -> Iterator[Together]:
    """Yield a :class:`Together` whose outputs are renamed into place together, at the block's end.

    Where one of them fails, all targets stay as they were. Only a crash of the machine, or SIGKILL
    between two successive renames, leaves some old and some new. Appending comes after that. Inside
    another such block the outer one is yielded, and its end counts. Raises InputError where an
    output cannot be written, UsageError where two of them collide.
    """
    outer = _together.get()
    if outer is not None:
        yield outer
        return
    writing = Together()
    token = _together.set(writing)
    try:
        yield writing
        writing.commit()
    finally:
        _together.reset(token)
        writing.discard()
        writing.close()


@contextmanager
def file(path: str, *, force: bool = False, private: bool = False) -> Iterator[BinaryIO]:
    """Open ``path`` for writing bytes; it appears under its name when the block ends without error.

    Only the owner may read a new ``private`` file; a file that is replaced keeps its mode.
    Character devices and pipes are written to directly. Raises UsageError where ``path`` exists
    and ``force`` is not given, or is not a regular file; InputError where it cannot be written.
    """
    with together() as writing, writing.file(path, force=force, private=private) as out:
        yield out


@contextmanager
def folder(path: str, ours: Callable[[str], bool], *, force: bool = False) -> Iterator[Path]:
    """Yield a new folder to fill; it takes the place of ``path`` when the block ends without error.

    An existing folder is replaced where it is empty, or, with ``force``, where ``ours`` is true of
    every name in it; otherwise raises UsageError. Raises InputError where it cannot be written.
    """
    with together() as writing, writing.folder(path, ours, force=force) as filled:
        yield filled


def _opened(path: str) -> BinaryIO:
    """Open a device or a pipe. Raises UsageError where it was replaced by something else."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOCTTY)
    out = io.BufferedWriter(NamedFile(descriptor, path))
    if not _is_stream(os.fstat(out.fileno()).st_mode):
        out.close()
        raise UsageError(f"{printable(path)}: is no longer a device or a pipe")
    return cast("BinaryIO", out)


def _as_before(descriptor: int, target: Path, *, private: bool) -> None:
    """Give a file the mode of the one it replaces, and its owner unless it is to be private."""
    before = target.stat()
    if not private:
        with suppress(OSError):
            os.fchown(descriptor, before.st_uid, before.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(before.st_mode))


def _sync(path: Path) -> None:
    with suppress(OSError):  # some file systems cannot fsync a folder; the data is written anyway
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _kind(path: Path) -> int | None:
    with named(str(path)):
        try:
            return path.stat().st_mode
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise InputError(f"{printable(str(path))}: not a path") from error


def _is_stream(mode: int) -> bool:
    return stat.S_ISCHR(mode) or stat.S_ISFIFO(mode)
