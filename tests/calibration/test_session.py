"""The guided calibration as a state machine: whole runs on simulated lifts, interruptions, repeats, bounds."""

from __future__ import annotations

import pytest

from calibration.fits import FITS
from calibration.session import STEP_S_MAX, Session
from calibration.session_tells import Answer, Found, Stored, told_from_json, told_to_json
from calibration.words import StepName, Verdict, said
from calibration.words_json import from_json, to_json
from edge_agent.readings import ModemReport, Registration, SignalEdge, SimState, Tick
from sim.scenario import Played
from tests.calibration.captures import Site, all_steps, do_step, pieces, played, settings_of, settings_text

NOT_AT_THIS_LIFT = {StepName.SIGNAL, StepName.SUPPLY}
ONE_CONTACT = """\
[lift]
id = "a"
[contacts]
door_closed = { pin = 27 }
[delivery]
receivers = [{ name = "firm", url = "http://127.0.0.1:9" }]
"""
SITE = Site(has_sides=True)
USABLE = {Verdict.PASSED, Verdict.DOUBTFUL}


@pytest.fixture(scope="module")
def live() -> Played:
    return played(SITE)


def a_session(live: Played) -> Session:
    return Session(settings_of(settings_text(live)), FITS)


def test_a_whole_calibration_of_a_healthy_lift_is_usable_in_every_step(live: Played) -> None:
    session = a_session(live)
    results = all_steps(session, settings_of(settings_text(live)), SITE)
    for step, result in results.items():
        expected = {Verdict.SKIPPED} if step in NOT_AT_THIS_LIFT else USABLE
        assert result.verdict in expected, (step, result.reasons)
    assert session.current is None
    assert session.results() == tuple(results.values())
    lines = dict(session.settings_lines())
    assert abs(float(lines["lift.rated_speed_mps"]) / live.lift.spec.rated_mps - 1.0) < 0.05
    assert len(lines["lift.landing_heights_m"].split(",")) == len(live.lift.spec.landing_heights_m)


def test_the_same_calibration_twice_gives_the_same_bytes(live: Played) -> None:
    settings = settings_of(settings_text(live))
    texts = []
    for _ in range(2):
        session = Session(settings, FITS)
        for step in (StepName.MOUNT, StepName.DOORS):
            do_step(session, step, pieces(SITE)[step])
        texts.append(to_json(session.commissioning("00", "0", None)))
    assert texts[0] == texts[1]


def test_an_interrupted_calibration_goes_on_where_it_stopped(live: Played) -> None:
    settings = settings_of(settings_text(live))
    first = Session(settings, FITS)
    for step in (StepName.WIRING, StepName.SIDES):
        first.skip(step, said("skip.asked"))
    do_step(first, StepName.MOUNT, pieces(SITE)[StepName.MOUNT])
    kept = from_json(to_json(first.commissioning("00", "0", None)))
    second = Session(settings, FITS, results=kept.results)
    assert second.current is StepName.NOISE
    assert second.results() == first.results()


def test_a_repeated_step_keeps_its_old_result_until_the_new_one_is_there(live: Played) -> None:
    session = a_session(live)
    old = do_step(session, StepName.MOUNT, pieces(SITE)[StepName.MOUNT])
    session.begin(StepName.MOUNT)
    assert session.results() == (old,)
    session.leave()
    assert session.results() == (old,)
    session.begin(StepName.MOUNT)
    new = session.finish(StepName.MOUNT)
    assert new.verdict is Verdict.FAILED
    assert session.results() == (new,)
    assert session.current is StepName.WIRING  # the first that has none; then the one that failed comes again


def test_what_is_not_wired_is_left_out_with_the_reason() -> None:
    settings = settings_of(ONE_CONTACT)
    session = Session(settings, FITS)
    without = [step for step in StepName if session.reason_to_skip(step) is not None]
    assert without == [step for step in StepName if step not in (StepName.WIRING, StepName.DOORS, StepName.TEST_ALARM)]


def test_a_refused_step_proposes_nothing_for_the_settings(live: Played) -> None:
    session = a_session(live)
    session.begin(StepName.WIRING)
    session.tell(Found("accelerometer", 0, None, "i2c: nothing answers at 0x53", "Check", ("0x1d",)))
    result = session.finish(StepName.WIRING)
    assert result.settings == (("accelerometer.address", "0x1d"),)
    assert session.settings_lines() == ()


def test_readings_beyond_the_longest_step_are_counted_and_not_kept(live: Played) -> None:
    session = a_session(live)
    session.begin(StepName.NOISE)
    late_ns = round(STEP_S_MAX * 1e9) + 1
    session.push([Tick(0), Tick(late_ns), Tick(late_ns + 1)])
    assert session.dropped_count == 2
    assert session.live().seconds == 0.0


def test_a_step_that_is_not_under_way_cannot_be_finished(live: Played) -> None:
    with pytest.raises(ValueError, match="not under way"):
        a_session(live).finish(StepName.MOUNT)


def test_live_feedback_moves_from_nothing_to_enough(live: Played) -> None:
    session = a_session(live)
    session.begin(StepName.NOISE)
    shares = []
    for reading in pieces(SITE)[StepName.NOISE]:
        session.push((reading,))
        shares.append(session.live().share)
    assert shares[0] < 0.1
    assert shares == sorted(shares)
    assert session.live().lacks is None
    rate = next(gauge for gauge in session.live().gauges if gauge.name == "gauge.rate")
    assert rate.is_good


def test_questions_of_the_controller_come_after_a_trip_and_go_with_their_answers(live: Played) -> None:
    session = a_session(live)
    session.begin(StepName.CONTROLLER)
    taken = pieces(SITE)[StepName.CONTROLLER]
    session.push(taken[:20])
    assert session.questions() == ()
    session.push(taken[20:])
    asked = [question.key for question in session.questions()]
    assert set(asked) >= {"floor", "direction", "door"}
    session.tell(Answer("floor", "yes"))
    assert "floor" not in [question.key for question in session.questions()]


def test_the_signal_is_not_asked_for_again_where_it_was_heard_on_the_learning_trips(live: Played) -> None:
    text = settings_text(live, '[modem]\nport = "/dev/ttyUSB2"')
    session = Session(settings_of(text), FITS)
    taken = pieces(SITE)[StepName.TRIPS]
    with_modem = []
    for number, reading in enumerate(taken):
        with_modem.append(reading)
        if number % 20 == 0:
            with_modem.append(ModemReport(reading.t_ns, SimState.READY, Registration.HOME, -71))
    do_step(session, StepName.TRIPS, with_modem)
    heard = next(result for result in session.results() if result.step is StepName.SIGNAL)
    assert heard.verdict is Verdict.PASSED
    assert [row[2] for row in heard.tables[0].rows] == [-71.0] * len(live.lift.spec.landing_heights_m)


def test_what_was_told_comes_back_from_its_file(live: Played) -> None:
    session = a_session(live)
    session.begin(StepName.WIRING)
    session.push(
        [SignalEdge(5, edge.signal, True) for edge in pieces(SITE)[StepName.DOORS] if isinstance(edge, SignalEdge)]
    )
    for finding in (
        Found("supply", 0, None, "x", "y", ("0x41",)),
        Answer("floor", "no"),
        Stored("firm", False, 1.5, "z"),
    ):
        session.tell(finding)
    assert told_from_json(told_to_json(session.told())) == session.told()
    with pytest.raises(ValueError, match="no finding"):
        told_from_json('[{"t_ns": 1, "kind": "rumour"}]')
