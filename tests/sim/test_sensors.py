"""Truth to readings: acceleration in any mounting, bouncing contacts, forgetful presence, a controller's report."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from edge_agent.readings import (
    AccelFrame,
    ControllerDoor,
    ControllerReport,
    Direction,
    FaultReason,
    Mode,
    PressureSample,
    Reading,
    Signal,
    SignalEdge,
    SourceFault,
    Tick,
)
from sim.box import CONTROLLER_FIELDS, BoxSpec, Chip, PressureSpec, draw_mounting
from sim.lift import Lift
from sim.motion import FloatArray
from sim.report import report_at
from sim.sensors import joined, raw_readings, readings
from sim.steps import (
    BehaveStep,
    CloseDoorStep,
    EnterStep,
    InspectionStep,
    OpenDoorStep,
    PowerStep,
    RideStep,
    TravelStep,
    WaitStep,
    perform,
)
from sim.words import Behaviour
from tests.sim.lifts import a_box, plain_lift


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def stand(lift: Lift, duration_s: float = 20.0) -> Lift:
    perform(lift, WaitStep(duration_s))
    return lift


def samples_of(stream: list[Reading]) -> tuple[FloatArray, FloatArray]:
    frames = [reading for reading in stream if isinstance(reading, AccelFrame)]
    times_s = np.concatenate([frame.times_ns for frame in frames]) / 1e9
    return times_s, np.concatenate([frame.samples_mps2 for frame in frames])


def edges_of(stream: list[Reading], signal: Signal) -> list[SignalEdge]:
    return [reading for reading in stream if isinstance(reading, SignalEdge) and reading.signal is signal]


def perfect(box: BoxSpec) -> BoxSpec:
    """The same box with an accelerometer that makes no error."""
    assert box.accel is not None
    chip = replace(box.accel, noise_mps2=0.0, offset_mps2=np.zeros(3), gain=np.ones(3), stamp_jitter_s=0.0)
    return replace(box, accel=chip, contact=replace(box.contact, bounce_s=0.0))


@pytest.mark.parametrize("seed", range(12))
def test_mounting_is_a_rotation_so_that_a_car_at_rest_reads_9_81_in_any_direction(seed: int) -> None:
    mounting = draw_mounting(rng(seed))
    assert mounting @ mounting.T == pytest.approx(np.eye(3), abs=1e-12)
    assert np.linalg.det(mounting) == pytest.approx(1.0)
    _, samples = samples_of(list(raw_readings(stand(plain_lift()), perfect(a_box(seed)), rng(), 10.0)))
    assert np.linalg.norm(samples, axis=1) == pytest.approx(9.81, abs=1e-4)


def test_trip_shows_as_its_acceleration_along_gravity() -> None:
    lift = plain_lift()
    perform(lift, TravelStep(3))
    box = perfect(a_box())
    times_s, samples = samples_of(list(raw_readings(lift, box, rng(), lift.now_s)))
    up = samples[times_s < 0.3].mean(axis=0)
    vertical = samples @ (up / np.linalg.norm(up)) - 9.81
    assert vertical.max() == pytest.approx(1.0, abs=0.15)  # 1 m/s2 and the bounce of the ropes
    speed_mps = np.sum(vertical) / (box.accel.rate_hz * box.accel.rate_true if box.accel else 1.0)
    assert speed_mps == pytest.approx(0.0, abs=0.01)


def test_sample_times_run_on_the_chips_own_clock() -> None:
    box = a_box()
    assert box.accel is not None
    off = replace(box, accel=replace(box.accel, rate_true=1.03, stamp_jitter_s=0.0))
    times_s, _ = samples_of(list(raw_readings(stand(plain_lift()), off, rng(), 20.0)))
    assert np.diff(times_s) == pytest.approx(1 / 103.0, abs=1e-6)


def test_coarse_chip_gives_whole_steps_within_its_range() -> None:
    box = a_box(chip=Chip.ADXL345)
    assert box.accel is not None
    _, samples = samples_of(list(raw_readings(stand(plain_lift()), box, rng(), 5.0)))
    steps = samples / box.accel.step_mps2
    assert steps == pytest.approx(np.round(steps), abs=1e-6)
    narrow = replace(box, accel=replace(box.accel, range_mps2=5.0))
    _, clipped = samples_of(list(raw_readings(stand(plain_lift()), narrow, rng(), 5.0)))
    assert np.abs(clipped).max() <= 5.0 + box.accel.step_mps2


def test_stream_is_ordered_has_a_tick_every_tenth_of_a_second_and_is_the_same_for_the_same_seed() -> None:
    lift = plain_lift()
    perform(lift, RideStep(2))
    box = a_box(controller_fields=CONTROLLER_FIELDS)
    first, second = (list(readings(lift, box, rng(3), lift.now_s)) for _ in range(2))
    times_ns = [reading.t_ns for reading in first]
    assert times_ns == sorted(times_ns)
    ticks = [reading.t_ns for reading in first if isinstance(reading, Tick)]
    assert set(np.diff(ticks)) == {100_000_000}
    assert [(type(a), a.t_ns) for a in first] == [(type(b), b.t_ns) for b in second]
    assert all(
        np.array_equal(a.samples_mps2, b.samples_mps2)
        for a, b in zip(first, second, strict=True)
        if isinstance(a, AccelFrame) and isinstance(b, AccelFrame)
    )


def test_joined_frames_hold_the_same_samples_a_second_at_most_and_everything_else_stays_in_order() -> None:
    def frame(*times_s: float) -> AccelFrame:
        times_ns = np.array([round(t_s * 1e9) for t_s in times_s], dtype=np.int64)
        return AccelFrame(times_ns, np.array([[t_s, 0.0, 9.8] for t_s in times_s]))

    edges = [SignalEdge(round(t_s * 1e9), Signal.DOOR_OPEN, True) for t_s in (0.1, 0.7, 1.5)]
    before, last = Tick(0), Tick(5 * 10**9)
    raw: list[Reading] = [before, frame(0.2, 0.4), frame(0.6), edges[1], frame(1.1), frame(1.3, 1.4), edges[2], last]
    out = list(joined(iter(raw)))
    assert [type(reading) for reading in out] == [Tick, AccelFrame, SignalEdge, AccelFrame, SignalEdge, Tick]
    assert [reading.t_ns for reading in out] == [0, 200_000_000, 700_000_000, 1_300_000_000, 1_500_000_000, 5 * 10**9]
    first, second = (reading for reading in out if isinstance(reading, AccelFrame))
    assert first.samples_mps2[:, 0].tolist() == [0.2, 0.4, 0.6, 1.1]
    assert second.samples_mps2[:, 0].tolist() == [1.3, 1.4]


def test_leaving_a_sensor_out_does_not_change_the_others() -> None:
    lift = plain_lift()
    perform(lift, RideStep(2))
    with_link = list(raw_readings(lift, a_box(controller_fields=CONTROLLER_FIELDS), rng(3), lift.now_s))
    without = list(raw_readings(lift, replace(a_box(), controller=None), rng(3), lift.now_s))
    assert np.array_equal(samples_of(with_link)[1], samples_of(without)[1])


def test_door_contacts_switch_where_they_are_mounted() -> None:
    lift = plain_lift()
    perform(lift, WaitStep(1.0))
    perform(lift, OpenDoorStep())
    perform(lift, WaitStep(2.0))
    box = perfect(a_box())
    stream = list(raw_readings(lift, box, rng(), lift.now_s))
    closed = edges_of(stream, Signal.DOOR_CLOSED)
    assert closed[0] == SignalEdge(0, Signal.DOOR_CLOSED, True)
    left = next(edge for edge in closed if not edge.is_active)
    assert lift.door.opening(left.t_ns / 1e9) == pytest.approx(box.contact.closed_below, abs=0.005)
    reached = next(edge for edge in edges_of(stream, Signal.DOOR_OPEN) if edge.is_active)
    assert lift.door.opening(reached.t_ns / 1e9) == pytest.approx(box.contact.open_above, abs=0.005)


def test_bouncing_contact_ends_at_its_true_level_within_its_bounce_time() -> None:
    lift = plain_lift()
    for _ in range(6):
        perform(lift, OpenDoorStep())
        perform(lift, WaitStep(1.0))
        perform(lift, CloseDoorStep())
        perform(lift, WaitStep(1.0))
    box = a_box()
    box = replace(box, contact=replace(box.contact, bounce_s=0.01, repeat_s=1000.0))
    edges = edges_of(list(raw_readings(lift, box, rng(), lift.now_s)), Signal.DOOR_CLOSED)
    quick = [b.t_ns - a.t_ns for a, b in pairwise(edges) if b.t_ns - a.t_ns < 100_000_000]
    assert quick, "no contact bounced"
    assert max(quick) <= 10_000_000
    assert len(edges) > 13
    assert edges[-1].is_active


def test_presence_forgets_a_person_who_stands_still_and_sees_one_who_moves() -> None:
    share: dict[Behaviour, float] = {}
    for how in (Behaviour.STILL, Behaviour.RESTLESS):
        lift = plain_lift()
        perform(lift, OpenDoorStep())
        perform(lift, EnterStep(1))
        perform(lift, CloseDoorStep())
        perform(lift, BehaveStep(how))
        start_s = lift.now_s + 15.0
        perform(lift, WaitStep(315.0))
        box = perfect(a_box(signals=frozenset({Signal.PRESENCE})))
        edges = edges_of(list(raw_readings(lift, box, rng(), lift.now_s)), Signal.PRESENCE)
        times_s = np.arange(start_s, lift.now_s, 0.5)
        index = np.searchsorted([edge.t_ns / 1e9 for edge in edges], times_s, side="right") - 1
        share[how] = float(np.mean([edges[i].is_active for i in index]))
    assert share[Behaviour.STILL] < 0.3
    assert share[Behaviour.RESTLESS] > 0.8


def test_presence_stays_off_in_an_empty_standing_car() -> None:
    box = a_box(signals=frozenset({Signal.PRESENCE}))
    edges = edges_of(list(raw_readings(stand(plain_lift(), 600.0), box, rng(), 600.0)), Signal.PRESENCE)
    assert not any(edge.is_active for edge in edges)


def test_restless_people_move_a_standing_car_more_than_nobody_does() -> None:
    spread = []
    for people in (0, 3):
        lift = plain_lift()
        perform(lift, OpenDoorStep())
        if people:
            perform(lift, EnterStep(people))
        perform(lift, CloseDoorStep())
        perform(lift, BehaveStep(Behaviour.RESTLESS))
        start_s = lift.now_s + 3.0
        perform(lift, WaitStep(33.0))
        times_s, samples = samples_of(list(raw_readings(lift, perfect(a_box()), rng(), lift.now_s)))
        spread.append(float(np.linalg.norm(samples[times_s > start_s], axis=1).std()))
    assert spread[1] > 5 * spread[0]


def test_controller_tells_what_the_lift_does() -> None:
    lift = plain_lift()
    perform(lift, TravelStep(3))
    known_s = lift.trips[0].start_s + 6.0  # 5 m high, by hand
    report = report_at(lift, known_s, 42, CONTROLLER_FIELDS)
    assert report == ControllerReport(
        t_ns=42,
        floor="3",  # 5 m is nearest to landing 2, which this controller counts from 1
        direction=Direction.UP,
        mode=Mode.NORMAL,
        door=ControllerDoor.CLOSED,
        fault=0,
        safety_circuit_closed=True,
        door_zone=False,
        passenger=False,
        speed_mps=1.0,
        load_percent=0.0,
    )
    assert report_at(lift, known_s, 42, frozenset({"floor"})) == ControllerReport(42, floor="3")


def test_dark_controller_is_a_fault_of_its_source_and_comes_back() -> None:
    lift = plain_lift()
    perform(lift, WaitStep(5.0))
    perform(lift, PowerStep(False))
    perform(lift, WaitStep(20.0))
    perform(lift, PowerStep(True))
    perform(lift, WaitStep(15.0))
    stream = list(raw_readings(lift, a_box(controller_fields=CONTROLLER_FIELDS), rng(), lift.now_s))
    faults = [reading for reading in stream if isinstance(reading, SourceFault)]
    assert {fault.reason for fault in faults} == {FaultReason.SILENT}
    assert 5.0 <= faults[0].t_ns / 1e9 < 6.0
    reports = [reading.t_ns / 1e9 for reading in stream if isinstance(reading, ControllerReport)]
    assert not [t for t in reports if 5.1 < t < 33.0]
    assert max(reports) > 38.0


def test_inspection_key_shows_on_its_line() -> None:
    lift = plain_lift()
    perform(lift, WaitStep(2.0))
    perform(lift, InspectionStep(True))
    perform(lift, WaitStep(2.0))
    box = perfect(a_box(signals=frozenset({Signal.INSPECTION})))
    edges = edges_of(list(raw_readings(lift, box, rng(), lift.now_s)), Signal.INSPECTION)
    assert next(edge.t_ns for edge in edges if edge.is_active) == 2_000_000_000


def test_pressure_falls_by_about_twelve_pascal_a_metre() -> None:
    lift = plain_lift()
    perform(lift, TravelStep(4))
    perform(lift, WaitStep(5.0))
    box = replace(a_box(), pressure=PressureSpec(1013.25, 0.0, 0.0))
    samples = [reading for reading in raw_readings(lift, box, rng(), lift.now_s) if isinstance(reading, PressureSample)]
    assert samples[0].pressure_hpa - samples[-1].pressure_hpa == pytest.approx(12.0 * 0.12, abs=0.01)
