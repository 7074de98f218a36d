"""Reads the exchange form of a recording: a folder of CSV files, merged into one ordered stream."""

from __future__ import annotations

import csv
import heapq
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import TypeVar

from edge_agent.errors import RecordingError
from edge_agent.readings import (
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
)
from edge_agent.recording_accel import (
    Break,
    accel_frames,
    header_error,
    line_error,
    number_of,
    unreadable,
)
from edge_agent.recording_meta import T_S_MAX, Found, RecordingMeta, read_meta
from edge_agent.toml_table import nearest_hint

PRESSURE_COLUMNS = "t_s,p_hpa"
SUPPLY_COLUMNS = "t_s,voltage_v,current_a"  # ours, as is modem.csv
MODEM_COLUMNS = "t_s,sim,registration,rssi_dbm,rsrp_dbm"
VISIT_COLUMNS = "t_s,under_way"  # ours, too
SIGNALS_COLUMNS = "t_s,name,value"
CONTROLLER_COLUMNS = "t_s,field,value"
SOURCES_COLUMNS = "t_s,source,event,detail"  # ours: troubles of sources, which the exchange form has no file for
SAMPLES_LOST = "samples_lost"

CONTROLLER_FIELDS = (
    "floor",
    "direction",
    "mode",
    "door",
    "fault",
    "safety_circuit",
    "door_zone",
    "passenger",
    "speed_mps",
    "load_percent",
    "suspect",  # ours: the report came while the bus was out of step
)

E = TypeVar("E", bound=Enum)
_NAME_LENGTH_MAX = 64
_DIGITS_MAX = 18
DBM_MAX = 200
_MODES = frozenset(mode.value for mode in Mode)
_START_NS = -(1 << 62)
_TRUE = frozenset({"1", "true"})
_FALSE = frozenset({"0", "false"})


class Row:
    """One data row of a small file: its line and its cells, without and with the blanks around them."""

    def __init__(self, path: Path, line: int, texts: list[str]) -> None:
        self.path = path
        self.line = line
        self.texts = texts
        self.cells = [text.strip() for text in texts]

    def error(self, problem: str, hint: str) -> RecordingError:
        """An error that names this line."""
        return line_error(self.path, self.line, problem, hint)

    def number(self, index: int) -> float:
        """The finite number in a column. Raises RecordingError."""
        value = number_of(self.cells[index])
        if value is None:
            raise self.error(f'"{self.cells[index][:40]}" is no number', "Write digits and a decimal point")
        return value


def rows_of(path: Path, columns: str) -> Iterator[Row]:
    """Data rows of a small file. Raises RecordingError for a wrong first line, a wrong count of cells, no text."""
    names = columns.split(",")
    line = 1
    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = next(reader, [])
            if [name.strip() for name in header] != names:
                raise header_error(path, columns)
            line = 2
            for cells in reader:
                row = Row(path, line, cells)
                line = reader.line_num + 1
                if not any(row.cells):
                    continue
                if len(cells) != len(names):
                    raise row.error(f"{len(cells)} columns instead of {len(names)}", f"Expected: {columns}")
                yield row
    except csv.Error as error:
        raise line_error(path, line, str(error), f"Expected: {columns}") from error
    except OSError as error:
        raise unreadable(path, error) from error


class ExchangeForm:
    """A folder with `meta.toml`, `accel.csv` and what else there is."""

    torn_tail_bytes = 0  # a cut line is a broken line here

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.meta: RecordingMeta = read_meta(folder / "meta.toml", self._found())
        if not (folder / "accel.csv").is_file():
            raise RecordingError(
                "is not there", subject=str(folder / "accel.csv"), hint="A recording needs meta.toml and accel.csv"
            )

    def readings(self) -> Iterator[Reading]:
        """All readings but ticks, in order. Raises RecordingError behind the last reading before a break."""
        for item in heapq.merge(*self._streams(), key=_order):
            if isinstance(item, Break):
                raise item.error
            yield item

    def _streams(self) -> list[Iterator[Reading | Break]]:
        streams: list[Iterator[Reading | Break]] = [iter(accel_frames(self._folder / "accel.csv"))]
        for name, columns, parse in _SMALL_FILES:
            path = self._folder / name
            if path.is_file():
                streams.append(_small(path, columns, parse))
        path = self._folder / "controller.csv"
        if path.is_file():
            streams.append(_controller(path))
        return streams

    def _found(self) -> Found:
        return Found(
            has_pressure=(self._folder / "pressure.csv").is_file(),
            has_controller=(self._folder / "controller.csv").is_file(),
            signals=self._seen_signals(),
        )

    def _seen_signals(self) -> frozenset[Signal]:
        """Signals that have an edge before the first broken line; the break itself is reported by `readings`."""
        known = {signal.value: signal for signal in Signal}
        seen: set[Signal] = set()
        try:
            for row in rows_of(self._folder / "signals.csv", SIGNALS_COLUMNS):
                if row.cells[1] in known:
                    seen.add(known[row.cells[1]])
        except RecordingError:
            pass
        return frozenset(seen)


def _order(item: Reading | Break) -> tuple[int, bool]:
    return item.t_ns, isinstance(item, Break)


def _small(path: Path, columns: str, parse: Callable[[Row, int], Reading]) -> Iterator[Reading | Break]:
    """One reading a row; a broken row ends the stream at its own time, or at the last one where it has none."""
    t_s = -math.inf
    try:
        for row in rows_of(path, columns):
            t_s = _time(row, t_s)
            yield parse(row, round(t_s * 1e9))
    except RecordingError as error:
        yield Break(_break_ns(t_s), error)


def _controller(path: Path) -> Iterator[Reading | Break]:
    """One report for consecutive rows of one time; a field that comes twice begins another report."""
    t_s = -math.inf
    report: ControllerReport | None = None
    said: set[str] = set()
    try:
        for row in rows_of(path, CONTROLLER_COLUMNS):
            before_s, t_s = t_s, _time(row, t_s)
            name = row.cells[1]
            if report is not None and (t_s > before_s or name in said):
                yield report
                report = None
            if report is None:
                said.clear()
            report = _with_field(report or ControllerReport(round(t_s * 1e9)), name, row)
            said.add(name)
    except RecordingError as error:
        if report is not None:
            yield report
        yield Break(_break_ns(t_s), error)
        return
    if report is not None:
        yield report


def _with_field(report: ControllerReport, name: str, row: Row) -> ControllerReport:
    cell = row.cells[2]
    match name:
        case "floor":
            return replace(report, floor=_short(row, 2))
        case "direction":
            return replace(report, direction=_one_of(Direction, cell, row))
        case "mode":
            return replace(report, mode=Mode(cell) if cell in _MODES else Mode.UNKNOWN)
        case "door":
            return replace(report, door=_one_of(ControllerDoor, cell, row))
        case "fault":
            return replace(report, fault=_whole(row, 2))
        case "safety_circuit":
            if cell not in ("open", "closed"):
                raise row.error(f'"{cell[:40]}" is no state of the safety circuit', "Known: open, closed")
            return replace(report, safety_circuit_closed=cell == "closed")
        case "door_zone":
            return replace(report, door_zone=_two_state(row))
        case "passenger":
            return replace(report, passenger=_two_state(row))
        case "speed_mps":
            return replace(report, speed_mps=row.number(2))
        case "load_percent":
            return replace(report, load_percent=row.number(2))
        case "suspect":
            return replace(report, is_suspect=_two_state(row))
        case _:
            raise row.error(f'"{name[:40]}" is no controller field', nearest_hint(name, CONTROLLER_FIELDS))


def _signal(row: Row, t_ns: int) -> Reading:
    return SignalEdge(t_ns, _one_of(Signal, row.cells[1], row), _two_state(row))


def _pressure(row: Row, t_ns: int) -> Reading:
    return PressureSample(t_ns, row.number(1))


def _supply(row: Row, t_ns: int) -> Reading:
    return SupplySample(t_ns, row.number(1), row.number(2))


def _modem(row: Row, t_ns: int) -> Reading:
    sim, registration = _one_of(SimState, row.cells[1], row), _one_of(Registration, row.cells[2], row)
    return ModemReport(t_ns, sim, registration, _dbm(row, 3), _dbm(row, 4))


def _visit(row: Row, t_ns: int) -> Reading:
    return MaintenanceWord(t_ns, _two_state(row, 1))


def _dbm(row: Row, index: int) -> int | None:
    """An empty cell: not known."""
    if not row.cells[index]:
        return None
    value = row.number(index)
    if not value.is_integer() or not -DBM_MAX <= value <= DBM_MAX:
        raise row.error(f"{value:.12g} is no signal strength", "Write whole dBm such as -87, or nothing")
    return int(value)


def _trouble(row: Row, t_ns: int) -> Reading:
    source, event, detail = _short(row, 1), row.cells[2], row.texts[3]
    if event == SAMPLES_LOST:
        return SamplesLost(t_ns, source, _whole(row, 3))
    return SourceFault(t_ns, source, _one_of(FaultReason, event, row), detail)


_SMALL_FILES: tuple[tuple[str, str, Callable[[Row, int], Reading]], ...] = (
    ("pressure.csv", PRESSURE_COLUMNS, _pressure),
    ("supply.csv", SUPPLY_COLUMNS, _supply),
    ("modem.csv", MODEM_COLUMNS, _modem),
    ("signals.csv", SIGNALS_COLUMNS, _signal),
    ("visit.csv", VISIT_COLUMNS, _visit),
    ("sources.csv", SOURCES_COLUMNS, _trouble),
)


def _time(row: Row, before_s: float) -> float:
    t_s = row.number(0)
    if abs(t_s) > T_S_MAX:
        raise row.error(f"{t_s:.12g} s is no time", f"Allowed: -{T_S_MAX:.0f} to {T_S_MAX:.0f} s")
    if t_s < before_s:
        raise row.error(f"time goes back from {before_s:.12g} s to {t_s:.12g} s", "Sort the rows by t_s")
    return t_s


def _break_ns(t_s: float) -> int:
    return round(t_s * 1e9) if math.isfinite(t_s) else _START_NS


def _one_of(words: type[E], cell: str, row: Row) -> E:
    names = [str(word.value) for word in words]
    if cell not in names:
        raise row.error(f'"{cell[:40]}" is not known here', nearest_hint(cell, names))
    return words(cell)


def _two_state(row: Row, index: int = 2) -> bool:
    cell = row.cells[index].lower()
    if cell in _TRUE:
        return True
    if cell in _FALSE:
        return False
    raise row.error(f'"{cell[:40]}" is no two-state value', "Write 0 or 1")


def _whole(row: Row, index: int) -> int:
    cell = row.cells[index]
    if not (cell.isascii() and cell.isdigit() and len(cell) <= _DIGITS_MAX):
        raise row.error(f'"{cell[:40]}" is no whole number', "Write digits only; 0: none")
    return int(cell)


def _short(row: Row, index: int) -> str:
    text = row.texts[index]
    if len(text) > _NAME_LENGTH_MAX:
        raise row.error(f"a name of {len(text)} characters", f"At most {_NAME_LENGTH_MAX} are allowed")
    return text
