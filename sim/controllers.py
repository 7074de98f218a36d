"""A lift controller as a real Modbus TCP server: registers by a map, filled from the simulated lift at each read."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from drivers.register_map import RegisterMap, Table
from edge_agent.errors import SourceUnavailable
from edge_agent.readings import ControllerReport

_START_S = 5.0
_SILENT_STEP_S = 0.05
_SILENT_S_MAX = 10.0


class ModbusController:
    """Serves one unit on its own thread and loop.

    report: what the controller would say now; None while it is dark or silent: then no answer comes.
    Reading outside the map gives exception 2; any write gives exception 1 and is counted in `write_count`.
    """

    def __init__(
        self,
        register_map: RegisterMap,
        report: Callable[[], ControllerReport | None],
        *,
        unit: int = 1,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self._map = register_map
        self._report = report
        self._functions = {block.table.value for block in register_map.reads}
        self.unit = unit
        self._address = (host, port)
        self._is_over: asyncio.Event | None = None
        self._is_listening = False
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._error: str | None = None
        self._thread = threading.Thread(target=self._run, name="modbus server", daemon=True)
        self.port = port  # the real one once it listens
        self.read_count = 0
        self.write_count = 0

    def start(self) -> None:
        """Listen. Raises SourceUnavailable where the port cannot be had; `port` is the real one then."""
        self._thread.start()
        self._ready.wait(_START_S)
        if not self._is_listening:
            raise SourceUnavailable(
                f"the simulated controller cannot listen: {self._error or 'it does not come up'}",
                subject=f"{self._address[0]}:{self._address[1]}",
                hint="Another program may hold the port; leave the port out and a free one is taken",
            )

    def close(self) -> None:
        """Stop serving. Calling it twice is allowed."""
        is_over = self._is_over
        if is_over is not None and self._thread.is_alive():
            with suppress(RuntimeError):  # the loop may end by itself between the two lines
                self._loop.call_soon_threadsafe(is_over.set)
        if self._thread.ident is not None:
            self._thread.join(timeout=2.0)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        except (OSError, RuntimeError) as error:
            self._error = str(error)
        finally:
            self._ready.set()
            self._loop.close()

    async def _serve(self) -> None:
        self._is_over = asyncio.Event()
        server: Any = ModbusTcpServer(self._device(), address=self._address, ignore_missing_devices=True)
        try:
            await server.serve_forever(background=True)
            self.port = int(server.transport.sockets[0].getsockname()[1])
            self._is_listening = True
            self._ready.set()
            await self._is_over.wait()
        finally:
            await server.shutdown()
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()  # answers that wait for a dark controller

    def _device(self) -> SimDevice:
        blocks = [block for block in self._map.reads if not block.table.is_of_bits]
        # pymodbus takes the blocks of all tables as one space; the maps do not use one address in two tables
        data = [
            SimData(block.address, values=[0] * block.count, datatype=DataType.REGISTERS)
            for block in sorted(blocks, key=lambda block: block.address)
        ]
        return SimDevice(id=self.unit, simdata=data, action=self._act)

    async def _act(
        self,
        function_code: int,
        start_address: int,
        address: int,
        count: int,
        current_registers: list[int],
        set_values: list[int] | list[bool] | None,
    ) -> ExcCodes | None:
        if set_values is not None:
            self.write_count += 1
            return ExcCodes.ILLEGAL_FUNCTION
        if function_code not in self._functions:
            return ExcCodes.ILLEGAL_FUNCTION
        self.read_count += 1
        report = await self._spoken()
        if report is None:
            return ExcCodes.DEVICE_BUSY
        image = self._map.encode(report)
        for register in range(address, address + count):
            word = image.word(Table(function_code), register)
            current_registers[register - start_address] = 0 if word is None else word
        return None

    async def _spoken(self) -> ControllerReport | None:
        for _ in range(int(_SILENT_S_MAX / _SILENT_STEP_S)):
            report = self._report()
            if report is not None:
                return report
            await asyncio.sleep(_SILENT_STEP_S)
        return None
