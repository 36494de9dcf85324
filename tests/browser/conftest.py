"""A browser for all tests of this folder; where there is none they are skipped and say why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser import chromium

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from playwright.sync_api import Browser


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What opens a page is for make browser-test."""
    for item in items:
        if "page_of" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser() -> Generator[Browser]:
    if why := chromium.missing():
        pytest.skip(why)
    with chromium.browser() as started:
        yield started


@pytest.fixture
def page_of(browser: Browser) -> Callable[..., AbstractContextManager[chromium.Opened]]:
    """Return a function that opens a file: width, scheme, whether scripts run."""

    def opened(
        path: Path, *, width: int = 1280, scheme: chromium.Scheme = "light", script: bool = True
    ) -> AbstractContextManager[chromium.Opened]:
        return chromium.opened(browser, path, width=width, scheme=scheme, script=script)

    return opened


@pytest.fixture(scope="session")
def axe() -> None:
    """Skip a test that asks axe-core where it is not installed."""
    if not chromium.AXE.exists():
        pytest.skip("axe-core is not installed (make browser-test does it where npm is)")
