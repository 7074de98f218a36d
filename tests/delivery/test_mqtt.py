"""MQTT through a real mosquitto, to a real receiver and its bridge: only a sealed receipt counts."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.alarms import AlarmState
from edge_agent.delivery import AnswerMissing, Delivery, Lane, Outcome, Poll, Send
from edge_agent.delivery_seals import BoxSeals
from edge_agent.outbox import Outbox
from edge_agent.records import draft_of_alarm
from edge_agent.uplink.mqtt import MqttUplink
from edge_agent.uplink.mqtt_client import Broker, MqttClient
from edge_agent.uplink.mqtt_topics import device_in, down_topic, state_topic, up_topic
from edge_agent.wire import (
    Act,
    IncidentRef,
    Mark,
    Notice,
    Receipt,
    Stamp,
    Stream,
    Verdict,
    answer_tag,
    encode_receipt,
)
from edge_agent.wire_sealing import PublicKey, SigningKey, Use
from tests.delivery.making import MAIN, alarm
from tests.delivery.mosquitto import Mosquitto, needs_mosquitto

KEY = SigningKey(bytes(range(32)))
DEVICE = KEY.public.fingerprint
FORGER = SigningKey(bytes(range(1, 33)))


def test_topics_of_others_are_none_of_ours() -> None:
    assert device_in(up_topic(DEVICE)) == (DEVICE, "up")
    for topic in ("", "lift/1/up", "lift/2/a050837d85070582/up", "lift/1/a050837d8507058g/up", up_topic(DEVICE) + "/x"):
        assert device_in(topic) is None


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    broker = Mosquitto(tmp_path)
    yield broker
    broker.kill()


@contextlib.contextmanager
def child(*arguments: str, starts: str) -> Iterator[str]:
    """A process of the receiver; yields its first line, which must begin so."""
    process = subprocess.Popen(
        [sys.executable, "-m", "receiver", *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith(starts), line
        yield line.strip()
    finally:
        process.kill()
        process.communicate()


@contextlib.contextmanager
def far_end(folder: Path, mosquitto: Mosquitto) -> Iterator[PublicKey]:
    """A receiver and its bridge."""
    with child("run", "--port", "0", "--data", str(folder / "firm"), starts="listening on") as line:
        url = line.removeprefix("listening on ")
        key = subprocess.run(
            [sys.executable, "-m", "receiver", "key", "--data", str(folder / "firm")],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        with child("mqtt", "--broker", f"127.0.0.1:{mosquitto.port}", "--receiver", url, starts="bridging"):
            yield PublicKey.from_text(key)


class Box:
    """Outbox, delivery and MQTT of one box, stepped by hand."""

    def __init__(
        self, folder: Path, broker: Broker, receiver: PublicKey, timeout_s: float = 5.0, key: SigningKey = KEY
    ) -> None:
        self.device = key.public.fingerprint
        self.outbox = Outbox.open(folder / "outbox.db", self.device, boot_id="b", up_ms=1, destinations=(MAIN,))
        self.seals = BoxSeals(key, receiver)
        self.delivery = Delivery(MAIN, Lane.ALARMS, seed=1, start_spread_s=0.0, envelope=self.seals)
        self.uplink = MqttUplink(broker, self.device, Lane.ALARMS, key.public.text, self.seals.open, timeout_s)
        self.now_ns = 10**9
        self.incidents = 0

    def raise_alarm(self) -> None:
        self.incidents += 1
        draft = draft_of_alarm(alarm(AlarmState.RAISED, incident=self.incidents))
        assert draft is not None
        self.outbox.append(draft, Stamp(1, self.now_ns // 1_000_000))

    def step(self) -> Outcome:
        self.now_ns += 30 * 10**9
        step = self.delivery.due(self.now_ns, Stamp(1, self.now_ns // 1_000_000), self.outbox)
        try:
            match step:
                case Send():
                    answer = self.uplink.post(step.body)
                case Poll():
                    answer = self.uplink.notices(self.device, step.after, 0)
                case _:
                    raise AssertionError(step)
        except AnswerMissing as error:
            return self.delivery.failed(self.now_ns, error)
        outcome = self.delivery.answered(self.now_ns, answer, self.outbox)
        self.outbox.settle(MAIN, outcome, Stamp(1, self.now_ns // 1_000_000))
        return outcome

    @property
    def waiting(self) -> int:
        return self.outbox.waiting_count(MAIN)

    def close(self) -> None:
        self.uplink.close()
        self.outbox.close()


@pytest.mark.system
@needs_mosquitto
def test_an_alarm_is_stored_through_a_broker_and_notices_are_asked_for(tmp_path: Path, mosquitto: Mosquitto) -> None:
    with far_end(tmp_path, mosquitto) as receiver:
        box = Box(tmp_path, mosquitto.broker, receiver)
        box.raise_alarm()
        assert box.step().problem == ""
        assert box.waiting == 0
        assert box.step().problem == ""  # a poll
        began_s = time.monotonic()
        box.raise_alarm()
        assert box.step().problem == ""
        assert time.monotonic() - began_s < 1.0
        box.close()


@pytest.mark.system
@needs_mosquitto
def test_a_broker_that_accepts_and_has_nobody_behind_it_moves_nothing(tmp_path: Path, mosquitto: Mosquitto) -> None:
    box = Box(tmp_path, mosquitto.broker, FORGER.public, timeout_s=1.0)
    box.raise_alarm()
    assert "no sealed receipt in time" in box.step().problem
    assert box.waiting == 1
    mosquitto.kill()
    assert "connect" in box.step().problem.lower() or "refused" in box.step().problem.lower()
    mosquitto.start()
    with far_end(tmp_path, mosquitto) as receiver:
        box.close()
        box = Box(tmp_path, mosquitto.broker, receiver)
        assert box.step().problem == ""
        assert box.waiting == 0
        box.close()


@pytest.mark.system
@needs_mosquitto
def test_forged_receipts_are_ignored_and_counted(tmp_path: Path, mosquitto: Mosquitto) -> None:
    with far_end(tmp_path, mosquitto) as receiver:
        box = Box(tmp_path, mosquitto.broker, receiver)
        box.raise_alarm()
        box.step()
        stranger = MqttClient(mosquitto.broker, "stranger", ())
        stranger.open(5.0)
        for wrap in (lambda data: data, lambda data: FORGER.seal(data, Use.RECEIPT)):
            receipt = encode_receipt(
                Receipt(DEVICE, box.outbox.log_id, (Verdict.STORED,), (), 1_795_459_200_000, bytes(8), answers=bytes(8))
            )
            stranger.publish(down_topic(DEVICE), wrap(receipt))
        until_s = time.monotonic() + 10.0
        while box.uplink.ignored_count < 2 and time.monotonic() < until_s:
            box.raise_alarm()
            assert box.step().problem == ""
        assert box.uplink.ignored_count == 2
        assert box.waiting == 0
        stranger.close()
        box.close()


@pytest.mark.system
@needs_mosquitto
def test_a_forged_taking_over_is_not_believed_and_said_so(tmp_path: Path, mosquitto: Mosquitto) -> None:
    """Whoever may publish there answers every batch at once, with the right log and batch but not with the key."""
    box = Box(tmp_path, mosquitto.broker, FORGER.public, timeout_s=2.0)
    box.uplink.close()
    box.seals = BoxSeals(KEY, SigningKey(bytes(range(2, 34))).public)
    box.delivery = Delivery(MAIN, Lane.ALARMS, seed=1, start_spread_s=0.0, envelope=box.seals)
    box.uplink = MqttUplink(mosquitto.broker, DEVICE, Lane.ALARMS, KEY.public.text, box.seals.open, 2.0)
    box.raise_alarm()
    stranger = MqttClient(mosquitto.broker, "stranger", (up_topic(DEVICE),))
    stranger.open(5.0)
    told: list[Outcome] = []
    thread = threading.Thread(target=lambda: told.append(box.step()))
    thread.start()
    message = stranger.receive(5.0)
    assert message is not None
    taken_over = Notice(
        1, Act.TAKEN_OVER, IncidentRef(box.outbox.log_id, Stream.ALARM, 1), 1_795_459_200_000, "Mallory"
    )
    receipt = Receipt(
        DEVICE,
        box.outbox.log_id,
        (Verdict.STORED,),
        (Mark(Stream.ALARM, 1),),
        1_795_459_200_000,
        bytes(8),
        notices=(taken_over,),
        answers=answer_tag(message.payload),
    )
    stranger.publish(down_topic(DEVICE), FORGER.seal(encode_receipt(receipt), Use.RECEIPT))
    thread.join()
    assert "1 messages without the seal of this receiver were ignored" in told[0].problem
    assert box.waiting == 1
    assert box.outbox.untaken() == (1,)
    stranger.close()
    box.close()


@pytest.mark.system
@needs_mosquitto
def test_a_broker_that_stands_still_with_the_connection_open_costs_one_wait(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    with far_end(tmp_path, mosquitto) as receiver:
        box = Box(tmp_path, mosquitto.broker, receiver, timeout_s=2.0)
        box.raise_alarm()
        assert box.step().problem == ""
        mosquitto.process.send_signal(signal.SIGSTOP)
        try:
            box.raise_alarm()
            began_s = time.monotonic()
            assert box.step().problem != ""
            assert time.monotonic() - began_s < 60.0  # and not until TCP gives up
            assert box.waiting == 1
        finally:
            mosquitto.process.send_signal(signal.SIGCONT)
        until_s = time.monotonic() + 60.0
        while box.waiting and time.monotonic() < until_s:
            box.step()
        assert box.waiting == 0
        box.close()


def test_the_box_speaks_mqtt_3_1_1_without_a_session() -> None:
    """A broker that refuses version 5 is served. Source: MQTT 3.1.1, section 3.1.2."""
    with socket.create_server(("127.0.0.1", 0)) as broker:
        uplink = MqttUplink(
            Broker("127.0.0.1", broker.getsockname()[1]), DEVICE, Lane.ALARMS, KEY.public.text, bytes, timeout_s=0.3
        )
        told: list[bytes] = []

        def listen() -> None:
            client, _ = broker.accept()
            with client:
                told.append(client.recv(256))

        thread = threading.Thread(target=listen)
        thread.start()
        with pytest.raises(AnswerMissing):
            uplink.post(b"batch")
        thread.join()
    connect = told[0][2:]
    assert connect[:7] == b"\x00\x04MQTT\x04"  # level 4 is 3.1.1; 5 is version 5
    assert connect[7] & 0x02  # clean session


@pytest.mark.system
@needs_mosquitto
def test_the_broker_says_when_a_box_is_gone(tmp_path: Path, mosquitto: Mosquitto) -> None:
    watcher = MqttClient(mosquitto.broker, "watcher", (state_topic(DEVICE),))
    watcher.open(5.0)
    box = Box(tmp_path, mosquitto.broker, FORGER.public, timeout_s=0.5)
    box.raise_alarm()
    box.step()
    said = []
    while (message := watcher.receive(2.0)) is not None:
        said.append(message.payload)
    assert said == [b"1", b"0"]
    watcher.close()
    box.close()
