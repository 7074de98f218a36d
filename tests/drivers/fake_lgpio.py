"""Stands for the C library lgpio below gpiozero: one chip whose lines a test drives, and which can vanish."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import ModuleType

Handler = Callable[[int, int, int, int], None]


class FakeError(Exception):
    """lgpio.error: derived from Exception only, as in lgpio 0.2.2."""


class FakeCallback:
    """What lgpio.callback returns."""

    def __init__(self, chip: FakeLgpio, pin: int) -> None:
        self._chip, self._pin = chip, pin

    def cancel(self) -> None:
        self._chip.handlers.pop(self._pin, None)


class FakeLgpio:
    """The chip and the functions of the library that gpiozero's LGPIOFactory calls."""

    def __init__(self) -> None:
        self.levels: dict[int, int] = {}
        self.handlers: dict[int, Handler] = {}
        self.debounce_us: dict[int, int] = {}
        self.pulls: dict[int, int] = {}
        self.is_gone = False
        self.after_read: Callable[[int], None] | None = None
        self.open_count = 0

    def change(self, pin: int, level: int, *, age_ns: int = 0) -> None:
        """An edge as the library's one thread delivers it: a handler that raises would end that thread."""
        self.levels[pin] = level
        if pin in self.handlers:
            self.handlers[pin](0, pin, level, time.monotonic_ns() - age_ns)

    def module(self) -> ModuleType:
        module = ModuleType("lgpio")
        constants = {"BOTH_EDGES": 3, "RISING_EDGE": 1, "FALLING_EDGE": 2}
        constants |= {"SET_PULL_NONE": 128, "SET_PULL_UP": 32, "SET_PULL_DOWN": 64}
        functions: dict[str, object] = {
            "error": FakeError,
            "gpiochip_open": self._open,
            "gpiochip_close": lambda handle: self._answer(0),
            "gpio_claim_input": self._claim,
            "gpio_claim_output": self._drive,
            "gpio_claim_alert": lambda handle, pin, edges, flags=0: self._answer(0),
            "gpio_free": lambda handle, pin: self._answer(0),
            "gpio_get_mode": lambda handle, pin: self._answer(self.pulls.get(pin, 128)),
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

    def _claim(self, _handle: int, pin: int, flags: int = 0) -> int:
        self.pulls[pin] = flags or self.pulls.get(pin, 128)
        return self._answer(0)

    def _read(self, _handle: int, pin: int) -> int:
        level = self._answer(self.levels.get(pin, 0))
        if self.after_read is not None:
            self.after_read(pin)
        return level

    def _drive(self, *_: object) -> int:
        raise AssertionError("somebody drives a line of the lift")

    def _debounce(self, _handle: int, pin: int, micros: int) -> int:
        self.debounce_us[pin] = micros
        return self._answer(0)

    def _callback(self, _handle: int, pin: int, _edges: int, handler: Handler) -> FakeCallback:
        self.handlers[pin] = handler
        return FakeCallback(self, pin)
