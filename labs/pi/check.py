"""The drivers on an emulated Raspberry Pi 3B: the kernel's own i2c-bcm2835 and pinctrl-bcm2835 under real smbus2,
gpiozero and lgpio. Started by `make lab-pi`. What the chips are made of: `devices.sh`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import chips

from drivers.adxl345 import Adxl345
from drivers.bmp280 import Bmp280
from drivers.door_contacts import ContactLine, DoorContacts
from drivers.i2c import ChipTrouble, I2cChip, open_i2c_bus
from drivers.ina219 import Ina219
from drivers.lis3dh import Lis3dh
from edge_agent.errors import SourceError, SourceUnavailable, WrongDevice
from edge_agent.readings import FaultReason, PressureSample, Reading, Signal, SignalEdge, SourceFault
from edge_agent.source import Source

BUS = "/dev/i2c-1"


def now_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def read_for(source: Source, seconds: float) -> list[Reading]:
    end_s = time.monotonic() + seconds
    readings: list[Reading] = []
    while time.monotonic() < end_s:
        readings.extend(source.read(0.1))
    return readings


def error_of_opening(source: Source) -> SourceError | None:
    try:
        source.open()
    except SourceError as error:
        return error
    source.close()
    return None


def a_barometer_is_configured_read_back_and_gives_the_worked_example() -> None:
    source = Bmp280(BUS, now_ns=now_ns, rate_hz=10.0)
    source.open()
    readings = read_for(source, 3.0)
    source.close()
    samples = [reading for reading in readings if isinstance(reading, PressureSample)]
    print(f"  {len(samples)} pressures in 3 s at 10 Hz")
    assert len(samples) >= 20, len(samples)
    assert all(abs(sample.pressure_hpa - 1006.5327) < 0.0001 for sample in samples), samples[0]


def an_accelerometer_is_configured_and_its_silence_is_told() -> None:
    source = Adxl345(BUS, now_ns=now_ns)
    source.open()
    faults = [reading.reason for reading in read_for(source, 3.0) if isinstance(reading, SourceFault)]
    source.close()
    assert faults == [FaultReason.SILENT], faults


def more_than_32_bytes_come_in_one_transfer() -> None:
    chip = I2cChip(BUS, 0x53, open_i2c_bus)
    chip.open()
    begun_s = time.monotonic()
    data = chip.get(0x80, 96)
    took_s = time.monotonic() - begun_s
    chip.close()
    print(f"  96 bytes in {took_s * 1e3:.1f} ms")
    assert data == bytes(range(0x80, 0xE0)), data.hex()


def nobody_at_an_address_is_told_in_words() -> None:
    error = error_of_opening(Adxl345(BUS, now_ns=now_ns, address=0x1D))
    assert isinstance(error, SourceUnavailable), error
    assert "i2cdetect -y 1" in error.hint, error


def a_thermometer_at_the_address_is_told_by_its_id() -> None:
    error = error_of_opening(Lis3dh(BUS, now_ns=now_ns, address=0x48))
    assert isinstance(error, WrongDevice), error
    assert "LIS3DH" in error.problem, error


def a_memory_is_no_supply_monitor() -> None:
    error = error_of_opening(Ina219(BUS, now_ns=now_ns))
    assert isinstance(error, WrongDevice), error
    assert "0x8000 after a reset" in error.problem, error


def a_bus_that_is_not_there_is_told_in_words() -> None:
    error = error_of_opening(Bmp280("/dev/i2c-9", now_ns=now_ns))
    assert isinstance(error, SourceUnavailable), error
    assert "raspi-config" in error.hint, error


def contacts_open_on_the_real_gpio_chip_of_the_board_again_and_again() -> None:
    source = DoorContacts("lgpio", [ContactLine(Signal.DOOR_OPEN, 5), ContactLine(Signal.MAINS, 6)], now_ns=now_ns)
    for _ in range(3):
        source.open()
        found = {reading.signal: reading for reading in read_for(source, 1.5) if isinstance(reading, SignalEdge)}
        source.close()
        assert set(found) == {Signal.DOOR_OPEN, Signal.MAINS}, found


CHECKS: tuple[Callable[[], None], ...] = (
    a_barometer_is_configured_read_back_and_gives_the_worked_example,
    an_accelerometer_is_configured_and_its_silence_is_told,
    more_than_32_bytes_come_in_one_transfer,
    nobody_at_an_address_is_told_in_words,
    a_thermometer_at_the_address_is_told_by_its_id,
    a_memory_is_no_supply_monitor,
    a_bus_that_is_not_there_is_told_in_words,
    contacts_open_on_the_real_gpio_chip_of_the_board_again_and_again,
)


def main() -> int:
    chips.burn(BUS, 0x76, chips.bmp280())
    chips.burn(BUS, 0x53, chips.adxl345())
    failed = 0
    for check in CHECKS:
        words = check.__name__.replace("_", " ")
        try:
            check()
        except (AssertionError, OSError, SourceError, ChipTrouble) as error:
            failed += 1
            print(f"FAILED {words}: {type(error).__name__} {error}")
        else:
            print(f"ok {words}")
    print(f"{len(CHECKS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
