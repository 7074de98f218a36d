"""TOML text to settings, every mistake with its line. Pure: the text is read from disk by the command line.

`docs/config.md` describes each key for people.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePath

from drivers.register_map import RegisterMap
from edge_agent.detect.limits import LIMITS, LimitProblem, Limits, limits_with
from edge_agent.errors import SettingsError
from edge_agent.installation import Drive, Lift
from edge_agent.readings import Signal
from edge_agent.settings import (
    AccelerometerSettings,
    ContactSettings,
    ContactsSettings,
    ControllerSettings,
    DeliverySettings,
    KnownSettings,
    LampsSettings,
    LidSettings,
    PressureSettings,
    Pull,
    ReceiverSettings,
    RecordingSettings,
    Settings,
    SettingsProblems,
)
from edge_agent.settings_delivery import delivery_from
from edge_agent.settings_devices import (
    ACCELEROMETERS,
    accelerometer_from,
    controller_from,
    modem_from,
    no_protocol,
    pressure_from,
    supply_from,
)
from edge_agent.settings_lamps import lamps_from
from edge_agent.settings_lid import lid_from
from edge_agent.toml_table import (
    ProblemList,
    TomlTable,
    ascending_numbers,
    nearest_hint,
    number,
    one_of,
    text,
    whole,
)
from edge_agent.toml_text import toml_from

DEFAULT_STATE_FOLDER = "/var/lib/lift-edge-agent"

ADXL345_RATES_HZ = ACCELEROMETERS["adxl345"].rates_hz

# Source: the 40-pin header of the Raspberry Pi carries GPIO 0 to 27, I2C bus 1 on 2 and 3 (from memory, unverified).
HEADER_PINS = (0, 27)
PINS_OF_BUS = {"1": (2, 3)}

MIB = 1024 * 1024


def settings_from(
    toml_text: str,
    file_name: str,
    load_map: Callable[[str], RegisterMap],
    load_protocol: Callable[[str], object] = no_protocol,
    enrolled: Callable[[PurePath], tuple[ReceiverSettings, ...]] = lambda _state_folder: (),
) -> Settings:
    """The settings in `toml_text`, or `SettingsProblems` with everything that is wrong with it.

    file_name: for messages, and its folder is where relative paths start.
    load_map, load_protocol: what a name or path stands for; raise SettingsError where there is none.
    enrolled: the receivers that the box with this state folder has joined.
    """
    try:
        toml = toml_from(
            toml_text, file_name, 'Each line is a [section], a key = value, or a # remark; text stands in "quotes"'
        )
    except SettingsError as broken:
        raise SettingsProblems((broken,), subject=file_name) from None
    problems = ProblemList(file_name, toml.lines)
    folder = PurePath(file_name).parent
    settings = _Reading(TomlTable(toml.values, (), problems), folder, load_map, load_protocol, enrolled).settings()
    found = problems.in_order_of_lines()
    if found:
        raise SettingsProblems(found, subject=file_name)
    return settings


class _Reading:
    """Reads the sections one by one; a problem is noted and the reading goes on."""

    def __init__(
        self,
        top: TomlTable,
        folder: PurePath,
        load_map: Callable[[str], RegisterMap],
        load_protocol: Callable[[str], object],
        enrolled: Callable[[PurePath], tuple[ReceiverSettings, ...]],
    ) -> None:
        self._top = top
        self._folder = folder
        self._load_map, self._load_protocol, self._enrolled = load_map, load_protocol, enrolled

    def settings(self) -> Settings:
        lift, registration_code = self._lift()
        state = self._section("state")
        state_folder = state.take("folder", self._path, PurePath(DEFAULT_STATE_FOLDER))
        state.refuse_unknown()
        accelerometer = self._accelerometer()
        pressure = self._pressure()
        supply = supply_from(self._section("supply")) if self._top.has("supply") else None
        modem = modem_from(self._section("modem")) if self._top.has("modem") else None
        buses = [chip.bus for chip in (accelerometer, pressure, supply) if chip is not None]
        contacts = self._contacts(buses)
        controller = self._controller()
        lamps = self._lamps(buses, contacts)
        overrides, limits = self._limits()
        settings = Settings(
            lift=lift,
            registration_code=registration_code,
            accelerometer=accelerometer,
            pressure=pressure,
            contacts=contacts,
            controller=controller,
            supply=supply,
            modem=modem,
            delivery=self._delivery(state_folder),
            recording=self._recording(state_folder),
            lamps=lamps,
            lid=self._lid(buses, contacts, lamps),
            known=self._known(),
            limits=limits,
            limit_overrides=overrides,
            state_folder=state_folder,
        )
        self._top.refuse_unknown()
        if modem is None and any(receiver.sms for receiver in settings.delivery.receivers):
            hint = "Describe the modem in a section [modem], or leave sms out"
            self._top.problem("delivery", "alarms are to go by SMS, but there is no modem", hint)
        if accelerometer is None and pressure is None and contacts is None and controller is None:
            self._top.problem(
                "accelerometer",
                "no source of readings is described",
                "Add [accelerometer], [contacts] or [controller]",
            )
        return settings

    def _section(self, name: str) -> TomlTable:
        return self._top.table(name)

    def _path(self, key: str, value: object) -> PurePath:
        return self._folder / text(r"[^\0]+", "a path")(key, value)

    def _lift(self) -> tuple[Lift, str]:
        table = self._section("lift")
        short_name = text(r"[ -~]{1,32}", "1 to 32 letters, digits and signs of ASCII")
        lift = Lift(
            lift_id=table.need("id", short_name, "", 'id = "north-tower-2"'),
            # The fastest passenger lift runs 20.5 m/s (from memory, unverified).
            rated_speed_mps=table.take("rated_speed_mps", number(0.05, 21.0, "m/s", thousandth_of="mm/s"), None),
            drive=table.take("drive", one_of({drive.value: drive for drive in Drive}), None),
            # The wire carries landings -20 to 200 and heights to 1000 m. Source: alarm.cddl `floor`, `height-mm`.
            landing_heights_m=table.take("landing_heights_m", ascending_numbers(-100.0, 1000.0, "m", most=200), ()),
        )
        registration_code = table.take("registration_code", short_name, "")
        table.refuse_unknown()
        return lift, registration_code

    def _accelerometer(self) -> AccelerometerSettings | None:
        return accelerometer_from(self._section("accelerometer")) if self._top.has("accelerometer") else None

    def _pressure(self) -> PressureSettings | None:
        return pressure_from(self._section("pressure")) if self._top.has("pressure") else None

    def _controller(self) -> ControllerSettings | None:
        if not self._top.has("controller"):
            return None
        return controller_from(self._section("controller"), self._folder, self._load_map, self._load_protocol)

    def _contacts(self, buses: list[str]) -> ContactsSettings | None:
        if not self._top.has("contacts"):
            return None
        table = self._section("contacts")
        chip = table.take("chip", text(r"lgpio(:\d+)?|unix:.+", '"lgpio", "lgpio:N" or "unix:PATH"'), "lgpio")
        owner_of_pin = {} if chip.startswith("unix:") else _pins_of(buses)
        contacts = []
        for signal in Signal:
            if not table.has(signal.value):
                continue
            contact = _contact(signal, table.table(signal.value))
            owner = owner_of_pin.setdefault(contact.pin, signal.value)
            if owner != signal.value:
                table.problem(
                    signal.value, f"pin {contact.pin} is already used by {owner}", "Give each contact its own pin"
                )
            contacts.append(contact)
        if not contacts:
            table.problem(
                "door_closed",
                "[contacts] names no contact",
                'Write for example: door_closed = { pin = 27, active = "low" }',
            )
        table.refuse_unknown()
        return ContactsSettings(chip=chip, contacts=tuple(contacts))

    def _delivery(self, state_folder: PurePath) -> DeliverySettings:
        return delivery_from(self._section("delivery"), self._folder, state_folder, self._enrolled(state_folder))

    def _recording(self, state_folder: PurePath) -> RecordingSettings | None:
        if not self._top.has("recording"):
            return None
        table = self._section("recording")
        settings = RecordingSettings(
            path=table.take("path", self._path, state_folder / "ring.liftrec"),
            max_bytes=table.take("max_mib", whole(1, 65536, "MiB"), 64) * MIB,
        )
        table.refuse_unknown()
        return settings

    def _known(self) -> KnownSettings:
        table = self._section("calibration")
        known = KnownSettings(
            travel_m=table.take("travel_m", number(2.0, 1000.0, "m"), None),
            well_degc=table.take("well_degc", number(-30.0, 60.0, "degrees C"), None),
            latitude_deg=table.take("latitude_deg", number(-90.0, 90.0, "degrees"), None),
        )
        table.refuse_unknown()
        return known

    def _lamps(self, buses: list[str], contacts: ContactsSettings | None) -> LampsSettings | None:
        if not self._top.has("lamps"):
            return None
        return lamps_from(self._section("lamps"), HEADER_PINS, _pins_taken(buses, contacts))

    def _lid(
        self, buses: list[str], contacts: ContactsSettings | None, lamps: LampsSettings | None
    ) -> LidSettings | None:
        if not self._top.has("lid"):
            return None
        taken = _pins_taken(buses, contacts)
        if lamps is not None:
            taken |= {lamps.alarm_sent.pin: "alarm_sent", lamps.help_is_coming.pin: "help_is_coming"}
        return lid_from(self._section("lid"), HEADER_PINS, taken)

    def _limits(self) -> tuple[tuple[tuple[str, float], ...], Limits]:
        table = self._section("limits")
        known = {spec.name: spec for spec in LIMITS}
        overrides: list[tuple[str, float]] = []
        for name in table.given_keys():
            spec = known.get(name)
            if spec is None:
                table.problem(name, f"{name} is no detection limit", nearest_hint(name, known))
                continue
            value = table.take(name, number(spec.low, spec.high, ""), None)
            if value is not None:
                overrides.append((name, value))
        try:
            return tuple(overrides), limits_with(overrides)
        except LimitProblem as error:
            table.problem(error.name, error.problem, error.hint)
            return (), Limits()


def _pins_taken(buses: list[str], contacts: ContactsSettings | None) -> dict[int, str]:
    """The pins of the buses and of the contacts."""
    owner_of_pin = _pins_of(buses)
    if contacts is not None and not contacts.chip.startswith("unix:"):
        owner_of_pin |= {contact.pin: contact.signal.value for contact in contacts.contacts}
    return owner_of_pin


def _pins_of(buses: list[str]) -> dict[int, str]:
    """The pins of the I2C buses, which nothing else may use."""
    pins = [pin for bus in buses for pin in PINS_OF_BUS.get(bus.removeprefix("/dev/i2c-"), ())]
    return dict.fromkeys(pins, "the I2C bus of the sensors")


def _contact(signal: Signal, table: TomlTable) -> ContactSettings:
    contact = ContactSettings(
        signal=signal,
        pin=table.need("pin", whole(*HEADER_PINS), -1, f'{signal.value} = {{ pin = 17, active = "low" }}'),
        is_active_low=table.take("active", one_of({"low": True, "high": False}), True),
        pull=table.take("pull", one_of({pull.value: pull for pull in Pull}), Pull.UP),
    )
    table.refuse_unknown()
    return contact
