"""`lift-receiver backup`, `verify` and `export`: also while a receiver runs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import BinaryIO

from receiver import care, feed
from receiver.board import BoardReader
from receiver.database import FILE_NAME, Place, open_for_reading, open_for_writing
from receiver.errors import ReceiverError
from receiver.register import Registered, lifts


def add_backup(parser: argparse.ArgumentParser) -> None:
    """The options of `backup`."""
    parser.add_argument("out", type=Path, metavar="FOLDER", help="a new folder; a receiver can run on it as it is")


def add_export(parser: argparse.ArgumentParser) -> None:
    """The options of `export`."""
    parser.add_argument("what", choices=("incidents", "lifts", "feed", "lift"))
    parser.add_argument("--lift", metavar="CODE", help="of `lift`: its registration code")
    parser.add_argument("--out", type=Path, metavar="FILE", help="a new file (default: standard output)")


def back_up(place: Place, out: Path) -> int:
    """A whole copy from one moment, checked. From PostgreSQL too: the copy is a SQLite file."""
    if (out / FILE_NAME).exists():
        raise ReceiverError("there is a database already", subject=str(out), hint="Give a new folder")
    source = open_for_reading(place)
    try:
        out.mkdir(parents=True, exist_ok=True, mode=0o700)
        target = open_for_writing(out, is_alone=True)
        try:
            with source.snapshot() as read, target.transaction() as write:
                rows = care.copy_all(read, write)
        finally:
            target.close()
    except OSError as error:
        hint = "Give a folder that this user may write"
        raise ReceiverError(error.strerror or str(error), subject=str(out), hint=hint) from error
    finally:
        source.close()
    print(f"{rows} rows are in {out / FILE_NAME}; it holds the receiver's key and passwords: keep it as secret")
    return verify(out)


def load(place: Place, source_folder: Path) -> None:
    """Every row of a backup into an empty place: how a receiver moves from SQLite to PostgreSQL, or back."""
    source = open_for_reading(source_folder)
    try:
        target = open_for_writing(place, is_alone=True)
        try:
            with source.snapshot() as read, target.transaction() as write:
                if not care.is_empty(write):
                    raise ReceiverError("it is not empty", subject=target.subject, hint="Give a new one")
                rows = care.copy_all(read, write)
                target.keep_format(write)
        finally:
            target.close()
    finally:
        source.close()
    print(f"{rows} rows were loaded from {source_folder}")


def verify(place: Place) -> int:
    """0: every record is as its box sealed it and follows the one before; 1: not."""
    opened = open_for_reading(place)
    try:
        with opened.snapshot() as db:
            found = care.check_all(db)
    finally:
        opened.close()
    print(f"{found.records} records, {found.incidents} incidents checked")
    if found.unsealed:
        print(f"{found.unsealed} of them could not be compared with a key: their seal was short, or from before seals")
    for problem in found.problems:
        print(f"WRONG: {problem}", file=sys.stderr)
    if found.problem_count:
        print(f"{found.problem_count} problem(s)", file=sys.stderr)
    return 1 if found.problem_count else 0


def export(place: Place, what: str, lift_no: str | None, out: Path | None, now_ms: int) -> int:
    """Incidents or lifts as CSV, all records or those of one lift as lines of JSON."""
    if what == "lift" and lift_no is None:
        raise ReceiverError("which lift", subject="export", hint="Give --lift CODE")
    try:
        if out is None:
            _write(place, what, lift_no or "", sys.stdout.buffer, now_ms)
        else:
            with out.open("xb") as file:
                _write(place, what, lift_no or "", file, now_ms)
    except OSError as error:
        raise ReceiverError(error.strerror or str(error), subject=str(out), hint="Give a new file") from error
    return 0


def _write(place: Place, what: str, lift_no: str, file: BinaryIO, now_ms: int) -> None:
    reader = BoardReader(place)
    try:
        if what == "incidents":
            file.write(feed.incidents_csv(reader.board(now_ms).incidents).encode())
            return
    finally:
        reader.close()
    opened = open_for_reading(place)
    try:
        with opened.snapshot() as db:
            if what == "lifts":
                found: list[Registered] = []
                while page := lifts(db, None, found[-1].record.lift_no if found else ""):
                    found += page
                file.write(feed.lifts_csv(found).encode())
            elif what == "lift":
                file.writelines(care.lines_of_lift(db, lift_no))
            else:
                file.writelines(feed.json_line(entry) for entry in care.all_entries(db))
    finally:
        opened.close()
