"""A register log: what was read of an unknown controller, block by block over time. Pure; one JSON list a line.

    [t_ns, "holding", address, [word, word, ...]]

t_ns: time since boot at which the answer was there, on the clock of the readings, so that a log and a recording made
together fit each other. Lines are in order of time. Bound: `READS_MAX` lines.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from drivers.register_map import REGISTERS_PER_READ_MAX, Table
from edge_agent.errors import RecordingError

READS_MAX = 200_000
_TABLES = {table.name.lower(): table for table in Table}


@dataclass(frozen=True, slots=True)
class RegisterRead:
    """One answered read: `words` of a table from `address` on."""

    t_ns: int
    table: Table
    address: int
    words: tuple[int, ...]


def log_lines(reads: Iterable[RegisterRead]) -> Iterable[str]:
    """The lines of the file, without line ends."""
    for read in reads:
        yield json.dumps([read.t_ns, read.table.name.lower(), read.address, list(read.words)], separators=(",", ":"))


def reads_from(text: str, subject: str) -> tuple[RegisterRead, ...]:
    """The reads in a file's text; a last line without its end is a torn one and left out. Raises RecordingError."""
    lines = text.split("\n")[:-1]
    if len(lines) > READS_MAX:
        raise RecordingError(f"{len(lines)} lines; at most {READS_MAX}", subject=subject, hint="Make a shorter log")
    reads = tuple(_read_from(line, f"{subject}:{number}") for number, line in enumerate(lines, start=1))
    for number, (before, after) in enumerate(pairwise(reads), start=2):
        if after.t_ns < before.t_ns:
            raise RecordingError("goes back in time", subject=f"{subject}:{number}", hint="Is it one log?")
    return reads


def _read_from(line: str, subject: str) -> RegisterRead:
    try:
        match json.loads(line):
            case [int() as t_ns, str() as name, int() as address, [*words]] if name in _TABLES:
                table = _TABLES[name]
                most = 1 if table.is_of_bits else 0xFFFF
                is_whole = all(type(word) is int and 0 <= word <= most for word in words)
                fits = 1 <= len(words) <= REGISTERS_PER_READ_MAX and 0 <= address <= 0x10000 - len(words)
                if is_whole and fits and t_ns >= 0:
                    return RegisterRead(t_ns, table, address, tuple(words))
    except (json.JSONDecodeError, RecursionError):
        pass
    raise RecordingError("is no line of a register log", subject=subject, hint='Expected: [t_ns,"holding",4096,[0,1]]')
