"""Heights of the landings out of many measured trips, and of the air where there is a barometer: one balance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from calibration.fit_samples import NS_PER_S, Floats
from calibration.landings_trips import MeasuredTrip
from edge_agent.detect.air import SCALE_HEIGHT_M
from edge_agent.detect.position import STOREY_M_MIN
from edge_agent.readings import PressureSample, Reading

ROUNDS = 6
AIR_SETTLE_S = 1.0
AIR_SAMPLES_MIN = 5
AIR_SIGMA_M_MIN = 0.01
PRIOR_FREEDOM = 2.0
"""How many trips' worth the doubts as stated are believed against what the trips say themselves. Source: judgement."""
AIR_TERMS = 4
"""Weather and ventilation over a recording of some minutes are taken as a polynomial of so many terms in time."""


@dataclass(frozen=True, slots=True)
class AirStop:
    """Height by the standard atmosphere during a standstill. sigma_m: of noise alone."""

    stop: int
    t_s: float
    height_m: float
    sigma_m: float


@dataclass(frozen=True, slots=True)
class Balance:
    """stops: landing of each stop, one more than trips; lowest landing is 0. heights_m, sigmas_m: of each landing.

    residuals_m: of each trip. misfit: rms residual over its doubt, about 1 where all is well.
    """

    stops: tuple[int, ...]
    heights_m: tuple[float, ...]
    sigmas_m: tuple[float, ...]
    residuals_m: tuple[float, ...]
    misfit: float


def balance(
    trips: Sequence[MeasuredTrip], air: Sequence[AirStop] = (), air_scale: float = 1.0, opened: Sequence[bool] = ()
) -> Balance:
    """Heights above the lowest landing. air: measured against it with the scale air height over trip height.

    opened: of each stop, whether a door opened there; a stop without one is a place of its own. Empty: not known.
    """
    heights = np.concatenate(([0.0], np.cumsum([trip.distance_m for trip in trips])))
    is_landing = list(opened) if any(opened) else [True] * len(heights)
    stops, count = _clusters(heights, is_landing)
    solved, cov = np.zeros(count), np.zeros((count, count))
    for _ in range(ROUNDS):
        solved, cov = _solve(trips, stops, count, air, air_scale)
        again = _assigned(trips, solved, stops, is_landing)
        if again == stops:
            break
        stops = again
    residuals = [trip.distance_m - (solved[b] - solved[a]) for trip, a, b in zip(trips, stops, stops[1:], strict=False)]
    misfits = [residual / trip.sigma_m for residual, trip in zip(residuals, trips, strict=True)]
    freedom = len(trips) - (len(set(stops)) - 1)
    misfit = sqrt(sum(m * m for m in misfits) / freedom) if freedom > 0 else 1.0
    cov = cov * _unsure(misfits, freedom)
    used = sorted(set(stops), key=lambda node: float(solved[node]))
    number = {node: place for place, node in enumerate(used)}
    low = used[0]
    return Balance(
        tuple(number[stop] for stop in stops),
        tuple(float(solved[node] - solved[low]) for node in used),
        tuple(sqrt(max(0.0, cov[node, node] + cov[low, low] - 2.0 * cov[low, node])) for node in used),
        tuple(map(float, residuals)),
        misfit,
    )


def _unsure(misfits: Sequence[float], freedom: int) -> float:
    """By how much the variances are too small, as the trips contradict each other; never less than 1."""
    return max(1.0, (sum(m * m for m in misfits) + PRIOR_FREEDOM) / (max(0, freedom) + PRIOR_FREEDOM))


def _clusters(heights: Floats, is_landing: Sequence[bool]) -> tuple[list[int], int]:
    """Stops nearer than half a storey are at one landing: node of each stop, and how many nodes there are."""
    nodes = [0] * len(heights)
    members: list[list[float]] = []
    for index in np.argsort(heights, kind="stable"):
        height = float(heights[index])
        if not is_landing[index]:
            continue
        if not members or height - float(np.mean(members[-1])) > STOREY_M_MIN / 2.0:
            members.append([])
        members[-1].append(height)
        nodes[index] = len(members) - 1
    count = len(members)
    for index, is_one in enumerate(is_landing):
        if not is_one:
            nodes[index] = count
            count += 1
    return nodes, count


def _assigned(
    trips: Sequence[MeasuredTrip], heights: Floats, stops: Sequence[int], is_landing: Sequence[bool]
) -> list[int]:
    """The landing of each stop, going from one to the next so that errors do not add up."""
    landings = sorted({stop for stop, is_one in zip(stops, is_landing, strict=True) if is_one})
    found = [stops[0]]
    for number, trip in enumerate(trips, start=1):
        reached = float(heights[found[-1]]) + trip.distance_m
        is_one = is_landing[number]
        found.append(min(landings, key=lambda n: abs(float(heights[n]) - reached)) if is_one else stops[number])
    return found


def _solve(
    trips: Sequence[MeasuredTrip], stops: Sequence[int], count: int, air: Sequence[AirStop], air_scale: float
) -> tuple[Floats, Floats]:
    """Weighted least squares for the heights, the first of them tied to 0, with the drift of the air beside them."""
    terms = AIR_TERMS if len(air) > AIR_TERMS + 1 else 0
    size = count + terms
    rows: list[Floats] = []
    values: list[float] = []
    tie = np.zeros(size)
    tie[0] = 1e4
    rows.append(tie)
    values.append(0.0)
    for trip, a, b in zip(trips, stops, stops[1:], strict=False):
        row = np.zeros(size)
        row[b] += 1.0
        row[a] -= 1.0
        rows.append(row / trip.sigma_m)
        values.append(trip.distance_m / trip.sigma_m)
    if terms:
        for each, powers in zip(air, _powers(air), strict=True):
            row = np.zeros(size)
            row[stops[each.stop]] = air_scale
            row[count:] = powers
            rows.append(row / each.sigma_m)
            values.append(each.height_m / each.sigma_m)
    matrix = np.array(rows)
    cov = np.linalg.pinv(matrix.T @ matrix)
    solved = cov @ matrix.T @ np.array(values)
    return np.asarray(solved[:count]), np.asarray(cov[:count, :count], dtype=np.float64)


def _powers(air: Sequence[AirStop]) -> Floats:
    times = np.array([each.t_s for each in air])
    span = max(float(times.max() - times.min()), 1.0)
    return np.asarray(np.vander(2.0 * (times - times.min()) / span - 1.0, AIR_TERMS, increasing=True))


def air_stops(readings: Sequence[Reading], spans_ns: Sequence[tuple[int, int]]) -> tuple[AirStop, ...]:
    """Air at each standstill; spans_ns: of each stop. A stop with too few samples is left out."""
    samples = [(r.t_ns, r.pressure_hpa) for r in readings if isinstance(r, PressureSample) and r.pressure_hpa > 0.0]
    if not samples:
        return ()
    times = np.array([t_ns for t_ns, _ in samples])
    heights = -SCALE_HEIGHT_M * np.log(np.array([hpa for _, hpa in samples]))
    reference = float(heights[0])
    found = []
    for number, (start_ns, end_ns) in enumerate(spans_ns):
        low, high = np.searchsorted(times, (start_ns + round(AIR_SETTLE_S * NS_PER_S), end_ns))
        inner = heights[low:high]
        if len(inner) < AIR_SAMPLES_MIN:
            continue
        noise = float(np.sqrt(np.mean(np.diff(inner) ** 2) / 2.0))
        sigma = sqrt(noise**2 / len(inner) + AIR_SIGMA_M_MIN**2)
        middle_s = float((times[low] + times[high - 1]) / 2 - times[0]) / NS_PER_S
        found.append(AirStop(number, middle_s, float(np.mean(inner)) - reference, sigma))
    return tuple(found)


def air_against_trips(air: Sequence[AirStop], stops: Sequence[int], heights_m: Sequence[float]) -> tuple[float, float]:
    """How high the air says one metre of the trips is, and the doubt of that; (1, inf) where it cannot be told."""
    travel = max(heights_m) - min(heights_m)
    if len(air) < AIR_TERMS + 3 or travel <= 0.0:
        return 1.0, float("inf")
    weights = np.array([1.0 / each.sigma_m for each in air])
    matrix = np.column_stack(([heights_m[stops[each.stop]] for each in air], _powers(air))) * weights[:, None]
    values = np.array([each.height_m for each in air]) * weights
    cov = np.linalg.pinv(matrix.T @ matrix)
    solved = cov @ matrix.T @ values
    residual = values - matrix @ solved
    spread = max(1.0, float(residual @ residual) / max(1, len(values) - matrix.shape[1]))
    return float(solved[0]), sqrt(float(cov[0, 0]) * spread)
