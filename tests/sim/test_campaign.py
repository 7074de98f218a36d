"""Campaigns: days that come again, judging, lines, the report, and going on where one stopped."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_agent.alarms import AlarmKind
from edge_agent.readings import AccelFrame
from sim.__main__ import main
from sim.campaign import SETTLED_DAYS, DayResult, lived
from sim.campaign_line import line_of, result_of
from sim.campaign_report import false_strata, missed_entrapments, report
from sim.cli_campaign import core_digest
from sim.day import Day, live_day
from sim.diary import Answer, Diary, Due, FalseAlarm, Span, Stood
from sim.habits import FITTED, Parking, SensorSet, draw_life
from sim.troubles import TROUBLES, Trouble

FOREVER = float("inf")
QUIET_DAY = DayResult(
    number=0,
    sensors=SensorSet.BARE.value,
    drive="vvvf",
    knowledge="everything",
    parking=Parking.STAYS.value,
    rate_hz=100.0,
    chip_noise_mps2=0.02,
    trips=50,
    calls=25,
    run_s=4000.0,
    parked_run_s=3000.0,
    skipped_s=82_400.0,
    events=(("entrapment", 1),),
    false=(),
    answers=(Answer(AlarmKind.ENTRAPMENT, "entrapment", 100.0, 31.5, is_late=False),),
    suspected=3,
)
MISSED = Answer(AlarmKind.ENTRAPMENT, "entrapment", 100.0, None, is_late=False)


def test_same_seed_and_number_give_the_same_day_and_the_same_readings() -> None:
    one, two, other = lived(3, 5), lived(3, 5), lived(3, 6)
    assert one.day.lift.trips == two.day.lift.trips
    assert one.day.lift.trips != other.day.lift.trips
    frames = [next(r for r in each.raw_readings() if isinstance(r, AccelFrame)) for each in (one, two)]
    assert np.array_equal(frames[0].samples_mps2, frames[1].samples_mps2)


def test_a_settled_box_has_lived_an_ordinary_day_of_the_same_lift_and_the_days_since() -> None:
    day = lived(3, 2 * SETTLED_DAYS + 1, is_settled=True)
    before = day.before
    assert before is not None
    assert before.number == 2 * SETTLED_DAYS
    first = before.before
    assert first is not None
    assert first.before is None
    assert first.day.diary.dues == []
    assert first.day.diary.spans == []
    assert repr(first.day.life) == repr(before.day.life) == repr(day.day.life) == repr(lived(3, 2).day.life)
    assert len({repr(each.day.lift.trips) for each in (first, before, day)}) == 3


def test_each_lift_of_settled_boxes_is_another_one() -> None:
    last, first = (lived(3, number, is_settled=True) for number in (SETTLED_DAYS - 1, SETTLED_DAYS))
    assert repr(last.day.life) != repr(first.day.life)
    assert first.before is not None
    assert first.before.before is None


@pytest.mark.system
@pytest.mark.timeout(300)
def test_a_settled_box_begins_with_what_it_has_learned() -> None:
    day = lived(3, 2 * SETTLED_DAYS, is_settled=True)
    learned = day.baselines()
    assert learned is not None
    assert learned.habits
    assert replace(day, before=None).baselines() is None


def test_clock_of_a_day_is_what_was_run_and_what_was_left_out() -> None:
    day = lived(3, 5).day
    assert day.clock_s == pytest.approx(86_400.0, abs=1800.0)
    assert day.diary.skipped_s > 0.5 * 86_400.0
    assert day.diary.parked_s < day.lift.now_s


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.name)
def test_every_special_event_can_be_lived_and_leaves_the_car_empty_and_closed(trouble: Trouble) -> None:
    for seed in range(12):
        day = Day(draw_life(np.random.default_rng(seed), "a"), np.random.default_rng(seed))
        day.lift.wait(30.0)
        trouble.perform(day)
        assert day.lift.people == 0
        assert day.lift.door.opening(day.lift.now_s) == pytest.approx(0.0, abs=1e-6)
        assert day.lift.is_in_door_zone(day.lift.height_m)


def test_every_entrapment_is_due_within_90_s_between_landings_and_120_s_at_one() -> None:
    entrapment = next(each for each in TROUBLES if each.name == "entrapment")
    allowed_s = set()
    for seed in range(20):
        day = Day(draw_life(np.random.default_rng(seed), "a"), np.random.default_rng(seed))
        day.lift.wait(30.0)
        entrapment.perform(day)
        [due] = [due for due in day.diary.dues if due.kind is AlarmKind.ENTRAPMENT]
        allowed_s.add(round(due.raise_by_s - due.start_s))
        assert day.lift.occupants.at(due.start_s + 1.0) > 0
        assert due.until_s - due.start_s > 120.0
    assert allowed_s == {90, 120}


def test_drawn_sensor_sets_are_what_the_installation_says() -> None:
    for seed in range(20):
        life = draw_life(np.random.default_rng(seed), "a")
        fitted = FITTED[life.sensors]
        assert life.installation.wiring.signals == fitted.signals
        assert life.installation.wiring.has_controller is bool(fitted.controller_fields)
        assert life.installation.wiring.has_pressure is fitted.has_pressure


def test_ordinary_day_without_events_owes_nothing() -> None:
    life = draw_life(np.random.default_rng(1), "a")
    day = live_day(life, np.random.default_rng(2), ())
    assert day.diary.dues == []
    assert day.diary.calls > 0


def a_diary() -> Diary:
    diary = Diary()
    diary.spans.append(Span("entrapment", 95.0, 300.0))
    diary.dues.append(Due(AlarmKind.ENTRAPMENT, "entrapment", 100.0, 190.0, 250.0))
    diary.allow((AlarmKind.EMERGENCY_STOP,), 95.0, 360.0)
    return diary


@pytest.mark.parametrize(
    ("raised_s", "delay_s", "is_late"), [(150.0, 50.0, False), (200.0, 100.0, True), (251.0, None, False)]
)
def test_due_alarm_is_in_time_late_or_missed(raised_s: float, delay_s: float | None, is_late: bool) -> None:
    [answer] = a_diary().answers([Stood(AlarmKind.ENTRAPMENT, raised_s, FOREVER)])
    assert (answer.delay_s, answer.is_late) == (delay_s, is_late)


def test_alarm_that_stood_before_answers_and_one_that_was_cleared_before_does_not() -> None:
    assert a_diary().answers([Stood(AlarmKind.ENTRAPMENT, 50.0, 120.0)])[0].delay_s == 0.0
    assert a_diary().answers([Stood(AlarmKind.ENTRAPMENT, 50.0, 60.0)])[0].delay_s is None


def test_alarm_without_a_reason_is_false_and_is_put_down_to_what_went_on() -> None:
    stood = [
        Stood(AlarmKind.ENTRAPMENT, 50.0, 60.0),
        Stood(AlarmKind.ENTRAPMENT, 150.0, 260.0),
        Stood(AlarmKind.EMERGENCY_STOP, 99.0, 260.0),
        Stood(AlarmKind.OVERSPEED, 359.0, 400.0),
    ]
    assert a_diary().false_alarms(stood) == (
        FalseAlarm(AlarmKind.ENTRAPMENT, 50.0, "traffic"),
        FalseAlarm(AlarmKind.OVERSPEED, 359.0, "entrapment"),
    )


def test_day_comes_back_from_its_line_and_a_torn_line_is_no_day() -> None:
    day = replace(QUIET_DAY, false=(FalseAlarm(AlarmKind.OVERSPEED, 12.5, "traffic"),), answers=(MISSED,))
    assert result_of(line_of(day)) == day
    assert result_of(line_of(day)[:-20]) is None


def test_rate_of_a_rare_event_is_divided_by_how_often_it_happens() -> None:
    day = replace(QUIET_DAY, false=(FalseAlarm(AlarmKind.OVERSPEED, 12.5, "entrapment"),))
    strata = false_strata([day], AlarmKind.OVERSPEED)
    assert strata[0].exposure == pytest.approx(1 / 365)
    [seen] = [each for each in strata if each.count]
    assert seen.exposure == pytest.approx(1 / 0.16)


def test_report_names_false_severe_alarms_with_the_command_that_shows_them_again() -> None:
    day = replace(QUIET_DAY, number=7, false=(FalseAlarm(AlarmKind.OVERSPEED, 12.5, "traffic"),), answers=(MISSED,))
    printed = "\n".join(report([QUIET_DAY, day], 4))
    assert "lift-sim campaign --seed 4 --day 7" in printed
    assert "false overspeed at 12.5 s (traffic)" in printed
    assert "missed entrapment of 100.0 s" in printed
    assert "2 due, 1 missed, 0 late; raised after 31.5 s (median), 31.5 s (worst)" in printed
    assert missed_entrapments([QUIET_DAY, day]) == 1
    settled = "\n".join(report([QUIET_DAY, day], 4, is_settled=True))
    assert "lift-sim campaign --seed 4 --day 7 --settled" in settled


def prepared(folder: Path, *days: DayResult, core: str | None = None, settled: bool = False) -> None:
    folder.mkdir()
    (folder / "campaign.json").write_text(
        json.dumps({"format": 2, "seed": 1, "settled": settled, "core": core_digest() if core is None else core})
    )
    (folder / "days.jsonl").write_text("".join(line_of(day) + "\n" for day in days))


def test_finished_days_are_not_run_again_and_a_missed_entrapment_exits_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prepared(tmp_path / "good", QUIET_DAY)
    assert main(["campaign", "--lift-years", "0.002", "--folder", str(tmp_path / "good")]) == 0
    assert "1 lift-days = 0.00 lift-years" in capsys.readouterr().out
    prepared(tmp_path / "bad", replace(QUIET_DAY, answers=(MISSED,)))
    assert main(["campaign", "--lift-years", "0.002", "--folder", str(tmp_path / "bad")]) == 1


@pytest.mark.parametrize("other", [{"core": "0123"}, {"settled": True}], ids=lambda other: next(iter(other)))
def test_folder_of_another_core_or_other_boxes_is_not_added_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], other: dict[str, Any]
) -> None:
    prepared(tmp_path / "old", QUIET_DAY, **other)
    assert main(["campaign", "--lift-years", "0.002", "--folder", str(tmp_path / "old")]) == 2
    assert "Name another folder" in capsys.readouterr().err


@pytest.mark.system
@pytest.mark.campaign
@pytest.mark.timeout(300)
def test_campaign_of_two_days_is_kept_and_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "campaign"
    main(["campaign", "--lift-years", "0.002", "--seed", "5", "--folder", str(folder)])
    main(["campaign", "--lift-years", "0.006", "--seed", "5", "--jobs", "2", "--folder", str(folder)])
    results = [result_of(line) for line in (folder / "days.jsonl").read_text().splitlines()]
    assert sorted(result.number for result in results if result is not None) == [0, 1]
    assert "2 lift-days" in capsys.readouterr().out
