"""A small world under virtual time from one seed: lift, sensors, agent core, outbox, delivery, bad network, receiver.

The agent's own code runs unchanged; only its threads are missing. The world kills it at moments drawn from the seed,
also in the middle of a commit, and checks afterwards:

1. each raised alarm is at the receiver, in the outbox, or counted as lost;
2. no record number has two contents;
3. no buffer was ever over its bound;
4. the readings of each life, replayed, give the same conclusions;
5. where nothing is wrong, nothing is raised;
6. once the network is well again, alarms are delivered within a minute and everything within ten.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from edge_agent.agent_core import AgentCore
from edge_agent.agent_delivery import Dispatch
from edge_agent.agent_sources import SourceWatch
from edge_agent.alarms import Alarm, AlarmState, Conclusion, OpenIncident
from edge_agent.clock import WallKeeper, WallTime
from edge_agent.delivery import AnswerMissing, Delivery, Lane
from edge_agent.detect.baselines import Baselines
from edge_agent.detect.detector import Detector
from edge_agent.detect.limits import Limits
from edge_agent.errors import RecordingError
from edge_agent.installation import Installation
from edge_agent.journal import Journal
from edge_agent.outbox import Outbox
from edge_agent.readings import AccelFrame, Reading
from edge_agent.records import RecordDraft, StoredRecord
from edge_agent.timeline import HELD_MAX, Timeline, source_of
from edge_agent.wire import Phase, Stamp, Stream
from sim.scenario import Played
from sim.world_net import S_NS, FarEnd, Network, Weather, draw_weather

STEP_NS = 50_000_000
LATENESS_NS = 200_000_000
_DRAIN_STEP_NS = 250_000_000
_ALARMS_BY_S = 60.0
_ALL_BY_S = 600.0
_DESTINATION = "firm"
_SOURCES = ("accelerometer", "door_contacts", "controller", "pressure")
_START_NS = 100 * S_NS


class PowerCut(Exception):
    """The process dies here."""


@dataclass(slots=True)
class _Life:
    """One run of the agent between two deaths."""

    first_incident: int
    resumed: tuple[OpenIncident, ...]
    baselines: Baselines | None  # what the life before it had learned, as if just written
    readings: list[Reading] = field(default_factory=list)
    conclusions: list[Conclusion] = field(default_factory=list)
    last_step_count: int = 0  # conclusions of the latest step


@dataclass(frozen=True, slots=True)
class WorldReport:
    """What happened in one world; `problems` is empty if every invariant held."""

    name: str
    seed: int
    raised_count: int
    stored_count: int
    request_count: int
    failed_count: int
    death_count: int
    drained_s: float | None
    problems: tuple[str, ...]


class _NotingDetector(Detector):
    """The detector, whose conclusions are noted."""

    def __init__(self, installation: Installation, life: _Life) -> None:
        super().__init__(
            installation,
            Limits(),
            first_incident=life.first_incident,
            resumed=life.resumed,
            baselines=life.baselines,
        )
        self._life = life

    def step(self, reading: Reading) -> tuple[Conclusion, ...]:
        """As the detector; and noted."""
        conclusions = super().step(reading)
        self._life.conclusions.extend(conclusions)
        self._life.last_step_count = len(conclusions)
        return conclusions


class _ListRecorder:
    """Keeps what the core was given in memory."""

    def __init__(self, life: _Life) -> None:
        self.lost_count = 0
        self.problem: RecordingError | None = None
        self._life = life

    def write(self, reading: Reading) -> None:
        self._life.readings.append(reading)

    def close(self) -> None:
        pass


class _MortalOutbox(Outbox):
    """The outbox, in whose commits the power may fail: before they are durable, or right after."""

    commits_left: int | None = None
    dies_before = True

    def append(self, draft: RecordDraft, stamp: Stamp) -> StoredRecord | None:
        """As the outbox, if it lives."""
        if self.commits_left is not None:
            self.commits_left -= 1
            if self.commits_left < 0 and self.dies_before:
                raise PowerCut
        stored = super().append(draft, stamp)
        if self.commits_left is not None and self.commits_left < 0:
            raise PowerCut
        return stored


class _WorldClock:
    """Virtual time; the wall clock is known from receipts only."""

    def __init__(self) -> None:
        self.t_ns = _START_NS
        self._keeper = WallKeeper()

    def now_ns(self) -> int:
        return self.t_ns

    def wall_estimate(self) -> WallTime | None:
        return self._keeper.estimate(self.t_ns)

    def learn_from_receiver(self, t_ns: int, unix_ms: int, uncertainty_ms: int) -> None:
        self._keeper.learn(t_ns, unix_ms, uncertainty_ms)


class World:
    """One world. `folder` takes the outbox. `is_rough`: bad network, deaths and late readings; else all is well."""

    def __init__(
        self,
        played: Played,
        seed: int,
        folder: Path,
        *,
        is_rough: bool = True,
        far_end: Callable[[bytes], FarEnd] = FarEnd,
    ) -> None:
        self._played = played
        self._seed = seed
        self._path = folder / f"outbox-{played.scenario.name}-{seed}.sqlite"
        self._rng = np.random.default_rng([seed, 77])
        self._is_rough = is_rough
        self._device = bytes([seed % 256]) * 8
        self._clock = _WorldClock()
        self._far_end = far_end(self._device)
        weather = draw_weather(self._rng, played.duration_s) if is_rough else Weather()
        self._network = Network(self._far_end, weather, self._rng)
        self._lives: list[_Life] = []
        self._not_durable: set[int] = set()  # id() of alarms that died with their process before the commit
        self._death_count = 0
        self._dropped_count = 0
        self._problems: list[str] = []
        self._logger = logging.getLogger("lift-sim.world")
        self._logger.addHandler(logging.NullHandler())
        self._logger.propagate = False
        self._begin_life()

    def run(self) -> WorldReport:
        """Live through the story, heal the network, wait for the outbox to drain, check everything."""
        self._live()
        drained_s = self._drain()
        self._check_alarms()
        self._check_replay()
        self._check_quiet()
        self._problems.extend(self._far_end.conflicts)
        self._outbox.close()
        return WorldReport(
            name=self._played.scenario.name,
            seed=self._seed,
            raised_count=len(self._raised()),
            stored_count=len(self._far_end.records),
            request_count=self._network.request_count,
            failed_count=self._network.failed_count,
            death_count=self._death_count,
            drained_s=drained_s,
            problems=tuple(self._problems),
        )

    # ---- life and death

    def _begin_life(self) -> None:
        outbox = _MortalOutbox.open(
            self._path,
            self._device,
            boot_id="one boot",
            up_ms=self._clock.t_ns // 1_000_000,
            destinations=[_DESTINATION],
            draw_log=lambda: int(self._rng.integers(1, 1 << 31)),
        )
        assert isinstance(outbox, _MortalOutbox)
        self._outbox = outbox
        learned = self._core.detector.baselines() if self._lives else None
        life = _Life(self._outbox.next_incident(), self._outbox.open_incidents(), learned)
        self._lives.append(life)
        journal = Journal(self._logger)
        deliveries = [Delivery(_DESTINATION, lane, seed=self._seed, start_spread_s=0.0) for lane in Lane]
        self._timeline = Timeline(LATENESS_NS)
        self._core: AgentCore = AgentCore(
            detector=_NotingDetector(self._played.installation, life),
            timeline=self._timeline,
            outbox=self._outbox,
            dispatch=Dispatch(self._outbox, deliveries, self._clock, journal),
            watch=SourceWatch(_SOURCES, journal),
            recorder=_ListRecorder(life),
            journal=journal,
            resumed=life.resumed,
        )

    def _die(self) -> None:
        """The process is gone: what was only in memory with it."""
        self._death_count += 1
        self._dropped_count += self._core.dropped_count
        self._outbox.close()
        self._network.forget_flights()

    def _live(self) -> None:
        deaths_ns = sorted(self._deaths())
        dead_until_ns = 0
        for now_ns, arrived in self._turns():
            self._clock.t_ns = now_ns
            if now_ns < dead_until_ns:
                continue  # readings that nobody takes
            if dead_until_ns:
                dead_until_ns = 0
                self._begin_life()
            try:
                self._turn(arrived, now_ns)
                if deaths_ns and now_ns >= deaths_ns[0]:
                    deaths_ns.pop(0)
                    if self._rng.random() < 0.5:
                        raise PowerCut
                    self._outbox.commits_left = int(self._rng.integers(0, 3))
                    self._outbox.dies_before = bool(self._rng.random() < 0.5)
            except PowerCut:
                self._note_what_died()
                self._die()
                dead_until_ns = now_ns + round(float(self._rng.uniform(0.5, 10.0)) * S_NS)
        if dead_until_ns:
            self._begin_life()

    def _note_what_died(self) -> None:
        """An alarm that was decided in the very turn in which the power failed may not have become durable."""
        if not (self._outbox.commits_left is not None and self._outbox.commits_left < 0 and self._outbox.dies_before):
            return
        life = self._lives[-1]
        latest = life.conclusions[len(life.conclusions) - life.last_step_count :]
        self._not_durable.update(id(conclusion) for conclusion in latest)

    def _deaths(self) -> Iterator[int]:
        if self._is_rough:
            for _ in range(int(self._rng.integers(0, 4))):
                yield _START_NS + round(float(self._rng.uniform(0.0, self._played.duration_s)) * S_NS)

    def _turn(self, arrived: Iterable[Reading], now_ns: int) -> None:
        for reading in arrived:
            self._core.take(source_of(reading), (reading,), now_ns)
        self._hear(now_ns)
        for step in self._core.turn(now_ns):
            self._network.carry(step, now_ns)
        if self._timeline.held_count > HELD_MAX + len(_SOURCES):
            self._problems.append(f"the timeline holds {self._timeline.held_count} readings")
        if self._network.in_flight_count > len(Lane):
            self._problems.append(f"{self._network.in_flight_count} requests are in flight at once")
        if self._core.dropped_count > 0 or not self._core.is_outbox_well:
            self._problems.append("records waited although the outbox was healthy")

    def _hear(self, now_ns: int) -> None:
        for arrival in self._network.arrived(now_ns):
            if arrival.answer is None:
                error = AnswerMissing("no answer", subject=_DESTINATION, hint="Wait")
                self._core.dispatch.failed(arrival.step, error, now_ns)
            else:
                self._core.dispatch.answered(arrival.step, arrival.answer, now_ns)

    def _turns(self) -> Iterator[tuple[int, list[Reading]]]:
        """Readings by the turn in which they arrive: after their last sample, with a delay of their own."""
        waiting: list[tuple[int, int, Reading]] = []
        now_ns = _START_NS
        for number, reading in enumerate(self._played.raw_readings(_START_NS)):
            end_ns = int(reading.times_ns[-1]) if isinstance(reading, AccelFrame) else reading.t_ns
            late_s = 0.5 if self._is_rough and self._rng.random() < 0.001 else 0.0
            delay_ns = round((float(self._rng.uniform(0.0, 0.03)) + late_s) * 1e9)
            waiting.append((end_ns + delay_ns, number, reading))
            while reading.t_ns > now_ns + S_NS:
                now_ns += STEP_NS
                ready = sorted(entry for entry in waiting if entry[0] <= now_ns)
                waiting = [entry for entry in waiting if entry[0] > now_ns]
                yield now_ns, [entry[2] for entry in ready]
        while waiting:
            now_ns += STEP_NS
            ready = sorted(entry for entry in waiting if entry[0] <= now_ns)
            waiting = [entry for entry in waiting if entry[0] > now_ns]
            yield now_ns, [entry[2] for entry in ready]

    # ---- afterwards

    def _drain(self) -> float | None:
        """Good weather from now on; seconds until everything was confirmed, None if that took too long."""
        self._outbox.commits_left = None
        self._network.weather = Weather()
        self._core.flush(self._clock.t_ns)
        healed_ns = self._clock.t_ns
        alarms_s: float | None = None
        while self._clock.t_ns - healed_ns < _ALL_BY_S * S_NS:
            now_ns = self._clock.t_ns
            self._hear(now_ns)
            for step in self._core.dispatch.steps(now_ns):
                self._network.carry(step, now_ns)
            after_s = (now_ns - healed_ns) / S_NS
            if alarms_s is None and self._are_alarms_confirmed():
                alarms_s = after_s
            if self._outbox.waiting_count(_DESTINATION) == 0:
                self._judge_alarms(alarms_s)
                return after_s
            self._clock.t_ns += _DRAIN_STEP_NS
        self._judge_alarms(alarms_s)
        self._problems.append(
            f"{self._outbox.waiting_count(_DESTINATION)} records still wait {_ALL_BY_S:.0f} s after the network healed"
        )
        return None

    def _are_alarms_confirmed(self) -> bool:
        return self._outbox.confirmed(_DESTINATION, Stream.ALARM) >= self._outbox.last(Stream.ALARM)

    def _judge_alarms(self, alarms_s: float | None) -> None:
        if alarms_s is None or alarms_s > _ALARMS_BY_S:
            self._problems.append(f"alarms were not confirmed {_ALARMS_BY_S:.0f} s after the network healed")

    def _raised(self) -> list[Alarm]:
        return [
            conclusion
            for life in self._lives
            for conclusion in life.conclusions
            if isinstance(conclusion, Alarm) and conclusion.state is AlarmState.RAISED
        ]

    def _is_durable(self, alarm: Alarm) -> bool:
        """Whether a record of this alarm is at the far end."""
        up_ms = alarm.t_ns // 1_000_000
        return any(
            record.kind == alarm.kind and record.phase is Phase.RAISED and record.stamp.up_ms == up_ms
            for record in self._far_end.records
        )

    def _check_alarms(self) -> None:
        counted = self._dropped_count + self._core.dropped_count + self._outbox.counts.dropped_count
        missing = [
            alarm for alarm in self._raised() if id(alarm) not in self._not_durable and not self._is_durable(alarm)
        ]
        if len(missing) > counted + self._outbox.waiting_count(_DESTINATION):
            names = ", ".join(f"{alarm.kind.public_name} at {alarm.t_ns / S_NS:.2f} s" for alarm in missing)
            self._problems.append(f"raised and nowhere to be found: {names}")

    def _check_replay(self) -> None:
        for number, life in enumerate(self._lives, start=1):
            detector = _NotingDetector(self._played.installation, replace(life, readings=[], conclusions=[]))
            again = [conclusion for reading in life.readings for conclusion in detector.step(reading)]
            if again != life.conclusions:
                self._problems.append(f"life {number}: the replay concludes something else than the run")

    def _check_quiet(self) -> None:
        scenario = self._played.scenario
        is_quiet = not (scenario.expected or scenario.allowed or scenario.faults)
        if is_quiet and not self._is_rough and self._raised():
            names = ", ".join(sorted({alarm.kind.public_name for alarm in self._raised()}))
            self._problems.append(f"nothing was wrong, but raised: {names}")
