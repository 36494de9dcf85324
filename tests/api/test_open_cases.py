"""A case that stays open: closed elsewhere than it was opened, and what its methods take."""

from __future__ import annotations

import asyncio
import io
from contextlib import contextmanager
from contextvars import copy_context
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

import hwpkho
from hwpkho.base.options import option
from tests.support.captures import CAPTURES
from tests.support.program import run_cli

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator, Iterator
    from contextlib import AbstractContextManager

SMALL = CAPTURES / "x86-structv1-small"
IMAGE, IOMEM = SMALL / "memory.elf", SMALL / "iomem.txt"


@contextmanager
def _shown() -> Iterator[hwpkho.Case]:
    with (
        hwpkho.open_case(IMAGE) as image,
        hwpkho.open_memory(image, image.extents(), arch="x86_64") as case,
    ):
        yield case


#: How a case is opened.
OPENED: dict[str, Callable[[], AbstractContextManager[hwpkho.Case]]] = {
    "a path": lambda: hwpkho.open_case(IMAGE),
    "an open file": lambda: hwpkho.open_case(io.BytesIO(IMAGE.read_bytes())),
    "memory": _shown,
}


def _used(case: hwpkho.Case) -> None:
    """Call every method; errors of all of them name parameters."""
    assert case.decode().handovers
    assert next(case.annotate())
    start, _ = case.extents()[0]
    assert case.read(start, 4)
    assert case.validate(memmap=IOMEM).outcome == "replay"
    with pytest.raises(hwpkho.UsageError, match=r"^map_name=z: "):
        case.validate(memmap=IOMEM, map_name="z")
    _spelled_for_a_user()


def _spelled_for_a_user() -> None:
    assert option("page_size") == "--page-size"
    assert run_cli("validate", IOMEM).err.endswith("give it with --memmap\n")


def _elsewhere(call: Callable[[], object]) -> None:
    """Run ``call`` in another thread, and raise what it raises."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            call()
        except BaseException as error:
            raised.append(error)

    thread = Thread(target=run)
    thread.start()
    thread.join()
    if raised:
        raise raised[0]


def test_a_case_is_closed_where_it_was_not_opened() -> None:
    for how in OPENED.values():
        _closed_elsewhere(how)


def _closed_elsewhere(how: Callable[[], AbstractContextManager[hwpkho.Case]]) -> None:
    opened = how()
    case = opened.__enter__()
    _spelled_for_a_user()
    _elsewhere(lambda: _used(case))
    _used(case)
    lines = case.annotate()
    _elsewhere(lambda: next(lines))
    assert list(lines)
    _elsewhere(lambda: opened.__exit__(None, None, None))
    _spelled_for_a_user()

    def fixture() -> Generator[hwpkho.Case]:
        with how() as case:
            yield case

    held = fixture()
    copy_context().run(lambda: _used(next(held)))
    with pytest.raises(RuntimeError, match="the caller's own"):
        held.throw(RuntimeError("the caller's own"))

    async def in_tasks() -> None:
        async def fixture() -> AsyncGenerator[hwpkho.Case]:
            with how() as case:
                yield case

        held = fixture()
        _used(await asyncio.create_task(anext(held)))
        await asyncio.create_task(held.aclose())

    asyncio.run(in_tasks())


def test_cases_are_closed_in_any_order(subtests: pytest.Subtests) -> None:
    every = [opened() for opened in OPENED.values()]
    cases = [opened.__enter__() for opened in every]
    for opened, case in zip(every, cases, strict=True):
        for one in cases[cases.index(case) :]:
            with subtests.test(f"{one.name} beside {case.name}"):
                _used(one)
        opened.__exit__(None, None, None)
        _spelled_for_a_user()


#: What counts only where a case is opened, with a value that the open case below was not read with.
READING: dict[str, Any] = {
    "page_size": 65536,
    "root_fdt": 0x1000,
    "kho_scratch": "none",
    "arch": "arm64",
    "efi_table": 0x1000,
    "layout": "bitmap",
    "base": 16,
    "form": "json",
}


@pytest.mark.parametrize("how", OPENED)
def test_an_open_case_is_not_read_otherwise(how: str, subtests: pytest.Subtests) -> None:
    """These were taken and had no effect: the outcome was that of the case as it was read."""
    with OPENED[how]() as case:
        for name, value in READING.items():
            with (
                subtests.test(name),
                pytest.raises(hwpkho.UsageError, match=f"^{name} has no effect on a case"),
            ):
                case.validate(**{"memmap": IOMEM, name: value})
        with pytest.raises(hwpkho.UsageError, match="boot has no effect on a case"):
            case.validate(boot="last")
        nothing: Any = dict.fromkeys(READING.keys() - {"base"})
        assert case.validate(memmap=IOMEM, **nothing).outcome == "replay"


def _log(time: int, pfn: int) -> str:
    return (
        f"[    0.000000] Linux version 6.1{time}.0 (a@b) #1\n[    0.000000] Command line: quiet\n"
        f"[    {time}.000000] Memory failure: 0x{pfn:x}: recovery action for free buddy page: "
        "Recovered\n"
    )


def _table() -> bytes:
    out = io.BytesIO()
    hwpkho.write_list(io.BytesIO(b"0x10"), out, to="efi-table", layout="list")
    return out.getvalue()


def _of_open_case(file: io.BytesIO, **options: Any) -> hwpkho.Judged:
    with hwpkho.open_case(file, **options) as case:
        return case.validate()


@pytest.mark.slow
def test_a_closed_case_reads_nothing(subtests: pytest.Subtests) -> None:
    """The error was that of a descriptor, and a judgement rested on what could not be read."""
    for name, how in OPENED.items():
        with subtests.test(name):
            with how() as case:
                lines = case.annotate()
                assert next(lines)
            calls: dict[str, Callable[[], object]] = {
                "read": partial(case.read, 0, 4),
                "validate": partial(case.validate, memmap=IOMEM),
                "annotate": partial(next, case.annotate()),
                "lines": partial(next, lines),
            }
            for what, call in calls.items():
                with (
                    subtests.test(f"{name} {what}"),
                    pytest.raises(ValueError, match="the case is closed"),
                ):
                    call()
            assert case.decode().handovers


def _answer(call: Callable[[], hwpkho.Judged]) -> object:
    try:
        judged = call()
    except hwpkho.HwpkhoError as error:
        return type(error).__name__
    return judged.outcome or [row.first for row in judged.rows()]


@pytest.mark.slow
def test_a_case_is_read_as_the_options_of_opening_say(subtests: pytest.Subtests) -> None:
    """As validate() reads it."""
    image, logs, table = IMAGE.read_bytes(), (_log(1, 0x10) + _log(2, 0x20)).encode(), _table()
    rows: list[tuple[bytes, dict[str, Any], object]] = [
        (image, {"kho_scratch": "none"}, "refused"),
        (image, {"page_size": 65536}, "InputError"),
        (image, {"base": 16}, "UsageError"),
        (image, {"boot": 1}, "UsageError"),
        (b"10", {"base": 16}, [0x10]),
        (b"0x10", {"form": "json"}, "InputError"),
        (b"0x10", {"arch": "x86_64", "page_size": 65536}, "UsageError"),
        (logs, {"boot": 0}, [0x10]),
        (logs, {"boot": "last"}, [0x20]),
        (table, {"form": "efi-table", "layout": "list"}, [0x10]),
        (table, {"form": "efi-table", "layout": "bitmap"}, "InputError"),
    ]
    for data, options, says in rows:
        for call in (hwpkho.validate, _of_open_case):
            with subtests.test(f"{call.__name__} {options}"):
                assert _answer(partial(call, io.BytesIO(data), **options)) == says
