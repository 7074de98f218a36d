"""The page as an installer meets it: a real browser at phone size, a simulated lift, the real agent."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.box_page.site import BoxSite
from tests.page.browser import Browser, why_no_browser

pytestmark = [pytest.mark.system, pytest.mark.timeout(400)]

PHONE = (360, 740)
CODES = r"PIN|SIM|RSSI|RSRP|m/s²?|hPa|dBm|Hz|\b(?:English|demo|waits|Li)\b"
"""Units, names of this test and of parts, and the word that leads back to English."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BoxSite]:
    running = BoxSite(tmp_path_factory.mktemp("box"))
    running.start_agent()
    running.switch_on()
    yield running
    running.close()


def phone() -> Iterator[Browser]:
    """A browser of a phone's size, for a fixture `browser`; where there is none the test skips and says why."""
    why = why_no_browser()
    if why:
        pytest.skip(why)
    window = Browser()
    window.size(PHONE)
    yield window
    window.close()


browser = pytest.fixture(phone, scope="module", name="browser")


def at_door(browser: Browser, site: BoxSite, language: str = "en") -> None:
    browser.driver.delete_all_cookies()
    browser.open(site.url)
    browser.run("localStorage.setItem('lift-page-language', arguments[0])", language)
    browser.driver.delete_all_cookies()
    browser.open(site.url)
    browser.wait("return document.querySelector('#pin')?.offsetParent")


def inside(browser: Browser, site: BoxSite, language: str = "en", tab: str = "state") -> None:
    at_door(browser, site, language)
    browser.type("#who", "Li")
    browser.type("#pin", site.pin())
    browser.tap("return document.querySelector('#enter button')")
    browser.wait("return document.querySelector('#state section')")
    browser.run("location.hash = arguments[0]", tab)


def english_in(text: str) -> list[str]:
    return re.findall(r"[A-Za-z]{2,}", re.sub(CODES, "", text))


def no_sideways_scroll(browser: Browser) -> bool:
    return bool(browser.run("return document.documentElement.scrollWidth <= innerWidth"))


def test_a_wrong_pin_is_refused_and_the_right_one_shows_the_lift(site: BoxSite, browser: Browser) -> None:
    at_door(browser, site)
    assert "waits" not in browser.text()  # nothing of the lift at the door
    browser.type("#pin", "00000000" if site.pin() != "00000000" else "11111111")
    browser.tap("return document.querySelector('#enter button')")
    browser.wait("return document.querySelector('#refused').textContent.includes('4 tries left')")
    inside(browser, site)
    browser.wait("return document.body.innerText.includes('watches this lift')")
    browser.wait("return document.body.innerText.includes('door shut')")
    assert "on for 30 min" in browser.text()
    assert browser.run("return document.cookie") == ""  # no script can read the session
    assert no_sideways_scroll(browser)
    assert browser.complaints() == []


def test_live_values_of_the_running_agent_move(site: BoxSite, browser: Browser) -> None:
    inside(browser, site, tab="live")
    ink = "const c = document.querySelector('#chart-accel'); return c.width && c.toDataURL()"
    browser.wait("return document.querySelector('#bus .row')")
    browser.wait("return document.querySelector('#others .row')")
    first = browser.wait(ink)
    browser.wait(f"return (() => {{ {ink} }})() !== arguments[0]", first)
    site.lift.tell("open_door")
    browser.wait(
        "return [...document.querySelectorAll('#bus .row')].some((row) => /door\\s*open$/.test(row.innerText))"
    )
    site.lift.tell("close_door")
    assert no_sideways_scroll(browser)
    assert browser.complaints() == []


def test_the_chinese_page_has_no_english_left(site: BoxSite, browser: Browser) -> None:
    at_door(browser, site, "zh")
    assert english_in(browser.text()) == []
    inside(browser, site, "zh")
    browser.wait("return document.body.innerText.includes('监测中')")
    assert english_in(browser.text()) == []
    browser.run("location.hash = 'live'")
    browser.wait("return document.querySelector('#bus .row')")
    assert english_in(browser.text()) == []
    browser.run("location.hash = 'calibrate'")
    browser.wait("return document.body.innerText.includes('本梯无人监测')")
    assert english_in(browser.text()) == []
    browser.tap("return document.querySelector('#language')")
    browser.wait("return document.body.innerText.includes('Begin, or go on')")
    assert browser.complaints() == []


def test_an_alarm_is_seen_and_ended_on_the_page(site: BoxSite, browser: Browser) -> None:
    inside(browser, site)
    site.lift.tell("fault of=accelerometer is=absent")
    browser.wait("return document.querySelector('.card')", seconds=60.0)
    assert re.search(r"Sensor fault|sensor", browser.text(), re.IGNORECASE)
    browser.wait("return document.querySelector('[data-end]')", seconds=60.0)
    browser.tap("return document.querySelector('[data-end]')")
    browser.tap("return document.querySelector('[data-sure]')")
    browser.wait("return /Ended: \\d+/.test(document.querySelector('#end-outcome').textContent)")
    site.lift.tell("heal")
    log = (site.folder / "agent.log").read_text(encoding="utf-8")
    site.until(lambda: "Changed at the box: ended on the page" in site.logs(), "record 68")
    assert "ended by Li (page)" in log
    assert browser.complaints() == []


def test_the_calibration_takes_the_devices_and_the_agent_watches_again_by_itself(
    site: BoxSite, browser: Browser
) -> None:
    inside(browser, site, "zh", tab="calibrate")
    browser.tap("return document.querySelector('[data-do=open]')")
    browser.wait("return document.querySelector('[data-step]')", seconds=60.0)
    browser.wait("return !document.querySelector('#unwatched').hidden")
    the_six_sides_can_be_read_at_once(site, browser)
    for step in ("wiring", "mount"):
        browser.tap(f"return document.querySelector('[data-step={step}]')")
        browser.tap("return document.querySelector('[data-do=begin]')")
        browser.wait("return document.querySelector('.bar')")
        browser.wait("return document.querySelector('[data-verdict]')", seconds=90.0)
        text = browser.run("return document.querySelector('#calibrate section').innerText")
        assert browser.run("return document.querySelector('[data-verdict]').dataset.verdict") == "passed", text
        assert english_in(browser.text()) == []
        assert no_sideways_scroll(browser)
    browser.tap("return document.querySelector('[data-do=plots]')")
    browser.wait("return document.querySelector('#plots canvas')")
    browser.tap("return document.querySelector('[data-do=close]')")
    browser.wait("return document.querySelector('[data-do=open]')")
    site.until(lambda: site.agent_word() == "armed", "an agent that watches again")
    browser.wait("return document.querySelector('#unwatched').hidden", seconds=30.0)
    assert browser.complaints() == []


def the_six_sides_can_be_read_at_once(site: BoxSite, browser: Browser) -> None:
    """Each on a line of its own, without scrolling; the one that has lain still is called done."""
    browser.tap("return document.querySelector('[data-step=sides]')")
    browser.tap("return document.querySelector('[data-do=begin]')")
    site.lift.tell("lay_box up=-y")
    rows = "[...document.querySelectorAll('#calibrate .row')]"
    browser.wait(f"return {rows}.some((row) => /^-y 朝上\\s*完成$/.test(row.innerText))", seconds=40.0)
    lines = browser.run(f"return {rows}.map((row) => [row.innerText.trim(), row.getBoundingClientRect().bottom])")
    assert [text.split()[0] for text, _ in lines[1:]] == ["+x", "-x", "+y", "-y", "+z", "-z"]
    assert browser.run(f"return scrollTo(0, 0) ?? {rows}.at(-1).getBoundingClientRect().bottom < innerHeight")
    assert english_in(browser.text()) == []
    assert no_sideways_scroll(browser)
    browser.tap("return document.querySelector('[data-do=leave]')")
    site.lift.tell("lay_box up=mounted")


def test_a_page_that_is_killed_gives_the_lift_back(site: BoxSite, browser: Browser) -> None:
    inside(browser, site, tab="calibrate")
    browser.tap("return document.querySelector('[data-do=open]')")
    browser.wait("return document.querySelector('[data-step]')", seconds=60.0)
    assert site.page is not None
    site.page.kill()
    site.page.wait(10.0)
    site.until(lambda: site.agent_word() == "armed", "an agent that watches again")
    browser.wait("return !document.querySelector('#lost').hidden", seconds=30.0)
    site.switch_on()


def test_a_tap_is_not_lost_when_the_page_changes_under_the_finger(site: BoxSite, browser: Browser) -> None:
    inside(browser, site, tab="calibrate")
    browser.tap("return document.querySelector('[data-do=open]')")
    browser.tap("return document.querySelector('[data-step=doors]')")
    browser.tap("return document.querySelector('[data-do=begin]')")
    gauges = "[...document.querySelectorAll('#calibrate .row')]"
    browser.wait(f"return {gauges}.some((row) => /contact door closed\\s*on$/.test(row.innerText))")
    leave = "return document.querySelector('[data-do=leave]')"
    browser.press(leave)
    where = browser.middle(leave)
    site.lift.tell("open_door")  # the gauges move
    browser.run("return new Promise((go) => setTimeout(go, 1500))")
    browser.release(where)
    browser.wait("return document.querySelector('[data-step]')")
    site.lift.tell("close_door")
    browser.tap("return document.querySelector('[data-do=close]')")
    site.until(lambda: site.agent_word() == "armed", "an agent that watches again")


def test_five_wrong_pins_lock_the_door_and_switching_on_again_gives_no_new_tries(
    site: BoxSite, browser: Browser
) -> None:
    wrong = "00000000" if site.pin() != "00000000" else "11111111"
    for left in (4, 3, 2, 1):
        at_door(browser, site)
        browser.type("#pin", wrong)
        browser.tap("return document.querySelector('#enter button')")
        browser.wait(f"return document.querySelector('#refused').textContent.includes('{left} tries left')")
    browser.type("#pin", wrong)
    browser.tap("return document.querySelector('#enter button')")
    browser.wait("return document.querySelector('#refused').textContent.includes('15 min')")
    assert site.page is not None
    site.page.terminate()
    assert site.page.wait(20.0) == 0
    site.switch_on()
    at_door(browser, site, "zh")
    browser.type("#pin", site.pin())
    browser.tap("return document.querySelector('#enter button')")
    browser.wait("return document.querySelector('#refused').textContent.includes('15 分钟')")


def test_no_socket_listens_when_the_page_is_off(site: BoxSite) -> None:
    port = int(site.url.rpartition(":")[2].strip("/"))
    assert port in listening_ports()
    assert site.page is not None
    assert site.agent is not None
    agents = sockets_of(site.agent.pid)
    site.page.terminate()
    site.page.wait(20.0)
    assert port not in listening_ports()
    assert agents & listening_inodes() == set()  # and the agent has never listened
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 2.0)


def rows() -> list[list[str]]:
    """Listening TCP sockets. Source: /proc/net/tcp, state 0A."""
    found = []
    for name in ("tcp", "tcp6"):
        lines = Path(f"/proc/net/{name}").read_text(encoding="ascii").splitlines()[1:]
        found += [line.split() for line in lines if line.split()[3] == "0A"]
    return found


def listening_ports() -> set[int]:
    return {int(row[1].rpartition(":")[2], 16) for row in rows()}


def listening_inodes() -> set[str]:
    return {row[9] for row in rows()}


def sockets_of(pid: int) -> set[str]:
    links = [str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()]
    return {link[8:-1] for link in links if link.startswith("socket:[")}
