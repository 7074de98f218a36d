"""What the operator chose and the installer wired, as frozen values. `settings_toml` makes them from a file."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import PurePath

from edge_agent.detect.limits import Limits
from edge_agent.errors import SettingsError
from edge_agent.installation import Installation, Lift, Wiring
from edge_agent.readings import Signal


class SettingsProblems(SettingsError):
    """All problems of one settings file together; `str` gives one line each."""

    def __init__(self, problems: tuple[SettingsError, ...], *, subject: str) -> None:
        count = len(problems)
        super().__init__(
            f"{count} {'problem' if count == 1 else 'problems'}", subject=subject, hint="Nothing was started"
        )
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


class Pull(Enum):
    """Resistor inside the board that holds an open contact at a level."""

    UP = "up"
    DOWN = "down"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class AccelerometerSettings:
    """Which chip hangs where. `bus`: "/dev/i2c-1", "1" or "unix:PATH"."""

    chip: str
    bus: str
    address: int
    rate_hz: int
    range_g: int


@dataclass(frozen=True, slots=True)
class PressureSettings:
    """Which barometer hangs where."""

    chip: str
    bus: str
    address: int
    rate_hz: float


@dataclass(frozen=True, slots=True)
class ContactSettings:
    """One contact. `is_active_low`: the named state pulls the line to ground."""

    signal: Signal
    pin: int  # GPIO number, not the place on the header
    is_active_low: bool
    pull: Pull


@dataclass(frozen=True, slots=True)
class ContactsSettings:
    """The lines and the GPIO chip they are on. `chip`: "lgpio", "lgpio:N" or "unix:PATH"."""

    chip: str
    contacts: tuple[ContactSettings, ...]


@dataclass(frozen=True, slots=True)
class LampSettings:
    """One indicator lamp of the box. `is_active_low`: a low level lights it."""

    pin: int  # GPIO number, not the place on the header
    is_active_low: bool


@dataclass(frozen=True, slots=True)
class LampsSettings:
    """The two indicator lamps and the GPIO chip they are on. `chip`: "lgpio" or "lgpio:N"."""

    chip: str
    alarm_sent: LampSettings
    help_is_coming: LampSettings


@dataclass(frozen=True, slots=True)
class LidSettings:
    """The contact at the lid of the box. `is_active_low`: the open lid pulls the line to ground."""

    chip: str
    pin: int  # GPIO number, not the place on the header
    is_active_low: bool
    pull: Pull


class SerialParity(Enum):
    """Parity of a serial line."""

    NONE = "none"
    EVEN = "even"
    ODD = "odd"


@dataclass(frozen=True, slots=True)
class SerialLineSettings:
    """A serial port and how bytes stand on it. None: as the protocol says."""

    port: str
    baud_rate: int | None
    parity: SerialParity | None
    stop_bits: int | None


@dataclass(frozen=True, slots=True)
class TcpSettings:
    """A Modbus address on the network. `is_rtu`: a gateway that passes RTU frames through as they are."""

    host: str
    port: int
    is_rtu: bool


@dataclass(frozen=True, slots=True)
class ModbusSettings:
    """A lift controller that is polled by a register map."""

    link: TcpSettings | SerialLineSettings
    unit: int
    map_name: str
    poll_hz: float
    is_polling_risk_accepted: bool


@dataclass(frozen=True, slots=True)
class TalkerSettings:
    """A lift controller that talks by itself on a serial line and is listened to."""

    line: SerialLineSettings
    protocol_name: str


ControllerSettings = ModbusSettings | TalkerSettings


@dataclass(frozen=True, slots=True)
class SupplySettings:
    """The supply monitor in the lead of the box's battery."""

    chip: str
    bus: str
    address: int
    shunt_ohm: float
    rate_hz: float


@dataclass(frozen=True, slots=True)
class ModemSettings:
    """The modem's AT port, left alone by everything else on the box."""

    port: str
    baud_rate: int
    period_s: float


@dataclass(frozen=True, slots=True)
class ReceiverSettings:
    """One far end that must store every record."""

    name: str
    url: str
    ca: PurePath | None = None  # the CA of its certificate; None: those of the system
    is_standby: bool = False  # gets alarms only when the others do not answer for them
    secret_file: PurePath | None = None  # holds the secret shared with this receiver, for short seals
    key: str = "none"  # its public key, which seals its receipts; "none": any sealed receipt is believed
    identity: PurePath | None = None  # key and certificate with which this box shows itself in TLS
    sms: tuple[str, ...] = ()  # numbers of its gateway, for alarms that get through in no other way


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """Where records wait and who gets them."""

    outbox: PurePath
    receivers: tuple[ReceiverSettings, ...]


@dataclass(frozen=True, slots=True)
class RecordingSettings:
    """The ring of raw readings that is always on."""

    path: PurePath
    max_bytes: int


@dataclass(frozen=True, slots=True)
class KnownSettings:
    """What a person knows of this lift that a calibration cannot measure; None: nobody has said.

    travel_m: from the lowest to the highest landing. well_degc: warmth of the air in the well. latitude_deg: for local
    gravity.
    """

    travel_m: float | None = None
    well_degc: float | None = None
    latitude_deg: float | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """One valid settings file. Sections that are absent are None: that source or duty does not exist here."""

    lift: Lift
    registration_code: str
    accelerometer: AccelerometerSettings | None
    pressure: PressureSettings | None
    contacts: ContactsSettings | None
    controller: ControllerSettings | None
    supply: SupplySettings | None
    modem: ModemSettings | None
    delivery: DeliverySettings
    recording: RecordingSettings | None
    lamps: LampsSettings | None
    lid: LidSettings | None
    known: KnownSettings
    limits: Limits
    limit_overrides: tuple[tuple[str, float], ...]  # what of the limits the file changes
    state_folder: PurePath

    def installation(self) -> Installation:
        """What the detection core is told about this lift."""
        contacts = self.contacts.contacts if self.contacts is not None else ()
        return Installation(
            lift=self.lift,
            wiring=Wiring(
                has_accelerometer=self.accelerometer is not None,
                accel_rate_hz=float(self.accelerometer.rate_hz) if self.accelerometer is not None else None,
                has_pressure=self.pressure is not None,
                has_controller=self.controller is not None,
                signals=frozenset(contact.signal for contact in contacts),
            ),
        )
