"""The controller detective on a phone: a real browser, a simulated lift whose controller no map of ours fits."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.map_files import load_register_map
from edge_agent.cli.settings_file import load_settings
from edge_agent.settings import ModbusSettings
from tests.box_page.site import BoxSite
from tests.box_page.test_in_browser import PHONE, english_in, inside, no_sideways_scroll, phone
from tests.calibration.nobody_knows import NOBODY_KNOWS, TRUE
from tests.page.browser import Browser

pytestmark = [pytest.mark.system, pytest.mark.timeout(1_200)]

STANDS_S, FAULT_STANDS_S = 4.0, 14.0
FILES = r"/\S+|holding:0x1000-0x107f"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[BoxSite]:
    unknown = tmp_path / "nobody_knows.toml"
    unknown.write_text(NOBODY_KNOWS, encoding="utf-8")
    running = BoxSite(
        tmp_path, lift_arguments=("--map", str(unknown)), signals=("door_open", "door_closed", "inspection")
    )
    text = running.config.read_text(encoding="utf-8")
    running.config.write_text(re.sub(r'map = ".*"', 'map = "nice3000plus"', text), encoding="utf-8")
    running.switch_on()  # no agent: the box is new
    yield running
    running.close()


browser = pytest.fixture(phone, name="browser")


def begins(browser: Browser, site: BoxSite, language: str) -> None:
    """To the controller step, which fails with the map in the settings; then registers are read."""
    inside(browser, site, language, tab="calibrate")
    browser.tap("return document.querySelector('[data-do=open]')")
    browser.tap("return document.querySelector('[data-step=controller]')")
    browser.tap("return document.querySelector('[data-do=begin]')")
    browser.tap("return document.querySelector('[data-do=finish]')")
    browser.wait("return document.querySelector('[data-verdict=failed]')", seconds=60.0)
    browser.tap("return document.querySelector('[data-do=find]')")
    browser.wait("return Number(document.querySelector('#calibrate .row span:last-child')?.innerText) > 3")


def ends(browser: Browser) -> str:
    """What was found."""
    browser.tap("return document.querySelector('[data-do=find_end]')")
    browser.wait("return document.querySelector('#found li')", seconds=120.0)
    return str(browser.run("return document.querySelector('#found').innerText"))


def accepts(browser: Browser, site: BoxSite) -> None:
    """The change of the settings, which was not made before somebody said yes."""
    browser.wait("return document.querySelector('[data-do=accept]')")
    assert browser.run("return innerWidth") == PHONE[0]  # a wider page is zoomed out, and hard to tap
    assert "found_controller" not in site.config.read_text(encoding="utf-8")
    browser.tap("return document.querySelector('[data-do=accept]')")
    site.until(lambda: "found_controller" in site.config.read_text(encoding="utf-8"), "the accepted settings", 20.0)


def stands(site: BoxSite, seconds: float) -> None:
    end_s = time.monotonic() + seconds
    site.until(lambda: time.monotonic() >= end_s, "a stand")


def goes_to(site: BoxSite, landing: int) -> None:
    site.lift.tell(f"ride to={landing}")
    site.until(lambda: site.lift.is_at(f"floor {landing + 1},.*door open,"), f"landing {landing}")
    stands(site, STANDS_S)
    site.lift.tell("close_door")
    site.until(lambda: site.lift.is_at("door closed,"), "a shut door")
    stands(site, STANDS_S)


def test_registers_are_read_on_a_phone_and_what_was_not_found_is_said_in_chinese(
    site: BoxSite, browser: Browser
) -> None:
    begins(browser, site, "zh")
    assert english_in(re.sub(FILES, "", browser.text())) == []
    assert no_sideways_scroll(browser)
    found = ends(browser)
    assert found.count("：未找到") == 5
    assert browser.run("return innerWidth") == PHONE[0]
    assert english_in(re.sub(FILES, "", browser.text())) == []
    assert no_sideways_scroll(browser)
    assert browser.run("return document.querySelector('[data-do=accept]')") is None
    assert "found_controller" not in site.config.read_text(encoding="utf-8")
    assert browser.complaints() == []


@pytest.mark.campaign
def test_what_was_found_is_accepted_on_a_phone_and_the_controller_is_looked_at_again_with_it(
    site: BoxSite, browser: Browser
) -> None:
    begins(browser, site, "en")
    for act, state in (("open_door", "door open,"), ("close_door", "door closed,")) * 3:
        site.lift.tell(act)
        site.until(lambda state=state: site.lift.is_at(state), state)  # type: ignore[misc]
        stands(site, STANDS_S)
    found = ends(browser)
    assert re.search(r"door: holding 0x1013.*, confidence \d+ %", found), found
    assert "floor: not found" in found
    accepts(browser, site)
    browser.wait("return document.querySelector('[data-do=finish]')", seconds=60.0)
    assert browser.complaints() == []


@pytest.mark.campaign
def test_a_controller_that_nobody_knows_is_found_on_a_phone_and_confirmed_value_by_value(
    site: BoxSite, browser: Browser
) -> None:
    begins(browser, site, "en")
    for landing in (1, 2, 0, 2, 1, 0, 2, 0):
        goes_to(site, landing)
    for cause in ("brake", "safety_circuit"):
        site.lift.tell(f"travel to=2 stops_with={cause} stops_at=1.5")
        site.until(lambda: site.lift.is_at(r"fault (?!0)"), cause)
        stands(site, FAULT_STANDS_S)
        site.lift.tell("reset")
        site.lift.tell("creep to=0")
        site.until(lambda: site.lift.is_at("floor 1,"), "the lowest landing")
        goes_to(site, 0)
    for word in ("true", "false", "true", "false"):
        site.lift.tell(f"inspection on={word}")
        stands(site, 2 * STANDS_S)
    found = ends(browser)
    for word in ("floor", "direction", "door", "mode", "fault"):
        assert re.search(rf"{word}: holding 0x[0-9a-f]{{4}}.*, confidence \d+ %", found), found
    accepts(browser, site)
    browser.wait("return document.querySelector('[data-do=finish]')", seconds=60.0)
    controller = load_settings(str(site.config)).controller
    assert isinstance(controller, ModbusSettings)
    assert {field.feeds: field.address for field in load_register_map(controller.map_name).fields} == TRUE
    for landing in (1, 0):
        site.lift.tell(f"ride to={landing}")
        site.until(lambda at=landing: site.lift.is_at(f"floor {at + 1},.*door open,"), "a landing")  # type: ignore[misc]
    browser.wait("return document.querySelector('[data-answer=yes]')", seconds=60.0)  # nothing is asked before a trip
    question = "document.querySelector('[data-answer=yes]')?.parentElement.previousSibling.innerText"
    while text := browser.run(f"return {question}"):
        browser.tap("return document.querySelector('[data-answer=yes]')")
        browser.wait(f"return {question} !== arguments[0]", text)
    browser.tap("return document.querySelector('[data-do=finish]')")
    browser.wait("return document.querySelector('[data-verdict=passed]')", seconds=120.0)
    assert browser.complaints() == []
