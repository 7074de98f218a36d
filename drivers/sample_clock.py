"""Sample times by count: fits the true sample rate of a chip to the agent's clock.

A chip with a FIFO samples by its own oscillator, some percent off, and is drained whenever the reader gets round to
it. Only the count says when each sample was taken. Pure; no numpy, so that it can be read beside the formulas.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

# How far a chip's true period may lie from its nominal one at power-on, one standard deviation.
# Source: chosen: the ADXL345 data sheet, revision G, states no tolerance; +-5 % are two of these.
PERIOD_SIGMA_AT_START = 0.025
# The line forgets at this rate, so that it follows the oscillator as the car warms up: standard deviation of the
# period per square root of a sample. Source: chosen: with it 10 s of samples count, and a drift of 0.1 % in a minute
# is followed within a tenth of a sample.
PERIOD_SIGMA_PER_SAMPLE = 2e-6
# Samples by which the count must miss the line before samples are believed lost. Source: chosen: one sample of
# quantisation, one of a failed transfer, one spare.
SLIP_SAMPLES = 3.0
SLIP_SIGMAS = 4.0
WINDOW_S = 0.5
WINDOW_SAMPLES = 50
# Source: chosen, twice the +-5 % that chips are expected to keep; the ADXL345 data sheet states no tolerance.
RATE_TOLERANCE = 0.10


class Fit(Enum):
    """What a count said about the line."""

    STEADY = "steady"
    LOST = "lost"  # fewer samples than the time allows: some were lost
    EXCESS = "excess"  # more samples than the time allows


@dataclass(frozen=True, slots=True)
class Anchor:
    """The time given to the newest sample. `lost_count`: samples missing before it, 0 unless `fit` is LOST."""

    t_ns: int
    fit: Fit
    lost_count: int


class SampleClock:
    """Fits sample time to sample count, a Kalman filter of two states: time of the newest sample, and the period.

    In: for each look at the FIFO how many samples were produced since the last look, and the times just before and
    just after the look. The newest sample was taken within one period before the look. That is all that is known; a
    late look says as much as a punctual one, and one that itself took long counts for less.
    Out: `Anchor`s with strictly ascending times, never later than the look.
    State: 5 numbers. Delay: none. Warm-up: period within 0.5 % after 2 s.
    After a gap (`restart`) the period is kept and the time starts anew.
    Source: quantisation noise of a uniformly distributed look, variance period^2 / 12.
    """

    def __init__(self, nominal_rate_hz: float) -> None:
        self._nominal_period_ns = 1e9 / nominal_rate_hz
        self._period_ns = self._nominal_period_ns
        self._period_variance = (PERIOD_SIGMA_AT_START * self._nominal_period_ns) ** 2
        self._newest_ns: float | None = None
        self._newest_variance = 0.0
        self._covariance = 0.0
        self._given_ns: int | None = None

    @property
    def rate_hz(self) -> float:
        """The rate as fitted so far."""
        return 1e9 / self._period_ns

    @property
    def period_ns(self) -> float:
        """The time between two samples as fitted so far."""
        return self._period_ns

    def restart(self) -> None:
        """Forget where the line lies, keep how steep it is: samples were lost, how many is not known."""
        self._newest_ns = None
        self._covariance = 0.0

    def look(self, produced: int, before_ns: int, after_ns: int) -> Anchor:
        """Account for `produced` >= 1 samples seen by a look that began at `before_ns` and ended at `after_ns`."""
        if self._newest_ns is None:
            self._start(before_ns, after_ns)
            return self._anchor(Fit.STEADY, 0, produced, after_ns)
        self._predict(produced)
        allowed = SLIP_SAMPLES * self._period_ns + SLIP_SIGMAS * self._newest_variance**0.5
        too_early = before_ns - self._period_ns - self._newest_ns
        if too_early > allowed:
            lost = max(1, round((self._middle(before_ns, after_ns) - self._newest_ns) / self._period_ns))
            self._start(before_ns, after_ns)
            return self._anchor(Fit.LOST, lost, produced, after_ns)
        if self._newest_ns - after_ns > allowed:
            self._start(before_ns, after_ns)
            return self._anchor(Fit.EXCESS, 0, produced, after_ns)
        self._correct(before_ns, after_ns)
        return self._anchor(Fit.STEADY, 0, produced, after_ns)

    def _start(self, before_ns: int, after_ns: int) -> None:
        self._newest_ns = self._middle(before_ns, after_ns)
        self._newest_variance = self._noise(before_ns, after_ns)
        self._covariance = 0.0

    def _predict(self, produced: int) -> None:
        assert self._newest_ns is not None
        self._newest_ns += produced * self._period_ns
        self._newest_variance += 2 * produced * self._covariance + produced**2 * self._period_variance
        self._covariance += produced * self._period_variance
        self._period_variance += produced * (PERIOD_SIGMA_PER_SAMPLE * self._nominal_period_ns) ** 2

    def _correct(self, before_ns: int, after_ns: int) -> None:
        assert self._newest_ns is not None
        surprise_ns = self._middle(before_ns, after_ns) - self._newest_ns
        total = self._newest_variance + self._noise(before_ns, after_ns)
        newest_gain = self._newest_variance / total
        period_gain = self._covariance / total
        self._newest_ns += newest_gain * surprise_ns
        self._period_ns += period_gain * surprise_ns
        self._period_variance -= period_gain * self._covariance
        self._covariance -= newest_gain * self._covariance
        self._newest_variance -= newest_gain * self._newest_variance

    def _anchor(self, fit: Fit, lost_count: int, produced: int, after_ns: int) -> Anchor:
        assert self._newest_ns is not None
        t_ns = min(round(self._newest_ns), after_ns)
        if self._given_ns is not None:  # room for `produced` ascending times after the last one given
            t_ns = max(t_ns, self._given_ns + produced)
        self._given_ns = t_ns
        return Anchor(t_ns, fit, lost_count)

    def _middle(self, before_ns: int, after_ns: int) -> float:
        return (before_ns + after_ns) / 2 - self._period_ns / 2

    def _noise(self, before_ns: int, after_ns: int) -> float:
        return (self._period_ns**2 + float(after_ns - before_ns) ** 2) / 12


class RateMeter:
    """Counts samples over windows and says whether the rate is what the chip promised.

    A window is `WINDOW_S` or `WINDOW_SAMPLES`, whichever is longer, so that one sample more or less is 2 % at most.
    """

    def __init__(self, nominal_rate_hz: float) -> None:
        self._nominal_rate_hz = nominal_rate_hz
        self._window_ns = round(max(WINDOW_S, WINDOW_SAMPLES / nominal_rate_hz) * 1e9)
        self._begun_ns: int | None = None
        self._count = 0

    def restart(self) -> None:
        """Begin a new window with the next look."""
        self._begun_ns = None

    def look(self, produced: int, t_ns: int) -> float | None:
        """The rate of the window that this look ends, in Hz; None while it lasts."""
        if self._begun_ns is None:
            self._begun_ns, self._count = t_ns, 0
            return None
        self._count += produced
        elapsed_ns = t_ns - self._begun_ns
        if elapsed_ns < self._window_ns:
            return None
        rate_hz = self._count * 1e9 / elapsed_ns
        self._begun_ns, self._count = t_ns, 0
        return rate_hz

    def is_right(self, rate_hz: float) -> bool:
        """True if a measured rate is within the tolerance of the nominal one."""
        return abs(rate_hz / self._nominal_rate_hz - 1.0) <= RATE_TOLERANCE
