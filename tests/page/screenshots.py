"""`python -m tests.page.screenshots`: the pictures of the page in docs/img, made anew from the simulator's story."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.page.browser import DESK, PHONE, Browser, button_with, why_no_browser
from tests.page.material import told_by_simulator
from tests.page.site import Site
from tests.page.stories import filled, stuck

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


def _opened(browser: Browser, site: Site, language: str, size: tuple[int, int]) -> None:
    browser.size(size)
    browser.open(site.url)
    browser.run("localStorage.setItem('lift-receiver-language', arguments[0])", language)
    browser.open(site.url)
    browser.wait("return document.querySelector('#link.up')")


if __name__ == "__main__":
    sys.exit(main())
