"""Look inside, make and judge the list of poisoned pages that Linux hands over a kexec."""

from __future__ import annotations

__version__ = "0.1.0"
