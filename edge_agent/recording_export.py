"""Writes the exchange form: a folder of CSV files that reads back to the same readings, bit by bit."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TextIO, assert_never

import numpy as np

from edge_agent.errors import RecordingError
from edge_agent.readings import (
    AccelFrame,
    ControllerReport,
    MaintenanceWord,
    ModemReport,
    PressureSample,
    Reading,
    SamplesLost,
    SignalEdge,
    SourceFault,
    SupplySample,
    Tick,
)
from edge_agent.recording_accel import ACCEL_COLUMNS, VALUE_MPS2_MAX
from edge_agent.recording_csv import (
    CONTROLLER_COLUMNS,
    MODEM_COLUMNS,
    PRESSURE_COLUMNS,
    SAMPLES_LOST,
    SIGNALS_COLUMNS,
    SOURCES_COLUMNS,
    SUPPLY_COLUMNS,
    VISIT_COLUMNS,
)
from edge_agent.recording_meta import RecordingMeta, meta_text


class ExchangeWriter:
    """Appends readings to the files of a new folder; a file is made when it has its first row.

    Of the ticks the first and the last are noted: the reader makes them again. Left out are values that no sensor
    can give and samples whose time does not ascend, which the form cannot hold: they are counted in
    `left_out_count`. Raises RecordingError.
    """

    def __init__(self, folder: Path, meta: RecordingMeta) -> None:
        self._folder = folder
        self._meta = meta
        self._first_tick_ns: int | None = None
        self._last_tick_ns = 0
        self._files: dict[str, TextIO] = {}
        self._last_sample_ns = -(1 << 63)
        self.left_out_count = 0
        try:
            folder.mkdir(parents=True)
            self._write_meta()
            self._file("accel.csv", ACCEL_COLUMNS)
        except OSError as error:
            raise self._trouble(error) from error

    def write(self, reading: Reading) -> None:
        """Append one reading."""
        try:
            self._append(reading)
        except OSError as error:
            raise self._trouble(error) from error

    def close(self) -> None:
        """Write out everything. Calling it twice is allowed."""
        files, self._files = self._files, {}
        try:
            for file in files.values():
                file.close()
            if self._first_tick_ns is not None:
                self._meta = replace(self._meta, tick_span_ns=(self._first_tick_ns, self._last_tick_ns))
                self._write_meta()
        except OSError as error:
            raise self._trouble(error) from error

    def _append(self, reading: Reading) -> None:
        t_s = seconds_text(reading.t_ns)
        match reading:
            case AccelFrame():
                self._append_samples(reading)
            case SignalEdge():
                self._rows("signals.csv", SIGNALS_COLUMNS, [(t_s, reading.signal.value, _digit(reading.is_active))])
            case ControllerReport():
                said = list(_said(reading)) or [("suspect", "0")]
                self._rows("controller.csv", CONTROLLER_COLUMNS, [(t_s, name, value) for name, value in said])
                self.left_out_count += sum(
                    value is not None and not math.isfinite(value)
                    for value in (reading.speed_mps, reading.load_percent)
                )
            case PressureSample():
                self._numbers("pressure.csv", PRESSURE_COLUMNS, t_s, reading.pressure_hpa)
            case SupplySample():
                self._numbers("supply.csv", SUPPLY_COLUMNS, t_s, reading.voltage_v, reading.current_a)
            case ModemReport():
                levels = ("" if dbm is None else str(dbm) for dbm in (reading.rssi_dbm, reading.rsrp_dbm))
                self._rows("modem.csv", MODEM_COLUMNS, [(t_s, reading.sim.value, reading.registration.value, *levels)])
            case MaintenanceWord():
                self._rows("visit.csv", VISIT_COLUMNS, [(t_s, _digit(reading.is_under_way))])
            case SourceFault():
                row = (t_s, reading.source, reading.reason.value, reading.detail)
                self._rows("sources.csv", SOURCES_COLUMNS, [row])
            case SamplesLost():
                row = (t_s, reading.source, SAMPLES_LOST, str(reading.count))
                self._rows("sources.csv", SOURCES_COLUMNS, [row])
            case Tick():
                self._first_tick_ns = reading.t_ns if self._first_tick_ns is None else self._first_tick_ns
                self._last_tick_ns = reading.t_ns
            case _:
                assert_never(reading)

    def _write_meta(self) -> None:
        (self._folder / "meta.toml").write_text(meta_text(self._meta), encoding="utf-8")

    def _append_samples(self, frame: AccelFrame) -> None:
        is_good = (np.abs(frame.samples_mps2) <= VALUE_MPS2_MAX).all(axis=1) & (frame.times_ns > self._last_sample_ns)
        self.left_out_count += int(len(is_good) - is_good.sum())
        times_ns = frame.times_ns[is_good].tolist()
        if not times_ns:
            return
        self._last_sample_ns = times_ns[-1]
        rows = zip(times_ns, frame.samples_mps2[is_good].tolist(), strict=True)
        self._file("accel.csv", ACCEL_COLUMNS).writelines(
            f"{seconds_text(t_ns)},{x!r},{y!r},{z!r}\n" for t_ns, (x, y, z) in rows
        )

    def _numbers(self, name: str, columns: str, t_s: str, *values: float) -> None:
        """One row of numbers; the form holds finite ones only."""
        if all(math.isfinite(value) for value in values):
            self._rows(name, columns, [(t_s, *map(repr, values))])
        else:
            self.left_out_count += 1

    def _rows(self, name: str, columns: str, rows: Iterable[tuple[str, ...]]) -> None:
        csv.writer(self._file(name, columns), lineterminator="\n").writerows(rows)

    def _file(self, name: str, columns: str) -> TextIO:
        if name not in self._files:
            file = (self._folder / name).open("x", encoding="utf-8", newline="")
            self._files[name] = file
            file.write(columns + "\n")
        return self._files[name]

    def _trouble(self, error: OSError) -> RecordingError:
        hint = "Check the path, its rights and the free space"
        if isinstance(error, FileExistsError):
            hint = "Name a folder that is not there yet"
        return RecordingError(f"cannot be written: {error.strerror}", subject=str(self._folder), hint=hint)


def seconds_text(t_ns: int) -> str:
    """Capture time in seconds, exact."""
    whole, rest = divmod(abs(t_ns), 1_000_000_000)
    digits = f"{rest:09d}".rstrip("0") or "0"
    return f"{'-' if t_ns < 0 else ''}{whole}.{digits}"


def _said(report: ControllerReport) -> Iterator[tuple[str, str]]:
    """Field and value as they stand in `controller.csv`."""
    if report.floor is not None:
        yield "floor", report.floor
    if report.direction is not None:
        yield "direction", report.direction.value
    if report.mode is not None:
        yield "mode", report.mode.value
    if report.door is not None:
        yield "door", report.door.value
    if report.fault is not None:
        yield "fault", str(report.fault)
    if report.safety_circuit_closed is not None:
        yield "safety_circuit", "closed" if report.safety_circuit_closed else "open"
    if report.door_zone is not None:
        yield "door_zone", _digit(report.door_zone)
    if report.passenger is not None:
        yield "passenger", _digit(report.passenger)
    if report.speed_mps is not None and math.isfinite(report.speed_mps):
        yield "speed_mps", repr(report.speed_mps)
    if report.load_percent is not None and math.isfinite(report.load_percent):
        yield "load_percent", repr(report.load_percent)
    if report.is_suspect:
        yield "suspect", "1"


def _digit(is_true: bool) -> str:
    return "1" if is_true else "0"
