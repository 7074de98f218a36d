"""The items of a maintenance visit: the list in its file form, its digest, item numbers as bits and as written.

A record names a list by its digest and its items by number: their texts stay here (docs/wire.md).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

from edge_agent.errors import SettingsError
from edge_agent.toml_table import ProblemList, TomlTable, text
from edge_agent.toml_text import text_of, toml_from

ITEMS_MAX = 128  # a bit each in 16 bytes. Source: edge_agent/alarm.cddl, item-bits
DIGEST_BYTES = 8
_LINE = text(r"[^\x00-\x1f\x7f]{1,120}", "one line of 1 to 120 characters")


@dataclass(frozen=True, slots=True)
class Checklist:
    """Items in English and Chinese. name: of a list that comes with the agent, or the path of a file."""

    name: str
    title: tuple[str, str]
    source: str
    items: tuple[tuple[str, str], ...]

    @property
    def digest(self) -> bytes:
        """What names these items in a record."""
        plain = json.dumps([list(item) for item in self.items], ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(plain.encode()).digest()[:DIGEST_BYTES]


def checklist_from(raw: bytes, name: str) -> Checklist:
    """The list in the bytes of a file. Raises SettingsError with the line."""
    toml = toml_from(text_of(raw, name), name, "Expected: [title], [source] and [[item]] with en and zh")
    problems = ProblemList(name, toml.lines)
    top = TomlTable(toml.values, (), problems)
    title, source = top.table("title"), top.table("source")
    found = Checklist(
        name,
        _both(title),
        source.take("text", _LINE, ""),
        tuple(_both(item) for item in top.tables("item", ITEMS_MAX)),
    )
    if not found.items:
        top.problem("item", "the list has no items", 'Write for example: [[item]], en = "Pit: dry", zh = "底坑：干燥"')
    for table in (top, title, source):
        table.refuse_unknown()
    for mistake in problems.in_order_of_lines():
        raise mistake
    return found


def _both(table: TomlTable) -> tuple[str, str]:
    both = table.need("en", _LINE, "", 'en = "Pit: dry"'), table.need("zh", _LINE, "", 'zh = "底坑：干燥"')
    table.refuse_unknown()
    return both


def bits_of(numbers: Iterable[int]) -> bytes:
    """Item numbers, from 1, as bits; lowest first."""
    wanted = set(numbers)
    if not wanted:
        return b""
    bits = bytearray((max(wanted) + 7) // 8)
    for number in wanted:
        bits[(number - 1) // 8] |= 1 << (number - 1) % 8
    return bytes(bits)


def numbers_of(bits: bytes) -> tuple[int, ...]:
    """The reverse of `bits_of`, ascending."""
    return tuple(8 * at + bit + 1 for at, byte in enumerate(bits) for bit in range(8) if byte >> bit & 1)


def numbers_in(words: str, count: int) -> tuple[int, ...]:
    """Item numbers as a person writes them: "1-12,15", "all", "". Raises SettingsError for what is none of 1..count."""
    if words == "all":
        return tuple(range(1, count + 1))
    found: set[int] = set()
    for part in words.replace("，", ",").split(","):
        if not part.strip():
            continue
        first, dash, last = part.strip().partition("-")
        ends = (first, last if dash else first)
        if not all(end.strip().isdecimal() and len(end.strip()) <= 3 for end in ends):
            raise _no_item(part, count)
        low, high = (int(end) for end in ends)
        if not 1 <= low <= high <= count:
            raise _no_item(part, count)
        found.update(range(low, high + 1))
    return tuple(sorted(found))


def _no_item(part: str, count: int) -> SettingsError:
    return SettingsError(
        f"{part.strip()!r} is no item of a list of {count}", subject="items", hint="Write for example: 1-12,15 or: all"
    )
