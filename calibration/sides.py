"""Gain and offset of each axis of the accelerometer, out of gravity: the box lies on each of its six sides for seconds.

One orientation cannot tell a wrong gain from an offset; two opposite ones can. Sides need not be exact: what is fitted
is the length of gravity, not its direction. In: a recording of the step. Out: a `SidesFit`, whose `errors` the later
steps take out of their samples. Pure: the same recording gives the same result.

How the axes lean on each other (cross-axis sensitivity) is only doubted: sides that lie askew are worth less for it.

Source: ST AN4508 (parameters and calibration of a low-g 3-axis accelerometer), Freescale AN4399 (six-element model:
gain and offset in each axis). Theirs take the sides as exact; here the sphere |(mean - offset) / gain| = g is fitted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from calibration.chip_errors import ChipErrors
from calibration.fit_grades import AccelGrade, grade_of
from calibration.fit_motion import frames_of
from calibration.fit_result import result_of
from calibration.fit_samples import (
    CLIPPED_COUNT,
    GRAVITY_MPS2,
    Floats,
    Samples,
    Vector,
    capture_doubts,
    capture_problems,
    clipped_count,
    length_of,
    samples_of,
    tidy,
    vector,
)
from calibration.local_gravity import gravity_at
from calibration.sides_still import AXES, SIDES, STILL_S_MIN, StillFinder, Stretch
from calibration.words import Measured, Plot, Said, Series, StepName, StepResult, Table, Verdict, said
from edge_agent.readings import Reading

SECONDS_MIN = len(SIDES) * STILL_S_MIN
LEAN_SIGMA = 0.01 / 2**0.5
"""What two axes read of each other, mean of both. Source: cross-axis sensitivity of 1 %, data sheet of the ADXL345 as
remembered (unverified)."""
PAIRS = ((0, 1), (0, 2), (1, 2))
WARMER_K = 5.0
"""One sigma of how much warmer or colder the box hangs in the well than it lay here. A guess."""
DRIFT_MPS2_PER_K: Mapping[str, float] = MappingProxyType(
    {"adxl345": 0.001 * GRAVITY_MPS2, "lis3dh": 0.0005 * GRAVITY_MPS2, "adxl355": 0.00015 * GRAVITY_MPS2}
)
"""Of the offset by warmth. Source: data sheets as remembered (unverified)."""
DRIFT_UNKNOWN_MPS2_PER_K = 0.001 * GRAVITY_MPS2
GAIN_OFF_MAX, OFFSET_MAX_MPS2 = 0.05, 1.5
RESIDUAL_MAX_MPS2 = 0.05
ROUNDS_MAX, ENOUGH = 50, 1e-12
PLOT_STRETCHES_MAX = 200
TABLE_NAME = "table.sides"


@dataclass(frozen=True, slots=True)
class SidesFit:
    """What the sides have told. errors: None where it could not be fitted.

    gain_sigmas, offset_sigmas_mps2: doubt of each axis, local gravity and warmth included. residual_mps2: rms of the
    lengths of gravity against g. lengths_mps2: of each stretch as read, and corrected. missing: sides never seen up.
    """

    seconds: float
    stretches: tuple[Stretch, ...]
    missing: tuple[str, ...]
    errors: ChipErrors | None
    gain_sigmas: Vector
    offset_sigmas_mps2: Vector
    residual_mps2: float
    lengths_mps2: tuple[tuple[float, float], ...]
    grade: AccelGrade
    problems: tuple[Said, ...]
    doubts: tuple[Said, ...]


def fit_sides(
    readings: Sequence[Reading], *, chip: str, range_mps2: float | None, latitude_deg: float | None = None
) -> SidesFit:
    """Gain and offset of each axis. chip: its name in the settings; "": not known. range_mps2: full scale as set.

    latitude_deg: where this is done, for local gravity; None: nobody has said.
    """
    samples = samples_of(readings)
    grade = grade_of(chip)
    still = still_stretches(readings) if len(samples) > 1 else ()
    problems = list(_capture_problems(samples, still, range_mps2))
    stretches = tuple(stretch for stretch in still if stretch.side)
    seen = {stretch.side for stretch in stretches}
    missing = tuple(side for side in SIDES if side not in seen)
    if not problems and not stretches:
        problems.append(said("sides.never_still"))
    elif not problems and missing:
        problems.append(said("sides.missing", sides=", ".join(missing)))
    doubts = capture_doubts(samples)
    if problems:
        nothing = (0.0, 0.0, 0.0)
        return SidesFit(
            samples.span_s, stretches, missing, None, nothing, nothing, 0.0, (), grade, tuple(problems), doubts
        )
    sphere = _sphere(stretches, grade)
    gravity = gravity_at(latitude_deg)
    gain, offset = sphere.gain * (GRAVITY_MPS2 / gravity.mps2), sphere.offset_mps2
    means = np.array([stretch.mean_mps2 for stretch in stretches])
    corrected = np.linalg.norm((means - offset) / gain, axis=1)
    off = sphere.lengths_mps2 - GRAVITY_MPS2
    misfit = float(np.sum((off / np.array([stretch.sigma_mps2 for stretch in stretches])) ** 2))
    spread = np.sqrt(np.diag(sphere.covariance) * max(1.0, misfit / max(1, len(stretches) - 6)))
    warmth_mps2 = WARMER_K * DRIFT_MPS2_PER_K.get(chip, DRIFT_UNKNOWN_MPS2_PER_K)
    gain_sigmas = vector(np.hypot(spread[:3], gravity.sigma))
    offset_sigmas = vector(np.hypot(spread[3:], warmth_mps2))
    residual = float(np.sqrt(np.mean(off**2)))
    return SidesFit(
        seconds=samples.span_s,
        stretches=stretches,
        missing=missing,
        errors=ChipErrors(vector(gain), vector(offset), max(gain_sigmas), max(offset_sigmas)),
        gain_sigmas=gain_sigmas,
        offset_sigmas_mps2=offset_sigmas,
        residual_mps2=residual,
        lengths_mps2=tuple(
            (length_of(stretch.mean_mps2), float(after)) for stretch, after in zip(stretches, corrected, strict=True)
        ),
        grade=grade,
        problems=tuple(_unlikely(gain, offset, residual)),
        doubts=doubts,
    )


def still_stretches(readings: Sequence[Reading]) -> tuple[Stretch, ...]:
    """Those that are long enough, in order, whatever is up."""
    finder = StillFinder()
    found = [finder.push(frame) for frame in frames_of(readings)]
    found.append(finder.end())
    return tuple(stretch for stretch in found if stretch is not None)


def sides_result(fit: SidesFit) -> StepResult:
    """The same in the words of a calibration."""
    errors = fit.errors
    if errors is None:
        return result_of(StepName.SIDES, fit.problems, fit.doubts, tables=_stretches_table(fit))
    most_percent, most_mps2 = 300.0 * fit.grade.scale, 3.0 * fit.grade.offset_mps2
    measured = [
        Measured(f"measured.gain_{axis}", tidy(100.0 * (errors.gain[number] - 1.0)), "%", -most_percent, most_percent)
        for number, axis in enumerate(AXES)
    ]
    measured += [
        Measured(f"measured.offset_{axis}", tidy(errors.offset_mps2[number]), "m/s2", -most_mps2, most_mps2)
        for number, axis in enumerate(AXES)
    ]
    measured += [
        Measured("measured.gain_doubt", tidy(100.0 * errors.gain_sigma), "%", 0.0, 0.5),
        Measured("measured.offset_doubt", tidy(errors.offset_sigma_mps2), "m/s2", 0.0, 0.1),
        Measured("measured.sides_residual", tidy(fit.residual_mps2), "m/s2", 0.0, RESIDUAL_MAX_MPS2),
        Measured("measured.sides_stretches", float(len(fit.stretches)), "", float(len(SIDES))),
    ]
    columns = ("column.axis", "column.gain", "column.offset_mps2", "column.gain_doubt", "column.offset_doubt")
    rows = tuple(
        (
            axis,
            tidy(errors.gain[number]),
            tidy(errors.offset_mps2[number]),
            tidy(fit.gain_sigmas[number]),
            tidy(fit.offset_sigmas_mps2[number]),
        )
        for number, axis in enumerate(AXES)
    )
    tables = (Table(TABLE_NAME, columns, rows), *_stretches_table(fit))
    return result_of(
        StepName.SIDES, fit.problems, fit.doubts, measured=measured, tables=tables, plots=(_lengths_plot(fit),)
    )


def chip_errors_of(earlier: Sequence[StepResult]) -> ChipErrors | None:
    """What the six sides have told in an earlier result; None where the step was left out, failed or is not done."""
    result = next((each for each in earlier if each.step is StepName.SIDES), None)
    if result is None or result.verdict not in (Verdict.PASSED, Verdict.DOUBTFUL):
        return None
    table = next((each for each in result.tables if each.name == TABLE_NAME), None)
    if table is None or [row[0] for row in table.rows] != list(AXES) or len(table.columns) != 5:
        return None
    numbers = [[cell for cell in row[1:] if isinstance(cell, int | float)] for row in table.rows]
    if any(len(row) != 4 or row[0] <= 0.0 for row in numbers):
        return None
    columns: Floats = np.array(numbers, dtype=np.float64)
    return ChipErrors(
        vector(columns[:, 0]), vector(columns[:, 1]), float(columns[:, 2].max()), float(columns[:, 3].max())
    )


def _capture_problems(samples: Samples, stretches: Sequence[Stretch], range_mps2: float | None) -> list[Said]:
    """As of any capture; but a box that is put down hard may hit the end of the range, and is not read meanwhile."""
    problems = [each for each in capture_problems(samples, SECONDS_MIN, range_mps2) if each.key != "fit.saturated"]
    clipped = 0
    for stretch in stretches:
        still = samples.between(stretch.start_ns, stretch.end_ns)
        clipped += clipped_count(still, range_mps2) if len(still) else 0
    if clipped >= CLIPPED_COUNT:
        problems.append(said("fit.saturated", count=clipped))
    return problems


@dataclass(frozen=True, slots=True, eq=False)
class _Sphere:
    """gain, offset_mps2: shape (3,). covariance: of both, gains first, (6, 6). lengths_mps2: of gravity then, (n,)."""

    gain: Floats
    offset_mps2: Floats
    covariance: Floats
    lengths_mps2: Floats


def _sphere(stretches: Sequence[Stretch], grade: AccelGrade) -> _Sphere:
    """Gauss-Newton, with what such a chip may be off as prior. Unknown, too: by how much each pair of axes leans on the
    other. Six sides tell little of that, but what it may do to gains and offsets is in their covariance so.
    """
    means = np.array([stretch.mean_mps2 for stretch in stretches])
    weights = 1.0 / np.array([stretch.sigma_mps2 for stretch in stretches]) ** 2
    usual = np.array([1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    prior = np.diag(np.repeat([grade.scale, grade.offset_mps2, LEAN_SIGMA], 3) ** -2)
    found, normal = usual, prior
    lengths: Floats = np.zeros(len(stretches))
    for _ in range(ROUNDS_MAX):
        gain, offset, lean = found[:3], found[3:6], _lean(found[6:])
        true = (means - offset) / gain
        felt = true @ lean
        lengths = np.linalg.norm(felt, axis=1)
        pull = felt @ lean
        pairs = np.stack([felt[:, a] * true[:, b] + felt[:, b] * true[:, a] for a, b in PAIRS], axis=1)
        slopes = np.concatenate((-pull * true / gain, -pull / gain, pairs), axis=1) / lengths[:, None]
        normal = slopes.T @ (weights[:, None] * slopes) + prior
        step = np.linalg.solve(normal, slopes.T @ (weights * (GRAVITY_MPS2 - lengths)) + prior @ (usual - found))
        if float(np.abs(step).max()) < ENOUGH:
            break
        found = found + step
        found[:3] = np.clip(found[:3], 0.1, 10.0)
    return _Sphere(found[:3], found[3:6], np.linalg.inv(normal)[:6, :6], lengths)


def _lean(parts: Floats) -> Floats:
    lean = np.eye(3)
    for (a, b), part in zip(PAIRS, parts, strict=True):
        lean[a, b] = lean[b, a] = part
    return lean


def _unlikely(gain: Floats, offset: Floats, residual_mps2: float) -> list[Said]:
    worst = int(np.argmax(np.abs(gain - 1.0)))
    if abs(gain[worst] - 1.0) > GAIN_OFF_MAX:
        return [said("sides.gain_off", axis=AXES[worst], percent=round(100.0 * float(gain[worst] - 1.0), 1))]
    worst = int(np.argmax(np.abs(offset)))
    if abs(offset[worst]) > OFFSET_MAX_MPS2:
        return [said("sides.offset_off", axis=AXES[worst], offset=round(float(offset[worst]), 2))]
    if residual_mps2 > RESIDUAL_MAX_MPS2:
        return [said("sides.disagree", residual=round(residual_mps2, 3))]
    return []


def _stretches_table(fit: SidesFit) -> tuple[Table, ...]:
    if not fit.stretches:
        return ()
    columns = ("column.side", "column.seconds", "column.tilt_deg", "column.length_mps2")
    rows = tuple(
        (f"side.{each.side}", tidy(each.seconds), tidy(each.tilt_deg), tidy(length_of(each.mean_mps2)))
        for each in fit.stretches[:PLOT_STRETCHES_MAX]
    )
    return (Table("table.stretches", columns, rows),)


def _lengths_plot(fit: SidesFit) -> Plot:
    """Length of gravity in each stretch, as read and corrected."""
    numbers = tuple(float(number) for number in range(1, len(fit.lengths_mps2) + 1))[:PLOT_STRETCHES_MAX]
    before = tuple(tidy(before) for before, _ in fit.lengths_mps2)[:PLOT_STRETCHES_MAX]
    after = tuple(tidy(after) for _, after in fit.lengths_mps2)[:PLOT_STRETCHES_MAX]
    series = (Series("series.as_read", numbers, before), Series("series.corrected", numbers, after))
    return Plot("plot.sides", "axis.stretch", "", "axis.gravity", "m/s2", series)
