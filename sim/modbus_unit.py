"""A lift controller as one Modbus unit: registers by a map, filled from the lift at each read. Bytes in, bytes out.

Source: Modbus application protocol V1.1b3, section 6 (functions 1 to 4) and 7 (exceptions), from memory, unverified;
mbpoll, libmodbus and pymodbus read it (tests/sim/peers).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from drivers.register_map import RegisterImage, RegisterMap, Table
from edge_agent.readings import ControllerReport

ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE = 1, 2, 3
_EXCEPTION = 0x80
_WRITES = frozenset({5, 6, 15, 16, 22, 23})
_REGISTERS_MAX, _BITS_MAX = 125, 2000
_QUESTION_BYTES = 5


class ModbusUnit:
    """Answers to reads of what its map documents; everything else is refused, writing too.

    report: what the controller would say now; None while it is dark: then no answer comes.
    settings: values that no report carries, by the name of their field, such as "rated_speed".
    Reading beside the map gives exception 2, a table that the map does not use and any write exception 1.
    """

    def __init__(
        self,
        register_map: RegisterMap,
        report: Callable[[], ControllerReport | None],
        settings: Mapping[str, float] | None = None,
    ) -> None:
        self.map = register_map
        self._report = report
        self._known = _addresses(register_map)
        self._tables = {table for table, _ in self._known}
        self._settings = _image_of_settings(register_map, settings or {})
        self.read_count = 0
        self.write_count = 0

    def answer(self, question: bytes) -> bytes | None:
        """The answer to one question, both without unit and checks; None if none comes."""
        if not question:
            return None
        report = self._report()
        if report is None:
            return None
        function = question[0]
        if function in _WRITES:
            self.write_count += 1
        if function not in {table.value for table in self._tables}:
            return _refusal(function, ILLEGAL_FUNCTION)
        if len(question) != _QUESTION_BYTES:
            return _refusal(function, ILLEGAL_VALUE)
        table = Table(function)
        address, count = int.from_bytes(question[1:3], "big"), int.from_bytes(question[3:5], "big")
        if not 1 <= count <= (_BITS_MAX if table.is_of_bits else _REGISTERS_MAX):
            return _refusal(function, ILLEGAL_VALUE)
        if any((table, each) not in self._known for each in range(address, address + count)):
            return _refusal(function, ILLEGAL_ADDRESS)
        self.read_count += 1
        image = self.map.encode(report)
        words = [self._word(image, table, each) for each in range(address, address + count)]
        said = _packed_bits(words) if table.is_of_bits else b"".join(word.to_bytes(2, "big") for word in words)
        return bytes([function, len(said)]) + said

    def _word(self, image: RegisterImage, table: Table, address: int) -> int:
        word = image.word(table, address) or 0
        return word | (self._settings.word(table, address) or 0)


def _addresses(register_map: RegisterMap) -> frozenset[tuple[Table, int]]:
    """What the controller has: every documented field, and what lies between those that are read together."""
    known = {(field.table, field.address) for field in register_map.fields}
    known |= {(block.table, address) for block in register_map.reads for address in range(block.address, block.end)}
    if register_map.canary is not None:
        known.add((register_map.canary.table, register_map.canary.address))
    return frozenset(
        (table, address) for table, address in known if not any(address in own for own in register_map.forbidden)
    )


def _image_of_settings(register_map: RegisterMap, settings: Mapping[str, float]) -> RegisterImage:
    image = RegisterImage()
    for field in register_map.fields:
        if field.feeds is None and field.name in settings:
            field.place(settings[field.name], image)
    canary = register_map.canary
    if canary is not None and canary.value is not None:
        image.put(canary.table, canary.address, canary.value)
    return image


def _packed_bits(bits: list[int]) -> bytes:
    """The first bit is the lowest of the first byte."""
    packed = bytearray(-(-len(bits) // 8))
    for index, bit in enumerate(bits):
        packed[index // 8] |= bit << index % 8
    return bytes(packed)


def _refusal(function: int, code: int) -> bytes:
    return bytes([(function | _EXCEPTION) & 0xFF, code])
