"""Air stage: how far the car is from where it stood before, by the difference of two air pressures.

In: pressure samples, standstill or not, the height as the position stage has it. Out: one `AirHeight` a few seconds
after each standstill has begun. State: the last quiet block and the height there, how much two blocks at rest differ
(wind, ventilation, the chip), the scale of the air. Decision: mean of a block of 3 s before the trip against one after
it; never a pressure by itself, because weather is worth hundreds of metres. The doubt grows with the time between: like
its root at first, in proportion later, because weather and ventilation go one way for minutes.
Delay: 4 s. After a gap: the height before it is what makes a lost car found again; forgotten after ten minutes.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log

SCALE_HEIGHT_M = 8434.0
"""R T / (M g) at 15 degrees C. Source: international standard atmosphere, 287.05 J/(kg K) * 288.15 K / 9.80665 m/s2."""

SCALE_SIGMA = 0.06
SCALE_SIGMA_LEARNED = 0.015
SCALE_TRIP_M_MIN = 5.0
SCALE_TRIPS = 3
"""A well of 0 to 35 degrees C is 5 to 7 % off (hand calculation); that is learned from trips between known landings."""

SETTLE_NS = 1_000_000_000
BLOCK_NS = 3_000_000_000
SAMPLES_MIN = 2
FORGET_NS = 600_000_000_000

PAIR_S = 12.0
PAIR_BLOCKS = 4
NOISE_M2 = 0.25
NOISE_M2_MIN = 0.01
NOISE_BLOCKS = 50.0
NOISE_BLOCKS_MIN = 5.0
"""How much two blocks 12 s apart differ while the car stands: 0.5 m rms at first, then what they do differ by, never
below 0.1 m. Nothing is said before five pairs were heard. Source: judgement; 0.06 hPa are 0.5 m."""

PAIRS_ALIKE = 4.0
"""Beyond 48 s the changes have the same direction. Source: judgement; a lift without contacts whose height followed a
falling pressure by 2.6 m in seven minutes (second generator, `no_contacts`, seed 311)."""

HEIGHT_SIGMA_M_MAX = 0.5
"""A height more doubtful than this is no place to measure from."""


@dataclass(frozen=True, slots=True)
class AirHeight:
    """Where the car stands by the air: height above the same zero as the position's, its doubt, and what of it is the
    doubt of the height at the standstill before."""

    height_m: float
    sigma_m: float
    shared_m: float


@dataclass(frozen=True, slots=True)
class _Block:
    t_ns: int
    air_m: float
    height_m: float
    sigma_m: float


class AirStage:
    """Fold over samples and frames; see the file's first lines."""

    def __init__(self) -> None:
        self._base: _Block | None = None  # the last quiet block at a known height
        self._is_new = False  # the car, or the view of it, has moved since
        self._rest_ns: int | None = None
        self._sum_m = 0.0
        self._count = 0
        self._block_ns = 0
        self._rest_blocks: list[float] = []
        self._noise_m2 = NOISE_M2
        self._noise_blocks = 0.0
        self._scale = 1.0
        self._scale_trips = 0
        self._sample: tuple[int, float] | None = None

    def take(self, t_ns: int, pressure_hpa: float) -> None:
        """A sample; one that is no pressure at all is passed over."""
        if pressure_hpa > 0.0:
            self._sample = (t_ns, -SCALE_HEIGHT_M * log(pressure_hpa))

    def step(
        self, rest_since_ns: int | None, height_m: float | None, sigma_m: float, *, is_at_landing: bool
    ) -> AirHeight | None:
        """Once a frame. rest_since_ns: when this standstill began, None: the car moves or nobody knows."""
        if rest_since_ns != self._rest_ns:
            self._rest_ns = rest_since_ns
            self._is_new = True
            self._rest_blocks.clear()
            self._restart()
        sample, self._sample = self._sample, None
        if rest_since_ns is None or sample is None or sample[0] < rest_since_ns + SETTLE_NS:
            return None
        t_ns, air_m = sample
        if self._count == 0:
            self._block_ns = t_ns
        self._sum_m += air_m
        self._count += 1
        if t_ns - self._block_ns < BLOCK_NS or self._count < SAMPLES_MIN:
            return None
        mean_m = self._sum_m / self._count
        self._restart()
        self._hear(mean_m)
        found = self._judged(t_ns, mean_m) if self._is_new else None
        self._is_new = False
        if found is not None and is_at_landing and height_m is not None:
            self._learn(mean_m, height_m, sigma_m)
        if found is not None and height_m is None:
            return found  # the position takes it up; the next block stands on that
        if height_m is not None and sigma_m <= HEIGHT_SIGMA_M_MAX:
            self._base = _Block(t_ns, mean_m, height_m, sigma_m)
        return found

    def _restart(self) -> None:
        self._sum_m, self._count = 0.0, 0

    def _hear(self, mean_m: float) -> None:
        """How much two blocks of one standstill differ."""
        self._rest_blocks.append(mean_m)
        if len(self._rest_blocks) > PAIR_BLOCKS:
            change = mean_m - self._rest_blocks.pop(0)
            self._noise_blocks = min(NOISE_BLOCKS, self._noise_blocks + 1.0)
            self._noise_m2 += (change * change - self._noise_m2) / (self._noise_blocks + 4.0)

    def _judged(self, t_ns: int, mean_m: float) -> AirHeight | None:
        base = self._base
        if base is None or t_ns - base.t_ns > FORGET_NS or self._noise_blocks < NOISE_BLOCKS_MIN:
            return None
        way_m = self._scale * (mean_m - base.air_m)
        scale_sigma = SCALE_SIGMA_LEARNED if self._scale_trips >= SCALE_TRIPS else SCALE_SIGMA
        pairs = max(1.0, (t_ns - base.t_ns) / 1e9 / PAIR_S)
        noise_m2 = max(NOISE_M2_MIN, self._noise_m2) * pairs * max(1.0, pairs / PAIRS_ALIKE)
        sigma_m = (base.sigma_m**2 + noise_m2 + (scale_sigma * way_m) ** 2) ** 0.5
        return AirHeight(base.height_m + way_m, sigma_m, base.sigma_m)

    def _learn(self, mean_m: float, height_m: float, sigma_m: float) -> None:
        """The scale, from a trip between two known landings."""
        base = self._base
        if base is None or base.sigma_m > 0.1 or sigma_m > 0.1:
            return
        way_m, air_m = height_m - base.height_m, mean_m - base.air_m
        if abs(way_m) < SCALE_TRIP_M_MIN or not abs(air_m / way_m - 1.0) < 0.2:
            return
        self._scale_trips = min(20, self._scale_trips + 1)
        self._scale += (way_m / air_m - self._scale) / self._scale_trips
