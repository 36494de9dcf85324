"""``hwpkho merge``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from hwpkho.base import output as outputs
from hwpkho.cli import case_options, common, drawn, encode_options, screen, values
from hwpkho.commands import merge
from hwpkho.errors import UsageError

if TYPE_CHECKING:
    from hwpkho.judging.options import ValidateOptions

EPILOG = """\b
Examples:
  hwpkho merge gen1.elf gen2.elf -o known-bad.txt
  hwpkho merge fleet/*.txt --memmap iomem.txt
  hwpkho merge a.txt b.txt --exclude replaced-dimm.txt --provenance
  hwpkho merge kern.log ras-mc_event.db --to memmap-grub
  hwpkho merge fleet/*.txt --memmap iomem.txt -o known-bad.txt --format html=merged.html
  hwpkho merge vmcore old.txt --to elf --memmap iomem.txt --no-scratch -o handover.elf

Exit codes: 0 fine; 1 written without some of the pages, for which there was no room; 2 wrong usage,
or the output exists; 3 a list or the map cannot be read, or the map is of another machine."""


@click.command(epilog=EPILOG)
@click.argument("cases", nargs=-1, required=True, metavar="CASE...")
@click.option(
    "--first-seen",
    is_flag=True,
    help="Keep the order in which PFNs are first seen. Default: ascending.",
)
@click.option("--intersect", is_flag=True, help="Keep only PFNs that are in every case.")
@click.option(
    "--exclude", multiple=True, metavar="CASE", help="Leave out the PFNs of CASE (repeatable)."
)
@click.option("--keep-all", is_flag=True, help="With --memmap: keep all PFNs.")
@click.option(
    "--replayable-only", is_flag=True, help="With --memmap: keep only PFNs that will be replayed."
)
@click.option("--provenance", is_flag=True, help="Say which case lists which PFN.")
@click.option(
    "--to-page-size",
    type=values.PageSize(),
    metavar="BYTES",
    help="Page size of the result. Default: the smallest of the cases.",
)
@encode_options.add("list")
@case_options.case_to_write
@drawn.format_option("merge")
@common.json_flag
@click.pass_context
def command(
    ctx: click.Context,
    /,
    cases: tuple[str, ...],
    to_page_size: int | None,
    exclude: tuple[str, ...],
    *,
    judging: ValidateOptions,
    first_seen: bool,
    intersect: bool,
    keep_all: bool,
    replayable_only: bool,
    provenance: bool,
    formats: tuple[str, ...],
    as_json: bool,
    **values: Any,
) -> None:
    """Merge lists.

    Each CASE is a list, a capture or a copy of debugfs; its pieces are joined with +. The union is
    written as a list, or with --to as encode writes it. With --memmap, pages that are not RAM
    or not the kernel's (not-ram, firmware, device) are left out and reported; bad RAM in use
    stays.
    """
    keep_all &= _applies("keep_all", "replayable_only", judging)
    replayable_only &= _applies("replayable_only", "keep_all", judging)
    instead = ("as_json",) if values["output"] is None else ()
    if common.gives_way("to", "provenance", *instead):
        values["to"] = "list"
    if provenance and values["to"] not in ("list", "text"):
        raise UsageError("--provenance goes with --to list and --json")
    to = drawn.read(
        "merge", formats, values["output"], force=values["force"],
        others=as_json or "to" in common.given(),
    )  # fmt: skip
    if formats:
        to.check(*cases, *exclude, *judging.memmaps, writes=to.own is not None)
    writes = values["output"] is not None or values["to"] != "list" or not as_json
    writing = encode_options.read(values, judging, as_json=as_json)
    from hwpkho.report.merge import text

    with outputs.together():  # the list and what is drawn of it
        merged = merge.merge(
            cases,
            merge.MergeOptions(
                judging,
                first_seen,
                intersect,
                exclude,
                keep_all,
                replayable_only,
                provenance,
                to_page_size,
            ),
            writing if writes and to.own is None else None,
        )
        with to.writing(merged, (*cases, *exclude, *judging.memmaps)):
            pass
    common.say_left_out()
    for note in merged.notes:
        screen.say(f"hwpkho: {note}")
    if as_json:
        from hwpkho.report.merge import json
        from hwpkho.report.parts import jsondoc

        for line in text.left_out(merged, screen.of(sys.stderr)):
            screen.say(line)
        body = json.body(merged, values["output"])
        for piece in jsondoc.pieces(json.SCHEMA, body.items()):
            sys.stdout.write(piece)
    elif to.own is None:
        for line in text.report(merged, screen.of(sys.stderr)):
            screen.say(line)
    if merged.loss and merged.loss.bad_pages_left:
        ctx.exit(1)


def _applies(name: str, other: str, judging: ValidateOptions) -> bool:
    """Tell whether a flag applies: if typed, or if set, with a map, and no ``other`` is typed."""
    of_map = bool(judging.memmaps) and not common.gives_way(name, other)
    return of_map or name in common.given()
