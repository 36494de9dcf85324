"""``hwpkho capture``."""

from __future__ import annotations

import click

from hwpkho.cli import common, options, screen
from hwpkho.commands import capture
from hwpkho.inputs.case import CaseOptions

EPILOG = """\b
Examples:
  hwpkho capture -o capture.elf && hwpkho validate capture.elf --memmap capture.elf
  hwpkho capture vmcore -o small.elf
  hwpkho capture dump.elf debugfs-kho/ -o small.elf && hwpkho decode small.elf
  hwpkho capture vmcore -o small.elf --json | jq .pages

Exit codes: 0 fine; 2 wrong usage, or the output exists; 3 not readable, or no handover."""


@click.command(epilog=EPILOG)
@click.argument("inputs", nargs=-1, metavar="[INPUT...]")
@click.option("-o", "--output", metavar="OUT", help="Output; '-' is standard output.")
@click.option("-f", "--force", is_flag=True, help="Overwrite an existing output.")
@click.option(
    "--no-scrub",
    is_flag=True,
    help="Keep whole pages, with old kernel memory around the bytes that decode reads.",
)
@options.handover
@options.efi_table
@options.layout
@common.json_flag
def command(
    inputs: tuple[str, ...],
    output: str | None,
    force: bool,
    no_scrub: bool,
    page_size: int | None,
    root_fdt: int | None,
    kho_scratch: tuple[int, int] | str | None,
    arch: str | None,
    efi_table: int | None,
    layout: str | None,
    as_json: bool,
) -> None:
    """Save the pages needed to decode a handover, or an EFI table, into a small ELF core.

    INPUT is a memory image with the copies that belong to it, as decode reads them; without INPUT
    the running kernel is captured. The file decodes and validates as the original does.
    """
    path = capture.check(output, as_json=as_json)
    reading = CaseOptions(
        page_size, root_fdt, kho_scratch, arch, efi_table=efi_table, layout=layout
    )
    if inputs:
        made = capture.crop(inputs, path, reading, scrub=not no_scrub, force=force)
    else:
        from hwpkho.live.machine import Live

        live = Live(page_size=page_size)
        made = capture.running(live, path, reading, scrub=not no_scrub, force=force)
    from hwpkho.report import capture as report

    common.say_left_out()
    if as_json:
        click.echo(report.document(made), nl=False)
        return
    for line in report.lines(made):
        screen.say(f"hwpkho: {line}")
