"""Reads a register map from TOML text: strict, every mistake with its file and line.

Pure: `drivers/map_files.py` reads the text from disk. The format is described in docs/drivers.md.
"""

from __future__ import annotations

import itertools

from drivers.register_map import (
    REGISTERS_PER_READ_MAX,
    WORD_BITS,
    Canary,
    Evidence,
    Feed,
    Field,
    Kind,
    Meaning,
    RegisterMap,
    Table,
    plan_reads,
)
from edge_agent.errors import SettingsError
from edge_agent.readings import ControllerDoor, Direction, Mode
from edge_agent.toml_table import ProblemList, TomlTable, Unfit, number, one_of, text, whole
from edge_agent.toml_text import toml_from

FIELDS_MAX = 200
FORBIDDEN_MAX = 50
GAP_REGISTERS_MAX_DEFAULT = 8

_NUMBER_FEEDS = (Feed.FLOOR, Feed.FAULT, Feed.SPEED, Feed.LOAD)
_TRUTH_FEEDS = (Feed.SAFETY_CIRCUIT, Feed.DOOR_ZONE, Feed.PASSENGER)
_NUMBER_KINDS = (Kind.UINT16, Kind.INT16, Kind.BITS)
_UNIT_OF_FEED = {Feed.SPEED: "m/s", Feed.LOAD: "%"}
_MEASURED_FEEDS = (Feed.SPEED, Feed.LOAD)  # only bounds can tell a wrong one
_TRUTHS: dict[str, Meaning] = {"true": True, "false": False}
MEANINGS_OF_FEED: dict[Feed, dict[str, Meaning]] = {
    Feed.DIRECTION: {direction.value: direction for direction in Direction},
    Feed.MODE: {mode.value: mode for mode in Mode},
    Feed.DOOR: {door.value: door for door in ControllerDoor},
    **dict.fromkeys(_TRUTH_FEEDS, _TRUTHS),
}
_ANY_TEXT = text(r".*", "text")
_SOME_TEXT = text(r"(?s).+", "text")
_FLOOR_NAME = text(r"[ -~]{1,4}", "1 to 4 letters, digits or signs of ASCII")


class RegisterMapProblems(SettingsError):
    """All problems of one register map; `str` gives one line each."""

    def __init__(self, problems: tuple[SettingsError, ...], *, subject: str) -> None:
        count = len(problems)
        super().__init__(
            f"{count} {'problem' if count == 1 else 'problems'}",
            subject=subject,
            hint="No controller is polled with a map that is in doubt",
        )
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


def register_map_from(toml_text: str, file_name: str) -> RegisterMap:
    """The map in `toml_text`. Raises `RegisterMapProblems` with everything that is wrong with it."""
    try:
        toml = toml_from(toml_text, file_name, "Compare it with drivers/maps/nice3000plus.toml")
    except SettingsError as broken:
        raise RegisterMapProblems((broken,), subject=file_name) from None
    problems = ProblemList(file_name, toml.lines)
    top = TomlTable(toml.values, (), problems)
    register_map = _map(top)
    top.refuse_unknown()
    found = problems.in_order_of_lines()
    if found:
        raise RegisterMapProblems(found, subject=file_name)
    return register_map


def _map(top: TomlTable) -> RegisterMap:
    head = top.table("map")
    rows = top.tables("field", FIELDS_MAX)
    if not rows:
        top.problem("field", "the map has no field", "Add a [[field]] that feeds a value of the report")
    fields = [_field(row) for row in rows]
    nothing: tuple[range, ...] = ()
    forbidden = head.take("forbidden", _address_ranges, nothing)
    is_documentation = head.take("documentation_only", one_of_truths, False)
    _refuse_conflicts(rows, fields)
    _refuse_no_feeds(head, rows, fields, is_documentation=is_documentation)
    _refuse_forbidden(rows, fields, forbidden)
    most_registers = head.take("max_registers_per_read", whole(1, REGISTERS_PER_READ_MAX), REGISTERS_PER_READ_MAX)
    gap_max = head.take("gap_registers_max", whole(0, REGISTERS_PER_READ_MAX), GAP_REGISTERS_MAX_DEFAULT)
    register_map = RegisterMap(
        name=head.need("name", text(r"[a-z0-9_-]{1,32}", "1 to 32 of a-z 0-9 _ -"), "", 'name = "nice3000plus"'),
        maker=head.need("maker", _SOME_TEXT, "", 'maker = "Monarch / Inovance"'),
        model=head.need("model", _SOME_TEXT, "", 'model = "NICE3000+"'),
        firmware=head.need("firmware", _SOME_TEXT, "", 'firmware = "not known"'),
        evidence=head.need(
            "evidence", one_of({e.value: e for e in Evidence}), Evidence.INFERRED, 'evidence = "public_code"'
        ),
        source=head.need("source", _SOME_TEXT, "", 'source = "manual A00, table 7-3"'),
        polling_is_safe=head.need(
            "polling_is_safe", one_of_truths, False, "polling_is_safe = false, and the reason in polling_note"
        ),
        polling_note=head.need("polling_note", _SOME_TEXT, "", 'polling_note = "stop of polling trips nothing"'),
        fields=tuple(fields),
        reads=plan_reads(fields, most_registers=most_registers, gap_registers_max=gap_max, forbidden=forbidden),
        canary=_canary(top, forbidden),
        forbidden=forbidden,
    )
    head.refuse_unknown()
    return register_map


def _canary(top: TomlTable, forbidden: tuple[range, ...]) -> Canary | None:
    if not top.has("canary"):
        return None
    row = top.table("canary")
    canary = Canary(
        table=row.take("table", one_of({t.name.lower(): t for t in Table if not t.is_of_bits}), Table.HOLDING),
        address=row.need("address", whole(0, 0xFFFF), 0, "address = 0x1011"),
        value=row.take("value", whole(0, 0xFFFF), None),
    )
    if any(canary.address in own for own in forbidden):
        row.problem("address", f"{canary.address:#06x} is forbidden by [map]", "Name another register")
    row.refuse_unknown()
    return canary


def _field(row: TomlTable) -> Field:
    table = row.take("table", one_of({t.name.lower(): t for t in Table}), Table.HOLDING)
    kind = row.need("kind", one_of({k.value: k for k in Kind}), Kind.UINT16, 'kind = "uint16"')
    feeds = row.take("feeds", one_of({f.value: f for f in Feed}), None)
    bits = _bits(row, table, kind)
    field = Field(
        name=row.need("name", text(r"[a-z0-9_]{1,40}", "1 to 40 of a-z 0-9 _"), "", 'name = "running_speed"'),
        table=table,
        address=row.need("address", whole(0, 0xFFFF), 0, "address = 0x1010"),
        kind=kind,
        bit_first=bits.start,
        bit_count=len(bits),
        scale=row.take("scale", number(1e-6, 1e6, ""), 1.0),
        unit=row.take("unit", _ANY_TEXT, ""),
        minimum=row.take("minimum", number(-1e9, 1e9, ""), None),
        maximum=row.take("maximum", number(-1e9, 1e9, ""), None),
        meanings=_meanings(row, kind, feeds, bits),
        feeds=feeds,
        is_inverted=row.take("is_inverted", one_of_truths, False),
        is_decode_only=row.take("is_decode_only", one_of_truths, False),
        note=row.take("note", _SOME_TEXT, ""),
    )
    _refuse_misfit(row, field)
    row.refuse_unknown()
    return field


def _bits(row: TomlTable, table: Table, kind: Kind) -> range:
    if table.is_of_bits:
        if kind is not Kind.BIT:
            row.problem(
                "kind", f'{table.name.lower()} holds single bits, so kind = "{kind.value}" cannot be', 'Use "bit"'
            )
        return range(1)
    match kind:
        case Kind.BIT:
            first = row.need("bit", whole(0, WORD_BITS - 1), 0, "bit = 4")
            return range(first, first + 1)
        case Kind.BITS:
            return row.need("bits", _bit_range, range(WORD_BITS), "bits = [4, 7]")
        case Kind.ENUM:
            return row.take("bits", _bit_range, range(WORD_BITS))
        case Kind.UINT16 | Kind.INT16:
            return range(WORD_BITS)


def _meanings(row: TomlTable, kind: Kind, feeds: Feed | None, bits: range) -> tuple[tuple[int, Meaning], ...]:
    if kind is not Kind.ENUM:
        return ()
    if not row.has("values"):
        row.problem("values", "a code without values means nothing", 'Write values = { 1 = "up", 2 = "down" }')
        return ()
    table = row.table("values")
    words = MEANINGS_OF_FEED.get(feeds) if feeds is not None else None
    meanings: list[tuple[int, Meaning]] = []
    for key in table.given_keys():
        if not key.isdecimal() or int(key) >= 1 << len(bits):
            table.problem(key, f"{key} is no code of {len(bits)} bits", f"Codes are 0 to {(1 << len(bits)) - 1}")
        elif words is not None:
            meanings.append((int(key), table.take(key, one_of(words), next(iter(words.values())))))
        else:
            meanings.append((int(key), table.take(key, _FLOOR_NAME if feeds is Feed.FLOOR else _ANY_TEXT, "")))
    return tuple(meanings)


def _refuse_misfit(row: TomlTable, field: Field) -> None:
    if field.minimum is not None and field.maximum is not None and field.minimum >= field.maximum:
        row.problem("minimum", f"minimum {field.minimum:g} is not below maximum {field.maximum:g}", "Swap them")
    if field.feeds is None:
        return
    fits = (
        (field.feeds in _NUMBER_FEEDS and field.kind in _NUMBER_KINDS)
        or (field.feeds in _TRUTH_FEEDS and field.kind is Kind.BIT)
        or (field.kind is Kind.ENUM and (field.feeds in MEANINGS_OF_FEED or field.feeds is Feed.FLOOR))
    )
    if not fits:
        row.problem(
            "feeds",
            f'kind = "{field.kind.value}" cannot feed {field.feeds.value}',
            "See the table in docs/drivers.md",
        )
    if field.feeds in _MEASURED_FEEDS and (field.minimum is None or field.maximum is None):
        row.problem(
            "feeds",
            f"{field.feeds.value} has no bounds, so a wrong value could not be told from a right one",
            "Write minimum = and maximum =, in the unit of the field",
        )
    if field.kind in _NUMBER_KINDS and not _can_be_in_range(field):
        row.problem(
            "minimum", "no value of this register lies between minimum and maximum", "Check scale, kind and bounds"
        )
    unit = _UNIT_OF_FEED.get(field.feeds)
    if unit is not None and field.unit != unit:
        row.problem("unit", f'{field.feeds.value} needs unit = "{unit}", not "{field.unit}"', "Choose scale to match")


def _refuse_conflicts(rows: tuple[TomlTable, ...], fields: list[Field]) -> None:
    for (_, first), (row, second) in itertools.combinations(zip(rows, fields, strict=True), 2):
        if first.name == second.name:
            row.problem("name", f"two fields are named {second.name}", "Give each its own name")
        if first.feeds is not None and first.feeds is second.feeds:
            row.problem("feeds", f"{first.name} already feeds {first.feeds.value}", "Only one field may feed a value")
        if (
            (first.table, first.address) == (second.table, second.address)
            and not (first.is_decode_only or second.is_decode_only)
            and set(first.bits) & set(second.bits)
        ):
            row.problem(
                "address",
                f"{second.name} uses bits of {second.address:#06x} that belong to {first.name}",
                "Correct the bits, or mark the second reading of the same bits is_decode_only = true",
            )


def _refuse_no_feeds(
    head: TomlTable, rows: tuple[TomlTable, ...], fields: list[Field], *, is_documentation: bool
) -> None:
    has_feeds = any(field.feeds for field in fields)
    if rows and not has_feeds and not is_documentation:
        rows[0].problem(
            "feeds",
            "no field feeds a value of the report",
            f"Known: {', '.join(f.value for f in Feed)}; or write documentation_only = true in [map]",
        )
    if has_feeds and is_documentation:
        head.problem("documentation_only", "a field feeds a value of the report", "Leave documentation_only out")


def _refuse_forbidden(rows: tuple[TomlTable, ...], fields: list[Field], forbidden: tuple[range, ...]) -> None:
    for row, field in zip(rows, fields, strict=True):
        if any(field.address in own for own in forbidden):
            row.problem(
                "address", f"{field.address:#06x} is forbidden by [map]", "Remove the field: nothing may read it"
            )


def one_of_truths(key: str, value: object) -> bool:
    """true or false, nothing that only looks like it."""
    if not isinstance(value, bool):
        raise Unfit(f"{key} must be true or false", f"Write {key} = true")
    return value


def _can_be_in_range(field: Field) -> bool:
    raw_max = (1 << field.bit_count) - 1
    low, high = (-0x8000, 0x7FFF) if field.kind is Kind.INT16 else (0, raw_max)
    return (field.maximum is None or low * field.scale <= field.maximum) and (
        field.minimum is None or high * field.scale >= field.minimum
    )


def _address_ranges(key: str, value: object) -> tuple[range, ...]:
    match value:
        case [*pairs] if len(pairs) <= FORBIDDEN_MAX:
            found: list[range] = []
            for pair in pairs:
                match pair:
                    case [int() as first, int() as last] if 0 <= first <= last <= 0xFFFF:
                        found.append(range(first, last + 1))
                    case _:
                        break
            if len(found) == len(pairs):
                return tuple(found)
    raise Unfit(f"{key} must be pairs of addresses", f"Write the first and the last one: {key} = [[0x4000, 0x4000]]")


def _bit_range(key: str, value: object) -> range:
    match value:
        case [int() as first, int() as last] if 0 <= first <= last < WORD_BITS:
            return range(first, last + 1)
        case _:
            raise Unfit(f"{key} must be two bit numbers", "Write the lowest and the highest bit, such as bits = [4, 7]")
