"""Every source with its far end, so that one suite of demands can be put to all: start, break, mend, take apart."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from drivers.adxl345 import Adxl345
from drivers.door_contacts import ContactLine, DoorContacts
from drivers.modbus import SerialLink, TcpLink
from drivers.modbus_controller import ModbusController
from drivers.modem import Modem
from drivers.protocol_files import load_serial_protocol
from drivers.serial_controller import SerialController
from drivers.serial_line import SerialLine
from edge_agent.readings import (
    AccelFrame,
    ControllerReport,
    ModemReport,
    Reading,
    Registration,
    Signal,
    SignalEdge,
    SimState,
)
from edge_agent.recording import Recording, RecordingSource
from sim.adxl345 import Adxl345Model
from sim.buses import GpioServer as SimGpioServer
from sim.buses import I2cServer as SimI2cServer
from sim.controllers import ModbusTcpLine, ServedUnit
from sim.modbus_unit import ModbusUnit
from tests.drivers.chip_rigs import Rig, adxl345, bmp280, bmp390, fifo_chip, ina219
from tests.drivers.fake_modem import WELL, FakeModem
from tests.drivers.fifo_bench import KINDS
from tests.drivers.gpio_server import GpioServer
from tests.drivers.modbus_bench import DRIVING, NICE, honest, words_of
from tests.drivers.modbus_servers import LyingServer, Request, Say, rtu_reply
from tests.drivers.pty_line import PtyLine
from tests.drivers.rtu_slave import RtuSlave
from tests.drivers.test_serial_protocol import GOOD
from tests.recording.material import folder_with

LINE = ContactLine(Signal.DOOR_CLOSED, 17)


class RealTimeRig(Rig):
    """A far end with threads of its own, in real time."""

    within_s = 4.0
    watch_s = 0.4

    def now_ns(self) -> int:
        return time.monotonic_ns()


class ContactsRig(RealTimeRig):
    name = "door_contacts"
    kind = SignalEdge

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mend()
        self.source = DoorContacts(f"unix:{folder / 'gpio'}", [LINE], now_ns=time.monotonic_ns)

    def break_off(self) -> None:
        self.server.close()

    def mend(self) -> None:
        self.server = GpioServer(self.folder / "gpio", {17: 0}, t_ns=time.monotonic_ns())

    def take_apart(self) -> None:
        super().take_apart()
        self.server.close()

    def is_plausible(self, reading: Reading) -> bool:
        return isinstance(reading, SignalEdge) and reading.is_active  # low means closed


class SimContactsRig(ContactsRig):
    def break_off(self) -> None:
        self.sim_server.close()

    def mend(self) -> None:
        self.sim_server = SimGpioServer(self.folder / "gpio", {17: False}, time.monotonic_ns)

    def take_apart(self) -> None:
        self.source.close()
        self.sim_server.close()


class ControllerRig(RealTimeRig):
    name = "controller"
    kind = ControllerReport

    def is_plausible(self, reading: Reading) -> bool:
        return reading == replace(DRIVING, t_ns=reading.t_ns, is_suspect=getattr(reading, "is_suspect", False))


class TcpRig(ControllerRig):
    def __init__(self, _folder: Path, poll_hz: float = 16.0) -> None:
        self.server = LyingServer(honest)
        self.source = ModbusController(
            NICE, TcpLink("127.0.0.1", self.server.port), now_ns=time.monotonic_ns, poll_hz=poll_hz
        )

    def break_off(self) -> None:
        self.server.script = lambda _request: []

    def mend(self) -> None:
        self.server.script = honest

    def take_apart(self) -> None:
        super().take_apart()
        self.server.close()


class RtuRig(ControllerRig):
    def __init__(self, _folder: Path, poll_hz: float = 16.0) -> None:
        self.slave = RtuSlave(self._honest)
        self.source = ModbusController(
            NICE, SerialLink(self.slave.port, 115200), now_ns=time.monotonic_ns, poll_hz=poll_hz
        )

    @staticmethod
    def _honest(request: Request) -> list[Say]:
        return [Say(rtu_reply(request, words_of(request)))]

    def break_off(self) -> None:
        self.slave.script = lambda _request: []

    def mend(self) -> None:
        self.slave.script = self._honest

    def take_apart(self) -> None:
        super().take_apart()
        self.slave.close()


class SimControllerRig(ControllerRig):
    """The simulator's controller: a real Modbus server."""

    def __init__(self, _folder: Path) -> None:
        self._said: ControllerReport | None = DRIVING
        self.server = ModbusTcpLine({1: ServedUnit(ModbusUnit(NICE, lambda: self._said))})
        self.source = ModbusController(
            NICE, TcpLink("127.0.0.1", self.server.port), now_ns=time.monotonic_ns, poll_hz=10.0
        )

    def break_off(self) -> None:
        self._said = None

    def mend(self) -> None:
        self._said = DRIVING

    def take_apart(self) -> None:
        super().take_apart()
        self.server.close()


class SerialRig(ControllerRig):
    """A talker on a pseudo-terminal."""

    def __init__(self, folder: Path) -> None:
        self.line = PtyLine(folder)
        self._is_over = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._talk, daemon=True)
        self._thread.start()
        protocol = load_serial_protocol("liftsentence")
        self.source = SerialController(protocol, SerialLine(str(self.line.path)), now_ns=time.monotonic_ns)

    def break_off(self) -> None:
        with self._lock:
            self.line.pull_out()

    def mend(self) -> None:
        with self._lock:
            self.line.plug_in()

    def take_apart(self) -> None:
        self._is_over = True
        self._thread.join(5)
        super().take_apart()
        self.line.close()

    def is_plausible(self, reading: Reading) -> bool:
        return isinstance(reading, ControllerReport) and (reading.floor, reading.speed_mps) == ("5", 1.25)

    def _talk(self) -> None:
        while not self._is_over:
            with self._lock:
                if self.line.is_plugged_in:
                    self.line.write(GOOD)
            time.sleep(0.02)


class ModemRig(RealTimeRig):
    """A modem on a pseudo-terminal."""

    name = "modem"
    kind = ModemReport

    def __init__(self, folder: Path) -> None:
        self.fake = FakeModem(folder, WELL)
        line = SerialLine(str(self.fake.line.path), 115200)
        self.source = Modem(line, now_ns=time.monotonic_ns, period_s=1.0)

    def break_off(self) -> None:
        self.fake.pull_out()

    def mend(self) -> None:
        self.fake.plug_in()

    def take_apart(self) -> None:
        super().take_apart()
        self.fake.close()

    def is_plausible(self, reading: Reading) -> bool:
        assert isinstance(reading, ModemReport)
        return reading == ModemReport(reading.t_ns, SimState.READY, Registration.HOME, -79, -96)


class SilentModemRig(ModemRig):
    """The port stays, the modem says nothing."""

    def break_off(self) -> None:
        self.fake.answers = dict.fromkeys(WELL, "")

    def mend(self) -> None:
        self.fake.answers = dict(WELL)


class SimAccelRig(RealTimeRig):
    """The simulator's chip on the simulator's bus."""

    name = "accelerometer"
    kind = AccelFrame

    def __init__(self, folder: Path, rate_hz: int = 400) -> None:
        def at_rest(times_s: np.ndarray) -> np.ndarray:
            samples = np.tile([0.0, 0.0, 9.80665], (len(times_s), 1))
            samples[:, 0] = 0.3 * np.sin(50.0 * times_s)  # a live chip is never still to the last bit
            return samples

        self.server = SimI2cServer(
            folder / "i2c", {0x53: Adxl345Model(at_rest)}, lambda: time.monotonic_ns() / 1e9, threading.Lock()
        )
        self.source = Adxl345(f"unix:{folder / 'i2c'}", now_ns=time.monotonic_ns, rate_hz=rate_hz)

    def break_off(self) -> None:
        self.server.broken_errno = 121

    def mend(self) -> None:
        self.server.broken_errno = None

    def take_apart(self) -> None:
        super().take_apart()
        self.server.close()

    def is_plausible(self, reading: Reading) -> bool:
        return isinstance(reading, AccelFrame) and bool(np.allclose(reading.samples_mps2[:, 2], 9.80665, atol=0.02))


class RecordingRig(RealTimeRig):
    name = "recording"
    kind = AccelFrame
    ends = True

    def __init__(self, folder: Path) -> None:
        self.source = RecordingSource(Recording.open(folder_with(folder / "recording", {})))

    def now_ns(self) -> int:
        return 1 << 62  # a recording's time is its own

    def is_plausible(self, reading: Reading) -> bool:
        return isinstance(reading, AccelFrame) and bool(np.all(np.abs(reading.samples_mps2) < 40.0))


RIGS: dict[str, Callable[[Path], Rig]] = {
    "adxl345": adxl345,
    **{kind.name: fifo_chip(kind) for kind in KINDS},
    "bmp280": bmp280,
    "bmp390": bmp390,
    "ina219": ina219,
    "contacts": ContactsRig,
    "modbus tcp": TcpRig,
    "modbus rtu": RtuRig,
    "serial": SerialRig,
    "modem": ModemRig,
    "silent modem": SilentModemRig,
    "recording": RecordingRig,
    "simulated adxl345": SimAccelRig,
    "simulated contacts": SimContactsRig,
    "simulated controller": SimControllerRig,
}
