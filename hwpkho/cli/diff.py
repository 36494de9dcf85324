"""``hwpkho diff``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hwpkho.badpages import said
from hwpkho.cli import case_options, common, drawn, screen
from hwpkho.commands import diff
from hwpkho.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hwpkho.judging.options import ValidateOptions
    from hwpkho.report.parts.screen import Screen

EPILOG = """\b
Examples:
  hwpkho diff before.elf after.elf
  hwpkho diff before.elf after.elf --memmap iomem.txt
  hwpkho diff gen1.elf gen2.elf gen3.elf
  hwpkho diff gen*.elf --format html -o generations.html
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
@common.json_flag
@click.option("--plain", is_flag=True, help="Print one run a line: -0x… removed, +0x… added.")
@click.option("--summary", is_flag=True, help="Print one line.")
@drawn.format_option("diff")
@drawn.output_options
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
    formats: tuple[str, ...],
    output: str | None,
    force: bool,
) -> None:
    """Compare lists: what was lost, what was added.

    Compare two CASEs, or the incoming with the outgoing handover of one. Of more CASEs, show the
    history of every PFN. Pieces of one case are joined with +.
    """
    if as_json + plain + summary > 1:
        raise UsageError("--json, --plain and --summary exclude each other")
    to = drawn.read("diff", formats, output, force=force, others=as_json or plain or summary)
    if len(cases) > 2 and "memmap" not in common.given():
        judging = judging._replace(memmaps=())  # a setting is for other calls
    to.check(*cases, *judging.memmaps)
    result = diff.diff(cases, judging)
    common.say_left_out()
    for note in (*said.of_lists([x.pages for x in result.cases]), *result.notes()):
        screen.say(f"hwpkho: {note}")
    if len(result.changes) > 1 and (plain or summary):
        raise UsageError("--plain and --summary are for two cases; a chain has --json")
    with to.writing(result, (*cases, *judging.memmaps)) as writing:
        if to.own is None:
            pieces = _pieces(result, to.shown(), as_json=as_json, plain=plain, summary=summary)
            to.print(writing, pieces)
    ctx.exit(diff.exit_code(result, fail_on))


def _pieces(
    result: diff.Comparison, place: Screen, *, as_json: bool, plain: bool, summary: bool
) -> Iterable[str]:
    chain = len(result.changes) > 1
    if as_json:
        from hwpkho.report.diff import json
        from hwpkho.report.parts import jsondoc

        if chain:
            return jsondoc.pieces(json.CHAIN_SCHEMA, json.chain_body(result).items())
        return jsondoc.pieces(json.SCHEMA, json.body(result).items())
    from hwpkho.report.diff import text

    if summary:
        return [text.summary(result) + "\n"]
    if plain:
        lines = text.plain(result)
    else:
        lines = text.chain_report(result, place) if chain else text.report(result, place)
    return (f"{line}\n" for line in lines)
