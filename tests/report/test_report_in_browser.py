"""The pages as Chromium shows them: they load nothing, and everybody can read them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from benchmarks.browser import AXE, axe_source, chromium, missing
from click.testing import CliRunner

from hdf.cli.main import hdf

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())

RECIPE = """\
name: tiny
data:
  loader: {use: phantom, count: 12, size: [64, 64]}
  labels: [heart, left_lung, right_lung]
  image_size: [32, 32]
model:
  backbone: {use: vgg11, width: 0.125}
  head: {use: box_regression, hidden: [8]}
train: {epochs: 2, batch_size: 4, precision: float32}
visualize: []
"""


@pytest.fixture(scope="module")
def axe() -> str:
    """axe-core's source."""
    return axe_source() or pytest.skip(f"{AXE} names no axe-core")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, which writes down what it asks the network for."""
    with chromium() as driver:
        yield driver


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A report, and a comparison."""
    folder = tmp_path_factory.mktemp("pages")
    (folder / "tiny.yaml").write_text(RECIPE)
    for name in ("a", "b"):
        arguments = ["run", str(folder / "tiny.yaml"), "--out", str(folder / name)]
        assert CliRunner().invoke(hdf, arguments, catch_exceptions=False).exit_code == 0
    both = ["compare", str(folder / "a"), str(folder / "b"), "--html", str(folder / "page.html")]
    assert CliRunner().invoke(hdf, both, catch_exceptions=False).exit_code == 0
    return [folder / "a" / "report.html", folder / "page.html"]


def requests(browser: Any) -> set[str]:
    """What a page has asked for since the last call, pictures within it aside."""
    messages = [json.loads(line["message"])["message"] for line in browser.get_log("performance")]
    urls = [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]
    return {url for url in urls if not url.startswith(("data:", "chrome:"))}


def test_nothing_is_asked_for_and_nothing_is_refused(browser: Any, pages: list[Path]) -> None:
    for page in pages:
        requests(browser)
        browser.get(page.as_uri())
        assert requests(browser) == {page.as_uri()}
        assert browser.get_log("browser") == []  # a Content-Security-Policy that is broken is there


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_read_them(browser: Any, axe: str, pages: list[Path], scheme: str) -> None:
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    for page in pages:
        browser.get(page.as_uri())
        browser.execute_script(axe)
        found = browser.execute_async_script("axe.run(document).then(arguments[0])")
        assert found["passes"]
        bad = [item for item in found["violations"] if item["impact"] in ("serious", "critical")]
        assert [(item["id"], item["nodes"][0]["html"]) for item in bad] == []


def test_a_phone_needs_no_sideways_scrolling(browser: Any, pages: list[Path]) -> None:
    phone = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    for page in pages:
        browser.get(page.as_uri())
        assert browser.execute_script("return document.documentElement.scrollWidth") == 390
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


OVERLAPS = """
const found = [];
for (const chart of document.querySelectorAll("svg.chart:not(.key)")) {
  const texts = [...chart.querySelectorAll("text")].map(it => [it.getBoundingClientRect(), it]);
  texts.forEach(([a, one], at) => texts.slice(at + 1).forEach(([b, other]) => {
    if (a.left < b.right && b.left < a.right && a.top + 1 < b.bottom && b.top + 1 < a.bottom)
      found.push(`${one.textContent} / ${other.textContent}`);
  }));
}
return found;
"""


@pytest.mark.parametrize("width", [400, 1200, 1920])
def test_no_text_of_a_chart_lies_on_another(browser: Any, pages: list[Path], width: int) -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    for page in pages:
        browser.get(page.as_uri())
        assert browser.execute_script(OVERLAPS) == []
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_a_wide_screen_is_used(browser: Any, pages: list[Path]) -> None:
    desktop = {"width": 1920, "height": 1080, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", desktop)
    browser.get(pages[0].as_uri())
    rows = browser.execute_script(
        "return ['#iou', '#edges'].map(name => [...document.querySelector(name).parentElement"
        ".querySelectorAll('.charts > *')].map(part => part.getBoundingClientRect()))"
    )
    for row in rows:
        assert len({part["top"] for part in row}) == 1  # all side by side
    assert max(part["right"] for part in rows[1]) - rows[1][0]["left"] > 1500
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_an_image_is_enlarged_without_a_script(browser: Any, pages: list[Path]) -> None:
    browser.get(pages[0].as_uri())
    browser.find_element("css selector", ".open").click()
    large = browser.find_element("css selector", ".viewer:popover-open")
    assert large.size["width"] > 3 * browser.find_element("css selector", ".open").size["width"]
    large.find_element("css selector", "button").click()
    assert browser.find_elements("css selector", ".viewer:popover-open") == []
