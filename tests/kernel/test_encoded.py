"""What ``hwpkho encode`` writes, before a real kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.kernel import handing, lists, own, rig

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


CASES = [
    *(("arm64-4k", revision, n) for revision in ("struct-v1", "fdt-v1") for n in (1, 513, 1200)),
    *(("arm64-4k", revision, 131_098) for revision in ("struct-v1", "fdt-v1")),
    *(("arm64-64k", revision, n) for revision in ("struct-v1", "fdt-v1") for n in (1, 513, 8193)),
    *(("arm64-16k", revision, n) for revision in ("struct-v1", "fdt-v1") for n in (1, 1200)),
]


def _booted(run: rig.Run) -> None:
    assert not run.crashed, f"the kernel crashed: {run.crash or 'it never reached user space'}"
    assert run.ended == "by itself", f"the guest was ended ({run.ended}): HWPKHO_GUEST_SECONDS"
    assert run.found, "the kernel found no handover"


def _check(run: rig.Run, pfns: list[int]) -> None:
    _booted(run)
    assert f"restored {len(pfns)} PFNs" in run.said()
    if len(pfns) > lists.PRINT_MAX:
        assert f"checksum 0x{lists.checksum(pfns):016x}" in run.said()
    else:
        assert run.restored == pfns


@pytest.mark.parametrize(("kind", "revision", "count"), CASES)
def test_the_kernel_restores_the_list(
    kernel_of: Callable[[str], rig.Kernel],
    cli: Callable[..., Any],
    work: Path,
    kind: str,
    revision: str,
    count: int,
) -> None:
    kernel = kernel_of(kind)
    where = handing.ground(kernel.page_size, count)
    pfns = lists.scattered(count, *where.bad, kernel.page_size)
    guest = handing.encode(cli, kernel, work, pfns, revision)
    _check(guest.boot(), pfns)


@pytest.mark.parametrize(("kind", "count"), [("arm64-4k", 1), ("arm64-4k", 1200)])
def test_placed_by_address(
    kernel_of: Callable[[str], rig.Kernel],
    cli: Callable[..., Any],
    work: Path,
    kind: str,
    count: int,
) -> None:
    kernel = kernel_of(kind)
    where = handing.ground(kernel.page_size, count)
    # The place itself has poisoned pages in it, which the handover must go around.
    start = where.place[0]
    bad = (start, start + (8 << 20)) if count > 1 else where.bad
    pfns = lists.scattered(count, *bad, kernel.page_size)
    guest = handing.encode(cli, kernel, work, pfns, "struct-v1", "--at", f"0x{start:x}")
    _check(guest.boot(), pfns)


@pytest.mark.any_consumer
@pytest.mark.parametrize(
    ("kind", "revision", "count"),
    [("arm64-4k", "struct-v1", 1), ("arm64-4k", "struct-v1", 513), ("arm64-4k", "fdt-v1", 1200),
     ("arm64-16k", "struct-v1", 513), ("arm64-64k", "struct-v1", 513)],
)  # fmt: skip
def test_every_page_is_poisoned_again(
    kernel_of: Callable[[str], rig.Kernel],
    cli: Callable[..., Any],
    work: Path,
    kind: str,
    revision: str,
    count: int,
) -> None:
    kernel = kernel_of(kind)
    where = handing.ground(kernel.page_size, count)
    pfns = lists.scattered(count, *where.bad, kernel.page_size)
    guest = handing.encode(cli, kernel, work, pfns, revision)
    guest.run = handing.consumer(revision, poison=True) + handing.LOOK
    run = guest.boot()
    if kernel.ours:
        _check(run, pfns)
    else:
        _booted(run)  # what another consumer says cannot be read
        own.expect_consumer(cli, kernel, work / "small", revision, run)
    assert run.poisoned == sorted(pfns)
    assert run.corrupted_kib == count * kernel.page_size // 1024


@pytest.mark.parametrize("kind", ["arm64-4k", "arm64-64k"])
def test_placed_by_memory_map(
    kernel_of: Callable[[str], rig.Kernel], cli: Callable[..., Any], work: Path, kind: str
) -> None:
    """hwpkho finds the room itself, in the map that the guest printed."""
    kernel = kernel_of(kind)
    where = handing.ground(kernel.page_size, 513)
    look = rig.Guest(kernel, work / "look", handing.LOOK, memory=where.memory)
    iomem = look.boot().out / "iomem"
    pfns = lists.scattered(513, *where.bad, kernel.page_size)
    guest = handing.encode(cli, kernel, work, pfns, "struct-v1", "--memmap", str(iomem))
    start = min(phys for _, phys in guest.loads)
    assert not where.place[0] <= start < sum(where.place)
    _check(guest.boot(), pfns)
