"""A broker of somebody else: incidents as JSON, figures as SenML, and a retained word whether this receiver is there.

In: a `Telling`. Out: nothing once the broker has acknowledged it (QoS 1), or `HandoverError`. Topics:
PREFIX/DEVICE/WHAT, and PREFIX/availability retained ("online", and by the will "offline"). A payload names its key: a
subscriber drops what it has. A connection that was lost is never used again (see eclipse-paho/paho.mqtt.python #891);
this file and the boxes' own client alone know paho.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import queue
import ssl
from collections.abc import Mapping
from dataclasses import dataclass

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode

from receiver.adapters.senml import pack_of_record, senml_text
from receiver.adapters.words import HandoverError, Telling, Value, What

KEEPALIVE_S = 30
CONNECT_S = 5.0
ACK_S = 15.0
IN_FLIGHT_MAX = 20
"""All shorter than a claim. Ours."""


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """One broker. prefix: of every topic. payload: "json" or "senml", of what a record tells; all else is JSON."""

    host: str
    port: int
    prefix: str
    client_id: str
    payload: str = "json"
    telemetry: bool = False
    user: str | None = None
    password: str | None = None
    tls: ssl.SSLContext | None = None
    snapshot_s: int | None = None
    language: str = "en"


class BrokerAdapter:
    """See the module."""

    at_once = IN_FLIGHT_MAX
    online_s = 30

    def __init__(self, name: str, settings: BrokerSettings) -> None:
        self._name = name
        self._settings = settings
        self._client: paho.Client | None = None
        self._opening = asyncio.Lock()

    @property
    def name(self) -> str:
        """As in the settings."""
        return self._name

    @property
    def language(self) -> str:
        """Of titles and texts."""
        return self._settings.language

    @property
    def snapshot_s(self) -> int | None:
        """How often every lift is told as it is."""
        return self._settings.snapshot_s

    @property
    def wants_telemetry(self) -> bool:
        """Figures of trips and health, too."""
        return self._settings.telemetry

    def wants(self, what: What, _kind: int | None) -> bool:
        """Everything: a subscriber chooses by topic."""
        return what is not What.SHOWN and (what is not What.FIGURES or self._settings.telemetry)

    def code_of(self, kind: int) -> Value:
        """Names are enough here."""
        del kind
        return None

    async def hand_over(self, telling: Telling) -> None:
        """See `Adapter`. That this receiver is online costs nothing but an open connection."""
        client = await self._open()
        if telling.what is What.ONLINE:
            return
        is_senml = telling.what is What.FIGURES or self._settings.payload == "senml"
        if telling.record is not None and is_senml:
            happened = telling.facts.get("happened")
            payload = senml_text(pack_of_record(telling.record, happened if isinstance(happened, int) else 0))
        else:
            payload = json.dumps(_named(telling.facts), ensure_ascii=False, allow_nan=False)
        topic = f"{self._settings.prefix}/{telling.facts.get('device')}/{telling.what.value}"
        await asyncio.to_thread(self._publish, client, topic, payload.encode())

    async def close(self) -> None:
        """Say goodbye."""
        if self._client is not None:
            client, self._client = self._client, None
            await asyncio.to_thread(self._leave, client)

    async def _open(self) -> paho.Client:
        async with self._opening:
            if self._client is not None and self._client.is_connected():
                return self._client
            await self.close()
            self._client = await asyncio.to_thread(self._connected)
            return self._client

    def _connected(self) -> paho.Client:
        settings = self._settings
        state: queue.SimpleQueue[str] = queue.SimpleQueue()
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=settings.client_id,
            clean_session=True,
            protocol=paho.MQTTv311,
            reconnect_on_failure=False,
        )

        def told(_c: paho.Client, _u: object, _f: object, reason: ReasonCode, _p: object) -> None:
            state.put(f"the broker refuses: {reason}" if reason.is_failure else "")

        client.on_connect = told
        client.max_inflight_messages_set(IN_FLIGHT_MAX)
        client.will_set(self._availability, b"offline", qos=1, retain=True)
        if settings.user is not None:
            client.username_pw_set(settings.user, settings.password)
        if settings.tls is not None:
            client.tls_set_context(settings.tls)
        client.connect_timeout = CONNECT_S
        try:
            client.connect(settings.host, settings.port, keepalive=KEEPALIVE_S)
            client.loop_start()
            problem = state.get(timeout=CONNECT_S)
        except queue.Empty:
            problem = "it does not answer"
        except (OSError, ValueError) as error:
            problem = str(error)
        if problem:
            client.disconnect()
            client.loop_stop()
            raise HandoverError(f"broker {settings.host}:{settings.port}: {problem}", is_away=True)
        self._publish(client, self._availability, b"online", is_kept=True)
        return client

    @property
    def _availability(self) -> str:
        return f"{self._settings.prefix}/availability"

    def _publish(self, client: paho.Client, topic: str, payload: bytes, *, is_kept: bool = False) -> None:
        """Returns after the PUBACK."""
        found = client.publish(topic, payload, qos=1, retain=is_kept)
        if found.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise HandoverError(f"not published: {paho.error_string(found.rc)}", is_away=True)
        try:
            found.wait_for_publish(ACK_S)
        except (ValueError, RuntimeError) as error:
            raise HandoverError(f"not published: {error}", is_away=True) from error
        if not found.is_published():
            raise HandoverError(f"no acknowledgement within {ACK_S:g} s", is_later=True)

    def _leave(self, client: paho.Client) -> None:
        if client.is_connected():
            with contextlib.suppress(HandoverError):  # the will says it
                self._publish(client, self._availability, b"offline", is_kept=True)
        client.disconnect()
        client.loop_stop()


def _named(facts: Mapping[str, Value]) -> dict[str, Value]:
    """What is known of it; nothing that is not."""
    return {name: value for name, value in facts.items() if value is not None}
