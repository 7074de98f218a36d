"""The lines that the box drives, its own indicator lamps, nothing else: a test lets `drivers.lamps` alone in here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gpiozero import GPIOZeroError

from drivers.gpio import LinesLost, close_factory, lgpio_error, lgpio_factory, unavailable


class Outputs:
    """Lines of a GPIO chip of the kernel that this box drives."""

    def __init__(self, chip: str, first_levels: Mapping[int, bool]) -> None:
        """first_levels: by BCM number, True for high. Raises SourceUnavailable."""
        self._lgpio_error = lgpio_error(chip)
        self._factory: Any = None
        self._pins: dict[int, Any] = {}
        try:
            self._factory = lgpio_factory(chip)
            for pin, is_high in first_levels.items():
                self._pins[pin] = self._factory.pin(pin)
                self._pins[pin].output_with_state(is_high)
        except (GPIOZeroError, OSError, self._lgpio_error) as error:
            self.close()
            raise unavailable(chip, error) from error

    def drive(self, pin: int, is_high: bool) -> None:
        """Put a line at a level. Raises LinesLost."""
        try:
            self._pins[pin].state = is_high
        except (GPIOZeroError, OSError, self._lgpio_error) as error:
            raise LinesLost(f"the GPIO lines can no longer be driven ({error})") from error

    def close(self) -> None:
        """Release the lines: they become inputs again. Never raises."""
        close_factory(self._factory, self._lgpio_error)
        self._factory = None
