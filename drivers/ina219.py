"""INA219: voltage and current of the box's battery, on an I2C bus.

Device: address 0x40 to 0x4F by A0 and A1, with a shunt resistor in the battery's lead. Units: V, 4 mV a count, 0 to 26;
A, 10 uV across the shunt a count, so 0.1 mA at 0.1 ohm. Current out of the battery is positive.
Timing: averages 128 conversions, 136 ms for both; a reading is two transfers of 2 bytes.
Fault behaviour: `PolledSensor`.
Source: Texas Instruments, INA219 data sheet SBOS448G: sections 8.5.3 (no calibration register is needed for the shunt
voltage), 8.6.2.1, 8.6.3.1, 8.6.3.2, tables 4 and 5.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from drivers.i2c import ChipTrouble, I2cBus, I2cChip, open_i2c_bus
from drivers.polled_sensor import PolledSensor, impossible
from edge_agent.errors import SettingsError
from edge_agent.readings import FaultReason, Reading, SupplySample

CONFIGURATION, SHUNT_VOLTAGE, BUS_VOLTAGE = 0x00, 0x01, 0x02
RESET, AT_RESET = 0x8000, 0x399F  # Source: section 8.6.2.1, table 4.
# Source: section 8.6.2.1: 32 V, gain / 8 (320 mV), 128 samples averaged for bus and shunt, both continuously.
CONTINUOUS_AVERAGED = 0x3FFF
VOLTS_PER_COUNT, SHUNT_VOLTS_PER_COUNT = 0.004, 10e-6
UNUSED_BITS = 3
VOLTAGE_V_MAX = 26.0  # Source: section 7.1, absolute maximum ratings
SHUNT_OHM_MIN, SHUNT_OHM_MAX = 0.001, 1.0
RATES_HZ = (0.2, 5.0)


class Ina219(PolledSensor):
    """The supply monitor as a source of `SupplySample`s. bus_name: "/dev/i2c-1", "1" or "unix:PATH"; shunt_ohm: the
    resistor on the board. Raises SettingsError for a shunt that nobody fits."""

    def __init__(
        self,
        bus_name: str,
        *,
        now_ns: Callable[[], int],
        address: int = 0x40,
        shunt_ohm: float = 0.1,
        rate_hz: float = 1.0,
        wait: Callable[[float], None] = time.sleep,
        open_bus: Callable[[str], I2cBus] = open_i2c_bus,
        name: str = "supply",
    ) -> None:
        if not SHUNT_OHM_MIN <= shunt_ohm <= SHUNT_OHM_MAX:
            raise SettingsError(
                f"a shunt of {shunt_ohm:g} ohm is impossible",
                subject=name,
                hint=f"Allowed: {SHUNT_OHM_MIN:g} to {SHUNT_OHM_MAX:g} ohm; a usual board has 0.1 (R100)",
            )
        chip = Ina219Chip(I2cChip(bus_name, address, open_bus), shunt_ohm)
        super().__init__(chip, rate_hz=rate_hz, now_ns=now_ns, wait=wait, name=name, rates_hz=RATES_HZ)


class Ina219Chip:
    """The registers of one chip; a `PolledChip`."""

    kind = "supply monitor"

    def __init__(self, device: I2cChip, shunt_ohm: float) -> None:
        self._device = device
        self._shunt_ohm = shunt_ohm

    @property
    def subject(self) -> str:
        """Bus and address, for messages."""
        return self._device.subject

    def start(self) -> None:
        """Open, reset, tell it from another chip, configure and read back."""
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

    def reading(self, now_ns: Callable[[], int]) -> SupplySample:
        """Voltage and current of the last 136 ms."""
        shunt = int.from_bytes(self._device.get(SHUNT_VOLTAGE, 2), "big", signed=True)
        bus = self._word(BUS_VOLTAGE)
        return SupplySample(
            now_ns(),
            voltage_v=(bus >> UNUSED_BITS) * VOLTS_PER_COUNT,
            current_a=shunt * SHUNT_VOLTS_PER_COUNT / self._shunt_ohm,
        )

    def judge(self, reading: Reading) -> None:
        """Raise ChipTrouble(BUS_ERROR) for a voltage that would have destroyed the chip."""
        if isinstance(reading, SupplySample) and reading.voltage_v > VOLTAGE_V_MAX:
            raise impossible(self.kind, f"{reading.voltage_v:.1f} V")

    def check_settings(self) -> None:
        """Raise ChipTrouble(CONFIGURATION) after a dip of the supply: the chip measures on, with other settings."""
        self._device.require(CONFIGURATION, CONTINUOUS_AVERAGED.to_bytes(2, "big"), "has lost its settings")

    def close(self) -> None:
        """Release the bus."""
        self._device.close()

    def _word(self, register: int) -> int:
        return int.from_bytes(self._device.get(register, 2), "big")
