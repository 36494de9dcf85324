"""``validate`` against a real kernel, for handovers with one thing wrong each.

All guests are booted by the first test that wants one, as many at once as there are processors.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import damage
import damages_list  # noqa: F401 - registers its damages
import damages_root  # noqa: F401 - registers its damages
import handing
import pytest
import rig

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

#: Seconds; a sound boot takes two.
_BOUND = 30
KINDS = {4096: "arm64-4k", 65536: "arm64-64k"}
CASES = [
    pytest.param(
        KINDS[size],
        d,
        id=f"{KINDS[size]}-{d.group}-{d.name}",
        marks=[pytest.mark.xfail(reason=d.differs, strict=True)] if d.differs else [],
    )
    for d in damage.DAMAGES
    for size in d.sizes
]


@dataclass
class Booted:
    """A damaged handover, and what the kernel made of it."""

    scene: damage.Scene
    folder: Path
    run: rig.Run


Boots = dict[tuple[str, str], "Booted | Exception"]


def _boot(kernel: rig.Kernel, d: damage.Damage, work: Path, base: Path) -> Booted:
    made = damage.scene(kernel, d.options)
    d.change(made)
    folder = work / "handover"
    damage.save(made, folder, base)
    revision = d.options.get("revision", "struct-v1")
    memory = handing.ground(kernel, 1).memory
    guest = rig.Guest(kernel, work, handing.consumer(revision), memory=memory)
    handing.load(guest, folder)
    return Booted(made, folder, guest.boot(_BOUND))


@pytest.fixture(scope="session")
def boots(
    request: pytest.FixtureRequest,
    kernel_of: Callable[[str], rig.Kernel],
    tmp_path_factory: pytest.TempPathFactory,
) -> Boots:
    """Boot every case that this session asks for."""
    wanted = [
        item.callspec.params
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.originalname == "test_validate_knew"
    ]
    work = tmp_path_factory.mktemp("damaged")
    jobs = []
    for kind in sorted({w["kind"] for w in wanted}):
        if kind not in os.environ.get("HWPKHO_KINDS", kind):
            continue
        kernel = kernel_of(kind)
        guest = rig.Guest(kernel, work / kind, memory=handing.ground(kernel, 1).memory)
        guest.work.mkdir()
        base = guest.base_dtb()
        jobs += [(kernel, w["broken"], base) for w in wanted if w["kind"] == kind]

    def one(job: tuple[rig.Kernel, damage.Damage, Path]) -> Booted | Exception:
        kernel, d, base = job
        try:
            return _boot(kernel, d, base.parent / d.name, base)
        except Exception as error:  # a case of its own fails for it, not all of them
            return error

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        done = list(pool.map(one, jobs))
    return {(k.kind, d.name): b for (k, d, _), b in zip(jobs, done, strict=True)}


@pytest.fixture(scope="session")
def iomem_of(
    kernel_of: Callable[[str], rig.Kernel], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """Return a function that gives /proc/iomem of a kernel of a kind, as it boots on a handover."""
    known: dict[str, Path] = {}

    def give(kind: str) -> Path:
        if kind not in known:
            kernel = kernel_of(kind)
            work = tmp_path_factory.mktemp("iomem")
            memory = handing.ground(kernel, 1).memory
            guest = rig.Guest(kernel, work, handing.LOOK, memory=memory)
            known[kind] = guest.boot().out / "iomem"
        return known[kind]

    return give


def validated(
    cli: Callable[..., Any], booted: Booted, kernel: rig.Kernel, iomem: Path, *more: str
) -> Any:
    """Return the validate document for what was handed over."""
    result = cli(
        "validate", booted.folder, "--root-fdt", hex(booted.scene.made.root), "--arch", "arm64",
        "--page-size", kernel.page_size, "--kho-scratch", "0x{:x}:{}".format(*booted.scene.array),
        "--memmap", iomem, "--iomem-of", "next", "--json", *more,
    )  # fmt: skip
    assert result.code in (0, 1), result.err
    return result.json


def pfns_of(runs: Iterable[dict[str, Any]]) -> list[int]:
    """Return the PFNs that runs cover."""
    return [pfn for r in runs for pfn in range(r["first"], r["last"] + 1)]


@pytest.mark.parametrize(("kind", "broken"), CASES)
def test_validate_knew(
    kernel_of: Callable[[str], rig.Kernel],
    boots: Boots,
    iomem_of: Callable[[str], Path],
    cli: Callable[..., Any],
    record_property: Callable[[str, object], None],
    kind: str,
    broken: damage.Damage,
) -> None:
    kernel = kernel_of(kind)
    booted = boots[kind, broken.name]
    if isinstance(booted, Exception):
        raise booted
    did = damage.outcome(booted.run, booted.scene)
    told = validated(cli, booted, kernel, iomem_of(kind))
    record_property("kernel", did)
    record_property("seconds", booted.run.seconds)
    record_property("validate", told["outcome"])
    tail = "\n".join(booted.run.log.splitlines()[-60:])
    assert told["outcome"] == did, f"the kernel: {did}; validate: {told['findings']}\n{tail}"
    if did == "replay":
        assert booted.run.restored == booted.scene.pfns
        assert pfns_of(told["runs"]) == sorted(booted.scene.pfns)
