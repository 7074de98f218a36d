"""The shift of RTU answers is impossible: late, doubled and lost answers on a real pseudo-terminal, with and without a
canary, and not one value of another register or another cycle in a report.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import pytest

from drivers.modbus import ModbusConnection, ModbusTrouble, SerialLink
from drivers.modbus_controller import ModbusController
from drivers.register_map import Canary, ReadBlock, RegisterMap, Table
from drivers.register_map_toml import register_map_from
from edge_agent.errors import SettingsError
from edge_agent.readings import ControllerReport, FaultReason, Reading, SourceFault
from tests.drivers.modbus_servers import Request, Say, rtu_reply
from tests.drivers.rtu_slave import RtuSlave, Script, Telling

HEAD = """
[map]
name = "telling"
maker = "x"
model = "x"
firmware = "x"
evidence = "inferred"
source = "x"
polling_is_safe = true
polling_note = "x"
gap_registers_max = 0
"""
# (feed, base of its words): every register has a range of its own, and every question a number in it.
BASES = {"floor": 1000, "fault": 11_000, "load_percent": 21_000, "speed_mps": 31_000}
UNITS = {"load_percent": "%", "speed_mps": "m/s"}
CANARY = 0x5AA5


def a_map(addresses: dict[str, int], *, canary: Canary | None) -> RegisterMap:
    text = HEAD
    for feed, address in addresses.items():
        text += f'[[field]]\nname = "{feed}"\naddress = {address}\nkind = "uint16"\nfeeds = "{feed}"\n'
        text += f'unit = "{UNITS[feed]}"\nminimum = 0\nmaximum = 65535\n' if feed in UNITS else ""
    return replace(register_map_from(text, "telling.toml"), canary=canary)


PAIRS = {"floor": 10, "fault": 11, "load_percent": 20, "speed_mps": 21}
SINGLES = {"floor": 10, "fault": 20, "load_percent": 30, "speed_mps": 40}
KNOWN = Canary(Table.HOLDING, 90, CANARY)
MAPS = {
    "reads of equal length, no canary": a_map(PAIRS, canary=None),
    "reads of equal length, canary": a_map(PAIRS, canary=KNOWN),
    "reads of equal length, learned canary": a_map(PAIRS, canary=Canary(Table.HOLDING, 90)),
    "single registers, canary": a_map(SINGLES, canary=KNOWN),
}
POLL_HZ = 20.0  # a deadline of 40 ms
DEADLINE_S = 0.040


def telling(register_map: RegisterMap) -> Telling:
    bases = {field.address: BASES[field.feeds.value] for field in register_map.fields if field.feeds is not None}
    return Telling(bases, {90: CANARY})


class Bench:
    """A slave, the driver that polls it, and the verdict on what comes out."""

    def __init__(
        self, register_map: RegisterMap, script: Script, *, poll_hz: float = POLL_HZ, cycle_budget_s: float = 1.0
    ) -> None:
        self.slave = RtuSlave(script)
        self.readings: list[Reading] = []
        self.lies: list[str] = []
        self.controller = ModbusController(
            register_map,
            SerialLink(self.slave.port, 115200),
            now_ns=time.monotonic_ns,
            poll_hz=poll_hz,
            cycle_budget_s=cycle_budget_s,
        )

    def run(self, seconds: float) -> None:
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            asked_before = len(self.slave.requests)
            for reading in self.controller.read(0.1):
                self.readings.append(reading)
                if isinstance(reading, ControllerReport):
                    self._judge(reading, asked_before)

    def run_until(self, is_enough: Callable[[], bool], most_s: float = 4.0) -> None:
        end_s = time.monotonic() + most_s
        while not is_enough():
            assert time.monotonic() < end_s, self.readings
            self.run(0.05)

    def close(self) -> None:
        self.controller.close()
        self.slave.close()

    @property
    def reports(self) -> list[ControllerReport]:
        return [reading for reading in self.readings if isinstance(reading, ControllerReport)]

    @property
    def faults(self) -> list[SourceFault]:
        return [reading for reading in self.readings if isinstance(reading, SourceFault)]

    def _judge(self, report: ControllerReport, asked_before: int) -> None:
        """Every value must come from its own register, and from a question of this very cycle."""
        said = {
            "floor": None if report.floor is None else int(report.floor),
            "fault": report.fault,
            "load_percent": report.load_percent,
            "speed_mps": report.speed_mps,
        }
        for feed, value in said.items():
            index = None if value is None else value - BASES[feed]
            if index is None or not 0 <= index < 1000:
                self.lies.append(f"{feed} is {value}, a value of another register")
            elif not asked_before - 8 <= index <= len(self.slave.requests):
                self.lies.append(f"{feed} answers question {index} of {len(self.slave.requests)}, long gone")


@pytest.fixture
def start() -> Iterator[Callable[..., Bench]]:
    benches: list[Bench] = []

    def begin(register_map: RegisterMap, script: Script, **options: float) -> Bench:
        benches.append(Bench(register_map, script, **options))
        return benches[-1]

    yield begin
    for bench in benches:
        bench.close()


Start = Callable[..., Bench]


def with_every_map(
    start: Start, script_of: Callable[[RegisterMap], Script], is_enough: Callable[[Bench], bool]
) -> list[Bench]:
    """Benches of all maps, run side by side until each has seen enough."""
    benches = [start(register_map, script_of(register_map)) for register_map in MAPS.values()]
    side_by_side([partial(bench.run_until, partial(is_enough, bench)) for bench in benches])
    assert all(is_enough(bench) for bench in benches), [bench.readings for bench in benches]
    assert [lie for bench in benches for lie in bench.lies] == []
    return benches


def side_by_side(works: Sequence[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def honest(register_map: RegisterMap) -> Script:
    words = telling(register_map).words
    return lambda request: [Say(rtu_reply(request, words(request)))]


def test_an_honest_slave_is_read_without_a_doubt(start: Start) -> None:
    for bench in with_every_map(start, honest, lambda bench: len(bench.reports) >= 6):
        assert bench.faults == []
        assert [report.is_suspect for report in bench.reports[3:]] == [False] * len(bench.reports[3:])


@pytest.mark.parametrize("late_deadlines", [1.2, 2.5, 4.0])
def test_one_late_answer_never_shifts_the_others(start: Start, late_deadlines: float) -> None:
    # Peers' complaint C1: after one late answer pymodbus gives the value of each register for the next one, for ever.
    def late(register_map: RegisterMap) -> Script:
        words = telling(register_map).words
        late_s = late_deadlines * DEADLINE_S
        return lambda request: [Say(rtu_reply(request, words(request)), after_s=late_s * (request.index == 9))]

    def is_back(bench: Bench) -> bool:
        return bool(bench.faults) and bench.reports[-1:] == bench.readings[-1:] and len(bench.reports) >= 5

    for bench in with_every_map(start, late, is_back):
        after = bench.readings[bench.readings.index(bench.faults[0]) :]
        first_report = next(reading for reading in after if isinstance(reading, ControllerReport))
        assert first_report.is_suspect


def test_an_answer_that_comes_twice_never_shifts_the_others(start: Start) -> None:
    def twice(register_map: RegisterMap) -> Script:
        words = telling(register_map).words
        return lambda request: [Say(rtu_reply(request, words(request)))] * (2 if request.index % 11 == 8 else 1)

    for bench in with_every_map(start, twice, lambda bench: bool(bench.faults) and len(bench.reports) >= 4):
        assert FaultReason.DESYNC in {fault.reason for fault in bench.faults}


def chaos(register_map: RegisterMap, seed: int) -> Script:
    """A slow, forgetful and repetitive slave."""
    words = telling(register_map).words
    chance = random.Random(seed)

    def script(request: Request) -> list[Say]:
        answer = rtu_reply(request, words(request))
        kind = chance.random()
        late_s = chance.uniform(0.5, 6.0) * DEADLINE_S
        if kind < 0.94:
            return [Say(answer)]
        if kind < 0.97:
            return [Say(answer, after_s=late_s)]
        if kind < 0.98:
            return [Say(answer), Say(answer, after_s=late_s / 4)]
        if kind < 0.99:
            return []
        return [Say(answer[:-3]), Say(answer, after_s=late_s)]

    return script


def test_whatever_is_late_lost_or_doubled_no_value_belongs_to_another_register_or_cycle(start: Start) -> None:
    benches = [start(register_map, chaos(register_map, seed)) for register_map in MAPS.values() for seed in range(4)]
    side_by_side([partial(bench.run, 2.0) for bench in benches])
    assert [lie for bench in benches for lie in bench.lies] == []
    assert sum(len(bench.faults) for bench in benches) > len(benches)
    assert sum(len(bench.reports) for bench in benches) > 3 * len(benches)


def test_a_canary_that_changes_is_a_desync_and_gives_no_report(start: Start) -> None:
    register_map = MAPS["reads of equal length, canary"]
    words = telling(register_map).words
    bench = start(register_map, lambda r: [Say(rtu_reply(r, [CANARY + 1] if r.address == 90 else words(r)))])
    bench.run_until(lambda: bool(bench.faults))
    assert bench.faults[0].reason is FaultReason.DESYNC
    assert "never changes" in bench.faults[0].detail
    assert bench.reports == []


def test_reports_are_suspect_until_a_canary_that_has_to_be_learned_was_seen_three_times(start: Start) -> None:
    register_map = a_map({"floor": 10}, canary=Canary(Table.HOLDING, 90))
    bench = start(register_map, honest(register_map))
    bench.run_until(lambda: len(bench.reports) >= 4)
    # The first cycle sees the canary before and after its only read, the next ones once.
    assert [report.is_suspect for report in bench.reports[:4]] == [True, False, False, False]


@pytest.mark.parametrize("noise", [b"\x00", b"\xff\x00\xff"])
def test_a_little_noise_when_a_transceiver_switches_on_is_no_answer(start: Start, noise: bytes) -> None:
    register_map = MAPS["reads of equal length, no canary"]
    words = telling(register_map).words
    bench = start(register_map, lambda request: [Say(noise + rtu_reply(request, words(request)))])
    bench.run_until(lambda: len(bench.reports) >= 3)
    assert bench.lies == []
    assert bench.faults == []


def test_more_noise_than_that_might_hide_an_answer(start: Start) -> None:
    register_map = MAPS["reads of equal length, no canary"]
    words = telling(register_map).words
    bench = start(register_map, lambda request: [Say(b"\x00\x00\x00\x00" + rtu_reply(request, words(request)))])
    bench.run_until(lambda: bool(bench.faults))
    assert bench.reports == []
    assert bench.faults[0].reason in (FaultReason.BAD_REPLY, FaultReason.DESYNC)


def test_a_map_whose_late_answers_could_not_be_told_is_refused_on_a_serial_line() -> None:
    with pytest.raises(SettingsError) as caught:
        ModbusController(a_map(SINGLES, canary=None), SerialLink("/dev/ttyUSB0"), now_ns=lambda: 0)
    assert "[canary]" in caught.value.hint


def test_a_dead_unit_leaves_the_bus_to_the_others(start: Start) -> None:
    register_map = MAPS["reads of equal length, no canary"]
    bench = start(register_map, lambda _request: [])
    bench.run(1.2)
    # One question an attempt; attempts after 0, 0.1, 0.25, 0.5, 1 and 2 s, and 0.12 s for each and the quiet after it.
    assert 4 <= len(bench.slave.requests) <= 6
    assert [fault.reason for fault in bench.faults] == [FaultReason.SILENT]
    bench.slave.script = honest(register_map)
    bench.run_until(lambda: len(bench.reports) >= 2)
    assert bench.lies == []


def test_a_cycle_over_its_budget_gives_what_it_has_and_the_next_begins_with_the_rest(start: Start) -> None:
    register_map = a_map(SINGLES, canary=KNOWN)
    words = telling(register_map).words
    bench = start(
        register_map,
        lambda request: [Say(rtu_reply(request, words(request)), after_s=0.35)],
        poll_hz=0.8,
        cycle_budget_s=1.0,
    )
    bench.run_until(lambda: len(bench.reports) >= 2, most_s=20.0)
    first, second = ({feed for feed in BASES if getattr(report, feed) is not None} for report in bench.reports[:2])
    # Each read and each check between two takes 0.35 s, so two reads fill the budget of 1 s.
    assert len(first) == 2
    assert BASES.keys() - first <= second
    assert bench.faults == []


def test_an_answer_that_comes_again_while_the_next_is_awaited_never_becomes_that(start: Start) -> None:
    # The copy is as long as the answer awaited; only the check at the end of the cycle can tell.
    def again(register_map: RegisterMap) -> Script:
        words = telling(register_map).words

        def script(request: Request) -> list[Say]:
            answer = Say(rtu_reply(request, words(request)))
            return [answer, replace(answer, after_s=0.010)] if request.address == 10 and request.index > 8 else [answer]

        return script

    for bench in with_every_map(start, again, lambda bench: bool(bench.faults)):
        assert bench.faults[0].reason is FaultReason.DESYNC


def test_a_copy_that_stands_in_for_a_lost_answer_never_becomes_it(start: Start) -> None:
    # Nothing is shifted afterwards: the copy was one answer too many, the loss one too few.
    def swapped(register_map: RegisterMap) -> Script:
        words = telling(register_map).words
        owes: list[int] = []

        def script(request: Request) -> list[Say]:
            answer = Say(rtu_reply(request, words(request)))
            if owes:
                owes.pop()
                return []
            if request.address == 10 and request.count == 2 and request.index > 8:
                owes.append(1)
                return [answer, replace(answer, after_s=0.010)]
            return [answer]

        return script

    pairs = [register_map for register_map in MAPS.values() if len(register_map.reads) == 2]
    benches = [start(register_map, swapped(register_map)) for register_map in pairs]
    side_by_side([partial(bench.run, 1.0) for bench in benches])
    assert [lie for bench in benches for lie in bench.lies] == []
    assert all(bench.faults and bench.reports for bench in benches)


def test_after_a_question_without_answer_the_line_is_left_alone_for_two_deadlines(start: Start) -> None:
    register_map = MAPS["reads of equal length, no canary"]
    words = telling(register_map).words
    bench = start(register_map, lambda r: [] if r.index == 7 else [Say(rtu_reply(r, words(r)))])
    bench.run_until(lambda: len(bench.slave.requests) > 9)
    assert bench.slave.times_s[8] - bench.slave.times_s[7] >= 3 * DEADLINE_S - 0.002


def test_bytes_that_nobody_asked_for_put_the_next_answer_in_doubt() -> None:
    slave = RtuSlave(lambda request: [Say(rtu_reply(request, [7] * request.count)), Say(b"\x01\x03\x02\x00", 0.020)])

    async def ask_twice() -> None:
        connection = ModbusConnection(SerialLink(slave.port, 115200), 1, 0.2)
        assert await connection.open()
        assert await connection.words(ReadBlock(Table.HOLDING, 0, 2)) == (7, 7)
        await asyncio.sleep(0.06)
        try:
            with pytest.raises(ModbusTrouble) as caught:
                await connection.words(ReadBlock(Table.HOLDING, 0, 2))
            assert caught.value.reason is FaultReason.DESYNC
        finally:
            connection.close()
            await asyncio.sleep(0)

    asyncio.run(ask_twice())
    slave.close()


def test_closing_takes_no_time_even_while_an_answer_comes_in(start: Start) -> None:
    register_map = MAPS["reads of equal length, no canary"]
    bench = start(register_map, honest(register_map), poll_hz=50.0)
    for attempt in range(60):
        bench.controller.open()
        bench.controller.read(0.001 + attempt % 10 * 0.0002)
        begun_s = time.monotonic()
        bench.controller.close()
        assert time.monotonic() - begun_s < 0.3
