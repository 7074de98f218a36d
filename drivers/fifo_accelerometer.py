"""A chip with a sample FIFO as a source of `AccelFrame`s: drained on time, stamped by count, brought back after
every outage. What is particular to a chip is behind `FifoChip`; one file a chip, named by part number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from drivers.fifo_chip import FifoChip, SampleFormat, Taken
from drivers.i2c import ChipTrouble
from drivers.outage import Outage, is_due
from drivers.sample_clock import Fit, RateMeter, SampleClock
from drivers.self_test import SelfTest, run_self_test
from edge_agent.errors import SourceUnavailable, WrongDevice
from edge_agent.readings import AccelFrame, FaultReason, Reading, SamplesLost

Samples = npt.NDArray[np.float64]

DRAIN_PERIOD_S = 0.040  # blocks of 20 to 50 ms
FIFO_PART_AT_DRAIN = 0.4  # of the FIFO filled when it is drained: the reader may be late by that time again
TRIES = 3
RETRY_WAIT_S = 0.002
FAILED_DRAINS_MAX = 2  # in a row, then the chip is out
# Source: chosen: ten waits between two drains; shorter than a person notices.
SILENT_S, SILENT_SAMPLES = 0.4, 10
# After a drain in which the FIFO may have run over. Source: chosen: one sample of quantisation is no loss.
SURELY_MISSING_MIN = 1.0
WRONG_WINDOWS_MAX = 2  # in a row: one may be spoilt by a reader that was held up in the middle of a drain


class FifoAccelerometer:
    """Source of `AccelFrame`s, one for each drain of the FIFO.

    Out: frames of 20 to 50 ms; sample times by count (`SampleClock`), strictly ascending, never in the future.
    FIFO full: `SamplesLost` with the number that the time allows (0 where it allows none), the time line starts anew.
    A drain so slow that the FIFO may have run over meanwhile: what is missing is told at the next one, one frame late.
    Outage: the bus is opened and the chip configured from scratch, at once and then after growing waits of at most
    5 s, inside `read`, until samples flow. One `SourceFault` an outage and change of reason: ABSENT nobody answers,
    WRONG_DEVICE another id, CONFIGURATION settings not held (its supply dipped, or another program writes to it),
    BUS_ERROR transfers fail, SILENT no samples, WRONG_RATE more than 10 % off; then samples are kept back until a
    window of half a second shows the right rate. A saturated or frozen sensor is data, not a fault of the source.
    """

    def __init__(
        self,
        chip: FifoChip,
        *,
        rate_hz: int,
        now_ns: Callable[[], int],
        wait: Callable[[float], None],
        name: str,
    ) -> None:
        self._chip, self._rate_hz, self._name = chip, rate_hz, name
        self._now_ns, self._wait = now_ns, wait
        self._period_ns = round(min(DRAIN_PERIOD_S, FIFO_PART_AT_DRAIN * chip.fifo_samples / rate_hz) * 1e9)
        self._silent_ns = round(max(SILENT_S, SILENT_SAMPLES / rate_hz) * 1e9)
        self._outage = Outage(name, spread_key=chip.subject)
        self._clock = SampleClock(rate_hz)
        self._meter = RateMeter(rate_hz)
        self._wrong_windows = 0
        self._is_running = False
        self._is_on_probation = False
        self._given_ns = 0  # time of the newest sample given out
        self._anchor_ns: int | None = None  # time of the newest sample counted; None after a gap
        self._next_drain_ns = self._last_samples_ns = 0
        self._last_look = 0, 0  # just before it and just after it, ns
        self._failed_drains = 0
        self._may_have_run_over = False  # during the last drain

    @property
    def name(self) -> str:
        """The name used in settings and faults."""
        return self._name

    @property
    def has_ended(self) -> bool:
        """Always False: a chip is live."""
        return False

    @property
    def fitted_rate_hz(self) -> float:
        """The sample rate as fitted so far."""
        return self._clock.rate_hz

    def open(self) -> None:
        """Find, configure and start the chip. Raises SourceUnavailable or WrongDevice."""
        try:
            self._start()
        except ChipTrouble as trouble:
            raise self._error_of(trouble) from trouble

    def self_test(self) -> SelfTest:
        """Let the chip push its own mass and see whether each axis answers; for calibration, never in normal running.

        Takes a second or two, the car must stand. The source is closed before and after. Raises SourceUnavailable or
        WrongDevice.
        """
        self.close()
        try:
            return run_self_test(self._chip, self._decoded_mean, self._wait)
        except ChipTrouble as trouble:
            raise self._error_of(trouble) from trouble

    def read(self, timeout_s: float) -> Sequence[Reading]:
        """Wait for the next drain, at most `timeout_s`, and give what it found; or try to bring the chip back."""
        due_ns = self._next_drain_ns if self._is_running else self._outage.next_attempt_ns
        if not is_due(due_ns, self._now_ns() + round(timeout_s * 1e9), self._now_ns, self._wait):
            return ()
        try:
            if self._is_running:
                return self._drain()
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
        self._next_drain_ns = now_ns + self._period_ns
        self._last_samples_ns = now_ns
        self._last_look = now_ns, now_ns
        self._failed_drains = self._wrong_windows = 0
        self._may_have_run_over = False
        self._meter.restart()
        self._new_line()

    def _error_of(self, trouble: ChipTrouble) -> SourceUnavailable | WrongDevice:
        kind = WrongDevice if trouble.reason is FaultReason.WRONG_DEVICE else SourceUnavailable
        return kind(trouble.problem, subject=self._chip.subject, hint=trouble.hint)

    def _decoded_mean(self, raw: bytes) -> tuple[float, float, float]:
        x, y, z = samples_of(raw, self._chip.sample_format).mean(axis=0)
        return float(x), float(y), float(z)

    def _out(self, trouble: ChipTrouble) -> tuple[Reading, ...]:
        self.close()
        self._is_on_probation = trouble.reason is FaultReason.WRONG_RATE
        return self._outage.failed(self._now_ns(), trouble.reason, f"{trouble.problem}. {trouble.hint}")

    def _new_line(self) -> None:
        self._clock.restart()
        self._anchor_ns = None

    def _drain(self) -> tuple[Reading, ...]:
        self._next_drain_ns += self._period_ns
        before_ns = self._now_ns()
        if before_ns > self._next_drain_ns:  # held up: the schedule starts anew, missed drains are not made up
            self._next_drain_ns = before_ns + self._period_ns
        try:
            fill, before_ns = self._fill(before_ns)
        except ChipTrouble as trouble:
            return self._failed_drain(trouble)
        after_ns = self._now_ns()
        if fill == 0:
            if after_ns - self._last_samples_ns < self._silent_ns:
                return ()
            self._chip.check_settings()
            raise ChipTrouble(
                FaultReason.SILENT,
                f"the sensor holds its settings but gave no sample for {self._silent_ns / 1e9:.1f} s",
                "Power it off and on; if that does not help, it is broken",
            )
        taken = self._chip.take(fill)
        taken_ns = self._now_ns()
        self._last_samples_ns = after_ns
        self._judge_rate(fill, after_ns)
        readings = self._stamped(taken, fill, before_ns, after_ns)
        self._last_look = before_ns, after_ns
        room_ns = (self._chip.fifo_samples - fill) * self._clock.period_ns
        self._may_have_run_over = taken_ns - before_ns > room_ns
        if taken.trouble is not None:
            self._new_line()
            return (*readings, *self._failed_drain(taken.trouble))
        self._failed_drains = 0
        return readings

    def _fill(self, before_ns: int) -> tuple[int, int]:
        """How full the FIFO is, and when the look that said so began; a failed look is repeated at once."""
        for tries_left in reversed(range(TRIES)):
            try:
                return self._chip.fill(), before_ns
            except ChipTrouble as trouble:
                if not (trouble.is_worth_retrying and tries_left):
                    raise
            self._wait(RETRY_WAIT_S)
            before_ns = self._now_ns()
        raise AssertionError("unreachable: the last try returns or raises")

    def _failed_drain(self, trouble: ChipTrouble) -> tuple[Reading, ...]:
        self._failed_drains += 1
        if trouble.is_worth_retrying and self._failed_drains < FAILED_DRAINS_MAX:
            return ()
        return self._out(trouble)

    def _stamped(self, taken: Taken, fill: int, before_ns: int, after_ns: int) -> tuple[Reading, ...]:
        lost: int | None = None
        last_before_ns, last_after_ns = self._last_look
        surely_missing = (before_ns - last_after_ns) / self._clock.period_ns - fill
        if fill >= self._chip.fifo_samples or (self._may_have_run_over and surely_missing > SURELY_MISSING_MIN):
            apart_ns = (before_ns + after_ns - last_before_ns - last_after_ns) / 2
            lost = max(0, round(apart_ns / self._clock.period_ns) - fill)
            self._new_line()
        anchor = self._clock.look(fill, before_ns, after_ns)
        if anchor.fit is not Fit.STEADY:
            lost = anchor.lost_count
            self._anchor_ns = None
        times_ns = self._times(fill, anchor.t_ns)
        if self._is_on_probation:
            return ()
        readings: list[Reading] = []
        if lost is not None and self._given_ns > 0:
            readings.append(SamplesLost(int(times_ns[0]) - 1, self._name, lost))
        samples_mps2 = samples_of(taken.raw, self._chip.sample_format)
        count = len(samples_mps2)
        if count > 0:
            readings.append(AccelFrame(times_ns[:count], samples_mps2))
            self._given_ns = int(times_ns[count - 1])
            self._outage.flowing(after_ns)
        if taken.lost_count > 0:
            readings.append(SamplesLost(int(times_ns[count]), self._name, taken.lost_count))
        return tuple(readings)

    def _times(self, count: int, newest_ns: int) -> npt.NDArray[np.int64]:
        """`count` times up to `newest_ns`, evenly from the newest sample counted before."""
        before_ns = self._anchor_ns
        if before_ns is None:
            before_ns = max(newest_ns - round(count * self._clock.period_ns), self._given_ns)
        steps_left = np.arange(count - 1, -1, -1, dtype=np.int64)
        self._anchor_ns = newest_ns
        return newest_ns - (newest_ns - before_ns) * steps_left // count

    def _judge_rate(self, produced: int, t_ns: int) -> None:
        rate_hz = self._meter.look(produced, t_ns)
        if rate_hz is None:
            return
        if self._meter.is_right(rate_hz):
            self._wrong_windows = 0
            if self._is_on_probation:
                self._is_on_probation = False
                self._new_line()
            return
        self._wrong_windows += 1
        if self._is_on_probation or self._wrong_windows >= WRONG_WINDOWS_MAX:
            raise ChipTrouble(
                FaultReason.WRONG_RATE,
                f"the sensor gives {rate_hz:.0f} samples a second instead of {self._rate_hz}",
                "Lower rate_hz if the bus is slow (200 Hz at 100 kHz); else the sensor is broken",
            )


def samples_of(raw: bytes, sample_format: SampleFormat) -> Samples:
    """Whole samples as m/s2, shape (n, 3)."""
    width, length = sample_format.axis_bytes, sample_format.sample_bytes
    octets = np.frombuffer(raw, dtype=np.uint8).reshape(-1, length)[:, : 3 * width].reshape(-1, 3, width)
    if not sample_format.is_big_endian:
        octets = octets[:, :, ::-1]
    # Into the upper bytes of 32 bits and down again with the sign.
    words = np.zeros((len(octets), 3, 4), dtype=np.uint8)
    words[:, :, :width] = octets
    counts = words.view(">i4")[:, :, 0].astype(np.int32) >> (32 - 8 * width + sample_format.unused_bits)
    return counts.astype(np.float64) * np.float64(sample_format.mps2_per_count)
