"""`python -m tests.calibration.saving FOLDER kill|full N`: saves as a calibration does, and is stopped while it does.

Prints what was seen as JSON. Each saving has a number, and everything that it writes says that number.
"""

from __future__ import annotations

import json
import os
import random
import resource
import select
import signal
import sys
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np

from calibration.guided import Proposal, write_installation
from calibration.guided_store import CalibrationFolder
from calibration.session_tells import Answer, Told
from calibration.words import CalibrationError, Commissioning, StepName, StepResult, Verdict, said
from edge_agent.baselines_file import BaselinesFile
from edge_agent.errors import RecordingError
from edge_agent.installation import Installation, Lift, Wiring
from edge_agent.readings import AccelFrame
from tests.detect.test_baselines import FULL

STEP = StepName.CONTROLLER
HERE = Installation(Lift("north"), Wiring(accel_rate_hz=100.0))
REMARK = "# a remark that stays\n" * 400
REASONS = 40
KILL_MS = 40.0
FULL_BYTES = 6_000


def settings_text(number: int) -> str:
    """Longer than one write of the disk."""
    return f"{REMARK}number = {number}\n{REMARK}"


def save(folder: Path, number: int) -> None:
    """Everything that a calibration writes. Raises CalibrationError, OSError."""
    store = CalibrationFolder(folder / "calibration")
    writer = store.writer(STEP, HERE, ())
    times = np.arange(200, dtype=np.int64) * 10_000_000 + number
    writer.write(AccelFrame(times, np.full((200, 3), float(number))))
    kept = store.keep(STEP, writer, (Told(number, Answer("floor", str(number))),))
    reasons = tuple(said("noise.car_moved") for _ in range(REASONS))
    result = StepResult(STEP, Verdict.PASSED, reasons, recording=kept)
    store.save(Commissioning("00", "north", str(number), number, (result,)))
    config = folder / "box.toml"
    write_installation(Proposal(config, config.read_text(encoding="utf-8"), settings_text(number)))
    BaselinesFile(folder).write(replace(FULL, accel_scale=1.0 + number), HERE)


def broken(folder: Path) -> tuple[int, int]:
    """What is not whole, and the number of the results that stand."""
    bad, number = 0, -1
    store = CalibrationFolder(folder / "calibration")
    try:
        results = store.load()
        number = -1 if results is None else int(results.agent_version)
        bad += results is not None and (results.made_utc_s != number or len(results.results[0].reasons) != REASONS)
        if store.has_recording(STEP):
            frames = [each for each in store.readings(STEP) if isinstance(each, AccelFrame)]
            answers = store.told(STEP)
            bad += sum(len(each.times_ns) for each in frames) != 200
            bad += any(each.t_ns != int(frames[0].samples_mps2[0, 0]) for each in answers)
    except (CalibrationError, RecordingError) as error:
        print(error, file=sys.stderr)
        bad += 1
    text = (folder / "box.toml").read_text(encoding="utf-8")
    bad += text != settings_text(int(text.removeprefix(REMARK).split("\n", 1)[0].removeprefix("number = ")))
    baselines = folder / "baselines.json"
    if baselines.exists():
        bad += not isinstance(json.loads(baselines.read_text(encoding="utf-8")), dict)
    return bad, number


def kill_often(folder: Path, kills: int) -> dict[str, int]:
    """A child saves on and on; it is killed some milliseconds after its first saving."""
    rng, seen, versions = random.Random(7), Counter[str](), set[int]()
    for number in range(kills):
        ours, theirs = os.pipe()
        child = os.fork()
        if child == 0:
            for each in count(1000 * number):
                save(folder, each)
                os.write(theirs, b".")
        os.read(ours, 1)
        select.select([], [], [], rng.uniform(0.0, KILL_MS) / 1000.0)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(ours)
        os.close(theirs)
        bad, version = broken(folder)
        seen["broken"] += bad
        versions.add(version)
    return {"kills": kills, "versions": len(versions), "broken": seen["broken"]}


def fill(folder: Path) -> dict[str, int]:
    """No file may grow beyond so many bytes: the kernel refuses the write, as where the disk is full."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    save(folder, 1)
    seen = Counter[str]()
    for number, limit in enumerate((0, 1, 100, 1_000, 4_096, FULL_BYTES, 10_000), start=2):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        try:
            save(folder, number)
        except (CalibrationError, OSError):
            seen["refused"] += 1
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        seen["broken"] += broken(folder)[0]
    save(folder, 99)
    seen["broken"] += broken(folder) != (0, 99)
    return {"refused": seen["refused"], "broken": seen["broken"]}


def main() -> int:
    """See above."""
    folder, what, number = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    (folder / "box.toml").write_text(settings_text(0), encoding="utf-8")
    with suppress(BrokenPipeError):
        print(json.dumps(kill_often(folder, number) if what == "kill" else fill(folder)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
