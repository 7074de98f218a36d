"""What the registers of one controller mean, as data: the reads to make, words to a report, a report to words.

Pure. The reader polls by `RegisterMap.reads` and decodes; a simulated controller encodes from the same map.
Only reading exists: tables are named after the four Modbus read functions, and nothing here writes to a device.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from edge_agent.readings import ControllerDoor, ControllerReport, Direction, Mode

T = TypeVar("T")

# Source: Modbus application protocol V1.1b3, function 0x03: at most 125 registers in one read
# (from memory, unverified; pymodbus 3.16.1 has the same bound).
REGISTERS_PER_READ_MAX = 125
WORD_BITS = 16


class Table(Enum):
    """The four address spaces of Modbus. The value is the function code that reads it."""

    COIL = 1
    DISCRETE = 2
    HOLDING = 3
    INPUT = 4

    @property
    def is_of_bits(self) -> bool:
        """True if an address holds one bit, False if it holds a 16-bit register."""
        return self in (Table.COIL, Table.DISCRETE)


class Kind(Enum):
    """How the bits of a field are read."""

    UINT16 = "uint16"
    INT16 = "int16"  # two's complement
    BIT = "bit"
    BITS = "bits"  # an unsigned number in a range of bits
    ENUM = "enum"  # a code in the whole register, or in a range of bits


class Feed(Enum):
    """The field of `ControllerReport` that a register field fills. The value is the name there."""

    FLOOR = "floor"
    DIRECTION = "direction"
    MODE = "mode"
    DOOR = "door"
    FAULT = "fault"
    SAFETY_CIRCUIT = "safety_circuit_closed"
    DOOR_ZONE = "door_zone"
    PASSENGER = "passenger"
    SPEED = "speed_mps"
    LOAD = "load_percent"


class Evidence(Enum):
    """How far a map can be trusted."""

    MEASURED = "measured"  # read from such a controller by us
    VENDOR_DOCUMENT = "vendor_document"
    PUBLIC_CODE = "public_code"  # taken from somebody else's working program
    INFERRED = "inferred"
    CORRELATED = "proposed_by_correlation"  # by the detective, from what sensors saw at the same time


Meaning = str | int | float | bool | Direction | Mode | ControllerDoor


@dataclass(frozen=True, slots=True)
class ReadBlock:
    """One Modbus read: `count` addresses of a table from `address` on."""

    table: Table
    address: int
    count: int

    @property
    def end(self) -> int:
        """The first address after the block."""
        return self.address + self.count

    def __str__(self) -> str:
        return f"{self.table.name.lower()} {self.address:#06x}, {self.count} long"


class RegisterImage:
    """Words (or bits, as 0 and 1) by table and address: what was read, or what a simulated controller holds."""

    __slots__ = ("_words",)

    def __init__(self) -> None:
        self._words: dict[tuple[Table, int], int] = {}

    def put(self, table: Table, address: int, word: int) -> None:
        """Set one word. ValueError if it does not fit."""
        if not 0 <= word <= (1 if table.is_of_bits else 0xFFFF):
            raise ValueError(f"{word} does not fit {table.name} {address:#06x}")
        self._words[table, address] = word

    def store(self, block: ReadBlock, words: Sequence[int]) -> None:
        """Set the words of a whole block, which must be as many as it counts."""
        if len(words) != block.count:
            raise ValueError(f"{len(words)} words for {block}")
        for offset, word in enumerate(words):
            self.put(block.table, block.address + offset, word)

    def word(self, table: Table, address: int) -> int | None:
        """The word at an address; None if it was not read."""
        return self._words.get((table, address))

    def words(self, block: ReadBlock) -> tuple[int, ...]:
        """The words of a block, 0 where none was set."""
        return tuple(self._words.get((block.table, address), 0) for address in range(block.address, block.end))


@dataclass(frozen=True, slots=True)
class Field:
    """One quantity in the registers.

    A number is `raw * scale` in `unit`; outside `minimum`..`maximum` it is unknown. A code means `meanings[raw]`;
    a code that is not listed is unknown (`Mode.UNKNOWN` for the mode, None for everything else).
    """

    name: str
    table: Table
    address: int
    kind: Kind
    bit_first: int = 0
    bit_count: int = WORD_BITS
    scale: float = 1.0
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    meanings: tuple[tuple[int, Meaning], ...] = ()
    feeds: Feed | None = None
    is_inverted: bool = False  # of a bit
    is_decode_only: bool = False  # a second reading of bits that another field fills
    note: str = ""

    def value(self, image: RegisterImage) -> Meaning | None:
        """What the image says of this quantity; None if unread, out of range or of no known meaning."""
        word = image.word(self.table, self.address)
        if word is None:
            return None
        raw = (word >> self.bit_first) & self._mask
        if self.kind is Kind.BIT:
            return bool(raw) is not self.is_inverted
        if self.kind is Kind.ENUM:
            return next((meaning for code, meaning in self.meanings if code == raw), self._unknown)
        number = self._number(raw)
        if not self._is_in_range(number):
            return None
        match self.feeds:
            case Feed.FLOOR:
                return str(int(number))
            case Feed.FAULT:
                return int(number)
            case _:
                return number

    def place(self, value: Meaning | None, image: RegisterImage) -> None:
        """Put a value's code into the image, other bits of the word kept; None becomes a code without a meaning."""
        shifted = self._raw(value) << self.bit_first
        others = (image.word(self.table, self.address) or 0) & ~(self._mask << self.bit_first)
        image.put(self.table, self.address, others | shifted)

    @property
    def bits(self) -> range:
        """The bits of the word that belong to this field."""
        return range(self.bit_first, self.bit_first + self.bit_count)

    @property
    def _mask(self) -> int:
        return (1 << self.bit_count) - 1

    @property
    def _unknown(self) -> Meaning | None:
        return Mode.UNKNOWN if self.feeds is Feed.MODE else None

    def _number(self, raw: int) -> float:
        signed = raw - (1 << WORD_BITS) if self.kind is Kind.INT16 and raw >> (WORD_BITS - 1) else raw
        return round(signed * self.scale, 9)  # 1234 * 0.001 is 1.234, not 1.2340000000000002

    def _is_in_range(self, number: float) -> bool:
        return (self.minimum is None or number >= self.minimum) and (self.maximum is None or number <= self.maximum)

    def _raw(self, value: Meaning | None) -> int:
        if self.kind is Kind.BIT:
            return int(bool(value) is not self.is_inverted)
        if self.kind is Kind.ENUM:
            fitting = (code for code, meaning in self.meanings if meaning == value)
            return next(fitting, self._code_without_meaning())
        if value is None or not isinstance(value, int | float | str):
            return self._code_out_of_range()
        signed = round(float(value) / self.scale)
        if self.kind is Kind.INT16:
            return max(-0x8000, min(signed, 0x7FFF)) & self._mask
        return max(0, min(signed, self._mask))

    def _code_without_meaning(self) -> int:
        listed = {code for code, _ in self.meanings}
        return next((code for code in range(self._mask, -1, -1) if code not in listed), 0)

    def _code_out_of_range(self) -> int:
        return next((raw for raw in (self._mask, 0) if not self._is_in_range(self._number(raw))), 0)


@dataclass(frozen=True, slots=True)
class Canary:
    """A register whose value never changes. `value` None: what it is depends on the lift, and is learned."""

    table: Table
    address: int
    value: int | None = None


@dataclass(frozen=True, slots=True)
class RegisterMap:
    """One controller family. `reads` is the poll; `polling_note` is what to check before the first one."""

    name: str
    maker: str
    model: str
    firmware: str
    evidence: Evidence
    source: str
    polling_is_safe: bool
    polling_note: str
    fields: tuple[Field, ...]
    reads: tuple[ReadBlock, ...]
    canary: Canary | None = None
    forbidden: tuple[range, ...] = ()  # addresses that no read may touch, not even in passing

    @property
    def is_documentation_only(self) -> bool:
        """True if no field feeds a report: there is nothing to poll."""
        return not self.reads

    def decode(self, image: RegisterImage, t_ns: int, *, is_suspect: bool = False) -> ControllerReport:
        """The report that these words make. Never raises, whatever the words are."""
        said = {field.feeds: field.value(image) for field in self.fields if field.feeds is not None}
        return report_of(said, t_ns, is_suspect=is_suspect)

    def encode(self, report: ControllerReport) -> RegisterImage:
        """The words with which such a controller says this report: every address of every read is set.

        A value that the map cannot express is said as a code without a meaning, or clamped to the register.
        """
        image = RegisterImage()
        for block in self.reads:
            image.store(block, [0] * block.count)
        for field in self.fields:
            if field.feeds is not None and not field.is_decode_only:
                field.place(getattr(report, field.feeds.value), image)
        return image


def report_of(said: Mapping[Feed, Meaning | None], t_ns: int, *, is_suspect: bool) -> ControllerReport:
    """The report that these values make; a value of the wrong kind is left unsaid."""
    return ControllerReport(
        t_ns=t_ns,
        floor=_of_type(said.get(Feed.FLOOR), str),
        direction=_of_type(said.get(Feed.DIRECTION), Direction),
        mode=_of_type(said.get(Feed.MODE), Mode),
        door=_of_type(said.get(Feed.DOOR), ControllerDoor),
        fault=_of_type(said.get(Feed.FAULT), int),
        safety_circuit_closed=_of_type(said.get(Feed.SAFETY_CIRCUIT), bool),
        door_zone=_of_type(said.get(Feed.DOOR_ZONE), bool),
        passenger=_of_type(said.get(Feed.PASSENGER), bool),
        speed_mps=_of_type(said.get(Feed.SPEED), float),
        load_percent=_of_type(said.get(Feed.LOAD), float),
        is_suspect=is_suspect,
    )


def _of_type(value: Meaning | None, wanted: type[T]) -> T | None:
    return value if isinstance(value, wanted) else None


def plan_reads(
    fields: Iterable[Field], *, most_registers: int, gap_registers_max: int, forbidden: Sequence[range] = ()
) -> tuple[ReadBlock, ...]:
    """The fewest reads that cover every field that feeds a report.

    Addresses at most `gap_registers_max` unused ones apart share a read, unless a forbidden one lies between. Reads of
    different length are put next to one another where possible: an answer that belongs to the read before then shows by
    its length.
    """
    wanted = sorted(
        {(field.table.value, field.address) for field in fields if field.feeds is not None},
    )
    blocks: list[ReadBlock] = []
    for code, address in wanted:
        table = Table(code)
        last = blocks[-1] if blocks else None
        if (
            last is not None
            and last.table is table
            and address - last.end <= gap_registers_max
            and address + 1 - last.address <= most_registers
            and not any(range(max(last.end, own.start), min(address, own.stop)) for own in forbidden)
        ):
            blocks[-1] = ReadBlock(table, last.address, address + 1 - last.address)
        else:
            blocks.append(ReadBlock(table, address, 1))
    return _lengths_alternating(blocks)


def _lengths_alternating(blocks: Sequence[ReadBlock]) -> tuple[ReadBlock, ...]:
    remaining = list(blocks)
    ordered: list[ReadBlock] = []
    while remaining:
        before = ordered[-1].count if ordered else None
        counts = [block.count for block in remaining]
        # The commonest length goes first, or it would be left to stand next to itself at the end.
        by_need = sorted(remaining, key=lambda block: -counts.count(block.count))
        chosen = next((block for block in by_need if block.count != before), by_need[0])
        ordered.append(chosen)
        remaining.remove(chosen)
    return tuple(ordered)
