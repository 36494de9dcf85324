"""``validate`` against a real kernel, for handovers with one thing wrong each."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.kernel import damage, handing, rig
from tests.support import damage_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

#: Seconds; a sound boot takes two.
_BOUND = 30
KINDS = {4096: "arm64-4k", 16384: "arm64-16k", 65536: "arm64-64k"}
CASES = [
    pytest.param(KINDS[size], case, id=f"{KINDS[size]}-{case.group}-{case.name}")
    for case in damage.cases()
    for size in case.sizes
]


@dataclass(frozen=True)
class Machine:
    """What all guests of a kind have: QEMU's device tree, and /proc/iomem."""

    dtb: Path
    iomem: Path


@pytest.fixture(scope="session")
def machine_of(
    kernel_of: Callable[[str], rig.Kernel], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Machine]:
    """Return a function that gives the machine of a kind."""

    @functools.cache
    def give(kind: str) -> Machine:
        kernel = kernel_of(kind)
        work = tmp_path_factory.mktemp(kind)
        memory = handing.ground(kernel.page_size, 1).memory
        guest = rig.Guest(kernel, work, handing.LOOK, memory=memory)
        return Machine(guest.base_dtb(), guest.boot().out / "iomem")

    return give


def validated(cli: Callable[..., Any], made: damage.Scene, folder: Path, iomem: Path) -> Any:
    """Return the validate document for what was handed over."""
    result = cli(
        "validate", folder, "--root-fdt", hex(made.layout.root), "--arch", "arm64",
        "--page-size", made.layout.page_size,
        "--kho-scratch", "0x{:x}:{}".format(*made.layout.kho_scratch),
        "--memmap", iomem, "--iomem-of", "next", "--json",
    )  # fmt: skip
    assert result.code in (0, 1), result.err
    return result.json


def pfns_of(runs: Iterable[dict[str, Any]]) -> list[int]:
    """Return the PFNs that runs cover."""
    return [pfn for r in runs for pfn in range(r["first"], r["last"] + 1)]


@pytest.mark.parametrize(("kind", "case"), CASES)
def test_validate_knew(
    kernel_of: Callable[[str], rig.Kernel],
    machine_of: Callable[[str], Machine],
    cli: Callable[..., Any],
    work: Path,
    kind: str,
    case: damage.Case,
) -> None:
    kernel, machine = kernel_of(kind), machine_of(kind)
    made = damage.scene(case, kernel.page_size)
    folder = work / "handover"
    damage.save(made.layout, folder, machine.dtb)
    script = handing.consumer(case.revision)
    guest = rig.Guest(kernel, work, script, memory=handing.ground(kernel.page_size, 1).memory)
    handing.load(guest, folder)
    run = guest.boot(_BOUND)
    did = damage.outcome(run, made)
    told = validated(cli, made, folder, machine.iomem)
    assert told["outcome"] == did, f"the kernel: {did}; validate: {told['findings']}"
    if case.damage is not None and kind == "arm64-4k":
        assert damage_table.documented()[case.name] == did
    if did == "replay":
        assert run.restored == made.pfns
        assert pfns_of(told["runs"]) == sorted(made.pfns)
