"""What tests, benchmarks and the fuzzer share: fixtures, makers of inputs, and measuring."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
FIXTURES = ROOT / "fixtures"
