"""The register maps that come with the agent: words worked by hand, and the checks planned for each."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.map_files import load_register_map
from drivers.register_map import Canary, RegisterImage, RegisterMap, Table, plan_reads
from drivers.register_map_checks import CanaryWatch, check_reads
from edge_agent.readings import ControllerDoor, ControllerReport, Direction, Mode
from tests.drivers.test_register_map import field_at

NICE = load_register_map("nice3000plus")
C800 = load_register_map("c800")
NODE = load_register_map("retrofit_node")
DRIVE = load_register_map("invertek_elevator_core")


def report_of(register_map: RegisterMap, words: dict[int, int]) -> ControllerReport:
    image = RegisterImage()
    for block in register_map.reads:
        image.store(block, [words.get(address, 0) for address in range(block.address, block.end)])
    return register_map.decode(image, 0)


def test_the_c800_words_of_a_lift_at_a_landing_are_understood() -> None:
    # By hand: door 1 open; automatic, both level bits (b4, b5), up (1 in b8-11); fault 41 sub 5; floor 3; a person.
    report = report_of(C800, {0xC805: 0x0001, 0xC80A: 0x0130, 0xC80B: 4105, 0xC80C: 3, 0xC826: 0x0002})
    assert report == ControllerReport(
        t_ns=0,
        floor="3",
        direction=Direction.UP,
        mode=Mode.NORMAL,
        door=ControllerDoor.OPEN,
        fault=41,
        door_zone=True,
        passenger=True,
    )


@pytest.mark.parametrize(("bits", "is_in_zone"), [(0b00, False), (0b01, False), (0b10, False), (0b11, True)])
def test_a_c800_is_in_the_door_zone_only_with_both_level_switches(bits: int, is_in_zone: bool) -> None:
    assert report_of(C800, {0xC80A: bits << 4}).door_zone is is_in_zone


def test_the_words_of_a_retrofit_node_are_understood() -> None:
    # By hand: down (b9), level (b10), somebody (b12), door bit 11 clear; floor 7 above speed 1.6 m/s times ten.
    report = report_of(NODE, {1: 0x1600, 2: 0x0710})
    assert report == ControllerReport(
        t_ns=0,
        floor="7",
        direction=Direction.DOWN,
        door=ControllerDoor.CLOSED,
        door_zone=True,
        passenger=True,
        speed_mps=1.6,
    )


def test_the_upper_byte_of_an_invertek_status_is_the_trip() -> None:
    assert report_of(DRIVE, {255: 0x2A03}).fault == 0x2A


@pytest.mark.parametrize("name", ["arkel_arcode", "c800", "invertek_elevator_core"])
def test_a_map_of_a_controller_that_may_mind_is_not_polled_by_default(name: str) -> None:
    register_map = load_register_map(name)
    assert not register_map.polling_is_safe
    assert len(register_map.polling_note) > 50


@given(st.dictionaries(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF), max_size=40))
@settings(max_examples=30, deadline=None)
def test_no_words_break_the_decoding_by_any_map(words: dict[int, int]) -> None:
    for register_map in (NICE, C800, NODE, DRIVE):
        assert report_of(register_map, words).t_ns == 0


def test_checks_are_as_long_as_no_polled_read_and_begin_at_the_canary() -> None:
    assert {(check.address, check.count) for check in check_reads(NICE)} == {(0x1011, count) for count in range(2, 10)}
    # Polled: 8 and 1 long, from 0xc805. The node's documented registers may be read along with the polled ones.
    assert {(check.address, check.count) for check in check_reads(C800)} == {(0xC805, count) for count in range(2, 8)}
    assert {(check.address, check.count) for check in check_reads(NODE)} == {(1, 1), (1, 3), (1, 4)}
    assert {(check.address, check.count) for check in check_reads(DRIVE)} == {(255, 2), (255, 3), (255, 4)}


@given(st.sets(st.integers(0, 200), min_size=1, max_size=30), st.integers(0, 10))
def test_no_check_could_be_answered_by_the_answer_to_a_poll(addresses: set[int], gap: int) -> None:
    fields = tuple(field_at(address) for address in sorted(addresses))
    register_map = replace(NICE, fields=fields, reads=plan_reads(fields, most_registers=125, gap_registers_max=gap))
    polled = {block.count for block in register_map.reads}
    covered = {address for block in register_map.reads for address in range(block.address, block.end)}
    for check in check_reads(register_map):
        assert check.count not in polled
        assert set(range(check.address, check.end)) <= covered


def test_a_canary_with_a_value_must_have_it() -> None:
    watch = CanaryWatch(Canary(Table.HOLDING, 1, 7))
    assert watch.is_known
    assert watch.is_right(7)
    assert not watch.is_right(8)


def test_a_canary_without_a_value_is_learned_and_forgotten_with_the_connection() -> None:
    watch = CanaryWatch(Canary(Table.HOLDING, 1))
    assert [watch.is_right(1750) for _ in range(2)] == [True, True]
    assert not watch.is_known
    assert watch.is_right(1750)
    assert watch.is_known
    assert not watch.is_right(1000)
    watch.forget()
    assert watch.is_right(1000)
    assert not watch.is_known
