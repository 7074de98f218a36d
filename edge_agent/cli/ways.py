"""The ways to the receivers that the settings name: what carries, what seals, what says what to send now."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from drivers.modem_turns import ModemTurns
from edge_agent.agent_ways import Way
from edge_agent.clock import SystemClock
from edge_agent.delivery import Delivery, Lane
from edge_agent.delivery_evidence import EvidenceDelivery
from edge_agent.delivery_seals import BoxSeals, pinned
from edge_agent.delivery_sms import SmsDelivery
from edge_agent.errors import SettingsError, WireError
from edge_agent.journal import Journal
from edge_agent.settings import ReceiverSettings
from edge_agent.uplink.http import HttpUplink
from edge_agent.uplink.tls import PrivateTls
from edge_agent.wire import Stream
from edge_agent.wire_sealing import Direction, MacKey, SigningKey, secret_in

if TYPE_CHECKING:
    from edge_agent.agent_renewals import Listener, Renewals
    from edge_agent.uplink.mqtt import MqttUplink

POWER_UP_S = 300.0  # younger than this, the whole district may just have got its power back


class Ways:
    """All receivers of one box."""

    def __init__(self, receivers: tuple[ReceiverSettings, ...], key: SigningKey, clock: SystemClock) -> None:
        self._receivers = receivers
        self._key = key
        self._clock = clock
        self.seals: dict[str, list[BoxSeals]] = {receiver.name: [] for receiver in receivers}
        """What seals for each receiver, as far as it was made."""

    @property
    def names(self) -> list[str]:
        """Of the receivers."""
        return [receiver.name for receiver in self._receivers]

    @property
    def standby(self) -> list[str]:
        """Those that get alarms only when the others do not answer for them."""
        return [receiver.name for receiver in self._receivers if receiver.is_standby]

    def uplinks(self) -> dict[tuple[str, Lane], HttpUplink | MqttUplink]:
        """One connection for each receiver and lane. Raises `SettingsError`."""
        return {(receiver.name, lane): self._uplink(receiver, lane) for receiver in self._receivers for lane in Lane}

    def part_uplinks(self) -> dict[str, HttpUplink | MqttUplink]:
        """One more connection for each receiver, for recordings. Raises `SettingsError`."""
        return {receiver.name: self._uplink(receiver, None) for receiver in self._receivers}

    def deliveries(self, up_s: float) -> list[Delivery]:
        """up_s: since the kernel started. Raises `SettingsError` for a secret that cannot be read."""
        return [
            Delivery(
                receiver.name,
                lane,
                seed=int.from_bytes(self._key.public.fingerprint, "big"),
                start_spread_s=None if up_s < POWER_UP_S else 0.0,
                envelope=self._seals(receiver),
            )
            for receiver in self._receivers
            for lane in Lane
        ]

    def evidence_deliveries(self) -> list[EvidenceDelivery]:
        """Raises `SettingsError` for a secret that cannot be read."""
        device_id = self._key.public.fingerprint
        return [EvidenceDelivery(receiver.name, device_id, self._seals(receiver)) for receiver in self._receivers]

    def sms_deliveries(self, last: Callable[[Stream], int]) -> list[SmsDelivery]:
        """For each receiver that has numbers. last: the newest number of a stream."""
        device_id = self._key.public.fingerprint
        return [SmsDelivery(each.name, device_id, self._seals(each), last) for each in self._receivers if each.sms]

    def sms_ways(self, turns: ModemTurns) -> dict[str, Way]:
        """The modem, for each receiver that has numbers."""
        if not any(receiver.sms for receiver in self._receivers):
            return {}
        from drivers.sms_modem import SmsModem  # loaded only where messages are sent
        from edge_agent.uplink.sms import SmsUplink

        modem = SmsModem(turns)
        ways = {}
        for receiver in self._receivers:
            if receiver.sms:
                secret = self._secret(receiver)
                shared = None if secret is None else MacKey(secret, Direction.UP)
                open_receipt = self._seals(receiver).open
                uplink = SmsUplink(modem, receiver.sms, open_receipt, shared, lambda: self._clock.now_ns() // 1_000_000)
                ways[receiver.name] = Way(uplink.post, uplink.close)
        return ways

    def renewals(self, journal: Journal, listener: Callable[[], Listener]) -> list[Renewals]:
        """For the receiver that gave this box its certificate. listener: who hears of it, asked for if there is one."""
        joined = [each for each in self._receivers if each.identity is not None and each.url.startswith("https")]
        if not joined:
            return []
        from edge_agent.agent_renewals import Renewals  # X.509 costs memory, and is for boxes that have joined

        receiver, pin = joined[0], pinned(joined[0].key)
        if pin is None or receiver.identity is None:
            return []
        identity, uplink = Path(receiver.identity), self._http(receiver)
        return [Renewals(pin, self._key, identity, uplink, self._clock, os.urandom, journal, listener())]

    def _seals(self, receiver: ReceiverSettings) -> BoxSeals:
        seals = BoxSeals(self._key, pinned(receiver.key), self._secret(receiver))
        self.seals[receiver.name].append(seals)
        return seals

    def _secret(self, receiver: ReceiverSettings) -> bytes | None:
        if receiver.secret_file is None:
            return None
        try:
            return secret_in(Path(receiver.secret_file).read_text(encoding="ascii").strip())
        except (OSError, ValueError, WireError) as error:
            hint = "Put there, readable by the agent only, what `lift-receiver share` printed"
            raise SettingsError(f"no shared secret ({error})", subject=str(receiver.secret_file), hint=hint) from error

    def _tls(self, receiver: ReceiverSettings) -> PrivateTls | None:
        if receiver.ca is None:
            return None
        identity = None if receiver.identity is None else Path(receiver.identity)
        return PrivateTls(Path(receiver.ca), self._clock.is_kernel_clock_set, identity)

    def _http(self, receiver: ReceiverSettings) -> HttpUplink:
        return HttpUplink(receiver.url, tls=self._tls(receiver), key=self._key.public.text)

    def _uplink(self, receiver: ReceiverSettings, lane: Lane | None) -> HttpUplink | MqttUplink:
        parts = urlsplit(receiver.url)
        if parts.scheme in ("http", "https"):
            return self._http(receiver)
        tls, key = self._tls(receiver), self._key.public
        try:
            from edge_agent.uplink.mqtt import MqttUplink  # paho is loaded only where it is used
            from edge_agent.uplink.mqtt_client import Broker
        except ModuleNotFoundError as error:
            hint = "Install the agent with its part for MQTT: pip install 'lift-edge-agent[mqtt]'"
            raise SettingsError(f"{error.name} is not installed", subject=receiver.url, hint=hint) from error

        is_tls = parts.scheme == "mqtts"
        broker = Broker(
            parts.hostname or "",
            parts.port or (8883 if is_tls else 1883),
            (tls or ssl.create_default_context) if is_tls else None,
        )
        return MqttUplink(broker, key.fingerprint, lane, key.text, self._seals(receiver).open)
