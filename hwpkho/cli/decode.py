"""``hwpkho decode``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hwpkho.base.listing import parts
from hwpkho.cli import common, drawn, options, screen
from hwpkho.commands import decode
from hwpkho.errors import UsageError
from hwpkho.inputs.case import CaseOptions
from hwpkho.inputs.role import doubts, of_role, which_of_several

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hwpkho.abi.role import Role
    from hwpkho.handover.model import Handover
    from hwpkho.inputs.case import Case

EPILOG = """\b
Examples:
  hwpkho decode vmcore
  hwpkho decode dump.elf --json | jq '.handovers[].hwpoison.count'
  hwpkho decode --pfns memory.kdump > bad-pages.txt
  hwpkho decode debugfs-kho/ memory.elf
  hwpkho decode ram.bin@0x40000000 --annotate | less
  hwpkho decode --from efi-table poisoned.bin
  hwpkho decode vmcore --format html -o vmcore.html

Exit codes: 0 fine; 1 decoded, with errors; 2 wrong usage; 3 not readable."""


@click.command(epilog=EPILOG)
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@options.handover
@options.role
@options.efi_table
@options.layout
@click.option(
    "--from",
    "form",
    type=click.Choice(["efi-table"]),
    help="Read each INPUT as a file that holds an EFI table of poisoned memory.",
)
@common.json_flag
@click.option("--pfns", is_flag=True, help="Print only the list's PFNs, one 0x… a line.")
@click.option(
    "--annotate", is_flag=True, help="Print every structure's raw bytes beside their meaning."
)
@drawn.format_option("decode")
@drawn.output_options
@click.pass_context
def command(
    ctx: click.Context,
    inputs: tuple[str, ...],
    page_size: int | None,
    root_fdt: int | None,
    kho_scratch: tuple[int, int] | str | None,
    arch: str | None,
    role: Role | None,
    efi_table: int | None,
    layout: str | None,
    form: str | None,
    formats: tuple[str, ...],
    output: str | None,
    *,
    as_json: bool,
    pfns: bool,
    annotate: bool,
    force: bool,
) -> None:
    """Decode a KHO handover, and the EFI table of poisoned memory.

    INPUT is recognised by its content: an ELF core, a kdump file, raw memory as FILE@0xBASE, a
    folder of 0xADDR.bin segments, a copy of /sys/kernel/debug/kho, a root FDT, or a hwpoison blob.
    Several INPUTs are of one machine at one moment.
    """
    if as_json + pfns + annotate > 1:
        raise UsageError("--json, --pfns and --annotate exclude each other")
    other = as_json or pfns or annotate
    to = drawn.read("decode", formats, output, force=force, others=other)
    to.check(*inputs)
    case = decode.decode(
        inputs,
        CaseOptions(page_size, root_fdt, kho_scratch, arch, efi_table=efi_table, layout=layout),
        common.given(),
        tables=form is not None,
    )
    handovers = of_role(case.handovers, role)
    found = decode.Decoded(case.name, handovers, case.tables, page_size)
    common.say_left_out()
    if pfns or annotate:
        for p in doubts(handovers):
            text = f"hwpkho: {p.severity}: {p.message} ({p.code})"
            screen.say(text, always=p.severity != "note")
    with to.writing(found, inputs) as writing:
        if pfns:
            to.print(writing, _pfns(case, handovers, page_size))
        elif as_json:
            from hwpkho.report.decode import json as decode_json
            from hwpkho.report.parts import jsondoc

            fields = decode_json.body(handovers, case.tables).items()
            to.print(writing, jsondoc.pieces(decode_json.SCHEMA, fields))
        elif annotate:
            from hwpkho.report.decode import annotate as notes

            lines = notes.lines(handovers, case.source, case.tables)
            to.print(writing, (f"{line}\n" for line in lines))
        elif to.own is None:
            from hwpkho.report.decode import text as decode_text

            shown = decode_text.report(handovers, to.shown(), case.tables, page_size)
            to.print(writing, [shown])
    ctx.exit(decode.exit_code(handovers, case.tables))


def _pfns(case: Case, handovers: tuple[Handover, ...], page_size: int | None) -> Iterator[str]:
    from hwpkho.badpages.formats import text

    found: Iterable[int]
    if handovers or not case.tables:
        handover, found = decode.pfns(handovers)
        choice = which_of_several(case.handovers, handover)
        if choice:
            screen.say(f"hwpkho: {choice}")
    else:
        found = decode.table_pfns(case.tables, page_size)
    for part in parts(found):
        yield text.build(part)
