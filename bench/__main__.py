"""Times and peak memory of hwpkho, as ratios within one run: python -m bench.

Each figure is the best of several runs in children of their own; what it is compared with runs in
turn with it, so a busy machine slows both. Nothing here fails: an aim that is missed is marked.
Names of subjects (python -m bench maps merge) run those alone.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from bench import decode, efi, fleet, lists, luo, maps, merge, validate

_SUBJECTS = {
    "decode": decode,
    "efi": efi,
    "fleet": fleet,
    "lists": lists,
    "luo": luo,
    "maps": maps,
    "merge": merge,
    "validate": validate,
}


def main() -> None:
    """Print all figures, or those of the subjects that the command line names."""
    folder = Path(tempfile.mkdtemp(prefix="hwpkho-bench-"))
    try:
        for name in sys.argv[1:] or _SUBJECTS:
            _SUBJECTS[name].measure(folder)
            print()
    finally:
        shutil.rmtree(folder)


main()
