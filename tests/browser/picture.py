"""Takes the picture of a report that the documentation shows: `make picture`.

It is of the sample incident, with the first alert open.
"""

import pathlib
import subprocess
import tempfile

from playwright.sync_api import sync_playwright

from .conftest import CALLERWATCH, CHROMIUM, FLAGS, ROOT

PICTURE = ROOT / "docs/report.png"
SCAN = "scan samples/logs --list malicious=samples/known-bad.txt --no-fetched --report"


def take(folder: pathlib.Path) -> None:
    """Scans, opens the page and takes the picture."""
    page_file = folder / "report.html"
    scan = [CALLERWATCH, *SCAN.split(), page_file]
    subprocess.run(scan, cwd=ROOT, check=True, timeout=60, stdout=subprocess.DEVNULL)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 1280})
        page.goto(page_file.as_uri())
        page.locator("#list summary").first.click()
        page.evaluate("document.activeElement.blur()")
        page.screenshot(path=PICTURE)
        browser.close()


if __name__ == "__main__":
    assert CHROMIUM, "no Chromium on this machine: apt-get install chromium"
    with tempfile.TemporaryDirectory() as folder:
        take(pathlib.Path(folder))
    print(f"took {PICTURE.relative_to(ROOT)}")
