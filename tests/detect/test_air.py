"""Height by differences of air pressure: what it finds, what it doubts, and that weather alone says nothing."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import numpy as np
import pytest

from edge_agent.detect.air import FORGET_NS, SCALE_SIGMA, AirHeight, AirStage
from edge_agent.detect.limits import Limits
from edge_agent.detect.position import AIR_SIGMA_M_MAX, PositionStage
from edge_agent.installation import Installation, Lift, Wiring
from edge_agent.readings import PressureSample, Reading
from tests.detect.scenes import DOORS, Scene, at_ns, concluded

HPA_PER_M = 0.119
FRAME_NS = 50_000_000


class Box:
    """A car with a barometer, stood and moved by hand; frames of 50 ms."""

    def __init__(self, noise_hpa: float = 0.005, seed: int = 3) -> None:
        self.stage = AirStage()
        self.rng = np.random.default_rng(seed)
        self.noise_hpa = noise_hpa
        self.t_ns = 0
        self.height_m = 0.0
        self.base_hpa = 1000.0
        self.scale = 1.0

    def run(
        self, seconds: float, rest_since_ns: int | None, height_m: float | None, *, at_landing: bool = True
    ) -> list[AirHeight]:
        """So long at rest, or not; what the position says of the height; a sample each tenth of a second."""
        found: list[AirHeight] = []
        for k in count():
            if k >= seconds * 20:
                return found
            self.t_ns += FRAME_NS
            if k % 2 == 0:
                air = self.base_hpa - self.scale * HPA_PER_M * self.height_m
                self.stage.take(self.t_ns, air + self.noise_hpa * float(self.rng.standard_normal()))
            said = self.stage.step(rest_since_ns, height_m, 0.0, is_at_landing=at_landing)
            if said is not None:
                found.append(said)
        raise AssertionError

    def stand(self, seconds: float, height_m: float | None, *, at_landing: bool = True) -> list[AirHeight]:
        return self.run(seconds, self.t_ns, height_m, at_landing=at_landing)

    def go(self, to_m: float, seconds: float = 6.0) -> None:
        self.run(seconds, None, None)
        self.height_m = to_m


def settled(noise_hpa: float = 0.005) -> Box:
    box = Box(noise_hpa)
    box.stand(60.0, 0.0)
    return box


@pytest.mark.parametrize("to_m", [3.0, -6.0, 12.0])
def test_a_way_is_found_within_its_doubt_and_once(to_m: float) -> None:
    box = settled()
    box.go(to_m)
    (found,) = box.stand(30.0, to_m)
    assert abs(found.height_m - to_m) <= 2.0 * found.sigma_m
    assert found.sigma_m < 0.15 + SCALE_SIGMA * abs(to_m)


def test_it_says_where_a_lost_car_stands() -> None:
    box = settled()
    box.go(6.0)
    (found,) = box.stand(5.0, None)
    assert found.height_m == pytest.approx(6.0, abs=0.5)


def test_nothing_is_said_before_its_own_noise_was_heard() -> None:
    box = Box()
    box.stand(10.0, 0.0)
    box.go(3.0)
    assert box.stand(10.0, 3.0) == []


def test_a_height_of_more_than_ten_minutes_ago_is_forgotten() -> None:
    box = settled()
    box.go(6.0, seconds=FORGET_NS / 1e9 + 5.0)
    assert box.stand(10.0, None) == []


def test_wind_makes_it_doubt_and_a_longer_way_between_too() -> None:
    def sigma_m(noise_hpa: float, seconds: float) -> float:
        box = settled(noise_hpa=noise_hpa)
        box.go(3.0, seconds)
        return box.stand(10.0, 3.0)[0].sigma_m

    assert sigma_m(0.2, 6.0) > 1.5 * sigma_m(0.005, 6.0)
    assert sigma_m(0.005, 300.0) > 1.5 * sigma_m(0.005, 6.0)


def test_weather_alone_is_no_way() -> None:
    """3 hPa in an hour, worth 25 m: a storm."""
    box, since_ns = settled(), 0
    for _ in range(600):
        box.base_hpa -= 0.005
        assert box.run(6.0, since_ns, 0.0) == []
    box.go(0.0)
    (found,) = box.stand(10.0, 0.0)
    assert abs(found.height_m) < 0.3


def test_the_scale_of_the_air_is_learned_between_known_landings() -> None:
    """A warm well: the same way is worth 6 % less pressure."""
    box = settled()
    box.scale = 0.94

    def shuttle() -> Iterator[AirHeight]:
        for to_m in (30.0, 0.0) * 4:
            box.go(to_m, 20.0)
            yield from box.stand(20.0, to_m)

    found = list(shuttle())
    assert abs(found[0].height_m - 30.0) > 1.2
    assert abs(found[-2].height_m - 30.0) < 0.5
    assert found[-2].sigma_m < found[0].sigma_m


@pytest.mark.parametrize("hpa", [0.0, -5.0])
def test_a_number_that_is_no_pressure_is_passed_over(hpa: float) -> None:
    stage = AirStage()
    stage.take(1, hpa)
    assert stage.step(0, 0.0, 0.0, is_at_landing=True) is None


# ---- in the position


def position(start: int | None = 0) -> PositionStage:
    heights = (0.0, 3.0, 6.0, 9.0)
    return PositionStage(Limits(), Lift("x", landing_heights_m=heights, start_landing_index=start))


def test_air_that_agrees_makes_the_doubt_smaller() -> None:
    stage = position()
    stage.take_ride(6.4, 9.0)
    before = stage.now(0.0, 0.0)
    stage.take_air(6.05, 0.1)
    after = stage.now(0.0, 0.0)
    assert after.sigma_m < before.sigma_m
    assert before.height_m is not None
    assert after.height_m is not None
    assert 6.05 < after.height_m < before.height_m


def test_air_that_contradicts_makes_the_doubt_larger() -> None:
    stage = position()
    stage.take_ride(1.5, 4.0)
    assert stage.now(0.0, 0.0).is_outside_zone is True
    stage.take_air(3.0, 0.1)
    assert stage.now(0.0, 0.0).is_outside_zone is None


@pytest.mark.parametrize(("sigma_m", "landing"), [(AIR_SIGMA_M_MAX, 2), (AIR_SIGMA_M_MAX + 0.01, None)])
def test_a_lost_car_is_found_where_the_doubt_is_small(sigma_m: float, landing: int | None) -> None:
    stage = position()
    stage.lose()
    stage.stands_at_landing()
    stage.take_air(6.2, sigma_m)
    assert stage.now(0.0, 0.0).landing_index == landing


def test_at_a_landing_air_moves_nothing() -> None:
    stage = position()
    stage.take_ride(3.0, 6.0)
    stage.stands_at_landing()
    stage.take_air(3.4, 0.05)
    assert stage.now(0.0, 0.0).height_m == 3.0


# ---- through the whole core


@pytest.mark.parametrize("has_pressure", [True, False])
def test_after_a_gap_in_the_samples_the_car_is_found_by_the_air(has_pressure: bool) -> None:
    """The accelerometer is away during a trip; then the car stops between two landings and nobody gets out."""
    scene = Scene(signals=DOORS)
    scene.ordinary_traffic().stand(60.0).open().stand(3.0).close().stand(1.0)
    begin_s, end_s = scene.trip(2)
    scene.silences_s.append((begin_s - 0.2, end_s + 0.2))
    scene.stand(8.0)
    scene.heights_m = (*scene.heights_m[:3], 7.5)  # half a storey above landing 2
    scene.trip(3)
    scene.stand(40.0)
    rng = np.random.default_rng(5)
    times_s = np.arange(0.0, scene.t_s, 0.1)
    air: list[Reading] = [
        PressureSample(at_ns(float(t_s)), float(1000.0 - HPA_PER_M * height + 0.005 * rng.standard_normal()))
        for t_s, height in zip(times_s, scene.path.at(times_s)[2], strict=True)
    ]
    told = scene.installation
    lift = Lift("scene", rated_speed_mps=1.0, landing_heights_m=(0.0, 3.0, 6.0, 9.0, 12.0), start_landing_index=0)
    wiring = Wiring(accel_rate_hz=told.wiring.accel_rate_hz, has_pressure=has_pressure, signals=DOORS)
    readings = sorted([*scene.readings(), *(air if has_pressure else [])], key=lambda each: each.t_ns)
    outcome = concluded(Installation(lift, wiring), readings)
    assert ("stopped_outside_door_zone" in outcome.raised) is has_pressure
