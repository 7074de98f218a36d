"""The seam to Modbus: the only import of pymodbus. One connection, one request at a time, every answer checked.

It only reads: function codes 1 to 4, chosen by the table. None that writes exists here, and a test keeps it so.
Links: Modbus TCP; RTU frames through a TCP gateway or on a serial port.
Errors: `ModbusTrouble` with a reason, `ModbusRefusal` when the device answers that it will not.
Source: pymodbus 3.16.1. On its own it takes another number of registers, another function and, with RTU frames, the
late answer to an earlier question for the answer (measured); so all of that is checked again here.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import termios
from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never

from pymodbus import FramerType, ModbusException
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.pdu import ModbusPDU

from drivers.modbus_frames import NOISE_BYTES_MAX, expected_frame
from drivers.register_map import ReadBlock, Table
from drivers.serial_line import Parity
from edge_agent.readings import FaultReason

CONNECT_TIMEOUT_S = 0.9  # below the second that a source may block
# A serial bus is quiet when nothing came for two deadlines. Source: measured with pymodbus 3.16.1 on a pty: one
# deadline of silence cured the shift after one late answer; the second is the margin.
QUIET_DEADLINES = 2
QUIET_ROUNDS_MAX = 8

# Source: Modbus application protocol V1.1b3, section 7 (from memory, unverified).
EXCEPTIONS = {
    1: "function not known",
    2: "address not known",
    3: "count not allowed",
    4: "device failure",
    5: "still working",
    6: "busy",
    10: "the gateway has no way to it",
    11: "the gateway gets no answer from it",
}
_WILL_NOT = frozenset({1, 2, 3})
_GATEWAY = frozenset({10, 11})

# Its errors arrive as values and exceptions; its log would put frames into ours.
logging.getLogger("pymodbus").setLevel(logging.CRITICAL + 1)


@dataclass(frozen=True, slots=True)
class TcpLink:
    """Modbus TCP, or (`is_rtu`) RTU frames through a TCP gateway."""

    host: str
    port: int = 502
    is_rtu: bool = False

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class SerialLink:
    """Modbus RTU on a serial port. Name the port by its id (/dev/serial/by-id/...), which survives replugging."""

    port: str
    baud_rate: int = 9600
    parity: Parity = Parity.NONE
    stop_bits: int = 1

    def __str__(self) -> str:
        return self.port


ModbusLink = TcpLink | SerialLink


class ModbusTrouble(Exception):
    """No answer that can be used. `sentence` is for the person who can fix it."""

    def __init__(self, reason: FaultReason, sentence: str) -> None:
        super().__init__(sentence)
        self.reason, self.sentence = reason, sentence


class ModbusRefusal(Exception):
    """A proper answer: the device will not give these registers."""


class ModbusConnection:
    """One connection, to be used inside a running event loop."""

    def __init__(self, link: ModbusLink, unit: int, deadline_s: float) -> None:
        self._unit, self._deadline_s = unit, deadline_s
        self._is_serial_framed = isinstance(link, SerialLink) or link.is_rtu
        self._asked: ModbusPDU | None = None
        self._received = b""
        self._is_garbled = False
        self._is_answered = True
        self._stray_bytes = 0
        self._block: ReadBlock | None = None
        self._client = self._make_client(link)

    @property
    def is_serial_framed(self) -> bool:
        """True if answers carry no number, so that a late one cannot be told from the right one."""
        return self._is_serial_framed

    @property
    def is_open(self) -> bool:
        """False once the far end has closed it."""
        return bool(self._client.connected)

    async def open(self) -> bool:
        """Connect; False if that fails or takes longer than `CONNECT_TIMEOUT_S`."""
        try:
            return await asyncio.wait_for(self._client.connect(), CONNECT_TIMEOUT_S)
        except (TimeoutError, OSError, ModbusException):
            return False
        except termios.error:  # the port refuses this rate or parity. Source: seen with parity on a pseudo-terminal
            pass
        gc.collect()  # pymodbus has left that port open and locked, in a cycle that nobody reaches
        return False

    def close(self) -> None:
        """Drop the connection."""
        self._client.close()

    async def words(self, block: ReadBlock) -> tuple[int, ...]:
        """The words (bits as 0 and 1) of one read, all checks passed. Raises ModbusTrouble or ModbusRefusal."""
        self.refuse_strays()
        self._received, self._is_garbled, self._is_answered, self._block = b"", False, False, block
        try:
            async with asyncio.timeout(self._deadline_s):
                answer = await self._ask(block)
        except (ModbusException, TimeoutError) as error:
            raise self._no_answer(block) from error
        self._check(answer, block)
        if block.table.is_of_bits:
            return tuple(int(bit) for bit in answer.bits[: block.count])
        return tuple(answer.registers)

    def refuse_strays(self) -> None:
        """Raise DESYNC if more came than was asked for: one more answer is under way than questions."""
        if self._is_serial_framed and self._stray_bytes > NOISE_BYTES_MAX:
            raise ModbusTrouble(FaultReason.DESYNC, f"{self._stray_bytes} bytes came that nobody had asked for")

    async def fall_quiet(self) -> bool:
        """Let late answers arrive and be thrown away. False if the bus is never silent."""
        for _ in range(QUIET_ROUNDS_MAX):
            self._is_answered, self._received, self._stray_bytes = True, b"", 0
            await asyncio.sleep(QUIET_DEADLINES * self._deadline_s)
            if not self._received:
                return True
        return False

    def take_loop_error(self, context: Mapping[str, object]) -> bool:
        """True if the event loop complains about bytes that pymodbus could not take apart; then the answer is bad."""
        error = context.get("exception")
        is_ours = isinstance(error, ModbusException) or "data_received" in str(context.get("message", ""))
        self._is_garbled |= is_ours
        return is_ours or isinstance(error, OSError)

    async def _ask(self, block: ReadBlock) -> ModbusPDU:
        address, count, unit = block.address, block.count, self._unit
        match block.table:
            case Table.COIL:
                return await self._client.read_coils(address, count=count, device_id=unit)
            case Table.DISCRETE:
                return await self._client.read_discrete_inputs(address, count=count, device_id=unit)
            case Table.HOLDING:
                return await self._client.read_holding_registers(address, count=count, device_id=unit)
            case Table.INPUT:
                return await self._client.read_input_registers(address, count=count, device_id=unit)
            case _:
                assert_never(block.table)

    def _check(self, answer: ModbusPDU, block: ReadBlock) -> None:
        wanted = block.table.value
        if answer.dev_id != self._unit:
            raise self._bad(block, f"comes from unit {answer.dev_id}, not {self._unit}")
        if not self._is_serial_framed and answer.transaction_id != self._asked_number:
            raise ModbusTrouble(FaultReason.DESYNC, self._numbers(answer.transaction_id))
        if self._is_serial_framed and self._answer_is_hidden(block):
            raise self._bad(block, f"came with {len(self._received)} bytes, more than it has")
        if answer.function_code == wanted | 0x80:
            self._refuse(answer.exception_code, block)
        if answer.function_code != wanted:
            raise self._bad(block, f"is one to function {answer.function_code & 0x7F}, not {wanted}")
        given = len(answer.bits) if block.table.is_of_bits else len(answer.registers)
        expected = -(-block.count // 8) * 8 if block.table.is_of_bits else block.count  # bits come in whole bytes
        if given != expected:
            raise self._bad(block, f"holds {given} of {expected}")

    def _answer_is_hidden(self, block: ReadBlock) -> bool:
        """pymodbus looks for a frame in what it gets and drops the rest without a word; the rest may be an answer."""
        frame = expected_frame(self._received, self._unit, block.table.value, _data_bytes(block))
        return frame is None and len(self._received) > 5 + _data_bytes(block)

    def _refuse(self, code: int, block: ReadBlock) -> None:
        meaning = EXCEPTIONS.get(code, "no known meaning")
        sentence = f"reading {block} gives exception {code}: {meaning}"
        if code in _WILL_NOT:
            raise ModbusRefusal(sentence)
        raise ModbusTrouble(FaultReason.SILENT if code in _GATEWAY else FaultReason.BAD_REPLY, sentence)

    def _bad(self, block: ReadBlock, what: str) -> ModbusTrouble:
        # Without numbers, an answer that does not fit is most likely the one to an earlier question.
        reason = FaultReason.DESYNC if self._is_serial_framed else FaultReason.BAD_REPLY
        return ModbusTrouble(reason, f"the answer to reading {block} {what}")

    def _no_answer(self, block: ReadBlock) -> ModbusTrouble:
        if self._is_garbled:
            return ModbusTrouble(FaultReason.BAD_REPLY, f"the answer to reading {block} cannot be taken apart")
        if not self.is_open:
            return ModbusTrouble(FaultReason.ABSENT, "the controller closed the connection")
        if not self._received:
            return ModbusTrouble(FaultReason.SILENT, f"no answer to reading {block} within {self._deadline_s:.2f} s")
        number = int.from_bytes(self._received[:2], "big")
        if not self._is_serial_framed and len(self._received) >= 8 and number != self._asked_number:
            return ModbusTrouble(FaultReason.DESYNC, self._numbers(number))
        return ModbusTrouble(
            FaultReason.BAD_REPLY, f"the answer to reading {block} is damaged, cut short or from another unit"
        )

    def _numbers(self, number: int) -> str:
        return f"an answer carries number {number}, the question was number {self._asked_number}"

    @property
    def _asked_number(self) -> int:
        return self._asked.transaction_id if self._asked is not None else 0

    # Its one timeout bounds connecting as well as answering: it gets the longer, `words` keeps the deadline.
    def _make_client(self, link: ModbusLink) -> AsyncModbusTcpClient | AsyncModbusSerialClient:
        match link:
            case TcpLink():
                return AsyncModbusTcpClient(
                    link.host,
                    port=link.port,
                    framer=FramerType.RTU if link.is_rtu else FramerType.SOCKET,
                    timeout=CONNECT_TIMEOUT_S,
                    retries=0,
                    reconnect_delay=0,
                    trace_packet=self._on_packet,
                    trace_pdu=self._on_pdu,
                )
            case SerialLink():
                return AsyncModbusSerialClient(
                    link.port,
                    framer=FramerType.RTU,
                    baudrate=link.baud_rate,
                    parity=link.parity.value,
                    stopbits=link.stop_bits,
                    timeout=CONNECT_TIMEOUT_S,
                    retries=0,
                    reconnect_delay=0,
                    trace_packet=self._on_packet,
                    trace_pdu=self._on_pdu,
                )
            case _:
                assert_never(link)

    def _on_packet(self, is_sending: bool, packet: bytes) -> bytes:
        if not is_sending:
            if self._is_answered:
                self._stray_bytes += len(packet)
            self._received = packet
            if self._is_serial_framed and self._block is not None and not self._is_answered:
                data_bytes = _data_bytes(self._block)
                return expected_frame(packet, self._unit, self._block.table.value, data_bytes) or packet
        return packet

    def _on_pdu(self, is_sending: bool, pdu: ModbusPDU) -> ModbusPDU:
        if is_sending:
            self._asked = pdu
        else:
            self._is_answered = True
        return pdu


def _data_bytes(block: ReadBlock) -> int:
    return -(-block.count // 8) if block.table.is_of_bits else 2 * block.count
