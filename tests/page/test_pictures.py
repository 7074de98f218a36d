"""Pictures by hand: what was felt, how fast the car was, what the door did, and that nothing is hidden or unbounded."""

from __future__ import annotations

import json
from collections.abc import Iterable

import numpy as np
import pytest

from edge_agent.readings import (
    AccelFrame,
    ControllerReport,
    Direction,
    FaultReason,
    Mode,
    Reading,
    SamplesLost,
    Signal,
    SourceFault,
)
from receiver.picture_motion import motion_of
from receiver.pictures import (
    CHANGES_MAX,
    TROUBLES_MAX,
    Change,
    DoorSpan,
    Picture,
    picture_of,
    picture_tree,
)
from tests.page.rides import S_NS, edge, felt, frames

UP_AND_STOP = ((10.0, 0.0), (2.0, 0.8), (4.0, 0.0), (2.0, -0.8), (10.0, 0.0))
"""10 s still, to 1.6 m/s in 2 s, 4 s even, to rest in 2 s, 10 s still."""


def drawn(readings: Iterable[Reading], columns: int = 100) -> Picture:
    picture = picture_of(readings, columns)
    assert picture is not None
    return picture


def in_order(*readings: Reading) -> list[Reading]:
    return sorted(readings, key=lambda reading: reading.t_ns)


@pytest.mark.parametrize("up", [(0.0, 0.0, 1.0), (0.0, -1.0, 0.0), (0.6, 0.0, 0.8)])
def test_speed_is_that_of_the_ride_however_the_box_is_mounted(up: tuple[float, float, float]) -> None:
    motion = motion_of(*felt(*UP_AND_STOP, up=up))
    assert motion is not None
    assert motion.gravity_mps2 == pytest.approx(9.81)
    assert motion.speed_mps[500] == 0.0  # 5 s: still
    assert motion.speed_mps[1100] == pytest.approx(0.8, abs=0.02)  # 11 s: half way to its speed
    assert motion.speed_mps[1400] == pytest.approx(1.6, abs=0.02)  # 14 s: running evenly
    assert motion.speed_mps[2700] == 0.0
    assert motion.is_sure.all()


def test_a_ride_down_has_a_speed_below_zero() -> None:
    motion = motion_of(*felt((10.0, 0.0), (1.0, -1.0), (5.0, 0.0), (1.0, 1.0), (10.0, 0.0)))
    assert motion is not None
    assert motion.speed_mps[1300] == pytest.approx(-1.0, abs=0.02)


def test_the_error_found_at_the_end_of_a_trip_is_taken_back_over_the_trip() -> None:
    """Braking is felt 0.1 m/s2 too weak for 2 s: the integral of 8 s ends at 0.2 m/s, half of it is gone half way."""
    motion = motion_of(*felt((10.0, 0.0), (2.0, 0.8), (4.0, 0.0), (2.0, -0.7), (10.0, 0.0)))
    assert motion is not None
    assert motion.speed_mps[1900] == 0.0
    assert motion.speed_mps[1400] == pytest.approx(1.6 - 0.2 * 4.0 / 8.0, abs=0.03)


def test_a_steady_error_of_the_sensor_moves_no_car() -> None:
    motion = motion_of(*felt(*UP_AND_STOP, bias_mps2=0.2))
    assert motion is not None
    assert motion.speed_mps[1400] == pytest.approx(1.6, abs=0.02)
    assert motion.speed_mps[2700] == 0.0


def test_what_lies_before_the_first_standstill_is_drawn_backwards_and_called_unsure() -> None:
    """The recording begins while the car runs at 1.6 m/s: known only from its braking."""
    motion = motion_of(*felt((4.0, 0.0), (2.0, -0.8), (10.0, 0.0)))
    assert motion is not None
    assert motion.speed_mps[200] == pytest.approx(1.6, abs=0.03)
    assert not motion.is_sure[:400].any()
    assert motion.is_sure[700:].all()


def test_an_open_door_tells_which_of_two_quiet_stretches_is_the_standstill() -> None:
    """A long even run and a short stop: the longer quiet would be taken for standing."""
    ride = felt((3.0, 0.0), (2.0, 0.8), (20.0, 0.0))
    alone, with_door = motion_of(*ride), motion_of(*ride, [(0, 2 * S_NS)])
    assert alone is not None
    assert with_door is not None
    assert with_door.speed_mps[2000] == pytest.approx(1.6, abs=0.02)
    assert alone.speed_mps[100] == pytest.approx(-1.6, abs=0.02)


def test_a_car_that_moves_with_its_door_open_is_drawn_moving() -> None:
    ride = felt((10.0, 0.0), (1.0, 0.4), (4.0, 0.0), (1.0, -0.4), (10.0, 0.0))
    motion = motion_of(*ride, [(0, 26 * S_NS)])
    assert motion is not None
    assert motion.speed_mps[1300] == pytest.approx(0.4, abs=0.02)


def test_over_a_gap_in_the_samples_nothing_is_integrated() -> None:
    times_ns, samples = felt(*UP_AND_STOP)
    times_ns = np.where(times_ns >= 12 * S_NS, times_ns + 30 * S_NS, times_ns)
    motion = motion_of(times_ns, samples)
    assert motion is not None
    assert motion.speed_mps[1300] == pytest.approx(1.6, abs=0.03)  # told by the braking behind the gap alone
    assert not motion.is_sure[1150]
    assert not motion.is_sure[1300]


def test_where_there_is_no_gravity_there_is_no_motion() -> None:
    times_ns, samples = felt((5.0, 0.0))
    assert motion_of(times_ns, samples * 0.0) is None
    assert drawn(frames(times_ns, samples * 0.0)).accel_low_mps2 == ()


def test_a_car_that_is_never_quiet_has_no_speed() -> None:
    motion = motion_of(*felt(*(((0.4, 1.0), (0.4, -1.0)) * 20)))
    assert motion is None or np.isnan(motion.speed_mps).all() or not motion.is_sure.all()


def test_one_sample_that_stands_out_is_seen_in_a_picture_of_any_size() -> None:
    times_ns, samples = felt((60.0, 0.0))
    samples[3_000, 2] += 7.5  # 30.00 s
    samples[3_001, 2] -= 6.0
    picture = drawn(frames(times_ns, samples), columns=50)
    middle = 3_000 * 50 // 6_000
    assert max(value for value in picture.accel_high_mps2 if value is not None) == pytest.approx(7.5)
    assert picture.accel_low_mps2[middle] == pytest.approx(-6.0)
    assert picture.accel_high_mps2[middle] == pytest.approx(7.5)
    assert picture.accel_high_mps2[middle - 1] == pytest.approx(0.0)


def test_a_column_without_samples_says_nothing() -> None:
    times_ns, samples = felt((10.0, 0.0))
    late = np.where(times_ns >= 5 * S_NS, times_ns + 10 * S_NS, times_ns)
    picture = drawn(frames(late, samples), columns=20)
    assert picture.accel_low_mps2[3] == pytest.approx(0.0)
    assert picture.accel_low_mps2[10] is None
    assert picture.speed_mps[10] is None


def test_a_door_with_two_contacts_opens_and_closes_in_the_times_between_their_edges() -> None:
    closed, opened = Signal.DOOR_CLOSED, Signal.DOOR_OPEN
    picture = drawn(
        [
            edge(0.0, closed, True),
            edge(0.0, opened, False),
            edge(10.0, closed, False),
            edge(12.5, opened, True),
            edge(20.0, opened, False),
            edge(23.0, closed, True),
            edge(30.0, closed, True),
        ]
    )
    (door,) = picture.doors
    assert [(span.from_ns / S_NS, span.to_ns / S_NS, span.state, span.is_whole) for span in door] == [
        (0.0, 10.0, "closed", False),
        (10.0, 12.5, "opening", True),
        (12.5, 20.0, "open", True),
        (20.0, 23.0, "closing", True),
        (23.0, 30.0, "closed", False),
    ]


def test_a_bouncing_contact_is_one_movement_of_the_door_and_every_edge_of_its_own_line() -> None:
    closed, opened = Signal.DOOR_CLOSED, Signal.DOOR_OPEN
    bounce = [edge(8.000 + ms / 1000, closed, is_made) for ms, is_made in ((0, True), (5, False), (12, True))]
    picture = drawn(
        [
            edge(0.0, closed, False),
            edge(0.0, opened, True),
            edge(5.0, opened, False),
            *bounce,
            edge(8.1, closed, False),
            edge(8.2, closed, True),
        ]
    )
    assert [(span.state, round(span.to_ns / S_NS, 3)) for span in picture.doors[0]] == [
        ("open", 5.0),
        ("closing", 8.012),
        ("closed", 8.1),  # a tenth of a second is no bounce
        ("opening", 8.2),
        ("closed", 8.2),
    ]
    assert len(dict(picture.contacts)[closed]) == 6


def test_a_door_that_reverses_goes_back_without_having_been_closed() -> None:
    closed, opened = Signal.DOOR_CLOSED, Signal.DOOR_OPEN
    picture = drawn(
        [edge(0.0, closed, False), edge(0.0, opened, True), edge(5.0, opened, False), edge(6.0, opened, True)]
    )
    assert [span.state for span in picture.doors[0]] == ["open", "closing", "open"]


def test_contacts_that_are_both_made_are_called_unknown() -> None:
    picture = drawn(
        [edge(0.0, Signal.DOOR_CLOSED, True), edge(1.0, Signal.DOOR_OPEN, True), edge(2.0, Signal.MAINS, True)]
    )
    assert picture.doors[0][-1] == DoorSpan(1 * S_NS, 2 * S_NS, "unknown", False)


def test_a_door_with_the_closed_contact_only_is_open_where_it_is_not_closed() -> None:
    picture = drawn([edge(0.0, Signal.DOOR_CLOSED, True), edge(4.0, Signal.DOOR_CLOSED, False)])
    assert [span.state for span in picture.doors[0]] == ["closed", "open"]


def test_a_rear_door_has_a_timeline_of_its_own() -> None:
    picture = drawn([edge(0.0, Signal.DOOR_CLOSED, True), edge(1.0, Signal.DOOR_CLOSED_REAR, False)])
    assert [door[0].state for door in picture.doors] == ["closed", "open"]


def test_a_level_that_is_said_again_is_no_change() -> None:
    picture = drawn([edge(float(t), Signal.PRESENCE, t >= 3) for t in range(6)])
    assert picture.contacts == ((Signal.PRESENCE, (Change(0, False), Change(3 * S_NS, True))),)


def test_what_the_controller_said_is_kept_by_field_and_a_suspect_word_is_not() -> None:
    picture = drawn(
        [
            ControllerReport(0, floor="3", direction=Direction.UP, fault=0),
            ControllerReport(1 * S_NS, floor="3", direction=Direction.UP),
            ControllerReport(2 * S_NS, floor="99", is_suspect=True),
            ControllerReport(3 * S_NS, floor="4", mode=Mode.INSPECTION, fault=17),
        ]
    )
    assert dict(picture.words) == {
        "floor": (Change(0, "3"), Change(3 * S_NS, "4")),
        "direction": (Change(0, "up"),),
        "fault": (Change(0, 0), Change(3 * S_NS, 17)),
        "mode": (Change(3 * S_NS, "inspection"),),
    }


def test_troubles_of_sources_are_part_of_the_picture() -> None:
    picture = drawn(
        [SourceFault(S_NS, "accelerometer", FaultReason.SILENT, "no sample"), SamplesLost(2 * S_NS, "contacts", 5)]
    )
    assert [(each.source, each.what, each.count) for each in picture.troubles] == [
        ("accelerometer", "silent", 0),
        ("contacts", "samples_lost", 5),
    ]


def test_a_flickering_contact_and_endless_troubles_are_bounded_and_counted() -> None:
    flicker = [edge(t / 100, Signal.DOOR_ZONE, t % 2 == 0) for t in range(CHANGES_MAX + 30)]
    troubles = [SamplesLost(9_999 * S_NS, "controller", 1)] * (TROUBLES_MAX + 7)
    picture = drawn([*flicker, *troubles])
    assert len(picture.contacts[0][1]) == CHANGES_MAX
    assert len(picture.troubles) == TROUBLES_MAX
    assert picture.left_out_count == 30 + 7


def test_samples_that_are_no_numbers_are_left_out_and_counted() -> None:
    times_ns, samples = felt((10.0, 0.0))
    samples[100, 0], samples[200, 1], samples[300, 2] = np.nan, np.inf, 1e300
    picture = drawn(frames(times_ns, samples))
    assert picture.left_out_count == 3
    assert all(value is not None and abs(value) < 0.01 for value in picture.accel_high_mps2)


def test_an_empty_recording_has_no_picture() -> None:
    assert picture_of([]) is None


def test_the_tree_counts_seconds_from_the_alarm_and_is_small() -> None:
    times_ns, samples = felt((60.0, 0.0), (2.0, 0.9), (10.0, 0.0), (1.0, -1.8), (60.0, 0.0))
    noise = np.random.default_rng(1).normal(0.0, 0.03, samples.shape)
    readings = in_order(
        *frames(times_ns, samples + noise), edge(1.0, Signal.DOOR_CLOSED, True), edge(70.0, Signal.DOOR_CLOSED, False)
    )
    picture = picture_of(readings)
    assert picture is not None
    tree = picture_tree(picture, 73 * S_NS, [{"t_s": 0.0}])
    text = json.dumps(tree, allow_nan=False, separators=(",", ":"))
    assert (tree["from_s"], tree["to_s"]) == (-73.0, 59.99)
    assert tree["contacts"] == {"door_closed": [[-72.0, True], [-3.0, False]]}
    assert len(text) < 40_000


def test_a_single_sample_is_a_picture_too() -> None:
    frame = AccelFrame(np.array([5], dtype=np.int64), np.array([[0.0, 0.0, 9.81]]))
    assert picture_of([frame]) is not None
