"""Telling a real mosquitto of somebody else: acknowledged, retained availability, killed and back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from edge_agent.uplink.mqtt_client import MqttClient
from edge_agent.wire import SystemKind
from edge_agent.wire_values import Stream
from receiver.adapters.mqtt_out import BrokerAdapter, BrokerSettings
from receiver.adapters.runner import AdapterLoop
from tests.delivery.mosquitto import Mosquitto, needs_mosquitto
from tests.receiver.adapters.test_platform import messages
from tests.receiver.live import FarEnd, with_receiver
from tests.receiver.making import DEVICE, LOG, alarm, body, identity, system

pytestmark = [pytest.mark.system, needs_mosquitto]
KEY = f"{DEVICE.hex()}-{LOG}-0-1"
Turn = Callable[[], Awaitable[int]]


class Subscriber:
    """Hears everything below the prefix."""

    def __init__(self, broker: Mosquitto) -> None:
        self._client = MqttClient(broker.broker, "subscriber", ["city/lifts/#"], keeps_session=True)
        self._client.open(10.0)

    def next(self) -> tuple[str, bytes]:
        found = self._client.receive(10.0)
        assert found is not None, "nothing came"
        self._client.done(found)
        return found.topic, found.payload

    def until(self, topic: str) -> bytes:
        """The next message of a topic; the others are passed over."""
        while True:
            found, payload = self.next()
            if found == topic:
                return payload

    def close(self) -> None:
        self._client.close()


def adapter(broker: Mosquitto, **settings: Any) -> BrokerAdapter:
    given = {"prefix": "city/lifts", "client_id": "receiver", **settings}
    return BrokerAdapter("bus", BrokerSettings("127.0.0.1", broker.port, **given))


def told(folder: Path, story: Callable[[FarEnd, Mosquitto, Turn], Awaitable[None]], **settings: Any) -> None:
    """A receiver, a broker, and the adapter between them, turned by hand."""
    keeps = folder / "broker"
    keeps.mkdir()
    broker = Mosquitto(keeps)

    async def run(far_end: FarEnd) -> None:
        bus = adapter(broker, **settings)
        loop = AdapterLoop(far_end.service, bus)
        await loop.turn()
        try:
            await story(far_end, broker, loop.turn)
        finally:
            await bus.close()

    try:
        with_receiver(folder, run)
    finally:
        broker.kill()


def test_an_alarm_is_published_with_its_key_and_the_receiver_says_that_it_is_there(tmp_path: Path) -> None:
    async def story(far_end: FarEnd, broker: Mosquitto, turn: Turn) -> None:
        listener = Subscriber(broker)
        assert listener.next() == ("city/lifts/availability", b"online")
        await far_end.receipt(body(identity(1), alarm(1)))
        await far_end.tell(KEY, {"act": "taken_over", "who": "Li"})
        await turn()
        said = json.loads(await asyncio.to_thread(listener.until, f"city/lifts/{DEVICE.hex()}/raised"))
        assert (said["key"], said["name"], said["occupied_percent"]) == (KEY, "entrapment", 93)
        assert (said["bacnet_fault"], said["passenger_alarm"]) == (8, True)
        taken = json.loads(await asyncio.to_thread(listener.until, f"city/lifts/{DEVICE.hex()}/taken_over"))
        assert (taken["who"], taken["incident"], taken["key"]) == ("Li", KEY, f"{KEY}-notice-1")
        listener.close()

    told(tmp_path, story)


def test_records_and_telemetry_go_out_as_senml(tmp_path: Path) -> None:
    async def story(far_end: FarEnd, broker: Mosquitto, turn: Turn) -> None:
        listener = Subscriber(broker)
        trips = [system(number, SystemKind.TRIP, stream=Stream.TELEMETRY) for number in range(1, 4)]
        await far_end.receipt(body(alarm(1), *trips))
        await turn()
        pack = json.loads(await asyncio.to_thread(listener.until, f"city/lifts/{DEVICE.hex()}/raised"))
        assert {"n": "occupied", "u": "/", "v": 0.93} in pack
        heard = [await asyncio.to_thread(listener.until, f"city/lifts/{DEVICE.hex()}/figures") for _ in trips]
        assert {json.loads(each)[0]["vs"] for each in heard} == {f"{LOG}-2-{number}" for number in range(1, 4)}
        await turn()
        await far_end.receipt(body(system(4, SystemKind.TRIP, stream=Stream.TELEMETRY)))
        await turn()
        last = json.loads(await asyncio.to_thread(listener.until, f"city/lifts/{DEVICE.hex()}/figures"))
        assert last[0]["vs"] == f"{LOG}-2-4"
        listener.close()

    told(tmp_path, story, payload="senml", telemetry=True)


def test_a_broker_that_is_killed_loses_no_alarm_and_makes_nothing_dead(tmp_path: Path) -> None:
    async def story(far_end: FarEnd, broker: Mosquitto, turn: Turn) -> None:
        broker.kill()
        await far_end.receipt(body(alarm(1), alarm(2)))
        for _ in range(5):
            await turn()
            far_end.clock.ms += 60_000
        assert {(each["state"], each["tries"]) for each in await messages(far_end)} == {("waiting", 0)}
        broker.start()
        listener = Subscriber(broker)
        await turn()
        heard: set[str] = set()
        while len(heard) < 2:
            topic, payload = await asyncio.to_thread(listener.next)
            if topic.endswith("/raised"):
                heard.add(json.loads(payload)["key"])
        assert {key[-1] for key in heard} == {"1", "2"}
        assert {each["state"] for each in await messages(far_end)} == {"sent"}
        listener.close()

    told(tmp_path, story)


def test_a_stopped_receiver_is_shown_as_gone_to_whoever_comes_later(tmp_path: Path) -> None:
    keeps = tmp_path / "broker"
    keeps.mkdir()
    broker = Mosquitto(keeps)

    async def run(far_end: FarEnd) -> None:
        bus = adapter(broker)
        loop = AdapterLoop(far_end.service, bus)
        await loop.turn()
        await bus.close()

    try:
        with_receiver(tmp_path, run)
        listener = Subscriber(broker)
        assert listener.next() == ("city/lifts/availability", b"offline")
        listener.close()
    finally:
        broker.kill()


def test_a_refused_password_is_said_and_no_message_is_dead(tmp_path: Path) -> None:
    keeps = tmp_path / "broker"
    keeps.mkdir()
    broker = Mosquitto(keeps)
    broker.kill()
    config = keeps / "mosquitto.conf"
    config.write_text(config.read_text().replace("allow_anonymous true", "allow_anonymous false"))
    broker.start()

    async def run(far_end: FarEnd) -> None:
        bus = adapter(broker, user="x", password="wrong")
        loop = AdapterLoop(far_end.service, bus)
        await loop.turn()
        await far_end.receipt(body(alarm(1)))
        far_end.clock.ms += 60_000
        await loop.turn()
        (waiting,) = await messages(far_end)
        assert waiting["state"] == "waiting"
        assert "the broker refuses" in waiting["error"]
        await bus.close()

    try:
        with_receiver(tmp_path, run)
    finally:
        broker.kill()
