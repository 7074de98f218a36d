"""Serial protocols: frames out of any stream of bytes, what they mean, and what is refused in a file."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.protocol_files import known_protocol_names, load_serial_protocol
from drivers.serial_protocol import Checksum, ChecksumKind, Drop, FrameCutter, FrameShape, SerialProtocol
from drivers.serial_protocol_toml import SerialProtocolProblems, serial_protocol_from
from edge_agent.errors import SettingsError
from edge_agent.readings import ControllerDoor, ControllerReport, Direction, Mode

SENTENCE = load_serial_protocol("liftsentence")
MERAK = load_serial_protocol("merak_mmk656")
MS = 1_000_000


def sentence(body: str) -> bytes:
    """NMEA 0183: XOR of all between "$" and "*"."""
    check = 0
    for octet in body.encode("ascii"):
        check ^= octet
    return f"${body}*{check:02X}\r\n".encode("ascii")


GOOD = sentence("LIFT,5,U,C,N,0,1,1.25")
# By hand: car 1, silence, "doors open" (0x40), all with the top bit set; F1 ^ 80 ^ 80 ^ C0 = 31, with the top bit B1.
DOORS_OPEN = bytes.fromhex("02 f1 80 80 c0 b1 04")


def cut(protocol: SerialProtocol, *chunks: bytes) -> tuple[list[bytes], FrameCutter]:
    cutter = FrameCutter(protocol.shape, protocol.checksum)
    frames = [frame for number, chunk in enumerate(chunks) for frame, _ in cutter.feed(chunk, number * MS)]
    return frames, cutter


def test_a_sentence_is_understood_part_by_part() -> None:
    assert SENTENCE.decode(GOOD, 7) == ControllerReport(
        t_ns=7,
        floor="5",
        direction=Direction.UP,
        mode=Mode.NORMAL,
        door=ControllerDoor.CLOSED,
        fault=0,
        safety_circuit_closed=True,
        speed_mps=1.25,
    )


def test_parts_that_are_empty_unknown_or_missing_are_not_said() -> None:
    assert SENTENCE.decode(sentence("LIFT,,?,O"), 0) == ControllerReport(t_ns=0, door=ControllerDoor.OPEN)
    assert SENTENCE.decode(sentence("LIFT,ABCDE,,,,99999,,11"), 0) == ControllerReport(t_ns=0)
    assert SENTENCE.decode(sentence("LIFT,-1,,,,nan,,inf"), 0) == ControllerReport(t_ns=0, floor="-1")


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (0x40, ControllerReport(t_ns=0, door=ControllerDoor.OPEN)),
        (0x41, ControllerReport(t_ns=0, door=ControllerDoor.CLOSED)),
        (0x3E, ControllerReport(t_ns=0, mode=Mode.OUT_OF_SERVICE)),
        (0x51, ControllerReport(t_ns=0, floor="0")),
        (0x68, ControllerReport(t_ns=0, floor="23")),
        (0x38, ControllerReport(t_ns=0, floor="LG")),
        (0x01, ControllerReport(t_ns=0)),
    ],
)
def test_an_announcement_of_the_merak_is_understood(message: int, said: ControllerReport) -> None:
    body = bytes([0xF1, 0x80, 0x80, message | 0x80])
    check = (body[0] ^ body[1] ^ body[2] ^ body[3]) | 0x80
    frames, _ = cut(MERAK, b"\x02" + body + bytes([check, 0x04]))
    assert [MERAK.decode(frame, 0) for frame in frames] == [said]


def test_the_frame_worked_out_by_hand_is_whole() -> None:
    assert cut(MERAK, DOORS_OPEN)[0] == [DOORS_OPEN]


@pytest.mark.parametrize(("protocol", "frame"), [(SENTENCE, GOOD), (MERAK, DOORS_OPEN)], ids=["sentence", "merak"])
class TestCutting:
    def test_any_split_gives_the_same_frames(self, protocol: SerialProtocol, frame: bytes) -> None:
        stream = frame * 3
        for size in range(1, len(stream)):
            chunks = [stream[at : at + size] for at in range(0, len(stream), size)]
            assert cut(protocol, *chunks)[0] == [frame] * 3

    def test_noise_between_frames_is_dropped_and_counted(self, protocol: SerialProtocol, frame: bytes) -> None:
        frames, cutter = cut(protocol, b"\x00\xff\x00" + frame + b"\x55" * 9 + frame)
        assert frames == [frame, frame]
        assert cutter.dropped[Drop.NOISE] == 12

    @pytest.mark.parametrize("at", range(-7, 7))
    def test_one_damaged_byte_costs_one_frame(self, protocol: SerialProtocol, frame: bytes, at: int) -> None:
        damaged = bytearray(frame)
        damaged[at] ^= 0x15
        frames, _ = cut(protocol, frame + bytes(damaged) + frame)
        assert frames == [frame, frame]

    @pytest.mark.parametrize("at", range(-7, 7))
    def test_one_lost_byte_costs_one_frame(self, protocol: SerialProtocol, frame: bytes, at: int) -> None:
        lost = at % len(frame)
        frames, _ = cut(protocol, frame + frame[:lost] + frame[lost + 1 :] + frame + frame)
        assert frames[0] == frames[-1] == frame
        assert 2 <= len(frames) <= 3

    def test_half_a_frame_is_given_up_after_a_pause(self, protocol: SerialProtocol, frame: bytes) -> None:
        cutter = FrameCutter(protocol.shape, protocol.checksum)
        assert cutter.feed(frame[:4], 0) == ()
        assert cutter.feed(frame, 60 * MS) == ((frame, True),)
        assert cutter.dropped[Drop.HALF] == 1
        assert cutter.feed(frame[:4], 70 * MS) == ()
        assert cutter.feed(frame[4:], 110 * MS) == ((frame, False),)

    def test_what_is_held_is_bounded(self, protocol: SerialProtocol, frame: bytes) -> None:
        cutter = FrameCutter(protocol.shape, protocol.checksum)
        for number in range(300):
            cutter.feed(frame[:3] + b"x" * 40, number)
            assert len(cutter._buffer) <= 512


def test_a_start_inside_a_damaged_frame_is_found() -> None:
    # The first start is noise; the real frame begins within what would have been the first one.
    frames, cutter = cut(MERAK, b"\x02\xf1\x80" + DOORS_OPEN)
    assert frames == [DOORS_OPEN]
    assert cutter.dropped[Drop.END] + cutter.dropped[Drop.CHECKSUM] >= 1


@pytest.mark.parametrize(
    ("checksum", "frame"),
    [
        # By hand over 01 02 03: sum 06, XOR 00, two's complement FA; CRC-16/MODBUS of "123456789" is 0x4B37.
        (Checksum(ChecksumKind.SUM, 1, 3, 4), b"\x02\x01\x02\x03\x06"),
        (Checksum(ChecksumKind.XOR, 1, 3, 4), b"\x02\x01\x02\x03\x00"),
        (Checksum(ChecksumKind.LRC, 1, 3, 4), b"\x02\x01\x02\x03\xfa"),
        (Checksum(ChecksumKind.LRC, 1, 3, 4, is_hex=True), b"\x02\x01\x02\x03FA"),
        (Checksum(ChecksumKind.LRC, 1, -3, -2, is_hex=True), b"\x02\x01\x02\x03fa"),
        (Checksum(ChecksumKind.CRC16, 0, -3, -2), b"123456789\x37\x4b"),
        (Checksum(ChecksumKind.CRC16, 0, -5, -4, is_hex=True), b"123456789374B"),
    ],
)
def test_each_checksum_is_the_one_worked_out_by_hand(checksum: Checksum, frame: bytes) -> None:
    assert checksum.is_right(frame)
    for at in range(len(frame)):
        damaged = bytearray(frame)
        damaged[at] ^= 0x01
        if at >= checksum.first:
            assert not checksum.is_right(bytes(damaged))


def test_a_length_byte_ends_the_frame() -> None:
    shape = FrameShape(start=b"\xaa", length_at=1, length_adds=3)
    cutter = FrameCutter(shape, Checksum(ChecksumKind.SUM, 0, -2, -1))
    frame = b"\xaa\x02\x10\x20\xdc"
    assert cutter.feed(b"\x01" + frame + frame[:3], 0) == ((frame, True),)
    assert cutter.feed(frame[3:], 1) == ((frame, False),)


@given(st.lists(st.binary(max_size=60), max_size=12))
@settings(max_examples=300, deadline=None)
def test_no_bytes_at_all_can_break_a_protocol(chunks: list[bytes]) -> None:
    shapes = [SENTENCE, MERAK, replace(MERAK, shape=FrameShape(start=b"\x02", length_at=1), checksum=Checksum())]
    for protocol in shapes:
        cutter = FrameCutter(protocol.shape, protocol.checksum)
        total = 0
        for number, chunk in enumerate(chunks):
            total += len(chunk)
            for frame, _ in cutter.feed(chunk, number * 20 * MS):
                assert protocol.decode(frame, 0).t_ns == 0
        assert len(cutter._buffer) <= total


@given(st.lists(st.one_of(st.just(GOOD), st.just(DOORS_OPEN), st.binary(max_size=30)), max_size=12), st.randoms())
@settings(max_examples=200, deadline=None)
def test_a_good_frame_after_any_noise_is_found_once_the_line_was_quiet(chunks: list[bytes], chance: object) -> None:
    for protocol, frame in ((SENTENCE, GOOD), (MERAK, DOORS_OPEN)):
        cutter = FrameCutter(protocol.shape, protocol.checksum)
        cutter.feed(b"".join(chunks), 0)
        assert [found for found, _ in cutter.feed(frame, 100 * MS)] == [frame]


@given(st.binary(min_size=1, max_size=120))
@settings(max_examples=300, deadline=None)
def test_any_frame_can_be_decoded(frame: bytes) -> None:
    for protocol in (SENTENCE, MERAK):
        report = protocol.decode(frame, 3)
        assert report.speed_mps is None or -10 <= report.speed_mps <= 10
        assert report.floor is None or 1 <= len(report.floor) <= 4


HEAD = """
[protocol]
name = "trial"
maker = "x"
model = "x"
evidence = "inferred"
source = "x"
[line]
baud_rate = 9600
[frame]
start = [2]
length = 6
[checksum]
kind = "sum8"
"""
DOOR = """
[[field]]
name = "door"
at = 3
kind = "enum"
values = { 1 = "open" }
feeds = "door"
"""


def test_the_smallest_protocol_is_read() -> None:
    assert (
        serial_protocol_from(HEAD + DOOR, "t.toml").decode(b"\x02\x00\x00\x01\x00\x03", 0).door is ControllerDoor.OPEN
    )


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (HEAD, 1, "no field"),
        ((HEAD + DOOR).replace("9600", "9601"), 9, "9601 is no baud rate"),
        ((HEAD + DOOR).replace("baud_rate", "baudrate"), 8, "lacks baud_rate"),
        ((HEAD + DOOR).replace("length = 6", ""), 10, "nothing says where a frame ends"),
        ((HEAD + DOOR).replace("length = 6", "length = 6\nlength_at = 1"), 13, "given twice"),
        ((HEAD + DOOR).replace("length = 6", "length = 2\nend = [3]"), 12, "no room"),
        ((HEAD + DOOR).replace("start = [2]", "start = [256]"), 11, "list of 1 to 8 bytes"),
        ((HEAD + DOOR).replace("start = [2]", 'start = ["a"]'), 11, "list of 1 to 8 bytes"),
        ((HEAD + DOOR).replace("sum8", "sum9"), 14, 'Did you mean "sum8"?'),
        ((HEAD + DOOR).replace('"sum8"', '"crc16_modbus"'), 13, "2 bytes do not fit at -1"),
        ((HEAD + DOOR).replace('"sum8"', '"sum8"\nat = 9'), 15, "outside of the frame"),
        ((HEAD + DOOR).replace("at = 3", "at = 6"), 18, "behind the frame"),
        ((HEAD + DOOR).replace("at = 3", "att = 3"), 18, "Did you mean at?"),
        ((HEAD + DOOR).replace("at = 3", "part = 3"), 18, "names no separator"),
        ((HEAD + DOOR).replace('"open"', '"opne"'), 20, 'Did you mean "open"?'),
        ((HEAD + DOOR).replace("{ 1 =", "{ 256 ="), 20, "256 is no code of a byte"),
        ((HEAD + DOOR).replace("{ 1 =", "{ door ="), 20, "door is no code of a byte"),
        ((HEAD + DOOR).replace('feeds = "door"', 'feeds = "fault"'), 21, "cannot feed fault"),
        ((HEAD + DOOR).replace('feeds = "door"', ""), 16, "no field feeds"),
        ((HEAD + DOOR).replace('"enum"', '"uint8"').replace('"door"', '"speed_mps"'), 21, "has no bounds"),
        ("[protocol", 1, "no valid TOML"),
    ],
)
def test_a_mistake_in_a_protocol_is_named_with_its_line(text: str, line: int, said: str) -> None:
    with pytest.raises(SerialProtocolProblems) as caught:
        serial_protocol_from(text, "t.toml")
    lines = str(caught.value).splitlines()
    assert any(found.startswith(f"t.toml:{line}:") and said in found for found in lines), lines


@given(st.text(max_size=200))
def test_any_text_as_a_protocol_gives_its_problems(text: str) -> None:
    with pytest.raises(SerialProtocolProblems):
        serial_protocol_from(text, "t.toml")


def test_every_protocol_that_comes_with_the_agent_loads_and_another_name_leads_to_the_nearest() -> None:
    assert known_protocol_names() == ("liftsentence", "merak_mmk656")
    with pytest.raises(SettingsError) as caught:
        load_serial_protocol("merak")
    assert "merak_mmk656" in caught.value.hint


def test_a_protocol_file_of_ones_own_that_is_missing_is_named(tmp_path: object) -> None:
    with pytest.raises(SettingsError) as caught:
        load_serial_protocol(f"{tmp_path}/mine.toml")
    assert caught.value.subject.endswith("mine.toml")
