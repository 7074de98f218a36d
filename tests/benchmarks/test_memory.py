"""The core's memory stays bounded while a lift lives on; the benchmark that shows it over days works."""

from __future__ import annotations

from itertools import islice

from benchmarks.memory import for_ever, kept_in, later, lived, stretch
from edge_agent.detect.course import COURSE_FRAMES_MAX
from edge_agent.detect.detector import Detector
from edge_agent.detect.limits import Limits

LEARNS_UP_TO = {
    "._episodes._watches[].ended": 8,  # subjects: a few doors and sensors
    "._episodes._watches[].ended[]": 8 * 8,
    "._episodes._watches[].rule._tally._last": 4 * 20,
    "._learning._doors._paces[]._normal": 16 * 20,  # opening and closing, 8 landings
    "._learning._doors._paces[]._recent": 16 * 20,
    "._learning._jerk._jerks": 100,
    "._learning._jerk._tally._last": 20,
    "._learning._position._errors_m": 20,
    "._learning._vibration._tally._last": 20,
    "._learning._vibration._usual": 200,
    "._learning.trips._decels": 50,
    "._learning.trips._speeds": 50,
    "._ride_quality._memory._samples": 3 * 25 * 25,  # 25 s of three axes: 15 s are kept, a third more until it moves
    "._ride_quality._memory._times": 25 * 25,
    "._learning._occupancy.stirring._beat": 40,
    "._learning._occupancy.stirring._beats": 30,
    "._frames": 10 * 20 + 1,  # of one block
    **{
        f"._motion.{which}.{numbers}": COURSE_FRAMES_MAX
        for which in ("_course", "_candidate", "_ended")  # the trip under way, a push, the trip before
        for numbers in ("_indices", "_accels", "_speeds", "_drifts")
    },
}
"""Containers that may grow with the life of a lift, and how far."""


def test_what_the_core_keeps_does_not_grow_with_the_life_of_a_lift() -> None:
    material = stretch(300.0, 60.0)
    detector = Detector(material.installation, Limits())
    readings = for_ever(material)
    kept: list[dict[str, int]] = []
    for _ in range(4):
        for reading in islice(readings, len(material.readings)):
            detector.step(reading)
        kept.append(kept_in(detector))
    assert all(kept[-1].get(way, 0) <= most for way, most in LEARNS_UP_TO.items()), kept[-1]
    grown = {way: (kept[1].get(way, 0), size) for way, size in kept[-1].items() if size > kept[1].get(way, 0)}
    assert {way: sizes for way, sizes in grown.items() if way not in LEARNS_UP_TO} == {}


def test_a_container_is_counted_once_by_the_way_that_leads_to_it() -> None:
    class Box:
        __slots__ = ("again", "inner", "name")

        def __init__(self) -> None:
            self.inner = {"a": [1, 2, 3], "b": [4]}
            self.again = self.inner
            self.name = "box"

    found = kept_in(Box())
    assert sum(found.values()) == 6
    assert sorted(found.values()) == [2, 4]


def test_a_recording_goes_on_later_and_never_back() -> None:
    material = stretch(20.0, 10.0)
    times_ns = [reading.t_ns for reading in islice(for_ever(material), 3 * len(material.readings))]
    assert times_ns == sorted(times_ns)
    assert later(material.readings[0], 7).t_ns == material.readings[0].t_ns + 7


def test_memory_is_looked_at_after_each_share_of_the_time() -> None:
    looks = list(lived(0.01))
    assert [round(look.days / 0.01 * 4) for look in looks] == [1, 2, 3, 4]
    assert all(look.kept > 0 and look.rss_mib > 1.0 for look in looks)
