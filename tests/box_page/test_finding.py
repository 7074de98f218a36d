"""The controller detective on the page: a real Modbus server is read, the page says what was found, and only reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from drivers.map_files import load_register_map
from edge_agent.cli.calibrate_find_page import PageFinder
from edge_agent.readings import ControllerDoor, ControllerReport, Direction, Mode
from edge_agent.settings import ModbusSettings, Settings, TcpSettings
from sim.controllers import ModbusTcpLine, ServedUnit
from sim.modbus_unit import ModbusUnit
from tests.box_page.making import Served
from tests.box_page.test_calibrating import OnBench, act, opened, turned_until, view
from tests.calibration.test_guided import SETTINGS

STANDS = ControllerReport(1, floor="1", direction=Direction.NONE, mode=Mode.NORMAL, door=ControllerDoor.CLOSED)


class OnLine(OnBench):
    """A bench whose settings name a controller that answers."""

    def __init__(self, folder: Path, line: ModbusTcpLine) -> None:
        super().__init__(folder)
        self.line = line

    @property
    def settings(self) -> Settings:
        link = TcpSettings(self.line.host, int(self.line.place.rpartition(":")[2]), False)
        controller = ModbusSettings(link, 1, "nice3000plus", 10.0, False)
        return replace(SETTINGS, controller=controller, state_folder=self.folder)


@pytest.fixture
def unit() -> ModbusUnit:
    return ModbusUnit(load_register_map("nice3000plus"), lambda: STANDS)


@pytest.fixture
def bench(tmp_path: Path, unit: ModbusUnit) -> Iterator[OnLine]:
    (tmp_path / "bench").mkdir()
    line = ModbusTcpLine({1: ServedUnit(unit)})
    yield OnLine(tmp_path / "bench", line)
    line.close()


@pytest.fixture
def served(tmp_path: Path, bench: OnLine) -> Iterator[Served]:
    (tmp_path / "state").mkdir()
    page = Served(tmp_path / "state", bench, finder=PageFinder(tmp_path / "bench" / "box.toml"))
    page.enter()
    yield page
    page.close()


def answers(served: Served) -> float:
    gauges = view(served)["gauges"]
    assert isinstance(gauges, list)
    return float(gauges[0]["value"])


def test_registers_are_read_on_a_tap_and_what_was_not_found_is_said_in_both_languages(
    served: Served, bench: OnLine, unit: ModbusUnit
) -> None:
    opened(served)
    assert view(served)["may_find"] is True
    assert act(served, do="find", value="")["phase"] == "finding"
    turned_until(served, lambda: answers(served) >= 3)
    assert served.ask("POST", "/api/calibrate?lang=en", {"do": "begin", "step": "mount"}).status == 409
    act(served, do="find_end")
    turned_until(served, lambda: view(served).get("found") not in (None, []))
    found = view(served)
    assert (found["phase"], found["proposal"], found["trouble"]) == ("open", None, "")
    lines = found["found"]
    assert isinstance(lines, list)
    assert sum(line.endswith(": not found") for line in lines) == 5
    assert "未找到" in str(view(served, "zh")["found"])
    assert unit.write_count == 0
    assert unit.read_count >= 3
    assert len(bench.opened) == 2  # the steps go on with sources of their own


def test_only_what_was_asked_for_is_read_and_nonsense_changes_nothing(
    served: Served, bench: OnLine, unit: ModbusUnit
) -> None:
    opened(served)
    refused = served.ask("POST", "/api/calibrate?lang=en", {"do": "find", "value": "coil:0-9"})
    assert refused.status == 409
    assert "cannot be used" in str(refused.json()["trouble"])
    turned_until(served, lambda: view(served)["phase"] == "open")
    assert unit.read_count == 0
    act(served, do="find", value="holding:0x1018-0x1018")
    turned_until(served, lambda: answers(served) >= 2)
    act(served, do="find_end")
    turned_until(served, lambda: view(served).get("found") not in (None, []))
    log = next(bench.folder.glob("found_controller_*.log"))
    assert {line.split(",", 1)[1] for line in log.read_text(encoding="utf-8").split()} == {'"holding",4120,[1]]'}


def test_a_page_that_ends_lets_go_of_the_line(served: Served, bench: OnLine) -> None:
    opened(served)
    act(served, do="find", value="")
    turned_until(served, lambda: answers(served) >= 1)
    act(served, do="close")
    assert view(served)["phase"] == "closed"
    assert bench.closed_count == 1


def test_it_is_not_offered_where_the_controller_must_not_be_polled(tmp_path: Path, bench: OnLine) -> None:
    finder = PageFinder(tmp_path / "box.toml")
    assert finder.may(bench.settings)
    assert not finder.may(replace(bench.settings, controller=None))
    assert not finder.may(replace(bench.settings, accelerometer=None))
