"""What the kernel tests share: prepared kernels, and what a failed test's guest said."""

from __future__ import annotations

import functools
import os
import shutil
from typing import TYPE_CHECKING

import pytest
import rig

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from pathlib import Path

#: Kinds of kernels that are wanted; one that is not there fails the run in make kernel-test.
KINDS = os.environ.get("HWPKHO_KINDS", "arm64-4k arm64-64k x86_64").split()
_REQUIRED = bool(os.environ.get("HWPKHO_KERNELS_REQUIRED"))
_LOG_LINES = 120


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder that boots a guest asks for the fixture that gives a kernel."""
    for item in items:
        if "kernel_of" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.kernel)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """With another consumer than ours, nothing can be read from lines of ours in the log."""
    ours = item.get_closest_marker("kernel") and not item.get_closest_marker("any_consumer")
    if ours and os.environ.get("MODULE"):
        pytest.skip("reads what our own module says, and MODULE= puts another in its place")


@functools.cache
def _prepared(kind: str) -> rig.Kernel | None:
    return rig.prepared(kind) if kind in KINDS else None


@pytest.fixture(scope="session")
def kernel_of() -> Callable[[str], rig.Kernel]:
    """Return a function that gives the kernel of a kind, or skips the test."""

    def give(kind: str) -> rig.Kernel:
        kernel = _prepared(kind)
        if kernel is None:
            why = f"no prepared kernel {kind}: make kernel-test"
            if _REQUIRED and kind in KINDS:
                pytest.fail(why)
            pytest.skip(why)
        return kernel

    return give


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Path]:
    """A folder for one guest; dumps of its memory do not outlive the test."""
    folder = tmp_path / "guest"
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attach what the kernels of a failed test said."""
    report = yield
    if report.when == "call" and report.failed and "tmp_path" in getattr(item, "funcargs", {}):
        for log in sorted(item.funcargs["tmp_path"].rglob("console*.log")):
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
