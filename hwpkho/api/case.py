"""Reading: cases, lists and memory maps."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, Unpack

from hwpkho.api import checks, inputs, parameters
from hwpkho.api.inputs import Choosing, Judging, JudgingOpen, Opening, Reading
from hwpkho.api.results import Decoded, Judged, MemoryMap, PageList
from hwpkho.base.escape import printable
from hwpkho.commands import usage
from hwpkho.errors import UsageError
from hwpkho.inputs import case as cases
from hwpkho.inputs import lists
from hwpkho.inputs.case import read_inputs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from hwpkho.abi.role import Role
    from hwpkho.api.inputs import Files
    from hwpkho.api.judging import Read
    from hwpkho.images.program import PhysicalMemory


class Case:
    """One machine at one moment, open for reading; see :func:`open_case`.

    Any thread or task may use and close it, one at a time. What reads memory raises ValueError once
    it is closed, as a closed file does.
    """

    def __init__(
        self, case: cases.Case, read: Read, opened: inputs.Opened, options: Mapping[str, Any]
    ) -> None:
        self._case, self._read, self._opened, self._options = case, read, opened, options
        self._closed = False

    @contextmanager
    def _call(self) -> Iterator[None]:
        if self._closed:
            raise ValueError(f"{self.name}: the case is closed")
        with self._opened.call():
            yield

    @property
    def name(self) -> str:
        """The inputs, printable."""
        return self._case.name

    def decode(self) -> Decoded:
        """Return the handovers."""
        return Decoded(self._case.name, self._case.handovers, self._case.tables)

    def annotate(self) -> Iterator[str]:
        """Yield the lines of ``hwpkho decode --annotate``: every structure, field by field.

        Raises InputError for a case without memory.
        """
        from hwpkho.report.decode import annotate

        lines = annotate.lines(self._case.handovers, self._case.source, self._case.tables)
        while True:
            with self._call():  # of one line: the next may be read in another thread
                line = next(lines, None)
            if line is None:
                return
            yield line

    def read(self, phys: int, size: int) -> bytes | None:
        """Return ``size`` bytes at physical address ``phys``, None where any of them is absent.

        A case without a memory image has no memory at all. Raises InputError where the image is
        damaged there.
        """
        phys, size = checks.ADDRESS("phys", phys), checks.ADDRESS("size", size)
        source = self._case.source
        with self._call():
            data = source.read(phys, size) if source else None
        return None if data is None else bytes(data)

    def extents(self) -> list[tuple[int, int]]:
        """Return ``(address, bytes)`` of all memory that the case holds, ascending."""
        return list(self._case.source.extents()) if self._case.source else []

    def validate(self, **options: Unpack[JudgingOpen]) -> Judged:
        """Judge what the next kernel will do with the case; see :func:`hwpkho.validate`.

        Raises as that does. The options that say how the case is read are :func:`open_case`'s.
        """
        from hwpkho.api import judging

        options = inputs.check(options, Judging)
        inputs.refuse_of_opening(options, memmap=bool(options.get("memmap") or self._case.memmaps))
        given = {name: value for name, value in options.items() if value is not None}
        with self._call():
            return judging.of_case(self._case, {**self._options, **given}, self._read)

    def close(self) -> None:
        """Release the memory image; the block of :func:`open_case` does that at its end."""
        self._closed = True
        if self._case.source is not None:
            self._case.source.close()


@contextmanager
def open_case(files: Files, **options: Unpack[Opening]) -> Iterator[Case]:
    """Open what ``files`` hold about one machine: memory images, copies of debugfs, blobs, a list.

    Example::

        with hwpkho.open_case("vmcore") as case:
            print(case.decode().pfns, case.validate(memmap="iomem.txt").outcome)

    Raises InputError where a file cannot be read, or two of them conflict; UsageError for an option
    that has no effect.
    """
    options = inputs.check(options, Opening)
    parameters.files("files", files)
    _, asked, _ = inputs.choosing(options)
    with inputs.opened(files) as opened:
        (names,) = opened.names
        with _case(lambda how: read_inputs(names, how, asked), opened, options) as case:
            yield case


@contextmanager
def _case(read: Read, opened: inputs.Opened, options: Mapping[str, Any]) -> Iterator[Case]:
    how, _, _ = inputs.choosing(options)
    with opened.call():
        usage.check_pair(how)
        found = read(how)
    case = Case(found, read, opened, options)
    with closing(case):
        with opened.call():
            facts = usage.of_case(found)._replace(memmap=bool(found.memmaps))
            usage.refuse(inputs.given(options), facts)
        yield case


@contextmanager
def open_memory(
    memory: PhysicalMemory,
    extents: Iterable[tuple[int, int]],
    *,
    name: str = "memory",
    roots: Mapping[Role, int] | None = None,
    vmcoreinfo: bytes = b"",
    **options: Unpack[Reading],
) -> Iterator[Case]:
    """Open the physical memory of a machine that the caller reads, as a debugger does.

    Example::

        class Memory:
            def read(self, phys, size):
                return prog.read(phys, size, physical=True)

        with hwpkho.open_memory(Memory(), [(0, 1 << 30)], arch="x86_64") as case:
            print(case.decode().to_text())

    Args:
        memory: Has ``read(phys, size)``, see :class:`hwpkho.PhysicalMemory`.
        extents: ``(address, bytes)`` of the memory that is there.
        name: What messages call it.
        roots: Physical addresses of the root FDTs, ``in`` for the one that the running kernel was
            handed and ``out`` for its own, where these are known: then ``extents`` are not
            searched, which takes long where they are all of a machine's memory.
        vmcoreinfo: The kernel's VMCOREINFO, where that is known.
        options: See :class:`hwpkho.api.inputs.Reading`.

    Raises InputError where there is no handover, or it cannot be read.
    """
    from hwpkho.handover.stated import Noted
    from hwpkho.images.program import ProgramSource

    options = inputs.check(options, Reading)
    given: dict[str, Any] = {"name": name, "roots": roots, "vmcoreinfo": vmcoreinfo}
    given = parameters.check(given, parameters.MEMORY)
    roots = given["roots"]
    if isinstance(memory, type) or not checks.takes(getattr(memory, "read", None), 2):
        raise checks.wrong("memory", "an object with read(phys, size)", memory)
    there = parameters.areas("extents", extents)
    known = {} if roots is None else {phys: role for role, phys in roots.items()}
    source = ProgramSource(memory, printable(name), there, None if roots is None else known)
    source.vmcoreinfo = given["vmcoreinfo"]
    noted = Noted(roles=known)

    def read(how: cases.CaseOptions) -> cases.Case:
        return cases.read_memory(source.name, source, how, noted=noted)

    with inputs.opened() as opened, _case(read, opened, options) as case:
        yield case


def decode(files: Files, **options: Unpack[Reading]) -> Decoded:
    """Decode the handovers in ``files``, which are of one machine at one moment.

    Raises InputError where a file cannot be read, two of them conflict, or there is no handover.
    """
    from hwpkho.commands import decode as command

    options = inputs.check(options, Reading)
    parameters.files("files", files)
    how, _, _ = inputs.choosing(options)
    with inputs.named(files) as (names,):
        case = command.decode(names, how, inputs.given(options))
    return Decoded(case.name, case.handovers, case.tables)


def read_list(files: Files, **options: Unpack[Choosing]) -> PageList:
    """Read the bad pages that ``files`` list: a handover's, or a plain list.

    A handover without a hwpoison subtree has an empty list. Raises InputError where the list
    cannot be read, UsageError for an option that has no effect.
    """
    options = inputs.check(options, Choosing)
    parameters.files("files", files)
    with inputs.named(files) as (names,):
        found = lists.read_list(names, *inputs.choosing(options))
        given, facts = inputs.given(options), usage.of_lists([found])
        if "boot" in given and not facts.boots:
            raise UsageError("boot has no effect: no input is a log")
        usage.refuse(given, facts)
        return PageList(found)


def read_memmap(
    files: Files,
    *,
    map_name: str | None = None,
    boot: int | str | None = None,
    arch: str | None = None,
    next_cmdline: str | None = None,
) -> MemoryMap:
    """Read the memory map of one machine, whatever its form.

    Args:
        files: A kernel log, /proc/iomem, a device tree, …; several are of one machine.
        map_name: Use only this map of the files.
        boot: The boot to use, if a log holds several: a number or ``"last"``.
        arch: ``x86_64`` or ``arm64``, if the input does not record it.
        next_cmdline: Command line of the next kernel.

    Raises InputError where there is no map, or it is ambiguous; UsageError for an unknown boot or
    map, and for a command line that the kernel refuses.
    """
    from hwpkho.commands import memmap

    given = {"map_name": map_name, "boot": boot, "arch": arch, "next_cmdline": next_cmdline}
    boot = parameters.check(given, parameters.OPTIONS)["boot"]
    parameters.files("files", files)
    with inputs.named(files) as (names,):
        shown = memmap.show(
            names,
            boot=None if boot is None else str(boot),
            map_name=map_name,
            arch=arch,
            next_cmdline=next_cmdline,
        )
    return MemoryMap(shown)
