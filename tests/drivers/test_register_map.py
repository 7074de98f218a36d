"""Register maps: what comes out of words, what goes into them, and what is refused in a file."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.map_files import known_map_names, load_register_map, template_text
from drivers.register_map import (
    Canary,
    Feed,
    Field,
    Kind,
    ReadBlock,
    RegisterImage,
    Table,
    plan_reads,
)
from drivers.register_map_toml import RegisterMapProblems, register_map_from
from edge_agent.errors import SettingsError
from edge_agent.readings import ControllerDoor, ControllerReport, Direction, Mode

NICE = load_register_map("nice3000plus")

HEAD = """
[map]
name = "trial"
maker = "Nobody"
model = "None"
firmware = "0"
evidence = "inferred"
source = "invented"
polling_is_safe = true
polling_note = "invented"
"""
FLOOR = """
[[field]]
name = "floor"
address = 10
kind = "uint16"
feeds = "floor"
"""


def image_of(words: dict[int, int]) -> RegisterImage:
    image = RegisterImage()
    for block in NICE.reads:
        image.store(block, [words.get(address, 0) for address in range(block.address, block.end)])
    return image


def problems_of(toml_text: str) -> str:
    with pytest.raises(RegisterMapProblems) as caught:
        register_map_from(toml_text, "trial.toml")
    return str(caught.value)


def test_the_nice3000plus_words_of_a_running_lift_are_understood() -> None:
    # By hand from the register table: 1.500 m/s, floor 7, 45.0 %, automatic (7 in b4-7), running (5 in b8-11), up.
    report = NICE.decode(image_of({0x1010: 1500, 0x1018: 7, 0x101A: 450, 0x101D: 0x0570, 0x3000: 1, 0x8000: 0}), 42)
    assert report == ControllerReport(
        t_ns=42,
        floor="7",
        direction=Direction.UP,
        mode=Mode.NORMAL,
        door=None,
        fault=0,
        safety_circuit_closed=True,
        speed_mps=1.5,
        load_percent=45.0,
    )


@pytest.mark.parametrize(
    ("number", "is_closed"), [(0, True), (41, False), (48, None)], ids=["no fault", "E41", "another fault"]
)
def test_fault_e41_opens_the_safety_circuit(number: int, is_closed: bool | None) -> None:
    report = NICE.decode(image_of({0x8000: number}), 0)
    assert report.fault == number
    assert report.safety_circuit_closed is is_closed


@pytest.mark.parametrize(
    ("code", "mode"),
    [
        (0, Mode.INSPECTION),
        (1, Mode.INSPECTION),
        (3, Mode.FIRE_RETURN),
        (4, Mode.FIREFIGHTER),
        (5, Mode.UNKNOWN),
        (7, Mode.NORMAL),
        (8, Mode.OUT_OF_SERVICE),
        (14, Mode.UNKNOWN),
    ],
)
def test_the_system_state_gives_the_mode(code: int, mode: Mode) -> None:
    assert NICE.decode(image_of({0x101D: code << 4}), 0).mode is mode


@pytest.mark.parametrize(
    ("code", "door"),
    [
        (0, None),
        (1, ControllerDoor.OPENING),
        (2, ControllerDoor.OPEN),
        (3, ControllerDoor.CLOSING),
        (4, ControllerDoor.CLOSED),
        (5, None),
        (15, None),
    ],
)
def test_the_car_state_gives_the_door(code: int, door: ControllerDoor | None) -> None:
    assert NICE.decode(image_of({0x101D: code << 8}), 0).door is door


def test_values_out_of_range_are_unknown() -> None:
    report = NICE.decode(image_of({0x1010: 4501, 0x1018: 49, 0x101A: 2001, 0x3000: 9, 0x8000: 100}), 0)
    assert (report.speed_mps, report.floor, report.load_percent, report.direction, report.fault) == (None,) * 5
    edge = NICE.decode(image_of({0x1010: 4500, 0x1018: 48, 0x101A: 2000, 0x3000: 3, 0x8000: 99}), 0)
    assert edge.speed_mps == 4.5
    assert (edge.floor, edge.load_percent, edge.direction, edge.fault) == ("48", 200.0, Direction.NONE, 99)


def test_a_read_that_is_missing_leaves_its_values_unsaid() -> None:
    image = RegisterImage()
    image.store(ReadBlock(Table.HOLDING, 0x8000, 1), [36])
    assert NICE.decode(image, 0) == ControllerReport(t_ns=0, fault=36)


@given(st.lists(st.integers(0, 0xFFFF), min_size=16, max_size=16))
@settings(max_examples=300, deadline=None)
def test_no_words_at_all_can_break_the_decoding(words: list[int]) -> None:
    image = RegisterImage()
    left = list(words)
    for block in NICE.reads:
        image.store(block, [left.pop() for _ in range(block.count)])
    report = NICE.decode(image, 7, is_suspect=True)
    assert report.is_suspect
    assert report.speed_mps is None or 0 <= report.speed_mps <= 4.5
    assert report.floor is None or 1 <= int(report.floor) <= 48
    assert report.mode is not None


REPORTS = st.builds(
    ControllerReport,
    t_ns=st.just(9),
    floor=st.none() | st.integers(1, 48).map(str),
    direction=st.none() | st.sampled_from(Direction),
    mode=st.sampled_from(
        [Mode.NORMAL, Mode.INSPECTION, Mode.FIRE_RETURN, Mode.FIREFIGHTER, Mode.OUT_OF_SERVICE, Mode.UNKNOWN]
    ),
    door=st.none() | st.sampled_from([d for d in ControllerDoor if d is not ControllerDoor.FAULT]),
    fault=st.none() | st.integers(0, 99),
    speed_mps=st.none() | st.integers(0, 4500).map(lambda mm: mm / 1000),
    load_percent=st.none() | st.integers(0, 2000).map(lambda tenths: tenths / 10),
)


@given(REPORTS)
@settings(max_examples=300, deadline=None)
def test_what_a_controller_says_by_a_map_is_what_is_read_by_it(report: ControllerReport) -> None:
    closed_by_fault = {0: True, 41: False}.get(report.fault) if report.fault is not None else None
    assert NICE.decode(NICE.encode(report), 9) == replace(report, safety_circuit_closed=closed_by_fault)


def test_what_a_map_cannot_say_comes_out_as_unknown_not_as_something_else() -> None:
    said = ControllerReport(t_ns=0, door=ControllerDoor.FAULT, mode=Mode.EARTHQUAKE, speed_mps=70.0, passenger=True)
    read = NICE.decode(NICE.encode(said), 0)
    assert (read.door, read.mode, read.speed_mps, read.passenger) == (None, Mode.UNKNOWN, None, None)


def test_negative_numbers_go_both_ways() -> None:
    field = Field("speed", Table.HOLDING, 5, Kind.INT16, scale=0.01, unit="m/s", feeds=Feed.SPEED)
    image = RegisterImage()
    field.place(-1.25, image)
    assert image.word(Table.HOLDING, 5) == 0x10000 - 125
    assert field.value(image) == -1.25


def test_an_inverted_bit_says_the_opposite_and_keeps_its_neighbours() -> None:
    field = Field("zone", Table.INPUT, 3, Kind.BIT, bit_first=4, bit_count=1, feeds=Feed.DOOR_ZONE, is_inverted=True)
    image = RegisterImage()
    image.put(Table.INPUT, 3, 0xFFFF)
    assert field.value(image) is False
    field.place(True, image)
    assert image.word(Table.INPUT, 3) == 0xFFEF
    assert field.value(image) is True


def field_at(address: int, table: Table = Table.HOLDING) -> Field:
    return Field(f"f{address}", table, address, Kind.UINT16, feeds=Feed.FAULT)


def test_reads_bridge_small_gaps_and_respect_the_longest_read() -> None:
    fields = [field_at(address) for address in (100, 103, 110, 111, 140)]
    assert set(plan_reads(fields, most_registers=125, gap_registers_max=6)) == {
        ReadBlock(Table.HOLDING, 100, 12),
        ReadBlock(Table.HOLDING, 140, 1),
    }
    assert set(plan_reads(fields, most_registers=4, gap_registers_max=6)) == {
        ReadBlock(Table.HOLDING, 100, 4),
        ReadBlock(Table.HOLDING, 110, 2),
        ReadBlock(Table.HOLDING, 140, 1),
    }
    assert len(plan_reads(fields, most_registers=125, gap_registers_max=1)) == 4


def test_a_forbidden_register_is_never_read_in_passing() -> None:
    fields = [field_at(address) for address in (100, 103)]
    whole_run = plan_reads(fields, most_registers=125, gap_registers_max=6)
    assert [(block.address, block.count) for block in whole_run] == [(100, 4)]
    around = plan_reads(fields, most_registers=125, gap_registers_max=6, forbidden=(range(101, 102),))
    assert {(block.address, block.count) for block in around} == {(100, 1), (103, 1)}
    beside = plan_reads(fields, most_registers=125, gap_registers_max=6, forbidden=(range(90, 100), range(104, 200)))
    assert beside == whole_run


def test_tables_are_never_read_together() -> None:
    fields = [field_at(1), field_at(2, Table.INPUT), field_at(3, Table.COIL)]
    assert {block.table for block in plan_reads(fields, most_registers=125, gap_registers_max=8)} == {
        Table.HOLDING,
        Table.INPUT,
        Table.COIL,
    }


def test_neighbouring_reads_differ_in_length_where_possible() -> None:
    assert [block.count for block in NICE.reads] == [1, 14, 1]


@given(st.sets(st.integers(0, 400), min_size=1, max_size=60), st.integers(1, 125), st.integers(0, 30))
def test_every_field_is_covered_and_no_read_is_too_long(addresses: set[int], most: int, gap: int) -> None:
    blocks = plan_reads([field_at(a) for a in addresses], most_registers=most, gap_registers_max=gap)
    covered = [address for block in blocks for address in range(block.address, block.end)]
    assert addresses <= set(covered)
    assert len(covered) == len(set(covered))
    assert max(block.count for block in blocks) <= most


def test_fields_that_feed_nothing_cost_no_bus_time() -> None:
    assert {(block.address, block.count) for block in NICE.reads} == {(0x1010, 14), (0x3000, 1), (0x8000, 1)}
    assert len(NICE.fields) > len([field for field in NICE.fields if field.feeds])


def test_nothing_in_the_nice3000plus_map_points_at_its_control_or_password_words() -> None:
    forbidden = {0x4000, *range(0x6000, 0x6005)}
    assert {address for own in NICE.forbidden for address in own} == forbidden
    for block in NICE.reads:
        assert not forbidden & set(range(block.address, block.end))
    assert not forbidden & {field.address for field in NICE.fields}


def test_every_map_that_comes_with_the_agent_loads() -> None:
    assert known_map_names() == ("arkel_arcode", "c800", "invertek_elevator_core", "nice3000plus", "retrofit_node")
    for name in known_map_names():
        assert load_register_map(name).name == name


def test_the_template_is_a_valid_map_that_uses_every_kind_of_key() -> None:
    text = template_text()
    register_map = register_map_from(text, "template.toml")
    assert not register_map.polling_is_safe
    assert register_map.canary == Canary(Table.HOLDING, 0x1011)
    head_keys = ("evidence", "polling_note", "max_registers_per_read", "gap_registers_max", "forbidden")
    assert all(f"\n{key} = " in text for key in head_keys)
    assert all(feed.value in text for feed in Feed)
    assert all(kind.value in text for kind in Kind)


def test_an_unknown_map_name_leads_to_the_nearest() -> None:
    with pytest.raises(SettingsError) as caught:
        load_register_map("nice3000")
    assert "nice3000plus" in caught.value.hint


def test_a_map_file_that_is_missing_is_named(tmp_path: object) -> None:
    with pytest.raises(SettingsError) as caught:
        load_register_map(f"{tmp_path}/mine.toml")
    assert caught.value.subject.endswith("mine.toml")


@pytest.mark.parametrize(
    ("toml_text", "place", "said"),
    [
        (HEAD, "trial.toml:1", "no field"),
        (HEAD + FLOOR.replace('kind = "uint16"', 'kind = "uint32"'), "trial.toml:15", "uint32"),
        (HEAD + FLOOR.replace("address = 10", "adress = 10"), "trial.toml:14", "Did you mean address?"),
        (HEAD + FLOOR.replace("address = 10", "address = 70000"), "trial.toml:14", "70000"),
        (HEAD + FLOOR.replace('feeds = "floor"', 'feeds = "flor"'), "trial.toml:16", "floor"),
        (HEAD + FLOOR.replace('feeds = "floor"', 'feeds = "mode"'), "trial.toml:16", "cannot feed mode"),
        (HEAD + FLOOR + FLOOR, "trial.toml:19", "two fields are named floor"),
        (HEAD + FLOOR + FLOOR, "trial.toml:22", "already feeds floor"),
        (HEAD + FLOOR + FLOOR, "trial.toml:20", "belong to floor"),
        (HEAD + FLOOR + "minimum = 5\nmaximum = 5", "trial.toml:17", "not below"),
        (HEAD + FLOOR + 'table = "coil"', "trial.toml:15", "single bits"),
        (HEAD.replace("polling_is_safe = true\n", "") + FLOOR, "trial.toml:2", "polling_is_safe"),
        (HEAD.replace('evidence = "inferred"', 'evidence = "hearsay"') + FLOOR, "trial.toml:7", "hearsay"),
        (HEAD + FLOOR.replace('kind = "uint16"', 'kind = "enum"'), "trial.toml:12", "without values"),
        (HEAD + FLOOR.replace('"uint16"', '"enum"') + 'values = { 70000 = "G" }', "trial.toml:17", "70000 is no code"),
        (HEAD + FLOOR.replace('"uint16"', '"enum"') + 'values = { 1 = "ground" }', "trial.toml:17", "1 to 4"),
        (HEAD + FLOOR.replace('"uint16"', '"bits"') + "bits = [7, 4]", "trial.toml:17", "lowest and the highest"),
        (HEAD + FLOOR.replace('"floor"', '"speed_mps"', 2), "trial.toml:12", 'needs unit = "m/s"'),
        (HEAD + FLOOR + "scale = 0", "trial.toml:17", "scale"),
        (HEAD + FLOOR.replace('"floor"', '"speed_mps"', 2), "trial.toml:16", "no bounds"),
        (HEAD + FLOOR + "minimum = 70000", "trial.toml:17", "no value of this register lies between"),
        (HEAD + FLOOR.replace("uint16", "int16") + "maximum = -40000", "trial.toml:12", "no value of this register"),
        (HEAD + "forbidden = [[8, 12]]" + FLOOR, "trial.toml:14", "0x000a is forbidden"),
        (HEAD + "forbidden = [[12, 8]]" + FLOOR, "trial.toml:11", "pairs of addresses"),
        (HEAD + "forbidden = 12" + FLOOR, "trial.toml:11", "pairs of addresses"),
        (HEAD + "forbidden = [[7, 7]]\n[canary]\naddress = 7" + FLOOR, "trial.toml:13", "0x0007 is forbidden"),
        (HEAD + "[canary]\nvalue = 5" + FLOOR, "trial.toml:11", "[canary] lacks address"),
        (HEAD + "[canary]\naddress = 5\nvalue = 65536" + FLOOR, "trial.toml:13", "65536 is impossible"),
        (HEAD + '[canary]\naddress = 5\ntable = "coil"' + FLOOR, "trial.toml:13", "coil"),
        (HEAD + "[canary]\nadress = 5\naddress = 5" + FLOOR, "trial.toml:12", "Did you mean address?"),
        (HEAD + FLOOR.replace('feeds = "floor"', ""), "trial.toml:12", "documentation_only = true"),
        (HEAD + "documentation_only = true" + FLOOR, "trial.toml:11", "Leave documentation_only out"),
        ("[map", "trial.toml:1", "no valid TOML"),
    ],
)
def test_a_mistake_in_a_map_is_named_with_its_line(toml_text: str, place: str, said: str) -> None:
    lines = problems_of(toml_text).splitlines()
    assert any(line.startswith(f"{place}:") and said in line for line in lines), lines


def test_a_second_reading_of_the_same_bits_is_allowed_when_marked() -> None:
    second = FLOOR.replace('name = "floor"', 'name = "again"').replace('feeds = "floor"', 'feeds = "fault"')
    assert "belong to floor" in problems_of(HEAD + FLOOR + second)
    assert register_map_from(HEAD + FLOOR + second + "is_decode_only = true", "trial.toml").name == "trial"


@given(st.text(max_size=200))
def test_any_text_as_a_map_gives_a_map_or_its_problems(toml_text: str) -> None:
    with pytest.raises(RegisterMapProblems):
        register_map_from(toml_text, "trial.toml")
