"""Settings: what a valid file gives, and what every kind of mistake is answered with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePath

import pytest

from drivers import adxl345, adxl355, ina219, lis3dh, modem, mpu6050, pressure
from drivers.register_map import Evidence, ReadBlock, RegisterMap, Table
from edge_agent.detect.limits import Limits
from edge_agent.errors import SettingsError
from edge_agent.installation import Drive
from edge_agent.readings import Signal
from edge_agent.settings import (
    AccelerometerSettings,
    KnownSettings,
    LampSettings,
    LampsSettings,
    LidSettings,
    ModbusSettings,
    ModemSettings,
    PressureSettings,
    Pull,
    SerialLineSettings,
    SerialParity,
    Settings,
    SettingsProblems,
    SupplySettings,
    TalkerSettings,
    TcpSettings,
)
from edge_agent.settings_devices import ACCELEROMETERS, MODEM_PERIOD_S, PRESSURE_RATE_HZ, SHUNT_OHM, SUPPLY_RATE_HZ
from edge_agent.settings_safe import left_out, safe_settings
from edge_agent.settings_toml import settings_from

EXAMPLE = Path(__file__).parents[2] / "docs" / "example.toml"

SMALLEST = """\
[lift]
id = "a"
[accelerometer]
chip = "adxl345"
[delivery]
receivers = [{ name = "firm", url = "http://10.0.0.9:8080", receiver_key = "none" }]
"""


def map_of(name: str) -> RegisterMap:
    """Four reads, the first of two registers; "risky" is the same, but polling it may stop the lift; "lonely" has one
    register a read; "paper" has nothing to poll."""
    if name not in ("nice3000plus", "risky", "lonely", "paper"):
        raise SettingsError(f"no register map is named {name}", subject=name, hint="Did you mean nice3000plus?")
    return RegisterMap(
        name=name,
        maker="M",
        model="X",
        firmware="",
        evidence=Evidence.INFERRED,
        source="none",
        polling_is_safe=name != "risky",
        polling_note="it trips when polling stops",
        fields=(),
        reads=tuple(
            ReadBlock(Table.HOLDING, address, 3 if address == 0 and name != "lonely" else 1)
            for address in range(0, 0 if name == "paper" else 40, 10)
        ),
    )


def protocol_of(name: str) -> object:
    if name != "liftsentence":
        raise SettingsError(f"no serial protocol is named {name}", subject=name, hint="Did you mean liftsentence?")
    return object()


def read(text: str) -> Settings:
    return settings_from(text, "/etc/lift/box.toml", map_of, protocol_of)


def complaints(text: str) -> list[str]:
    with pytest.raises(SettingsProblems) as caught:
        read(text)
    return str(caught.value).splitlines()


def with_line(line: str, after: str) -> str:
    assert after in SMALLEST
    return SMALLEST.replace(after, f"{after}\n{line}")


def test_the_example_in_the_documentation_is_valid() -> None:
    settings = settings_from(EXAMPLE.read_text(encoding="utf-8"), "docs/example.toml", map_of)
    assert settings.lift.drive is Drive.VVVF
    assert settings.lift.landing_heights_m[:2] == (0.0, 4.2)
    assert settings.recording is not None
    assert settings.recording.max_bytes == 64 * 1024 * 1024
    assert settings.contacts is not None
    presence = next(contact for contact in settings.contacts.contacts if contact.signal is Signal.PRESENCE)
    assert (presence.pin, presence.is_active_low, presence.pull) == (22, False, Pull.DOWN)


def test_the_smallest_file_takes_every_default() -> None:
    settings = read(SMALLEST)
    assert settings.accelerometer is not None
    assert (settings.accelerometer.bus, settings.accelerometer.address) == ("/dev/i2c-1", 0x53)
    assert settings.controller is None
    assert settings.contacts is None
    assert settings.recording is None
    assert settings.limits == Limits()
    assert settings.delivery.outbox == PurePath("/var/lib/lift-edge-agent/outbox.sqlite")


def test_the_installation_names_only_what_is_wired() -> None:
    wiring = read(SMALLEST).installation().wiring
    assert (wiring.has_accelerometer, wiring.accel_rate_hz) == (True, 400.0)
    assert (wiring.has_controller, wiring.has_pressure, wiring.signals) == (False, False, frozenset())


def test_what_a_person_knows_of_the_lift_is_taken_and_nothing_of_it_is_needed() -> None:
    told = read(SMALLEST + "[calibration]\ntravel_m = 21.4\nwell_degc = 12\nlatitude_deg = 31.2\n").known
    assert (told.travel_m, told.well_degc, told.latitude_deg) == (21.4, 12.0, 31.2)
    assert read(SMALLEST).known == KnownSettings()


def test_relative_paths_start_at_the_folder_of_the_file() -> None:
    settings = read(SMALLEST + '[state]\nfolder = "state"\n[recording]\npath = "/var/ring.liftrec"\n')
    assert settings.state_folder == PurePath("/etc/lift/state")
    assert settings.delivery.outbox == PurePath("/etc/lift/state/outbox.sqlite")
    assert settings.recording is not None
    assert settings.recording.path == PurePath("/var/ring.liftrec")


@pytest.mark.parametrize(
    ("line", "after", "at_line", "expected"),
    [
        ('drve = "vvvf"', 'id = "a"', 3, "Did you mean drive?"),
        ("rate_khz = 0.4", 'chip = "adxl345"', 5, "Did you mean rate_hz? Mind the unit in the name"),
        ('rate_hz = "400 Hz"', 'chip = "adxl345"', 5, "Write rate_hz = 400; its unit is Hz"),
        ("rate_hz = 333", 'chip = "adxl345"', 5, "nearest: 400"),
        ("rated_speed_mps = 1600", 'id = "a"', 3, "This looks like mm/s; the unit is m/s: rated_speed_mps = 1.6"),
        ("rated_speed_mps = -1", 'id = "a"', 3, "Allowed: 0.05 to 21 m/s"),
        ("rated_speed_mps = nan", 'id = "a"', 3, "rated_speed_mps = nan is impossible"),
        ("rated_speed_mps = true", 'id = "a"', 3, "must be a number, not true or false"),
        ("landing_heights_m = [0, 3.0, 2.9]", 'id = "a"', 3, "does not ascend: 3 is followed by 2.9"),
        ("landing_heights_m = [0, 3200]", 'id = "a"', 3, "This looks like mm"),
        ("landing_heights_m = 3.2", 'id = "a"', 3, "must be a list"),
        ('drive = "VVVF"', 'id = "a"', 3, 'Allowed: "vvvf", "two_speed", "hydraulic"'),
        ('drive = "two-speed"', 'id = "a"', 3, 'Did you mean "two_speed"?'),
        ("address = 0x54", 'chip = "adxl345"', 5, "0x54 is no address of an adxl345"),
        ('bus = "/dev/spidev0.0"', 'chip = "adxl345"', 5, '"/dev/i2c-1", "1" or "unix:PATH"'),
    ],
)
def test_one_mistake_gives_one_line_that_leads_to_the_right_name(
    line: str, after: str, at_line: int, expected: str
) -> None:
    found = complaints(with_line(line, after))
    assert len(found) == 1
    assert found[0].startswith(f"/etc/lift/box.toml:{at_line}: ")
    assert expected in found[0]


@pytest.mark.parametrize(
    ("section", "at_line", "expected"),
    [
        ("[acelerometer]", 7, "Did you mean accelerometer?"),
        ('[controller]\nkind = "modbus_udp"\nhost = "h"\nmap = "nice3000plus"', 8, 'Did you mean "modbus_tcp"?'),
        ('[controller]\nkind = "modbus_rtu"\nmap = "nice3000plus"', 7, "[controller] lacks port"),
        (
            '[controller]\nkind = "modbus_rtu"\nport = "COM3"\nmap = "nice3000plus"',
            9,
            "/dev/serial/by-id/",
        ),
        (
            '[controller]\nkind = "modbus_rtu"\nport = "/dev/x"\nbaudrate = 9600\nmap = "nice3000plus"',
            10,
            "Did you mean baud_rate?",
        ),
        (
            '[controller]\nkind = "modbus_rtu"\nport = "/dev/x"\nbaud_rate = 9601\nmap = "nice3000plus"',
            10,
            "nearest: 9600",
        ),
        (
            '[controller]\nkind = "modbus_rtu"\nport = "/dev/x"\nparity = "evn"\nmap = "nice3000plus"',
            10,
            'Did you mean "even"?',
        ),
        (
            '[controller]\nkind = "modbus_rtu"\nport = "/dev/x"\nhost = "h"\nmap = "nice3000plus"',
            10,
            "host is no key of [controller]",
        ),
        (
            '[controller]\nkind = "modbus_rtu"\nport = "/dev/x"\nmap = "nice3000plus"\npoll_hz = 10',
            11,
            "At most poll_hz = 5.1 with this map",
        ),
        (
            '[controller]\nkind = "modbus_rtu"\nport = "/dev/x"\nmap = "lonely"',
            10,
            "late answers could not be told",
        ),
        ('[controller]\nkind = "modbus_tcp"\nhost = "h"\nmap = "paper"', 10, "only documents registers"),
        ('[controller]\nkind = "serial"\nport = "/dev/x"', 7, "[controller] lacks protocol"),
        (
            '[controller]\nkind = "serial"\nport = "/dev/x"\nprotocol = "liftsentense"',
            10,
            "Did you mean liftsentence?",
        ),
        (
            '[controller]\nkind = "serial"\nport = "/dev/x"\nprotocol = "liftsentence"\npoll_hz = 3',
            11,
            "poll_hz is no key of [controller]",
        ),
        ('[pressure]\nchip = "bmp180"', 8, 'Did you mean "bmp280"?'),
        ('[pressure]\nchip = "bmp280"\nrate_hz = 20', 9, "Allowed: 1 to 10 Hz"),
        ('[pressure]\nchip = "bmp280"\naddress = 0x75', 9, "0x75 is no address of an bmp280"),
        ('[pressure]\nchip = "bmp280"\nrate_khz = 1', 9, "Did you mean rate_hz?"),
        ('[supply]\nchip = "ina226"', 8, 'Did you mean "ina219"?'),
        ('[supply]\nchip = "ina219"\nshunt_ohm = 100', 9, "0.001 to 1 ohm"),
        ('[supply]\nchip = "ina219"\naddress = 0x50', 9, "64 to 79"),
        ('[modem]\nport = "ttyUSB2"', 8, "/dev/serial/by-id/"),
        ("[modem]\nperiod_s = 10", 7, "[modem] lacks port"),
        ('[pressure]\nbus = "1"', 7, "[pressure] lacks chip"),
        ('[controller]\nkind = "modbus_tcp"\nhost = "h"\nmap = "nice3000"', 10, "Did you mean nice3000plus?"),
        ('[controller]\nkind = "modbus_tcp"\nmap = "nice3000plus"', 7, "[controller] lacks host"),
        (
            '[controller]\nkind = "modbus_tcp"\nhost = "h"\nmap = "nice3000plus"\npoll_hz = 13',
            11,
            "At most poll_hz = 12.5 with this map",
        ),
        ("[contacts]\ndoor_open = { pin = 28 }", 8, "Allowed: 0 to 27"),
        (
            "[contacts]\ndoor_open = { pin = 17 }\ndoor_closed = { pin = 17 }",
            9,
            "pin 17 is already used by door_open",
        ),
        ("[contacts]\ndoor_open = { pin = 3 }", 8, "already used by the I2C bus of the sensors"),
        ("[contacts]\ndoor_opne = { pin = 17 }\nmains = { pin = 5 }", 8, "Did you mean door_open?"),
        ("[contacts]", 7, "[contacts] names no contact"),
        ("[lamps]\nalarm_sent = { pin = 5 }", 7, "[lamps] lacks help_is_coming"),
        ("[lamps]\nalarm_sent = { pin = 5 }\nhelp_is_coming = { pin = 5 }", 9, "already used by alarm_sent"),
        ('[lid]\nchip = "lgpio"', 7, "lacks pin"),
        ("[lid]\npin = 2", 8, "already used by the I2C bus"),
        (
            "[lamps]\nalarm_sent = { pin = 5 }\nhelp_is_coming = { pin = 6 }\n[lid]\npin = 6",
            11,
            "already used by help_is_coming",
        ),
        ("[lamps]\nalarm_sent = { pin = 2 }\nhelp_is_coming = { pin = 5 }", 8, "already used by the I2C bus"),
        (
            "[contacts]\nmains = { pin = 6 }\n[lamps]\nalarm_sent = { pin = 5 }\nhelp_is_coming = { pin = 6 }",
            11,
            "already used by mains",
        ),
        ("[limits]\nentrapment_hold_s_outside_zon = 60", 8, "Did you mean entrapment_hold_s_outside_zone?"),
        ("[limits]\nentrapment_hold_s_outside_zone = 1", 8, "Allowed: 20 to 300"),
        ("[limits]\nentrapment_hold_s_at_landing = 50", 7, "is larger than entrapment_hold_s_at_landing"),
    ],
)
def test_a_mistake_in_another_section_is_found_on_its_line(section: str, at_line: int, expected: str) -> None:
    found = complaints(SMALLEST + section + "\n")
    assert len(found) == 1, found
    assert found[0].startswith(f"/etc/lift/box.toml:{at_line}: ")
    assert expected in found[0]


def test_the_poll_rate_that_just_fits_is_accepted() -> None:
    section = '[controller]\nkind = "modbus_tcp"\nhost = "h"\nmap = "nice3000plus"\npoll_hz = 12.5\n'
    controller = read(SMALLEST + section).controller
    assert isinstance(controller, ModbusSettings)
    assert controller.poll_hz == 12.5
    assert controller.link == TcpSettings("h", 502, is_rtu=False)


def test_a_controller_that_may_trip_is_polled_only_where_that_was_checked() -> None:
    section = '[controller]\nkind = "modbus_tcp"\nhost = "h"\nmap = "risky"\n'
    found = complaints(SMALLEST + section)
    assert len(found) == 1
    assert "it trips when polling stops" in found[0]
    controller = read(SMALLEST + section + "accept_polling_risk = true\n").controller
    assert isinstance(controller, ModbusSettings)
    assert controller.is_polling_risk_accepted


@pytest.mark.parametrize(
    ("chip", "address", "rate_hz", "range_g"),
    [
        ("adxl345", 0x53, 400, 16),
        ("lis3dh", 0x18, 400, 2),
        ("mpu6050", 0x68, 500, 4),
        ("mpu6500", 0x68, 500, 4),
        ("mpu9250", 0x68, 500, 4),
        ("icm20602", 0x68, 500, 4),
        ("adxl355", 0x1D, 500, 2),
    ],
)
def test_each_accelerometer_has_its_own_defaults(chip: str, address: int, rate_hz: int, range_g: int) -> None:
    accelerometer = read(SMALLEST.replace("adxl345", chip)).accelerometer
    assert accelerometer == AccelerometerSettings(chip, "/dev/i2c-1", address, rate_hz, range_g)


@pytest.mark.parametrize(
    ("chip", "line", "expected"),
    [
        ("lis3dh", "rate_hz = 800", "Allowed: 25, 50, 100, 200, 400 Hz; nearest: 400"),
        ("adxl355", "range_g = 16", "Allowed: 2, 4, 8 g; nearest: 8"),
        ("mpu6050", "address = 0x53", "0x53 is no address of an mpu6050. Allowed: 0x68, or 0x69 with AD0 high"),
    ],
)
def test_each_accelerometer_is_set_only_to_what_it_can(chip: str, line: str, expected: str) -> None:
    found = complaints(with_line(line, 'chip = "adxl345"').replace("adxl345", chip))
    assert len(found) == 1
    assert expected in found[0]


def test_the_tables_of_chips_say_what_the_drivers_can() -> None:
    drivers_of = {"adxl345": adxl345, "lis3dh": lis3dh, "adxl355": adxl355}
    for name, row in ACCELEROMETERS.items():
        if name in mpu6050.PARTS:
            assert (row.rates_hz, row.ranges_g) == (tuple(mpu6050.DIVIDERS), tuple(mpu6050.RANGE_CODES))
        else:
            driver = drivers_of.pop(name)
            assert (row.rates_hz, row.ranges_g) == (tuple(driver.RATE_CODES), tuple(driver.RANGE_CODES))
    assert drivers_of == {}
    assert set(mpu6050.PARTS) <= set(ACCELEROMETERS)
    assert PRESSURE_RATE_HZ == pressure.RATES_HZ
    assert SUPPLY_RATE_HZ == ina219.RATES_HZ
    assert SHUNT_OHM == (ina219.SHUNT_OHM_MIN, ina219.SHUNT_OHM_MAX)
    assert MODEM_PERIOD_S == (modem.PERIOD_S_MIN, modem.PERIOD_S_MAX)


def test_a_barometer_is_chosen_and_the_core_is_told() -> None:
    settings = read(SMALLEST + '[pressure]\nchip = "bmp390"\nrate_hz = 2\n')
    assert settings.pressure == PressureSettings("bmp390", "/dev/i2c-1", 0x77, 2.0)
    assert settings.installation().wiring.has_pressure


def test_a_supply_monitor_and_a_modem_are_chosen() -> None:
    settings = read(SMALLEST + '[supply]\nchip = "ina219"\nshunt_ohm = 0.01\n[modem]\nport = "/dev/serial/by-id/m"\n')
    assert settings.supply == SupplySettings("ina219", "/dev/i2c-1", 0x40, 0.01, 1.0)
    assert settings.modem == ModemSettings("/dev/serial/by-id/m", 115200, 10.0)


WITH_SMS = SMALLEST.replace(
    '"none" }',
    '"A6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg", sms = ["+8613800138000"] }',
)


def test_alarms_go_by_sms_where_there_is_a_modem_and_the_receiver_is_pinned() -> None:
    modem = '[modem]\nport = "/dev/ttyUSB2"\n'
    assert read(WITH_SMS + modem).delivery.receivers[0].sms == ("+8613800138000",)
    assert "there is no modem" in complaints(WITH_SMS)[0]
    unpinned = WITH_SMS.replace("A6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg", "none") + modem
    assert "by SMS anybody could answer" in complaints(unpinned)[0]
    assert "telephone number" in complaints(WITH_SMS.replace("+8613800138000", "call me") + modem)[0]


def test_the_two_lamps_of_the_box_are_chosen() -> None:
    text = '[lamps]\nalarm_sent = { pin = 5 }\nhelp_is_coming = { pin = 6, active = "low" }\n'
    assert read(SMALLEST + text).lamps == LampsSettings("lgpio", LampSettings(5, False), LampSettings(6, True))
    assert read(SMALLEST).lamps is None


def test_a_controller_on_a_serial_line_is_polled_slower_by_default() -> None:
    section = '[controller]\nkind = "modbus_rtu"\nport = "/dev/serial/by-id/a"\nparity = "even"\nmap = "nice3000plus"\n'
    controller = read(SMALLEST + section).controller
    line = SerialLineSettings("/dev/serial/by-id/a", None, SerialParity.EVEN, None)
    assert controller == ModbusSettings(line, 1, "nice3000plus", 2.0, is_polling_risk_accepted=False)


def test_rtu_frames_go_through_a_gateway_too() -> None:
    section = '[controller]\nkind = "modbus_rtu_tcp"\nhost = "h"\nport = 4001\nmap = "nice3000plus"\n'
    controller = read(SMALLEST + section).controller
    assert isinstance(controller, ModbusSettings)
    assert controller.link == TcpSettings("h", 4001, is_rtu=True)


def test_a_controller_that_talks_by_itself_is_listened_to() -> None:
    section = '[controller]\nkind = "serial"\nport = "socket://127.0.0.1:4001"\nprotocol = "liftsentence"\n'
    settings = read(SMALLEST + section)
    line = SerialLineSettings("socket://127.0.0.1:4001", None, None, None)
    assert settings.controller == TalkerSettings(line, "liftsentence")
    assert settings.installation().wiring.has_controller


def test_all_mistakes_are_listed_in_order_of_lines() -> None:
    text = with_line("range_g = 3", 'chip = "adxl345"').replace('id = "a"', "id = 7") + "[stat]\n"
    found = complaints(text)
    assert [line.split(":")[1] for line in found] == ["2", "5", "8"]


def test_broken_toml_names_the_line_and_the_reason() -> None:
    found = complaints('[lift]\nid = "a\n')
    assert len(found) == 1
    assert found[0].startswith("/etc/lift/box.toml:2: this is no valid TOML: ")


def test_a_file_that_ends_in_the_middle_names_its_last_line() -> None:
    found = complaints('[lift]\nid = "a"\nlanding_heights_m = [0.0,')
    assert found[0].startswith("/etc/lift/box.toml:3: this is no valid TOML: ")


def test_no_receiver_is_an_error_because_nobody_would_hear() -> None:
    without = SMALLEST.split("[delivery]")[0]
    assert any("nobody would hear an alarm" in line for line in complaints(without))
    assert any("receivers is empty" in line for line in complaints(without + "[delivery]\nreceivers = []\n"))


def test_two_receivers_of_one_name_are_refused() -> None:
    text = SMALLEST.replace("}]", '}, { name = "firm", url = "http://b" }]')
    assert any('two receivers are named "firm"' in line for line in complaints(text))


@pytest.mark.parametrize("url", ["10.0.0.9:8080", "ftp://a", "http://user@a", ""])
def test_an_address_that_is_no_plain_http_address_is_refused(url: str) -> None:
    assert len(complaints(SMALLEST.replace("http://10.0.0.9:8080", url))) == 1


def test_a_box_without_any_source_is_refused() -> None:
    text = SMALLEST.replace('[accelerometer]\nchip = "adxl345"\n', "")
    assert any("no source of readings is described" in line for line in complaints(text))


def test_a_limit_is_changed_within_its_range() -> None:
    settings = read(SMALLEST + "[limits]\nentrapment_hold_s_outside_zone = 45\n")
    assert settings.limits.entrapment_hold_s_outside_zone == 45.0
    assert settings.limit_overrides == (("entrapment_hold_s_outside_zone", 45.0),)


def test_the_lid_of_the_box_is_chosen() -> None:
    assert read(SMALLEST + "[lid]\npin = 6\n").lid == LidSettings("lgpio", 6, False, Pull.UP)
    text = '[lid]\nchip = "unix:/x"\npin = 2\nactive = "low"\npull = "none"\n'
    assert read(SMALLEST + text).lid == LidSettings("unix:/x", 2, True, Pull.NONE)
    assert read(SMALLEST).lid is None


def test_a_safe_run_has_accelerometer_contacts_and_delivery_and_no_more() -> None:
    settings = read(EXAMPLE.read_text(encoding="utf-8"))
    safe = safe_settings(settings)
    assert (safe.accelerometer, safe.contacts, safe.delivery) == (
        settings.accelerometer,
        settings.contacts,
        settings.delivery,
    )
    assert (safe.controller, safe.supply, safe.modem, safe.recording, safe.pressure) == (None,) * 5
    assert left_out(settings) == ("controller", "supply", "modem", "recording")


def test_a_safe_run_of_a_box_with_a_controller_only_keeps_it_and_the_modem_that_alarms_need() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    settings = read(text.replace('url = "http://10.20.0.9:8080",', 'url = "http://10.20.0.9:8080", sms = ["+8613"],'))
    assert safe_settings(settings).modem is not None
    alone = replace(settings, accelerometer=None, contacts=None)
    assert safe_settings(alone).controller is not None
    assert left_out(alone) == ("supply", "recording")
