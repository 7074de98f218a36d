"""One contract for all sources, run on each of them: drivers on byte-level far ends, the simulator, a recording, and
real hardware where a bench is described.

Bench: LIFT_BENCH_CONFIG=bench.toml pytest -m hardware tests/drivers/test_source_contract.py
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edge_agent.cli.settings_file import load_settings
from edge_agent.cli.sources import sources_of
from edge_agent.clock import SystemClock
from edge_agent.errors import SourceError
from edge_agent.readings import AccelFrame, Reading, SamplesLost, SourceFault
from edge_agent.source import Source
from tests.drivers.chip_rigs import Rig
from tests.drivers.source_rigs import RIGS

TIMEOUT_S = 0.2
SLACK_S = 0.35  # a busy machine; still far below the second that a read may take
STEPS_MAX = 4000


@pytest.fixture(params=list(RIGS.values()), ids=list(RIGS))
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    rig: Rig = request.param(tmp_path)
    yield rig
    rig.take_apart()


def collected(rig: Rig, wanted: type | tuple[type, ...], *, most_s: float | None = None) -> list[Reading]:
    """What comes until a reading of that kind has; every read is timed."""
    readings: list[Reading] = []
    begun_ns = rig.now_ns()
    for _ in range(STEPS_MAX):
        readings.extend(timed_read(rig.source))
        if any(isinstance(reading, wanted) for reading in readings):
            return readings
        if rig.now_ns() - begun_ns > (most_s or rig.within_s) * 1e9:
            break
    raise AssertionError(f"no {wanted} within {most_s or rig.within_s} s, only {readings}")


def timed_read(source: Source, timeout_s: float = TIMEOUT_S) -> list[Reading]:
    begun_s = time.monotonic()
    readings = list(source.read(timeout_s))
    assert time.monotonic() - begun_s < timeout_s + SLACK_S, "a read lasted too long"
    return readings


def times_of(reading: Reading) -> list[int]:
    return [int(t_ns) for t_ns in reading.times_ns] if isinstance(reading, AccelFrame) else [reading.t_ns]


def test_it_has_its_name_and_a_live_one_never_ends(rig: Rig) -> None:
    assert rig.source.name == rig.name
    rig.source.open()
    assert rig.source.has_ended is False
    collected(rig, rig.kind)
    assert rig.source.has_ended is rig.ends


def test_it_opens_and_gives_readings_in_their_unit(rig: Rig) -> None:
    rig.source.open()
    readings = collected(rig, rig.kind)
    assert all(rig.is_plausible(reading) for reading in readings if isinstance(reading, rig.kind))
    assert not any(isinstance(reading, SourceFault) for reading in readings)


def test_it_stamps_in_order_and_never_in_the_future(rig: Rig) -> None:
    rig.source.open()
    stamps: list[int] = []
    for _ in range(4):
        readings = timed_read(rig.source) if stamps else collected(rig, rig.kind)
        for reading in readings:
            stamps += times_of(reading) if not isinstance(reading, SamplesLost) else []
        assert max(stamps) <= rig.now_ns()
    assert np.all(np.diff(stamps) >= 0)


def test_a_read_without_time_returns_at_once(rig: Rig) -> None:
    rig.source.open()
    collected(rig, rig.kind)
    timed_read(rig.source, 0.0)
    begun_ns = rig.now_ns()
    for _ in range(3):
        timed_read(rig.source, 0.0)
    assert rig.now_ns() - begun_ns < 0.3e9


def test_closing_twice_and_reading_after_it_raises_nothing(rig: Rig) -> None:
    rig.source.close()
    rig.source.open()
    collected(rig, rig.kind)
    rig.source.close()
    rig.source.close()
    timed_read(rig.source)
    rig.source.close()


def test_it_can_be_opened_again(rig: Rig) -> None:
    for _ in range(3):
        rig.source.open()
        collected(rig, rig.kind)
        rig.source.close()
    rig.source.open()
    rig.source.open()  # without closing it first
    collected(rig, rig.kind)


def test_trouble_is_a_reading_said_once_and_the_source_comes_back_by_itself(rig: Rig) -> None:
    if rig.ends:
        pytest.skip("nothing breaks a recording")
    rig.source.open()
    collected(rig, rig.kind)
    rig.break_off()
    out = collected(rig, SourceFault)
    begun_ns = rig.now_ns()
    while rig.now_ns() - begun_ns < rig.watch_s * 1e9:
        out += timed_read(rig.source)
    faults = [reading for reading in out if isinstance(reading, SourceFault)]
    assert {fault.source for fault in faults} == {rig.name}
    assert all(fault.detail.endswith(("?", ".")) or len(fault.detail) > 20 for fault in faults)
    reasons = [fault.reason for fault in faults]
    assert len(reasons) <= 2, "it is said once, and once more for another reason"
    assert all(one is not other for one, other in itertools.pairwise(reasons))
    rig.mend()
    back = collected(rig, rig.kind)
    assert all(rig.is_plausible(reading) for reading in back if isinstance(reading, rig.kind))


def test_opening_what_is_not_there_raises_a_source_error_or_is_told_by_reading(rig: Rig) -> None:
    if rig.ends:
        pytest.skip("a recording that is not there is told by Recording.open")
    rig.break_off()
    error = error_of_opening(rig.source)
    assert error is None or (error.subject and error.hint)
    assert any(isinstance(reading, SourceFault) for reading in collected(rig, SourceFault))
    rig.mend()
    collected(rig, rig.kind)


def error_of_opening(source: Source) -> SourceError | None:
    try:
        source.open()
    except SourceError as error:
        return error
    return None


@pytest.mark.hardware
def test_real_hardware_keeps_the_contract() -> None:
    config = os.environ.get("LIFT_BENCH_CONFIG")
    if config is None:
        pytest.skip("LIFT_BENCH_CONFIG names no settings file of a bench")
    clock = SystemClock()
    for source in sources_of(load_settings(config), clock):
        for _ in range(2):
            source.open()
            stamps: list[int] = []
            begun_ns = clock.now_ns()
            while clock.now_ns() - begun_ns < 10e9:
                for reading in timed_read(source):
                    assert not isinstance(reading, SourceFault), reading
                    stamps += times_of(reading)
            assert stamps, f"{source.name} gives nothing"
            assert np.all(np.diff(stamps) >= 0)
            assert max(stamps) <= clock.now_ns()
            source.close()
