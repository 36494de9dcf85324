"""The command line, run in this process."""

from __future__ import annotations

import io
import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any

from hwpkho.cli import main


@dataclass(frozen=True)
class Result:
    """What a run of the program left."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """Standard output with each gap between words, breaks of lines too, as one blank."""
        return " ".join(self.out.split())

    @property
    def told(self) -> str:
        """Standard error likewise."""
        return " ".join(self.err.split())

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def run_cli(*args: object) -> Result:
    """Run ``hwpkho ARGS`` in this process."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", newline="") for _ in range(2))
    argv, sys.argv = sys.argv, ["hwpkho", *map(str, args)]
    code: Any = 0
    try:
        with redirect_stdout(out), redirect_stderr(err):
            main.run()
    except SystemExit as end:
        code = end.code or 0
    finally:
        sys.argv = argv
    texts = []
    for stream in (out, err):
        stream.flush()
        texts.append(stream.buffer.getvalue().decode())
    return Result(int(code), *texts)
