"""``hwpkho encode``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import click

from hwpkho.cases import CaseOptions
from hwpkho.cli import options
from hwpkho.commands import encode as job

if TYPE_CHECKING:
    from hwpkho.codecs.hwpoison import Revision
    from hwpkho.model.handover import Role

EPILOG = """\b
Examples:
  hwpkho encode bad-pages.txt --ram 0x60000000:64M --scratch 0x48000000:64M -o handover.elf
  hwpkho encode vmcore --at 0x60000000 --no-scratch --to segments -o handover/
  hwpkho decode --pfns vmcore | hwpkho encode - --at 0x60000000 --no-scratch --to blob > blob
  hwpkho encode list.txt --page-size 64K --ram 0x60000000:1G --scratch 0x40000000:512M \\
      --dtb virt.dtb --to segments -o handover/

\b
Exit codes: 0 fine; 2 wrong usage, or no room, or the output exists; 3 input not readable."""


class Subtree(click.ParamType[tuple[str, str]]):
    """``NAME=FILE``."""

    name = "name=file"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Return ``(node name, path)``."""
        if isinstance(value, tuple):
            return value[0], value[1]
        name, equals, path = value.partition("=")
        if not (name and equals and path):
            self.fail(f"'{value}' is not NAME=FILE", param, ctx)
        return name, path


@click.command(epilog=EPILOG)
@click.argument("given", metavar="LIST")
@click.option("-o", "--output", metavar="OUT", help="Where to; '-' is standard output.")
@click.option("-f", "--force", is_flag=True, help="Overwrite what exists.")
@click.option(
    "--to",
    type=click.Choice(["elf", "segments", "blob", "list"]),
    default="elf",
    show_default=True,
    help="ELF core, folder of 0xADDR.bin with handover.json, hwpoison blob only, text list.",
)
@click.option("--at", type=options.Number(), metavar="PHYS", help="Place it from this address on.")
@click.option(
    "--ram", type=options.Span(), multiple=True, help="RAM to place it in, high up (several)."
)
@click.option("--scratch", type=options.Span(), multiple=True, help="A scratch area (several).")
@click.option("--no-scratch", is_flag=True, help="Hand over no scratch.")
@click.option(
    "--kho",
    type=click.Choice(["v1", "v2", "v3", "v4"]),
    default="v4",
    show_default=True,
    help="KHO version of the root FDT and tracker.",
)
@click.option(
    "--revision",
    type=click.Choice(["struct-v1", "fdt-v1"]),
    help="Of the hwpoison subtree; else struct-v1 (with v1: fdt-v1).",
)
@click.option(
    "--capacity",
    type=click.IntRange(min=1),
    metavar="ENTRIES",
    help="Of the array; else 512, doubled until the list fits.",
)
@click.option(
    "--order", type=click.IntRange(0, 10), default=0, help="Each entry 2^ORDER pages; else 0."
)
@click.option(
    "--flags", type=options.Number(), help="Of struct kho_vmalloc; else as the producer's."
)
@click.option(
    "--kexec-count", type=click.IntRange(0, 0xFFFFFFFF), help="In kexec-metadata; else 1."
)
@click.option("--previous-release", metavar="TEXT", help="In kexec-metadata; else 'hwpkho'.")
@click.option("--no-kexec-metadata", is_flag=True, help="Leave kexec-metadata out.")
@click.option(
    "--keep-subtrees", is_flag=True, help="Copy the other subtrees' blobs from LIST's handover."
)
@click.option(
    "--subtree",
    type=Subtree(),
    multiple=True,
    metavar="NAME=FILE",
    help="One more subtree, its blob from a file (several).",
)
@click.option("--dtb", metavar="IN.dtb", help="Also write this device tree with /chosen filled in.")
@click.option(
    "--dtb-out",
    metavar="OUT.dtb",
    help="Where to; else OUT with .dtb appended, or handover.dtb in the folder.",
)
@click.option(
    "--base",
    type=click.Choice(["10", "16"]),
    default="10",
    help="Of a text list's numbers without 0x.",
)
@options.handover
@options.role
@options.json_flag
def command(
    given: str,
    page_size: int | None,
    root_fdt: int | None,
    kho_scratch: tuple[int, int] | str | None,
    arch: str | None,
    role: Role | None,
    base: str,
    *,
    as_json: bool,
    **wishes: Any,
) -> None:
    """Make a handover from a list of PFNs.

    LIST is a list as text or JSON, '-' for standard input, or another handover, of which only the
    list is taken; pieces of one case are joined with '+'.
    """
    wish = _wish(wishes, arch, as_json=as_json)
    job.check(wish)
    case = CaseOptions(page_size, root_fdt, kho_scratch, arch)
    result = job.encode(job.read_list(given, case, int(base), role), wish)
    if as_json:
        from hwpkho.render import encode_json, jsondoc

        click.echo(jsondoc.dump(encode_json.SCHEMA, encode_json.body(result)), nl=False)
        return
    from hwpkho.render import encode_text

    click.echo(encode_text.report(result), nl=False, err=True)


def _wish(wishes: dict[str, Any], arch: str | None, *, as_json: bool) -> job.Wish:
    return job.Wish(
        to=wishes["to"],
        output=wishes["output"],
        force=wishes["force"],
        kho=int(wishes["kho"][1:]),
        revision=cast("Revision | None", wishes["revision"]),
        arch=arch,
        capacity=wishes["capacity"],
        order=wishes["order"],
        flags=wishes["flags"],
        metadata=not wishes["no_kexec_metadata"],
        kexec_count=wishes["kexec_count"],
        previous_release=wishes["previous_release"],
        keep_subtrees=wishes["keep_subtrees"],
        subtrees=wishes["subtree"],
        at=wishes["at"],
        ram=wishes["ram"],
        scratch=wishes["scratch"],
        no_scratch=wishes["no_scratch"],
        dtb=wishes["dtb"],
        dtb_output=wishes["dtb_out"],
        json=as_json,
    )
