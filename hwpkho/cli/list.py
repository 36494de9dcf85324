"""``hwpkho list``."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, Any

import click

from hwpkho.badpages import said
from hwpkho.badpages.kinds import KINDS
from hwpkho.badpages.registry import Asked, Writing
from hwpkho.base import output as outputs
from hwpkho.cli import common, drawn, list_options, offers, options, screen, values
from hwpkho.commands import list as listing
from hwpkho.commands.writing import ListOutput, losses, unrecorded
from hwpkho.errors import UsageError
from hwpkho.inputs.case import CaseOptions
from hwpkho.judging.options import ValidateOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.abi.role import Role
    from hwpkho.report.parts.screen import Screen

EPILOG = """\b
Examples:
  hwpkho list /var/log/kern.log
  hwpkho list --pfns /var/lib/rasdaemon/ras-mc_event.db > bad-pages.txt
  hwpkho list --from kpageflags /proc/kpageflags
  journalctl -k | hwpkho list - --kinds poisoned,soft-offlined --json
  hwpkho list dmesg.txt --to memmap
  hwpkho list screen.txt --to badram --max-loss 64 --budget 20
  hwpkho list bad.txt --to e820 --memmap dmesg.txt
  hwpkho list --dimms bad.txt ras-mc_event.db dmidecode.txt
  hwpkho list --dimms ras-mc_event.db dmidecode.txt --format html -o bad-dimms.html

Exit codes: 0 fine, even if an input names no bad page; 1 written without some of the pages, for
which there was no room; 2 wrong usage, or the form cannot express the list; 3 not readable, or an
input says that memory is bad and names no page."""


class _Forms:
    """The forms that can be read; the registry also holds forms that are only written."""

    names = staticmethod(listing.form_names)


@click.command(epilog=EPILOG)
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option(
    "--from",
    "form",
    type=values.OneOf(_Forms()),
    metavar="FORM",
    help="Form of the inputs; see hwpkho formats.",
)
@click.option(
    "--kinds",
    type=values.Words(listing.kinds),
    multiple=True,
    metavar="KIND,...",
    shell_complete=offers.words(lambda: KINDS, listed=True),
    help=f"Kinds of bad pages: {', '.join(KINDS)}. Default: all but corrected.",
)
@options.handover
@options.role
@options.efi_table
@options.layout_to_write
@common.base
@options.memory_map
@common.json_flag
@click.option(
    "--dimms",
    is_flag=True,
    help="Show the DIMM of each page, from INPUTs of one machine, which may include dmidecode's "
    "output.",
)
@click.option("--pfns", "as_pfns", is_flag=True, help="Print only the PFNs, one 0x… a line.")
@drawn.format_option("list")
@list_options.to
@list_options.fitting
@list_options.table
@list_options.at
@click.option("-o", "--output", metavar="OUT", help="Output; '-' is standard output.")
@click.option("-f", "--force", is_flag=True, help="Overwrite an existing output.")
@click.pass_context
def command(
    ctx: click.Context,
    inputs: tuple[str, ...],
    form: str | None,
    kinds: tuple[str, ...],
    page_size: int | None,
    root_fdt: int | None,
    kho_scratch: Any,
    arch: str | None,
    role: Role | None,
    efi_table: int | None,
    layout: str | None,
    base: str,
    memmap: tuple[str, ...],
    map_name: str | None,
    boot: str | None,
    iomem_of: Any,
    next_cmdline: str | None,
    to: str | None,
    max_loss: int,
    budget: int | None,
    unit: int | None,
    phys_base: int | None,
    at: int | None,
    formats: tuple[str, ...],
    output: str | None,
    *,
    dimms: bool,
    as_json: bool,
    as_pfns: bool,
    force: bool,
) -> None:
    """Show the bad pages that INPUTs name, or write them in another form.

    INPUT is recognised by its content: a kernel log, a database of rasdaemon, page flags, a
    memmap= or badram line, a list, a handover, and more; hwpkho formats lists the forms.
    With --to the list is written as another program reads it: a kernel parameter, GRUB's
    commands, a script.
    """
    instead = ("as_json",) if output is None else ()
    if common.gives_way("to", "as_pfns", "dimms", *instead, *drawn.instead(formats)):
        to = None
    if as_json and as_pfns:
        raise UsageError("--json and --pfns exclude each other")
    if dimms and (to or as_pfns):
        raise UsageError(f"--dimms and {'--to' if to else '--pfns'} exclude each other")
    if dimms and "-" in inputs:
        raise UsageError(
            "--dimms reads its inputs twice, but standard input can be read only once: give a file"
        )
    if (*inputs, *memmap).count("-") > 1:
        raise UsageError("standard input can be read only once")
    path = outputs.STDOUT if output is None else output
    if to and as_pfns:
        raise UsageError("--to and --pfns exclude each other")
    others = as_json or as_pfns or to is not None
    drawing = drawn.read("list", formats, output, force=force, others=others)
    drawing.check(*inputs, *memmap)
    how = Writing(max_loss, budget, unit=unit, phys_base=phys_base, at=at)
    written = ListOutput(to, path, force, how) if to else None
    if written and "layout" in written.form.takes:  # of the table that is written
        written, layout = written._replace(how=how._replace(layout=layout)), None
    stream = io.BytesIO()
    if written and as_json and path == outputs.STDOUT:
        if written.form.binary:
            raise UsageError(f"--json takes standard output, and {to} is binary: give -o OUT")
        written = written._replace(stream=stream)
    elif written:
        written.check()
    judging = ValidateOptions(
        CaseOptions(page_size, root_fdt, kho_scratch, arch, efi_table=efi_table, layout=layout),
        Asked(int(base), form, boot=boot, layout=layout),
        role,
        memmap,
        map_name,
        None if form is None and not memmap else boot,
        iomem_of,
        next_cmdline,
        given=common.given(),
    )
    entries = as_json or not written or bool(formats) or "kind" in written.form.carries
    wanted = listing.ListOptions(judging, listing.kinds(kinds), written, entries, dimms)
    with outputs.together():  # the list and what is drawn of it
        listed = listing.list_pages(inputs, wanted)
        common.say_left_out()
        for note in said.notes([listed.pages]):
            screen.say(f"hwpkho: {note}")
        for line in said.problems(listed.pages.problems):
            screen.say(f"hwpkho: {line}")
        if written:
            size = listed.pages.taken_page_size
            for note in (*unrecorded(size, written.form), *losses(listed.written, written.to)):
                screen.say(f"hwpkho: {note}")
        with drawing.writing(listed, (*inputs, *memmap)) as writing:
            if as_json and written:
                from hwpkho.badpages.formats.json import build

                for piece in build(listed.pages, stream.getvalue().decode() or None):
                    sys.stdout.write(piece)
            elif not written and drawing.own is None:
                pieces = _pieces(listed, drawing.shown(), as_json=as_json, as_pfns=as_pfns)
                drawing.print(writing, pieces)
    if listed.written and listed.written.bad_pages_left:
        ctx.exit(1)


def _pieces(
    listed: listing.ListReport, place: Screen, *, as_json: bool, as_pfns: bool
) -> Iterator[str]:
    if as_json:
        from hwpkho.badpages.formats.json import build
        from hwpkho.report.list.dimms import dimms_json

        return build(listed.pages, dimms=dimms_json(listed.dimms))
    from hwpkho.report.list import text

    if as_pfns:
        return text.pfns(listed)
    return (f"{line}\n" for line in text.report(listed, place))
