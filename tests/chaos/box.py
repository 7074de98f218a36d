"""The delivering half of the agent as a process that may be killed: `python -m tests.chaos.box`.

It commits alarms and telemetry and carries them with the agent's own outbox, delivery, couriers and uplink. What was
committed goes into a witness file after the commit: "stream number digest unix_ms". SIGTERM: drain, then exit 0.
"""

from __future__ import annotations

import argparse
import logging
import os
import queue
import random
import signal
import time
from pathlib import Path
from urllib.parse import urlsplit

from edge_agent.agent import Courier
from edge_agent.agent_delivery import Dispatch
from edge_agent.alarms import AlarmState
from edge_agent.clock import SystemClock
from edge_agent.delivery import Delivery, Lane, Poll, Send
from edge_agent.delivery_seals import BoxSeals
from edge_agent.errors import UplinkError
from edge_agent.journal import Journal
from edge_agent.key_file import key_in
from edge_agent.outbox import Outbox
from edge_agent.records import StoredRecord, draft_of_alarm
from edge_agent.uplink.http import HttpUplink
from edge_agent.uplink.mqtt import MqttUplink
from edge_agent.uplink.mqtt_client import Broker
from edge_agent.wire import Stream, digest
from edge_agent.wire_sealing import PublicKey
from tests.delivery.making import alarm, heartbeat

FAR_END = "firm"
TURN_S = 0.01
TIMEOUT_S = 3.0


class Box:
    """One life of it."""

    def __init__(self, folder: Path, url: str, receiver: PublicKey, seed: int, rate: float) -> None:
        self._chance = random.Random(seed)
        self._rate = rate  # records a second
        self._clock = SystemClock()
        key, _ = key_in(folder / "record.key")
        self.outbox = Outbox.open(
            folder / "outbox.sqlite",
            key.public.fingerprint,
            boot_id="one boot",
            up_ms=self._clock.now_ns() // 1_000_000,
            destinations=(FAR_END,),
        )
        seals = BoxSeals(key, receiver)
        lanes = [Delivery(FAR_END, lane, seed=seed, start_spread_s=0.0, envelope=seals) for lane in Lane]
        self._dispatch = Dispatch(self.outbox, lanes, self._clock, Journal(logging.getLogger("box")))
        self._answers: queue.SimpleQueue[tuple[Send | Poll, bytes | UplinkError]] = queue.SimpleQueue()
        self._couriers = {
            lane: Courier(
                lane.value,
                _uplink(url, lane, key.public, seals),
                key.public.fingerprint,
                lambda step, result: self._answers.put((step, result)),
            )
            for lane in Lane
        }
        for courier in self._couriers.values():
            courier.thread.start()
        self._witness = (folder / "witness").open("a", encoding="ascii")
        self._is_stopping = False

    def stop(self) -> None:
        self._is_stopping = True

    def run(self) -> None:
        """Until told to stop and empty."""
        while not self._is_stopping or self.outbox.waiting_count(FAR_END) > 0:
            now_ns = self._clock.now_ns()
            if not self._is_stopping and self._chance.random() < self._rate * TURN_S / 8:
                self._commit(now_ns)
            while not self._answers.empty():
                step, result = self._answers.get()
                if isinstance(result, UplinkError):
                    self._dispatch.failed(step, result, now_ns)
                else:
                    self._dispatch.answered(step, result, now_ns)
            for step in self._dispatch.steps(now_ns):
                self._couriers[step.lane].carry(step)
            time.sleep(TURN_S)

    def _commit(self, now_ns: int) -> None:
        """One alarm, and seven records of telemetry in one commit."""
        stamp = self._dispatch.stamp_at(now_ns, now_ns)
        draft = draft_of_alarm(alarm(AlarmState.RAISED, incident=self.outbox.next_incident()))
        assert draft is not None
        raised = self.outbox.append(draft, stamp)
        assert raised is not None
        self._note((raised,))
        self._note(self.outbox.append_many([(heartbeat(n), stamp) for n in range(7)]))

    def _note(self, stored: tuple[StoredRecord, ...]) -> None:
        now_ms = time.time_ns() // 1_000_000
        for record in stored:
            line = f"{self.outbox.log_id} {int(record.stream)} {record.seqno} {digest(record.body).hex()} {now_ms}\n"
            self._witness.write(line)
        self._witness.flush()
        self._dispatch.appended(self._clock.now_ns(), stored)


def _uplink(url: str, lane: Lane, key: PublicKey, seals: BoxSeals) -> HttpUplink | MqttUplink:
    parts = urlsplit(url)
    if parts.scheme != "mqtt":
        return HttpUplink(url, TIMEOUT_S, key=key.text)
    broker = Broker(parts.hostname or "", parts.port or 0)
    return MqttUplink(broker, key.fingerprint, lane, key.text, seals.open, TIMEOUT_S)


def main() -> None:
    """Run one life."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--url", required=True)
    parser.add_argument("--receiver-key", required=True)
    parser.add_argument("--rate", type=float, required=True)
    asked = parser.parse_args()
    receiver = PublicKey.from_text(asked.receiver_key)
    box = Box(asked.folder, asked.url, receiver, int.from_bytes(os.urandom(4), "big"), asked.rate)
    signal.signal(signal.SIGTERM, lambda _number, _frame: box.stop())
    print("ready", flush=True)
    box.run()
    assert box.outbox.last(Stream.ALARM) > 0


if __name__ == "__main__":
    main()
