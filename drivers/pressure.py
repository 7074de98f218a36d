"""A barometer on an I2C bus as a source of `PressureSample`s; the two chips are in files of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from drivers.polled_sensor import PolledSensor, impossible
from edge_agent.readings import PressureSample, Reading

RATES_HZ = (1.0, 10.0)


class PressureChip(Protocol):
    """What is particular to a barometer. Every method but `close` may raise `ChipTrouble`."""

    @property
    def subject(self) -> str:
        """Bus and address, for messages."""
        ...

    @property
    def range_hpa(self) -> tuple[float, float]:
        """What the chip can measure."""
        ...

    def start(self) -> None:
        """Open the bus, check the id, read the trimming, write the settings, read every one back, begin to measure."""
        ...

    def pressure_hpa(self) -> float | None:
        """The newest pressure, compensated; None where there is no new one."""
        ...

    def check_settings(self) -> None:
        """Raise `ChipTrouble` if the chip no longer holds what was written to it."""
        ...

    def close(self) -> None:
        """Release the bus. Never raises; calling it twice is allowed."""
        ...


class PressureSensor(PolledSensor):
    """Source of `PressureSample`s at `rate_hz`, 1 to 10. Outages: `PolledSensor`."""

    def __init__(
        self,
        chip: PressureChip,
        *,
        rate_hz: float,
        now_ns: Callable[[], int],
        wait: Callable[[float], None],
        name: str,
    ) -> None:
        super().__init__(_Polled(chip), rate_hz=rate_hz, now_ns=now_ns, wait=wait, name=name, rates_hz=RATES_HZ)


class _Polled:
    """A barometer as a `PolledChip`."""

    kind = "barometer"

    def __init__(self, chip: PressureChip) -> None:
        self.subject = chip.subject
        self.start, self.check_settings, self.close = chip.start, chip.check_settings, chip.close
        self._chip = chip

    def reading(self, now_ns: Callable[[], int]) -> Reading | None:
        pressure_hpa = self._chip.pressure_hpa()
        return None if pressure_hpa is None else PressureSample(now_ns(), pressure_hpa)

    def judge(self, reading: Reading) -> None:
        low_hpa, high_hpa = self._chip.range_hpa
        if isinstance(reading, PressureSample) and not low_hpa <= reading.pressure_hpa <= high_hpa:
            raise impossible(self.kind, f"{reading.pressure_hpa:.0f} hPa")
