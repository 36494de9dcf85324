"""Handovers that were fed to a real kernel, unpacked, and what it did with them."""

from __future__ import annotations

import gzip
import json
import shutil
from functools import cache
from typing import TYPE_CHECKING, Any

from tests.support import FIXTURES

if TYPE_CHECKING:
    from pathlib import Path

OUTCOMES = FIXTURES / "replay-outcomes"
FOLDERS = {
    p.name: p for base in (OUTCOMES, FIXTURES / "replay") for p in base.iterdir() if p.is_dir()
}
NAMES = sorted(FOLDERS)


@cache
def handover(name: str) -> dict[str, Any]:
    """What the boot loader passed on."""
    found: dict[str, Any] = json.loads((FOLDERS[name] / "handover.json").read_text())
    return found


@cache
def outcome(name: str) -> dict[str, Any]:
    """What the kernel did."""
    found: dict[str, Any] = json.loads((FOLDERS[name] / "outcome.json").read_text())
    return found


def iomem(name: str) -> Path:
    """The map of the guest that a case was booted in."""
    return OUTCOMES / f"iomem-{handover(name)['page_size'] >> 10}k.txt"


def unpack(name: str, into: Path) -> Path:
    """Unpack a case's folder, map and outcome included, below ``into``; return it."""
    folder = into / name
    (folder / "memory").mkdir(parents=True)
    for packed in (FOLDERS[name] / "memory").iterdir():
        (folder / "memory" / packed.stem).write_bytes(gzip.decompress(packed.read_bytes()))
    for document in ("handover.json", "outcome.json"):
        shutil.copyfile(FOLDERS[name] / document, folder / document)
    shutil.copyfile(iomem(name), folder / "iomem.txt")
    return folder


def arguments(name: str) -> list[str]:
    """The options that tell what the boot loader passed on."""
    h = handover(name)
    array, length = h["kho_scratch"]
    return [
        "--arch", "arm64", "--iomem-of", "next",
        "--page-size", str(h["page_size"]),
        "--root-fdt", hex(h["kho_fdt"][0]),
        "--kho-scratch", f"{array:#x}:{length}",
    ]  # fmt: skip
