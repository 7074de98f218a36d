"""The report as a person opens it: a real browser shows all of it, asks nothing of anybody, and prints it on A4."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pypdf import PdfReader

from calibration.report import document_of
from calibration.report_html import page_of
from tests.calibration.report_material import acceptance, seal_on
from tests.page.browser import DESK, PHONE, Browser, why_no_browser

pytestmark = [pytest.mark.system, pytest.mark.skipif(bool(why_no_browser()), reason=why_no_browser() or "-")]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = Browser("zh-CN")
    found.driver.execute_cdp_cmd("Network.enable", {})
    yield found
    found.close()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = acceptance()
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(page_of(document_of(found, "zh", seal_on(found))), encoding="utf-8")
    return path


def test_the_page_shows_words_plots_and_photo_and_fetches_nothing(browser: Browser, page: Path) -> None:
    browser.open(page.as_uri())
    shown = browser.run("return document.body.innerText")
    for words in ("投运报告及验收单", "31104403201900012", "王建国", "签字", "津门电梯维保 <有限公司>"):
        assert words in shown
    fetched = browser.run("return performance.getEntriesByType('resource').map(each => each.name)")
    assert [name for name in fetched if not name.startswith("data:")] == []
    assert browser.run("return document.querySelector('img').naturalWidth") == 64
    heights = browser.run(
        "return [...document.querySelectorAll('svg')].map(each => each.getBoundingClientRect().height)"
    )
    assert len(heights) == 2
    assert min(heights) > 50
    assert browser.run("return window.complaints") == []


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_nothing_is_wider_than_the_screen(browser: Browser, page: Path, size: tuple[int, int]) -> None:
    browser.size(size)
    browser.open(page.as_uri())
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth + 1")


def test_words_of_a_plot_stay_within_their_picture(browser: Browser, page: Path) -> None:
    browser.size(DESK)
    browser.open(page.as_uri())
    outside = browser.run(
        "return [...document.querySelectorAll('svg')].flatMap(svg => { const box = svg.getBoundingClientRect();"
        " return [...svg.querySelectorAll('text')].filter(each => { const at = each.getBoundingClientRect();"
        " return at.left < box.left - 1 || at.right > box.right + 1 || at.bottom > box.bottom + 1; })"
        ".map(each => each.textContent); })"
    )
    assert outside == []


def test_printed_it_fits_on_a4_with_the_acceptance_on_a_page_of_its_own(browser: Browser, page: Path) -> None:
    browser.open(page.as_uri())
    printed = browser.driver.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})
    pages = [each.extract_text() for each in PdfReader(io.BytesIO(base64.b64decode(printed["data"]))).pages]
    forms = [text for text in pages if "签字" in text]
    assert len(forms) == 1
    assert "SHA-256" in forms[0]
    assert json.dumps(len(pages)) in ("3", "4", "5")
