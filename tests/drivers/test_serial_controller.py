"""The listening controller source on a real pseudo-terminal: noise, half frames, silence, pulling the plug."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from drivers.protocol_files import load_serial_protocol
from drivers.serial_controller import SerialController
from drivers.serial_line import SerialLine
from drivers.serial_protocol import Checksum, Drop, FrameShape, SerialProtocol
from edge_agent.errors import SourceUnavailable
from edge_agent.readings import ControllerReport, FaultReason, Reading, SourceFault
from tests.drivers.pty_line import PtyLine
from tests.drivers.test_serial_protocol import DOORS_OPEN, GOOD, sentence

SENTENCE = load_serial_protocol("liftsentence")


class Bench:
    """A line, and the source that listens to it."""

    def __init__(self, folder: Path, protocol: SerialProtocol = SENTENCE) -> None:
        self.line = PtyLine(folder)
        self.source = SerialController(
            protocol, SerialLine(str(self.line.path), protocol.baud_rate), now_ns=time.monotonic_ns
        )
        self.readings: list[Reading] = []

    def run_until(self, is_enough: Callable[[], bool], most_s: float = 3.0) -> None:
        end_s = time.monotonic() + most_s
        while not is_enough():
            assert time.monotonic() < end_s, self.readings
            self.readings.extend(self.source.read(0.05))

    @property
    def reports(self) -> list[ControllerReport]:
        return [reading for reading in self.readings if isinstance(reading, ControllerReport)]

    @property
    def faults(self) -> list[FaultReason]:
        return [reading.reason for reading in self.readings if isinstance(reading, SourceFault)]

    def close(self) -> None:
        self.source.close()
        self.line.close()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.close()


def test_frames_become_reports_stamped_when_they_came(bench: Bench) -> None:
    bench.source.open()
    begun_ns = time.monotonic_ns()
    bench.line.write(GOOD + sentence("LIFT,6,U,C,N,0,1,1.50"))
    bench.run_until(lambda: len(bench.reports) == 2)
    assert [(report.floor, report.speed_mps) for report in bench.reports] == [("5", 1.25), ("6", 1.5)]
    assert all(begun_ns <= report.t_ns <= time.monotonic_ns() for report in bench.reports)
    assert bench.faults == []


def test_nothing_is_ever_sent(bench: Bench) -> None:
    bench.source.open()
    bench.line.write(GOOD)
    bench.run_until(lambda: bool(bench.reports))
    bench.source.close()
    assert bench.line.sent() == b""


def test_noise_and_half_frames_cost_what_they_hit_and_are_counted(bench: Bench) -> None:
    bench.source.open()
    bench.line.write(b"\x00\xff" + GOOD + GOOD[:9] + GOOD + GOOD[:-5] + b"9" + GOOD[-4:] + GOOD)
    bench.run_until(lambda: len(bench.reports) == 3)
    bench.run_until(lambda: True)
    assert [report.floor for report in bench.reports] == ["5", "5", "5"]
    assert bench.source.dropped[Drop.NOISE] > 0
    assert bench.source.dropped[Drop.CHECKSUM] + bench.source.dropped[Drop.END] >= 1
    assert bench.faults == []


def test_a_line_that_falls_silent_is_said_once_and_comes_back(tmp_path: Path) -> None:
    bench = Bench(tmp_path, replace(SENTENCE, silent_s=0.2))
    bench.source.open()
    bench.line.write(GOOD)
    bench.run_until(lambda: FaultReason.SILENT in bench.faults)
    for _ in range(6):
        assert bench.source.read(0.05) == ()
    bench.line.write(GOOD)
    bench.run_until(lambda: len(bench.reports) == 2)
    bench.run_until(lambda: bench.faults.count(FaultReason.SILENT) == 2)
    bench.close()


def test_bytes_without_frames_are_a_wrong_baud_rate_not_silence(bench: Bench) -> None:
    bench.source.open()
    for _ in range(10):
        bench.line.write(b"\x00\x80\xfe\x1c" * 20)
        bench.readings.extend(bench.source.read(0.05))
    assert bench.faults == [FaultReason.BAD_REPLY]
    fault = next(reading for reading in bench.readings if isinstance(reading, SourceFault))
    assert "9600" in fault.detail
    bench.line.write(GOOD)
    bench.run_until(lambda: bool(bench.reports))


def test_pulling_the_plug_is_said_once_and_plugging_in_is_found(bench: Bench) -> None:
    bench.source.open()
    bench.line.write(GOOD)
    bench.run_until(lambda: len(bench.reports) == 1)
    bench.line.pull_out()
    bench.run_until(lambda: len(bench.faults) == 2)
    assert bench.faults == [FaultReason.BUS_ERROR, FaultReason.ABSENT]
    bench.readings.extend(bench.source.read(0.4))
    assert len(bench.faults) == 2
    bench.line.plug_in()
    begun_s = time.monotonic()
    while len(bench.reports) < 2:
        assert time.monotonic() - begun_s < 3.0
        bench.line.write(GOOD)
        bench.readings.extend(bench.source.read(0.05))
    assert len(bench.faults) == 2


def test_half_a_frame_from_before_an_outage_does_not_join_what_comes_after_it(bench: Bench) -> None:
    bench.source.open()
    bench.line.write(GOOD[:10])
    bench.readings.extend(bench.source.read(0.05))
    bench.line.pull_out()
    bench.run_until(lambda: bool(bench.faults))
    bench.line.plug_in()
    bench.source.open()
    bench.line.write(GOOD[10:] + GOOD)
    bench.run_until(lambda: bool(bench.reports))
    bench.readings.extend(bench.source.read(0.05))
    assert len(bench.reports) == 1


def test_a_port_that_is_not_there_is_unavailable_and_found_later(bench: Bench) -> None:
    bench.line.pull_out()
    with pytest.raises(SourceUnavailable):
        bench.source.open()
    bench.run_until(lambda: bool(bench.faults))
    assert bench.faults == [FaultReason.ABSENT]
    bench.line.plug_in()
    begun_s = time.monotonic()
    while not bench.reports:
        assert time.monotonic() - begun_s < 3.0
        bench.line.write(GOOD)
        bench.readings.extend(bench.source.read(0.05))


def test_another_program_on_the_line_is_named(bench: Bench) -> None:
    other = SerialController(SENTENCE, SerialLine(str(bench.line.path)), now_ns=time.monotonic_ns)
    other.open()
    with pytest.raises(SourceUnavailable, match="another program"):
        bench.source.open()
    other.close()
    bench.source.open()


def test_without_a_checksum_the_first_frame_after_noise_is_suspect(tmp_path: Path) -> None:
    merak = load_serial_protocol("merak_mmk656")
    bare = replace(merak, checksum=Checksum(), shape=FrameShape(start=b"\x02\xf1", end=b"\x04", length=7))
    bench = Bench(tmp_path, bare)
    bench.source.open()
    bench.line.write(DOORS_OPEN + b"\x55" + DOORS_OPEN + DOORS_OPEN)
    bench.run_until(lambda: len(bench.reports) == 3)
    assert [report.is_suspect for report in bench.reports] == [False, True, False]
    bench.close()


def test_no_read_lasts_longer_than_its_time(bench: Bench) -> None:
    bench.source.open()
    for _ in range(3):
        begun_s = time.monotonic()
        bench.source.read(0.1)
        assert time.monotonic() - begun_s < 0.3
    bench.line.pull_out()
    for _ in range(6):
        begun_s = time.monotonic()
        bench.source.read(0.1)
        assert time.monotonic() - begun_s < 0.3
