"""The rooms beside the alarms, in a real browser: register, boxes with QR, escalation, people, audit log."""

from __future__ import annotations

import asyncio
import os
import re

import pytest
import segno
from sqlalchemy import Connection

from edge_agent.certificates import new_key
from edge_agent.cli.join import join
from edge_agent.enrol import Invitation
from edge_agent.uplink.http import HttpUplink
from receiver import tables as t
from receiver.escalation import MessageKind, MessageState
from tests.page.browser import DESK, PHONE, Browser, button_with
from tests.page.site import Site
from tests.page.stories import known
from tests.page.test_in_browser import CODES, HOSTILE, PASSWORD, Windows, looking, quiet
from tests.receiver.live import FarEnd
from tests.receiver.making import DEVICE, KEY, LOG, NOW_MS, alarm, body, identity

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

LIFT = "31104403532019060007"
BOX = DEVICE.hex()
ROOMS = ("lifts", "boxes", "told", "people", "audit")


@pytest.fixture
def browser(windows: Windows) -> Browser:
    window = windows("office")
    window.size(DESK)
    return window


def enter(browser: Browser, room: str) -> None:
    browser.run("location.hash = arguments[0]", f"#office={room}")
    browser.wait("return document.querySelector('#office .lift-title') || document.querySelector('#office .problem')")
    browser.wait(
        "return !document.body.innerText.includes('loading…') && !document.body.innerText.includes('正在载入')"
    )


def fill(browser: Browser, label: str, words: str) -> None:
    """Type into the field under this name."""
    found = (
        "return [...document.querySelectorAll('#office label')].find((one) => one.offsetParent !== null && "
        "one.querySelector('span').textContent === arguments[0])?.querySelector('input')"
    )
    field = browser.wait(found, label)
    field.clear()
    field.send_keys(words)


def says(browser: Browser, words: str) -> None:
    browser.wait("return document.body.innerText.includes(arguments[0])", words)


def drawn(browser: Browser) -> list[str]:
    """The code on the screen as rows of modules, white around it left out."""
    path = browser.wait("return document.querySelector('.qr path')?.getAttribute('d')")
    width = int(browser.run("return document.querySelector('.qr').viewBox.baseVal.width"))
    dark = {(int(x), int(y)) for x, y in re.findall(r"M(\d+) (\d+)h1v1h-1z", path)}
    return ["".join("1" if (x, y) in dark else "0" for x in range(4, width - 4)) for y in range(4, width - 4)]


def code_of(text: str) -> list[str]:
    made = segno.make(text, error="m", micro=False)
    return ["".join(str(int(module)) for module in row) for row in made.matrix]


def signed_in(site: Site, browser: Browser, *people: tuple[str, str]) -> None:
    """An administrator and these people are known, and the first of these has signed in."""
    known(site, PASSWORD, ("root", "admin"), *people)
    browser.open(site.url)
    browser.run("localStorage.clear()")
    browser.driver.refresh()
    sign_in(browser, people[0][0] if people else "root")


def sign_in(browser: Browser, name: str) -> None:
    browser.wait("return !document.querySelector('#sign-in').hidden")
    browser.type("#sign-in-name", name)
    browser.type("#sign-in-password", PASSWORD)
    browser.tap("return document.querySelector('#sign-in button')")
    browser.wait("return document.querySelector('#rooms a')")


def test_a_lift_gets_its_file_a_firm_and_another_firm_and_its_box_joins_again(site: Site, browser: Browser) -> None:
    site.store(body(identity(1, LIFT)))
    looking(site, browser)
    enter(browser, "lifts")
    for firm in ("Alpha Lifts", HOSTILE):
        fill(browser, "Firm", firm)
        browser.tap(button_with("Save firm"))
        says(browser, firm)
    fill(browser, "Registration code", LIFT)
    browser.tap(button_with("Open its file"))
    for label, words in (("Maker", HOSTILE), ("Landings", "9"), ("Phone in the car", "+86 755 1234")):
        fill(browser, label, words)
    browser.run("document.querySelector('#office input[type=date]').value = '2019-06-30'")
    browser.tap(button_with("Save"))
    says(browser, "Saved.")
    browser.tap(button_with("Hand over"))
    says(browser, f"Boxes that join again: {BOX}")
    text = browser.run("return document.querySelector('.invitation-text').textContent")
    assert Invitation.parse(text).url == site.url.rstrip("/")
    assert drawn(browser) == code_of(text)
    browser.tap(button_with("Show the lift again"))
    says(browser, "since ")
    kept = site.do(_lift)
    assert (kept["maker"], kept["landings"], kept["installed_on"]) == (HOSTILE, 9, "2019-06-30")
    assert kept["firm"] == HOSTILE
    assert not browser.run("return document.querySelector('img')")
    assert quiet(browser) == []


async def _lift(far_end: FarEnd) -> dict[str, object]:
    answer = await far_end.client.get(f"{far_end.url}/v1/lifts/{LIFT}")
    found: dict[str, object] = await answer.json()
    return found


def test_a_box_joins_by_the_code_on_the_page_and_is_bound_to_its_lift(site: Site, browser: Browser) -> None:
    looking(site, browser)
    enter(browser, "lifts")
    fill(browser, "Registration code", LIFT)
    browser.tap(button_with("Open its file"))
    says(browser, "Who looks after it")
    enter(browser, "boxes")
    fill(browser, "Where boxes reach this receiver", site.far_end.url)
    browser.tap(button_with("Make an invitation"))
    text = browser.wait("return document.querySelector('.invitation-text')?.textContent")
    assert drawn(browser) == code_of(text)

    async def joined(_: FarEnd) -> None:
        invitation = Invitation.parse(text)
        await asyncio.to_thread(lambda: join(invitation, KEY, new_key(), HttpUplink(invitation.url), os.urandom))

    site.do(joined)
    site.store(body(alarm(1)))
    says(browser, "at no lift yet")
    says(browser, f"Box {BOX}")
    fill_in_row = "return [...document.querySelectorAll('#office .boxes input')].at(-1)"
    browser.wait(fill_in_row).send_keys(LIFT)
    browser.tap(button_with("It is at this lift"))
    says(browser, f"Lift {LIFT}")
    assert site.do(_lift)["devices"] == [BOX]
    assert quiet(browser) == []


def test_one_click_revokes_a_box_which_is_red_at_once_and_heard_again_after_another(
    site: Site, browser: Browser
) -> None:
    site.store(body(identity(1, LIFT), alarm(1)))
    looking(site, browser)
    browser.run("location.hash = arguments[0]", f"#lift={BOX}")
    browser.tap(button_with("Revoke"))
    browser.driver.switch_to.alert.dismiss()
    assert site.do(lambda far_end: far_end.receipt(body(alarm(2))))
    browser.tap(button_with("Revoke"))
    browser.driver.switch_to.alert.accept()
    says(browser, "the box is revoked since")

    async def refused(far_end: FarEnd) -> int:
        return (await far_end.post(body(alarm(3)))).status

    assert site.do(refused) == 403
    browser.run("location.hash = '#'")
    says(browser, f"Lift {LIFT}: the box is revoked since")
    enter(browser, "boxes")
    says(browser, "revoked since")
    browser.tap(button_with("Reinstate"))
    browser.wait("return !document.querySelector('#office .ill')")
    site.store(body(alarm(3)))


def test_an_alarm_calls_in_every_room_until_somebody_takes_it_over(site: Site, browser: Browser) -> None:
    looking(site, browser)
    browser.tap(button_with("Turn sound on"))
    enter(browser, "told")
    assert browser.run("return document.querySelector('#calls').hidden")
    tones = browser.run("return window.tones")
    site.store(body(alarm(1)))
    says(browser, "Nobody has taken it over.")
    browser.wait("return window.tones >= arguments[0] + 6", tones)
    browser.tap("return document.querySelector('#calls a')")
    browser.tap(button_with("I take this over"))
    enter(browser, "told")
    browser.wait("return document.querySelector('#calls').hidden")


def test_people_are_made_changed_and_removed_and_the_log_tells_it(site: Site, browser: Browser) -> None:
    signed_in(site, browser)
    enter(browser, "people")
    fill(browser, "Name", "wang")
    fill(browser, "Shown as", HOSTILE)
    fill(browser, "Password", "short")
    browser.tap(button_with("Add"))
    browser.wait("return document.querySelector('#office .said.problem')?.textContent")
    fill(browser, "Password", PASSWORD)
    browser.tap(button_with("Add"))
    says(browser, HOSTILE)
    wang = "[...document.querySelectorAll('#office tr')].find((one) => one.cells[0].textContent.startsWith('wang'))"
    browser.run(f"const role = {wang}.querySelector('select'); role.value = 'viewer';"
                "role.dispatchEvent(new Event('change'))")  # fmt: skip
    browser.wait(f"return {wang}?.querySelector('select').value === 'viewer'")
    browser.tap(f"return [...{wang}.querySelectorAll('button')].find((one) => one.textContent === 'Disable')")
    says(browser, "wang (disabled)")
    browser.tap(f"return [...{wang}.querySelectorAll('button')].find((one) => one.textContent === 'Remove')")
    browser.driver.switch_to.alert.accept()
    browser.wait(f"return !{wang}")
    root = "[...document.querySelectorAll('#office tr')].find((one) => one.cells[0].textContent.includes('(you)'))"
    browser.tap(f"return [...{root}.querySelectorAll('button')].find((one) => one.textContent === 'Disable')")
    says(browser, "nobody would be left")
    enter(browser, "audit")
    log = browser.text()
    for words in ("person added", "person changed", "person removed", "root (administrator)"):
        assert words in log
    assert not browser.run("return document.querySelector('img')")
    assert quiet(browser) == []


@pytest.mark.parametrize(
    ("role", "rooms", "deeds"),
    [
        ("viewer", ["lifts", "boxes", "told"], []),
        ("operator", ["lifts", "boxes", "told"], ["Try again"]),
        ("installer", ["lifts", "boxes", "told"], ["Open its file", "Make an invitation", "Try again"]),
        ("admin", list(ROOMS), ["Open its file", "Save firm", "Make an invitation", "Revoke", "Try again", "Save"]),
    ],
)
def test_each_role_sees_the_rooms_and_deeds_it_may(
    site: Site, browser: Browser, role: str, rooms: list[str], deeds: list[str]
) -> None:
    site.store(body(identity(1, LIFT), alarm(1)))
    site.do(_dead)
    signed_in(site, browser, ("somebody", role))
    links = browser.run("return [...document.querySelectorAll('#rooms a')].map((one) => one.hash).slice(1)")
    assert links == [f"#office={room}" for room in rooms]
    found = set()
    for room in ROOMS:
        enter(browser, room)
        browser.wait("return document.querySelector('#office').textContent.length > 5")
        if room not in rooms:
            assert "not allowed" in browser.text()
            continue
        names = "return [...document.querySelectorAll('#office button')].map((one) => one.textContent)"
        if room == "told":
            says(browser, "no such mailbox")
        found |= set(browser.run(names))
    assert found & {"Open its file", "Save firm", "Make an invitation", "Revoke", "Try again", "Save"} == set(deeds)
    assert quiet(browser) == []


def test_a_list_is_kept_and_what_could_not_be_told_is_tried_again(site: Site, browser: Browser) -> None:
    site.store(body(identity(1, LIFT), alarm(1)))
    site.do(_dead)
    looking(site, browser)
    enter(browser, "told")
    says(browser, "no such mailbox")
    browser.tap(button_with("One more step"))
    fill(browser, "After, s", "90")
    fill(browser, "To", "duty@firm.example")
    browser.tap(button_with("Save"))
    browser.tap(button_with("Try again"))
    says(browser, "nothing: everything was told")

    async def kept(far_end: FarEnd) -> object:
        return (await (await far_end.client.get(f"{far_end.url}/v1/escalation/lists/default")).json())["steps"]

    step = {"after_s": 90, "channel": "mail", "target": "duty@firm.example", "language": "zh"}
    assert site.do(kept) == [step]
    assert quiet(browser) == []


async def _dead(far_end: FarEnd) -> None:
    """A message that a mail server refused for good."""
    row = {
        "dev": DEVICE,
        "log": LOG,
        "stream": 0,
        "seqno": 1,
        "step": 0,
        "kind": MessageKind.RAISED.value,
        "channel": "mail",
        "target": f"nobody@firm.example {HOSTILE}",
        "language": "zh",
        "state": int(MessageState.DEAD),
        "due_ms": NOW_MS,
        "tries": 3,
        "next_ms": NOW_MS,
        "claimed_ms": 0,
        "error": "550 no such mailbox",
    }

    def put(db: Connection) -> None:
        db.execute(t.message.insert(), row)

    await far_end.service.change(put)


def test_in_chinese_no_room_has_english_left_and_nothing_is_wider_than_a_phone(site: Site, browser: Browser) -> None:
    site.store(body(identity(1, LIFT)))

    async def acted(far_end: FarEnd) -> None:
        for method, path, sent in (
            ("PUT", "/v1/firms/甲公司", {"phone": "0755"}),
            ("PUT", f"/v1/lifts/{LIFT}", {"maker": "迅达", "address": "深南大道一号", "landings": 9}),
            ("POST", "/v1/invitations", {"url": "https://firm.example"}),
            ("POST", f"/v1/boxes/{BOX}/revocation", {"why": "被盗"}),
        ):
            answer = await far_end.client.request(method, f"{far_end.url}{path}", json=sent)
            assert answer.status == 200, await answer.text()

    site.do(acted)
    signed_in(site, browser, ("wang", "admin"))
    browser.size(PHONE)
    browser.tap("return document.querySelector('#language')")
    for room in (*ROOMS, f"lifts&lift={LIFT}"):
        enter(browser, room)
        browser.wait("return document.querySelectorAll('#office .office-card').length > 0")
        browser.run("document.querySelectorAll('#office details').forEach((one) => { one.open = true; })")
        known = rf"{CODES}|https?://\S+|/v1/\S+|\b(?:GET|POST|PUT|[Rr]oot|[Ww]ang|webhook|{BOX})\b"
        text = re.sub(
            known,
            "",
            browser.run("return document.querySelector('main').innerText + document.querySelector('#rooms').innerText"),
        )
        assert re.findall(r"[A-Za-z]{2,}", text) == [], room
        width = browser.run("return document.documentElement.scrollWidth")
        assert width <= PHONE[0], room
