"""Inside the machine: the real outbox commits alarms and telemetry, and each commit is told over the serial port.

It is told when it has returned, and the next one waits until the outside says that it has heard. Started by `job.sh`.

`life.json`: seed, confirms_but, careless (null, or what PRAGMA synchronous is set to behind the outbox's back: the
control, which must lose), life (which power-up).
"""

from __future__ import annotations

import functools
import itertools
import json
import os
import random
import sqlite3
import sys
import tty
from dataclasses import asdict
from pathlib import Path

SHARE = Path("/lab")
FOLDER = Path("/mnt/power/state")
PATH = FOLDER / "outbox.sqlite"
OPEN_MAX = 3
TRIES = 5  # the agent tries for ever
GROUP_MAX = 12
RESTARTS_UNTIL = 300
"""The outbox is closed and opened again in these commits, never after: its log must grow until it is written back."""


class Careless(sqlite3.Connection):
    """A connection that does not sync as it is told. This is the lab's control; the product has no such setting."""

    setting = "OFF"

    def execute(self, sql, *values):  # type: ignore[no-untyped-def]  # as the standard library's stubs overload it
        if sql.startswith("PRAGMA synchronous"):
            sql = f"PRAGMA synchronous={self.setting}"
        return super().execute(sql, *values)


class Serial:
    """The way out, line by line."""

    def __init__(self) -> None:
        self._port = os.open("/dev/ttyS1", os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self._port)

    def tell(self, line: str) -> None:
        """Returns when it was heard."""
        rest = (line + "\n").encode()
        while rest:
            rest = rest[os.write(self._port, rest) :]
        while os.read(self._port, 1) != b"\n":
            pass


class Writer:
    """One life of a box."""

    def __init__(self, life: dict[str, int]) -> None:
        self._chance = random.Random(f"{life['seed']} {life['life']}")
        self._boot_id = f"boot-{life['life']}"
        self._file = life["life"] * 1_000_000
        self._confirms_but = life["confirms_but"]
        self._serial = Serial()
        self._outbox = judge.open_outbox(PATH, self._boot_id)

    def run(self) -> None:
        """Commit and tell, until the power goes."""
        self._serial.tell(f"begins {self._outbox.log_id}")
        for n in itertools.count():
            if n < RESTARTS_UNTIL and self._chance.random() < 1 / 40:
                self._outbox.close()
                self._outbox = judge.open_outbox(PATH, self._boot_id)
            for _ in range(TRIES):
                try:
                    self._step(n)
                    break
                except (OutboxError, OSError) as error:
                    self._serial.tell(f"refused {error}")

    def _step(self, n: int) -> None:
        luck = self._chance.random()
        stamp = Stamp(self._outbox.boot, 100 + n)
        if luck < 0.6:
            self._alarm(n, stamp)
        elif luck < 0.9:
            self._telemetry(n, stamp)
        elif luck < 0.97:
            self._receipt(stamp)
        else:
            self._file += 1
            judge.replace(FOLDER, self._file)
            self._serial.tell(f"replaced {self._file}")

    def _alarm(self, n: int, stamp: Stamp) -> None:
        present = self._outbox.open_incidents()
        if (len(present) < OPEN_MAX and self._chance.random() < 0.6) or not present:
            kind = self._chance.choice((AlarmKind.ENTRAPMENT, AlarmKind.OVERSPEED, AlarmKind.DOOR_OPEN_IN_MOTION))
            alarm = Alarm(n, kind, AlarmState.RAISED, Severity.CRITICAL, self._outbox.next_incident())
        else:
            one = self._chance.choice(present)
            state = self._chance.choice((AlarmState.UPDATED, AlarmState.CLEARED))
            alarm = Alarm(n, one.kind, state, Severity.CRITICAL, one.incident)
        draft = draft_of_alarm(alarm)
        assert draft is not None
        stored = self._outbox.append(draft, stamp)
        if stored is not None:
            self._tell((stored,))

    def _telemetry(self, n: int, stamp: Stamp) -> None:
        drafts = [
            RecordDraft(Stream.TELEMETRY, SystemKind.HEARTBEAT, note=f"commit {n} number {number} " + "x" * 40)
            for number in range(self._chance.randint(1, GROUP_MAX))
        ]
        self._tell(self._outbox.append_many([(draft, stamp) for draft in drafts]))

    def _receipt(self, stamp: Stamp) -> None:
        """A receiver has stored most of it, and now and then refuses a record for good."""
        marks = [
            Mark(
                stream, max(self._outbox.confirmed(judge.MAIN, stream), self._outbox.last(stream) - self._confirms_but)
            )
            for stream in (Stream.ALARM, Stream.FAULT, Stream.TELEMETRY)
        ]
        for mark in marks:
            self._serial.tell(f"confirms {int(mark.stream)} {mark.upto}")
        refused = []
        if self._chance.random() < 0.3 and self._outbox.last(Stream.TELEMETRY) > 0:
            refused = [RecordKey(Stream.TELEMETRY, self._outbox.last(Stream.TELEMETRY))]
        self._outbox.settle(judge.MAIN, Outcome(marks=tuple(marks), refused=tuple(refused)), stamp)
        if refused:
            named = self._outbox.record(Stream.FAULT, self._outbox.last(Stream.FAULT))
            assert named is not None
            self._tell((named,))

    def _tell(self, stored: tuple[StoredRecord, ...]) -> None:
        first = stored[0]
        digests = " ".join(digest(record.body).hex()[: judge.DIGEST_HEX] for record in stored)
        self._serial.tell(f"committed {self._outbox.log_id} {int(first.stream)} {first.seqno} {digests}")


def main() -> None:
    """Look at what the last power cut left, tell it by a file, then go on until the power goes."""
    FOLDER.mkdir(exist_ok=True)
    (SHARE / "found.json").write_text(json.dumps(asdict(judge.examine(PATH, f"boot-{LIFE['life']}"))))
    Writer(LIFE).run()


LIFE = json.loads((SHARE / "life.json").read_text())
if LIFE["careless"] is not None:
    Careless.setting = LIFE["careless"]
    sqlite3.connect = functools.partial(sqlite3.connect, factory=Careless)  # type: ignore[assignment]

sys.path.insert(0, str(SHARE))
import judge  # noqa: E402  # after the control has its hand on sqlite3

from edge_agent.alarms import Alarm, AlarmKind, AlarmState, Severity  # noqa: E402
from edge_agent.delivery_steps import Outcome, RecordKey  # noqa: E402
from edge_agent.errors import OutboxError  # noqa: E402
from edge_agent.records import RecordDraft, StoredRecord, draft_of_alarm  # noqa: E402
from edge_agent.wire import Mark, Stamp, Stream, SystemKind, digest  # noqa: E402

if __name__ == "__main__":
    main()
