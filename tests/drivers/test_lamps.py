"""The indicator lamps through real gpiozero and its lgpio factory, above a chip that only lets lamps be driven."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_mock import MockerFixture

from drivers.lamps import IndicatorLamps, LampLine
from edge_agent.errors import SourceUnavailable
from edge_agent.lamps import LampState
from tests.drivers.fake_lgpio import FakeLgpio, install

YELLOW, GREEN = 5, 6
BOTH = LampState(is_alarm_sent=True, is_help_coming=True)


@pytest.fixture
def chip(mocker: MockerFixture, tmp_path: Path) -> FakeLgpio:
    return install(mocker, tmp_path, FakeLgpio(lamps=frozenset({YELLOW, GREEN})))


def test_the_lamps_show_what_they_are_told(chip: FakeLgpio) -> None:
    lamps = IndicatorLamps("lgpio:0", LampLine(YELLOW), LampLine(GREEN))
    lamps.show(LampState())
    assert (chip.levels[YELLOW], chip.levels[GREEN]) == (0, 0)
    lamps.show(LampState(is_alarm_sent=True))
    assert (chip.levels[YELLOW], chip.levels[GREEN]) == (1, 0)
    lamps.show(BOTH)
    assert (chip.levels[YELLOW], chip.levels[GREEN]) == (1, 1)
    assert chip.outputs == {YELLOW, GREEN}


def test_a_lamp_that_a_low_level_lights_is_dark_from_the_start(chip: FakeLgpio) -> None:
    lamps = IndicatorLamps("lgpio:0", LampLine(YELLOW, is_active_low=True), LampLine(GREEN))
    lamps.show(LampState())
    assert chip.driven[0] == (YELLOW, 1)
    lamps.show(BOTH)
    assert (chip.levels[YELLOW], chip.levels[GREEN]) == (0, 1)


def test_closing_makes_the_lamps_dark_and_gives_the_lines_back(chip: FakeLgpio) -> None:
    lamps = IndicatorLamps("lgpio:0", LampLine(YELLOW), LampLine(GREEN))
    lamps.show(BOTH)
    lamps.close()
    assert chip.driven[-2:] == [(YELLOW, 0), (GREEN, 0)]
    assert chip.outputs == set()
    lamps.close()


def test_a_chip_that_vanishes_is_said_and_claimed_anew_when_it_is_back(chip: FakeLgpio) -> None:
    lamps = IndicatorLamps("lgpio:0", LampLine(YELLOW), LampLine(GREEN))
    lamps.show(LampState())
    chip.is_gone = True
    with pytest.raises(SourceUnavailable, match=r"lgpio:0: the GPIO lines can no longer be driven"):
        lamps.show(BOTH)
    with pytest.raises(SourceUnavailable, match=r"lgpio:0: the GPIO lines cannot be opened"):
        lamps.show(BOTH)
    chip.is_gone = False
    lamps.show(BOTH)
    assert (chip.levels[YELLOW], chip.levels[GREEN]) == (1, 1)
    assert chip.open_count == 2
