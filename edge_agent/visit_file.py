"""The maintenance visit that is under way, kept so that neither a restart nor a power cut loses it or its end.

One file in the state folder, replaced whole. A file that cannot be read is no visit: alarms are raised.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from edge_agent.durable_file import replace_file

FILE = "visit.json"
BYTES_MAX = 16_384

Signs = tuple[tuple[str, int | float], ...]


@dataclass(frozen=True, slots=True)
class Ending:
    """How a visit ended; kept until its record is committed. act: of `VisitAct`; the items are those of the list."""

    act: int
    lasted_s: int
    done: tuple[int, ...]
    faulty: tuple[int, ...]
    remark: str
    signs: Signs


@dataclass(frozen=True, slots=True)
class KeptVisit:
    """A visit. elapsed_s: at the last writing; at_ns and boot: when that was; wall_ms: the wall time then, if known.

    is_told: the record of its beginning is committed. before: what was measured before it.
    """

    number: int
    person: str
    minutes: int
    checklist: str
    digest: str  # of the checklist, as hex
    count: int  # of its items
    boot: str
    at_ns: int
    wall_ms: int | None = None
    elapsed_s: float = 0.0
    is_told: bool = False
    before: Signs = ()
    ending: Ending | None = None

    def elapsed_at(self, boot: str, now_ns: int, wall_ms: int | None) -> float:
        """Seconds since the visit began; over a restart of the machine only as far as a clock can tell."""
        if boot == self.boot and now_ns >= self.at_ns:
            return self.elapsed_s + (now_ns - self.at_ns) / 1e9
        if wall_ms is not None and self.wall_ms is not None:
            return self.elapsed_s + max(0.0, (wall_ms - self.wall_ms) / 1e3)
        return self.elapsed_s

    def at(self, boot: str, now_ns: int, wall_ms: int | None) -> KeptVisit:
        """The same, counted on to now."""
        elapsed_s = self.elapsed_at(boot, now_ns, wall_ms)
        return replace(self, elapsed_s=elapsed_s, boot=boot, at_ns=now_ns, wall_ms=wall_ms)


@dataclass(frozen=True, slots=True)
class Visits:
    """number: of the last visit, 0: none yet. now: the one under way, or whose end is not committed."""

    number: int = 0
    now: KeptVisit | None = None


def write_visits(folder: Path, visits: Visits) -> None:
    """Replace the file. Raises OSError; then the old one stands."""
    replace_file(folder / FILE, json.dumps(asdict(visits), ensure_ascii=False) + "\n")


def read_visits(folder: Path) -> Visits:
    """What the file holds; no visit where it cannot be read."""
    try:
        with (folder / FILE).open("rb") as file:
            tree = json.loads(file.read(BYTES_MAX))
        return _visits_from(tree)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return Visits()


def _visits_from(tree: dict[str, object]) -> Visits:
    number, now = tree["number"], tree["now"]
    if type(number) is not int or not 0 <= number < 1 << 32:
        raise ValueError("no number of a visit")
    if now is None:
        return Visits(number)
    if not isinstance(now, dict):
        raise TypeError("no visit")
    ending = now.pop("ending")
    visit = KeptVisit(**{**now, "before": _signs(now["before"])})
    numbers = (visit.elapsed_s, visit.at_ns, visit.minutes, visit.number, visit.count)
    texts = (visit.person, visit.checklist, visit.digest, visit.boot)
    if not all(isinstance(each, int | float) for each in numbers) or not all(isinstance(each, str) for each in texts):
        raise TypeError("no visit")
    if ending is not None:
        lists = {name: tuple(int(item) for item in ending[name]) for name in ("done", "faulty")}
        visit = replace(visit, ending=Ending(**{**ending, **lists, "signs": _signs(ending["signs"])}))
    return Visits(number, visit)


def _signs(rows: object) -> Signs:
    if not isinstance(rows, list):
        raise TypeError("no measurements")
    return tuple((str(name), value + 0) for name, value in rows)
