"""A sweep of registers in a thread of its own, for longer than one sweep may last; only reads (`register_sweep`).

In: the link, the unit, the blocks. Out: `result`, after its end. Bound: the seconds, and `READS_MAX` reads in all.
After a failure late answers are let pass by, so that none is taken for the answer to another question.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence

from drivers.modbus import ModbusConnection, ModbusLink, ModbusTrouble
from drivers.register_map import ReadBlock
from drivers.register_map_log import READS_MAX, RegisterRead
from drivers.register_sweep import BLOCK_MAX, SECONDS_MAX, SweepPlan, Swept, sweep, sweep_plan
from edge_agent.errors import EdgeAgentError, SourceUnavailable
from edge_agent.readings import FaultReason

PAUSE_S = 0.05
ANSWER_S = 0.5


class _Asked:
    """A connection that lets late answers pass by after a failure, so that none is taken for another question's."""

    def __init__(self, connection: ModbusConnection) -> None:
        self._connection = connection
        self.answer_count = 0

    async def words(self, block: ReadBlock) -> tuple[int, ...]:
        """As `ModbusConnection.words`."""
        try:
            words = await self._connection.words(block)
            self.answer_count += 1
            return words
        except ModbusTrouble:
            if not self._connection.is_open:
                await self._connection.open()
            elif not await self._connection.fall_quiet():
                raise ModbusTrouble(FaultReason.DESYNC, "the bus is never silent") from None
            raise


class RegisterReading(threading.Thread):
    """Reads registers until it is told to stop; what ended it otherwise is raised by `result`."""

    def __init__(
        self,
        link: ModbusLink,
        unit: int,
        blocks: tuple[ReadBlock, ...],
        seconds: float,
        now_ns: Callable[[], int],
    ) -> None:
        super().__init__(name="registers", daemon=True)
        self._link, self._unit, self._blocks, self._seconds = link, unit, blocks, seconds
        self._now_ns, self._stop_asked = now_ns, threading.Event()
        self._swept: Swept | None = None
        self._problem: BaseException | None = None
        self._asked: _Asked | None = None

    @property
    def answer_count(self) -> int:
        """Answers so far."""
        return 0 if self._asked is None else self._asked.answer_count

    def run(self) -> None:
        """The whole reading."""
        try:
            self._swept = asyncio.run(self._all())
        except EdgeAgentError as error:  # raised again by `result`, in the thread that asked for it
            self._problem = error
        except BaseException as error:
            self._problem = error
            raise

    def stop(self) -> None:
        """Ask it to end after the question that is under way."""
        self._stop_asked.set()

    def result(self) -> Swept:
        """After its end."""
        self.join()
        if self._swept is None:
            raise self._problem or RuntimeError("the reading of registers has not begun")
        return self._swept

    async def _all(self) -> Swept:
        connection = ModbusConnection(self._link, self._unit, ANSWER_S)  # inside the loop, as it demands
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(
            lambda own, context: None if connection.take_loop_error(context) else own.default_exception_handler(context)
        )
        if not await connection.open():
            raise SourceUnavailable("does not answer", subject="controller", hint="edge-agent doctor says what to do")
        asked = self._asked = _Asked(connection)
        reads: list[RegisterRead] = []
        refused: list[ReadBlock] = []
        blocks, trouble = self._blocks, ""
        end_ns = self._now_ns() + round(self._seconds * 1e9)
        try:
            while not self._stop_asked.is_set() and len(reads) < READS_MAX and blocks and not trouble:
                left_s = (end_ns - self._now_ns()) / 1e9
                if left_s <= 0.0:
                    break
                plan = SweepPlan(blocks, PAUSE_S, min(left_s, SECONDS_MAX))
                part = await sweep(asked, plan, self._now_ns, self._stop_asked.is_set)
                reads += part.reads
                refused += part.refused
                trouble = part.trouble
                blocks = _without(blocks, part.refused)
        finally:
            connection.close()
        return Swept(tuple(reads[:READS_MAX]), tuple(refused), trouble)


def _without(blocks: Sequence[ReadBlock], refused: Sequence[ReadBlock]) -> tuple[ReadBlock, ...]:
    """What was refused is not asked again in the next half hour."""
    gone = [(block.table, range(block.address, block.end)) for block in refused]
    kept: list[ReadBlock] = []
    for block in blocks:
        own = [addresses for table, addresses in gone if table is block.table]
        if all(any(address in each for each in own) for address in range(block.address, block.end)):
            continue
        kept += sweep_plan(block.table, range(block.address, block.end), forbidden=own, block=BLOCK_MAX).blocks
    return tuple(kept)
