"""Readings and small recordings that the tests of this room share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from edge_agent.errors import RecordingError
from edge_agent.installation import Drive, Installation, Lift, Wiring
from edge_agent.readings import (
    AccelFrame,
    ControllerDoor,
    ControllerReport,
    Direction,
    FaultReason,
    MaintenanceWord,
    Mode,
    ModemReport,
    PressureSample,
    Reading,
    Registration,
    SamplesLost,
    Signal,
    SignalEdge,
    SimState,
    SourceFault,
    SupplySample,
    Tick,
)
from edge_agent.recording import Recording
from edge_agent.recording_writer import RecordingWriter

S = 1_000_000_000
MS = 1_000_000

INSTALLATION = Installation(
    Lift("test-1", 1.6, Drive.HYDRAULIC, (0.0, 3.1, 6.25), 1),
    Wiring(True, 400.0, True, True, frozenset({Signal.DOOR_OPEN, Signal.DOOR_CLOSED_REAR})),
)

MINIMAL = 'format = 1\nlift_id = "x"\n'
META = """format = 1
lift_id = "demo-1"
start_utc = 2026-01-31T08:00:00Z
[lift]
rated_speed_mps = 1.5
drive = "vvvf"
floor_heights_m = [0.0, 3.0, 6.0]
start_floor = 0
[sensors]
accel_rate_hz = 100.0
signals = ["door_open", "door_closed", "presence"]
"""


def frame(start_ns: int, count: int = 5, step_ns: int = 10 * MS, seed: int = 1) -> AccelFrame:
    """A frame of a chip with 3.9 mg steps."""
    counts = np.random.default_rng(seed).integers(-6, 7, (count, 3)) + np.array([0, 0, 256])
    times_ns = start_ns + np.arange(count, dtype=np.int64) * step_ns
    return AccelFrame(times_ns, counts * (0.0039 * 9.80665))


def one_of_each_kind() -> list[Reading]:
    """Every reading type with every field used somewhere, ordered, over a little more than two seconds."""
    return [
        SourceFault(1, "controller", FaultReason.DESYNC, 'two replies late, "lift, 3"\n'),
        SamplesLost(2, "accelerometer", 0),
        frame(3, 7),
        ControllerReport(4),
        ControllerReport(
            5 * MS,
            floor=" B2",
            direction=Direction.DOWN,
            mode=Mode.EARTHQUAKE,
            door=ControllerDoor.FAULT,
            fault=36,
            safety_circuit_closed=False,
            door_zone=True,
            passenger=False,
            speed_mps=-0.1,
            load_percent=33.333333333333336,
            is_suspect=True,
        ),
        PressureSample(6 * MS, 1013.2500000000001),
        SignalEdge(7 * MS, Signal.DOOR_OPEN, True),
        SupplySample(8 * MS, 12.123456789012345, -0.1),
        ModemReport(9 * MS, SimState.PIN_NEEDED, Registration.EMERGENCY_ONLY, rsrp_dbm=-141),
        ModemReport(9 * MS, SimState.READY, Registration.ROAMING, -51, -44),
        MaintenanceWord(10 * MS, True),
        Tick(100 * MS),
        AccelFrame(np.array([150 * MS, S + 7 * S]), np.array([[-0.0, 1e-300, 0.1], [1 / 3, -2e5, 9.80665]])),
        ControllerReport(S + 1, floor="2", mode=Mode.UNKNOWN, safety_circuit_closed=True, passenger=True),
        SignalEdge(2 * S, Signal.LIGHT_CURTAIN_REAR, False),
        MaintenanceWord(2 * S, False),
        Tick(2 * S + 100 * MS),
    ]


def told(readings: Iterable[Reading]) -> list[object]:
    """Readings in a form that compares bit by bit; a frame becomes its times and the bytes of its values."""
    return [
        ("accel", reading.times_ns.tolist(), reading.samples_mps2.tobytes())
        if isinstance(reading, AccelFrame)
        else reading
        for reading in readings
    ]


def told_without_splits(readings: Iterable[Reading]) -> tuple[list[object], list[int], bytes]:
    """All but frames in order, then all samples as one series: what any split of the frames leaves unchanged."""
    readings = list(readings)
    frames = [reading for reading in readings if isinstance(reading, AccelFrame)]
    others: list[object] = [reading for reading in readings if not isinstance(reading, AccelFrame)]
    times_ns = [int(t_ns) for block in frames for t_ns in block.times_ns]
    return others, times_ns, b"".join(np.ascontiguousarray(block.samples_mps2).tobytes() for block in frames)


def accel_text(times_s: Sequence[float], up_mps2: Sequence[float] | None = None) -> str:
    """`accel.csv` of a chip with a little noise, the z axis up."""
    up = [9.81] * len(times_s) if up_mps2 is None else up_mps2
    noise = np.random.default_rng(11).normal(0.0, 0.01, (len(times_s), 3)).tolist()
    rows = (f"{t_s:.4f},{x:.5f},{y:.5f},{z + dz:.5f}" for t_s, z, (x, y, dz) in zip(times_s, up, noise, strict=True))
    return "\n".join(["t_s,ax,ay,az", *rows]) + "\n"


def folder_with(path: Path, files: dict[str, str], *, meta: str = META, seconds: float = 10.0) -> Path:
    """A recording at rest, with more or other files."""
    path.mkdir()
    (path / "meta.toml").write_text(meta)
    (path / "accel.csv").write_text(accel_text([index * 0.02 for index in range(int(seconds * 50))]))
    for name, text in files.items():
        (path / name).write_text(text)
    return path


def a_trip(
    rest_s: float = 8.0, cruise_s: float = 3.0, rate_hz: float = 100.0, tail_s: float = 12.0
) -> tuple[list[float], list[float]]:
    """Times and vertical specific force of one trip upwards: 1 m/s2 for 1.5 s, then level, then down again."""
    times_s, up = [], []
    total_s = rest_s + 3.0 + cruise_s + tail_s
    for index in range(int(total_s * rate_hz)):
        t_s = index / rate_hz
        accel = _trapezoid(t_s - rest_s) - _trapezoid(t_s - rest_s - 1.5 - cruise_s)
        times_s.append(t_s)
        up.append(9.81 + accel)
    return times_s, up


def _trapezoid(t_s: float) -> float:
    """1 m/s2 with ramps of 0.5 s; 1.0 m/s in 1.5 s."""
    return max(0.0, min(1.0, t_s / 0.5, (1.5 - t_s) / 0.5))


BARE = Installation(Lift("x"))


def write_native(path: Path, readings: list[Reading], max_bytes: int | None = None) -> RecordingWriter:
    """Write a native recording from beginning to end."""
    writer = RecordingWriter(path, INSTALLATION, max_bytes)
    for reading in readings:
        writer.write(reading)
    writer.close()
    return writer


def read_native(path: Path) -> tuple[list[Reading], RecordingError | None, int]:
    """All that can be read, the break if there is one, and the bytes of a torn tail."""
    out: list[Reading] = []
    error = None
    recording = Recording.open(path)
    try:
        for reading in recording:
            out.append(reading)
    except RecordingError as problem:
        error = problem
    return out, error, recording.torn_tail_bytes


def seconds_of_noise(count: int, first: int = 0) -> list[Reading]:
    """Readings that do not compress: about 4.8 kB a second."""
    out: list[Reading] = []
    for second in range(first, first + count):
        samples = np.random.default_rng(second).normal(0.0, 1.0, (200, 3))
        out.append(AccelFrame(second * S + np.arange(200, dtype=np.int64) * 5 * MS, samples))
    return out


def read_folder(path: Path) -> tuple[list[Reading], RecordingError | None]:
    """All that can be read, and the break if there is one."""
    out: list[Reading] = []
    try:
        for reading in Recording.open(path):
            out.append(reading)
    except RecordingError as error:
        return out, error
    return out, None


def samples_of(readings: list[Reading]) -> list[int]:
    """Times of all samples."""
    return [int(t) for reading in readings if isinstance(reading, AccelFrame) for t in reading.times_ns]


def others(readings: list[Reading]) -> list[Reading]:
    """Neither samples nor ticks."""
    return [reading for reading in readings if not isinstance(reading, AccelFrame | Tick)]
