"""Words of ride quality: what the ride stage says about one trip, why not more, and how wrong it may be."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from edge_agent.readings import Direction

SCALE_RATIO = 0.02
"""Scale error of the accelerometer. Source: GB/T 10059-2023 4.3.2 b, +-2 % of acceleration (field/standards 3.1)."""

WEIGHTING_RATIO = 0.04
"""How far the digital weighting may be from the design goal, 0.25 to 80 Hz. Source: tests of the factor tables: worst
-3.6 % near 80 Hz at 320 and 400 samples a second, -1.2 % at 800."""

SLOPE_RATIO = 2.0
"""What an error of the sampling rate does to a weighted value, relative: the weightings are nowhere steeper than the
second power of frequency from 0.5 to 80 Hz. Source: the factor tables, field/standards 3.3."""


class Unweighted(Enum):
    """Why the vibration of a trip is given unweighted: taken at 0.4 Hz and above, as sampled."""

    RATE_TOO_LOW = "rate_too_low"  # fewer than 320 samples a second
    IRREGULAR = "irregular"  # the stamps do not follow one rate, so the samples were interpolated
    SAMPLES_MISSING = "samples_missing"  # short gaps, bridged by interpolation


class Refusal(Enum):
    """Why there is no report at all."""

    NOT_COVERED = "not_covered"  # samples of the beginning or the end are not there
    GAP = "gap"  # more than 0.2 s at once or 5 % of the samples are missing
    RATE_TOO_LOW = "rate_too_low"  # fewer than 25 samples a second
    TOO_LONG = "too_long"  # the beginning was dropped: longer than the stage remembers
    NO_TRAVEL = "no_travel"  # the samples show less than 0.3 m
    NO_GRAVITY = "no_gravity"  # the direction of gravity is not known
    OVER_BUDGET = "over_budget"  # more trips than the stage may work on


@dataclass(frozen=True, slots=True)
class PeakToPeak:
    """Peak-to-peak values between neighbouring half-waves: the largest, and that which 95 % do not exceed."""

    max_mps2: float
    a95_mps2: float
    count: int


@dataclass(frozen=True, slots=True)
class AxisVibration:
    """One axis. `None`: there is no such region, or no whole wave in it.

    inner: from 0.5 m after the start to 0.5 m before the stop. constant: at constant speed, within `inner`.
    noise_mps2: peak-to-peak in the quietest second of the standstill before the trip, through the same filter.
    error_mps2: of the largest value given; None where there was no standstill to take the noise from.
    """

    inner: PeakToPeak | None
    constant: PeakToPeak | None
    noise_mps2: float | None
    error_mps2: float | None


@dataclass(frozen=True, slots=True)
class RideMotion:
    """Motion along the vertical, unsigned; accelerations and jerk are 10 Hz-filtered, never weighted.

    accel_mps2, decel_mps2: largest in and against the direction of travel. The a95 values are those not exceeded by
    95 % of the samples between 5 and 95 % of the largest speed. speed_mps_v95: not exceeded by 95 % of all samples.
    """

    accel_mps2: float
    accel_mps2_a95: float
    decel_mps2: float
    decel_mps2_a95: float
    jerk_mps3: float
    speed_mps: float
    speed_mps_v95: float


@dataclass(frozen=True, slots=True)
class InstrumentError:
    """What the instrument is taken to be wrong by. Bandwidth and mounting of the sensor are not in it.

    scale_ratio: 2 %, or what gravity at rest shows if that is more. rate_ratio: measured rate against the nominal
    one; None if no nominal rate is known. weighting_ratio: 0 if unweighted.
    """

    scale_ratio: float
    rate_ratio: float | None
    weighting_ratio: float

    def of_vibration_mps2(self, value_mps2: float, noise_mps2: float | None) -> float | None:
        """Bound of the error of a peak-to-peak value; None if the noise is not known."""
        if noise_mps2 is None:
            return None
        return value_mps2 * (self.scale_ratio + self.weighting_ratio + SLOPE_RATIO * self._rate) + noise_mps2

    @property
    def speed_ratio(self) -> float:
        """Relative error of speeds: one integration."""
        return self.scale_ratio + self._rate

    @property
    def distance_ratio(self) -> float:
        """Relative error of the distance: two integrations."""
        return self.scale_ratio + 2.0 * self._rate

    @property
    def _rate(self) -> float:
        return 0.0 if self.rate_ratio is None else self.rate_ratio


@dataclass(frozen=True, slots=True)
class RideReport:
    """Ride quality of one trip. Weighted (Wk vertical, Wd horizontal) only if `unweighted_because` is None.

    vertical_run: vertical over the whole run, start and stop included, from 0.5 s before it.
    horizontal_1 is the direction of the strongest horizontal vibration of this trip and horizontal_2 lies across it:
    how the box is turned about the vertical is not known, so neither is called front-back or side-side.
    horizontal_worst: the largest over all directions, so at least what an instrument along the car's own axes reads.
    """

    start_ns: int
    end_ns: int
    direction: Direction
    distance_m: float
    rate_hz: float
    sample_count: int
    unweighted_because: Unweighted | None
    constant_start_ns: int | None
    constant_end_ns: int | None
    vertical: AxisVibration
    vertical_run: PeakToPeak | None
    horizontal_1: AxisVibration
    horizontal_2: AxisVibration
    horizontal_worst: AxisVibration
    motion: RideMotion
    error: InstrumentError

    @property
    def is_weighted(self) -> bool:
        """The vibration values carry the ISO 8041-1 weightings."""
        return self.unweighted_because is None
