"""Writes the bill of materials of the zipapp (CycloneDX, JSON): ``make sbom``.

cyclonedx-bom reads an environment in which hwpkho is installed. What it cannot know is added: the
version, which pyproject.toml takes from elsewhere, and the hash of each wheel. Runs where
cyclonedx-bom is installed (requirements-release.lock).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from release.locked import ROOT, normal


def _digests(wheels: list[Path]) -> dict[tuple[str, str], str]:
    """Return the SHA-256 of each wheel by the project's name and version."""
    found = {}
    for wheel in wheels:
        name, version, *_ = wheel.name.split("-")
        found[normal(name), version] = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return found


def complete(document: dict[str, Any], version: str, wheels: list[Path]) -> None:
    """Add hwpkho's version and every hash. Raises ValueError where wheels and document differ."""
    program = document["metadata"]["component"]
    program |= {"version": version, "purl": f"pkg:pypi/{program['name']}@{version}"}
    digests = _digests(wheels)
    components = [program, *document["components"]]
    listed = {(normal(component["name"]), component["version"]) for component in components}
    if listed != digests.keys():
        differ = ", ".join(f"{name} {version}" for name, version in listed ^ digests.keys())
        raise ValueError(f"not both in the environment and among the wheels: {differ}")
    for component in components:
        digest = digests[normal(component["name"]), component["version"]]
        component["hashes"] = [{"alg": "SHA-256", "content": digest}]


def validate(text: str) -> None:
    """Raise ValueError where ``text`` is no CycloneDX document."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if wrong is not None:
        raise ValueError(f"not CycloneDX 1.6: {wrong}")


def main() -> int:
    """Write the document."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--environment", required=True, help="Its python.")
    parser.add_argument("--version", required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("wheels", nargs="+", type=Path)
    given = parser.parse_args()
    made = subprocess.run(
        [
            sys.executable, "-m", "cyclonedx_py", "environment", "--output-reproducible",
            "--spec-version", "1.6", "--pyproject", ROOT / "pyproject.toml", given.environment,
        ],
        stdout=subprocess.PIPE, check=True,
    )  # fmt: skip
    document = json.loads(made.stdout)
    try:
        complete(document, given.version, given.wheels)
        text = json.dumps(document, indent=2, sort_keys=True) + "\n"
        validate(text)
    except ValueError as error:
        print(f"sbom: {error}", file=sys.stderr)
        return 1
    given.output.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
