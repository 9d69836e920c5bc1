"""The page of `scan --report`, used as people use it: by keyboard, on a phone, on paper, at night."""

import json
import pathlib
import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from .conftest import Open, Report

DESKTOP = {"width": 1280, "height": 900}
OPEN_ALL = "document.querySelectorAll('details').forEach((it) => { it.open = true; })"
# Text with less contrast to what is behind it than WCAG asks for at AA.
PALE = """
() => {
  const light = (color) => {
    const parts = color.match(/[\\d.]+/g).map(Number);
    const [r, g, b] = parts.slice(0, 3).map((it) => {
      const part = it / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return { value: 0.2126 * r + 0.7152 * g + 0.0722 * b, alpha: parts.length > 3 ? parts[3] : 1 };
  };
  const behind = (element) => {
    for (let it = element; it; it = it.parentElement) {
      const back = light(getComputedStyle(it).backgroundColor);
      if (back.alpha === 1) return back.value;
    }
    return 1;
  };
  const pale = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.textContent.trim() || !element.checkVisibility()) continue;
    const [high, low] = [light(getComputedStyle(element).color).value, behind(element)].sort((a, b) => b - a);
    const contrast = (high + 0.05) / (low + 0.05);
    if (contrast < 4.5) pale.push(`${contrast.toFixed(2)} ${texts.currentNode.textContent.slice(0, 40)}`);
  }
  return pale;
}
"""


def tab_to(page: Page, selector: str) -> None:
    """Goes on by the tabulator until something has the focus."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("(it) => document.activeElement.matches(it)", selector):
            return
    pytest.fail(f"the tabulator never comes to {selector}")


def processor_secs(page: Page) -> float:
    """How long the page kept a processor busy: what else this machine does is not counted."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    metrics = session.send("Performance.getMetrics")["metrics"]
    return next(it["value"] for it in metrics if it["name"] == "ProcessTime")


def scores(page: Page) -> list[int]:
    """The scores of the alerts that are seen, from the top."""
    seen = page.locator("#list > tbody:visible .score b").all_inner_texts()
    return [int(score) for score in seen]


def test_what_it_tells(samples: pathlib.Path, show: Open) -> None:
    page = show(samples, viewport=DESKTOP)
    expect(page).to_have_title("callerwatch: 6 alerts, 1 of them Critical")
    expect(page.get_by_role("heading", level=1)).to_have_text("6 alerts, 1 of them Critical")
    for title in ("Timeline", "Alerts", "Sources", "What was read"):
        expect(page.get_by_role("heading", level=2, name=title, exact=True)).to_be_visible()
    expect(page.locator(".tiles")).to_contain_text("670")
    expect(page.get_by_role("status")).to_have_text("All 6 shown.")
    table = page.get_by_role("table", name="Alerts", exact=True)
    expect(table.get_by_role("columnheader", name="Score").first).to_be_visible()
    assert scores(page) == [100, 70, 65, 60, 60, 20]
    first = page.locator("#list > tbody").first
    expect(first.locator("details > *").nth(1)).not_to_be_visible()
    first.locator("summary").click()
    expect(first).to_contain_text("+110 in all, kept within 0 to 100")
    expect(first.get_by_role("table", name="Evidence").get_by_role("row")).to_have_count(13)


def test_by_keyboard_alone(samples: pathlib.Path, show: Open) -> None:
    page = show(samples, viewport=DESKTOP)
    tab_to(page, "a.skip")
    tab_to(page, "#text")
    page.keyboard.type("203.0.113.87 attachuserpolicy")
    expect(page.get_by_role("status")).to_have_text("1 of 6 shown.")
    assert scores(page) == [70]
    page.keyboard.press("Control+A")
    page.keyboard.type("nobody at all")
    expect(page.get_by_text("No alert is like that.")).to_be_visible()
    tab_to(page, "#reset")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("All 6 shown.")

    tab_to(page, "th[data-sort=source] button")
    header = page.locator("th[data-sort=source]")
    page.keyboard.press("Enter")
    expect(header).to_have_attribute("aria-sort", "ascending")
    addresses = page.locator("#list > tbody .source .address").all_inner_texts()
    assert addresses[:4] == ["192.0.2.71", "198.51.100.23", "198.51.100.71", "203.0.113.44"]
    page.keyboard.press("Enter")
    expect(header).to_have_attribute("aria-sort", "descending")
    expect(page.locator("#list [aria-sort]")).to_have_count(1)
    tab_to(page, "th[data-sort=calls] button")
    page.keyboard.press("Space")
    expect(page.locator("th[data-sort=calls]")).to_have_attribute("aria-sort", "descending")
    assert scores(page)[:2] == [70, 100]

    tab_to(page, "#list summary")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid", "what has the focus is not seen"
    page.keyboard.press("Enter")
    opened = page.locator("#list details[open]")
    expect(opened).to_have_count(1)
    expect(opened.get_by_role("heading", name="What to do")).to_be_visible()


def test_the_timeline_by_keyboard(samples: pathlib.Path, show: Open) -> None:
    page = show(samples, viewport=DESKTOP)
    tab_to(page, ".slot")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("1 of 6 shown.")
    assert scores(page) == [100]
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("All 6 shown.")
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("document.querySelectorAll('.slot[tabindex=\"0\"]').length") == 1
    page.keyboard.press("Enter")
    expect(page.locator("#period")).to_contain_text("10 Mar 2026, 15:")
    page.locator("#period").click()
    expect(page.get_by_role("status")).to_have_text("All 6 shown.")
    page.get_by_text("The timeline as a table").click()
    expect(page.get_by_role("row", name="1 Critical alert").first).to_be_visible()


def test_filters(samples: pathlib.Path, show: Open) -> None:
    page = show(samples, viewport=DESKTOP)
    page.get_by_role("combobox", name="Severity").select_option("High and above")
    assert scores(page) == [100, 70, 65, 60, 60]
    page.get_by_role("combobox", name="Detection").select_option("error-burst")
    assert scores(page) == [100, 70]
    page.get_by_role("combobox", name="Cloud").select_option("AWS")
    assert scores(page) == [70]
    page.get_by_role("button", name="Show all").click()
    assert scores(page) == [100, 70, 65, 60, 60, 20]
    page.get_by_role("button", name="Open all").click()
    expect(page.locator("#list details[open]")).to_have_count(6)


def test_what_to_do_is_there_to_copy(samples: pathlib.Path, show: Open) -> None:
    page = show(samples, viewport=DESKTOP)
    page.evaluate(OPEN_ALL)
    alert = page.locator("#list > tbody", has_text="203.0.113.87").first
    expect(alert.locator(".runbook")).to_have_count(2)
    expect(alert.locator(".steps dt")).to_contain_text(
        ["AWS: see an event", "AWS: find all its calls", "AWS: make the long-term", "AWS: deny it"]
    )
    for code in alert.locator(".steps code:not(:has(a))").all():
        code.click()
        taken = page.evaluate("getSelection().toString()")
        assert taken.strip() == code.text_content(), "one click takes all of it, in one line"
    links = page.locator("a[href]:not([href^='#'])")
    assert {link.get_attribute("href").split("/")[2] for link in links.all()} == {
        "eu-west-1.console.aws.amazon.com",
        "us-east-1.console.aws.amazon.com",
        "portal.azure.com",
        "console.cloud.google.com",
    }
    # What to do has words that all alerts share, and none is found by them.
    page.get_by_role("searchbox").fill("conditionalaccess")
    expect(page.get_by_role("status")).to_have_text("0 of 6 shown.")


def test_a_link_to_an_alert_opens_it(samples: pathlib.Path, show: Open) -> None:
    page = show(samples, viewport=DESKTOP)
    uid = page.locator("#list > tbody").last.get_attribute("id")
    page = show(samples, f"#{uid}", viewport=DESKTOP)
    expect(page.locator(f"#{uid} details")).to_have_attribute("open", "")
    expect(page.locator(f"#{uid} h3")).to_be_in_viewport()


def test_without_scripts(samples: pathlib.Path, show: Open) -> None:
    page = show(samples, viewport=DESKTOP, java_script_enabled=False)
    assert scores(page) == [100, 70, 65, 60, 60, 20]
    expect(page.locator("#controls")).to_be_hidden()
    expect(page.locator("button:visible")).to_have_count(0)
    page.locator("#list summary").first.click()
    expect(page.locator("#list .evidence").first).to_be_visible()


def test_no_script_but_its_own(samples: pathlib.Path, show: Open, tmp_path: pathlib.Path) -> None:
    text = samples.read_text()
    marks = '<script>window.ran = 1</script><img src="a.png" onerror="window.ran = 2">'
    forged = tmp_path / "forged.html"
    forged.write_text(text.replace("<h1>", f"{marks}<h1>", 1))
    page = show(forged, viewport=DESKTOP)
    page.evaluate(
        """() => {
          const script = document.createElement("script");
          script.textContent = "window.ran = 3";
          document.body.append(script);
          document.body.setAttribute("onclick", "window.ran = 4");
          document.body.click();
        }"""
    )
    assert page.evaluate("window.ran") is None
    blocked = page.evaluate("window.violations.splice(0)")
    assert {"img-src", "script-src-elem", "script-src-attr"} <= set(blocked), blocked
    expect(page.get_by_role("status")).to_have_text("All 6 shown.")


HOSTILE = [
    "<script>window.ran = 1</script>",
    "\"><img src=x onerror='window.ran = 2'>",
    "</script></style></title></textarea><svg onload=window.ran=3>",
    "{{ constructor }} ${window.ran = 4} javascript:alert(1)",
    "\u202ekcab\u2066 \u200b\x1b[31m\r\n\u2028line",
    "w" * 100_000,
    "@here [link](https://example.com) =cmd|' /C calc'!A0",
]


def hostile_records() -> list[dict[str, object]]:
    """Bursts of denied calls, with hostile text in every place of a caller."""
    records: list[dict[str, object]] = []
    for number, text in enumerate(HOSTILE):
        for call in range(20):
            records.append(
                {
                    "eventVersion": "1.11",
                    "userIdentity": {
                        "type": "IAMUser",
                        "arn": f"arn:aws:iam::111111111111:user/{text}",
                        "accountId": text,
                        "userName": text,
                    },
                    "eventTime": f"2026-03-10T10:00:{call:02}Z",
                    "eventSource": f"{text}.amazonaws.com",
                    "eventName": f"{text}{call}",
                    "awsRegion": text,
                    "sourceIPAddress": f"203.0.113.{number}" if number % 2 else text or "x",
                    "userAgent": text,
                    "errorCode": "AccessDenied",
                    "resources": [{"ARN": text, "type": text}],
                    "eventID": f"{number}-{call}-{text}",
                    "eventType": "AwsApiCall",
                    "recipientAccountId": text,
                }
            )
    return records


@pytest.fixture(scope="module")
def hostile(report: Report, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("<b>logs")
    (folder / "a<img src=x onerror=window.ran=5>.json").write_text(
        json.dumps({"Records": hostile_records()})
    )
    (folder / "<i>list.txt").write_text("203.0.113.1\n203.0.113.3\n")
    (folder / "<s>words.txt").write_text("words\n")
    return report(folder, "--list", f"malicious={folder}/<i>list.txt")


def test_text_of_callers_is_text(hostile: pathlib.Path, show: Open) -> None:
    page = show(hostile, viewport=DESKTOP)
    page.evaluate(OPEN_ALL)
    assert page.locator("#list > tbody").count() >= 3
    expect(page.locator("#list")).to_contain_text("<script>window.ran = 1</script>")
    expect(page.locator("#list")).to_contain_text("\\u{202e}kcab")
    expect(page.locator("#reading")).to_contain_text("<i>list: malicious")
    assert page.evaluate("window.ran") is None
    links = page.locator("a[href]:not([href^='#'])").evaluate_all("(all) => all.map((it) => it.href)")
    assert [link for link in links if "/cloudtrailv2/" not in link] == []
    for foreign in ("img", "iframe", "main script", "svg[onload]", "main s", "main i", "[onerror]"):
        assert page.locator(foreign).count() == 0, foreign
    assert page.evaluate("/[\\u202a-\\u202e\\u2066-\\u2069\\u200b\\u001b]/.test(document.body.textContent)") is False
    assert hostile.stat().st_size < 1_000_000
    page.get_by_role("searchbox").fill("window.ran = 2")
    page.locator("th[data-sort=title] button").click()
    assert page.evaluate("window.ran") is None


@pytest.mark.parametrize("width", [320, 360, 768])
def test_on_a_phone(samples: pathlib.Path, hostile: pathlib.Path, show: Open, width: int) -> None:
    for file in (samples, hostile):
        page = show(
            file, viewport={"width": width, "height": 740}, is_mobile=True, has_touch=True
        )
        page.evaluate(OPEN_ALL)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"{wide} wide"
        expect(page.locator("#list > tbody h3").first).to_be_visible()
        page.get_by_role("button", name="Calls", exact=True).tap()
        expect(page.locator("th[data-sort=calls]")).to_have_attribute("aria-sort", "descending")
        expect(page.get_by_role("table", name="Alerts", exact=True)).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark(samples: pathlib.Path, show: Open, scheme: str) -> None:
    page = show(samples, viewport=DESKTOP, color_scheme=scheme)
    page.evaluate(OPEN_ALL)
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == {"light": "rgb(244, 246, 248)", "dark": "rgb(15, 20, 27)"}[scheme]
    assert page.evaluate(PALE) == []
    assert Axe().run(page).response["violations"] == []


def test_on_paper(samples: pathlib.Path, show: Open) -> None:
    page = show(samples, viewport=DESKTOP, color_scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    expect(page.locator("#controls")).to_be_hidden()
    # Shut or not, what they hold is printed.
    for part in (".sum", ".evidence"):
        box = page.locator(f"#list {part}").first.bounding_box()
        assert box and box["height"] > 20, part
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate(PALE) == []
    assert page.pdf(format="A4").count(b"/Type /Page\n") > 3


@pytest.mark.alone
def test_ten_thousand_alerts(report: Report, show: Open, tmp_path: pathlib.Path) -> None:
    records = [
        {
            "eventVersion": "1.11",
            "userIdentity": {"type": "IAMUser", "arn": f"arn:aws:iam::111111111111:user/u{n}", "userName": f"u{n}"},
            "eventTime": f"2026-03-{1 + n % 28:02}T10:{n % 60:02}:00Z",
            "eventSource": "s3.amazonaws.com",
            "eventName": "ListBuckets",
            "awsRegion": "eu-west-1",
            "sourceIPAddress": f"2001:db8:{n // 65536:x}:{n % 65536:x}::1",
            "userAgent": "aws-cli/2.27",
            "eventID": f"many-{n}",
            "eventType": "AwsApiCall",
            "recipientAccountId": "111111111111",
        }
        for n in range(10_200)
    ]
    (tmp_path / "log.json").write_text(json.dumps({"Records": records}))
    (tmp_path / "list.txt").write_text("2001:db8::/32\n")
    file = report(tmp_path / "log.json", "--list", f"malicious={tmp_path}/list.txt")
    assert file.stat().st_size < 64 << 20
    # What any browser takes for as much text, on the machine of this run, which may slow down meanwhile.
    bare = tmp_path / "bare.html"
    bare.write_text(re.sub(r"<script.*?</script>", "", file.read_text(), flags=re.DOTALL))
    before = processor_secs(show(bare, viewport=DESKTOP))
    page = show(file, viewport=DESKTOP)
    expect(page.get_by_role("status")).to_have_text("All 10,000 shown.", timeout=60_000)
    loaded = processor_secs(page)
    expect(page.locator("#alerts .warning")).to_contain_text("200 more are not: 200 High")
    page.get_by_role("searchbox").fill("user/u7777")
    page.locator("th[data-sort=last] button").click()
    expect(page.get_by_role("status")).to_have_text("1 of 10,000 shown.", timeout=60_000)
    used = processor_secs(page)
    reference = (before + processor_secs(show(bare, viewport=DESKTOP))) / 2
    size = file.stat().st_size >> 20
    print(
        f"{size} MiB, {reference:.1f} s without its script: "
        f"loaded in {loaded / reference:.1f} times that, filtered and sorted in {(used - loaded) / reference:.1f}"
    )
    assert loaded < 2.3 * reference and used - loaded < 2.3 * reference
