"""A barometer on an I2C bus as a source of `PressureSample`s: polled, checked, brought back after every outage.

What is particular to a chip is behind `PressureChip`; one file a chip, named by part number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from drivers.i2c import ChipTrouble
from drivers.outage import Outage
from edge_agent.errors import SettingsError, SourceUnavailable, WrongDevice
from edge_agent.readings import FaultReason, PressureSample, Reading

RATE_HZ_MIN, RATE_HZ_MAX = 1.0, 10.0
TRIES = 3
RETRY_WAIT_S = 0.002
FAILED_READS_MAX = 2  # in a row, then the chip is out
SILENT_S = 1.5  # Source: chosen: a missed poll at 1 Hz, and half
CHECK_NS = 10_000_000_000  # between two looks at the settings: a chip that stopped repeats its last value for ever


class PressureChip(Protocol):
    """What the source needs of a chip. Every method but `close` may raise `ChipTrouble`."""

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


class PressureSensor:
    """Source of `PressureSample`s at `rate_hz`, 1 to 10.

    Outage: the bus is opened and the chip configured from scratch, at once and then after growing waits of at most
    5 s, inside `read`, until pressures flow. One `SourceFault` an outage and change of reason: ABSENT nobody answers,
    WRONG_DEVICE another id, CONFIGURATION settings not held, BUS_ERROR transfers fail or the pressure is one that the
    chip cannot measure, SILENT no new pressure for 1.5 s.
    """

    def __init__(
        self,
        chip: PressureChip,
        *,
        rate_hz: float,
        now_ns: Callable[[], int],
        wait: Callable[[float], None],
        name: str,
    ) -> None:
        if not RATE_HZ_MIN <= rate_hz <= RATE_HZ_MAX:
            raise SettingsError(
                f"a barometer is not read {rate_hz:g} times a second",
                subject=name,
                hint=f"Allowed: {RATE_HZ_MIN:g} to {RATE_HZ_MAX:g} Hz",
            )
        self._chip, self._name, self._now_ns, self._wait = chip, name, now_ns, wait
        self._period_ns = round(1e9 / rate_hz)
        self._outage = Outage(name, spread_key=chip.subject)
        self._is_running = False
        self._failed_reads = 0
        self._next_read_ns = self._next_check_ns = self._last_sample_ns = 0

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
        now_ns = self._now_ns()
        due_ns = self._next_read_ns if self._is_running else self._outage.next_attempt_ns
        end_ns = now_ns + round(timeout_s * 1e9)
        if min(due_ns, end_ns) > now_ns:
            self._wait((min(due_ns, end_ns) - now_ns) / 1e9)
        if due_ns > end_ns:
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
        self._last_sample_ns = now_ns

    def _out(self, trouble: ChipTrouble) -> tuple[Reading, ...]:
        self.close()
        return self._outage.failed(self._now_ns(), trouble.reason, f"{trouble.problem}. {trouble.hint}")

    def _poll(self) -> tuple[Reading, ...]:
        now_ns = self._now_ns()
        self._next_read_ns += self._period_ns
        if now_ns > self._next_read_ns:  # held up: the schedule starts anew, missed polls are not made up
            self._next_read_ns = now_ns + self._period_ns
        try:
            pressure_hpa = self._possible(self._pressure_hpa())
            if now_ns >= self._next_check_ns:
                self._next_check_ns = now_ns + CHECK_NS
                self._chip.check_settings()
        except ChipTrouble as trouble:
            self._failed_reads += 1
            if trouble.is_worth_retrying and self._failed_reads < FAILED_READS_MAX:
                return ()
            raise
        self._failed_reads = 0
        t_ns = self._now_ns()
        if pressure_hpa is None:
            self._judge_silence(t_ns)
            return ()
        self._last_sample_ns = t_ns
        self._outage.flowing(t_ns)
        return (PressureSample(t_ns, pressure_hpa),)

    def _judge_silence(self, t_ns: int) -> None:
        if t_ns - self._last_sample_ns < SILENT_S * 1e9:
            return
        self._chip.check_settings()
        raise ChipTrouble(
            FaultReason.SILENT,
            f"the barometer holds its settings but gave no new pressure for {SILENT_S} s",
            "Power it off and on; if that does not help, it is broken",
        )

    def _pressure_hpa(self) -> float | None:
        for tries_left in reversed(range(TRIES)):
            try:
                return self._chip.pressure_hpa()
            except ChipTrouble as trouble:
                if not (trouble.is_worth_retrying and tries_left):
                    raise
            self._wait(RETRY_WAIT_S)
        raise AssertionError("unreachable: the last try returns or raises")

    def _possible(self, pressure_hpa: float | None) -> float | None:
        low_hpa, high_hpa = self._chip.range_hpa
        if pressure_hpa is not None and not low_hpa <= pressure_hpa <= high_hpa:
            raise ChipTrouble(
                FaultReason.BUS_ERROR,
                f"the barometer says {pressure_hpa:.0f} hPa, which it cannot measure",
                "Check the cable and the pull-up resistors; if that does not help, the sensor is broken",
                is_worth_retrying=True,
            )
        return pressure_hpa
