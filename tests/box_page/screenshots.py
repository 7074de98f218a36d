"""`python -m tests.box_page.screenshots`: the pictures of the box's page in docs/img, made anew at a simulated lift."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.box_page.site import BoxSite
from tests.box_page.test_in_browser import PHONE, inside
from tests.page.browser import Browser, why_no_browser

FOLDER = Path(__file__).parents[2] / "docs" / "img"
SECONDS = "return new Promise((go) => setTimeout(go, arguments[0] * 1000))"


def main() -> int:
    """Needs chromium and its driver."""
    why = why_no_browser()
    if why:
        print(f"No screenshots: {why}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        site = BoxSite(Path(folder))
        browser = Browser()
        browser.size(PHONE)
        try:
            site.start_agent()
            site.switch_on()
            site.lift.tell("fault of=pressure is=absent")
            inside(browser, site, "zh")
            browser.wait("return document.querySelector('.card')", seconds=60.0)
            browser.run("scrollTo(0, 0)")
            browser.screenshot(FOLDER / "page-state-zh.png")
            site.lift.tell("heal")
            inside(browser, site, "en", "live")
            for act in ("open_door", "close_door", "ride to=1"):
                site.lift.tell(act)
                browser.run(SECONDS, 6)
            browser.screenshot(FOLDER / "page-live.png")
            inside(browser, site, "en", "calibrate")
            browser.tap("return document.querySelector('[data-do=open]')")
            browser.tap("return document.querySelector('[data-step=doors]')")
            browser.tap("return document.querySelector('[data-do=begin]')")
            for act in ("open_door", "close_door"):
                site.lift.tell(act)
                browser.run(SECONDS, 6)
            browser.run("scrollTo(0, 0)")
            browser.screenshot(FOLDER / "page-calibrate.png")
        finally:
            browser.close()
            site.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
