"""The register model against the data sheet, and the real driver on top of it under virtual time."""

from __future__ import annotations

import errno
from collections.abc import Callable

import numpy as np
import pytest

from drivers.adxl345 import Adxl345
from drivers.i2c import I2cBus
from edge_agent.errors import SourceUnavailable, WrongDevice
from edge_agent.readings import AccelFrame, FaultReason, Reading, SamplesLost, SourceFault
from sim.adxl345 import Adxl345Model
from sim.motion import FloatArray

G = 9.80665
ADDRESS = 0x53


def upright(times_s: FloatArray) -> FloatArray:
    return np.tile([0.0, 0.0, G], (len(times_s), 1))


def ramp(times_s: FloatArray) -> FloatArray:
    """x counts up one step of 1/256 g every hundredth of a second."""
    out = upright(times_s)
    out[:, 0] = np.floor(times_s * 100.0 + 1e-6) * G / 256
    return out


def started(model: Adxl345Model, *, rate_code: int = 0x0A, fifo: int = 0x80) -> Adxl345Model:
    model.write(0x2C, bytes([rate_code]), 0.0)
    model.write(0x31, b"\x0b", 0.0)
    model.write(0x38, bytes([fifo]), 0.0)
    model.write(0x2D, b"\x08", 0.0)
    return model


def x_of(entry: bytes) -> int:
    return int.from_bytes(entry[:2], "little", signed=True)


def test_chip_names_itself_and_ignores_writes_to_read_only_registers() -> None:
    model = Adxl345Model(upright)
    model.write(0x00, b"\x12", 0.0)
    model.write(0x39, b"\x12", 0.0)
    assert model.read(0x00, 1, 0.0) == b"\xe5"
    assert model.read(0x39, 1, 0.0) == b"\x00"
    assert model.read(0x2C, 1, 0.0) == b"\x0a"


def test_nothing_is_sampled_before_measuring_is_switched_on() -> None:
    model = Adxl345Model(upright)
    model.write(0x38, b"\x80", 0.0)
    assert model.read(0x39, 1, 10.0) == b"\x00"


def test_fifo_fills_at_the_programmed_rate() -> None:
    model = started(Adxl345Model(upright))
    assert model.read(0x39, 1, 0.1051)[0] == 10
    fast = started(Adxl345Model(upright, rate_true=1.04), rate_code=0x0C)
    assert fast.read(0x39, 1, 0.0501)[0] == 20  # 400 Hz and 4 %: 20.8 samples


def test_one_g_reads_256_counts_in_full_resolution_and_fewer_in_ten_bits() -> None:
    model = started(Adxl345Model(upright))
    assert model.read(0x32, 6, 0.02) == bytes.fromhex("000000000001")
    model.write(0x31, b"\x03", 0.02)  # 16 g, 10 bits: 32 counts a g
    model.read(0x32, 6, 0.021)
    assert model.read(0x32, 6, 0.04) == bytes.fromhex("000000002000")


def test_each_transfer_of_data_pops_one_entry_oldest_first() -> None:
    model = started(Adxl345Model(ramp))
    entries = [x_of(model.read(0x32, 6, 0.0501)) for _ in range(5)]
    assert entries == [1, 2, 3, 4, 5]
    assert model.read(0x39, 1, 0.0501) == b"\x00"


def test_stream_mode_overwrites_the_oldest_and_says_overrun_until_data_are_read() -> None:
    model = started(Adxl345Model(ramp))
    assert model.read(0x39, 1, 0.5001)[0] == 32
    assert model.overrun_count == 18
    assert model.read(0x30, 1, 0.5001)[0] & 0x01
    assert x_of(model.read(0x32, 6, 0.5001)) == 19
    assert not model.read(0x30, 1, 0.5001)[0] & 0x01


def test_fifo_mode_keeps_the_oldest() -> None:
    model = started(Adxl345Model(ramp), fifo=0x40)
    assert model.read(0x39, 1, 0.5001)[0] == 32
    assert x_of(model.read(0x32, 6, 0.5001)) == 1


def test_watermark_and_data_ready_bits() -> None:
    model = started(Adxl345Model(upright), fifo=0x80 | 16)
    assert model.read(0x30, 1, 0.1551)[0] & 0x82 == 0x80
    assert model.read(0x30, 1, 0.1651)[0] & 0x82 == 0x82


def test_bypass_empties_the_fifo_and_power_cycle_forgets_the_settings() -> None:
    model = started(Adxl345Model(upright))
    model.write(0x38, b"\x00", 0.2)
    model.write(0x38, b"\x80", 0.2)
    assert model.read(0x39, 1, 0.2)[0] == 0
    model.power_cycle()
    assert model.read(0x2D, 1, 0.3) == b"\x00"


def test_offset_registers_shift_by_a_sixty_fourth_of_g() -> None:
    model = Adxl345Model(upright)
    model.write(0x1E, bytes([64, 0, 0xC0]), 0.0)  # +64 and -64 steps of 15.6 mg
    entry = started(model).read(0x32, 6, 0.011)
    assert x_of(entry) == pytest.approx(256, abs=1)
    assert x_of(entry[4:]) == pytest.approx(0, abs=1)


class ModelBus:
    """The I2C seam in this process, on virtual time; each transfer takes a fifth of a millisecond."""

    def __init__(self, model: Adxl345Model, clock: Clock) -> None:
        self._model, self._clock = model, clock

    def read_register(self, address: int, register: int, count: int) -> bytes:
        self._clock.transfer(address)
        return self._model.read(register, count, self._clock.now_s)

    def write_register(self, address: int, register: int, data: bytes) -> None:
        self._clock.transfer(address)
        self._model.write(register, data, self._clock.now_s)

    def close(self) -> None:
        pass


class Clock:
    """Virtual time that waiting and transfers move on; `broken` makes every transfer fail."""

    def __init__(self) -> None:
        self.t_ns = 5_000_000_000
        self.broken = False

    @property
    def now_s(self) -> float:
        return self.t_ns / 1e9

    def now_ns(self) -> int:
        return self.t_ns

    def wait(self, duration_s: float) -> None:
        self.t_ns += round(duration_s * 1e9)

    def transfer(self, address: int) -> None:
        self.t_ns += 200_000
        if self.broken or address != ADDRESS:
            raise OSError(errno.EREMOTEIO, "no acknowledge")


def driver(
    sample_at: Callable[[FloatArray], FloatArray], rate_true: float = 1.0, device_id: int = 0xE5
) -> tuple[Adxl345, Adxl345Model, Clock]:
    clock = Clock()
    model = Adxl345Model(sample_at, rate_true, device_id)

    def open_bus(_name: str) -> I2cBus:
        return ModelBus(model, clock)

    source = Adxl345("1", now_ns=clock.now_ns, rate_hz=100, wait=clock.wait, open_bus=open_bus)
    return source, model, clock


def run_for(source: Adxl345, clock: Clock, duration_s: float) -> list[Reading]:
    end_ns = clock.t_ns + round(duration_s * 1e9)
    out: list[Reading] = []
    while clock.t_ns < end_ns:
        out.extend(source.read(0.1))
    return out


@pytest.mark.parametrize("rate_true", [0.97, 1.0, 1.03])
def test_real_driver_finds_true_sample_times_by_counting(rate_true: float) -> None:
    def sawtooth(times_s: FloatArray) -> FloatArray:
        """A clock written into the samples: x runs from -1 g to 1 g every two seconds."""
        out = upright(times_s)
        out[:, 0] = (np.mod(times_s, 2.0) - 1.0) * G
        return out

    source, model, clock = driver(sawtooth, rate_true)
    source.open()
    frames = [r for r in run_for(source, clock, 30.0) if isinstance(r, AccelFrame) and r.t_ns > 20_000_000_000]
    times_s = np.concatenate([frame.times_ns for frame in frames]) / 1e9
    x_g = np.concatenate([frame.samples_mps2[:, 0] for frame in frames]) / G
    said_s = np.mod(times_s, 2.0) - 1.0
    error_s = np.mod(x_g - said_s + 1.0, 2.0) - 1.0
    assert np.abs(error_s).max() < 0.012  # one sample, and the step of the chip
    assert source.fitted_rate_hz == pytest.approx(100 * rate_true, rel=0.003)
    assert model.overrun_count == 0


def test_real_driver_reports_what_was_lost_when_it_was_held_up() -> None:
    source, model, clock = driver(upright)
    source.open()
    run_for(source, clock, 3.0)
    clock.wait(1.0)
    lost = [r for r in run_for(source, clock, 1.0) if isinstance(r, SamplesLost)]
    assert model.overrun_count > 60
    assert sum(r.count for r in lost) == pytest.approx(model.overrun_count, abs=3)


def test_real_driver_refuses_another_chip_and_an_empty_address() -> None:
    source, _, _ = driver(upright, device_id=0x33)
    with pytest.raises(WrongDevice, match="0x33"):
        source.open()
    source, _, clock = driver(upright)
    clock.broken = True
    with pytest.raises(SourceUnavailable, match="no chip answers"):
        source.open()


def test_real_driver_comes_back_after_the_chip_lost_its_supply() -> None:
    source, model, clock = driver(upright)
    source.open()
    run_for(source, clock, 2.0)
    model.power_cycle()
    faults = [r for r in run_for(source, clock, 10.0) if isinstance(r, SourceFault)]
    assert {fault.reason for fault in faults} == {FaultReason.CONFIGURATION}
    assert [r for r in run_for(source, clock, 1.0) if isinstance(r, AccelFrame)]


def test_real_driver_calls_a_chip_that_stops_sampling_silent() -> None:
    source, model, clock = driver(upright)
    source.open()
    run_for(source, clock, 2.0)
    model.is_silent = True
    faults = [r for r in run_for(source, clock, 3.0) if isinstance(r, SourceFault)]
    assert faults[0].reason is FaultReason.SILENT
    model.is_silent = False
    run_for(source, clock, 8.0)
    assert [r for r in run_for(source, clock, 1.0) if isinstance(r, AccelFrame)]
