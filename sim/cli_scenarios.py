"""`lift-sim list`, `describe`, `run` and `record`: scenarios under virtual time, through the real detector."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from edge_agent.alarms import Alarm, AlarmState, Conclusion, SignalCoverage, Trip
from edge_agent.detect.detector import Detector
from edge_agent.detect.limits import Limits
from edge_agent.errors import EdgeAgentError
from edge_agent.recording_export import ExchangeWriter
from edge_agent.recording_meta import RecordingMeta
from edge_agent.recording_truth import (
    ALLOWED_COLUMNS,
    TRIPS_COLUMNS,
    TRUTH_COLUMNS,
    AllowedAlarm,
    ExpectedAlarm,
    TrueTrip,
    Truth,
    Verdict,
    judge,
    standings,
)
from sim.library import load_scenario, scenario_names
from sim.mishap_steps import DriftStep
from sim.roughness import rough_from
from sim.scenario import Moment, Played, play
from sim.steps import InspectStep, WindStep
from sim.tell import described

_OPEN_END = -1


def truth_of(played: Played) -> Truth:
    """What must and may be concluded from this run, in the words of the recording format."""
    scenario = played.scenario

    def end_of(moment: Moment | None) -> float | None:
        return None if moment is None else played.time_of(moment)

    return Truth(
        expected=tuple(
            ExpectedAlarm(each.kind, played.time_of(each.start), played.time_of(each.raise_by), end_of(each.clear_by))
            for each in scenario.expected
        ),
        allowed=(
            *(AllowedAlarm(each.kind, played.time_of(each.start), end_of(each.end)) for each in scenario.allowed),
            *(AllowedAlarm(kind, start_s, None) for kind, start_s in rough_from(played.lift).items()),
        ),
        trips=_true_trips(played),
    )


def _true_trips(played: Played) -> tuple[TrueTrip, ...] | None:
    """Trips from landing to landing; None where some movement may or may not be called a trip (by hand, cut short)."""
    steps = [planned.step for planned in played.scenario.steps]
    if any(isinstance(step, WindStep | InspectStep | DriftStep) for step in steps):
        return None
    if not all(trip.ended_at_landing for trip in played.lift.trips):
        return None
    return tuple(
        TrueTrip(trip.start_s, trip.end_s, trip.direction, trip.distance_m, trip.speed_mps)
        for trip in played.lift.trips
    )


def run_detector(played: Played) -> tuple[list[Alarm], list[Trip]]:
    """The alarms and trips that the real detector concludes from this run."""
    said = conclusions_of(played)
    return [each for each in said if isinstance(each, Alarm)], [each for each in said if isinstance(each, Trip)]


def conclusions_of(played: Played) -> list[Conclusion]:
    """Everything the real detector concludes from this run, in its order."""
    detector = Detector(played.installation, Limits())
    return [conclusion for reading in played.readings() for conclusion in detector.step(reading)]


def verdict_of(played: Played) -> tuple[Verdict, list[Alarm]]:
    """The run compared with what the scenario expects, and the alarms it gave."""
    said = conclusions_of(played)
    alarms = [each for each in said if isinstance(each, Alarm)]
    trips = tuple(each for each in said if isinstance(each, Trip))
    verdict = judge(truth_of(played), standings(alarms), trips, 0.0, played.duration_s)
    heard = [each for each in said if isinstance(each, SignalCoverage)]
    return replace(verdict, missed=(*verdict.missed, *_signals_missed(played, heard))), alarms


def _signals_missed(played: Played, heard: list[SignalCoverage]) -> list[str]:
    """What the story expects to be told of the mobile signal, and was not, or not so."""
    out: list[str] = []
    for each in played.scenario.signals:
        start_s, end_s = played.time_of(each.start), played.time_of(each.told_by)
        told = [
            coverage.rssi_dbm
            for coverage in heard
            if coverage.place.landing_index == each.landing and start_s <= coverage.t_ns / 1e9 <= end_s
        ]
        if not any(dbm is not None and abs(dbm - each.rssi_dbm) <= each.within_db for dbm in told):
            wanted = f"{each.rssi_dbm:g} dBm at landing {each.landing} from {start_s:.0f} to {end_s:.0f} s"
            out.append(f"signal_coverage {wanted}; told: {told or 'nothing'}")
    return out


def list_scenarios() -> int:
    """Print each shipped scenario with its title."""
    names = scenario_names()
    width = max(len(name) for name in names)
    for name in names:
        print(f"{name:<{width}}  {load_scenario(name).title}")
    return 0


def describe(name: str) -> int:
    """Print a scenario as a person would tell it."""
    print(described(load_scenario(name)))
    return 0


def run(args: argparse.Namespace) -> int:
    """Run scenarios (all, if none is named) and compare; 1 if anything was missed, late, false or stood too long."""
    names = args.names or scenario_names()
    failed = 0
    for name in names:
        scenario = load_scenario(name)
        for seed in range(args.seed, args.seed + args.seeds):
            played = play(scenario, seed)
            verdict, alarms = verdict_of(played)
            is_good = not (verdict.missed or verdict.false or verdict.overstayed)
            failed += not is_good
            if args.quiet and is_good:
                continue
            print(f"{'ok  ' if is_good else 'FAIL'} {name} (seed {seed}, {played.duration_s:.0f} s)")
            _print_verdict(verdict)
            if args.alarms:
                _print_alarms(alarms)
    if failed:
        print(f"{failed} of {len(names) * args.seeds} runs failed", file=sys.stderr)
    return 1 if failed else 0


def _print_verdict(verdict: Verdict) -> None:
    for word, sentences in (("missed", verdict.missed), ("false", verdict.false), ("too long", verdict.overstayed)):
        for sentence in sentences:
            print(f"       {word}: {sentence}")
    if verdict.trips_expected_count or verdict.trips_false:
        wrong = sum(errors.is_direction_wrong for errors in verdict.trip_errors)
        print(
            f"       trips: {len(verdict.trip_errors)} of {verdict.trips_expected_count} found, "
            f"{len(verdict.trips_false)} false, {wrong} in the wrong direction"
        )


def _print_alarms(alarms: list[Alarm]) -> None:
    for alarm in alarms:
        if alarm.state is not AlarmState.UPDATED:
            print(f"       {alarm.t_ns / 1e9:9.2f} s  {alarm.kind.public_name} {alarm.state.value}")


def record(name: str, folder: Path, seed: int) -> int:
    """Write a scenario as a recording in the exchange form, with its truth."""
    scenario = load_scenario(name)
    played = play(scenario, seed)
    writer = ExchangeWriter(folder, RecordingMeta(played.installation))
    try:
        for reading in played.raw_readings():
            writer.write(reading)
    finally:
        writer.close()
    try:
        _write_truth(folder, truth_of(played))
    except OSError as error:
        raise EdgeAgentError(f"cannot be written: {error.strerror}", subject=str(folder), hint="Free space?") from error
    print(f"{folder}: {played.duration_s:.0f} s of {name}, seed {seed}")
    return 0


def _write_truth(folder: Path, truth: Truth) -> None:
    def end(value: float | None) -> str:
        return str(_OPEN_END) if value is None else f"{value:.3f}"

    def write(name: str, columns: str, rows: list[str]) -> None:
        (folder / name).write_text("".join(f"{row}\n" for row in (columns, *rows)), encoding="utf-8")

    rows = [
        f"{each.kind.public_name},{each.start_s:.3f},{each.raise_by_s:.3f},{end(each.end_s)}" for each in truth.expected
    ]
    write("truth.csv", TRUTH_COLUMNS, rows)
    rows = [f"{each.kind.public_name},{each.start_s:.3f},{end(each.end_s)}" for each in truth.allowed]
    write("allowed.csv", ALLOWED_COLUMNS, rows)
    if truth.trips is not None:
        rows = [
            f"{trip.start_s:.3f},{trip.end_s:.3f},{trip.direction.value if trip.direction else ''},"
            f"{trip.distance_m or 0.0:.3f},{trip.speed_mps or 0.0:.3f}"
            for trip in truth.trips
        ]
        write("trips.csv", TRIPS_COLUMNS, rows)
