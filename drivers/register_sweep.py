"""Reads the registers of an unknown controller over and over, for the detective: functions 3 and 4 only, slow, bounded.

In: what may be read, and who answers. Out: a register log (`register_map_log`). One question at a time with a pause
between; whatever is refused is not asked again; three failures in a row end it, because a controller in trouble is left
alone. Poll safety comes first: `refusal_of` says whether this controller may be polled at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from drivers.modbus import ModbusRefusal, ModbusTrouble
from drivers.register_map import ReadBlock, RegisterMap, Table
from drivers.register_map_log import READS_MAX, RegisterRead

PAUSE_S_MIN = 0.02
BLOCK_MAX = 32
REGISTERS_MAX = 2_000
SECONDS_MAX = 1_800.0
FAILURES_MAX = 3


class Answering(Protocol):
    """What of a Modbus connection is used."""

    async def words(self, block: ReadBlock) -> tuple[int, ...]:
        """The words of one read. Raises ModbusTrouble or ModbusRefusal."""
        ...


@dataclass(frozen=True, slots=True)
class SweepPlan:
    """Blocks to be read in turn. pause_s: after each answer. seconds: in all."""

    blocks: tuple[ReadBlock, ...]
    pause_s: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Swept:
    """The log. refused: blocks that the controller will not give. trouble: why it ended early; "": it did not."""

    reads: tuple[RegisterRead, ...]
    refused: tuple[ReadBlock, ...]
    trouble: str


def refusal_of(register_map: RegisterMap | None, *, accept_polling_risk: bool) -> str:
    """Why this controller must not be polled; "": it may. register_map: of its family, if that is known."""
    if register_map is None:
        if accept_polling_risk:
            return ""
        return (
            "nobody knows what this controller does when it is polled: ask the maintenance firm, then write "
            "accept_polling_risk = true"
        )
    if register_map.is_documentation_only:
        return f"{register_map.name} is never polled: {register_map.polling_note.strip()}"
    if not register_map.polling_is_safe and not accept_polling_risk:
        return f"polling {register_map.name} is not known to be safe: {register_map.polling_note.strip()}"
    return ""


def sweep_plan(
    table: Table,
    addresses: range,
    *,
    forbidden: Sequence[range] = (),
    block: int = 16,
    pause_s: float = 0.05,
    seconds: float = 600.0,
) -> SweepPlan:
    """Blocks that cover these addresses and touch nothing forbidden. Raises ValueError for what is out of bounds."""
    if table.is_of_bits:
        raise ValueError("only holding and input registers are swept, by functions 3 and 4")
    if not 1 <= block <= BLOCK_MAX or pause_s < PAUSE_S_MIN or not 0.0 < seconds <= SECONDS_MAX:
        raise ValueError(f"block 1 to {BLOCK_MAX}, pause from {PAUSE_S_MIN} s, at most {SECONDS_MAX:.0f} s")
    if len(addresses) > REGISTERS_MAX or addresses.start < 0 or addresses.stop > 0x10000 or addresses.step != 1:
        raise ValueError(f"at most {REGISTERS_MAX} registers within 0 to 0xffff")
    blocks: list[ReadBlock] = []
    for address in addresses:
        if any(address in own for own in forbidden):
            continue
        last = blocks[-1] if blocks else None
        if last is not None and last.end == address and last.count < block:
            blocks[-1] = ReadBlock(table, last.address, last.count + 1)
        else:
            blocks.append(ReadBlock(table, address, 1))
    if not blocks:
        raise ValueError("nothing is left to read")
    return SweepPlan(tuple(blocks), pause_s, seconds)


async def sweep(
    connection: Answering,
    plan: SweepPlan,
    now_ns: Callable[[], int],
    is_over: Callable[[], bool],
    pause: Callable[[float], object] | None = None,
) -> Swept:
    """Read in turn until the time is over or somebody says so. pause: what waits instead of the event loop's sleep.

    A refused block is halved once all of it was tried; a single register that is refused is left out for good.
    """
    reads: list[RegisterRead] = []
    refused: list[ReadBlock] = []
    blocks, failures, trouble = list(plan.blocks), 0, ""
    end_ns = now_ns() + round(plan.seconds * 1e9)
    number = 0
    while blocks and not is_over() and now_ns() < end_ns and len(reads) < READS_MAX:
        number %= len(blocks)
        block = blocks[number]
        try:
            words = await connection.words(block)
        except ModbusRefusal:
            blocks[number : number + 1] = _halves(block)
            if block.count == 1:
                refused.append(block)
            failures = 0
        except ModbusTrouble as problem:
            failures += 1
            trouble = problem.sentence
            if failures >= FAILURES_MAX:
                return Swept(tuple(reads), tuple(refused), trouble)
        else:
            reads.append(RegisterRead(now_ns(), block.table, block.address, words))
            number, failures = number + 1, 0
        if pause is None:
            await asyncio.sleep(plan.pause_s)
        else:
            pause(plan.pause_s)
    return Swept(tuple(reads), tuple(refused), "")


def _halves(block: ReadBlock) -> list[ReadBlock]:
    if block.count == 1:
        return []
    first = block.count // 2
    return [
        ReadBlock(block.table, block.address, first),
        ReadBlock(block.table, block.address + first, block.count - first),
    ]
