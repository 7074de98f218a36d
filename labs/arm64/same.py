"""Compares what two processors concluded from the same recordings, line by line and byte by byte.

`same.py FILE FILE`. Alarms must be the same in every byte. Where another line differs only in numbers, the largest
difference is told by the name of the number. Exit status: 0 the alarms and their order are the same, 1 not.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path

SHOWN_MAX = 10


@dataclass(slots=True)
class Comparison:
    """Of all lines. numbers: by name, how often one differs and by how much at the most."""

    lines: Counter[str] = field(default_factory=Counter)
    different: Counter[str] = field(default_factory=Counter)
    numbers: dict[str, tuple[int, float]] = field(default_factory=dict)
    shown: list[str] = field(default_factory=list)

    @property
    def is_same_alarms(self) -> bool:
        return self.lines["alarm"] > 0 and not self.different["alarm"] and not self.different["other"]


def sort_of(line: str) -> str:
    """alarm, trip, state or recording; "other" for what is no line of the replay."""
    try:
        told = json.loads(line)
    except ValueError:
        return "other"
    return "alarm" if "kind" in told else str(told.get("record", "other"))


def compare(one: list[str], two: list[str]) -> Comparison:
    found = Comparison()
    for left, right in zip_longest(one, two, fillvalue=""):
        sort = sort_of(left)
        found.lines[sort] += 1
        if left == right:
            continue
        found.different[sort if sort_of(right) == sort else "other"] += 1
        if len(found.shown) < SHOWN_MAX:
            found.shown += [f"- {left}", f"+ {right}"]
        if sort != "other" and sort_of(right) == sort:
            _note_numbers(json.loads(left), json.loads(right), found)
    return found


def _note_numbers(left: dict[str, object], right: dict[str, object], found: Comparison) -> None:
    for name in left.keys() | right.keys():
        one, two = left.get(name), right.get(name)
        if one == two:
            continue
        if isinstance(one, dict) and isinstance(two, dict):
            _note_numbers(one, two, found)
            continue
        try:
            apart = abs(float(str(one)) - float(str(two)))
        except ValueError:
            apart = float("inf")
        times, most = found.numbers.get(name, (0, 0.0))
        found.numbers[name] = times + 1, max(most, apart)


def main() -> int:
    one, two = (Path(name).read_text(encoding="utf-8").splitlines() for name in sys.argv[1:3])
    found = compare(one, two)
    for sort, count in sorted(found.lines.items()):
        print(f"{count} lines of {sort}: {found.different[sort]} differ")
    for name, (times, most) in sorted(found.numbers.items()):
        print(f"  {name}: {times} times, by at most {most:g}")
    for line in found.shown:
        print(line[:300])
    print("the alarms are the same" if found.is_same_alarms else "THE ALARMS DIFFER")
    return 0 if found.is_same_alarms else 1


if __name__ == "__main__":
    sys.exit(main())
