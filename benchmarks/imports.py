"""What the libraries of the agent cost: memory and import time, each on top of those before it.

Fresh interpreters, one a row; a row has everything of the rows above it loaded too. Byte code and files are cached.
The last rows are the agent's own code with the drivers that a full box loads. What it needs beyond that when it runs
(stacks of threads, buffers, the outbox) is the difference to `python -m benchmarks daemon`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.material import ROOT
from benchmarks.report import Report, Row, Scale, Table, interleaved

STEPS = (
    ("bare python", ""),
    ("+ argparse, logging, threading, queue, json, tomllib", "argparse logging threading queue json tomllib"),
    ("+ sqlite3, ctypes, hashlib", "sqlite3 ctypes hashlib"),
    ("+ http.client with ssl", "http.client ssl"),
    ("+ importlib.metadata", "importlib.metadata"),
    ("+ cbor2", "cbor2"),
    ("+ numpy", "numpy"),
    ("+ edge-agent run", "edge_agent.__main__ edge_agent.cli.run edge_agent.recording_writer"),
    ("+ accelerometer (smbus2)", "drivers.adxl345"),
    ("+ contacts (gpiozero)", "drivers.door_contacts"),
    ("+ controller (pymodbus, asyncio)", "drivers.map_files drivers.modbus drivers.modbus_controller"),
)
PROBE = """
import sys, time
begun = time.perf_counter()
for name in {names!r}.split():
    __import__(name)
spent = time.perf_counter() - begun
kib = dict.fromkeys(("Rss:", "Private_Clean:", "Private_Dirty:"), 0)
for line in open("/proc/self/smaps_rollup"):
    word, *rest = line.split()
    if word in kib:
        kib[word] = int(rest[0])
print(spent, kib["Rss:"], kib["Private_Clean:"] + kib["Private_Dirty:"], len(sys.modules))
"""
PROBE_S = 30.0


@dataclass(frozen=True, slots=True)
class Probe:
    """One fresh interpreter after its imports."""

    spent_ms: float
    rss_mib: float
    uss_mib: float
    modules: int


def run(scale: Scale) -> Report:
    """See the module."""
    steps = STEPS if scale is Scale.FULL else STEPS[:2]
    contenders: dict[str, Callable[[], Probe]] = {}
    names = ""
    for title, more in steps:
        names = f"{names} {more}".strip()
        contenders[title] = lambda names=names: _probed(names)  # type: ignore[misc]
    measured = interleaved(scale.of(5, 1), contenders)
    rows, before = [], next(iter(measured.values()))
    for title, probes in measured.items():
        steps_mib = [now.uss_mib - then.uss_mib for now, then in zip(probes, before, strict=True)]
        rows.append(
            Row(
                title,
                (
                    [probe.rss_mib for probe in probes],
                    [probe.uss_mib for probe in probes],
                    steps_mib,
                    [probe.spent_ms for probe in probes],
                    [probe.modules for probe in probes],
                ),
            )
        )
        before = probes
    return Report((Table("cumulative", ("RSS MiB", "USS MiB", "USS added", "import ms", "modules"), tuple(rows)),))


def _probed(names: str) -> Probe:
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(names=names)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
        timeout=PROBE_S,
    )
    spent_s, rss_kib, uss_kib, modules = done.stdout.split()
    return Probe(1000 * float(spent_s), int(rss_kib) / 1024, int(uss_kib) / 1024, int(modules))
