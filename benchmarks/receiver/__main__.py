"""Load on a receiver, from one client process on the same machine.

rates: POST/s and records/s with sealed, chained batches. slow: thousands of half-sent bodies held open while an alarm
gets its receipt. growth: bytes of a record on the disk. fleet: the heartbeats of many boxes at their own pace, and what
memory does meanwhile. Without a name: all but fleet, which takes its minutes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.material import ROOT
from benchmarks.processes import BenchmarkTrouble
from benchmarks.receiver import fleet, growth, slow_bodies
from benchmarks.receiver.boxes import Load
from benchmarks.receiver.rates import Case, Rate, measured
from benchmarks.receiver.rig import Engine, receivers
from benchmarks.report import machine_line

CASES = (Case(1, 1), Case(16, 1), Case(64, 1), Case(64, 20), Case(64, 1, Load.ALARM))
PARTS = ("rates", "slow", "growth", "fleet")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print. 1: a part did not come up, or broke a promise."""
    asked = _parser().parse_args(arguments)
    words = " ".join(sys.argv[1:] if arguments is None else arguments)
    print(f"$ python -m benchmarks.receiver {words}".rstrip())
    print(machine_line(), end="\n\n", flush=True)
    parts = asked.parts or ["rates", "slow", "growth"]
    engines = [Engine(name) for name in asked.engine or [engine.value for engine in Engine]]
    status = 0
    for engine in engines:
        try:
            if "rates" in parts:
                _rates(engine, asked)
            if "slow" in parts:
                status |= _slow(engine, asked.bodies)
            if "growth" in parts:
                _growth(engine, asked.records)
            if "fleet" in parts:
                status |= _fleet(engine, asked)
        except BenchmarkTrouble as trouble:
            print(f"FAILED: {trouble}\n", flush=True)
            status = 1
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.receiver", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], metavar="PART", help=f"of {' '.join(PARTS)}")
    parser.add_argument("--engine", action="append", choices=[engine.value for engine in Engine], help="only this one")
    parser.add_argument("--requests", type=int, default=4_000, help="in each run of rates (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=1, help="of rates, all contenders in each (default %(default)s)")
    parser.add_argument("--receivers", type=int, default=1, help="on one PostgreSQL (default %(default)s)")
    parser.add_argument("--other", type=Path, help="rates: folder of another version of this project, run in turn")
    parser.add_argument("--bodies", type=int, default=3_000, help="slow: half-sent ones (default %(default)s)")
    parser.add_argument("--records", type=int, default=20_000, help="growth (default %(default)s)")
    parser.add_argument("--boxes", type=int, default=100_000, help="fleet (default %(default)s)")
    parser.add_argument("--minutes", type=float, default=10.0, help="fleet (default %(default)s)")
    parser.add_argument("--per-s", type=float, default=333.0, help="fleet: heartbeats (default %(default)s)")
    return parser


def _rates(engine: Engine, asked: argparse.Namespace) -> None:
    """Versions of the code take turns inside each case, so that what else the machine does meets them all."""
    count = asked.receivers if engine is Engine.POSTGRESQL else 1
    sources = {"this": ROOT} if asked.other is None else {"other": asked.other, "this": ROOT}
    print(f"| {engine.value}, {count} receiver(s) | code | POST/s | records/s | p50 ms | p99 ms | CPU ms a POST |")
    print("|---|---|---:|---:|---:|---:|---:|", flush=True)
    for case in CASES:
        for _ in range(asked.rounds):
            for name, source in sources.items():
                requests = asked.requests if case.connections > 1 else asked.requests // 4
                with receivers(engine, count, source) as running:
                    print(
                        _row(measured(running, case, max(case.connections, requests // case.records)), name), flush=True
                    )
    print(flush=True)


def _row(rate: Rate, code: str) -> str:
    records = rate.posts_per_s * rate.case.records
    times = f"{rate.quantile_ms(0.5):.1f} | {rate.quantile_ms(0.99):.1f} | {rate.cpu_ms:.2f}"
    return f"| {rate.case.name} | {code} | {rate.posts_per_s:,.0f} | {records:,.0f} | {times} |"


def _slow(engine: Engine, bodies: int) -> int:
    with receivers(engine, 1) as (receiver,):
        found = slow_bodies.measured(receiver, bodies)
    print(f"{engine.value}: {found.line}\n", flush=True)
    return 0 if found.is_kept else 1


def _growth(engine: Engine, records: int) -> None:
    for load in Load:
        found = growth.measured(engine, load, records)
        print(
            f"{engine.value}: {found.records:,} x {load.value}: {found.record_bytes:.0f} bytes each on the disk",
            flush=True,
        )
    print(flush=True)


def _fleet(engine: Engine, asked: argparse.Namespace) -> int:
    with receivers(engine, asked.receivers if engine is Engine.POSTGRESQL else 1) as running:
        print(f"{engine.value}, {len(running)} receiver(s): {asked.boxes:,} boxes, {asked.per_s:g} heartbeats a second")
        print("| minute | POST/s | p50 ms | p99 ms | slowest ms | refused | RSS MiB | CPU % |", flush=True)
        print("|---:|---:|---:|---:|---:|---:|---:|---:|", flush=True)
        is_kept = True
        for minute in fleet.minutes(running, asked.boxes, asked.per_s, asked.minutes):
            print(minute.row, flush=True)
            is_kept &= minute.is_kept
    print(flush=True)
    return 0 if is_kept else 1


if __name__ == "__main__":
    raise SystemExit(main())
