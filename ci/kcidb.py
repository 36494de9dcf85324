#!/usr/bin/env python3
"""Makes a KCIDB report of what validate-handovers.sh judged: kcidb.py ORIGIN BUILD [REPORT].

Each case is a test ``hwpkho.CASE`` of the build: PASS, FAIL where it has findings, ERROR where it
could not be judged. Pipe the report into kcidb-validate, then into kcidb-submit.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from pathlib import Path
from typing import Any

#: Exit code of a case → status.
STATUS = {0: "PASS", 1: "FAIL"}
#: The schema's version that the report follows; newer tools take it.
VERSION = {"major": 4, "minor": 1}


def report(origin: str, build: str, document: dict[str, Any]) -> dict[str, Any]:
    """Return the report of a hwpkho.validate-batch/1 document."""
    tests = []
    for result in document["results"]:
        path = "hwpkho." + re.sub(r"[^A-Za-z0-9_-]", "_", result["case"])
        # The name of a case is not a unique name everywhere, that of the build and the case is.
        name = hashlib.sha256(f"{build}\0{result['case']}".encode()).hexdigest()[:32]
        tests.append(
            {
                "id": f"{origin}:hwpkho-{name}",
                "origin": origin,
                "build_id": build,
                "path": path,
                "status": STATUS.get(result["exit"], "ERROR"),
                "misc": {"case": result["case"], "exit": result["exit"]},
            }
        )
    return {"version": VERSION, "tests": tests}


def main() -> int:
    """Print the report."""
    if len(sys.argv) not in (3, 4):
        sys.stderr.write(f"usage: {sys.argv[0]} ORIGIN BUILD [REPORT]\n")
        return 2
    origin, build, *path = sys.argv[1:]
    if not re.fullmatch(r"[a-z0-9_]+", origin):
        sys.stderr.write(f"{sys.argv[0]}: {origin!r} is no origin: letters, digits, _\n")
        return 2
    name = path[0] if path else "hwpkho-reports/hwpkho.json"
    try:
        made = report(origin, build, json.loads(Path(name).read_text("utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        sys.stderr.write(f"{sys.argv[0]}: {name!r} is no report of validate --batch: {error!r}\n")
        return 3
    json.dump(made, sys.stdout, indent=2)
    sys.stdout.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
