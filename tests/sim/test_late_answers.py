"""Late answers of the simulator on a line without numbers never become a wrong value in the driver."""

from __future__ import annotations

import time
from dataclasses import fields
from pathlib import Path

import pytest

from drivers.map_files import load_register_map
from drivers.modbus import ModbusLink, SerialLink, TcpLink
from drivers.modbus_controller import ModbusController
from edge_agent.readings import ControllerDoor, ControllerReport, Direction, Mode, SourceFault
from sim.controllers import ModbusLine, RtuLine, RtuTcpLine, ServedUnit
from sim.modbus_frames import Mishap, Spoiled
from sim.modbus_unit import ModbusUnit

TRUTHS = (
    ControllerReport(
        0,
        floor="7",
        direction=Direction.UP,
        mode=Mode.NORMAL,
        door=ControllerDoor.CLOSED,
        fault=33,
        door_zone=True,
        passenger=True,
        speed_mps=1.5,
        load_percent=12.5,
    ),
    ControllerReport(
        0,
        floor="19",
        direction=Direction.DOWN,
        mode=Mode.INSPECTION,
        door=ControllerDoor.OPEN,
        fault=48,
        door_zone=False,
        passenger=False,
        speed_mps=0.3,
        load_percent=81.0,
    ),
)
DEADLINE_S = 0.1


@pytest.mark.system
@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", ["rtu", "rtu_tcp"])
@pytest.mark.parametrize(
    "name",
    ["nice3000plus", "c800", pytest.param("retrofit_node", marks=pytest.mark.campaign)],  # with a canary, and without
)
def test_late_answers_never_become_a_wrong_value(tmp_path: Path, kind: str, name: str) -> None:
    register_map = load_register_map(name)
    begin_s = time.monotonic()
    unit = ModbusUnit(register_map, lambda: TRUTHS[int(time.monotonic() - begin_s) % 2], {"rated_speed": 1.6})
    served = {1: ServedUnit(unit)}
    line: ModbusLine
    link: ModbusLink
    if kind == "rtu":
        line = RtuLine(served, tmp_path / "rtu")
        link = SerialLink(line.place, 38400)
    else:
        line = RtuTcpLine(served)
        link = TcpLink("127.0.0.1", int(line.place.rpartition(":")[2]), is_rtu=True)
    wanted = [register_map.decode(register_map.encode(truth), 0) for truth in TRUTHS]
    driver = ModbusController(
        register_map, link, now_ns=time.monotonic_ns, poll_hz=8.0, is_risk_accepted=True, deadline_s=DEADLINE_S
    )
    driver.open()
    reports: list[ControllerReport] = []
    fault_count = 0
    while time.monotonic() - begin_s < 12.0:
        # one answer in some comes so late that the next question meets it
        is_late = int((time.monotonic() - begin_s) * 10) % 10 == 0
        served[1].spoiled = Spoiled(Mishap.LATE, 1.3 * DEADLINE_S) if is_late else None
        for reading in driver.read(0.05):
            if isinstance(reading, ControllerReport):
                reports.append(reading)
            fault_count += isinstance(reading, SourceFault)
    driver.close()
    line.close()
    assert fault_count > 0
    assert len(reports) > 5
    for report in reports:
        for field in fields(ControllerReport):
            if field.name not in ("t_ns", "is_suspect"):
                allowed = {getattr(each, field.name) for each in wanted}
                assert getattr(report, field.name) in allowed, (field.name, report)
