"""How ready the core is, and what it still has to see: the words, in English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType


class ReadyState(Enum):
    """What the core is worth at present. The value is its name in status and exports."""

    NOT_READY = "not_ready"
    LEARNING = "learning"
    READY = "ready"
    RELEARNING = "box_moved_relearning"


class Lesson(Enum):
    """What the core has to see before it is ready. The value is its name in status and exports."""

    MOTION = "motion"
    DIRECTION = "direction_s"
    TRIPS = "trips"
    RATED_SPEED = "rated_speed_trips"
    LANDINGS = "landings"
    PLACE = "place"
    DOOR = "door_ends"


STATES: Mapping[ReadyState, tuple[str, str]] = MappingProxyType(
    {
        ReadyState.NOT_READY: ("not ready", "未就绪"),
        ReadyState.LEARNING: ("learning", "学习中"),
        ReadyState.READY: ("ready", "就绪"),
        ReadyState.RELEARNING: ("box was moved, relearning", "终端被移动，重新学习中"),
    }
)
"""English and Chinese."""

LESSONS: Mapping[Lesson, tuple[str, str]] = MappingProxyType(
    {
        Lesson.MOTION: ("a usable accelerometer", "可用的加速度计"),
        Lesson.DIRECTION: ("seconds of standing, to know how the box sits", "秒停站，以确定终端的安装方向"),
        Lesson.TRIPS: ("trips, to know how this lift brakes", "次运行，以了解本梯的制动"),
        Lesson.RATED_SPEED: ("trips, to know the rated speed", "次运行，以确定额定速度"),
        Lesson.LANDINGS: ("landings", "个层站"),
        Lesson.PLACE: ("stop with an open door, to know where the car is", "次开门停站，以确定轿厢位置"),
        Lesson.DOOR: ("ends of the door's way: open and closed", "个门端位置：开到位和关到位"),
    }
)
"""What is counted, in English and Chinese, behind "1 of 2"."""
