"""``python -m hwpkho``."""

from __future__ import annotations

from hwpkho.cli.main import run

if __name__ == "__main__":
    run()
