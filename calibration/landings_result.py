"""What the learning trips told, in the words of a calibration: figures, tables, the picture of a trip, settings."""

from __future__ import annotations

from calibration.fit_result import Lines, result_of
from calibration.fit_samples import angle_deg, tidy
from calibration.landings import (
    AXIS_DOUBT_DEG_MAX,
    HEIGHT_SIGMA_M_DOUBTFUL,
    MISFIT_DOUBTFUL,
    SPEED_SIGMA_DOUBTFUL,
    LandingsFit,
)
from calibration.landings_trips import Course
from calibration.words import Measured, Plot, StepName, StepResult, Table, thinned_series


def landings_result(fit: LandingsFit) -> StepResult:
    """The same in the words of a calibration."""
    if not fit.landings or fit.scale is None:
        return result_of(StepName.TRIPS, fit.problems, fit.doubts)
    top = fit.landings[-1]
    scale = fit.scale
    measured = [
        Measured("measured.trips", float(len(fit.trips)), "", 4.0, None),
        Measured("measured.landings", float(len(fit.landings)), "", 2.0, None),
        Measured("measured.travel", tidy(top.height_m), "m"),
        Measured("measured.travel_doubt", tidy(max(each.sigma_m for each in fit.landings)), "m", None, _MAX_M),
        Measured("measured.agreement", tidy(fit.misfit), "", None, MISFIT_DOUBTFUL),
        Measured("measured.scale", tidy(100.0 * (scale.scale - 1.0)), "%", -6.0, 6.0),
        Measured("measured.scale_doubt", tidy(100.0 * scale.sigma), "%"),
        Measured("measured.axis_to_gravity", tidy(angle_deg(fit.axis, fit.gravity_mps2)), "deg", None, 8.0),
        Measured("measured.axis_doubt", tidy(fit.axis_doubt_deg), "deg", None, AXIS_DOUBT_DEG_MAX),
    ]
    if fit.speed_mps is not None:
        measured.append(Measured("measured.speed", tidy(fit.speed_mps), "m/s"))
        doubt = 100.0 * fit.speed_sigma_mps / fit.speed_mps
        measured.append(Measured("measured.speed_doubt", tidy(doubt), "%", None, 100.0 * SPEED_SIGMA_DOUBTFUL))
    plots = () if fit.example is None else (_plot(fit.example, scale.scale),)
    return result_of(
        StepName.TRIPS,
        fit.problems,
        fit.doubts,
        measured=measured,
        tables=_tables(fit),
        plots=plots,
        settings=_settings(fit),
    )


_MAX_M = HEIGHT_SIGMA_M_DOUBTFUL


def _tables(fit: LandingsFit) -> tuple[Table, ...]:
    landings = Table(
        "table.landings",
        ("column.landing", "column.height_m", "column.doubt_m", "column.visits"),
        tuple(
            (number, tidy(each.height_m), tidy(each.sigma_m), each.visits) for number, each in enumerate(fit.landings)
        ),
    )
    begin_ns = fit.trips[0].start_ns
    trips = Table(
        "table.trips",
        (
            "column.start_s",
            "column.direction",
            "column.from",
            "column.to",
            "column.metres",
            "column.off_m",
            "column.mps",
        ),
        tuple(
            (
                tidy((trip.start_ns - begin_ns) / 1e9),
                trip.direction.value,
                trip.from_landing,
                trip.to_landing,
                tidy(trip.distance_m),
                tidy(trip.residual_m),
                None if trip.speed_mps is None else tidy(trip.speed_mps),
            )
            for trip in fit.trips
        ),
    )
    witnesses = () if fit.scale is None else fit.scale.witnesses
    scales = Table(
        "table.scale",
        ("column.witness", "column.scale_percent", "column.doubt_percent"),
        tuple(
            (f"witness.{each.name}", tidy(100.0 * (each.scale - 1.0)), tidy(100.0 * each.sigma)) for each in witnesses
        ),
    )
    return landings, trips, scales


def _plot(course: Course, scale: float) -> Plot:
    """Speed and acceleration of one trip over time."""
    step = max(1, len(course.times_s) // 1_000)
    count = len(course.times_s) // step * step
    times = course.times_s[:count].reshape(-1, step).mean(axis=1)
    speeds = course.speeds_mps[:count].reshape(-1, step).mean(axis=1) / scale
    accels = course.accel_mps2[:count].reshape(-1, step).mean(axis=1) / scale
    x = [tidy(float(each)) for each in times]
    series = (
        thinned_series("series.speed", x, [tidy(float(each)) for each in speeds]),
        thinned_series("series.acceleration", x, [tidy(float(each)) for each in accels]),
    )
    return Plot("plot.trip", "axis.time", "s", "axis.speed_and_acceleration", "m/s, m/s2", series)


def _settings(fit: LandingsFit) -> Lines:
    """Rated speed and heights for the installation file."""
    lines: list[tuple[str, str]] = []
    if fit.speed_mps is not None and fit.speed_sigma_mps <= 2.0 * SPEED_SIGMA_DOUBTFUL * fit.speed_mps:
        lines.append(("lift.rated_speed_mps", f"{fit.speed_mps:.3f}"))
    if len(fit.landings) >= 2 and max(each.sigma_m for each in fit.landings) <= 2.0 * _MAX_M:
        heights = ", ".join(f"{each.height_m:.3f}" for each in fit.landings)
        lines.append(("lift.landing_heights_m", f"[{heights}]"))
    return tuple(lines)
