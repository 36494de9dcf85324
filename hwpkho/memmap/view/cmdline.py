"""What the next kernel's command line does with memory; ``parameters.py`` reads the line."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

from hwpkho.codes import problem
from hwpkho.codes.memmap_view import CMDLINE_NOTE, CMDLINE_WARNING, KHO_OFF

if TYPE_CHECKING:
    from hwpkho.codes import Problem


class Step(NamedTuple):
    """One change of the e820 table: of ``size`` bytes from ``start``; ``old`` 0 is any type."""

    action: Literal["clear", "add", "update", "remove"]
    start: int = 0
    size: int = 0
    old: int = 0
    new: int = 0


@dataclass(slots=True)
class Cmdline:
    """A command line, as far as memory is concerned; ``hwpkho.MemoryMap`` is compared by it, too.

    Attributes:
        steps: What it does to the e820 table of x86, in order.
        limit: ``mem=`` of a kernel without an e820 table, bytes; None where it is absent.
        efi_debug: ``efi=debug``: x86 keeps boot services memory reserved.
        soft_reserve: False with ``efi=nosoftreserve``.
        efi_runtime: False with ``efi=noruntime``: x86 hands no EFI table over to the next kernel.
        crashkernel: The values of all ``crashkernel=``, in order.
        kho: Whether ``kho=`` turns KHO on, None where it is absent.
        problems: Effects that the map does not show, and doubtful parameters.
    """

    steps: list[Step] = field(default_factory=list)
    limit: int | None = None
    efi_debug: bool = False
    soft_reserve: bool = True
    efi_runtime: bool = True
    crashkernel: list[str] = field(default_factory=list)
    kho: bool | None = None
    problems: list[Problem] = field(default_factory=list)
    _off: Problem | None = None

    def changes_map(self) -> bool:
        """Tell whether it adds, removes or retypes memory."""
        return bool(self.steps) or self.limit is not None

    def note_unapplied(self) -> None:
        """Note that its memory parameters have no effect, as there is no memory map."""
        if self.changes_map() or self.crashkernel or self.efi_debug or not self.soft_reserve:
            self.note("its memory parameters are not applied: there is no memory map")

    def note(self, message: str) -> None:
        """Add a note."""
        self.problems.append(problem(CMDLINE_NOTE, message))

    def switch_kho(self, on: bool, message: str) -> None:
        """Record the last kho=; it overrides those before it."""
        self.kho = on
        if self._off is not None:
            self.problems.remove(self._off)
        self._off = None if on else problem(KHO_OFF, message)
        if self._off is not None:
            self.problems.append(self._off)

    def warn(self, message: str) -> None:
        """Add a warning: the parameter hardly does what was meant."""
        self.problems.append(problem(CMDLINE_WARNING, message))
