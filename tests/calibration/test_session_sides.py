"""The step of the six sides while it is under way, and what the later steps make of its result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from calibration.fits import FITS
from calibration.session import Session, reason_to_skip
from calibration.session_live import Gauge
from calibration.session_steps import BY_ITSELF, LIFT_STEPS
from calibration.session_wording import Wording
from calibration.sides_still import SIDES
from calibration.words import StepName, StepResult, Verdict, said
from edge_agent.readings import AccelFrame, Reading
from edge_agent.settings import KnownSettings, Settings
from tests.calibration.captures import Site, do_step, pieces, played, settings_of, settings_text

NO_ACCELEROMETER = """[lift]
id = "a"
[contacts]
door_open = { pin = 17, active = "low" }
[delivery]
receivers = [ { name = "firm", url = "http://127.0.0.1:1" } ]
"""
SITE = Site(landings=4, has_sides=True)


@pytest.fixture(scope="module")
def settings() -> Settings:
    return settings_of(settings_text(played(SITE)))


def begun(settings: Settings) -> Session:
    session = Session(settings, FITS)
    session.begin(StepName.SIDES)
    return session


def gauge(session: Session, name: str) -> Gauge:
    return next(each for each in session.live().gauges if each.name == name)


def fed(session: Session, readings: Sequence[Reading]) -> list[str]:
    """Push all; the instructions that came, in English, each once in a row."""
    said_so_far: list[str] = []
    for reading in readings:
        session.push((reading,))
        words = Wording("en").sentence(session.instruction())
        if not said_so_far or said_so_far[-1] != words:
            said_so_far.append(words)
    return said_so_far


def test_it_comes_before_the_box_is_mounted_takes_no_lift_and_ends_by_itself() -> None:
    assert list(StepName).index(StepName.SIDES) == list(StepName).index(StepName.MOUNT) - 1
    assert StepName.SIDES in BY_ITSELF
    assert StepName.SIDES not in LIFT_STEPS


def test_without_an_accelerometer_it_is_left_out_with_the_reason() -> None:
    bare = settings_of(NO_ACCELEROMETER)
    assert reason_to_skip(StepName.SIDES, bare) == said("sides.not_wired")


def test_it_says_what_to_do_shows_each_side_and_has_enough_when_all_six_have_lain(settings: Settings) -> None:
    session = begun(settings)
    words = fed(session, pieces(SITE)[StepName.SIDES])
    assert "Before the box is screwed on" in words[0]
    for side in SIDES:
        assert f"{side} up: let go and do not touch it" in words
    assert "Lay it on another side and let go. Still to be up: +y, -y, +z, -z" in words
    assert words[-1] == "All six sides are done: now screw the box on"
    live = session.live()
    assert live.share == 1.0
    assert live.lacks is None
    assert [each.value for each in live.gauges if each.name.startswith("side.")] == ["side_done"] * 6
    result = session.finish(StepName.SIDES)
    assert result.verdict is Verdict.PASSED, result.reasons


def test_what_the_screen_calls_enough_is_enough_for_the_fit(settings: Settings) -> None:
    """The step ends at the first moment at which nothing lacks; the fit gets no reading more."""
    session = begun(settings)
    for reading in pieces(SITE)[StepName.SIDES]:
        session.push((reading,))
        if session.live().lacks is None:
            break
    assert session.finish(StepName.SIDES).verdict is Verdict.PASSED


def test_the_side_that_is_up_now_and_how_long_it_lies_are_shown(settings: Settings) -> None:
    session = begun(settings)
    seen: dict[str, float] = {}
    for reading in pieces(SITE)[StepName.SIDES]:
        session.push((reading,))
        for side in SIDES:
            if gauge(session, f"side.{side}").value == "side_up":
                still = gauge(session, "gauge.still").value
                assert isinstance(still, float)
                seen[side] = max(seen.get(side, 0.0), still)
    assert set(seen) == set(SIDES)
    assert all(2.0 <= still_s < 3.0 for still_s in seen.values())


def test_without_samples_it_says_so(settings: Settings) -> None:
    session = begun(settings)
    session.push([each for each in pieces(SITE)[StepName.SIDES] if not isinstance(each, AccelFrame)])
    assert session.live().lacks == said("sides.no_samples")
    assert {reason.key for reason in session.finish(StepName.SIDES).reasons} == {"fit.no_samples"}


def test_left_out_it_is_settled_and_the_next_step_comes(settings: Settings) -> None:
    session = Session(settings, FITS)
    session.skip(StepName.WIRING, said("skip.asked"))
    came = [session.current]
    session.skip(StepName.SIDES, said("skip.asked"))
    came.append(session.current)
    assert came == [StepName.SIDES, StepName.MOUNT]


def measured(result: StepResult, name: str) -> float:
    return next(each.value for each in result.measured if each.name == name)


@pytest.mark.parametrize(
    ("step", "doubt"),
    [(StepName.MOUNT, "measured.tilt_doubt"), (StepName.TRIPS, "measured.scale_doubt")],
)
def test_the_later_steps_doubt_less_where_the_sides_were_measured(
    settings: Settings, step: StepName, doubt: str
) -> None:
    doubts = []
    for has_sides in (True, False):
        session = Session(settings, FITS)
        if has_sides:
            do_step(session, StepName.SIDES, pieces(SITE)[StepName.SIDES])
        result = do_step(session, step, pieces(SITE)[step])
        assert result.verdict is not Verdict.FAILED, result.reasons
        doubts.append(measured(result, doubt))
    assert doubts[0] < 0.5 * doubts[1]


def test_a_travel_that_somebody_knows_makes_the_scale_surer(settings: Settings) -> None:
    doubts = []
    for known in (KnownSettings(travel_m=played(SITE).lift.spec.landing_heights_m[-1]), KnownSettings()):
        session = Session(replace(settings, known=known), FITS)
        result = do_step(session, StepName.TRIPS, pieces(SITE)[StepName.TRIPS])
        assert result.verdict is not Verdict.FAILED, result.reasons
        doubts.append(measured(result, "measured.scale_doubt"))
    assert doubts[0] < 0.7 * doubts[1]
