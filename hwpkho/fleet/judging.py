"""Judges cases and makes their rows, in each of the processes.

Rows depend on nothing but the case and the options, so that judging a case again, here or on
another machine, makes the same rows.
"""

from __future__ import annotations

import stat
from collections import OrderedDict
from dataclasses import dataclass, replace
from functools import reduce
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from hwpkho.badpages import registry
from hwpkho.base import confining, kept
from hwpkho.base.escape import printable
from hwpkho.base.options import nothing, of_command
from hwpkho.batch import pool
from hwpkho.commands import usage
from hwpkho.commands.validate import of_case
from hwpkho.dimms import reading as dimm_files
from hwpkho.dimms.model import Dimms
from hwpkho.errors import InputError
from hwpkho.fleet import content, rows
from hwpkho.fleet.identity import Names, completed, day_of, identify
from hwpkho.fleet.known import Known, key_of
from hwpkho.fleet.rows import CaseRows
from hwpkho.inputs.case import read_inputs
from hwpkho.judging import machine
from hwpkho.judging.accept import Acceptance, apply
from hwpkho.judging.case_result import CaseResult
from hwpkho.judging.options import ValidateOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hwpkho.batch.pool import Job
    from hwpkho.fleet.identity import Identity
    from hwpkho.inputs.case import Case
    from hwpkho.judging.machine import Machine
    from hwpkho.memmap.view.regions import Regions

#: Names of the options that a judgement depends on. The files that options name are hashed instead.
_JUDGED_BY = sorted({*ValidateOptions._fields} - {"memmaps", "against", "given"})
#: Memory maps that a process caches, and views of them: a fleet has few kinds of machines.
_KEPT = 8
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Work:
    """How cases are judged.

    Attributes:
        options: Options for all cases.
        accepted: Which findings count.
        names: The pattern over the cases' names, None without one.
        known: The cases that the data set has already; None: judge all.
        named: Files that cases may read wherever they are; see :func:`pool.named`.
        shown: Pairs of a path's beginning and what messages show instead: where a copy came from.
        outside: Words for messages about paths outside the batch's folder.
    """

    options: ValidateOptions
    accepted: Acceptance
    names: Names | None = None
    known: Known | None = None
    named: tuple[str, ...] = ()
    shown: tuple[tuple[str, str], ...] = ()
    outside: confining.Outside = confining.OF_BATCH

    def __call__(self, chunk: list[Job]) -> list[CaseRows]:
        """Return the rows of each case, in order."""
        common = _Common(_signature(self.options.memmaps), _options_text(self.options))
        return [self.judge_case(job, common) for job in chunk]

    def died(self, job: Job) -> list[CaseRows]:
        """Return the row of a case whose process died, alone in a list."""
        return [self.failed(job, 3, pool.DIED)]

    def failed(self, job: Job, code: int, text: str) -> CaseRows:
        """Return the row of a case that could not be judged, for the reason ``text``.

        ``code`` is the exit code of ``hwpkho validate``.
        """
        result = CaseResult(job.case, code, (), (), self.accepted.fail_on, error=text)
        return self._unread(job, result, self._who(job))

    def judge_case(self, job: Job, common: _Common) -> CaseRows:
        """Return the rows of one case; an error becomes a row, and is never raised.

        ``common`` is computed from :attr:`options`, which most cases use as they are.
        """
        who = self._who(job)
        hashed = judged_by = None
        try:
            with (
                kept.for_call(files=True),  # hash and read the same file, even if it is replaced
                confining.confined(pool.bounds(job, self.named), self.outside),
                of_command(nothing),
            ):
                _check(job, self.outside)
                inputs, options, _ = job.prepare(self.options)
                hashed = content.of_inputs(inputs)
                own = options.memmaps is not self.options.memmaps
                maps = _Maps(options.memmaps, _signature(options.memmaps) if own else common.maps)
                text = common.options if options is self.options else _options_text(options)
                judged_by = _judged_by(options, text, maps, job.line.dimms if job.line else ())
                key, complete = _key(_ident(who, hashed), judged_by), who.complete
                if complete and self._knows(who, key):
                    return CaseRows(key.value, known=True)
                case = read_inputs(inputs, options.case, options.lists)
                who = completed(who, rows.recorded(case))
                if not complete:
                    key = _key(_ident(who, hashed), judged_by)
                    if self._knows(who, key):
                        return CaseRows(key.value, known=True)
                usage.check_pair(options.case)
                usage.refuse(options.given, usage.Facts(memmap=bool(options.memmaps), cmdline=True))
                judged = of_case(case, options, maps.memory)
                result = apply(judged, self.accepted, job.case, inputs, options.memmaps)
                dimms = ram = None
                if judged.pfns:
                    dimms, who = _dimms(job, case, inputs, maps, who)
                    ram = dimm_files.ram_of(maps.regions) if dimms and dimms.mapped else None
                found = rows.of_case(case, result, who, key.value, options.role, dimms, ram)
                return _identified(found, key, hashed)
        except Exception as error:  # a bug of hwpkho must not cost the other cases
            code, text = pool.why(error)
            text = self.called(text)
            result = CaseResult(job.case, code, (), (), self.accepted.fail_on, error=text)
            if hashed is None:
                # The message names the option that allows it, which Spark spells differently; the
                # case must get the same key from both.
                said = error.said if isinstance(error, confining.OutsideError) else None
                return self._unread(job, result, who, said and self.called(said))
            return self._error(result, who, _key(_ident(who, hashed), judged_by or b""), hashed)

    def called(self, text: str) -> str:
        """Return a message with the paths of copies replaced by :attr:`shown`."""
        for path, name in self.shown:
            text = text.replace(path, name)
        return text

    def _unread(
        self, job: Job, result: CaseResult, who: Identity, said: str | None = None
    ) -> CaseRows:
        """Return the row of a case whose inputs could not be read.

        There is no content to hash, so its key is made from ``said``, by default the error.
        """
        said = said or result.error or ""
        ident = content.digest("unread", _ident(who, b""), job.case)
        return self._error(result, who, _key(ident, content.digest(said)), None)

    def _error(
        self, result: CaseResult, who: Identity, key: _Key, hashed: bytes | None
    ) -> CaseRows:
        if self._knows(who, key):
            return CaseRows(key.value, known=True)
        return _identified(rows.of_error(result, who, key.value), key, hashed)

    def _who(self, job: Job) -> Identity:
        return identify(job.case, job.path, job.line.about if job.line else None, self.names)

    def _knows(self, who: Identity, key: _Key) -> bool:
        if self.known is None:
            return False
        day = None if who.taken_at is None else day_of(who.taken_at)
        return self.known.has(day, key.value)


class _Common(NamedTuple):
    """What is computed once for many cases from the options for all: their maps' signature and
    :func:`_options_text`.
    """

    maps: object
    options: str


class _Key(NamedTuple):
    """A hash of the capture, one of what it was judged by, and the key of both: 16 bytes each."""

    ident: bytes
    judged_by: bytes
    value: bytes


def _key(ident: bytes, judged_by: bytes) -> _Key:
    return _Key(ident, judged_by, key_of(ident, judged_by))


def _identified(found: CaseRows, key: _Key, hashed: bytes | None) -> CaseRows:
    found.host["case_id"] = key.ident.hex()
    found.host["judgement"] = key.judged_by.hex()
    found.host["content_hash"] = hashed.hex() if hashed else None
    return found


def _check(job: Job, outside: confining.Outside) -> None:
    """Raise InputError for an absolute path in a manifest whose cases must be inside its folder."""
    absolute = job.line.absolute if job.line else None
    if absolute is not None and job.within is not None:
        raise confining.OutsideError(f"{printable(absolute)}: an absolute path", outside.allows)


def _ident(who: Identity, hashed: bytes) -> bytes:
    return content.digest(who.host or "", "" if who.taken_at is None else str(who.taken_at), hashed)


def _dimms(
    job: Job, case: Case, inputs: Sequence[str], maps: _Maps, who: Identity
) -> tuple[Dimms | None, Identity]:
    """Return the DIMMs that a case's listings, logs and maps tell of, None for none; and ``who``.

    A listing that cannot be understood becomes a remark in ``who``: the case is judged without it.
    """
    named = job.line.dimms if job.line else ()
    own = inputs if case.pages is not None and registry.may_name_dimms(case.pages) else ()
    try:
        found = [
            *([dimm_files.read(named)] if named else []),
            *([dimm_files.read(own, sure=False)] if own else []),
            *([maps.dimms()] if maps.paths else []),
        ]
    except (InputError, OSError) as error:
        remark = f"dimms: {pool.why(error)[1]}"
        return None, replace(who, remark=f"{who.remark}; {remark}" if who.remark else remark)
    return reduce(Dimms.joined, found, Dimms()) or None, who


def _judged_by(options: ValidateOptions, text: str, maps: _Maps, dimms: Sequence[str]) -> bytes:
    """Return 16 bytes: a hash of the maps, listings and options by which a case is judged."""
    against = [spec for spec in options.against if isinstance(spec, str)]
    files = (maps.hash(), content.of_inputs(against), content.of_inputs(dimms))
    return content.digest(*files, text)


def _options_text(options: ValidateOptions) -> str:
    """Return the options :data:`_JUDGED_BY` that are not defaults, as stable text."""
    values = attrgetter(*_JUDGED_BY)(options)
    plain = attrgetter(*_JUDGED_BY)(ValidateOptions())
    named = zip(_JUDGED_BY, values, plain, strict=True)
    return str([(name, _stable(value)) for name, value, usual in named if value != usual])


def _stable(value: object) -> str:
    """Return options as text that is the same in every process, and in every version.

    Options with their default value are left out: another version may have more of them.
    """
    if names := getattr(value, "_fields", ()):
        made: Any = type(value)
        plain = made()
        set_ = {n: getattr(value, n) for n in sorted(names)}
        return str([(n, _stable(v)) for n, v in set_.items() if v != getattr(plain, n)])
    if isinstance(value, frozenset):
        return str(sorted(map(_stable, value)))
    return str([_stable(v) for v in value]) if isinstance(value, tuple) else repr(value)


class _Maps:
    """The memory maps of a case. Most cases share their maps, so they are cached by signature.

    Args:
        paths: The files.
        key: Their signature; None: do not cache.
    """

    def __init__(self, paths: Sequence[str], key: object) -> None:
        self.paths = paths
        self._key = key
        self.regions: Regions | None = None

    def hash(self) -> bytes:
        """Return the SHA-256 of their contents (32 bytes)."""
        return self._once(_hashes, self._key, lambda: content.of_inputs(self.paths))

    def dimms(self) -> Dimms:
        """Return the DIMMs that they tell of."""
        return self._once(_listings, self._key, lambda: dimm_files.read(self.paths, sure=False))

    def memory(self, options: ValidateOptions, machines: Sequence[Machine]) -> Regions | None:
        """Return the view of memory by them, None without maps, and set :attr:`regions` to it.

        See :func:`machine.memory`.
        """
        key = self._key and (
            self._key,
            options.boot,
            options.map_name,
            options.iomem_of,
            options.next_cmdline,
            options.case.arch,
            tuple(m._replace(name="") for m in machines),
        )
        self.regions = self._once(_views, key, lambda: machine.memory(options, machines))
        return self.regions

    def _once(self, kept: OrderedDict[object, V], key: object, made: Callable[[], V]) -> V:
        if key is None:
            return made()
        if key not in kept:
            kept[key] = made()
            if len(kept) > _KEPT:
                kept.popitem(last=False)
        return kept[key]


_views: OrderedDict[object, Regions | None] = OrderedDict()
_hashes: OrderedDict[object, bytes] = OrderedDict()
_listings: OrderedDict[object, Dimms] = OrderedDict()


def _signature(paths: Sequence[str]) -> object:
    """Return device, inode, size and mtime of each file: equal only if the files are the same.

    None for no files, and if one is not a regular file.
    """
    found = []
    for path in paths:
        try:
            status = Path(path).stat()
        except (OSError, ValueError):
            return None
        if not stat.S_ISREG(status.st_mode):
            return None
        found.append((path, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns))
    return tuple(found) or None
