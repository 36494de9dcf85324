"""Kernels with a producer and a consumer of their own: what one of them lacks, said in a line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.kernel import handing, lists

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.kernel import rig

REVISIONS = ("struct-v1", "fdt-v1")
#: Lets a generation say what it sees, after handing.LOOK: SAW prints it, seen() reads it.
SAW = """
certain() {
  [ -d /sys/kernel/debug/kho ] || { echo unknown; return; }
  for blob in /sys/kernel/debug/kho/$1/*/hwpoison; do
    [ -e $blob ] && { echo yes; return; }
  done
  echo no
}
count=$(grep -c . /out/poisoned)
echo "hwpkho: saw generation $now poisoned $count in $(there in) out $(there out)"
"""
_SAW = re.compile(r"hwpkho: saw generation (\d+) poisoned (\d+) in (\w+) out (\w+)")
_ANSWERS = {"yes": True, "no": False}
#: Lines of a kernel's own that a message repeats.
_WORDS = 3
#: What is said about poison, and not by a producer or consumer.
_CHATTER = re.compile(r"Memory failure:|Injecting|hwpkho:|[Cc]ommand line|CONFIG_")
_HELP = (
    "An option that is off goes on with CONFIG=FILE, or in the .config of KERNEL=; a kernel "
    "without the series is tested with our own module (no MODULE=). See docs/kernel-rig.md, For "
    "authors of a series"
)


@dataclass(frozen=True)
class Seen:
    """What one generation of a guest saw.

    Attributes:
        poisoned: Pages with the flag.
        came: Whether a hwpoison subtree was handed to it; None where it has no view of KHO.
        out: Whether it hands one on, likewise.
    """

    poisoned: int
    came: bool | None
    out: bool | None


def seen(log: str) -> dict[int, Seen]:
    """Return what each generation said, by its number."""
    return {
        int(m[1]): Seen(int(m[2]), _ANSWERS.get(m[3]), _ANSWERS.get(m[4]))
        for m in _SAW.finditer(log)
    }


def words(log: str) -> str:
    """Return what a kernel itself said about its list."""
    lines = [
        re.sub(r"^\[[ \d.]+\] ", "", line).rstrip()
        for line in log.splitlines()
        if "hwpoison" in line.lower() and not _CHATTER.search(line)
    ]
    return f"It said: {' / '.join(lines[:_WORDS])}." if lines else "It said nothing about it."


def _advice(log: str, options: str) -> str:
    return f"{words(log)} Options that carry poison over a kexec: {options}. {_HELP}"


def lacking(log: str, options: str) -> str | None:
    """Return what a kernel lacks that was to hand its poison to itself, None where nothing.

    ``options`` says which options of its tree are for that.
    """
    saw = seen(log)
    first, second = saw.get(1), saw.get(2)
    if first is None:
        return None  # it did not get as far, and the log tells why
    if not first.poisoned:
        return (
            "this kernel poisoned no page: nothing came of writing to "
            "/sys/kernel/debug/hwpoison/corrupt-pfn (CONFIG_HWPOISON_INJECT)"
        )
    had = f"{first.poisoned} pages were poisoned"
    if first.out is False:
        return (
            f"this kernel has no producer: {had}, and it hands on no hwpoison subtree "
            f"(/sys/kernel/debug/kho/out). {_advice(log, options)}"
        )
    if second is None or second.poisoned:
        return None
    if second.came is None:
        return (
            f"this kernel has no producer or no consumer: {had} before the kexec and none is after "
            f"it; there is no /sys/kernel/debug/kho that tells which. {_advice(log, options)}"
        )
    if not second.came:
        return (
            "the second kernel was handed no hwpoison subtree (/sys/kernel/debug/kho/in), although "
            f"the first one had published it. {words(log)}"
        )
    return (
        f"this kernel has no consumer: {had}, the second kernel was handed a hwpoison subtree "
        f"(/sys/kernel/debug/kho/in) and poisoned none of it. {_advice(log, options)}"
    )


_taken: dict[str, list[str]] = {}


def expect_consumer(
    cli: Callable[..., Any], kernel: rig.Kernel, work: Path, revision: str, run: rig.Run
) -> None:
    """Skip or fail where a kernel that was handed a list in ``revision`` poisoned nothing at all.

    Lists of one page tell which revisions its consumer takes: the other one only is a skip, none
    is a failure. Where it takes this one, the caller's own comparison tells what is wrong.
    """
    if run.poisoned:
        return
    if kernel.kind not in _taken:
        _taken[kernel.kind] = [r for r in REVISIONS if _takes(cli, kernel, work / r, r)]
    takes = _taken[kernel.kind]
    if revision in takes:
        return
    if takes:
        pytest.skip(f"this kernel's consumer takes {takes[0]}, not {revision}. {words(run.log)}")
    pytest.fail(
        f"this kernel has no consumer: it was handed a list in {revision} and poisoned none of it, "
        f"and of lists of one page, in {' and in '.join(REVISIONS)}, neither. "
        f"{_advice(run.log, kernel.handover_options)}",
        pytrace=False,
    )


def _takes(cli: Callable[..., Any], kernel: rig.Kernel, work: Path, revision: str) -> bool:
    pfns = lists.scattered(1, *handing.ground(kernel.page_size, 1).bad, kernel.page_size)
    guest = handing.encode(cli, kernel, work, pfns, revision)
    guest.run = handing.consumer(revision, poison=True) + handing.LOOK
    run = guest.boot()
    return not run.crashed and run.poisoned == pfns
