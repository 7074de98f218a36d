"""Every run of bits of every register that changed, as codes over time, and how they answer to events. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from calibration.controller_truth import Span, labelled
from drivers.register_map import WORD_BITS, Table
from drivers.register_map_log import RegisterRead

Codes = npt.NDArray[np.int64]
BYTE = 8
BESIDE_MAX, BELOW_MAX = 24, 8
"""More states than the words in the bits beside or just below have together. Source: own simulation."""


@dataclass(frozen=True, slots=True, eq=False)
class Register:
    """One address over time. changing: bits that were seen to change; ones: bits that were ever set."""

    table: Table
    address: int
    times_ns: tuple[int, ...]
    words: Codes
    changing: int
    ones: int

    @property
    def place(self) -> tuple[int, int]:
        """For sorting."""
        return self.table.value, self.address


@dataclass(frozen=True, slots=True)
class Place:
    """A run of bits of one register."""

    table: Table
    address: int
    bit_first: int
    bit_count: int

    def codes(self, register: Register) -> Codes:
        """What the bits said, over time."""
        return np.asarray((register.words >> self.bit_first) & ((1 << self.bit_count) - 1))

    def shares_bits(self, other: Place) -> bool:
        """Whether a bit belongs to both."""
        is_beside = self.bit_first >= other.bit_first + other.bit_count or other.bit_first >= (
            self.bit_first + self.bit_count
        )
        return (self.table, self.address) == (other.table, other.address) and not is_beside

    def __str__(self) -> str:
        bits = f", bits {self.bit_first} to {self.bit_first + self.bit_count - 1}" if self.bit_count < WORD_BITS else ""
        return f"{self.table.name.lower()} {self.address:#06x}{bits}"


@dataclass(frozen=True, slots=True)
class Told:
    """What a run of bits said during one event: the usual code, and the share of the samples that said it."""

    label: str
    code: int
    share: float
    count: int


def registers_of(reads: Sequence[RegisterRead]) -> tuple[Register, ...]:
    """All addresses of a log, in order of table and address."""
    times: dict[tuple[Table, int], list[int]] = {}
    words: dict[tuple[Table, int], list[int]] = {}
    for read in reads:
        for offset, word in enumerate(read.words):
            key = read.table, read.address + offset
            times.setdefault(key, []).append(read.t_ns)
            words.setdefault(key, []).append(word)
    found = []
    for (table, address), values in words.items():
        codes = np.array(values, dtype=np.int64)
        changing = int(np.bitwise_or.reduce(codes ^ codes[0]))
        ones = int(np.bitwise_or.reduce(codes))
        found.append(Register(table, address, tuple(times[table, address]), codes, changing, ones))
    return tuple(sorted(found, key=lambda register: register.place))


def runs_of(register: Register) -> Iterator[Place]:
    """Runs of bits that begin and end with a bit that changed; short ones first."""
    bits = [bit for bit in range(WORD_BITS) if register.changing >> bit & 1]
    pairs = sorted(((first, last) for first in bits for last in bits if first <= last), key=lambda p: (p[1] - p[0], p))
    for first, last in pairs:
        yield Place(register.table, register.address, first, last - first + 1)


def widened(place: Place, register: Register) -> Place:
    """The run grown over bits that were never set: to its byte, or where it crosses that, to the whole word."""
    if register.table.is_of_bits:
        return place
    last = place.bit_first + place.bit_count - 1
    for first, end in (((place.bit_first // BYTE) * BYTE, (place.bit_first // BYTE) * BYTE + BYTE), (0, WORD_BITS)):
        run = ((1 << (end - first)) - 1) << first
        own = ((1 << place.bit_count) - 1) << place.bit_first
        if first <= place.bit_first and last < end and not register.ones & run & ~own:
            return Place(place.table, place.address, first, end - first)
    return place


def is_slice(place: Place, register: Register, landing_count: int) -> bool:
    """True if the bits beside the run change like a number: then it is a part of that, and like a word by chance."""
    first, last = place.bit_first, place.bit_first + place.bit_count - 1
    while first > 0 and register.changing >> (first - 1) & 1:
        first -= 1
    while last < WORD_BITS - 1 and register.changing >> (last + 1) & 1:
        last += 1
    own = ((1 << place.bit_count) - 1) << place.bit_first
    beside = (((1 << (last - first + 1)) - 1) << first) & ~own
    below = len(np.unique(register.words & beside & ((1 << place.bit_first) - 1)))
    return below > max(BELOW_MAX, landing_count + 2) or len(np.unique(register.words & beside)) > BESIDE_MAX


class Events:
    """The samples of one register that fall into each span. Spans without a sample are left out."""

    def __init__(self, register: Register, spans: Sequence[Span]) -> None:
        marks = np.array(labelled(register.times_ns, spans), dtype=np.int64)
        self._parts = [
            (spans[number].label, np.flatnonzero(marks == number)) for number in np.unique(marks[marks >= 0])
        ]

    def told(self, codes: Codes, share_min: float) -> list[Told] | None:
        """What was said in each event; None as soon as one is not of one mind."""
        found = []
        for label, part in self._parts:
            values, counts = np.unique(codes[part], return_counts=True)
            best = int(np.argmax(counts))
            share = float(counts[best]) / len(part)
            if share < share_min:
                return None
            found.append(Told(label, int(values[best]), share, len(part)))
        return found


def codes_by_label(told: Sequence[Told]) -> dict[str, Counter[int]]:
    """How often each code was said for each label."""
    found: dict[str, Counter[int]] = {}
    for each in told:
        found.setdefault(each.label, Counter())[each.code] += 1
    return found
