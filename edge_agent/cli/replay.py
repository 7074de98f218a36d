"""`edge-agent replay`: runs a recording through the detection core and prints what it concludes."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path

from edge_agent.alarms import Alarm, Conclusion, Trip
from edge_agent.cli import SUMMARIES
from edge_agent.cli.conclusion_lines import json_line, state_line, text_line, verdict_json, verdict_lines
from edge_agent.cli.trace_lines import Trace
from edge_agent.detect.detector import Detector
from edge_agent.detect.limits import LimitProblem, Limits, limits_with
from edge_agent.errors import EdgeAgentError, RecordingError, SettingsError
from edge_agent.installation import Drive, Installation
from edge_agent.readings import AccelFrame
from edge_agent.recording import Recording, recordings_in
from edge_agent.recording_meta import RecordingMeta
from edge_agent.recording_truth import Verdict, judge, read_truth, standings
from edge_agent.toml_table import ProblemList, TomlTable, ascending_numbers, number, one_of
from edge_agent.toml_text import TOML_BYTES_MAX, text_of, toml_from

FAILED_TRUTH = 1
BROKEN = 2


@dataclasses.dataclass(frozen=True, slots=True)
class Overrides:
    """What `--settings` changes: thresholds, and what is known of the lift. `None` and empty: as recorded."""

    limits: tuple[tuple[str, float], ...] = ()
    rated_speed_mps: float | None = None
    drive: Drive | None = None
    landing_heights_m: tuple[float, ...] = ()

    def applied_to(self, installation: Installation) -> Installation:
        """The installation with what the settings know better."""
        lift = installation.lift
        return dataclasses.replace(
            installation,
            lift=dataclasses.replace(
                lift,
                rated_speed_mps=lift.rated_speed_mps if self.rated_speed_mps is None else self.rated_speed_mps,
                drive=lift.drive if self.drive is None else self.drive,
                landing_heights_m=self.landing_heights_m or lift.landing_heights_m,
            ),
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Printing:
    """What the caller wants to see."""

    is_json: bool
    has_trace: bool


@dataclasses.dataclass(slots=True)
class Outcome:
    """What one recording gave."""

    alarms: list[Alarm]
    trips: list[Trip]
    start_s: float | None = None
    end_s: float = 0.0
    error: RecordingError | None = None

    def add(self, conclusion: Conclusion) -> None:
        """Keep one conclusion."""
        match conclusion:
            case Alarm():
                self.alarms.append(conclusion)
            case Trip():
                self.trips.append(conclusion)


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `replay` to the command line."""
    parser = subparsers.add_parser(
        "replay",
        help=SUMMARIES["replay"],
        description="Runs a recording, or each in a folder, through the detection core and prints alarms and trips. "
        "Exit status: 0 done, 1 missed or false (with --truth), 2 a broken file or settings that cannot be used.",
    )
    parser.add_argument("path", metavar="PATH", type=Path, help="a recording (folder or .liftrec), or a folder of them")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--truth", action="store_true", help="compare with truth.csv, allowed.csv and trips.csv")
    parser.add_argument("--trace", action="store_true", help="print what changes in the state of the car")
    parser.add_argument(
        "--settings", metavar="FILE", type=Path, help="[lift] and [limits] that override the recorded ones"
    )


def run(args: argparse.Namespace) -> int:
    """Replay as asked; returns the exit status."""
    printing = Printing(is_json=args.json, has_trace=args.trace)
    try:
        overrides = read_overrides(args.settings) if args.settings is not None else Overrides()
        paths = recordings_in(args.path)
    except EdgeAgentError as error:
        print(error, file=sys.stderr)
        return BROKEN
    is_folder_of_them = paths != (args.path,)
    total = Verdict()
    is_broken = False
    for path in paths:
        if is_folder_of_them and printing.is_json:
            print(json.dumps({"record": "recording", "path": str(path)}, ensure_ascii=False))
        elif is_folder_of_them:
            print(f"{path}:")
        try:
            outcome = _replay(path, overrides, printing)
            if args.truth:
                verdict = _compare(path, outcome)
                _print_verdict(str(path), verdict, printing)
                total += verdict.labelled(path.name)
        except EdgeAgentError as error:
            print(error, file=sys.stderr)
            is_broken = True
            continue
        if outcome.error is not None:
            print(outcome.error, file=sys.stderr)
            is_broken = True
    if args.truth and is_folder_of_them:
        _print_verdict(f"{len(paths)} recordings", total, printing)
    if is_broken:
        return BROKEN
    return FAILED_TRUTH if args.truth and not total.is_clean else 0


def read_overrides(path: Path) -> Overrides:
    """[limits] and [lift] of a settings file; the rest of it is not looked at. Raises SettingsError with the line."""
    try:
        with path.open("rb") as file:
            raw = file.read(TOML_BYTES_MAX + 1)
    except OSError as error:
        raise SettingsError(f"cannot be read: {error}", subject=str(path), hint="Name a settings file") from error
    toml = toml_from(text_of(raw, str(path)), str(path), "Expected: valid TOML")
    problems = ProblemList(str(path), toml.lines)
    top = TomlTable(toml.values, (), problems)
    lift, limits = top.table("lift"), top.table("limits")
    none: tuple[float, ...] = ()
    overrides = Overrides(
        tuple((name, limits.take(name, number(-1e12, 1e12, ""), 0.0)) for name in limits.given_keys()),
        lift.take("rated_speed_mps", number(0.05, 25.0, "m/s", thousandth_of="mm/s"), None),
        lift.take("drive", one_of({drive.value: drive for drive in Drive}), None),
        lift.take("landing_heights_m", ascending_numbers(-1000.0, 1000.0, "m", 200), none),
    )
    try:
        limits_with(overrides.limits)
    except LimitProblem as problem:
        limits.problem(problem.name, problem.problem, problem.hint)
    for mistake in problems.in_order_of_lines():
        raise mistake
    return overrides


def _replay(path: Path, overrides: Overrides, printing: Printing) -> Outcome:
    recording = Recording.open(path)
    for warning in recording.meta.warnings:
        print(warning, file=sys.stderr)
    detector = _detector_for(recording.meta, overrides, path)
    outcome = Outcome([], [])
    trace = Trace()
    try:
        for reading in recording if printing.has_trace else recording.joined():
            end_ns = int(reading.times_ns[-1]) if isinstance(reading, AccelFrame) else reading.t_ns
            outcome.start_s = reading.t_ns / 1e9 if outcome.start_s is None else outcome.start_s
            outcome.end_s = max(outcome.end_s, end_ns / 1e9)
            for conclusion in detector.step(reading):
                outcome.add(conclusion)
                print(json_line(conclusion) if printing.is_json else text_line(conclusion))
            if printing.has_trace and detector.car is not None:
                changed = trace.changes(detector.car)
                if changed:
                    print(state_line(reading.t_ns, changed, as_json=printing.is_json))
    except RecordingError as error:
        outcome.error = error
    if recording.torn_tail_bytes:
        print(f"{path}: the last {recording.torn_tail_bytes} bytes are torn and were not read", file=sys.stderr)
    return outcome


def detector_for(meta: RecordingMeta, path: Path) -> Detector:
    """The core as the recording says that it was. Raises RecordingError."""
    return _detector_for(meta, Overrides(), path)


def _detector_for(meta: RecordingMeta, overrides: Overrides, path: Path) -> Detector:
    return Detector(
        overrides.applied_to(meta.installation),
        _limits_for(meta, overrides, path),
        first_incident=meta.first_incident,
        resumed=meta.resumed,
        baselines=meta.baselines,
    )


def _limits_for(meta: RecordingMeta, overrides: Overrides, path: Path) -> Limits:
    changed = {**dict(meta.limits), **dict(overrides.limits)}
    try:
        return limits_with(changed.items())
    except LimitProblem as error:
        raise RecordingError(f"{error.name}: {error.problem}", subject=f"{path}: [limits]", hint=error.hint) from error


def _compare(path: Path, outcome: Outcome) -> Verdict:
    start_s = outcome.end_s if outcome.start_s is None else outcome.start_s
    return judge(read_truth(path), standings(outcome.alarms), tuple(outcome.trips), start_s, outcome.end_s)


def _print_verdict(name: str, verdict: Verdict, printing: Printing) -> None:
    if printing.is_json:
        print(verdict_json(name, verdict))
        return
    for line in verdict_lines(name, verdict):
        print(line)
