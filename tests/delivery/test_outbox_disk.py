"""Disks that are full, fail or lie, records that grow old, and a card that was copied back."""

from __future__ import annotations

import contextlib
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from edge_agent.alarms import AlarmState
from edge_agent.delivery import Delivery, Lane, Send, Wait
from edge_agent.delivery_seals import BoxSeals
from edge_agent.errors import OutboxError
from edge_agent.outbox import AGE_LOOK_MS, Bounds, Outbox
from edge_agent.outbox_ballast import BALLAST_BYTES, Ballast
from edge_agent.records import RecordDraft, draft_of_alarm
from edge_agent.wire import LostReason, Stamp, Stream, answer_tag, decode_batch, decode_record
from receiver.database import FILE_NAME
from receiver.store import Store
from tests.delivery.contents import lost_named, numbers, raise_alarm
from tests.delivery.making import MAIN, alarm, heartbeat, open_outbox
from tests.receiver.making import DEVICE, KEY, NOW_MS

DAY_MS = 24 * 3_600_000
STRACE = shutil.which("strace")


def entrapment(outbox: Outbox, note: str = "") -> RecordDraft:
    draft = draft_of_alarm(alarm(AlarmState.RAISED, incident=outbox.next_incident(), note=note))
    assert draft is not None
    return draft


def test_telemetry_of_more_than_thirty_days_goes_and_is_named_and_alarms_stay(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    raise_alarm(outbox, 1)
    for n in range(4):
        outbox.append(heartbeat(n), Stamp(1, n * 15 * DAY_MS))
    now = Stamp(1, 46 * DAY_MS)
    outbox.append(heartbeat(4), now)
    assert numbers(outbox, Stream.TELEMETRY) == [3, 4, 5]
    assert [(lost.stream, lost.first, lost.last, lost.reason) for lost in lost_named(outbox)] == [
        (Stream.TELEMETRY, 1, 1, LostReason.TOO_OLD),
        (Stream.TELEMETRY, 2, 2, LostReason.TOO_OLD),
    ]
    assert numbers(outbox, Stream.ALARM) == [1]
    assert outbox.counts.dropped_count == 2


def test_age_is_looked_at_once_an_hour_and_over_reboots_only_where_it_is_known(tmp_path: Path) -> None:
    wall_ms = 1_795_459_200_000
    outbox = open_outbox(tmp_path, boot_id="one")
    outbox.append(heartbeat(0), Stamp(1, 100, wall_ms, 50))
    outbox.append(heartbeat(1), Stamp(1, 200))
    outbox.append(heartbeat(2), Stamp(1, 300, wall_ms, 50))
    outbox.close()
    outbox = open_outbox(tmp_path, boot_id="two")
    late = Stamp(2, 400, wall_ms + 31 * DAY_MS, 50)
    outbox.append(heartbeat(3), late)
    assert numbers(outbox, Stream.TELEMETRY) == [1, 2, 3, 4]  # looked at not yet
    outbox.append(heartbeat(4), replace(late, up_ms=5_000 + 2 * AGE_LOOK_MS))
    assert numbers(outbox, Stream.TELEMETRY) == [2, 3, 4, 5]  # the second has no age, and holds those after it


def test_confirmed_old_records_go_without_a_word(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path, destinations=(), bounds=Bounds(age_s=60))
    outbox.append(heartbeat(0), Stamp(1, 0))
    outbox.append(heartbeat(1), Stamp(1, 2 * AGE_LOOK_MS))
    outbox.append(heartbeat(2), Stamp(1, 4 * AGE_LOOK_MS))
    assert outbox.sizes()[Stream.TELEMETRY].records <= 2


def test_ballast_is_real_bytes_and_is_thrown_off_once(tmp_path: Path) -> None:
    ballast = Ballast(tmp_path / "outbox.db")
    assert ballast.take_on()
    file = tmp_path / "outbox.db.ballast"
    assert file.stat().st_blocks * 512 >= BALLAST_BYTES
    assert ballast.take_on()
    assert ballast.throw_off()
    assert not ballast.throw_off()
    assert not Ballast(tmp_path / "absent" / "outbox.db").take_on()


class CopiedCard:
    """A box against a real receiver's store, and a copy of its card."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = Store(folder / "firm")
        self.outbox = self.open()
        self.now_ns = 10**12

    def open(self) -> Outbox:
        logs = iter(range(100, 120))
        return Outbox.open(
            self.folder / "outbox.db",
            DEVICE,
            boot_id="b",
            up_ms=1,
            destinations=(MAIN,),
            draw_log=lambda: int.from_bytes(self.folder.name.encode()[:2], "big") + next(logs),
        )

    def deliver(self) -> None:
        """Until nothing waits."""
        lanes = [
            Delivery(MAIN, lane, seed=1, start_spread_s=0.0, envelope=BoxSeals(KEY, self.store.key)) for lane in Lane
        ]
        for _ in range(40):
            for lane in lanes:
                self.now_ns += 10**12
                step = lane.due(self.now_ns, Stamp(1, self.now_ns // 10**6), self.outbox)
                if isinstance(step, Wait):
                    continue
                assert isinstance(step, Send)
                self.store.learn(DEVICE, KEY.public, NOW_MS)
                receipt = self.store.take(decode_batch(step.body), NOW_MS)
                answer = self.store.sealed(replace(receipt, answers=answer_tag(step.body)))
                outcome = lane.answered(self.now_ns, answer, self.outbox)
                self.outbox.settle(MAIN, outcome, Stamp(1, 5))
            if self.outbox.waiting_count(MAIN) == 0:
                return
        raise AssertionError("the outbox is not empty")


def test_an_entrapment_on_a_card_that_was_copied_back_is_stored_and_the_conflict_is_known(tmp_path: Path) -> None:
    box = CopiedCard(tmp_path)
    for n in range(40):
        box.outbox.append(entrapment(box.outbox, f"n{n}"), Stamp(1, n))
    box.deliver()
    box.outbox.close()
    copy = (tmp_path / "outbox.db").read_bytes()
    box.outbox = box.open()
    for n in range(40, 45):
        box.outbox.append(entrapment(box.outbox, f"n{n}"), Stamp(1, n))
    box.deliver()
    box.outbox.close()
    for path in tmp_path.glob("outbox.db*"):
        path.unlink()
    (tmp_path / "outbox.db").write_bytes(copy)
    box.outbox = box.open()
    before = box.outbox.log_id
    again = box.outbox.append(entrapment(box.outbox, "people inside"), Stamp(1, 99))
    assert again is not None
    assert again.seqno == 41
    box.deliver()
    assert box.outbox.log_id != before
    box.outbox.close()
    box.store.close()
    database = sqlite3.connect(tmp_path / "firm" / FILE_NAME)
    notes = [decode_record(body).note for (body,) in database.execute("SELECT body FROM record WHERE stream = 0")]
    assert sum(note is not None and note.startswith("people inside") for note in notes) == 1
    assert database.execute("SELECT count(*) FROM conflict").fetchone()[0] >= 1


def committed_in(output: str) -> list[tuple[int, str]]:
    return [(int(number), note) for number, note in re.findall(r"^committed (\d+) (n\d+)$", output, re.MULTILINE)]


def assert_kept(folder: Path, said: list[tuple[int, str]]) -> None:
    """The outbox opens, and everything that was said to be committed is in it."""
    outbox = open_outbox(folder, logs=(77,))
    assert outbox.set_aside is None
    kept = {
        record.seqno: decode_record(record.body).note or ""
        for record in outbox.pending(MAIN, (Stream.ALARM,), 10_000, 10_000_000)
    }
    assert [(number, kept[number].split(" ")[0]) for number, _ in said] == said
    raise_alarm(outbox, outbox.next_incident())
    outbox.close()


@pytest.mark.system
@pytest.mark.skipif(STRACE is None, reason="strace is not installed")
@pytest.mark.parametrize(
    "fault",
    [
        "fdatasync:error=EIO:when=9",
        "fdatasync:error=EIO:when=9+3",
        "fdatasync:error=EIO:when=9+",
        "pwrite64:error=ENOSPC:when=60+7",
        "pwrite64:error=ENOSPC:when=60+",
        "pwrite64:error=EIO:when=61",
        "pwrite64:signal=KILL:when=75",
        "fdatasync:signal=KILL:when=11",
    ],
)
def test_a_failing_disk_loses_nothing_that_was_committed(tmp_path: Path, fault: str) -> None:
    calls = fault.split(":")[0]
    command = [STRACE or "", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}", "-e", f"inject={fault}"]
    done = subprocess.run(
        [*command, sys.executable, "-m", "tests.delivery.appending", str(tmp_path), "30"],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    said = committed_in(done.stdout)
    if "signal" in fault:
        assert done.returncode != 0
    else:
        assert "refused" in done.stdout, done.stdout + done.stderr
    assert len(said) < 30
    assert_kept(tmp_path, said)


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A file system of its own in memory. Skips where mounting is not allowed."""
    disk = folder / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("mounting a small disk is not allowed here")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.system
def test_on_a_full_disk_alarms_are_committed_and_telemetry_is_not(tmp_path: Path) -> None:
    with small_disk(tmp_path, "12m") as disk:
        outbox = open_outbox(disk)
        assert (disk / "outbox.db.ballast").exists()
        filler = (disk / "filler").open("wb", buffering=0)
        with contextlib.suppress(OSError):
            while filler.write(bytes(4_096)) > 0:
                pass
        told = []
        for n in range(200):
            stored = outbox.append(entrapment(outbox, f"n{n}"), Stamp(1, n))
            assert stored is not None
            told.append((stored.seqno, f"n{n}"))
        assert not (disk / "outbox.db.ballast").exists()
        with pytest.raises(OutboxError, match="full"):
            outbox.append(heartbeat(), Stamp(1, 1))
        outbox.close()
        assert_kept(disk, told)
        filler.close()
        (disk / "filler").unlink()
        outbox = open_outbox(disk, logs=(88,))
        assert outbox.append(heartbeat(), Stamp(1, 2)) is not None
        assert (disk / "outbox.db.ballast").exists()
        outbox.close()


@pytest.mark.system
def test_a_disk_that_turns_read_only_is_named_and_what_is_on_it_stays(tmp_path: Path) -> None:
    with small_disk(tmp_path, "12m") as disk:
        outbox = open_outbox(disk)
        opener = raise_alarm(outbox, 1)
        outbox.close()
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        with pytest.raises(OutboxError) as caught:
            open_outbox(disk)
        assert "Traceback" not in str(caught.value)
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
        outbox = open_outbox(disk)
        assert outbox.set_aside is None
        assert numbers(outbox, Stream.ALARM) == [opener.seqno]
        outbox.close()
