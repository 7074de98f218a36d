"""The box's own supply and modem in stories: words of the file, truth, and what the core makes of it."""

from __future__ import annotations

from itertools import pairwise
from math import isclose

import numpy as np
import pytest

from edge_agent.installation import Drive
from edge_agent.readings import ModemReport, Registration, SimState, SupplySample
from sim.__main__ import main
from sim.box import SupplySpec
from sim.box_sensors import Battery
from sim.box_steps import BatteryStep, BoxSupplyStep
from sim.cli_scenarios import verdict_of
from sim.library import load_scenario
from sim.lift import Lift
from sim.scenario import ScenarioError, play
from sim.scenario_file import parse_scenario
from sim.spec import draw_lift
from sim.steps import perform
from sim.tell import described
from sim.words import SupplyGives

STORIES = (
    "box-unplugged",
    "box-unplugged-nearly",
    "box-undervoltage",
    "battery-low",
    "battery-low-nearly",
    "battery-missing",
    "battery-changed-nearly",
    "signal-by-landing",
    "aerial-damaged",
    "sim-card-missing",
    "network-lost",
    "network-lost-nearly",
)
SOON = ("battery-missing", "battery-changed-nearly", "signal-by-landing", "sim-card-missing")
"""What each test run can afford; the others are system tests."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in SOON else pytest.mark.system) for name in STORIES]
)
def test_story_of_the_box_gives_what_its_file_expects(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", name, "--seed", "1"]) == 0, capsys.readouterr().out


def test_stories_are_listed_and_told_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    printed = capsys.readouterr().out
    assert all(f"{name} " in printed for name in STORIES)
    told = described(load_scenario("signal-by-landing"))
    assert 'must tell the signal at landing 3 by 140 s after "middle": -89 dBm, give or take 3 dB' in told
    assert "modem" in told
    told = described(load_scenario("battery-missing"))
    assert "the battery of the box is taken out" in told
    assert "supply monitor at a battery" in told
    assert "the SIM card is missing" in described(load_scenario("sim-card-missing"))
    assert "gives too little" in described(load_scenario("box-undervoltage"))


def test_a_signal_that_is_not_told_as_expected_fails_the_run() -> None:
    body = LEVELS.replace("rssi_dbm = -90\n", "rssi_dbm = -70\n")
    played = play(parse_scenario(body, "f.toml", "f"), 1)
    verdict, _ = verdict_of(played)
    [missed] = verdict.missed
    assert missed.startswith("signal_coverage -70 dBm at landing 0")
    right, _ = verdict_of(play(parse_scenario(LEVELS, "f.toml", "f"), 1))
    assert right.missed == ()


HEAD = 'format = 1\ntitle = "The box itself"\nstory = "Something about the box."\n'
LEVELS = (
    HEAD + '[lift]\nlandings = 2\n[box]\nsignals = ["door_closed"]\nmodem = true\nrssi_dbm = [-90, -80]\n'
    '[[step]]\ndo = "wait"\nfor_s = 90\n[[expect_signal]]\nlanding = 0\nrssi_dbm = -90\ntold_by_s = 85\n'
)


@pytest.mark.parametrize(
    ("body", "line", "words"),
    [
        ('[[step]]\ndo = "box_supply"\ngives = "nothin"\n', 6, 'Did you mean "nothing"?'),
        ('[[step]]\ndo = "box_supply"\n', 4, "lacks gives"),
        ('[[step]]\ndo = "battery"\nfitted = "no"\n', 6, "true or false"),
        ('[[step]]\ndo = "battery"\nlasts_min = 0\n', 6, "Allowed: 1 to"),
        ('[[step]]\ndo = "battery"\nlasts_h = 2\n', 6, "lasts_h is no key"),
        ('[[step]]\ndo = "sim_card"\ncard = "missing"\n', 6, '"absent"'),
        ('[[step]]\ndo = "network"\nregistration = "lost"\n', 6, '"searching"'),
        ('[[step]]\ndo = "aerial"\nweaker_db = 400\n', 6, "Allowed: -60 to 60 dB"),
        ("[lift]\nlandings = 3\n[box]\nmodem = true\nrssi_dbm = [-90, -80]\n", 8, "2 entries for 3 landings"),
        ("[lift]\nlandings = 2\n[box]\nmodem = true\nrssi_dbm = [-90, 80]\n", 8, "Allowed: -113 to -51 dBm"),
        ("[box]\nrssi_dbm = [-90, -80]\n[lift]\nlandings = 2\n", 5, "of no use without a modem"),
        ("[box]\nbattery_lasts_min = 60\n", 5, "of no use without a supply"),
        ("[[expect_signal]]\nlanding = 0\nrssi_dbm = -90\ntold_by_s = 10\n", 5, "modem = true"),
        ("[box]\nmodem = true\n[[expect_signal]]\nlanding = 99\nrssi_dbm = -90\ntold_by_s = 10\n", 7, "Allowed: 0 to"),
        ("[box]\nmodem = true\n[[expect_signal]]\nlanding = 0\ntold_by_s = 10\n", 6, "lacks rssi_dbm"),
        ("[box]\nmodem = true\n[[expect_signal]]\nlanding = 0\nrssi_dbm = 5\ntold_by_s = 10\n", 8, "dBm"),
        ('[[fault]]\nof = "modem"\nis = "frozen"\n', 6, "is no fault of modem"),
        ('[[fault]]\nof = "suply"\nis = "silent"\n', 5, 'Did you mean "supply"?'),
    ],
)
def test_mistake_is_named_with_its_line(body: str, line: int, words: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(HEAD + body + '[[step]]\ndo = "wait"\nfor_s = 1\n', "f.toml", "f")
    found = [problem for problem in str(caught.value).splitlines() if words in problem]
    assert found, str(caught.value)
    assert found[0].startswith(f"f.toml:{line}: "), found


def lift() -> Lift:
    rng = np.random.default_rng(1)
    return Lift(draw_lift(rng, Drive.VVVF, (0.0, 3.0, 6.0), 1.0, 1), rng)


def test_battery_lasts_as_long_as_it_is_said_to_and_is_charged_in_four_hours() -> None:
    box = lift()
    battery = Battery(box, SupplySpec(lasts_s=600.0, load_a=0.4))
    full = battery.at(10.0)
    assert isclose(full.voltage_v, 4.15, abs_tol=0.01)
    assert -0.05 < full.current_a < 0.0
    box.now_s = 20.0
    perform(box, BoxSupplyStep(SupplyGives.NOTHING))
    assert battery.at(21.0).current_a == pytest.approx(0.4)
    assert battery.at(20.0 + 0.90 * 600.0).voltage_v > 3.3 > battery.at(20.0 + 0.97 * 600.0).voltage_v
    assert battery.at(2000.0).voltage_v == pytest.approx(3.0 - 0.04)  # empty, and it stays so
    box.now_s = 2000.0
    perform(box, BoxSupplyStep(SupplyGives.ENOUGH))
    assert battery.at(2001.0).current_a == pytest.approx(-0.402, abs=0.001)
    assert battery.at(2000.0 + 4 * 3600.0 - 60.0).current_a < -0.002
    assert battery.at(2000.0 + 4 * 3600.0 + 60.0).current_a == pytest.approx(-0.002)


def test_weak_supply_unit_lets_the_battery_help_and_a_new_battery_is_full() -> None:
    box = lift()
    battery = Battery(box, SupplySpec(lasts_s=600.0, load_a=0.5))
    perform(box, BoxSupplyStep(SupplyGives.TOO_LITTLE))
    assert battery.at(1.0).current_a == pytest.approx(0.2)
    low_v = battery.at(1400.0).voltage_v
    box.now_s = 1400.0
    perform(box, BatteryStep(fitted=False))
    out = battery.at(1410.0)
    assert (out.voltage_v, out.current_a) == (0.0, 0.0)
    box.now_s = 1420.0
    perform(box, BatteryStep())
    assert battery.at(1421.0).voltage_v > low_v + 0.3


def test_power_cut_of_the_building_drains_the_battery_of_the_box_too() -> None:
    played = play(load_scenario("battery-low"), 2)
    dark_s, light_s = played.marks["dark"], played.marks["light"]
    samples = [reading for reading in played.raw_readings() if isinstance(reading, SupplySample)]
    out = [sample for sample in samples if dark_s + 1.0 < sample.t_ns / 1e9 < light_s - 1.0]
    assert all(sample.current_a > 0.1 for sample in out)
    assert all(later.voltage_v <= sooner.voltage_v for sooner, later in pairwise(out))
    assert all(sample.current_a < 0.0 for sample in samples if sample.t_ns / 1e9 < dark_s - 1.0)


def test_modem_hears_each_landing_as_the_file_says_and_nothing_without_card_or_network() -> None:
    reports = [reading for reading in play(load_scenario("signal-by-landing"), 1).raw_readings()
               if isinstance(reading, ModemReport)]  # fmt: skip
    first = [report.rssi_dbm for report in reports[:9]]
    assert all(dbm is not None and abs(dbm + 107) <= 8 and dbm % 2 for dbm in first)
    played = play(load_scenario("sim-card-missing"), 1)
    gone = [
        reading
        for reading in played.raw_readings()
        if isinstance(reading, ModemReport) and played.marks["gone"] < reading.t_ns / 1e9 < played.marks["back"]
    ]
    assert gone
    assert all(report.sim is SimState.ABSENT and report.rssi_dbm is None for report in gone)
    assert all(report.registration is Registration.NOT_SEARCHING for report in gone)


def test_older_stories_are_told_by_the_same_readings_as_before_the_box_had_a_battery() -> None:
    """Chance for battery and modem is drawn only where they are fitted."""
    body = HEAD + '[box]\nsignals = ["door_open", "presence"]\npressure = true\n[[step]]\ndo = "traffic"\nfor_s = 30\n'
    plain = list(play(parse_scenario(body, "f.toml", "f"), 3).raw_readings())
    fitted = body.replace("pressure = true", "pressure = true\nsupply = true\nmodem = true")
    other = [
        reading
        for reading in play(parse_scenario(fitted, "f.toml", "f"), 3).raw_readings()
        if not isinstance(reading, SupplySample | ModemReport)
    ]
    assert [reading.t_ns for reading in plain] == [reading.t_ns for reading in other]
