"""What tests, benchmarks and the fuzzer share: fixtures, makers of inputs, and measuring."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

ROOT = Path(__file__).resolve().parent.parent.parent
FIXTURES = ROOT / "fixtures"


def certain(value: T | None) -> T:
    """Return what must be there; a test that meets None fails here."""
    assert value is not None
    return value
