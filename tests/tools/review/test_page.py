"""The page in a real browser: keys, dragging, reloading, a server that goes and comes back."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette", reason="the extra review is not installed")

from benchmarks.browser import AXE, axe_source, chromium, missing

from hdf.tools.review.desk import Desk
from tests.tools.review.serving import (
    FOUND,
    LABELS,
    Fixed,
    Served,
    change,
    films,
    served,
    told,
    wait_for,
)

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as driver:
        yield driver


@contextmanager
def desk_of(folder: Path, count: int = 4, model: Fixed | None = None) -> Iterator[Desk]:
    desk = Desk(films(folder / "films", count), LABELS, folder / "out.csv")
    for item in told(desk.films, model):
        desk.add(item)
    try:
        yield desk
    finally:
        desk.close()


def by_rank(desk: Desk) -> list[dict[str, Any]]:
    return sorted(desk.images(0)["images"], key=lambda image: image["rank"])


class Page:
    """The page as a person meets it."""

    def __init__(self, driver: Any, address: str, folder: Path) -> None:
        self.driver, self.folder = driver, folder
        driver.get_log("performance")
        driver.get(address)
        self.wait_drawn()

    def wait_drawn(self, name: str = "") -> None:
        wait_for(lambda: self.shown and (self.shown == name if name else True))

    def text(self, name: str) -> str:
        return str(self.driver.find_element("id", name).text)

    @property
    def shown(self) -> str:
        return str(self.driver.find_element("id", "film").get_attribute("data-name") or "")

    def press(self, *keys: str) -> None:
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()

    def press_with_control(self, *keys: str) -> None:
        from selenium.webdriver.common.action_chains import ActionChains

        chain = ActionChains(self.driver)
        for key in keys:
            held = ("\ue009", "\ue008") if key.isupper() else ("\ue009",)
            for modifier in held:
                chain.key_down(modifier)
            chain.send_keys(key.lower())
            for modifier in held:
                chain.key_up(modifier)
        chain.perform()

    def drag(self, label: str, edges: str, by: tuple[int, int]) -> None:
        from selenium.webdriver.common.action_chains import ActionChains

        self.press(str(LABELS.index(label) + 1))
        grip = self.driver.find_element(
            "css selector", f"[data-label={label}] [data-edges='{edges}']"
        )
        ActionChains(self.driver).move_to_element(grip).click_and_hold().move_by_offset(
            *by
        ).release().perform()

    def edge(self, label: str, edge: str) -> float:
        grip = f"[data-label={label}] .grip[data-edges={edge}]"
        return float(
            self.driver.find_element("css selector", grip).get_attribute("aria-valuenow") or "nan"
        )

    @property
    def scale(self) -> float:
        """Pixels of the screen for one of the image."""
        return float(self.driver.find_element("id", "film").size["width"]) / 160

    def wait_saved(self) -> None:
        wait_for(lambda: self.text("saved") == "All changes saved")

    def journal(self) -> list[dict[str, Any]]:
        lines = (self.folder / "out.journal.jsonl").read_text().splitlines()[1:]
        return [entry for line in lines if "id" in (entry := json.loads(line))]

    def requests(self) -> list[str]:
        """The addresses that were asked for since the last call."""
        log = self.driver.get_log("performance")
        sent = [json.loads(line["message"])["message"] for line in log]
        asked = [item for item in sent if item["method"] == "Network.requestWillBeSent"]
        return [str(item["params"]["request"]["url"]) for item in asked]

    def errors(self) -> list[str]:
        return [line["message"] for line in self.driver.get_log("browser")]


@pytest.fixture
def page(browser: Any, tmp_path: Path) -> Iterator[Page]:
    with desk_of(tmp_path) as desk, served(desk) as server:
        made = Page(browser, server.address, tmp_path)
        yield made
        assert made.errors() == []


def test_the_most_doubtful_comes_first_and_enter_accepts(page: Page) -> None:
    assert (page.shown, page.text("name")) == ("film-3.png", "film-3.png")
    assert page.text("ratio") == "0.42"
    page.press("\ue007")
    page.wait_drawn("film-2.png")
    page.press("f")
    page.wait_drawn("film-1.png")
    page.wait_saved()
    assert [(e["name"], e["state"], e["corrected"]) for e in page.journal()] == [
        ("film-3.png", "accepted", False),
        ("film-2.png", "flagged", False),
    ]
    assert page.text("counts") == "1 accepted, 1 flagged, 2 open"
    assert page.text("place") == "3 of 4, most doubtful first"
    page.press("\ue007", "\ue007")
    wait_for(lambda: "All images are decided" in page.text("notice"))


def test_a_dragged_edge_moves_and_is_saved(page: Page) -> None:
    by = round(10 * page.scale)
    page.drag("heart", "x0", (by, 7))
    page.wait_saved()
    (entry,) = page.journal()
    x0, y0, x1, y1 = entry["boxes"]["heart"]
    assert (y0, x1, y1) == (50, 110, 90)
    assert x0 == pytest.approx(60 + by / page.scale, abs=0.2)  # a fifth of a pixel
    assert (entry["state"], entry["corrected"]) == ("open", True)
    assert page.text("ratio") == f"{(110 - x0) / 120:.2f}"
    assert page.text("ratio-model") == "model 0.42"
    page.drag("left_lung", "x1 y1", (-by, -by))
    page.wait_saved()
    x1, y1 = page.journal()[-1]["boxes"]["left_lung"][2:]
    assert (x1, y1) == pytest.approx((140 - by / page.scale, 100 - by / page.scale), abs=0.2)


def test_the_ratio_follows_while_dragging(page: Page) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    grip = page.driver.find_element("css selector", "[data-label=heart] [data-edges=x1]")
    ActionChains(page.driver).move_to_element(grip).click_and_hold().move_by_offset(
        round(12 * page.scale), 0
    ).perform()
    assert page.text("ratio") == "0.52"
    assert page.journal() == []
    ActionChains(page.driver).release().perform()
    wait_for(page.journal)


def test_a_box_is_moved_by_its_name_and_stays_in_the_image(page: Page) -> None:
    page.drag("right_lung", "all", (round(-30 * page.scale), 0))
    page.wait_saved()
    assert page.journal()[0]["boxes"]["right_lung"] == [0, 20, 50, 100]


def test_reset_takes_boxes_and_decision_back(page: Page) -> None:
    page.drag("heart", "y1", (0, 20))
    page.press("\ue007")
    page.wait_drawn("film-2.png")
    page.press("\ue012")
    page.wait_drawn("film-3.png")
    assert page.text("state") == "Accepted, corrected"
    page.press("r")
    page.wait_saved()
    last = page.journal()[-1]
    assert (last["state"], last["boxes"], last["corrected"]) == ("open", FOUND, False)


def test_a_reload_keeps_corrections_and_the_place(page: Page) -> None:
    page.press("\ue007")
    page.wait_drawn("film-2.png")
    page.drag("heart", "x1", (30, 0))
    moved = page.edge("heart", "x1")
    assert moved > 110
    page.wait_saved()
    page.driver.refresh()
    page.wait_drawn("film-2.png")
    assert page.edge("heart", "x1") == moved
    assert page.text("counts") == "1 accepted, 0 flagged, 3 open"


def test_edges_are_moved_by_keys_alone(page: Page) -> None:
    grip = page.driver.find_element("css selector", "[data-label=heart] .grip[data-edges=x0]")
    page.driver.execute_script("arguments[0].focus()", grip)
    assert grip.aria_role == "slider" and grip.accessible_name == "heart, left edge"
    page.press("\ue012", "\ue012")
    page.wait_saved()
    assert page.journal()[-1]["boxes"]["heart"] == [58, 50, 110, 90]
    assert page.shown == "film-3.png"


def test_a_box_is_left_out_and_put_back(page: Page) -> None:
    lung = page.driver.find_element("css selector", "#labels label:nth-child(2) input")
    lung.click()
    page.wait_saved()
    assert set(page.journal()[-1]["boxes"]) == {"heart", "right_lung"}
    assert page.text("ratio") == "–"
    lung.click()
    page.wait_saved()
    assert page.journal()[-1]["boxes"] == FOUND


def test_a_note_goes_along(page: Page) -> None:
    page.press("n")
    page.press("rotated film", "\ue007")
    page.press("f")
    page.wait_drawn("film-2.png")
    page.wait_saved()
    assert (page.folder / "out.flagged.csv").read_text() == "name,note\nfilm-3.png,rotated film\n"


def test_arrow_keys_keep_to_the_edge_after_a_note(page: Page) -> None:
    grip = page.driver.find_element("css selector", "[data-label=heart] .grip[data-edges=x0]")
    page.driver.execute_script("arguments[0].focus()", grip)
    page.press("\ue012")
    for key in ("\ue007", "\ue00c"):
        page.press("n")
        page.press("big", key)
        page.press("\ue012")
    slider = page.driver.find_element("id", "brightness")
    page.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", slider)
    slider.click()
    page.press("\ue012")
    page.wait_saved()
    last = page.journal()[-1]
    assert (page.shown, last["note"], last["boxes"]["heart"][0]) == ("film-3.png", "bigbig", 56)


def test_changes_are_undone_and_made_again(page: Page) -> None:
    page.drag("heart", "x0", (-20, 0))
    moved = page.edge("heart", "x0")
    page.press("n")
    page.press("seen", "\ue007")
    page.press("\ue007")
    page.wait_drawn("film-2.png")
    page.press_with_control("z")
    page.wait_drawn("film-3.png")
    assert page.text("state") == "Open, corrected"
    page.press_with_control("z")
    assert page.driver.find_element("id", "note").get_property("value") == ""
    page.driver.find_element("id", "undo").click()
    assert (page.edge("heart", "x0"), page.text("state")) == (60, "Open")
    page.press_with_control("z")  # there is nothing left
    page.press_with_control("y", "Z")
    assert (page.edge("heart", "x0"), page.text("state")) == (moved, "Open, corrected")
    page.drag("heart", "y0", (0, 10))
    page.press_with_control("y")  # a change ends what can be made again
    assert page.text("state") == "Open, corrected"
    page.wait_saved()
    last = page.journal()[-1]
    assert (last["state"], last["note"], last["boxes"]["heart"][0]) == ("open", "seen", moved)
    assert len(page.journal()) == 9


def test_what_another_window_has_decided_is_not_undone(browser: Any, tmp_path: Path) -> None:
    with desk_of(tmp_path) as desk, served(desk) as server:
        page = Page(browser, server.address, tmp_path)
        page.drag("heart", "x0", (-20, 0))
        page.wait_saved()
        elsewhere(server, base=1)
        page.drag("heart", "y0", (0, 10))
        wait_for(lambda: "was changed in another window" in page.text("conflict"))
        page.driver.find_element("id", "conflict-theirs").click()
        page.press_with_control("z")
        assert page.text("state") == "Flagged"
        page.wait_saved()
        assert [entry["revision"] for entry in page.journal()] == [1, 2]
        assert all("409" in line for line in page.errors())


@pytest.mark.parametrize(
    ("spread", "told"), [(1.0, "1 of 2, widest intervals first"), (0.0, "1 of 2")]
)
def test_a_model_without_doubt_is_told_no_doubt(
    browser: Any, tmp_path: Path, spread: float, told: str
) -> None:
    with desk_of(tmp_path, 2, Fixed(math.nan, spread)) as desk, served(desk) as server:
        page = Page(browser, server.address, tmp_path)
        assert page.text("place") == told
        assert not page.driver.find_element("id", "doubt").is_displayed()


def test_zoom_keeps_boxes_on_the_image(page: Page) -> None:
    before = page.scale
    page.press("+", "+")
    assert page.scale == pytest.approx(before * 2.25, rel=0.01)
    page.drag("heart", "x0", (round(5 * page.scale), 0))
    page.wait_saved()
    assert page.journal()[-1]["boxes"]["heart"][0] == pytest.approx(65, abs=0.1)
    page.press("0")
    assert page.scale == pytest.approx(before, rel=0.01)


def test_changes_wait_for_a_server_that_is_gone(browser: Any, tmp_path: Path) -> None:
    with desk_of(tmp_path) as desk:
        with served(desk) as server:
            page = Page(browser, server.address, tmp_path)
            page.press("\ue014", "\ue013", "\ue012")
        page.press("\ue007")
        page.wait_drawn("film-2.png")
        page.drag("heart", "x0", (-20, 0))
        wait_for(lambda: page.text("saved").startswith("Not saved yet: 2 kept here"))
        assert page.journal() == []
        with served(desk, port=server.port):
            page.wait_saved()
        assert [e["name"] for e in page.journal()] == ["film-3.png", "film-2.png"]
        page.errors()  # refused connections are logged


def test_unsent_changes_survive_a_reload(browser: Any, tmp_path: Path) -> None:
    with desk_of(tmp_path) as desk:
        with served(desk) as server:
            page = Page(browser, server.address, tmp_path)
        page.press("\ue007")
        wait_for(lambda: page.text("saved").startswith("Not saved yet: 1"))
        browser.get("about:blank")  # the window is closed
        with served(desk, port=server.port) as server:
            page = Page(browser, server.address, tmp_path)
            wait_for(page.journal)
            page.wait_saved()
        assert [(e["name"], e["state"]) for e in page.journal()] == [("film-3.png", "accepted")]
        page.errors()


def test_a_second_window_is_told_of_the_first(browser: Any, tmp_path: Path) -> None:
    with desk_of(tmp_path) as desk, served(desk) as server:
        page = Page(browser, server.address, tmp_path)
        first = browser.current_window_handle
        elsewhere(server)
        page.drag("heart", "x0", (-20, 0))
        wait_for(lambda: "was changed in another window" in page.text("conflict"))
        assert page.edge("heart", "x0") == 60
        assert page.text("state") == "Flagged"
        browser.find_element("id", "conflict-mine").click()
        page.wait_saved()
        assert page.edge("heart", "x0") < 60
        assert [e["revision"] for e in page.journal()] == [1, 2]
        assert page.journal()[1]["boxes"]["heart"][0] < 60
        browser.switch_to.window(first)
        assert all("409" in line for line in page.errors())


def elsewhere(server: Served, base: int = 0) -> None:
    assert server.json("save", change("film-3.png", state="flagged", base=base))[0] == 200


def test_the_next_eight_images_are_fetched_beforehand_in_their_order(
    browser: Any, tmp_path: Path
) -> None:
    with desk_of(tmp_path, 12) as desk, served(desk) as server:
        page = Page(browser, server.address, tmp_path)
        numbers: list[int] = []

        def fetched(count: int) -> bool:
            found = [url.partition("/picture/")[2] for url in page.requests()]
            numbers.extend(int(number) for number in found if number)
            return len(numbers) >= count

        wait_for(lambda: fetched(9))
        assert numbers == [image["number"] for image in by_rank(desk)[:9]]
        page.press("\ue007")
        wait_for(lambda: fetched(10))
        page.wait_saved()
        fetched(0)
        assert len(numbers) == len(set(numbers)) == 10
        assert page.errors() == []


def test_nothing_leaves_this_machine(page: Page) -> None:
    page.press("\ue007", "?", "\ue00c")
    page.wait_saved()
    addresses = set(page.requests())
    assert len(addresses) > 8
    assert {url.split("/")[2].split(":")[0] for url in addresses} == {"127.0.0.1"}


@pytest.mark.skipif(not axe_source(), reason=f"{AXE} names no axe-core")
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_no_fault(page: Page, width: int) -> None:
    page.driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 800},
    )
    for keys in ((), ("?",)):
        page.press(*keys)
        page.driver.execute_script(axe_source())
        found = page.driver.execute_async_script("axe.run().then(arguments[0])")
        faults = [(item["id"], item["nodes"][0]["html"]) for item in found["violations"]]
        assert not faults
        assert len(found["passes"]) > 10
    page.press("\ue00c")
    page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
