"""One block of the native form: a second of readings to bytes and back, without losing a bit.

Block: map {0: time of the first reading (ns), 1: readings, 2: sample times, 3: sample values, 4: sample indices},
deterministic CBOR behind the same gate as the wire, then zlib. A reading is [code, ns after key 0, ...].
Samples of all frames of the block stand together: times as steps, 4 bytes each (8 where a step needs it), values as
float64. A chip knows few values, so key 3 lists each once and key 4 says which one comes when; where that is no
shorter, key 4 is absent and key 3 holds them all.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import assert_never

import numpy as np
import numpy.typing as npt

from edge_agent.errors import WireError
from edge_agent.gate import read_item, write_item
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

SAMPLES_MAX = 16_384
READINGS_MAX = 128
BLOCK_BYTES_MAX = 1 << 20
TEXT_LENGTH_MAX = 500

_ACCEL, _SIGNAL, _CONTROLLER, _PRESSURE, _FAULT, _LOST, _TICK, _SUPPLY, _MODEM, _VISIT = range(10)
_STEP_BYTES_SHORT, _STEP_BYTES_LONG = 4, 8


class BlockProblem(ValueError):
    """The bytes are no block."""


def block_bytes(readings: Sequence[Reading]) -> bytes:
    """Encode 1 to READINGS_MAX readings with at most SAMPLES_MAX samples, in order of time."""
    base_ns = readings[0].t_ns
    items: list[object] = []
    frames: list[AccelFrame] = []
    for reading in readings:
        if isinstance(reading, AccelFrame):
            frames.append(reading)
        items.append(_item_of(reading, base_ns))
    block: dict[int, object] = {0: base_ns, 1: items}
    if frames:
        times_ns = np.concatenate([frame.times_ns for frame in frames])
        samples = np.concatenate([frame.samples_mps2 for frame in frames])
        block[2] = _steps_of(times_ns, base_ns)
        block.update(_values_of(samples))
    return zlib.compress(write_item(block), 1)


def readings_in(packed: bytes, *, is_joined: bool = False) -> tuple[Reading, ...]:
    """Decode one block, at least one reading. Raises BlockProblem; what hostile bytes may ask for is bounded.

    is_joined: all samples of the block in one frame, where the first of them was.
    """
    inflater = zlib.decompressobj()
    try:
        plain = inflater.decompress(packed, BLOCK_BYTES_MAX + 1)
    except zlib.error as error:
        raise BlockProblem(str(error)) from error
    if len(plain) > BLOCK_BYTES_MAX or not inflater.eof:
        raise BlockProblem("longer than a block may be")
    try:
        readings = tuple(_readings_of(read_item(plain, "block", bytes_max=BLOCK_BYTES_MAX), is_joined=is_joined))
    except (WireError, KeyError, TypeError, ValueError, IndexError, struct.error, OverflowError) as error:
        raise BlockProblem(f"not understood ({error})") from error
    times_ns = [reading.t_ns for reading in readings]
    if not times_ns or times_ns != sorted(times_ns):
        raise BlockProblem("empty, or time goes back")
    return readings


def _item_of(reading: Reading, base_ns: int) -> list[object]:
    dt_ns = reading.t_ns - base_ns
    match reading:
        case AccelFrame():
            return [_ACCEL, dt_ns, len(reading.times_ns)]
        case SignalEdge():
            return [_SIGNAL, dt_ns, reading.signal.value, reading.is_active]
        case ControllerReport():
            return [_CONTROLLER, dt_ns, _controller_map(reading)]
        case PressureSample():
            return [_PRESSURE, dt_ns, _float_bytes(reading.pressure_hpa)]
        case SourceFault():
            return [_FAULT, dt_ns, reading.source, reading.reason.value, reading.detail[:TEXT_LENGTH_MAX]]
        case SamplesLost():
            return [_LOST, dt_ns, reading.source, reading.count]
        case Tick():
            return [_TICK, dt_ns]
        case SupplySample():
            return [_SUPPLY, dt_ns, _float_bytes(reading.voltage_v), _float_bytes(reading.current_a)]
        case ModemReport():
            levels = {0: reading.rssi_dbm, 1: reading.rsrp_dbm}
            known = {key: dbm for key, dbm in levels.items() if dbm is not None}
            return [_MODEM, dt_ns, reading.sim.value, reading.registration.value, known]
        case MaintenanceWord():
            return [_VISIT, dt_ns, reading.is_under_way]
        case _:
            assert_never(reading)


def _controller_map(report: ControllerReport) -> dict[int, object]:
    """Only what was said has a key."""
    said: dict[int, object] = {}
    if report.floor is not None:
        said[0] = report.floor
    if report.direction is not None:
        said[1] = report.direction.value
    if report.mode is not None:
        said[2] = report.mode.value
    if report.door is not None:
        said[3] = report.door.value
    if report.fault is not None:
        said[4] = report.fault
    if report.safety_circuit_closed is not None:
        said[5] = report.safety_circuit_closed
    if report.door_zone is not None:
        said[6] = report.door_zone
    if report.passenger is not None:
        said[7] = report.passenger
    if report.speed_mps is not None:
        said[8] = _float_bytes(report.speed_mps)
    if report.load_percent is not None:
        said[9] = _float_bytes(report.load_percent)
    if report.is_suspect:
        said[10] = True
    return said


def _readings_of(tree: object, *, is_joined: bool) -> Iterator[Reading]:
    block = _map(tree)
    base_ns = _whole(block[0])
    samples = _Samples(block, base_ns)
    joined = samples.joined() if is_joined else None
    for item in _array(block[1]):
        code, dt_ns, *rest = _array(item)
        t_ns = base_ns + _whole(dt_ns)
        if not -(1 << 62) < t_ns < 1 << 62:
            raise ValueError("a time out of range")
        if code != _ACCEL:
            yield _reading_of(_whole(code), t_ns, rest)
            continue
        frame = samples.take(_whole(rest[0]), t_ns)
        if joined is None:
            yield frame
        elif t_ns == joined.t_ns:
            yield joined
    samples.check_end()


def _reading_of(code: int, t_ns: int, rest: list[object]) -> Reading:
    match code:
        case 1:
            return SignalEdge(t_ns, Signal(rest[0]), _yes(rest[1]))
        case 2:
            return _report_of(t_ns, _map(rest[0]))
        case 3:
            return PressureSample(t_ns, _float(rest[0]))
        case 4:
            return SourceFault(t_ns, _text(rest[0]), FaultReason(rest[1]), _text(rest[2]))
        case 5:
            return SamplesLost(t_ns, _text(rest[0]), _whole(rest[1]))
        case 6:
            return Tick(t_ns)
        case 7:
            return SupplySample(t_ns, _float(rest[0]), _float(rest[1]))
        case 8:
            levels = {key: _whole(dbm) for key, dbm in _map(rest[2]).items()}
            return ModemReport(t_ns, SimState(rest[0]), Registration(rest[1]), levels.get(0), levels.get(1))
        case 9:
            return MaintenanceWord(t_ns, _yes(rest[0]))
        case _:
            raise ValueError(f"a reading of unknown code {code}")


def _report_of(t_ns: int, said: dict[int, object]) -> ControllerReport:
    return ControllerReport(
        t_ns,
        floor=_text(said[0]) if 0 in said else None,
        direction=Direction(said[1]) if 1 in said else None,
        mode=Mode(said[2]) if 2 in said else None,
        door=ControllerDoor(said[3]) if 3 in said else None,
        fault=_whole(said[4]) if 4 in said else None,
        safety_circuit_closed=_yes(said[5]) if 5 in said else None,
        door_zone=_yes(said[6]) if 6 in said else None,
        passenger=_yes(said[7]) if 7 in said else None,
        speed_mps=_float(said[8]) if 8 in said else None,
        load_percent=_float(said[9]) if 9 in said else None,
        is_suspect=_yes(said.get(10, False)),
    )


def _steps_of(times_ns: npt.NDArray[np.int64], base_ns: int) -> bytes:
    steps = np.diff(times_ns, prepend=base_ns)
    is_short = steps.min() >= 0 and steps.max() < 1 << 32
    return steps.astype("<u4" if is_short else "<i8").tobytes()


def _values_of(samples_mps2: npt.NDArray[np.float64]) -> dict[int, object]:
    """Axis by axis; equal means equal bits, so that not even the sign of a zero is lost."""
    bits = np.ascontiguousarray(samples_mps2.T).view("<i8").ravel()
    values, indices = np.unique(bits, return_inverse=True)
    width = 1 if len(values) <= 1 << 8 else 2
    if len(values) > 1 << 16 or 8 * len(values) + width * len(bits) >= 8 * len(bits):
        return {3: bits.tobytes()}
    return {3: values.tobytes(), 4: indices.astype(f"<u{width}").tobytes()}


class _Samples:
    """The samples of a block, handed out frame by frame."""

    def __init__(self, block: dict[int, object], base_ns: int) -> None:
        counts = [_whole(_array(item)[2]) for item in _array(block[1]) if _array(item)[0] == _ACCEL]
        self._count = sum(counts)
        self._at = 0
        if not all(0 < count <= SAMPLES_MAX for count in counts) or self._count > SAMPLES_MAX:
            raise ValueError("a count of samples out of range")
        self._times_ns = np.zeros(0, dtype=np.int64)
        self._values = np.zeros((0, 3))
        if counts:
            self._times_ns = self._read_times(_bytes(block[2]), base_ns)
            self._values = self._read_values(_bytes(block[3]), block.get(4))
        self._are_ascending = bool((np.diff(self._times_ns) > 0).all())

    def joined(self) -> AccelFrame | None:
        """All samples of the block in one frame; None if there are none, or frames overlap."""
        return AccelFrame(self._times_ns, self._values) if self._count and self._are_ascending else None

    def take(self, count: int, t_ns: int) -> AccelFrame:
        """The next `count` samples, the first of which is of `t_ns`."""
        end = self._at + count
        times_ns, values = self._times_ns[self._at : end], self._values[self._at : end]
        self._at = end
        is_ascending = self._are_ascending or bool((np.diff(times_ns) > 0).all())
        if len(times_ns) != count or times_ns[0] != t_ns or not is_ascending:
            raise ValueError("times of samples do not fit")
        return AccelFrame(times_ns, values)

    def check_end(self) -> None:
        """Raises ValueError if samples are left over."""
        if self._at != self._count:
            raise ValueError("samples that belong to no frame")

    def _read_times(self, packed: bytes, base_ns: int) -> npt.NDArray[np.int64]:
        if len(packed) == _STEP_BYTES_SHORT * self._count:
            steps = np.frombuffer(packed, "<u4").astype(np.int64)
        elif len(packed) == _STEP_BYTES_LONG * self._count:
            steps = np.frombuffer(packed, "<i8").astype(np.int64)
        else:
            raise ValueError("times of samples do not fit their count")
        return np.cumsum(steps) + base_ns

    def _read_values(self, packed: bytes, indices: object) -> npt.NDArray[np.float64]:
        values = np.frombuffer(packed, "<f8")
        if indices is not None:
            width = 1 if len(values) <= 1 << 8 else 2
            which = np.frombuffer(_bytes(indices), f"<u{width}")
            values = values[which]
        if len(values) != 3 * self._count:
            raise ValueError("values of samples do not fit their count")
        return np.ascontiguousarray(values.reshape(3, -1).T)


def _float_bytes(value: float) -> bytes:
    return struct.pack("<d", value)


def _float(value: object) -> float:
    return float(struct.unpack("<d", _bytes(value))[0])


def _whole(value: object) -> int:
    if type(value) is not int:  # a bool is none
        raise TypeError("not a whole number")
    return value


def _yes(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError("neither true nor false")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > TEXT_LENGTH_MAX:
        raise TypeError("not a short text")
    return value


def _bytes(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise TypeError("not a byte string")
    return value


def _array(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError("not an array")
    return value


def _map(value: object) -> dict[int, object]:
    if not isinstance(value, dict):
        raise TypeError("not a map")
    return value
