"""``hwpkho check``: bad pages of a machine, by copied trees of /proc and /sys."""

from __future__ import annotations

import errno
import gzip
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.commands.check import CheckOptions, check
from tests.support import captures, efi, live_trees, schemas
from tests.support.examples import crossed, some, times
from tests.support.handovers import Machine
from tests.support.live_trees import IOMEM, PFNS, LiveTree

#: Captures of a kernel that hands a list over that it has whole.
WHOLE = [
    "arm64-4k-A", "arm64-4k-B", "arm64-4k-fdtv1-gen2", "arm64-64k-B", "x86-efi", "x86-fdtv1-small",
    "x86-structv1-small", "x86-structv1-small-post", "luo-huge",
]  # fmt: skip
MORE = (0x41000, 0x41001, 0x70003)
NUMBERS = ("bad_pages", "will_replay", "stay_in_use", "in_guests", "forgotten")


@pytest.fixture
def look(cli):
    """Return a function that checks a tree and gives exit code and document."""

    def run(tree, *options):
        got = cli("check", "--root", tree.root, "--json", *options)
        assert got.code in (0, 1, 3), got.err
        schemas.check(got.json, "check")
        statuses = {"ok": 0, "warning": 1, "critical": 1, "unknown": 3}
        assert got.code == statuses[got.json["status"]]
        assert got.err.count("\n") == (got.code == 3)
        return got.json

    return run


@pytest.fixture
def tree(tmp_path):
    return live_trees.made(tmp_path / "root")


def _codes(document):
    return {f["code"] for f in document["findings"]}


# --- Real machines --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", some(WHOLE, 3))
def test_a_real_kernel_that_hands_its_list_over(name, tmp_path, look):
    document = look(live_trees.of_capture(name, tmp_path))
    bad = len(captures.truth(name)["hwpoison_pfns"])
    assert document["bad_pages"] == bad
    assert document["forgotten"] == 0
    assert document["will_replay"] + document["stay_in_use"] + document["in_guests"] == bad
    assert document["page_size"] == captures.truth(name)["page_size"]
    assert document["not_seen"] == []
    assert document["status"] != "unknown"


def test_bad_pages_in_guests_are_told(tmp_path, look):
    document = look(live_trees.of_capture("luo-huge", tmp_path))
    assert [document[n] for n in NUMBERS] == [6, 1, 0, 5, 0]
    assert document["status"] == "critical"
    assert "HP921" in document["summary"]  # the numbers alone would be a warning


def test_a_real_kernel_that_lists_nothing_and_has_nothing_bad(tmp_path, look):
    document = look(live_trees.of_capture("x86-none", tmp_path))
    assert document["status"] == "ok"
    assert [document[n] for n in NUMBERS] == [0, 0, 0, 0, 0]
    assert document["hands_over"] is False
    assert "HP643" in _codes(document)


def test_a_real_kernel_that_lists_nothing_of_what_is_bad(tmp_path, look):
    tree = live_trees.of_capture("x86-none", tmp_path)
    tree.flags(PFNS, live_trees.frames_of("x86-none") + 0x60000)
    tree.count(3)
    document = look(tree)
    assert document["status"] == "critical"
    assert (document["bad_pages"], document["forgotten"]) == (3, 3)
    assert document["memmap"] == {
        "parameter": "memmap=4K$0x50000000,4K$0x50007000,4K$0x61234000",
        "good_pages": 0,
        "bad_pages_left": 0,
    }
    assert "handed out again" in document["summary"]


@pytest.mark.parametrize("name", ["x86-structv1-small", "arm64-64k-B"])
def test_pages_that_a_real_list_lacks(name, tmp_path, look):
    tree, truth = live_trees.of_capture(name, tmp_path), captures.truth(name)
    listed = truth["hwpoison_pfns"]
    more = [pfn + 1 for pfn in listed if pfn + 1 not in listed][:5]
    tree.flags([*listed, *more], live_trees.frames_of(name))
    tree.count(len(listed) + 5, truth["page_size"])
    document = look(tree)
    assert document["status"] == "critical"
    assert (document["bad_pages"], document["forgotten"]) == (len(listed) + 5, 5)
    assert "HP640" in _codes(document)
    pages = {n for a, b in document["forgotten_pages"] for n in range(a, b + 1)}
    assert pages == set(more)


# --- List against flags and counter ---------------------------------------------------------------


def test_a_machine_that_is_fine(tree, look):
    document = look(tree)
    assert document["status"] == "ok"
    assert [document[n] for n in NUMBERS] == [3, 3, 0, 0, 0]
    assert document["memmap"] is None


def test_pages_of_the_list_without_the_flag(tree, look):
    tree.flags(PFNS[:2])
    tree.count(2)
    document = look(tree)
    assert document["status"] == "warning"
    assert (document["bad_pages"], document["will_replay"]) == (2, 2)
    assert "HP641" in _codes(document)


def test_the_counter_knows_of_more(tree, look):
    tree.count(5)
    document = look(tree)
    assert document["status"] == "critical"
    assert [document[n] for n in NUMBERS] == [5, 3, 0, 0, 2]
    assert "HP642" in _codes(document)


@pytest.mark.parametrize(
    ("flagged", "counted", "because"),
    [
        ((0x50000,), 2, "the memory map has no RAM there"),
        ((0x50000,), 3, "they are counted, but in no list or the memory map has no RAM there"),
        (
            (0x50000, 0x50001), 2,
            "the list that is handed over lacks them or the memory map has no RAM there",
        ),
    ],
)  # fmt: skip
def test_a_page_of_the_list_that_is_no_ram(flagged, counted, because, tmp_path, look):
    """It is in the list, so it is not forgotten because a list lacks it."""
    tree = live_trees.made(tmp_path, (0x50000, live_trees.END + 1), flagged)
    tree.count(counted)
    document = look(tree)
    assert document["because"] == because
    differ = [f["message"] for f in document["findings"] if f["code"] == "HP642"]
    shown = "the page flags and the list show"
    assert all(f"HardwareCorrupted counts {counted} pages, {shown} " in m for m in differ)
    assert bool(differ) == (counted != len(flagged) + 1)


def test_a_huge_page_is_flagged_as_a_whole(tree, look):
    """The list says which page of it is bad."""
    tree.flags(PFNS[2:], folios=[(0x50000, 512)])
    tree.count(3)
    document = look(tree)
    assert [document[n] for n in NUMBERS] == [3, 3, 0, 0, 0]
    assert document["huge_pages_flagged"] == 1
    assert "HP646" in _codes(document)


def test_a_huge_page_of_which_nothing_is_listed(tree, look):
    tree.flags(PFNS, folios=[(0x70000, 512), (0x70200, 512)])
    tree.count(5)
    document = look(tree)
    assert (document["bad_pages"], document["forgotten"]) == (5, 2)
    assert document["huge_pages_flagged"] == 2


@times(0.2)
@given(st.sets(st.integers(0x50000, 0x50040)), st.sets(st.integers(0x50000, 0x50040)))
def test_what_is_flagged_and_not_listed_is_forgotten(tmp_path, listed, flagged):
    root = tmp_path / f"{hash((frozenset(listed), frozenset(flagged)))}"
    tree = live_trees.made(root, sorted(listed) or None, sorted(flagged))
    checked = check(CheckOptions(root=str(tree.root)))
    assert checked.bad_pages == len(flagged)
    assert checked.after_kexec["forgotten"] == len(flagged - listed)
    assert set(checked.lost.listing()) == flagged - listed
    assert checked.after_kexec["replay"] == len(flagged & listed)
    shutil.rmtree(root)


# --- No handover ----------------------------------------------------------------------------------


CONFIG = "#\n# Kexec and crash features\n#\nCONFIG_KEXEC=y\n"
CONFIG_END = "# end of Kexec and crash features\n"


def _without_kho(root, arch="x86_64", **files):
    tree = LiveTree(root)
    tree.write("proc/iomem", IOMEM)
    tree.flags(PFNS)
    tree.count(3)
    tree.write("proc/sys/kernel/arch", arch + "\n")
    for name, text in files.items():
        tree.write(name.replace("__", "/"), text)
    return tree


@pytest.mark.parametrize(
    "files",
    some(
        [
            {"proc__kallsyms": "0000000000000000 T kernel_init\n0000000000000000 T _etext\n"},
            {"proc__cmdline": "root=/dev/vda kho=off quiet\n"},
            {"sys__kernel__debug__sched__debug": "x\n"},
            {
                "proc__sys__kernel__osrelease": "6.12.1\n",
                "boot__config-6.12.1": CONFIG + "# CONFIG_KEXEC_HANDOVER is not set\n" + CONFIG_END,
            },
            {"proc__config.gz": gzip.compress(f"{CONFIG}{CONFIG_END}".encode())},
        ],
        3,
    ),
)
def test_a_kernel_without_a_handover(files, tmp_path, look, cli):
    tree = _without_kho(tmp_path, **files)
    document = look(tree)
    assert document["status"] == "critical"
    assert [document[n] for n in NUMBERS] == [3, 0, 0, 0, 3]
    assert document["memmap"]["parameter"].startswith("memmap=4K$0x50000000,")
    text = cli("check", "--root", tree.root).out
    assert text.startswith("critical: 3 bad pages, and this kernel hands over no list of them (")
    assert "memmap=4K$0x50000000" in text


@pytest.mark.parametrize(
    "files",
    some(
        [
            {"proc__kallsyms": "0000000000000000 T kernel_init\n"},
            {"proc__kallsyms": "0000000000000000 T kho_is_enabled\n0000000000000000 T _etext\n"},
            {"proc__config.gz": gzip.compress(CONFIG.encode())},
            {"proc__config.gz": gzip.compress((CONFIG + CONFIG_END).encode())[:-20]},
            {
                "proc__config.gz": gzip.compress(
                    f"{CONFIG}CONFIG_KEXEC_HANDOVER=y\n{CONFIG_END}".encode()
                )
            },
            {"proc__cmdline": "kho=on\n"},
        ],
        3,
    ),
)
def test_what_does_not_show_that_there_is_none(files, tmp_path, look):
    """A copy that was cut, or a kernel that has one."""
    document = look(_without_kho(tmp_path, **files))
    assert (document["status"], document["forgotten"]) == ("unknown", None)


def test_memory_of_a_kernel_without_a_handover(tmp_path, look):
    tree = _without_kho(tmp_path)
    (tree.root / "proc/iomem").write_text("40000000-400fffff : System RAM\n")
    m = Machine(arch="x86_64")
    m.put(b"x", pages=256)
    m.save(tree.root / "proc", "kcore")
    assert look(tree)["forgotten"] == 3


def test_on_arm64_no_parameter_keeps_pages_out(tmp_path, look):
    tree = _without_kho(tmp_path, "aarch64", proc__cmdline="kho=off\n")
    assert look(tree, "--page-size", 4096)["memmap"] is None


def test_pages_that_the_next_command_line_keeps_out(tmp_path, look):
    tree = _without_kho(tmp_path, proc__cmdline="kho=off\n")
    document = look(tree, "--next-cmdline", "memmap=4K$0x50000000,4K$0x50007000")
    assert (document["will_replay"], document["forgotten"]) == (2, 1)
    assert document["forgotten_pages"] == [[0x61234, 0x61234]]


def test_where_nothing_shows_whether_there_is_a_handover(tmp_path, look):
    document = look(_without_kho(tmp_path))
    assert document["status"] == "unknown"
    assert (document["bad_pages"], document["forgotten"]) == (3, None)
    assert document["memmap"] is not None  # it does no harm to know


def test_a_next_kernel_that_takes_none(tree, look):
    document = look(tree, "--next-cmdline", "kho=off")
    assert (document["status"], document["forgotten"]) == ("critical", 3)
    document = look(tree, "--consumer-kho", "v2")
    assert (document["status"], document["forgotten"]) == ("critical", 3)


# --- The EFI table --------------------------------------------------------------------------------


def _efi(root, name, **more):
    """A tree of a machine that hands an EFI table over."""
    truth = efi.truth(name)
    tree = LiveTree(root / "root")
    tree.write("proc/kcore", efi.unpack(name, root).read_bytes())
    where = "arm64-16k" if name.startswith("arm64-16k") else "x86-512m"
    tree.write("proc/iomem", (efi.EFI / f"iomem-{where}.txt").read_bytes())
    bad = [*truth["hwpoison_pfns"], *more.get("bad", ())]
    tree.flags(bad, (1 << 32) // truth["page_size"])
    tree.count(len(bad), truth["page_size"])
    return tree, bad


def test_pages_that_the_table_covers(tmp_path, look):
    tree, bad = _efi(tmp_path, "d-gen1")
    document = look(tree)
    assert (document["bad_pages"], document["will_replay"]) == (len(bad), len(bad))
    assert document["hands_over"] is True
    assert document["efi"]["outcome"] == "accepted"


def test_pages_that_it_does_not_cover(tmp_path, look):
    tree, bad = _efi(tmp_path, "d-gen1", bad=(0x5000, 0x5001))
    document = look(tree)
    assert (document["forgotten"], document["will_replay"]) == (2, len(bad) - 2)
    assert "HP640" in _codes(document)
    assert document["status"] == "critical"


def test_a_next_kernel_that_does_not_read_it(tmp_path, look, subtests):
    tree, bad = _efi(tmp_path, "d-gen1")
    for generation in ("none", "c2"):
        with subtests.test(generation):
            assert look(tree, "--consumer-efi", generation)["forgotten"] == len(bad)


def test_the_page_size_that_makes_the_counter_right(tmp_path, look):
    """Nothing else of a table of arm64 tells it."""
    tree, bad = _efi(tmp_path, "arm64-16k-d-gen1")
    document = look(tree)
    assert (document["page_size"], document["bad_pages"]) == (16384, len(bad))
    tree.count(len(bad) + 1, 16384)
    document = look(tree)
    assert (document["page_size"], document["will_replay"]) == (None, None)
    (said,) = (line for line in document["not_seen"] if "nothing there shows the page size" in line)
    assert said.endswith("is not known unless the page size is given")


# --- What cannot be looked at ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("proc/kpageflags", "which pages are bad is not known"),
        ("proc/meminfo", "cannot be checked against the kernel's own count"),
        ("proc/iomem", "there is no memory map"),
        ("proc/kcore", "the list that is handed over lies in memory"),
        ("sys", "whether the bad pages are handed over is not known"),
    ],
)
def test_what_is_absent_is_never_ok(name, says, tree, look):
    path = tree.root / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    document = look(tree)
    assert document["status"] == "unknown"
    assert any(says in line for line in document["not_seen"])


def test_a_short_list_in_memory_that_is_not_there(tree, look):
    """Of a list that cannot be reached the count tells that it lacks pages."""
    (tree.root / "proc/kcore").unlink()
    tree.flags([*PFNS, *MORE])
    tree.count(6)
    document = look(tree)
    assert document["status"] == "critical"
    assert (document["bad_pages"], document["forgotten"]) == (6, 3)


def test_flags_that_end_early(tree, look):
    tree.flags(PFNS, 0x70000)
    assert "HP647" in _codes(look(tree))
    tree.flags(PFNS[:2], 0x60000)
    document = look(tree)
    assert document["status"] == "unknown"
    assert any("ends at 0x60000000, RAM at 0x80000000" in x for x in document["not_seen"])


def test_flags_of_no_kernel(tree, look):
    path = tree.root / "proc/kpageflags"
    path.write_bytes(b"\xff" * path.stat().st_size)
    document = look(tree)
    assert document["status"] == "unknown"
    assert any("bits are set that no kernel has" in line for line in document["not_seen"])


def test_a_log_is_a_lower_bound(tree, look):
    (tree.root / "proc/kpageflags").unlink()
    (tree.root / "proc/meminfo").unlink()
    tree.write(
        "sos_commands/kernel/dmesg",
        "[    0.000000] Linux version 7.3.4\n"
        "[   12.000000] Memory failure: 0x50000: recovery action for free buddy page: Recovered\n"
        "[   13.000000] Memory failure: 0x70003: recovery action for free buddy page: Recovered\n",
    )
    document = look(tree)
    assert document["forgotten_pages"] == [[0x70003, 0x70003]]
    assert document["status"] == "critical"
    assert any("HP614" in note for note in document["notes"])


def test_the_folder_that_a_report_was_unpacked_into(tree, tmp_path, look):
    folder = tmp_path / "unpacked"
    folder.mkdir()
    tree.root.rename(folder / "sosreport-host")
    assert look(LiveTree(folder))["bad_pages"] == 3


def test_a_link_is_no_folder_that_a_report_was_unpacked_into(tree, tmp_path, cli):
    folder = tmp_path / "unpacked"
    folder.mkdir()
    (folder / "x").symlink_to(tree.root)
    got = cli("check", "--root", folder, "--json")
    assert (got.code, got.out) == (3, "")


@pytest.mark.parametrize("name", ["absent", "empty"])
def test_no_tree_at_all(name, tmp_path, cli):
    (tmp_path / "empty").mkdir()
    got = cli("check", "--root", tmp_path / name, "--json")
    assert (got.code, got.out) == (3, "")
    assert got.err.count("\n") == 1


# --- Hostile trees --------------------------------------------------------------------------------

FILES = [
    "proc/iomem", "proc/meminfo", "proc/kpageflags", "proc/kcore", "proc/cmdline", "proc/kallsyms",
    "proc/config.gz", "sys/kernel/kexec/loaded", "sys/kernel/debug/kho/out/fdt",
    "sys/kernel/debug/kho/out/sub_fdts/hwpoison", "sys/kernel/debug/kho/out/scratch_phys",
    "sys/kernel/debug/kho/out", "sys/kernel/debug/kho", "sys/firmware/memmap",
    "sys/devices/system/node/node0/memory_failure/total", "sos_commands/kernel/dmesg",
]  # fmt: skip
#: What they are needed for: without them the answer cannot be the same.
NEEDED = {"proc/meminfo", "proc/kpageflags", "proc/iomem", "proc/kcore"}


def _random(path):
    path.write_bytes(bytes(range(1, 252)) * 401)


def _hole(path):
    with path.open("wb") as file:
        file.truncate(1 << 42)


HOSTILE = {
    "fifo": os.mkfifo,
    "folder": lambda path: path.mkdir(),
    "empty": lambda path: path.touch(),
    "random": _random,
    "hole": _hole,
    "loop": lambda path: path.symlink_to(path.name),
    "device": lambda path: path.symlink_to("/dev/zero"),
}


@pytest.mark.parametrize(("name", "kind"), crossed(FILES, HOSTILE, 7))
def test_files_that_are_not_what_they_should_be(name, kind, tree, look):
    path = tree.root / name
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    HOSTILE[kind](path)
    document = look(tree)
    if name in NEEDED:
        assert document["status"] != "ok"
        assert document["not_seen"] or document["findings"]


LINKED = [
    "proc", "proc/iomem", "proc/meminfo", "proc/kpageflags", "proc/kcore", "sys/kernel",
    "sys/kernel/debug", "sys/kernel/debug/kho", "sys/kernel/debug/kho/out/fdt",
]  # fmt: skip


@pytest.mark.parametrize(("name", "relative"), crossed(LINKED, [False, True], 2))
def test_no_link_leads_out_of_the_tree(name, relative, tree, tmp_path, look):
    """What is behind it is good; that nobody looks at it is what is told."""
    outside = tmp_path / "outside"
    path = tree.root / name
    path.rename(outside)
    up = "../" * name.count("/") + "../"
    path.symlink_to(up + "outside" if relative else outside)
    document = look(tree)
    assert document["status"] in ("unknown", "critical")
    assert document["not_seen"]
    assert any("outside the copied tree" in line for line in document["not_seen"])


def test_links_within_the_tree_are_followed(tree, look):
    (tree.root / "proc/kcore").rename(tree.root / "memory")
    (tree.root / "proc/kcore").symlink_to("../memory")
    assert look(tree)["status"] == "ok"


def test_nothing_of_the_tree_is_written(tree, cli):
    def state():
        return {
            p: (p.stat().st_mtime_ns, p.stat().st_size)
            for p in tree.root.rglob("*")
            if not p.is_symlink()
        }

    before = state()
    cli("check", "--root", tree.root)
    assert state() == before


@pytest.mark.parametrize(
    ("name", "error"),
    crossed(
        ["iomem", "meminfo", "kpageflags", "kcore"],
        [errno.EPERM, errno.EACCES, errno.ENOENT, errno.ESRCH],
        4,
    ),
)
def test_what_the_kernel_does_not_let_read(name, error, tree, look, monkeypatch):
    """Root reads whatever its mode says: so the call fails."""
    opened = os.open

    def refuse(path, *args, **more):
        if str(path).endswith(f"proc/{name}"):
            raise OSError(error, os.strerror(error))
        return opened(path, *args, **more)

    monkeypatch.setattr(os, "open", refuse)
    document = look(tree)
    assert document["status"] == "unknown"
    assert any(name in line and os.strerror(error) in line for line in document["not_seen"])


@pytest.mark.parametrize("name", ["iomem", "meminfo", "kpageflags"])
def test_files_that_vanish_while_they_are_read(name, tree, look, monkeypatch):
    """As of a process that ends: the file is open, and a read says that there is none."""
    paths = dict[int, str]()
    opened, read, pread = os.open, os.read, os.pread

    def note(path, *args, **more):
        descriptor = opened(path, *args, **more)
        paths[descriptor] = str(Path(f"/proc/self/fd/{descriptor}").readlink())  # a part was named
        return descriptor

    def fail(descriptor):
        if paths.get(descriptor, "").endswith(f"proc/{name}"):
            raise OSError(errno.ESRCH, os.strerror(errno.ESRCH))

    def failing(descriptor, size):
        fail(descriptor)
        return read(descriptor, size)

    def failing_at(descriptor, size, at):
        fail(descriptor)
        return pread(descriptor, size, at)

    monkeypatch.setattr(os, "open", note)
    monkeypatch.setattr(os, "read", failing)
    monkeypatch.setattr(os, "pread", failing_at)
    document = look(tree)
    assert document["status"] == "unknown"
    assert any(name in line for line in document["not_seen"])


def test_control_characters_do_not_reach_a_terminal(tmp_path, cli, subtests):
    tree = live_trees.made(tmp_path / "a\x1b[31mb")
    tree.write("proc/sys/kernel/osrelease", "7.3\x1b[2J4\n")
    (tree.root / "proc/iomem").unlink()
    for options in ([], ["--nagios"], ["--json"]):
        with subtests.test(str(options)):
            got = cli("check", "--root", tree.root, *options)
            assert "\x1b" not in got.out + got.err


# --- --nagios -------------------------------------------------------------------------------------


def test_nagios(tree, cli):
    got = cli("check", "--root", tree.root, "--nagios")
    assert got.code == 0
    first = got.out.splitlines()[0]
    assert first == (
        "HWPKHO OK - 3 bad pages: 3 will be taken out again | "
        "bad_pages=3 will_replay=3 stay_in_use=0 in_guests=0 forgotten=0"
    )
    tree.flags(PFNS[:2])
    tree.count(2)
    assert cli("check", "--root", tree.root, "--nagios").code == 1
    tree.flags([*PFNS, *MORE])
    assert cli("check", "--root", tree.root, "--nagios").code == 2
    (tree.root / "proc/kpageflags").unlink()
    tree.count(3)
    got = cli("check", "--root", tree.root, "--nagios")
    assert got.code == 3
    assert got.out.startswith("HWPKHO UNKNOWN - ")
    assert " forgotten=U" in got.out.splitlines()[0]
    assert got.out.count("|") == 1


def test_options_that_make_no_sense(tree, tmp_path, cli):
    assert cli("check", "--root", tree.root, "--nagios", "--json").code == 2
    assert cli("check", "--root", tree.root, "--force").code == 2
    assert cli("check", "--root", tree.root, "--save", "-").code == 2
    assert cli("check", "--root", tree.root, "--page-size", "5").code == 2
    assert cli("check", "--root", tree.root, "--next-cmdline", "memmap=").code in (0, 1, 2)
    assert cli("check", "--root", tree.root, "--since", tmp_path / "absent").code == 3


# --- --save and --since ---------------------------------------------------------------------------


@pytest.fixture
def saved(tree, tmp_path, cli):
    tree.write("proc/sys/kernel/random/boot_id", f"{'a' * 8}-{'1' * 27}\n")
    path = tmp_path / "before.json"
    assert cli("check", "--root", tree.root, "--save", path).code == 0
    return path


def _after(tree, pfns, count=None):
    tree.write("proc/sys/kernel/random/boot_id", f"{'b' * 8}-{'1' * 27}\n")
    made = live_trees.made(tree.root.parent / "after", list(pfns) or None)
    made.write("proc/sys/kernel/random/boot_id", f"{'b' * 8}-{'1' * 27}\n")
    if count is not None:
        made.count(count)
    return made


def test_nothing_was_lost(tree, saved, look):
    document = look(_after(tree, PFNS), "--since", saved)
    assert document["status"] == "ok"
    assert document["since"]["lost"] == 0


def test_a_consumer_that_loses_pages_is_found(tree, saved, look, cli):
    after = _after(tree, PFNS[1:])
    document = look(after, "--since", saved)
    assert document["status"] == "critical"
    assert document["since"]["lost_pages"] == [[PFNS[0], PFNS[0]]]
    assert "HP644" in _codes(document)
    got = cli("check", "--root", after.root, "--since", saved, "--nagios")
    assert got.code == 2
    assert "1 of 3 bad pages of before is in use again" in got.out.splitlines()[0]


def test_what_is_saved_is_a_list(saved, cli):
    assert cli("list", saved, "--json").json["pfns"] == list(PFNS)
    assert cli("diff", saved, saved).code == 0


def test_any_list_may_be_compared_with(tree, tmp_path, look):
    path = tmp_path / "list.txt"
    path.write_text("0x50000 0x70000\n")
    document = look(tree, "--since", path)
    assert document["since"]["lost_pages"] == [[0x70000, 0x70000]]


def test_pages_that_the_map_excludes_since(tree, saved, look):
    after = _after(tree, PFNS[:2])
    after.write("proc/iomem", "40000000-612fffff : System RAM\n61300000-7fffffff : System RAM\n")
    after.write("proc/iomem", "40000000-60ffffff : System RAM\n62000000-7fffffff : System RAM\n")
    document = look(after, "--since", saved)
    assert document["since"]["excluded"] == 1
    assert document["since"]["lost"] == 0
    assert "HP648" in _codes(document)


def test_a_kernel_with_other_pages(tmp_path, look, cli):
    before = live_trees.made(tmp_path / "before")
    path = tmp_path / "before.json"
    cli("check", "--root", before.root, "--save", path)
    after = live_trees.of_capture("arm64-64k-B", tmp_path / "after")
    document = look(after, "--since", path)
    lost = document["since"]["lost_pages"]
    assert {n for a, b in lost for n in range(a, b + 1)} <= {pfn >> 4 for pfn in PFNS}


def test_the_same_boot_has_no_kexec_to_look_back_at(tree, saved, look):
    document = look(tree, "--since", saved)
    assert document["status"] == "unknown"
    assert any("this very boot" in line for line in document["not_seen"])


def test_without_page_flags_afterwards(tree, saved, look):
    after = _after(tree, PFNS)
    (after.root / "proc/kpageflags").unlink()
    document = look(after, "--since", saved)
    assert document["since"]["lost"] is None
    assert document["status"] == "unknown"


def test_a_saved_file_is_overwritten_and_no_other(tree, saved, tmp_path, cli, subtests):
    assert cli("check", "--root", tree.root, "--save", saved).code == 0
    other = tmp_path / "notes.txt"
    text = saved.read_text().replace('"form":"check"', '"form":"json"')
    for mine in ("mine\n", text, f'"{text}'):
        with subtests.test(repr(mine[:3])):
            other.write_text(mine)
            got = cli("check", "--root", tree.root, "--save", other)
            assert (got.code, other.read_text()) == (2, mine)
    assert cli("check", "--root", tree.root, "--save", other, "--force").code == 0


def test_what_nobody_could_see_is_not_saved(tmp_path, cli):
    tree = _without_kho(tmp_path / "root")
    (tree.root / "proc/kpageflags").unlink()
    got = cli("check", "--root", tree.root, "--save", tmp_path / "out.json")
    assert got.code == 3
    assert "could not be seen" in got.err
    assert not (tmp_path / "out.json").exists()


@pytest.mark.parametrize(
    "said",
    some([
        '{"forgotten":[[1]]}', '{"forgotten":[1,2]}', '{"forgotten":[[-1,3]]}',
        '{"forgotten":[["a","b"]]}', '{"forgotten":[[5,1]]}', '{"forgotten":5}',
        '{"forgotten":[[0,18446744073709551616]]}', '[]', '5', '{"boot_id":5,"when":[]}',
        '{"complete":"no"}', '{"huge":"x"}',
    ], 4),
)  # fmt: skip
def test_saved_files_that_somebody_edited(said, tree, tmp_path, cli):
    path = tmp_path / "edited.json"
    path.write_text(
        f'{{"schema":"hwpkho.list/1","page_size":4096,"pfns":[327680],"form":"check","check":{said}}}'
    )
    got = cli("check", "--root", tree.root, "--since", path)
    assert got.code in (0, 1, 3)
    assert got.err.count("\n") <= 1


@pytest.mark.slow  # all of its page flags
def test_the_running_machine(cli):
    """Whatever it shows: one document, and nothing raised."""
    got = cli("check", "--json")
    assert got.code in (0, 1, 3), got.err
    schemas.check(got.json, "check")
    assert got.json["root"] is None
    assert got.json["release"] == os.uname().release


def test_a_map_without_addresses(tree, look):
    """As the kernel shows /proc/iomem to a user without CAP_SYS_ADMIN."""
    tree.write("proc/iomem", "00000000-00000000 : System RAM\n" * 3)
    document = look(tree)
    assert document["status"] == "unknown"
    assert any("iomem" in line for line in document["not_seen"])


def test_as_a_user_without_rights(cli, monkeypatch):
    opened, iterdir = os.open, Path.iterdir

    def refuse(path, *args, **more):
        if str(path) in ("/proc/kpageflags", "/proc/kcore", "/dev/mem"):
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
        return opened(path, *args, **more)

    def denied(self):
        if str(self) == "/sys/kernel/debug":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return iterdir(self)

    monkeypatch.setattr(os, "open", refuse)
    monkeypatch.setattr(Path, "iterdir", denied)
    got = cli("check", "--json")
    assert got.code == 3
    assert got.json["bad_pages"] is None
    assert any("/proc/kpageflags: Operation not permitted" in x for x in got.json["not_seen"])
