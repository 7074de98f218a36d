"""Short messages byte for byte: worked examples of others, our own long ones there and back, and any bytes at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.errors import WireError
from edge_agent.sms_pdu import MESSAGE_BYTES_MAX, Delivered, Joiner, delivered, submits

# Source: a public description of the PDU format with "hellohello" to 46708251358; ours differs in coding and validity.
HELLO_TO_SWEDEN = "11000B916407281553F80000AA0AE8329BFD4697D9EC37"
# The same description: "hellohello" from 27838890001 over the service centre 27381000015, seven bits to a letter.
SEVEN_BIT = "07917283010010F5040BC87238880900F10000993092516195800AE8329BFD4697D9EC37"
# Source: a public note on lengths: "hello" as 8-bit data (coding F6) to 1234567, which AT+CMGS calls 17 bytes long.
HELLO_8_BIT = "11000781214365F700F6AA0568656C6C6F"


def test_a_message_is_laid_out_as_in_the_worked_example() -> None:
    (unit,) = submits("+46708251358", b"hellohello", 1)
    example = bytes.fromhex(HELLO_TO_SWEDEN)
    assert unit[:11] == example[:11]  # kind, reference, number, protocol
    assert unit[11:] == bytes([0x04, 0xA7, 10]) + b"hellohello"


def test_a_national_number_of_odd_length_and_8_bit_data_are_laid_out_as_in_the_other_example() -> None:
    (unit,) = submits("1234567", b"hello", 1)
    example = bytes.fromhex(HELLO_8_BIT)
    assert len(unit) == 17
    assert unit[:8] == example[:8]
    assert unit[-6:] == example[-6:]


def test_a_message_of_seven_bit_letters_is_none_of_ours() -> None:
    assert delivered(bytes.fromhex(SEVEN_BIT)) is None


def test_the_same_message_as_data_is_read_with_its_sender() -> None:
    pdu = SEVEN_BIT.partition("0AE8")[0].replace("F10000", "F10004") + "05" + b"hello".hex()
    assert delivered(bytes.fromhex(pdu)) == Delivered("27838890001", b"hello")
    international = pdu.replace("0BC8", "0B91")
    assert delivered(bytes.fromhex(international)) == Delivered("+27838890001", b"hello")
    with_class = international.replace("F10004", "F100F6")
    assert delivered(bytes.fromhex(with_class)) == Delivered("+27838890001", b"hello")


def as_delivered(unit: bytes, sender: str = "+8613800138000") -> bytes:
    """What the service centre makes of a submitted unit, without its own number in front."""
    header = unit[0] & 0x40
    address = 2 + (unit[2] + 1) // 2 + 2
    coding, content = unit[address + 1], unit[address + 3 :]
    own = submits(sender, b"", 0)[0]
    return b"\x00" + bytes([header]) + own[2 : own[2] // 2 + 4 + own[2] % 2] + bytes([0, coding]) + bytes(7) + content


@given(st.binary(max_size=500), st.integers(0, 255), st.randoms())
def test_what_is_sent_comes_together_in_any_order(data: bytes, reference: int, chance: object) -> None:
    units = list(submits("+8613900139000", data, reference))
    assert all(len(unit) <= 14 + MESSAGE_BYTES_MAX for unit in units)
    assert (len(units) == 1) == (len(data) <= MESSAGE_BYTES_MAX)
    chance.shuffle(units)  # type: ignore[attr-defined]
    joiner = Joiner()
    found = []
    for unit in units:
        message = delivered(as_delivered(unit))
        assert message is not None
        assert message.sender == "+8613800138000"
        found.append(joiner.take(message))
    assert found[:-1] == [None] * (len(units) - 1)
    assert found[-1] == data


def test_a_part_that_comes_twice_is_taken_once_and_foreign_parts_do_not_mix() -> None:
    first, second = submits("+8613900139000", bytes(200), 7)
    joiner = Joiner()
    ours, again = delivered(as_delivered(first)), delivered(as_delivered(first))
    other = delivered(as_delivered(second, sender="+8613700137000"))
    rest = delivered(as_delivered(second))
    assert ours is not None
    assert again is not None
    assert other is not None
    assert rest is not None
    assert [joiner.take(message) for message in (ours, again, other, rest)] == [None, None, None, bytes(200)]


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_none(pdu: bytes) -> None:
    found = delivered(pdu)
    assert found is None or len(found.data) <= MESSAGE_BYTES_MAX


@pytest.mark.parametrize("number", ["", "+", "12", "abc", "+12a45", "1234567890123456", "+86 138"])
def test_a_number_that_is_none_is_refused(number: str) -> None:
    with pytest.raises(WireError, match="telephone number"):
        submits(number, b"x", 0)


def test_more_than_four_messages_are_refused() -> None:
    with pytest.raises(WireError, match="at most 536"):
        submits("+8613900139000", bytes(537), 0)
