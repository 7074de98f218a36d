"""Each chip and link that the settings can choose becomes its driver, and one that is not there only says so."""

from __future__ import annotations

import pytest

from drivers.map_files import load_register_map
from drivers.protocol_files import load_serial_protocol
from edge_agent.cli.sources import sources_of
from edge_agent.clock import SystemClock
from edge_agent.readings import FaultReason, SourceFault
from edge_agent.settings import SettingsProblems
from edge_agent.settings_devices import ACCELEROMETERS
from edge_agent.settings_toml import settings_from
from edge_agent.source import Source
from tests.shell.test_settings import SMALLEST

SERIAL = 'port = "/dev/serial/by-id/nothing"\n'
SECTIONS = [
    *((f'[accelerometer]\nchip = "{chip}"\nbus = "/dev/i2c-99"\n', "accelerometer") for chip in ACCELEROMETERS),
    *((f'[pressure]\nchip = "{chip}"\nbus = "/dev/i2c-99"\n', "pressure") for chip in ("bmp280", "bmp390")),
    ('[controller]\nkind = "modbus_tcp"\nhost = "127.0.0.1"\nport = 1\nmap = "nice3000plus"\n', "controller"),
    ('[controller]\nkind = "modbus_rtu_tcp"\nhost = "127.0.0.1"\nport = 1\nmap = "nice3000plus"\n', "controller"),
    (f'[controller]\nkind = "modbus_rtu"\nparity = "even"\nmap = "nice3000plus"\n{SERIAL}', "controller"),
    (f'[controller]\nkind = "serial"\nprotocol = "liftsentence"\n{SERIAL}', "controller"),
    (f'[controller]\nkind = "serial"\nprotocol = "merak_mmk656"\n{SERIAL}', "controller"),
]
BESIDE = [('[supply]\nchip = "ina219"\nbus = "/dev/i2c-99"\n', "supply"), (f"[modem]\n{SERIAL}", "modem")]


def chosen_by(section: str) -> list[Source]:
    text = SMALLEST.replace('[accelerometer]\nchip = "adxl345"\n', "") + section
    return sources_of(settings_from(text, "/etc/lift/box.toml", load_register_map, load_serial_protocol), SystemClock())


@pytest.mark.parametrize(("section", "name"), SECTIONS + [(SECTIONS[0][0] + section, name) for section, name in BESIDE])
def test_each_choice_becomes_a_driver_that_says_that_nothing_is_there(section: str, name: str) -> None:
    (source,) = (source for source in chosen_by(section) if source.name == name)
    found = [reading for _ in range(20) for reading in source.read(0.05)]
    source.close()
    assert [fault.reason for fault in found if isinstance(fault, SourceFault)] == [FaultReason.ABSENT]
    assert len(found) == 1


def test_a_box_that_knows_only_its_own_supply_watches_no_lift() -> None:
    with pytest.raises(SettingsProblems, match="no source of readings"):
        chosen_by(BESIDE[0][0] + BESIDE[1][0])
