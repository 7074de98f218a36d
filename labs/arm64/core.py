"""Inside the foreign root, counted: the detection core over some seconds of a lift, in blocks as a driver drains them.

`core.py SECONDS`. The first half only warms up; each second half stands between two marks (counted.py reads them).
"""

from __future__ import annotations

import ctypes
import sys

from benchmarks.material import Material, parked, traffic
from edge_agent.detect.detector import Detector
from edge_agent.detect.limits import Limits

MARK = 0x4C494654


def mark(number: int) -> None:
    """A system call that the kernel refuses and the counter hears."""
    ctypes.CDLL(None).prctl(MARK, number, 0, 0, 0)


def watch(material: Material, number: int) -> None:
    """Marks number and number + 1 around the second half."""
    begun_ns, detector = material.readings[0].t_ns, Detector(material.installation, Limits())
    half_ns = begun_ns + round(material.seconds / 2 * 1e9)
    early = [reading for reading in material.readings if reading.t_ns < half_ns]
    late = material.readings[len(early) :]
    for reading in early:
        detector.step(reading)
    mark(number)
    for reading in late:
        detector.step(reading)
    mark(number + 1)
    print(f"seconds {number} {(late[-1].t_ns - late[0].t_ns) / 1e9:.3f}", flush=True)


def main() -> None:
    seconds = float(sys.argv[1])
    watch(traffic(400, seconds), 10)
    watch(parked(400, seconds), 20)


if __name__ == "__main__":
    main()
