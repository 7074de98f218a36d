"""Reads what count.c has written.

`counted.py core FILE` with core.py's words on standard input prints the cost of a second of each part.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

FRAMES_A_SECOND = 20
PARTS = {10: "a busy lift", 20: "a parked lift"}
YARDSTICK = 30


@dataclass(frozen=True, slots=True)
class Count:
    """Of one thread since its start."""

    instructions: int
    calls: int


@dataclass(frozen=True, slots=True)
class Look:
    """All threads at one moment. name: "tick", "end", "mark-10"; threads: by the kernel's number."""

    name: str
    ms: int
    threads: Mapping[int, Count]


def looks(lines: Iterable[str]) -> list[Look]:
    """In order. A line that was cut off ends them. Raises ValueError on lines of another kind."""
    rows = [line.split() for line in lines if line.endswith("\n")]
    found = []
    for (name, ms), group in groupby(rows, key=lambda row: (row[0], row[1])):
        threads = {int(tid): Count(int(instructions), int(calls)) for _, _, _, tid, instructions, calls in group}
        found.append(Look(name, int(ms), threads))
    return found


def between(first: Look, last: Look) -> dict[int, Count]:
    """What each thread did between two looks; one that began in between counts from its start."""
    none = Count(0, 0)
    return {
        tid: Count(
            after.instructions - first.threads.get(tid, none).instructions,
            after.calls - first.threads.get(tid, none).calls,
        )
        for tid, after in last.threads.items()
    }


def _core(path: Path) -> None:
    told = sys.stdin.read().splitlines()  # its end is the end of the program: only then is the file whole
    marks = {look.name: look for look in looks(path.read_text(encoding="ascii").splitlines(keepends=True))}
    for line in told:
        word, number, seconds = line.split()
        if word != "seconds":
            raise ValueError(line)
        done = between(marks[f"mark-{number}"], marks[f"mark-{int(number) + 1}"]).values()
        millions = sum(count.instructions for count in done) / 1e6 / float(seconds)
        if int(number) == YARDSTICK:
            print(f"yardstick: {millions:.2f} million instructions a round")
            continue
        print(
            f"core, {PARTS[int(number)]}, {seconds} s at 400 Hz: {millions:.1f} million instructions a second, "
            f"{millions / FRAMES_A_SECOND * 1000:.0f} thousand a frame of 50 ms"
        )


if __name__ == "__main__":
    _core(Path(sys.argv[2]))
