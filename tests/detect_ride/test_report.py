"""Reports of rides that were worked out by hand: what is measured, where, and how wrong it says it may be."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from edge_agent.detect.ride import RideStage, peak_to_peak
from edge_agent.detect.ride_report import AxisVibration, InstrumentError, PeakToPeak, RideReport, Unweighted
from edge_agent.readings import Direction
from tests.detect_ride import tables
from tests.detect_ride.making import Floats, Ride, S, Wave, judged, sine, turned


def only_between(first_s: float, last_s: float, wave: Wave) -> Wave:
    """The wave while the ride's own time is in the span; a ride starts at 12 s."""
    return lambda t: np.where((t - 12.0 >= first_s) & (t - 12.0 < last_s), wave(t), 0.0)


def constant(axis: AxisVibration) -> PeakToPeak:
    assert axis.constant is not None
    return axis.constant


def inner(axis: AxisVibration) -> PeakToPeak:
    assert axis.inner is not None
    return axis.inner


# ---- peak to peak, by hand


def half_waves(peaks: list[float]) -> Floats:
    """Triangles of 20 samples, one a peak, signs alternating."""
    shape = np.concatenate((np.arange(0.5, 10.0), np.arange(9.5, 0.0, -1.0))) / 9.5
    return np.concatenate([(-1.0) ** k * peak * shape for k, peak in enumerate(peaks)])


def test_peak_to_peak_values_are_the_sums_of_neighbouring_half_waves() -> None:
    found = peak_to_peak(half_waves([9.0, 1.0, 2.0, 4.0, 3.0, 9.0]))
    assert found is not None
    assert found.count == 3  # 1+2, 2+4, 4+3; the first and the last half-wave may be cut off and do not count
    assert found.max_mps2 == pytest.approx(7.0)


def test_the_whole_run_counts_the_half_waves_at_its_ends_too() -> None:
    found = peak_to_peak(half_waves([9.0, 1.0, 2.0, 4.0]), with_ends=True)
    assert found is not None
    assert found.count == 3
    assert found.max_mps2 == pytest.approx(10.0)
    assert found.a95_mps2 == pytest.approx(10.0)
    assert peak_to_peak(half_waves([1.0, 2.0]), with_ends=True) is not None
    assert peak_to_peak(half_waves([1.0]), with_ends=True) is None


@pytest.mark.parametrize(
    ("count", "place"),
    [(20, 19), (21, 20), (40, 38), (100, 95), (1, 1)],
    ids=lambda value: str(value),
)
def test_a95_is_the_value_that_95_percent_do_not_exceed(count: int, place: int) -> None:
    """Half-waves 0.5, 0.5, 1.5, 1.5 ... give the sums 1, 2, 3 ... count."""
    peaks = [math.floor(k / 2) + 0.5 for k in range(count + 1)]
    found = peak_to_peak(half_waves([1.0, *peaks, 1.0]))
    assert found is not None
    assert found.count == count
    assert found.max_mps2 == pytest.approx(float(count))
    assert found.a95_mps2 == pytest.approx(float(place))


def test_without_two_whole_half_waves_there_is_no_peak_to_peak_value() -> None:
    assert peak_to_peak(half_waves([1.0, 2.0, 1.0])) is None
    assert peak_to_peak(half_waves([1.0, 2.0, 2.0, 1.0])) is not None
    assert peak_to_peak(np.zeros(100)) is None


# ---- vibration


@pytest.mark.parametrize("rate_hz", [320.0, 400.0, 800.0, 1600.0])
def test_a_vertical_sine_reads_twice_its_amplitude_times_wk(rate_hz: float) -> None:
    report = judged(Ride(rate_hz=rate_hz, vertical=sine(0.1, tables.REFERENCE_HZ)))
    expected = 2.0 * 0.1 * tables.REFERENCE_FACTOR["wk"]
    assert report.is_weighted
    assert constant(report.vertical).max_mps2 == pytest.approx(expected, rel=0.04)
    assert constant(report.vertical).a95_mps2 == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize(("frequency_hz", "factor"), [(1.0, 1.011), (5.012, 0.4081), (10.0, 0.2017), (31.62, 0.06299)])
def test_a_horizontal_sine_reads_twice_its_amplitude_times_wd(frequency_hz: float, factor: float) -> None:
    report = judged(Ride(rate_hz=800.0, across=sine(0.2, frequency_hz)))
    expected = 2.0 * 0.2 * factor
    for axis in (report.horizontal_1, report.horizontal_worst):
        assert constant(axis).max_mps2 == pytest.approx(expected, rel=0.02)
        assert constant(axis).a95_mps2 == pytest.approx(expected, rel=0.02)
    assert constant(report.vertical).max_mps2 < 0.03


@pytest.mark.parametrize("rate_hz", [100.0, 200.0, 319.0])
def test_slow_sampling_refuses_the_weighting_by_name_and_gives_the_motion(rate_hz: float) -> None:
    report = judged(Ride(rate_hz=rate_hz, vertical=sine(0.1, 5.0), across=sine(0.05, 5.0)))
    assert report.unweighted_because is Unweighted.RATE_TOO_LOW
    assert not report.is_weighted
    assert report.error.weighting_ratio == 0.0
    assert constant(report.vertical).a95_mps2 == pytest.approx(0.2, rel=0.05)
    assert constant(report.horizontal_worst).a95_mps2 == pytest.approx(0.1, rel=0.05)
    assert report.motion.speed_mps == pytest.approx(1.6, rel=0.01)
    assert report.rate_hz == pytest.approx(rate_hz, rel=1e-4)


def test_the_same_ride_is_weighted_from_320_samples_a_second_on() -> None:
    assert judged(Ride(rate_hz=320.0)).is_weighted
    assert not judged(Ride(rate_hz=319.5)).is_weighted


def test_the_worst_horizontal_finds_a_vibration_in_any_direction() -> None:
    alone = constant(judged(Ride(across=sine(0.1, 4.0))).horizontal_worst).max_mps2
    for turn in (0.2, 0.7, 1.3):
        ride = Ride(across=sine(0.1 * math.sin(turn), 4.0), along=sine(0.1 * math.cos(turn), 4.0))
        report = judged(ride)
        assert constant(report.horizontal_worst).max_mps2 == pytest.approx(alone, rel=0.003)
        assert constant(report.horizontal_1).max_mps2 == pytest.approx(alone, rel=0.003)
        counts = [
            axis.constant.count for axis in (report.horizontal_1, report.horizontal_2) if axis.constant is not None
        ]
        assert constant(report.horizontal_worst).count >= max(counts)
        quiet = report.horizontal_2.constant
        assert quiet is None or quiet.max_mps2 < 0.01 * alone


def test_the_worst_horizontal_is_no_less_than_either_axis_of_the_car() -> None:
    """Two unlike vibrations along the car's own axes: an instrument set along them reads at most the worst."""
    by_itself = [constant(judged(Ride(across=wave)).horizontal_worst) for wave in (sine(0.1, 4.0), sine(0.07, 2.3))]
    both = constant(judged(Ride(across=sine(0.1, 4.0), along=sine(0.07, 2.3))).horizontal_worst)
    assert both.max_mps2 >= 0.991 * max(found.max_mps2 for found in by_itself)
    assert both.a95_mps2 >= 0.991 * max(found.a95_mps2 for found in by_itself)


# ---- regions


def test_the_constant_speed_region_is_where_hand_calculation_puts_it() -> None:
    """Speed is at 95 % 0.4 s before the end of the rise (v - j t^2 / 2 at 1 m/s3); then 2 s to settle, 0.5 s early."""
    ride = Ride()
    report = judged(ride)
    assert report.constant_start_ns is not None
    assert report.constant_end_ns is not None
    assert report.constant_start_ns / S == pytest.approx(ride.rest_s + ride.rise_s - 0.4 + 2.0, abs=0.02)
    assert report.constant_end_ns / S == pytest.approx(ride.end_ns / S - ride.fall_s + 0.4 - 0.5, abs=0.02)


def test_the_first_and_last_half_metre_count_for_the_run_only() -> None:
    """By hand: 0.5 m are passed 1.494 s after the start: j t^3 / 6 for 0.8 s, then 0.32 t + 0.4 t^2."""
    quiet = judged(Ride(vertical=sine(0.02, 20.0)))
    early = judged(
        Ride(vertical=only_between(0.3, 1.2, sine(1.0, 20.0)), across=only_between(0.3, 1.2, sine(0.5, 20.0)))
    )
    late = judged(
        Ride(vertical=only_between(1.6, 1.9, sine(1.0, 20.0)), across=only_between(1.6, 1.9, sine(0.5, 20.0)))
    )
    assert early.vertical_run is not None
    assert early.vertical_run.max_mps2 > 1.0
    assert inner(early.vertical).max_mps2 < 0.3
    assert inner(late.vertical).max_mps2 > 1.0
    assert inner(late.horizontal_worst).max_mps2 > 0.1
    assert early.horizontal_worst.inner is None or early.horizontal_worst.inner.max_mps2 < 0.05
    assert constant(quiet.vertical).max_mps2 == pytest.approx(0.04 * 0.636, rel=0.1)


def test_a_shock_in_the_braking_does_not_count_as_constant_speed() -> None:
    ride = Ride()
    braking = ride.rise_s + ride.cruise_s + 0.2
    report = judged(dataclasses.replace(ride, vertical=only_between(braking, braking + 0.3, sine(1.0, 20.0))))
    assert inner(report.vertical).max_mps2 > 1.0
    assert report.vertical.constant is None or report.vertical.constant.max_mps2 < 0.03


def test_a_harsh_start_leaves_next_to_nothing_in_the_constant_speed_region() -> None:
    report = judged(Ride(speed_mps=1.75, accel_mps2=1.2, brake_mps2=1.2, jerk_mps3=1.5, distance_m=30.0))
    assert report.vertical_run is not None
    assert report.vertical_run.max_mps2 > 0.3
    assert report.vertical.constant is None or report.vertical.constant.max_mps2 < 0.03


def test_a_car_that_sways_hard_cannot_hide_in_a_shrunken_region() -> None:
    calm, swaying = judged(Ride()), judged(Ride(vertical=sine(0.4, 1.0)))
    assert swaying.constant_end_ns is not None
    assert swaying.constant_start_ns is not None
    assert calm.constant_end_ns is not None
    assert calm.constant_start_ns is not None
    length = (swaying.constant_end_ns - swaying.constant_start_ns) / (calm.constant_end_ns - calm.constant_start_ns)
    assert length > 0.85
    assert constant(swaying.vertical).max_mps2 == pytest.approx(2.0 * 0.4 * 0.4825, rel=0.05)


def test_a_short_hop_has_no_constant_speed_region_but_an_inner_one() -> None:
    report = judged(Ride(distance_m=5.2, across=sine(0.1, 4.0)))
    assert report.constant_start_ns is None
    assert report.vertical.constant is None
    assert report.horizontal_worst.constant is None
    assert inner(report.horizontal_worst).max_mps2 == pytest.approx(0.2 * 0.5118, rel=0.05)


@pytest.mark.parametrize(("cruise_s", "has_region"), [(2.65, False), (2.75, True)])
def test_a_constant_speed_region_is_at_least_a_second_long(cruise_s: float, has_region: bool) -> None:
    """By hand: it is 1.7 s shorter than the cruise (2.5 s less, 0.4 s more at each end)."""
    ride = Ride()
    report = judged(dataclasses.replace(ride, distance_m=ride.speed_mps * (cruise_s + ride.rise_s)))
    assert (report.constant_start_ns is not None) is has_region


# ---- motion


def test_motion_is_what_the_ride_was_made_of() -> None:
    ride = Ride(accel_mps2=0.7, brake_mps2=0.9, vertical=sine(0.02, 25.0))
    report = judged(ride)
    motion = report.motion
    assert report.direction is Direction.UP
    assert report.distance_m == pytest.approx(24.0, rel=0.002)
    assert motion.speed_mps == pytest.approx(1.6, rel=0.005)
    assert motion.speed_mps_v95 == pytest.approx(1.6, rel=0.005)
    assert motion.accel_mps2 == pytest.approx(0.7, abs=0.006)
    assert motion.accel_mps2_a95 == pytest.approx(0.7, abs=0.006)
    assert motion.decel_mps2 == pytest.approx(0.9, abs=0.006)
    assert motion.decel_mps2_a95 == pytest.approx(0.9, abs=0.006)
    assert motion.jerk_mps3 == pytest.approx(1.0, abs=0.03)


def test_a_downward_ride_reads_the_same_as_an_upward_one() -> None:
    up = judged(Ride(accel_mps2=0.7, brake_mps2=0.9))
    down = judged(Ride(accel_mps2=0.7, brake_mps2=0.9, sign=-1.0))
    assert down.direction is Direction.DOWN
    assert dataclasses.astuple(down.motion) == pytest.approx(dataclasses.astuple(up.motion), rel=1e-3)
    assert down.distance_m == pytest.approx(up.distance_m, rel=1e-5)


def test_a95_leaves_out_a_short_peak_that_the_largest_value_shows() -> None:
    """40 ms of 0.5 m/s2 more are 2 % of the rise between 5 and 95 % of the speed."""
    report = judged(Ride(vertical=lambda t: np.where(np.abs(t - 13.5) < 0.02, 0.5, 0.0)))
    assert report.motion.accel_mps2 > 1.1
    assert report.motion.accel_mps2_a95 < 0.9


def test_a95_looks_at_the_rise_between_5_and_95_percent_of_the_speed() -> None:
    """By hand: 5 % of 1.6 m/s are passed 0.4 s after the start, 80 % at 2.0 s, 95 % at 2.4 s of 2.8 s."""
    inside = judged(Ride(vertical=only_between(1.8, 2.2, lambda t: np.full_like(t, 0.3))))
    outside = judged(Ride(vertical=only_between(3.2, 6.0, sine(1.5, 3.0))))
    assert inside.motion.accel_mps2_a95 == pytest.approx(1.1, abs=0.05)
    assert outside.motion.accel_mps2 > 1.2
    assert outside.motion.accel_mps2_a95 == pytest.approx(0.8, abs=0.02)
    assert outside.motion.decel_mps2_a95 == pytest.approx(0.8, abs=0.02)


def test_a_vibration_above_10_hz_hardly_reaches_acceleration_and_jerk() -> None:
    shaken = judged(Ride(vertical=sine(0.5, 31.5)))
    assert shaken.motion.accel_mps2 == pytest.approx(0.8 + 0.5 * 0.1003, abs=0.01)
    assert shaken.motion.jerk_mps3 == pytest.approx(1.0, abs=0.1)


def test_jerk_is_the_slope_over_half_a_second_not_the_steepest_moment() -> None:
    """A ramp of 0.25 s at 3.2 m/s3 to 0.8 m/s2: the best line over 0.5 s through half ramp, half plateau is flatter."""
    steep = judged(Ride(jerk_mps3=3.2))
    t = (np.arange(201) - 100) / 400.0
    step = np.clip(0.4 + 3.2 * t, 0.0, 0.8)
    assert steep.motion.jerk_mps3 == pytest.approx(float(t @ step / (t @ t)), rel=0.02)


# ---- mounting and splits


def same_numbers(report: RideReport, other: RideReport, rel: float) -> None:
    for one, two in zip(flat(report), flat(other), strict=True):
        assert one == pytest.approx(two, rel=rel, abs=2e-5)


def flat(report: RideReport) -> list[float]:
    axes = (report.vertical, report.horizontal_1, report.horizontal_2, report.horizontal_worst)
    found = [part for axis in axes for part in (axis.inner, axis.constant)] + [report.vertical_run]
    values = [number for part in found if part is not None for number in (part.max_mps2, part.a95_mps2)]
    return [*values, report.distance_m, *dataclasses.astuple(report.motion)]


@pytest.mark.parametrize("angles", [(0.3, -0.2, 1.0), (math.pi, 0.0, 0.5), (math.pi / 2, 0.1, -2.0), (0.0, 0.0, 0.1)])
def test_any_mounting_gives_the_same_numbers(angles: tuple[float, float, float]) -> None:
    """Up to the 32-bit rounding of the samples and what it does to zero crossings."""
    ride = Ride(vertical=sine(0.08, 12.0), across=sine(0.06, 6.0), along=sine(0.03, 3.3, 0.4), noise_mps2=0.002)
    same_numbers(
        judged(dataclasses.replace(ride, mounting=turned(*angles))), judged(dataclasses.replace(ride)), rel=2e-3
    )


def test_any_split_of_the_blocks_gives_the_same_report() -> None:
    """Equal to the last bit: the work is done once, on the same samples."""
    ride = Ride(vertical=sine(0.08, 12.0), across=sine(0.06, 6.0), noise_mps2=0.005)
    whole = judged(ride, length=1_000_000)
    for length in (1, 16, 333):
        assert judged(ride, length=length) == whole


# ---- what it says about itself


def test_the_noise_at_rest_is_measured_through_the_same_filter_and_enters_the_error() -> None:
    quiet, noisy = judged(Ride(noise_mps2=0.001)), judged(Ride(noise_mps2=0.02))
    assert quiet.vertical.noise_mps2 is not None
    assert noisy.vertical.noise_mps2 == pytest.approx(20.0 * quiet.vertical.noise_mps2, rel=0.05)
    assert noisy.vertical.error_mps2 is not None
    assert noisy.vertical.noise_mps2 is not None
    largest = max(inner(noisy.vertical).max_mps2, constant(noisy.vertical).max_mps2)
    assert noisy.vertical.error_mps2 == pytest.approx(0.06 * largest + noisy.vertical.noise_mps2)


def test_the_stated_error_covers_what_noise_adds_to_a_known_vibration() -> None:
    for noise in (0.0, 0.005, 0.02):
        axis = judged(Ride(vertical=sine(0.1, tables.REFERENCE_HZ), noise_mps2=noise)).vertical
        assert axis.error_mps2 is not None
        assert abs(constant(axis).max_mps2 - 0.2 * tables.REFERENCE_FACTOR["wk"]) <= axis.error_mps2


def test_without_a_standstill_before_the_trip_the_error_is_not_known() -> None:
    report = judged(Ride(rest_s=1.2, vertical=sine(0.1, 10.0)))
    assert report.vertical.noise_mps2 is None
    assert report.vertical.error_mps2 is None
    assert judged(Ride(rest_s=1.6)).vertical.noise_mps2 is not None


def test_the_rate_error_is_the_measured_rate_against_the_nominal_one() -> None:
    assert judged(Ride(rate_hz=412.0)).error.rate_ratio is None
    error = judged(Ride(rate_hz=412.0), RideStage(400.0)).error
    assert error.rate_ratio == pytest.approx(0.03, rel=0.01)
    assert error.speed_ratio == pytest.approx(0.05, rel=0.01)
    assert error.distance_ratio == pytest.approx(0.08, rel=0.01)
    assert error.of_vibration_mps2(1.0, 0.1) == pytest.approx(0.02 + 0.04 + 0.06 + 0.1, rel=0.01)


def test_gravity_that_reads_wrong_by_more_than_two_percent_is_the_scale_error() -> None:
    stage = RideStage()
    ride = Ride()
    for block in ride.blocks():
        stage.push(block)
    for length, ratio in ((9.81, 0.02), (10.2, 0.0401), (9.3, 0.0517)):
        report = stage.finish(ride.start_ns, ride.end_ns, (0.0, 0.0, length))
        assert report is not None
        assert report.error.scale_ratio == pytest.approx(ratio, abs=0.0002)


def test_an_instrument_that_knows_no_noise_states_no_error() -> None:
    assert InstrumentError(0.02, None, 0.04).of_vibration_mps2(1.0, None) is None
    assert InstrumentError(0.02, None, 0.04).of_vibration_mps2(1.0, 0.0) == pytest.approx(0.06)
