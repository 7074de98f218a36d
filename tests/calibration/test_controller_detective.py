"""The controller detective: words are found by what sensors saw, or not at all; what only looks like a word is left."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from functools import cache

import pytest

from calibration.controller import Detected, detect, detective_result
from calibration.controller_map import map_text
from calibration.controller_truth import Span, Truth
from calibration.fit_samples import NS_PER_S
from calibration.words import CalibrationError, Commissioning, Verdict
from calibration.words_json import to_json
from drivers.map_files import load_register_map
from drivers.modbus import ModbusRefusal, ModbusTrouble
from drivers.register_map import Evidence, Feed, ReadBlock, RegisterImage, Table
from drivers.register_map_log import RegisterRead, log_lines, reads_from
from drivers.register_map_toml import register_map_from
from drivers.register_sweep import Swept, refusal_of, sweep, sweep_plan
from edge_agent.errors import RecordingError
from edge_agent.installation import Drive
from edge_agent.readings import FaultReason
from tests.calibration.drawn_controllers import Controller, without
from tests.calibration.drawn_controllers import sweep as swept
from tests.calibration.fit_figures import (
    NOT_FOUND,
    RIGHT,
    WRONG,
    detective_story,
    drawn_controller,
    judged,
    truth_for,
)
from tests.calibration.learning_lifts import START_NS, Learned, drawn, ride_everywhere

SEED = 11


@cache
def story() -> tuple[Learned, Truth]:
    """One lift that was ridden, stopped by two faults and switched to inspection."""
    found = detective_story(SEED, drive=Drive.VVVF, landings=4)
    return found, truth_for(found.readings())


def looked_at(controller: Controller) -> tuple[Detected, dict[Feed, str], list[RegisterRead]]:
    """What the detective makes of it, and whether that is right."""
    found, truth = story()
    reads = swept(found.lift, controller, read_s=0.08, seed=SEED)
    detected = detect(reads, truth)
    return detected, dict(judged(found, controller, detected, reads)), reads


@pytest.mark.parametrize("name", ["nice3000plus", "c800", "retrofit_node", "invertek_elevator_core"])
def test_the_words_of_each_shipped_map_are_found_and_what_it_does_not_say_is_not(name: str) -> None:
    register_map = load_register_map(name)
    _, outcome, _ = looked_at(Controller(register_map, (), 0.1))
    said = {field.feeds for field in register_map.fields}
    assert outcome == {feed: RIGHT if feed in said else NOT_FOUND for feed in outcome}


def test_the_words_of_a_drawn_map_are_found_among_decoys() -> None:
    _, outcome, _ = looked_at(drawn_controller(SEED, story()[0]))
    assert set(outcome.values()) == {RIGHT}


def test_two_words_in_one_register_share_no_bit_so_that_the_proposed_map_can_be_read() -> None:
    ways = [
        Span(s * NS_PER_S, (s + 4) * NS_PER_S, way, s)
        for s, way in ((10, "up"), (20, "down"), (30, "up"), (40, "down"))
    ]
    stands = [Span(s * NS_PER_S, (s + 4) * NS_PER_S, "none", s) for s in (5, 15, 25, 35, 45)]
    modes = [Span(s * NS_PER_S, (s + 8) * NS_PER_S, "normal" if s % 20 else "inspection", s) for s in (50, 60, 70, 80)]
    truth = Truth((), (), tuple(sorted(ways + stands, key=lambda span: span.start_ns)), (), tuple(modes), ())

    def word_at(t_s: float) -> int:
        way = next((span.label for span in ways if span.start_ns <= t_s * NS_PER_S < span.end_ns), "none")
        mode = next((span.label for span in modes if span.start_ns <= t_s * NS_PER_S < span.end_ns), "normal")
        return {"none": 0, "down": 1, "up": 2}[way] << 2 | {"normal": 1, "inspection": 3}[mode] << 8

    reads = [RegisterRead(round(t * NS_PER_S / 4), Table.HOLDING, 7, (word_at(t / 4),)) for t in range(360)]
    detected = detect(reads, truth)
    assert {word.feed for word in detected.words if word.candidate is not None} == {Feed.DIRECTION, Feed.MODE}
    text = map_text(detected, name="found", maker="-", model="-", made_by="-")
    fields = {field.feeds: (field.bit_first, field.bit_count) for field in register_map_from(text, "found.toml").fields}
    assert fields == {Feed.DIRECTION: (2, 2), Feed.MODE: (9, 1)}


@pytest.mark.parametrize("feed", [Feed.FLOOR, Feed.FAULT])
def test_a_word_that_the_controller_does_not_say_is_not_taken_from_a_decoy(feed: Feed) -> None:
    whole = drawn_controller(SEED, story()[0])
    lacking = Controller(without(whole.register_map, feed), whole.decoys, whole.delay_s)
    _, outcome, _ = looked_at(lacking)
    assert outcome.pop(feed) == NOT_FOUND
    assert WRONG not in outcome.values()


def test_without_faults_and_inspection_these_words_say_what_is_lacking() -> None:
    found = drawn(SEED, drive=Drive.VVVF, landings=4)
    ride_everywhere(found.lift)
    controller = drawn_controller(SEED, found)
    detected = detect(swept(found.lift, controller), truth_for(found.readings()))
    reasons = {word.feed: word.reason.key for word in detected.words if word.reason is not None}
    assert reasons[Feed.MODE] == "controller.lacks_mode"
    assert reasons[Feed.FAULT] == "controller.lacks_fault"
    assert detected.word(Feed.FLOOR).candidate is not None


def test_the_proposed_map_can_be_loaded_and_decodes_what_the_controller_says() -> None:
    found, _ = story()
    controller = Controller(load_register_map("nice3000plus"), (), 0.1)
    detected, _, _ = looked_at(controller)
    text = map_text(detected, name="lift_7", maker="not known", model='the "grey" box', made_by="Box 12, 电梯 7")
    register_map = register_map_from(text, "lift_7.toml")
    assert register_map.evidence is Evidence.CORRELATED
    assert not register_map.polling_is_safe
    assert {field.feeds for field in register_map.fields} == {
        *(Feed.FLOOR, Feed.DIRECTION, Feed.DOOR, Feed.MODE, Feed.FAULT)
    }
    for t_s in (5.0, found.lift.trips[3].start_s + 3.0, found.lift.trips[-4].end_s + 8.0):
        said = controller.report(found.lift, t_s)
        image = RegisterImage()
        whole = controller.image(found.lift, t_s)
        for field in register_map.fields:
            image.put(field.table, field.address, whole.word(field.table, field.address) or 0)
        decoded = register_map.decode(image, 0)
        assert (decoded.floor, decoded.direction, decoded.mode) == (said.floor, said.direction, said.mode)
        assert decoded.fault == said.fault


def test_a_map_without_a_word_is_not_written() -> None:
    nothing = detect([], Truth((), (), (), (), (), ()))
    assert detective_result(nothing).verdict is Verdict.FAILED
    with pytest.raises(CalibrationError):
        map_text(nothing, name="x", maker="y", model="z", made_by="me")


def test_the_same_log_gives_the_same_bytes() -> None:
    reads = looked_at(Controller(load_register_map("retrofit_node"), (), 0.1))[2]
    results = [detective_result(detect(reads, story()[1])) for _ in range(2)]
    assert len({to_json(Commissioning("00", "lift", "0", None, (each,))) for each in results}) == 1


def test_a_log_comes_back_from_its_file_and_a_damaged_line_is_named() -> None:
    _, _, reads = looked_at(Controller(load_register_map("nice3000plus"), (), 0.1))
    text = "".join(f"{line}\n" for line in log_lines(reads[:50]))
    assert list(reads_from(text, "log")) == reads[:50]
    assert list(reads_from(text + "[1,2", "log")) == reads[:50]
    for damaged in (
        "[1]",
        '[1,"holding",0,[70000]]',
        '[1,"coil",0,[2]]',
        '[1,"holding",65535,[1,1]]',
        "{}",
        "[" * 9999,
    ):
        with pytest.raises(RecordingError, match=r"log:1"):
            reads_from(f"{damaged}\n", "log")
    with pytest.raises(RecordingError, match="back in time"):
        reads_from('[5,"holding",0,[1]]\n[4,"holding",0,[1]]\n', "log")


# ---- the sweep


class Scripted:
    """Answers from an image; refuses some addresses; fails when told. Notes what was asked."""

    def __init__(self, refused: range = range(0), failing_from: int = 10**9) -> None:
        self.asked: list[ReadBlock] = []
        self._refused, self._failing_from = refused, failing_from

    async def words(self, block: ReadBlock) -> tuple[int, ...]:
        """As `ModbusConnection.words`."""
        self.asked.append(block)
        if len(self.asked) > self._failing_from:
            raise ModbusTrouble(FaultReason.SILENT, "no answer")
        if any(address in self._refused for address in range(block.address, block.end)):
            raise ModbusRefusal("address not known")
        return tuple(range(block.address, block.end))


def ticking(step_ns: int) -> Iterator[int]:
    """A clock that goes on by itself."""
    t_ns = START_NS
    while True:
        yield t_ns
        t_ns += step_ns


def run(device: Scripted, addresses: range, seconds: float = 30.0, forbidden: tuple[range, ...] = ()) -> Swept:
    """A sweep in virtual time: each look at the clock is 20 ms later."""
    plan = sweep_plan(Table.HOLDING, addresses, seconds=seconds, forbidden=forbidden)
    clock = ticking(20_000_000)
    return asyncio.run(sweep(device, plan, lambda: next(clock), lambda: False, pause=lambda _s: None))


def test_forbidden_addresses_are_never_touched_and_refused_ones_are_left_out() -> None:
    device = Scripted(refused=range(20, 23))
    found = run(device, range(0, 64), forbidden=(range(32, 40),))
    assert not any(set(range(block.address, block.end)) & set(range(32, 40)) for block in device.asked)
    read = {a for each in found.reads for a in range(each.address, each.address + len(each.words))}
    assert read == set(range(64)) - set(range(32, 40)) - set(range(20, 23))
    asked_again = [b for b in device.asked[60:] if set(range(b.address, b.end)) & set(range(20, 23))]
    assert asked_again == []


def test_three_failures_in_a_row_end_the_sweep() -> None:
    device = Scripted(failing_from=5)
    found = run(device, range(0, 32))
    assert len(device.asked) == 5 + 3
    assert found.trouble == "no answer"


def test_a_sweep_is_bounded_in_time_registers_and_tables() -> None:
    device = Scripted()
    run(device, range(0, 16), seconds=1.0)
    assert 10 < len(device.asked) < 60
    plans: tuple[Callable[[], object], ...] = (
        lambda: sweep_plan(Table.COIL, range(0, 8)),
        lambda: sweep_plan(Table.HOLDING, range(0, 5000)),
        lambda: sweep_plan(Table.HOLDING, range(0, 8), pause_s=0.0),
        lambda: sweep_plan(Table.HOLDING, range(0, 8), seconds=1e6),
        lambda: sweep_plan(Table.HOLDING, range(0, 8), forbidden=(range(0, 8),)),
    )
    for plan in plans:
        with pytest.raises(ValueError, match=r"."):
            plan()


def test_nothing_is_polled_where_poll_safety_does_not_allow_it() -> None:
    assert refusal_of(load_register_map("nice3000plus"), accept_polling_risk=False) == ""
    assert "trips" in refusal_of(load_register_map("invertek_elevator_core"), accept_polling_risk=False)
    assert refusal_of(load_register_map("invertek_elevator_core"), accept_polling_risk=True) == ""
    assert "licence" in refusal_of(load_register_map("arkel_arcode"), accept_polling_risk=True)
    assert refusal_of(None, accept_polling_risk=False)
    assert refusal_of(None, accept_polling_risk=True) == ""
