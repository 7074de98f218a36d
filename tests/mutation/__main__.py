"""Kill rate of the tests over `edge_agent/detect`: `python -m tests.mutation --sample 60 --seed 1`.

The project is copied; one mutant at a time is put into the copy, and the tests of its file run there, then, where those
let it live, all of `tests/detect`; the quickest first. A mutant that no test notices is printed as LIVES. A test that
hangs (takes more than four times the processor time it takes without the mutant, and 20 s) has noticed it.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.mutation.mutants import Mutant, mutants

ROOT = Path(__file__).parents[2]
DETECT = "edge_agent/detect"
COPIED = ("edge_agent", "drivers", "sim", "receiver", "tests", "docs", "pyproject.toml", "ALARMS.md", "README.md")
HANG_CPU_S = 20.0
HANG_RATIO = 4.0
BASE_CPU_S_MAX = 3600

NEAR: dict[str, tuple[str, ...]] = {
    "baselines": ("test_baselines",),
    "contact": ("test_contact_edges", "test_doors"),
    "controller_words": ("test_controller_edges", "test_controller_words"),
    "car": ("test_detector", "test_entrapment"),
    "course": ("test_emergency_edges", "test_course", "test_trips"),
    "detector": ("test_muting", "test_supply_and_modem", "test_signal_rules", "test_door_open_in_motion"),
    "doors": ("test_contact_edges", "test_doors", "test_doors_by_controller"),
    "episodes": ("test_episodes",),
    "grip": ("test_mount_edges", "test_trips", "test_blindness", "test_no_trips"),
    "habit": ("test_wear_edges", "test_habit", "test_occupancy_edges"),
    "inspection": ("test_controller_edges", "test_controller_words", "test_muting"),
    "learning": ("test_baselines",),
    "limits": ("test_limits",),
    "modem": ("test_supply_and_modem",),
    "motion": ("test_trips", "test_blindness", "test_no_trips"),
    "motion_state": ("test_trips",),
    "mount": ("test_baselines", "test_health"),
    "occupancy": ("test_occupancy", "test_habit"),
    "plausible": ("test_sources_edges", "test_plausible"),
    "pushes": ("test_mount_edges", "test_trips", "test_course"),
    "position": ("test_position",),
    "signal": ("test_signal",),
    "sources": ("test_sources_edges", "test_health", "test_detector"),
    "stirring": (
        "test_wear_edges",
        "test_stirring",
    ),
    "supply": ("test_supply_and_modem",),
    "trip_memory": (
        "test_wear_edges",
        "test_baselines",
    ),
    "rules/acceleration": ("test_emergency_edges", "test_emergency_stop", "test_signal_rules", "test_vibration_rule"),
    "rules/controller": ("test_controller_edges", "test_signal_rules", "test_muting"),
    "rules/door": ("test_door_rules", "test_door_open_in_motion"),
    "rules/door_wear": (
        "test_wear_edges",
        "test_wear_rules",
    ),
    "rules/entrapment": ("test_entrapment", "test_signal_rules"),
    "rules/health": ("test_sources_edges", "test_health", "test_signal_rules"),
    "rules/movement": ("test_movement_rules", "test_signal_rules"),
    "rules/supply": ("test_supply_and_modem", "test_signal_rules"),
    "rules/tally": ("test_acceleration_edges", "test_wear_rules"),
}
RIDE = "tests/detect_ride"
RIDE_EDGES = ("tests/detect_ride/test_edges.py", "tests/detect_ride/test_weighting.py")
VALUES = "tests/detect/test_values.py"
FAR = ("tests/detect",)


def all_mutants() -> list[Mutant]:
    """Every mutant of the core."""
    found: list[Mutant] = []
    for path in sorted((ROOT / DETECT).rglob("*.py")):
        found.extend(mutants(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")))
    return found


def near(path: str) -> tuple[tuple[str, ...], ...]:
    """The tests of a file in the order in which they are asked: by numbers worked out by hand, then the others."""
    stem = path.removeprefix(DETECT + "/").removesuffix(".py")
    if stem.startswith(("ride", "weighting")):
        return ((VALUES, *RIDE_EDGES), (RIDE,))
    own = f"test_{stem.rpartition('/')[2]}"
    names = dict.fromkeys((*NEAR.get(stem, ()), own, f"{own}_edges"))
    found = [path for path in (f"tests/detect/{name}.py" for name in names) if (ROOT / path).exists()]
    by_hand = (VALUES, *(path for path in found if path.endswith("_edges.py")))
    others = tuple(path for path in found if path not in by_hand)
    return tuple(group for group in (by_hand, others) if group)


class Runner:
    """Asks the warm process in the copy, `runner.py`, for runs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._cpu_s: dict[tuple[str, ...], float] = {}
        command = [sys.executable, "-m", "tests.mutation.runner"]
        # Compiled files are told apart by whole seconds: a mutant of the same second would be taken for the original.
        environment = {"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}
        self._process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def measure(self, tests: tuple[str, ...]) -> None:
        """Run them without any mutant: they must pass, and say how long they take."""
        code, cpu_s, failed = self._ask(tests, BASE_CPU_S_MAX)
        if code != 0:
            raise SystemExit(f"{' '.join(tests)} fail without any mutant ({code}, {failed}): mend them first")
        self._cpu_s[tests] = cpu_s

    def is_measured(self, tests: tuple[str, ...]) -> bool:
        """They have been run without any mutant."""
        return tests in self._cpu_s

    def is_noticed(self, tests: tuple[str, ...]) -> str:
        """The test that failed first, or "hangs"; empty if all passed. They have been measured."""
        code, _, failed = self._ask(tests, round(HANG_CPU_S + HANG_RATIO * self._cpu_s[tests]))
        if code < 0:
            return "hangs"
        if code not in (0, 1, 2):
            raise SystemExit(f"pytest ended with {code} on {' '.join(tests)}")
        return "" if code == 0 else failed or "collecting"

    def close(self) -> None:
        self._process.communicate()

    def _ask(self, tests: tuple[str, ...], cpu_s_max: int) -> tuple[int, float, str]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"tests": tests, "cpu_s_max": cpu_s_max}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return int(answer["code"]), float(answer["cpu_s"]), str(answer["failed"])


def survivors(chosen: list[Mutant], folder: Path, runner: Runner, *, is_far: bool) -> Iterator[Mutant]:
    """Those that no test notices. Tests are first run without a mutant when a mutant first needs them."""
    for count, mutant in enumerate(chosen, 1):
        file = folder / mutant.path
        text = file.read_text(encoding="utf-8")
        noticed = ""
        for tests in (*near(mutant.path), *((FAR,) if is_far else ())):
            if not runner.is_measured(tests):
                runner.measure(tests)
            file.write_text(mutant.applied(text), encoding="utf-8")
            noticed = runner.is_noticed(tests)
            file.write_text(text, encoding="utf-8")
            if noticed:
                break
        print(f"{count}/{len(chosen)} {'noticed' if noticed else 'LIVES'} {mutant} {noticed}", flush=True)
        if not noticed:
            yield mutant


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--sample", type=int, default=60, help="mutants drawn from all (60)")
    parser.add_argument("--seed", type=int, default=1, help="which ones (1)")
    parser.add_argument("--only", default="", help="files whose path holds this text")
    parser.add_argument("--near", action="store_true", help="ask only the tests of the mutant's own file")
    options = parser.parse_args()
    candidates = [each for each in all_mutants() if options.only in each.path]
    chosen = random.Random(options.seed).sample(candidates, min(options.sample, len(candidates)))
    with tempfile.TemporaryDirectory(prefix="mutants-") as name:
        folder = Path(name)
        for entry in COPIED:
            source = ROOT / entry
            if source.is_dir():
                shutil.copytree(source, folder / entry, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, folder / entry)
        runner = Runner(folder)
        living = list(survivors(chosen, folder, runner, is_far=not options.near))
        runner.close()
    noticed = len(chosen) - len(living)
    print(f"{noticed} of {len(chosen)} noticed ({100 * noticed / len(chosen):.0f} %), drawn from {len(candidates)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
