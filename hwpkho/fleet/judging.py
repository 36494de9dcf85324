"""What a process does with the cases that it gets: it judges them and makes their rows.

No row depends on anything but the case and the options, so that whoever judges it again, here or on
another machine, makes the same rows.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from hwpkho.base import confining, opening
from hwpkho.base.escape import printable
from hwpkho.batch import pool
from hwpkho.commands import usage
from hwpkho.commands.validate import of_case
from hwpkho.dimms import reading as dimm_files
from hwpkho.errors import InputError
from hwpkho.fleet import content, rows
from hwpkho.fleet.identity import Names, completed, day_of, identify
from hwpkho.fleet.known import Known, key_of
from hwpkho.fleet.rows import CaseRows
from hwpkho.inputs.case import read_inputs
from hwpkho.judging import machine
from hwpkho.judging.accept import Acceptance, apply
from hwpkho.judging.case_result import CaseResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hwpkho.batch.pool import Job
    from hwpkho.dimms.model import Dimms
    from hwpkho.fleet.identity import Identity
    from hwpkho.inputs.case import Case
    from hwpkho.judging.machine import Machine
    from hwpkho.judging.options import ValidateOptions
    from hwpkho.judging.result import Validation
    from hwpkho.memmap.view.regions import Regions

#: Views of memory that a process keeps: a fleet has few kinds of machines.
_KEPT = 8
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Work:
    """How cases are judged.

    Attributes:
        options: Of all cases.
        accepted: Which findings count.
        names: The pattern over names, None without one.
        known: What the data set has already; None: nothing.
    """

    options: ValidateOptions
    accepted: Acceptance
    names: Names | None = None
    known: Known | None = None

    def __call__(self, chunk: list[Job]) -> list[CaseRows]:
        """Return the rows of some cases."""
        return [self.judge(job) for job in chunk]

    def died(self, job: Job) -> list[CaseRows]:
        """Return the row of a case whose process died."""
        return [self.failed(job, 3, pool.DIED)]

    def failed(self, job: Job, code: int, text: str) -> CaseRows:
        """Return the row of a case of which nothing is known but why it could not be judged."""
        result = CaseResult(job.case, code, (), (), self.accepted.fail_on, error=text)
        return self._unread(job, result, self._who(job))

    def judge(self, job: Job) -> CaseRows:
        """Return the rows of one case, whatever goes wrong with it."""
        who = self._who(job)
        hashed = judged_by = ident = None
        try:
            with opening.kept(), confining.confined(pool.bounds(job, self.options)):
                _check(job)
                inputs, options, _ = job.prepare(self.options)
                hashed = content.of_inputs(inputs)
                judged_by = _judged_by(options, job.line.dimms if job.line else ())
                case = read_inputs(inputs, options.case, options.lists)
                who = completed(who, rows.recorded(case))
                ident = _ident(who, hashed)
                key = key_of(ident, judged_by)
                if self._knows(who, key):
                    return CaseRows(key, known=True)
                usage.check_pair(options.case)
                usage.refuse(options.given, usage.Facts(memmap=bool(options.memmaps), cmdline=True))
                regions: list[Regions | None] = []

                def memory(asked: ValidateOptions, of: Sequence[Machine]) -> Regions | None:
                    regions.append(_memory(asked, of))
                    return regions[-1]

                judged = replace(of_case(case, options, memory), frames=None)
                result = apply(judged, self.accepted, job.case, inputs, options.memmaps)
                dimms, who = _dimms(job, case, inputs, options, judged, who)
                ram = dimm_files.ram_of(regions[-1]) if regions and dimms else None
                found = rows.of_case(case, result, who, key, options.role, dimms, ram)
        except Exception as error:  # a bug of hwpkho must not cost the other cases
            code, text = pool.why(error)
            result = CaseResult(job.case, code, (), (), self.accepted.fail_on, error=text)
            if hashed is None:
                return self._unread(job, result, who)
            ident = _ident(who, hashed)
            judged_by = judged_by or b""
            found = rows.of_error(result, who, key_of(ident, judged_by))
        return self._completed(found, who, ident, judged_by, hashed)

    def _unread(self, job: Job, result: CaseResult, who: Identity) -> CaseRows:
        """Return the row of a case whose inputs could not be read."""
        ident = content.digest("unread", _ident(who, b""), job.case)
        judged_by = content.digest(result.error or "")
        found = rows.of_error(result, who, key_of(ident, judged_by))
        return self._completed(found, who, ident, judged_by, None)

    def _completed(
        self, found: CaseRows, who: Identity, ident: bytes, judged_by: bytes, hashed: bytes | None
    ) -> CaseRows:
        if self._knows(who, found.key):
            return CaseRows(found.key, known=True)
        found.host |= {
            "case_id": ident.hex(),
            "judgement": judged_by.hex(),
            "content_hash": hashed.hex() if hashed else None,
        }
        return found

    def _who(self, job: Job) -> Identity:
        path = job.folder or job.case
        return identify(job.case, path, job.line.about if job.line else None, self.names)

    def _knows(self, who: Identity, key: bytes) -> bool:
        day = None if who.taken_at is None else day_of(who.taken_at)
        return self.known is not None and self.known.has(day, key)


def _check(job: Job) -> None:
    """Raise InputError for a path that a manifest should not have."""
    absolute = job.line.absolute if job.line else None
    if absolute is not None and job.within is not None:
        raise InputError(f"{printable(absolute)}: an absolute path; --outside allows that")


def _ident(who: Identity, hashed: bytes) -> bytes:
    return content.digest(who.host or "", "" if who.taken_at is None else str(who.taken_at), hashed)


def _dimms(
    job: Job,
    case: Case,
    inputs: Sequence[str],
    options: ValidateOptions,
    judged: Validation,
    who: Identity,
) -> tuple[Dimms | None, Identity]:
    """Return what says where a case's pages are: what it names, and what its own logs say.

    What cannot be read is told in the remark: the case is judged all the same.
    """
    named = job.line.dimms if job.line else ()
    if not judged.pfns:
        return None, who
    own = inputs if case.pages is not None and case.pages.origin in dimm_files.FORMS else ()
    try:
        found = dimm_files.read(named)
        more = dimm_files.read((*own, *options.memmaps), sure=False)
    except (InputError, OSError) as error:
        remark = f"dimms: {pool.why(error)[1]}"
        return None, replace(who, remark=f"{who.remark}; {remark}" if who.remark else remark)
    return found.joined(more), who


def _judged_by(options: ValidateOptions, dimms: Sequence[str]) -> bytes:
    """Return what stands for the maps, listings and options by which a case is judged."""
    against = [spec for spec in options.against if isinstance(spec, str)]
    plain = replace(options, memmaps=(), against=(), given=frozenset())
    files = map(_hash_of, (options.memmaps, against, dimms))
    return content.digest(*files, _stable(plain))


def _stable(value: object) -> str:
    """Return options as text that is the same in every process; a set has no order of its own."""
    if is_dataclass(value):
        return str([(f.name, _stable(getattr(value, f.name))) for f in fields(value)])
    if isinstance(value, frozenset):
        return str(sorted(map(_stable, value)))
    return str([_stable(v) for v in value]) if isinstance(value, tuple) else repr(value)


_views: OrderedDict[object, Regions | None] = OrderedDict()
_hashes: OrderedDict[object, bytes] = OrderedDict()


def _hash_of(paths: Sequence[str]) -> bytes:
    """Return the hash of maps; those of many cases are mostly the same."""
    key = _signature(paths)
    if key is None:
        return content.of_inputs(paths)
    if key not in _hashes:
        _keep(_hashes, key, content.of_inputs(paths))
    return _hashes[key]


def _memory(options: ValidateOptions, machines: Sequence[Machine]) -> Regions | None:
    """Return the view of memory by the maps that ``options`` name; see :func:`machine.memory`."""
    files = _signature(options.memmaps)
    if files is None:
        return machine.memory(options, machines)
    key = (
        files,
        options.boot,
        options.map_name,
        options.iomem_of,
        options.next_cmdline,
        options.case.arch,
        tuple(m._replace(name="") for m in machines),
    )
    if key not in _views:
        _keep(_views, key, machine.memory(options, machines))
    return _views[key]


def _keep(kept: OrderedDict[object, V], key: object, value: V) -> None:
    kept[key] = value
    if len(kept) > _KEPT:
        kept.popitem(last=False)


def _signature(paths: Sequence[str]) -> object:
    """Return what tells whether files are the same; None for none, and where nothing tells."""
    found = []
    for path in paths:
        place = Path(confining.check_inside(path))
        try:
            status = place.stat()
        except (OSError, ValueError):
            return None
        if not place.is_file():
            return None
        found.append((path, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns))
    return tuple(found) or None
