"""`lift-sim world`: many small worlds, each from one seed, each checked against the same invariants."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from sim.library import load_scenario, scenario_names
from sim.scenario import play
from sim.world import World, WorldReport


def run_worlds(names: Sequence[str], *, seed: int, seeds: int, is_rough: bool) -> int:
    """Run each scenario in `seeds` worlds; 1 if an invariant was broken anywhere."""
    broken = 0
    count = 0
    for name in names or scenario_names():
        scenario = load_scenario(name)
        for number in range(seed, seed + seeds):
            with tempfile.TemporaryDirectory(prefix="lift-world-") as folder:
                report = World(play(scenario, number), number, Path(folder), is_rough=is_rough).run()
            count += 1
            broken += bool(report.problems)
            print(_line(report))
            for problem in report.problems:
                print(f"       {problem}")
    if broken:
        print(f"{broken} of {count} worlds broke an invariant", file=sys.stderr)
    return 1 if broken else 0


def _line(report: WorldReport) -> str:
    drained = "never" if report.drained_s is None else f"{report.drained_s:.1f} s"
    return (
        f"{'FAIL' if report.problems else 'ok  '} {report.name} (seed {report.seed}): {report.raised_count} raised, "
        f"{report.stored_count} records stored, {report.request_count} requests of which {report.failed_count} failed, "
        f"{report.death_count} deaths, drained after {drained}"
    )
