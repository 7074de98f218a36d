"""The ride quality report of a measured trip, with the stated error of the instrument, from a recording.

In: readings of a recording, twice: once for the core to find and judge the trips, once for the samples of one of them.
What the figures mean and how wrong they may be is said in docs/ride-quality.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from calibration.report_blocks import Block, Document, Grid, Heading, Pairs, Paragraph, Picture, Tone
from calibration.report_plots import Curve, drawing_of
from calibration.words import thinned_series
from edge_agent.alarms import Trip
from edge_agent.catalogue_report import report_words
from edge_agent.detect.detector import Detector
from edge_agent.detect.ride_report import AxisVibration, PeakToPeak, RideReport
from edge_agent.readings import AccelFrame, Reading

NS_PER_S = 1_000_000_000
AROUND_NS = NS_PER_S
Vector = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class MeasuredTrip:
    """A trip with its ride quality. gravity: specific force at rest in the sensor's axes, m/s2."""

    trip: Trip
    report: RideReport
    gravity: Vector


@dataclass(frozen=True, slots=True)
class Trace:
    """Vertical motion of one trip: seconds from its start, m/s2 and m/s upwards. Equally long."""

    seconds: tuple[float, ...]
    accel_mps2: tuple[float, ...]
    speed_mps: tuple[float, ...]


def measured_trips(readings: Iterable[Reading], detector: Detector) -> tuple[tuple[MeasuredTrip, ...], int]:
    """Trips for which ride quality can be told, in order; and how many there were in all."""
    found = []
    count = 0
    for reading in readings:
        for conclusion in detector.step(reading):
            if not isinstance(conclusion, Trip):
                continue
            count += 1
            report, car = detector.last_ride_report, detector.car
            if report is not None and car is not None and report.end_ns == conclusion.end_ns:
                found.append(MeasuredTrip(conclusion, report, car.mount.gravity))
    return tuple(found), count


def trace_of(readings: Iterable[Reading], measured: MeasuredTrip) -> Trace:
    """Samples of the trip and a second around it, along gravity; zero speed at both ends of the trip."""
    first_ns, last_ns = measured.report.start_ns, measured.report.end_ns
    length = math.sqrt(sum(part * part for part in measured.gravity))
    up = [part / length for part in measured.gravity]
    times_ns: list[int] = []
    along: list[float] = []
    for reading in readings:
        if not isinstance(reading, AccelFrame):
            continue
        if reading.t_ns > last_ns + AROUND_NS:
            break
        for t_ns, (x, y, z) in zip(reading.times_ns.tolist(), reading.samples_mps2.tolist(), strict=True):
            if first_ns - AROUND_NS <= t_ns <= last_ns + AROUND_NS:
                times_ns.append(t_ns)
                along.append(x * up[0] + y * up[1] + z * up[2])
    within = [value for t_ns, value in zip(times_ns, along, strict=True) if first_ns <= t_ns <= last_ns]
    level = sum(within) / len(within) if within else 0.0
    accels = tuple(value - level for value in along)
    return Trace(
        tuple((t_ns - first_ns) / 1e9 for t_ns in times_ns), accels, tuple(_speeds(times_ns, accels, first_ns))
    )


def ride_document(
    measured: MeasuredTrip, trace: Trace, place: tuple[int, int], lift: str, language: str, made_utc_s: int | None
) -> Document:
    """The report. place: which trip of how many; made_utc_s: when the recording began, where it says so."""
    title = report_words("ride_title", language)
    return Document(
        title=f"{title} {lift}".strip(),
        language=language,
        blocks=tuple(_RideComposer(measured, trace, place, lift, language).blocks()),
        foot=lift,
        made_utc_s=made_utc_s,
        page_words=report_words("page", language),
    )


def _speeds(times_ns: Sequence[int], accels: Sequence[float], start_ns: int) -> Iterator[float]:
    """Trapezoids from the start of the trip on; 0 before it."""
    speed, before_ns, before = 0.0, start_ns, 0.0
    for t_ns, accel in zip(times_ns, accels, strict=True):
        if t_ns >= start_ns:
            speed += (before + accel) / 2 * (t_ns - before_ns) / 1e9
            before_ns, before = t_ns, accel
        yield speed


class _RideComposer:
    """Puts one report together."""

    def __init__(self, measured: MeasuredTrip, trace: Trace, place: tuple[int, int], lift: str, language: str) -> None:
        self._trip = measured.trip
        self._report = measured.report
        self._trace = trace
        self._place = place
        self._lift = lift
        self._language = language

    def blocks(self) -> Iterator[Block]:
        """In the order of the page."""
        report = self._report
        why = report.unweighted_because
        yield Heading(self._say("ride_title"), 1)
        yield Pairs(
            (
                (self._say("lift"), self._lift),
                (self._say("trip"), self._trip_words()),
                (self._say("start"), f"{report.start_ns / 1e9:.2f} s"),
                (self._say("rate"), f"{report.rate_hz:.1f} Hz"),
                (self._say("weighting"), self._say("weighted" if why is None else why.value)),
            )
        )
        yield Heading(self._say("motion"))
        yield self._motion()
        yield Heading(self._say("vibration"))
        yield self._vibration()
        yield self._picture("plot_accel", "accel_axis", "m/s²", self._trace.accel_mps2)
        yield self._picture("plot_speed", "speed_axis", "m/s", self._trace.speed_mps)
        yield Paragraph(self._say("ride_method"), Tone.QUIET)
        yield Paragraph(self._say("not_sealed"), Tone.QUIET)

    def _say(self, key: str, **values: str | int | float) -> str:
        return report_words(key, self._language, **values)

    def _trip_words(self) -> str:
        number, count = self._place
        seconds = f"{(self._report.end_ns - self._report.start_ns) / 1e9:.1f}"
        distance, direction = f"{self._report.distance_m:.2f}", self._say(self._report.direction.value)
        words: dict[str, str | int] = {"number": number, "count": count, "time": seconds, "distance": distance}
        return self._say("trip_words", direction=direction, **words)

    def _motion(self) -> Grid:
        motion, error = self._report.motion, self._report.error
        scale, speed, distance = error.scale_ratio, error.speed_ratio, error.distance_ratio
        rows = (
            ("distance", self._report.distance_m, "m", distance),
            ("speed_v95", motion.speed_mps_v95, "m/s", speed),
            ("speed", motion.speed_mps, "m/s", speed),
            ("accel", motion.accel_mps2, "m/s²", scale),
            ("accel_a95", motion.accel_mps2_a95, "m/s²", scale),
            ("decel", motion.decel_mps2, "m/s²", scale),
            ("decel_a95", motion.decel_mps2_a95, "m/s²", scale),
            ("jerk", motion.jerk_mps3, "m/s³", scale),
        )
        columns = tuple(self._say(key) for key in ("measured", "value", "error"))
        cells = tuple(
            (self._say(key), f"{value:.3f} {unit}", f"± {value * ratio:.3f} {unit} ({100 * ratio:.1f} %)")
            for key, value, unit, ratio in rows
        )
        return Grid(columns, cells, (Tone.PLAIN,) * len(cells))

    def _vibration(self) -> Grid:
        keys = ("axis", "max_inner", "a95_inner", "max_constant", "a95_constant", "rest_noise", "error")
        axes = ("vertical", "horizontal_1", "horizontal_2", "horizontal_worst")
        rows = [self._axis_row(name, getattr(self._report, name)) for name in axes]
        run = self._report.vertical_run
        blank = self._say("not_there")
        rows.append((self._say("run"), *self._peaks(run), blank, blank, blank, blank))
        return Grid(tuple(self._say(key) for key in keys), tuple(rows), (Tone.PLAIN,) * len(rows))

    def _axis_row(self, name: str, axis: AxisVibration) -> tuple[str, ...]:
        noise = self._say("not_there") if axis.noise_mps2 is None else f"{axis.noise_mps2:.3f}"
        error = self._say("error_none") if axis.error_mps2 is None else f"± {axis.error_mps2:.3f}"
        return (self._say(name), *self._peaks(axis.inner), *self._peaks(axis.constant), noise, error)

    def _peaks(self, found: PeakToPeak | None) -> tuple[str, str]:
        if found is None:
            return self._say("not_there"), self._say("not_there")
        return f"{found.max_mps2:.3f}", f"{found.a95_mps2:.3f}"

    def _picture(self, title: str, axis: str, unit: str, values: Sequence[float]) -> Picture:
        thin = thinned_series(title, self._trace.seconds, values)
        labels = f"{self._say('time_axis')}, s", f"{self._say(axis)}, {unit}"
        return Picture(self._say(title), drawing_of([Curve(self._say(title), thin.x, thin.y)], *labels))
