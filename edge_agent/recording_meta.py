"""What a recording says about itself and its lift; reads and writes `meta.toml` of the exchange form."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from edge_agent.alarms import AlarmKind, OpenIncident
from edge_agent.detect.baselines import Baselines, BaselinesProblem, baselines_from, tree_of
from edge_agent.errors import RecordingError, SettingsError
from edge_agent.installation import Drive, Installation, Lift, Wiring
from edge_agent.readings import Signal
from edge_agent.toml_lines import KeyPath
from edge_agent.toml_table import (
    ProblemList,
    TomlTable,
    Unfit,
    ascending_numbers,
    nearest_hint,
    number,
    one_of,
    text,
    whole,
)
from edge_agent.toml_text import text_of, toml_from

FORMAT = 1
META_BYTES_MAX = 1 << 20
LANDINGS_MAX = 200
T_S_MAX = 4e9  # 126 years; keeps nanoseconds within 63 bits
OPEN_INCIDENTS_MAX = 1000
RATED_SPEED_MPS_MAX = 25.0  # the fastest lift runs 21 m/s. Source: maker's press release, from memory, unverified
SOURCES = ("accelerometer", "pressure", "controller")


@dataclass(frozen=True, slots=True)
class RecordingMeta:
    """Everything the detection core was told before the first reading.

    start_utc: wall clock at t 0 as the recorder believed it. limits: thresholds changed by the operator.
    first_incident, resumed: what the core was told of earlier incidents. baselines: what an earlier run had learned.
    tick_span_ns: first and last tick of the run, where they are not to be had from the readings.
    warnings: what in the file was not understood and is ignored, one sentence each, with file and line.
    """

    installation: Installation
    start_utc: datetime | None = None
    limits: tuple[tuple[str, float], ...] = ()
    first_incident: int = 1
    resumed: tuple[OpenIncident, ...] = ()
    tick_span_ns: tuple[int, int] | None = None
    warnings: tuple[str, ...] = ()
    baselines: Baselines | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What the files of the folder show; it counts where `meta.toml` is silent."""

    has_pressure: bool
    has_controller: bool
    signals: frozenset[Signal]


def read_meta(path: Path, found: Found) -> RecordingMeta:
    """Read `meta.toml`. Raises RecordingError with `file:line`; an unknown key is a warning (forward compatible)."""
    return meta_from(_text_of(path), str(path), found)


def meta_from(body: str, name: str, found: Found) -> RecordingMeta:
    """The same from text; `name` stands for the file in errors and warnings."""
    try:
        toml = toml_from(body, name, "The file must be valid TOML", META_BYTES_MAX)
    except SettingsError as broken:
        raise RecordingError(broken.problem, subject=broken.subject, hint=broken.hint) from None
    lines = toml.lines
    problems = ProblemList(name, lines)
    top = TomlTable(toml.values, (), problems)
    top.need("format", whole(FORMAT, FORMAT), FORMAT, f"format = {FORMAT}")
    lift = _lift_of(top)
    wiring = _wiring_of(top.table("sensors"), found)
    limits = _limits_of(top.table("limits"))
    start_utc = top.take("start_utc", _a_time, None)
    tick_span_ns = _ticks_of(top.table("ticks"))
    first_incident, resumed = _incidents_of(top.table("incidents"))
    baselines = _baselines_in(toml.values, lines, name)
    for problem in problems.in_order_of_lines():
        raise RecordingError(problem.problem, subject=problem.subject, hint=problem.hint)
    warnings = tuple(_unknown(toml.values, lines, name))
    return RecordingMeta(
        Installation(lift, wiring), start_utc, limits, first_incident, resumed, tick_span_ns, warnings, baselines
    )


def meta_text(meta: RecordingMeta) -> str:
    """The content of `meta.toml`; `read_meta` gives `meta` back."""
    lift, wiring = meta.installation.lift, meta.installation.wiring
    rows = [f"format = {FORMAT}", f"lift_id = {_quoted(lift.lift_id)}"]
    if meta.start_utc is not None:
        rows.append(f"start_utc = {meta.start_utc.isoformat()}")
    rows.append("[lift]")
    if lift.rated_speed_mps is not None:
        rows.append(f"rated_speed_mps = {lift.rated_speed_mps!r}")
    if lift.drive is not None:
        rows.append(f"drive = {_quoted(lift.drive.value)}")
    if lift.landing_heights_m:
        rows.append(f"floor_heights_m = [{', '.join(repr(height) for height in lift.landing_heights_m)}]")
    if lift.start_landing_index is not None:
        rows.append(f"start_floor = {lift.start_landing_index}")
    rows.append("[sensors]")
    if wiring.accel_rate_hz is not None:
        rows.append(f"accel_rate_hz = {wiring.accel_rate_hz!r}")
    rows.append(f"signals = {_list_of(sorted(signal.value for signal in wiring.signals))}")
    wired = (wiring.has_accelerometer, wiring.has_pressure, wiring.has_controller)
    rows.append(f"sources = {_list_of(name for name, is_wired in zip(SOURCES, wired, strict=True) if is_wired)}")
    if meta.limits:
        rows.append("[limits]")
        rows.extend(f"{name} = {value!r}" for name, value in meta.limits)
    if meta.first_incident != 1 or meta.resumed:
        rows += ["[incidents]", f"first = {meta.first_incident}"]
    if meta.resumed:
        rows.append(f"open = [{', '.join(_incident_text(incident) for incident in meta.resumed)}]")
    if meta.tick_span_ns is not None:
        first_ns, last_ns = meta.tick_span_ns
        rows += ["[ticks]", f"first_s = {first_ns / 1e9!r}", f"last_s = {last_ns / 1e9!r}"]
    if meta.baselines is not None:
        rows.append("[baselines]")
        rows.extend(f"{name} = {json.dumps(value)}" for name, value in tree_of(meta.baselines).items())
    return "\n".join(rows) + "\n"


def _text_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return text_of(file.read(META_BYTES_MAX + 1), str(path), META_BYTES_MAX)
    except SettingsError as broken:
        raise RecordingError(broken.problem, subject=broken.subject, hint=broken.hint) from None
    except OSError as error:
        raise RecordingError(
            f"cannot be read: {error.strerror}", subject=str(path), hint="A recording needs meta.toml and accel.csv"
        ) from error


def _lift_of(top: TomlTable) -> Lift:
    lift_id = top.need("lift_id", text(r"[^\0]{0,200}", "at most 200 characters"), "?", 'lift_id = "demo-1"')
    lift = top.table("lift")
    not_known: tuple[float, ...] = ()
    ascending = ascending_numbers(-1000.0, 1000.0, "m", LANDINGS_MAX)
    heights_m = lift.take("floor_heights_m", ascending, not_known)
    last = len(heights_m) - 1 if heights_m else LANDINGS_MAX
    return Lift(
        lift_id,
        lift.take("rated_speed_mps", number(0.05, RATED_SPEED_MPS_MAX, "m/s", thousandth_of="mm/s"), None),
        lift.take("drive", one_of({drive.value: drive for drive in Drive}), None),
        heights_m,
        lift.take("start_floor", whole(0, last), None),
    )


def _wiring_of(sensors: TomlTable, found: Found) -> Wiring:
    present = {"accelerometer": True, "pressure": found.has_pressure, "controller": found.has_controller}
    default = tuple(name for name in SOURCES if present[name])
    sources = sensors.take("sources", _some_of(SOURCES), default)
    names = sensors.take("signals", _some_of(tuple(signal.value for signal in Signal)), None)
    return Wiring(
        has_accelerometer="accelerometer" in sources,
        accel_rate_hz=sensors.take("accel_rate_hz", number(1.0, 10_000.0, "Hz"), None),
        has_pressure="pressure" in sources,
        has_controller="controller" in sources,
        signals=found.signals if names is None else frozenset(Signal(name) for name in names),
    )


def _limits_of(table: TomlTable) -> tuple[tuple[str, float], ...]:
    """Names and ranges are checked where the limits live."""
    any_number = number(-1e12, 1e12, "")
    return tuple((name, table.take(name, any_number, 0.0)) for name in table.given_keys())


def _ticks_of(table: TomlTable) -> tuple[int, int] | None:
    """To the millisecond: ticks are tenths of a second."""
    if not table.is_present:
        return None
    a_time = number(-T_S_MAX, T_S_MAX, "s")
    first_s = table.need("first_s", a_time, 0.0, "first_s = 0.1")
    last_s = table.need("last_s", a_time, first_s, "last_s = 60.0")
    return round(first_s * 1e3) * 1_000_000, round(last_s * 1e3) * 1_000_000


def _incidents_of(table: TomlTable) -> tuple[int, tuple[OpenIncident, ...]]:
    kinds = {kind.public_name: kind for kind in AlarmKind}
    resumed: list[OpenIncident] = []
    for row in table.tables("open", OPEN_INCIDENTS_MAX):
        kind = row.need("kind", one_of(kinds), AlarmKind.ENTRAPMENT, 'kind = "entrapment"')
        resumed.append(OpenIncident(kind, row.need("incident", whole(1, 1 << 62), 1, "incident = 3")))
    return table.take("first", whole(1, 1 << 62), 1), tuple(resumed)


def _baselines_in(values: Mapping[str, object], lines: Mapping[KeyPath, int], name: str) -> Baselines | None:
    tree = values.get("baselines")
    if tree is None:
        return None
    try:
        if not isinstance(tree, dict):
            raise BaselinesProblem("no table")
        return baselines_from(tree)
    except BaselinesProblem as problem:
        subject = f"{name}:{lines.get(('baselines',), 1)}"
        raise RecordingError(
            f"[baselines] {problem}", subject=subject, hint="Leave the section out to begin with nothing learned"
        ) from problem


def _a_time(key: str, value: object) -> datetime | None:
    if isinstance(value, datetime):
        return value
    raise Unfit(f"{key} must be a date and time", f"Write for example: {key} = 2026-01-31T08:00:00Z")


class _some_of:  # noqa: N801 - reads as a check beside those of toml_table
    """A list of words from a closed set."""

    def __init__(self, allowed: Iterable[str]) -> None:
        self._allowed = tuple(allowed)

    def __call__(self, key: str, value: object) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
            raise Unfit(f"{key} must be a list of names", f'Write for example: {key} = ["{self._allowed[0]}"]')
        for name in value:
            if name not in self._allowed:
                raise Unfit(f'{key} names "{name}", which is not known', nearest_hint(name, self._allowed))
        return tuple(value)


_KNOWN: Mapping[str, frozenset[str]] = {
    "lift": frozenset({"rated_speed_mps", "drive", "floor_heights_m", "start_floor"}),
    "sensors": frozenset({"accel_rate_hz", "signals", "sources"}),
    "incidents": frozenset({"first", "open"}),
    "ticks": frozenset({"first_s", "last_s"}),
}
_KNOWN_TOP = frozenset(
    {"format", "lift_id", "start_utc", "lift", "sensors", "limits", "incidents", "ticks", "baselines"}
)


def _unknown(values: Mapping[str, object], lines: Mapping[KeyPath, int], name: str) -> Iterable[str]:
    paths: list[tuple[str, ...]] = [(key,) for key in values if key not in _KNOWN_TOP]
    for section, known in _KNOWN.items():
        table = values.get(section)
        if isinstance(table, dict):
            paths.extend((section, key) for key in table if key not in known)
    for key_path in paths:
        yield f"{name}:{lines.get(key_path, 1)}: {'.'.join(key_path)} is not known and is ignored"


def _incident_text(incident: OpenIncident) -> str:
    return f"{{ kind = {_quoted(incident.kind.public_name)}, incident = {incident.incident} }}"


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _list_of(names: Iterable[str]) -> str:
    return "[" + ", ".join(_quoted(name) for name in names) + "]"
