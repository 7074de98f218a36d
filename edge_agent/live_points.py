"""Readings thinned to what a strip chart needs, as rows of a small JSON text. Bounded; what finds no room is counted.

Rows carry times in milliseconds since boot:
    accel       [t_ms, x_min, x_max, y_min, y_max, z_min, z_max] in m/s2, one for each 40 ms
    lines       [t_ms, name, 0 or 1] at each word of a contact
    controller  [t_ms, {field: value}] at most five a second, fields that were said
    others      [t_ms, name, value]: pressure_hpa, voltage_v, current_a, rssi_dbm
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import Enum

from edge_agent.readings import (
    AccelFrame,
    ControllerReport,
    ModemReport,
    PressureSample,
    Reading,
    SignalEdge,
    SupplySample,
)

BIN_NS = 40_000_000
REPORT_NS = 200_000_000
NS_PER_MS = 1_000_000
ROWS_MAX = 150
"""Of each kind between two calls of `take`: six seconds of acceleration."""
TEXT_BYTES_MAX = 60_000
"""Below what a datagram of the kernel holds (net.core.wmem_default, 212,992 bytes as a rule)."""
UNENDED_MAX = 64
KINDS = ("accel", "lines", "controller", "others")

Cell = float | str | dict[str, object]
Row = list[Cell]
Rows = dict[str, list[Row]]


class LivePoints:
    """State: rows since the last `take`, and the bin of acceleration under way."""

    def __init__(self) -> None:
        self.lost_count = 0
        self._rows: Rows = {kind: [] for kind in KINDS}
        self._bin_at = -1
        self._bin: list[float] = []
        self._report_ns = -REPORT_NS

    def push(self, reading: Reading) -> None:
        """Take a reading."""
        match reading:
            case AccelFrame():
                self._accel(reading)
            case SignalEdge():
                self._add("lines", [_ms(reading.t_ns), reading.signal.value, int(reading.is_active)])
            case ControllerReport():
                if reading.t_ns - self._report_ns >= REPORT_NS:
                    self._report_ns = reading.t_ns
                    self._add("controller", [_ms(reading.t_ns), _said_by(reading)])
            case PressureSample():
                self._add("others", [_ms(reading.t_ns), "pressure_hpa", round(reading.pressure_hpa, 3)])
            case SupplySample():
                self._add("others", [_ms(reading.t_ns), "voltage_v", round(reading.voltage_v, 3)])
                self._add("others", [_ms(reading.t_ns), "current_a", round(reading.current_a, 3)])
            case ModemReport(rssi_dbm=int(rssi_dbm)):
                self._add("others", [_ms(reading.t_ns), "rssi_dbm", rssi_dbm])
            case _:
                pass

    def take(self) -> Rows:
        """Rows since the last call."""
        rows, self._rows = self._rows, {kind: [] for kind in KINDS}
        return rows

    def _accel(self, frame: AccelFrame) -> None:
        for t_ns, sample in zip(frame.times_ns.tolist(), frame.samples_mps2.tolist(), strict=True):
            at = t_ns // BIN_NS
            if at != self._bin_at:
                if self._bin:
                    self._add("accel", [_ms(self._bin_at * BIN_NS), *(round(value, 3) for value in self._bin)])
                self._bin_at, self._bin = at, [value for value in sample for _ in range(2)]
                continue
            for axis, value in enumerate(sample):
                self._bin[2 * axis] = min(self._bin[2 * axis], value)
                self._bin[2 * axis + 1] = max(self._bin[2 * axis + 1], value)

    def _add(self, kind: str, row: Row) -> None:
        rows = self._rows[kind]
        if len(rows) >= ROWS_MAX:
            self.lost_count += 1
            return
        rows.append(row)


def rows_text(rows: Rows, lost_count: int) -> bytes:
    """For one datagram; b"" where there is nothing to say."""
    if not any(rows.values()):
        return b""
    return json.dumps({**rows, "lost": lost_count}, separators=(",", ":")).encode("utf-8")


def rows_from(text: bytes) -> tuple[Rows, int]:
    """What `rows_text` wrote, and the count of lost rows. Raises ValueError for anything else."""
    try:
        said = json.loads(text)
    except RecursionError as error:
        raise ValueError("no live rows") from error
    if not isinstance(said, dict) or type(said.get("lost")) is not int:
        raise ValueError("no live rows")
    rows: Rows = {}
    for kind in KINDS:
        found = said.get(kind)
        if not isinstance(found, list) or len(found) > ROWS_MAX or not all(_is_row(row) for row in found):
            raise ValueError(f"no live rows of {kind}")
        rows[kind] = found
    return rows, said["lost"]


@dataclass(frozen=True, slots=True)
class Unended:
    """An incident that waits for a person to end it. kind: its public name. is_present: its condition is there."""

    number: int
    kind: str
    is_present: bool


def unended_text(incidents: Sequence[Unended]) -> bytes:
    """For one datagram."""
    return json.dumps({"unended": [[each.number, each.kind, each.is_present] for each in incidents]}).encode("ascii")


def unended_from(text: bytes) -> tuple[Unended, ...] | None:
    """What `unended_text` wrote; None: it is something else."""
    try:
        said = json.loads(text)["unended"]
        return tuple(
            Unended(int(number), str(kind), bool(is_present)) for number, kind, is_present in said[:UNENDED_MAX]
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _is_row(row: object) -> bool:
    return isinstance(row, list) and len(row) > 1 and type(row[0]) is int


def _said_by(report: ControllerReport) -> dict[str, object]:
    said: dict[str, object] = {}
    for field in fields(report):
        value = getattr(report, field.name)
        if field.name != "t_ns" and value is not None:
            said[field.name] = value.value if isinstance(value, Enum) else value
    return said


def _ms(t_ns: int) -> int:
    return t_ns // NS_PER_MS
