"""Every call with which an outbox reaches the disk fails once or for ever, or is its last; and starts on full disks.

What is said to be committed is there afterwards, as it was said, the chain is whole, and it goes on.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from edge_agent.errors import OutboxError
from edge_agent.outbox_reading import OutboxReader
from edge_agent.wire import Stamp, Stream, digest
from tests.delivery.contents import raise_alarm
from tests.delivery.failing_lives import HIT
from tests.delivery.making import MAIN, heartbeat, open_outbox
from tests.delivery.test_outbox_disk import STRACE, small_disk

STATEMENTS_OF_A_RESCUE = 140
"""So many statements are enough to open a damaged outbox and commit the first record."""

needs_strace = pytest.mark.skipif(STRACE is None, reason="strace is not installed")


def lives(folder: Path, call: str, fault: str = "", last: int = 0, step: int = 1) -> int:
    """Live with the fault at the first call, the second, and so on. Returns how many calls a life has."""
    strace = [STRACE or "", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:{fault}"]
    living = [sys.executable, "-m", "tests.delivery.failing_lives", str(folder), call, str(last), str(step)]
    done = subprocess.run(
        [*(strace if fault else ()), *living],
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return last or int(done.stdout)


def judged(folder: Path) -> int:
    """One outbox after such a life: nothing committed is missing. Returns how many records were."""
    told = [line.split() for line in (folder / "told").read_text().splitlines()]
    committed = {(int(words[1]), int(words[2])): words[3] for words in told if words[0] == "committed"}
    outbox = open_outbox(folder, logs=(77,))
    assert outbox.set_aside is None, folder
    raise_alarm(outbox, outbox.next_incident())
    outbox.close()
    with OutboxReader(folder / "outbox.db") as reader:
        assert reader.problems() == (), folder
        there = {
            (int(stream), row.seqno): digest(row.body).hex() for stream in Stream for row in reader.records(stream)
        }
    assert {place: there.get(place) for place in committed} == committed, folder
    shutil.rmtree(folder)
    return len(committed)


@pytest.mark.system
@pytest.mark.timeout(900)
@needs_strace
@pytest.mark.parametrize(
    ("call", "fault", "calls_min"),
    [
        pytest.param("pwrite64", "error=EIO", 100, marks=pytest.mark.campaign),
        ("pwrite64", "error=ENOSPC", 100),
        ("pwrite64", "signal=KILL", 100),
        ("fdatasync", "error=EIO", 20),
        ("fdatasync", "error=ENOSPC", 20),
        ("fdatasync", "signal=KILL", 20),
        ("fsync", "error=EIO", 1),
        ("fsync", "signal=KILL", 1),
        ("write", "error=EIO", 16),
        ("write", "error=ENOSPC", 16),
        ("ftruncate", "error=EIO", 1),
        ("ftruncate", "signal=KILL", 1),
    ],
)
def test_a_call_that_fails_once_or_is_the_last_one_loses_nothing_committed(
    tmp_path: Path, call: str, fault: str, calls_min: int
) -> None:
    calls = lives(tmp_path, call, f"{fault}:when={HIT}")
    assert calls >= calls_min
    committed = [judged(tmp_path / str(n)) for n in range(1, calls + 2)]
    assert max(committed) >= 10
    if "KILL" in fault:
        assert committed[0] < committed[-1]  # it does strike
    else:
        assert min(committed) >= 10, "what is refused once is taken the second time"


@pytest.mark.system
@pytest.mark.timeout(900)
@needs_strace
@pytest.mark.parametrize(
    ("call", "error", "last", "step"),
    [
        ("pwrite64", "ENOSPC", 140, 3),
        pytest.param("pwrite64", "EIO", 140, 3, marks=pytest.mark.campaign),
        ("fdatasync", "EIO", 28, 1),
    ],
)
def test_a_disk_that_fails_for_ever_from_any_call_on_loses_nothing_committed(
    tmp_path: Path, call: str, error: str, last: int, step: int
) -> None:
    lives(tmp_path, call, f"error={error}:when={HIT}+", last, step)
    folders = [tmp_path / str(n) for n in range(1, last + 1, step)]
    assert sum("refused" in (folder / "told").read_text() for folder in folders) > len(folders) // 2
    committed = [judged(folder) for folder in folders]
    assert committed == sorted(committed) or error == "ENOSPC"
    assert committed[-1] > committed[0]


@pytest.mark.system
@pytest.mark.timeout(600)
def test_an_outbox_killed_before_any_of_its_statements_loses_nothing_committed(tmp_path: Path) -> None:
    statements = lives(tmp_path, "statement")
    assert statements > 100
    committed = [judged(tmp_path / str(n)) for n in range(1, statements + 2)]
    assert committed == sorted(committed)
    assert (committed[0], committed[-1] >= 10) == (0, True)


@pytest.mark.system
@pytest.mark.timeout(300)
def test_a_start_killed_anywhere_while_it_sets_a_damaged_outbox_aside_takes_its_alarms_over_once(
    tmp_path: Path,
) -> None:
    made = tmp_path / "made"
    made.mkdir()
    outbox = open_outbox(made)
    told = [raise_alarm(outbox, incident).kind for incident in (1, 2, 3)]
    outbox.close()
    with contextlib.closing(sqlite3.connect(made / "outbox.db", isolation_level=None)) as database:
        database.execute("UPDATE head SET hash = zeroblob(32) WHERE stream = 0")  # as after a lost write
    damaged = (made / "outbox.db").read_bytes()
    for n in range(1, STATEMENTS_OF_A_RESCUE + 1):
        (tmp_path / str(n)).mkdir()
        (tmp_path / str(n) / "outbox.db").write_bytes(damaged)
    lives(tmp_path, "statement", last=STATEMENTS_OF_A_RESCUE)
    began = 0
    for n in range(1, STATEMENTS_OF_A_RESCUE + 1):
        began += "committed" in (tmp_path / str(n) / "told").read_text()
        outbox = open_outbox(tmp_path / str(n), logs=(77,))
        kept = [record.kind for record in outbox.pending(MAIN, (Stream.ALARM,), 100, 100_000)]
        assert kept[: len(told)] == told, n
        assert len(outbox.open_incidents()) >= len(told), n
        assert (tmp_path / str(n) / "outbox.db.damaged-1").exists(), n
        assert (outbox.set_aside is None) == (outbox.log_id != 77), n
        outbox.close()
    assert 0 < began < STATEMENTS_OF_A_RESCUE  # some were killed before the rescue was done, some after


def fill(disk: Path) -> None:
    """Until nothing more fits."""
    with contextlib.suppress(OSError), (disk / "filler").open("ab", buffering=0) as filler:
        while filler.write(bytes(4_096)) > 0:
            pass


@pytest.mark.system
def test_an_agent_that_starts_on_a_full_disk_throws_the_ballast_off_and_takes_alarms(tmp_path: Path) -> None:
    with small_disk(tmp_path, "12m") as disk:
        outbox = open_outbox(disk)
        raise_alarm(outbox, 1)
        outbox.close()
        fill(disk)
        assert (disk / "outbox.db.ballast").exists()
        outbox = open_outbox(disk, logs=(77,))
        assert outbox.set_aside is None
        assert [incident.incident for incident in outbox.open_incidents()] == [1]
        assert not (disk / "outbox.db.ballast").exists()
        with pytest.raises(OutboxError, match="full"):
            outbox.append(heartbeat(), Stamp(1, 1))
        for incident in range(2, 60):
            raise_alarm(outbox, incident)
        outbox.close()
        (disk / "filler").unlink()
        outbox = open_outbox(disk, logs=(77,))
        assert outbox.append(heartbeat(), Stamp(1, 2)) is not None
        assert (disk / "outbox.db.ballast").exists()
        outbox.close()


@pytest.mark.system
def test_a_damaged_outbox_on_a_full_disk_is_set_aside_and_alarms_are_taken(tmp_path: Path) -> None:
    with small_disk(tmp_path, "12m") as disk:
        outbox = open_outbox(disk)
        raise_alarm(outbox, 1)
        outbox.close()
        content = bytearray((disk / "outbox.db").read_bytes())
        content[30:2_000] = bytes(1_970)
        (disk / "outbox.db").write_bytes(content)
        fill(disk)
        outbox = open_outbox(disk, logs=(77,))
        assert outbox.set_aside is not None
        assert raise_alarm(outbox, outbox.next_incident()).log == 77
        outbox.close()


@pytest.mark.system
def test_a_first_start_on_a_full_disk_says_what_to_do_and_works_once_there_is_room(tmp_path: Path) -> None:
    with small_disk(tmp_path, "12m") as disk:
        fill(disk)
        with pytest.raises(OutboxError) as caught:
            open_outbox(disk)
        assert caught.value.hint == "Free some space on this disk"
        (disk / "filler").unlink()
        outbox = open_outbox(disk)
        assert outbox.set_aside is None
        assert raise_alarm(outbox, 1).seqno == 1
        outbox.close()
