"""Lives of an outbox on a disk that fails at a chosen call: `... tests.delivery.failing_lives FOLDER CALL LAST STEP`.

Life n is a child of its own in FOLDER/n; what it commits goes into `told` there. The fault of CALL comes from outside,
from strace with `when=HIT`, which counts in each child anew: a child makes HIT - n such calls on a scratch file before
its life begins, so that the n-th call of its life is the one. CALL `statement`: the child kills itself before its n-th
statement. Every STEP-th n, to LAST or (0) until the fault no longer reaches a life; then it prints how many calls one
has.
"""

from __future__ import annotations

import functools
import itertools
import os
import signal
import sqlite3
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from edge_agent.alarms import AlarmKind, AlarmState
from edge_agent.delivery_steps import Outcome, RecordKey
from edge_agent.errors import OutboxError
from edge_agent.outbox import Outbox
from edge_agent.records import StoredRecord, draft_of_alarm
from edge_agent.wire import Mark, Stamp, Stream, digest
from tests.delivery.making import MAIN, alarm, heartbeat, open_outbox

HIT = 200
STATEMENTS_MAX = 1_000
TRIES = 2  # the agent tries again too
REACHED, NOT_REACHED = 0, 3
CALLS: dict[str, Callable[[int], object]] = {
    "pwrite64": lambda scratch: os.pwrite(scratch, b"x", 0),
    "write": lambda scratch: os.write(scratch, b"x"),
    "fsync": os.fsync,
    "fdatasync": os.fdatasync,
    "ftruncate": lambda scratch: os.ftruncate(scratch, 0),
    "statement": lambda _: None,
}


class Life:
    """One outbox from its first start over two more. Whatever is refused is tried once more, then left."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._told = os.open(folder / "told", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._outbox: Outbox | None = None
        self._n = 0

    def tell(self, line: str) -> None:
        """By a call that no fault is put into."""
        os.writev(self._told, [f"{line}\n".encode()])

    def run(self) -> None:
        """All of it."""
        for steps in (
            (lambda: self._alarm(1), self._telemetry, lambda: self._alarm(2), lambda: self._receipt(True)),
            (lambda: self._alarm(1, AlarmState.CLEARED), self._telemetry),
            (lambda: self._alarm(3), lambda: self._receipt(False), lambda: self._alarm(4)),
        ):
            self._try(self._open)
            if self._outbox is None:
                continue
            for step in steps:
                self._try(step)
            self._outbox.close()
            self._outbox = None

    def _try(self, step: Callable[[], None]) -> None:
        for _ in range(TRIES):
            try:
                return step()
            except OutboxError as error:
                self.tell(f"refused {error}")
        return None

    def _open(self) -> None:
        self._outbox = open_outbox(self._folder, logs=(11, 12, 13))

    def _alarm(self, incident: int, state: AlarmState = AlarmState.RAISED) -> None:
        assert self._outbox is not None
        draft = draft_of_alarm(alarm(state, incident=incident, kind=list(AlarmKind)[incident]))
        assert draft is not None
        stored = self._outbox.append(draft, self._stamp())
        self._committed(() if stored is None else (stored,))

    def _telemetry(self) -> None:
        assert self._outbox is not None
        self._committed(self._outbox.append_many([(heartbeat(n, "x" * 60), self._stamp()) for n in range(3)]))

    def _receipt(self, is_final: bool) -> None:
        """is_final: a record is refused for good, which must be durable."""
        assert self._outbox is not None
        last = self._outbox.last(Stream.TELEMETRY)
        refused = (RecordKey(Stream.TELEMETRY, last),) if is_final and last else ()
        marks = (Mark(Stream.ALARM, 1),)
        self._outbox.settle(MAIN, Outcome(marks=marks, refused=refused), self._stamp())

    def _committed(self, stored: Iterable[StoredRecord]) -> None:
        for record in stored:
            self.tell(f"committed {int(record.stream)} {record.seqno} {digest(record.body).hex()}")

    def _stamp(self) -> Stamp:
        self._n += 1
        return Stamp(1, 10_000 + self._n)


def lived(folder: Path, call: str, n: int) -> int:
    """In the child: a life whose n-th call fails. Returns an exit status."""
    life = Life(folder)
    scratch = os.open(folder / "scratch", os.O_RDWR | os.O_CREAT)
    make = CALLS[call]
    if call == "statement":
        numbers = itertools.count(1)
        make = functools.partial(_die_at, n, numbers)
        watched = type("Watched", (sqlite3.Connection,), {"__init__": functools.partialmethod(_watched, make)})
        sqlite3.connect = functools.partial(sqlite3.connect, factory=watched)  # type: ignore[assignment]
    else:
        for _ in range(HIT - n):
            make(scratch)
    life.run()
    life.tell("over")
    try:
        make(scratch)
    except OSError:
        return NOT_REACHED
    return REACHED


def _watched(connection: sqlite3.Connection, make: Callable[[object], None], *args: object, **more: object) -> None:
    sqlite3.Connection.__init__(connection, *args, **more)  # type: ignore[arg-type]
    connection.set_trace_callback(make)


def _die_at(n: int, numbers: Iterable[int], _: object) -> None:
    if next(iter(numbers)) == n:
        os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Life after life."""
    folder, call, last, step = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    n_max = STATEMENTS_MAX if call == "statement" else HIT - 1
    for n in range(1, (last or n_max) + 1, step):
        own = folder / str(n)
        own.mkdir(exist_ok=True)
        child = os.fork()
        if child == 0:
            sys.exit(lived(own, call, n))
        _, status = os.waitpid(child, 0)
        is_killed = os.WIFSIGNALED(status)
        if not is_killed and os.WEXITSTATUS(status) not in (REACHED, NOT_REACHED):
            sys.exit(f"life {n} ended with an error: {(own / 'told').read_text()}")
        is_over = (own / "told").read_text().endswith("over\n")
        if not last and is_over and (is_killed or os.WEXITSTATUS(status) == NOT_REACHED or call == "statement"):
            print(n - 1)
            return
    if not last:
        sys.exit(f"a life has more than {n_max} calls")


if __name__ == "__main__":
    main()
