"""INA219: voltage and current of the box's own supply, on an I2C bus.

Device: address 0x40 to 0x4F by A0 and A1, with a shunt resistor in the supply line. Units: V, 4 mV a count, 0 to 26; A,
10 uV across the shunt a count, so 0.1 mA at 0.1 ohm. Current out of the box's supply is positive.
Timing: averages 128 conversions, 136 ms for both; a reading is two transfers of 2 bytes.
Fault behaviour: `Supply.read` raises SourceUnavailable or WrongDevice and opens everything anew with the next call.
Source: Texas Instruments, INA219 data sheet SBOS448G: sections 8.5.3 (no calibration register is needed for the shunt
voltage), 8.6.2.1, 8.6.3.1, 8.6.3.2, tables 4 and 5.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from drivers.i2c import ChipTrouble, I2cBus, I2cChip, open_i2c_bus
from edge_agent.errors import SettingsError, SourceUnavailable, WrongDevice
from edge_agent.readings import FaultReason

T = TypeVar("T")

CONFIGURATION, SHUNT_VOLTAGE, BUS_VOLTAGE = 0x00, 0x01, 0x02
RESET, AT_RESET = 0x8000, 0x399F  # Source: section 8.6.2.1, table 4.
# Source: section 8.6.2.1: 32 V, gain / 8 (320 mV), 128 samples averaged for bus and shunt, both continuously.
CONTINUOUS_AVERAGED = 0x3FFF
VOLTS_PER_COUNT, SHUNT_VOLTS_PER_COUNT = 0.004, 10e-6
UNUSED_BITS = 3
SHUNT_OHM_MIN, SHUNT_OHM_MAX = 0.001, 1.0


@dataclass(frozen=True, slots=True)
class SupplySample:
    """What the box is fed with at `t_ns`."""

    t_ns: int
    voltage_v: float
    current_a: float


class Supply:
    """The supply monitor. bus_name: "/dev/i2c-1", "1" or "unix:PATH"; shunt_ohm: the resistor on the board."""

    def __init__(
        self,
        bus_name: str,
        *,
        now_ns: Callable[[], int],
        address: int = 0x40,
        shunt_ohm: float = 0.1,
        open_bus: Callable[[str], I2cBus] = open_i2c_bus,
    ) -> None:
        if not SHUNT_OHM_MIN <= shunt_ohm <= SHUNT_OHM_MAX:
            raise SettingsError(
                f"a shunt of {shunt_ohm:g} ohm is impossible",
                subject="supply",
                hint=f"Allowed: {SHUNT_OHM_MIN:g} to {SHUNT_OHM_MAX:g} ohm; a usual board has 0.1 (R100)",
            )
        self._device = I2cChip(bus_name, address, open_bus)
        self._now_ns, self._shunt_ohm = now_ns, shunt_ohm
        self._is_open = False

    def open(self) -> None:
        """Find and configure the chip. Raises SourceUnavailable or WrongDevice."""
        self._tried(self._start)

    def read(self) -> SupplySample:
        """The supply now; opens the chip where it is not open. Raises SourceUnavailable or WrongDevice."""
        if not self._is_open:
            self.open()
        return self._tried(self._sample)

    def close(self) -> None:
        """Release the bus. Never raises; calling it twice is allowed."""
        self._is_open = False
        self._device.close()

    def _start(self) -> None:
        self.close()
        self._device.open()
        # The chip has no id: what it holds after a reset is all that tells it from another.
        self._device.put(CONFIGURATION, RESET.to_bytes(2, "big"))
        held = self._word(CONFIGURATION)
        if held != AT_RESET:
            raise ChipTrouble(
                FaultReason.WRONG_DEVICE,
                f"{self._device.subject} holds {held:#06x} after a reset, an INA219 {AT_RESET:#06x}",
                "Another chip is fitted, or the wrong address is set: compare the print on the chip with the settings",
            )
        self._device.configure(CONFIGURATION, CONTINUOUS_AVERAGED.to_bytes(2, "big"))
        self._is_open = True

    def _sample(self) -> SupplySample:
        # A dip of the supply resets the chip, which would go on with other settings.
        self._device.require(CONFIGURATION, CONTINUOUS_AVERAGED.to_bytes(2, "big"), "has lost its settings")
        shunt = int.from_bytes(self._device.get(SHUNT_VOLTAGE, 2), "big", signed=True)
        bus = self._word(BUS_VOLTAGE)
        return SupplySample(
            self._now_ns(),
            voltage_v=(bus >> UNUSED_BITS) * VOLTS_PER_COUNT,
            current_a=shunt * SHUNT_VOLTS_PER_COUNT / self._shunt_ohm,
        )

    def _word(self, register: int) -> int:
        return int.from_bytes(self._device.get(register, 2), "big")

    def _tried(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except ChipTrouble as trouble:
            self.close()
            kind = WrongDevice if trouble.reason is FaultReason.WRONG_DEVICE else SourceUnavailable
            raise kind(trouble.problem, subject=self._device.subject, hint=trouble.hint) from trouble
