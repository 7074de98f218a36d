"""How the box sits: where gravity points in its axes, which axis is up, whether it is fastened at all.

In: ten seconds and more of a standing car. Out: a `MountFit`. What is measured is the direction in which the chip sees
gravity; the offset of the chip is in it (`doubt_deg`), unless the six sides have told it (`sides.py`). The direction in
which the car travels is free of that and comes with the learning trips (`landings.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import atan2, degrees, hypot

import numpy as np

from calibration.chip_errors import ChipErrors
from calibration.fit_grades import grade_of
from calibration.fit_motion import frames_of, handled_s, movements
from calibration.fit_result import result_of
from calibration.fit_samples import (
    GRAVITY_MPS2,
    Samples,
    Vector,
    angle_deg,
    capture_doubts,
    capture_problems,
    length_of,
    samples_of,
    tidy,
    vector,
)
from calibration.words import Measured, Plot, Said, StepName, StepResult, Table, said, thinned_series
from edge_agent.detect.limits import Limits
from edge_agent.detect.signal import Frame
from edge_agent.readings import Reading

SECONDS_MIN = 8.0
LENGTH_OFF_DOUBTFUL, LENGTH_OFF_MAX = 0.6, 1.5
"""m/s2. Source: zero-g offsets of cheap chips reach 0.08 g an axis (data sheet of the ADXL345, memory, unverified)."""
KNOWN_OFF_MIN_MPS2, KNOWN_OFF_SIGMAS = 0.1, 4.0
"""Where the six sides have told gain and offset, gravity may be off by so many of their doubts."""
WANDER_DEG_MAX = 0.6
"""Largest change of direction between second means. Source: own simulation: people on the car floor, 0.1 degrees."""
HANDLED_S_MAX = 0.5
SHAKE_MPS2_MAX = 0.5
AXES = ("x", "y", "z")


@dataclass(frozen=True, slots=True)
class MountFit:
    """How the box sits. Vectors in the box's own axes.

    gravity_mps2: specific force at rest, pointing up. up_axis: the nearest axis with its sign. tilt_deg: of that axis
    from the vertical. doubt_deg: what the chip's offset may add to the direction, one sigma. wander_deg: how much the
    direction changed from second to second; sway_deg: from frame to frame, rms. shake_mps2: rms beside gravity.
    length_off_max_mps2: so much the length may differ from g.
    """

    seconds: float
    gravity_mps2: Vector
    length_mps2: float
    length_off_max_mps2: float
    up_axis: str
    tilt_deg: float
    doubt_deg: float
    wander_deg: float
    sway_deg: float
    shake_mps2: float
    second_tilts: tuple[Vector, ...]
    problems: tuple[Said, ...]
    doubts: tuple[Said, ...]

    @property
    def is_firm(self) -> bool:
        """Nothing says that the box is loose."""
        return all(problem.key != "mount.loose" for problem in self.problems)


def fit_mount(
    readings: Sequence[Reading],
    limits: Limits,
    *,
    chip: str = "",
    range_mps2: float | None = None,
    errors: ChipErrors | None = None,
) -> MountFit:
    """How the box sits, by a recording of a standing car. chip: its name in the settings; "": not known.

    errors: of this very chip, where its six sides were measured; they are taken out. Clipping is judged as it was read.
    """
    samples = samples_of(readings)
    problems = list(capture_problems(samples, SECONDS_MIN, range_mps2))
    if len(samples) < 2:
        return MountFit(
            0.0, (0.0, 0.0, 0.0), 0.0, LENGTH_OFF_DOUBTFUL, "", 0.0, 0.0, 0.0, 0.0, 0.0, (), tuple(problems), ()
        )
    if errors is not None:
        readings = errors.corrected_readings(readings)
        samples = errors.corrected(samples)
    gravity = vector(samples.mps2.mean(axis=0))
    length = length_of(gravity)
    seconds = _second_means(samples)
    middle = vector(np.median(np.array(seconds), axis=0))
    wander = max((angle_deg(each, middle) for each in seconds), default=0.0)
    moved = movements(readings, limits)
    shake = float(np.sqrt(np.mean(np.sum((samples.mps2 - gravity) ** 2, axis=1)) / 3.0))
    doubts = list(capture_doubts(samples))
    off, off_max = abs(length - GRAVITY_MPS2), _length_off_max_mps2(errors)
    frames = frames_of(readings)
    sway = _sway_deg(frames, gravity)
    if moved:
        problems.append(said("mount.car_moved", metres=round(sum(each.distance_m for each in moved), 2)))
    elif max(wander, sway) > WANDER_DEG_MAX or handled_s(frames) > HANDLED_S_MAX:
        problems.append(said("mount.loose", degrees=round(max(wander, sway), 2)))
    if off > LENGTH_OFF_MAX and not problems:
        problems.append(said("mount.not_gravity", length=round(length, 2)))
    elif off > off_max:
        key = "mount.gravity_off" if errors is None else "mount.gravity_changed"
        doubts.append(said(key, length=round(length, 2)))
    if shake > SHAKE_MPS2_MAX and not problems:
        problems.append(said("mount.shaken", shake=round(shake, 2)))
    largest = max(range(3), key=lambda axis: abs(gravity[axis]))
    sign = 1.0 if gravity[largest] >= 0.0 else -1.0
    up = tuple(sign if axis == largest else 0.0 for axis in range(3))
    offset_mps2 = grade_of(chip).offset_mps2 if errors is None else errors.offset_sigma_mps2
    return MountFit(
        seconds=samples.span_s,
        gravity_mps2=gravity,
        length_mps2=length,
        length_off_max_mps2=off_max,
        up_axis=("+" if sign > 0.0 else "-") + AXES[largest],
        tilt_deg=angle_deg(gravity, up),
        doubt_deg=degrees(atan2(offset_mps2, GRAVITY_MPS2)),
        wander_deg=wander,
        sway_deg=sway,
        shake_mps2=shake,
        second_tilts=tuple(seconds),
        problems=tuple(problems),
        doubts=tuple(doubts),
    )


def mount_result(fit: MountFit) -> StepResult:
    """The same in the words of a calibration."""
    if not fit.up_axis:
        return result_of(StepName.MOUNT, fit.problems, fit.doubts)
    most = fit.length_off_max_mps2
    measured = (
        Measured("measured.gravity", tidy(fit.length_mps2), "m/s2", GRAVITY_MPS2 - most, GRAVITY_MPS2 + most),
        Measured("measured.tilt", tidy(fit.tilt_deg), "deg"),
        Measured("measured.tilt_doubt", tidy(fit.doubt_deg), "deg"),
        Measured("measured.wander", tidy(fit.wander_deg), "deg", 0.0, WANDER_DEG_MAX),
        Measured("measured.sway", tidy(fit.sway_deg), "deg", 0.0, WANDER_DEG_MAX),
        Measured("measured.shake", tidy(fit.shake_mps2), "m/s2", 0.0, SHAKE_MPS2_MAX),
    )
    rows = tuple(
        (axis, tidy(fit.gravity_mps2[number]), tidy(angle_deg(fit.gravity_mps2, _unit(number))))
        for number, axis in enumerate(AXES)
    )
    axes = Table("table.axes", ("column.axis", "column.gravity_mps2", "column.angle_deg"), rows)
    up = Table("table.up", ("column.up_axis",), ((fit.up_axis,),))
    times = [float(number) for number in range(len(fit.second_tilts))]
    middle = fit.gravity_mps2
    tilts = [tidy(angle_deg(each, middle)) for each in fit.second_tilts]
    plot = Plot("plot.wander", "axis.time", "s", "axis.angle", "deg", (thinned_series("series.wander", times, tilts),))
    return result_of(StepName.MOUNT, fit.problems, fit.doubts, measured=measured, tables=(axes, up), plots=(plot,))


def _length_off_max_mps2(errors: ChipErrors | None) -> float:
    if errors is None:
        return LENGTH_OFF_DOUBTFUL
    return max(KNOWN_OFF_MIN_MPS2, KNOWN_OFF_SIGMAS * hypot(errors.offset_sigma_mps2, errors.gain_sigma * GRAVITY_MPS2))


def _second_means(samples: Samples) -> list[Vector]:
    """Mean of each whole second."""
    seconds = (samples.times_ns - samples.times_ns[0]) // 1_000_000_000
    starts = np.flatnonzero(np.concatenate(([True], np.diff(seconds) > 0)))
    counts = np.diff(np.concatenate((starts, [len(samples)])))
    means = np.add.reduceat(samples.mps2, starts, axis=0) / counts[:, None]
    is_whole = counts >= 0.5 * np.median(counts)
    return [vector(row) for row in means[is_whole]]


def _sway_deg(frames: Sequence[Frame], gravity: Vector) -> float:
    """Rms angle of the frames: a box that hangs or rocks shows it even where whole seconds are alike."""
    angles = [angle_deg((frame.x_mps2, frame.y_mps2, frame.z_mps2), gravity) for frame in frames]
    return float(np.sqrt(np.mean(np.square(angles)))) if angles else 0.0


def _unit(axis: int) -> Vector:
    return (float(axis == 0), float(axis == 1), float(axis == 2))
