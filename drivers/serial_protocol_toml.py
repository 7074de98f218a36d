"""Reads a serial protocol from TOML text: strict, every mistake with its file and line.

Pure: `drivers/protocol_files.py` reads the text from disk. The format is described in docs/drivers.md.
"""

from __future__ import annotations

from drivers.register_map import Evidence, Feed, Meaning
from drivers.register_map_toml import MEANINGS_OF_FEED, RegisterMapProblems, one_of_truths
from drivers.serial_line import Parity
from drivers.serial_protocol import (
    FRAME_BYTES_MAX,
    Checksum,
    ChecksumKind,
    FieldKind,
    FrameField,
    FrameShape,
    SerialProtocol,
)
from edge_agent.errors import SettingsError
from edge_agent.toml_table import ProblemList, TomlTable, Unfit, number, one_of, text, whole
from edge_agent.toml_text import toml_from

FIELDS_MAX = 64
PARTS_MAX = 64
BAUD_RATES = (300, 600, 1200, 2400, 4800, 9600, 14400, 19200, 28800, 38400, 57600, 115200, 230400)
PARITIES = {"none": Parity.NONE, "even": Parity.EVEN, "odd": Parity.ODD}
SILENT_S_DEFAULT = 5.0

_SOME_TEXT = text(r"(?s).+", "text")
_NUMBERS = (FieldKind.UINT8, FieldKind.UINT16, FieldKind.UINT16_LOW_FIRST, FieldKind.BITS, FieldKind.NUMBER)
_OF_PARTS = (FieldKind.NUMBER, FieldKind.WORD, FieldKind.TEXT)
_NUMBER_FEEDS = (Feed.FLOOR, Feed.FAULT, Feed.SPEED, Feed.LOAD)
_TRUTH_FEEDS = (Feed.SAFETY_CIRCUIT, Feed.DOOR_ZONE, Feed.PASSENGER)


class SerialProtocolProblems(RegisterMapProblems):
    """All problems of one serial protocol; `str` gives one line each."""


def serial_protocol_from(toml_text: str, file_name: str) -> SerialProtocol:
    """The protocol in `toml_text`. Raises `SerialProtocolProblems` with everything that is wrong with it."""
    try:
        toml = toml_from(toml_text, file_name, "Compare it with drivers/serial_protocols/liftsentence.toml")
    except SettingsError as broken:
        raise SerialProtocolProblems((broken,), subject=file_name) from None
    problems = ProblemList(file_name, toml.lines)
    top = TomlTable(toml.values, (), problems)
    protocol = _protocol(top)
    top.refuse_unknown()
    found = problems.in_order_of_lines()
    if found:
        raise SerialProtocolProblems(found, subject=file_name)
    return protocol


def _protocol(top: TomlTable) -> SerialProtocol:
    head, line = top.table("protocol"), top.table("line")
    rows = top.tables("field", FIELDS_MAX)
    if not rows:
        top.problem("field", "the protocol has no field", "Add a [[field]] that feeds a value of the report")
    shape = _shape(top)
    protocol = SerialProtocol(
        name=head.need("name", text(r"[a-z0-9_-]{1,32}", "1 to 32 of a-z 0-9 _ -"), "", 'name = "liftsentence"'),
        maker=head.need("maker", _SOME_TEXT, "", 'maker = "who built the talker"'),
        model=head.need("model", _SOME_TEXT, "", 'model = "what is printed on it"'),
        evidence=head.need(
            "evidence", one_of({e.value: e for e in Evidence}), Evidence.INFERRED, 'evidence = "vendor_document"'
        ),
        source=head.need("source", _SOME_TEXT, "", 'source = "manual, page and table"'),
        note=head.take("note", _SOME_TEXT, ""),
        baud_rate=line.need("baud_rate", _baud_rate, 9600, "baud_rate = 9600"),
        data_bits=line.take("data_bits", whole(7, 8), 8),
        parity=line.take("parity", one_of(PARITIES), Parity.NONE),
        stop_bits=line.take("stop_bits", whole(1, 2), 1),
        silent_s=line.take("silent_s", number(0.5, 3600.0, "s"), SILENT_S_DEFAULT),
        shape=shape,
        checksum=_checksum(top, shape),
        fields=tuple(_field(row, shape) for row in rows),
    )
    if rows and not any(field.feeds for field in protocol.fields):
        rows[0].problem("feeds", "no field feeds a value of the report", f"Known: {', '.join(f.value for f in Feed)}")
    for table in (head, line):
        table.refuse_unknown()
    return protocol


def _shape(top: TomlTable) -> FrameShape:
    table = top.table("frame")
    nothing: int | None = None
    shape = FrameShape(
        start=table.need("start", _octets, b"\x02", "start = [0x02]"),
        end=table.take("end", _octets, b""),
        length=table.take("length", whole(2, FRAME_BYTES_MAX, "bytes"), nothing),
        length_at=table.take("length_at", whole(0, 15), nothing),
        length_adds=table.take("length_adds", whole(0, 64, "bytes"), 0),
        bytes_max=table.take("bytes_max", whole(4, FRAME_BYTES_MAX, "bytes"), FRAME_BYTES_MAX),
        separator=table.take("separator", _octets, b""),
    )
    ways = [shape.length is not None, shape.length_at is not None]
    if sum(ways) == 2:
        table.problem("length_at", "the length is given twice", "Keep length or length_at")
    if not any(ways) and not shape.end:
        table.problem("end", "nothing says where a frame ends", "Write length, length_at, or end = [0x0D, 0x0A]")
    if shape.length is not None and shape.length <= len(shape.start) + len(shape.end):
        table.problem("length", f"{shape.length} bytes leave no room between start and end", "Count the whole frame")
    table.refuse_unknown()
    return shape


def _checksum(top: TomlTable, shape: FrameShape) -> Checksum:
    table = top.table("checksum")
    checksum = Checksum(
        kind=table.need("kind", one_of({k.value: k for k in ChecksumKind}), ChecksumKind.NONE, 'kind = "xor8"'),
        first=table.take("first", whole(0, 64), 0),
        last=table.take("last", whole(-64, 64), -2),
        at=table.take("at", whole(-64, 64), -1),
        is_hex=table.take("is_hex", one_of_truths, False),
        set_bits=table.take("set_bits", whole(0, 0xFF), 0),
        mark=table.take("mark", _octets, b""),
    )
    if checksum.kind is not ChecksumKind.NONE and checksum.at < 0 and -checksum.at < checksum.byte_count:
        table.problem(
            "at", f"{checksum.byte_count} bytes do not fit at {checksum.at}", "Count from the end: -1 is last"
        )
    if shape.length is not None and max(abs(checksum.at), abs(checksum.last), checksum.first) > shape.length:
        table.problem("at", "the checksum lies outside of the frame", f"The frame has {shape.length} bytes")
    table.refuse_unknown()
    return checksum


def _field(row: TomlTable, shape: FrameShape) -> FrameField:
    kind = row.need("kind", one_of({k.value: k for k in FieldKind}), FieldKind.UINT8, 'kind = "uint8"')
    feeds = row.take("feeds", one_of({f.value: f for f in Feed}), None)
    bits = _bits(row, kind)
    nothing: int | None = None
    codes, words = _meanings(row, kind, feeds)
    field = FrameField(
        name=row.need("name", text(r"[a-z0-9_]{1,40}", "1 to 40 of a-z 0-9 _"), "", 'name = "floor"'),
        kind=kind,
        at=row.take("at", whole(0, FRAME_BYTES_MAX - 1), nothing),
        part=row.take("part", whole(0, PARTS_MAX - 1), nothing),
        bit_first=bits.start,
        bit_count=len(bits),
        scale=row.take("scale", number(1e-6, 1e6, ""), 1.0),
        minimum=row.take("minimum", number(-1e9, 1e9, ""), None),
        maximum=row.take("maximum", number(-1e9, 1e9, ""), None),
        codes=codes,
        words=words,
        feeds=feeds,
        is_inverted=row.take("is_inverted", one_of_truths, False),
        note=row.take("note", _SOME_TEXT, ""),
    )
    _refuse_misplaced(row, field, shape)
    _refuse_misfit(row, field)
    row.refuse_unknown()
    return field


def _bits(row: TomlTable, kind: FieldKind) -> range:
    match kind:
        case FieldKind.BIT:
            first = row.need("bit", whole(0, 7), 0, "bit = 3")
            return range(first, first + 1)
        case FieldKind.BITS:
            return row.need("bits", _bit_range, range(8), "bits = [0, 3]")
        case FieldKind.ENUM:
            return row.take("bits", _bit_range, range(8))
        case _:
            return range(8)


def _meanings(
    row: TomlTable, kind: FieldKind, feeds: Feed | None
) -> tuple[tuple[tuple[int, Meaning], ...], tuple[tuple[str, Meaning], ...]]:
    if kind not in (FieldKind.ENUM, FieldKind.WORD):
        return (), ()
    if not row.has("values"):
        row.problem(
            "values", "a code without values means nothing", 'Write values = { 0x40 = "open", 0x41 = "closed" }'
        )
        return (), ()
    table = row.table("values")
    known = MEANINGS_OF_FEED.get(feeds) if feeds is not None else None
    check = one_of(known) if known is not None else None
    codes: list[tuple[int, Meaning]] = []
    words: list[tuple[str, Meaning]] = []
    for key in table.given_keys():
        meaning: Meaning = ""
        if check is not None and known is not None:
            meaning = table.take(key, check, next(iter(known.values())))
        else:
            meaning = table.take(key, text(r"[ -~]{1,4}", "1 to 4 letters, digits or signs of ASCII"), "")
        if kind is FieldKind.WORD:
            words.append((key, meaning))
            continue
        try:
            code = int(key, 0)
        except ValueError:
            code = -1
        if 0 <= code <= 0xFF:
            codes.append((code, meaning))
        else:
            table.problem(key, f"{key} is no code of a byte", "Codes are 0 to 255, or 0x00 to 0xff")
    return tuple(codes), tuple(words)


def _refuse_misplaced(row: TomlTable, field: FrameField, shape: FrameShape) -> None:
    if (field.at is None) == (field.part is None):
        row.problem("at", "a field stands at a byte or in a part, one of the two", "Write at = 3, or part = 2")
    if (field.kind in _OF_PARTS) != (field.part is not None):
        row.problem("kind", f'kind = "{field.kind.value}" does not go with its place', "Parts: number, word, text")
    if field.part is not None and not shape.separator:
        row.problem("part", "[frame] names no separator", 'Write separator = [0x2C] for ","')
    if field.at is not None and shape.length is not None and field.at >= shape.length:
        row.problem("at", f"byte {field.at} lies behind the frame of {shape.length} bytes", "The first byte is 0")


def _refuse_misfit(row: TomlTable, field: FrameField) -> None:
    if field.feeds is None:
        return
    fits = (
        (field.feeds in _NUMBER_FEEDS and field.kind in _NUMBERS)
        or (field.feeds in _TRUTH_FEEDS and field.kind is FieldKind.BIT)
        or (field.kind in (FieldKind.ENUM, FieldKind.WORD) and field.feeds not in (Feed.SPEED, Feed.LOAD, Feed.FAULT))
        or (field.kind is FieldKind.TEXT and field.feeds is Feed.FLOOR)
    )
    if not fits:
        row.problem(
            "feeds", f'kind = "{field.kind.value}" cannot feed {field.feeds.value}', "See the table in docs/drivers.md"
        )
    if field.feeds in (Feed.SPEED, Feed.LOAD) and (field.minimum is None or field.maximum is None):
        row.problem(
            "feeds",
            f"{field.feeds.value} has no bounds, so a wrong value could not be told from a right one",
            "Write minimum = and maximum =",
        )


def _octets(key: str, value: object) -> bytes:
    octets = [octet for octet in value if isinstance(octet, int)] if isinstance(value, list) else []
    if isinstance(value, list) and 1 <= len(value) <= 8 and len(octets) == len(value):
        try:
            return bytes(octets)
        except ValueError:
            pass
    raise Unfit(f"{key} must be a list of 1 to 8 bytes", f"Write for example: {key} = [0x0D, 0x0A]")


def _baud_rate(key: str, value: object) -> int:
    if value in BAUD_RATES and isinstance(value, int) and not isinstance(value, bool):
        return value
    raise Unfit(f"{key} = {value} is no baud rate", f"Allowed: {', '.join(map(str, BAUD_RATES))}")


def _bit_range(key: str, value: object) -> range:
    match value:
        case [int() as first, int() as last] if 0 <= first <= last < 8:
            return range(first, last + 1)
        case _:
            raise Unfit(f"{key} must be two bit numbers", "Write the lowest and the highest bit, such as bits = [0, 3]")
