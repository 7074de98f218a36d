"""Runs the benchmarks by name, or all, and prints their tables. Exit: 0; 1 a part did not come up, 2 no such name."""

from __future__ import annotations

import argparse
import importlib
import time
from collections.abc import Callable, Sequence

from benchmarks.processes import BenchmarkTrouble
from benchmarks.report import Report, Scale, command_line, machine_line, rendered

NAMES = ("replay", "stages", "memory", "wire", "outbox", "modbus", "imports", "live", "daemon", "latency")
"""In the order in which they run: the busy ones first, then those that mostly wait."""


def benchmark(name: str) -> Callable[[Scale], Report]:
    """The `run` of one benchmark."""
    run: Callable[[Scale], Report] = importlib.import_module(f"benchmarks.{name}").run
    return run


def _summary(name: str) -> str:
    return (importlib.import_module(f"benchmarks.{name}").__doc__ or "").strip().splitlines()[0]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Medians, in brackets smallest and largest, of interleaved rounds. All: under six minutes.",
        epilog="Benchmarks: " + " ".join(NAMES),
    )
    parser.add_argument("names", metavar="NAME", nargs="*", help="which ones (default: all)")
    parser.add_argument("--tiny", action="store_true", help="show in seconds that they work; the figures mean nothing")
    parser.add_argument("--list", action="store_true", help="say what each measures, and run nothing")
    asked = parser.parse_args(arguments)
    unknown = [name for name in asked.names if name not in NAMES]
    if unknown:
        parser.error(f"there is no benchmark {', '.join(unknown)}; there are {', '.join(NAMES)}")
    if asked.list:
        for name in NAMES:
            print(f"{name:8} {_summary(name)}")
        return 0
    scale = Scale.TINY if asked.tiny else Scale.FULL
    print(f"$ {command_line([*asked.names, *(['--tiny'] if asked.tiny else [])])}")
    print(machine_line())
    print("Figures: median (smallest-largest) of interleaved rounds.\n", flush=True)
    begun_s, status = time.monotonic(), 0
    for name in asked.names or NAMES:
        own_s = time.monotonic()
        print(f"== {name}: {_summary(name)}\n", flush=True)
        try:
            report = benchmark(name)(scale)
        except BenchmarkTrouble as trouble:
            print(f"FAILED: {trouble}\n", flush=True)
            status = 1
            continue
        for table in report.tables:
            print(rendered(table), end="\n\n", flush=True)
        for reason in report.skipped:
            print(f"Left out: {reason}\n", flush=True)
        print(f"({time.monotonic() - own_s:.0f} s)\n", flush=True)
    print(f"{time.monotonic() - begun_s:.0f} s in all")
    return status


if __name__ == "__main__":
    raise SystemExit(main())
