"""encode: makes a handover from a list of PFNs."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from hwpkho.badpages.model import Loss
from hwpkho.base import output
from hwpkho.base.listing import MAX_PFNS
from hwpkho.commands import encode_damage, usage
from hwpkho.commands import writing as list_writing
from hwpkho.commands.encode_options import Result
from hwpkho.encode.targets import registry as targets
from hwpkho.encode.targets import saving
from hwpkho.encode.targets.base import ToWrite
from hwpkho.errors import InputError, UsageError
from hwpkho.inputs.lists import CaseList, read_list
from hwpkho.judging import machine

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from hwpkho.commands.encode_options import EncodeOptions
    from hwpkho.inputs.lists import CaseNamed
    from hwpkho.memmap.view.regions import Regions


def make(spec: str, options: EncodeOptions) -> Result:
    """Read the list of the case ``spec``, make what ``options`` wants of it, and write it.

    Raises as :func:`encode` does, and UsageError for an option that nothing reads.
    """
    how, target = options.judging, targets.target(options.to)
    check(options, [spec])
    asked = how.given | ({"place_by"} if "memmap" in how.given else set())
    known = usage.Facts(memmap=bool(how.memmaps), placed=target.placed, whole=target.bootable)
    known = list_writing.facts(known, targets.list_form(options.to))
    usage.check_pair(how.case)
    usage.refuse(asked, known)
    with list_writing.reading(targets.list_form(options.to)):
        case = read_list(
            spec, how.case, how.lists, how.role, empty_ok=False, keep_open=options.keep_subtrees
        )
    facts = usage.of_lists([case])._replace(
        memmap=known.memmap, placed=known.placed, takes=known.takes
    )
    usage.refuse(
        asked, facts._replace(machine=facts.handover or target.placed or bool(known.machine))
    )
    regions = None if target.placed else machine.memory(how, machine.of_lists([case]))
    return encode(case, options, regions)


def reads(to: str, given: Collection[str]) -> bool:
    """Tell whether the form ``to`` reads all of the options ``given``, as far as it decides."""
    target = targets.target(to)
    facts = usage.Facts(placed=target.placed, whole=target.bootable)
    if usage.unread(given, list_writing.facts(facts, targets.list_form(to))):
        return False
    return (target.placed or "damage" not in given) and (target.bootable or "dtb" not in given)


def encode(case: CaseList, options: EncodeOptions, regions: Regions | None = None) -> Result:
    """Make what ``options`` wants of ``case``, and write it.

    ``regions`` is the machine's memory, for a form of list that writes it.

    Raises UsageError for options that contradict each other or where something is in the way,
    InputError where an input is malformed or the output cannot be written.
    """
    path = check(options)
    target = targets.target(options.to)
    page_size = case.page_size
    if case.pfns.count > MAX_PFNS and not list_writing.is_bitmap(options.to, options.writing):
        raise InputError(f"{case.name}: {case.pfns.count} PFNs; a list has at most {MAX_PFNS}")
    result = Result(case, options, path)
    dtb_path, dtb = None, None
    if target.placed:
        from hwpkho.commands import encode_handover as of_handover  # a list needs none of it
        from hwpkho.commands import encode_remarks as remarks

        request = of_handover.request(case, options, result)
        result.layout = encode_damage.build(request, options.damage, target)
        result.notes += remarks.of_layout(request, result.layout)
        if options.dtb is not None:
            dtb_path = _dtb_path(options, path)
            dtb = of_handover.edited(options.dtb, result.layout)
            result.dtb_path = dtb_path or saving.dtb_in(target, path)
    made = ToWrite(case.pages, result.layout, options.writing)
    if not target.placed:
        made = _listed(case, options, regions)
        result.notes += list_writing.unrecorded(page_size, targets.list_form(options.to))
    table = list_writing.planned(options.to, made.pages, made.how)
    loss = saving.save(target, made, path, dtb, dtb_path, force=options.force)
    result.table = table._replace(units=table.plan.units(made.pages, loss)) if table else None
    if not target.placed:
        result.loss = loss or Loss()
        result.notes += list_writing.losses(loss, options.to)
        result.notes += list_writing.places(options.to, made.pages, made.how)
    return result


def _listed(case: CaseList, options: EncodeOptions, regions: Regions | None) -> ToWrite:
    """Return a list with what its form needs of the machine."""
    wanted = list_writing.ListOutput(options.to, how=options.writing)
    arches = [case.arch] if case.arch else []
    how = list_writing.prepared(wanted, options.judging, regions, arches).how
    arch = list_writing.arch_of(case.pages, options.judging, regions)
    return ToWrite(replace(case.pages, arch=arch), None, how)


def check(options: EncodeOptions, specs: Iterable[CaseNamed] = ()) -> str:
    """Return the path to write to; ``specs`` are the cases that are read.

    Raises UsageError for options that contradict each other, for outputs that are in the way and
    for such as are read, before any work is done.
    """
    target = targets.target(options.to)
    encode_damage.check(options.damage, target)
    if target.placed and options.at is None and not options.ram and not options.judging.memmaps:
        raise UsageError(
            "no place for the handover: give --at PHYS, or --memmap FILE or --ram START:SIZE"
        )
    if target.placed and not options.scratch and not options.no_scratch:
        raise UsageError("no scratch area: give --scratch START:SIZE, or --no-scratch")
    if options.scratch and options.no_scratch:
        raise UsageError("--scratch and --no-scratch exclude each other")
    if not options.metadata and options.says_metadata:
        raise UsageError(
            "--no-kexec-metadata goes with neither --kexec-count nor --previous-release"
        )
    if options.dtb_output is not None and options.dtb is None:
        raise UsageError("--dtb-out needs --dtb IN.dtb")
    path = options.output
    if path is None:
        if options.json or target.bootable:
            raise UsageError(f"no output for the {target.title}: give -o OUT")
        path = output.STDOUT
    if path == output.STDOUT and options.json:
        raise UsageError("--json takes standard output; give another -o OUT")
    dtb_path = _dtb_path(options, path)
    saving.check(target, path, dtb_path, force=options.force)
    inputs = [*chain.from_iterable(map(_named, specs)), *options.judging.memmaps]
    inputs += [file for _, file in options.subtrees]
    for out in (path, dtb_path):
        if out is not None:
            output.check_input(out, *inputs, *([] if options.dtb is None else [options.dtb]))
    return path


def _named(spec: CaseNamed) -> Sequence[str]:
    """Return what a case names on the disk."""
    if isinstance(spec, CaseList):
        return ()
    return (spec, *spec.split("+")) if isinstance(spec, str) else spec


def _dtb_path(options: EncodeOptions, path: str) -> str | None:
    """Return the file for the device tree; None for none, or for one inside the folder."""
    if options.dtb is None:
        return None
    default = saving.default_dtb_path(
        targets.target(options.to), path if options.dtb_output is None else ""
    )
    dtb_out = default if options.dtb_output is None else options.dtb_output
    if dtb_out is None:
        return None
    if output.STDOUT in (dtb_out, path) and (options.json or dtb_out == path):
        raise UsageError("standard output takes one document; give --dtb-out FILE")
    if output.clash(dtb_out, path):
        raise UsageError(
            f"{saving.shown(dtb_out)}: the {targets.target(options.to).title} is written there; "
            "give another --dtb-out FILE"
        )
    if saving.same_file(dtb_out, options.dtb):
        raise UsageError(
            f"{saving.shown(dtb_out)}: this is the device tree that is read; give "
            "another --dtb-out FILE"
        )
    return dtb_out
