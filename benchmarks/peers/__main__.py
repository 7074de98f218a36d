"""Side by side on one machine: the agent, thingsboard-gateway in its three stores, and hand-written loops.

Pace: each contender alone polls one register ten times a second; it changes at random moments. "After read" counts
from the controller's answer that first carried the value to the message at a subscriber. Outage: twenty polls and ten
new values a second, the way to the broker cut for a minute, all contenders at the same time, each on a rig of its own;
once as it is and once with kill -9 in the middle, started again at once. Answered is what the controller sent: an
answer that a busy machine brings after the client's deadline (of the agent: 0.8 of its poll) is answered and lost.
`make bench-peers` installs the gateway into build/peers first.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from benchmarks.peers.contenders import CONTENDERS, Contender
from benchmarks.peers.measuring import Losses, Pace, outages, pace
from benchmarks.processes import BenchmarkTrouble
from benchmarks.report import Row, Table, machine_line, rendered

PACE_HZ, OUTAGE_HZ = 10.0, 20.0
PARTS = ("pace", "outage", "kill")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print. 1: nobody could be measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("names", metavar="NAME", nargs="*", help=f"of {' '.join(CONTENDERS)} (default: all)")
    parser.add_argument("--part", action="append", choices=PARTS, help="only this one (default: all three)")
    parser.add_argument("--rounds", type=int, default=1, help="of pace, all contenders in each (default %(default)s)")
    parser.add_argument("--changes", type=int, default=120, help="values for pace (default %(default)s)")
    parser.add_argument("--idle", type=float, default=20.0, help="seconds without a change (default %(default)s)")
    parser.add_argument("--outage", type=float, default=60.0, help="seconds without a broker (default %(default)s)")
    asked = parser.parse_args(arguments)
    unknown = [name for name in asked.names if name not in CONTENDERS]
    if unknown:
        parser.error(f"there is no {', '.join(unknown)}; there are {', '.join(CONTENDERS)}")
    kinds = [CONTENDERS[name] for name in asked.names or CONTENDERS]
    parts = asked.part or PARTS
    print(f"$ python -m benchmarks.peers {' '.join(sys.argv[1:] if arguments is None else arguments)}".rstrip())
    print(machine_line(), end="\n\n", flush=True)
    left_out: list[str] = []
    tables: list[Table] = []
    if "pace" in parts:
        tables.extend(_pace(kinds, asked.rounds, asked.idle, asked.changes, left_out))
    for part, is_killed in (("outage", False), ("kill", True)):
        if part in parts:
            tables.append(_losses(kinds, asked.outage, left_out, is_killed=is_killed))
    for table in tables:
        print(rendered(table), end="\n\n")
    for sentence in left_out:
        print(f"Left out: {sentence}")
    return 0 if any(table.rows for table in tables) else 1


def _pace(
    kinds: Sequence[type[Contender]], rounds: int, idle_s: float, changes: int, left_out: list[str]
) -> tuple[Table, ...]:
    found: dict[str, list[Pace]] = {}
    for _ in range(rounds):
        for kind in kinds:
            try:
                found.setdefault(kind.name, []).append(pace(kind, hz=PACE_HZ, idle_s=idle_s, changes=changes))
            except (BenchmarkTrouble, OSError) as trouble:
                left_out.append(f"{kind.name}: {trouble}")
    costs, times = [], []
    for name, all_of in found.items():
        if not all_of:
            continue
        costs.append(
            Row(
                name,
                tuple(
                    [getattr(each, field) for each in all_of]
                    for field in ("start_s", "idle_cpu_percent", "busy_cpu_percent", "rss_mib", "uss_mib", "threads")
                ),
            )
        )
        parts = [
            [ms for each in all_of for ms in getattr(each, field)]
            for field in ("after_read_ms", "read_to_commit_ms", "commit_to_broker_ms")
        ]
        spread = [_at(part, q) for part in parts for q in (0.5, 0.99)]
        times.append(Row(name, (*spread, [float(sum(each.missing for each in all_of))])))
    columns = ("to first value s", "CPU idle %", "CPU, 4 changes/s %", "RSS MiB", "USS MiB", "threads")
    spans = ("after read", "read to commit", "commit to broker")
    names = tuple(f"{span} {at} ms" for span in spans for at in ("median", "p99"))
    return (
        Table(f"What it costs, {PACE_HZ:g} polls a second", columns, tuple(costs)),
        Table(f"How soon a value is there, {changes} changes a round", (*names, "missing"), tuple(times)),
    )


def _losses(kinds: Sequence[type[Contender]], outage_s: float, left_out: list[str], *, is_killed: bool) -> Table:
    rows = []
    for kind, found in zip(kinds, outages(kinds, hz=OUTAGE_HZ, outage_s=outage_s, is_killed=is_killed), strict=True):
        if isinstance(found, Losses):
            committed = [] if found.committed_and_lost is None else [float(found.committed_and_lost)]
            whole = (found.values, found.never_answered, found.answered_and_lost)
            cells = [[float(number)] for number in whole]
            rows.append(Row(kind.name, (*cells, committed, [float(found.twice)], [found.first_s], [found.done_s])))
        else:
            left_out.append(f"{kind.name}: {found}")
    columns = (
        "values",
        "never answered",
        "answered and lost",
        "committed and lost",
        "twice",
        "first after s",
        "all after s",
    )
    what = "kill -9 in the middle" if is_killed else "no kill"
    return Table(f"{outage_s:g} s without a broker, {what}", columns, tuple(rows))


def _at(values: Sequence[float], share: float) -> list[float]:
    ordered = sorted(values)
    return [ordered[min(len(ordered) - 1, int(len(ordered) * share))]] if ordered else []


if __name__ == "__main__":
    raise SystemExit(main())
