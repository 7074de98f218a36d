"""What a benchmark gives back: tables of figures with their spread, and how they are printed."""

from __future__ import annotations

import os
import platform
import sqlite3
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from statistics import median
from typing import TypeVar

import numpy as np

T = TypeVar("T")

BUDGET_S = 12.0
ROUNDS_MIN = 2


class Scale(Enum):
    """How long a benchmark may take. TINY shows that it works; its figures mean nothing."""

    FULL = "full"
    TINY = "tiny"

    def of(self, full: T, tiny: T) -> T:
        """The value for this scale."""
        return full if self is Scale.FULL else tiny


@dataclass(frozen=True, slots=True)
class Row:
    """One contender. A cell holds the figure of each round; an empty one was not measured."""

    name: str
    cells: tuple[Sequence[float], ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Columns carry their unit in the name. notes: what must be known to read the figures."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """All tables of one benchmark, and what was left out with the reason."""

    tables: tuple[Table, ...]
    skipped: tuple[str, ...] = ()


def interleaved(
    rounds: int, contenders: Mapping[str, Callable[[], T]], budget_s: float = BUDGET_S
) -> dict[str, list[T]]:
    """The answers of all contenders, one after the other in each round, so that noise of the machine meets them all.

    One further round comes first and is thrown away. After `budget_s` on a busy machine there are fewer rounds than
    asked for, two at least.
    """
    answers: dict[str, list[T]] = {name: [] for name in contenders}
    end_s = time.monotonic() + budget_s
    for number in range(rounds + 1):
        if number > ROUNDS_MIN and time.monotonic() > end_s:
            break
        for name, contender in contenders.items():
            answer = contender()
            if number > 0:
                answers[name].append(answer)
    return answers


def ratios(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """Round by round."""
    return [a / b if b else float("nan") for a, b in zip(above, below, strict=True)]


def rendered(table: Table) -> str:
    """The table as text: median, and in brackets smallest and largest where there were several rounds."""
    grid = [("", *table.columns)]
    grid += [(row.name, *(_shown(cell) for cell in row.cells)) for row in table.rows]
    widths = [max(len(line[column]) for line in grid) for column in range(len(grid[0]))]
    lines = [table.title, "-" * len(table.title)]
    for line in grid:
        first, *rest = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        lines.append("  ".join([first, *rest]).rstrip())
    lines += [f"  {note}" for note in table.notes]
    return "\n".join(lines)


def _shown(cell: Sequence[float]) -> str:
    if not cell:
        return "-"
    if len(cell) == 1:
        return number_words(cell[0])
    return f"{number_words(median(cell))} ({number_words(min(cell))}-{number_words(max(cell))})"


def number_words(value: float) -> str:
    """Three significant digits, thousands apart."""
    if value != value:
        return "-"
    if abs(value) >= 1000:
        digits = len(str(int(abs(value))))
        return f"{round(value, 3 - digits):,.0f}".replace(",", " ")
    if value == int(value):
        return str(int(value))
    return f"{value:.3g}"


def machine_line() -> str:
    """What the figures were measured on, and how busy it was."""
    load = f"load average {os.getloadavg()[0]:.1f}"
    return (
        f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, {load}; "
        f"Python {platform.python_version()}, numpy {np.__version__}, SQLite {sqlite3.sqlite_version}"
    )


def command_line(names: Sequence[str]) -> str:
    """How to get these figures again."""
    return " ".join(["python", "-m", "benchmarks", *names])


def _processor() -> str:
    """As the kernel names it: `model name` on PCs, the board's model on a Pi."""
    board = Path("/proc/device-tree/model")
    if board.exists():
        return board.read_text(encoding="ascii", errors="replace").strip("\0\n")
    cpuinfo = Path("/proc/cpuinfo")
    if sys.platform == "linux" and cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
