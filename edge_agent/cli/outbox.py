"""`edge-agent outbox`: what waits, what a record says, whether the chain is whole; also while the agent runs."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.cli import SUMMARIES
from edge_agent.cli.settings_file import load_settings
from edge_agent.outbox_reading import OutboxReader, Row
from edge_agent.story import kind_name
from edge_agent.wire import Record, Stamp, Stream

if TYPE_CHECKING:
    from argparse import _SubParsersAction

NEWEST_COUNT = 20
_STREAMS = {stream.name.lower(): stream for stream in Stream}


def add_parser(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the arguments."""
    parser = commands.add_parser("outbox", help=SUMMARIES["outbox"], description=__doc__)
    acts = parser.add_subparsers(dest="act", metavar="ACT", required=True)
    listing = acts.add_parser("list", help="streams, what each receiver has confirmed, the newest records")
    show = acts.add_parser("show", help="one record, every field and its bytes")
    verify = acts.add_parser("verify", help="walk the chain of every stream; 1 if anything is wrong")
    export = acts.add_parser("export", help="every record as a line of JSON, for support")
    for act in (listing, show, verify, export):
        where = act.add_mutually_exclusive_group(required=True)
        where.add_argument("--config", metavar="FILE", help="settings file of the agent")
        where.add_argument("--outbox", metavar="FILE", help="the outbox itself")
    listing.add_argument("--newest", type=int, default=NEWEST_COUNT, help="records a stream (default %(default)s)")
    show.add_argument("stream", choices=sorted(_STREAMS))
    show.add_argument("number", type=int)
    export.add_argument("--to", metavar="FILE", help="default: standard output")


def run(args: argparse.Namespace) -> int:
    """Print it; 1 where there is no such record or the chain is not whole."""
    path = args.outbox if args.outbox is not None else load_settings(args.config).delivery.outbox
    with OutboxReader(Path(path)) as reader:
        match args.act:
            case "list":
                print("\n".join(listed(reader, args.newest)))
            case "show":
                return _show(reader, _STREAMS[args.stream], args.number)
            case "verify":
                return _verify(reader)
            case _:
                _export(reader, args.to)
    return 0


def listed(reader: OutboxReader, newest: int) -> Iterator[str]:
    """Streams, what each receiver has confirmed, the newest records."""
    yield f"box {reader.device_id.hex()}, log {reader.log_id}, boot {reader.boot}"
    for state in reader.streams():
        name = state.stream.name.lower()
        if state.last == 0:
            yield f"{name}: nothing yet"
            continue
        confirmed = ", ".join(f"{where} has them up to {upto}" for where, upto in state.confirmed) or "no receiver"
        kept = f"{state.count} kept, {state.body_bytes} bytes"
        yield f"{name}: numbers up to {state.last}, {kept}; {confirmed}"
        for row in reader.records(state.stream, max(1, state.last - newest + 1)):
            yield f"  {row.seqno:>8}  {_words(row)}"


def _words(row: Row) -> str:
    if row.record is None:
        return "DAMAGED"
    record = row.record
    phase = "" if record.phase is None else f", {record.phase.name.lower().replace('_', ' ')}"
    incident = "" if record.incident is None else f" of incident {record.incident}"
    note = f": {record.note}" if record.note else ""
    return f"{kind_name(row.kind)}{phase}{incident}, {_when(record.stamp)}, {len(row.body)} bytes{note}"


def _when(stamp: Stamp) -> str:
    wall = "" if stamp.wall_ms is None else f", Unix {stamp.wall_ms / 1000:.3f} s +-{stamp.unc_ms} ms"
    return f"boot {stamp.boot} at {stamp.up_ms / 1000:.3f} s{wall}"


def _show(reader: OutboxReader, stream: Stream, number: int) -> int:
    row = next(reader.records(stream, number, number), None)
    if row is None:
        print(
            f"There is no number {number} in stream {stream.name.lower()}: never written, or dropped", file=sys.stderr
        )
        return 1
    print(_words(row))
    if row.record is not None:
        for name, value in _fields(row.record).items():
            print(f"  {name}: {value}")
    print(f"  bytes: {row.body.hex()}")
    return 0


def _fields(record: Record) -> dict[str, object]:
    """Those that are there, as plain values."""
    fields: dict[str, object] = {
        "device": record.device.hex(),
        "log": record.log,
        "stream": record.stream.name.lower(),
        "number": record.seqno,
        "kind": record.kind,
        "name": kind_name(record.kind),
        "boot": record.stamp.boot,
        "up_ms": record.stamp.up_ms,
        "wall_ms": record.stamp.wall_ms,
        "unc_ms": record.stamp.unc_ms,
        "link": record.link.hex(),
        "phase": None if record.phase is None else record.phase.name.lower(),
        "incident": record.incident,
        "place": None if record.place is None else str(record.place),
        "measures": None
        if record.measures is None
        else {measured.measure.name.lower(): measured.value for measured in record.measures},
        "percent": record.percent,
        "evidence": record.evidence,
        "note": record.note,
        "detail": None if record.detail is None else str(record.detail),
    }
    return {name: value for name, value in fields.items() if value is not None}


def _verify(reader: OutboxReader) -> int:
    problems = reader.problems()
    counts = ", ".join(f"{state.count} {state.stream.name.lower()}" for state in reader.streams())
    for problem in problems:
        print(problem)
    print(f"{'NOT whole' if problems else 'Whole'}: {counts} records of log {reader.log_id}")
    return 1 if problems else 0


def _export(reader: OutboxReader, to: str | None) -> None:
    lines = (
        json.dumps({**({} if row.record is None else _fields(row.record)), "bytes": row.body.hex()}, ensure_ascii=False)
        for stream in Stream
        for row in reader.records(stream)
    )
    if to is None:
        for line in lines:
            print(line)
        return
    with Path(to).open("w", encoding="utf-8") as file:
        for line in lines:
            file.write(line + "\n")
