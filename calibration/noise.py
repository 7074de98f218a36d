"""What the accelerometer shows of a car that stands empty: noise floor of each axis, spectrum, true sample rate.

In: half a minute of a standing car. Out: a `NoiseFit`. The floor is the median of the spectrum, so that a machine tone
or a building does not count as noise of the chip; somebody who walks about is found by seconds that stand out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from calibration.fit_motion import movements
from calibration.fit_result import result_of
from calibration.fit_samples import (
    NS_PER_S,
    Floats,
    Samples,
    capture_doubts,
    capture_problems,
    samples_of,
    tidy,
)
from calibration.words import Measured, Plot, Said, Series, StepName, StepResult, said
from edge_agent.detect.limits import Limits
from edge_agent.readings import Reading

SECONDS_MIN = 20.0
SEGMENT_S = 4.0
FLOOR_HZ = 1.0  # below, gravity and drift stand
WALK_HZ = (1.0, 15.0)
WALK_RATIO, WALK_MPS2 = 1.6, 0.008
WALK_SHARE_DOUBTFUL, WALK_SHARE_MAX = 0.08, 0.16
"""A second counts as disturbed where its rms is 1.6 times that of the quietest fifth and plainly more. Source: own
simulation: with nobody there at most 2 seconds of 30 stand out, with one person walking most of them."""
UNQUIET_MPS2 = 0.06
RATE_OFF_PERCENT_DOUBTFUL, RATE_OFF_PERCENT_MAX = 4.0, 10.0
TONE_RATIO = 30.0
PLOT_POINTS_MAX = 1_000
AXES = ("x", "y", "z")


@dataclass(frozen=True, slots=True)
class NoiseFit:
    """Each tuple is of x, y, z. floor: rms up to half the rate; density: of the same, m/s2 a root Hz.

    frequencies_hz, spectrum: amplitude density of each axis. tone_hz: the strongest line, None: none stands out.
    disturbed_share: of the seconds. rate_hz: as it was; nominal_hz: as set, None: not known.
    """

    seconds: float
    rate_hz: float
    nominal_hz: float | None
    jitter_s: float
    floor_mps2: tuple[float, ...]
    density: tuple[float, ...]
    rms_mps2: tuple[float, ...]
    tone_hz: float | None
    disturbed_share: float
    frequencies_hz: tuple[float, ...]
    spectrum: tuple[tuple[float, ...], ...]
    problems: tuple[Said, ...]
    doubts: tuple[Said, ...]

    @property
    def rate_off_percent(self) -> float:
        """True rate against the one that was set."""
        return 0.0 if self.nominal_hz is None else 100.0 * (self.rate_hz / self.nominal_hz - 1.0)


def fit_noise(
    readings: Sequence[Reading], limits: Limits, *, nominal_hz: float | None = None, range_mps2: float | None = None
) -> NoiseFit:
    """The noise of a standing, empty car."""
    samples = samples_of(readings)
    problems = list(capture_problems(samples, SECONDS_MIN, range_mps2))
    piece = samples.longest_piece() if len(samples) else samples
    if piece.span_s < 2.0 * SEGMENT_S:
        problems = problems or [said("fit.too_short", seconds=round(piece.span_s, 1), needed=SECONDS_MIN)]
        return NoiseFit(piece.span_s, 0.0, nominal_hz, 0.0, (), (), (), None, 0.0, (), (), tuple(problems), ())
    rate_hz, jitter_s = _rate(piece)
    frequencies, power = _spectrum(piece, rate_hz)
    is_floor = frequencies >= FLOOR_HZ
    density2 = np.median(power[is_floor], axis=0) / np.log(2.0) * _median_bias(piece, rate_hz)
    floor = np.sqrt(density2 * rate_hz / 2.0)
    share, quiet_rms = _disturbed(piece, rate_hz)
    doubts = list(capture_doubts(samples))
    if movements(readings, limits):
        problems.append(said("noise.car_moved"))
    elif share > WALK_SHARE_MAX:
        problems.append(said("noise.disturbed", percent=round(100.0 * share)))
    elif quiet_rms > UNQUIET_MPS2 + float(floor.max()) * np.sqrt(2.0 * WALK_HZ[1] / rate_hz):
        problems.append(said("noise.never_quiet", shake=round(quiet_rms, 3)))
    elif share > WALK_SHARE_DOUBTFUL:
        doubts.append(said("noise.disturbed", percent=round(100.0 * share)))
    off = 0.0 if nominal_hz is None else 100.0 * abs(rate_hz / nominal_hz - 1.0)
    if off > RATE_OFF_PERCENT_MAX:
        problems.append(said("noise.rate", rate=round(rate_hz, 1), nominal=nominal_hz or 0.0))
    elif off > RATE_OFF_PERCENT_DOUBTFUL:
        doubts.append(said("noise.rate", rate=round(rate_hz, 1), nominal=nominal_hz or 0.0))
    return NoiseFit(
        seconds=piece.span_s,
        rate_hz=rate_hz,
        nominal_hz=nominal_hz,
        jitter_s=jitter_s,
        floor_mps2=tuple(map(float, floor)),
        density=tuple(map(float, np.sqrt(density2))),
        rms_mps2=tuple(map(float, np.sqrt(power[is_floor].sum(axis=0) * frequencies[1]))),
        tone_hz=_tone(frequencies, power, density2),
        disturbed_share=share,
        frequencies_hz=tuple(map(float, frequencies)),
        spectrum=tuple(tuple(map(float, np.sqrt(power[:, axis]))) for axis in range(3)),
        problems=tuple(problems),
        doubts=tuple(doubts),
    )


def noise_result(fit: NoiseFit) -> StepResult:
    """The same in the words of a calibration."""
    if not fit.floor_mps2:
        return result_of(StepName.NOISE, fit.problems, fit.doubts)
    nominal = fit.nominal_hz
    low = None if nominal is None else tidy(nominal * (1.0 - RATE_OFF_PERCENT_DOUBTFUL / 100.0))
    high = None if nominal is None else tidy(nominal * (1.0 + RATE_OFF_PERCENT_DOUBTFUL / 100.0))
    measured = [
        Measured("measured.rate", tidy(fit.rate_hz), "Hz", low, high),
        Measured("measured.jitter", tidy(fit.jitter_s), "s"),
        *(
            Measured(f"measured.noise_{axis}", tidy(value), "m/s2", None, 0.2)
            for axis, value in zip(AXES, fit.floor_mps2, strict=True)
        ),
        Measured("measured.disturbed", tidy(100.0 * fit.disturbed_share), "%", None, 100.0 * WALK_SHARE_DOUBTFUL),
    ]
    if fit.tone_hz is not None:
        measured.append(Measured("measured.tone", tidy(fit.tone_hz), "Hz"))
    step = -(-len(fit.frequencies_hz) // PLOT_POINTS_MAX)
    series = tuple(
        Series(
            f"series.{axis}",
            tuple(tidy(each) for each in fit.frequencies_hz[1::step]),
            tuple(tidy(each) for each in values[1::step]),
        )
        for axis, values in zip(AXES, fit.spectrum, strict=True)
    )
    plot = Plot("plot.spectrum", "axis.frequency", "Hz", "axis.density", "m/s2/sqrt(Hz)", series)
    return result_of(StepName.NOISE, fit.problems, fit.doubts, measured=measured, plots=(plot,))


def _rate(piece: Samples) -> tuple[float, float]:
    """Samples a second by a straight line through the stamps, and rms distance of the stamps from it."""
    times_s = (piece.times_ns - piece.times_ns[0]) / NS_PER_S
    numbers = np.arange(len(piece), dtype=np.float64)
    centred = numbers - numbers.mean()
    period_s = float(np.dot(centred, times_s) / np.dot(centred, centred))
    off = times_s - times_s.mean() - period_s * centred
    return 1.0 / period_s, float(np.sqrt(np.mean(off * off)))


def _segments(piece: Samples, rate_hz: float) -> list[Floats]:
    length = int(SEGMENT_S * rate_hz)
    return [piece.mps2[at : at + length] for at in range(0, len(piece) - length + 1, length // 2)]


def _spectrum(piece: Samples, rate_hz: float) -> tuple[Floats, Floats]:
    """One-sided power density, median over half-overlapping Hann windows: frequencies (m,), powers (m, 3)."""
    segments = _segments(piece, rate_hz)
    window = np.hanning(len(segments[0]))
    weight = 2.0 / (rate_hz * float(np.sum(window * window)))
    powers = [
        weight * np.abs(np.fft.rfft((segment - segment.mean(axis=0)) * window[:, None], axis=0)) ** 2
        for segment in segments
    ]
    frequencies = np.fft.rfftfreq(len(segments[0]), 1.0 / rate_hz)
    return np.asarray(frequencies, dtype=np.float64), np.asarray(np.mean(powers, axis=0))


def _median_bias(piece: Samples, rate_hz: float) -> float:
    """Median over frequencies of the mean of k exponential values, against that of one: from log 2 towards 1."""
    count = len(_segments(piece, rate_hz)) * 0.7  # half-overlapping Hann windows share some of their noise
    return float(np.log(2.0) / (1.0 - 1.0 / (3.0 * max(1.0, count))))


def _disturbed(piece: Samples, rate_hz: float) -> tuple[float, float]:
    """Share of the seconds that stand out in the band of steps, and the rms of the quiet ones."""
    second = int(rate_hz)
    count = len(piece) // second
    blocks = piece.mps2[: count * second].reshape(count, second, 3)
    frequencies = np.fft.rfftfreq(second, 1.0 / rate_hz)
    is_step = (frequencies >= WALK_HZ[0]) & (frequencies <= WALK_HZ[1])
    window = np.hanning(second)
    lines = np.fft.rfft((blocks - blocks.mean(axis=1, keepdims=True)) * window[None, :, None], axis=1)
    power = 2.0 * np.sum(np.abs(lines[:, is_step]) ** 2, axis=(1, 2)) / (second * float(np.sum(window * window)))
    rms = np.sqrt(power)
    quiet = float(np.quantile(rms, 0.2))
    is_loud = (rms > WALK_RATIO * quiet) & (rms > quiet + WALK_MPS2)
    return float(np.mean(is_loud)), quiet


def _tone(frequencies: Floats, power: Floats, density2: Floats) -> float | None:
    ratios = (power / density2).max(axis=1)
    ratios[frequencies < FLOOR_HZ] = 0.0
    best = int(np.argmax(ratios))
    return float(frequencies[best]) if ratios[best] >= TONE_RATIO else None
