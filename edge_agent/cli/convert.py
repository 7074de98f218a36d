"""`edge-agent convert`: turns one form of a recording into the other."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from edge_agent.cli import SUMMARIES
from edge_agent.errors import EdgeAgentError
from edge_agent.recording import Recording
from edge_agent.recording_export import ExchangeWriter
from edge_agent.recording_native import SUFFIX
from edge_agent.recording_writer import RecordingWriter

BROKEN = 2
_TRUTH_FILES = ("truth.csv", "allowed.csv", "trips.csv")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the arguments."""
    parser = subparsers.add_parser(
        "convert",
        help=SUMMARIES["convert"],
        description=f"Writes the recording SRC as DST: one file if DST ends in {SUFFIX}, else a folder of CSV files. "
        "Of a broken recording everything before the break is written. Exit status: 0 done, 2 broken.",
    )
    parser.add_argument("source", metavar="SRC", type=Path, help="a recording, either form")
    parser.add_argument("destination", metavar="DST", type=Path, help="what is not there yet")


def run(args: argparse.Namespace) -> int:
    """Convert; returns the exit status."""
    try:
        recording = Recording.open(args.source)
        for warning in recording.meta.warnings:
            print(warning, file=sys.stderr)
        writer = _writer_for(args.destination, recording)
        try:
            for reading in recording:
                writer.write(reading)
        finally:
            writer.close()
    except EdgeAgentError as error:
        print(error, file=sys.stderr)
        return BROKEN
    if recording.torn_tail_bytes:
        print(f"{args.source}: the last {recording.torn_tail_bytes} bytes are torn and were not read", file=sys.stderr)
    if isinstance(writer, ExchangeWriter):
        return _end_of_folder(args.source, args.destination, writer)
    return _end_of_file(args.source, args.destination, writer)


def _writer_for(destination: Path, recording: Recording) -> ExchangeWriter | RecordingWriter:
    meta = recording.meta
    if destination.suffix != SUFFIX:
        return ExchangeWriter(destination, meta)
    return RecordingWriter(
        destination,
        meta.installation,
        None,
        limits=meta.limits,
        first_incident=meta.first_incident,
        resumed=meta.resumed,
        start_utc=meta.start_utc,
        baselines=meta.baselines,
    )


def _end_of_folder(source: Path, destination: Path, writer: ExchangeWriter) -> int:
    if writer.left_out_count:
        print(f"{destination}: {writer.left_out_count} values that are no numbers were left out", file=sys.stderr)
    if source.is_dir():
        for name in _TRUTH_FILES:
            if (source / name).is_file():
                (destination / name).write_bytes((source / name).read_bytes())
    return 0


def _end_of_file(source: Path, destination: Path, writer: RecordingWriter) -> int:
    for name in _TRUTH_FILES:
        if (source / name).is_file():
            print(f"{source / name}: not carried over, a {SUFFIX} file holds readings only", file=sys.stderr)
    if writer.problem is not None:
        print(writer.problem, file=sys.stderr)
        return BROKEN
    return 0
