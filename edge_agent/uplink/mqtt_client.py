"""The only place that knows paho: one connection to a broker, messages in and out, each wait with an end.

A client that lost its connection is never used again: a TLS error can leave paho's thread dead while it says that it is
connected (eclipse-paho/paho.mqtt.python #891). Nothing here waits for a PUBACK: it says nothing about storage.
"""

from __future__ import annotations

import queue
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode

KEEPALIVE_S = 30
INBOX_MAX = 256
IN_FLIGHT_MAX = 20  # Source: field notes on peers, section 4


class BrokerUnavailable(Exception):
    """There is no usable connection to the broker; the message says why."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a subscribed topic. number: for `done`."""

    topic: str
    payload: bytes
    number: int


@dataclass(frozen=True, slots=True)
class Broker:
    """Where it is. tls: gives the context of a new connection; None: plain."""

    host: str
    port: int
    tls: Callable[[], ssl.SSLContext] | None = None


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker says when this client is gone, and what the client says when it comes; both are retained."""

    topic: str
    gone: bytes
    here: bytes


class MqttClient:
    """Made, `open`ed once, used by one thread for `receive`, `close`d."""

    def __init__(
        self,
        broker: Broker,
        client_id: str,
        topics: Sequence[str],
        will: Will | None = None,
        *,
        keeps_session: bool = False,
    ) -> None:
        """topics: subscribed at QoS 1. keeps_session: the broker keeps what comes while we are away."""
        self._broker = broker
        self._topics = tuple(topics)
        self._will = will
        self._inbox: queue.Queue[Message] = queue.Queue(INBOX_MAX)
        self._state: queue.SimpleQueue[str] = queue.SimpleQueue()  # "" once subscribed, else what went wrong
        self.dropped_count = 0
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=not keeps_session,
            protocol=paho.MQTTv311,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        self._client.max_inflight_messages_set(IN_FLIGHT_MAX)
        self._client.on_connect = self._connected
        self._client.on_subscribe = self._subscribed
        self._client.on_message = self._arrived
        if will is not None:
            self._client.will_set(will.topic, will.gone, qos=1, retain=True)

    @property
    def is_open(self) -> bool:
        """Connected, as far as is known."""
        return self._client.is_connected()

    def open(self, timeout_s: float) -> None:
        """Connect and subscribe. Raises `BrokerUnavailable`."""
        if self._broker.tls is not None:
            self._client.tls_set_context(self._broker.tls())
        self._client.connect_timeout = timeout_s
        try:
            self._client.connect(self._broker.host, self._broker.port, keepalive=KEEPALIVE_S)
            self._client.loop_start()
            problem = self._state.get(timeout=timeout_s)
        except queue.Empty:
            problem = "the broker does not answer"
        except (OSError, ValueError) as error:
            problem = str(error)
        if problem:
            self.close()
            raise BrokerUnavailable(problem)
        if self._will is not None:
            self.publish(self._will.topic, self._will.here, is_kept=True)

    def publish(self, topic: str, payload: bytes, *, is_kept: bool = False) -> None:
        """Hand a message to the connection, at QoS 1. Raises `BrokerUnavailable`."""
        if not self.is_open:
            raise BrokerUnavailable("the connection to the broker is lost")
        found = self._client.publish(topic, payload, qos=1, retain=is_kept)
        if found.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise BrokerUnavailable(paho.error_string(found.rc))

    def receive(self, timeout_s: float) -> Message | None:
        """The next message; None: none came, or the connection is lost."""
        try:
            return self._inbox.get(timeout=max(0.001, timeout_s))
        except queue.Empty:
            return None

    def done(self, message: Message) -> None:
        """The broker may forget it."""
        self._client.ack(message.number, 1)

    def close(self) -> None:
        """Leave. Never raises."""
        if self._will is not None and self.is_open:
            self._client.publish(self._will.topic, self._will.gone, qos=1, retain=True)
        self._client.disconnect()
        self._client.loop_stop()

    def _connected(
        self, client: paho.Client, _userdata: object, _flags: object, reason: ReasonCode, _properties: object
    ) -> None:
        if reason.is_failure:
            self._state.put(f"the broker refuses: {reason}")
        elif self._topics:
            client.subscribe([(topic, 1) for topic in self._topics])
        else:
            self._state.put("")

    def _subscribed(
        self, _client: object, _userdata: object, _number: int, reasons: list[ReasonCode], _properties: object
    ) -> None:
        is_refused = any(reason.is_failure for reason in reasons) or not reasons
        self._state.put("the broker refuses the topics" if is_refused else "")

    def _arrived(self, _client: object, _userdata: object, message: paho.MQTTMessage) -> None:
        try:
            self._inbox.put_nowait(Message(message.topic, bytes(message.payload), message.mid))
        except queue.Full:
            self.dropped_count += 1
