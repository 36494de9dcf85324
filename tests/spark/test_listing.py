"""What the driver lists: the same cases on a disk and at a URL, with their sizes."""

from __future__ import annotations

import json

import pytest

from hwpkho.errors import HwpkhoError, InputError, UsageError
from hwpkho.spark import listing, options
from tests.support.examples import much


@pytest.fixture
def folder(tmp_path):
    """A folder of cases."""
    for name in ("host2", "host10"):
        (tmp_path / "night" / name / "deep").mkdir(parents=True)
        (tmp_path / "night" / name / "list.txt").write_text("1\n" * 50)
        (tmp_path / "night" / name / "deep" / "x").write_text("1\n")
    (tmp_path / "night" / "README").write_text("not a case")
    (tmp_path / "night" / ".hidden").mkdir()
    return tmp_path / "night"


def listed(**given):
    return list(listing.cases(options.read(given)))


@pytest.mark.parametrize("kind", ["", "local://"])
def test_a_folder(kind, folder):
    found = listed(path=f"{kind}{folder}")
    assert [(s.job.case, s.size) for s in found] == [("host2", 102), ("host10", 102)]
    assert [s.job.folder for s in found] == [f"{folder}/host2", f"{folder}/host10"]
    assert {s.job.within for s in found} == {str(folder)}
    assert {s.job.within for s in listed(path=f"{kind}{folder}", outside="true")} == {None}


@pytest.mark.parametrize("kind", ["", "local://"])
def test_a_manifest(kind, folder):
    lines = [{"case": "a", "inputs": ["host2/list.txt"]}, {"case": "b", "inputs": ["gone"]}]
    (folder / "m.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = listed(manifest=f"{kind}{folder}/m.jsonl")
    assert [(s.job.case, s.size) for s in found] == [("a", 100), ("b", 0)]
    assert found[0].job.line.inputs == (f"{folder}/host2/list.txt",)
    assert [s.size for s in listed(manifest=f"{kind}{folder}/m.jsonl", bytesPerTask="none")] == [
        0, 0,
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["", "local://"])
def test_a_pattern(kind, folder):
    found = listed(cases=f"{kind}{folder}/host*/list.txt", names="{host}/list.txt")
    assert [s.size for s in found] == [100, 100]
    assert [s.job.case.rpartition("night/")[2] for s in found] == [
        "host10/list.txt", "host2/list.txt",
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["", "local://"])
def test_what_is_not_there_is_said_before_anything_is_listed(kind, folder, subtests):
    def checked(**given):
        listing.check(options.read(given))

    checked(path=f"{kind}{folder}", memmap=f"{kind}{folder}/README")
    checked(cases=f"{kind}{folder}/none*")  # said when it is listed
    for given in ({"manifest": f"{kind}{folder}/m"}, {"path": f"{kind}{folder}", "memmap": "/m"}):
        what = "/m: No such file or directory"
        with subtests.test(" ".join(given)), pytest.raises(InputError, match=what):
            checked(**given)
    with pytest.raises(InputError):
        checked(manifest=f"{folder}/{'m' * 300}")


@pytest.mark.parametrize("kind", ["", "local://"])
def test_names_that_fit_no_case(kind, folder):
    with pytest.raises(UsageError, match=r"names: no case ends with x/{host}; the first is"):
        listed(path=f"{kind}{folder}", names="x/{host}")
    assert listed(path=f"{kind}{folder}", names="night/{host}")


@pytest.mark.parametrize("kind", ["", "local://"])
@pytest.mark.parametrize("given", ["path", "manifest", "cases"])
def test_nothing_there(kind, given, tmp_path):
    with pytest.raises(HwpkhoError) as error:
        listed(**{given: f"{kind}{tmp_path}/nothing*"})
    assert "\n" not in str(error.value)
    assert "nothing*" in str(error.value)


def test_a_file_system_that_is_not_there():
    with pytest.raises(UsageError, match=r"^nosuch://x/y: "):
        listed(path="nosuch://x/y")


@pytest.mark.parametrize("kind", ["", "local://"])
def test_maps_go_with_the_tasks(kind, tmp_path, monkeypatch, subtests):
    most = much(1 << 20, listing._MAX_MAP)
    monkeypatch.setattr(listing, "_MAX_MAP", most)
    path = tmp_path / "iomem.txt"
    path.write_text("x")
    settings = options.read({"path": "x", "memmap": f"{kind}{path}"})
    assert listing.maps(settings) == ((f"{kind}{path}", b"x"),)
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(most + (1 << 20))
    for text in ("gone", "huge"):
        settings = options.read({"path": "x", "memmap": f"{kind}{tmp_path}/{text}"})
        with subtests.test(text), pytest.raises(InputError, match=text):
            listing.maps(settings)
