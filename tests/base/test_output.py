"""What is written: whole or not at all, whenever the program is ended; modes, full disks."""

from __future__ import annotations

import os
import re
import signal
import stat
from itertools import product
from pathlib import Path

import pytest

from hwpkho.abi import fdt
from hwpkho.base import output, renaming
from hwpkho.errors import InputError, UsageError
from tests.support import forked, kill_table
from tests.support.kill_table import ENDINGS, ROWS

PLACED = ["--at", "0x60000000", "--no-scratch"]


def test_the_table_has_every_option_that_writes():
    assert kill_table.unknown() == set()
    assert kill_table.written_by_rows() == kill_table.written()


#: A folder and a file; one file, piece by piece.
_QUICK = ("folder and tree", "merge", "capture")


@pytest.mark.parametrize("each", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("name", "old"),
    [
        pytest.param(n, old, marks=[] if n == _QUICK[0] and old else pytest.mark.slow)
        for n in ROWS
        for old in (True, False)
    ],
)
def test_a_signal_at_any_event_leaves_the_old_or_the_new(name, old, each, tmp_path, subtests):
    """For SIGKILL only the parts that it leaves beside may be more.

    The signals take turns from event to event, and with ``each`` all come at every event.
    """
    runs = kill_table.Runs(ROWS[name], tmp_path, old=old)
    assert [o for o in ROWS[name].outputs if runs.old.outputs[o] == runs.new.outputs[o]] == []
    assert runs.new.others == runs.old.others
    assert runs.events >= 5
    for at, number in product(range(1, runs.events + 1), ENDINGS):
        if not each and ENDINGS[(at + len(name)) % 3] != number:
            continue
        with subtests.test(f"{number.name} at {at}"):
            end = runs.run(number, at)
            assert "Traceback" not in end.said
            if number == signal.SIGKILL:
                assert runs.what(end) in ("old", "new", "mixed")
                continue
            assert runs.what(end) in ("old", "new")
            assert end.left.others == runs.old.others
            assert end.code == 128 + number
            assert len(_of_the_end(end.said)) == 2  # the last one counts the events


def _of_the_end(said):
    """Return the lines that are not about what was read."""
    read = re.compile(r"hwpkho: (?:warning: .*|.*: page size 4096 assumed: .*)")
    return [line for line in said.splitlines() if not read.fullmatch(line)]


def test_without_an_exchange_a_folder_is_replaced_in_a_known_order(tmp_path, monkeypatch):
    """The old one is aside before the new one is there, and comes back if that fails."""
    monkeypatch.setattr(renaming, "_call", lambda: None)
    path = tmp_path / "out"
    for n in ("1", "2"):
        with output.folder(str(path), str.isdigit, force=True) as new:
            (new / n).touch()
    assert [p.name for p in path.iterdir()] == ["2"]
    real = Path.rename

    def fails(self, target):
        if self.suffix == ".part":
            raise OSError(5, "Input/output error")
        return real(self, target)

    monkeypatch.setattr(Path, "rename", fails)
    with (
        pytest.raises(InputError, match="Input/output error"),
        output.folder(str(path), str.isdigit, force=True) as new,
    ):
        (new / "3").touch()
    assert [p.name for p in path.iterdir()] == ["2"]
    assert list(tmp_path.iterdir()) == [path]


def test_without_links_and_an_exchange_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    """The old file is copied aside then."""
    monkeypatch.setattr(renaming, "_call", lambda: None)
    path = tmp_path / "out"
    path.write_text("old")

    def fails(*_):
        raise OSError(1, os.strerror(1))

    def half(_from, to):
        Path(to).write_text("ol")
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "link", fails)
    monkeypatch.setattr("shutil.copy2", half)
    with (
        pytest.raises(InputError, match="No space left"),
        output.file(str(path), force=True) as out,
    ):
        out.write(b"new")
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"out": "old"}


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_a_pipe_that_has_no_name_of_its_own(name, tmp_path):
    """As the shell's >(command) is one."""
    (tmp_path / "list").write_text("0x10\n")
    ours, theirs = os.pipe()
    with os.fdopen(ours, "rb") as reader:
        with os.fdopen(theirs, "wb") as writer:
            cost = forked.run("list", tmp_path / "list", "--to", "text", "-o", name, stdout=writer)
        assert (cost.code, reader.read()) == (0, b"0x10\n"), cost.err


def test_a_pipe_that_is_a_file_by_now(tmp_path, monkeypatch):
    """Whoever may write to the folder has put a file there meanwhile: it stays as it is."""
    path = tmp_path / "pipe"
    path.write_text("old")
    monkeypatch.setattr(output, "_kind", lambda _: stat.S_IFIFO | 0o600)
    with pytest.raises(UsageError, match="no longer a device or a pipe"), output.file(str(path)):
        pass
    assert path.read_text() == "old"


@pytest.mark.parametrize("exchange", [True, False])
@pytest.mark.parametrize("there", [True, False])
def test_what_cannot_all_be_replaced_is_left_as_it_was(there, exchange, tmp_path, monkeypatch):
    if not exchange:
        monkeypatch.setattr(renaming, "_call", lambda: None)
    first, second = tmp_path / "a", tmp_path / "b"
    if there:
        first.write_text("old")
        second.write_text("old")

    def write():
        with output.together() as writing:
            with writing.file(str(first), force=True) as out:
                out.write(b"new")
            with writing.file(str(second), force=True) as out:
                out.write(b"new")
            second.unlink(missing_ok=True)
            second.mkdir()

    with pytest.raises(UsageError, match="not a regular file"):
        write()
    assert sorted(p.name for p in tmp_path.iterdir()) == (["a", "b"] if there else ["b"])
    if there:
        assert first.read_text() == "old"


# Modes


@pytest.fixture
def umask():
    before = os.umask(0o007)
    yield
    os.umask(before)


def _mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("umask")
def test_modes(tmp_path, cli, subtests):
    """A capture is kernel memory; what is replaced keeps what its owner chose."""
    kill_table.inputs(tmp_path)
    out = tmp_path / "c"
    assert cli("capture", tmp_path / "image", "-o", out).code == 0
    assert _mode(out) == 0o600
    for mode in (0o640, 0o600, 0o444, 0o666):
        with subtests.test(oct(mode)):
            out.chmod(mode)
            assert cli("capture", tmp_path / "image", "-f", "-o", out).code == 0
            assert _mode(out) == mode
            plain = tmp_path / "plain"
            plain.touch()
            plain.chmod(mode)
            assert cli("merge", tmp_path / "list", "-f", "-o", plain).code == 0
            assert _mode(plain) == mode
    assert cli("merge", tmp_path / "list", "-o", tmp_path / "new").code == 0
    assert _mode(tmp_path / "new") == 0o660
    folder = tmp_path / "dir"
    args = ["encode", tmp_path / "list", *PLACED, "--to", "segments", "-f", "-o", folder]
    assert cli(*args).code == 0
    folder.chmod(0o750)
    assert cli(*args).code == 0
    assert _mode(folder) == 0o750


@pytest.mark.usefixtures("umask")
def test_a_private_file_is_never_anybody_s(tmp_path):
    with output.file(str(tmp_path / "x"), private=True):
        (part,) = tmp_path.iterdir()
        assert _mode(part) == 0o600


# memmap -o


def test_memmap_writes_as_all_others_do(tmp_path, cli):
    kill_table.inputs(tmp_path)
    map_, out = tmp_path / "map", tmp_path / "out"
    args = ["memmap", "--to", "iomem", map_]
    assert cli(*args, "-o", "-").out == map_.read_text()
    assert cli(*args, "-o", out).out == ""
    assert out.read_text() == map_.read_text()
    out.write_text("old")
    got = cli(*args, "-o", out)
    assert (got.code, got.out) == (2, "")
    assert "--force" in got.err
    assert out.read_text() == "old"
    (tmp_path / "link").symlink_to("out")
    assert cli(*args, "-f", "-o", tmp_path / "link").code == 0
    assert (tmp_path / "link").is_symlink()
    assert out.read_text() == map_.read_text()
    assert cli(*args, "-f", "-o", tmp_path).code == 2
    assert cli(*args, "-o", tmp_path / "none" / "out").code == 3
    assert cli("memmap", "/dev/zero", "-o", tmp_path / "more").code == 3
    assert not (tmp_path / "more").exists()


@pytest.mark.parametrize("force", [[], ["-f"]])
@pytest.mark.parametrize("via", ["name", "link", "hard link"])
def test_an_input_is_not_destroyed(via, force, tmp_path, cli, subtests):
    kill_table.inputs(tmp_path)
    for command, name in (("memmap", "map"), ("capture", "image")):
        with subtests.test(command):
            path = out = tmp_path / name
            before = path.read_bytes()
            if via != "name":
                out = tmp_path / f"other-{name}"
                (out.symlink_to if via == "link" else out.hardlink_to)(path)
            got = cli(command, path, *force, "-o", out)
            assert (got.code, got.out) == (2, "")
            assert len(got.err.splitlines()) == 1
            assert path.read_bytes() == before


@pytest.mark.parametrize(
    "args",
    [
        ["list", "list"],
        ["list", "list", "--to", "badram"],
        ["memmap", "map"],
        ["memmap", "map", "--to", "iomem"],
        ["merge", "list"],
        ["merge", "list", "--provenance"],
        ["capture", "image"],
        ["encode", "list", *PLACED],
        ["encode", "list", *PLACED, "--to", "segments"],
    ],
    ids=" ".join,
)
def test_an_output_without_a_name_is_refused(args, tmp_path, cli, monkeypatch):
    """A shell's variable that is not set is neither standard output nor the current folder."""
    kill_table.inputs(tmp_path)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    got = cli(args[0], tmp_path / args[1], *args[2:], "-o", "")
    assert (got.code, got.out) == (2, "")
    assert got.err == "hwpkho: the name of an output is empty; - is standard output\n"
    assert not list(Path().iterdir())


# Disks

#: Of each writer one is quick.
FULL = [
    pytest.param(n, marks=[] if n in (*_QUICK, "memmap", "check --save") else pytest.mark.slow)
    for n in ROWS
]


@pytest.mark.parametrize("name", FULL)
def test_a_full_disk_names_the_file(name, tmp_path, cli, monkeypatch):
    row = ROWS[name]
    kill_table.inputs(tmp_path, row.args)
    kill_table.before(tmp_path, row.outputs, old=True)
    before = kill_table.left(tmp_path, row.outputs)

    def full(_descriptor):
        raise OSError(28, os.strerror(28))

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("hwpkho.base.output.os.fsync", full)
    monkeypatch.setattr("hwpkho.images.raw.sparse.write", lambda *_: full(0))
    got = cli(*row.args, *row.over)
    assert got.code == 3
    assert not got.out or "--batch" in row.args  # which also reports there
    named = "|".join(map(re.escape, row.outputs))
    (said,) = _of_the_end(got.err)
    assert re.fullmatch(rf"hwpkho: ({named}): No space left on device", said)
    assert kill_table.left(tmp_path, row.outputs) == before


def test_a_full_output_is_named_while_another_is_open(tmp_path):
    """More than the buffer takes: closing the file does not fail a second time."""
    page = str(tmp_path / "page")

    def write():
        with output.file("/dev/full") as full, output.file(page):
            full.write(bytes(1 << 16))

    with pytest.raises(InputError, match=r"^/dev/full: No space left on device$"):
        write()
    (tmp_path / "list").write_text("0x10\n")
    with Path("/dev/full").open("wb") as full:
        got = forked.run("validate", tmp_path / "list", "--format", f"html={page}", stdout=full)
    assert (got.code, got.err) == (3, b"hwpkho: standard output: No space left on device\n")
    assert [p.name for p in tmp_path.iterdir()] == ["list"]


def test_an_input_with_links_that_lead_back_into_it(tmp_path):
    """Four levels of 100 folders of 100 each are too many to look for the output in."""
    folder, out = tmp_path / "in", tmp_path / "out"
    (folder / "below").mkdir(parents=True)
    for n in range(100):
        (folder / str(n)).symlink_to(".")
    out.write_text("old")
    output.check_input(str(out), str(folder))
    os.link(out, folder / "below" / "z")
    with pytest.raises(UsageError, match="is an input"):
        output.check_input(str(out), str(folder))


@pytest.mark.parametrize("beside", ["a", "z"])
def test_an_input_to_which_a_longer_way_leads_first(beside, tmp_path):
    """A link to its folder at the end of the four levels, found before the folder or behind it."""
    file = tmp_path / "kho" / "out" / "sub" / "f"
    file.parent.mkdir(parents=True)
    file.write_text("old")
    (tmp_path / beside / "b").mkdir(parents=True)
    (tmp_path / beside / "b" / "link").symlink_to("../../kho")
    with pytest.raises(UsageError, match="is an input"):
        output.check_input(str(file), str(tmp_path))


@pytest.mark.parametrize(
    "args",
    [
        ["encode", "list", *PLACED, "-o", "list"],
        ["encode", "list", "--to", "text", "-o", "list"],
        ["encode", "list2", *PLACED, "--memmap", "map", "-o", "map"],
        ["encode", "list2", *PLACED, "--subtree", "a=list", "-o", "list"],
        ["encode", "list", *PLACED, "--arch", "arm64", "--dtb", "tree", "-o", "tree"],
        ["encode", "list", *PLACED, "--dtb", "tree", "--dtb-out", "list", "-o", "out"],
        ["encode", "dir", *PLACED, "--to", "segments", "-o", "dir"],
        ["merge", "list", "list2", "-o", "list2"],
        ["merge", "list", "list2", "-o", "link"],
        ["merge", "list", "--exclude", "list2", "-o", "list2"],
        ["merge", "list", "image+map", "--provenance", "-o", "map"],
        ["merge", "list", "--memmap", "map", "-o", "map"],
    ],
    ids=" ".join,
)
def test_what_is_read_is_not_replaced(args, tmp_path, cli):
    kill_table.inputs(tmp_path)
    (tmp_path / "link").symlink_to("list2")
    assert cli("encode", tmp_path / "list", *PLACED, "--to", "segments", "-o",
               tmp_path / "dir").code == 0  # fmt: skip
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    named = {p.name for p in tmp_path.iterdir()} | {"out"}
    placed = []
    for arg in args:
        label, equal, name = arg.rpartition("=")
        paths = "+".join(str(tmp_path / part) for part in name.split("+"))
        placed.append(label + equal + paths if name.split("+")[0] in named else arg)
    result = cli(*placed, "-f")
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1), result.err
    assert "is an input" in result.err or "not overwritten by its copy" in result.err
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


@pytest.mark.parametrize("second", ["out", "./out", "link", "out/inside", "."])
def test_two_outputs_have_two_places(second, tmp_path):
    """One of them was lost, and said to be written."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link").symlink_to("out")

    def write() -> None:
        with output.together() as writing:
            with writing.file(str(folder / "out")) as file:
                file.write(b"one")
            with writing.folder(f"{folder}/{second}", lambda _: True, force=True):
                pass

    with pytest.raises(UsageError, match=r"two outputs would lie (there|in one another)"):
        write()
    assert [p.name for p in tmp_path.rglob("*")] == ["folder", "link"]


def test_outputs_whose_names_begin_alike_have_two_places(tmp_path):
    (tmp_path / "folder").mkdir()
    names = ("out", "output", "folder/out")
    with output.together() as writing:
        for name in names:
            with writing.file(str(tmp_path / name)) as file:
                file.write(name.encode())
    assert [(tmp_path / name).read_text() for name in names] == [*names]


def test_a_page_where_the_device_tree_goes_is_refused(tmp_path, cli):
    (tmp_path / "list").write_text("0x10\n")
    (tmp_path / "tree").write_bytes(fdt.build(fdt.Node("")))
    how = ("--to", "elf", "--at", "0x60000000", "--no-scratch", "--dtb", tmp_path / "tree")
    page = f"html={tmp_path / 'out.dtb'}"
    got = cli("merge", tmp_path / "list", *how, "-o", tmp_path / "out", "--format", page)
    assert (got.code, got.err.count("\n")) == (2, 1)
    assert got.err.endswith("out.dtb: two outputs would lie there\n")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["list", "tree"]


@pytest.mark.parametrize("page", ["out/page", "nowhere/page"])
def test_a_list_whose_page_cannot_be_written_is_not_written_either(page, tmp_path, cli):
    (tmp_path / "list").write_text("0x10\n")
    how = ("--to", "memmap", "-o", tmp_path / "out", "--format", f"html={tmp_path / page}")
    got = cli("list", tmp_path / "list", *how)
    assert (got.code, got.out) == (3 if "nowhere" in page else 2, "")
    assert [p.name for p in tmp_path.iterdir()] == ["list"]


# Files and folders appear whole or not at all


@pytest.mark.usefixtures("umask")
def test_a_file_appears_whole(tmp_path):
    path = tmp_path / "out"
    with output.file(str(path)) as out:
        out.write(b"one")
        assert not path.exists()
    assert path.read_bytes() == b"one"
    assert _mode(path) == 0o660
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_is_not_finished_never_appears(tmp_path):
    path = tmp_path / "out"
    path.write_bytes(b"old")

    def half():
        with output.file(str(path), force=True) as out:
            out.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_overwritten_by_force_only(tmp_path):
    path = tmp_path / "out"
    path.write_bytes(b"old")
    with pytest.raises(UsageError, match="--force"), output.file(str(path)):
        pytest.fail("must not get here")
    with output.file(str(path), force=True) as out:
        out.write(b"new")
    assert path.read_bytes() == b"new"


def test_a_file_made_meanwhile_is_not_overwritten(tmp_path):
    path = tmp_path / "out"

    def race():
        with output.file(str(path)) as out:
            out.write(b"mine")
            path.write_bytes(b"theirs")

    with pytest.raises(InputError, match="exists"):
        race()
    assert path.read_bytes() == b"theirs"
    assert list(tmp_path.iterdir()) == [path]


def test_without_links_a_file_is_renamed(tmp_path, monkeypatch):
    def no_links(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(renaming, "_call", lambda: None)
    monkeypatch.setattr(os, "link", no_links)
    with output.file(str(tmp_path / "out")) as out:
        out.write(b"one")
    assert (tmp_path / "out").read_bytes() == b"one"
    with (
        pytest.raises(InputError, match="File exists"),
        output.file(str(tmp_path / "new")) as out,
    ):
        (tmp_path / "new").write_bytes(b"theirs")
    assert (tmp_path / "new").read_bytes() == b"theirs"


def test_a_link_is_followed(tmp_path):
    (tmp_path / "link").symlink_to("target")
    with output.file(str(tmp_path / "link")) as out:
        out.write(b"one")
    assert (tmp_path / "target").read_bytes() == b"one"
    assert (tmp_path / "link").is_symlink()


def test_devices_and_pipes_are_written_to(tmp_path):
    with output.file("/dev/null") as out:
        out.write(b"gone")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    with output.file(str(fifo)) as out:
        out.write(b"through")
    assert os.read(reader, 100) == b"through"
    os.close(reader)


def test_places_that_cannot_be(tmp_path):
    with (
        pytest.raises(InputError, match=r"/a/b: there is no folder /.*/a$"),
        output.file(str(tmp_path / "a/b")),
    ):
        pytest.fail("must not get here")
    with pytest.raises(UsageError, match="not a regular file"), output.file(str(tmp_path)):
        pytest.fail("must not get here")
    with pytest.raises(InputError, match="/proc/x: No such file"), output.file("/proc/x"):
        pytest.fail("must not get here")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="Not a directory"), output.file(f"{tmp_path}/file/x"):
        pytest.fail("must not get here")
    with pytest.raises(UsageError, match="not a folder"):
        output.check_folder(str(tmp_path / "file"), str.isdigit, force=True)
    with (
        pytest.raises(InputError, match=r"/a/b: there is no folder /.*/a$"),
        output.folder(str(tmp_path / "a/b"), str.isdigit),
    ):
        pytest.fail("must not get here")


def fill(path, *names, force=False):
    with output.folder(str(path), str.isdigit, force=force) as new:
        for name in names:
            (new / name).write_text(name)


def test_a_folder_appears_whole(tmp_path):
    path = tmp_path / "out"
    fill(path, "1", "2")
    assert sorted(p.name for p in path.iterdir()) == ["1", "2"]
    with pytest.raises(UsageError, match="--force"):
        fill(path, "3")
    fill(path, "3", force=True)
    assert [p.name for p in path.iterdir()] == ["3"]
    assert list(tmp_path.iterdir()) == [path]


def test_an_empty_folder_is_filled(tmp_path):
    fill(tmp_path / "made", "1")
    (tmp_path / "empty").mkdir()
    fill(tmp_path / "empty", "1")
    assert [p.name for p in (tmp_path / "empty").iterdir()] == ["1"]


def test_a_folder_with_other_things_is_never_replaced(tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter").write_text("dear")
    with pytest.raises(UsageError, match="letter"):
        fill(tmp_path / "home", "1", force=True)
    assert (tmp_path / "home" / "letter").read_text() == "dear"


def test_a_folder_that_is_not_finished_never_appears(tmp_path):
    def half():
        with output.folder(str(tmp_path / "out"), str.isdigit) as new:
            (new / "1").touch()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()
    assert not list(tmp_path.iterdir())


def test_a_folder_made_meanwhile_is_not_replaced(tmp_path):
    fill(tmp_path / "another", "7")
    with pytest.raises(UsageError), output.folder(str(tmp_path / "out"), str.isdigit):
        (tmp_path / "another").rename(tmp_path / "out")
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["7"]
