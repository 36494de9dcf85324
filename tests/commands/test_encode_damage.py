"""``hwpkho encode --damage``, and ``hwpkho.build(damage=...)``."""

from __future__ import annotations

import io
import json
import struct

import pytest

import hwpkho
from hwpkho.encode.damage.registry import DAMAGES
from hwpkho.errors import UsageError
from tests.support import FIXTURES, schemas
from tests.toys import damage as toy

PLACED = ("--ram", "0x60000000:64M", "--scratch", "0x48000000:64M")


@pytest.fixture
def lst(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("0x50001\n")
    return path


def outcome(cli, *inputs):
    result = cli("validate", *inputs, "--json")
    assert result.code in (0, 1), result.err
    return result.json["outcome"]


def test_the_list_needs_no_input(cli):
    result = cli("encode", "--damage", "list")
    assert (result.code, result.err) == (0, "")
    rows = [line for line in result.out.splitlines() if not line.startswith(" ")]
    assert [line.split()[0] for line in rows] == DAMAGES.names()
    assert "needs an array of 3 pages or more" in result.said


def test_the_list_as_a_document(cli):
    result = cli("encode", "--damage", "list", "--json")
    assert (result.code, result.err) == (0, "")
    schemas.check(result.json, "damages")
    assert [damage["name"] for damage in result.json["damages"]] == DAMAGES.names()


@pytest.mark.parametrize("more", [("-o", "x.elf"), ("list.txt",), ("--at", "0x60000000")])
def test_the_list_makes_nothing(cli, more):
    result = cli("encode", "--damage", "list", *more)
    assert (result.code, result.out) == (2, "")
    assert "besides it, give only --json" in result.err


@pytest.mark.parametrize("to", ["elf", "segments", "blob"])
def test_each_target_has_it(cli, lst, tmp_path, to):
    out = tmp_path / "out"
    result = cli("encode", lst, *PLACED, "--damage", "count-huge", "--to", to, "-o", out)
    assert (result.code, result.out) == (0, "")
    assert "  damage    broken on purpose, count-huge: count is 2^63\n" in result.err
    if to == "blob":
        assert struct.unpack_from("<Q", out.read_bytes(), 8) == (1 << 63,)
    else:
        assert outcome(cli, out) == "crash"


def test_the_document_says_it_and_standard_error_too(cli, lst, tmp_path):
    out = tmp_path / "out.elf"
    result = cli("encode", lst, *PLACED, "--damage", "root-size-0", "-o", out, "--json")
    assert (result.code, result.err) == (
        0,
        "broken on purpose, root-size-0: 0 bytes of root FDT are handed over\n",
    )
    schemas.check(result.json, "encode")
    about = "0 bytes of root FDT are handed over"
    assert result.json["damage"] == {"name": "root-size-0", "about": about}
    assert result.json["handover"]["kho_fdt"][1] == 0
    assert outcome(cli, out) == "refused"


def test_a_sound_one_says_nothing(cli, lst, tmp_path):
    result = cli("encode", lst, *PLACED, "-o", tmp_path / "out.elf", "--json")
    assert (result.code, result.err) == (0, "")
    assert result.json["damage"] is None


def test_the_device_tree_hands_it_over(cli, lst, tmp_path, subtests):
    tree = FIXTURES / "memmaps-binary" / "hisilicon-hi6220-hikey.dtb"
    sound, broken = tmp_path / "sound", tmp_path / "broken"
    for out, more in ((sound, ()), (broken, ("--damage", "scratch-length-8"))):
        with subtests.test(out.name):
            made = cli("encode", lst, *PLACED, "--to", "segments", "--dtb", tree, *more, "-o", out)
            assert made.code == 0, made.err
    name = "handover.dtb"
    assert (sound / name).read_bytes() != (broken / name).read_bytes()
    scratch = json.loads((broken / "handover.json").read_text())["kho_scratch"]
    assert scratch[1] == 8
    assert scratch[0].to_bytes(8, "big") + (8).to_bytes(8, "big") in (broken / name).read_bytes()


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--damage", "count-hug"), "'count-hug' is not a known damage; did you mean count-huge"),
        (("--damage", "root-magic", "--to", "blob"), "a hwpoison blob does not show this damage"),
        (("--damage", "root-magic", "--to", "list"), "--to text writes no handover"),
        (("--damage", "entry-twice"), "needs an array of 2 pages or more: give --capacity 513"),
        (("--damage", "count-huge", "--revision", "fdt-v1"), "give --revision struct-v1"),
        (("--damage", "map-zero", "--scratch", "0:0"), "whole number of pages"),
    ],
)
def test_wrong_usage(cli, lst, tmp_path, args, words):
    placed = () if "list" in args else PLACED
    result = cli("encode", lst, *placed, *args, "-o", tmp_path / "out")
    assert (result.code, result.out) == (2, "")
    assert words in result.err
    assert result.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_an_input_is_still_needed(cli, tmp_path):
    result = cli("encode", "-o", tmp_path / "out")
    assert (result.code, result.err) == (2, "hwpkho: Missing argument 'LIST'.\n")


def test_outside_ram_lies_outside_the_memory_map(cli, lst, tmp_path):
    memmap = tmp_path / "iomem.txt"
    memmap.write_text(
        "00100000-7fffffff : System RAM\n100000000-2000ffffff : System RAM\n"
        "fd00000000-ffffffffff : Reserved\n"
    )
    out = tmp_path / "out.elf"
    placed = ("--memmap", memmap, "--ram", "0x60000000:64M", "--scratch", "0x48000000:64M")
    made = cli("encode", lst, *placed, "--damage", "data-outside-ram", "-o", out, "--json")
    assert made.code == 0, made.err
    decoded = cli("decode", out, "--json")
    (subtree,) = (
        s for s in decoded.json["handovers"][0]["root"]["subtrees"] if s["name"] == "hwpoison"
    )
    assert subtree["phys"] == 16 << 40
    assert outcome(cli, out, "--memmap", memmap) == "crash"


# The library


def test_the_library_breaks_them_too():
    made = hwpkho.build([0x50001], ram=[(0x60000000, 64 << 20)], damage="count-huge")
    assert made.damage == "count-huge"
    assert made.to_dict()["damage"] == {"name": "count-huge", "about": "count is 2^63"}
    schemas.check(made.to_dict(), "encode")
    out = io.BytesIO()
    made.write_elf(out)
    sound = hwpkho.build([0x50001], ram=[(0x60000000, 64 << 20)])
    assert sound.damage is None
    same = io.BytesIO()
    sound.write_elf(same)
    assert out.getvalue() != same.getvalue()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"damage": "no-such"}, "damage='no-such' is not one of None, 'root-magic', "),
        ({"damage": "entry-twice"}, "damage=entry-twice needs .*: give capacity=513"),
        ({"damage": "scratch-length-8"}, r"give scratch=\[\(START, SIZE\)\]"),
    ],
)
def test_the_library_says_what_is_lacking(options, words):
    with pytest.raises(UsageError, match=words):
        hwpkho.build([0x50001], ram=[(0x60000000, 64 << 20)], **options)


# One more


def test_a_registered_damage_is_done(cli, lst, tmp_path):
    toy.register()
    try:
        assert f"\n{toy.NAME} " in cli("encode", "--damage", "list").out
        out = tmp_path / "out.elf"
        made = cli("encode", lst, *PLACED, "--damage", toy.NAME, "-o", out)
        assert f"broken on purpose, {toy.NAME}: the root FDT's page stands backwards" in made.err
        assert outcome(cli, out) == "refused"
    finally:
        toy.unregister()
    assert cli("encode", lst, *PLACED, "--damage", toy.NAME, "-o", out).code == 2
