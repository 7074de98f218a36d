"""The self-test of the accelerometers on byte-level chips under a virtual clock."""

from __future__ import annotations

import numpy as np
import pytest

from drivers.adxl345 import Adxl345
from edge_agent.errors import SourceUnavailable
from tests.drivers.fake_adxl345 import FakeAdxl345, FakeBus
from tests.drivers.fake_fifo_chips import FakeAdxl355, FakeIcm20602, FakeLis3dh, FakeMpu, FakeMpu6500
from tests.drivers.fifo_bench import ADXL355, KINDS, MPU6050, Bench, Kind, frames
from tests.drivers.virtual_clock import VirtualClock

every_chip = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


def chip_in_test(kind: Kind) -> Bench:
    bench = Bench(kind)
    assert isinstance(bench.chip, FakeLis3dh | FakeMpu | FakeMpu6500 | FakeIcm20602 | FakeAdxl355)
    bench.chip.is_in_test = True
    return bench


@every_chip
def test_a_sound_chip_passes_its_self_test_and_is_left_as_it_was(kind: Kind) -> None:
    bench = chip_in_test(kind)
    result = bench.driver.self_test()
    assert result.is_sound, [str(axis) for axis in result.axes]
    bench.driver.open()
    assert not bench.chip._is_pushed()
    assert frames(bench.run(0.5))


@pytest.mark.parametrize("axis", [0, 1, 2])
@every_chip
def test_an_axis_that_does_not_answer_is_named(kind: Kind, axis: int) -> None:
    bench = chip_in_test(kind)
    bench.chip.dead_axes.add(axis)
    result = bench.driver.self_test()
    assert [test.axis for test in result.axes if not test.is_sound] == ["xyz"[axis]]
    assert "BROKEN" in str(result.axes[axis])


@every_chip
def test_the_self_test_of_an_absent_chip_says_so(kind: Kind) -> None:
    bench = chip_in_test(kind)
    bench.bus.is_connected = False
    with pytest.raises(SourceUnavailable):
        bench.driver.self_test()


@every_chip
def test_the_self_test_of_a_chip_without_samples_ends(kind: Kind) -> None:
    bench = chip_in_test(kind)
    bench.chip.is_frozen = True
    begun_ns = bench.clock.now_ns()
    with pytest.raises(SourceUnavailable, match="no samples"):
        bench.driver.self_test()
    assert bench.clock.now_ns() - begun_ns < 4e9


@every_chip
def test_normal_running_never_pushes_the_mass(kind: Kind) -> None:
    bench = Bench(kind)
    bench.driver.open()
    bench.run(0.5)
    bench.bus.is_connected = False
    bench.run(0.5)
    bench.bus.is_connected = True
    bench.run(2.0)
    assert not bench.chip._is_pushed()


def test_a_copy_without_factory_trim_is_not_called_sound() -> None:
    bench = chip_in_test(MPU6050)
    bench.chip.registers[0x0D:0x11] = bytes(4)
    with pytest.raises(SourceUnavailable, match="no factory trim"):
        bench.driver.self_test()


class PushedAdxl345(FakeAdxl345):
    """Answers the self-test bit. Data sheet, tables 14 and 15: at 3.3 V x moves by 88 to 956 counts."""

    moves = (300, -300, 500)

    def _data(self) -> bytes:
        if self._fifo:
            self.taken.append(self._fifo.popleft())
        push = self.moves if self._registers[0x31] & 0x80 else (0, 0, 0)
        return np.array([push[0], push[1], 256 + push[2]], dtype="<i2").tobytes()


@pytest.mark.parametrize(
    ("moves", "broken"), [((300, -300, 500), []), ((80, -300, 500), ["x"]), ((300, 300, 1300), ["y", "z"])]
)
def test_the_adxl345_is_tested_by_the_bounds_of_its_data_sheet(moves: tuple[int, int, int], broken: list[str]) -> None:
    clock = VirtualClock()
    chip = PushedAdxl345(clock.now_ns)
    chip.moves = moves
    bus = FakeBus(chip, clock.advance_ns)
    result = Adxl345("1", now_ns=clock.now_ns, wait=clock.wait, open_bus=bus.open).self_test()
    assert [axis.axis for axis in result.axes if not axis.is_sound] == broken


def test_an_adxl345_at_a_slow_rate_refuses_its_self_test() -> None:
    clock = VirtualClock()
    bus = FakeBus(FakeAdxl345(clock.now_ns), clock.advance_ns)
    driver = Adxl345("1", now_ns=clock.now_ns, rate_hz=50, wait=clock.wait, open_bus=bus.open)
    with pytest.raises(SourceUnavailable, match="50 Hz"):
        driver.self_test()


def test_the_self_test_of_an_adxl355_leaves_room_beside_gravity() -> None:
    result = chip_in_test(ADXL355).driver.self_test()
    # Data sheet, table 1: z moves by 1.5 g; with gravity that is more than the 2.048 g of the narrowest range.
    assert result.axes[2].change_mps2 == pytest.approx(1.5 * 9.80665, rel=0.001)
