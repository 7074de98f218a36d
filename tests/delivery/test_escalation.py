"""The second receiver is called when an alarm finds no disk within 15 s, or no person within 90 s; never otherwise."""

from __future__ import annotations

import logging
from pathlib import Path

from edge_agent.agent_delivery import Dispatch
from edge_agent.alarms import AlarmState
from edge_agent.clock import WallTime
from edge_agent.delivery import AnswerMissing, Delivery, Lane, Poll, Send
from edge_agent.journal import Journal
from edge_agent.records import draft_of_alarm
from edge_agent.wire import Act, IncidentRef, Notice, Stamp, Stream
from tests.delivery.making import DEVICE, alarm, open_outbox
from tests.delivery.receiver_model import AT_MS, ReceiverModel

S = 1_000_000_000
FIRM, STATION = "firm", "station"


class NoClock:
    def now_ns(self) -> int:
        raise AssertionError

    def wall_estimate(self) -> WallTime | None:
        return None

    def learn_from_receiver(self, t_ns: int, unix_ms: int, uncertainty_ms: int) -> None:
        return


class Town:
    """A box with two receivers, second by second."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.receivers = {FIRM: ReceiverModel(), STATION: ReceiverModel()}
        self.is_firm_dead = False
        self.now_ns = 100 * S
        self.start()

    def start(self) -> None:
        """A life of the agent."""
        self.outbox = open_outbox(self.folder, destinations=(FIRM, STATION))
        deliveries = [Delivery(name, lane, seed=1, start_spread_s=0.0) for name in (FIRM, STATION) for lane in Lane]
        logger = logging.getLogger("test")
        self.dispatch = Dispatch(self.outbox, deliveries, NoClock(), Journal(logger), (STATION,))

    def stage(self, state: AlarmState = AlarmState.RAISED) -> None:
        draft = draft_of_alarm(alarm(state))
        assert draft is not None
        stored = self.outbox.append(draft, Stamp(1, self.now_ns // 1_000_000))
        assert stored is not None
        self.dispatch.appended(self.now_ns, (stored,))

    def live(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now_ns += S
            for step in self.dispatch.steps(self.now_ns):
                self._carry(step)

    def _carry(self, step: Send | Poll) -> None:
        if self.is_firm_dead and step.destination == FIRM:
            self.dispatch.failed(step, AnswerMissing("dead", subject="", hint=""), self.now_ns)
            return
        receiver = self.receivers[step.destination]
        match step:
            case Send():
                answer = receiver.take(step.body)
            case Poll():
                answer = receiver.poll(DEVICE, step.after)
        self.dispatch.answered(step, answer, self.now_ns)

    def say(self, act: Act, number: int = 1) -> None:
        about = IncidentRef(self.outbox.log_id, Stream.ALARM, 1)
        self.receivers[FIRM].notices.append(Notice(number, act, about, AT_MS, "Li"))

    @property
    def station_count(self) -> int:
        return self.receivers[STATION].stored_count


def test_an_alarm_that_is_taken_over_in_time_stays_with_the_firm(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.stage()
    town.live(80)
    town.say(Act.TAKEN_OVER)
    town.live(600)
    assert (town.receivers[FIRM].stored_count, town.station_count) == (1, 0)


def test_a_dead_firm_calls_the_station_after_15_seconds(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.is_firm_dead = True
    town.stage()
    town.live(14)
    assert town.station_count == 0
    town.live(2)
    assert town.station_count == 1


def test_an_alarm_that_nobody_takes_over_calls_the_station_after_90_seconds(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.stage()
    town.live(20)
    town.say(Act.SHOWN)  # a page has shown it: that is nobody yet
    town.live(68)
    assert town.station_count == 0
    town.live(3)
    assert town.station_count == 1
    town.stage(AlarmState.UPDATED)
    town.live(2)
    assert town.station_count == 2  # once called, it hears how it goes on
    town.stage(AlarmState.CLEARED)
    town.live(100)
    assert town.receivers[FIRM].stored_count == 3
    assert town.station_count == 2


def test_an_alarm_that_is_gone_calls_nobody(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.stage()
    town.live(10)
    town.stage(AlarmState.CLEARED)
    town.live(200)
    assert town.station_count == 0


def test_an_alarm_that_is_open_over_a_restart_still_calls_the_station(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.stage()
    town.live(60)
    town.outbox.close()
    town.start()
    town.live(89)
    assert town.station_count == 0  # the firm has it on its disk: a person has 90 seconds
    town.live(3)
    assert town.station_count == 1


def test_an_alarm_that_was_taken_over_before_a_restart_calls_nobody(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.stage()
    town.say(Act.TAKEN_OVER)
    town.live(20)
    town.outbox.close()
    town.start()
    town.live(200)
    assert town.station_count == 0
