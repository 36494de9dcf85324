"""What LUO preserves in the real captures, against the guests' own page maps."""

from __future__ import annotations

import re

import pytest

from hwpkho.inputs.opened import Memory, open_input
from tests.support import captures
from tests.support.examples import some

SERIALIZED = [n for n in captures.LUO_NAMES if captures.truth(n)["luo"]["state"] == "serialized"]
#: Folios as the truth has them: page of the file, PFN, order, flags.
Folio = tuple[int, int, int, int]


def _folios(runs) -> list[Folio]:
    found = []
    for page, pfn, count, order, flags in runs:
        found += [(page + (i << order), pfn + (i << order), order, flags) for i in range(count)]
    return found


def _handover(doc, role):
    return next((h for h in doc["handovers"] if h["role"] == role), doc["handovers"][0])


@pytest.mark.parametrize("name", SERIALIZED)
def test_sessions_files_and_folios(name, cli, capture):
    truth = captures.truth(name)["luo"]
    h = _handover(cli("decode", "--json", capture(name)).json, truth["role"])
    luo = h["luo"]
    assert luo["state"] == "serialized"
    assert (luo["compatible"], luo["liveupdate_num"]) == (
        truth["compatible"],
        truth["liveupdate_num"],
    )
    assert luo["flbs"] == [{**flb, "block": None, "devices": None} for flb in truth["flbs"]]
    assert [s["name"] for s in luo["sessions"]] == [s["name"] for s in truth["sessions"]]
    fields = ("compatible", "token", "data", "size", "nr_folios")
    found = [
        (s["name"], *(f[k] for k in fields), _folios(r.values() for r in f["runs"]))
        for s in luo["sessions"]
        for f in s["files"]
    ]
    known = [
        (s["name"], *(f[k] for k in fields), _folios(f["runs"]))
        for s in truth["sessions"]
        for f in s["files"]
    ]
    assert [(a, b) for a, b in zip(found, known, strict=True) if a != b] == []


@pytest.mark.parametrize("name", some(SERIALIZED, 2))
def test_everything_that_is_marked_has_an_owner(name, cli, capture):
    h = _handover(cli("decode", "--json", capture(name)).json, captures.truth(name)["luo"]["role"])
    assert "unknown" not in [owned["kind"] for owned in h["preserved"]]
    files = {(s["name"], f["token"]) for s in h["luo"]["sessions"] for f in s["files"] if f["runs"]}
    kept = {(o["session"], o["token"]) for o in h["preserved"] if o["session"] is not None}
    assert kept == files


def test_memfds_before_their_sessions_are_written(cli, capture):
    doc = cli("decode", "--json", capture("luo-small-unserialised")).json
    (h,) = doc["handovers"]
    assert (h["luo"]["state"], h["luo"]["sessions"]) == ("not-serialized", [])
    sizes = sorted(o["bytes"] for o in h["preserved"] if o["kind"] == "memfd-v2")
    later = captures.truth("luo-small")["luo"]["sessions"]
    pages = sorted(-(-f["size"] // 4096) * 4096 for s in later for f in s["files"] if f["size"])
    assert sizes == pages


def test_blocks_of_sessions_that_are_not_written_are_no_leak(cli, capture):
    said = cli("decode", capture("luo-small-unserialised")).said
    assert "LUO's blocks are among them until it writes its sessions" in said.partition("HP911")[2]
    assert "LUO's blocks" not in cli("decode", capture("luo-small")).out


def test_a_running_kernel_has_released_it(cli, capture):
    (h,) = cli("decode", "--json", capture("luo-small-in-late")).json["handovers"]
    assert (h["luo"]["state"], h["luo"]["sessions"]) == ("released", [])
    assert h["preserved"] is None


def test_for_people(cli, capture):
    out = cli("decode", capture("luo-small")).out
    assert "LUO       luo-v5  serialized, live update 1, 3 sessions, 7 files" in out
    assert "token 17  memfd-v2  1 MiB, folios: 256 of order 0" in out
    assert "all of it has an owner" in out


def _structures(out: str) -> dict[str, list[str]]:
    """Return the lines of each structure of ``decode --annotate`` by its title, without bytes."""
    parts = [part.split("\n") for part in out.split("\n\n")]
    return {lines[0]: [line[55:] for line in lines[1:]] for lines in parts}


def _rows(lines: list[str]) -> dict[int, str | None]:
    """Return what is said of each folio; None for those that only follow."""
    found: dict[int, str | None] = {}
    for line in lines:
        if line.startswith("folios "):
            first, last = map(int, re.findall("[0-9]+", line)[:2])
            found |= dict.fromkeys(range(first, last + 1))
        elif line.startswith("folio "):
            found[int(line.split()[1].rstrip(":"))] = line
    return found


@pytest.mark.parametrize("name", some(SERIALIZED, 2))
def test_every_field_is_annotated(name, cli, capture, subtests):
    truth = captures.truth(name)["luo"]
    out = cli("decode", "--annotate", "--role", truth["role"] or "out", capture(name)).out
    text = "\n".join(line for lines in _structures(out).values() for line in lines)
    fields = [f'compatible "{truth["compatible"]}"', f"liveupdate_num {truth['liveupdate_num']}"]
    for n, flb in enumerate(truth["flbs"]):
        at = f"FLB {n}"
        fields += [f'{at}: name "{flb["name"]}"', f"{at}: data 0x{flb['data']:x}"]
        fields += [f"{at}: count {flb['count']}"]
    for number, session in enumerate(truth["sessions"]):
        at = f"session {number % 51}"
        fields += [f'{at}: name "{session["name"]}"', f"{at}: count {len(session['files'])}"]
        for n, file in enumerate(session["files"]):
            at = f"file {n % 63}"
            fields += [f'{at}: compatible "{file["compatible"]}"', f"{at}: data 0x{file['data']:x}"]
            fields += [f"{at}: token {file['token']}"]
            title = f'session "{session["name"]}", token {file["token"]}'
            with subtests.test(title):
                _is_annotated(file, title, out)
    assert [field for field in fields if field not in text] == []


def _is_annotated(file, name, out):
    ours = {k: v for k, v in _structures(out).items() if k.endswith(f": {name}")}
    (ser,) = [v for k, v in ours.items() if k.startswith("LUO memfd structure")]
    fields = [line.split()[0] for line in ser]
    assert fields == [
        "pos", "size", "seals", "flags", "nr_folios", "folios.first", "folios.total_pages",
        "folios.flags", "folios.order",
    ]  # fmt: skip
    assert f"size {file['size']}" in ser
    arrays = [v for k, v in ours.items() if k.startswith("LUO array of folios")]
    rows = {n: row for lines in arrays for n, row in _rows(lines).items()}
    folios = _folios(file["runs"])
    assert sorted(rows) == list(range(len(folios)))
    wrong = []
    for n, (page, pfn, order, flags) in enumerate(folios):
        step = 1 << order
        follows = n and folios[n - 1] == (page - step, pfn - step, order, flags)
        words = f"PFN 0x{pfn:x}, flags 0x{flags:x} (dirty, uptodate), page {page} of the file"
        if rows[n] != f"folio {n}: {words}, order {order}" and (rows[n] or not follows):
            wrong.append((n, rows[n], folios[n]))
    assert wrong == []


def test_the_dump_of_large_files_is_short(cli, capture):
    """A guest's folios mostly follow each other."""
    out = cli("decode", "--annotate", capture("luo-small")).out
    assert out.count("\n") < 1000
    assert re.search("folios [0-9]+ to [0-9]+: each follows the one before", out)


def test_structures_of_a_file_without_a_session_are_annotated(cli, capture):
    out = cli("decode", "--annotate", capture("luo-small-unserialised")).out
    (title,) = [x for x in out.split("\n") if x.startswith("LUO memfd structure at 0x8c1000, ")]
    assert title.endswith(": file of a session not written yet, at 0x8c1000")
    array = next(x for x in out.split("\n") if x.startswith("LUO array of folios at 0x8c2000"))
    assert array.endswith(": file of a session not written yet, at 0x8c1000")


def test_what_the_image_lacks_is_named(cli, capture):
    out = cli("decode", "--annotate", capture("x86-luo")).out
    assert "LUO page of FLBs at 0x8cc000, 4096 bytes\n  not in the image" in out


def test_a_page_that_was_freed_is_named(cli, capture):
    out = cli("decode", "--annotate", capture("luo-small-in-late")).out
    assert "not readable: the running kernel has freed and reused the page" in out


@pytest.mark.parametrize("name", [*SERIALIZED, "luo-huge"])
def test_bad_pages_in_preserved_memory(name, cli, capture):
    truth = captures.truth(name)
    iomem = captures.folder(name) / "iomem.txt"
    if not iomem.exists():
        iomem = captures.folder("luo-small") / "iomem.txt"
    got = cli(
        "validate", "--json", capture(name), "--memmap", iomem, "--role", truth["luo"]["role"]
    )
    if truth["luo"].get("next_kernel") == "crash":
        assert (got.json["outcome"], got.json["decided_by"]["code"]) == ("crash", "HP902")
        return
    found = {
        r["first"] + i: (r["owner"]["session"], r["owner"]["token"], r["owner"]["index"] + i)
        for r in got.json["runs"]
        if r["verdict"] == "preserved"
        for i in range(r["last"] - r["first"] + 1)
    }
    detail = truth["hwpoison_in_preserved_detail"]
    assert found == {x["pfn"]: (x["session"], x["token"], x["index"]) for x in detail}


def test_what_becomes_of_bad_pages_in_folios_of_all_sizes(cli, capture):
    iomem = captures.folder("luo-huge") / "iomem.txt"
    got = cli("validate", "--json", capture("luo-huge"), "--memmap", iomem)
    told = {r["first"]: (r["code"], r["owner"]["order"]) for r in got.json["runs"] if r["owner"]}
    assert told == {
        0x122E: ("HP920", 0),
        0x1C00: ("HP921", 9),
        0x1E64: ("HP921", 9),
        0x290B: ("HP922", 9),
        0x2A11: ("HP920", 0),
    }
    text = cli("validate", capture("luo-huge"), "--memmap", iomem)
    assert text.code == 1
    assert "5 of 6 pages will stay in preserved files" in text.said
    assert 'session "vm-huge", token 1, offset 0x264000, folio of order 9 (HP921)' in text.said


@pytest.mark.parametrize("name", some(["luo-small-unserialised", *SERIALIZED], 6))
def test_a_capture_leads_to_the_same(name, cli, capture, tmp_path):
    crop = tmp_path / "crop.elf"
    assert cli("capture", capture(name), "-o", crop).code == 0
    before, after = (cli("decode", "--json", x).json["handovers"] for x in (capture(name), crop))
    assert [(h["luo"], h["preserved"]) for h in after] == [
        (h["luo"], h["preserved"]) for h in before
    ]


def test_owners_that_came_and_went(cli, capture, tmp_path):
    """Between two machines' states: files are named, whatever became of the list."""
    args = (capture("luo-small"), capture("luo-many"))
    doc = cli("diff", "--json", *args).json
    gone = {(o["session"], o["token"]) for o in doc["owners"]["gone"]}
    assert {("vm-a", 16), ("vm-b", 1)} <= gone
    assert ("many-files", 1001) in {(o["session"], o["token"]) for o in doc["owners"]["came"]}
    out = cli("diff", *args).out
    assert 'no longer preserved: session "vm-a", token 16 (64 KiB)' in out
    assert "preserved now: " in out
    chain = cli("diff", "--json", *args, capture("luo-small")).json
    assert chain["steps"][0]["owners"]["gone"] == chain["steps"][1]["owners"]["came"]
    merged = cli("merge", "--json", *args, "-o", tmp_path / "out").json
    assert merged["owners"] == [doc["owners"]]


def test_owners_of_a_list_are_not_told(cli, capture, tmp_path):
    (tmp_path / "list").write_text("0x10\n")
    assert cli("diff", "--json", capture("luo-small"), tmp_path / "list").json["owners"] is None


def test_what_is_wrong_stands_beside_its_field(cli, capture):
    out = cli("decode", "--annotate", capture("luo-empty-block")).out
    (line,) = [x for x in out.split("\n") if "<-" in x]
    assert line.startswith("  0x0000008bf008")
    assert line.endswith("count 0  <- HP902 session-block")
    assert "LUO session block at 0x8bf000, 16 bytes, luo-empty-block.elf at 0xc000" in out


@pytest.mark.parametrize("name", ["luo-huge", "luo-poison"])
def test_bad_pages_in_files_whose_sessions_are_not_written_yet(name, cli, capture, tmp_path):
    """What becomes of a page is known before LUO tells whose the file is."""
    source, early = capture(name), tmp_path / "early.elf"
    phys = cli("decode", "--json", source).json["handovers"][0]["luo"]["phys"]
    opened = open_input(str(source))
    assert isinstance(opened, Memory)
    place = opened.source.place(phys + 16)
    assert place is not None
    raw = bytearray(source.read_bytes())
    assert any(raw[place[1] : place[1] + 8])
    raw[place[1] : place[1] + 8] = bytes(8)  # sessions_pa
    early.write_bytes(raw)
    iomem = captures.folder(name) / "iomem.txt"
    before, after = (
        {
            r["first"]: (r["verdict"], r["code"], {**r["owner"], "session": None, "token": None})
            for r in cli("validate", "--json", x, "--memmap", iomem).json["runs"]
            if r["owner"]
        }
        for x in (source, early)
    )
    assert after
    assert after == before
    text = cli("validate", early, "--memmap", iomem).said
    assert "file of a session not written yet, at 0x" in text
    crop = tmp_path / "crop.elf"
    assert cli("capture", early, "-o", crop).code == 0
    again = cli("validate", "--json", crop, "--memmap", iomem).json["runs"]
    assert again == cli("validate", "--json", early, "--memmap", iomem).json["runs"]
