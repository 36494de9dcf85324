"""What the kernel tests share: prepared kernels, and what a failed test's guest said."""

from __future__ import annotations

import functools
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.kernel import rig

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

#: Kinds of kernels that are wanted; one that is not there fails the run in make kernel-test.
KINDS = os.environ.get("HWPKHO_RIG_KINDS", "arm64-4k arm64-64k x86_64").split()
_REQUIRED = bool(os.environ.get("HWPKHO_KERNELS_REQUIRED"))
_KEEP = os.environ.get("HWPKHO_KEEP")
_LOG_LINES = 120


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder that boots a guest asks for the fixture that gives a kernel."""
    for item in items:
        if "kernel_of" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.kernel)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what the consumer of this test's kernel has nothing to say to."""
    if not isinstance(item, pytest.Function) or not item.get_closest_marker("kernel"):
        return
    kernel = _prepared(item.callspec.params["kind"])
    if isinstance(kernel, str):
        return  # the fixture says it
    if kernel.ours and item.get_closest_marker("own_consumer"):
        pytest.skip("for a kernel with a producer and a consumer of its own: LINUX_SRC=, MODULE=")
    any_other = item.get_closest_marker("any_consumer") or item.get_closest_marker("own_consumer")
    if not kernel.ours and not any_other:
        pytest.skip("reads what our own module says; the consumer here is the kernel's or MODULE=")


@functools.cache
def _prepared(kind: str) -> rig.Kernel | str:
    return rig.prepared(kind) if kind in KINDS else "KINDS does not name it"


@pytest.fixture(scope="session")
def kernel_of() -> Callable[[str], rig.Kernel]:
    """Return a function that gives the kernel of a kind, or skips the test."""

    def give(kind: str) -> rig.Kernel:
        kernel = _prepared(kind)
        if isinstance(kernel, str):
            why = f"no prepared kernel {kind}: {kernel} (make kernel-test)"
            if _REQUIRED and kind in KINDS:
                pytest.fail(why)
            pytest.skip(why)
        return kernel

    return give


@pytest.fixture
def work(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A folder for one guest; dumps of its memory outlive the test in HWPKHO_KEEP only."""
    folder = tmp_path / "guest"
    if _KEEP:
        folder = Path(_KEEP) / re.sub(r"[^\w.-]+", "-", request.node.name).strip("-")
    shutil.rmtree(folder, ignore_errors=True)
    yield folder
    if not _KEEP:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attach what the kernels of a failed test said."""
    report = yield
    used = getattr(item, "funcargs", {})
    if report.when == "call" and report.failed and "work" in used:
        for log in sorted(used["work"].rglob("console*.log")):
            lines = log.read_text(errors="backslashreplace").splitlines()[-_LOG_LINES:]
            report.sections.append((f"kernel log {log.name}", "\n".join(lines)))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Count the damaged handovers by who judged them: only one of the groups is evidence."""
    for group in ("kernel", "consumer"):
        counts = {
            outcome: sum(
                f"-{group}-" in r.nodeid and "test_validate_knew" in r.nodeid
                for r in terminalreporter.stats.get(outcome, [])
                if isinstance(r, pytest.TestReport) and r.when == "call"
            )
            for outcome in ("passed", "failed")
        }
        if any(counts.values()):
            terminalreporter.write_line(
                f"damaged handovers that the {group} judges: validate agrees with "
                f"{counts['passed']}, differs in {counts['failed']}"
            )
