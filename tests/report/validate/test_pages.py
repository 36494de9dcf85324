"""validate --format html and svg: what a page tells of a case, and the pages of a batch."""

from __future__ import annotations

import re
import shutil
from hashlib import sha256
from pathlib import Path

import pytest

from hwpkho.report.validate import page
from tests.support import FIXTURES, certain, markup, replays
from tests.support.examples import much

CAPTURE = FIXTURES / "captures" / "x86-structv1-small"
LUO = FIXTURES / "luo" / "luo-poison"
INPUTS = [CAPTURE / "memory.elf", CAPTURE / "debugfs-kho", "--memmap", CAPTURE / "iomem.txt"]


@pytest.fixture(scope="module")
def crash(tmp_path_factory):
    name = "arm64-4k-B-c-count-big-past-array"
    folder = replays.unpack(name, tmp_path_factory.mktemp("crash"))
    return [folder, *replays.arguments(name), "--memmap", folder / "iomem.txt"]


def _page(cli, *args):
    got = cli("validate", *args, "--format", "html")
    return got, markup.page(got.out)


@pytest.mark.parametrize("kind", ["crash", "fine", pytest.param("guests", marks=pytest.mark.slow)])
def test_a_page_has_all_that_the_document_has(kind, cli, crash):
    inputs = {"crash": crash, "fine": INPUTS, "guests": [LUO, "--memmap", LUO / "iomem.txt"]}[kind]
    got, read = _page(cli, *inputs)
    document = cli("validate", *inputs, "--json").json
    assert (got.code == 0) == document["ok"]
    sentence = document["headline"]
    assert sentence[0].upper() + sentence[1:] in read.text
    parts = [f["code"] for f in document["findings"]]
    parts += [f"{x} {pages} " for x, pages in document["summary"]["by_verdict"].items()]
    parts += [f"0x{run['first']:x}" for run in document["runs"]]
    parts += document["rests_on"]
    assert [part for part in parts if part not in read.text] == []
    messages = [" ".join(f["message"].split()).lower() for f in document["findings"]]
    assert [message for message in messages if message not in read.text.lower()] == []
    assert read.requests() == read.dangling() == []
    titles = [e.text for e in read.all("h2")]
    assert {"Findings", "Memory to scale", "The handover", "What this rests on"} <= {*titles}
    assert ("Every bad page" in titles) == bool(document["runs"])
    assert ("✕ HP301" in read.text) == (kind == "crash")


@pytest.fixture(scope="module")
def guests(cli):
    """The page of memory with guests, without a map."""
    return _page(cli, LUO)[1]


def test_memory_of_guests_scratch_and_the_handover_is_named(cli, guests):
    assert 'session "vm-a", token 1' in guests.text
    assert "the handover's own pages" in guests.text
    _, read = _page(cli, *INPUTS)
    legend = [t.text for t in read.all("text")]
    assert {"bad, replays", "RAM", "firmware, reserved", "scratch"} <= {*legend}


def test_what_an_efi_table_calls_bad_is_on_the_picture(cli):
    kho, alone = (FIXTURES / "efi" / "captures" / name for name in ("b-kho-gen1", "b-gen1"))
    got = markup.picture(cli("validate", kho, "--format", "svg").out)
    assert "called bad by the EFI table" in got.text
    got = markup.picture(cli("validate", alone, "--format", "svg").out)
    assert "bad, kept out of use" in got.text


def test_each_range_with_bad_pages_has_a_closer_look(cli):
    _, read = _page(cli, *INPUTS)
    close = [d for d in read.all("details") if d.attrib.get("id", "").startswith("bands-range-")]
    listed = [int(m) for d in close for m in re.findall(r": (\d+) bad page", "".join(d.itertext()))]
    assert sum(listed[:: len(listed) // len(close)]) == 37
    assert all(markup.Markup(d, "").all("svg") for d in close)


def test_without_a_map_or_a_handover_a_page_tells_what_there_is(cli, tmp_path):
    (tmp_path / "l").write_text("0x10\n0x30\n")
    _, read = _page(cli, tmp_path / "l")
    assert "The handover" not in [e.text for e in read.all("h2")]
    assert "bad, not judged" in read.text


def test_two_runs_make_the_same_bytes(cli):
    assert _page(cli, *INPUTS)[0].out == _page(cli, *INPUTS)[0].out


def test_svg_is_both_pictures(cli, crash):
    got = markup.picture(cli("validate", *crash, "--format", "svg").out)
    assert "Memory" in got.text
    assert "Structure" in got.text
    assert "HP301" in got.text
    refused = cli("validate", "--batch", CAPTURE.parent, "--format", "svg")
    assert (refused.code, refused.out) == (2, "")
    assert "--format svg draws a single case" in refused.err


# Long lists


@pytest.fixture(scope="module")
def scattered(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scattered")
    (folder / "map").write_text("00000000-1ffffffffff : System RAM\n")
    n = much(300, 131_098)
    text = "".join(f"0x{0x100000 + i * 37:x}\n" for i in range(n))
    (folder / "list").write_text(f"{text}\n")
    return folder, n


def test_a_long_list_is_whole_and_small(cli, scattered, monkeypatch):
    monkeypatch.setattr(page, "MAX_RUNS", much(100, page.MAX_RUNS))
    folder, n = scattered
    got, read = _page(cli, folder / "list", "--memmap", folder / "map")
    assert len(got.out) < 10 << 20
    (long,) = [d for d in read.all("details") if d.attrib.get("class") == "long"]
    (words,) = markup.Markup(long, "").all("pre")
    assert len((words.text or "").split()) == n
    rows = max(len(markup.Markup(t, "").all("tr")) for t in read.all("table"))
    assert rows == page.MAX_RUNS + 1
    assert f"{page.MAX_RUNS} of {n} runs" in read.text


def test_what_is_cut_says_so_and_how_to_see_it(cli, scattered, monkeypatch):
    folder, n = scattered
    monkeypatch.setattr(page, "MAX_RUNS", much(100, page.MAX_RUNS))
    monkeypatch.setattr(page, "MAX_LISTED", much(200, 500))
    _, read = _page(cli, folder / "list", "--memmap", folder / "map")
    assert (
        f"Cut. {n - page.MAX_LISTED} more runs are not shown; --all and --json have all."
        in read.text
    )
    _, read = _page(cli, folder / "list", "--memmap", folder / "map", "--all")
    assert "more runs are not shown" not in read.text


# A batch


@pytest.fixture
def cases(tmp_path):
    lists = {"fine": "0x10", "bad <b>": "0x10 0x40000", "x_x_": "0x50000", "text": "none"}
    for name, text in lists.items():
        folder = tmp_path / "cases" / name
        folder.mkdir(parents=True)
        (folder / "list").write_text(text)
        (folder / "map").write_text("00000000-0001ffff : System RAM\n")
    return tmp_path / "cases"


def _batch(cli, cases, out, *more):
    return cli("validate", "--batch", cases, "--jobs", 1, "--format", "html", "-o", out, *more)


def _pages(out):
    return sorted(p.name for p in out.with_name(f"{out.name}.d").iterdir())


def test_a_batch_is_an_index_and_a_page_for_what_is_not_fine(cli, cases, tmp_path, subtests):
    out = tmp_path / "a & b.html"
    got = _batch(cli, cases, out)
    assert got.code == 3
    assert _pages(out) == ["00001-bad-b.html", "00003-text.html", "00004-x-x.html"]
    index = markup.page(out.read_text())
    links = [a.attrib["href"] for a in index.all("a") if not a.attrib["href"].startswith("#")]
    assert sorted(links) == [f"a%20%26%20b.html.d/{name}" for name in _pages(out)]
    assert "2 with findings, 1 not judged, 1 ok" in index.text
    assert "bad <b>" in index.text
    assert "The page on a case ends with the SHA-256 of its inputs" in index.text
    assert {row[0]: row[-1] for row in index.rows("3 cases")} == {
        "bad <b>": "list, map", "x_x_": "list, map", "text": "",
    }  # fmt: skip
    for name in _pages(out):
        with subtests.test(name):
            read = markup.page((tmp_path / "a & b.html.d" / name).read_text())
            assert [a.attrib["href"] for a in read.all("a") if a.text == "All cases"] == [
                "../a%20%26%20b.html"
            ]
            assert read.dangling() == []
    _batch(cli, cases, tmp_path / "all.html", "--all")
    assert len(_pages(tmp_path / "all.html")) == 4


def test_an_index_whose_name_is_no_utf_8(cli, cases, tmp_path):
    out = tmp_path / "\udcff?.html"
    got = _batch(cli, cases, out)
    assert got.code == 3
    index = markup.page(out.read_text())
    links = [a.attrib["href"] for a in index.all("a") if not a.attrib["href"].startswith("#")]
    assert sorted(links) == [f"%FF%3F.html.d/{name}" for name in _pages(out)]
    read = markup.page((tmp_path / "\udcff?.html.d" / "00001-bad-b.html").read_text())
    assert "../%FF%3F.html" in [a.attrib["href"] for a in read.all("a")]


def test_an_index_says_how_many_are_fine(cli, cases, tmp_path):
    assert _batch(cli, cases, tmp_path / "r.html").code == 3
    text = markup.page((tmp_path / "r.html").read_text()).text
    assert "3 cases; 1 that is fine is not listed (--all lists it)" in text
    (cases / "x_x_" / "list").write_text("0x10")
    assert _batch(cli, cases, tmp_path / "s.html").code == 3
    text = markup.page((tmp_path / "s.html").read_text()).text
    assert "2 cases; 2 that are fine are not listed (--all lists them)" in text


def test_a_closer_look_counts_what_is_in_it(cli):
    """Not what is below it, too: the first range of this capture has two of its bad pages."""
    _, page = _page(cli, LUO, "--memmap", LUO / "iomem.txt")
    looks = [
        "".join(each.itertext())
        for each in page.all("details")
        if "-range-" in each.attrib.get("id", "")
    ]
    counts = [int(certain(re.search(r": (\d+) bad page", look))[1]) for look in looks]
    assert counts == [2, 4, 1, 1, 1, 2, 1]
    told = [certain(re.search(r"Bad pages: ([^.]*)\.", look))[1] for look in looks]
    assert [sum(map(int, re.findall(r"\d+", each))) for each in told] == counts
    assert [each for each in told if " 0 " in f" {each}"] == []
    runs = [f"{count} run{'s' * (count != 1)} of bad pages" for count in counts]
    assert [look for run, look in zip(runs, looks, strict=True) if run not in look] == []


def test_a_picture_of_nothing_says_so(tmp_path, cli):
    (tmp_path / "none.txt").write_text("# none\n")
    got = cli("validate", tmp_path / "none.txt", "--format", "svg")
    drawn = markup.picture(got.out)
    assert any("the list is empty" in (e.text or "") for e in drawn.all("text"))
    assert float(drawn.root.attrib["height"]) >= 30


def test_what_to_do_is_sentences_that_end_once(guests):
    assert "pages that are allocated anew will be others (HP923)." in guests.text
    assert ". (HP" not in guests.text


def test_a_pipe_gets_the_index_alone(cli, cases, tmp_path):
    shown = cli("validate", "--batch", cases, "--jobs", 1, "--format", "html")
    assert "bad <b>" in markup.page(shown.out).text
    assert "In a file (-o FILE)" in markup.page(shown.out).text
    assert _batch(cli, cases, "/dev/null").code == 3
    assert not Path("/dev/null.d").exists()


def test_index_and_pages_are_replaced_together_and_nothing_else_is(cli, cases, tmp_path):
    out = tmp_path / "r.html"
    _batch(cli, cases, out)
    assert _batch(cli, cases, out).code == 2
    (cases / "text" / "list").write_text("0x10\n")
    assert _batch(cli, cases, out, "-f").code == 1
    assert _pages(out) == ["00001-bad-b.html", "00004-x-x.html"]
    mine = tmp_path / "r.html.d" / "mine.txt"
    mine.write_text("mine")
    before = out.read_text()
    got = _batch(cli, cases, out, "-f")
    assert (got.code, out.read_text(), mine.read_text()) == (2, before, "mine")
    assert got.err == f"hwpkho: {out}.d: holds mine.txt, which hwpkho did not write\n"
    assert {p.name for p in tmp_path.iterdir()} == {"cases", "r.html", "r.html.d"}


@pytest.mark.slow  # two processes; of their bytes: tests/batch/test_batch.py
def test_pages_of_several_processes_are_those_of_one(cli, cases, tmp_path, subtests):
    one, two = tmp_path / "1" / "r.html", tmp_path / "2" / "r.html"
    for out, jobs in ((one, 1), (two, 2)):
        out.parent.mkdir()
        cli("validate", "--batch", cases, "--jobs", jobs, "--format", f"html={out}", "--json")
    for name in _pages(one):
        with subtests.test(name):
            first, second = ((p.parent / "r.html.d" / name).read_text() for p in (one, two))
            assert re.sub("--jobs 1|/1/", "", first) == re.sub("--jobs 2|/2/", "", second)


def test_a_page_of_a_case_is_that_of_the_case_alone(cli, cases, tmp_path):
    _batch(cli, cases, tmp_path / "r.html")
    of_batch = markup.page((tmp_path / "r.html.d" / "00001-bad-b.html").read_text())
    folder = cases / "bad <b>"
    alone = _page(cli, folder / "list", "--memmap", folder / "map")[1]
    assert [len(t.findall(".//*")) for t in of_batch.all("svg")] == [
        len(t.findall(".//*")) for t in alone.all("svg")
    ]
    sums = re.findall("[0-9a-f]{64}", alone.text)
    assert len(sums) == 2
    assert all(x in of_batch.text for x in sums)


def test_no_file_outside_a_batch_is_looked_at(cli, cases, tmp_path):
    """Not even for its hash, where the case was refused for it."""
    secret = tmp_path / "secret"
    secret.write_text("0x12345\n")
    (cases / "text" / "list").unlink()
    (cases / "text" / "list").symlink_to(secret)
    _batch(cli, cases, tmp_path / "r.html")
    told = "".join(p.read_text() for p in (tmp_path / "r.html.d").iterdir())
    assert sha256(secret.read_bytes()).hexdigest() not in told
    assert "00003-text.html" in _pages(tmp_path / "r.html")


EFI = FIXTURES / "efi" / "captures" / "a-gen1"


def test_accepted_errors_are_not_nothing_to_do(tmp_path, cli):
    """A baseline makes the exit code 0, and the next kernel forgets the pages all the same."""
    case = [EFI / "memory.elf.gz", "--memmap", EFI / "iomem.txt"]
    accepted = tmp_path / "accepted.toml"
    cli("validate", *case, "--write-baseline", accepted, "--reason", "known")
    got, page = _page(cli, *case, "--baseline", accepted)
    assert got.code == 0
    assert "will be forgotten" in page.text
    assert "Nothing needs to be done" not in page.text
    assert sha256(accepted.read_bytes()).hexdigest() in page.text
    assert "None of it counts: each finding is accepted or not asked for" in page.text


def test_no_report_overwrites_a_list_that_was_compared(tmp_path, cli):
    known = tmp_path / "known.txt"
    known.write_text("0x10\n")
    case = [EFI / "memory.elf.gz", "--memmap", EFI / "iomem.txt", "--against", known]
    got = cli("validate", *case, "--format", "html", "-o", known, "-f")
    assert (got.code, known.read_text()) == (2, "0x10\n")
    folder = tmp_path / "cases" / "a"
    shutil.copytree(EFI, folder)
    case = ["--batch", folder.parent, "--jobs", 1, "--against", known]
    got = cli("validate", *case, "--format", "html", "-o", known, "-f")
    assert (got.code, known.read_text()) == (2, "0x10\n")
