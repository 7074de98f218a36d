"""`lift-receiver mqtt`: carries batches from a broker to the receiver and sealed receipts back.

It keeps nothing and seals nothing. A message is acknowledged to the broker after the receiver has answered; what a
bridge that dies has lost, the box sends again.
"""

from __future__ import annotations

import http.client
import logging
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode, urlsplit

from edge_agent.uplink.mqtt_client import Broker, BrokerUnavailable, Message, MqttClient
from edge_agent.uplink.mqtt_topics import PREFIX, device_in, down_topic
from edge_agent.wire import ANSWER_BYTES_MAX, BATCH_BYTES_MAX, BATCH_TYPE, KEY_HEADER, PART_TYPE

_GROUP = re.compile(r"[A-Za-z0-9._-]{1,64}")
WORKERS = 8
KEYS_MAX = 100_000
KEY_CHARACTERS_MAX = 44
TIMEOUT_S = 10.0
AGAIN_S = 2.0
"""Ours: eight boxes are served at once; keys are kept by the broker, these are copies of 44 bytes."""

log = logging.getLogger("receiver")


def topics_of(group: str | None) -> tuple[str, ...]:
    """What a bridge subscribes to. group: of bridges that share the messages; each message goes to one of them.

    The keys of boxes go to every bridge: they are kept messages, which no shared subscription gets when it is made.
    Source: MQTT 5.0, sections 3.8.4 and 4.8.2. Raises `ValueError`.
    """
    if group is not None and _GROUP.fullmatch(group) is None:
        raise ValueError(f"{group!r} is no name of a group: letters, digits, dot, minus, underscore, at most 64")
    share = "" if group is None else f"$share/{group}/"
    return *(f"{share}{PREFIX}/+/{word}" for word in ("up", "part", "ask")), f"{PREFIX}/+/key"


class Bridge:
    """One broker, one receiver."""

    def __init__(self, broker: Broker, receiver_url: str, name: str, group: str | None = None) -> None:
        """receiver_url: "http://host:port" of the receiver, on this machine or inside the firm.

        group: of bridges that share the work, each under a name of its own. Such a bridge leaves no session behind: a
        broker goes on dealing messages to a session whose bridge is dead, and boxes would wait for their answers.
        Raises `ValueError`.
        """
        self._topics = topics_of(group)
        self._keeps_session = group is None
        self._broker = broker
        self._url = urlsplit(receiver_url)
        self._name = name
        self._keys: OrderedDict[bytes, str] = OrderedDict()

    def run(self, is_stopped: Callable[[], bool], said: Callable[[str], None]) -> None:
        """Carry until stopped; a broker that is away is tried again."""
        with ThreadPoolExecutor(WORKERS, thread_name_prefix="bridge") as pool:
            while not is_stopped():
                client = MqttClient(self._broker, self._name, self._topics, keeps_session=self._keeps_session)
                try:
                    client.open(TIMEOUT_S)
                except BrokerUnavailable as error:
                    log.warning("broker %s:%d: %s", self._broker.host, self._broker.port, error)
                    _pause(AGAIN_S, is_stopped)
                    continue
                said(f"bridging {self._broker.host}:{self._broker.port} to {self._url.geturl()}")
                while client.is_open and not is_stopped():
                    message = client.receive(0.5)
                    if message is not None:
                        self._sort(client, message, pool)
                client.close()

    def _sort(self, client: MqttClient, message: Message, pool: ThreadPoolExecutor) -> None:
        found = device_in(message.topic)
        if found is None:
            client.done(message)
            return
        device, word = found
        if word == "key":
            self._learn(device, message.payload)
            client.done(message)
        else:
            pool.submit(self._carry, client, message, device, word)

    def _learn(self, device: bytes, payload: bytes) -> None:
        if len(payload) <= KEY_CHARACTERS_MAX and payload.isascii():
            self._keys[device] = payload.decode("ascii")
            self._keys.move_to_end(device)
            if len(self._keys) > KEYS_MAX:
                self._keys.popitem(last=False)

    def _carry(self, client: MqttClient, message: Message, device: bytes, word: str) -> None:
        try:
            answer = self._ask(device, word, message.payload)
            if answer is not None:
                client.publish(down_topic(device), answer)
            client.done(message)
        except (OSError, http.client.HTTPException) as error:
            log.warning("receiver %s: %s", self._url.geturl(), error)
            client.done(message)  # no receipt: the box sends it again
        except BrokerUnavailable:
            return

    def _ask(self, device: bytes, word: str, payload: bytes) -> bytes | None:
        """The receiver's sealed answer; None where it has none for this."""
        connection = http.client.HTTPConnection(self._url.hostname or "", self._url.port or 80, timeout=TIMEOUT_S)
        try:
            if word == "ask":
                if not payload.isdigit() or len(payload) > 10:
                    return None
                query = urlencode({"after": int(payload), "wait": 0, "dev": device.hex()})
                connection.request("GET", f"/v1/notices?{query}")
            else:
                if len(payload) > BATCH_BYTES_MAX:
                    return None
                path, kind = ("/v1/evidence", PART_TYPE) if word == "part" else ("/v1/records", BATCH_TYPE)
                headers = {"Content-Type": kind}
                if device in self._keys:
                    headers[KEY_HEADER] = self._keys[device]
                connection.request("POST", path, payload, headers)
            response = connection.getresponse()
            answer = response.read(ANSWER_BYTES_MAX + 1)
            return answer if response.status == http.client.OK and len(answer) <= ANSWER_BYTES_MAX else None
        finally:
            connection.close()


def broker_at(text: str) -> Broker:
    """From "host" or "host:port". Raises `ValueError`."""
    parts = urlsplit(f"//{text}")
    if not parts.hostname:
        raise ValueError(f"{text!r} is no host:port")
    return Broker(parts.hostname, parts.port or 1883)


def _pause(seconds: float, is_stopped: Callable[[], bool]) -> None:
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s and not is_stopped():
        time.sleep(0.1)
