"""One poll of a controller over Modbus: the reads of a map, and on links without numbers the proof that their answers
are theirs.

With RTU frames a cycle that follows a connect or any trouble begins with a check (`register_map_checks`), every cycle
ends with one, and one stands between two reads of the same length, so that no answer fits the question after its own.
Only a cycle whose checks were answered rightly, and in which nothing went wrong between them, gives values. So a late
answer, or one that comes twice, cannot become a value.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from drivers.modbus import ModbusConnection, ModbusRefusal, ModbusTrouble
from drivers.register_map import ReadBlock, RegisterImage, RegisterMap
from drivers.register_map_checks import CanaryWatch, canary_read, check_reads
from edge_agent.readings import FaultReason

# Values of one report are not further apart than this. Source: chosen: what a person would call "at the same time".
BUDGET_S = 1.0


@dataclass(frozen=True, slots=True)
class Polled:
    """What one cycle brought. `is_proven`: every answer is known to belong to its question."""

    image: RegisterImage
    begun_ns: int
    ended_ns: int
    is_proven: bool


class PollCycle:
    """Makes the reads of a map, one after the other.

    A cycle that is over its budget ends early; its report leaves the rest unsaid, and the next one begins with it.
    """

    def __init__(self, register_map: RegisterMap, now_ns: Callable[[], int], *, budget_s: float = BUDGET_S) -> None:
        self._map, self._now_ns, self._budget_ns = register_map, now_ns, round(budget_s * 1e9)
        self._checks = check_reads(register_map)
        self._lone_canary = canary_read(register_map.canary, self._checks)
        self._watch = CanaryWatch(register_map.canary) if register_map.canary is not None else None
        self._check_index = 0
        self._next_read = 0
        self._is_in_doubt = True

    @property
    def has_checks(self) -> bool:
        """True if a link without numbers can be polled by this map."""
        return bool(self._checks) or self._watch is not None

    def restart(self) -> None:
        """A new connection: nothing is known of who answers."""
        self._is_in_doubt = True
        if self._watch is not None:
            self._watch.forget()

    def doubt(self) -> None:
        """Something went wrong: the next cycle must prove itself first."""
        self._is_in_doubt = True

    async def run(self, connection: ModbusConnection) -> Polled:
        """One cycle. Raises ModbusTrouble: no value of it is to be used."""
        if connection.is_serial_framed and self._is_in_doubt:
            await self._check(connection)
        begun_ns = self._now_ns()
        image = RegisterImage()
        refusals: list[str] = []
        read_count = 0
        before: ReadBlock | None = None
        for block in self._in_turn():
            if before is not None and self._now_ns() - begun_ns > self._budget_ns:
                break
            if connection.is_serial_framed and _are_alike(before, block):
                await self._check(connection)
            before = block
            read_count += 1
            try:
                image.store(block, await connection.words(block))
            except ModbusRefusal as refusal:
                refusals.append(str(refusal))
        if len(refusals) == read_count:
            raise ModbusTrouble(FaultReason.BAD_REPLY, f"{refusals[0]}; is {self._map.name} the right map, and unit?")
        ended_ns = self._now_ns()
        if connection.is_serial_framed:
            await self._check(connection)
        elif self._watch is not None:
            await self._check_canary(connection, ReadBlock(self._watch.canary.table, self._watch.canary.address, 1))
        connection.refuse_strays()
        self._next_read = (self._next_read + read_count) % len(self._map.reads)
        self._is_in_doubt = False
        is_learned = self._watch is None or self._watch.is_known
        return Polled(image, begun_ns, ended_ns, is_proven=bool(self._checks) or is_learned)

    def _in_turn(self) -> tuple[ReadBlock, ...]:
        reads = self._map.reads
        return reads[self._next_read :] + reads[: self._next_read]

    async def _check(self, connection: ModbusConnection) -> None:
        if self._checks:
            self._check_index += 1
            check = self._checks[self._check_index % len(self._checks)]
            canary = self._watch.canary if self._watch is not None else None
            if canary is not None and (canary.table, canary.address) == (check.table, check.address):
                await self._check_canary(connection, check)
            else:
                await self._answered(connection, check)
        if self._lone_canary is not None:
            await self._check_canary(connection, self._lone_canary)

    async def _check_canary(self, connection: ModbusConnection, block: ReadBlock) -> None:
        assert self._watch is not None, "no canary to check"
        word = (await self._answered(connection, block))[0]
        if not self._watch.is_right(word):
            raise ModbusTrouble(
                FaultReason.DESYNC,
                f"{block.table.name.lower()} {block.address:#06x}, which never changes, reads {word}: the answers are "
                f"those to other questions, or {self._map.name} is not the right map",
            )

    async def _answered(self, connection: ModbusConnection, block: ReadBlock) -> tuple[int, ...]:
        try:
            return await connection.words(block)
        except ModbusRefusal as refusal:
            raise ModbusTrouble(
                FaultReason.BAD_REPLY, f"{refusal}; is {self._map.name} the right map, and unit?"
            ) from refusal


def _are_alike(before: ReadBlock | None, block: ReadBlock) -> bool:
    """True if the answer to the one could be taken for the answer to the other."""
    return before is not None and (before.table, before.count) == (block.table, block.count)
