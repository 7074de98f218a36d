"""A calibration judged from recordings: the same recordings give the same files, byte for byte, years later, too."""

from __future__ import annotations

import argparse
from pathlib import Path

from calibration.fit_motion import frames_of, movements
from calibration.fits import FITS
from calibration.guided import proposal_for
from calibration.guided_store import CalibrationFolder
from calibration.session import Session
from calibration.session_tells import Told
from calibration.words import Commissioning, StepName, Verdict, said
from edge_agent.cli.calibrate import wrote
from edge_agent.cli.calibrate_screen import Screen, Typed
from edge_agent.cli.calibration_setup import agent_version, check_settings
from edge_agent.cli.settings_file import load_settings
from edge_agent.detect.limits import Limits
from edge_agent.readings import Reading
from edge_agent.recording import Recording
from edge_agent.recording_native import SUFFIX

NOT_IN_A_RECORDING = frozenset({StepName.SIDES, StepName.PRESENCE, StepName.TEST_ALARM})
"""Steps for which a person must have turned the box, or said something, or a receiver answered."""
STANDING = frozenset({StepName.MOUNT, StepName.NOISE})
STANDING_S, BESIDE_NS, STEP_NS = 30.0, 2_000_000_000, 5_000_000_000
NO_DEVICE = "0000000000000000"


def run_recording(args: argparse.Namespace, screen: Screen) -> int:
    """Judge, print, write `commissioning.json`; 1 where something failed."""
    settings = load_settings(args.config)
    source: Path = args.from_recording
    if args.into is not None:
        into = args.into
    else:
        into = source if _is_kept_folder(source) else source.with_name(f"{source.stem}.calibration")
    kept = CalibrationFolder(source).load() if _is_kept_folder(source) else None
    session = Session(settings, FITS)
    only = None if args.step is None else StepName(args.step)
    for step in StepName:
        if only is not None and step is not only:
            continue
        reason = session.reason_to_skip(step)
        taken = None if reason is not None else _taken(source, step, settings.limits)
        if reason is not None:
            screen.result(session.skip(step, reason), 0.0)
        elif taken is None:
            screen.result(session.skip(step, said("skip.recording")), 0.0)
        else:
            name = f"{step.value}{SUFFIX}" if _is_kept_folder(source) else source.name
            screen.result(session.judge(step, taken[0], taken[1], name), _span_s(taken[0]))
    device_id, made_utc_s = (NO_DEVICE, _made_utc_s(source)) if kept is None else (kept.device_id, kept.made_utc_s)
    version = agent_version() if kept is None else kept.agent_version
    results = session.results()
    CalibrationFolder(into).save(Commissioning(device_id, settings.lift.lift_id, version, made_utc_s, results))
    screen.say(screen.wording.text("results", path=str(into)))
    proposal = proposal_for(Path(args.config), session.settings_lines(), check_settings)
    wrote(proposal, screen, Typed(), is_yes=args.yes)
    return 1 if any(result.verdict is Verdict.FAILED for result in results) else 0


def _is_kept_folder(source: Path) -> bool:
    """Holds a recording for each step, as a live calibration leaves them."""
    return source.is_dir() and any((source / f"{step.value}{SUFFIX}").is_file() for step in StepName)


def _taken(source: Path, step: StepName, limits: Limits) -> tuple[tuple[Reading, ...], tuple[Told, ...]] | None:
    """Readings and findings of a step; None: this recording has nothing of it. Raises RecordingError."""
    if not _is_kept_folder(source):
        if step in NOT_IN_A_RECORDING:
            return None
        readings = tuple(Recording.open(source))
        return (standing_piece(readings, limits) if step in STANDING else readings), ()
    folder = CalibrationFolder(source)
    return (folder.readings(step), folder.told(step)) if folder.has_recording(step) else None


def standing_piece(readings: tuple[Reading, ...], limits: Limits) -> tuple[Reading, ...]:
    """The quietest `STANDING_S` in which the car stands; where it never stands so long, the longest such stretch."""
    if not readings:
        return ()
    moves = movements(readings, limits)
    begins = [readings[0].t_ns, *(move.end_ns + BESIDE_NS for move in moves)]
    ends = [*(move.start_ns - BESIDE_NS for move in moves), readings[-1].t_ns]
    longest = max(zip(begins, ends, strict=True), key=lambda span: span[1] - span[0])
    span_ns = min(round(STANDING_S * 1e9), longest[1] - longest[0])
    starts = [
        start_ns
        for begin_ns, end_ns in zip(begins, ends, strict=True)
        for start_ns in range(begin_ns, end_ns - span_ns + 1, STEP_NS)
    ]
    frames = frames_of(readings)

    def roughness(start_ns: int) -> float:
        return sum(each.roughness_mps2**2 for each in frames if start_ns <= each.end_ns <= start_ns + span_ns)

    begin_ns = min(starts or [longest[0]], key=roughness)
    return tuple(reading for reading in readings if begin_ns <= reading.t_ns <= begin_ns + span_ns)


def _span_s(readings: tuple[Reading, ...]) -> float:
    return (readings[-1].t_ns - readings[0].t_ns) / 1e9 if readings else 0.0


def _made_utc_s(source: Path) -> int | None:
    if _is_kept_folder(source):
        return None
    start = Recording.open(source).meta.start_utc
    return None if start is None else int(start.timestamp())
