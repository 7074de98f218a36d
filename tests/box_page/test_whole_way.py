"""A wrong address put right and a step of the lift done on the page, in a real browser, to the settings file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.box_page.site import BoxSite
from tests.box_page.test_in_browser import inside, phone
from tests.page.browser import Browser

pytestmark = [pytest.mark.system, pytest.mark.timeout(400)]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[BoxSite]:
    running = BoxSite(tmp_path)
    text = running.config.read_text(encoding="utf-8")
    assert "address = 0x53" in text
    running.config.write_text(text.replace("address = 0x53", "address = 0x1d"), encoding="utf-8")
    running.switch_on()  # no agent: the box is new
    yield running
    running.close()


browser = pytest.fixture(phone, name="browser")


def verdict(browser: Browser) -> str:
    return str(browser.wait("return document.querySelector('[data-verdict]')?.dataset.verdict", seconds=120.0))


def test_a_new_box_is_put_right_and_its_doors_are_learned_on_the_phone(site: BoxSite, browser: Browser) -> None:
    inside(browser, site, tab="calibrate")
    browser.tap("return document.querySelector('[data-do=open]')")
    browser.tap("return document.querySelector('[data-do=begin]')")
    assert verdict(browser) == "failed"
    assert "but one answers at 0x53" in browser.text()
    assert "+address = 0x53" in browser.text()
    browser.tap("return document.querySelector('[data-do=accept]')")
    browser.wait("return document.querySelector('[data-verdict=passed]')", seconds=90.0)
    assert "address = 0x53" in site.config.read_text(encoding="utf-8")

    browser.tap("return document.querySelector('[data-step=doors]')")
    browser.tap("return document.querySelector('[data-do=begin]')")
    browser.wait("return document.querySelector('[data-do=finish]')")
    for act, state in (("open_door", "door open,"), ("close_door", "door closed,")) * 3:
        site.lift.tell(act)
        site.until(lambda state=state: site.lift.is_at(state), state)  # type: ignore[misc]
    site.lift.tell("ride to=1")
    site.until(lambda: site.lift.is_at("floor 2,.*door open,"), "the next landing")
    browser.wait("return document.querySelector('#calibrate .bar > div').style.width === '100%'", seconds=60.0)
    browser.tap("return document.querySelector('[data-do=finish]')")
    assert verdict(browser) in ("passed", "doubtful")
    text = browser.text()
    assert re.search(r"\d+(\.\d+)? s", text)
    browser.run("location.hash = 'live'")
    browser.wait("return document.querySelector('#bus .row')")  # live, out of the calibration itself
    assert browser.complaints() == []
