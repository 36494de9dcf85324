"""Debian's Chromium, headless, and what it must find in a page."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Generator

    from playwright.sync_api import Browser, Dialog, Page

HERE = Path(__file__).resolve().parent
AXE = HERE / "node_modules" / "axe-core" / "axe.min.js"
#: A phone, a tablet, a screen: CSS pixels.
WIDTHS = (360, 800, 1280)
#: An A4 page in CSS pixels, less the margins that browsers take.
PAPER = 718
NAMES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--no-sandbox",  # CI runs as root, which Chromium takes only so
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
#: A page that takes longer is no report that anybody waits for.
TIMEOUT = 60_000
Scheme = Literal["light", "dark"]


def missing() -> str | None:
    """Return why no browser can be driven here, None where one can."""
    if find_spec("playwright") is None:
        return "playwright is not installed (make browser-test does it)"
    return None if _program() else f"none of {', '.join(NAMES)} is installed"


def _program() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@contextmanager
def browser() -> Generator[Browser]:
    """Yield a browser with a profile of its own, which is removed."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=_program(), args=list(_FLAGS))
        try:
            yield started
        finally:
            started.close()


@cache
def _checks() -> str:
    return (HERE / "checks.js").read_text()


@dataclass(frozen=True)
class Opened:
    """A page that is open, and what happened since.

    Attributes:
        page: As the driver has it.
        complaints: Errors and warnings of the console, and requests to anything but the file.
    """

    page: Page
    complaints: list[str] = field(default_factory=list)

    def ask(self, check: str) -> list[str]:
        """Return what a check of ``checks.js`` finds wrong."""
        self.page.evaluate(_checks())
        found: list[str] = self.page.evaluate(f"checks.{check}()")
        return found

    def wrong(self) -> list[str]:
        """Return what is wrong with how it looks, and what it asked for."""
        looks = [x for check in ("overflow", "overlaps", "hidden") for x in self.ask(check)]
        return [*self.complaints, *looks]

    def axe(self) -> list[str]:
        """Return what axe-core finds of serious or critical impact."""
        self.page.evaluate(AXE.read_text())
        found: dict[str, Any] = self.page.evaluate("axe.run({resultTypes: ['violations']})")
        return [
            f"{x['impact']}: {x['id']}: {x['help']}: {x['nodes'][0]['html'][:200]} "
            f"({len(x['nodes'])} of them) {x['nodes'][0]['failureSummary'][:300]}"
            for x in found["violations"]
            if x["impact"] in ("serious", "critical")
        ]


@contextmanager
def opened(
    started: Browser,
    path: Path,
    *,
    width: int = 1280,
    scheme: Scheme = "light",
    script: bool = True,
) -> Generator[Opened]:
    """Open a file in a window of its own, without a network."""
    context = started.new_context(
        viewport={"width": width, "height": 800},
        color_scheme=scheme,
        java_script_enabled=script,
        offline=True,
        reduced_motion="reduce",
    )
    try:
        context.set_default_timeout(TIMEOUT)
        page = context.new_page()
        url = path.resolve().as_uri()
        result = Opened(page)

        def heard(kind: str, text: str) -> None:
            if kind in ("error", "warning"):
                result.complaints.append(f"console: {kind}: {text}")

        def asked(dialog: Dialog) -> None:
            heard("error", "dialog")
            dialog.dismiss()

        def requested(where: str) -> None:
            if where.partition("#")[0] != url:
                result.complaints.append(f"request: {where}")

        page.on("console", lambda message: heard(message.type, message.text))
        page.on("pageerror", lambda error: heard("error", str(error)))
        page.on("dialog", asked)
        context.on("request", lambda request: requested(request.url))
        page.goto(url)
        yield result
    finally:
        context.close()
