"""``hwpkho encode``."""

from __future__ import annotations

import sys
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import click

from hwpkho.cli import case_options, common, encode_options, screen, values
from hwpkho.commands import encode
from hwpkho.errors import UsageError

if TYPE_CHECKING:
    from hwpkho.judging.options import ValidateOptions

EPILOG = """\b
Examples:
  hwpkho encode bad-pages.txt --ram 0x60000000:64M --scratch 0x48000000:64M -o handover.elf
  hwpkho encode bad-pages.txt --memmap iomem.txt --scratch 0x48000000:64M -o handover.elf
  hwpkho encode vmcore --at 0x60000000 --no-scratch --to segments -o handover/
  hwpkho decode --pfns vmcore | hwpkho encode - --at 0x60000000 --no-scratch --to blob > blob
  hwpkho encode vmcore --to badram
  hwpkho encode list.txt --at 0x60000000 --no-scratch --damage count-huge -o broken.elf
  hwpkho encode --damage list
  hwpkho encode list.txt --page-size 64K --ram 0x60000000:1G --scratch 0x40000000:512M \\
      --dtb virt.dtb --to segments -o handover/

Exit codes: 0 fine; 1 a list was written without some of the pages, for which there was no room; 2
wrong usage, or no room, or the output exists; 3 input not readable, or the map is of another
machine."""


#: The value of --damage that prints the names of all damages.
LIST = "list"


class _Names:
    """The values that --damage takes."""

    def names(self) -> list[str]:
        """Return ``list`` and the names of all damages."""
        from hwpkho.encode.damage.registry import DAMAGES  # only for such a value, and completion

        return [LIST, *DAMAGES.names()]


class _Damage(values.OneOf):
    """A damage, or ``list``. The error for another value does not list all of them: too many."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name."""
        from hwpkho.encode.damage.registry import DAMAGES

        if value != LIST and value not in DAMAGES:
            close = get_close_matches(str(value), DAMAGES.names(), n=2, cutoff=0.6)
            meant = f"did you mean {' or '.join(close)}? " if close else ""
            self.fail(
                f"'{value}' is not a known damage; {meant}--damage list prints them", param, ctx
            )
        return str(value)


@click.command(epilog=EPILOG)
@click.argument("given", metavar="LIST", required=False)
@encode_options.add("elf")
@click.option(
    "--keep-subtrees", is_flag=True, help="Copy the other subtrees' blobs from LIST's handover."
)
@click.option(
    "--damage",
    type=_Damage(_Names()),
    metavar="NAME|list",
    help="Break the handover in this way, to test what reads it; 'list' prints all ways.",
)
@case_options.case_to_write
@common.json_flag
@click.pass_context
def command(
    ctx: click.Context,
    /,
    given: str | None,
    *,
    judging: ValidateOptions,
    as_json: bool,
    **values: Any,
) -> None:
    """Make a handover from a list of PFNs.

    LIST is a list as text or JSON, '-' for standard input, or another handover, from which only
    the list is taken; join the pieces of one case with '+'.
    """
    if values["damage"] == LIST:
        _list_damages(as_json=as_json)
        return
    if given is None:
        raise click.MissingParameter(ctx=ctx, param_type="argument", param_hint="'LIST'")
    writing = encode_options.read(values, judging, as_json=as_json)
    result = encode.make(given, writing)
    common.say_left_out()
    if as_json:
        from hwpkho.report.encode import json as encode_json
        from hwpkho.report.parts import jsondoc

        click.echo(jsondoc.dump(encode_json.SCHEMA, encode_json.body(result)), nl=False)
        if result.layout and result.layout.broken:
            from hwpkho.report.encode import text as encode_text

            screen.say(encode_text.damage(result.layout.broken))
    else:
        from hwpkho.report.encode import text as encode_text

        for line in encode_text.report(result, screen.of(sys.stderr)):
            screen.say(line)
    if result.loss and result.loss.bad_pages_left:
        ctx.exit(1)


def _list_damages(*, as_json: bool) -> None:
    others = common.given() - {"damage", "as_json"}
    if others:
        raise UsageError("--damage list only prints the damages: besides it, give only --json")
    from hwpkho.report.encode import damages
    from hwpkho.report.parts import jsondoc

    if as_json:
        click.echo(jsondoc.dump(damages.SCHEMA, damages.body()), nl=False)
        return
    for line in damages.report(screen.of(sys.stdout)):
        click.echo(line)
