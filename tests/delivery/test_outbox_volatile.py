"""A disk that cannot be written: records wait in memory, bounded, and come back; what was unsent is never forgotten."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from edge_agent.alarms import AlarmKind, AlarmState
from edge_agent.errors import OutboxError
from edge_agent.outbox_ballast import Ballast
from edge_agent.outbox_volatile import BOUNDS, NAME, Life, Places
from edge_agent.records import draft_of_alarm
from edge_agent.wire import Mark, Phase, Stamp, Stream, decode_record
from tests.delivery.contents import NOW, append_stage, numbers, raise_alarm, unsent
from tests.delivery.making import DEVICE, MAIN, alarm, heartbeat

LIFE = Life(DEVICE, "boot-1", 5_000, (MAIN,))


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """A disk that is there, and a folder in memory."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "run").mkdir()
    return Places(tmp_path / "disk" / "outbox.sqlite", tmp_path / "run")


@contextmanager
def unusable(places: Places) -> Iterator[None]:
    """The outbox can be read and not written: another holds it for itself."""
    with closing(sqlite3.connect(places.disk, isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        yield


@contextmanager
def unusable_folder(places: Places) -> Iterator[None]:
    """No folder at all."""
    places.disk.parent.rmdir()
    yield
    places.disk.parent.mkdir()


def test_a_disk_that_works_is_used_and_nothing_is_said(places: Places) -> None:
    opened = places.open(LIFE)
    assert (opened.trouble, opened.taken_count) == ("", 0)
    raise_alarm(opened.outbox, 1)
    opened.outbox.close()
    assert places.disk.exists()
    assert not (places.disk.parents[1] / "run" / NAME).exists()


def test_without_a_place_in_memory_an_unusable_disk_is_an_error_as_ever(tmp_path: Path) -> None:
    with pytest.raises(OutboxError, match="folder must exist"):
        Places(tmp_path / "nowhere" / "outbox.sqlite", None).open(LIFE)


def test_a_box_without_a_usable_disk_takes_alarms_all_the_same_and_says_why(tmp_path: Path) -> None:
    opened = Places(tmp_path / "nowhere" / "outbox.sqlite", tmp_path).open(LIFE)
    assert "folder must exist" in opened.trouble
    raise_alarm(opened.outbox, opened.outbox.next_incident())
    assert numbers(opened.outbox, Stream.ALARM) == [1]


def test_unsent_alarms_and_open_incidents_of_an_unwritable_disk_are_taken_over(places: Places) -> None:
    first = places.open(LIFE).outbox
    raise_alarm(first, 4)
    raise_alarm(first, 5, AlarmKind.SENSOR_FAULT)
    first.append(heartbeat(), NOW)
    first.close()
    with unusable(places):
        opened = places.open(LIFE)
        assert "locked" in opened.trouble
        assert (numbers(opened.outbox, Stream.ALARM), numbers(opened.outbox, Stream.FAULT)) == ([1], [1])
        assert [(each.kind, each.incident) for each in opened.outbox.open_incidents()] == [
            (AlarmKind.ENTRAPMENT, 4),
            (AlarmKind.SENSOR_FAULT, 5),
        ]
        assert opened.outbox.next_incident() == 6
        opened.outbox.close()
    assert not list((places.disk.parents[1] / "run").glob("outbox-copy*"))


def test_what_is_unsent_in_memory_goes_to_the_disk_as_soon_as_that_takes_it(places: Places) -> None:
    first = places.open(LIFE).outbox
    raise_alarm(first, 4)
    first.close()
    with unusable(places):
        outbox = places.open(LIFE).outbox
        record = append_stage(outbox, AlarmState.CLEARED, 4)
        assert record is not None
        raise_alarm(outbox, 6, AlarmKind.OVERSPEED)
        outbox.append(heartbeat(7), NOW)
        outbox.close()
    opened = places.open(LIFE)
    assert opened.trouble == ""
    found = [decode_record(stored.body) for stored in unsent(opened.outbox)]
    alarms = [(record.kind, record.phase, record.incident) for record in found if record.stream is Stream.ALARM]
    # The first is what lay on the disk; it came back from memory too, for it might have been sent from there.
    assert alarms == [
        (AlarmKind.ENTRAPMENT, Phase.RAISED, None),
        (AlarmKind.ENTRAPMENT, Phase.RAISED, None),
        (AlarmKind.ENTRAPMENT, Phase.CONDITION_GONE, 2),
        (AlarmKind.OVERSPEED, Phase.RAISED, None),
    ]
    assert [record.kind for record in found if record.stream is Stream.TELEMETRY] == [97]
    assert [each.incident for each in opened.outbox.open_incidents()] == [6]
    assert opened.taken_count >= 4
    opened.outbox.close()
    assert not list((places.disk.parents[1] / "run").glob("outbox-in-memory*"))


def test_a_crash_between_the_two_loses_nothing(places: Places) -> None:
    with_nothing = places.disk.parents[1] / "run"
    places.disk.parent.rmdir()
    outbox = places.open(LIFE).outbox
    raise_alarm(outbox, 1)
    again = places.open(LIFE)  # the agent died without closing it, and the disk is still away
    assert "folder must exist" in again.trouble
    assert numbers(again.outbox, Stream.ALARM) == [1]
    assert (with_nothing / NAME).exists()


def test_an_incident_that_only_memory_knew_goes_on_under_its_number(places: Places) -> None:
    with unusable_folder(places):
        outbox = places.open(LIFE).outbox
        raise_alarm(outbox, 1)
        outbox.acknowledge(MAIN, [Mark(Stream.ALARM, 1)])
        outbox.close()
    opened = places.open(LIFE)
    assert [each.incident for each in opened.outbox.open_incidents()] == [1]
    updated = append_stage(opened.outbox, AlarmState.UPDATED, 1)
    assert updated is not None
    assert updated.phase is Phase.RAISED  # its opener went out under the log in memory


def test_on_a_disk_without_room_for_the_ballast_it_stays_in_memory(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    with unusable_folder(places):
        outbox = places.open(LIFE).outbox
        raise_alarm(outbox, 1)
        outbox.close()
    monkeypatch.setattr("edge_agent.outbox_ballast.ROOM_BYTES", 1 << 60)  # the disk is as good as full
    opened = places.open(LIFE)
    assert "the disk is full" in opened.trouble
    assert numbers(opened.outbox, Stream.ALARM) == [1]
    assert not Ballast(places.disk).is_aboard


def test_what_the_disk_refused_at_the_end_of_a_run_is_kept_for_the_next(places: Places) -> None:
    places.open(LIFE).outbox.close()
    draft = draft_of_alarm(alarm(AlarmState.RAISED, incident=9))
    assert draft is not None
    with unusable(places):
        assert places.keep_in_memory([(draft, Stamp(1, 6_000)), (heartbeat(), NOW)], LIFE)
    opened = places.open(LIFE)
    found = [decode_record(stored.body) for stored in unsent(opened.outbox)]
    assert [(record.kind, record.stamp.up_ms) for record in found if record.stream is Stream.ALARM] == [(1, 6_000)]
    assert [each.incident for each in opened.outbox.open_incidents()] == [9]


def test_without_a_place_in_memory_nothing_is_kept_and_that_is_said(places: Places) -> None:
    assert not Places(places.disk, None).keep_in_memory([(heartbeat(), NOW)], LIFE)


def test_the_outbox_in_memory_is_bounded(places: Places) -> None:
    with unusable_folder(places):
        outbox = places.open(LIFE).outbox
        for n in range(0, 14_000, 1_000):
            outbox.append_many((heartbeat(m, "x" * 80), Stamp(1, 9_000 + m)) for m in range(n, n + 1_000))
        file = places.disk.parents[1] / "run" / NAME
        size = sum(part.stat().st_size for part in file.parent.glob(f"{NAME}*"))
    assert outbox.counts.dropped_count > 0
    assert outbox.sizes()[Stream.TELEMETRY].records * 100 < BOUNDS.telemetry_bytes
    assert size < BOUNDS.total_bytes + (8 << 20)  # the log of SQLite, and the ballast
    outbox.close()
    opened = places.open(LIFE)
    named_count = opened.taken_count - (14_000 - outbox.counts.dropped_count)
    assert 1 <= named_count <= 4  # all of them came back, and the records that name what was dropped
