"""cxl list --media-errors."""

from __future__ import annotations

import json

import pytest

from tests.support import neighbours
from tests.support.neighbours import said


@pytest.mark.parametrize("truth", neighbours.samples("cxl-list"), ids=lambda p: p.name)
def test_samples(truth, cli) -> None:
    neighbours.check(cli, truth, None)


def _region(*errors: object, **more: object) -> dict[str, object]:
    region = {"region": "region5", "resource": 0xF110000000, "size": 2 << 30}
    return {**region, "media_errors": [*errors], **more}


@pytest.mark.parametrize(
    ("document", "listed"),
    [
        ([_region({"offset": 0x1000, "length": 64, "source": "Injected"})], [0xF110001]),
        (
            [_region({"offset": "0x1000", "length": 64}, resource="0xf110000000", size="2.00 GiB")],
            [0xF110001],
        ),
        ([_region({"offset": 0xFC0, "length": 128})], [[0xF110000, 0xF110001]]),
        ([_region({"offset": 0xFF0, "length": 1}, {"offset": 0xFFF, "length": 2})],
         [[0xF110000, 0xF110001]]),
        ([{"regions": [_region({"offset": 0, "length": 64})]}], [0xF110000]),
        (
            [_region({"offset": 0, "length": "8.00 MiB (8.39 MB)"})],
            [[0xF110000, 0xF110801]],
        ),
        (_region({"offset": 0, "length": 64}), [0xF110000]),
        ([{"memdev": "mem0", "media_errors": []}], []),
    ],
)  # fmt: skip
def test_errors_of_regions(document, listed, tmp_path, cli) -> None:
    got = said(cli, tmp_path, json.dumps(document, indent=2))
    assert got.code == 0, got.err
    assert (got.json["form"], got.json["pfns"]) == ("cxl-list", listed)
    assert {e["kind"] for e in got.json["entries"]} <= {"uncorrected"}


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (
            [{"memdev": "mem9", "media_errors": [{"offset": 0, "length": 64}]}],
            "has device addresses",
        ),
        ([_region({"offset": 0, "length": 64}, resource=None)], "region has no resource"),
        ([_region({"offset": 0, "length": 0})], "no length"),
        ([_region({"offset": 2 << 30, "length": 64})], "outside its region"),
        ([_region({"offset": 2**63, "length": 2**63}, size=None)], "outside its region"),
        ([_region({"offset": -64, "length": 64})], "no offset"),
        ([_region({"offset": True, "length": 64})], "no offset"),
        ([_region(7)], "error 0 is not an object"),
        ([_region({"offset": [], "length": 64})], "no offset"),
        ([_region({"offset": "x", "length": 64})], "no offset"),
        ([{"dev": "pmem0", "badblocks": [{"offset": 1, "length": 1}]}], "bad blocks of ndctl"),
        ([_region(media_errors={})], "media_errors is not a list"),
        ([_region({"length": 1}, region="\x1b[2J")], "\\x1b[2J"),
        ('[{"media_errors":[1,' + "[" * 100_000, "not a JSON document"),
    ],
)
def test_what_is_refused(document, says, tmp_path, cli) -> None:
    text = document if isinstance(document, str) else json.dumps(document)
    got = said(cli, tmp_path, text)
    assert got.code == 3
    assert says in got.err


def test_one_error_without_a_place_beside_others(tmp_path, cli) -> None:
    both = [_region({"length": 64}, {"offset": 64, "length": 64})]
    got = said(cli, tmp_path, json.dumps(both))
    assert got.json["pfns"] == [0xF110000]
    assert got.json["problems"][0]["where"] == "region5 error 0"


def test_a_full_list_of_a_device_is_said(tmp_path, cli) -> None:
    full = [_region({"offset": 0, "length": 64, "flags": "Overflow,"})]
    got = said(cli, tmp_path, json.dumps(full))
    assert (got.code, got.json["pfns"]) == (0, [0xF110000])
    assert "the device's list of errors is full" in got.out + got.err


def test_no_bad_blocks_is_an_empty_list(tmp_path, cli) -> None:
    text = json.dumps([{"badblock_count": 0}, _region()])
    got = said(cli, tmp_path, text)
    assert (got.code, got.json["pfns"]) == (0, [])
