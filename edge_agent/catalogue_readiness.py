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

STATUS_WORDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "readiness": ("Detection: {}", "检测：{}"),
        "score": ("Learned so far: {} of 100", "学习进度：{}/100"),
        "missing": ("{state}; seen so far: {parts}", "{state}；目前已有：{parts}"),
        "lesson": ("{have} of {need} {what}", "{have}/{need} {what}"),
        "comma": (", ", "，"),
        "cannot_see": ("Cannot see: {}", "无法发现：{}"),
        "sees_partly": ("Sees {}: {}", "{}：{}"),
        "less_sure": ("Less sure: {}", "较不确定：{}"),
        "in_memory": (
            "RECORDS ARE IN MEMORY ONLY and are lost with the supply: {}",
            "记录仅存于内存，断电即丢失：{}",
        ),
        "safe": (
            "SAFE MODE after repeated crashes, until an hour has gone well; left out: {}",
            "反复崩溃后处于安全模式，正常运行一小时后恢复；已停用：{}",
        ),
        "nothing": ("nothing", "无"),
    }
)
"""What `edge-agent status` says around them, in English and Chinese."""

LEARNED: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "nothing": ("Nothing is kept here yet: {path}", "尚未保存任何学习结果：{path}"),
        "direction": ("Gravity in the axes of the box: {value} m/s2", "重力在终端坐标系中的方向：{value} m/s²"),
        "trips": ("Trips remembered: {value}", "已记录的运行次数：{value}"),
        "decel": ("Usual deceleration: {value} m/s2", "常用减速度：{value} m/s²"),
        "speed": ("Rated speed by its own trips: {value} m/s", "由运行得出的额定速度：{value} m/s"),
        "longest": ("Longest trip: {value} s", "最长一次运行：{value} 秒"),
        "jerk": ("Usual jerk: {value} m/s3", "常用加加速度：{value} m/s³"),
        "vibration": ("Usual vibration (A95): {value} m/s2", "常用振动（A95）：{value} m/s²"),
        "landings": ("Landings, m above the first one seen: {value}", "层站高度（相对首个层站，米）：{value}"),
        "scale": ("Scale of the accelerometer: {value}", "加速度计比例系数：{value}"),
        "doors": ("Door times: {value}", "门运行时间：{value}"),
        "presence": ("Presence sensor: {value}", "人体传感器：{value}"),
        "empty_car": ("Door stayed shut, or opened, after the car left: {value}", "离站后门未开 / 开门次数：{value}"),
        "forgotten": ("Forgotten: {path}. The box learns its lift anew.", "已清除：{path}。终端将重新学习本梯。"),
    }
)
"""What `edge-agent baselines` says of the file, in English and Chinese."""
