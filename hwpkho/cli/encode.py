"""``hwpkho encode``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hwpkho.cli import case_options, encode_options, options
from hwpkho.commands import encode

if TYPE_CHECKING:
    from hwpkho.judging.options import ValidateOptions

EPILOG = """\b
Examples:
  hwpkho encode bad-pages.txt --ram 0x60000000:64M --scratch 0x48000000:64M -o handover.elf
  hwpkho encode bad-pages.txt --memmap iomem.txt --scratch 0x48000000:64M -o handover.elf
  hwpkho encode vmcore --at 0x60000000 --no-scratch --to segments -o handover/
  hwpkho decode --pfns vmcore | hwpkho encode - --at 0x60000000 --no-scratch --to blob > blob
  hwpkho encode vmcore --to badram
  hwpkho encode list.txt --page-size 64K --ram 0x60000000:1G --scratch 0x40000000:512M \\
      --dtb virt.dtb --to segments -o handover/

\b
Exit codes: 0 fine; 1 a list was written without some of the pages, for which there was no room; 2
wrong usage, or no room, or the output exists; 3 input not readable, or the map is of another
machine."""


@click.command(epilog=EPILOG)
@click.argument("given", metavar="LIST")
@encode_options.add("elf")
@click.option(
    "--keep-subtrees", is_flag=True, help="Copy the other subtrees' blobs from LIST's handover."
)
@case_options.case
@options.json_flag
@click.pass_context
def command(
    ctx: click.Context,
    /,
    given: str,
    *,
    judging: ValidateOptions,
    as_json: bool,
    **values: Any,
) -> None:
    """Make a handover from a list of PFNs.

    LIST is a list as text or JSON, '-' for standard input, or another handover, of which only the
    list is taken; pieces of one case are joined with '+'.
    """
    writing = encode_options.read(values, judging, as_json=as_json)
    result = encode.make(given, writing)
    if as_json:
        from hwpkho.report.encode import json as encode_json
        from hwpkho.report.parts import jsondoc

        click.echo(jsondoc.dump(encode_json.SCHEMA, encode_json.body(result)), nl=False)
    else:
        from hwpkho.report.encode import text as encode_text

        click.echo(encode_text.report(result), nl=False, err=True)
    if result.loss and result.loss.bad_pages_left:
        ctx.exit(1)
