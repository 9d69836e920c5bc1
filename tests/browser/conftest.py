"""One headless Chromium; each test gets pages of its own, which are watched."""

import os
import pathlib
import shutil
import subprocess
from typing import Any, Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
CALLERWATCH = TARGET / "debug/callerwatch"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--no-sandbox",
]
WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => violations.push(event.violatedDirective));
"""

Report = Callable[..., pathlib.Path]
Open = Callable[..., Page]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The browser, with a fresh profile."""
    if not CHROMIUM:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS, headless=True)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Writes the page of a scan."""
    assert CALLERWATCH.is_file(), f"{CALLERWATCH} is not built: make dev-bootstrap"

    def report(*arguments: str | pathlib.Path) -> pathlib.Path:
        folder = tmp_path_factory.mktemp("report")
        page = folder / "report.html"
        command = [CALLERWATCH, "scan", *arguments, "--no-fetched", "--report", page]
        subprocess.run(command, cwd=ROOT, check=True, timeout=120, stdout=subprocess.DEVNULL)
        return page

    return report


@pytest.fixture(scope="session")
def samples(report: Report) -> pathlib.Path:
    """The page of the sample incident."""
    return report("samples/logs", "--list", "malicious=samples/known-bad.txt")


@pytest.fixture
def show(browser: Browser) -> Iterator[Open]:
    """Shows a page. In the end nothing but it was asked for, and it broke no rule of its own."""
    shown: list[tuple[Page, list[str], list[str], list[str]]] = []

    def show(file: pathlib.Path, fragment: str = "", **options: Any) -> Page:
        context = browser.new_context(**options)
        asked: list[str] = []
        faults: list[str] = []
        context.on("request", lambda request: asked.append(request.url))
        blocked: list[str] = []
        context.on("requestfailed", lambda it: it.failure == "csp" and blocked.append(it.url))
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.add_init_script(WATCH)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("dialog", lambda dialog: faults.append(dialog.message) or dialog.dismiss())
        page.goto(file.as_uri() + fragment)
        shown.append((page, asked, blocked, faults))
        return page

    yield show
    for page, asked, blocked, faults in shown:
        if page.evaluate("window.violations ?? []"):
            faults.append(str(page.evaluate("window.violations")))
        own = page.url.partition("#")[0]
        page.context.close()
        foreign = [url for url in asked if url.partition("#")[0] != own and url not in blocked]
        assert (foreign, faults) == ([], [])
