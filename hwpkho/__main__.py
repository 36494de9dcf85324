"""``python -m hwpkho``."""

from __future__ import annotations

from hwpkho.cli.entry import program

if __name__ == "__main__":
    program()
