"""The agent's middle put together for tests: the real parts, a clock set by hand, a receiver made of bytes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edge_agent.agent_core import AgentCore, Recorder
from edge_agent.agent_delivery import Dispatch
from edge_agent.agent_lamps import LampKeeper, Lamps
from edge_agent.agent_sources import SourceWatch
from edge_agent.agent_status import Identity
from edge_agent.agent_visits import VisitKeeper
from edge_agent.clock import WallKeeper, WallTime
from edge_agent.delivery import Delivery, Lane, Poll, Send
from edge_agent.delivery_steps import AnswerMissing
from edge_agent.detect.detector import Detector
from edge_agent.detect.limits import Limits
from edge_agent.errors import SourceUnavailable, UplinkError
from edge_agent.installation import Installation, Lift, Wiring
from edge_agent.journal import Journal
from edge_agent.outbox import Outbox
from edge_agent.readings import Reading
from edge_agent.timeline import Timeline
from edge_agent.wire import (
    IncidentRef,
    Mark,
    Notice,
    Receipt,
    Record,
    Stream,
    Verdict,
    answer_tag,
    decode_batch,
    decode_record,
    encode_receipt,
)

S = 1_000_000_000
DEVICE = bytes.fromhex("a1b2c3d4e5f60718")
NOON_MS = 1_800_000_000_000
ACCELEROMETER_ONLY = Installation(Lift("test-1"), Wiring(accel_rate_hz=100.0))
WITH_CONTROLLER = Installation(Lift("test-1"), Wiring(has_accelerometer=False, has_controller=True))


@dataclass
class HandClock:
    """A clock that stands where the test puts it."""

    now: int = 1_000 * S
    keeper: WallKeeper = field(default_factory=WallKeeper)

    def now_ns(self) -> int:
        return self.now

    def wall_estimate(self) -> WallTime | None:
        return self.keeper.estimate(self.now)

    def learn_from_receiver(self, t_ns: int, unix_ms: int, uncertainty_ms: int) -> None:
        self.keeper.learn(t_ns, unix_ms, uncertainty_ms)


@dataclass
class PaperReceiver:
    """An uplink and the far end of it: takes batches as bytes, answers with receipts as bytes."""

    is_reachable: bool = True
    records: list[Record] = field(default_factory=list)
    notices_due: list[Notice] = field(default_factory=list)
    batches: list[bytes] = field(default_factory=list)
    log: int = 0
    is_closed: bool = False

    def post(self, body: bytes) -> bytes:
        self._check_reachable()
        self.batches.append(body)
        batch = decode_batch(body)
        records = [decode_record(item) for item in batch.items]
        self.records += records
        self.log = records[0].log
        upto = {record.stream: record.seqno for record in records}
        return self._receipt(
            verdicts=(Verdict.STORED,) * len(records),
            marks=tuple(Mark(stream, seqno) for stream, seqno in upto.items()),
            answers=answer_tag(body),
        )

    def notices(self, device_id: bytes, after: int, wait_s: int) -> bytes:
        assert (device_id, wait_s) == (DEVICE, 0)
        self._check_reachable()
        return self._receipt()

    def close(self) -> None:
        self.is_closed = True

    def of_stream(self, stream: Stream) -> list[Record]:
        return [record for record in self.records if record.stream is stream]

    def _receipt(
        self, verdicts: tuple[Verdict, ...] = (), marks: tuple[Mark, ...] = (), answers: bytes | None = None
    ) -> bytes:
        return encode_receipt(
            Receipt(
                device=DEVICE,
                log=self.log,
                verdicts=verdicts,
                marks=marks,
                at_ms=NOON_MS,
                receiver=b"receiver",
                notices=tuple(self.notices_due),
                answers=answers,
            )
        )

    def _check_reachable(self) -> None:
        if not self.is_reachable:
            raise AnswerMissing("nobody answers", subject="http://firm", hint="Is it running?")


def about_first_alarm(receiver: PaperReceiver) -> IncidentRef:
    """How a person's notice names the first incident on the alarm stream."""
    return IncidentRef(receiver.log, Stream.ALARM, 1)


class Lines(logging.Handler):
    """Keeps what the log said."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())

    def index(self, part: str) -> int:
        """Place of the first line that contains `part`."""
        for number, line in enumerate(self.said):
            if part in line:
                return number
        raise AssertionError(f"nobody said {part!r}:\n" + "\n".join(self.said))


def journal_into(lines: Lines) -> Journal:
    """A journal whose words can be looked at."""
    logger = logging.Logger("test", logging.DEBUG)
    logger.addHandler(lines)
    return Journal(logger)


@dataclass
class Bench:
    """One agent core with its surroundings."""

    core: AgentCore
    outbox: Outbox
    clock: HandClock
    lines: Lines
    receivers: dict[str, PaperReceiver]

    def run(self, source: str, readings: Iterable[Reading], until_s: float = 0.0) -> None:
        """Give readings at their own time, one turn every 50 ms, and carry every request at once."""
        waiting = sorted(readings, key=lambda reading: reading.t_ns)
        start_ns = self.clock.now
        end_ns = max(start_ns + round(until_s * S), waiting[-1].t_ns + S if waiting else 0)
        position = 0
        while self.clock.now < end_ns:
            self.clock.now += S // 20
            first = position
            while position < len(waiting) and waiting[position].t_ns <= self.clock.now:
                position += 1
            if position > first:
                self.core.take(source, waiting[first:position], self.clock.now)
            self.turn()

    def turn(self) -> None:
        """One turn, and whatever it wants sent."""
        for step in self.core.turn(self.clock.now):
            self._carry(step)

    def _carry(self, step: Send | Poll) -> None:
        receiver = self.receivers[step.destination]
        try:
            match step:
                case Send():
                    answer = receiver.post(step.body)
                case Poll():
                    answer = receiver.notices(DEVICE, step.after, 0)
        except UplinkError as error:
            self.core.dispatch.failed(step, error, self.clock.now)
        else:
            self.core.dispatch.answered(step, answer, self.clock.now)


def bench(
    folder: Path,
    installation: Installation,
    *,
    receivers: Sequence[str] = ("firm",),
    sources: Sequence[str] = ("accelerometer",),
    recorder: Recorder | None = None,
    lamps: Lamps | None = None,
    boot: str = "b",
    now_ns: int = 1_000 * S,
) -> Bench:
    """The real core, outbox, timeline, detector and deliveries in `folder`."""
    clock = HandClock(now_ns)
    lines = Lines()
    journal = journal_into(lines)
    outbox = Outbox.open(folder / "outbox.sqlite", DEVICE, boot_id=boot, up_ms=1, destinations=receivers)
    deliveries = [Delivery(name, lane, seed=1, start_spread_s=0.0) for name in receivers for lane in Lane]
    lamps_incident, resumed = outbox.next_incident(), outbox.open_incidents()
    first_incident = lamps_incident + 1
    core = AgentCore(
        detector=Detector(installation, Limits(), first_incident=first_incident, resumed=resumed),
        timeline=Timeline(S // 5),
        outbox=outbox,
        dispatch=Dispatch(outbox, deliveries, clock, journal),
        watch=SourceWatch(sources, journal),
        recorder=recorder,
        journal=journal,
        resumed=resumed,
        lamps=None if lamps is None else LampKeeper(lamps, lamps_incident, outbox.alarms_in_hand),
        visits=VisitKeeper(folder, clock, boot, journal),
    )
    return Bench(core, outbox, clock, lines, {name: PaperReceiver() for name in receivers})


IDENTITY = Identity("1.2.3", "test-1", "boot-a", 42, 1_000 * S)


@dataclass
class ScriptedSource:
    """A source that gives batches from a list, moving the hand clock; then it ends, or is silent for ever."""

    name: str
    batches: list[tuple[Reading, ...]]
    clock: HandClock
    unavailable_count: int = 0
    ends: bool = True
    opened_count: int = 0
    is_closed: bool = False
    breaks: bool = False
    idle: threading.Event = field(default_factory=threading.Event)

    @property
    def has_ended(self) -> bool:
        return self.ends and not self.batches

    def open(self) -> None:
        self.opened_count += 1
        if self.opened_count <= self.unavailable_count:
            raise SourceUnavailable("nothing answers", subject="bus 1", hint="Check the cable")

    def read(self, timeout_s: float) -> Sequence[Reading]:
        assert timeout_s <= 1.0
        if self.breaks:
            raise ZeroDivisionError("a programmer's mistake")
        if not self.batches:
            self.idle.wait(0.002)
            self.clock.now += S // 20
            return ()
        batch = self.batches.pop(0)
        self.clock.now = max(self.clock.now, batch[-1].t_ns)
        return batch

    def close(self) -> None:
        self.is_closed = True
