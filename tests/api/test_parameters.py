"""Every parameter of every public function: an error over a wrong value names it."""

from __future__ import annotations

import inspect
import io
import json
import re
from fractions import Fraction
from itertools import chain, product
from typing import TYPE_CHECKING, Any

import pytest

import hwpkho
from hwpkho.api import inputs, parameters
from tests.support.captures import CAPTURES
from tests.support.examples import some

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SMALL = CAPTURES / "x86-structv1-small"
IMAGE, IOMEM = SMALL / "memory.elf", SMALL / "iomem.txt"

#: Python writes no integer of so many digits.
HUGE = 10**5000

#: Values that are none, by parameter: of its type, and of another. No path is among them: where one
#: cannot be read the error names it.
READING: dict[str, list[object]] = {
    "page_size": [5, -1, 4096.0, "z", HUGE],
    "root_fdt": [-4, 1 << 64, 1.5, "z", HUGE],
    "kho_scratch": ["z", 5, (1,), (-1, 5), ("a", "b")],
    "arch": ["z", 5],
    "efi_table": [-4, 1.5, "z"],
    "layout": ["z", 5],
}
CHOOSING: dict[str, list[object]] = {
    **READING,
    "role": ["z", 5],
    "base": [7, 10.0, "z"],
    "form": ["z", 5],
    "boot": ["z", 1.5],
}
COMPARING: dict[str, list[object]] = {
    **CHOOSING,
    "memmap": [5, b"x", io.StringIO(), [5]],
    "map_name": ["z", 5],
    "boot": [99, -1, "z", 1.5],
    "iomem_of": ["z", 5],
    "next_cmdline": ["mem=z", "crashkernel=z", "mem=1K", "\0", 5],
}
LIMITING: dict[str, list[object]] = {
    "consumer_kho": [99, "v99", "kho-v99", 1.5, None],
    "consumer_efi": ["z", 5, None],
    "max_pages": [-1, -HUGE, 1.5, "z"],
    "max_fraction": [3, -1, float("nan"), "z"],
    "max_per_gib": [-1, "z"],
    "max_scratch": [3, "z"],
}
JUDGING: dict[str, list[object]] = {
    **COMPARING,
    **LIMITING,
    "fail_on": ["z", 5],
    "select": ["HP301", ["ZZ9"], [""], [5], 5],
    "ignore": ["HP301", ["ZZ9"], [5], 5],
    "baseline": [5, [IOMEM], io.StringIO()],
    "against": ["list", 5, [5], [[]], [IMAGE, io.StringIO()]],
}
OPENING = {n: CHOOSING[n] for n in (*READING, "base", "form", "boot")}
JUDGING_OPEN = {n: values for n, values in JUDGING.items() if n == "role" or n not in OPENING}
JUDGING_OPEN["boot"] = JUDGING["boot"]
AREAS: list[object] = [5, "z", [5], [(1,)], [("a", "b")], [(-4096, 4096)], [(1 << 60, 1 << 64)]]


class Memory:
    def read(self, _phys: int, size: int) -> bytes:
        return bytes(size)


class NotWritable:
    def write(self) -> None:
        raise AssertionError


PFNS: list[object] = [
    [-1], [1 << 64], ["z"], [1.5], [True], [1, False], 5, "12", bytes(8), memoryview(bytes(8)),
]  # fmt: skip
FILES: list[object] = [5, b"x", io.StringIO(), [], [5], Memory()]


def opened(*given: Any, **options: Any) -> None:
    with hwpkho.open_case(*given, **options):
        pass


def shown(memory: Any = None, extents: Any = ((0, 4096),), **options: Any) -> None:
    with hwpkho.open_memory(Memory() if memory is None else memory, extents, **options):
        pass


def of_open_case(**options: Any) -> None:
    with hwpkho.open_case(IMAGE) as case:
        case.validate(**{"memmap": IOMEM, **options})


def read_of_a_case(phys: Any = 0, size: Any = 4) -> None:
    with hwpkho.open_case(IMAGE) as case:
        case.read(phys, size)


def built(**options: Any) -> hwpkho.Layout:
    placed: dict[str, Any] = {"pfns": [1], "ram": [(1 << 30, 1 << 26)]}
    return hwpkho.build(**{**placed, **options})


def plain() -> io.BytesIO:
    return io.BytesIO(b"0x10\n")


#: Function → how it is called with one parameter more, and values that are none.
FUNCTIONS: dict[str, tuple[Callable[..., object], dict[str, list[object]]]] = {
    "build": (
        built,
        {
            "pfns": PFNS,
            "page_size": READING["page_size"],
            "at": [1, -1, 1 << 60, 1.5, "z"],
            "ram": [*AREAS, [(0, 0)]],
            "scratch": [*AREAS, [(0, 5)]],
            "arch": ["z", 5],
            "kho": [9, "v4", None],
            "revision": ["z", 5],
            "capacity": [0, 10**5000, 1.5, "z"],
            "order": [99, -1, 10**5000, "z", None],
            "flags": [-1, 1 << 70, "z"],
            "kexec_count": [-1, 1 << 32, "z"],
            "previous_release": ["x" * 65, "\u2026", 5],
            "subtrees": [5, {5: b"x"}, {"a": "b"}, {"hwpoison": b"x"}, {"a/b": b"x"}, {"": b"x"}],
            "damage": ["z", 5],
        },
    ),
    "decode": (lambda files=IMAGE, **o: hwpkho.decode(files, **o), {"files": FILES, **READING}),
    "diff": (
        lambda cases=None, **o: hwpkho.diff(*(cases or (plain(), IMAGE)), **o),
        {"cases": [(5, IMAGE), ([], IMAGE), (io.StringIO(), IMAGE)], **COMPARING},
    ),
    "explain": (hwpkho.explain, {"code": ["z", 5, None, b"HP301"]}),
    "judge": (
        lambda pfns=(1,), memmap=IOMEM, **o: hwpkho.judge(pfns, memmap, **o),
        {
            "pfns": PFNS,
            "memmap": [
                5, b"x", io.StringIO(), [5], [(1,)], [("a", "b", "c")], [(5, 4, "x")],
                [(HUGE, 1, "x")],
            ],
            "page_size": READING["page_size"],
            "arch": ["z", 5],
            "next_cmdline": COMPARING["next_cmdline"],
            **LIMITING,
        },
    ),
    "merge": (
        lambda cases=None, **o: hwpkho.merge(*(cases or (plain(), IMAGE)), **o),
        {
            "cases": [(5,), ([],), (io.StringIO(),)],
            "exclude": ["list", 5, [5]],
            "intersect": ["z"],
            "first_seen": ["z"],
            "keep_all": ["z", True],
            "replayable_only": ["z", True],
            "provenance": ["z"],
            "to_page_size": [5, "z"],
            **COMPARING,
        },
    ),
    "open_case": (lambda files=IMAGE, **o: opened(files, **o), {"files": FILES, **OPENING}),
    "open_memory": (
        shown,
        {
            "memory": [5, io.BytesIO(b"x"), io.BytesIO],
            "extents": AREAS[:-1],
            "name": [5],
            "roots": [5, {"z": 5}, {"in": -1}, {"in": "z"}],
            "vmcoreinfo": [5, "z"],
            **READING,
        },
    ),
    "read_list": (lambda files=IMAGE, **o: hwpkho.read_list(files, **o),
                  {"files": FILES, **CHOOSING}),
    "read_memmap": (
        lambda files=IOMEM, **o: hwpkho.read_memmap(files, **o),
        {"files": FILES, **{n: COMPARING[n] for n in ("map_name", "boot", "arch", "next_cmdline")}},
    ),
    "validate": (
        lambda files=IMAGE, **o: hwpkho.validate(files, **{"memmap": IOMEM, **o}),
        {"files": FILES, **JUDGING},
    ),
    "write_list": (
        lambda pages=IMAGE, out=None, **o: hwpkho.write_list(pages, out or io.BytesIO(), **o),
        {
            "pages": FILES,
            "out": [5, io.StringIO(), NotWritable()],
            "to": ["z", 5],
            "max_loss": [-1, "z"],
            "budget": [0, 5, "z"],
            "unit": [0, 5, "z"],
            "phys_base": [-1, 1 << 70, "z"],
            "at": [-1, 1 << 70, "z"],
            "kinds": [5, ["z"], "poisoned", []],
            "force": ["z"],
            **COMPARING,
        },
    ),
    "Case.read": (read_of_a_case, {"phys": [-1, "z"], "size": [-1, "z"]}),
    "Case.validate": (of_open_case, JUDGING_OPEN),
    "Decoded.handover": (lambda role: hwpkho.decode(IMAGE).handover(role), {"role": ["z", 5]}),
    "Layout.write_elf": (
        lambda out=None, **o: built().write_elf(out or io.BytesIO(), **o),
        {"out": [5, io.StringIO()], "force": ["z"]},
    ),
    "Layout.write_segments": (
        lambda folder="x", **o: built().write_segments(folder, **o),
        {"folder": [5, io.BytesIO()], "force": ["z"]},
    ),
}  # fmt: skip


_PAIRS = [(function, name) for function, (_, wrong) in FUNCTIONS.items() for name in wrong]


@pytest.mark.parametrize(("function", "name"), some(_PAIRS, 50))
def test_an_error_names_the_parameter(function: str, name: str, subtests: pytest.Subtests) -> None:
    call, wrong = FUNCTIONS[function]
    for number, value in enumerate(wrong[name]):  # HUGE cannot be shown
        with subtests.test(f"{name} {number}"):
            try:
                call(**{name: value})
            except (hwpkho.HwpkhoError, TypeError, ValueError) as error:
                text = str(error)
            else:
                pytest.fail(f"{name}={value!r}: taken")
            assert re.search(rf"\b{name}\b", text)
            own = re.sub(r"hwpkho [a-z]+ --[a-z-]+", "", text)  # a command line that helps
            assert not re.search(r"(?<!\w)--[a-z]", own)
            assert "\n" not in text


def _methods() -> Iterator[tuple[str, Callable[..., object]]]:
    for name in ("Case", "Compared", "Decoded", "Judged", "Layout", "MemoryMap", "Merged",
                 "PageList"):  # fmt: skip
        for method, function in vars(getattr(hwpkho, name)).items():
            if inspect.isfunction(function) and not method.startswith("_"):
                yield f"{name}.{method}", function


def _parameters(function: Callable[..., object]) -> set[str]:
    found = set()
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            kind = re.fullmatch(r"Unpack\[(\w+)\]", parameter.annotation)
            assert kind
            found |= set(getattr(inputs, kind[1]).__annotations__)
        else:
            found.add(name)
    return found - {"self"}


def test_no_parameter_is_left_out() -> None:
    functions = [(n, getattr(hwpkho, n)) for n in hwpkho.__all__]
    taken = {n: _parameters(f) for n, f in chain(functions, _methods()) if inspect.isfunction(f)}
    wanted = {name: parameters for name, parameters in taken.items() if parameters}
    assert {name: set(values) for name, (_, values) in FUNCTIONS.items()} == wanted
    assert set(JUDGING) == set(parameters.OPTIONS)


def test_what_a_program_may_have_instead() -> None:
    half: Any = Fraction(1, 2)
    assert hwpkho.judge([0x150], IOMEM, max_fraction=half).ok
    assert built(ram=iter([(1 << 30, 1 << 26)]), scratch=iter([]))._layout.scratch == ()


def test_an_option_without_effect_is_refused_wherever_files_are_read(
    subtests: pytest.Subtests,
) -> None:
    calls: list[Callable[..., object]] = [hwpkho.decode, hwpkho.read_list, opened, hwpkho.validate]
    for call in calls:
        with (
            subtests.test(call.__name__),
            pytest.raises(hwpkho.UsageError, match="layout has no effect"),
        ):
            call(IMAGE, layout="bitmap")
    with pytest.raises(hwpkho.UsageError, match="root_fdt has no effect"):
        hwpkho.read_list(plain(), root_fdt=4096)


def test_a_list_that_was_read_is_not_read_otherwise(subtests: pytest.Subtests) -> None:
    """These had no effect: a list kept its page size, whatever the call said."""
    lists = [
        hwpkho.read_list(plain()),
        hwpkho.read_list(IMAGE),
        hwpkho.merge(plain(), provenance=True),
    ]
    options: dict[str, Any] = {
        "page_size": 65536, "root_fdt": 4096, "kho_scratch": "none", "arch": "arm64", "role": "out",
        "efi_table": 4096, "layout": "bitmap", "base": 16, "form": "json", "boot": 1,
    }  # fmt: skip
    calls: dict[str, Callable[..., object]] = {
        "two": lambda one, **o: hwpkho.diff(one, one, **o),
        "a chain": lambda one, **o: hwpkho.diff(one, one, one, **o),
        "merged": hwpkho.merge,
        "excluded": lambda one, **o: hwpkho.merge(one, exclude=[one], **o),
        "written": lambda one, **o: hwpkho.write_list(one, io.BytesIO(), **o),
        "written as csv": lambda one, **o: hwpkho.write_list(one, io.BytesIO(), to="csv", **o),
    }
    for (number, one), (how, call), name in product(enumerate(lists), calls.items(), options):
        if isinstance(one, hwpkho.PageList) or how.startswith("written"):
            with (
                subtests.test(f"{number} {how} {name}"),
                pytest.raises(hwpkho.UsageError, match=f"^{name} has no effect: "),
            ):
                call(one, **{name: options[name]})
    text, image, _ = lists
    rows: list[tuple[Any, Any, tuple[str, ...]]] = [
        (image, plain(), ("root_fdt", "kho_scratch", "arch", "role", "efi_table", "layout")),
        (text, IMAGE, ("base", "form")),
    ]
    for before, file, names in rows:
        for name in names:
            with (
                subtests.test(name),
                pytest.raises(hwpkho.UsageError, match=f"^{name} has no effect: .*read before"),
            ):
                hwpkho.diff(before, file, **{name: options[name]})


def test_an_option_counts_for_what_a_call_reads() -> None:
    """Beside a list that was read already."""
    read = hwpkho.read_list(plain(), page_size=65536)
    assert hwpkho.merge(read, io.BytesIO(b"10"), base=16).page_size == 4096
    assert hwpkho.merge(read, io.BytesIO(b"10"), page_size=65536, base=16).pfns == [0x10]
    assert hwpkho.merge(read, exclude=[plain()], page_size=65536).pfns == []
    assert hwpkho.diff(read, plain(), page_size=65536, form="text").same
    other = hwpkho.read_list(plain())
    assert hwpkho.merge(other, memmap=IOMEM, iomem_of="running", arch="x86_64").pfns == [0x10]
    out = io.BytesIO()
    hwpkho.write_list(read, out, to="json", arch="arm64")
    assert json.loads(out.getvalue())["arch"] == "arm64"


def test_a_map_that_was_read_refuses_what_its_file_does(subtests: pytest.Subtests) -> None:
    maps: list[Any] = [IOMEM, hwpkho.read_memmap(IOMEM), [RAM]]
    for memmap, (name, value) in product(
        maps,
        {"consumer_kho": 3, "consumer_efi": "b", "max_scratch": 0.5}.items(),
    ):
        options: dict[str, Any] = {name: value}
        with (
            subtests.test(f"{type(memmap).__name__} {name}"),
            pytest.raises(hwpkho.UsageError, match=f"^{name} has no effect: "),
        ):
            hwpkho.judge([1], memmap, **options)


class bool_:  # as NumPy has it
    pass


bool_.__module__, bool_.__qualname__ = "numpy", "bool"

_ROW = (0, 0xFFFF, "System RAM")


#: The package without its types.
LIBRARY: Any = hwpkho

#: Values of another type than the parameter takes.
OTHER_TYPES: list[tuple[Callable[[], object], str]] = [
    (
        lambda: LIBRARY.decode(IMAGE, page_size="4096"),
        "page_size='4096' is not one of None, 4096, ",
    ),
    (
        lambda: LIBRARY.decode(IMAGE, page_size=4096.0),
        "page_size=4096.0 is not one of None, 4096, ",
    ),
    (lambda: LIBRARY.decode(IMAGE, arch=5), "arch=5 is not one of None, 'x86_64', 'arm64'"),
    (
        lambda: LIBRARY.decode(IMAGE, kho_scratch=5),
        'kho_scratch: expected (address, bytes) or "n',
    ),
    (lambda: LIBRARY.read_list(plain(), base="16"), "base='16' is not one of 10, 16"),
    (lambda: built(kho="4"), "kho='4' is not one of 1, 2, 3, 4"),
    (lambda: built(kho=True), "kho=True is not one of 1, 2, 3, 4"),
    (lambda: built(order=True), "order: expected an integer, not bool"),
    (lambda: built(damage=5), "damage=5 is not one of None, '"),
    (
        lambda: LIBRARY.judge([1], [_ROW], max_fraction=True),
        "max_fraction: expected a number, not b",
    ),
    (
        lambda: LIBRARY.judge([1], [_ROW], max_pages=False),
        "max_pages: expected an integer, not bool",
    ),
    (
        lambda: LIBRARY.validate(IMAGE, consumer_kho=None),
        "consumer_kho=None is not one of 1, 2, 3",
    ),
    (
        lambda: LIBRARY.merge(plain(), first_seen=bool_()),
        "first_seen: expected True or False, not numpy.bool",
    ),
    (
        lambda: LIBRARY.judge([1], [(0, 0xFFFF, None)]),
        "memmap: (0, 65535, None): expected a name such as 'System RAM', not NoneType",
    ),
    (
        lambda: LIBRARY.judge([1], [(0, 0xFFFF, b"System RAM")]),
        "such as 'System RAM', not bytes",
    ),
    (lambda: built(subtrees={"x": "y"}), "subtrees: expected bytes, not str"),
]


def test_another_type_is_a_type_error(subtests: pytest.Subtests) -> None:
    for call, says in OTHER_TYPES:
        with subtests.test(says), pytest.raises(TypeError, match=re.escape(says)):
            call()


class Number:
    """What stands for an integer, as NumPy's do: all else that an int has is missing."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __index__(self) -> int:
        return self.value

    def __eq__(self, other: object) -> bool:
        return other == self.value

    __hash__ = None  # type: ignore[assignment]


def numbers_of(value: Any) -> Any:
    """Return ``value`` with a Number for each integer in it."""
    if isinstance(value, dict):
        return {name: numbers_of(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(numbers_of, value))
    return Number(value) if type(value) is int else value


def _written(to: str = "efi-table", **options: Any) -> dict[str, Any]:
    out = io.BytesIO()
    hwpkho.write_list(plain(), out, to=to, **options)
    return {"written": out.getvalue().hex()}


def _of_memory(roots: Any, extents: Any) -> dict[str, Any]:
    with (
        hwpkho.open_case(IMAGE) as image,
        hwpkho.open_memory(image, extents, roots=roots) as case,
    ):
        return case.decode().to_dict()


RAM = (0x40000000, 0x7FFFFFFF, "System RAM")
ROOT: int = hwpkho.decode(IMAGE).handover().root.phys  # type: ignore[union-attr,assignment]


#: Calls, with integers among their parameters.
WITH_INTEGERS: list[tuple[Any, dict[str, Any]]] = [
    (hwpkho.judge, {"pfns": [0x40100, 5], "memmap": [RAM], "page_size": 65536, "max_pages": 1}),
    (hwpkho.judge, {"pfns": [0xFFFFF], "memmap": [RAM], "arch": "arm64", "max_per_gib": 1}),
    (hwpkho.build, {"pfns": [7, 6], "ram": [(1 << 30, 1 << 26)],
                    "scratch": [(1 << 31, 1 << 26)], "page_size": 4096, "kho": 4,
                    "capacity": 1024, "order": 1, "flags": 1, "kexec_count": 3}),
    (hwpkho.build, {"pfns": [1], "at": 1 << 30}),
    (hwpkho.decode, {"files": IMAGE, "page_size": 4096, "root_fdt": ROOT}),
    (hwpkho.validate, {"files": IMAGE, "memmap": IOMEM, "consumer_kho": 4, "max_pages": 1}),
    (lambda **o: hwpkho.read_list(plain(), **o), {"page_size": 65536, "base": 16}),
    (lambda **o: hwpkho.read_memmap(IOMEM, **o), {}),
    (lambda **o: hwpkho.diff(plain(), plain(), **o), {"page_size": 65536}),
    (lambda **o: hwpkho.merge(plain(), **o), {"page_size": 65536, "to_page_size": 65536}),
    (_written, {"unit": 4 << 20, "phys_base": 0, "max_loss": 0}),
    (_written, {"to": "memmap", "max_loss": 5, "budget": 999}),
    (_written, {"at": 1 << 30}),
    (_of_memory, {"roots": {"out": ROOT}, "extents": [(0, 1 << 32)]}),
]  # fmt: skip


@pytest.mark.parametrize(("call", "given"), some(WITH_INTEGERS, 14))
def test_what_stands_for_an_integer_is_one(call: Any, given: dict[str, Any]) -> None:
    """NumPy's integers passed the checks, and then had no bit_length() or wrapped in a sum."""
    both = call(**given), call(**numbers_of(given))
    one, other = (json.dumps(x if isinstance(x, dict) else x.to_dict()) for x in both)
    assert one == other


class Elementwise:
    """Compares as NumPy's arrays do: that is no truth value."""

    def __eq__(self, other: object) -> Elementwise:  # type: ignore[override]
        return self

    def __bool__(self) -> bool:
        raise ValueError("the truth value of an array is ambiguous")

    __hash__ = None  # type: ignore[assignment]


def test_an_array_is_none_of_several_values() -> None:
    with pytest.raises(TypeError, match=r"page_size=.* is not one of"):
        hwpkho.judge([1], page_size=Elementwise())  # type: ignore[arg-type]
