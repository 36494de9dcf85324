"""Whether a document is as its schema says.

``jsonschema.validate()`` looks over the schema itself each time, which takes longer than most
documents do; tests/cli/test_decode.py does it once for all of them.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from tests.support import ROOT


@cache
def validator(name: str) -> Draft202012Validator:
    """Return what checks documents: ``list``, or ``list-2`` for a version other than 1."""
    file = f"{name}.json" if name[-1].isdigit() else f"{name}-1.json"
    return Draft202012Validator(json.loads((ROOT / "hwpkho" / "schemas" / file).read_text()))


def check(document: Any, name: str) -> None:
    """Raise ValidationError where a document is not as the schema of this name says."""
    validator(name).validate(document)
