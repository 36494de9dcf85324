"""The options of commands that read cases and judge them, passed to the command as one value."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from hwpkho.badpages.registry import Asked, takes
from hwpkho.cli import common, options
from hwpkho.inputs.case import CaseOptions
from hwpkho.judging.options import Limits, ValidateOptions

if TYPE_CHECKING:
    from collections.abc import Callable


#: Parameter of an option that only some of these commands have → field of ValidateOptions.
_JUDGING = {"consumer_kho": "consumer", "consumer_efi": "consumer_efi"}


def case(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options on how cases are read: handover, EFI table, role, memory map, --base, --from.

    The command gets them together as ``judging``, a ValidateOptions.
    """
    return _packed(command, options.layout, options.memory_map, common.base, options.form)


def case_to_write(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of :func:`case` to a command that also writes lists.

    If it writes an EFI table, --layout is the layout to write; see
    :mod:`hwpkho.cli.encode_options`.
    """
    return _packed(command, options.layout_to_write, options.memory_map, common.base, options.form)


def judged(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of :func:`case` and those of a judgement: next kernel, limits, --fail-on."""
    return _packed(command, options.layout, options.judging)


def _packed(command: Callable[..., Any], *added: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(command)
    def packed(*args: Any, **values: Any) -> Any:
        layout = None if takes("layout", values.get("to")) else values.pop("layout")
        return command(*args, judging=_judging(values, layout), **values)

    return common.add(packed, options.handover, options.role, options.efi_table, *added)


def _judging(values: dict[str, Any], layout: str | None) -> ValidateOptions:
    """Move the options of a judgement out of ``values`` and return them."""
    reading = ("page_size", "root_fdt", "kho_scratch", "arch", "efi_table")
    limits = ("max_pages", "max_fraction", "max_per_gib", "max_scratch")
    boot = values.pop("boot")
    return ValidateOptions(
        CaseOptions(**{name: values.pop(name) for name in reading}, layout=layout),
        Asked(int(values.pop("base")), values.pop("form"), boot=boot, layout=layout),
        values.pop("role"),
        values.pop("memmap"),
        values.pop("map_name"),
        boot,
        values.pop("iomem_of"),
        values.pop("next_cmdline"),
        limits=Limits(*(values.pop(name, None) for name in limits)),
        given=common.given(),
        **{part: values.pop(name) for name, part in _JUDGING.items() if name in values},
    )
