"""What `replay` prints: conclusions as JSON lines (a public contract) or for people, and the comparison with truth."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from statistics import median

from edge_agent.alarms import Alarm, Conclusion, SignalCoverage, Trip
from edge_agent.catalogue import CATALOGUE
from edge_agent.recording_truth import Verdict
from edge_agent.story import coverage_sentence

JsonValue = str | int | float | bool | None


def json_line(conclusion: Conclusion) -> str:
    """One JSON object with the keys of the recording format's contract."""
    match conclusion:
        case Alarm():
            return json.dumps(
                {
                    "t_s": seconds(conclusion.t_ns),
                    "kind": conclusion.kind.public_name,
                    "state": conclusion.state.value,
                    "severity": conclusion.severity.value,
                    "incident": conclusion.incident,
                    "evidence": {sign.name: _plain(sign.value) for sign in conclusion.evidence},
                },
                ensure_ascii=False,
            )
        case Trip():
            return json.dumps(
                {
                    "t_s": seconds(conclusion.t_ns),
                    "record": "trip",
                    "start_s": seconds(conclusion.start_ns),
                    "end_s": seconds(conclusion.end_ns),
                    "direction": conclusion.direction.value,
                    "distance_m": _plain(conclusion.distance_m),
                    "speed_mps": _plain(conclusion.speed_mps),
                    "accel_mps2": _plain(conclusion.accel_mps2),
                    "decel_mps2": _plain(conclusion.decel_mps2),
                    "jerk_mps3": _plain(conclusion.jerk_mps3),
                    "from_landing": conclusion.from_landing,
                    "to_landing": conclusion.to_landing,
                }
            )
        case SignalCoverage():
            return json.dumps(
                {
                    "t_s": seconds(conclusion.t_ns),
                    "record": "signal_coverage",
                    "landing": conclusion.place.landing_index,
                    "rssi_dbm": conclusion.rssi_dbm,
                    "rsrp_dbm": conclusion.rsrp_dbm,
                }
            )


def text_line(conclusion: Conclusion) -> str:
    """The same for a person."""
    at = f"{conclusion.t_ns / 1e9:10.2f} s"
    match conclusion:
        case Alarm():
            signs = ", ".join(f"{sign.name} {_plain(sign.value)}" for sign in conclusion.evidence)
            title = CATALOGUE[conclusion.kind].title_en
            return (
                f"{at}  {conclusion.state.value:9}  {conclusion.kind.public_name} ({conclusion.severity.value}), "
                f"incident {conclusion.incident}: {title}" + (f" [{signs}]" if signs else "")
            )
        case Trip():
            landings = ""
            if conclusion.from_landing is not None or conclusion.to_landing is not None:
                landings = f", landing {_or_unknown(conclusion.from_landing)} to {_or_unknown(conclusion.to_landing)}"
            return (
                f"{at}  trip       {conclusion.direction.value} {conclusion.distance_m:.2f} m "
                f"from {conclusion.start_ns / 1e9:.2f} s to {conclusion.end_ns / 1e9:.2f} s, "
                f"largest {conclusion.speed_mps:.2f} m/s, {conclusion.accel_mps2:.2f} and "
                f"{conclusion.decel_mps2:.2f} m/s2, {conclusion.jerk_mps3:.2f} m/s3{landings}"
            )
        case SignalCoverage():
            return f"{at}  signal     {coverage_sentence(conclusion)}"


def state_line(t_ns: int, changed: Iterable[tuple[str, str]], *, as_json: bool) -> str:
    """Fields of the car state that changed, by name."""
    if as_json:
        return json.dumps({"t_s": seconds(t_ns), "record": "state", **dict(changed)}, ensure_ascii=False)
    return f"{t_ns / 1e9:10.2f} s  state      " + ", ".join(f"{name} {value}" for name, value in changed)


def verdict_json(path: str, verdict: Verdict) -> str:
    """The comparison with truth as one JSON object."""
    found = len(verdict.raise_delays_s)
    values: dict[str, JsonValue | list[str]] = {
        "record": "truth",
        "path": path,
        "duration_s": round(verdict.duration_s, 3),
        "expected": verdict.expected_count,
        "found": found,
        "recall": round(found / verdict.expected_count, 4) if verdict.expected_count else None,
        "time_to_raise_s_median": _rounded(median(verdict.raise_delays_s)) if found else None,
        "time_to_raise_s_max": _rounded(max(verdict.raise_delays_s)) if found else None,
        "false_per_hour": _per_hour(len(verdict.false), verdict.duration_s),
        "missed": list(verdict.missed),
        "false": list(verdict.false),
        "overstayed": list(verdict.overstayed),
        "trips_expected": verdict.trips_expected_count,
        "trips_found": len(verdict.trip_errors),
        "trips_missed": list(verdict.trips_missed),
        "trips_false": list(verdict.trips_false),
        "trips_direction_wrong": sum(errors.is_direction_wrong for errors in verdict.trip_errors),
    }
    for name, errors in _error_columns(verdict):
        values[f"trip_{name}_error_median"] = _rounded(median(errors)) if errors else None
        values[f"trip_{name}_error_max"] = _rounded(max(errors)) if errors else None
    values["is_clean"] = verdict.is_clean
    return json.dumps(values, ensure_ascii=False)


def verdict_lines(path: str, verdict: Verdict) -> Iterator[str]:
    """The comparison with truth for a person."""
    found = len(verdict.raise_delays_s)
    false_per_hour = _per_hour(len(verdict.false), verdict.duration_s)
    recall = f", recall {100 * found / verdict.expected_count:.0f} %" if verdict.expected_count else ""
    yield (
        f"{path}: {found} of {verdict.expected_count} expected alarms found{recall}; {len(verdict.false)} false "
        f"in {verdict.duration_s:.0f} s" + (f" ({false_per_hour:.2f} per hour)" if false_per_hour else "")
    )
    if found:
        yield (
            f"  time to raise: median {median(verdict.raise_delays_s):.2f} s, "
            f"longest {max(verdict.raise_delays_s):.2f} s"
        )
    for label, sentences in (("missed", verdict.missed), ("false", verdict.false), ("stayed", verdict.overstayed)):
        yield from (f"  {label}: {sentence}" for sentence in sentences)
    trips_found = len(verdict.trip_errors)
    if verdict.trips_expected_count or verdict.trips_false:
        wrong = sum(errors.is_direction_wrong for errors in verdict.trip_errors)
        yield (
            f"  trips: {trips_found} of {verdict.trips_expected_count} found, {len(verdict.trips_false)} false, "
            f"{wrong} in the wrong direction"
        )
    for name, errors in _error_columns(verdict):
        if errors:
            label, _, unit = name.rpartition("_")
            yield f"  error of {label}: median {median(errors):.2f}, largest {max(errors):.2f} {_UNITS[unit]}"
    yield from (f"  missed: {sentence}" for sentence in verdict.trips_missed)
    yield from (f"  false: {sentence}" for sentence in verdict.trips_false)


def seconds(t_ns: int) -> float:
    """Capture time as recording time, to the millisecond."""
    return round(t_ns / 1e9, 3)


_UNITS = {"s": "s", "m": "m", "mps": "m/s"}


def _error_columns(verdict: Verdict) -> Iterator[tuple[str, list[float]]]:
    """Sizes of the known errors of the trips that were found."""
    trips = verdict.trip_errors
    yield "start_s", [abs(trip.start_s) for trip in trips if trip.start_s is not None]
    yield "end_s", [abs(trip.end_s) for trip in trips if trip.end_s is not None]
    yield "distance_m", [abs(trip.distance_m) for trip in trips if trip.distance_m is not None]
    yield "speed_mps", [abs(trip.speed_mps) for trip in trips if trip.speed_mps is not None]


def _per_hour(count: int, duration_s: float) -> float | None:
    return round(count * 3600.0 / duration_s, 3) if duration_s > 0.0 else None


def _plain(value: float | int | bool | str) -> JsonValue:
    """Floats to 4 decimals; what JSON has no number for becomes null."""
    if isinstance(value, float):
        return round(value, 4) if math.isfinite(value) else None
    return value


def _rounded(value: float) -> float:
    return round(value, 4)


def _or_unknown(landing_index: int | None) -> str:
    return "?" if landing_index is None else str(landing_index)
