"""A slow chip on an I2C bus as a source of readings: polled, checked, brought back after every outage.

What is particular to a chip is behind `PolledChip`; one file a chip, named by part number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from drivers.i2c import ChipTrouble
from drivers.outage import Outage, is_due
from edge_agent.errors import SettingsError, SourceUnavailable, WrongDevice
from edge_agent.readings import FaultReason, Reading

TRIES = 3
RETRY_WAIT_S = 0.002
FAILED_READS_MAX = 2  # in a row, then the chip is out
SILENT_S_MIN, SILENT_POLLS = 1.5, 1.5  # Source: chosen: a missed poll at 1 Hz, and half
CHECK_NS = 10_000_000_000  # between two looks at the settings: a chip that stopped repeats its last value for ever


class PolledChip(Protocol):
    """What the source needs of a chip. Every method but `close` may raise `ChipTrouble`."""

    @property
    def subject(self) -> str:
        """Bus and address, for messages."""
        ...

    @property
    def kind(self) -> str:
        """What it is, for messages: "barometer"."""
        ...

    def start(self) -> None:
        """Open the bus, make sure of the chip, write the settings, read every one back, begin to measure."""
        ...

    def reading(self, now_ns: Callable[[], int]) -> Reading | None:
        """The newest value, stamped when it had come; None where there is no new one."""
        ...

    def judge(self, reading: Reading) -> None:
        """Raise `ChipTrouble` if the chip cannot measure that value."""
        ...

    def check_settings(self) -> None:
        """Raise `ChipTrouble` if the chip no longer holds what was written to it."""
        ...

    def close(self) -> None:
        """Release the bus. Never raises; calling it twice is allowed."""
        ...


def impossible(kind: str, value: str) -> ChipTrouble:
    """The trouble of a value that the chip cannot measure."""
    return ChipTrouble(
        FaultReason.BUS_ERROR,
        f"the {kind} says {value}, which it cannot measure",
        "Check the cable and the pull-up resistors; if that does not help, the chip is broken",
        is_worth_retrying=True,
    )


class PolledSensor:
    """Source of a chip's readings at `rate_hz`.

    Outage: the bus is opened and the chip configured from scratch, at once and then after growing waits of at most
    5 s, inside `read`, until readings flow. One `SourceFault` an outage and change of reason: ABSENT nobody answers,
    WRONG_DEVICE another chip, CONFIGURATION settings not held, BUS_ERROR transfers fail or bring what the chip cannot
    measure, SILENT nothing new for a poll and a half.
    """

    def __init__(
        self,
        chip: PolledChip,
        *,
        rate_hz: float,
        now_ns: Callable[[], int],
        wait: Callable[[float], None],
        name: str,
        rates_hz: tuple[float, float],
    ) -> None:
        """rates_hz: the lowest and the highest that is allowed. Raises SettingsError."""
        lowest_hz, highest_hz = rates_hz
        if not lowest_hz <= rate_hz <= highest_hz:
            raise SettingsError(
                f"a {chip.kind} is not read {rate_hz:g} times a second",
                subject=name,
                hint=f"Allowed: {lowest_hz:g} to {highest_hz:g} Hz",
            )
        self._chip, self._name, self._now_ns, self._wait = chip, name, now_ns, wait
        self._period_ns = round(1e9 / rate_hz)
        self._silent_s = max(SILENT_S_MIN, SILENT_POLLS / rate_hz)
        self._outage = Outage(name, spread_key=chip.subject)
        self._is_running = False
        self._failed_reads = 0
        self._next_read_ns = self._next_check_ns = self._last_reading_ns = 0

    @property
    def name(self) -> str:
        """The name used in settings and faults."""
        return self._name

    @property
    def has_ended(self) -> bool:
        """Always False: a chip is live."""
        return False

    def open(self) -> None:
        """Find, configure and start the chip. Raises SourceUnavailable or WrongDevice."""
        try:
            self._start()
        except ChipTrouble as trouble:
            kind = WrongDevice if trouble.reason is FaultReason.WRONG_DEVICE else SourceUnavailable
            raise kind(trouble.problem, subject=self._chip.subject, hint=trouble.hint) from trouble

    def read(self, timeout_s: float) -> Sequence[Reading]:
        """Wait for the next poll, at most `timeout_s`, and give what it found; or try to bring the chip back."""
        due_ns = self._next_read_ns if self._is_running else self._outage.next_attempt_ns
        if not is_due(due_ns, self._now_ns() + round(timeout_s * 1e9), self._now_ns, self._wait):
            return ()
        try:
            if self._is_running:
                return self._poll()
            self._start()
        except ChipTrouble as trouble:
            return self._out(trouble)
        return ()

    def close(self) -> None:
        """Release the bus."""
        self._is_running = False
        self._chip.close()

    def _start(self) -> None:
        self.close()
        try:
            self._chip.start()
        except ChipTrouble:
            self._chip.close()
            raise
        now_ns = self._now_ns()
        self._is_running = True
        self._failed_reads = 0
        self._next_read_ns = now_ns + self._period_ns
        self._next_check_ns = now_ns + CHECK_NS
        self._last_reading_ns = now_ns

    def _out(self, trouble: ChipTrouble) -> tuple[Reading, ...]:
        self.close()
        return self._outage.failed(self._now_ns(), trouble.reason, f"{trouble.problem}. {trouble.hint}")

    def _poll(self) -> tuple[Reading, ...]:
        now_ns = self._now_ns()
        self._next_read_ns += self._period_ns
        if now_ns > self._next_read_ns:  # held up: the schedule starts anew, missed polls are not made up
            self._next_read_ns = now_ns + self._period_ns
        try:
            reading = self._tried()
            if reading is not None:
                self._chip.judge(reading)
            if now_ns >= self._next_check_ns:
                self._next_check_ns = now_ns + CHECK_NS
                self._chip.check_settings()
        except ChipTrouble as trouble:
            self._failed_reads += 1
            if trouble.is_worth_retrying and self._failed_reads < FAILED_READS_MAX:
                return ()
            raise
        self._failed_reads = 0
        if reading is None:
            self._judge_silence(self._now_ns())
            return ()
        self._last_reading_ns = reading.t_ns
        self._outage.flowing(reading.t_ns)
        return (reading,)

    def _judge_silence(self, t_ns: int) -> None:
        if t_ns - self._last_reading_ns < self._silent_s * 1e9:
            return
        self._chip.check_settings()
        raise ChipTrouble(
            FaultReason.SILENT,
            f"the {self._chip.kind} holds its settings but gave nothing new for {self._silent_s:g} s",
            "Power it off and on; if that does not help, it is broken",
        )

    def _tried(self) -> Reading | None:
        for tries_left in reversed(range(TRIES)):
            try:
                return self._chip.reading(self._now_ns)
            except ChipTrouble as trouble:
                if not (trouble.is_worth_retrying and tries_left):
                    raise
            self._wait(RETRY_WAIT_S)
        raise AssertionError("unreachable: the last try returns or raises")
