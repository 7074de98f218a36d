"""The two measurements: how soon a value is at the broker and at what cost, and what an outage of the broker loses."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.contenders import Contender
from benchmarks.peers.controller import VALUES
from benchmarks.peers.rig import Message, Rig, Value
from benchmarks.processes import BenchmarkTrouble, memory_of, use_of

FIRST_S = 60.0  # until the first value must be through
WARM_UP_S = 5.0
CHANGE_S = 0.15, 0.35  # at random phases against a poll of 0.1 s
RATE_S = 0.1  # of the outage
BEFORE_S = AFTER_S = 10.0
QUIET_S, SETTLE_S = 20.0, 120.0


@dataclass(frozen=True, slots=True)
class Pace:
    """What a value took and what the program cost. Times in ms; each after the answer that first carried the value."""

    start_s: float
    idle_cpu_percent: float
    busy_cpu_percent: float
    rss_mib: float
    uss_mib: float
    threads: int
    after_read_ms: tuple[float, ...]
    read_to_commit_ms: tuple[float, ...]  # empty: it commits nothing, or does not say when
    commit_to_broker_ms: tuple[float, ...]
    missing: int


@dataclass(frozen=True, slots=True)
class Losses:
    """What became of the values of one run. Without a kill blind_s is 0."""

    values: int
    never_answered: int
    answered_and_lost: int
    committed_and_lost: int | None  # None: it commits nothing, or does not say what
    twice: int
    first_s: float  # from the end of the outage to the first message
    done_s: float  # until the last value of the outage


def pace(kind: type[Contender], *, hz: float, idle_s: float, changes: int) -> Pace:
    """One contender alone on its rig."""
    with Rig(is_relayed=False) as rig:
        contender = kind(rig, hz)
        rig.tell("change 1 1")
        begun_s = time.monotonic()
        pid = contender.start()
        rig.wait_for(lambda number: number in VALUES, FIRST_S)
        start_s = time.monotonic() - begun_s
        rig.tell("hold")
        time.sleep(WARM_UP_S)
        idle = _cpu_percent(pid, idle_s)
        told = len(rig.values)
        rig.tell("change {} {}".format(*CHANGE_S))
        busy = _cpu_percent(pid, changes * sum(CHANGE_S) / 2)
        rig.tell("hold")
        time.sleep(2.0)
        memory = [memory_of(each) for each in _tree(pid)]
        threads = sum(len(use_of(each).threads) for each in _tree(pid))
        return _paced(
            Pace(
                start_s,
                idle,
                busy,
                sum(m.rss_mib for m in memory),
                sum(m.uss_mib for m in memory),
                threads,
                (),
                (),
                (),
                0,
            ),
            rig.values[told:],
            rig.messages,
            contender.commits_ns() or {},
        )


def outages(kinds: Sequence[type[Contender]], *, hz: float, outage_s: float, is_killed: bool) -> list[Losses | str]:
    """All contenders at the same time, each on a rig of its own; a text says why one could not be measured."""
    found: list[Losses | str] = ["it did not end"] * len(kinds)

    def one(place: int, kind: type[Contender]) -> None:
        try:
            found[place] = _outage(kind, hz, outage_s, is_killed=is_killed)
        except (BenchmarkTrouble, OSError) as trouble:
            found[place] = str(trouble)

    threads = [threading.Thread(target=one, args=each) for each in enumerate(kinds)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def _outage(kind: type[Contender], hz: float, outage_s: float, *, is_killed: bool) -> Losses:
    with Rig(is_relayed=True) as rig:
        assert rig.relay is not None
        contender = kind(rig, hz)
        rig.tell("change 1 1")
        contender.start()
        rig.wait_for(lambda number: number in VALUES, FIRST_S)
        time.sleep(WARM_UP_S)
        told = len(rig.values)
        rig.tell(f"change {RATE_S} {RATE_S}")
        time.sleep(BEFORE_S)
        cut_ns = time.monotonic_ns()
        rig.relay.cut()
        time.sleep(outage_s / 2)
        if is_killed:
            contender.kill()
            contender.start()
        time.sleep(outage_s / 2)
        rig.relay.mend()
        back_ns = time.monotonic_ns()
        time.sleep(AFTER_S)
        rig.tell("hold")
        rig.settle(lambda number: number in VALUES, QUIET_S, SETTLE_S)
        # the first few stood at the slower pace before, the last one still stands
        return judged(
            rig.values[told + 1 :], list(rig.messages), set(contender.commits_ns() or ()) or None, cut_ns, back_ns
        )


def judged(
    values: Sequence[Value], messages: Sequence[Message], committed: set[int] | None, cut_ns: int, back_ns: int
) -> Losses:
    """What arrived of what was read, and of what was committed."""
    wanted = {value.number: value for value in values}
    count, first_ns = Counter[int](), dict[int, int]()
    for message in messages:
        for number in set(message.numbers) & wanted.keys():
            count[number] += 1
            first_ns.setdefault(number, message.t_ns)
    read = [value for value in values if value.served_ns]
    kept = None if committed is None else wanted.keys() & committed
    late_ns = [first_ns[v.number] for v in values if cut_ns <= v.set_ns < back_ns and v.number in first_ns]
    after_ns = [t_ns for t_ns in first_ns.values() if t_ns > back_ns]
    return Losses(
        values=len(values),
        never_answered=len(values) - len(read),
        answered_and_lost=sum(not count[value.number] for value in read),
        committed_and_lost=None if kept is None else sum(not count[number] for number in kept),
        twice=sum(times > 1 for times in count.values()),
        first_s=(min(after_ns, default=back_ns) - back_ns) / 1e9,
        done_s=(max(late_ns, default=back_ns) - back_ns) / 1e9,
    )


def _paced(about: Pace, values: Sequence[Value], messages: Sequence[Message], commits_ns: dict[int, int]) -> Pace:
    first_ns: dict[int, int] = {}
    for message in messages:
        for number in message.numbers:
            first_ns.setdefault(number, message.t_ns)
    read = [value for value in values if value.served_ns]
    came = [value for value in read if value.number in first_ns]
    kept = [value for value in came if value.number in commits_ns]
    return Pace(
        about.start_s,
        about.idle_cpu_percent,
        about.busy_cpu_percent,
        about.rss_mib,
        about.uss_mib,
        about.threads,
        tuple((first_ns[value.number] - value.served_ns) / 1e6 for value in came),
        tuple((commits_ns[value.number] - value.served_ns) / 1e6 for value in kept),
        tuple((first_ns[value.number] - commits_ns[value.number]) / 1e6 for value in kept),
        len(read) - len(came),
    )


def _cpu_percent(pid: int, seconds: float) -> float:
    before, begun_s = _cpu_s(pid), time.monotonic()
    time.sleep(seconds)
    return 100.0 * (_cpu_s(pid) - before) / (time.monotonic() - begun_s)


def _cpu_s(pid: int) -> float:
    return sum(use_of(each).cpu_s for each in _tree(pid))


def _tree(pid: int) -> Iterator[int]:
    """A process and its children."""
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text(encoding="ascii").split():
            yield from _tree(int(child))
