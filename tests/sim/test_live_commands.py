"""Commands to served lifts, under a clock that is set by hand: what is done, what is refused, and any text."""

from __future__ import annotations

import os
import re
import select
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drivers.map_files import load_register_map
from drivers.protocol_files import load_serial_protocol
from drivers.serial_protocol import Drop, FrameCutter
from edge_agent.readings import ControllerReport, SimState
from sim.controllers import ModbusLine, ModbusTcpLine, RtuLine
from sim.fittings import SUPPLY_ADDRESS, Fittings
from sim.library import load_scenario
from sim.live import PINS, LiveLift
from sim.live_commands import Plug, help_text
from sim.live_control import ControlServer, told_over
from sim.live_faults import kinds_of
from sim.live_fleet import Fleet
from sim.one_word_stories import STORIES
from sim.replan import is_fit_for_traffic
from sim.scenario import play
from sim.steps import VERBS
from sim.words import SupplyGives

NICE = load_register_map("nice3000plus")
TALK = load_serial_protocol("liftsentence")
OK = re.compile(r"^ok .+", re.S)


class Bench:
    """Two lifts that live when the clock is moved."""

    def __init__(self, folder: Path, speed: float = 1.0, story: str = "normal-traffic") -> None:
        self._ns = 1_000_000_000_000
        self.lifts: dict[int, LiveLift] = {}
        for number in (1, 2):
            home = folder / str(number)
            home.mkdir(exist_ok=True)
            self.lifts[number] = LiveLift(
                play(load_scenario(story), number),
                home,
                NICE,
                lambda: self._ns,
                speed=speed,
                keeps_running=True,
                protocol=TALK,
                fittings=Fittings(barometer="bmp390", has_supply=True, has_modem=True),
            )
        units = {number: lift.served for number, lift in self.lifts.items()}
        self.lines: dict[Plug, ModbusLine] = {Plug.TCP: ModbusTcpLine(units), Plug.RTU: RtuLine(units, folder / "rtu")}
        self.fleet = Fleet(self.lifts, self.lines, lambda: self._ns, speed)

    @property
    def lift(self) -> LiveLift:
        return self.lifts[1]

    def obey(self, line: str) -> str:
        answer = self.fleet.obey(line)
        assert OK.match(answer.rpartition("\n")[2]), answer
        return answer

    def refuse(self, line: str) -> str:
        answer = self.fleet.obey(line)
        assert answer.startswith("err "), answer
        assert "\n" not in answer
        return answer

    def advance(self, seconds: float, step_s: float = 0.1) -> None:
        for _ in range(round(seconds / step_s)):
            self._ns += round(step_s * 1e9)
            self.fleet.tend()
            for lift in self.lifts.values():
                lift.look()

    def until(self, is_so: Callable[[ControllerReport], bool], within_s: float = 180.0) -> ControllerReport:
        for _ in range(round(within_s)):
            if is_so(self.lift.truth()):
                return self.lift.truth()
            self.advance(1.0)
        raise AssertionError(f"not within {within_s} s: {self.lift.truth()}")

    def close(self) -> None:
        for line in self.lines.values():
            line.close()
        for lift in self.lifts.values():
            lift.close()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    bench.advance(2.0)
    yield bench
    bench.close()


def said(lift: LiveLift) -> ControllerReport | None:
    """What the controller's registers say now; None if it says nothing."""
    answer = lift.served.unit.answer(struct.pack(">BHH", 3, 0x1018, 1))
    return None if answer is None else lift.truth()


def test_trapped_people_stay_trapped_until_they_are_freed_and_then_traffic_goes_on(bench: Bench) -> None:
    assert "2 people" in bench.obey("trap people=2")
    bench.until(lambda told: told.fault != 0)
    bench.advance(300.0, 1.0)
    told, height_m = bench.lift.truth(), bench.lift.height_m()
    heights_m = bench.lift.played.lift.spec.landing_heights_m
    assert min(abs(height_m - landing_m) for landing_m in heights_m) > 0.3
    assert told.load_percent is not None
    assert told.load_percent > 0
    bench.obey("free")
    told = bench.until(lambda told: told.fault == 0 and told.load_percent == 0)
    bench.until(lambda told: told.speed_mps is not None and told.speed_mps > 0.2, within_s=600.0)


def test_a_command_waits_until_car_and_doors_stand_still(bench: Bench) -> None:
    bench.until(lambda told: (told.speed_mps or 0.0) > 0.2, within_s=600.0)
    answer = bench.obey("ride to=0")
    waits_s = float(re.search(r"in ([\d.]+) s", answer).group(1))  # type: ignore[union-attr]
    assert waits_s > 0.0
    bench.advance(waits_s - 0.2)
    assert bench.lift.truth().speed_mps == pytest.approx(0.0, abs=0.2)


@pytest.mark.parametrize("word", sorted(set(STORIES) - {"free"}))
def test_every_story_in_one_word_ends_well_by_itself_or_when_freed(bench: Bench, word: str) -> None:
    bench.obey(word)
    bench.advance(240.0, 0.5)
    bench.obey("free")
    bench.advance(120.0, 0.5)
    lift = bench.lift
    assert lift.truth().fault == 0
    assert is_fit_for_traffic(lift.played.lift)


def test_jammed_door_stays_where_it_is_and_says_so(bench: Bench) -> None:
    bench.obey("jam_door jams_at=0.5")
    told = bench.until(lambda told: told.fault == 49)
    assert told.door is not None
    assert told.door.value == "fault"
    assert bench.lift.played.lift.door.opening(bench.lift.story_s) == pytest.approx(0.5, abs=0.02)


def test_power_cut_makes_the_controller_dark_and_it_comes_back(bench: Bench) -> None:
    bench.obey("power_cut for_s=20")
    dark_s = 0
    for _ in range(150):
        bench.advance(1.0)
        dark_s += said(bench.lift) is None
    assert 20 <= dark_s <= 32  # the controller starts for 8 s
    assert said(bench.lift) is not None


def test_earthquake_shakes_the_car_and_takes_the_lift_out_of_service(bench: Bench) -> None:
    bench.obey("earthquake for_s=10 peak_mps2=2")
    bench.until(lambda told: told.mode is not None and told.mode.value == "earthquake")
    field = bench.lift._sensors.field
    times_s = np.linspace(bench.lift.story_s, bench.lift.story_s + 1.0, 100)
    bench.advance(1.0)
    assert np.ptp(field.force(times_s)[:, 0]) > 0.5


def test_what_a_lift_cannot_do_is_refused_and_its_plan_stays(bench: Bench) -> None:
    bench.obey("trap")
    bench.until(lambda told: told.fault != 0)
    told = list(bench.lift._told)
    assert "not open" in bench.refuse("leave people=3")
    assert "free it first" in bench.refuse("trap")
    assert "free it" in bench.obey("go")
    assert list(bench.lift._told) == told


def test_commands_given_at_the_same_moment_are_all_obeyed(bench: Bench) -> None:
    bench.obey("controller_fault number=12")
    bench.obey("sim_card card=absent")
    bench.obey("box_supply gives=nothing")
    bench.advance(120.0, 0.5)
    lift = bench.lift.played.lift
    assert lift.sim_card.at(lift.now_s) is SimState.ABSENT
    assert lift.box_supply.at(lift.now_s) is SupplyGives.NOTHING
    assert bench.lift.truth().fault == 12


def test_hold_keeps_traffic_away_until_go(bench: Bench) -> None:
    bench.until(lambda told: (told.speed_mps or 0.0) > 0.2, within_s=600.0)
    bench.obey("hold")
    bench.advance(60.0, 1.0)
    bench.obey("free")  # who was inside walks out
    bench.advance(60.0, 1.0)
    bench.obey("ride to=0")
    bench.advance(120.0, 1.0)
    place_m = bench.lift.height_m()
    bench.advance(900.0, 1.0)
    assert bench.lift.height_m() == place_m
    assert "goes on" in bench.obey("go")
    bench.until(lambda told: (told.speed_mps or 0.0) > 0.2, within_s=900.0)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "no command"),
        ("trapp people=2", "Did you mean trap?"),
        ("trap peeple=2", "Did you mean people?"),
        ("trap people=200", "Allowed: 1 to 26"),
        ("trap people", "key=value"),
        ("trap people=1 people=2", "given twice"),
        ("9 trap", "there is no lift 9"),
        ("ride", "lacks to"),
        ("ride to=99", "Allowed: 0 to"),
        ("fault of=controler is=late", 'Did you mean "controller"?'),
        ("fault of=controller is=frozen", "is"),
        ("fault of=light_curtain is=stuck_on", "not wired"),
        ("fault of=accelerometer is=frozen for_s=99999", "Allowed"),
        ("unplug what=usb", '"tcp"'),
        ("unplug what=rtu_tcp", "not served"),
        ("traffic for_s=99999", "3600"),
        ("x" * 501, "characters"),
    ],
)
def test_mistake_is_named_with_what_to_write(bench: Bench, line: str, words: str) -> None:
    assert words in bench.refuse(line)


def test_numbers_choose_lifts(bench: Bench) -> None:
    assert bench.obey("2 state").startswith("ok lift 2:")
    assert len(bench.obey("all state").splitlines()) == 2
    assert "3" in bench.refuse("3 state")


def test_answers_of_one_lift_are_spoiled_for_as_long_as_told_and_healed_at_once(bench: Bench) -> None:
    bench.obey("2 fault of=controller is=bad_crc for_s=10")
    bench.advance(0.1)
    assert bench.lifts[2].served.spoiled is not None
    assert bench.lifts[1].served.spoiled is None
    assert "bad_crc" in bench.obey("2 faults")
    bench.advance(10.0)
    assert bench.lifts[2].served.spoiled is None
    assert "nothing is wrong" in bench.obey("2 faults")
    bench.obey("fault of=controller is=late amount=0.7")
    bench.advance(0.1)
    spoiled = bench.lift.served.spoiled
    assert spoiled is not None
    assert spoiled.late_s == 0.7
    bench.obey("heal")
    bench.advance(0.1)
    assert bench.lift.served.spoiled is None


def levels(lift: LiveLift) -> dict[int, bool]:
    return {pin: level for pin, (level, _) in lift.gpio._levels.items()}


def test_stuck_contact_stays_and_shows_its_true_level_when_healed(bench: Bench) -> None:
    pin = PINS[next(signal for signal in PINS if signal.value == "door_closed")]
    bench.obey("hold")
    bench.obey("wait for_s=1")
    bench.advance(60.0, 0.5)
    assert levels(bench.lift)[pin]
    bench.obey("fault of=door_closed is=stuck_off for_s=600")
    bench.advance(0.3)
    assert not levels(bench.lift)[pin]
    bench.advance(60.0, 0.5)
    assert not levels(bench.lift)[pin]
    bench.obey("heal")
    bench.advance(0.3)
    assert levels(bench.lift)[pin]


def test_frozen_chip_repeats_its_last_sample_and_an_absent_one_does_not_answer(bench: Bench) -> None:
    def samples(count: int) -> set[bytes]:
        chip = bench.lift.chips.accelerometer
        assert chip is not None
        found = set()
        for _ in range(count):
            bench.advance(0.1)
            found.add(chip.read(0x32, 6, bench._ns / 1e9))
        return found

    chip = bench.lift.chips.accelerometer
    assert chip is not None
    chip.write(0x2C, b"\x0a", bench._ns / 1e9)
    chip.write(0x2D, b"\x08", bench._ns / 1e9)
    assert len(samples(10)) > 1
    bench.obey("fault of=accelerometer is=frozen for_s=5")
    assert len(samples(40)) == 1
    bench.advance(2.0)
    assert len(samples(10)) > 1
    bench.obey("fault of=accelerometer is=absent for_s=5")
    bench.advance(0.1)
    assert 0x53 not in bench.lift.chips.answering
    bench.advance(5.0)
    assert 0x53 in bench.lift.chips.answering
    assert chip.read(0x2D, 1, bench._ns / 1e9) == b"\x00"  # pulled out, it has lost its settings
    bench.obey("fault of=accelerometer is=fifo_overflow for_s=5")
    bench.advance(0.1)
    assert bench.lift.i2c.late_s > 0.32


@pytest.mark.parametrize("what", [plug.value for plug in Plug if plug is not Plug.RTU_TCP])
def test_unplugged_thing_is_away_for_as_long_as_told(bench: Bench, what: str) -> None:
    lift = bench.lift
    thing = {"i2c": lift.i2c, "gpio": lift.gpio, "serial": lift.serial, "modem": lift.modem}.get(what)
    held = thing if thing is not None else bench.lines[Plug(what)]
    if isinstance(held, RtuLine):
        held = held._port
    assert getattr(held, "is_plugged_in")  # noqa: B009
    bench.obey(f"unplug what={what} for_s=5")
    bench.advance(4.5)
    assert not getattr(held, "is_plugged_in")  # noqa: B009
    assert f"{what} is out" in bench.obey("faults")
    bench.advance(1.0)
    assert getattr(held, "is_plugged_in")  # noqa: B009


def heard(lift: LiveLift) -> bytes:
    assert lift.serial is not None
    port = os.open(lift.serial.path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    received = b""
    try:
        while select.select([port], [], [], 0.1)[0]:  # a busy kernel hands on what was written a little later
            received += os.read(port, 65536)
        return received
    finally:
        os.close(port)


def test_talker_says_what_the_controller_says_and_damage_shows(bench: Bench) -> None:
    cutter = FrameCutter(TALK.shape, TALK.checksum)
    heard(bench.lift)
    bench.advance(3.0)
    frames = cutter.feed(heard(bench.lift), time.monotonic_ns())
    report = TALK.decode(frames[-1][0], 0)
    truth = bench.lift.truth()
    assert (report.floor, report.mode, report.fault) == (truth.floor, truth.mode, truth.fault)
    bench.obey("fault of=talker is=bad_crc for_s=20")
    bench.advance(3.0)
    assert cutter.feed(heard(bench.lift), time.monotonic_ns()) == ()
    assert cutter.dropped[Drop.CHECKSUM] > 0
    bench.obey("fault of=talker is=silent for_s=20")
    bench.advance(3.0)
    assert heard(bench.lift) == b""


def test_at_a_hundred_times_the_speed_a_lift_lives_a_hundred_seconds_in_one_and_has_no_accelerometer(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path, speed=100.0)
    before_s = bench.lift.story_s
    bench.advance(6.0, 0.01)
    assert bench.lift.story_s - before_s == pytest.approx(600.0)
    assert bench.lift.chips.accelerometer is None
    assert "no accelerometer" in bench.refuse("fault of=accelerometer is=frozen")
    pin, (_, t_ns) = max(bench.lift.gpio._levels.items(), key=lambda entry: entry[1][1])
    assert bench.lift.start_ns < t_ns <= bench._ns, pin
    bench.close()


def test_lift_that_runs_for_days_does_not_grow(tmp_path: Path) -> None:
    bench = Bench(tmp_path, speed=100.0)
    lift = bench.lift.played.lift

    def size() -> int:
        return sum(len(part) for track in vars(lift).values() for part in getattr(track, "__dict__", {}).values()
                   if isinstance(part, list))  # fmt: skip

    bench.advance(30.0, 0.1)
    early = size()
    bench.advance(60.0, 0.1)  # another 100 minutes of the lift
    assert size() < 1.5 * early + 2000
    bench.close()


def test_after_a_story_the_lift_is_put_right_and_serves_calls(tmp_path: Path) -> None:
    bench = Bench(tmp_path, speed=20.0, story="door-jams-half-closed")
    bench.advance(bench.lift.played.duration_s / 20.0, 0.5)
    bench.until(lambda told: (told.speed_mps or 0.0) > 0.2 and told.fault == 0, within_s=60.0)
    bench.close()


FAULTS = {
    "silence": "fault of=controller is=silent",
    "late answers": "fault of=controller is=late amount=0.5",
    "CRC damage": "fault of=controller is=bad_crc",
    "wrong unit": "fault of=controller is=wrong_unit",
    "wrong function": "fault of=controller is=wrong_function",
    "short replies": "fault of=controller is=short_reply",
    "frozen sensor": "fault of=accelerometer is=frozen",
    "saturated sensor": "fault of=accelerometer is=saturated",
    "FIFO overflow": "fault of=accelerometer is=fifo_overflow",
    "stuck contact": "fault of=door_closed is=stuck_on",
    "chattering contact": "fault of=door_closed is=chattering amount=5",
    "power cut": "power_cut for_s=10",
    "trapped passengers": "trap people=2",
    "overspeed": "overspeed",
    "earthquake": "earthquake for_s=5",
    "supply monitor gone": "fault of=supply is=absent",
    "silent modem": "fault of=modem is=silent",
    "mains of the box lost": "box_supply gives=nothing",
    "no SIM card": "sim_card card=absent",
}


@pytest.mark.parametrize("what", FAULTS)
def test_every_fault_is_made_by_one_line_at_the_prompt_and_through_the_socket(
    bench: Bench, tmp_path: Path, what: str
) -> None:
    """The prompt and the socket both end in `Fleet.obey`; the prompt as typed is tried in `test_serve`."""
    bench.obey("1 " + FAULTS[what])
    server = ControlServer(tmp_path / "control.sock", bench.fleet.obey)
    answer, is_done = told_over(server.path, "2 " + FAULTS[what])
    server.close()
    assert is_done, answer
    bench.advance(0.2)
    if FAULTS[what].startswith("fault"):
        assert "nothing is wrong" not in bench.obey("all faults")


def test_supply_and_modem_say_what_commands_do_to_the_box(bench: Bench) -> None:
    chips, modem = bench.lift.chips, bench.lift.modem
    assert chips.supply is not None
    assert modem is not None

    def current_a() -> float:
        assert chips.supply is not None
        return int.from_bytes(chips.supply.read(0x01, 2, bench._ns / 1e9), "big", signed=True) / 10_000.0

    assert current_a() < 0.0
    bench.obey("box_supply gives=nothing")
    bench.advance(20.0)
    assert current_a() > 0.1
    bench.obey("box_supply gives=enough")
    bench.advance(20.0)
    assert current_a() < 0.0
    bench.obey("fault of=supply is=absent for_s=5")
    bench.advance(1.0)
    assert SUPPLY_ADDRESS not in chips.answering
    bench.advance(5.0)
    assert SUPPLY_ADDRESS in chips.answering
    bench.obey("sim_card card=pin_needed")
    bench.advance(20.0)
    assert b"+CPIN: SIM PIN" in b"".join(modem._answers.answers(b"AT+CPIN?\r"))
    bench.obey("fault of=modem is=late amount=0.6 for_s=5")
    bench.advance(0.2)
    assert modem.spoiled is not None
    assert modem.spoiled.late_s == 0.6
    bench.advance(6.0)
    assert modem.spoiled is None


def test_commands_come_through_the_socket_too(bench: Bench, tmp_path: Path) -> None:
    server = ControlServer(tmp_path / "control.sock", bench.fleet.obey)
    answer, is_done = told_over(server.path, "all state")
    assert is_done
    assert len(answer.splitlines()) == 2
    answer, is_done = told_over(server.path, "trapp")
    assert not is_done
    assert "Did you mean trap?" in answer
    answer, _ = told_over(server.path, "help")
    assert help_text() in answer
    server.close()


SOURCES = ("controller", "accelerometer", "talker", "supply", "modem", "pressure", "door_closed")
keys = st.sampled_from(["to", "people", "for_s", "of", "is", "what", "on", "stops_with", "stops_at", "reaches", "side"])
plain = st.sampled_from(["0", "1", "2.5", "true", "nan", "1e999", "-1", "rear", "brake", "controller", "tcp", "late"])
verbs = st.sampled_from([*VERBS, *STORIES, "fault", "unplug", "heal", "hold", "go", "state", "faults", "help", "all"])
lines = st.one_of(
    st.text(max_size=60),
    st.tuples(st.sampled_from(["", "1 ", "2 ", "all ", "0 "]), verbs, st.lists(st.tuples(keys, plain), max_size=3)).map(
        lambda parts: parts[0] + parts[1] + "".join(f" {key}={value}" for key, value in parts[2])
    ),
    st.sampled_from(SOURCES)
    .flatmap(lambda of: st.tuples(st.just(of), st.sampled_from(sorted(kinds_of(of)))))
    .map(lambda pair: f"fault of={pair[0]} is={pair[1]}"),
)


@given(st.lists(lines, max_size=8), st.floats(0.0, 30.0))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_line_is_obeyed_or_refused_and_the_lift_lives_on(bench: Bench, told: list[str], pause_s: float) -> None:
    for line in told:
        last = bench.fleet.obey(line).rpartition("\n")[2]
        assert last.startswith(("ok ", "err ")), (line, last)
        bench.advance(pause_s, max(0.1, pause_s / 5))
    assert bench.fleet.obey("state").startswith("ok lift 1: ")
