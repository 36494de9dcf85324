"""Many cases in one call, judged in several processes; one bad case never stops the others."""

from __future__ import annotations

import os
import signal
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextvars import ContextVar
from dataclasses import replace
from functools import partial
from multiprocessing import active_children, get_context, resource_tracker
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeVar

from hwpkho.base import confining, kept
from hwpkho.base.escape import printable
from hwpkho.base.options import nothing, of_command
from hwpkho.base.undisturbed import ENDING, undisturbed
from hwpkho.batch import manifest
from hwpkho.commands.validate import validate
from hwpkho.errors import HwpkhoError, InputError
from hwpkho.inputs import folder as casefolder
from hwpkho.inputs.plus import split
from hwpkho.judging.accept import Acceptance, apply, unjudged
from hwpkho.judging.case_result import CaseResult

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence
    from concurrent.futures import Future

    from hwpkho.judging.case_result import FailOn
    from hwpkho.judging.options import ValidateOptions
    from hwpkho.judging.result import Validation

    #: Makes a page on a case; returns None for no page.
    Draw = Callable[[CaseResult], bytes | None]

T = TypeVar("T")

#: Cases that a process gets at once, at most: enough to hide what passing them on costs.
CHUNK = 16
#: The error of a case whose process died.
DIED = "the process that judged it died (killed, or out of memory)"
#: Chunks submitted for each process: it has work, and few results wait in memory.
_AHEAD = 3


class Job(NamedTuple):
    """A case to judge: a folder or a line of a manifest.

    Attributes:
        case: Its name, printable.
        folder: The folder that holds it, or None.
        line: The line of the manifest, or None.
        within: The folder that all files of the case must be in, links resolved; None: they may be
            anywhere.
    """

    case: str
    folder: str | None = None
    line: manifest.Line | None = None
    within: str | None = None

    @property
    def path(self) -> str:
        """The folder of the case, or its name in the manifest."""
        return self.folder or self.case

    @property
    def reads(self) -> tuple[str, ...]:
        """The files and folders that the case is read from."""
        if self.line is not None:
            return (*self.line.inputs, *self.line.memmaps, *self.line.against)
        return (self.folder,) if self.folder is not None else ()

    def prepare(
        self, options: ValidateOptions
    ) -> tuple[tuple[str, ...], ValidateOptions, list[str]]:
        """Return the case's inputs, its options, and lines for the report on how files were chosen.

        Raises InputError where the line of the manifest is bad, or the case has no files to judge
        or leads outside; UsageError for a wrong option; ValueError for a job without a case.
        """
        if self.folder is not None:
            confining.check_tree(self.folder)
            found = casefolder.read(casefolder.named(self.folder) or Path(self.folder))
            case_options = options._replace(case=casefolder.with_boot(options.case, found))
            if found.memmaps:
                case_options = case_options._replace(memmaps=tuple(found.memmaps))
            # An option for the whole batch is for the cases that read it; no other refuses it.
            case_options = case_options._replace(given=frozenset())
            return tuple(found.inputs), case_options, found.notes()
        if self.line is None:
            raise ValueError("a job is a folder or a line")
        if self.line.error is not None:
            raise InputError(self.line.error)
        for spec in self.reads:
            for path in {spec, spec.rpartition("@")[0] or spec}:
                confining.check_tree(path)
        return self.line.inputs, manifest.with_options(options, self.line), []


def jobs(path: str, *, outside: bool = False) -> list[Job]:
    """Return the cases of a folder or a manifest, in the order of their names or lines.

    Unless ``outside``, all files of a case must be in the folder, or in that of the manifest.
    Raises InputError where there is no case, or ``path`` cannot be read.
    """
    shown = printable(path)
    if Path(path).is_dir():
        folders = casefolder.cases(Path(path))
        if not folders:
            raise InputError(f"{shown}: no case; expected a folder for each, or a manifest")
        within = None if outside else confining.resolved([path])[0]
        return [Job(printable(n), str(Path(path) / n), within=within) for n in folders]
    within = None if outside else confining.resolved([str(Path(path).parent)])[0]
    lines = [Job(line.case, line=line, within=within) for line in manifest.read(path)]
    if not lines:
        raise InputError(f"{shown}: no case in this manifest")
    return lines


def judge_job(
    job: Job,
    options: ValidateOptions,
    accepted: Acceptance,
    named: tuple[str, ...],
    draw: Draw | None = None,
) -> CaseResult:
    """Return the result of one case, drawn by ``draw`` if given.

    Any Exception becomes the ``error`` of the result. ``named`` are files that the case may read
    wherever they are; see :func:`named`.
    """
    result = _judge_case(job, options, accepted, named)
    drawn = None
    if draw is not None:
        try:
            with confining.confined(bounds(job, named)):
                drawn = draw(result)
        except Exception as error:  # a bug of hwpkho must not cost the other cases
            code, text = why(error)
            result = unjudged(text, accepted, job.case, code)
    return result._replace(validation=_light(result.validation), drawn=drawn)


def _light(v: Validation | None) -> Validation | None:
    """Return it without what only pages need: the memory, the handover, a table's ranges.

    To pickle those takes long.
    """
    if v is None:
        return None
    efi = v.efi and v.efi._replace(bad=partial(iter, ()))
    return replace(v, frames=None, handover=None, efi=efi)


def _judge_case(
    job: Job, options: ValidateOptions, accepted: Acceptance, named: tuple[str, ...]
) -> CaseResult:
    inputs: tuple[str, ...] = ()
    memmaps: tuple[str, ...] = ()
    try:
        with (
            kept.for_call(files=True),
            confining.confined(bounds(job, named)),
            of_command(nothing),
        ):
            inputs, case_options, said = job.prepare(options)
            memmaps = case_options.memmaps
            judged = validate(inputs, case_options)
        new = (note for note in said if note not in judged.rests_on)  # that of an archive is there
        judged = replace(judged, rests_on=(*judged.rests_on, *new))
        return apply(judged, accepted, job.case, inputs, memmaps)
    except Exception as error:  # a bug of hwpkho must not cost the other cases
        code, text = why(error)
    return unjudged(text, accepted, job.case, code)._replace(inputs=inputs, memmaps=memmaps)


def why(error: Exception) -> tuple[int, str]:
    """Return the exit code of a case that could not be judged, and why, in one printable line."""
    code, text = 3, f"internal error, please report: {type(error).__name__}: {error}"
    if isinstance(error, HwpkhoError):
        code, text = error.exit_code, str(error)
    elif isinstance(error, OSError):
        name = f"{error.filename}: " if error.filename else ""
        text = f"{name}{error.strerror or error}"
    elif isinstance(error, MemoryError):
        text = "out of memory"
    return code, printable(" ".join(text.split()))


def named(options: ValidateOptions) -> tuple[str, ...]:
    """Return the paths that the command line gives for all cases, links resolved.

    They are the user's own choice, so every case may read them wherever they are.
    """
    against = (path for spec in options.against if isinstance(spec, str) for path in split(spec))
    return confining.resolved((*options.memmaps, *against))


def bounds(job: Job, named: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return the paths that all files of a case must be in; None: they may be anywhere."""
    return None if job.within is None else (job.within, *named)


def processes(cases: int, wanted: int | None) -> int:
    """Return how many processes to use: ``wanted``, else one per CPU; at most one per case."""
    return max(1, min(wanted or len(os.sched_getaffinity(0)), cases))


def run(
    todo: Sequence[Job],
    options: ValidateOptions,
    accepted: Acceptance,
    workers: int,
    draw: Draw | None = None,
) -> Generator[CaseResult]:
    """Yield the results in the order of ``todo``, judged in ``workers`` processes.

    ``draw``, which is pickled, makes the page on each, if any.
    """
    allowed = named(options)
    if workers == 1:
        for job in todo:
            yield judge_job(job, options, accepted, allowed, draw)
        return
    size = max(1, min(CHUNK, len(todo) // (workers * 4)))
    chunks = (list(todo[i : i + size]) for i in range(0, len(todo), size))
    work = partial(_judge_all, options=options, accepted=accepted, named=allowed, draw=draw)
    for results in each(chunks, work, partial(_died, fail_on=accepted.fail_on), workers):
        yield from results


def each(
    chunks: Iterable[list[Job]],
    work: Callable[[list[Job]], T],
    died: Callable[[Job], T],
    workers: int,
) -> Generator[T]:
    """Yield what ``work`` returns for each of ``chunks``, in their order, from other processes.

    ``chunks`` are taken as they are needed. Where a process dies, the cases of its chunk are worked
    on and yielded one by one; ``died`` returns the result of the case that kills its process.
    ``work``, the chunks and what ``work`` returns are pickled.
    """
    coming = iter(chunks)
    again: deque[list[Job]] = deque()
    window: deque[tuple[list[Job], Future[T]]] = deque()
    with _Pool(workers, work) as pool:
        while True:
            while len(window) < workers * _AHEAD:
                chunk = again.popleft() if again else next(coming, None)
                if chunk is None:
                    break
                try:
                    window.append((chunk, pool.submit(chunk)))
                except BrokenProcessPool:
                    again.appendleft(chunk)
                    break
            if window:
                chunk, future = window.popleft()
                try:
                    yield future.result()
                    continue
                except BrokenProcessPool:
                    results = _one_by_one(chunk, work, died)
                again.extendleft(reversed([c for c, _ in window]))
                window.clear()
                yield from results
            elif not again:
                return
            pool.renew()


class _Pool:
    """Processes that judge chunks; none of them outlives the block it is used in."""

    def __init__(self, workers: int, work: Callable[[list[Job]], Any]) -> None:
        self._workers, self._work = workers, work
        self._others = set(active_children())
        self._pool = self._new()

    def _new(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            self._workers, get_context("spawn"), initializer=_start, initargs=(self._work,)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:  # nobody waits for their results
            self._end()
        self._pool.shutdown(cancel_futures=True)

    def submit(self, chunk: list[Job]) -> Future[Any]:
        """Submit a chunk. Raises BrokenProcessPool where one of the processes died."""
        resource_tracker.ensure_running()  # here, for it would unblock SIGINT and SIGTERM below
        with undisturbed():  # a process that starts inherits that signals are blocked
            return self._pool.submit(_work_on, chunk)

    def renew(self) -> None:
        """Start new processes, after one of these died."""
        self._end()
        self._pool.shutdown(cancel_futures=True)
        self._pool = self._new()

    def _end(self) -> None:
        for child in set(active_children()) - self._others:
            child.terminate()


def _one_by_one(
    chunk: Sequence[Job], work: Callable[[list[Job]], T], died: Callable[[Job], T]
) -> list[T]:
    """Return the result of each case of a chunk, worked on alone: only the deadly one is lost."""
    results: list[T] = []
    with _Pool(1, work) as pool:
        for job in chunk:
            try:
                results.append(pool.submit([job]).result())
            except BrokenProcessPool:
                results.append(died(job))
                pool.renew()
    return results


#: What is done with every chunk; set once in each process.
_work: ContextVar[Callable[[list[Job]], Any]] = ContextVar("_work")


def _start(work: Callable[[list[Job]], Any]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its processes itself
    _work.set(work)


def _work_on(chunk: list[Job]) -> Any:
    """Work on a chunk in one of the processes; only meanwhile a signal can end it.

    A process that died while it holds a lock of the queues would leave the others waiting forever.
    """
    work = _work.get()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
    try:
        return work(chunk)
    finally:
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)


def _judge_all(
    chunk: list[Job],
    options: ValidateOptions,
    accepted: Acceptance,
    named: tuple[str, ...],
    draw: Draw | None,
) -> list[CaseResult]:
    return [judge_job(job, options, accepted, named, draw) for job in chunk]


def _died(job: Job, fail_on: FailOn) -> list[CaseResult]:
    return [CaseResult(job.case, 3, fail_on=fail_on, error=DIED)]
