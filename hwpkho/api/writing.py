"""Writing lists of bad pages in the forms that other programs read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Unpack, cast

from hwpkho.api import inputs, parameters
from hwpkho.api.inputs import Comparing
from hwpkho.api.judging import files_of, listed, options_of
from hwpkho.api.results import Merged, PageList
from hwpkho.badpages import registry
from hwpkho.badpages.kinds import BAD
from hwpkho.badpages.model import Loss
from hwpkho.badpages.registry import Writing
from hwpkho.base import lending
from hwpkho.commands import list as listing
from hwpkho.commands.writing import ListOutput
from hwpkho.errors import UsageError
from hwpkho.inputs.lists import CaseList

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import BinaryIO

    from hwpkho.api.inputs import ListNamed, Out
    from hwpkho.badpages.kinds import Kind


def write_list(
    pages: ListNamed | Merged,
    out: Out,
    *,
    to: str = "text",
    max_loss: int = 0,
    budget: int | None = None,
    unit: int | None = None,
    phys_base: int | None = None,
    at: int | None = None,
    kinds: Iterable[Kind] = BAD,
    force: bool = False,
    **options: Unpack[Comparing],
) -> Loss:
    """Write bad pages in a form that another program reads, and return what that form cannot say.

    Example::

        lost = hwpkho.write_list("kern.log", "memmap.txt", to="memmap", max_loss=64)
        print(lost.good_pages, lost.bad_pages_left)

    Args:
        pages: Files of one machine, or what :func:`hwpkho.read_list` or :func:`hwpkho.merge`
            returned.
        out: A path, or a file open for writing bytes, which needs ``write`` alone.
        to: The form, see ``hwpkho formats``.
        max_loss: Good pages that may be excluded too, where the form has no room for the list.
        budget: The most that may be written, bytes or entries; default what its reader takes.
        unit: Of an EFI table of poisoned memory: bytes of physical space that a bit stands for.
        phys_base: The address of its first unit; default as the EFI stub has it.
        at: Write an ELF core with the table at this physical address.
        kinds: Kinds of bad pages that are wanted; pages of unknown kind always are.
        force: Overwrite a file.
        options: How the list is read, and the memory map of the forms that write one. ``layout`` is
            that of an EFI table that is written, where one is.

    Raises InputError where the list cannot be read or written; UsageError where the form cannot say
    it, or ``out`` exists.
    """
    options = inputs.check(options, Comparing)
    kinds = parameters.items("kinds", kinds, "kinds of bad pages")
    given: dict[str, Any] = {
        "pages": pages,
        "out": out,
        "to": to,
        "max_loss": max_loss,
        "budget": budget,
        "unit": unit,
        "phys_base": phys_base,
        "at": at,
        "kinds": kinds,
        "force": force,
    }
    given = parameters.check(given, parameters.WRITE)
    if isinstance(pages, Merged):
        pages = PageList(CaseList(pages.pages))
    layout = None
    if registry.takes("layout", to):  # of the table that is written
        layout, options = options.get("layout"), {**options, "layout": None}
    sizes = {name: given[name] for name in ("max_loss", "budget", "unit", "phys_base", "at")}
    how = Writing(layout=layout, **sizes)
    if isinstance(out, (str, os.PathLike)):
        output = ListOutput(to, inputs.path(out), force, how)
    else:
        output = ListOutput(to, how=how, stream=cast("BinaryIO", lending.Written(out)))
    with inputs.named(options.get("memmap"), files_of(pages)) as (maps, names):
        counts = {"table", "memory", "arch"} & output.form.takes
        if maps and not counts and "architecture" not in output.form.carries:
            raise UsageError(f"memmap has no effect: {to} is written without a memory map")
        if output.stream is None:
            output.check((*maps, *names))
        carried = "kind" in output.form.carries
        more = {**sizes, "layout": layout, "max_loss": sizes["max_loss"] or None}
        judging = options_of(options, maps, inputs.given(more))
        wanted = listing.ListOptions(judging, frozenset(kinds), output, carried)
        return listing.list_pages([listed(pages, names)], wanted).written or Loss()
