"""`edge-agent record`: writes down what the sensors of this lift say, without judging it."""

from __future__ import annotations

import argparse
import math
import signal
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from edge_agent.cli import SUMMARIES
from edge_agent.cli.run import LATENESS_NS
from edge_agent.cli.settings_file import load_settings
from edge_agent.cli.sources import sources_of
from edge_agent.clock import SystemClock
from edge_agent.errors import RecordingError, SettingsError, SourceError, WrongDevice
from edge_agent.readings import AccelFrame, FaultReason, Reading, SourceFault, Tick
from edge_agent.recording_export import ExchangeWriter
from edge_agent.recording_meta import RecordingMeta
from edge_agent.recording_native import SUFFIX
from edge_agent.recording_writer import MAX_BYTES_MIN, RecordingWriter
from edge_agent.source import Source
from edge_agent.timeline import Timeline, source_of

MIB = 1 << 20
READ_S = 0.02  # one source after the other; a FIFO of 32 samples at 400 Hz holds 80 ms
OPEN_AGAIN_NS = 2_000_000_000
EXIT_BROKEN = 2


class Writer(Protocol):
    """Either form."""

    def write(self, reading: Reading) -> None:
        """Take one reading."""
        ...

    def close(self) -> None:
        """Write what is kept."""
        ...


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the arguments."""
    parser = commands.add_parser("record", help=SUMMARIES["record"], description=__doc__)
    parser.add_argument("destination", metavar="DST", type=Path, help=f"NAME{SUFFIX}, or a folder for CSV files")
    parser.add_argument("--config", metavar="FILE", required=True, help="settings file (TOML)")
    parser.add_argument("--seconds", type=float, default=math.inf, help="end by itself; else Ctrl-C ends it")
    parser.add_argument("--max-mib", type=int, help=f"byte cap of a {SUFFIX} file, the oldest is dropped")


def run(args: argparse.Namespace) -> int:
    """Record until told to stop; returns the exit status."""
    settings = load_settings(args.config)
    clock = SystemClock()
    installation = settings.installation()
    meta = RecordingMeta(installation, _utc_of_boot(clock), settings.limit_overrides)
    writer = _writer_for(args.destination, meta, args.max_mib)
    stop = _StopSignal()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop.take)
    end_ns = clock.now_ns() + args.seconds * 1e9
    print(f"Recording to {args.destination}; Ctrl-C ends it", flush=True)
    counts = record(
        sources_of(settings, clock),
        writer,
        now_ns=clock.now_ns,
        is_over=lambda: stop.is_taken or clock.now_ns() >= end_ns,
    )
    for line in summary(counts):
        print(line)
    if isinstance(writer, RecordingWriter) and writer.problem is not None:
        print(f"{writer.problem} {writer.lost_count} readings were lost", file=sys.stderr)
        return EXIT_BROKEN
    return 0


def record(
    sources: Sequence[Source], writer: Writer, *, now_ns: Callable[[], int], is_over: Callable[[], bool]
) -> dict[str, int]:
    """Read the sources in turn, order what they give, and write it until it is over or every source has ended.

    Returns the number of samples or readings of each source. Raises RecordingError where a folder cannot be written.
    """
    counts: dict[str, int] = {}
    timeline = Timeline(LATENESS_NS)
    slots = [_Slot(source) for source in sources]
    try:
        while not is_over() and not all(source.has_ended for source in sources):
            for slot in slots:
                for reading in slot.read(now_ns):
                    timeline.push(reading)
            _write(timeline.release(now_ns()), writer, counts)
        _write(timeline.flush(), writer, counts)
    finally:
        for source in sources:
            source.close()
        writer.close()
    return counts


def summary(counts: dict[str, int]) -> Iterable[str]:
    """What was recorded, a line for each source."""
    if not counts:
        yield "Nothing was recorded: no source gave a reading"
    for name, count in sorted(counts.items()):
        yield f"{name}: {count}"


class _Slot:
    """One source and when to try to open it again."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._is_open = False
        self._open_at_ns = -(1 << 62)
        self._reported = ""

    def read(self, now_ns: Callable[[], int]) -> Sequence[Reading]:
        if self._is_open:
            return self._source.read(READ_S)
        at_ns = now_ns()
        if at_ns < self._open_at_ns:
            return ()
        self._open_at_ns = at_ns + OPEN_AGAIN_NS
        try:
            self._source.open()
        except SourceError as error:
            if str(error) == self._reported:
                return ()
            self._reported = str(error)
            print(error, file=sys.stderr)
            reason = FaultReason.WRONG_DEVICE if isinstance(error, WrongDevice) else FaultReason.ABSENT
            return (SourceFault(at_ns, self._source.name, reason, str(error)),)
        self._is_open = True
        return ()


class _StopSignal:
    """Remembers that a signal came."""

    def __init__(self) -> None:
        self.is_taken = False

    def take(self, _number: int, _frame: object) -> None:
        self.is_taken = True


def _write(readings: Iterable[Reading], writer: Writer, counts: dict[str, int]) -> None:
    for reading in readings:
        writer.write(reading)
        if not isinstance(reading, Tick):
            name = source_of(reading)
            size = len(reading.times_ns) if isinstance(reading, AccelFrame) else 1
            counts[name] = counts.get(name, 0) + size


def _writer_for(destination: Path, meta: RecordingMeta, max_mib: int | None) -> ExchangeWriter | RecordingWriter:
    if max_mib is not None and (destination.suffix != SUFFIX or max_mib * MIB < MAX_BYTES_MIN):
        raise SettingsError(
            f"--max-mib {max_mib} cannot be used", subject="record", hint=f"It needs a name in {SUFFIX} and at least 1"
        )
    if destination.suffix != SUFFIX:
        return ExchangeWriter(destination, meta)
    if max_mib is not None and destination.exists():
        raise RecordingError("is there already", subject=str(destination), hint="Name a file that is not there yet")
    return RecordingWriter(
        destination,
        meta.installation,
        None if max_mib is None else max_mib * MIB,
        limits=meta.limits,
        start_utc=meta.start_utc,
    )


def _utc_of_boot(clock: SystemClock) -> datetime | None:
    """Wall clock at capture time 0, to the second."""
    wall = clock.wall_estimate()
    if wall is None:
        return None
    return datetime.fromtimestamp((wall.unix_ms - clock.now_ns() // 1_000_000) // 1000, UTC)
