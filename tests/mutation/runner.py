"""Runs tests in the copy of the project, each time in a fresh child of one warm process.

The warm process has imported what is slow to import and never changes (pytest, numpy), nothing of the project but this
file. One line of JSON in asks for a run, one line out answers it. Tests run quickest first and stop at the first
failure. A run that takes more processor time than allowed has hung; the time on the clock is not judged, as the
machine may be busy with other things.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from dataclasses import dataclass
from typing import Any

import hypothesis  # noqa: F401  imported here so that no child has to
import numpy as np  # noqa: F401
import pytest

WITHOUT_SLOW = "not system and not campaign and not hardware"
NOT_NEEDED = ("cacheprovider", "xdist", "pytest_mock")


@dataclass
class Quickest:
    """A plugin of pytest: tests known to be quick go first; what each took is kept."""

    known_s: dict[str, float]
    failed: str = ""

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items.sort(key=lambda item: self.known_s.get(item.nodeid, 0.0))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.failed:
            self.failed = report.nodeid
        if report.when == "call":
            self.known_s[report.nodeid] = report.duration


def main() -> None:
    """Answer until standard input ends: `{"tests": [...], "cpu_s_max": 60}` -> `{"code": 1, "cpu_s": ..}`."""
    known_s: dict[str, float] = {}
    for line in sys.stdin:
        asked = json.loads(line)
        answer = _run(asked["tests"], asked["cpu_s_max"], known_s)
        if answer["code"] == 0:
            known_s.update(answer.pop("took_s"))
        print(json.dumps(answer), flush=True)


def _run(tests: list[str], cpu_s_max: int, known_s: dict[str, float]) -> dict[str, Any]:
    """`code` of pytest, or -signal of a child that was ended."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _be_child(tests, cpu_s_max, known_s, writing)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    _, status, used = os.wait4(child, 0)
    answer: dict[str, Any] = {"code": os.waitstatus_to_exitcode(status), "cpu_s": used.ru_utime + used.ru_stime}
    return {"took_s": {}, "failed": "", **answer, **(json.loads(said) if said else {})}


def _be_child(tests: list[str], cpu_s_max: int, known_s: dict[str, float], writing: int) -> None:
    """Run them and leave; never returns to the loop of the parent."""
    code = 3
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_s_max, cpu_s_max + 5))
        signal.signal(signal.SIGXCPU, signal.SIG_DFL)
        quiet = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(quiet, number)
        plugin = Quickest(known_s)
        left_out = (each for name in NOT_NEEDED for each in ("-p", f"no:{name}"))
        code = int(
            pytest.main(["-x", "-q", "-o", "timeout=0", *left_out, "-m", WITHOUT_SLOW, *tests], plugins=[plugin])
        )
        os.write(writing, json.dumps({"took_s": plugin.known_s, "failed": plugin.failed}).encode())
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
