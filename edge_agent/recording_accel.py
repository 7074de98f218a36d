"""Reads `accel.csv`: numpy takes whole pieces of the file; a piece it refuses is read again line by line."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge_agent.errors import RecordingError
from edge_agent.readings import AccelFrame
from edge_agent.recording_meta import T_S_MAX

ACCEL_COLUMNS = "t_s,ax,ay,az"
BLOCK_NS = 1_000_000_000  # longest block handed on
_PIECE_BYTES = 1 << 20
_LINE_BYTES_MAX = 2 * _PIECE_BYTES
VALUE_MPS2_MAX = 1e6  # a hundred thousand g: no accelerometer, but a wrong unit or a wrong column

Rows = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Break:
    """The file is broken here: nothing after `t_ns` can be believed."""

    t_ns: int
    error: RecordingError


def accel_frames(path: Path) -> Iterator[AccelFrame | Break]:
    """The samples of one file in blocks of at most a second, cut at whole seconds; at most one `Break`, at the end.

    Samples of the same printed time are moved apart by 1 ns each. Raises RecordingError where the file cannot be
    opened or its first line is not `t_s,ax,ay,az`.
    """
    last_ns: int | None = None
    for rows, problem in _pieces(path):
        if len(rows):
            times_ns = _strictly_ascending(nanoseconds(rows[:, 0]), last_ns)
            last_ns = int(times_ns[-1])
            yield from _blocks(times_ns, np.ascontiguousarray(rows[:, 1:]))
        if problem is not None:
            t_ns = problem.t_ns if last_ns is None else max(problem.t_ns, last_ns)
            yield Break(t_ns, problem.error)
            return


def nanoseconds(t_s: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Times of a file as capture times."""
    return np.rint(t_s * 1e9).astype(np.int64)


def line_error(path: Path, line: int, problem: str, hint: str) -> RecordingError:
    """The error of one line of a file."""
    return RecordingError(problem, subject=f"{path}:{line}", hint=hint)


def unreadable(path: Path, error: OSError) -> RecordingError:
    """The error of a file that cannot be opened or read."""
    return RecordingError(
        f"cannot be read: {error.strerror}", subject=str(path), hint="A recording needs meta.toml and accel.csv"
    )


def header_error(path: Path, columns: str) -> RecordingError:
    """The error of a file whose first line does not name the columns."""
    return line_error(path, 1, "the first line does not name the columns", f"Expected: {columns}")


def _strictly_ascending(times_ns: npt.NDArray[np.int64], last_ns: int | None) -> npt.NDArray[np.int64]:
    steps = np.arange(len(times_ns), dtype=np.int64)
    free_ns = times_ns - steps
    if last_ns is not None:
        free_ns[0] = max(int(free_ns[0]), last_ns + 1)
    return np.maximum.accumulate(free_ns) + steps


def _blocks(times_ns: npt.NDArray[np.int64], samples_mps2: Rows) -> Iterator[AccelFrame]:
    cuts = np.flatnonzero(np.diff(times_ns // BLOCK_NS)) + 1
    for start, end in zip([0, *cuts], [*cuts, len(times_ns)], strict=True):
        yield AccelFrame(times_ns[start:end], samples_mps2[start:end])


def _pieces(path: Path) -> Iterator[tuple[Rows, Break | None]]:
    """Rows of the file piece by piece; a problem ends them."""
    before_s = -math.inf
    try:
        with path.open("rb") as file:
            header = file.readline(_PIECE_BYTES).removeprefix(b"\xef\xbb\xbf")
            if [name.strip() for name in header.decode("utf-8", "replace").split(",")] != ACCEL_COLUMNS.split(","):
                raise header_error(path, ACCEL_COLUMNS)
            line = 2
            rest = b""
            is_at_end = False
            while not is_at_end:
                read = file.read(_PIECE_BYTES)
                is_at_end = not read
                text = rest + read
                end = len(text) if is_at_end else text.rfind(b"\n") + 1
                if not end and len(text) < _LINE_BYTES_MAX:
                    rest = text
                    continue
                piece, rest = text[: end or len(text)], text[end or len(text) :]
                rows, problem = _read_piece(path, piece, line, before_s)
                yield rows, problem
                if problem is not None:
                    return
                line += piece.count(b"\n")
                before_s = float(rows[-1, 0]) if len(rows) else before_s
    except OSError as error:
        raise unreadable(path, error) from error


def _read_piece(path: Path, piece: bytes, line: int, before_s: float) -> tuple[Rows, Break | None]:
    if not piece.strip():
        return np.empty((0, 4)), None
    rows = _bulk(piece, before_s)
    return (rows, None) if rows is not None else _careful(path, piece, line, before_s)


def _bulk(piece: bytes, before_s: float) -> Rows | None:
    """All rows at once; None where anything is wrong with any of them."""
    try:
        rows: Rows = np.loadtxt(io.BytesIO(piece), delimiter=",", comments=None, ndmin=2, encoding="ascii")
    except (ValueError, UnicodeDecodeError):
        return None
    if rows.shape[1] != 4 or not np.isfinite(rows).all():
        return None
    t_s = rows[:, 0]
    is_ascending = t_s[0] >= before_s and (t_s[1:] >= t_s[:-1]).all()
    is_in_range = abs(t_s[0]) <= T_S_MAX and abs(t_s[-1]) <= T_S_MAX and np.abs(rows[:, 1:]).max() <= VALUE_MPS2_MAX
    return rows if is_ascending and is_in_range else None


def _careful(path: Path, piece: bytes, line: int, before_s: float) -> tuple[Rows, Break | None]:
    """Row by row: the rows before the first broken line, and that line's problem (None if there is none)."""
    good: list[list[float]] = []
    for number, row in enumerate(piece.split(b"\n"), start=line):
        if not row.strip():
            continue
        values, problem = _row(row)
        if problem is None and values[0] < before_s:
            problem = f"time goes back from {before_s:.12g} s to {values[0]:.12g} s"
        if problem is not None:
            is_time_known = bool(values) and values[0] >= before_s
            t_s = values[0] if is_time_known else before_s
            error = line_error(path, number, problem, f"Expected {ACCEL_COLUMNS} in s and m/s2, times ascending")
            return _array(good), Break(_ns_or_start(t_s), error)
        good.append(values)
        before_s = values[0]
    return _array(good), None


def _row(row: bytes) -> tuple[list[float], str | None]:
    """The values that can be read, from the left, and what is wrong with the row."""
    cells = row.decode("utf-8", "replace").split(",")
    values: list[float] = []
    for cell in cells:
        value = number_of(cell)
        largest = VALUE_MPS2_MAX if values else T_S_MAX
        if value is None or abs(value) > largest:
            return values, f'"{cell.strip()[:40]}" is no number that can stand here'
        values.append(value)
    return values, None if len(cells) == 4 else f"{len(cells)} columns instead of 4"


def number_of(cell: str) -> float | None:
    """A finite decimal number, or None."""
    if "_" in cell:
        return None
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _ns_or_start(t_s: float) -> int:
    return round(t_s * 1e9) if math.isfinite(t_s) else -(1 << 62)


def _array(rows: list[list[float]]) -> Rows:
    return np.array(rows, dtype=np.float64).reshape(-1, 4)
