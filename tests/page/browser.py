"""A headless Chromium over WebDriver; it counts the tones that the page plays and keeps what it complains of."""

from __future__ import annotations

import contextlib
import shutil
import time
from pathlib import Path
from typing import Any

WAIT_S = 20.0
_STEP_S = 0.02
TRIES = 10
_MIDDLE = """
const it = (() => {{ {script} }})();
it.scrollIntoView({{block: "center"}});
const box = it.getBoundingClientRect();
return [box.x + box.width / 2, box.y + box.height / 2];
"""
PHONE, DESK = (390, 844), (1280, 900)

COUNT_TONES = """
window.tones = 0;
const start = OscillatorNode.prototype.start;
OscillatorNode.prototype.start = function (...when) { window.tones += 1; return start.apply(this, when); };
window.complaints = [];
addEventListener("error", (event) => window.complaints.push(String(event.message)));
addEventListener("unhandledrejection", (event) => window.complaints.push(String(event.reason)));
addEventListener("securitypolicyviolation", (event) =>
  window.complaints.push(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`));
"""


def why_no_browser() -> str:
    """Empty: there is one."""
    try:
        import selenium  # noqa: F401
    except ImportError:
        return "needs selenium"
    missing = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    return f"needs {' and '.join(missing)}" if missing else ""


class Browser:
    """One window. language: what the browser asks for."""

    def __init__(self, language: str = "en") -> None:
        from selenium import webdriver
        from selenium.webdriver.chrome.options import Options
        from selenium.webdriver.chrome.service import Service

        options = Options()
        options.binary_location = shutil.which("chromium") or ""
        for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", f"--lang={language}"):
            options.add_argument(argument)
        options.add_experimental_option("prefs", {"intl.accept_languages": language})
        self.driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
        self.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": COUNT_TONES})
        self.size(DESK)

    def size(self, width_height: tuple[int, int]) -> None:
        """As on a phone or a desk."""
        width, height = width_height
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def open(self, url: str) -> None:
        """Go there as for the first time."""
        self.driver.get("about:blank")
        self.driver.get(url)

    def run(self, script: str, *values: object) -> Any:
        """What a script returns."""
        return self.driver.execute_script(script, *values)

    def wait(self, script: str, *values: object, seconds: float = WAIT_S) -> Any:
        """Until a script returns something true; how the page looked otherwise."""
        end = time.monotonic() + seconds
        while not (found := self.run(script, *values)):
            if time.monotonic() > end:
                raise AssertionError(f"never came true: {script}\n{self.text()[:2000]}\n{self.complaints()}")
            time.sleep(_STEP_S)
        return found

    def tap(self, script: str, *values: object) -> None:
        """A real click, in the middle of the element that a script returns; again where it was just drawn anew."""
        from selenium.common.exceptions import StaleElementReferenceException

        for _ in range(TRIES):
            element = self.wait(script, *values)
            with contextlib.suppress(StaleElementReferenceException):
                self.run("arguments[0].scrollIntoView({block: 'center'})", element)
                element.click()
                return
        raise AssertionError(f"never stood still: {script}")

    def press(self, script: str, *values: object) -> None:
        """Finger down on an element, and not up yet."""
        self._mouse("mousePressed", *self.run(_MIDDLE.format(script=script), *values))

    def release(self, x_y: tuple[float, float]) -> None:
        """Finger up."""
        self._mouse("mouseReleased", *x_y)

    def middle(self, script: str, *values: object) -> tuple[float, float]:
        """Of the element that a script returns, once it is there."""
        self.wait(script, *values)
        x, y = self.run(_MIDDLE.format(script=script), *values)
        return x, y

    def _mouse(self, what: str, x: float, y: float) -> None:
        event = {"type": what, "x": x, "y": y, "button": "left", "clickCount": 1}
        self.driver.execute_cdp_cmd("Input.dispatchMouseEvent", event)

    def type(self, selector: str, words: str) -> None:
        """Into a field."""
        field = self.wait("return document.querySelector(arguments[0])", selector)
        field.clear()
        field.send_keys(words)

    def text(self) -> str:
        """Everything that can be read."""
        return str(self.run("return document.body.innerText"))

    def complaints(self) -> list[str]:
        """Errors and breaches of the policy since the page was opened."""
        return list(self.run("return window.complaints ?? []"))

    def screenshot(self, path: Path) -> None:
        """What is on the screen."""
        self.driver.save_screenshot(str(path))

    def close(self) -> None:
        """End it."""
        self.driver.quit()


def button_with(words: str) -> str:
    """Script that finds a visible button by its words."""
    return (
        "return [...document.querySelectorAll('button')].find((one) => one.offsetParent !== null && "
        f"one.textContent.includes({words!r}))"
    )
