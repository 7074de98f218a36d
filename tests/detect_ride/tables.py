"""Numbers of ISO 8041-1:2017 and ISO 2631-1 as printed: factors, tolerances, saw-tooth bursts (field/standards 3.3)."""

from __future__ import annotations

import cmath
import math

WD = (
    *(0.06242, 0.09867, 0.1553, 0.2420, 0.3682, 0.5330, 0.7097, 0.8540, 0.9443, 0.9914, 1.011, 1.007, 0.9707),
    *(0.8913, 0.7733, 0.6398, 0.5143, 0.4081, 0.3226, 0.2550, 0.2017, 0.1597, 0.1266, 0.1004, 0.07958, 0.06299),
    *(0.04965, 0.03872, 0.02946, 0.02130, 0.01414, 0.008478, 0.004668, 0.002442, 0.001246, 0.0006293, 0.0003164),
)
WK = (
    *(0.03121, 0.04931, 0.07756, 0.1207, 0.1832, 0.2644, 0.3504, 0.4188, 0.4588, 0.4767, 0.4825, 0.4846, 0.4935),
    *(0.5308, 0.6335, 0.8071, 0.9648, 1.039, 1.054, 1.037, 0.9884, 0.8989, 0.7743, 0.6373, 0.5103, 0.4031),
    *(0.3160, 0.2451, 0.1857, 0.1339, 0.08873, 0.05311, 0.02922, 0.01528, 0.007795, 0.003935, 0.001978),
)
"""Annex B design-goal factors at 10^(n/10) Hz, n = -10 ... 26."""

CENTRES_HZ = tuple(10.0 ** (n / 10.0) for n in range(-10, 27))

REFERENCE_HZ = 15.915
REFERENCE_FACTOR = {"wd": 0.1261, "wk": 0.7718}
REFERENCE_TOLERANCE = 0.04

TRANSITIONS_HZ = tuple(10.0 ** (n / 10.0) for n in (-6, -2, 18, 22))
"""Table 4 for whole-body weightings: 0.2512, 0.6310, 63.10, 158.5 Hz."""


def tolerance(frequency_hz: float) -> tuple[float, float, float]:
    """Table 5: upper and lower relative limit of the magnitude, limit of the characteristic phase in degrees."""
    f1, f2, f3, f4 = TRANSITIONS_HZ
    slack = 1e-9
    if f2 * (1 - slack) <= frequency_hz <= f3 * (1 + slack):
        return 0.12, -0.11, 6.0
    if f1 * (1 - slack) <= frequency_hz <= f4 * (1 + slack):
        return 0.26, -0.21, 12.0
    return 0.26, -1.0, math.inf


def design_goal(name: str, frequency_hz: float) -> complex:
    """Formulas 1 to 5 with table 3, written down apart from the code under test."""
    s = 2j * math.pi * frequency_hz
    w = {number: 2.0 * math.pi * f for number, f in {1: 0.4, 2: 100.0, 5: 2.37, 6: 3.35}.items()}
    w3 = 2.0 * math.pi * (2.0 if name == "wd" else 12.5)
    high = 1.0 / (1.0 + math.sqrt(2.0) * w[1] / s + (w[1] / s) ** 2)
    low = 1.0 / (1.0 + math.sqrt(2.0) * s / w[2] + (s / w[2]) ** 2)
    transition = (1.0 + s / w3) / (1.0 + s / (0.63 * w3) + (s / w3) ** 2)
    step = (1.0 + s / (0.91 * w[5]) + (s / w[5]) ** 2) / (1.0 + s / (0.91 * w[6]) + (s / w[6]) ** 2)
    return high * low * transition * (step * (w[5] / w[6]) ** 2 if name == "wk" else 1.0)


def characteristic_phase_deg(frequencies_hz: list[float], gains: list[complex], goals: list[complex]) -> list[float]:
    """Formula 6: phase error of each frequency and the next one, a constant delay taken out; one value less than given.

    Source: ISO 8041-1:2017 5.6.6 as public code states it (jmrplens/phonometry, instrumentation module).
    """
    errors = [math.degrees(cmath.phase(gain / goal)) for gain, goal in zip(gains, goals, strict=True)]
    pairs = zip(frequencies_hz, frequencies_hz[1:], errors, errors[1:], strict=False)
    return [abs((f * later - g * error) / (g - f)) for f, g, error, later in pairs]


BURSTS: dict[int | None, dict[str, tuple[float, float, float]]] = {
    1: {"band": (0.0433, 0.498, 0.137), "wd": (0.00669, 0.0779, 0.0212), "wk": (0.0299, 0.323, 0.0944)},
    2: {"band": (0.0612, 0.593, 0.193), "wd": (0.00906, 0.0852, 0.0286), "wk": (0.0411, 0.380, 0.130)},
    4: {"band": (0.0865, 0.705, 0.274), "wd": (0.0116, 0.0923, 0.0366), "wk": (0.0577, 0.455, 0.182)},
    8: {"band": (0.122, 0.838, 0.387), "wd": (0.0148, 0.101, 0.0469), "wk": (0.0814, 0.543, 0.257)},
    16: {"band": (0.173, 0.996, 0.547), "wd": (0.0197, 0.115, 0.0611), "wk": (0.115, 0.648, 0.363)},
    None: {"band": (0.546, 1.77, 0.547), "wd": (0.0590, 0.197, 0.0611), "wk": (0.362, 1.15, 0.364)},
}
"""Tables 6 to 8: r.m.s., VDV, MTVV of bursts of so many cycles (None: continuous), band-limited and weighted."""
BURST_TOLERANCE = (0.10, 0.12, 0.10)

MOTION_FACTORS = {
    **{1.0: 1.0000, 2.0: 0.9992, 5.0: 0.9701, 8.0: 0.8423, 10.0: 0.7071},
    **{12.5: 0.5391, 16.0: 0.3639, 20.0: 0.2425, 31.5: 0.1003},
}
"""Two-pole 10 Hz Butterworth."""
