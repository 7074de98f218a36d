"""The I2C chips and the modem of a served lift: which are fitted, which answer just now, and what the modem finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from edge_agent.readings import AccelFrame, FaultReason, ModemReport
from sim.adxl345 import Adxl345Model
from sim.bmp280 import Bmp280Model
from sim.bmp390 import Bmp390Model
from sim.box import AccelSpec, BoxSpec, ModemSpec, SupplySpec, draw_modem, draw_supply
from sim.box_sensors import Battery, ModemTruth
from sim.buses import I2cChip
from sim.buses_modem import ModemPort
from sim.fifo_chips import CHIPS, FifoModel
from sim.fittings import BAROMETERS, SUPPLY_ADDRESS, Fittings
from sim.ina219 import Ina219Model
from sim.lift import Lift
from sim.live_faults import ACCELEROMETER, MODEM, PRESSURE, SUPPLY, LiveFaults
from sim.modbus_frames import Mishap, Spoiled
from sim.motion import FloatArray
from sim.sensors import AccelSensor, Barometer, Sensors

FULL_SCALE_MPS2 = 16 * 9.80665
_ROOM_DEGC = 20.0


def box_with(box: BoxSpec, fittings: Fittings, lift: Lift, rng: np.random.Generator) -> BoxSpec:
    """The box of the story with what is fitted beyond it; chance is drawn only for that."""
    supply: SupplySpec | None = box.supply
    modem: ModemSpec | None = box.modem
    if fittings.has_supply and supply is None:
        supply = draw_supply(rng, None)
    if fittings.has_modem and modem is None:
        modem = draw_modem(rng, (), len(lift.spec.landing_heights_m))
    return replace(box, supply=supply, modem=modem)


class LiveChips:
    """The chips of one box. The lift's lock is held around each access. story_s: a time in seconds as one of the story;
    made_until: draws the story up to a time of it."""

    def __init__(
        self,
        lift: Lift,
        sensors: Sensors,
        box: BoxSpec,
        fittings: Fittings,
        faults: LiveFaults,
        rng: np.random.Generator,
        story_s: Callable[[float], float],
        make_until: Callable[[float], None],
    ) -> None:
        self._lift, self._sensors, self._faults, self._rng = lift, sensors, faults, rng
        self._story_s, self._make_until = story_s, make_until
        self.fittings = fittings
        self.answering: dict[int, I2cChip] = {}
        self.accelerometer = None if box.accel is None else self._accelerometer(box.accel)
        self.barometer_name = fittings.barometer or "bmp280"
        self.barometer = None if sensors.air is None else self._barometer(sensors.air)
        self.battery = None if box.supply is None else Battery(lift, box.supply)
        self.supply = None if self.battery is None else Ina219Model(self._battery_at(self.battery))

    def fit(self, now_ns: int) -> None:
        """Chips that are pulled out lose their settings."""
        if self.battery is not None:
            self.battery.at(max(0.0, now_ns / 1e9))
        for of, address, chip in self._fitted():
            reason = self._faults.reason_gone(of, now_ns)
            chip.is_silent = reason is FaultReason.SILENT
            if reason is not FaultReason.ABSENT:
                self.answering[address] = chip
            elif self.answering.pop(address, None) is not None:
                chip.power_cycle()

    def _fitted(
        self,
    ) -> Iterator[tuple[str, int, Adxl345Model | FifoModel | Bmp280Model | Bmp390Model | Ina219Model]]:
        if self.accelerometer is not None:
            yield ACCELEROMETER, CHIPS[self.fittings.accelerometer].address, self.accelerometer
        if self.barometer is not None:
            yield PRESSURE, BAROMETERS[self.barometer_name][1], self.barometer
        if self.supply is not None:
            yield SUPPLY, SUPPLY_ADDRESS, self.supply

    def _accelerometer(self, spec: AccelSpec) -> Adxl345Model | FifoModel:
        # the register model rounds and clips as its range says
        analog = replace(spec, step_mps2=1e-6, range_mps2=FULL_SCALE_MPS2)
        sensor = AccelSensor(self._lift, self._sensors.field, analog, self._rng)

        def sample_at(times_s: FloatArray) -> FloatArray:
            begin_s = self._story_s(0.0)
            story_s = times_s + begin_s
            self._make_until(float(story_s[-1]))
            times_ns = np.round(story_s * 1e9).astype(np.int64)
            return self._faults.frame(AccelFrame(times_ns, sensor.sample(story_s))).samples_mps2

        return CHIPS[self.fittings.accelerometer].model(sample_at, spec.rate_true)

    def _barometer(self, air: Barometer) -> Bmp280Model | Bmp390Model:
        def pressure_at(time_s: float) -> float:
            story_s = self._story_s(time_s)
            self._make_until(story_s)
            return float(air.sample(np.array([max(0.0, story_s)]))[0])

        def temp_at(time_s: float) -> float:
            return _ROOM_DEGC + float(self._lift.warmth_degc.sample(np.array([self._story_s(time_s)]))[0])

        return BAROMETERS[self.barometer_name][0](pressure_at, temp_at)

    def _battery_at(self, battery: Battery) -> Callable[[float], tuple[float, float]]:
        def supply_at(time_s: float) -> tuple[float, float]:
            state = battery.at(max(0.0, self._story_s(time_s)))
            return state.voltage_v, state.current_a

        return supply_at


class LiveModem:
    """The modem of one box on a serial port in `folder`. report: what the modem finds just now."""

    def __init__(self, folder: Path, truth: ModemTruth, report: Callable[[ModemTruth], ModemReport]) -> None:
        self.port = ModemPort(folder / "modem", lambda: report(truth))

    def spoil(self, faults: LiveFaults, now_ns: int) -> None:
        """What is wrong with its answers now."""
        is_gone = faults.reason_gone(MODEM, now_ns) is not None
        self.port.spoiled = Spoiled(Mishap.SILENT) if is_gone else faults.spoiled(MODEM, now_ns)
