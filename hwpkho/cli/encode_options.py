"""The options of the commands that write a handover or a list: encode and merge."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from hwpkho.abi.hwpoison import REVISIONS
from hwpkho.abi.kho import DEFAULT, VERSIONS
from hwpkho.badpages.registry import Writing
from hwpkho.cli import common, list_options, values
from hwpkho.commands.encode import reads
from hwpkho.commands.encode_options import EncodeOptions
from hwpkho.encode.targets import registry as targets

if TYPE_CHECKING:
    from collections.abc import Callable

    from hwpkho.abi.kho import Version
    from hwpkho.judging.options import ValidateOptions


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


def add(default: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that adds the options of :func:`read`; ``default`` is that of --to."""
    decorators = (
        click.option("-o", "--output", metavar="OUT", help="Output; '-' is standard output."),
        click.option("-f", "--force", is_flag=True, help="Overwrite an existing output."),
        click.option(
            "--to",
            type=list_options.Written(targets),
            default=default,
            show_default=True,
            help="ELF core, folder of segments, hwpoison blob, or a form of list; see hwpkho "
            "formats.",
        ),
        list_options.fitting,
        list_options.table,
        click.option(
            "--at",
            type=values.Number(),
            metavar="PHYS",
            help="Place the handover, or an EFI table, from this address on.",
        ),
        click.option(
            "--ram",
            type=values.Span(),
            multiple=True,
            help="RAM to place the handover in, near its end (repeatable).",
        ),
        click.option(
            "--scratch", type=values.Span(), multiple=True, help="Scratch area (repeatable)."
        ),
        click.option("--no-scratch", is_flag=True, help="Hand over no scratch."),
        click.option(
            "--kho",
            type=values.OneOf(VERSIONS),
            default=DEFAULT.name,
            show_default=True,
            help="KHO version of the root FDT and tracker.",
        ),
        click.option(
            "--revision",
            type=values.OneOf(REVISIONS),
            help="Revision of the hwpoison subtree. Default: struct-v1 (with v1: fdt-v1).",
        ),
        click.option(
            "--capacity",
            type=values.Count(min=1),
            metavar="ENTRIES",
            help="Capacity of the array. Default: 512, doubled until the list fits.",
        ),
        click.option(
            "--order",
            type=values.Count(0, 10),
            metavar="ORDER",
            default=0,
            help="Order of the array's blocks: 2^ORDER pages each. Default: 0.",
        ),
        click.option(
            "--flags",
            type=values.Number(),
            help="Flags of struct kho_vmalloc. Default: the producer's.",
        ),
        click.option(
            "--kexec-count",
            type=values.Count(0, 0xFFFFFFFF),
            metavar="N",
            help="kexec_count in kexec-metadata. Default: 1.",
        ),
        click.option(
            "--previous-release",
            metavar="TEXT",
            help="Kernel release in kexec-metadata. Default: 'hwpkho'.",
        ),
        click.option("--no-kexec-metadata", is_flag=True, help="Leave kexec-metadata out."),
        click.option(
            "--subtree",
            type=Subtree(),
            multiple=True,
            metavar="NAME=FILE",
            help="Another subtree, its blob read from FILE (repeatable).",
        ),
        click.option(
            "--dtb",
            metavar="IN.dtb",
            help="Also write this device tree, with the handover in /chosen.",
        ),
        click.option(
            "--dtb-out",
            metavar="OUT.dtb",
            help="Output for the device tree. Default: OUT.dtb, or handover.dtb in the folder.",
        ),
    )

    def added(command: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(command)
        def targeted(*args: Any, **values: Any) -> Any:
            given = common.given()
            if "to" not in given and not reads(values["to"], given):
                # A setting of --to must not make options that were typed an error.
                values["to"] = default
            return command(*args, **values)

        return common.add(targeted, *decorators)

    return added


def read(values: dict[str, Any], judging: ValidateOptions, *, as_json: bool) -> EncodeOptions:
    """Return the options of encode from the values that :func:`add` makes click pass."""
    bare = common.gives_way("scratch", "no_scratch")
    kho, revision = _version(values)
    return EncodeOptions(
        to=values["to"],
        output=values["output"],
        force=values["force"],
        kho=kho.number,
        revision=revision,
        arch=judging.case.arch,
        capacity=values["capacity"],
        order=values["order"],
        flags=values["flags"],
        metadata=not values["no_kexec_metadata"],
        kexec_count=values["kexec_count"],
        previous_release=values["previous_release"],
        keep_subtrees=values.get("keep_subtrees", False),
        subtrees=values["subtree"],
        at=values["at"],
        ram=values["ram"],
        scratch=() if bare else values["scratch"],
        no_scratch=values["no_scratch"] and not common.gives_way("no_scratch", "scratch"),
        dtb=values["dtb"],
        dtb_output=values["dtb_out"],
        damage=values.get("damage"),
        json=as_json,
        judging=judging,
        writing=Writing(
            values["max_loss"],
            values["budget"],
            layout=values.get("layout"),
            unit=values["unit"],
            phys_base=values["phys_base"],
            at=values["at"],
        ),
    )


def _version(values: dict[str, Any]) -> tuple[Version, str | None]:
    """Return KHO version and revision; a setting of one gives way to options it excludes."""
    kho, revision = VERSIONS[values["kho"]], values["revision"]
    if not kho.fdts:
        return kho, revision
    blob = revision is not None and not REVISIONS[revision].IS_FDT
    if blob and common.gives_way("revision", "kho"):
        revision, blob = None, False
    if common.gives_way("kho", "kexec_count", "previous_release", *(["revision"] if blob else [])):
        kho = DEFAULT
    return kho, revision
