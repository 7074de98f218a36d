"""Stands for the C library lgpio below gpiozero: one chip whose lines a test drives, and which can vanish."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from pytest_mock import MockerFixture

Handler = Callable[[int, int, int, int], None]


class FakeError(Exception):
    """lgpio.error: derived from Exception only, as in lgpio 0.2.2."""


class FakeCallback:
    """What lgpio.callback returns. The library keeps it until it is cancelled, over any closing of the chip."""

    def __init__(self, chip: FakeLgpio, pin: int, handler: Handler) -> None:
        self._chip, self.pin, self.handler = chip, pin, handler

    def cancel(self) -> None:
        if self in self._chip.callbacks:
            self._chip.callbacks.remove(self)


def install(mocker: MockerFixture, folder: Path, library: FakeLgpio) -> FakeLgpio:
    """Put the library below gpiozero's own lgpio factory, on a board that says it is a Pi 3B."""
    mocker.patch.dict(sys.modules, {"lgpio": library.module()})
    sys.modules.pop("gpiozero.pins.lgpio", None)
    mocker.patch("gpiozero.pins.local.get_pi_revision", return_value=0xA02082)
    mocker.patch.dict(os.environ, {"LG_WD": str(folder)})
    return library


class FakeLgpio:
    """The chip and the functions of the library that gpiozero's LGPIOFactory calls.

    lamps: lines that may be driven; driving any other one fails the test.
    """

    def __init__(self, lamps: frozenset[int] = frozenset()) -> None:
        self.lamps = lamps
        self.driven: list[tuple[int, int]] = []  # line and level, in order
        self.outputs: set[int] = set()
        self.levels: dict[int, int] = {}
        self.callbacks: list[FakeCallback] = []
        self.debounce_us: dict[int, int] = {}
        self.pulls: dict[int, int] = {}
        self.is_gone = False
        self.after_read: Callable[[int], None] | None = None
        self.open_count = self.close_count = 0

    def change(self, pin: int, level: int, *, age_ns: int = 0) -> None:
        """An edge as the library's one thread delivers it: a handler that raises would end that thread."""
        self.levels[pin] = level
        for callback in [callback for callback in self.callbacks if callback.pin == pin]:
            callback.handler(0, pin, level, time.monotonic_ns() - age_ns)

    def module(self) -> ModuleType:
        module = ModuleType("lgpio")
        constants = {"BOTH_EDGES": 3, "RISING_EDGE": 1, "FALLING_EDGE": 2}
        constants |= {"SET_PULL_NONE": 128, "SET_PULL_UP": 32, "SET_PULL_DOWN": 64}
        functions: dict[str, object] = {
            "error": FakeError,
            "gpiochip_open": self._open,
            "gpiochip_close": self._close,
            "gpio_claim_input": self._claim,
            "gpio_claim_output": self._claim_output,
            "gpio_write": self._write,
            "gpio_claim_alert": lambda handle, pin, edges, flags=0: self._answer(0),
            "gpio_free": lambda handle, pin: self._answer(0),
            "gpio_get_mode": lambda handle, pin: self._answer(
                self.pulls.get(pin, 128) | (2 if pin in self.outputs else 0)
            ),
            "gpio_read": self._read,
            "gpio_set_debounce_micros": self._debounce,
            "callback": self._callback,
        }
        for name, value in {**constants, **functions}.items():
            setattr(module, name, value)
        return module

    def _answer(self, value: int) -> int:
        if self.is_gone:
            raise FakeError("GPIO not allocated")
        return value

    def _open(self, _chip: int) -> int:
        if self.is_gone:
            raise FakeError("can not open gpiochip")
        self.open_count += 1
        return 1

    def _close(self, _handle: int) -> int:
        self.close_count += 1
        return 0

    def _claim(self, handle: int, pin: int, flags: int = 0) -> int:
        if handle is None:
            raise TypeError("unsupported operand type(s) for &: 'NoneType' and 'int'")  # as lgpio does
        self.outputs.discard(pin)
        self.pulls[pin] = flags or self.pulls.get(pin, 128)
        return self._answer(0)

    def _read(self, _handle: int, pin: int) -> int:
        level = self._answer(self.levels.get(pin, 0))
        if self.after_read is not None:
            self.after_read(pin)
        return level

    def _claim_output(self, _handle: int, pin: int, level: int = 0) -> int:
        assert pin in self.lamps, "somebody drives a line of the lift"
        self._answer(0)
        self.outputs.add(pin)
        self.levels[pin] = level
        return 0

    def _write(self, _handle: int, pin: int, level: int) -> int:
        assert pin in self.outputs, "somebody drives a line of the lift"
        self._answer(0)
        self.levels[pin] = int(level)
        self.driven.append((pin, int(level)))
        return 0

    def _debounce(self, _handle: int, pin: int, micros: int) -> int:
        self.debounce_us[pin] = micros
        return self._answer(0)

    def _callback(self, _handle: int, pin: int, _edges: int, handler: Handler) -> FakeCallback:
        callback = FakeCallback(self, pin, handler)
        self.callbacks.append(callback)
        return callback
