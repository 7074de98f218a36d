"""Frequency weightings of ISO 8041-1 (Wd, Wk) and the 10 Hz motion filter as causal digital second-order sections.

Corners far below the sampling rate (0.4 to 3.35 Hz) are bilinear with each corner pre-warped. The 100 Hz limit and the
transition section are matched instead: the bilinear form stays within the magnitude limits from 320 Hz on, but below
640 Hz it leaves the phase limits that bind a peak-to-peak value (figures in docs/ride-quality.md).
Never forward and backward: peak-to-peak values are compared with instruments, which are causal.
Source: ISO 8041-1:2017 formulas 1 to 5 and table 3, as in field/standards 3.3.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

WEIGHTED_RATE_HZ_MIN = 320.0
"""Below this no weighted value is claimed. Source: field/standards 3.3, sampling-rate consequence (computed there)."""

LOW_HZ, HIGH_HZ = 0.4, 100.0
"""Corners of the band limit, both with Q = 1/sqrt(2). Source: ISO 8041-1:2017 table 3, f1 and f2."""

MOTION_HZ = 10.0
"""Two-pole Butterworth of acceleration and jerk. Source: field/standards 3.1 (memory, unverified)."""

BUTTERWORTH_Q = math.sqrt(0.5)

WD_TRANSITION_HZ = 2.0
WK_TRANSITION_HZ = 12.5
TRANSITION_Q = 0.63
"""f3 = f4 and Q4 of the acceleration to velocity transition. Source: ISO 8041-1:2017 table 3."""

WK_STEP_HZ, WK_STEP_Q = (2.37, 3.35), 0.91
"""f5, f6 and Q5 = Q6 of the upward step of Wk. Source: ISO 8041-1:2017 table 3."""

HALF_RATE_SHARE = 0.85
"""Gain of the 100 Hz limit at half the rate, as a share of the analog gain there. Source: own search at 320 samples a
second: with less than 0.82 the factor at 126 Hz leaves its limit, with more than 0.90 the phase at 79 Hz does."""

Row = tuple[float, ...]
Matrix = tuple[Row, ...]


class RateTooLow(ValueError):
    """Wd and Wk were asked for at a sampling rate that cannot carry them."""

    def __init__(self, rate_hz: float) -> None:
        super().__init__(f"{rate_hz:.1f} samples a second; weighted values need {WEIGHTED_RATE_HZ_MIN:.0f} or more")
        self.rate_hz = rate_hz


@dataclass(frozen=True, slots=True)
class Section:
    """y[n] = b0 x[n] + b1 x[n-1] + b2 x[n-2] - a1 y[n-1] - a2 y[n-2]."""

    b0: float
    b1: float
    b2: float
    a1: float
    a2: float


@dataclass(frozen=True, slots=True)
class BlockForm:
    """A cascade advanced `length` samples at a time, from the state before a block and the inputs in it.

    outputs = state @ outputs_from_state + inputs @ outputs_from_inputs
    state after = state @ state_from_state + inputs @ state_from_inputs
    """

    length: int
    outputs_from_state: Matrix
    outputs_from_inputs: Matrix
    state_from_state: Matrix
    state_from_inputs: Matrix


# ---- the filters


def high_pass(rate_hz: float) -> tuple[Section, ...]:
    """The lower half of the band limit: takes out gravity and tilt, at any rate above 2 Hz."""
    k = 1.0 / math.tan(math.pi * LOW_HZ / rate_hz)
    return (_section((k * k, -2.0 * k * k, k * k), _quadratic(LOW_HZ, BUTTERWORTH_Q, rate_hz)),)


def band_limit(rate_hz: float) -> tuple[Section, ...]:
    """0.4 to 100 Hz, the part that Wd and Wk share. Raises RateTooLow."""
    if rate_hz < WEIGHTED_RATE_HZ_MIN:
        raise RateTooLow(rate_hz)
    return (*high_pass(rate_hz), _low_pass(HIGH_HZ, rate_hz, HALF_RATE_SHARE))


def wd(rate_hz: float) -> tuple[Section, ...]:
    """Horizontal weighting. Raises RateTooLow."""
    return (*band_limit(rate_hz), _transition(WD_TRANSITION_HZ, rate_hz))


def wk(rate_hz: float) -> tuple[Section, ...]:
    """Vertical weighting. Raises RateTooLow."""
    below, above = WK_STEP_HZ
    gain = (math.tan(math.pi * below / rate_hz) / math.tan(math.pi * above / rate_hz)) ** 2
    numerator = _quadratic(below, WK_STEP_Q, rate_hz)
    step = _section(
        (gain * numerator[0], gain * numerator[1], gain * numerator[2]), _quadratic(above, WK_STEP_Q, rate_hz)
    )
    return (*band_limit(rate_hz), _transition(WK_TRANSITION_HZ, rate_hz), step)


def motion_low_pass(rate_hz: float) -> tuple[Section, ...]:
    """10 Hz, two poles, from 25 samples a second on; delays by 22 ms."""
    return (_low_pass(MOTION_HZ, rate_hz, 1.0),)


# ---- how a section is made


def _quadratic(corner_hz: float, q: float, rate_hz: float) -> tuple[float, float, float]:
    """1 + s/(Q w) + (s/w)^2 under the bilinear transform with its corner pre-warped, times (1 + 1/z)^2."""
    k = 1.0 / math.tan(math.pi * corner_hz / rate_hz)
    return 1.0 + k / q + k * k, 2.0 - 2.0 * k * k, 1.0 - k / q + k * k


def _section(numerator: tuple[float, float, float], denominator: tuple[float, float, float]) -> Section:
    a0, a1, a2 = denominator
    b0, b1, b2 = numerator
    return Section(b0 / a0, b1 / a0, b2 / a0, a1 / a0, a2 / a0)


def _low_pass(corner_hz: float, rate_hz: float, half_rate_share: float) -> Section:
    half_rate_gain = half_rate_share / math.hypot(1.0, (rate_hz / (2.0 * corner_hz)) ** 2)
    return _matched(corner_hz, BUTTERWORTH_Q, rate_hz, math.sqrt(0.5), half_rate_gain)


def _transition(corner_hz: float, rate_hz: float) -> Section:
    def gain(frequency_hz: float) -> float:
        s = 1j * frequency_hz / corner_hz
        return abs((1.0 + s) / (1.0 + s / TRANSITION_Q + s * s))

    return _matched(corner_hz, TRANSITION_Q, rate_hz, gain(corner_hz), gain(rate_hz / 2.0))


def _matched(corner_hz: float, q: float, rate_hz: float, corner_gain: float, half_rate_gain: float) -> Section:
    """The analog poles exactly, and zeros that give gain 1 at 0 Hz and the gains asked for at the corner and half rate.

    Source: M. Vicanek, Matched Second Order Digital Filters, 2016 (from memory, unverified); what it gives is tested
    against the standard's own tables.
    """
    w = 2.0 * math.pi * corner_hz / rate_hz
    pole = cmath.exp(w * (-1.0 / (2.0 * q) + cmath.sqrt(1.0 / (4.0 * q * q) - 1.0)))
    a1, a2 = -2.0 * pole.real, abs(pole) ** 2
    at_zero = 1.0 + a1 + a2
    at_half = (1.0 - a1 + a2) * half_rate_gain
    p1 = math.sin(w / 2.0) ** 2
    p0 = 1.0 - p1
    p2 = 4.0 * p0 * p1
    denominator = (1.0 + a1 + a2) ** 2 * p0 + (1.0 - a1 + a2) ** 2 * p1 - 4.0 * a2 * p2
    rest = (denominator * corner_gain**2 - at_zero**2 * p0 - at_half**2 * p1) / p2
    mean = (at_zero + at_half) / 2.0
    b0 = (mean + math.sqrt(max(0.0, mean * mean + rest))) / 2.0
    return Section(b0, (at_zero - at_half) / 2.0, -rest / (4.0 * b0), a1, a2)


# ---- how a cascade is judged and run


def response(sections: Iterable[Section], frequency_hz: float, rate_hz: float) -> complex:
    """Complex gain of the cascade at one frequency."""
    z = cmath.exp(-2j * math.pi * frequency_hz / rate_hz)
    value = complex(1.0)
    for s in sections:
        value *= (s.b0 + (s.b1 + s.b2 * z) * z) / (1.0 + (s.a1 + s.a2 * z) * z)
    return value


def run(sections: Sequence[Section], values: Iterable[float], state: Row = ()) -> tuple[list[float], Row]:
    """Straight recursion: the outputs, and the state after them (two numbers a section). Empty state: at rest."""
    memory = list(state) if state else [0.0] * (2 * len(sections))
    outputs = list(values)
    for number, s in enumerate(sections):
        first, second = memory[2 * number], memory[2 * number + 1]
        for index, x in enumerate(outputs):
            y = s.b0 * x + first
            first = s.b1 * x - s.a1 * y + second
            second = s.b2 * x - s.a2 * y
            outputs[index] = y
        memory[2 * number], memory[2 * number + 1] = first, second
    return outputs, tuple(memory)


def block_form(sections: Sequence[Section], length: int) -> BlockForm:
    """The cascade as matrices: what each unit of state and each input of a block does to its outputs and its end."""
    size = 2 * len(sections)
    silence = [0.0] * length
    from_state = [run(sections, silence, tuple(float(row == column) for column in range(size))) for row in range(size)]
    impulse: list[float] = []
    ends: list[Row] = []
    state: Row = (0.0,) * size
    for index in range(length):
        outputs, state = run(sections, [float(index == 0)], state)
        impulse.extend(outputs)
        ends.append(state)
    return BlockForm(
        length=length,
        outputs_from_state=tuple(tuple(outputs) for outputs, _ in from_state),
        outputs_from_inputs=tuple(
            tuple(impulse[column - row] if column >= row else 0.0 for column in range(length)) for row in range(length)
        ),
        state_from_state=tuple(end for _, end in from_state),
        state_from_inputs=tuple(ends[length - 1 - row] for row in range(length)),
    )
