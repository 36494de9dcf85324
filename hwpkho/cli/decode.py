"""``hwpkho decode``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from hwpkho.base.listing import parts
from hwpkho.cli import options, screen
from hwpkho.commands import decode
from hwpkho.errors import UsageError
from hwpkho.inputs.case import CaseOptions
from hwpkho.inputs.role import doubts, of_role, which_of_several

if TYPE_CHECKING:
    from collections.abc import Iterable

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
    help="The INPUTs are files that each hold an EFI table of poisoned memory.",
)
@options.json_flag
@click.option("--pfns", is_flag=True, help="Print only the list's PFNs, one 0x… a line.")
@click.option(
    "--annotate", is_flag=True, help="Print every structure's raw bytes beside their meaning."
)
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
    *,
    as_json: bool,
    pfns: bool,
    annotate: bool,
) -> None:
    """Decode a KHO handover, and the EFI table of poisoned memory.

    INPUT is recognised by its content: an ELF core, a kdump file, raw memory as FILE@0xBASE, a
    folder of 0xADDR.bin segments, a copy of /sys/kernel/debug/kho, a root FDT, or a hwpoison blob.
    Several INPUTs are of one machine at one moment.
    """
    if as_json + pfns + annotate > 1:
        raise UsageError("--json, --pfns and --annotate exclude each other")
    case = decode.decode(
        inputs,
        CaseOptions(page_size, root_fdt, kho_scratch, arch, efi_table=efi_table, layout=layout),
        options.given(),
        tables=form is not None,
    )
    handovers = of_role(case.handovers, role)
    if pfns or annotate:
        for p in doubts(handovers):
            text = f"hwpkho: {p.severity}: {p.message} ({p.code})"
            screen.say(text, always=p.severity != "note")
    if pfns:
        _print_pfns(case, handovers, page_size)
    elif as_json:
        from hwpkho.report.decode import json as decode_json
        from hwpkho.report.parts import jsondoc

        fields = decode_json.body(handovers, case.tables).items()
        for piece in jsondoc.pieces(decode_json.SCHEMA, fields):
            click.echo(piece, nl=False)
    elif annotate:
        from hwpkho.report.decode import annotate as notes

        for line in notes.lines(handovers, case.source, case.tables):
            click.echo(line)
    else:
        from hwpkho.report.decode import text as decode_text

        text = decode_text.report(handovers, screen.of(sys.stdout), case.tables, page_size)
        click.echo(text, nl=False)
    ctx.exit(decode.exit_code(handovers, case.tables))


def _print_pfns(case: Case, handovers: tuple[Handover, ...], page_size: int | None) -> None:
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
        click.echo(text.build(part), nl=False)
