"""Talkers: what the simulator says by a protocol is what the driver reads, and nothing is said twice for nothing."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from drivers.protocol_files import known_protocol_names, load_serial_protocol
from drivers.serial_protocol import FrameCutter, SerialProtocol
from drivers.serial_protocol_toml import serial_protocol_from
from edge_agent.readings import ControllerDoor, ControllerReport, Direction, Mode
from sim.modbus_frames import Mishap, Spoiled
from sim.talker import Talker, spoiled_frame

REPORT = ControllerReport(
    0,
    floor="5",
    direction=Direction.UP,
    mode=Mode.OUT_OF_SERVICE,
    door=ControllerDoor.CLOSED,
    fault=41,
    safety_circuit_closed=False,
    speed_mps=1.25,
)

BINARY = """
[protocol]
name = "binary"
maker = "nobody"
model = "counted frames with a checksum of two bytes"
evidence = "inferred"
source = "made up here"
note = "for this test"

[line]
baud_rate = 9600
silent_s = 6

[frame]
start = [0xAA, 0x55]
length_at = 2
length_adds = 0

[checksum]
kind = "{checksum}"
first = 2
last = {last}
at = {at}

[[field]]
name = "floor"
at = 3
kind = "uint8"
minimum = 0
maximum = 64
feeds = "floor"

[[field]]
name = "speed"
at = 4
kind = "{word}"
scale = 0.001
minimum = 0
maximum = 10
feeds = "speed_mps"

[[field]]
name = "circuit"
at = 6
kind = "bit"
bit = 3
feeds = "safety_circuit_closed"
"""


def heard(protocol: SerialProtocol, frames: list[bytes]) -> ControllerReport:
    """What the driver's side makes of all frames together."""
    cutter = FrameCutter(protocol.shape, protocol.checksum)
    told = ControllerReport(0)
    for frame in frames:
        [(whole, _)] = cutter.feed(frame, 0)
        report = protocol.decode(whole, 0)
        told = replace(
            told, **{each.name: value for each in fields(report) if (value := getattr(report, each.name)) is not None}
        )
    return told


def test_sentence_of_our_own_carries_everything() -> None:
    protocol = load_serial_protocol("liftsentence")
    assert heard(protocol, Talker(protocol).due(REPORT, 0.0)) == REPORT


def test_announcer_says_door_service_and_floor_one_after_the_other() -> None:
    protocol = load_serial_protocol("merak_mmk656")
    frames = Talker(protocol).due(REPORT, 0.0)
    assert len(frames) == 3
    told = heard(protocol, frames)
    assert (told.floor, told.door, told.mode) == ("5", ControllerDoor.CLOSED, Mode.OUT_OF_SERVICE)


@pytest.mark.parametrize("word", ["uint16", "uint16_low_first"])
@pytest.mark.parametrize(
    ("checksum", "last", "at"), [("sum8", -2, -1), ("xor8", -2, -1), ("lrc8", -2, -1), ("crc16_modbus", -3, -2)]
)
def test_binary_frames_of_every_kind_prove_themselves(checksum: str, last: int, at: int, word: str) -> None:
    protocol = serial_protocol_from(BINARY.format(checksum=checksum, last=last, at=at, word=word), "binary.toml")
    told = heard(protocol, Talker(protocol).due(REPORT, 0.0))
    assert (told.floor, told.speed_mps, told.safety_circuit_closed) == ("5", 1.25, False)


@pytest.mark.parametrize("name", known_protocol_names())
def test_what_does_not_change_is_said_again_before_the_line_counts_as_silent(name: str) -> None:
    protocol = load_serial_protocol(name)
    talker = Talker(protocol)
    step_s = protocol.silent_s / 100
    said_s = [step * step_s for step in range(100) if talker.due(REPORT, step * step_s)]
    assert 3 < len(said_s) <= 10


def test_what_changes_is_said_at_once_but_not_more_than_five_times_a_second() -> None:
    protocol = load_serial_protocol("liftsentence")
    talker = Talker(protocol)
    talker.due(REPORT, 0.0)
    assert talker.due(replace(REPORT, floor="6"), 0.3)
    count = sum(len(talker.due(replace(REPORT, speed_mps=n / 100), 1.0 + n / 100)) for n in range(100))
    assert count == 5


def test_dark_controller_says_nothing() -> None:
    assert Talker(load_serial_protocol("liftsentence")).due(None, 0.0) == []


@pytest.mark.parametrize("name", known_protocol_names())
@pytest.mark.parametrize("mishap", [Mishap.SILENT, Mishap.BAD_CRC, Mishap.HALF_REPLY])
def test_spoiled_frame_is_none(name: str, mishap: Mishap) -> None:
    protocol = load_serial_protocol(name)
    cutter = FrameCutter(protocol.shape, protocol.checksum)
    for frame in Talker(protocol).due(REPORT, 0.0):
        assert cutter.feed(spoiled_frame(frame, protocol, Spoiled(mishap)), 0) == ()
    if mishap is not Mishap.SILENT:
        assert sum(cutter.dropped.values()) + len(cutter._buffer) > 0
