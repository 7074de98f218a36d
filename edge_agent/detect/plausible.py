"""Whether what the accelerometer says can be true: a frozen, a saturated, a noisy chip, or one at another rate.

In: frames. Out: the trouble that stands, or None. State: how long a value has repeated itself, sums over the present
stretch. Decision: a live chip is never still to the last bit; over 5 s no lift feels anything but gravity; within three
minutes every lift has two quiet seconds; the samples of 10 s are as many as the installer set. Judged by frame, so that
any split of the input gives the same answer. Delay: 5 s, three minutes for noise, half a minute for the rate. After a
gap: one stretch of samples counts as too few.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from edge_agent.detect.limits import Limits
from edge_agent.detect.signal import FRAME_S, Frame
from edge_agent.readings import FaultReason

GRAVITY_MPS2 = 9.80665
FROZEN_FRAMES_BLIND = 10
ROUNDING_MPS2 = 1e-9  # the mean of equal numbers depends on how many there are

LEVEL_FRAMES = 100
LEVEL_OFF_MPS2 = 2.5
"""The worst chip that is allowed is 80 mg and 2 % off on each axis, 1.6 m/s2; 5 s of a real trip are at most 1.5 m/s2
off. Source: data sheets (memory, unverified); field/standards 3.2."""

BLOCK_FRAMES = 40
QUIET_BLOCKS = 90
NOISE_MPS2 = 0.4
"""Quietest 2 s of three minutes. Source: at most 0.1 m/s2 in public recordings of lifts, carried telephones included;
0.4 and more of people walking with one; children jump for a minute and more."""

RATE_FRAMES = 200
RATE_BLOCKS = 3
RATE_SHARE_MIN, RATE_SHARE_MAX = 0.75, 1.3
"""Source: chips hold their rate within a few per cent (data sheets, memory, unverified); at three quarters the filters
and the counted times are wrong."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with it, for the person who stands before the box."""

    reason: FaultReason
    sentence: str


class AccelWatch:
    """Fold over frames; see the file's first lines."""

    def __init__(self, limits: Limits, rate_hz: float | None) -> None:
        """rate_hz: samples a second as the installer set them; None: not known."""
        self._limits = limits
        self._rate_hz = rate_hz
        self._still_frames = 0
        self._last = 0.0
        self._levels: deque[float] = deque(maxlen=LEVEL_FRAMES)
        self._level_sum = 0.0
        self._is_level_off = False
        self._block_frames = 0
        self._roughness_sum = 0.0
        self._changes_sum = 0.0
        self._noises: deque[float] = deque(maxlen=QUIET_BLOCKS)
        self._quietest = 0.0  # of three minutes
        self._rate_from: int | None = None
        self._samples = 0
        self._rates: deque[float] = deque(maxlen=RATE_BLOCKS)
        self._is_rate_off = False

    def take(self, frame: Frame) -> Trouble | None:
        """The trouble that stands after this frame."""
        is_still = frame.spread_mps2 == 0.0 and abs(frame.accel_mps2 - self._last) < ROUNDING_MPS2
        self._still_frames = self._still_frames + 1 if is_still else 0
        self._take_level(frame)
        self._take_noise(frame)
        self._take_rate(frame)
        self._last = frame.accel_mps2
        if self._still_frames * FRAME_S >= self._limits.sensor_frozen_s_max:
            return Trouble(FaultReason.CONFIGURATION, "the accelerometer repeats one value; check or replace it")
        if self._is_level_off:
            level = self._level_sum / LEVEL_FRAMES
            sentence = f"the accelerometer reads {level:.1f} m/s2 at rest, not 9.8; check or replace it"
            return Trouble(FaultReason.BAD_REPLY, sentence)
        if self._is_rate_off:
            sentence = f"{self._rates[-1]:.0f} samples a second, {self._rate_hz:g} are set; check bus and settings"
            return Trouble(FaultReason.WRONG_RATE, sentence)
        if self._quietest > NOISE_MPS2:
            sentence = f"the accelerometer shows {self._quietest:.1f} m/s2 of noise; check cable and mounting"
            return Trouble(FaultReason.BAD_REPLY, sentence)
        return None

    @property
    def is_useless(self) -> bool:
        """Nothing of the car can be told from such frames."""
        return self._still_frames >= FROZEN_FRAMES_BLIND or self._is_level_off

    def _take_level(self, frame: Frame) -> None:
        if len(self._levels) == LEVEL_FRAMES:
            self._level_sum -= self._levels[0]
        self._levels.append(frame.accel_mps2)
        self._level_sum += frame.accel_mps2
        is_full = len(self._levels) == LEVEL_FRAMES
        self._is_level_off = is_full and abs(self._level_sum / LEVEL_FRAMES - GRAVITY_MPS2) > LEVEL_OFF_MPS2

    def _take_noise(self, frame: Frame) -> None:
        """Within the frame, or from frame to frame where a frame has one sample; white noise shows the same in both."""
        change = frame.accel_mps2 - self._last
        self._block_frames += 1
        self._roughness_sum += frame.roughness_mps2
        self._changes_sum += change * change
        if self._block_frames < BLOCK_FRAMES:
            return
        within = self._roughness_sum / BLOCK_FRAMES
        between = (0.5 * self._changes_sum / BLOCK_FRAMES) ** 0.5
        self._noises.append(max(within, between))
        self._quietest = min(self._noises) if len(self._noises) == QUIET_BLOCKS else 0.0
        self._block_frames, self._roughness_sum, self._changes_sum = 0, 0.0, 0.0

    def _take_rate(self, frame: Frame) -> None:
        if self._rate_from is None:
            self._rate_from, self._samples = frame.index, 0
        passed = frame.index - self._rate_from
        if passed >= RATE_FRAMES:
            self._rates.append(self._samples / (passed * FRAME_S))
            is_right = any(self._is_right(rate) for rate in self._rates)
            self._is_rate_off = len(self._rates) == RATE_BLOCKS and not is_right
            self._rate_from, self._samples = frame.index, 0
        self._samples += frame.sample_count

    def _is_right(self, rate_hz: float) -> bool:
        return self._rate_hz is None or RATE_SHARE_MIN <= rate_hz / self._rate_hz <= RATE_SHARE_MAX
