"""A lift controller as a source of `ControllerReport`s, polled over Modbus by a register map. It only reads.

Device: any controller with a map in `drivers/maps`. Bus: `drivers.modbus`.
Timing: one request at a time, each with a deadline below the poll period; a poll that takes longer skips its slots.
Fault behaviour: `ModbusController`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from drivers.modbus import ModbusConnection, ModbusLink, ModbusTrouble, SerialLink
from drivers.modbus_cycle import BUDGET_S, PollCycle
from drivers.outage import Outage
from drivers.register_map import RegisterMap
from edge_agent.errors import SettingsError, SourceUnavailable
from edge_agent.readings import ControllerReport, FaultReason, Reading

DEADLINE_PART = 0.8  # of the poll period
DEADLINE_S_MAX = 0.9  # below the second that a source may block
FAILED_CYCLES_BEFORE_RECONNECT = 3
CANCEL_S = 0.05
HELD_MAX = 64  # the loop runs only inside `read` and stops at the first reading, so one or two are held


class ModbusController:
    """Polls one controller and gives one `ControllerReport` for each complete cycle.

    All work is one task in an event loop that runs only inside `read`, so the source needs no thread of its own.
    Outage: no report, and one `SourceFault`, again only when the reason changes: ABSENT no connection, SILENT no
    answer in time, BAD_REPLY an answer that fails a check or every read refused, DESYNC an answer to another
    question. It is tried again at once and then after growing waits of at most 5 s; over a new connection where the
    stream is in doubt, and after three failed cycles.
    After any failure a bus with RTU frames is left alone until it is quiet, and the next report is suspect; with TCP
    the next report is suspect after BAD_REPLY and DESYNC.
    A read that the controller refuses leaves its fields unsaid.
    """

    def __init__(
        self,
        register_map: RegisterMap,
        link: ModbusLink,
        *,
        now_ns: Callable[[], int],
        unit: int = 1,
        poll_hz: float = 10.0,
        deadline_s: float | None = None,
        cycle_budget_s: float = BUDGET_S,
        is_risk_accepted: bool = False,
        name: str = "controller",
    ) -> None:
        if not register_map.polling_is_safe and not is_risk_accepted:
            raise SettingsError(
                "the register map says that polling this controller is not safe",
                subject=f"map {register_map.name}",
                hint=register_map.polling_note,
            )
        if register_map.is_documentation_only:
            raise SettingsError(
                "this map only documents registers; none of them feeds a value of the report",
                subject=f"map {register_map.name}",
                hint="Choose another map, or add fields with feeds to a file of your own",
            )
        self._map, self._link, self._unit, self._name, self._now_ns = register_map, link, unit, name, now_ns
        self._cycle = PollCycle(register_map, now_ns, budget_s=cycle_budget_s)
        if not self._cycle.has_checks and (isinstance(link, SerialLink) or link.is_rtu):
            raise SettingsError(
                "with this map late answers could not be told from right ones on a link with RTU frames",
                subject=f"map {register_map.name}",
                hint="Let the map name a [canary], or read neighbouring registers together",
            )
        self._period_ns = round(1e9 / poll_hz)
        self._deadline_s = min(deadline_s or DEADLINE_S_MAX, DEADLINE_PART / poll_hz, DEADLINE_S_MAX)
        self._outage = Outage(name, spread_key=f"{link} {unit}")
        self._held: deque[Reading] = deque(maxlen=HELD_MAX)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._has_news = asyncio.Event()
        self._connection: ModbusConnection | None = None
        self._is_suspect = False
        self._failed_cycles = 0
        self._crash: BaseException | None = None

    @property
    def name(self) -> str:
        """The name used in settings and faults."""
        return self._name

    @property
    def has_ended(self) -> bool:
        """Always False: a controller is live."""
        return False

    def open(self) -> None:
        """Connect. Raises SourceUnavailable; whether the controller answers is for `read` to find out."""
        self.close()
        try:
            self._entered().run_until_complete(self._connected())
        except ModbusTrouble as trouble:
            self.close()
            raise SourceUnavailable(trouble.sentence, subject=str(self._link), hint=self._hint()) from trouble

    def read(self, timeout_s: float) -> Sequence[Reading]:
        """Poll until there is a reading, at most `timeout_s`."""
        loop = self._entered()
        if self._task is None:
            self._task = loop.create_task(self._poll_for_ever())
        if not self._held:
            loop.run_until_complete(self._wait_for_news(self._task, timeout_s))
        if self._crash is not None:
            raise self._crash
        if self._task.done():
            self._task.result()
        readings = tuple(self._held)
        self._held.clear()
        return readings

    def close(self) -> None:
        """Drop the connection and the loop. To be called by the thread that reads."""
        loop, self._loop = self._loop, None
        if loop is None:
            return
        task, self._task = self._task, None
        # Until Python 3.12 a wait_for whose answer has just come swallows the cancelling: it has to be said again.
        while task is not None and not task.done():
            task.cancel()
            loop.run_until_complete(asyncio.wait({task}, timeout=CANCEL_S))
        self._disconnect()
        loop.run_until_complete(asyncio.sleep(0))  # the transport closes its socket in the next round
        loop.close()

    def _entered(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._loop.set_exception_handler(self._on_loop_error)
            self._has_news = asyncio.Event()
        return self._loop

    def _on_loop_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        if self._connection is not None and self._connection.take_loop_error(context):
            return
        error = context.get("exception")
        self._crash = error if isinstance(error, BaseException) else RuntimeError(str(context.get("message")))

    async def _wait_for_news(self, task: asyncio.Task[None], timeout_s: float) -> None:
        self._has_news.clear()
        news = asyncio.ensure_future(self._has_news.wait())
        await asyncio.wait({news, task}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        news.cancel()

    async def _poll_for_ever(self) -> None:
        due_ns = self._now_ns()
        while True:
            try:
                self._say(await self._report())
            except ModbusTrouble as trouble:
                await self._recover(trouble)
                await self._sleep_until(self._outage.next_attempt_ns)
                due_ns = self._now_ns()
                continue
            slots = max(1, -(-(self._now_ns() - due_ns) // self._period_ns))
            due_ns += slots * self._period_ns
            await self._sleep_until(due_ns)

    async def _report(self) -> ControllerReport:
        polled = await self._cycle.run(await self._connected())
        t_ns = (polled.begun_ns + polled.ended_ns) // 2
        report = self._map.decode(polled.image, t_ns, is_suspect=self._is_suspect or not polled.is_proven)
        self._is_suspect, self._failed_cycles = False, 0
        self._outage.flowing(polled.ended_ns)
        return report

    async def _connected(self) -> ModbusConnection:
        if self._connection is not None and self._connection.is_open:
            return self._connection
        self._disconnect()
        self._cycle.restart()
        self._connection = ModbusConnection(self._link, self._unit, self._deadline_s)
        if not await self._connection.open():
            self._disconnect()
            raise ModbusTrouble(FaultReason.ABSENT, f"no connection to {self._link}")
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    async def _recover(self, trouble: ModbusTrouble) -> None:
        self._failed_cycles += 1
        self._cycle.doubt()
        for fault in self._outage.failed(self._now_ns(), trouble.reason, f"{trouble.sentence}. {self._hint()}"):
            self._say(fault)
        connection = self._connection
        if connection is None:
            return
        is_stream_in_doubt = trouble.reason in (FaultReason.BAD_REPLY, FaultReason.DESYNC)
        self._is_suspect |= is_stream_in_doubt or connection.is_serial_framed
        if connection.is_serial_framed:
            is_stream_in_doubt = not await connection.fall_quiet()
        if is_stream_in_doubt or self._failed_cycles % FAILED_CYCLES_BEFORE_RECONNECT == 0:
            self._disconnect()

    def _say(self, reading: Reading) -> None:
        self._held.append(reading)
        self._has_news.set()

    async def _sleep_until(self, t_ns: int) -> None:
        await asyncio.sleep(max(0.0, (t_ns - self._now_ns()) / 1e9))

    def _hint(self) -> str:
        if isinstance(self._link, SerialLink):
            return "Check A and B of the RS-485 line, baud rate, parity and unit number, and who else uses the port"
        return "Check the network cable, address, port and unit number, and that the controller allows one more client"
