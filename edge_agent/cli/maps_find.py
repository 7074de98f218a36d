"""`edge-agent maps find`: proposes a register map of a controller that nobody knows.

Live: registers are read over and over while accelerometer and contacts are recorded; then log and recording are judged
by reading them back. `--from LOG --recording FOLDER` is the second half alone: the same files give the same bytes.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from calibration.controller import Detected, Word, detect
from calibration.controller_fields import Place, registers_of
from calibration.controller_map import map_text
from calibration.controller_truth import Truth, truth_of
from calibration.doors import fit_doors
from calibration.landings import fit_landings
from calibration.session_wording import Wording
from calibration.words import Said
from drivers.register_map import WORD_BITS
from drivers.register_map_log import RegisterRead, reads_from
from edge_agent.detect.limits import Limits
from edge_agent.durable_file import replace_file
from edge_agent.errors import EdgeAgentError, RecordingError, SettingsError
from edge_agent.recording import Recording

if TYPE_CHECKING:
    from edge_agent.cli.maps_search import Kept

NAME = "find"
MINUTES, MINUTES_MIN, MINUTES_MAX = 20, 2, 120
LOG_BYTES_MAX = 256 << 20
EXAMPLES = 8
OWN = ("config", "minutes", "registers", "log", "from_log", "recording", "out", "force")
UNPROVEN = "controller.unproven"


@dataclass(frozen=True, slots=True)
class Proposed:
    """What was found. text: the map; None: no word was found. reads: the log by which it was judged.

    untold: why the sensors told nothing of the trips; empty: they did.
    """

    detected: Detected
    reads: tuple[RegisterRead, ...]
    text: str | None
    untold: tuple[Said, ...] = ()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe what belongs to `find`."""
    own = parser.add_argument_group("find", "propose a map of a controller that nobody knows")
    own.add_argument("--config", metavar="FILE", help="settings file: line and unit of the controller, sensors")
    own.add_argument("--minutes", type=int, metavar="N", help=f"{MINUTES_MIN} to {MINUTES_MAX}; else {MINUTES}")
    own.add_argument(
        "--registers",
        metavar="TABLE:FIRST-LAST",
        action="append",
        help="what is read, as holding:0x1000-0x107f, several times; else what is near to the map of the settings",
    )
    own.add_argument("--log", metavar="FILE", type=Path, help="where the answers are kept, the readings beside it")
    own.add_argument("--from", dest="from_log", metavar="LOG", type=Path, help="judge an earlier log")
    own.add_argument("--recording", metavar="FOLDER", type=Path, help="with --from: made at the same time")
    own.add_argument("--out", metavar="MAP.toml", type=Path, help="where the proposed map goes; else beside the log")
    own.add_argument("--force", action="store_true", help="replace a file that is there")
    own.add_argument("--lang", choices=("en", "zh"), default="en", help="language of what it says")


def refuse_stray(args: argparse.Namespace) -> None:
    """Raises SettingsError for an option of `find` without it."""
    stray = [name for name in OWN if getattr(args, name)]
    if stray:
        option = "--from" if stray[0] == "from_log" else f"--{stray[0]}"
        raise SettingsError(f"{option} goes with find", subject="maps", hint="edge-agent maps find --config FILE")


def run(args: argparse.Namespace) -> int:
    """0: a map is written; 1: no word was found; 3: the agent has the devices."""
    wording = Wording(args.lang)
    if args.template:
        raise _mistake("--template does not go with find", "Leave one of them out")
    if args.from_log is None:
        if args.recording is not None:
            raise _mistake("--recording goes with --from", "Live, the readings are kept beside the log")
        from edge_agent.cli.calibrate_screen import Screen
        from edge_agent.cli.maps_sweep import live

        kept = live(args, Screen(wording))
        if kept is None:
            return 3
        print(wording.text("start_agent"))
    else:
        kept = _earlier(args)
    out = out_of(args, kept.log)
    proposed = proposal(kept.log, kept.recording, _map_name(out))
    for line in lines(proposed, wording):
        print(line)
    if proposed.text is None:
        print(wording.text("find.no_map"))
        return 1
    write_map(out, proposed.text, is_forced=args.force)
    print(wording.text("find.map", path=str(out)))
    return 0


def out_of(args: argparse.Namespace, log: Path) -> Path:
    """Where the map goes. Raises SettingsError where a file is there and may not be replaced."""
    out: Path = args.out or log.with_suffix(".toml")
    refuse_existing(out, is_forced=args.force)
    return out


def refuse_existing(path: Path, *, is_forced: bool) -> None:
    """Raises SettingsError."""
    if path.exists() and not is_forced:
        raise SettingsError("is there already", subject=str(path), hint="Name another file, or add --force")


def proposal(log: Path, recording: Path, name: str) -> Proposed:
    """Judge a log and the recording made with it. Pure but for reading the two. Raises RecordingError."""
    reads = reads_from(_text_of(log), str(log))
    source = Recording.open(recording)
    meta = source.meta
    truth, untold = _truth(source)
    detected = detect(reads, truth)
    if all(word.candidate is None for word in detected.words):
        return Proposed(detected, reads, None, untold)
    when = "" if meta.start_utc is None else f", box started {meta.start_utc.isoformat()}"
    made_by = f"Log {log.name}, {len(reads)} reads{when}"
    text = map_text(detected, name=name, maker="not known", model="not known", made_by=made_by)
    return Proposed(detected, reads, text, untold)


def lines(proposed: Proposed, wording: Wording) -> Iterator[str]:
    """What was found, for a person."""
    found = proposed.detected
    yield wording.text("find.seen", registers=found.register_count, changing=found.changing_count)
    for problem in found.problems:
        yield wording.sentence(problem)
    for reason in proposed.untold:
        yield wording.text("find.untold", reason=wording.sentence(reason))
    for word in found.words:
        yield from _word_lines(word, proposed.reads, wording)


def _word_lines(word: Word, reads: Sequence[RegisterRead], wording: Wording) -> Iterator[str]:
    name, one = f"word.{word.feed.value}", word.candidate
    if one is None:
        yield wording.text("find.not_found", word=name)
        if word.reason is not None and word.reason.key != UNPROVEN:
            yield wording.text("find.because", reason=wording.sentence(word.reason))
        return
    values = ", ".join(f"{code} = {wording.name(meaning)}" for code, meaning in one.values)
    yield wording.text(
        "find.word",
        word=name,
        register=place_text(one.place, wording),
        percent=100.0 * one.confidence,
        values=values or _examples(one.place, reads),
    )
    for other in word.others:
        yield wording.text("find.also", register=place_text(other.place, wording))


def place_text(place: Place, wording: Wording) -> str:
    """Table, address, and bits where it is not the whole register."""
    register = wording.text("find.register", table=f"table.{place.table.name.lower()}", address=f"{place.address:#06x}")
    if place.bit_count == WORD_BITS:
        return register
    return wording.text(
        "find.bits", register=register, first=place.bit_first, last=place.bit_first + place.bit_count - 1
    )


def _examples(place: Place, reads: Sequence[RegisterRead]) -> str:
    own = [each for each in reads if each.table is place.table and 0 <= place.address - each.address < len(each.words)]
    for register in registers_of(own):
        if register.address == place.address:
            codes = sorted(set(place.codes(register).tolist()))
            return ", ".join(map(str, codes[:EXAMPLES])) + (", ..." if len(codes) > EXAMPLES else "")
    return "-"


def _truth(source: Recording) -> tuple[Truth, tuple[Said, ...]]:
    meta = source.meta
    limits = replace(Limits(), **dict(meta.limits))
    readings = tuple(source)
    landings = fit_landings(readings, limits)
    doors = fit_doors(readings, limits, meta.installation.wiring.signals, stops=landings.stops)
    return truth_of(readings, landings, doors), landings.problems


def _earlier(args: argparse.Namespace) -> Kept:
    from edge_agent.cli.maps_search import Kept

    if args.recording is None:
        raise _mistake("--from needs --recording", "Name the folder that was kept beside the log")
    for name in ("config", "minutes", "registers", "log"):
        if getattr(args, name) is not None:
            raise _mistake(f"--{name} does not go with --from", "Nothing is read from a controller then")
    return Kept(args.from_log, args.recording)


def _text_of(log: Path) -> str:
    try:
        if log.stat().st_size > LOG_BYTES_MAX:
            raise RecordingError(f"is larger than {LOG_BYTES_MAX >> 20} MiB", subject=str(log), hint="Is it the log?")
        return log.read_text(encoding="utf-8")
    except OSError as error:
        raise RecordingError(f"cannot be read: {error.strerror}", subject=str(log), hint="Check its name") from error
    except UnicodeDecodeError as error:
        raise RecordingError("is no text", subject=str(log), hint="Is it the log?") from error


def _map_name(out: Path) -> str:
    return re.sub(r"[^a-z0-9_-]", "_", out.stem.lower())[:32] or "found"


def write_map(out: Path, text: str, *, is_forced: bool) -> None:
    """Raises EdgeAgentError where it cannot be written, or something is there that may not be replaced."""
    refuse_existing(out, is_forced=is_forced)  # it may have come meanwhile
    try:
        replace_file(out, text, 0o644)
    except OSError as error:
        raise EdgeAgentError(
            f"cannot be written: {error.strerror}", subject=str(out), hint="Name a folder that you may write to"
        ) from error


def _mistake(problem: str, hint: str) -> SettingsError:
    return SettingsError(problem, subject="maps find", hint=hint)
