"""Formats that hwpkho does not read, recognised by their magic, and advice on what to do instead.

A file with such a magic is not raw memory, so the advice must not suggest reading it as such.

Sources: QEMU docs/interop/qcow2.rst, migration/savevm.c; libvirt src/qemu/qemu_saveimage.h; Linux
include/linux/swap.h, kernel/power/swap.c, Documentation/arch/{x86,arm64}; and file(1)'s own list.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.abi import fdt, kho
from hwpkho.abi.boot_params import HEADER, HEADER_MAGIC
from hwpkho.base import unpacking
from hwpkho.base.late import late
from hwpkho.base.options import option, taken
from hwpkho.images.records import LIME

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Bytes at the start of a file that are looked at: the swap signature is at the end of the first
#: page, which may have 64 KiB on arm64.
HEAD = 1 << 16

_VIRSH = "take a dump: virsh dump --memory-only DOMAIN FILE"
_QEMU = "take a dump: dump-guest-memory FILE in QEMU's monitor, or virsh dump --memory-only"
_KDUMP = "take a dump with kdump, or makedumpfile of /proc/vmcore"
_KDUMP_IN_IT = "take a dump with kdump in the guest"
_UNPACK = "unpack it and give what is in it"
_LOG = "give the kernel's log, or rasdaemon's"
_VMCORE = "give the machine's memory: a vmcore, or a dump of the guest"
_DISK = "it holds files and no memory; mount it and give the dump that is on it"


class Foreign(NamedTuple):
    """A format that hwpkho does not read.

    Attributes:
        name: What such a file is, with the article: "a zip archive".
        advice: What the user can do instead.
    """

    name: str
    advice: str

    def __str__(self) -> str:
        return f"{self.name}; {self.advice}"


#: ``(offset, magic, name, advice)``.
_MAGICS: tuple[tuple[int, bytes, str, str], ...] = (
    (0, b"QFI\xfb", "a qcow2 disk image, perhaps with a snapshot of savevm", _QEMU),
    (0, b"QED\0", "a QED disk image", _QEMU),
    (0, b"QEVM", "a migration stream of QEMU (savevm, migrate to a file)", _QEMU),
    (0, b"LibvirtQemudSave", "a guest that libvirt saved (virsh save)",
     f"restore it and {_VIRSH}"),
    (0, b"LibvirtQemudPart", "a guest that libvirt saved, not to its end", _VIRSH),
    (0, b"LinuxGuestRecord", "a guest that Xen saved", _KDUMP_IN_IT),
    (0, b"XenSavedDomain", "a guest that Xen saved", _KDUMP_IN_IT),
    *(
        (0, magic, "a state of a VMware guest (vmss, vmsn)",
         "vmss2core -N6 FILE.vmss FILE.vmem makes an ELF core of it")
        for magic in (b"\xd0\xbe\xd2\xbe", b"\xd1\xba\xd1\xba", b"\xd2\xbe\xd2\xbe",
                      b"\xd3\xbe\xd2\xbe")
    ),
    (0, b"KDMV", "a VMware disk (vmdk)", "the memory is in its vmem and vmss: vmss2core -N6"),
    (0, b"# Disk DescriptorFile", "a VMware disk (vmdk)",
     "the memory is in its vmem and vmss: vmss2core -N6"),
    (0, b"\x7fVirtualBox SavedState", "a state of a VirtualBox guest (sav)",
     "take a dump: VBoxManage debugvm VM dumpvmcore --filename FILE"),
    (64, b"\x7f\x10\xda\xbe", "a VirtualBox disk (vdi)",
     "take a dump: VBoxManage debugvm VM dumpvmcore --filename FILE"),
    (0, b"vhdxfile", "a Hyper-V disk (vhdx)", _VMCORE),
    (0, b"conectix", "a Hyper-V disk (vhd)", _VMCORE),
    (0, b"PAGEDU64", "a crash dump of Windows", _VMCORE),
    (0, b"PAGEDUMP", "a crash dump of Windows", _VMCORE),
    (0, b"MDMP", "a minidump of a Windows process", _VMCORE),
    *(
        (0, magic, "a hibernation file of Windows (hiberfil.sys)", _VMCORE)
        for magic in (b"hibr", b"HIBR", b"wake", b"WAKE", b"RSTR")
    ),
    (0, b"EVF\x09\r\n\xff\0", "a forensic image (EWF, E01)", "ewfexport -t FILE makes it raw"),
    (0, b"\xed\x23\x8f\x61\x73\x01\x19\xa8", "a dump of LKCD", _KDUMP),
    (0, b"sadump\0\0", "a dump of sadump (Fujitsu)",
     "makedumpfile -c FILE NEW makes a kdump file of it"),
    (0, b"\xfd\x23\xf8\x18\x76\x01\x19\xa8", "a dump of s390", "there is no KHO on s390"),
    (0, b"PK\3\4", "a zip archive", _UNPACK),
    (0, b"PK\5\6", "an empty zip archive", _UNPACK),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (0, b"Rar!\x1a\7", "a rar archive", _UNPACK),
    (0, b"\x04\x22\x4d\x18", "lz4-compressed", "unpack it: lz4 -d FILE"),
    (0, b"\x02\x21\x4c\x18", "lz4-compressed", "unpack it: lz4 -d FILE"),
    (0, b"\x89LZO\0\r\n\x1a\n", "lzo-compressed", "unpack it: lzop -d FILE"),
    (0, b"LZIP", "lzip-compressed", "unpack it: lzip -d FILE"),
    (0, b"\x1f\x9d", "compressed by compress(1)", "unpack it: gzip -d FILE"),
    (0, b"]\0\0\x80\0\xff\xff\xff\xff\xff\xff\xff\xff\0", "lzma-compressed",
     "unpack it: xz -d --format=lzma FILE"),
    (0, b"070701", "a cpio archive, perhaps an initramfs", _UNPACK),
    (0, b"070702", "a cpio archive, perhaps an initramfs", _UNPACK),
    (0, b"!<arch>\n", "an ar archive (deb, static library)", _UNPACK),
    (0, b"\xed\xab\xee\xdb", "an rpm package", _UNPACK),
    (0, b"hsqs", "a squashfs file system", _DISK),
    (0, b"XFSB", "an XFS file system", _DISK),
    (1080, b"\x53\xef", "an ext4 file system", _DISK),
    (0x8001, b"CD001", "an ISO 9660 file system", _DISK),
    (0, b"LUKS\xba\xbe", "an encrypted disk (LUKS)", _DISK),
    (512, b"EFI PART", "a disk with a GPT", _DISK),
    (0, b"Salted__", "encrypted by openssl", "decrypt it"),
    (0, b"\x27\x05\x19\x56", "a U-Boot image (uImage)", _VMCORE),
    (56, b"ARM\x64", "a kernel image of arm64", _VMCORE),
    (HEADER, HEADER_MAGIC, "a kernel image of x86 (bzImage)", _VMCORE),
    (0, b"MZ", "a program of Windows or EFI (PE)", _VMCORE),
    *(
        (0, magic, "a program or core of macOS (Mach-O)", _VMCORE)
        for magic in (b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xfe\xed\xfa\xcf")
    ),
    (0, b"\xca\xfe\xba\xbe", "a program of macOS or Java", _VMCORE),
    (0, b"PERFILE2", "data of perf", _VMCORE),
    (0, b"LPKSHHRH", "a journal of systemd",
     "print it: journalctl --file FILE -k > log, and give that"),
    (0, b"SQLite format 3\0", "an SQLite database",
     "of databases hwpkho reads those of rasdaemon (hwpkho list)"),
    (0, b"\xd4\xc3\xb2\xa1", "a capture of a network (pcap)", _VMCORE),
    (0, b"%PDF-", "a PDF", _VMCORE),
    (0, b"\x89PNG\r\n\x1a\n", "a picture (PNG)", "give the text itself, not a picture of it"),
    (0, b"\xff\xd8\xff", "a picture (JPEG)", "give the text itself, not a picture of it"),
)  # fmt: skip

#: Page sizes, and signatures in the last ten bytes of the first page of a swap area.
_PAGES = (4096, 8192, 16384, 65536)
_SUSPENDED = (b"S1SUSPEND", b"S2SUSPEND", b"ULSUSPEND", b"LINHIB0001", b"\xed\xc3\2\xe9\x98V\xe5\f")
_SWAP = (b"SWAPSPACE2", b"SWAP-SPACE")

#: Text files that are not inputs: ``(pattern at the beginning, name, advice)``.
_TEXTS = tuple(
    (late(pattern, re.IGNORECASE), name, advice)
    for pattern, name, advice in (
        (rb"version https://git-lfs\.github\.com/spec/", "a pointer of Git LFS, not the file",
         "git lfs pull fetches it"),
        (rb"/annex/objects/", "a pointer of git-annex, not the file", "git annex get fetches it"),
        (rb"\s*<(?:!doctype html|html|head)\b", "a web page, not the file itself",
         "a login or an error page? download it again"),
        (rb"\s*<domain\b", "the XML of a libvirt domain", "give a dump or a list"),
        (rb"\s*<\?xml\b", "an XML document", "give a dump or a list"),
        (rb"[0-9a-f]{16} [A-Za-z?] \S+\n", "a table of a kernel's symbols (System.map)",
         "give a dump or a list"),
        (rb"MemTotal: ", "/proc/meminfo, which names no page", "give a dump or a list"),
        (rb"processor\s*: 0\n", "/proc/cpuinfo, which names no page", "give a dump or a list"),
        (rb"[0-9a-f]{8,16}-[0-9a-f]{8,16} [r-][w-][x-][ps] ",
         "a process's map of virtual addresses", "give a dump or a list"),
        (rb"#\n# Automatically generated file; DO NOT EDIT", "the configuration of a kernel",
         "give a dump or a list"),
        (rb'\s*\{(?:\s*"(?:case|inputs)"|[^\n]*,\s*"inputs")\s*:', "a manifest of cases", "batch"),
        (rb"(?:\s*#.*\n)*\s*\[\[accept\]\]", "a baseline", "baseline"),
        (rb"-----BEGIN PGP MESSAGE", "encrypted by PGP", "decrypt it"),
        (rb"[0-9a-f]{7,8}:? +[0-9a-f]{4}(?: [0-9a-f]{4}){3}", "a hex dump of a file, not the file",
         "xxd -r makes the file of what xxd printed"),
        (rb"[0-9a-f]{8}  [0-9a-f]{2}(?: +[0-9a-f]{2}){7}", "a hex dump of a file, not the file",
         "give the file itself"),
        (rb"[ \t]*[0-9a-f]{1,4} ?[|,] ?(?:[0-9]{2}/[0-9]{2}/[0-9]{2,4}|pre-init)[^\n]{0,40}[|,]",
         "a BMC's event log (ipmitool sel), which names no page", _LOG),
        (rb"record: +[0-9]+\ndate/time: ", "a BMC's event log (racadm), which names no page", _LOG),
        (rb"(?:[^\n]*\n)?mc[0-9]+: [^\n]{0,200} errors", "what edac-util prints: counts, no page",
         _LOG),
        (rb"first,last,kind,when,source,where\n", "hwpkho's table of a list (csv)",
         "give the list it was made of, or one in the form json"),
        (rb"-- no entries --", "what journalctl prints where it has nothing",
         "run it as root, with -k -b"),
        (rb"dmesg: read kernel buffer failed|cat: /\S+: permission denied",
         "an error message, and nothing else", "run the command as root"),
        (rb"begin [0-7]{3} \S", "a uuencoded file", "uudecode FILE makes the file"),
    )
)  # fmt: skip


#: Option that takes such a file → advice where the running command does not have the option.
_OPTIONS = {
    "batch": "judge its cases: hwpkho validate --batch FILE",
    "baseline": "judge with it: hwpkho validate INPUT --baseline FILE",
}
#: Magics of files that hold memory or a disk in a format of their own: refused even where the user
#: gives the file with an address, as raw memory.
_CONTAINERS = (
    b"QFI\xfb", b"QED\0", b"QEVM", b"LibvirtQemud", b"LinuxGuestRecord", b"\xd0\xbe\xd2\xbe",
    b"\xd1\xba\xd1\xba", b"\xd2\xbe\xd2\xbe", b"\xd3\xbe\xd2\xbe", b"KDMV", b"PAGEDU64",
    b"PAGEDUMP", b"EVF\x09\r\n\xff\0", b"vhdxfile", b"conectix",
)  # fmt: skip


def container(head: bytes) -> Foreign | None:
    """Return the format of a file of :data:`_CONTAINERS` that begins with ``head``, else None."""
    return of(head) if head.startswith(_CONTAINERS) else None


def of(head: bytes) -> Foreign | None:
    """Return the format of a file that begins with ``head`` (``HEAD`` bytes), None if unknown."""
    return next(_found(head), None)


def _found(head: bytes) -> Iterator[Foreign]:
    if _unzipped(head[:1024], len(LIME)) == LIME:
        yield Foreign(
            "a LiME image with compress=1, a zlib stream", "unpack it: pigz -dz < FILE > NEW"
        )
    method = unpacking.method_of(head)  # ``head`` is already unpacked once
    if method is not None:
        yield Foreign(f"compressed twice, with {method.name} inside", "unpack it once")
    for at, magic, name, advice in _MAGICS:
        if head.startswith(magic, at):
            yield Foreign(name, advice)
    if head.startswith(fdt.MAGIC) and kho.is_structure(head):
        yield Foreign("the FDT of a KHO subtree", "give the whole copy of /sys/kernel/debug/kho")
    for page in _PAGES:
        sign = head[page - 10 : page]
        if sign.startswith(_SUSPENDED):
            yield Foreign(
                "a swap area with a hibernated system, whose pages are compressed in it", _KDUMP
            )
        if sign in _SWAP:
            yield Foreign("a swap area", _KDUMP)
    found = text(head)
    if found is not None:
        yield found


def text(head: bytes) -> Foreign | None:
    """Return the kind of a text file that begins with ``head``, None if it is none of these."""
    for starts, name, advice in _TEXTS:
        if starts.match(head):
            return Foreign(name, _option(advice) if advice in _OPTIONS else advice)
    return None


def of_option(head: bytes) -> bool:
    """Tell whether a text that begins with ``head`` is meant for an option: a manifest or baseline.

    It must not be searched for lists or maps: it may contain, say, a kernel's command line.
    """
    return any(advice in _OPTIONS and starts.match(head) for starts, _, advice in _TEXTS)


def _option(name: str) -> str:
    """Return the advice for a file that the option ``name`` takes."""
    return f"give it with {option(name)}" if taken(name) else _OPTIONS[name]


def _unzipped(data: bytes, size: int) -> bytes:
    """Return the first ``size`` unpacked bytes of a zlib stream, none where it is not one."""
    if data[:1] != b"x":
        return b""
    import zlib  # rarely needed

    try:
        return zlib.decompressobj().decompress(data, size)
    except zlib.error:
        return b""
