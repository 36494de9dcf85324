"""Lines of a log that show where a kernel boots, and on which architecture."""

from __future__ import annotations

import re
from functools import cached_property
from typing import NamedTuple

from hwpkho.base.arch import ARCHES, by_machine, machines
from hwpkho.base.late import late
from hwpkho.logs.scanner import LineReader

#: The first line of a boot. A table that Linux prints once per boot ends there.
LINUX_STARTS = "Linux version "

#: Marks that are kept for a log, at most.
_MAX_MARKS = 1 << 16

_BANNER = late(r"\bLinux version [0-9]+\.[0-9]+(.{0,512})")
#: Who built the kernel, and on which host.
_BUILDER = late(r"\([^()@]*@[^()]*\)?")
#: Architectures without KHO whose logs are read too, and another name of aarch64.
_OTHER_MACHINES = r"arm64|riscv64|loongarch64|ia64|armv[67]l?|arm"


class Mark(NamedTuple):
    """A line at which Linux starts, or that names its architecture.

    Attributes:
        line: Line number, from 1.
        arch: The architecture that the line names; None where it names none.
        starts: Whether Linux starts here; if not, only the architecture matters.
    """

    line: int
    arch: str | None
    starts: bool = True


class BootMarks(LineReader):
    """Collects ``Linux version 6.1.0 ...`` and the lines that name an architecture.

    Source: init/version-timestamp.c (linux_banner).
    """

    def __init__(self) -> None:
        self.marks: list[Mark] = []
        own = (line.needle for arch in ARCHES for line in arch.boot_lines)
        self.needles = (LINUX_STARTS.encode(), *own)

    def feed(self, number: int, line: str) -> bool:
        """See :meth:`LineReader.feed`."""
        arch = next((name for name, pattern in self._boot_lines if pattern.search(line)), None)
        if arch is not None and len(self.marks) < _MAX_MARKS:
            self.marks.append(Mark(number, arch, starts=False))
        match = _BANNER.search(line)
        if match and len(self.marks) < _MAX_MARKS:
            self.marks.append(Mark(number, self._arch(match[1])))
        return False

    def taken(self) -> int:
        """See :meth:`LineReader.taken`: these lines are of use only beside others."""
        return 0

    def _arch(self, banner: str) -> str | None:
        """Return the architecture that a kernel's first line names, None where it names none.

        The host on which it was built counts only before a compiler whose name has no architecture:
        a cross compiler's has.
        """
        said = _BUILDER.sub("", banner, count=1)
        match = self._machines.search(said)
        if match is None and "(" in said:
            match = self._machines.search(banner)
        return by_machine(match[1]) if match else None

    @cached_property
    def _machines(self) -> re.Pattern[str]:
        """Finds the name of an architecture; made once for a log, of those registered by then."""
        names = f"{machines()}|{_OTHER_MACHINES}"
        return re.compile(rf"(?<![A-Za-z0-9])({names})(?![A-Za-z0-9])")

    @cached_property
    def _boot_lines(self) -> list[tuple[str, re.Pattern[str]]]:
        """Architectures with the patterns of their boot lines, made once for a log."""
        return [(a.name, re.compile(line.pattern)) for a in ARCHES for line in a.boot_lines]
