"""Cases at a URL: copied one at a time, within a bound, never elsewhere, and removed."""

from __future__ import annotations

import os
from pathlib import Path

import fsspec
import pytest

from hwpkho.batch import manifest
from hwpkho.batch.pool import Job
from hwpkho.errors import InputError
from hwpkho.spark import executing, options
from hwpkho.spark.copying import Copies
from hwpkho.spark.remote import Remote, is_url

ROOT = "/bucket/night"


@pytest.fixture
def remote():
    system = fsspec.filesystem("memory")
    system.store.clear()
    for key, data in {
        "h1/list.txt": b"1\n", "h1/more/deep.txt": b"2\n", "h2/list.txt": b"3\n" * 100,
        "iomem.txt": b"40000000-7fffffff : System RAM\n", "../map.txt": b"x",
    }.items():  # fmt: skip
        system.pipe_file(os.path.normpath(f"{ROOT}/{key}"), data)
    yield Remote.of(f"memory:/{ROOT}/m.jsonl")
    system.store.clear()


@pytest.fixture
def copies(remote, tmp_path):
    return Copies(remote, str(tmp_path / "disk"), 1000)


def job(*inputs, within=ROOT, **line):
    return Job("c", line=manifest.Line("c", 1, inputs, options={}, **line), within=within)


def here(folder):
    return sorted(str(p.relative_to(folder)) for p in Path(folder).rglob("*") if p.is_file())


def test_a_case_comes_and_goes(copies, tmp_path):
    with copies.of(job(f"{ROOT}/h1/list.txt", memmaps=(f"{ROOT}/iomem.txt",))) as found:
        (path,) = found.line.inputs
        assert Path(path).read_bytes() == b"1\n"
        assert Path(found.line.memmaps[0]).read_bytes().startswith(b"40000000-")
        assert found.within == f"{tmp_path}/disk{ROOT}"
    assert here(tmp_path) == ["disk/bucket/night/iomem.txt"]


def test_a_folder(copies, tmp_path):
    with copies.of(Job("h1", f"{ROOT}/h1", within=ROOT)) as found:
        assert here(found.folder) == ["list.txt", "more/deep.txt"]
    assert here(tmp_path) == []


def test_a_base_behind_a_name(copies):
    with copies.of(job(f"{ROOT}/h1/list.txt@0x1000")) as found:
        assert found.line.inputs[0].endswith("/h1/list.txt@0x1000")
        assert here(copies.folder) == ["bucket/night/h1/list.txt"]


def test_a_map_is_copied_once(copies, remote, monkeypatch):
    copied = []

    def copy(self, key, to, most):
        copied.append(key)
        return 1

    monkeypatch.setattr(Remote, "copy", copy)
    for name in ("h1", "h2"):
        with copies.of(job(f"{ROOT}/{name}/list.txt", memmaps=(f"{ROOT}/iomem.txt",))):
            pass
    assert [key.rpartition("/")[2] for key in copied] == ["iomem.txt", "list.txt", "list.txt"]


def test_maps_stay_within_the_bound(copies, remote, tmp_path):
    sizes = []
    for at in range(9):
        remote.system.pipe_file(f"{ROOT}/map-{at}", b"x" * 400)
        with copies.of(job(f"{ROOT}/h1/list.txt", memmaps=(f"{ROOT}/map-{at}",))):
            sizes.append(sum(p.stat().st_size for p in tmp_path.rglob("*") if p.is_file()))
    assert [size for size in sizes if size > 1802] == []


@pytest.mark.parametrize("inputs", [("big",), ("h1/list.txt", "half", "other")])
def test_a_case_that_is_too_large(inputs, copies, remote, tmp_path):
    for name, size in (("big", 1001), ("half", 600), ("other", 600)):
        remote.system.pipe_file(f"{ROOT}/{name}", b"x" * size)
    with (
        pytest.raises(InputError, match="larger than 1000 bytes; max_case_bytes allows more"),
        copies.of(job(*(f"{ROOT}/{name}" for name in inputs))),
    ):
        raise AssertionError
    assert here(tmp_path) == []


def test_the_case_before_makes_no_difference(copies, remote, subtests):
    """A map that is here already counts all the same; one that was not copied whole is not here."""
    remote.system.pipe_file(f"{ROOT}/map", b"x" * 600)
    remote.system.pipe_file(f"{ROOT}/half", b"x" * 600)
    with copies.of(job(f"{ROOT}/h1/list.txt", memmaps=(f"{ROOT}/map",))):
        assert here(copies.folder) == ["bucket/night/h1/list.txt", "bucket/night/map"]
    too_large = job(f"{ROOT}/half", memmaps=(f"{ROOT}/map",))
    fresh = Copies(remote, f"{copies.folder}-2", 1000)
    why = "larger than 1000 bytes"
    for name, each in (("used", copies), ("fresh", fresh), ("fresh again", fresh)):
        with subtests.test(name), pytest.raises(InputError, match=why), each.of(too_large):
            raise AssertionError
    large_map = job(f"{ROOT}/h1/list.txt", memmaps=(f"{ROOT}/map", f"{ROOT}/half"))
    for name in ("large map", "large map again"):
        with subtests.test(name), pytest.raises(InputError, match=why), fresh.of(large_map):
            raise AssertionError
    with fresh.of(job(f"{ROOT}/half")) as found:
        assert here(found.within) == ["half", "map"]


def test_a_map_that_broke_off_is_copied_again(copies, remote, monkeypatch):
    whole = Remote.copy

    def part(self, key, to, most):
        Path(to).write_bytes(b"4000")
        raise OSError("connection lost")

    one = job(f"{ROOT}/h1/list.txt", memmaps=(f"{ROOT}/iomem.txt",))
    monkeypatch.setattr(Remote, "copy", part)
    with pytest.raises(OSError, match="connection lost"), copies.of(one):
        raise AssertionError
    assert here(copies.folder) == []
    monkeypatch.setattr(Remote, "copy", whole)
    with copies.of(one) as found:
        assert Path(found.line.memmaps[0]).read_bytes().endswith(b"RAM\n")


def test_cases_at_the_top(copies, remote):
    """hdfs:///m.jsonl"""
    remote.system.pipe_file("/list.txt", b"1\n")
    with copies.of(job("/list.txt", within="")):
        assert here(copies.folder) == ["list.txt"]


def test_what_is_outside_is_not_copied(copies, remote):
    outside = (f"{ROOT}/../map.txt", "/bucket/map.txt")
    with copies.of(job(*outside)) as found:
        assert here(copies.folder) == []
        assert [p for p in found.line.inputs if not p.startswith(copies.folder)] == []
    with copies.of(job(*outside, within=None)):
        assert here(copies.folder) == ["bucket/map.txt"]


@pytest.mark.parametrize("name", ["../../../x", "a/../../../../x", "/x", "..", "."])
def test_nothing_leads_out_of_the_folder(name, copies, tmp_path):
    assert f"{copies.local(f'{ROOT}/{name}')}/".startswith(f"{copies.folder}/")


@pytest.mark.parametrize("name", ["x" * 300, "list.txt/below", "a\0b"])
def test_names_that_are_none_here(name, copies, remote):
    remote.system.store[f"{ROOT}/h1/{name}"] = remote.system.store[f"{ROOT}/h1/list.txt"]
    with (
        pytest.raises(InputError, match="cannot be copied") as error,
        copies.of(Job("h1", f"{ROOT}/h1", within=ROOT)),
    ):
        raise AssertionError
    assert "\0" not in str(error.value)


def test_too_many_files(copies, remote):
    for at in range(4100):
        remote.system.store[f"{ROOT}/many/{at}"] = remote.system.store[f"{ROOT}/h1/list.txt"]
    with (
        pytest.raises(InputError, match="more than 4096 files"),
        copies.of(Job("many", f"{ROOT}/many", within=ROOT)),
    ):
        raise AssertionError


@pytest.mark.parametrize("error", [OSError("throttled"), RuntimeError("of a driver")])
def test_a_storage_that_fails_is_tried_again(error, copies, tmp_path, monkeypatch):
    """Spark does so; then the case is a row."""

    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(Remote, "copy", fail)
    work = options.read({"manifest": "x"}).work
    one = job(f"{ROOT}/h1/list.txt")
    with pytest.raises(type(error)):
        executing.Judging(work, 1, copies, retried=False)([one])
    (row,) = executing.Judging(work, 1, copies, retried=True)([one])
    assert str(error) in row.host["error"]
    assert here(tmp_path) == []


def test_what_is_forbidden_is_a_row(copies, monkeypatch):
    def fail(*args, **kwargs):
        raise PermissionError(13, "Forbidden")

    monkeypatch.setattr(Remote, "copy", fail)
    work = options.read({"manifest": "x"}).work
    one = job(f"{ROOT}/h1/list.txt")
    (row,) = executing.Judging(work, 1, copies, retried=False)([one])
    assert row.host["error"] == f"memory://{ROOT}/h1/list.txt: Forbidden"


def test_urls():
    assert [is_url(n) for n in ("s3://b/x", "hdfs://n/x", "local:///x", "s3a://b")] == [True] * 4
    assert [is_url(n) for n in ("/x", "x", "file:///x", "a:b", "c:/x", "")] == [False] * 6
