"""`lift-sim campaign`: many days in the life of many lifts, over several processes, resumable, with a report."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from functools import partial
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

from edge_agent.alarms import AlarmState
from edge_agent.errors import EdgeAgentError
from edge_agent.recording_export import ExchangeWriter
from edge_agent.recording_meta import RecordingMeta
from sim.campaign import SETTLED_DAYS, DayResult, LivedDay, judged, lived, run_day, run_week
from sim.campaign_line import line_of, result_of
from sim.campaign_report import DAYS_PER_YEAR, missed_entrapments, report

FORMAT = 2
PROGRESS_S = 20.0
WAITING_MAX = 4  # days handed out ahead for each process


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    command.add_argument("--lift-years", metavar="N", type=float, default=0.1, help="how much to run (default 0.1)")
    command.add_argument("--seed", type=int, default=1)
    command.add_argument("--jobs", type=int, default=1, help="processes (default 1)")
    command.add_argument("--folder", metavar="DIR", type=Path, help="keep each day there; days that are there are done")
    command.add_argument("--minutes", type=float, help="stop after so many minutes and report what was run")
    command.add_argument(
        "--settled", action="store_true", help="six days of each lift, with what the box has learned before each"
    )
    command.add_argument("--day", metavar="N", type=int, help="run this one day again and print its alarms")
    command.add_argument("--record", metavar="DIR", type=Path, help="with --day: write it as a recording as well")


def run_campaign(args: argparse.Namespace) -> int:
    """Run what is missing and report; 1 if an entrapment was missed."""
    if args.day is not None:
        return _one_day(lived(args.seed, args.day, is_settled=args.settled), args.record)
    run = partial(run_week if args.settled else run_day, args.seed)
    done = _Folder(args.folder, args.seed, is_settled=args.settled)
    wanted = max(1, round(args.lift_years * DAYS_PER_YEAR))
    each = SETTLED_DAYS if args.settled else 1
    missing = sorted({number // each for number in range(wanted) if number not in done.days})
    ends = None if args.minutes is None else time.monotonic() + 60.0 * args.minutes
    try:
        _run(run, missing, max(1, args.jobs), done, ends)
    except KeyboardInterrupt:
        print("\nstopped; the days that are done are reported", file=sys.stderr)
    days = [done.days[number] for number in sorted(done.days) if number < wanted]
    if not days:
        return 0
    print("\n".join(report(days, args.seed, is_settled=args.settled)))
    return 1 if missed_entrapments(days) else 0


class _Folder:
    """Days that are done: in memory, and one line each in a file where a folder is given."""

    def __init__(self, folder: Path | None, seed: int, *, is_settled: bool) -> None:
        self.days: dict[int, DayResult] = {}
        self._file = None
        if folder is None:
            return
        folder.mkdir(parents=True, exist_ok=True)
        mine = {"format": FORMAT, "seed": seed, "settled": is_settled, "core": core_digest()}
        self._claim(folder / "campaign.json", mine)
        path = folder / "days.jsonl"
        body = path.read_text(encoding="utf-8") if path.is_file() else ""
        for line in body.splitlines():
            result = result_of(line)
            if result is not None:
                self.days[result.number] = result
        self._file = path.open("a", encoding="utf-8")
        if body and not body.endswith("\n"):
            self._file.write("\n")

    def add(self, results: tuple[DayResult, ...]) -> None:
        """One more lift is done, with the days that it was run for."""
        for result in results:
            self.days[result.number] = result
        if self._file is not None:
            self._file.write("".join(line_of(result) + "\n" for result in results))
            self._file.flush()

    def _claim(self, path: Path, mine: Mapping[str, object]) -> None:
        if not path.is_file():
            path.write_text(json.dumps(mine) + "\n", encoding="utf-8")
            return
        found = json.loads(path.read_text(encoding="utf-8"))
        if found != mine:
            raise EdgeAgentError(
                "holds a campaign with another seed or other boxes, or of another state of the detection core",
                subject=str(path.parent),
                hint="Name another folder: days of different cores must not be added up",
            )


def core_digest() -> str:
    """Fingerprint of the detection core and of the simulated world: days of different ones are not comparable."""
    digest = sha256()
    for package in ("edge_agent.detect", "edge_agent.detect.rules", "sim"):
        for entry in sorted(files(package).iterdir(), key=lambda each: each.name):
            if entry.name.endswith(".py") and not entry.name.startswith("cli_"):
                digest.update(entry.read_bytes())
    return digest.hexdigest()[:16]


def _run(
    run: Callable[[int], tuple[DayResult, ...]], numbers: list[int], jobs: int, done: _Folder, ends: float | None
) -> None:
    if not numbers:
        return
    progress = _Progress(len(numbers))
    if jobs == 1:
        for number in numbers:
            if ends is not None and time.monotonic() > ends:
                return
            done.add(run(number))
            progress.one_more()
        return
    with ProcessPoolExecutor(jobs) as pool:
        try:
            for results in _results(pool, run, iter(numbers), jobs, ends):
                done.add(results)
                progress.one_more()
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _results(
    pool: ProcessPoolExecutor,
    run: Callable[[int], tuple[DayResult, ...]],
    numbers: Iterator[int],
    jobs: int,
    ends: float | None,
) -> Iterator[tuple[DayResult, ...]]:
    """Results as they come; only a few days are handed out ahead."""
    running: set[Future[tuple[DayResult, ...]]] = set()
    while True:
        may_start = ends is None or time.monotonic() < ends
        while may_start and len(running) < jobs + WAITING_MAX:
            number = next(numbers, None)
            if number is None:
                break
            running.add(pool.submit(run, number))
        if not may_start:
            running = {future for future in running if not future.cancel()}
        if not running:
            return
        finished, running = wait(running, return_when=FIRST_COMPLETED)
        for future in finished:
            yield future.result()


class _Progress:
    """A line that is written over on a terminal, a line now and then elsewhere."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._count = 0
        self._began_s = time.monotonic()
        self._told_s = self._began_s

    def one_more(self) -> None:
        self._count += 1
        now_s = time.monotonic()
        is_terminal = sys.stderr.isatty()
        if not is_terminal and self._count < self._total and now_s - self._told_s < PROGRESS_S:
            return
        self._told_s = now_s
        left_s = (now_s - self._began_s) / self._count * (self._total - self._count)
        bar = "#" * round(20 * self._count / self._total)
        text = f"[{bar:<20}] {self._count} of {self._total} lifts, about {left_s / 60.0:.0f} min left"
        print(f"\r{text}" if is_terminal else text, end="" if is_terminal else "\n", file=sys.stderr, flush=True)
        if is_terminal and self._count == self._total:
            print(file=sys.stderr)


def _one_day(lived_day: LivedDay, folder: Path | None) -> int:
    if folder is not None:
        _record(lived_day, folder)
    alarms, _ = lived_day.concluded(lived_day.baselines())
    result = judged(lived_day, alarms)
    life = lived_day.day.life
    print(f"day {lived_day.number} of seed {lived_day.seed}: {result.drive} at {life.spec.rated_mps:g} m/s, ", end="")
    print(f"{len(life.spec.landing_heights_m)} landings; {result.sensors}; the installer knows {result.knowledge}")
    told = [(span.start_s, f"{span.event} until {span.end_s:.1f} s") for span in lived_day.day.diary.spans]
    told.extend(
        (alarm.t_ns / 1e9, f"  {alarm.kind.public_name} {alarm.state.value}")
        for alarm in alarms
        if alarm.state in (AlarmState.RAISED, AlarmState.CLEARED)
    )
    told.extend((each.t_s, f"  FALSE {each.kind.public_name}") for each in result.false)
    told.extend((each.t_s, f"  MISSED {each.kind.public_name}") for each in result.answers if each.delay_s is None)
    for t_s, text in sorted(told):
        print(f"{t_s:9.1f} s  {text}")
    return 1 if missed_entrapments([result]) else 0


def _record(lived_day: LivedDay, folder: Path) -> None:
    writer = ExchangeWriter(folder, RecordingMeta(lived_day.day.life.installation, baselines=lived_day.baselines()))
    try:
        for reading in lived_day.raw_readings():
            writer.write(reading)
    finally:
        writer.close()
