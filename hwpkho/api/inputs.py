"""What a caller names: paths and open files, one or several, and the parameters of calls."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar, cast

from hwpkho.api import parameters
from hwpkho.badpages.registry import Asked
from hwpkho.base import kept, lending
from hwpkho.base.options import of_library
from hwpkho.base.unopened import STDIN
from hwpkho.errors import UsageError
from hwpkho.inputs.case import CaseOptions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Literal, Protocol

    from hwpkho.abi.role import Role
    from hwpkho.api.results import PageList
    from hwpkho.judging.case_result import FailOn

    class Readable(Protocol):
        """A file open for reading bytes; what else it may have, such as ``seek``, is used."""

        def read(self, size: int, /) -> bytes | None:
            """Return the next bytes, at most ``size``; none at the end."""

    class Writable(Protocol):
        """A file open for writing bytes."""

        def write(self, data: bytes, /) -> object:
            """Write all of them."""

    #: A path, or a file open for reading bytes, which is read from its beginning where it can seek.
    File = str | os.PathLike[str] | Readable
    #: A path to write to, or a file open for writing bytes.
    Out = str | os.PathLike[str] | Writable
    #: One file, or several of one machine at one moment.
    Files = File | Sequence[File]
    #: A list to compare, merge or hold a table against: its files, or one that was read already.
    ListNamed = Files | PageList


T = TypeVar("T", bound="Mapping[str, Any]")


class Reading(TypedDict, total=False):
    """How inputs are read. Everything may be left out.

    Attributes:
        page_size: Bytes; default inferred and proven.
        root_fdt: Physical address of the root FDT; default found by a search.
        kho_scratch: Physical address and length (bytes) of the scratch array, or ``"none"``.
        arch: ``x86_64`` or ``arm64``, if the input does not record it.
        efi_table: Physical address of the EFI table of poisoned memory; default found by a search.
        layout: ``list``, ``bitmap`` or ``bitmap-base``, if the table's bytes do not show it.
    """

    page_size: int | None
    root_fdt: int | None
    kho_scratch: tuple[int, int] | Literal["none"] | None
    arch: str | None
    efi_table: int | None
    layout: str | None


class Choosing(Reading, total=False):
    """How the list of a case is read.

    Attributes:
        role: ``in`` or ``out``: the handover to use; default the outgoing one if it has a list.
        base: Number base for entries of a text list without ``0x``: 10 or 16.
        form: Form of the list, if its content does not show it; see ``hwpkho formats``.
        boot: The boot to use, if a log holds several: a number or ``"last"``.
    """

    role: Role | None
    base: Literal[10, 16]
    form: str | None
    boot: int | Literal["last"] | None


class Opening(Reading, total=False):
    """How a case is read that stays open.

    Attributes:
        base: Number base for entries of a text list without ``0x``: 10 or 16.
        form: Form of a list, if its content does not show it; see ``hwpkho formats``.
        boot: The boot to use, if a log holds several: a number or ``"last"``.
    """

    base: Literal[10, 16]
    form: str | None
    boot: int | Literal["last"] | None


class Memory(TypedDict, total=False):
    """The memory map that a judgement rests on.

    Attributes:
        memmap: Files with the machine's memory map, in any form.
        map_name: Use only this map of the files.
        boot: The boot to use, if a log holds several: a number or ``"last"``.
        iomem_of: The kernel that printed the /proc/iomem: ``running`` or ``next``.
        next_cmdline: Command line of the next kernel.
    """

    memmap: Files
    map_name: str | None
    boot: int | Literal["last"] | None
    iomem_of: Literal["running", "next"]
    next_cmdline: str | None


class Limiting(TypedDict, total=False):
    """The next kernel's KHO version, and limits of the caller.

    Attributes:
        consumer_kho: KHO version of the next kernel: 4 for kho-v4, or its whole compatible string.
        consumer_efi: Generation of its reader of the EFI table of poisoned memory: ``a``, ``b``,
            ``c1``, ``c2``, ``d1``, ``d2`` or ``none``.
        max_pages: Most distinct PFNs.
        max_fraction: Largest part of RAM, 0 to 1.
        max_per_gib: Most PFNs in one GiB.
        max_scratch: Largest part of RAM that scratch may take, 0 to 1.
    """

    consumer_kho: int | str
    consumer_efi: str
    max_pages: int | None
    max_fraction: float | None
    max_per_gib: int | None
    max_scratch: float | None


class Accepting(TypedDict, total=False):
    """Which findings count.

    Attributes:
        fail_on: Findings of this severity or worse make the result not ``ok``.
        select: Count only these codes, names or prefixes.
        ignore: Do not count these.
        baseline: File of accepted findings.
    """

    fail_on: FailOn
    select: Sequence[str]
    ignore: Sequence[str]
    baseline: File | None


class Comparing(Choosing, Memory, total=False):
    """How lists are read, and the memory map that they are judged by."""


class Judging(Comparing, Limiting, Accepting, total=False):
    """All that a validation rests on.

    Attributes:
        against: Lists of bad pages of the same machine that its EFI table of poisoned memory should
            have a bit for: each is files of one case, or what :func:`hwpkho.read_list` returned.
    """

    against: Sequence[ListNamed]


class JudgingOpen(Memory, Limiting, Accepting, total=False):
    """What a validation of an open case rests on besides.

    Attributes:
        role: As in :class:`Choosing`.
        against: As in :class:`Judging`.
    """

    role: Role | None
    against: Sequence[ListNamed]


def check(options: T, kind: type) -> T:
    """Return the options as hwpkho takes them, see :func:`hwpkho.api.parameters.check`.

    Raises TypeError for one that ``kind``, one of the classes above, does not have.
    """
    unknown = next((name for name in options if name not in kind.__annotations__), None)
    if unknown is not None:
        raise TypeError(f"unexpected keyword argument {unknown!r}")
    return cast("T", parameters.check(options, parameters.OPTIONS))


def refuse_of_opening(options: Mapping[str, Any], *, memmap: bool) -> None:
    """Raise UsageError for an option that counts only where a case is opened.

    A boot is also that of a memory map, where there is one.
    """
    for name in given(options):
        if name not in JudgingOpen.__annotations__ or (name == "boot" and not memmap):
            raise UsageError(
                f"{name} has no effect on a case that is open: give it to open_case or open_memory"
            )


def given(options: Mapping[str, Any]) -> frozenset[str]:
    """Return the names of the options that the caller set."""
    return frozenset(name for name, value in options.items() if value is not None)


def choosing(options: Mapping[str, Any]) -> tuple[CaseOptions, Asked, Any]:
    """Return how a list is read, as the commands take it."""
    reading = {name: options[name] for name in options if name in Reading.__annotations__}
    boot = options.get("boot")
    asked = Asked(
        options.get("base", 10),
        options.get("form"),
        boot=None if boot is None else str(boot),
        layout=options.get("layout"),
    )
    return CaseOptions(**reading), asked, options.get("role")


class Opened:
    """Files of a caller, open for several calls.

    What the calls set is set for each of them alone: between two calls a caller runs what he
    likes, and he may make the next one in another thread or task.

    Attributes:
        names: For each group of files the names under which they can be opened in a call.
    """

    def __init__(
        self, names: list[tuple[str, ...]], lent: Mapping[str, int], held: kept.Kept
    ) -> None:
        self.names, self._lent, self._held = names, lent, held

    @contextmanager
    def call(self) -> Iterator[None]:
        """Within the block, which must not yield to the caller, the names can be opened.

        Errors that the block raises name parameters, not options.
        """
        lent = {**lending.now(), **self._lent}
        with of_library(), kept.within(self._held), lending.within(lent):
            yield


@contextmanager
def opened(*groups: Files | None) -> Iterator[Opened]:
    """Yield the files of ``groups``, each of which is open until the block is left."""
    held = kept.Kept(files=False)
    with ExitStack() as stack:
        stack.callback(held.close)
        lent: dict[str, int] = {}

        def name_of(file: File) -> str:
            if isinstance(file, (str, os.PathLike)):
                return path(file)
            known = {**lending.now(), **lent}
            name, lent[name] = stack.enter_context(lending.held(file, known))
            return name

        names = [
            () if group is None else tuple(map(name_of, parameters.several(group)))
            for group in groups
        ]
        yield Opened(names, lent, held)


@contextmanager
def named(*groups: Files | None) -> Iterator[list[tuple[str, ...]]]:
    """Yield for each of ``groups`` the names under which its files can be opened in the block.

    The block is one call of the caller's: see :meth:`Opened.call`.
    """
    with opened(*groups) as files, files.call():
        yield files.names


def path(given: str | os.PathLike[str]) -> str:
    """Return a path as the commands take it, to which ``-`` is standard input or output."""
    name = os.fsdecode(given)
    return f"./{name}" if name == STDIN or name.startswith(f"{STDIN}@") else name
