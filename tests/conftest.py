"""What all tests share: unpacked captures and the command line, run in this process."""

from __future__ import annotations

import gc
import importlib
import itertools
import os
import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

from tests.support import ROOT, captures, forked
from tests.support.examples import PROFILE, thinned
from tests.support.program import Result, run_cli

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

#: What make test may come to: 40 s on two idle cores. Raise neither without need.
MOST_TESTS, MOST_SECONDS = 3800, 70

# Two busy cores: time per example says nothing, and a run must end the same way each time. Few
# examples show what a change has broken; make test-thorough looks for what was always wrong.
_EVERY: Any = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
}
settings.register_profile("suite", derandomize=True, max_examples=6, **_EVERY)
settings.register_profile("thorough", derandomize=True, max_examples=300, **_EVERY)
settings.register_profile("random", max_examples=300, **_EVERY)
settings.load_profile(PROFILE)


def pytest_configure() -> None:
    """Let SIGINT end what tests start: a script's background jobs ignore it, and all they start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in ("COLUMNS", "NO_COLOR"):  # the terminal in which tests run is no part of them
        os.environ.pop(name, None)
    os.environ["LC_ALL"] = "C.UTF-8"  # nor is its locale


def pytest_collection(session: pytest.Session) -> None:
    """Collect without searches for cyclic garbage, and every other worker the last files first.

    The searches are a quarter of the time and find next to nothing. In a new checkout pytest
    compiles each file anew, with asserts that say what was compared. Two workers share these six
    seconds: what one has written the other finds.
    """
    gc.disable()
    if os.environ.get("PYTEST_XDIST_WORKER", "gw0")[-1] in "13579":
        for folder in map(Path, session.config.args):
            for path in sorted(folder.rglob("test_*.py"), reverse=True):
                name = path.absolute().relative_to(ROOT).with_suffix("")
                importlib.import_module(".".join(name.parts))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave rows of long tables out of a quick run of the whole suite; of a file all are run."""
    if _quick(config):
        quick, more = thinned(items)
        items[:] = quick
        config.hook.pytest_deselected(items=more)
        if len(quick) > MOST_TESTS:
            raise pytest.UsageError(
                f"{len(quick)} quick tests, at most {MOST_TESTS}: mark those slow that show "
                "more of what others show a part of (CONTRIBUTING.md)"
            )


def _quick(config: pytest.Config) -> bool:
    """Tell whether this is a quick run of the whole suite."""
    return PROFILE == "suite" and config.args == config.getini("testpaths")


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say what a quick run of the whole suite took, whatever else the machine did."""
    if _quick(config):
        used = sum(os.times()[:4])
        terminalreporter.write_line(f"{used:.0f} s of processor time, aim {MOST_SECONDS} s")


def pytest_collection_finish() -> None:
    """Keep the thousands of tests out of every search for cyclic garbage."""
    gc.freeze()
    gc.enable()


def pytest_sessionfinish() -> None:
    """End what tests have started for all of them."""
    forked.close()


@pytest.fixture(autouse=True, scope="session")
def _one_process() -> Generator[None]:
    """Judge a batch in the test's own process unless --jobs says otherwise.

    Two processes more take a third of a second to start.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "sched_getaffinity", lambda _pid: {0})
        yield


@pytest.fixture(autouse=True, scope="session")
def _written_at_leisure() -> Generator[None]:
    """Leave it to the kernel when what a test has written gets to the disk.

    No test cuts the power. What is asked for, and when, is in tests/base/test_output.py.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _descriptor: None)
        yield


_NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def _folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tests")


@pytest.fixture
def tmp_path(request: pytest.FixtureRequest, _folders: Path) -> Path:
    """Return a new folder. Pytest's own lists those of all tests before, each time."""
    name = re.sub(r"\W", "_", request.node.name)[:30]
    folder = _folders / f"{name}-{next(_NUMBERS)}"
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def cli() -> Callable[..., Result]:
    return run_cli


@pytest.fixture(scope="session")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function that gives the path of a capture's memory.elf."""
    folder = tmp_path_factory.mktemp("captures")

    def unpack(name: str) -> Path:
        path: Path = folder / f"{name}.elf"
        if not path.exists():
            path.write_bytes(captures.elf(name))
        return path

    return unpack


@pytest.fixture(scope="session")
def decoded(
    capture: Callable[[str], Path],
) -> Callable[[str], Any]:
    """Return a function that gives the decode document of a capture."""
    documents: dict[str, Any] = {}

    def decode(name: str) -> Any:
        if name not in documents:
            result = run_cli("decode", "--json", capture(name))
            assert result.code in (0, 1), result.err
            documents[name] = result.json
        return documents[name]

    return decode
