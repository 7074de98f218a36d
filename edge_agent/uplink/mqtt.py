"""MQTT to a receiver: a batch goes up, and only a sealed receipt that names it counts as an answer.

A PUBACK is worth nothing: a broker that accepts and discards, or is killed, gives one too. What comes down without the
receiver's seal is ignored and counted: whoever may publish there could otherwise silence an alarm.
Source: design/wire.md section 2.3.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from edge_agent.delivery_steps import AnswerMissing, Lane
from edge_agent.errors import WireError
from edge_agent.uplink.mqtt_client import Broker, BrokerUnavailable, MqttClient, Will
from edge_agent.uplink.mqtt_topics import ask_topic, down_topic, key_topic, part_topic, state_topic, up_topic
from edge_agent.wire import Receipt, answer_tag, decode_receipt

TIMEOUT_S = 10.0


class MqttUplink:
    """One lane to one receiver. Used by one thread; blocks for at most `timeout_s`, and as long to connect."""

    def __init__(
        self,
        broker: Broker,
        device_id: bytes,
        lane: Lane | None,
        key: str,
        open_receipt: Callable[[bytes], bytes],
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """lane: None for parts of recordings. key: the public key of the box in text.

        open_receipt: raises `WireError` for a foreign seal.
        """
        self._broker = broker
        self._device_id = device_id
        self._lane = lane
        self._key = key
        self._open_receipt = open_receipt
        self._timeout_s = timeout_s
        self._client: MqttClient | None = None
        self.ignored_count = 0  # messages that no receiver of ours sealed

    def post(self, body: bytes) -> bytes:
        """Send a batch; the answer is a sealed receipt. Raises `AnswerMissing`."""
        tag = answer_tag(body)
        return self._exchange(up_topic(self._device_id), body, lambda receipt: receipt.answers == tag)

    def part(self, body: bytes) -> bytes:
        """Send a sealed part of a recording; the answer is a sealed receipt. Raises `AnswerMissing`."""
        tag = answer_tag(body)
        return self._exchange(part_topic(self._device_id), body, lambda receipt: receipt.answers == tag)

    def notices(self, device_id: bytes, after: int, wait_s: int) -> bytes:
        """Ask for notices beyond number `after`. Raises `AnswerMissing`."""
        asked = f"{after}".encode("ascii")
        return self._exchange(
            ask_topic(device_id), asked, lambda receipt: receipt.answers is None and not receipt.verdicts, wait_s
        )

    def close(self) -> None:
        """Leave the broker. Never raises."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _exchange(self, topic: str, payload: bytes, fits: Callable[[Receipt], bool], wait_s: float = 0.0) -> bytes:
        until_s = time.monotonic() + self._timeout_s + wait_s
        ignored_before = self.ignored_count
        try:
            client = self._connected()
            client.publish(topic, payload)
            while (left_s := until_s - time.monotonic()) > 0.0 and client.is_open:
                message = client.receive(min(left_s, 1.0))
                if message is None:
                    continue
                client.done(message)
                receipt = self._receipt_in(message.payload)
                if receipt is not None and fits(receipt):
                    return message.payload
        except BrokerUnavailable as error:
            self.close()
            raise self._missing(str(error), "Is the broker running, may this box connect to it?") from error
        self.close()  # a client that gave no answer is not used again
        problem = "no sealed receipt in time"
        if (ignored := self.ignored_count - ignored_before) > 0:
            problem += f"; {ignored} messages without the seal of this receiver were ignored"
        raise self._missing(problem, "The broker took it; is `lift-receiver mqtt` running?")

    def _receipt_in(self, payload: bytes) -> Receipt | None:
        try:
            return decode_receipt(self._open_receipt(payload))
        except WireError:
            self.ignored_count += 1
            return None

    def _connected(self) -> MqttClient:
        if self._client is not None and self._client.is_open:
            return self._client
        self.close()
        is_main = self._lane is Lane.ALARMS  # one of the two connections speaks for the box
        client = MqttClient(
            self._broker,
            f"{self._device_id.hex()}-{'parts' if self._lane is None else self._lane.value}",
            (down_topic(self._device_id),),
            Will(state_topic(self._device_id), b"0", b"1") if is_main else None,
        )
        client.open(self._timeout_s)
        self._client = client
        client.publish(key_topic(self._device_id), self._key.encode("ascii"), is_kept=True)
        return client

    def _missing(self, problem: str, hint: str) -> AnswerMissing:
        return AnswerMissing(problem, subject=f"mqtt://{self._broker.host}:{self._broker.port}", hint=hint)
