"""Reads a scenario file: strict, every mistake with its line and the nearest known name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from typing import Any, TypeVar

from edge_agent.alarms import AlarmKind
from edge_agent.errors import EdgeAgentError, SettingsError
from edge_agent.installation import Drive
from edge_agent.readings import Mode, Registration, Signal, SimState
from edge_agent.toml_table import (
    Check,
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
from edge_agent.toml_text import toml_from
from sim.box import Chip
from sim.scenario import (
    Allowance,
    BoxPlan,
    ControllerLink,
    Expectation,
    ExpectedSignal,
    FaultKind,
    Knowledge,
    LiftPlan,
    Moment,
    PlannedFault,
    PlannedStep,
    Scenario,
    ScenarioError,
)
from sim.steps import VERBS, Step, WaitStep
from sim.words import Behaviour, BoxUp, Side, StopCause, SupplyGives

T = TypeVar("T")

FORMAT = 1
STORY_S_MAX = 7 * 86_400.0
_BURSTS_MAX = 5_000_000  # of one chattering contact: each is held in memory
_SOURCES = ("accelerometer", "door_contacts", "controller", "pressure", "supply", "modem")
_NAME = r"[a-z0-9][a-z0-9-]*"
_SPEED = number(0.1, 6.0, "m/s", thousandth_of="mm/s")
_SECONDS = number(0.0, STORY_S_MAX, "s")
_BATTERY_MIN = number(1.0, 10_000.0, "minutes")
_LEVEL_DBM = number(-113.0, -51.0, "dBm")  # what a modem can say
_SIGNALS = tuple(signal.value for signal in Signal if signal not in (Signal.LIGHT_CURTAIN, Signal.LIGHT_CURTAIN_REAR))


def parse_scenario(body: str, file_name: str, name: str) -> Scenario:
    """The scenario in `body`. Raises `ScenarioError` with everything that is wrong with it, line by line."""
    try:
        toml = toml_from(body, file_name, "Compare it with a story that works: docs/simulator.md")
    except SettingsError as broken:
        raise ScenarioError((broken,), subject=file_name) from None
    lines = toml.lines
    problems = ProblemList(file_name, lines)
    top = TomlTable(toml.values, (), problems)
    top.need("format", whole(FORMAT, FORMAT), FORMAT, f"format = {FORMAT}")
    title = top.need("title", text(r"\S[^\n]{4,119}", "one line of 5 to 120 characters"), "", 'title = "A normal day"')
    story = top.need("story", text(r"(?s).{10,}", "some sentences"), "", 'story = "What happens and why"')
    lift = _lift(top.table("lift"))
    box = _box(top.table("box"), lift.landings)
    steps = tuple(
        step_from(row, lift.landings, f"{file_name}:{lines.get(('step', index), 1)}")
        for index, row in enumerate(top.tables("step", 1000))
    )
    if not steps:
        top.problem("step", "the story has no [[step]]", 'Write [[step]] and do = "wait", for_s = 10')
    marks = _marks(top, steps)
    scenario = Scenario(
        name=name,
        title=title,
        story=" ".join(story.split()),
        lift=lift,
        box=box,
        steps=steps,
        faults=tuple(_fault(row, marks) for row in _rows(top, "fault")),
        expected=tuple(_expectation(row, marks) for row in _rows(top, "expect")),
        allowed=tuple(_allowance(row, marks) for row in _rows(top, "allow")),
        signals=tuple(_expected_signal(row, marks, lift.landings, box) for row in _rows(top, "expect_signal")),
    )
    top.refuse_unknown()
    found: tuple[EdgeAgentError, ...] = problems.in_order_of_lines()
    if found:
        raise ScenarioError(found, subject=file_name)
    return scenario


def _rows(top: TomlTable, key: str) -> tuple[TomlTable, ...]:
    return top.tables(key, 200) if top.has(key) else ()


def _marks(top: TomlTable, steps: tuple[PlannedStep, ...]) -> dict[str, str]:
    marks: dict[str, str] = {}
    for planned in steps:
        if planned.mark is None:
            continue
        if planned.mark in marks:
            top.problem("step", f'mark "{planned.mark}" is set twice', "Give each mark its own name")
        marks[planned.mark] = planned.mark
    return marks


def _lift(table: TomlTable) -> LiftPlan:
    not_given: tuple[float, ...] = ()
    heights_m = table.take("landing_heights_m", ascending_numbers(-100.0, 600.0, "m", 128), not_given)
    landings = table.take("landings", whole(2, 128), len(heights_m) or 8)
    if heights_m and landings != len(heights_m):
        table.problem("landings", f"landings = {landings} but {len(heights_m)} heights are given", "Leave one out")
    if heights_m and table.has("storey_m"):
        table.problem("storey_m", "storey_m and landing_heights_m exclude each other", "Leave one out")
    plan = LiftPlan(
        drive=table.take("drive", one_of({drive.value: drive for drive in Drive}), None),
        rated_mps=table.take("rated_speed_mps", _SPEED, None),
        landings=landings,
        storey_m=table.take("storey_m", number(2.2, 20.0, "m", thousandth_of="mm"), None),
        heights_m=heights_m,
        start_landing=table.take("start_landing", whole(0, landings - 1), 0),
        told_heights_m=_told_heights(table, landings),
        knowledge=table.take("installer_knows", one_of({each.value: each for each in Knowledge}), Knowledge.EVERYTHING),
        first_floor_number=table.take("first_floor_number", whole(1, 10), 1),
    )
    table.refuse_unknown()
    return plan


def _told_heights(table: TomlTable, landings: int) -> tuple[float, ...]:
    """What the installer wrote down, where it is not what the lift has."""
    as_they_are: tuple[float, ...] = ()
    told_m = table.take("installer_says_heights_m", ascending_numbers(-100.0, 600.0, "m", 128), as_they_are)
    if told_m and len(told_m) != landings:
        problem = f"{len(told_m)} heights are given for {landings} landings"
        table.problem("installer_says_heights_m", problem, "Give one height for each landing")
    return told_m


def _box(table: TomlTable, landings: int) -> BoxPlan:
    chips: dict[str, Chip | None] = {chip.value: chip for chip in Chip}
    chips.update({"any": None, "none": None})
    no_signals: tuple[str, ...] = ()
    no_levels: tuple[float, ...] = ()
    chip_name = table.take("accelerometer", one_of({name: name for name in chips}), "any")
    plan = BoxPlan(
        has_accelerometer=chip_name != "none",
        chip=chips[chip_name],
        accel_rate_hz=table.take("accel_rate_hz", number(25.0, 1600.0, "Hz"), None),
        signals=frozenset(Signal(name) for name in table.take("signals", _some_of(_SIGNALS), no_signals)),
        controller=table.take("controller", one_of({each.value: each for each in ControllerLink}), ControllerLink.NONE),
        has_pressure=table.take("pressure", _yes_or_no, False),
        has_supply=table.take("supply", _yes_or_no, False),
        battery_lasts_min=table.take("battery_lasts_min", _BATTERY_MIN, None),
        has_modem=table.take("modem", _yes_or_no, False),
        rssi_dbm=table.take("rssi_dbm", _levels(landings), no_levels),
    )
    for key, part, is_fitted in (
        ("battery_lasts_min", "supply", plan.has_supply),
        ("rssi_dbm", "modem", plan.has_modem),
    ):
        if table.has(key) and not is_fitted:
            table.problem(key, f"{key} is of no use without a {part}", f"Write {part} = true, or leave {key} out")
    table.refuse_unknown()
    return plan


def step_checks(landings: int) -> Mapping[str, Check[Any]]:
    """Check of each key of a step, by the name of the field."""
    landing = whole(0, landings - 1)
    share = number(0.0, 1.0, "(0 closed, 1 fully open)")
    return {
        "for_s": _SECONDS,
        "people": whole(1, 26),
        "how": one_of({each.value: each for each in Behaviour}),
        "reaches": share,
        "tries": whole(1, 20),
        "by_hand": _yes_or_no,
        "obstructed_times": whole(0, 200),
        "obstructed_at": share,
        "jams_at": share,
        "to": landing,
        "stops_with": one_of({each.value: each for each in StopCause}),
        "stops_at": number(0.0, landings - 1, "(in landings: 4.5 is halfway from 4 to 5)"),
        "door_opens": share,
        "door_opens_after_s": _SECONDS,
        "door_opens_for_s": _SECONDS,
        "sink_mm": number(0.0, 50.0, "mm"),
        "over_s": number(0.5, 86_400.0, "s"),
        "on": _yes_or_no,
        "speed_mps": _SPEED,
        "number": whole(1, 99),
        "mode": one_of({each.value: each for each in Mode}),
        "tilt_deg": number(-90.0, 90.0, "degrees"),
        "trips_per_hour": number(1.0, 400.0, "1/h"),
        "side": one_of({each.value: each for each in Side}),
        "pace": number(0.02, 3.0, "(1 is normal)"),
        "by_m": number(-10.0, 10.0, "m", thousandth_of="mm"),
        "accel_mps2": number(0.05, 5.0, "m/s2"),
        "jerk_mps3": number(0.1, 100.0, "m/s3"),
        "peak_mps2": number(0.1, 200.0, "m/s2"),
        "times_slower": number(0.2, 5.0, "(1 is as before)"),
        "times_rougher": number(0.1, 20.0, "(1 is as before)"),
        "offset_mm": number(-100.0, 100.0, "mm"),
        "closed": _yes_or_no,
        "gust_hpa": number(0.0, 10.0, "hPa"),
        "by_hpa": number(-10.0, 10.0, "hPa"),
        "by_degc": number(-60.0, 60.0, "degrees"),
        "gives": one_of({each.value: each for each in SupplyGives}),
        "fitted": _yes_or_no,
        "lasts_min": _BATTERY_MIN,
        "card": one_of({each.value: each for each in SimState}),
        "registration": one_of({each.value: each for each in Registration}),
        "up": one_of({each.value: each for each in BoxUp}),
        "weaker_db": number(-60.0, 60.0, "dB"),
    }


def step_from(table: TomlTable, landings: int, subject: str) -> PlannedStep:
    """One [[step]]; its mistakes are noted with the table."""
    verb = table.need("do", one_of({name: name for name in VERBS}), "wait", 'do = "wait"')
    mark = table.take("mark", text(_NAME, "small letters, digits and -"), None)
    kind = VERBS[verb]
    checks = dict(step_checks(landings))
    if verb == "inspect":
        checks["to"] = number(0.0, landings - 1, "(in landings: 2.5 is halfway from 2 to 3)")
    if verb == "drift":
        checks["speed_mps"] = number(0.005, 5.0, "m/s", thousandth_of="mm/s")
    given: dict[str, Any] = {}
    lacking = False
    for field in fields(kind):
        if field.default is MISSING:
            given[field.name] = table.need(field.name, checks[field.name], None, f"{field.name} = ...")
            lacking = lacking or given[field.name] is None
        else:
            given[field.name] = table.take(field.name, checks[field.name], field.default)
    table.refuse_unknown()
    make: Callable[..., Step] = kind
    return PlannedStep(WaitStep(0.0) if lacking else make(**given), mark, subject)


def _fault(table: TomlTable, marks: Mapping[str, str]) -> PlannedFault:
    of = table.need("of", one_of({name: name for name in (*_SOURCES, *_SIGNALS)}), _SOURCES[0], 'of = "accelerometer"')
    kind = table.need("is", one_of({each.value: each for each in FaultKind}), FaultKind.SILENT, 'is = "frozen"')
    allowed = _sources_of(kind)
    if of not in allowed:
        table.problem("is", f'"{kind.value}" is no fault of {of}', "It is one of " + ", ".join(allowed))
    planned = PlannedFault(
        of=of,
        kind=kind,
        start=_moment(table, "from_s", "after", marks),
        for_s=table.take("for_s", _SECONDS, STORY_S_MAX),
        amount=table.take("amount", number(0.0, 1000.0, ""), 2.0),
    )
    if kind is FaultKind.CHATTERING and planned.amount * planned.for_s > _BURSTS_MAX:
        table.problem("amount", f"{planned.amount * planned.for_s:.0f} bursts are too many", "Lower amount or for_s")
    table.refuse_unknown()
    return planned


def _sources_of(kind: FaultKind) -> tuple[str, ...]:
    match kind:
        case FaultKind.FROZEN | FaultKind.SATURATED | FaultKind.NOISY | FaultKind.THINNED:
            return ("accelerometer",)
        case FaultKind.SILENT | FaultKind.ABSENT | FaultKind.GAP | FaultKind.DROPOUTS:
            return _SOURCES
        case FaultKind.STUCK_ON | FaultKind.STUCK_OFF | FaultKind.CHATTERING:
            return _SIGNALS
        case FaultKind.LYING_DOOR_CLOSED | FaultKind.LYING_EMPTY:
            return ("controller",)


def _expectation(table: TomlTable, marks: Mapping[str, str]) -> Expectation:
    kind = _kind(table)
    start = _moment(table, "from_s", "after", marks)
    raise_by_s = table.need("raise_by_s", _SECONDS, 0.0, "raise_by_s = 60")
    if raise_by_s < start.offset_s:
        table.problem("raise_by_s", f"raise_by_s = {raise_by_s:g} lies before from_s", "Both count from the same mark")
    clear_by: Moment | None = None
    if table.has("clear_by_s"):
        clear_mark = _mark(table, "clear_after", marks)
        clear_by = Moment(clear_mark or start.mark, table.take("clear_by_s", _SECONDS, 0.0))
    expectation = Expectation(kind, start, Moment(start.mark, raise_by_s), clear_by)
    table.refuse_unknown()
    return expectation


def _expected_signal(table: TomlTable, marks: Mapping[str, str], landings: int, box: BoxPlan) -> ExpectedSignal:
    start = _moment(table, "from_s", "after", marks)
    told_by_s = table.need("told_by_s", _SECONDS, 0.0, "told_by_s = 120")
    if told_by_s < start.offset_s:
        table.problem("told_by_s", f"told_by_s = {told_by_s:g} lies before from_s", "Both count from the same mark")
    expected = ExpectedSignal(
        landing=table.need("landing", whole(0, landings - 1), 0, "landing = 0"),
        rssi_dbm=table.need("rssi_dbm", _LEVEL_DBM, -51.0, "rssi_dbm = -95"),
        within_db=table.take("within_db", number(1.0, 60.0, "dB"), 3.0),
        start=start,
        told_by=Moment(start.mark, told_by_s),
    )
    if not box.has_modem:
        table.problem("landing", "a signal is told only by a box with a modem", "Write modem = true in [box]")
    table.refuse_unknown()
    return expected


def _allowance(table: TomlTable, marks: Mapping[str, str]) -> Allowance:
    kind = _kind(table)
    start = _moment(table, "from_s", "after", marks)
    end = Moment(start.mark, table.take("until_s", _SECONDS, 0.0)) if table.has("until_s") else None
    table.refuse_unknown()
    return Allowance(kind, start, end)


def _kind(table: TomlTable) -> AlarmKind:
    kinds = {kind.public_name: kind for kind in AlarmKind}
    return table.need("kind", one_of(kinds), AlarmKind.ENTRAPMENT, 'kind = "entrapment"')


def _moment(table: TomlTable, key: str, mark_key: str, marks: Mapping[str, str]) -> Moment:
    offset_s = table.take(key, number(-600.0, STORY_S_MAX, "s"), 0.0)
    return Moment(_mark(table, mark_key, marks), offset_s)


def _mark(table: TomlTable, key: str, marks: Mapping[str, str]) -> str | None:
    if not table.has(key):
        return None
    return table.take(key, one_of(marks), None)


def _yes_or_no(key: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise Unfit(f"{key} must be true or false", f"Write {key} = true")


def _levels(landings: int) -> Check[tuple[float, ...]]:
    """How strong the signal is, one number for each landing."""

    def check(key: str, value: object) -> tuple[float, ...]:
        if not isinstance(value, list):
            raise Unfit(f"{key} must be a list of numbers", f"Write for example: {key} = [-101, -95]")
        if len(value) != landings:
            raise Unfit(f"{key} has {len(value)} entries for {landings} landings", "Give one level for each landing")
        return tuple(_LEVEL_DBM(key, level) for level in value)

    return check


def _some_of(allowed: tuple[str, ...]) -> Check[tuple[str, ...]]:
    def check(key: str, value: object) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
            raise Unfit(f"{key} must be a list of names", f'Write for example: {key} = ["{allowed[0]}"]')
        for name in value:
            if name not in allowed:
                raise Unfit(f'{key} names "{name}", which is not known', nearest_hint(name, allowed))
        return tuple(value)

    return check
