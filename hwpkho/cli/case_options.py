"""The options of every command that reads cases and judges them, as one value."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from hwpkho.badpages.registry import Asked, takes
from hwpkho.cli import options
from hwpkho.inputs.case import CaseOptions
from hwpkho.judging.options import ValidateOptions

if TYPE_CHECKING:
    from collections.abc import Callable


def case(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add how cases are read and judged: handover, EFI table, role, memory map, --base and --from.

    The command gets them together, as ``judging``. Of a command that may write an EFI table, too,
    --layout is that of the table written where one is; see :mod:`hwpkho.cli.encode_options`.
    """

    @wraps(command)
    def packed(*args: Any, **values: Any) -> Any:
        reading = ("page_size", "root_fdt", "kho_scratch", "arch", "efi_table")
        boot, layout = values.pop("boot"), None
        if not takes("layout", values.get("to")):
            layout = values.pop("layout")
        judging = ValidateOptions(
            CaseOptions(**{name: values.pop(name) for name in reading}, layout=layout),
            Asked(int(values.pop("base")), values.pop("form"), boot=boot, layout=layout),
            values.pop("role"),
            values.pop("memmap"),
            values.pop("map_name"),
            boot,
            values.pop("iomem_of"),
            values.pop("next_cmdline"),
            given=options.given(),
        )
        return command(*args, judging=judging, **values)

    added = (
        options.handover, options.role, options.efi_table, options.layout, options.memory_map,
        options.base, options.form,
    )  # fmt: skip
    return options.add(packed, *added)
