"""A receiver that keeps its word and a network that does not: what lies beyond the agent in a simulated world."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import assert_never

import numpy as np

from edge_agent.delivery import Poll, Send
from edge_agent.wire import (
    Act,
    IncidentRef,
    Mark,
    Notice,
    Phase,
    Receipt,
    Record,
    Stream,
    Verdict,
    answer_tag,
    decode_batch,
    decode_record,
    encode_receipt,
)

S_NS = 1_000_000_000
_RECEIVER_ID = bytes(range(8))
_EPOCH_MS = 1_800_000_000_000
_REACTION_NS = 5 * S_NS


class FarEnd:
    """Stores records, answers with receipts, tells when a person has taken an alarm over."""

    def __init__(self, device: bytes) -> None:
        self._device = device
        self._bodies: dict[tuple[int, Stream, int], bytes] = {}
        self._notices: list[Notice] = []
        self._due: list[tuple[int, IncidentRef]] = []
        self.conflicts: list[str] = []

    @property
    def records(self) -> list[Record]:
        """Everything stored, in order of keys."""
        return [decode_record(self._bodies[key]) for key in sorted(self._bodies)]

    def holds(self, log: int, stream: Stream, seqno: int) -> bool:
        """Whether this record is on the far end's disk."""
        return (log, stream, seqno) in self._bodies

    def forget(self, stream: Stream) -> None:
        """Lose every record of a stream, as a receiver whose disk was replaced."""
        for key in [key for key in self._bodies if key[1] is stream]:
            del self._bodies[key]

    def answer(self, step: Send | Poll, now_ns: int) -> bytes:
        """What comes back for a request that arrived whole."""
        self._react(now_ns)
        match step:
            case Send(body=body):
                return self._take(body, now_ns)
            case Poll(after=after):
                return self._receipt(0, (), now_ns, after, None)
            case _:
                assert_never(step)

    def _take(self, body: bytes, now_ns: int) -> bytes:
        batch = decode_batch(body)
        verdicts: list[Verdict] = []
        log = 0
        for item in batch.items:
            record = decode_record(item)
            log = record.log
            key = (record.log, record.stream, record.seqno)
            if key not in self._bodies:
                self._bodies[key] = item
                verdicts.append(Verdict.STORED)
                if record.stream is Stream.ALARM and record.phase is Phase.RAISED:
                    self._due.append((now_ns + _REACTION_NS, IncidentRef(record.log, record.stream, record.seqno)))
            elif self._bodies[key] == item:
                verdicts.append(Verdict.HAD_IT)
            else:
                verdicts.append(Verdict.CONFLICT)
                self.conflicts.append(
                    f"record {record.stream.name} {record.seqno} of log {record.log} has two contents"
                )
        return self._receipt(log, tuple(verdicts), now_ns, batch.acted_notice or 0, answer_tag(body))

    def _receipt(
        self, log: int, verdicts: tuple[Verdict, ...], now_ns: int, after: int, answers: bytes | None
    ) -> bytes:
        return encode_receipt(
            Receipt(
                device=self._device,
                log=log,
                verdicts=verdicts,
                marks=tuple(Mark(stream, self._upto(log, stream)) for stream in Stream) if verdicts else (),
                at_ms=_EPOCH_MS + now_ns // 1_000_000,
                receiver=_RECEIVER_ID,
                notices=tuple(notice for notice in self._notices if notice.number > after),
                answers=answers,
            )
        )

    def _upto(self, log: int, stream: Stream) -> int:
        upto = 0
        while self.holds(log, stream, upto + 1):
            upto += 1
        return upto

    def _react(self, now_ns: int) -> None:
        for due_ns, incident in list(self._due):
            if due_ns <= now_ns:
                self._due.remove((due_ns, incident))
                number = len(self._notices) + 1
                at_ms = _EPOCH_MS + now_ns // 1_000_000
                self._notices.append(Notice(number, Act.TAKEN_OVER, incident, at_ms, "Dispatcher", 10))


@dataclass(frozen=True, slots=True)
class Weather:
    """How bad the way is. Shares are chances per request."""

    lost_up: float = 0.0
    lost_down: float = 0.0
    twice: float = 0.0
    garbled: float = 0.0
    delay_s_max: float = 0.05
    outages: tuple[tuple[float, float], ...] = ()  # start and end, seconds of the world


def draw_weather(rng: np.random.Generator, duration_s: float) -> Weather:
    """Anything from a good line to one that is gone half of the time."""
    outages = []
    for _ in range(int(rng.integers(0, 3))):
        start_s = float(rng.uniform(0.0, duration_s))
        outages.append((start_s, start_s + float(rng.uniform(5.0, 60.0))))
    return Weather(
        lost_up=float(rng.uniform(0.0, 0.4)),
        lost_down=float(rng.uniform(0.0, 0.4)),
        twice=float(rng.uniform(0.0, 0.2)),
        garbled=float(rng.uniform(0.0, 0.1)),
        delay_s_max=float(rng.uniform(0.05, 3.0)),
        outages=tuple(outages),
    )


@dataclass(order=True, slots=True)
class Arrival:
    """Something that comes back to the agent, or (answer None) is found missing, at `t_ns`."""

    t_ns: int
    order: int
    step: Send | Poll = field(compare=False)
    answer: bytes | None = field(compare=False)


class Network:
    """Carries requests to the far end through the weather. One answer or failure comes back for each."""

    def __init__(self, far_end: FarEnd, weather: Weather, rng: np.random.Generator) -> None:
        self.weather = weather
        self._far_end = far_end
        self._rng = rng
        self._arrivals: list[Arrival] = []
        self._late: list[tuple[int, Send]] = []  # second copies of requests, still on the way
        self._count = 0
        self.request_count = self.failed_count = 0

    @property
    def in_flight_count(self) -> int:
        """Requests whose answer has not come back."""
        return len(self._arrivals)

    def forget_flights(self) -> None:
        """The agent died: nobody waits for the answers any more."""
        self._arrivals.clear()

    def carry(self, step: Send | Poll, now_ns: int) -> None:
        """Take a request on its way."""
        rng, weather = self._rng, self.weather
        self.request_count += 1
        self._count += 1
        there_ns = now_ns + round(float(rng.uniform(0.0, weather.delay_s_max)) * 5e8)
        back_ns = there_ns + round(float(rng.uniform(0.0, weather.delay_s_max)) * 5e8)
        is_dark = any(start_s <= now_ns / S_NS < end_s for start_s, end_s in weather.outages)
        answer: bytes | None = None
        if not is_dark and rng.random() >= weather.lost_up:
            answer = self._far_end.answer(step, there_ns)
            if isinstance(step, Send) and rng.random() < weather.twice:
                self._late.append((there_ns + round(float(rng.uniform(0.0, 20.0)) * S_NS), step))
            if rng.random() < weather.lost_down:
                answer = None
            elif rng.random() < weather.garbled:
                cut = int(rng.integers(0, len(answer)))
                answer = answer[:cut]
        if answer is None:
            back_ns = now_ns + 5 * S_NS  # the agent's own time limit
            self.failed_count += 1
        self._arrivals.append(Arrival(back_ns, self._count, step, answer))

    def arrived(self, now_ns: int) -> list[Arrival]:
        """What has come back by now; late copies reach the far end on the way."""
        for t_ns, step in [late for late in self._late if late[0] <= now_ns]:
            self._late.remove((t_ns, step))
            self._far_end.answer(step, t_ns)
        ready = sorted(arrival for arrival in self._arrivals if arrival.t_ns <= now_ns)
        self._arrivals = [arrival for arrival in self._arrivals if arrival.t_ns > now_ns]
        return ready
