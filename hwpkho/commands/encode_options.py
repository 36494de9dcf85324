"""What a user wants encode to make, and what was made."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hwpkho.abi.kho import DEFAULT
from hwpkho.badpages.registry import AS_IT_IS, Writing
from hwpkho.judging.options import ValidateOptions

if TYPE_CHECKING:
    from hwpkho.badpages.model import Loss
    from hwpkho.commands.writing import WrittenTable
    from hwpkho.encode.layout import Layout
    from hwpkho.inputs.lists import CaseList


class EncodeOptions(NamedTuple):
    """What the user wants made.

    Attributes:
        to: Name of the form, see :func:`hwpkho.encode.targets.registry.names`.
        output: Path, ``-`` for standard output, None where it was not given.
        force: Whether to overwrite.
        kho: Number of the KHO version.
        revision: None: the default of the version.
        arch: None: as the list's source records it, else by page size.
        capacity: Entries; None: as a producer.
        order: Of the vmalloc's entries.
        flags: Of the vmalloc; None: as a producer.
        metadata: False for no kexec-metadata.
        kexec_count: None: 1, or as the handover has it whose subtrees are kept.
        previous_release: None: likewise.
        keep_subtrees: Whether to copy the other subtrees of the list's handover.
        subtrees: ``(node name, file)`` of further ones.
        at: Physical address of the first page, None: placed in ``ram``.
        ram: ``(start, size)``, bytes.
        scratch: ``(start, size)``, bytes; empty with ``no_scratch`` only.
        no_scratch: That there is to be none.
        dtb: A device tree to edit.
        dtb_output: Where to, None: beside the output.
        damage: How to break the handover, a name in ``DAMAGES``; None: not at all.
        json: Whether a document goes to standard output.
        judging: The memory map in whose RAM to place it, if one is given.
        writing: What the user says of a list that is written as such.
    """

    to: str = "elf"
    output: str | None = None
    force: bool = False
    kho: int = DEFAULT.number
    revision: str | None = None
    arch: str | None = None
    capacity: int | None = None
    order: int = 0
    flags: int | None = None
    metadata: bool = True
    kexec_count: int | None = None
    previous_release: str | None = None
    keep_subtrees: bool = False
    subtrees: tuple[tuple[str, str], ...] = ()
    at: int | None = None
    ram: tuple[tuple[int, int], ...] = ()
    scratch: tuple[tuple[int, int], ...] = ()
    no_scratch: bool = False
    dtb: str | None = None
    dtb_output: str | None = None
    damage: str | None = None
    json: bool = False
    judging: ValidateOptions = ValidateOptions()
    writing: Writing = AS_IT_IS

    @property
    def says_metadata(self) -> bool:
        """Whether something of kexec-metadata is asked for."""
        return self.kexec_count is not None or self.previous_release is not None


class Result:
    """What was made and written.

    Attributes:
        case: The list, and the handover that has it.
        options: What was asked for.
        path: Where it went, ``-`` for standard output.
        layout: The handover, None where only the list was written.
        page_size: Bytes.
        dtb_path: The device tree written, None for none.
        notes: What the user should know.
        loss: What the form of a list could not say exactly, None where a handover was written.
        table: What the EFI table is like that was written, None where none was.
    """

    def __init__(self, case: CaseList, options: EncodeOptions, path: str) -> None:
        self.case, self.options, self.path = case, options, path
        self.layout: Layout | None = None
        self.page_size = case.page_size
        self.dtb_path: str | None = None
        self.notes = list(case.notes)
        self.loss: Loss | None = None
        self.table: WrittenTable | None = None
