"""Recordings of the second generator, replayed and judged: what was missed, and what was false."""

from __future__ import annotations

import pkgutil
import zlib
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path

import numpy as np

from edge_agent.alarms import AlarmKind
from edge_agent.catalogue import CATALOGUE
from edge_agent.detect import rules
from edge_agent.recording import Recording
from edge_agent.recording_truth import Verdict, judge, read_truth, standings
from tests.detect.scenes import GRAVE, concluded
from tests.second_generator.families import FAMILIES
from tests.second_generator.output import write


@cache
def implemented_kinds() -> frozenset[AlarmKind]:
    """Kinds for which a rule exists: every class in the rules' rooms that has a kind of its own."""
    found = set()
    for module in pkgutil.iter_modules(rules.__path__):
        for value in vars(import_module(f"{rules.__name__}.{module.name}")).values():
            kind = getattr(value, "kind", None)
            if isinstance(value, type) and isinstance(kind, AlarmKind):
                found.add(kind)
    return frozenset(found)


@dataclass(frozen=True)
class Judgement:
    """Of one recording. Sentences begin with the name of the alarm."""

    name: str
    verdict: Verdict

    @property
    def missed(self) -> list[str]:
        """Demanded alarms of implemented kinds that were not raised in time."""
        names = {kind.public_name for kind in implemented_kinds()}
        return [sentence for sentence in self.verdict.missed if sentence.split()[0] in names]

    @property
    def false(self) -> list[str]:
        return list(self.verdict.false)

    @property
    def grave(self) -> list[str]:
        """False ones that somebody would be sent out for at once."""
        names = {kind.public_name for kind, row in CATALOGUE.items() if row.severity in GRAVE}
        return [sentence for sentence in self.verdict.false if sentence.split()[0] in names]

    @property
    def problems(self) -> list[str]:
        """Missed and gravely false alarms by name, for comparison with a list of known ones."""
        return sorted(
            {f"missed {sentence.split()[0]}" for sentence in self.missed}
            | {f"false {sentence.split()[0]}" for sentence in self.grave}
        )

    @property
    def wrong_directions_count(self) -> int:
        return sum(errors.is_direction_wrong for errors in self.verdict.trip_errors)


def generated(family: str, seed: int, folder: Path) -> Recording:
    """Write one recording into the folder and open it."""
    name = f"{family}_{seed}"
    story = FAMILIES[family](family, np.random.default_rng([seed, zlib.crc32(family.encode())]))
    write(story, folder / name)
    return Recording.open(folder / name)


def judged(family: str, seed: int, folder: Path) -> Judgement:
    """Write one recording into the folder, replay it and compare it with its truth."""
    recording = generated(family, seed, folder)
    readings = list(recording)
    outcome = concluded(recording.meta.installation, readings)
    verdict = judge(
        read_truth(recording.path),
        standings(outcome.alarms),
        tuple(outcome.trips),
        readings[0].t_ns / 1e9,
        readings[-1].t_ns / 1e9,
    )
    return Judgement(recording.path.name, verdict)
