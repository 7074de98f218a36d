"""Writes the recordings that both processors are given: stories of the simulator, of the second generator, real lifts.

`golden.py FOLDER`. One recording a story, seeds fixed. Recordings of real lifts are those beside the project; without
them the others remain, and a line says so.
"""

from __future__ import annotations

import shutil
import sys
import zlib
from pathlib import Path

import numpy as np

from edge_agent.recording import recordings_in
from sim.cli_scenarios import record
from tests.second_generator.families import FAMILIES
from tests.second_generator.output import write

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "real"
STORIES = (
    "accelerometer-dies",
    "alarm-button",
    "box-moved",
    "controller-fault",
    "door-does-not-close",
    "door-held-open",
    "door-opens-in-motion",
    "door-reversals",
    "emergency-stop",
    "excessive-acceleration",
    "impact",
    "overspeed",
    "power-cut-entrapment",
    "re-levelling",
    "safety-gear",
    "stuck-at-landing",
    "stuck-between-landings",
    "stuck-on-unknown-lift",
    "stuck-without-presence-sensor",
    "unintended-movement",
    "unintended-slow-drift",
)
OF_THE_SECOND = (("no_contacts", 34), ("trapped_blind", 30), ("trapped_pir", 55), ("trapped_pir_ctrl", 12))


def main() -> None:
    folder = Path(sys.argv[1])
    for name in STORIES:
        record(name, folder / f"story-{name}", seed=1)
    for name, seed in OF_THE_SECOND:
        story = FAMILIES[name](name, np.random.default_rng([seed, zlib.crc32(name.encode())]))
        length_s = write(story, folder / f"second-{name}")
        print(f"second-{name}: {length_s:.0f} s")
    real = recordings_in(REAL) if REAL.is_dir() else ()
    for each in real:
        shutil.copytree(each, folder / f"real-{each.name}")
    print(f"{len(real)} recordings of real lifts" if real else "no recordings of real lifts beside the project")


if __name__ == "__main__":
    main()
