"""`python -m tests.page.screenshots`: the pictures of the page in docs/img, made anew from the simulator's story."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.page.browser import DESK, PHONE, Browser, button_with, why_no_browser
from tests.page.material import LIFT_NO, told_by_simulator
from tests.page.site import Site
from tests.page.stories import filled, stuck
from tests.receiver.live import FarEnd
from tests.receiver.making import alarm, body, identity

FOLDER = Path(__file__).parents[2] / "docs" / "img"
TALL = (1280, 1000)


def main() -> int:
    """Needs chromium and its driver."""
    why = why_no_browser()
    if why:
        print(f"No screenshots: {why}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        told = told_by_simulator(Path(folder))
        _board(Path(folder) / "board", Browser())
        _office(Path(folder) / "office")
        site = Site(Path(folder) / "lift")
        browser = Browser()
        try:
            place = filled(site, told)
            for language in ("en", "zh"):
                _opened(browser, site, language, TALL)
                browser.run("location.hash = arguments[0]", place)
                browser.wait("return document.querySelector('[data-picture] .main-svg')", seconds=60.0)
                browser.run("document.querySelector('[data-picture]').closest('section').scrollIntoView()")
                browser.screenshot(FOLDER / f"receiver-lift-{language}.png")
        finally:
            browser.close()
            site.close()
    return 0


def _board(folder: Path, browser: Browser) -> None:
    site = Site(folder)
    try:
        stuck(site)
        for language, size, name in (("en", DESK, "desk"), ("en", PHONE, "phone"), ("zh", DESK, "desk-zh")):
            _opened(browser, site, language, size)
            browser.wait("return document.querySelector('.card.critical')")
            browser.screenshot(FOLDER / f"receiver-{name}.png")
        _opened(browser, site, "zh", PHONE)
        browser.type("#my-name", "李娜")
        browser.tap(button_with("由我接手"))
        browser.wait("return document.querySelector('.who.taken')")
        browser.run("scrollTo(0, 0)")
        browser.screenshot(FOLDER / "receiver-phone-zh.png")
    finally:
        browser.close()
        site.close()


def _office(folder: Path) -> None:
    site = Site(folder)
    try:
        site.store(body(identity(1, LIFT_NO), alarm(2)))
        site.do(_registered)
        for language, size, room, name in (
            ("en", TALL, f"lifts&lift={LIFT_NO}", "lift"),
            ("en", TALL, "audit", "audit"),
            ("zh", PHONE, "boxes", "box-zh"),
        ):
            browser = Browser()
            _opened(browser, site, language, size)
            browser.run("location.hash = arguments[0]", f"#office={room}")
            browser.wait("return document.querySelector('#rooms a') && document.querySelector('#office .office-card')")
            if room == "boxes":
                browser.tap(button_with("生成邀请"))
                browser.wait("return document.querySelector('.qr')")
            browser.run("scrollTo(0, 0)")
            browser.screenshot(FOLDER / f"receiver-office-{name}.png")
            browser.close()
    finally:
        site.close()


async def _registered(far_end: FarEnd) -> None:
    lift = {"maker": "Acme Lifts", "model": "A-900", "address": "1 Shennan Road", "lift_phone": "+86 755 1234 5678"}
    more = {"installed_on": "2019-06-30", "next_check_on": "2027-05-31", "landings": 18, "rated_load_kg": 1_050}
    for method, path, sent in (
        ("PUT", "/v1/firms/Alpha Lifts", {"phone": "+86 755 8765 4321"}),
        ("PUT", "/v1/firms/Beta Lifts", {}),
        ("PUT", f"/v1/lifts/{LIFT_NO}", {**lift, **more}),
        ("POST", f"/v1/lifts/{LIFT_NO}/handover", {"firm": "Alpha Lifts", "url": "https://firm.example"}),
    ):
        answer = await far_end.client.request(method, f"{far_end.url}{path}", json=sent)
        assert answer.status == 200, await answer.text()


def _opened(browser: Browser, site: Site, language: str, size: tuple[int, int]) -> None:
    browser.size(size)
    browser.open(site.url)
    browser.run("localStorage.setItem('lift-receiver-language', arguments[0])", language)
    browser.open(site.url)
    browser.wait("return document.querySelector('#link.up')")


if __name__ == "__main__":
    sys.exit(main())
