"""A report of any command other than validate: the type of its result, the command line, inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.report.registry import REPORTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.report.registry import Made


class Toy:
    """See the module."""

    name = "toy-card"
    about = "a toy"

    def pieces(self, result: object, made: Made, /) -> Iterator[str]:
        yield f"{type(result).__name__}: {made.command}\n"
        for file in made.inputs:
            yield f"{file.name} {file.sha256}\n"


def register() -> None:
    for reports in REPORTS.values():
        reports.register(Toy.name, Toy())


def unregister() -> None:
    for reports in REPORTS.values():
        reports.unregister(Toy.name)
