"""`lift-receiver report FILE`: is this commissioning report the one that the box has told of, sealed by its key?"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, select

from edge_agent.errors import WireError
from edge_agent.report_seal import FILE_BYTES_MAX, OpenedReport, open_report
from edge_agent.wire_values import Commissioned, Stream, SystemKind
from receiver import tables as t
from receiver.database import Place, open_for_reading
from receiver.decoding import decoded
from receiver.errors import ReceiverError

RECORDS_MAX = 1_000
"""Commissionings of one box that are looked through. Ours: far above any real count."""


@dataclass(frozen=True, slots=True)
class ReportCheck:
    """What this receiver knows of a sealed report. told_ms: when the record that names it arrived; None: none did."""

    device: bytes
    is_key_pinned: bool
    told_ms: int | None


def add_report(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument("file", type=Path, metavar="FILE", help="page, PDF or sealed block")


def check_report(db: Connection, opened: OpenedReport) -> ReportCheck:
    """Held against the pinned key of the box that the key names, and against its records 73."""
    device = opened.key.fingerprint
    raw = db.execute(select(t.device_key.c.raw).where(t.device_key.c.dev == device)).scalar_one_or_none()
    at = t.record.c
    asked = (
        select(at.body, at.arrived_ms)
        .where(at.dev == device, at.stream == int(Stream.FAULT), at.kind == int(SystemKind.COMMISSIONING))
        .order_by(at.arrived_ms.desc())
        .limit(RECORDS_MAX)
    )
    told_ms = None
    for row in db.execute(asked):
        made = decoded(bytes(row.body)).detail
        if isinstance(made, Commissioned) and made.report == opened.digest:
            told_ms = int(row.arrived_ms)
            break
    return ReportCheck(device, raw is not None and bytes(raw) == opened.key.raw, told_ms)


def report(place: Place, path: Path) -> int:
    """0: the box of this receiver has sealed it and has told of it; 1: not told of; 2: refused."""
    try:
        with path.open("rb") as file:
            opened = open_report(file.read(FILE_BYTES_MAX + 1))
    except OSError as error:
        raise ReceiverError(error.strerror or str(error), subject=str(path), hint="Check the path") from error
    except WireError as error:
        print(error, file=sys.stderr)
        return 2
    database = open_for_reading(place)
    try:
        with database.snapshot() as db:
            found = check_report(db, opened)
    finally:
        database.close()
    if not found.is_key_pinned:
        print(f"refused: no box {found.device.hex()} with this key has ever sent here", file=sys.stderr)
        return 2
    print(f"sealed by box {found.device.hex()}, SHA-256 {opened.digest.hex()}")
    if found.told_ms is None:
        print("no record 73 of this box names it: it was never sent, or its record is not here yet")
        return 1
    print(f"record 73 of this box names it, arrived {found.told_ms} ms Unix time")
    return 0
