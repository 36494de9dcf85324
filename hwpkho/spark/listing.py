"""What the driver does: lists the cases with their sizes, and reads the memory maps for all cases.

Cases on a file system that all executors have mounted are judged where they are. Cases at a URL are
copied to an executor's disk when it comes to them (:mod:`hwpkho.spark.copying`).
"""

from __future__ import annotations

import errno
import os
import re
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from hwpkho.base import opening, temporary
from hwpkho.base.escape import printable
from hwpkho.batch import manifest
from hwpkho.batch.pool import Job
from hwpkho.errors import InputError, UsageError
from hwpkho.fleet import add
from hwpkho.inputs.folder import natural
from hwpkho.spark.planning import Sized
from hwpkho.spark.remote import Remote, is_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hwpkho.spark.options import Settings

#: Files whose sizes are added up for a case that is a folder.
_LOOKED_AT = 4096
#: Bytes of a memory map, or of a log with one, at most: it is sent to every task.
_MAX_MAP = 64 << 20
#: Names of archives, which are cases in a folder of cases; at a URL nothing is opened to tell.
_ARCHIVE = re.compile(r"\.(tar(\.[a-z0-9]+)?|tgz|tbz2?|txz|tzst)$")


def cases(settings: Settings) -> Iterator[Sized]:
    """Yield the cases that the options name, with the bytes of their inputs.

    The bytes are 0 if nothing limits the bytes of a task. Raises InputError if there are no cases
    or they cannot be listed, UsageError if the option ``names`` fits none of them.
    """
    where = settings.batch or settings.cases or ""
    found = _at_url(settings, where) if is_url(where) else _on_disk(settings, where)
    names = settings.work.names
    first, fits = None, names is None
    try:
        for sized in found:
            first = first or sized.job
            fits = fits or (names is not None and names.match(sized.job.path) is not None)
            yield sized
    except OSError as error:
        raise InputError(
            f"{printable(where)}: {printable(error.strerror or str(error))}"
        ) from error
    if first is None:
        raise InputError(f"{printable(where)}: no case there")
    if not fits and names is not None:
        raise UsageError(
            f"names: no case ends with {printable(names.text)}; the first is "
            f"{printable(first.path)}"
        )


def check(settings: Settings) -> None:
    """Raise InputError if the manifest, the folder of cases or a memory map does not exist.

    Nothing is read: errors in them are raised when the cases are listed.
    """
    for name in (*filter(None, [settings.batch]), *settings.memmaps):
        try:
            if is_url(name):
                remote = Remote.of(name)
                there = bool(remote.system.exists(remote.root))
            else:
                there = Path(name.removeprefix("file://")).exists()
        except (OSError, ValueError) as error:
            said = getattr(error, "strerror", None) or str(error)
            raise InputError(f"{printable(name)}: {printable(said)[:200]}") from error
        if not there:
            raise InputError(f"{printable(name)}: {os.strerror(errno.ENOENT)}")


def maps(settings: Settings) -> tuple[tuple[str, bytes], ...]:
    """Return path and contents of each memory map for all cases.

    Raises InputError if one cannot be read or is larger than ``_MAX_MAP``.
    """
    found = []
    for path in settings.memmaps:
        if is_url(path):
            remote = Remote.of(path)
            data = remote.small(remote.root, _MAX_MAP)
        else:
            data = opening.small(path, _MAX_MAP)
        if len(data) > _MAX_MAP:
            raise InputError(
                f"{printable(path)}: larger than {_MAX_MAP} bytes, too large for a memory map"
            )
        found.append((path, data))
    return tuple(found)


def _on_disk(settings: Settings, where: str) -> Iterator[Sized]:
    path = str(Path(where.removeprefix("file://")).absolute())
    if settings.batch is not None:
        todo: Iterable[Job] = add.jobs((), path, outside=settings.outside)[0]
    else:
        todo = add.jobs(sorted(map(str, Path("/").glob(path.lstrip("/")))), None, outside=False)[0]
    for job in todo:
        yield Sized(job, 0 if settings.bounds.bytes is None else _bytes_of(job))


def _bytes_of(job: Job) -> int:
    specs = job.line.inputs if job.line is not None else (job.folder or "",)
    return sum(map(_bytes_at, specs))


def _bytes_at(spec: str) -> int:
    """Return the bytes of a file, or of the files in a folder; 0 if it cannot be read."""
    for path in filter(None, (spec, spec.rpartition("@")[0])):
        try:
            if not Path(path).is_dir():
                return Path(path).stat().st_size
            found = islice(Path(path).rglob("*"), _LOOKED_AT)
            return sum(p.stat().st_size for p in found if p.is_file())
        except (OSError, ValueError):
            continue
    return 0


def _at_url(settings: Settings, where: str) -> Iterator[Sized]:
    remote = Remote.of(where)
    if settings.batch is None:
        yield from _matching(remote)
    elif remote.is_folder(remote.root):
        yield from _in_folder(remote, outside=settings.outside)
    else:
        yield from _in_manifest(remote, settings)


def _matching(remote: Remote) -> Iterator[Sized]:
    for key, size in remote.matching():
        name = printable(remote.url(key))
        yield Sized(Job(name, line=manifest.Line(name, 0, (key,), options={})), size)


def _in_folder(remote: Remote, *, outside: bool) -> Iterator[Sized]:
    sizes: dict[str, int] = {}
    for inside, size in remote.sizes(remote.root).items():
        name, slash, _ = inside.partition("/")
        if not name.startswith(".") and (slash or _ARCHIVE.search(name)):
            sizes[name] = sizes.get(name, 0) + size
    within = None if outside else remote.root
    for name in sorted(sizes, key=natural):
        yield Sized(Job(printable(name), f"{remote.root}/{name}", within=within), sizes[name])


def _in_manifest(remote: Remote, settings: Settings) -> Iterator[Sized]:
    root = remote.root.rpartition("/")[0]
    sizes = {} if settings.bounds.bytes is None else remote.sizes(root)
    within = None if settings.outside else root
    with temporary.folder() as folder:
        local = str(folder / "manifest")
        remote.copy(remote.root, local)
        for line in manifest.read(local, distinct=False, called=remote.root):
            size = sum(sizes.get(p.removeprefix(f"{root}/"), 0) for p in line.inputs)
            yield Sized(Job(line.case, line=line, within=within), size)
