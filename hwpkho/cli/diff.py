"""``hwpkho diff``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from hwpkho.badpages import said
from hwpkho.cli import case_options, options, screen
from hwpkho.commands import diff
from hwpkho.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hwpkho.judging.options import ValidateOptions

EPILOG = """\b
Examples:
  hwpkho diff before.elf after.elf
  hwpkho diff before.elf after.elf --memmap iomem.txt
  hwpkho diff gen1.elf gen2.elf gen3.elf
  hwpkho diff --fail-on removed known-bad.txt debugfs-kho/+memory.elf

Exit codes: 0 no difference; 1 the lists differ; 2 wrong usage; 3 a list or the map cannot be
read, or the map is of another machine."""


@click.command(epilog=EPILOG)
@click.argument("cases", nargs=-1, required=True, metavar="CASE...")
@case_options.case
@click.option(
    "--fail-on",
    type=click.Choice(["removed", "added", "any"]),
    default="any",
    show_default=True,
    help="Exit with 1 only for these changes.",
)
@options.json_flag
@click.option("--plain", is_flag=True, help="Print one run a line: -0x… removed, +0x… added.")
@click.option("--summary", is_flag=True, help="Print one line.")
@click.pass_context
def command(
    ctx: click.Context,
    cases: tuple[str, ...],
    fail_on: diff.FailOn,
    *,
    judging: ValidateOptions,
    as_json: bool,
    plain: bool,
    summary: bool,
) -> None:
    """Compare lists: what was lost, what was added.

    Compare two CASEs, or the incoming with the outgoing handover of one. Of more CASEs, show the
    history of every PFN. Pieces of one case are joined with +.
    """
    if as_json + plain + summary > 1:
        raise UsageError("--json, --plain and --summary exclude each other")
    result = diff.diff(cases, judging)
    from hwpkho.report.diff import json, text
    from hwpkho.report.parts import jsondoc

    for note in (*said.of_lists([x.pages for x in result.cases]), *result.notes()):
        screen.say(f"hwpkho: {note}")
    pieces: Iterable[str]
    shown = screen.of(sys.stdout)
    if len(result.changes) > 1:
        if plain or summary:
            raise UsageError("--plain and --summary are for two cases; a chain has --json")
        if as_json:
            pieces = jsondoc.pieces(json.CHAIN_SCHEMA, json.chain_body(result).items())
        else:
            pieces = (f"{line}\n" for line in text.chain_report(result, shown))
    elif as_json:
        pieces = jsondoc.pieces(json.SCHEMA, json.body(result).items())
    elif summary:
        pieces = [text.summary(result) + "\n"]
    else:
        lines = text.plain(result) if plain else text.report(result, shown)
        pieces = (f"{line}\n" for line in lines)
    for piece in pieces:
        sys.stdout.write(piece)
    ctx.exit(diff.exit_code(result, fail_on))
