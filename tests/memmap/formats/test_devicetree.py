"""Device trees: a board's, compiled and as source; what the kernel honours; and bent ones."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.abi import fdt
from hwpkho.errors import InputError
from hwpkho.memmap.formats.devicetree import DeviceTree
from hwpkho.memmap.formats.dts import DeviceTreeSource
from hwpkho.memmap.tables import MAX_ENTRIES
from tests.support.examples import much
from tests.support.mapdata import FIXTURES, GIB, TRUTH, read, rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hwpkho.memmap.table import Table

BOARD = FIXTURES / "hisilicon-hi6220-hikey.dtb"
CELLS2 = {"#address-cells": struct.pack(">I", 2), "#size-cells": struct.pack(">I", 2)}


def node(name: str, properties: dict[str, bytes], *children: fdt.Node) -> fdt.Node:
    return fdt.Node(name, 0, [fdt.Property(n, v, 0) for n, v in properties.items()], list(children))


def reg(*ranges: tuple[int, int], cells: tuple[int, int] = (2, 2)) -> bytes:
    return b"".join(
        a.to_bytes(4 * cells[0], "big") + n.to_bytes(4 * cells[1], "big") for a, n in ranges
    )


def memory(*ranges: tuple[int, int], at: int = 0, **more: bytes) -> fdt.Node:
    properties = {"device_type": b"memory\0", "reg": reg(*ranges)}
    properties |= {n.replace("__", ",").replace("_", "-"): v for n, v in more.items()}
    return node(f"memory@{at:x}", properties)


def reserved(*children: fdt.Node, **more: bytes) -> fdt.Node:
    return node("reserved-memory", {**CELLS2, "ranges": b"", **more}, *children)


def tree(*children: fdt.Node, cells: dict[str, bytes] = CELLS2,
         reserve: Sequence[tuple[int, int]] = ()) -> bytes:  # fmt: skip
    return fdt.build(node("", cells, *children), reserve=reserve)


def maps(data: bytes) -> dict[str, Table]:
    return {m.name: m for m in read(DeviceTree(), data)}


def source(text: str) -> dict[str, Table]:
    return {m.name: m for m in read(DeviceTreeSource(), ("/dts-v1/;\n" + text).encode())}


def ranges(found: Table) -> list[tuple[int, int]]:
    return [(e.start, e.end + 1 - e.start) for e in found.entries]


def codes(found: Table) -> list[str]:
    return [p.code for p in found.problems]


# Real ones


def test_board() -> None:
    found = maps(BOARD.read_bytes())
    assert list(found) == ["devicetree", "reserved_memory"]
    assert rows(found["devicetree"].entries) == TRUTH["entries"]["hisilicon-hi6220-hikey.dtb"]
    (ramoops,) = found["reserved_memory"].entries
    assert (ramoops.start, ramoops.end) == (0x21F00000, 0x21FFFFFF)
    assert ramoops.attributes == {"node": "ramoops@21f00000", "compatible": "ramoops"}
    assert found["devicetree"].arch == "arm64"
    assert codes(found["devicetree"]) == ["HP554"]  # linux,cma: placed at boot


def test_source_of_the_board_says_the_same() -> None:
    compiled = read(DeviceTree(), BOARD.read_bytes())
    text = read(DeviceTreeSource(), BOARD.with_suffix(".dts").read_bytes())
    assert [(m.name, m.entries, m.arch) for m in text] == [
        (m.name, m.entries, m.arch) for m in compiled
    ]


def test_tree_of_an_efi_boot_names_the_map_to_give_instead() -> None:
    data = (FIXTURES / "qemu-arm64-efi-sysfs-fdt.dtb").read_bytes()
    with pytest.raises(InputError, match=r"EFI map at 0x99c5e9c0 \(0x630 bytes\)"):
        read(DeviceTree(), data)


# What the kernel honours


def test_nodes_sizes_and_status() -> None:
    found = maps(
        tree(
            memory((GIB, GIB), at=GIB, numa_node_id=struct.pack(">I", 0)),
            memory((3 * GIB, GIB), (8 * GIB, 0), at=3 * GIB, numa_node_id=struct.pack(">I", 1)),
            memory((5 * GIB, GIB), at=5 * GIB, status=b"disabled\0"),
            memory((6 * GIB, GIB), at=6 * GIB, status=b"okay\0", hotpluggable=b""),
            memory((7 * GIB, GIB), at=7 * GIB, linux__usable_memory=reg((7 * GIB, 4096))),
            node("memory@200000000", {"reg": reg((8 * GIB, GIB))}),
        )
    )["devicetree"]
    assert ranges(found) == [(GIB, GIB), (3 * GIB, GIB), (6 * GIB, GIB), (7 * GIB, 4096)]
    assert [e.attributes.get("numa-node-id") for e in found.entries] == [0, 1, None, None]
    assert found.entries[2].attributes["hotpluggable"] is True
    assert found.entries[3].attributes["property"] == "linux,usable-memory"
    assert codes(found) == ["HP557", "HP557"]


@pytest.mark.parametrize("address", [1, 2])
@pytest.mark.parametrize("size", [1, 2])
def test_cells_of_the_root(address: int, size: int) -> None:
    cells = {"#address-cells": struct.pack(">I", address), "#size-cells": struct.pack(">I", size)}
    value = reg((0x40000000, 0x10000000), (0x60000000, 0x1000), cells=(address, size))
    found = maps(tree(node("memory", {"device_type": b"memory\0", "reg": value}), cells=cells))
    assert ranges(found["devicetree"]) == [(0x40000000, 0x10000000), (0x60000000, 0x1000)]


def test_root_without_cells_has_one_of_each_as_in_linux() -> None:
    value = reg((0x40000000, 0x1000), cells=(1, 1))
    found = maps(tree(node("memory", {"device_type": b"memory\0", "reg": value}), cells={}))
    assert ranges(found["devicetree"]) == [(0x40000000, 0x1000)]


@pytest.mark.parametrize(
    ("cells", "value", "what"),
    [
        ((3, 2), reg((1 << 64, 4096), cells=(3, 2)), r"past 2\^64"),
        ((2, 4), reg((0, 1 << 100), cells=(2, 4)), r"past 2\^64"),
        ((2, 2), reg(((1 << 64) - 4096, 8192)), r"past 2\^64"),
        ((5, 2), b"", "#address-cells of the root is 5"),
        ((0xFFFFFFFF, 2), b"", "#address-cells"),
        ((2, 0), bytes(16), "#size-cells 0"),
        ((0, 2), bytes(16), "#address-cells 0"),
    ],
)
def test_cells_that_make_no_sense(cells: tuple[int, int], value: bytes, what: str) -> None:
    properties = {
        "#address-cells": struct.pack(">I", cells[0]),
        "#size-cells": struct.pack(">I", cells[1]),
    }
    data = tree(node("memory", {"device_type": b"memory\0", "reg": value}), cells=properties)
    with pytest.raises(InputError, match=what):
        maps(data)


def test_three_address_cells_are_fine_while_they_fit() -> None:
    cells = {"#address-cells": struct.pack(">I", 3), "#size-cells": struct.pack(">I", 2)}
    value = reg((GIB, GIB), cells=(3, 2))
    data = tree(node("memory", {"device_type": b"memory\0", "reg": value}), cells=cells)
    assert ranges(maps(data)["devicetree"]) == [(GIB, GIB)]


def test_trailing_bytes_of_reg_are_told() -> None:
    odd = node("memory@0", {"device_type": b"memory\0", "reg": reg((0, GIB)) + bytes(12)})
    found = maps(tree(odd))["devicetree"]
    assert ranges(found) == [(0, GIB)]
    assert codes(found) == ["HP557"]


def test_reservations() -> None:
    found = maps(
        tree(
            memory((0, 4 * GIB)),
            reserved(
                node("secure@1000000", {"reg": reg((0x1000000, 0x100000)), "no-map": b""}),
                node("pool@2000000", {"reg": reg((0x2000000, 0x100000)), "reusable": b"",
                                      "compatible": b"shared-dma-pool\0"}),
                node("two@3000000", {"reg": reg((0x3000000, 4096), (0x4000000, 4096))}),
                node("off@5000000", {"reg": reg((0x5000000, 4096)), "status": b"disabled\0"}),
                node("dynamic", {"size": reg((0, 0x400000))[8:], "reusable": b""}),
                node("odd@6000000", {"reg": reg((0x6000000, 4096))[:-4]}),
                node("empty@7000000", {"reg": reg((0x7000000, 0))}),
            ),
            reserve=((0x8000000, 0x3000), (0x9000000, 1)),
        )
    )  # fmt: skip
    assert ranges(found["reserved_memory"]) == [
        (0x1000000, 0x100000), (0x2000000, 0x100000), (0x3000000, 4096),
    ]  # fmt: skip
    assert [dict(e.attributes) for e in found["reserved_memory"].entries] == [
        {"node": "secure@1000000", "no-map": True},
        {"node": "pool@2000000", "reusable": True, "compatible": "shared-dma-pool"},
        {"node": "two@3000000"},
    ]
    assert ranges(found["memreserve"]) == [(0x8000000, 0x3000), (0x9000000, 1)]
    assert sorted(codes(found["devicetree"])) == ["HP554", "HP557", "HP557"]


@pytest.mark.parametrize(
    "bent",
    [{"#size-cells": struct.pack(">I", 1)}, {"#address-cells": struct.pack(">I", 1)}, "ranges"],
)
def test_reservations_that_linux_ignores(bent: dict[str, bytes] | str) -> None:
    child = node("secure@1000000", {"reg": reg((0x1000000, 4096))})
    parent = reserved(child)
    if isinstance(bent, str):
        parent.properties = [p for p in parent.properties if p.name != bent]
    else:
        parent = reserved(child, **bent)
    found = maps(tree(memory((0, GIB)), parent))
    assert list(found) == ["devicetree"]
    assert codes(found["devicetree"]) == ["HP553"]


def test_memory_wholly_under_no_map_is_marked() -> None:
    found = maps(
        tree(
            memory((0x1000000, 0x2000), (0x2000000, 0x3000)),
            reserved(
                node("a@1000000", {"reg": reg((0x1000000, 0x1000)), "no-map": b""}),
                node("b@1001000", {"reg": reg((0x1001000, 0x1000)), "no-map": b""}),
                node("c@2000000", {"reg": reg((0x2000000, 0x1000)), "no-map": b""}),
            ),
        )
    )["devicetree"]
    assert [e.attributes.get("no-map") for e in found.entries] == [True, None]


def test_usable_memory_range_and_efi_map_in_chosen() -> None:
    chosen = node(
        "chosen",
        {
            "linux,usable-memory-range": reg((GIB, 4096), (2 * GIB, 8192), (3 * GIB, 1)),
            "linux,uefi-mmap-start": struct.pack(">Q", 0x1234000),
            "linux,uefi-mmap-size": struct.pack(">I", 480),
        },
    )
    found = maps(tree(memory((0, 4 * GIB)), chosen))
    assert ranges(found["usable_memory_range"]) == [(GIB, 4096), (2 * GIB, 8192)]
    assert codes(found["devicetree"]) == ["HP557", "HP556"]
    assert "0x1234000" in found["devicetree"].problems[1].message


def test_memory_below_the_top_level_does_not_count() -> None:
    data = tree(node("soc", {}, memory((0, GIB))), memory((GIB, GIB), at=GIB))
    assert ranges(maps(data)["devicetree"]) == [(GIB, GIB)]


@pytest.mark.parametrize(
    ("compatible", "arch"),
    [
        ("arm,cortex-a57", "arm64"), ("arm,cortex-a35", "arm64"), ("arm,cortex-a710", "arm64"),
        ("arm,cortex-x4", "arm64"), ("arm,neoverse-n1", "arm64"), ("arm,armv8", "arm64"),
        ("arm,cortex-a7", "arm"), ("arm,cortex-a15", "arm"), ("arm,cortex-a32", "arm"),
        ("arm,arm1176jzf-s", "arm"), ("riscv", "riscv64"), ("loongson,la464", "loongarch64"),
        ("vendor,unheard-of", None),
    ],
)  # fmt: skip
def test_architecture(compatible: str, arch: str | None) -> None:
    cpu = node("cpu@0", {"compatible": b"x,y\0" + compatible.encode() + b"\0"})
    assert maps(tree(memory((0, GIB)), node("cpus", {}, cpu)))["devicetree"].arch == arch


def test_architecture_by_the_timer() -> None:
    timer = node("timer", {"compatible": b"arm,armv8-timer\0"})
    assert maps(tree(memory((0, GIB)), timer))["devicetree"].arch == "arm64"


def test_tree_without_memory() -> None:
    with pytest.raises(InputError, match=r"no memory node with a size.*/sys/firmware/fdt"):
        maps(tree(memory((0x80000000, 0))))
    only = maps(tree(reserve=((0, 4096),)))
    assert not only["devicetree"].entries
    assert codes(only["devicetree"]) == ["HP555"]


# Source


def test_source_expressions_and_labels() -> None:
    found = source(
        """
        // a comment
        /memreserve/ 0x1000 0x2000;
        /memreserve/ 4096 010;
        #include <dt-bindings/x.h>
        # 12 "file.dts"
        / {
            #address-cells = <(1 + 1)>; #size-cells = <0x1>;
            ram: memory@40000000 {
                device_type = "mem\\x6fry";
                reg = <0x0 (0x40 << 24) ((1 ? 2 : 3) * 0x1000)>, <0x1 0x0 (~0 & 0xf000)>;
            };
            /* the rest
               of it */
            reserved-memory {
                #address-cells = <2>; #size-cells = <1>; ranges;
                gone: gone@0 { reg = <0 0 0x1000>; };
                keep: keep@5000 { reg = <0 0x5000 0x1000>; no-map; };
            };
            other { bytes = [01 02 0a]; path = &ram; list = "a", "b"; ref = <&ram 1 &{/x}>;
                    many = /bits/ 64 <0x123456789>; macro = <SOME_MACRO(1, 2) OTHER>; };
        };
        &keep { reg = <0 0x6000 0x1000>; };
        &ram { status = "okay"; };
        /delete-node/ &gone;
        """
    )
    assert ranges(found["devicetree"]) == [(0x40000000, 0x2000), (1 << 32, 0xF000)]
    assert ranges(found["reserved_memory"]) == [(0x6000, 0x1000)]
    assert ranges(found["memreserve"]) == [(0x1000, 0x2000), (4096, 8)]
    assert not found["devicetree"].problems


def test_source_deletes_and_macros() -> None:
    found = source(
        """
        rsv: /memreserve/ 0x0 0x1000;
        / {
            #address-cells = <1>; #size-cells = <1>;
            \\#size-cells = <1>;
            one: memory@0 { device_type = "memory"; reg = <0 0x1000>; };
            two: memory@1000 { device_type = "memory"; reg = <0x1000 0x1000>;
                               inner { }; /delete-node/ inner; hotpluggable;
                               /delete-property/ hotpluggable; };
            memory@2000 { device_type = "memory"; reg = <0x2000 'A'>; };
            /omit-if-no-ref/ three: memory@3000 { };
            A_MACRO(x, y);
        };
        /delete-node/ &one;
        /delete-node/ &nobody;
        &{/memory@1000} { status = "okay"; };
        &{/nowhere} { };
        / { memory@0 { device_type = "memory"; reg = <0x8000 0x1000>; }; };
        """
    )
    assert ranges(found["devicetree"]) == [(0x8000, 0x1000), (0x1000, 0x1000), (0x2000, 65)]
    assert "hotpluggable" not in found["devicetree"].entries[1].attributes
    assert codes(found["devicetree"]) == ["HP557", "HP558"]
    message = found["devicetree"].problems[1].message
    assert message == "not read: macro A_MACRO, /delete-node/ &nobody, &{/nowhere} { … }"
    assert ranges(found["memreserve"]) == [(0, 0x1000)]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("/memreserve/ x 1;", "expected the address"),
        ("/ { a = <1 >> 2>; };", "expected , or ;"),
        ("/ { a = <1 ) 2>; };", r"\) outside parentheses"),
        ("/ { a = ; };", "expected a value"),
        ("/ { a = <@>; };", "expected a cell or >"),
        ("/ { %; };", "expected a property or a node"),
        ('/ { memory { device_type = "memory"; reg = <(1 ? 2)>; }; };', "lacks its :"),
        ('/ { memory { device_type = "memory"; reg = <(1 +)>; }; };', "needs the preprocessor"),
        ('/ { memory { device_type = "memory"; reg = <(1 2)>; }; };', r"lacks its \)"),
        ('/ { memory { device_type = "memory"; reg = <09>; }; };', "not a 64-bit number"),
        ('/ { memory { device_type = "memory"; reg = <&x 1>; }; };', "phandle of &x"),
        ('/ { memory { device_type = "memory"; reg = /incbin/("x"); }; };', "is not known here"),
        ('/ { memory { device_type = "memory"; reg = M(1, 2); }; };', "M needs the preproc"),
        ('/ { memory { device_type = "memory"; reg = <BASE 0x1000>; }; };', "line 2: BASE needs"),
        ('/ { memory { device_type = "memory"; reg = <(1/0) 1>; }; };', "divides by 0"),
        ('/ { memory { device_type = "memory"; reg = <0x100000000 1>; }; };', "does not fit"),
        ("#ifdef X\n/ { };\n#endif\n", "line 2: #ifdef: run it through cpp"),
        ("/plugin/;\n/ { };", "line 2: an overlay"),
        ("/ { a = <1>; ", "line 2: the file ends inside a node"),
        ("/ { };\n}", "line 3: } without a node"),
        ("/ { a b; };", "expected =, { or ; after a"),
        ('/ { a = "x" };', "expected , or ;"),
        ("/ { a = [0]; };", "other than hex digits"),
        ("/memreserve/ 0x10000000000000000 1;", "not a 64-bit number"),
        ("hello", "not a device tree source"),
        ("/ { };", "no memory node"),
        ("/ { " + "a { " * 70, "more than 64 levels"),
    ],
)
def test_source_that_cannot_be_used(text: str, what: str) -> None:
    with pytest.raises(InputError, match=what):
        source(text)


def test_source_with_includes_may_lack_cells(subtests: pytest.Subtests) -> None:
    body = '/ { memory@0 { device_type = "memory"; reg = <0x0 0x1000>; }; };'
    with pytest.raises(InputError, match=r'#address-cells may be in an included.*"soc\.dtsi"'):
        source(f'#include "soc.dtsi"\n{body}')
    cells = "/ { #address-cells = <1>; #size-cells = <1>; };"
    for include in ('#include "soc.dtsi"', '/include/ "soc.dtsi"'):
        with subtests.test(include):
            maps = source(f"{include}\n{cells}\n&unknown {{ status = <1>; }};\n{body}")
            found = maps["devicetree"]
            assert ranges(found) == [(0, 0x1000)]
            assert codes(found) == ["HP558", "HP558"]


@given(st.integers(0, (1 << 64) - 1), st.integers(0, 63), st.integers(1, 1 << 63))
def test_expressions_are_unsigned_64_bit(a: int, shift: int, b: int) -> None:
    mask = (1 << 64) - 1
    cases = {
        f"({a} + {b})": (a + b) & mask,
        f"({a} - {b})": (a - b) & mask,
        f"({a} * {b})": (a * b) & mask,
        f"({a} / {b})": a // b,
        f"(({a} % {b}) | {a:#x}ULL)": (a % b) | a,
        f"({a} << {shift})": (a << shift) & mask,
        f"({a} >> {shift} & 0xff)": (a >> shift) & 0xFF,
        f"(-{b})": -b & mask,
        f"({a} > {b} ? {a} : {b})": max(a, b),
        f"(!{a} || {a} == {b} && 1)": int(not a or a == b),
        f"(1 + 2 * 3 - {shift} ^ 4)": ((7 - shift) & mask) ^ 4,
    }
    text = ", ".join(f"<{expression}>" for expression in cases)
    from hwpkho.memmap.formats.dts_values import ValueReader

    def nothing(_at: int, why: str) -> InputError:
        raise AssertionError(why)

    reader = ValueReader(f"/bits/ 64 {text.replace(', ', ', /bits/ 64 ')};", nothing, lambda at: at)
    value, _ = reader.read(0)
    assert [v for (v,) in struct.iter_unpack(">Q", value)] == list(cases.values())


# Hostile


@given(st.lists(st.tuples(st.integers(0, 45000), st.integers(0, 255)), max_size=6),
       st.integers(0, 45000))  # fmt: skip
def test_bent_trees(changes: list[tuple[int, int]], cut: int) -> None:
    data = bytearray(BOARD.read_bytes())
    for at, value in changes:
        data[at % len(data)] = value
    for bent in (bytes(data), bytes(data[:cut])):
        attempt(DeviceTree(), bent)


@given(st.lists(st.tuples(st.integers(0, 55000), st.sampled_from(b'{}();<>[]"/*#&=,:?\\\0x0 \n')),
                max_size=8), st.integers(0, 56000))  # fmt: skip
def test_bent_sources(changes: list[tuple[int, int]], cut: int) -> None:
    data = bytearray(BOARD.with_suffix(".dts").read_bytes()[:20000])
    for at, value in changes:
        data[at % len(data)] = value
    attempt(DeviceTreeSource(), bytes(data))
    attempt(DeviceTreeSource(), bytes(data[:cut]))


MANY = much(5000, 50_000)


@pytest.mark.parametrize(
    "text",
    [
        "/ { a = <" + "(" * MANY, "/ { a = <" + "(" * 40 + "1" + ")" * 40 + ">; };",
        "/ { a = <" + "-" * MANY + "1>; };", "/" + "*" * MANY * 4,
        "/ { a = \"" + "\\" * (MANY * 2 + 1),
        "# " * MANY, " " * MANY * 6 + "#", "a:" * MANY * 2, "/ {" + "x;" * MANY * 2 + "};",
        "/ { a = " + "M(" * MANY + ";", "/ {" + "M(x); " * MANY, "/ { a = <" + "1 " * MANY * 2,
        "&a { };" * MANY, "/memreserve/ 1 1;" * MANY + "/ {};",
        "/ { a = <1 " + "M " * MANY + ">; };",
        "/ {" + "a = <M>;\n" * MANY + "};",
    ],
)  # fmt: skip
def test_sources_that_aim_at_time_or_memory(text: str) -> None:
    attempt(DeviceTreeSource(), b"/dts-v1/;\n" + text.encode())


def one_line(error: InputError) -> None:
    assert str(error).isprintable()


def attempt(form: DeviceTree | DeviceTreeSource, data: bytes) -> None:
    if not form.sniff(Path("x"), data[:65536]):
        return
    try:
        found = form.read(Path("x"), memoryview(data))
    except InputError as error:
        one_line(error)
        return
    assert all(0 <= e.start <= e.end < 1 << 64 for m in found for e in m.entries)
    assert all(p.message.isprintable() for m in found for p in m.problems)


# Bounds ---------------------------------------------------------------------------------------

TOO_MANY = [(n << 13, 4096) for n in range(1, MAX_ENTRIES + 2)]


@pytest.mark.parametrize("reserve", [(), pytest.param(TOO_MANY, marks=pytest.mark.slow)])
def test_more_ranges_than_a_machine_has_are_refused(reserve: Sequence[tuple[int, int]]) -> None:
    """64 MiB of them took a minute and gigabytes."""
    found = memory((0, 4096)) if reserve else memory(*TOO_MANY)
    with pytest.raises(
        InputError, match=f"input: more than {MAX_ENTRIES} ranges, too many for a memory map"
    ):
        maps(tree(found, reserve=reserve))


def test_as_many_ranges_as_a_map_may_have_are_read() -> None:
    found = maps(tree(memory(*TOO_MANY[:-1])))["devicetree"]
    assert len(found.entries) == MAX_ENTRIES


def test_what_linux_ignores_of_a_reservation_may_be_anything() -> None:
    """It reserves the first range; another one may reach past 2^64."""
    place = {"reg": reg((1 << 30, 4096), ((1 << 64) - 4096, 8192))}
    found = maps(tree(memory((0, 2 << 30)), reserved(node("a", place))))
    assert ranges(found["reserved_memory"]) == [(1 << 30, 4096)]
    assert codes(found["devicetree"]) == ["HP557"]
