"""Drafts of records from what the core concluded."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.alarms import (
    Alarm,
    AlarmKind,
    AlarmState,
    DoorState,
    Evidence,
    Place,
    Severity,
    Trip,
    Witness,
)
from edge_agent.readings import Direction
from edge_agent.records import (
    RecordDraft,
    draft_of,
    draft_of_alarm,
    draft_of_lost,
    draft_of_started,
    draft_of_trip,
    stream_of,
)
from edge_agent.wire import (
    Identity,
    Lost,
    LostReason,
    Measure,
    Measured,
    Phase,
    Record,
    Stamp,
    Stream,
    SystemKind,
    WirePlace,
    encode_record,
)
from tests.delivery.making import DEVICE, alarm

TRIP = Trip(
    t_ns=20_000_000_000,
    start_ns=10_000_000_000,
    end_ns=16_250_000_000,
    direction=Direction.DOWN,
    distance_m=6.4321,
    speed_mps=1.601,
    accel_mps2=0.7004,
    decel_mps2=0.8196,
    jerk_mps3=1.25,
    from_landing=3,
    to_landing=1,
)


def _drafted(source: Alarm) -> RecordDraft:
    draft = draft_of_alarm(source)
    assert draft is not None
    return draft


def _encoded(draft: RecordDraft) -> bytes:
    return encode_record(
        Record(
            DEVICE, 1, draft.stream, 1, draft.kind, Stamp(1, 1), bytes(8), draft.phase, None, draft.place,
            draft.measures, draft.percent, draft.evidence, draft.note or None, draft.detail,
        )
    )  # fmt: skip


def test_a_raised_alarm_carries_place_measures_probability_and_witnesses() -> None:
    assert draft_of_alarm(alarm()) == RecordDraft(
        stream=Stream.ALARM,
        kind=1,
        phase=Phase.RAISED,
        incident=1,
        place=WirePlace(floor=4, door=DoorState.CLOSED, moving=0, height_mm=13_400),
        measures=(Measured(Measure.STILL_S, 61),),
        percent=97,
        evidence=0b11,
        note="",
    )


@pytest.mark.parametrize(
    ("state", "phase"),
    [
        (AlarmState.RAISED, Phase.RAISED),
        (AlarmState.UPDATED, Phase.UPDATED),
        (AlarmState.CLEARED, Phase.CONDITION_GONE),
    ],
)
def test_each_stage_that_is_sent_has_its_phase(state: AlarmState, phase: Phase) -> None:
    assert _drafted(alarm(state)).phase is phase


def test_a_suspicion_stays_on_the_box() -> None:
    assert draft_of_alarm(alarm(AlarmState.SUSPECTED)) is None
    assert draft_of(alarm(AlarmState.SUSPECTED)) is None


def test_danger_faults_and_telemetry_travel_on_their_streams() -> None:
    streams = [stream_of(kind) for kind in (1, 31, 32, 63, 64, 95, 96, 255, SystemKind.PERIODIC_TEST)]
    assert streams == [Stream.ALARM] * 2 + [Stream.FAULT] * 4 + [Stream.TELEMETRY] * 2 + [Stream.ALARM]
    assert _drafted(alarm(kind=AlarmKind.EMERGENCY_STOP)).stream is Stream.FAULT


@pytest.mark.parametrize(
    ("name", "value", "measure", "expected"),
    [
        ("car_speed_mps", 1.2344, Measure.SPEED, 1234),
        ("accel_mps2_peak", -1.5, Measure.ACC_Z, -1500),
        ("decel_mps2_peak", 2.25, Measure.ACC_Z, 2250),
        ("jerk_mps3_peak", 3.1, Measure.JERK, 3100),
        ("vibration_mps2_a95", 0.123, Measure.VIBRATION, 123),
        ("level_error_mm", -23, Measure.LEVEL_ERROR, -23),
        ("door_time_s", 3.5, Measure.DOOR_MS, 3500),
        ("door_open_ms", 40, Measure.DOOR_MS, 40),
        ("standstill_s", 61.6, Measure.STILL_S, 62),
        ("still_s", 30, Measure.STILL_S, 30),
        ("car_speed_mps", 1e300, Measure.SPEED, (1 << 31) - 1),
        ("car_speed_mps", -1e306, Measure.SPEED, -(1 << 31)),
    ],
)
def test_signs_with_a_measure_are_scaled_to_its_unit(name: str, value: float, measure: Measure, expected: int) -> None:
    draft = _drafted(replace(alarm(), evidence=(Evidence(name, value),)))
    assert (draft.measures, draft.note) == ((Measured(measure, expected),), "")


def test_signs_without_a_measure_travel_in_the_note() -> None:
    signs = (
        Evidence("between_landings", True),
        Evidence("second_sign", "mains_lost"),
        Evidence("position_error_m", 0.123456),
        Evidence("occupied_percent", 97),
        Evidence("recovered_by_itself", False),
        Evidence("car_speed_mps", math.nan),
    )
    draft = _drafted(replace(alarm(), evidence=signs))
    assert draft.measures == ()
    assert draft.note == "between_landings=yes second_sign=mains_lost position_error_m=0.1235"


def test_a_second_sign_of_the_same_measure_travels_in_the_note() -> None:
    signs = (Evidence("accel_mps2_peak", 1.0), Evidence("decel_mps2_peak", 2.0))
    draft = _drafted(replace(alarm(), evidence=signs))
    assert (draft.measures, draft.note) == ((Measured(Measure.ACC_Z, 1000),), "decel_mps2_peak=2")


def test_a_note_of_the_alarm_comes_before_signs_and_is_cut_at_a_whole_character() -> None:
    signs = (Evidence("between_landings", True),)
    assert _drafted(replace(alarm(note="door contacts"), evidence=signs)).note == "door contacts between_landings=yes"
    assert _drafted(replace(alarm(note="门" * 40), evidence=signs)).note == "门" * 26


def test_nothing_known_of_the_place_is_no_place() -> None:
    assert _drafted(replace(alarm(), place=Place())).place is None


def test_a_trip_tells_where_it_ended_and_how_it_was() -> None:
    assert draft_of_trip(TRIP) == RecordDraft(
        stream=Stream.TELEMETRY,
        kind=96,
        place=WirePlace(floor=1, moving=-1),
        measures=(
            Measured(Measure.ACC_Z, 700),
            Measured(Measure.JERK, 1250),
            Measured(Measure.SPEED, 1601),
        ),
        note="from=3 distance_mm=6432 time_ms=6250 decel_mmps2=820",
    )
    assert draft_of(TRIP) == draft_of_trip(TRIP)


def test_a_trip_between_unknown_landings_is_a_record_too() -> None:
    draft = draft_of_trip(replace(TRIP, from_landing=None, to_landing=None, distance_m=math.inf))
    assert draft.place == WirePlace(floor=None, moving=-1)
    assert draft.note == "distance_mm=0 time_ms=6250 decel_mmps2=820"


def test_started_carries_identity_and_cause() -> None:
    draft = draft_of_started("31104403002002051009", "0.1.0", b"digest of settings", "power came back")
    assert draft.detail == Identity("31104403002002051009", "0.1.0", b"digest o")
    assert (draft.stream, draft.kind, draft.note) == (Stream.FAULT, 64, "power came back")
    assert len(_encoded(draft)) < 140


def test_started_can_be_told_whatever_the_installer_wrote() -> None:
    for lift_no in ("", "x" * 200, "梯" * 50):
        assert _encoded(draft_of_started(lift_no, "", b""))


def test_lost_names_its_range() -> None:
    draft = draft_of_lost(Stream.TELEMETRY, 5, 900, LostReason.NO_ROOM)
    assert draft.detail == Lost(Stream.TELEMETRY, 5, 900, LostReason.NO_ROOM)
    assert (draft.stream, draft.kind) == (Stream.FAULT, 67)


_signs = st.builds(
    Evidence,
    st.sampled_from(["car_speed_mps", "level_error_mm", "standstill_s", "second_sign", "tilt_deg", "门"]),
    st.floats() | st.integers(-(1 << 70), 1 << 70) | st.booleans() | st.text(max_size=30),
)
_alarms = st.builds(
    Alarm,
    t_ns=st.integers(0, 1 << 60),
    kind=st.sampled_from(AlarmKind),
    state=st.sampled_from([AlarmState.RAISED, AlarmState.UPDATED, AlarmState.CLEARED]),
    severity=st.sampled_from(Severity),
    incident=st.integers(1, 1_000),
    evidence=st.lists(_signs, max_size=6).map(tuple),
    witnesses=st.frozensets(st.sampled_from(Witness)),
    place=st.builds(
        Place,
        landing_index=st.none() | st.integers(-1_000, 1_000),
        is_between_landings=st.none() | st.booleans(),
        height_mm=st.none() | st.integers(-(10**7), 10**7),
        door=st.sampled_from(DoorState),
        moving=st.sampled_from(Direction),
    ),
    occupied_percent=st.none() | st.integers(-5, 120),
    note=st.text(max_size=100),
)


@given(_alarms)
def test_a_record_can_be_made_of_every_alarm(source: Alarm) -> None:
    assert _encoded(_drafted(source))
