"""A report of any command other than validate: the type of its result, the command line, inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.report.registry import REPORTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.report.registry import Call


class Toy:
    """See the module."""

    name = "toy-card"
    about = "a toy"

    def pieces(self, result: object, call: Call, /) -> Iterator[str]:
        yield f"{type(result).__name__}: {call.command}\n"
        for file in call.inputs:
            yield f"{file.name} {file.sha256}\n"


def register() -> None:
    for reports in REPORTS.values():
        reports.register(Toy.name, Toy())


def unregister() -> None:
    for reports in REPORTS.values():
        reports.unregister(Toy.name)
