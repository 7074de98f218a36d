"""Damaged outboxes and killed agents: it always starts, keeps what can be read, and loses nothing committed."""

from __future__ import annotations

import contextlib
import itertools
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_agent.alarms import AlarmKind, AlarmState, OpenIncident
from edge_agent.errors import OutboxError
from edge_agent.outbox import Outbox
from edge_agent.records import draft_of_alarm
from edge_agent.wire import Lost, LostReason, Mark, Record, Stamp, Stream, chain_start, decode_record, digest
from tests.delivery.making import DEVICE, MAIN, alarm, heartbeat, open_outbox

NOW = Stamp(1, 9_000)


def _alarm(outbox: Outbox, incident: int) -> None:
    kind = AlarmKind.ENTRAPMENT if incident == 1 else AlarmKind.OVERSPEED
    for state in (AlarmState.RAISED, AlarmState.UPDATED):
        draft = draft_of_alarm(alarm(state, incident=incident, kind=kind))
        assert draft is not None
        outbox.append(draft, NOW)


def _records(outbox: Outbox, stream: Stream) -> list[Record]:
    return [decode_record(stored.body) for stored in outbox.pending(MAIN, (stream,), 10_000, 10_000_000)]


def _filled(folder: Path) -> bytes:
    """A closed outbox with alarms, faults and telemetry, partly confirmed, as one file."""
    outbox = open_outbox(folder)
    for incident in (1, 2):
        _alarm(outbox, incident)
    outbox.append_many([(heartbeat(n, "x" * 40), NOW) for n in range(60)])
    outbox.acknowledge(MAIN, [Mark(Stream.ALARM, 1), Mark(Stream.TELEMETRY, 30)])
    outbox.close()
    return (folder / "outbox.db").read_bytes()


def _assert_sound(outbox: Outbox) -> None:
    """It takes a new alarm, and the chain of every record it would send is whole."""
    draft = draft_of_alarm(alarm(incident=outbox.next_incident() + 1, kind=AlarmKind.DOOR_OPEN_IN_MOTION))
    assert draft is not None
    assert outbox.append(draft, NOW) is not None
    for stream in Stream:
        records = [(s, decode_record(s.body)) for s in outbox.pending(MAIN, (stream,), 10_000, 10_000_000)]
        for (before, _), (_, after) in itertools.pairwise(records):
            if after.seqno == before.seqno + 1:
                assert after.link == digest(before.body)[:8]
        if records and records[0][1].seqno == 1:
            assert records[0][1].link == chain_start(DEVICE, outbox.log_id, stream)[:8]


def test_an_outbox_that_is_no_database_is_set_aside_and_reported(tmp_path: Path) -> None:
    (tmp_path / "outbox.db").write_bytes(b"this is no database, though it is long enough to look like one" * 50)
    outbox = open_outbox(tmp_path)
    assert outbox.set_aside == tmp_path / "outbox.db.damaged-1"
    (report,) = _records(outbox, Stream.FAULT)
    assert (report.kind, report.detail) == (67, None)
    assert report.note == "outbox damaged, kept as outbox.db.damaged-1; 0 unsent records taken over"
    _assert_sound(outbox)


def test_unsent_alarms_and_open_incidents_of_a_damaged_outbox_are_taken_over(tmp_path: Path) -> None:
    _filled(tmp_path)
    db = sqlite3.connect(tmp_path / "outbox.db", isolation_level=None)
    db.execute("UPDATE head SET hash = zeroblob(32) WHERE stream = 2")  # as after a lost write
    db.close()
    outbox = open_outbox(tmp_path, logs=(22,), boot_id="boot-2")
    alarms = _records(outbox, Stream.ALARM)
    assert [(r.log, r.seqno, r.kind, r.incident) for r in alarms] == [(22, 1, 1, None), (22, 2, 4, None), (22, 3, 4, 2)]
    assert outbox.open_incidents() == (OpenIncident(AlarmKind.ENTRAPMENT, 1), OpenIncident(AlarmKind.OVERSPEED, 2))
    assert outbox.boot == 2
    assert outbox.set_aside is not None
    _assert_sound(outbox)


def test_the_newest_three_damaged_files_are_kept(tmp_path: Path) -> None:
    for n in range(12):
        (tmp_path / "outbox.db").write_bytes(bytes([n]) * 5_000)
        (tmp_path / "outbox.db-wal").write_bytes(bytes([n]) * 100)
        open_outbox(tmp_path).close()
    kept = sorted(path.name for path in tmp_path.iterdir() if path.suffix.startswith(".damaged"))
    assert {name for name in kept if name.count("-") == 1} == {f"outbox.db.damaged-{n}" for n in (10, 11, 12)}


def test_the_log_of_a_half_set_aside_outbox_is_never_read_into_a_new_one(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    _alarm(outbox, 1)
    wal = (tmp_path / "outbox.db-wal").read_bytes()
    outbox.close()
    (tmp_path / "outbox.db").rename(tmp_path / "outbox.db.damaged-1")  # and then the power failed
    (tmp_path / "outbox.db-wal").write_bytes(wal)
    outbox = open_outbox(tmp_path, logs=(22,))
    assert outbox.log_id == 22
    assert [(record.log, record.seqno) for record in _records(outbox, Stream.ALARM)] == [(22, 1), (22, 2)]
    assert outbox.set_aside == tmp_path / "outbox.db.damaged-1"
    outbox.close()
    again = open_outbox(tmp_path, logs=(33,))
    assert (again.log_id, again.set_aside, len(_records(again, Stream.ALARM))) == (22, None, 2)  # taken over once


def test_a_record_damaged_on_the_disk_is_named_as_lost_and_never_sent(tmp_path: Path) -> None:
    _filled(tmp_path)
    db = sqlite3.connect(tmp_path / "outbox.db", isolation_level=None)
    db.execute("UPDATE rec SET body = zeroblob(60) WHERE stream = 2 AND seq IN (31, 40)")
    db.execute("UPDATE rec SET body = 'text' WHERE stream = 0 AND seq = 2")
    db.close()
    outbox = open_outbox(tmp_path)
    assert outbox.set_aside is None
    assert [record.seqno for record in _records(outbox, Stream.ALARM)] == [3, 4]
    assert [record.seqno for record in _records(outbox, Stream.TELEMETRY)] == [*range(32, 40), *range(41, 61)]
    lost = [record.detail for record in _records(outbox, Stream.FAULT)]
    assert lost == [
        Lost(Stream.ALARM, 2, 2, LostReason.DAMAGED_ON_DISK),
        Lost(Stream.TELEMETRY, 31, 31, LostReason.DAMAGED_ON_DISK),
        Lost(Stream.TELEMETRY, 40, 40, LostReason.DAMAGED_ON_DISK),
    ]
    assert outbox.counts.damaged_count == 3


def test_unsent_alarms_of_a_file_that_was_cut_off_or_lost_its_first_page_are_taken_over(tmp_path: Path) -> None:
    whole = _filled(tmp_path)
    end = whole.rindex(_body_of_newest_alarm(whole, tmp_path)) // 1_024 * 1_024 + 1_024
    for content in (whole[:end], bytes(1_024) + whole[1_024:], whole[:-1_024]):
        was_aside, kept = _kept(tmp_path, content)
        assert was_aside
        assert kept in (3, 4)  # four where no cursor could be read: rather again than never


def test_what_only_the_log_of_a_cut_off_database_holds_is_taken_over_too(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    notes = [f"{n} " + "x" * 70 for n in range(40)]
    for n, note in enumerate(notes, 1):
        draft = draft_of_alarm(alarm(incident=n, kind=AlarmKind.OVERSPEED, note=note))
        assert draft is not None
        outbox.append(draft, NOW)
    wal = (tmp_path / "outbox.db-wal").read_bytes()
    outbox.close()
    _clear(tmp_path)
    (tmp_path / "outbox.db").write_bytes(b"no database" * 200)
    (tmp_path / "outbox.db-wal").write_bytes(wal)
    outbox = open_outbox(tmp_path, logs=(22,))
    assert outbox.set_aside is not None
    assert [record.note for record in _records(outbox, Stream.ALARM)] == notes
    outbox.close()


def test_an_outbox_cut_off_anywhere_still_starts(tmp_path: Path) -> None:
    whole = _filled(tmp_path)
    for cut in range(0, len(whole), 509):
        _reopened(tmp_path, whole[:cut])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_an_outbox_with_damaged_bytes_still_starts(tmp_path: Path, data: st.DataObject) -> None:
    if not (tmp_path / "whole").exists():
        (tmp_path / "whole").write_bytes(_filled(tmp_path))
    damaged = bytearray((tmp_path / "whole").read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        length = data.draw(st.sampled_from((1, 4, 100, 1_024)))
        fill = data.draw(st.sampled_from((0, 255, None)))
        piece = damaged[at : at + length]
        damaged[at : at + length] = bytes(b ^ 0x55 if fill is None else fill for b in piece)
    _reopened(tmp_path, bytes(damaged))


def _clear(folder: Path) -> None:
    for path in folder.glob("outbox.db*"):
        if path.suffix != ".ballast":  # a megabyte that is the same each time
            path.unlink()


def _reopened(folder: Path, content: bytes) -> None:
    _clear(folder)
    (folder / "outbox.db").write_bytes(content)
    outbox = open_outbox(folder, logs=(22, 33), boot_id="boot-2")
    _assert_sound(outbox)
    outbox.close()
    again = open_outbox(folder, logs=(44,), boot_id="boot-2")
    assert again.set_aside is None
    again.close()


# The child appends alarms for ever and prints each number once it is committed; at its start, how many are there.
_CHILD = """
import sys
from pathlib import Path
from edge_agent.alarms import Alarm, AlarmKind, AlarmState, Severity
from edge_agent.errors import OutboxError
from edge_agent.outbox import Outbox
from edge_agent.records import draft_of_alarm
from edge_agent.wire import Mark, Stamp, Stream

outbox = Outbox.open(Path(sys.argv[1]), b"a" * 8, boot_id="b", up_ms=1, destinations=("main",))
while True:
    number = outbox.next_incident()
    alarm = Alarm(1, AlarmKind.OVERSPEED, AlarmState.RAISED, Severity.CRITICAL, number)
    stored = outbox.append(draft_of_alarm(alarm), Stamp(1, number))
    print(stored.seqno, stored.body.hex(), flush=True)
    if number % 7 == 0:
        outbox.acknowledge("main", [Mark(Stream.ALARM, number // 2)])
"""


def test_an_agent_killed_again_and_again_loses_nothing_committed(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    committed: dict[int, str] = {}
    for life in range(12):
        child = subprocess.Popen(
            [sys.executable, "-c", _CHILD, str(path)], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
        )
        assert child.stdout is not None
        for _ in range(3 + 11 * life):  # another moment of the loop each time
            number, body = child.stdout.readline().split()
            assert int(number) not in committed
            committed[int(number)] = body
        child.send_signal(signal.SIGKILL)
        rest = child.stdout.read()
        child.wait()
        for line in rest.splitlines(keepends=True):
            if line.endswith("\n"):
                number, body = line.split()
                committed[int(number)] = body
    db = sqlite3.connect(path)
    on_disk = dict(db.execute("SELECT seq, body FROM rec WHERE stream = 0"))
    assert len(committed) > 700
    assert {number: on_disk[number].hex() for number in committed} == committed
    assert sorted(on_disk) == list(range(1, len(on_disk) + 1))
    link = chain_start(b"a" * 8, db.execute("SELECT value FROM meta WHERE name = 'log'").fetchone()[0], Stream.ALARM)
    for number in sorted(on_disk):
        assert decode_record(on_disk[number]).link == link[:8]
        link = digest(on_disk[number])


@pytest.mark.parametrize("table", ["rec", "head", "incident"])
def test_a_disk_that_fails_at_any_statement_leaves_all_or_nothing(tmp_path: Path, table: str) -> None:
    # A trigger below the agent's code stands for the failing disk.
    outbox = open_outbox(tmp_path)
    _alarm(outbox, 1)
    before = _records(outbox, Stream.ALARM)
    change = "UPDATE" if table == "head" else "INSERT"
    db = sqlite3.connect(tmp_path / "outbox.db", isolation_level=None)
    db.execute(f"CREATE TRIGGER fail BEFORE {change} ON {table} BEGIN SELECT RAISE(ABORT, 'disk I/O error'); END")
    with pytest.raises(OutboxError, match="disk I/O error") as caught:
        _alarm(outbox, 2)
    assert "Check the disk" in caught.value.hint
    db.execute("DROP TRIGGER fail")
    assert _records(outbox, Stream.ALARM) == before
    _alarm(outbox, 2)
    assert len(_records(outbox, Stream.ALARM)) == 4
    _assert_sound(outbox)


def test_a_log_cut_off_or_damaged_anywhere_keeps_a_whole_beginning(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    for incident in (1, 2, 3):
        _alarm(outbox, incident)
    db, wal = ((tmp_path / f"outbox.db{suffix}").read_bytes() for suffix in ("", "-wal"))
    before = [stored.body for stored in outbox.pending(MAIN, (Stream.ALARM,), 100, 100_000)]
    outbox.close()
    kept = []
    for at in range(0, len(wal), 307):
        for damaged in (wal[:at], wal[:at] + bytes([wal[at] ^ 1]) + wal[at + 1 :]):
            for path in tmp_path.glob("outbox.db*"):
                path.unlink()
            (tmp_path / "outbox.db").write_bytes(db)
            (tmp_path / "outbox.db-wal").write_bytes(damaged)
            outbox = open_outbox(tmp_path, logs=(22,))
            found = [stored.body for stored in outbox.pending(MAIN, (Stream.ALARM,), 100, 100_000)]
            assert found == before[: len(found)]
            kept.append(len(found))
            _assert_sound(outbox)
            outbox.close()
    assert kept[0] == 0
    assert max(kept) >= len(before) - 1
    assert kept == sorted(kept)


def _kept(folder: Path, content: bytes) -> tuple[bool, int]:
    """Whether it was set aside, and how many of its alarms the next start has; what it tells of it is checked."""
    _reopened(folder, content)
    outbox = open_outbox(folder, logs=(55,), boot_id="boot-2")
    alarms, faults = _records(outbox, Stream.ALARM), _records(outbox, Stream.FAULT)
    outbox.close()
    was_aside = (folder / "outbox.db.damaged-1").exists()
    told = [fault.note or "" for fault in faults if fault.kind == 67 and fault.detail is None]
    assert [note.startswith("outbox damaged, kept as outbox.db.damaged-1") for note in told] == [True] * was_aside
    return was_aside, len([alarm for alarm in alarms if alarm.kind != AlarmKind.DOOR_OPEN_IN_MOTION])


EACH_BYTE = pytest.mark.parametrize("step", [7, pytest.param(1, marks=pytest.mark.campaign)])
"""Every seventh byte in the system tests, every one in the campaign: five minutes each."""


@pytest.mark.system
@pytest.mark.timeout(1_800)
@EACH_BYTE
def test_every_single_byte_of_a_small_database_may_be_damaged(tmp_path: Path, step: int) -> None:
    whole = _filled(tmp_path)  # three unsent alarms
    kept = []
    for at in range(0, len(whole), step):
        kept.append(_kept(tmp_path, whole[:at] + bytes([whole[at] ^ (1 << at % 8)]) + whole[at + 1 :])[1])
    assert sum(count >= 3 for count in kept) > 0.95 * len(kept)
    assert sum(count >= 2 for count in kept) > 0.99 * len(kept)  # the head of their own page is 100 of 17,408 bytes


@pytest.mark.parametrize("length", [1, 2, 19, 20, 99, 100, 1_023])
def test_a_file_that_was_cut_off_within_its_first_page_is_set_aside(tmp_path: Path, length: int) -> None:
    assert _kept(tmp_path, _filled(tmp_path)[:length]) == (True, 0)


@pytest.mark.system
@pytest.mark.timeout(1_800)
@EACH_BYTE
def test_every_single_byte_of_a_small_database_may_be_its_last(tmp_path: Path, step: int) -> None:
    whole = _filled(tmp_path)  # its alarms are in one page, the newest first
    end = (whole.rindex(_body_of_newest_alarm(whole, tmp_path)) // 1_024 + 1) * 1_024
    for at in range(0, len(whole), step):
        was_aside, kept = _kept(tmp_path, whole[:at])
        assert was_aside or at == 0 or at > len(whole) - 1_024, at
        assert kept >= 3 or at < end, at


def _body_of_newest_alarm(whole: bytes, folder: Path) -> bytes:
    (folder / "outbox.db").write_bytes(whole)
    with contextlib.closing(sqlite3.connect(folder / "outbox.db")) as db:
        (body,) = db.execute("SELECT body FROM rec WHERE stream = 0 ORDER BY seq DESC").fetchone()
    assert isinstance(body, bytes)
    return body
