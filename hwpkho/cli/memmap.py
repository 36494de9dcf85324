"""``hwpkho memmap``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hwpkho.base import output as outputs
from hwpkho.cli import common, drawn, offers, screen, values
from hwpkho.commands import memmap
from hwpkho.errors import UsageError
from hwpkho.memmap.names import MAP_NAMES
from hwpkho.memmap.writers import WRITERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hwpkho.commands.memmap import MemmapReport
    from hwpkho.memmap.model import Gap
    from hwpkho.report.parts.screen import Screen

EPILOG = """\b
Examples:
  hwpkho memmap dmesg.txt
  sudo cat /proc/iomem | hwpkho memmap -
  journalctl -k -b | hwpkho memmap --boot last -
  hwpkho memmap --next-cmdline 'mem=4G memmap=1M$0x10000000' dmesg.txt
  hwpkho memmap --to e820 efi-memory-map.bin
  hwpkho memmap dmesg.txt --format html -o memory.html

Exit codes: 0 fine, even with lost lines, which are reported; 2 wrong usage, no such --boot or
--map; 3 no memory map, unreadable or ambiguous."""


class _Targets:
    """The values of --to: the writers of maps, and json."""

    names = staticmethod(memmap.targets)


@click.command(epilog=EPILOG)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--map",
    "map_name",
    metavar="NAME",
    shell_complete=offers.words(MAP_NAMES.names),
    help="Show only this map of the input.",
)
@click.option(
    "--boot",
    metavar="N|last",
    shell_complete=offers.words(lambda: ["last"]),
    help="Boot to use, if a log holds several; the first is 0.",
)
@common.arch
@click.option(
    "--next-cmdline",
    metavar="STRING",
    help="Apply mem=, memmap=, efi=, crashkernel= ... of the next kernel's command line.",
)
@click.option(
    "--to",
    "target",
    type=values.OneOf(_Targets()),
    help="Write the map in this form.",
)
@drawn.format_option("memmap")
@common.json_flag
@click.option("-o", "--output", metavar="OUT", help="Output; '-' is standard output.")
@click.option("-f", "--force", is_flag=True, help="Overwrite an existing output.")
def command(
    files: tuple[str, ...],
    map_name: str | None,
    boot: str | None,
    arch: str | None,
    next_cmdline: str | None,
    target: str | None,
    formats: tuple[str, ...],
    output: str | None,
    *,
    as_json: bool,
    force: bool,
) -> None:
    """Read a memory map of any form and show it.

    FILE is recognised by its content: a kernel log, /proc/iomem, a copy of /sys/firmware/memmap, a
    device tree, the zero page, EFI descriptors, what EFI shell, GRUB, U-Boot, Xen, FreeBSD or ESXi
    print, a capture of a running kernel. Several are of one machine.
    """
    as_it_is = ("next_cmdline",) if target in WRITERS else ()
    if common.gives_way("target", "as_json", *as_it_is, *drawn.instead(formats)):
        target = None
    if as_json and target:
        raise UsageError("--json and --to exclude each other")
    if files.count("-") > 1:
        raise UsageError("standard input can be read only once")
    path = outputs.STDOUT if output is None else output
    as_json = as_json or target == memmap.JSON
    writer = None if as_json or target is None else WRITERS[target]
    if writer and writer.binary:
        outputs.check_terminal(writer.name, path)
    to = drawn.read("memmap", formats, output, force=force, others=as_json or target is not None)
    to.check(*files)
    if writer and "next_cmdline" not in common.given():
        next_cmdline = None  # a setting is for other calls
    shown = memmap.show(files, boot=boot, map_name=map_name, arch=arch, next_cmdline=next_cmdline)
    data = memmap.written(shown, writer) if writer else None
    common.say_left_out()
    for p in shown.problems if writer else [g.problem for g in _gaps(shown)]:
        screen.say(f"hwpkho: {p.severity}: {p.message}", always=p.severity != "note")
    with to.writing(shown, files) as writing:
        if writer and data is not None:
            if writer.binary:
                to.put(writing, data)
            else:
                to.print(writing, [data.decode()])
        elif as_json:
            to.print(writing, [_document(shown)])
        elif to.own is None:
            to.print(writing, [_report(shown, to.shown())])


def _gaps(shown: MemmapReport) -> Sequence[Gap]:
    """Return the gaps to report on standard error, for users who do not see the report itself."""
    return shown.primary.gaps[:3]


def _document(shown: MemmapReport) -> str:
    from hwpkho.report.memmap import json
    from hwpkho.report.parts import jsondoc

    return jsondoc.dump(json.SCHEMA, json.body(shown))


def _report(shown: MemmapReport, place: Screen) -> str:
    from hwpkho.report.memmap import text as memmap_text

    return memmap_text.report(shown, place)
