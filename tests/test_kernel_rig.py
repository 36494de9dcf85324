"""The parts of tests/kernel that need no kernel: Kconfig, prepare.sh, and what a failure says."""

from __future__ import annotations

import hashlib
import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kernel import kconfig, own, test_efi_table
from tests.kernel.uefi import pe
from tests.support import ROOT, certain

RIG = ROOT / "tests" / "kernel"
PAGE = (ROOT / "docs" / "kernel-rig.md").read_text()

#: A tree with what mainline has; a series adds to mm/Kconfig.
KCONFIG = {
    "Kconfig": """\
mainmenu "Linux"
source "mm/Kconfig"
source "arch/$(SRCARCH)/Kconfig"
source "nowhere/$(HEADER_ARCH)/Kconfig"
""",
    "mm/Kconfig": """\
# SPDX-License-Identifier: GPL-2.0-only
menu "Memory"
config MMU
  def_bool y
config EFI_STUB
  bool "EFI stub"
config MIGRATION
  bool
config MEMORY_FAILURE
  depends on MMU
  depends on ARCH_SUPPORTS_MEMORY_FAILURE
  bool "Enable recovery from hardware memory errors"
  select MIGRATION
  help
    Enables code to recover from some memory failures.

    config NOT_ONE
      depends on nothing, this is help
config KEXEC_HANDOVER
  bool "kexec handover"
  depends on ARCH_SUPPORTS_KEXEC_HANDOVER && \\
    MMU
config HWPOISON_INJECT
  tristate "HWPoison pages injector"
  depends on MEMORY_FAILURE && MMU
config LOG_BUF_SHIFT
  int "Kernel log buffer size"
  range 12 25
  default 17
endmenu
""",
    "arch/x86/Kconfig": """\
config ARCH_SUPPORTS_MEMORY_FAILURE
  def_bool y
config ARCH_SUPPORTS_KEXEC_HANDOVER
  def_bool y
""",
}


def option(name: str, *lines: str) -> str:
    """Return the Kconfig of an option, indented as the kernel's own."""
    return "".join(f"{line}\n" for line in (f"config {name}", *(f"\t{x}" for x in lines)))


def write_tree(folder: Path, more: str = "") -> Path:
    for name, text in KCONFIG.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    with (folder / "mm/Kconfig").open("a") as file:
        file.write(more)
    return folder


@pytest.fixture
def tree(tmp_path):
    """Return a function that reads a source tree with some more in mm/Kconfig."""
    return lambda more="": kconfig.Tree(write_tree(tmp_path / "linux", more), "x86")


# --- Options that carry poison over a kexec -------------------------------------------------------

BOTH = "depends on MEMORY_FAILURE && KEXEC_HANDOVER"


def test_a_tree_without_a_series_has_none(tree):
    assert tree().handover() == []


@pytest.mark.parametrize(
    "added",
    {
        "depends": option("NEW", 'bool "x"', "default n", BOTH),
        "two lines": option(
            "NEW", "depends on MEMORY_FAILURE", "depends on KEXEC_HANDOVER", "tristate 'x'"
        ),
        "blocks": "if MEMORY_FAILURE\nmenu 'm'\n\tdepends on KEXEC_HANDOVER\n"
        + option("NEW", "bool", 'prompt "x"')
        + "endmenu\nendif\n",
        "selects": option("NEW", 'bool "x"', "select MEMORY_FAILURE", "select KEXEC_HANDOVER"),
        "by way of another": option(
            "NEW", 'bool "x"', "depends on HWPOISON_INJECT=y && (EFI_STUB || KEXEC_HANDOVER)",
            "select KEXEC_HANDOVER",
        ),
        "either way": option(
            "NEW", 'bool "x"', "depends on (MEMORY_FAILURE && KEXEC_HANDOVER) || "
            "(KEXEC_HANDOVER && HWPOISON_INJECT)",
        ),
        "the other road": option("NEW", 'bool "x"', "depends on EFI_STUB && MEMORY_FAILURE"),
    }.items(),
    ids=lambda pair: pair[0],
)  # fmt: skip
def test_what_needs_both_is_found(tree, added):
    assert tree(added[1]).handover() == ["NEW"]


@pytest.mark.parametrize("name", ["MEMORY_FAILURE_KHO", "KHO_HWPOISON", "HWPOISON_KEXEC_HANDOVER"])
def test_what_is_called_so_is_found(tree, name):
    assert tree(option(name, 'bool "x"')).handover() == [name]


@pytest.mark.parametrize(
    "added",
    [
        option("NEW", 'bool "x"', "depends on MEMORY_FAILURE || KEXEC_HANDOVER"),
        option("NEW", 'bool "x"', "depends on MEMORY_FAILURE && !KEXEC_HANDOVER"),
        option("NEW", 'bool "x"', "depends on MEMORY_FAILURE && KEXEC_HANDOVER=n"),
        option("NEW", 'bool "x"', "depends on MEMORY_FAILURE", "select KEXEC_HANDOVER if EFI_STUB"),
        option("NEW", "bool", BOTH),
        option("NEW", 'int "x"', BOTH),
        # Two places define it, and one asks for less.
        option("NEW", 'bool "x"', BOTH) + option("NEW", 'bool "x"'),
    ],
)
def test_what_does_not_need_both_is_left(tree, added):
    assert tree(added).handover() == []


def test_options_that_need_each_other_end(tree):
    added = option("A", 'bool "x"', "depends on B") + option("B", 'bool "x"', "select A")
    assert tree(added).needs("A") == {"A", "B"}


# --- What a configuration lacks -------------------------------------------------------------------

ON = "CONFIG_MMU=y\nCONFIG_LOG_BUF_SHIFT=17\n"
ODD = (
    option(
        "ODD", 'bool "x"', "depends on EFI_STUB && (MMU || KEXEC_HANDOVER)", "depends on !MMU"
    )
    + option("HIDDEN", 'bool "x" if KEXEC_HANDOVER')
    + option("ELSEWHERE", 'bool "x"', "depends on OF_NOWHERE")
)  # fmt: skip


@pytest.fixture
def complaints(tree, tmp_path):
    """Return a function that checks fragments against a .config."""

    def check(config, *fragments):
        (tmp_path / "config").write_text(config)
        paths = [tmp_path / f"{number}.config" for number in range(len(fragments))]
        for path, text in zip(paths, fragments, strict=True):
            path.write_text(text)
        return kconfig.check(tree(ODD), tmp_path / "config", paths)

    return check


@pytest.mark.parametrize(
    ("line", "reason"),
    {
        "CONFIG_NOWHERE=y": "no Kconfig file of this tree has NOWHERE (arch/x86)",
        "CONFIG_MIGRATION=y": "MIGRATION has no prompt, only other options switch it on",
        "CONFIG_ODD=y": "ODD depends on EFI_STUB && (MMU || KEXEC_HANDOVER) and on !MMU: "
        "EFI_STUB is not set, MMU is y, KEXEC_HANDOVER is not set",
        "CONFIG_HIDDEN=y": "HIDDEN depends on KEXEC_HANDOVER: KEXEC_HANDOVER is not set",
        "CONFIG_ELSEWHERE=y": "ELSEWHERE depends on OF_NOWHERE: no Kconfig file has OF_NOWHERE",
        "CONFIG_LOG_BUF_SHIFT=99": "LOG_BUF_SHIFT is 17 instead",
        "CONFIG_HWPOISON_INJECT=m": "HWPOISON_INJECT depends on MEMORY_FAILURE && MMU: "
        "MEMORY_FAILURE is not set, MMU is y",
    }.items(),
)
def test_what_did_not_survive_is_named_with_its_reason(complaints, line, reason):
    assert complaints(ON, f"# a comment\n\n{line}\n") == [
        f"0.config: {line} is not what the kernel has: {reason}"
    ]


def test_what_something_selects_cannot_be_switched_off(complaints):
    config = "CONFIG_MIGRATION=y\nCONFIG_MEMORY_FAILURE=y\n"
    (told,) = complaints(config, "# CONFIG_MIGRATION is not set\n")
    assert told.endswith("selected by MEMORY_FAILURE")


def test_of_two_lines_the_later_counts(complaints):
    assert complaints(ON, "CONFIG_NOWHERE=y\n", "# CONFIG_NOWHERE is not set\n") == []
    assert complaints(ON, "CONFIG_LOG_BUF_SHIFT=99\nCONFIG_LOG_BUF_SHIFT=17\n") == []
    assert complaints(ON, "CONFIG_NOWHERE=n\n", "CONFIG_NOWHERE=y\n") != []


@pytest.mark.parametrize("line", ["MEMORY_FAILURE_KHO=y", "CONFIG_MMU", "CONFIG_MMU = y", "\0"])
def test_a_line_of_no_configuration_is_told(complaints, line):
    (told,) = complaints(ON, f"CONFIG_MMU=y\n{line}\n")
    assert told == f"0.config:2: no line of a .config: {line!r}"


#: Conditions as (sign, parts).
_CONDITIONS = st.recursive(
    st.sampled_from("ABC"),
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(["&&", "||"]), inner, inner),
        st.tuples(st.just("!"), inner),
        st.tuples(st.sampled_from(["=", "!="]), st.sampled_from("ABC"), st.sampled_from("yn")),
    ),
)


def _text(condition):
    match condition:
        case ("!", part):
            return f"!{_text(part)}"
        case ("&&" | "||" as sign, left, right):
            return f"({_text(left)} {sign} {_text(right)})"
        case (sign, left, right):
            return f"{left}{sign}{right}"
    return condition


def _truth(condition, on):
    match condition:
        case ("!", part):
            return not _truth(part, on)
        case ("&&", left, right):
            return _truth(left, on) and _truth(right, on)
        case ("||", left, right):
            return _truth(left, on) or _truth(right, on)
        case (sign, left, right):
            return (on[left] == (right == "y")) == (sign == "=")
    return on[condition]


@given(_CONDITIONS, st.fixed_dictionaries({n: st.booleans() for n in "ABC"}))
def test_conditions_hold_as_kconfig_has_them(condition, on):
    values = {name: "y" for name, is_on in on.items() if is_on}
    assert kconfig.holds(_text(condition), values) == 2 * _truth(condition, on)


# --- prepare.sh -----------------------------------------------------------------------------------

#: A source tree whose make does as Kconfig does with what it knows, and builds empty files.
MAKEFILE = """\
allnoconfig:
\tmkdir -p $(O)
\tgrep -e ^CONFIG_ -e "is not set" $(KCONFIG_ALLCONFIG) | grep -v -e NOWHERE -e EFI_STUB \\
\t  | tac | awk -F"[ =]" '!seen[$$1 == "#" ? $$2 : $$1]++' | tac > $(O)/.config
bzImage modules:
\tmkdir -p $(O)/arch/x86/boot
\techo $@ >> $(O)/arch/x86/boot/bzImage
"""
TOOLS = ["gcc", "flex", "bison", "bc", "xz", "qemu-system-aarch64", "qemu-system-x86_64"]
TOOLS += ["aarch64-linux-gnu-gcc"]


@pytest.fixture
def prepare(tmp_path):
    """Return a function that runs prepare.sh with its tools stubbed and the guest in place."""
    stubs = tmp_path / "stubs"
    stubs.mkdir()
    for tool in TOOLS:
        (stubs / tool).write_text("#!/bin/sh\nexit 0\n")
        (stubs / tool).chmod(0o755)
    (stubs / "python3").symlink_to(sys.executable)
    cache = tmp_path / "cache"
    parts = [*sorted((RIG / "guest").iterdir()), RIG / "prepare.sh"]
    stamp = hashlib.sha256(b"".join(p.read_bytes() for p in parts)).hexdigest()[:12]
    guest = cache / f"guest-x86_64-{stamp}"
    guest.mkdir(parents=True)
    for name in ("busybox", "python.tar"):
        (guest / name).write_text("there")
    keep = {
        k: v for k, v in os.environ.items() if k not in ("LINUX_SRC", "KERNEL", "MODULE", "CONFIG")
    }

    def run(*words, **variables):
        env = {**keep, "PATH": f"{stubs}:{os.environ['PATH']}", "HWPKHO_CACHE": str(cache)}
        return subprocess.run(
            [RIG / "prepare.sh", *words],
            env=env | {k: str(v) for k, v in variables.items()},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run


@pytest.fixture
def series(tmp_path):
    """Return a source tree in which a series has an option of its own."""
    folder = write_tree(tmp_path / "linux", option("MEMORY_FAILURE_KHO", 'bool "x"', BOTH))
    # prepare.sh asks for all that its configs name: this tree has them, whatever they are.
    names = set()
    for path in (RIG / "configs").iterdir():
        names |= set(kconfig.values_of(path.read_text()))
    known = set(kconfig.Tree(folder, "x86").options)
    with (folder / "mm/Kconfig").open("a") as file:
        file.writelines(option(name, 'string "x"') for name in sorted(names - known))
    (folder / "Makefile").write_text(MAKEFILE)
    return folder


def config_of(ran):
    folder = Path(ran.stdout.split()[1])
    return kconfig.values_of((folder / "config").read_text())


@pytest.mark.slow
def test_the_option_of_a_series_is_switched_on(prepare, series):
    ran = prepare("x86_64", LINUX_SRC=series)
    assert ran.returncode == 0, ran.stderr
    assert config_of(ran)["MEMORY_FAILURE_KHO"] == "y"
    assert config_of(ran)["HUGETLBFS"] == "y"
    assert "x86_64: MEMORY_FAILURE_KHO is on\n" in ran.stderr
    # It has a consumer then, and ours would find nothing left to restore.
    assert ran.stdout.split()[3] == "none"
    assert "MODULE=none" in ran.stderr
    again = prepare("--check", "x86_64", LINUX_SRC=series)
    assert (again.returncode, again.stdout) == (0, ran.stdout)


@pytest.mark.slow  # a build, as above
def test_lines_of_the_users_count_last(prepare, series, tmp_path):
    (tmp_path / "mine").write_text("# CONFIG_MEMORY_FAILURE_KHO is not set\nCONFIG_MIGRATION=y\n")
    ran = prepare("x86_64", LINUX_SRC=series, CONFIG="mine", MODULE="none")
    assert ran.returncode == 0, ran.stderr
    assert "MEMORY_FAILURE_KHO" not in config_of(ran)
    assert config_of(ran)["MIGRATION"] == "y"
    assert "x86_64: MEMORY_FAILURE_KHO is off, and nothing is in its way" in ran.stderr
    other = prepare("--check", "x86_64", LINUX_SRC=series, MODULE="none")
    assert other.returncode == 1
    assert f"not in the cache: x86_64 of {series} with this configuration" in other.stderr


@pytest.mark.slow  # a build, as above
def test_an_option_that_cannot_be_had_ends_it(prepare, series, tmp_path):
    (tmp_path / "mine").write_text("CONFIG_NOWHERE=y\nCONFIG_EFI_STUB=y\n")
    ran = prepare("x86_64", LINUX_SRC=series, CONFIG="mine")
    assert ran.returncode == 1
    assert "mine: CONFIG_NOWHERE=y is not what the kernel has: no Kconfig file" in ran.stderr
    assert "mine: CONFIG_EFI_STUB=y is not what the kernel has: EFI_STUB is n" in ran.stderr
    assert ran.stdout == ""


@pytest.mark.slow  # a build, as above
def test_a_tree_without_a_series_is_told(prepare, series):
    text = (series / "mm/Kconfig").read_text()
    (series / "mm/Kconfig").write_text(
        text.replace(option("MEMORY_FAILURE_KHO", 'bool "x"', BOTH), "")
    )
    ran = prepare("x86_64", LINUX_SRC=series, MODULE="none")
    assert ran.returncode == 0, ran.stderr
    assert "no option of this tree needs MEMORY_FAILURE and KEXEC_HANDOVER" in ran.stderr


@pytest.fixture
def build(tmp_path):
    """Return a build folder of an x86 kernel."""
    folder = tmp_path / "build"
    (folder / "arch/x86/boot").mkdir(parents=True)
    (folder / ".config").write_text("CONFIG_X86_64=y\n")
    (folder / "arch/x86/boot/bzImage").write_text("image")
    (folder / "include/config").mkdir(parents=True)
    (folder / "include/config/kernel.release").write_text("7.3.4\n")
    return folder


@pytest.mark.parametrize(
    ("variables", "kind", "reason"),
    [
        ({"LINUX_SRC": "nowhere"}, "x86_64", "LINUX_SRC=nowhere: no such folder"),
        ({"LINUX_SRC": "."}, "x86_64", "LINUX_SRC=.: no kernel source tree"),
        ({"LINUX_SRC": "linux"}, "x86_64", "built in place, and kbuild wants a clean tree"),
        ({"LINUX_SRC": "linux", "KERNEL": "build"}, "x86_64", "give one"),
        ({"KERNEL": "build", "CONFIG": "config"}, "x86_64", "CONFIG= is for what is built"),
        ({"CONFIG": "nowhere"}, "x86_64", "CONFIG=nowhere: no such file"),
        ({"KERNEL": "nowhere"}, "x86_64", "KERNEL=nowhere: no such folder"),
        ({"KERNEL": "stubs"}, "x86_64", "KERNEL=stubs: no build folder (no .config there)"),
        ({"KERNEL": "build"}, "arm64-4k", "KERNEL=build: its .config is not one of arm64-4k"),
        ({"KERNEL": "build"}, "x86_64", "KERNEL=build: no link to its source tree"),
        ({"MODULE": "nowhere.ko"}, "x86_64", "MODULE=nowhere.ko: no such file"),
        ({"MODULE": "config"}, "x86_64", "MODULE=config: no such file, or no kernel module"),
    ],
)
def test_what_cannot_be_used_is_refused_in_a_line(
    prepare, series, build, tmp_path, variables, kind, reason
):
    (series / ".config").write_text("")
    (tmp_path / "config").write_text("CONFIG_MMU=y\n")
    ran = prepare("--check", kind, **variables)
    assert ran.returncode == 1
    assert ran.stderr.startswith("prepare.sh: ")
    assert reason in ran.stderr
    assert ran.stderr.count("\n") == 1


def test_a_build_without_an_image_is_told(prepare, build):
    (build / "arch/x86/boot/bzImage").unlink()
    ran = prepare("x86_64", KERNEL=build)
    assert (
        ran.stderr
        == f"prepare.sh: KERNEL={build}: no arch/x86/boot/bzImage there; build it first\n"
    )


@pytest.mark.slow  # a build, as above
def test_what_a_built_kernel_lacks_is_told(prepare, build, series):
    (build / "source").symlink_to(series)
    ran = prepare("x86_64", KERNEL=build, MODULE="none")
    assert ran.returncode == 0, ran.stderr
    assert "CONFIG_KEXEC_HANDOVER=y is not what the kernel has" in ran.stderr
    assert "LOCALVERSION" not in ran.stderr
    assert "x86_64: MEMORY_FAILURE_KHO is off (MEMORY_FAILURE_KHO depends on" in ran.stderr


@pytest.mark.parametrize(
    ("config", "release", "reason"),
    [
        ("", "7.3.4", "loads no modules (CONFIG_MODULES)"),
        ("CONFIG_MODULES=y\n", "7.1.0", "built for 7.1.0, and the kernel of x86_64 is 7.3.4"),
        ("CONFIG_MODULES=y\n", "7.3.4", ""),
    ],
)
@pytest.mark.slow  # a build, as above
def test_a_module_must_fit(prepare, build, series, tmp_path, config, release, reason):
    (build / "source").symlink_to(series)
    with (build / ".config").open("a") as file:
        file.write(config)
    module = tmp_path / "my consumer.ko"
    module.write_bytes(b"\x7fELF\0license=GPL\0vermagic=%s SMP\0" % release.encode())
    ran = prepare("x86_64", KERNEL=build, MODULE=module)
    if reason:
        assert ran.returncode == 1
        assert ran.stderr.splitlines()[-1].endswith(reason)
    else:
        assert ran.stdout.rstrip("\n").split(" ", 3)[3] == str(module)


# --- What a failure says --------------------------------------------------------------------------


def saw(*generations):
    lines = [
        f"[    1.0{n}] hwpkho: saw generation {n} poisoned {poisoned} in {came} out {out}\n"
        for n, (poisoned, came, out) in enumerate(generations, 1)
    ]
    return "[    0.5] Memory failure: 0x1: hwpoison free page\n" + "".join(lines)


@pytest.mark.parametrize(
    ("log", "begins"),
    [
        (saw((23, "no", "no"), (0, "no", "no")), "this kernel has no producer: 23 pages were"),
        (saw((23, "no", "no")), "this kernel has no producer"),
        (saw((23, "no", "yes"), (0, "yes", "no")), "this kernel has no consumer: 23 pages"),
        (saw((23, "no", "yes"), (0, "no", "no")), "the second kernel was handed no hwpoison"),
        (saw((23, "unknown", "unknown"), (0, "unknown", "unknown")),
         "this kernel has no producer or no consumer"),
        (saw((0, "no", "no")), "this kernel poisoned no page"),
    ],
)  # fmt: skip
def test_what_a_kernel_lacks_is_said(log, begins):
    told = certain(own.lacking(log, "MEMORY_FAILURE_KHO is off"))
    assert told.startswith(begins)
    assert "\n" not in told
    if "has no" in begins:
        assert "MEMORY_FAILURE_KHO is off" in told
        assert "CONFIG=FILE" in told
        assert "It said nothing about it." in told


@pytest.mark.parametrize(
    "log",
    [
        saw((23, "no", "yes"), (23, "yes", "yes")),
        saw((23, "no", "yes"), (22, "yes", "yes")),  # the comparison says which
        saw((23, "unknown", "unknown"), (23, "unknown", "unknown")),
        saw((23, "no", "yes")),  # no second kernel: the log says why
        "Kernel panic\n",
    ],
)
def test_a_kernel_that_lacks_nothing_is_not_accused(log):
    assert own.lacking(log, "") is None


def test_a_kernels_own_words_are_repeated():
    log = "[    1.5] hwpoison-kho: metadata version 3490578157 not supported (expected 1)\r\n"
    assert own.words(log + saw()) == (
        "It said: hwpoison-kho: metadata version 3490578157 not supported (expected 1)."
    )


# --- The page -------------------------------------------------------------------------------------


def test_the_page_names_only_what_is_there():
    paths = re.findall(r"`((?:[.\w-]+/)+[\w.-]+)`", PAGE)
    ours = [p for p in paths if p.split("/")[0] not in ("lib", "~")]
    assert len(ours) > 8
    assert [p for p in ours if not (ROOT / p).exists()] == []


def test_the_page_has_every_variable():
    exported = re.search(r"^export (LINUX_SRC.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    head = (RIG / "prepare.sh").read_text().partition("set -euo")[0]
    names = certain(exported)[1].split()
    assert [name for name in names if f"| `{name}=" not in PAGE] == []
    assert [name for name in names if f"# {name}=" not in head] == []


def test_the_page_quotes_what_is_said():
    said = re.sub(r'"\s+f?"', "", "".join(p.read_text() for p in RIG.glob("*.py")))
    section = PAGE.partition("### How failures read")[2].partition("\n### ")[0]
    quoted = re.findall(r"^\| `([^`…]*)…?` \|", section, re.MULTILINE)
    assert len(quoted) >= 6
    assert [q for q in quoted if q.strip(" :") not in said] == []


# --- Through UEFI firmware ------------------------------------------------------------------------


def test_the_code_is_an_efi_application():
    """What firmware looks at (UEFI 2.10, 2.1.1): machine, subsystem, entry, and one section."""
    code = bytes(range(256)) * 20
    raw = pe.application(code)
    at = int.from_bytes(raw[60:64], "little")
    assert raw[at : at + 6] == b"PE\0\0\x64\x86"
    (options,) = struct.unpack_from("<H", raw, at + 20)
    magic, entry, whole = (struct.unpack_from("<I", raw, at + 24 + n)[0] for n in (0, 16, 56))
    assert (magic & 0xFFFF, struct.unpack_from("<H", raw, at + 92)[0]) == (0x20B, 10)
    size, rva, _, offset = struct.unpack_from("<IIII", raw, at + 24 + options + 8)
    assert (rva, rva + size, offset + size) == (entry, whole, len(raw))
    assert raw[offset : offset + len(code)] == code


def test_a_guest_prints_its_memory_map_among_other_lines():
    log = "[    1.0] a : b\r\n00001000-0009ffff : System RAM\n  00002000-3 : Kernel code\nhwpkho: x"
    assert test_efi_table.iomem(log).splitlines() == [
        "00001000-0009ffff : System RAM",
        "  00002000-3 : Kernel code",
    ]
