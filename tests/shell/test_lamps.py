"""What the lamps say, decided from alarms and acts; and shown by a whole agent core on a chip of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pytest_mock import MockerFixture

from drivers.lamps import IndicatorLamps, LampLine
from edge_agent.alarms import AlarmKind
from edge_agent.lamps import AlarmInHand, LampState, lamps_for
from edge_agent.readings import AccelFrame
from edge_agent.wire import Act, Notice, Phase, Stream
from sim.library import load_scenario
from sim.scenario import play
from tests.drivers.fake_lgpio import FakeLgpio, install
from tests.shell.making import ACCELEROMETER_ONLY, WITH_CONTROLLER, Bench, S, about_first_alarm, bench

YELLOW, GREEN = 5, 6
DARK, SENT, COMING = LampState(), LampState(True, False), LampState(True, True)


@pytest.mark.parametrize(
    ("alarms", "expected"),
    [
        ([], DARK),
        ([(True, None)], SENT),
        ([(True, Act.SHOWN)], SENT),
        ([(True, Act.TAKEN_OVER)], COMING),
        ([(True, Act.HELP_SENT)], COMING),
        ([(True, Act.ON_SITE)], COMING),
        ([(False, Act.ON_SITE)], COMING),  # people are out, nobody has ended it
        ([(False, None)], SENT),
        ([(True, Act.CLOSED)], SENT),  # somebody may still be inside
        ([(False, Act.CLOSED)], DARK),
        ([(False, Act.FALSE_ALARM)], DARK),
        ([(True, None), (True, Act.TAKEN_OVER)], COMING),
        ([(True, None), (False, Act.CLOSED)], SENT),
    ],
)
def test_the_lamps_follow_alarms_and_acts(alarms: list[tuple[bool, Act | None]], expected: LampState) -> None:
    assert lamps_for(AlarmInHand(is_present, act) for is_present, act in alarms) == expected


@pytest.fixture
def chip(mocker: MockerFixture, tmp_path: Path) -> FakeLgpio:
    return install(mocker, tmp_path, FakeLgpio(lamps=frozenset({YELLOW, GREEN})))


def lamps() -> IndicatorLamps:
    return IndicatorLamps("lgpio:0", LampLine(YELLOW), LampLine(GREEN))


def lit(chip: FakeLgpio) -> tuple[int, int]:
    return chip.levels[YELLOW], chip.levels[GREEN]


def sensor_faults(found: Bench) -> list[tuple[Phase | None, str | None]]:
    records = found.receivers["firm"].of_stream(Stream.FAULT)
    return [(record.phase, record.note) for record in records if record.kind == AlarmKind.SENSOR_FAULT]


def test_people_in_the_car_see_that_an_alarm_was_sent_and_that_help_is_coming(chip: FakeLgpio, tmp_path: Path) -> None:
    stuck = play(load_scenario("stuck-between-landings"), seed=1)
    found = bench(tmp_path, stuck.installation, sources=("lift",), lamps=lamps())
    found.run("lift", (), until_s=1.0)
    assert lit(chip) == (0, 0)
    readings = [reading for reading in stuck.raw_readings(start_ns=1_002 * S) if reading.t_ns < 1_150 * S]
    found.run("lift", readings)
    receiver = found.receivers["firm"]
    assert receiver.of_stream(Stream.ALARM), "the story must raise an alarm by then"
    assert lit(chip) == (1, 0)
    receiver.notices_due = [Notice(1, Act.TAKEN_OVER, about_first_alarm(receiver), 1_800_000_000_000, "Li Wei", 12)]
    found.run("lift", (), until_s=10.0)
    assert lit(chip) == (1, 1)
    for incident in found.outbox.unended():
        found.core.end_incidents(incident.number, "Li Wei", found.clock.now)
    found.run("lift", (), until_s=1.0)
    assert lit(chip) == (0, 0)


def test_a_lamp_that_cannot_be_driven_is_a_fault_that_ends_and_stops_nothing(chip: FakeLgpio, tmp_path: Path) -> None:
    chip.is_gone = True
    found = bench(tmp_path, WITH_CONTROLLER, sources=("controller",), lamps=lamps())
    found.run("controller", (), until_s=30.0)
    assert found.core.ticks_count > 250
    [(phase, note)] = sensor_faults(found)
    assert phase is Phase.RAISED
    assert note is not None
    assert note.startswith("lgpio:0: the GPIO lines cannot be opened")
    chip.is_gone = False
    found.run("controller", (), until_s=70.0)
    assert [phase for phase, _ in sensor_faults(found)] == [Phase.RAISED, Phase.CONDITION_GONE]
    assert lit(chip) == (0, 0)
    found.core.close()


def test_a_lamp_fault_is_open_over_a_restart_until_the_core_finds_all_well(chip: FakeLgpio, tmp_path: Path) -> None:
    chip.is_gone = True
    first = bench(tmp_path, WITH_CONTROLLER, sources=("controller",), lamps=lamps())
    first.run("controller", (), until_s=2.0)
    assert len(sensor_faults(first)) == 1
    first.core.close()
    chip.is_gone = False
    again = bench(tmp_path, ACCELEROMETER_ONLY, lamps=lamps())
    assert [incident.kind for incident in again.outbox.open_incidents()] == [AlarmKind.SENSOR_FAULT]
    rng = np.random.default_rng(1)
    for _ in range(70):
        times_ns = again.clock.now + np.arange(1, 101) * (S // 100)
        samples = np.array([0.0, 0.0, 9.81]) + rng.normal(0.0, 0.02, (100, 3))
        again.run("accelerometer", [AccelFrame(times_ns.astype(np.int64), samples)], until_s=1.0)
    assert again.outbox.open_incidents() == ()
