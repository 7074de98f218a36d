"""The commissioning report: the same bytes for the same content, everything in it, sealed by the box."""

from __future__ import annotations

import json
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from calibration.report import (
    Acceptance,
    PhotosMissing,
    acceptance_from,
    content_of,
    document_of,
    moment_words,
    verdict_counts,
)
from calibration.report_html import page_of
from calibration.report_photos import PHOTO_BYTES_MAX, photo_of
from calibration.report_plots import HEIGHT, WIDTH, Curve, drawing_of
from calibration.words import CalibrationError, Commissioning, StepName, StepResult, Verdict
from edge_agent.catalogue_report import REPORT_WORDS
from edge_agent.errors import WireError
from edge_agent.report_seal import BEGIN, open_report, sealed_text
from edge_agent.wire_sealing import PublicKey, SealRefused, SigningKey
from tests.calibration.report_material import DEVICE, KEY, MADE_UTC_S, acceptance, commissioning, png, seal_on

LANGUAGES = pytest.mark.parametrize("language", ["en", "zh"])


class Words(HTMLParser):
    """Collects the visible words, and every attribute that could fetch something."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text: list[str] = []
        self.references: list[str] = []
        self._is_hidden = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._is_hidden = tag in ("style", "script", "title")
        self.references += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data", "action")]

    def handle_endtag(self, tag: str) -> None:
        self._is_hidden = False

    def handle_data(self, data: str) -> None:
        if not self._is_hidden and data.strip():
            self.text.append(data.strip())


def page(found: Acceptance, language: str = "en") -> str:
    return page_of(document_of(found, language, seal_on(found)))


@LANGUAGES
def test_the_same_content_makes_the_same_page(language: str) -> None:
    assert page(acceptance(), language) == page(acceptance(), language)


@LANGUAGES
def test_everything_of_the_commissioning_is_on_the_page(language: str) -> None:
    found = acceptance()
    said = Words(page(found, language)).text
    every = " ".join(said)
    for words in (
        "31104403201900012",
        "A 座 1 号梯",
        "王建国",
        "津门电梯维保 <有限公司>",
        DEVICE,
        "0.1.0",
        "mount.liftrec",
    ):
        assert words in every
    for key in ("acceptance", "signature", "date", "installer", "owner", "maintenance_firm", "remarks", "digest"):
        assert REPORT_WORDS[key][language == "zh"] in every
    for step in StepName:
        assert REPORT_WORDS[step.value][language == "zh"] in said
    assert "2026-11-23 18:40 UTC" in every
    assert seal_on(found).digest.hex() in every


def test_a_value_beyond_its_range_is_marked_and_one_within_is_not() -> None:
    text = page(acceptance())
    row = next(part for part in text.split("<tr") if "noise_mps2" in part)
    assert row.startswith(' class="bad"')
    assert "OUTSIDE" in row
    assert "at most 0.03" in row
    row = next(part for part in text.split("<tr") if "gravity_mps2" in part)
    assert row.startswith(' class="plain"')
    assert "9.6 to 10" in row


@pytest.mark.parametrize(
    ("verdicts", "words"),
    [
        ([], "No step was done"),
        ([Verdict.PASSED] * len(StepName), "All steps passed"),
        ([Verdict.PASSED] * (len(StepName) - 1), "1 steps were not done"),
        ([Verdict.PASSED, Verdict.DOUBTFUL], "1 steps are doubtful"),
        ([Verdict.DOUBTFUL, Verdict.FAILED], "1 steps failed"),
        ([Verdict.SKIPPED], "No step was done"),
    ],
)
def test_the_result_is_the_worst_of_the_steps(verdicts: list[Verdict], words: str) -> None:
    results = tuple(StepResult(step, verdict) for step, verdict in zip(StepName, verdicts, strict=False))
    found = Acceptance(Commissioning(DEVICE, "a", "1", None, results))
    assert words in " ".join(Words(page(found)).text)
    assert sum(verdict_counts(found.commissioning)) == len(StepName)


def test_the_page_names_nothing_outside_itself() -> None:
    found = Words(page(acceptance()))
    assert len(found.references) == 1
    assert found.references[0].startswith("data:image/png;base64,")
    assert "http://" not in page(acceptance()).replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in page(acceptance())


def test_what_people_wrote_is_text_on_the_page_and_no_markup() -> None:
    nasty = replace(acceptance(), person="<script>alert(1)</script>", firm='"><img src=x>')
    found = Words(page(nasty))
    assert len(found.references) == 1
    assert "<script>alert(1)</script>" in found.text


def test_the_content_comes_back_from_its_bytes() -> None:
    found = acceptance()
    content = content_of(found)
    assert acceptance_from(content, found.photos) == found
    assert content_of(acceptance_from(content, found.photos)) == content
    with pytest.raises(PhotosMissing):
        acceptance_from(content)
    with pytest.raises(PhotosMissing):
        acceptance_from(content, [photo_of(png(64, 48, grey=129), "another")])


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"format": 2}', b"\xff", b"[" * 100_000])
def test_what_is_no_content_is_refused(content: bytes) -> None:
    with pytest.raises(CalibrationError):
        acceptance_from(content)


def test_a_clock_that_was_not_set_is_said() -> None:
    assert moment_words(None, "en") in page(acceptance(made_utc_s=None))
    assert moment_words(MADE_UTC_S, "zh") == "2026-11-23 18:40 UTC"


# ---- the seal


def test_the_seal_opens_from_the_page_and_from_the_block_alone() -> None:
    found = acceptance()
    content = content_of(found)
    for data in (
        page(found).encode(),
        seal_on(found).text.encode(),
        seal_on(found).text.replace("\n", "\r\n").encode(),
    ):
        opened = open_report(data)
        assert opened.content == content
        assert opened.key == KEY.public
        assert opened.text == seal_on(found).text


def test_a_changed_letter_of_the_content_breaks_the_seal() -> None:
    mine, other = acceptance(), replace(acceptance(), person="某人")
    block = sealed_text(content_of(mine), KEY).split("\n\n")
    forged = block[0] + "\n\n" + sealed_text(content_of(other), KEY).split("\n\n")[1]
    with pytest.raises(WireError, match="not the one that was sealed"):
        open_report(forged.encode())


def test_a_seal_of_another_key_is_refused() -> None:
    block = sealed_text(content_of(acceptance()), KEY)
    other = SigningKey(bytes(32)).public.text
    with pytest.raises(SealRefused):
        open_report(block.replace(KEY.public.text, other).encode())
    assert PublicKey.from_text(other).fingerprint.hex() != DEVICE


@pytest.mark.parametrize("at", range(0, 400, 7))
def test_a_flipped_bit_is_never_believed(at: int) -> None:
    block = bytearray(sealed_text(content_of(acceptance(has_photo=False)), KEY).encode())
    block[at] ^= 1
    try:
        opened = open_report(bytes(block))
    except WireError:
        return
    assert opened.content == content_of(acceptance(has_photo=False))  # only where the bit means nothing


@pytest.mark.parametrize("data", [b"", BEGIN.encode(), b"x" * 1000, b"\0" * 1000])
def test_a_file_without_a_block_is_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        open_report(data)


def test_two_blocks_in_one_file_are_refused() -> None:
    block = sealed_text(content_of(acceptance()), KEY)
    with pytest.raises(WireError, match="more than one"):
        open_report((block + block).encode())


def test_content_that_unpacks_to_more_than_a_report_is_refused() -> None:
    import base64
    import zlib

    head = sealed_text(b"{}", KEY).split("\n\n")[0]
    bomb = base64.b64encode(zlib.compress(b" " * (10 << 20), 9)).decode()
    with pytest.raises(WireError, match="larger"):
        open_report(f"{head}\n\n{bomb}\n-----END LIFT REPORT-----\n".encode())


# ---- photos and plots


def test_photos_are_taken_for_what_their_bytes_say() -> None:
    assert (photo_of(png(64, 48), "a").width, photo_of(png(64, 48), "a").height) == (64, 48)
    jpeg = b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc0\x00\x0b\x08\x01\x2c\x02\x58\x01\x01\x11\x00\xff\xda"
    found = photo_of(jpeg, "b")
    assert (found.media, found.width, found.height) == ("image/jpeg", 600, 300)


@pytest.mark.parametrize(
    "data", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", png(7_000, 1), b"\xff\xd8" + b"\xff" * 50]
)
def test_any_other_file_is_no_photo(data: bytes) -> None:
    with pytest.raises(CalibrationError):
        photo_of(data, "x")


def test_a_photo_that_is_too_large_is_refused() -> None:
    with pytest.raises(CalibrationError, match="KiB"):
        photo_of(png(10, 10) + b"\0" * PHOTO_BYTES_MAX, "x")


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ([0.0, 1.0], [0.0, 1.0]),
        ([0.0], [5.0]),
        ([], []),
        ([0.0, 1e9], [1e-9, 2e-9]),
        ([3.0, 3.0, 3.0], [-1.0, -1.0, -1.0]),
        ([0.0, 20.0], [-0.013, 1.517]),
    ],
)
def test_every_plot_stays_on_its_sheet(x: list[float], y: list[float]) -> None:
    drawing = drawing_of([Curve("a", x, y), Curve("b", x, y)], "time, s", "speed, m/s")
    for stroke in drawing.strokes:
        assert all(0 <= px <= WIDTH and 0 <= py <= HEIGHT for px, py in stroke.points)
    assert all(0 <= word.x <= WIDTH and 0 <= word.y <= HEIGHT for word in drawing.words)


def test_ticks_are_round_numbers_around_the_values() -> None:
    drawing = drawing_of([Curve("a", [0.0, 20.0], [-0.013, 1.517])], "t", "v")
    numbers = [word.text for word in drawing.words]
    for expected in ("0", "5", "10", "15", "20", "−0.5", "0.5", "1.0", "1.5", "2.0"):
        assert expected in numbers


def test_every_text_has_both_languages() -> None:
    for key, (en, zh) in REPORT_WORDS.items():
        assert bool(en) is bool(zh), key
        assert json.dumps(en) == json.dumps(en.replace("；", "")), key


def test_commissioning_without_results_makes_a_page() -> None:
    empty = Commissioning(DEVICE, "a", "1", None, ())
    assert "not done" in page(Acceptance(empty))
    assert commissioning() == commissioning()
