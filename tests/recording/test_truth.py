"""The comparison with truth: what counts as found, late, missed, false, and how trips are matched."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.alarms import Alarm, AlarmKind, AlarmState, Severity, Trip
from edge_agent.errors import RecordingError
from edge_agent.readings import Direction
from edge_agent.recording_truth import (
    AllowedAlarm,
    ExpectedAlarm,
    Standing,
    TrueTrip,
    Truth,
    Verdict,
    judge,
    read_truth,
    standings,
)
from tests.recording.material import S

ENTRAPMENT, IMPACT = AlarmKind.ENTRAPMENT, AlarmKind.IMPACT
EXPECTED = ExpectedAlarm(ENTRAPMENT, 100.0, 190.0, 400.0)


def stood(raised_s: float, cleared_s: float | None = 300.0, kind: AlarmKind = ENTRAPMENT) -> Standing:
    return Standing(kind, 1, raised_s, cleared_s)


def verdict(truth: Truth, *alarms: Standing, trips: tuple[Trip, ...] = ()) -> Verdict:
    return judge(truth, alarms, trips, 0.0, 1800.0)


def trip(start_s: float, end_s: float, direction: Direction = Direction.UP, distance_m: float = 3.0) -> Trip:
    return Trip(int(end_s * S), int(start_s * S), int(end_s * S), direction, distance_m, 1.0, 0.5, 0.5, 0.7)


@pytest.mark.parametrize(("raised_s", "delay_s"), [(100.0, 0.0), (160.0, 60.0), (190.0, 90.0)])
def test_an_alarm_in_its_window_is_found(raised_s: float, delay_s: float) -> None:
    result = verdict(Truth((EXPECTED,)), stood(raised_s))
    assert result.is_clean
    assert (result.expected_count, result.raise_delays_s) == (1, (delay_s,))


def test_no_alarm_is_missed() -> None:
    result = verdict(Truth((EXPECTED,)))
    assert result.missed == ("entrapment from 100.00 s, by 190.00 s: not raised",)
    assert not result.is_clean


def test_a_late_alarm_is_missed_but_not_false() -> None:
    result = verdict(Truth((EXPECTED,)), stood(190.1))
    assert result.missed == ("entrapment from 100.00 s, by 190.00 s: raised 190.10 s",)
    assert result.false == ()


def test_an_early_alarm_is_missed_and_false() -> None:
    result = verdict(Truth((EXPECTED,)), stood(99.9))
    assert (len(result.missed), result.false) == (1, ("entrapment raised 99.90 s",))


def test_an_alarm_of_another_kind_in_the_window_is_false() -> None:
    result = verdict(Truth((EXPECTED,)), stood(150.0), stood(150.0, kind=IMPACT))
    assert result.false == ("impact raised 150.00 s",)
    assert not result.is_clean


def test_a_second_alarm_behind_the_window_is_false() -> None:
    assert verdict(Truth((EXPECTED,)), stood(150.0), stood(350.0)).false == ("entrapment raised 350.00 s",)


@pytest.mark.parametrize(("cleared_s", "is_clean"), [(400.0, True), (400.1, False), (None, False)])
def test_an_alarm_must_be_clear_by_the_end(cleared_s: float | None, is_clean: bool) -> None:
    assert verdict(Truth((EXPECTED,)), stood(150.0, cleared_s)).is_clean is is_clean


def test_with_an_open_end_an_alarm_may_stand_for_ever() -> None:
    assert verdict(Truth((ExpectedAlarm(ENTRAPMENT, 100.0, 190.0, None),)), stood(150.0, None)).is_clean


def test_an_alarm_that_stands_when_the_recording_ends_before_its_end_is_no_fault() -> None:
    assert judge(Truth((EXPECTED,)), (stood(150.0, None),), (), 0.0, 399.0).is_clean


@pytest.mark.parametrize(
    ("window", "is_clean"),
    [
        (AllowedAlarm(IMPACT, 10.0, 20.0), True),
        (AllowedAlarm(IMPACT, 10.0, None), True),
        (AllowedAlarm(IMPACT, 15.1, 20.0), False),
        (AllowedAlarm(IMPACT, 10.0, 14.9), False),
        (AllowedAlarm(IMPACT, 10.0, 17.0), False),
        (AllowedAlarm(ENTRAPMENT, 10.0, 20.0), False),
    ],
)
def test_an_allowed_alarm_may_stand_in_its_window_only(window: AllowedAlarm, is_clean: bool) -> None:
    assert verdict(Truth(allowed=(window,)), stood(15.0, 18.0, IMPACT)).is_clean is is_clean


def test_only_raised_incidents_count_and_a_clearing_ends_them() -> None:
    def alarm(t_s: int, state: AlarmState, incident: int) -> Alarm:
        return Alarm(t_s * S, ENTRAPMENT, state, Severity.CRITICAL, incident)

    alarms = [
        alarm(1, AlarmState.SUSPECTED, 1),
        alarm(2, AlarmState.CLEARED, 1),
        alarm(3, AlarmState.SUSPECTED, 2),
        alarm(4, AlarmState.RAISED, 2),
        alarm(5, AlarmState.UPDATED, 2),
        alarm(6, AlarmState.RAISED, 3),
        alarm(7, AlarmState.CLEARED, 2),
    ]
    assert standings(alarms) == (Standing(ENTRAPMENT, 2, 4.0, 7.0), Standing(ENTRAPMENT, 3, 6.0, None))


def test_trips_are_not_judged_where_nobody_wrote_them_down() -> None:
    assert verdict(Truth(), trips=(trip(1, 5),)).is_clean
    assert verdict(Truth(trips=()), trips=(trip(1, 5),)).trips_false == ("trip 1.00 s to 5.00 s up 3.00 m",)


def test_a_found_trip_is_measured_against_the_true_one() -> None:
    true = TrueTrip(10.0, 18.0, Direction.UP, 3.2, 1.5)
    result = verdict(Truth(trips=(true,)), trips=(trip(10.5, 17.75),))
    errors = result.trip_errors[0]
    assert (errors.start_s, errors.end_s) == (0.5, -0.25)
    assert errors.distance_m == pytest.approx(-0.2)
    assert errors.speed_mps == pytest.approx(-0.5)
    assert result.is_clean


def test_a_trip_in_the_wrong_direction_is_found_but_not_clean() -> None:
    true = TrueTrip(10.0, 18.0, Direction.DOWN, None, None)
    result = verdict(Truth(trips=(true,)), trips=(trip(10.0, 18.0),))
    assert (len(result.trip_errors), result.trips_missed, result.is_clean) == (1, (), False)


def test_a_trip_cut_in_two_is_found_once_and_false_once() -> None:
    true = TrueTrip(10.0, 20.0, Direction.UP, None, None)
    result = verdict(Truth(trips=(true,)), trips=(trip(10, 13), trip(14, 20)))
    assert result.trips_false == ("trip 10.00 s to 13.00 s up 3.00 m",)
    assert result.trip_errors[0].start_s == 4.0


def test_two_trips_melted_into_one_miss_one() -> None:
    true = (TrueTrip(10.0, 16.0, Direction.UP, 3.0, None), TrueTrip(20.0, 30.0, Direction.UP, 3.0, None))
    result = verdict(Truth(trips=true), trips=(trip(10, 30),))
    assert result.trips_missed == ("trip 10.00 s to 16.00 s up 3.00 m",)


def test_trips_that_do_not_overlap_do_not_match() -> None:
    true = TrueTrip(10.0, 16.0, Direction.UP, 3.0, None)
    result = verdict(Truth(trips=(true,)), trips=(trip(16, 20),))
    assert (len(result.trips_missed), len(result.trips_false)) == (1, 1)


def test_a_trip_of_which_one_time_is_known_is_the_nearest_one() -> None:
    true = TrueTrip(30.0, None, Direction.UP, None, None)
    result = verdict(Truth(trips=(true,)), trips=(trip(1, 5), trip(29, 40), trip(60, 70)))
    assert result.trip_errors[0].start_s == -1.0
    assert result.trip_errors[0].end_s is None
    assert len(result.trips_false) == 2
    by_end = verdict(Truth(trips=(TrueTrip(None, 41.0, None, None, None),)), trips=(trip(1, 5), trip(29, 40)))
    assert by_end.trip_errors[0].end_s == -1.0


def test_a_trip_without_times_takes_what_is_left() -> None:
    true = (TrueTrip(None, None, Direction.UP, 5.0, None), TrueTrip(1.0, 5.0, None, None, None))
    result = verdict(Truth(trips=true), trips=(trip(1, 5), trip(29, 40, distance_m=5.5)))
    assert result.is_clean
    assert result.trip_errors[0].distance_m == 0.5


def test_verdicts_add_up() -> None:
    one = verdict(Truth((EXPECTED,), trips=()), trips=(trip(1, 2),)).labelled("a")
    two = verdict(Truth((EXPECTED,)), stood(150.0), stood(160.0, kind=IMPACT)).labelled("b")
    total = one + two
    assert (total.duration_s, total.expected_count, total.raise_delays_s) == (3600.0, 2, (50.0,))
    assert total.missed[0].startswith("a: entrapment")
    assert total.false == ("b: impact raised 160.00 s",)
    assert total.trips_false == ("a: trip 1.00 s to 2.00 s up 3.00 m",)


def test_the_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "truth.csv").write_text("kind,t_start_s,raise_by_s,t_end_s\nentrapment,100,190,-1\nimpact,5,5.5,9\n")
    (tmp_path / "allowed.csv").write_text("kind,t_start_s,t_end_s\nimpact,1,-1\n")
    (tmp_path / "trips.csv").write_text("start_s,end_s,direction,distance_m,speed_mps\n1,2,up,3.5,\n,,,,\n")
    assert read_truth(tmp_path) == Truth(
        (ExpectedAlarm(ENTRAPMENT, 100.0, 190.0, None), ExpectedAlarm(IMPACT, 5.0, 5.5, 9.0)),
        (AllowedAlarm(IMPACT, 1.0, None),),
        (TrueTrip(1.0, 2.0, Direction.UP, 3.5, None),),
    )


def test_no_files_expect_nothing(tmp_path: Path) -> None:
    assert read_truth(tmp_path) == Truth()


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("truth.csv", "kind,t_start_s,raise_by_s,t_end_s\nentrapped,1,2,3\n", 2),
        ("truth.csv", "kind,t_start_s,raise_by_s,t_end_s\nentrapment,1,2,3\nentrapment,1,soon,3\n", 3),
        ("allowed.csv", "kind,t_start_s\n", 1),
        ("trips.csv", "start_s,end_s,direction,distance_m,speed_mps\n1,2,upwards,3,4\n", 2),
        ("trips.csv", "start_s,end_s,direction,distance_m,speed_mps\n1,2,up,x,4\n", 2),
    ],
)
def test_a_broken_truth_file_is_named_with_its_line(tmp_path: Path, name: str, text: str, line: int) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(RecordingError) as caught:
        read_truth(tmp_path)
    assert caught.value.subject == f"{tmp_path}/{name}:{line}"
