"""Two receivers on one PostgreSQL behind one broker, while each part in turn is killed: nothing lost, nothing twice."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import func, select

from edge_agent.delivery import Outcome
from edge_agent.uplink.mqtt_client import MqttClient
from edge_agent.uplink.mqtt_topics import up_topic
from edge_agent.wire_sealing import PublicKey, SigningKey
from receiver import tables as t
from receiver.board import BoardReader
from receiver.cli_mqtt import topics_of
from receiver.database import open_for_reading
from receiver.store import Store
from tests.delivery.mosquitto import Mosquitto, needs_mosquitto
from tests.delivery.test_mqtt import Box
from tests.receiver.making import NOW_MS
from tests.receiver.postgresql import Cluster
from tests.receiver.relay import Relay
from tests.receiver.test_command import receiver

BOXES = 3
ALARMS_MAX = 60
UNTIL_S = 120.0


def test_the_messages_of_boxes_are_shared_and_their_keys_go_to_every_bridge() -> None:
    assert topics_of("firm") == (
        "$share/firm/lift/1/+/up",
        "$share/firm/lift/1/+/part",
        "$share/firm/lift/1/+/ask",
        "lift/1/+/key",
    )
    assert topics_of(None) == ("lift/1/+/up", "lift/1/+/part", "lift/1/+/ask", "lift/1/+/key")


@pytest.mark.parametrize("name", ["", "a/b", "+", "#", "a" * 65])
def test_a_group_whose_name_would_be_another_topic_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is no name of a group"):
        topics_of(name)


@dataclass
class Bridge:
    """`lift-receiver mqtt` of one group."""

    process: subprocess.Popen[str]

    @classmethod
    @contextlib.contextmanager
    def running(cls, mosquitto: Mosquitto, url: str) -> Iterator[Bridge]:
        command = [sys.executable, "-m", "receiver", "mqtt", "--broker", f"127.0.0.1:{mosquitto.port}"]
        process = subprocess.Popen(
            [*command, "--receiver", url, "--group", "firm"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("bridging")
            yield cls(process)
        finally:
            process.kill()
            process.communicate()


class Sending:
    """Boxes that raise alarms and deliver them, each in a thread, until they are told to finish."""

    def __init__(self, boxes: list[Box]) -> None:
        self.boxes = boxes
        self._is_last = threading.Event()
        self.problems: list[str] = []
        self._threads = [threading.Thread(target=self._send, args=(box,)) for box in boxes]
        for thread in self._threads:
            thread.start()

    @property
    def delivered(self) -> int:
        """Alarms that a receipt has freed, of all boxes."""
        return sum(box.incidents - box.waiting for box in self.boxes)

    def finish(self) -> None:
        """No more alarms; wait until every one is delivered."""
        self._is_last.set()
        for thread in self._threads:
            thread.join(UNTIL_S)
            assert not thread.is_alive(), "an alarm is still waiting"

    def _send(self, box: Box) -> None:
        until_s = time.monotonic() + UNTIL_S
        while time.monotonic() < until_s:
            if not self._is_last.is_set() and box.incidents < ALARMS_MAX:
                box.raise_alarm()
            elif box.waiting == 0:
                if self._is_last.is_set():
                    return
                box.raise_alarm()
            said: Outcome = box.step()
            if said.problem:
                self.problems.append(said.problem)
        raise AssertionError(f"{box.waiting} alarms are waiting: {self.problems[-3:]}")


def until(is_so: Callable[[], bool], what: str) -> None:
    """Wait for something that happens in other processes."""
    end_s = time.monotonic() + UNTIL_S
    while not is_so():
        assert time.monotonic() < end_s, f"waited in vain until {what}"
        time.sleep(0.02)


@pytest.fixture
def own_cluster() -> Iterator[Cluster]:
    """A server that this test may kill."""
    running = Cluster()
    yield running
    running.stop()


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    (tmp_path / "broker").mkdir()
    (tmp_path / "broker").chmod(0o777)  # it leaves the rights of root behind
    broker = Mosquitto(tmp_path / "broker")
    yield broker
    broker.kill()


def a_box(folder: Path, number: int, mosquitto: Mosquitto, receiver_key: PublicKey) -> Box:
    (folder / f"box{number}").mkdir()
    key = SigningKey(bytes([number + 7]) * 32)
    return Box(folder / f"box{number}", mosquitto.broker, receiver_key, timeout_s=3.0, key=key)


@pytest.mark.system
@needs_mosquitto
@pytest.mark.timeout(400)
def test_whatever_of_database_broker_and_receivers_is_killed_nothing_is_lost_and_nothing_is_twice(
    own_cluster: Cluster, mosquitto: Mosquitto, tmp_path: Path
) -> None:
    direct = own_cluster.new_database()
    store = Store(direct)
    key = store.key
    store.close()
    (tmp_path / "relay").mkdir()
    relay = Relay(tmp_path / "relay", own_cluster.socket, own_cluster.kill)
    with contextlib.ExitStack() as stack:
        relayed = own_cluster.url("receiver1", tmp_path / "relay")
        one, one_url = stack.enter_context(receiver(tmp_path / "one", "--database", relayed))
        other, other_url = stack.enter_context(receiver(tmp_path / "other", "--database", direct))
        for url in (one_url, other_url):
            stack.enter_context(Bridge.running(mosquitto, url))
        sending = Sending([a_box(tmp_path, number, mosquitto, key) for number in range(BOXES)])
        until(lambda: sending.delivered >= 2 * BOXES, "all is well")

        relay.arm()
        until(relay.has_struck.is_set, "the database is killed between a commit and its answer")
        own_cluster.start()
        seen = sending.delivered
        until(lambda: sending.delivered > seen + BOXES, "the database is back")

        with listening(mosquitto) as heard:
            for process in (one, other):
                process.send_signal(signal.SIGSTOP)
            heard()  # a batch is with the broker, which has acknowledged it, and no receiver can store it
            mosquitto.kill()
            mosquitto.start()
        for process in (one, other):
            process.send_signal(signal.SIGCONT)
        seen = sending.delivered
        until(lambda: sending.delivered > seen + BOXES, "the broker is back")

        os.kill(one.pid, signal.SIGKILL)
        seen = sending.delivered
        until(lambda: sending.delivered > seen + 2 * BOXES, "the other receiver does it alone")
        sending.finish()
    relay.close()
    assert sending.problems, "nothing was in the way: the test has tried nothing"
    raised = {box.device: box.incidents for box in sending.boxes}
    for box in sending.boxes:
        box.close()
    assert stored(direct) == raised
    checked = subprocess.run([sys.executable, "-m", "receiver", "verify", "--database", direct], check=False)
    assert checked.returncode == 0


@contextlib.contextmanager
def listening(mosquitto: Mosquitto) -> Iterator[Callable[[], None]]:
    """Gives what waits until the broker has passed on a batch of some box."""
    client = MqttClient(mosquitto.broker, "listener", (up_topic(bytes(8)).replace("0" * 16, "+"),))
    client.open(10.0)

    def heard() -> None:
        while client.receive(0.01) is not None:
            continue
        assert client.receive(UNTIL_S) is not None

    try:
        yield heard
    finally:
        client.close()


def stored(url: str) -> dict[bytes, int]:
    """Alarms of each box, each once, without a hole; the journal tells each once, and no board has a doubt."""
    opened = open_for_reading(url)
    records: dict[bytes, int] = {}
    with opened.snapshot() as db:
        for dev, count, low, high in db.execute(
            select(t.record.c.dev, func.count(), func.min(t.record.c.seqno), func.max(t.record.c.seqno))
            .where(t.record.c.stream == 0)
            .group_by(t.record.c.dev)
        ):
            assert (low, high) == (1, count), "a number is missing"
            records[bytes(dev)] = count
        numbers = [t.journal.c[name] for name in ("dev", "log", "stream", "seqno")]
        places = db.execute(select(*numbers).where(t.journal.c.what == t.JOURNAL_RECORD)).all()
        assert len(places) == len(set(places)), "the journal tells a record twice"
        assert len(places) == db.execute(select(func.count()).select_from(t.record)).scalar_one()
        positions = db.execute(select(t.journal.c.position).order_by(t.journal.c.position)).scalars().all()
        assert list(positions) == list(range(1, len(positions) + 1)), "the journal has a hole"
        for table in (t.conflict, t.chain_break):
            assert db.execute(select(func.count()).select_from(table)).scalar_one() == 0, table.name
        incidents = db.execute(select(func.count()).select_from(t.incident)).scalar_one()
        assert incidents == sum(records.values())
    opened.close()
    reader = BoardReader(url)
    assert not [trouble for trouble in reader.boxes(NOW_MS).troubles if trouble.kind.value in ("gap", "conflict")]
    reader.close()
    return records
