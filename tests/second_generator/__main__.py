"""Command line: writes recordings of every case family into a folder."""

from __future__ import annotations

import argparse
import time
import zlib
from pathlib import Path

import numpy as np

from .families import FAMILIES
from .output import write


def main() -> None:
    """Write the recordings and say what was written."""
    parser = argparse.ArgumentParser(prog="python -m tests.second_generator")
    parser.add_argument("outdir", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=1, help="recordings per family")
    parser.add_argument("--only", help="families whose name starts so")
    args = parser.parse_args()
    names = [n for n in FAMILIES if not args.only or n.startswith(args.only)]
    if not names:
        parser.error(f"no such family; there are: {', '.join(FAMILIES)}")
    for name in names:
        for k in range(args.count):
            seed = args.seed + k
            began = time.perf_counter()
            story = FAMILIES[name](name, np.random.default_rng([seed, zlib.crc32(name.encode())]))
            length_s = write(story, args.outdir / f"{name}_{seed}")
            rate = story.equip.sensor.nominal_hz
            print(f"{name}_{seed}: {length_s:.0f} s at {rate:g} Hz in {time.perf_counter() - began:.1f} s")


if __name__ == "__main__":
    main()
