"""Reads that prove an answer belongs to its question, on links whose answers carry no number. Pure.

A check reads registers that the map knows to be readable, and each time another number of them. The length is in the
answer, so an answer with the length of the check is the answer to this check: no polled read is as long, and older
checks were longer or shorter. A device answers in the order of the questions, so once a check is answered nothing
older can come any more.
Where the map names a canary, a register whose value never changes, the check begins there and the value counts too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from drivers.register_map import Canary, ReadBlock, RegisterMap, Table

LENGTHS_MAX = 8  # different ones, in turn; shorter ones first, they cost less
CHECK_REGISTERS_MAX = 20
AGREEING_MAX = 3  # equal answers after which an unknown canary is believed


def check_reads(register_map: RegisterMap) -> tuple[ReadBlock, ...]:
    """The checks, to be used in turn; empty where every possible one is as long as a polled read."""
    canary = register_map.canary
    if canary is not None:
        found = _checks_at(register_map, canary.table, canary.address)
        if found:
            return found
    starts = [(block.table, block.address) for block in register_map.reads if not block.table.is_of_bits]
    return max((_checks_at(register_map, *start) for start in starts), key=len, default=())


def canary_read(canary: Canary | None, checks: Sequence[ReadBlock]) -> ReadBlock | None:
    """The canary by itself, where no check reads it along."""
    if canary is None or any(check.table is canary.table and check.address == canary.address for check in checks):
        return None
    return ReadBlock(canary.table, canary.address, 1)


def _checks_at(register_map: RegisterMap, table: Table, first: int) -> tuple[ReadBlock, ...]:
    """Reads from `first` on, within what is readable, none as long as a polled one; shorter ones first."""
    readable = {address for block in register_map.reads if block.table is table for address in _addresses(block)}
    readable |= {field.address for field in register_map.fields if field.table is table}
    polled_counts = {block.count for block in register_map.reads if block.table is table}
    run = 0
    while first + run in readable and run < CHECK_REGISTERS_MAX:
        run += 1
    counts = [count for count in range(1, run + 1) if count not in polled_counts]
    return tuple(ReadBlock(table, first, count) for count in counts[:LENGTHS_MAX])


def _addresses(block: ReadBlock) -> range:
    return range(block.address, block.end)


@dataclass(slots=True)
class CanaryWatch:
    """Compares what the canary says with what it must say. State: what it was seen to say, and how often."""

    canary: Canary
    _seen: int | None = None
    _agreeing: int = 0

    @property
    def is_known(self) -> bool:
        """False while its value is still being learned."""
        return self.canary.value is not None or self._agreeing >= AGREEING_MAX

    def forget(self) -> None:
        """The device may be another one: learn anew."""
        self._seen, self._agreeing = None, 0

    def is_right(self, word: int) -> bool:
        """True if the canary may say this."""
        if self.canary.value is not None:
            return word == self.canary.value
        if self._seen is None:
            self._seen, self._agreeing = word, 1
            return True
        if word != self._seen:
            return False
        self._agreeing = min(self._agreeing + 1, AGREEING_MAX)
        return True
