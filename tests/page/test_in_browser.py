"""The page as an operator meets it, in a real browser on a real receiver: alarm, takeover, a lost line, Chinese."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_agent.alarms import AlarmState
from edge_agent.delivery import Lane
from edge_agent.lamps import LampState, lamps_for
from edge_agent.wire import Act, Phase, encode_batch
from edge_agent.wire_sealing import SigningKey
from tests.page.browser import PHONE, Browser, button_with
from tests.page.material import Log, Told, alarm_records
from tests.page.site import Site
from tests.page.stories import filled, known
from tests.receiver.making import DEVICE, alarm, batch, body, identity
from tests.receiver.test_with_agent import Box, entrapment

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

Windows = Callable[[str], Browser]
PASSWORD = "four words that nobody guesses"
HOSTILE = "<img src=x onerror=alert(1)>"
LIBRARY = re.compile(r"^(style-src-elem inline|img-src data) ")  # parts for maps, refused and not missed
CODES = r"\b(?:dBm|mm|KiB|SIM|edge-agent status|faa34e693dafa441(?:-\d+)*|English)\b"


def looking(site: Site, browser: Browser, who: str = "Li") -> Browser:
    """Somebody with the page open, live, in English, with a name."""
    browser.open(site.url)
    browser.run("localStorage.clear()")
    browser.driver.refresh()
    browser.wait("return document.querySelector('#link.up')")
    browser.type("#my-name", who)
    return browser


def quiet(browser: Browser) -> list[str]:
    """Complaints that are ours."""
    return [words for words in browser.complaints() if not LIBRARY.match(words)]


def test_an_entrapment_appears_within_a_second_of_being_stored_big_and_with_sound(
    site: Site, windows: Windows, told: Told
) -> None:
    browser = looking(site, windows("one"))
    browser.tap(button_with("Turn sound on"))
    browser.wait("return document.querySelector('#sound').textContent === 'Sound is on'")
    tones = browser.run("return window.tones")
    opener = alarm_records(told)[0]
    browser.run(
        "new MutationObserver(() => { window.cardAt ??= document.querySelector('.card.critical') && Date.now(); })"
        ".observe(document.body, {childList: true, subtree: true})"
    )
    site.store(Log().posted(opener, up_ms=opener.stamp.up_ms + 100))
    stored_ms = time.time() * 1000
    shown_ms = browser.wait("return window.cardAt")
    assert shown_ms - stored_ms < 1_000
    text = browser.text()
    assert "Entrapment" in text
    assert "NOBODY HAS TAKEN THIS OVER" in text
    assert "100 %" in text
    assert "between landings, near 4" in text
    browser.wait("return window.tones >= arguments[0] + 6", tones)  # three tones, and again
    assert browser.run("return parseFloat(getComputedStyle(document.querySelector('.critical h3')).fontSize)") > 30
    assert quiet(browser) == []


def test_one_tap_takes_over_the_box_hears_it_and_its_lamps_say_that_help_comes(
    site: Site, windows: Windows, tmp_path: Path
) -> None:
    box = Box(tmp_path, site.far_end.url, site.far_end.key)
    browser = looking(site, windows("one"), "李娜")
    browser.tap(button_with("Turn sound on"))
    box.append(entrapment(AlarmState.RAISED))
    box.step(Lane.ALARMS)
    browser.tap(button_with("I take this over"))
    browser.wait("return document.querySelector('.who.taken')")
    _, acts = box.step(Lane.ALARMS)
    assert Act.TAKEN_OVER in acts
    assert lamps_for(box.outbox.alarms_in_hand()) == LampState(is_alarm_sent=True, is_help_coming=True)
    box.step(Lane.ALARMS)
    browser.wait("return document.querySelector('.who.taken').textContent.includes('the box knows')")
    assert "Taken over by 李娜" in browser.text()
    tones = browser.run("return window.tones")
    time.sleep(2.0)  # longer than the pause between two sounds of an alarm
    assert browser.run("return window.tones") == tones
    box.close()


def test_a_tap_is_not_lost_when_the_card_changes_under_the_finger(site: Site, windows: Windows) -> None:
    browser = looking(site, windows("one"))
    site.store(body(alarm(1)))
    browser.wait("return document.querySelector('.card.untaken')")
    where = browser.middle(button_with("I take this over"))
    browser.press(button_with("I take this over"))
    site.store(body(alarm(2, phase=Phase.UPDATED, incident=1, percent=41)))
    browser.run("return new Promise((go) => setTimeout(go, 500))")  # the news is at the page, and waits
    assert "41 %" not in browser.text()
    browser.release(where)
    browser.wait("return document.body.innerText.includes('Taken over by Li')")
    browser.wait("return document.body.innerText.includes('41 %')")


def test_two_operators_see_each_other_at_once_and_the_second_takes_nothing(site: Site, windows: Windows) -> None:
    one, two = looking(site, windows("one"), "Li"), looking(site, windows("two"), "Wang")
    site.store(body(alarm(1)))
    for browser in (one, two):
        browser.wait("return document.querySelector('.card.untaken')")
    one.tap(button_with("I take this over"))
    two.wait("return document.body.innerText.includes('Taken over by Li')")
    assert not two.run(button_with("I take this over"))


def test_a_lost_line_is_red_at_once_and_the_page_comes_back_with_what_it_missed(site: Site, windows: Windows) -> None:
    browser = looking(site, windows("one"))
    site.cut()
    browser.wait("return !document.querySelector('#lost').hidden", seconds=3.0)
    assert browser.run("return getComputedStyle(document.querySelector('#lost')).backgroundColor") == "rgb(193, 18, 31)"
    site.store(body(alarm(1)))
    site.heal()
    browser.wait("return document.querySelector('#lost').hidden && document.querySelector('.card.critical')")


def test_silent_boxes_missed_tests_and_gaps_are_red(site: Site, windows: Windows) -> None:
    site.store(body(identity(1), alarm(2, incident=None)))  # alarm 1 is missing
    site.ahead_ms = 30 * 3_600_000
    site.wait_for_clock()
    browser = looking(site, windows("one"))
    browser.wait("return document.querySelectorAll('.trouble').length >= 2")
    text = browser.text()
    assert re.search(r"alarm 1 missing for \d+ h", text)
    assert re.search(r"the box has been silent for \d+ h", text)
    colours = browser.run("return [...document.querySelectorAll('.trouble')].map((one) => getComputedStyle(one).color)")
    assert set(colours) == {"rgb(193, 18, 31)"}


def test_a_dark_district_is_told_as_one_before_the_cards(site: Site, windows: Windows) -> None:
    browser = looking(site, windows("one"))
    for number in range(3):
        key = SigningKey(bytes([number + 1]) * 32)
        record = alarm(1, device=key.public.fingerprint)
        site.store(encode_batch(batch(record, device=record.device, key=key)), key)
    browser.wait("return document.querySelectorAll('.card').length === 3")
    browser.wait("return document.querySelector('#occasions').textContent.startsWith('3 lifts raised alarms together')")
    assert "inside 3, 0 recovered" in browser.text()


def test_a_script_in_any_text_is_shown_as_text(site: Site, windows: Windows) -> None:
    browser = looking(site, windows("one"), HOSTILE)
    browser.run("window.alert = () => window.complaints.push('alert')")
    site.store(body(identity(1, HOSTILE), alarm(1, note=HOSTILE)))
    browser.tap(button_with("I take this over"))
    browser.tap("return document.querySelector('.card summary')")
    browser.wait("return document.body.innerText.includes('Taken over by <img')")
    browser.run("location.hash = arguments[0]", f"#lift={DEVICE.hex()}")
    browser.wait("return document.querySelector('.lift-title')?.textContent.includes('<img')")
    assert not browser.run("return document.querySelector('img')")
    assert quiet(browser) == []


def test_the_picture_of_an_alarm_shows_curves_door_and_marks(site: Site, windows: Windows, told: Told) -> None:
    place = filled(site, told)
    browser = looking(site, windows("one"))
    assert not browser.run("return Boolean(window.Plotly)")  # only where something is drawn
    browser.run("location.hash = arguments[0]", place)
    browser.wait("return document.querySelector('[data-picture] .main-svg')", seconds=60.0)
    svg = "getComputedStyle(document.querySelector('[data-picture] .main-svg'))"
    assert browser.run(f"return [{svg}.position, {svg}.pointerEvents]") == ["absolute", "none"]  # our charts.css holds
    text = browser.text()
    assert "1 · 0.0 s · raised" in text
    assert "standing still for: 30 s (since −30.0 s)" in text
    assert "second sign: emergency stop" in text
    assert re.search(r"opening 2\.9\d s", text)
    drawn = browser.run(
        "const it = document.querySelector('[data-picture]');"
        "return {fastest: Math.max(...it.data[2].y), hardest: Math.min(...it.data[0].y),"
        " marks: it.layout.shapes.length}"
    )
    assert drawn["fastest"] == pytest.approx(1.6, abs=0.1)
    assert drawn["hardest"] < -2.5
    assert drawn["marks"] >= 3
    assert quiet(browser) == []


def test_the_chinese_page_has_no_english_left(site: Site, windows: Windows, told: Told) -> None:
    place = filled(site, told)
    site.store(body(alarm(4, kind=2, note=None)))
    browser = looking(site, windows("one"), "李娜")
    browser.tap("return document.querySelector('#language')")
    browser.run("document.querySelectorAll('.card details').forEach((one) => { one.open = true; })")
    board = browser.text()
    browser.run("location.hash = arguments[0]", place)
    browser.wait("return document.querySelector('[data-picture] .main-svg')", seconds=60.0)
    browser.wait("return document.querySelector('.trend .main-svg')")
    for text in (board, browser.text()):
        found = re.findall(r"[A-Za-z]{2,}", re.sub(CODES, "", text))
        assert found == []
    assert browser.run("return document.documentElement.lang") == "zh-CN"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_nothing_is_wider_than_a_phone(site: Site, windows: Windows, told: Told, language: str) -> None:
    place = filled(site, told)
    browser = looking(site, windows("phone"))
    browser.size(PHONE)
    browser.run("localStorage.setItem('lift-receiver-language', arguments[0])", language)
    browser.driver.refresh()
    browser.wait("return document.querySelector('.card')")
    width = "return document.documentElement.scrollWidth"
    assert browser.run(width) <= PHONE[0]
    browser.run("location.hash = arguments[0]", place)
    browser.wait("return document.querySelector('[data-picture] .main-svg')", seconds=60.0)
    assert browser.run(width) <= PHONE[0]


def test_where_people_are_known_the_page_asks_who_it_is_and_a_viewer_may_only_look(
    site: Site, windows: Windows
) -> None:
    site.store(body(alarm(1)))
    known(site, PASSWORD, ("li", "admin"), ("wang", "viewer"))
    browser = windows("signing-in")
    browser.open(site.url)
    browser.wait("return !document.querySelector('#sign-in').hidden")
    assert "Entrapment" not in browser.text()
    for name, password in (("li", "wrong password"), ("wang", PASSWORD)):
        browser.type("#sign-in-name", name)
        browser.type("#sign-in-password", password)
        browser.tap("return document.querySelector('#sign-in button')")
        browser.wait("return document.querySelector('#sign-in-problem').textContent || document.querySelector('.card')")
    browser.wait("return document.body.innerText.includes('You may look, not act')")
    browser.wait("return document.querySelector('.card')")
    assert not browser.run(button_with("I take this over"))
    browser.tap("return document.querySelector('#me-in')")
    browser.wait("return document.querySelector('#sign-in') && !document.querySelector('#sign-in').hidden")
    browser.type("#sign-in-name", "li")
    browser.type("#sign-in-password", PASSWORD)
    browser.tap("return document.querySelector('#sign-in button')")
    browser.tap(button_with("I take this over"))
    browser.wait("return document.body.innerText.includes('Taken over by Li')")


def test_eight_pages_of_one_browser_are_all_live_and_the_last_one_takes_over(site: Site, windows: Windows) -> None:
    """A browser opens six connections to one place: the pages share one for what they wait for."""
    browser = looking(site, windows("one"))
    first, pages = browser.driver.current_window_handle, [browser.driver.current_window_handle]
    for _ in range(7):
        browser.driver.switch_to.new_window("tab")
        pages.append(browser.driver.current_window_handle)
        browser.open(site.url)
        browser.wait("return document.querySelector('#link.up')")
    site.store(body(alarm(1)))
    browser.tap(button_with("I take this over"))
    browser.wait("return document.body.innerText.includes('Taken over by Li')")
    for page in pages[1:4]:
        browser.driver.switch_to.window(page)
        browser.driver.close()
    for page in [*pages[4:], first]:
        browser.driver.switch_to.window(page)
        browser.wait("return document.body.innerText.includes('Taken over by Li')")
        if page != first:
            browser.driver.close()
    browser.driver.switch_to.window(first)
    site.store(body(alarm(2, phase=Phase.UPDATED, incident=1, percent=41)))
    browser.wait("return document.body.innerText.includes('41 %')")


@pytest.mark.parametrize(
    "other",
    [
        "delete window.SharedWorker",
        "window.SharedWorker = class { constructor() {"
        " this.port = new MessageChannel().port1; setTimeout(() => this.onerror(), 100); } }",
    ],
    ids=["none", "without modules"],
)
def test_a_browser_that_cannot_share_has_a_connection_of_its_own(site: Site, windows: Windows, other: str) -> None:
    browser = windows(other)
    browser.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": other})
    looking(site, browser)
    site.store(body(alarm(1)))
    browser.tap(button_with("I take this over"))
    browser.wait("return document.body.innerText.includes('Taken over by Li')")
