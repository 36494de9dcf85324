"""Bad pages in what tracing, rasdaemon, ras-mc-ctl and mcelog print."""

from __future__ import annotations

import re
import textwrap

import pytest

from hwpkho.badpages.formats import mcelog, ras_mc_ctl, rasdaemon_log, tracepoint
from hwpkho.badpages.logs.mce import MachineChecks
from hwpkho.badpages.registry import Asked
from hwpkho.badpages.signs import Sign
from hwpkho.errors import InputError
from hwpkho.images.files import HeldBytes
from tests.support import FIXTURES, neighbours
from tests.support.examples import crossed, much
from tests.support.measure import within
from tests.support.neighbours import said

FORMS = {f.name: f for f in (tracepoint.FORM, rasdaemon_log.FORM, ras_mc_ctl.FORM, mcelog.FORM)}
TRUTHS = [truth for form in FORMS for truth in neighbours.samples(form)]
TASK = "           bash-77      [001] d..1.    22.000001: "


@pytest.mark.each
@pytest.mark.parametrize("truth", TRUTHS, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_samples(truth, cli) -> None:
    neighbours.check(cli, truth, truth.parent.name)


def kinds(form: str, text: str) -> set[tuple[int, str]]:
    held = HeldBytes("log", memoryview(text.encode()))
    found = FORMS[form].read(held, Asked())
    return {(p, str(m.kind)) for m in found.mentions for p in range(m.first, m.last + 1)}


DAEMON = "rasdaemon: bash-77 [001] 0.000022: "
NEWER = "rasdaemon[9]:         <...>-77    [001] .....     0.000022 "
DATE = "2025-03-28 13:28:48 +0800"
ROW = f"1 {DATE} "
RECORD = """\
Hardware event. This is not a software error.
MCE 0
CPU 3 BANK 7
MISC {misc:x} ADDR 9440
TIME 1462844438 Tue May 10 01:40:38 2016
MCi status:
{words} error
STATUS {status:x} MCGSTATUS f
"""


@pytest.mark.parametrize(
    ("form", "text", "found"),
    [
        (
            "tracepoint",
            TASK + "memory_failure_event: pfn 0x9: recovery action for huge page: Ignored",
            {(9, "poisoned")},
        ),
        (
            "tracepoint",
            "a 77 [001] 2.000001: ras:memory_failure_event: pfn 0x9: recovery action for 0x1f: 3",
            {(9, "poisoned")},
        ),
        (  # trace_pipe's page 0, and that of perf script
            "tracepoint",
            TASK + "memory_failure_event: pfn 0x0: recovery action for slab page: Ignored",
            {(0, "poisoned")},
        ),
        (
            "tracepoint",
            "a 77 [001] 2.000001: ras:memory_failure_event: pfn 0: recovery action for 0x1f: 3",
            {(0, "poisoned")},
        ),
        (
            "tracepoint",
            TASK
            + "memory_failure_event: pfn 0x9: recovery action for non struct page pfn: Ignored",
            set(),
        ),
        (
            "tracepoint",
            TASK + "mc_event: 1 Uncorrected error:x on y (mc:0 location:0:0:0 address:0x00009440 "
            "grain:8192 syndrome:0x00000000)",
            {(8, "uncorrected"), (9, "uncorrected")},
        ),
        (
            "tracepoint",
            TASK + 'mc_event: error_type=2 msg="x" label="y" address=0x9440 grain_bits=5',
            {(9, "uncorrected")},
        ),
        (
            "tracepoint",
            TASK + "extlog_mem_event: {1} fatal error: unknown physical addr: 0000000000009440 "
            "(mask lsb: c) FRU: 0-0",
            {(9, "uncorrected")},
        ),
        (
            "tracepoint",
            TASK + "mce_record: CPU: 0, MCGc/s: f000c14/5, MC7: bd80000000100090, IPID: "
            "0000000000000000, ADDR: 0000000000009440, MISC: 000000000000008c, SYND: 0, vendor: 0",
            {(9, "uncorrected")},
        ),
        (
            "tracepoint",
            TASK + "cxl_poison: memdev=mem0 trace_type=List region=region5 hpa=0x9000 dpa=0x40 "
            "dpa_length=0x1040 source=Injected",
            {(9, "uncorrected"), (10, "uncorrected")},
        ),
        (
            "rasdaemon-log",
            (
                f"{NEWER}memory_failure_event [ALERT] {DATE} pfn=0x9 page_type=slab page "
                "action_result=Failed"
            ),
            {(9, "poisoned")},
        ),
        (
            "rasdaemon-log",
            (
                f"{NEWER}memory_failure_event {DATE} pfn=0x9 page_type=slab page "
                f"action_result=Failed\n{NEWER}mc_event [CRIT] {DATE} 1 Uncorrected error: x on y "
                f"(mc: 0 location: 0:0 address: 0x0000a440 grain: 5)\n{NEWER}mce_record {DATE} "
                "bank=7, status= bd80000000100090, mci=Uncorrected, cpu= 0, misc= 8c, addr= b440"
            ),
            {(9, "poisoned"), (10, "uncorrected"), (11, "uncorrected")},
        ),
        (
            "rasdaemon-log",
            (
                f"{NEWER}mc_event [CRIT] {DATE} 1 Uncorrected error: x on y (mc: 0 location: 0:0 "
                "address: 0x00009440 grain: 13)"
            ),
            {(8, "uncorrected"), (9, "uncorrected")},
        ),
        (
            "rasdaemon-log",
            (
                f"{DAEMON}mce_record: {DATE} bank=7, status= bd80000000100090, mci=Uncorrected, "
                "mca=x, cpu_type= Intel, cpu= 0, misc= 8c, addr= 9440, mcgstatus= 5"
            ),
            {(9, "uncorrected")},
        ),
        (
            "rasdaemon-log",
            (
                "rasdaemon: [ALERT] Result of offlining page at 0x9000: offlined\n"
                "rasdaemon: [ALERT] Result of offlining page at 0xa000: offline-failed"
            ),
            {(9, "soft-offlined"), (10, "corrected")},
        ),
        (
            "rasdaemon-log",
            (
                "rasdaemon: Result of offlining page at 0x9000 of row socket:0 imc:1 channel:0 "
                f"{'dimm:0 ' * 12}row:77: offlined\n"
                "rasdaemon: page at 0xa000 is already offlined, ignore"
            ),
            {(9, "soft-offlined"), (10, "soft-offlined")},
        ),
        (
            "tracepoint",
            "     0.000 kworker/1:1/77 ras:memory_failure_event(pfn: 9, type: 4, result: 3)",
            {(9, "poisoned")},
        ),
        (
            "tracepoint",
            "0.000 bash/77 ras:memory_failure_event(pfn 0x9: recovery action for dax page: Failed)",
            {(9, "poisoned")},
        ),
        (
            "tracepoint",
            '0.000 bash/77 ras:mc_event(error_type: 1, msg: "x", address: 0x9440, grain_bits: 13)',
            {(8, "uncorrected"), (9, "uncorrected")},
        ),
        (  # perf trace: signed numbers, without those that are 0
            "tracepoint",
            (
                "0.000 swapper/0 mce:mce_record(mcgcap: 251660820, status: "
                f"{0xBD80000000100090 - (1 << 64)}, addr: {0x9440}, misc: {0x8D}, tsc: 5, cpu: 3)"
            ),
            {(8, "uncorrected"), (9, "uncorrected")},
        ),
        (
            "tracepoint",
            (
                "0.000 swapper/0 mce:mce_record(CPU: 3, MCGc/s: f000814/0, MC7: bd80000000100090, "
                "ADDR/MISC: 0000000000009440/000000000000008c, RIP: 00:<0000000000000000>, TSC: 5)"
            ),
            {(9, "uncorrected")},
        ),
        (  # a field with zeros in front
            "tracepoint",
            f"{TASK}mce_record: bank=07, status=bd80000000100090, addr=9440, misc=8d",
            {(8, "uncorrected"), (9, "uncorrected")},
        ),
        (  # trace-cmd report -R: the fields themselves, decimal but for unsigned long
            "tracepoint",
            (
                f"{TASK}mce_record: mcgcap=251660820 mcgstatus=5 status={0xBD80000000100090} "
                f"addr={0x9440} misc={0x8D} ip=0 bank=7 cpuvendor=0"
            ),
            {(8, "uncorrected"), (9, "uncorrected")},
        ),
        (
            "tracepoint",
            (
                f"{TASK}mce_record: mcgcap=251660820 mcgstatus=5 status={0xBD80000000100135} "
                f"addr={0x9440} misc={0x9000000000} ip=0 bank=2 cpuvendor=2"
            ),
            {(9, "uncorrected")},
        ),
        (
            "tracepoint",
            f"{TASK}extlog_mem_event: err_seq=1 etype=2 sev=1 pa={0x9440} pa_mask_lsb=13 data=",
            {(8, "uncorrected"), (9, "uncorrected")},
        ),
        (
            "tracepoint",
            f"{TASK}extlog_mem_event: err_seq=1 etype=2 sev=2 pa={0x9440} pa_mask_lsb=6 data=ARRAY",
            {(9, "corrected")},
        ),
        (
            "tracepoint",
            f"0.000 a/77 ras:extlog_mem_event(err_seq: 1, etype: 2, pa: {0x9440}, pa_mask_lsb: 6)",
            {(9, "uncorrected")},
        ),
        (
            "tracepoint",
            f"{TASK}cxl_poison: memdev=mem0 trace_type=0 hpa={0x9000} dpa=64 dpa_length=4160",
            {(9, "uncorrected"), (10, "uncorrected")},
        ),
        (
            "tracepoint",
            (
                f"{TASK}cxl_poison: memdev=mem0 trace_type=0 hpa={0x9000} dpa=64 dpa_length=64\n"
                f"{TASK}cxl_poison: memdev=mem0 trace_type=2 hpa={0x9000} dpa=64 dpa_length=64"
            ),
            set(),
        ),
        (
            "tracepoint",
            "0.000 bash/77 memory_failure:memory_failure_event(pfn: 9, type: 4, result: 3)",
            {(9, "poisoned")},
        ),
        (  # what rasdaemon says when it starts
            "rasdaemon-log",
            (
                "rasdaemon[9]: ras:mc_event event enabled\nrasdaemon: Enabled event ras:mc_event\n"
                "rasdaemon: Enabled event mce:mce_record\n"
                "rasdaemon: Enabled event memory_failure:memory_failure_event\n"
                "# cat /sys/kernel/tracing/events/ras/memory_failure_event"
            ),
            set(),
        ),
        (  # events of ras without a page
            "tracepoint",
            f"{TASK}arm_event: affinity level: 0; MPIDR: 0000000081080000; running state: 1",
            set(),
        ),
        (  # AMD's misc is no extent
            "ras-mc-ctl",
            (
                f"{ROW}error: x, CPU 2, bank L3 Cache (bank=8), status=0xfd2048000000010b, "
                "addr=0x00009440, misc=0xd01a000101000054"
            ),
            {(9, "uncorrected")},
        ),
        (  # what a CXL device clears is not what a memory controller reported
            "tracepoint",
            (
                f"{TASK}mc_event: 1 Uncorrected error:x on y (mc:0 location:0:0:0 "
                "address:0x00009440 grain:8 syndrome:0x00000000)\n"
                f"{TASK}cxl_poison: memdev=mem0 trace_type=List region=region5 hpa=0x9000 dpa=0x40 "
                "dpa_length=0x40 source=Injected\n"
                f"{TASK}cxl_poison: memdev=mem0 trace_type=Clear region=region5 hpa=0x9000 "
                "dpa=0x40 dpa_length=0x40 source=Injected"
            ),
            {(9, "uncorrected")},
        ),
        (  # EDAC prints it as UE
            "tracepoint",
            TASK + "mc_event: 1 Deferred error:x on y (mc:0 location:0:0:0 address:0x00009440 "
            "grain:8 syndrome:0x00000000)",
            {(9, "uncorrected")},
        ),
        (
            "ras-mc-ctl",
            f"{ROW}1 Deferred error(s): x at y location: 0:0:0:0, addr 36864, grain 5, syndrome 0 ",
            {(9, "uncorrected")},
        ),
        (
            "ras-mc-ctl",
            f"{ROW}error: pfn=0x9, page_type=unknown page, action_result=Ignored",
            {(9, "poisoned")},
        ),
        (
            "ras-mc-ctl",
            f"Memory failure events:\n{ROW}error:\npfn=0x7f001,\npage_type=x, action_result=y",
            {(0x7F001, "poisoned")},
        ),
        (  # behind what ts, kubectl or a journal adds
            "ras-mc-ctl",
            f"2026-07-30T10:00:00Z {ROW}error: pfn=0x9, page_type=x, action_result=Ignored",
            {(9, "poisoned")},
        ),
        (
            "ras-mc-ctl",
            f"{ROW}1 Uncorrected error(s): x at y location: 0, addr 37952, grain 5, syndrome 0 ",
            {(9, "uncorrected")},
        ),
        (
            "ras-mc-ctl",
            f"{ROW}error: x, bank=7, mci UC, status=0xbd80000000100090, addr=0x00009440, misc=0x8c",
            {(9, "uncorrected")},
        ),
        (
            "ras-mc-ctl",
            f"{ROW}error: type=unknown, severity=fatal, address=0x00009440, fru_id=0",
            {(9, "uncorrected")},
        ),
        (
            "mcelog",
            RECORD.format(misc=0x8D, words="Uncorrected", status=0xBD80000000100090),
            {(8, "uncorrected"), (9, "uncorrected")},
        ),
        (  # in a syslog, without a status
            "mcelog",
            "".join(
                f"May 10 01:40:38 host1 mcelog[7]: {line}\n"
                for line in RECORD.format(misc=0x8C, words="Uncorrected", status=0).splitlines()
                if not line.startswith("STATUS")
            ),
            {(9, "uncorrected")},
        ),
        (
            "mcelog",
            RECORD.format(misc=0x8C, words="Corrected", status=0x9C00004000010090),
            {(9, "corrected")},
        ),
        *(  # in a mail, on a console
            (
                "mcelog",
                "".join(
                    f"{mark}{line}\n"
                    for line in RECORD.format(misc=0x8C, words=words, status=0).splitlines()
                    if not line.startswith("STATUS")
                ),
                {(9, kind)},
            )
            for mark, words, kind in (
                ("> ", "Corrected", "corrected"),
                ("> > ", "Uncorrected", "uncorrected"),
                ("<3>", "Corrected", "corrected"),
                ("<3>", "Uncorrected", "uncorrected"),
            )
        ),
        (
            "mcelog",
            'Per page corrected memory statistics\n9000: total 9 seen "9 in 24h" offline\n',
            {(9, "soft-offlined")},
        ),
        (
            "mcelog",
            (
                "CPU 3\nBANK 7\nTSC 0x1\nMISC 0x8c\nADDR 0x9440\nSTATUS 0xbd80000000100090\n"
                "MCGSTATUS 0x5\nPROCESSOR 0:0x306e4\nTIME 1462844438\n\n"
            ),
            {(9, "uncorrected")},
        ),
    ],
)
def test_what_lines_say(form, text, found) -> None:
    sign = FORMS[form].sniff(text.encode())
    assert isinstance(sign, Sign)
    assert sign.search(text.encode() + b"\n")
    assert kinds(form, text + "\n") == found


@pytest.mark.parametrize(
    "text",
    [
        TASK + "memory_failure_event: pfn 0x77",
        TASK + "memory_failure_event: pf",
        TASK + "memory_failure_event:",
        f"{NEWER}memory_failure_event {DATE} ",
        TASK + "mc_event",
        "perf 77 [001] 2.000001: ras:mc_event:",
        "0.000 bash/77 ras:mc_event(",
        f"{NEWER}mc_event 2025-03-",
        f"{NEWER}mc_event [CRI",
        f"{NEWER}mc_event [CRIT] 2025-",
        f"{NEWER}mc_event {DATE} 1 Unc",
        TASK + "mc_event: 1 Uncorrected error",
        TASK + "cxl_general_media: memdev=mem0 dpa=1000 descriptor='UNCORRECTABLE EVE",
        f"{NEWER}mce_record {DATE} bank=7, mci=Uncorrected_error, mcgstatus=0, sta",
        f"{NEWER}memory_failure_event\n2025-03-28 13:28:48 host1 pfn=0x9 page_type=slab page",
        # Cut off above the address, in a line that another program's or none follows.
        f"{ROW}error: MEMORY CONTROLLER RD_CHANNEL0_ERR Transaction: Memory read error",
        f"{ROW}error: x, bank=7, mci Uncorrected_error Error_enabled SRAR\n\naddr=0x00009440",
        f"{ROW}error: memdev=mem0, host=x, trace_type=List,\nNo MCE errors.\nhpa=0x9000, ",
        f"{ROW}1 Uncorrected error(s): x at y\n[    1.000000] location: 0, addr 37952, grain 5, s",
        f"{TASK}mce_record: CPU: 3, MCGc/s: f000c14/5, MC7:\n{TASK}foo: ADDR: 9440",
        f"{TASK}cxl_dram: memdev=mem0 host=x log=Fatal :",
        f"{TASK}extlog_mem_event: {{1}} fatal error: multi-bit ECC\n\nphysical addr: 0x9440",
        "rasdaemon: [ALERT] Result of offlining page at 0x9000:",
        "rasdaemon: [ALERT] Result of offlining page at 0x9000:\n# ls",
        TASK + "mc_event: 1 Uncorrected error:x on y (mc:0 address:0x00000000 grain:1)",
        TASK + "mc_event: 1 Uncorrected error:x on y (mc:0 location:0:0:0 address:0x0000",
        TASK + "cxl_poison: memdev=mem0 hpa=0xffffffffffffffff dpa=0x40 dpa_length=0x40",
        "No MCE errors.\n" + ROW + "1 Fatal error(s): x at y location: 0, addr 0, grain 0",
        "Memory controller events summary:\n\tUncorrected on DIMM Label(s): 'x'",
        "No MCE errors.\nCXL poison events summary:\n\tmem0 errors: 2\n",
        "MCE records summary:\n\t1 Uncorrected, software restartable error. errors",
        "MCE records summary:\n\t3 Deferred error, no action required. errors",
        "Per page corrected memory statistics:\nuncorrected memory errors:\n\t2 total",
        RECORD.format(misc=0x8C, words="Uncorrected", status=0xB980000000100090),
        # An address of the channel, by the bank's name alone.
        (
            f"{ROW}error: DRAM ECC error, CPU 2, bank Unified Memory Controller (bank=17), mci UC, "
            "status=0xfc2048000000011b, addr=0x00009440, misc=0xd01a000101000000"
        ),
        (
            f"{DAEMON}mce_record: {DATE} Unified Memory Controller V2 (bank=17), status= "
            "fc2048000000011b, DRAM ECC error, cpu_type= AMD Scalable MCA, addr= 9440"
        ),
    ],
)  # fmt: skip
def test_bad_and_no_page_named(text, tmp_path, cli) -> None:
    got = said(cli, tmp_path, text + "\n")
    assert got.code == 3
    assert "is not a PFN" not in got.err


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ("MESSAGE={}\n\n", "_UID=0\n"),
        ("    MESSAGE={}\n", "    _UID=0\n"),
        ('\t"MESSAGE" : "{}",\n', '\t"_UID" : "0",\n'),
    ],
)
def test_a_record_of_mcelog_in_a_journal(said: str, field: str) -> None:
    """Each line of it is an entry of a dozen fields."""
    record = RECORD.format(misc=0x8C, words="Uncorrected", status=0xBD80000000100090)
    text = "".join(said.format(line) + field * 12 for line in record.splitlines())
    assert kinds("mcelog", text) == {(9, "uncorrected")}


def test_a_state_of_mcelog_at_the_end_may_be_cut_off(tmp_path, cli) -> None:
    text = 'Per page corrected memory statistics:\n9440: total 12 seen "12 in 24h" offline'
    problems = {end: said(cli, tmp_path, text + end).json["problems"] for end in ("", "-fa", "\n")}
    codes = {end: "HP612" in {p["code"] for p in found} for end, found in problems.items()}
    assert codes == {"": True, "-fa": True, "\n": False}


def test_a_summary_that_goes_on_and_on_is_given_up(tmp_path, cli) -> None:
    got = said(cli, tmp_path, "Memory failure summary:\n" + "\tFailed errors: 1\n" * 40_000)
    assert got.code == 3
    assert "too many for a log" in got.err
    row = f"{ROW}error: pfn=0x9, page_type=x, action_result=Failed\n"
    assert said(cli, tmp_path, "\tFailed errors: 1\n" * 9 + row).json["pfns"] == [9]


@pytest.mark.parametrize(
    ("text", "when"),
    [
        (f"{ROW}error: pfn=0x9, page_type=x, action_result=Failed\n", "2025-03-28T13:28:48+08:00"),
        (
            RECORD.format(misc=0x8C, words="Uncorrected", status=0xBD80000000100090),
            "2016-05-10T01:40:38Z",
        ),
        (
            f"{NEWER}memory_failure_event [ALERT] {DATE} pfn=0x9 page_type=x action_result=y\n",
            "2025-03-28T13:28:48+08:00",
        ),
        (f"{TASK}memory_failure_event: pfn=0x9 type=1 result=2\n", "boot+22.000001"),
    ],
)
def test_when(text, when, tmp_path, cli) -> None:
    (entry,) = said(cli, tmp_path, text).json["entries"]
    assert (entry["first"], entry["when"]) == (9, when)


_POISON = (
    TASK + "cxl_poison: memdev=mem0 trace_type={} region=r hpa=0x{:x} dpa=0x0 dpa_length=0x{:x}"
)


@pytest.mark.parametrize(
    ("events", "found"),
    [
        ([("List", 0x9000, 64), ("Clear", 0x9000, 64)], set()),
        ([("List", 0x9000, 64), ("List", 0x9040, 64), ("Clear", 0x9000, 64)], {9}),
        ([("List", 0x9000, 64), ("Inject", 0x9FC0, 64), ("Clear", 0x9000, 0x1000)], set()),
        ([("List", 0x9000, 0x80), ("Clear", 0x9000, 64), ("Clear", 0x9040, 64)], set()),
        ([("List", 0x9000, 0x80), ("Clear", 0x9040, 64)], {9}),
    ],
)
def test_a_cleared_line_leaves_the_others_of_its_page(events, found) -> None:
    text = "".join(_POISON.format(*event) + "\n" for event in events)
    assert kinds("tracepoint", text) == {(pfn, "uncorrected") for pfn in found}


def test_an_address_has_64_bits(tmp_path, cli) -> None:
    text = TASK + "mc_event: 1 Uncorrected error:x on y (mc:0 address:99999999999999999999 grain:1)"
    got = said(cli, tmp_path, text + "\n")
    assert (got.code, "beyond 64 bits" in got.err) == (3, True)


@pytest.mark.parametrize(
    "text",
    [
        f"{NEWER}mc_event [CRIT] {DATE} 1 Uncorrected error: x on y (mc: 0 address: 0x?440)",
        "a 77 [001] 2.000001: ras:memory_failure_event: pfn 0x: recovery action for x: Failed",
        f"{NEWER}memory_failure_event [ALERT] {DATE} pfn=0x page_type=x action_result=Failed",
        TASK + "extlog_mem_event: {1} fatal error: unknown physical addr: 00000?9440 (mask lsb: c)",
        "rasdaemon: [ALERT] Result of offlining page at 0x?000: offlined",
        f"{ROW}1 Uncorrected error(s): x at y location: 0:0:0:0, addr ?6864, grain 5, syndrome 0 ",
        f"{ROW}error: type=multi-bit ECC, severity=fatal, address=0x?440, fru_id=0",
        f"{ROW}error: pfn=0x, page_type=x, action_result=Failed",
    ],
)
def test_a_damaged_number_is_said(text, tmp_path, cli) -> None:
    got = said(cli, tmp_path, text + "\n")
    assert got.code == 3
    assert "line 1: " in got.err


def test_a_client_of_mcelog_without_a_table_of_pages(tmp_path, cli, subtests) -> None:
    text = "Memory errors\nSOCKET 0 CHANNEL 1 DIMM any\ncorrected memory errors:\n\t3 total\n"
    text += "uncorrected memory errors:\n\t0 total\n"
    for mark in ("", "> "):
        with subtests.test(repr(mark)):
            quoted = "".join(f"{mark}{line}\n" for line in text.splitlines())
            got = said(cli, tmp_path, quoted)
            assert (got.code, got.json["form"], got.json["pfns"]) == (0, "mcelog", [])
            assert said(cli, tmp_path, quoted.replace("\t0", "\t1")).code == 3


_EXTLOG = TASK + "extlog_mem_event: {{1}} {} error: unknown physical addr: {:016x}{} FRU: 0-0"
_MCE = TASK + "mce_record: CPU: 0, MCGc/s: f000c14/5, MC7: {:016x}, IPID: {:016x}, {}: {}, "
#: Valid and uncorrected, with ADDRV and MISCV; code 0x90 is one of a memory controller.
_UC = 0xBD80_0000_0010_0090


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (_EXTLOG.format("recoverable", 0x9440, " (mask lsb: d)"), {8, 9}),
        (_EXTLOG.format("fatal", 0x9440, " mask: 0xffffffffffffe000"), {8, 9}),
        (_EXTLOG.format("fatal", 0x9440, " (mask lsb: ff)"), {9}),
        (_EXTLOG.format("informational", 0x9440, ""), set()),
        (TASK + "mc_event: error_type=1 address=0x9440 grain_bits=13", {8, 9}),
        (TASK + "mc_event: error_type=1 address=0x9440 grain_bits=99", {9}),
        (TASK + "mc_event: error_type=1 address=0x9440", {9}),
        (TASK + "mc_event: 1 Fatal error:x on y (mc:0 address:0x00009440 grain:3)", {9}),
        (TASK + "mc_event: 1 Info error:x on y (mc:0 address:0x00009440 grain:8)", set()),
        (_POISON.format("List", 0x9000, 0), {9}),
        (_POISON.format("Clear", 0, 64), set()),
        (TASK + "cxl_poison: trace_type=List hpa=0x9000 dpa=0x0", {9}),
        (_MCE.format(_UC, 0, "ADDR", "9440, MISC: 8d"), {8, 9}),
        (_MCE.format(_UC, 0, "ADDR/MISC/SYND", "9440/8d/0"), {8, 9}),
        (_MCE.format(_UC & ~(1 << 59), 0, "ADDR", "9440, MISC: 8d"), {9}),  # MISC is not valid
        (_MCE.format(_UC, 0, "ADDR", "9440, MISC: cc"), {9}),  # an address of no known kind
        (_MCE.format(_UC + 0xE0B - 0x90, 0, "ADDR", "9440"), set()),  # a bus to I/O
        (_MCE.format(_UC + 0x5 - 0x90, 0, "ADDR", "9440"), set()),  # the processor's own
        (_MCE.format(_UC + 0x14 - 0x90, 0, "ADDR", "9440"), set()),  # a TLB
        (_MCE.format(_UC ^ 1 << 61 | 1 << 44, 0, "ADDR", "9440, vendor: 2"), {9}),  # deferred
        (_MCE.format(_UC ^ 1 << 61, 0x9600000000, "ADDR", "9440, vendor: 2"), set()),
        ("rasdaemon: Result of offlining page at a row of no known address", set()),
    ],
)
def test_what_events_name(text, found) -> None:
    named = kinds("rasdaemon-log" if text.startswith("rasdaemon") else "tracepoint", text + "\n")
    assert named == {(pfn, "uncorrected") for pfn in found}


@pytest.mark.parametrize(
    ("text", "said_"),
    [
        (_EXTLOG.format("fatal", 0, ""), "extlog_mem_event: an uncorrected error without an"),
        (
            TASK + "mc_event: error_type=3 address=0x9440",
            "error_type 3 has another meaning in each",
        ),
        (TASK + "cxl_poison: memdev=mem0 dpa=0x40 dpa_length=0x40", "not a host address"),
        (TASK + "cxl_poison: hpa=0x9zz0 dpa=0x40 dpa_length=0x40", "a damaged number"),
        (_POISON.format("List", 0x9000, (1 << 30) + 64), f"an error of {(1 << 30) + 64} bytes"),
        (_MCE.format(_UC & ~(1 << 58), 0, "ADDR", "9440"), "without a physical address"),
        (_MCE.format(_UC, 0, "ADDR", "9440, MISC: 4c"), "without a physical address"),  # linear
        (_MCE.format(_UC, 0, "ADDR", "9440, MISC: bf"), "without a physical address"),  # LSB 63
        (_MCE.format(_UC, 0x9600000000, "ADDR", "9440, vendor: 2"), "a memory-channel address"),
    ],
)
def test_why_an_event_names_no_page(text, said_, tmp_path, cli) -> None:
    got = said(cli, tmp_path, text + "\n")
    assert (got.code, got.err.count("\n")) == (3, 1)
    assert "line 1: " in got.err
    assert said_ in got.err


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("memory_failure_event: pfn\n0x9: recovery action for huge page: Ignored", "poisoned"),
        ("memory_failure_event: pfn 0x9:\nrecovery action for huge page: Ignored", "poisoned"),
        (
            "mc_event: 1 Uncorrected error:x on y (mc:0\naddress:0x00009440 grain:8 syndrome:0x0)",
            "uncorrected",
        ),
    ],
)
def test_an_event_that_a_mail_program_broke(text, found) -> None:
    assert kinds("tracepoint", TASK + text + "\n") == {(9, found)}


@pytest.mark.parametrize(
    ("length", "left"), [(64, {9, 10, 11}), (0x2000, {9, 10, 11}), (0x3000, set())]
)
def test_poison_of_several_pages_stays_until_all_of_it_is_cleared(length, left) -> None:
    events = [("List", 0x9000, 0x3000), ("List", 0xD000, 64), ("Clear", 0x9000, length)]
    text = "".join(_POISON.format(*event) + "\n" for event in events)
    assert kinds("tracepoint", text) == {(pfn, "uncorrected") for pfn in left | {13}}


def test_machine_checks_are_found_by_their_signs_and_needles() -> None:
    """Both stand for an expression that takes longer; they must leave out no line that it finds."""
    needles = re.compile(b"|".join(MachineChecks.needles))
    found: set[str] = set()
    missed = []
    folders = (FIXTURES / "neighbours", FIXTURES / "captures")
    for path in (p for folder in folders for p in folder.rglob("*") if p.is_file()):
        data = path.read_bytes()
        lines = [line.decode("latin-1") for line in data.split(b"\n") if len(line) < 4096]
        for line in lines:
            if match := MachineChecks.start.search(line):
                found.add(match[0][:4])
                needed = "Hardware Error]: " in line
                signed = any(sign in line for sign in MachineChecks.signs)
                if not signed or (needed and not needles.search(f"{line}\n".encode("latin-1"))):
                    missed.append(line)
    assert missed == []
    assert {"ADDR", "Mach", "Hard", "PROC"} <= found, found


_HEADER = "memdev=mem0 host=0000:0d:00.0 serial=0 log=Fatal : time=0 uuid=0 len=128 flags='' : "
_MEDIA = (
    TASK + "cxl_{}: " + _HEADER + "dpa=1e0040 dpa_flags='VOLATILE' descriptor='{}' type='{}' "
    "sub_type='Not Reported' transaction_type='Host Read' channel=0 rank=0 comp_id=00 "
    "hpa={} region=region0 region_uuid=0 cme_count=0"
)
_DAEMON_MEDIA = (
    f"{NEWER}cxl_dram [ERROR] {DATE} memdev:mem0 host:0000:0d:00.0 serial:0x0 log type:Fatal "
    "hdr_handle:0x1 dpa:0x1e0040 dpa_flags:'VOLATILE' descriptor:{} memory_event_type:{} "
    "memory_event_sub_type:Not Reported transaction_type:Host Read hpa:0x{:x} hpa_alias0:0x7000 "
)
_ROW_MEDIA = (
    f"{ROW}error: memdev=mem0, host=0000:0d:00.0, serial=0x0, log=Fatal, hdr_flags=0x0 , "
    "dpa=0x1e0040, dpa_flags: 'VOLATILE' , descriptor_flags: {}, memory event type: {}, "
    "transaction_type: Host Read, channel=0, hpa=0x{:x}, region=region0, hpa_alias0=0x7000, "
)
_UNCORRECTABLE = "UNCORRECTABLE_EVENT"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (_MEDIA.format("general_media", _UNCORRECTABLE, "ECC Error", "9440"), "uncorrected"),
        (_MEDIA.format("dram", f"{_UNCORRECTABLE}|THRESHOLD_EVENT", "ECC Error", "9440"),
         "uncorrected"),
        (_MEDIA.format("dram", "THRESHOLD_EVENT", "Scrub Media ECC Error", "9440"), "corrected"),
        # Linux up to 6.13: no blank.
        (_MEDIA.format("dram", _UNCORRECTABLE, "ECC Error", "9440").replace("=00 hpa", "=03 4dhpa"),
         "uncorrected"),
        # The fields themselves.
        (TASK + "cxl_dram: memdev=mem0 dpa=64 descriptor=3 type=0 hpa=37952 region=x",
         "uncorrected"),
        ('0.0 a/1 cxl:cxl_dram(memdev: "mem0", dpa: 64, descriptor: 3, hpa: 37952, region: "x")',
         "uncorrected"),
        (_MEDIA.format("dram", _UNCORRECTABLE, "Invalid Address", "9440"), None),
        (_MEDIA.format("dram", "", "ECC Error", "ffffffffffffffff"), None),
        (TASK + "cxl_dram: memdev=mem0 dpa=0x40 descriptor=0x1 type=0x0 hpa=0x9440", "uncorrected"),
        (TASK + "cxl_dram: memdev=mem0 dpa=0x40 descriptor=0x2 type=0x0 hpa=0x9440", "corrected"),
        (_DAEMON_MEDIA.format("'UNCORRECTABLE EVENT' 'THRESHOLD EVENT' ", "ECC Error", 0x9440),
         "uncorrected"),
        (_DAEMON_MEDIA.format("'THRESHOLD EVENT' ", "Media ECC Error", 0x9440), "corrected"),
        (_DAEMON_MEDIA.format("'UNCORRECTABLE EVENT' ", "CKID Violation", 0x9440), None),
        (_ROW_MEDIA.format("'UNCORRECTABLE EVENT' ", "ECC Error", 0x9440), "uncorrected"),
        (_ROW_MEDIA.format("'THRESHOLD EVENT' ", "Media ECC Error", 0x9440), "corrected"),
    ],
)  # fmt: skip
def test_media_errors_of_cxl(text, found, tmp_path, cli) -> None:
    got = said(cli, tmp_path, text + "\n", "--kinds", "uncorrected,corrected")
    assert got.code == 0, got.err
    named = {(e["first"], e["last"], e["kind"]) for e in got.json["entries"]}
    assert named == ({(9, 9, found)} if found else set())


@pytest.mark.parametrize(
    "text",
    [
        _MEDIA.format("dram", _UNCORRECTABLE, "ECC Error", "ffffffffffffffff"),
        _MEDIA.format("dram", _UNCORRECTABLE, "ECC Error", "9440").replace("hpa=9440 ", ""),
        _DAEMON_MEDIA.format("'UNCORRECTABLE EVENT' ", "ECC Error", 0),
        _ROW_MEDIA.format("'UNCORRECTABLE EVENT' ", "ECC Error", (1 << 64) - 1),
        _MEDIA.format("dram", _UNCORRECTABLE, "ECC Error", "94?0"),
    ],
)
def test_a_media_error_by_an_address_of_the_device(text, tmp_path, cli) -> None:
    got = said(cli, tmp_path, text + "\n")
    assert got.code == 3
    assert "not a host address" in got.err or "damaged" in got.err


@pytest.mark.parametrize(
    ("event", "harmless"), [("cxl_general_media", {1, 3, 6}), ("cxl_dram", {2, 4, 6})]
)
def test_errors_of_the_access_name_no_page_of_a_cxl_device(event, harmless, subtests) -> None:
    """Fields that are not decoded, as trace-cmd report -R and perf trace have them."""
    for line in (
        TASK + event + ": memdev=mem0 dpa=64 descriptor=1 type={0} transaction_type=1 hpa=37952 x=",
        TASK + event + ": memdev=mem0 dpa=0x40 descriptor=0x1 type=0x{0} sub_type=0x1 hpa=0x9440",
        "0.0 a/1 cxl:" + event + '(memdev: "mem0", dpa: 64, descriptor: 1, type: {0}, hpa: 37952)',
    ):
        with subtests.test(line):
            found = [kinds("tracepoint", line.format(n) + "\n") for n in range(7)]
            assert {n for n in range(7) if not found[n]} == harmless


_PREFIX, _NEW_PREFIX = TASK.strip() + " ", NEWER.strip() + " "
_LONG = (
    f"{ROW}error: pfn=0x9, page_type=already poisoned page, action_result=Ignored",
    (
        f"{ROW}1 Uncorrected error(s): memory read error at CPU_SrcID#0_MC#0_Chan#0_DIMM#0 "
        "location: 0:0:0:-1, addr 37952, grain 5, syndrome 0 area:DRAM"
    ),
    (
        f"{ROW}error: type=multi-bit ECC, severity=recoverable, address=0x00009440, "
        "fru_id=00000000-0000-0000-0000-000000000000, fru_text='', "
    ),
    (
        f"{ROW}error: MEMORY CONTROLLER RD_CHANNEL0_ERR Transaction: Memory read error, mcg "
        "mcgstatus=5, mci Uncorrected_error Error_enabled SRAR, n_errors=1, mcgcap=0x0f000c14, "
        "status=0xbd80000000100090, addr=0x00009440, misc=0x0000008c, walltime=0x5c, "
        "cpu=0x00000003, cpuid=0x00050654, apicid=0x6, bank=0x00000007"
    ),
    (
        f"{ROW}error: memdev=mem0, host=cxl_mem.0, serial=0x0, trace_type=List, region=region0, "
        "region_uuid=x, hpa=0x9000, dpa=0x1000, dpa_length=0x40, source=Injected, flags=0, "
    ),
    _ROW_MEDIA.format("'UNCORRECTABLE EVENT' ", "ECC Error", 0x9440),
    f"{_NEW_PREFIX}memory_failure_event [ALERT] {DATE} pfn=0x9 page_type=x action_result=Recovered",
    (
        f"{_NEW_PREFIX}mce_record [CRIT] {DATE} bank=7, status= bd80000000100090, "
        "MEMORY CONTROLLER "
        "RD_CHANNEL0_ERR, mci=Uncorrected_error Error_enabled SRAR, mca=x, cpu_type= "
        "Skylake server, "
        "cpu= 3, socketid= 0, misc= 8c, addr= 9440, mcgstatus= 5, apicid= 0"
    ),
    (
        f"{_NEW_PREFIX}extlog_mem_event [CRIT] {DATE} 1 recoverable error: multi-bit ECC physical "
        "addr: 0x9440 mask: 0xffffffffffffffc0 a b"
    ),
    (
        f"{_PREFIX}mce_record: CPU: 3, MCGc/s: f000c14/5, MC7: bd80000000100090, IPID: "
        "0000000000000000, ADDR: 0000000000009440, MISC: 000000000000008c, SYND: 0000000000000000, "
        "RIP: 33:<00007f0000001000>, TSC: 0, PPIN: 0, vendor: 0, CPUID: 50654, time: 1, socket: 0, "
        "APIC: 6, microcode: 0"
    ),
    (
        f"{_PREFIX}extlog_mem_event: {{1}} fatal error: multi-bit ECC physical addr: "
        "0000000000009440 "
        "(mask lsb: c) FRU: 0-0"
    ),
    (
        f"{_PREFIX}cxl_poison: memdev=mem0 host=cxl_mem.0 serial=0 trace_type=List region=region0 "
        "region_uuid=0 hpa=0x9000 hpa_alias0=0xffffffffffffffff dpa=0x1000 dpa_length=0x40 "
        "source=Injected flags= overflow_time=0"
    ),
    (
        f"{_PREFIX}cxl_dram: {_HEADER}dpa=1e0040 dpa_flags='VOLATILE' "
        "descriptor='UNCORRECTABLE_EVENT' type='ECC Error' sub_type='Not Reported' "
        "transaction_type='Host Read' channel=0 rank=0 "
        "hpa=9440 region=region0 region_uuid=0"
    ),
)


@pytest.mark.parametrize(("row", "width"), crossed(_LONG, [60, 72, 76, 80, 90], 20))
def test_a_row_that_is_wrapped(row, width, tmp_path, cli, subtests) -> None:
    """Wherever it is broken, its page is named, and no line below is taken for its rest."""
    kind = "poisoned" if "pfn=" in row else "uncorrected"
    lines = textwrap.wrap(row, width, break_long_words=False, break_on_hyphens=False)
    heading = "Memory failure events:\n" if row.startswith(ROW) else ""
    for below in ("", "\n$ ls\na b\n", f"{TASK}sched_switch: addr=9 prev_comm=x\n"):
        with subtests.test(repr(below)):
            got = said(cli, tmp_path, heading + "\n".join(lines) + "\n" + below)
            assert got.code == 0, got.err
            named = [(e["first"], e["last"], e["kind"]) for e in got.json["entries"]]
            assert named == [(9, 9, kind)]


_AT = 0x7F_0010_0000
_NUMBERS = (
    *_LONG,
    (
        f"{_PREFIX}mce_record: CPU: 0, MCGc/s: f000c14/5, MC7: bd800000001000a1, ADDR/MISC/SYND: "
        f"{_AT:016x}/000000000000008d/0, RIP: 33:<00007f0000001000>, TSC: 0, APIC: 6"
    ),
    (
        f"{_PREFIX}mce_record: mcgcap=251660820 mcgstatus=5 status={_UC} addr={_AT} misc=141 ip=0 "
        "bank=7 cpuvendor=0"
    ),
    (
        f"0.000 a/0 mce:mce_record(mcgcap: 251660820, status: {_UC - (1 << 64)}, addr: {_AT}, "
        "misc: 141, tsc: 5, cpu: 3)"
    ),
    (
        f"{_PREFIX}mc_event: 1 Uncorrected error:x on y (mc:0 location:0:0:0 address:0x{_AT:08x} "
        "grain:8192 syndrome:0x00000000)"
    ),
    (
        f"{_PREFIX}mc_event: 1 Uncorrected error:x on y (mc:0 location:0:0:0 address:0x{_AT:08x} "
        "grain:32 syndrome:0x00000000)"
    ),
    f'{_PREFIX}mc_event: error_type=1 msg="x" label="y" address={_AT} grain_bits=13 syndrome=0 x=',
    f'0.000 a/77 ras:mc_event(error_type: 1, msg: "x", address: {_AT}, grain_bits: 13)',
    f"{_PREFIX}extlog_mem_event: err_seq=1 etype=2 sev=1 pa={_AT} pa_mask_lsb=13 data=ARRAY[]",
    f"{_PREFIX}extlog_mem_event: {{1}} fatal error: physical addr: {_AT:016x} (mask lsb: d) FRU: 0",
    f"{_PREFIX}extlog_mem_event: {{1}} fatal error: physical addr: {_AT:016x} (mask lsb: 1a) FRU:",
    f"0.000 a/77 ras:extlog_mem_event(err_seq: 1, etype: 2, pa: {_AT}, pa_mask_lsb: 16)",
    f"{_PREFIX}cxl_poison: memdev=mem0 trace_type=0 hpa={_AT} dpa=64 dpa_length=4160 x=0",
    f"{_PREFIX}cxl_dram: memdev=mem0 dpa=64 descriptor=3 type=0 hpa={_AT} region=x",
    f'0.0 a/1 cxl:cxl_dram(memdev: "mem0", dpa: 64, descriptor: 3, hpa: {_AT}, region: "x")',
    f"{_PREFIX}memory_failure_event: pfn 0x7f00100: recovery action for huge page: Ignored",
    f"rasdaemon: [ALERT] Result of offlining page at 0x{_AT:x}: offlined",
    f"{ROW}1 Uncorrected error(s): x at y location: 0:0, addr {_AT}, grain 13, syndrome 0 x",
)


def _pages_and_problems(form: str, text: str) -> tuple[set[int], set[str]]:
    """Return the ends of the ranges of pages that a log names, and what it has problems with."""
    try:
        found = FORMS[form].read(HeldBytes("log", memoryview(text.encode())), Asked())
    except InputError as error:  # it says that errors have no page, and names none
        return set(), {str(error)}
    pages = {page for m in found.mentions for page in (m.first, m.last)}
    return pages, {problem.message for problem in found.problems}


@pytest.mark.slow
def test_a_number_that_is_wrapped() -> None:
    """Wherever a terminal breaks a number, its page is named, or the break is reported."""
    wrong = []
    for row in _NUMBERS:
        form = "ras-mc-ctl" if row.startswith(ROW) else "tracepoint"
        form = "rasdaemon-log" if row.startswith("rasdaemon") else form
        above = "Memory failure events:\n" if form == "ras-mc-ctl" else ""
        named, always = _pages_and_problems(form, f"{above}{row}\n")
        if not named:
            wrong.append(row)
            continue
        for at in range(
            len(ROW) + 1 if above else row.index("_") + 1 if "_" in row else 9, len(row)
        ):
            in_number = re.match(r"[0-9a-f][0-9]|[0-9][0-9a-f]", row[at - 1 : at + 1])
            if not in_number and at % much(5, 1):
                continue
            for below in ("", "# ls\n"):
                text = f"{above}{row[:at]}\n{row[at:]}\n{below}"
                got, problems = _pages_and_problems(form, text)
                if not got <= named or (in_number and got != named and not problems - always):
                    wrong.append(text)
    assert wrong == []


#: The rows of each table that tells of bad pages, by its heading.
_TABLES = dict(
    zip(
        ("Memory failure", "Memory controller", "Extlog", "MCE", "CXL poison", "CXL DRAM"),
        (row for row in _LONG if row.startswith(ROW)),
        strict=True,
    )
)
_ELSEWHERE = (
    f"PCIe AER events:\n{ROW}0000:00:1c.0 Corrected error: Receiver Error\n\n"
    f"ARM processor events:\n{ROW}error: affinity_level=2, mpidr=0x8, psci_state=0x0\n\n"
    f"CXL generic events:\n{ROW}error: memdev=mem0, log=Fatal, hdr_head_id=0x0, \n\n"
    f"Disk errors:\n{ROW}error: dev=0:0, sector=1, error='x', \n\n"
)


@pytest.mark.slow
@pytest.mark.parametrize("table", _TABLES)
@pytest.mark.parametrize("beneath", ["", "\nNo SIGNAL event.\n", "{}\n"])
def test_a_row_that_is_cut_off_or_broken(table, beneath) -> None:
    """Wherever that is, it is reported, or its page is named; the rows around it are read."""
    lost = []
    other = re.sub(r"0x(0*)9(?=440|000|,)|37952", r"0x\g<1>5", _TABLES[table]).replace(
        "addr 0x5,", "addr 20480,"
    )
    below = beneath.format("3" + other[1:])
    for above in ("", f"{other}\n"):
        row = ("2" if above else "1") + _TABLES[table][1:]
        others = {5} if above or "{" in beneath else set()
        for at in range(1, len(row), much(3, 1)):
            for rest in ("\n", f"\n{row[at:]}\n"):
                text = f"{_ELSEWHERE}{table} events:\n{above}{row[:at]}{rest}{below}"
                got, problems = _pages_and_problems("ras-mc-ctl", text)
                reported = any("lower bound" not in p for p in problems)
                whole = got == others | {9}
                if not (whole or (reported and got in (set(), others))):
                    lost.append((text[len(_ELSEWHERE) :], got, problems))
    assert lost == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "pages", "said"),
    [
        (_ELSEWHERE, set(), ""),
        (_ELSEWHERE + f"PCIe AER events:\n{ROW}\n\nDisk errors:\n{ROW[:20]}", set(), ""),
        ("Memory failure events:\n\nNo MCE errors.\n", set(), "rows are missing"),
        ("Memory controller events:\n" + f"{ROW}1 Corrected error(s): x at", set(), ""),
        # What tail -c leaves; other numbers and dates.
        (f"{ROW[9:]}error: pfn=0x9, page_type=x, action_result=y\n", {9}, ""),
        (f"{ROW}error: pfn=0x9, page_type=x y\n2 2025\nDate: 7 2025-03-28\n", {9}, "broken"),
        (f"{ROW}error: pfn=0x9, page_type=x y\n7\n\nadded at 7 2025-03-28\n", {9}, ""),
        (f"No MCE errors.\n\nMemory failure events:\n{ROW}error: pfn=0x\n9, page_type=", {9}, ""),
        (  # a table with older rows
            (
                f"MCE events:\n{ROW}error: Corrected error, status=0x0\n\nMemory failure events:\n"
                "1 2024-03-28 13:28:48 +0800 error: pfn=0x9, page_type=x, y\n"
            ),
            {9},
            "",
        ),
        (  # the time of the row is that of another boot
            (
                "".join(
                    f"2026-05-10T01:40:3{n}Z host1 kernel: Memory failure: 0x{n}: recovery action "
                    "for x: Ignored\n"
                    for n in range(8)
                )
                + f"\nMemory failure events:\n{ROW}error: pfn=0x9, page_type=x, y\n"
            ),
            {*range(8), 9},
            "",
        ),
    ],
)
def test_what_is_no_row_that_is_cut_off(text, pages, said) -> None:
    got, problems = _pages_and_problems("ras-mc-ctl", text)
    assert got == pages
    assert any(said in p for p in problems) if said else not any("ras-mc" in p for p in problems)


@pytest.mark.slow
@pytest.mark.parametrize(
    "line",
    [
        *("line 42 error: x", "retry 3 2025-03-28 13:28:48", "5 events:", "7 error(s): x", "2 x"),
        *(f"\n{DATE} error: x, status=500, addr=9", f"\n{ROW}x"),
    ],
)
def test_a_log_of_other_programs_is_read(line) -> None:
    """However many of its lines look a bit like rows."""
    text = f"Mar 28 13:00:00 host1 app[1]: {line}\n" * (1 << 15)
    got, problems = _pages_and_problems("ras-mc-ctl", f"{text}{ROW}error: pfn=0x9, page_type=x\n")
    assert (got, len(problems)) == ({9}, 1), problems  # it is a lower bound


@pytest.mark.slow
def test_fillers_within_messages_take_no_time(subtests: pytest.Subtests) -> None:
    begun = {
        "tracepoint": (
            *("mce_record: ", "mce_record: CPU: 1, MC7: bd80000000100090, ", "mc_event: 1 "),
            *("extlog_mem_event: ", "extlog_mem_event: {1} fatal error: ", "cxl_poison: hpa="),
            *("cxl_dram: memdev=mem0 ", "memory_failure_event: pfn", "mc_event"),
        ),
        "rasdaemon-log": (
            *("Result of offlining page at ", "Result of offlining page at 0x9000 of row "),
            *(f"mce_record {DATE} ", f"extlog_mem_event {DATE} ", f"cxl_dram {DATE} memdev:mem0 "),
        ),
        "ras-mc-ctl": (
            *("error: memdev=, dpa=", "error: x, bank ", "error: pfn=", "error: type=x, severity="),
            *("1 Uncorrected error(s): ", "error: x, status="),
        ),
    }
    in_front = {"tracepoint": TASK, "rasdaemon-log": "rasdaemon: ", "ras-mc-ctl": ROW}
    for form, begins in begun.items():
        for begin in begins:
            for filler in (" " * 1400, ", " * 700, "x" * 1400):
                for end in ("x\n", ")\n"):
                    with subtests.test(f"{form}: {begin!r} {filler[:2]!r} {end!r}"):
                        text = (in_front[form] + begin + filler + end) * much(8, 80)
                        within(much(8, 80) * 0.004, lambda: _pages_and_problems(form, text))  # noqa: B023
