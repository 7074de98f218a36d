"""Kill rate of the tests over `edge_agent/detect`: `python -m tests.mutation --sample 60 --seed 1`.

The project is copied; one mutant at a time is put into the copy, and the tests of its file run there, then, where those
let it live, those of its neighbours. A mutant that no test notices is printed. A test that hangs has noticed it.
"""

from __future__ import annotations

import argparse
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
LIMIT_S = 600

NEAR: dict[str, tuple[str, ...]] = {
    "baselines": ("test_baselines",),
    "contact": ("test_doors",),
    "controller_words": ("test_controller_words",),
    "car": ("test_detector", "test_entrapment"),
    "course": ("test_course", "test_trips"),
    "detector": ("test_detector", "test_baselines"),
    "doors": ("test_doors", "test_doors_by_controller"),
    "episodes": ("test_episodes",),
    "grip": ("test_trips", "test_blindness", "test_no_trips"),
    "habit": ("test_habit",),
    "inspection": ("test_controller_words", "test_muting"),
    "learning": ("test_baselines",),
    "limits": ("test_limits",),
    "modem": ("test_supply_and_modem",),
    "motion": ("test_trips", "test_blindness", "test_no_trips"),
    "motion_state": ("test_trips",),
    "mount": ("test_baselines", "test_health"),
    "occupancy": ("test_occupancy", "test_habit"),
    "plausible": ("test_plausible",),
    "pushes": ("test_trips", "test_course"),
    "position": ("test_position",),
    "signal": ("test_signal",),
    "sources": ("test_health", "test_detector"),
    "stirring": ("test_stirring",),
    "supply": ("test_supply_and_modem",),
    "trip_memory": ("test_baselines",),
    "rules/acceleration": ("test_emergency_stop", "test_signal_rules", "test_vibration_rule"),
    "rules/controller": ("test_signal_rules", "test_muting"),
    "rules/door": ("test_door_rules", "test_door_open_in_motion"),
    "rules/door_wear": ("test_wear_rules",),
    "rules/entrapment": ("test_entrapment", "test_signal_rules"),
    "rules/health": ("test_health", "test_signal_rules"),
    "rules/movement": ("test_movement_rules", "test_signal_rules"),
    "rules/supply": ("test_supply_and_modem", "test_signal_rules"),
    "rules/tally": ("test_wear_rules",),
}
RIDE = "tests/detect_ride"
FAR = ("tests/detect",)


def all_mutants() -> list[Mutant]:
    """Every mutant of the core."""
    found: list[Mutant] = []
    for path in sorted((ROOT / DETECT).rglob("*.py")):
        found.extend(mutants(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")))
    return found


def near(path: str) -> tuple[str, ...]:
    """The tests of a file."""
    stem = path.removeprefix(DETECT + "/").removesuffix(".py")
    if stem.startswith(("ride", "weighting")):
        return (RIDE,)
    names = (*NEAR.get(stem, ()), *(name for name in (f"test_{stem.rpartition('/')[2]}",)))
    paths = (f"tests/detect/{name}.py" for name in dict.fromkeys(names))
    return tuple(path for path in paths if (ROOT / path).exists()) or FAR


def is_noticed(folder: Path, tests: tuple[str, ...]) -> bool:
    """True if these tests fail in the copy, or hang."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--no-header"]
    command += ["-m", "not system and not campaign and not hardware", *tests]
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, timeout=LIMIT_S, env=_environment(folder), check=False
        )
    except subprocess.TimeoutExpired:
        return True
    if done.returncode not in (0, 1, 2):
        raise SystemExit(f"pytest ended with {done.returncode} on {' '.join(tests)}: {done.stdout.decode()[-800:]}")
    return done.returncode != 0


def survivors(chosen: list[Mutant], folder: Path, *, is_far: bool) -> Iterator[Mutant]:
    """Those that no test notices."""
    for count, mutant in enumerate(chosen, 1):
        file = folder / mutant.path
        text = file.read_text(encoding="utf-8")
        file.write_text(mutant.applied(text), encoding="utf-8")
        tests = near(mutant.path)
        lives = not is_noticed(folder, tests) and not (is_far and is_noticed(folder, FAR))
        file.write_text(text, encoding="utf-8")
        print(f"{count}/{len(chosen)} {'LIVES' if lives else 'noticed'} {mutant}", flush=True)
        if lives:
            yield mutant


def _environment(folder: Path) -> dict[str, str]:
    return {"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}


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
        for path in sorted({each.path for each in chosen}):
            if is_noticed(folder, near(path)):
                raise SystemExit(f"the tests of {path} fail without any mutant: mend them first")
        living = list(survivors(chosen, folder, is_far=not options.near))
    noticed = len(chosen) - len(living)
    print(f"{noticed} of {len(chosen)} noticed ({100 * noticed / len(chosen):.0f} %), drawn from {len(candidates)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
