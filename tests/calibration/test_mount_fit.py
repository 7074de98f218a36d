"""How the box sits and what its chip hears: recovered from drawn mountings, and bad captures refused by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import pytest

from calibration.chip_errors import ChipErrors
from calibration.fit_samples import angle_deg, vector
from calibration.mount import fit_mount, mount_result
from calibration.noise import fit_noise, noise_result
from calibration.words import Commissioning, StepName, StepResult, Verdict
from calibration.words_json import to_json
from edge_agent.detect.limits import Limits
from edge_agent.readings import AccelFrame, Reading
from sim.box import Chip, rotation
from sim.faults import Frozen, Gone, Saturated, Window, with_fault
from sim.words import Behaviour
from tests.calibration.learning_lifts import START_NS, Learned, drawn

LIMITS = Limits()
S_NS = 1_000_000_000


def standing(seed: int, seconds: float = 30.0, chip: Chip | None = None) -> Learned:
    """A lift that does nothing."""
    found = drawn(seed, chip=chip)
    found.lift.wait(seconds)
    return found


def altered(readings: Iterable[Reading], change: Callable[[AccelFrame], AccelFrame]) -> list[Reading]:
    """The same with other samples."""
    return [change(each) if isinstance(each, AccelFrame) else each for each in readings]


def turned(readings: Iterable[Reading], degrees: Callable[[float], float]) -> list[Reading]:
    """As if the box turned about one of its axes; degrees: by seconds from the start."""

    def turn(frame: AccelFrame) -> AccelFrame:
        angles = [degrees((int(t_ns) - START_NS) / 1e9) for t_ns in frame.times_ns]
        rows = [
            rotation(np.array([0.3, 1.0, 0.2]), angle) @ row
            for angle, row in zip(angles, frame.samples_mps2, strict=True)
        ]
        return AccelFrame(frame.times_ns, np.array(rows))

    return altered(readings, turn)


def keys(result: StepResult) -> set[str]:
    """Of the reasons."""
    return {reason.key for reason in result.reasons}


@pytest.mark.parametrize("seed", range(6))
def test_gravity_is_found_within_a_tenth_of_a_degree_in_drawn_mountings(seed: int) -> None:
    found = standing(seed, 12.0)
    accel = found.box.accel
    assert accel is not None
    fit = fit_mount(found.readings(), LIMITS)
    felt = accel.mounting @ np.array([0.0, 0.0, 9.81]) * accel.gain + accel.offset_mps2
    assert not fit.problems
    assert angle_deg(fit.gravity_mps2, vector(felt)) < 0.1


def test_the_axis_that_points_up_is_named_with_its_sign() -> None:
    found = standing(1, 12.0)
    assert found.box.accel is not None
    box = replace(found.box, accel=replace(found.box.accel, mounting=np.diag([1.0, -1.0, -1.0])))
    assert fit_mount(replace(found, box=box).readings(), LIMITS).up_axis == "-z"


@pytest.mark.parametrize(
    "degrees",
    [lambda t: 0.0 if t < 6.0 else 2.0, lambda t: 0.15 * t, lambda t: 1.5 * np.sin(2 * np.pi * 1.1 * t)],
    ids=["slipped", "sinking", "hanging from its cable"],
)
def test_a_loose_box_is_refused(degrees: Callable[[float], float]) -> None:
    result = mount_result(fit_mount(turned(standing(2, 12.0).readings(), degrees), LIMITS))
    assert result.verdict is Verdict.FAILED
    assert keys(result) == {"mount.loose"}
    assert result.next_action is not None
    assert result.next_action.key == "next.mount.loose"


def test_a_lift_that_moves_meanwhile_is_told_from_a_loose_box() -> None:
    found = drawn(3)
    found.lift.wait(5.0)
    found.lift.travel(1)
    found.lift.wait(5.0)
    assert keys(mount_result(fit_mount(found.readings(), LIMITS))) == {"mount.car_moved"}


@pytest.mark.parametrize(
    ("fault", "key"),
    [
        (Saturated(Window(START_NS + 3 * S_NS, START_NS + 5 * S_NS), 39.24), "fit.saturated"),
        (Frozen(Window(START_NS + 3 * S_NS, START_NS + 6 * S_NS)), "fit.frozen"),
        (Gone(Window(START_NS + 3 * S_NS, START_NS + 6 * S_NS), "accelerometer"), "fit.gaps"),
        (Gone(Window(START_NS + 4 * S_NS, START_NS + 99 * S_NS), "accelerometer"), "fit.too_short"),
        (Gone(Window(0, START_NS + 99 * S_NS), "accelerometer"), "fit.no_samples"),
    ],
    ids=["saturated", "frozen", "gap", "short", "nothing"],
)
def test_bad_samples_are_refused_by_name(fault: Saturated | Frozen | Gone, key: str) -> None:
    clean = standing(4, 12.0, Chip.ADXL345).readings()
    readings = list(with_fault(clean, fault, np.random.default_rng(1)))
    result = mount_result(fit_mount(readings, LIMITS, range_mps2=39.24))
    assert result.verdict is Verdict.FAILED
    assert key in keys(result)


@pytest.mark.parametrize("seed", range(4))
def test_noise_floor_and_rate_are_those_of_the_chip(seed: int) -> None:
    found = standing(seed)
    accel = found.box.accel
    assert accel is not None
    fit = fit_noise(found.readings(), LIMITS, nominal_hz=accel.rate_hz)
    assert not fit.problems
    assert fit.floor_mps2 == pytest.approx([accel.noise_mps2] * 3, rel=0.12)
    assert fit.rate_hz / accel.rate_hz == pytest.approx(accel.rate_true, rel=1e-4)


@pytest.mark.parametrize("seed", [1, 2, 5])
def test_somebody_who_walks_about_is_noticed(seed: int) -> None:
    found = drawn(seed, chip=Chip.LIS3DH)
    found.lift.open_door()
    found.lift.enter(2)
    found.lift.close_door()
    begin_ns = START_NS + round(found.lift.now_s * 1e9)
    found.lift.behaviour.set(found.lift.now_s, Behaviour.RESTLESS)
    found.lift.wait(30.0)
    readings = [each for each in found.readings() if each.t_ns >= begin_ns]
    result = noise_result(fit_noise(readings, LIMITS, nominal_hz=100.0))
    assert "noise.disturbed" in keys(result) or "noise.never_quiet" in keys(result)


def test_a_wrong_rate_is_refused() -> None:
    found = standing(0)
    assert found.box.accel is not None
    fit = fit_noise(found.readings(), LIMITS, nominal_hz=2.0 * found.box.accel.rate_hz)
    assert "noise.rate" in keys(noise_result(fit))


def test_the_same_recording_gives_the_same_bytes() -> None:
    def once() -> str:
        readings = standing(5).readings()
        results = (mount_result(fit_mount(readings, LIMITS)), noise_result(fit_noise(readings, LIMITS)))
        return to_json(Commissioning("00", "lift", "0", None, results))

    assert once() == once()
    assert [each.step for each in (mount_result(fit_mount([], LIMITS)),)] == [StepName.MOUNT]


# ---- a chip whose six sides were measured


def measured_errors(found: Learned, offset_sigma_mps2: float = 0.05) -> ChipErrors:
    """As the six sides would have told them, exactly."""
    accel = found.box.accel
    assert accel is not None
    return ChipErrors(vector(accel.gain), vector(accel.offset_mps2), 0.001, offset_sigma_mps2)


@pytest.mark.parametrize("seed", range(6))
def test_with_known_errors_the_true_direction_of_gravity_is_found(seed: int) -> None:
    found = standing(seed, 12.0)
    accel = found.box.accel
    assert accel is not None
    fit = fit_mount(found.readings(), LIMITS, errors=measured_errors(found))
    assert angle_deg(fit.gravity_mps2, vector(accel.mounting @ np.array([0.0, 0.0, 1.0]))) < 0.1
    assert abs(fit.length_mps2 - 9.81) < 0.02
    assert fit.doubt_deg == pytest.approx(0.29, abs=0.01)
    assert not fit.doubts


@pytest.mark.parametrize(("more_mps2", "is_doubted"), [(0.15, False), (0.3, True)])
def test_gravity_that_is_not_what_the_sides_have_told_is_doubted(more_mps2: float, is_doubted: bool) -> None:
    found = standing(3, 12.0)
    clean = fit_mount(found.readings(), LIMITS, errors=measured_errors(found))
    push = np.array(clean.gravity_mps2) / clean.length_mps2 * more_mps2
    readings = altered(found.readings(), lambda frame: AccelFrame(frame.times_ns, frame.samples_mps2 + push))
    result = mount_result(fit_mount(readings, LIMITS, errors=measured_errors(found)))
    assert keys(result) == ({"mount.gravity_changed"} if is_doubted else set())
    assert keys(mount_result(fit_mount(readings, LIMITS))) <= {"mount.gravity_off"}
    gravity = next(each for each in result.measured if each.name == "measured.gravity")
    assert gravity.is_expected is not is_doubted


def test_clipping_is_judged_as_the_chip_read_it() -> None:
    clean = standing(4, 12.0, Chip.ADXL345)
    fault = Saturated(Window(START_NS + 3 * S_NS, START_NS + 5 * S_NS), 39.24)
    readings = list(with_fault(clean.readings(), fault, np.random.default_rng(1)))
    errors = ChipErrors((1.05, 1.05, 1.05), (1.4, 1.4, 1.4), 0.001, 0.05)
    result = mount_result(fit_mount(readings, LIMITS, range_mps2=39.24, errors=errors))
    assert "fit.saturated" in keys(result)
