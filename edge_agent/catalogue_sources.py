"""The degraded-mode table: which senses each alarm kind needs, what is lost with fewer, in English and Chinese.

A sense is a source that speaks ("accelerometer", "supply"), a line that is read ("door_open": the name of the signal)
or a word of the controller ("controller.door"). The table is held against every story of the simulator with each sense
taken away (tests/detect/test_degraded.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from edge_agent.alarms import AlarmKind

ACCEL = "accelerometer"
OPEN, CLOSED, ZONE = "door_open", "door_closed", "door_zone"
OPEN_REAR, CLOSED_REAR = "door_open_rear", "door_closed_rear"
CONTROLLER = "controller"
C_DOOR, C_ZONE, C_FAULT, C_CIRCUIT = (
    "controller.door",
    "controller.door_zone",
    "controller.fault",
    "controller.safety_circuit",
)

Senses = tuple[frozenset[str], ...]


class Sight(Enum):
    """How well a kind of alarm can be seen with the senses there are."""

    FULL = "full"
    PARTLY = "partly"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Need:
    """One row. full, partly: sets of senses, any of which is enough; `lost`: what is lost with `partly`."""

    full: Senses
    partly: Senses = ()
    lost_en: str = ""
    lost_zh: str = ""


def _any(*sets: str | tuple[str, ...]) -> Senses:
    return tuple(frozenset((each,) if isinstance(each, str) else each) for each in sets)


_MOTION = Need(_any(ACCEL))
_DOOR_AND_MOTION = _any((ACCEL, CLOSED), (ACCEL, OPEN), (ACCEL, C_DOOR))
_ANY_DOOR = _any(OPEN, CLOSED, C_DOOR)

NEEDS: Mapping[AlarmKind, Need] = MappingProxyType(
    {
        AlarmKind.ENTRAPMENT: Need(
            _any((ACCEL, OPEN)),
            _any(ACCEL),
            "not behind a door that has only left its closed end; as true as the controller's word where that alone "
            "tells of the door; with no word, only after an emergency stop or outside the door zone with strong signs",
            "门只离开关闭位而未开到位时无法发现；仅由控制系统报告门状态时取决于其真实性；没有门状态时，"
            "仅在急停后或停在开锁区域外且有明显乘客迹象时可发现",
        ),
        AlarmKind.ALARM_BUTTON: Need(_any("alarm_button")),
        AlarmKind.UNINTENDED_MOVEMENT: Need(_DOOR_AND_MOTION),
        AlarmKind.OVERSPEED: _MOTION,
        AlarmKind.DOOR_OPEN_IN_MOTION: Need(
            _any((ACCEL, CLOSED)),
            _any((ACCEL, C_DOOR)),
            "only as late and as often as the controller tells of its door",
            "取决于控制系统报告门状态的时机和频率",
        ),
        AlarmKind.EMERGENCY_STOP: _MOTION,
        AlarmKind.STOPPED_OUTSIDE_DOOR_ZONE: Need(
            _any((ACCEL, ZONE), (ACCEL, C_ZONE)),
            _any(ACCEL),
            "only where the measured place leaves no doubt: not within a metre of a landing before the landings are "
            "learned, and without word of the door only while the place is known from the start",
            "仅在测得的位置毫无疑问时可发现：学习层站之前，离层站一米以内的停车无法发现；没有门状态时，仅在启动后位置一直已知时可发现",
        ),
        AlarmKind.IMPACT: _MOTION,
        AlarmKind.RUN_TIME_EXCEEDED: _MOTION,
        AlarmKind.POSITION_LOST: Need(_DOOR_AND_MOTION),
        AlarmKind.EXCESSIVE_ACCELERATION: _MOTION,
        AlarmKind.EXCESSIVE_JERK: _MOTION,
        AlarmKind.EXCESSIVE_VIBRATION: _MOTION,
        AlarmKind.DOOR_OPEN_FAILURE: Need(
            _any((ACCEL, OPEN, CLOSED), (ACCEL, C_DOOR)),
            _any((ACCEL, CLOSED), (ACCEL, OPEN)),
            "only a door that falls back to closed, or people known behind a shut one",
            "仅能发现门又退回关闭，或已知有乘客而门不开",
        ),
        AlarmKind.DOOR_CLOSE_FAILURE: Need(
            _any((OPEN, CLOSED), C_DOOR),
            _any(CLOSED, OPEN),
            "only closings long enough to be told from a short touch of the contact",
            "仅能发现持续时间足够长的关门尝试",
        ),
        AlarmKind.DOOR_HELD_OPEN: Need(_any(OPEN, CLOSED, C_DOOR)),
        AlarmKind.DOOR_REVERSALS: Need(
            _any((OPEN, CLOSED)), _any(OPEN, CLOSED), "short reversals are missed", "会漏掉短暂的反向开门"
        ),
        AlarmKind.DOOR_SLOW: Need(_any((OPEN, CLOSED))),
        AlarmKind.DOOR_CONTACTS_DISAGREE: Need(
            _any((ACCEL, OPEN, CLOSED)),
            _any((OPEN, CLOSED), (ACCEL, OPEN), (ACCEL, CLOSED)),
            "only both contacts made or neither; or one that never changes while the lift runs",
            "仅能发现两触点同时动作或都不动作，或运行中始终不变的触点",
        ),
        AlarmKind.CONTROLLER_FAULT: Need(_any(C_FAULT)),
        AlarmKind.SAFETY_CIRCUIT_OPEN: Need(
            _any((ACCEL, C_CIRCUIT, CLOSED), (ACCEL, C_CIRCUIT, OPEN), (ACCEL, C_CIRCUIT, C_DOOR)),
            _any((ACCEL, C_CIRCUIT)),
            "only while the car runs too fast for a door to open",
            "仅在轿厢速度高到门不可能开启时可发现",
        ),
        AlarmKind.MAINS_LOST: Need(_any("mains", "supply")),
        AlarmKind.CONTROLLER_LINK_LOST: Need(_any(CONTROLLER)),
        AlarmKind.BACKUP_SUPPLY_LOW: Need(_any("supply")),
        AlarmKind.BOX_MOVED: _MOTION,
    }
)
"""Kinds that the core raises from its senses. `sensor_fault` needs none; the others of the catalogue are not the
core's. Source: degraded-mode table of the alarm catalogue, tried out on the simulator's stories."""

CONFUSED: Mapping[AlarmKind, tuple[Senses, str, str]] = MappingProxyType(
    {
        AlarmKind.ENTRAPMENT: (
            _any(OPEN, CLOSED),
            "without a door contact a controller that lies about its door or a height that drifts may invent one",
            "没有门触点时，控制系统误报门状态或高度漂移可能造成误报",
        ),
        AlarmKind.STOPPED_OUTSIDE_DOOR_ZONE: (
            _any(OPEN, CLOSED, ZONE, C_ZONE),
            "with neither door contact nor door-zone witness the measured height drifts",
            "没有门触点和开锁区域信号时，测量高度会漂移",
        ),
        AlarmKind.DOOR_OPEN_FAILURE: (
            _any(CLOSED),
            "without a closed contact a door that jams half shut, or a controller that lies about it, may invent one",
            "没有关到位触点时，门卡在半关位置或控制系统误报门状态可能造成误报",
        ),
        AlarmKind.DOOR_HELD_OPEN: (
            _any(OPEN),
            "without an open contact a door that stands half open is taken for open",
            "没有开到位触点时，半开的门会被当作全开",
        ),
        AlarmKind.ALARM_BUTTON: (
            _ANY_DOOR,
            "with no word about the door, presses at an open door are not filtered",
            "没有门状态时，开门停站时的误按无法过滤",
        ),
    }
)
"""Kinds that are raised although nothing is wrong, where none of these senses is there; in words of both languages."""

SHARPENS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "presence": (
            "without a presence sensor it is less sure whether somebody is inside",
            "没有人体传感器时，轿内是否有人较难确定",
        ),
        ZONE: (
            "without a door-zone contact the place is known only from measured heights",
            "没有开锁区域触点时，位置只能由测量高度推算",
        ),
        "inspection": (
            "without an inspection contact a technician's work may be taken for trouble",
            "没有检修触点时，维保操作可能被误判为故障",
        ),
    }
)
"""Senses that decide no kind alone, and what is worse without them."""


def sight(kind: AlarmKind, senses: Set[str]) -> Sight:
    """How well `kind` can be seen with these senses; a kind without a row needs none."""
    need, senses = NEEDS.get(kind), _deciding(senses)
    if need is None or any(each <= senses for each in need.full):
        return Sight.FULL
    return Sight.PARTLY if any(each <= senses for each in need.partly) else Sight.NONE


def may_be_confused(kind: AlarmKind, senses: Set[str]) -> bool:
    """Whether `kind` may be raised for nothing, because the senses that would tell better are missing."""
    row, senses = CONFUSED.get(kind), _deciding(senses)
    return row is not None and not any(each <= senses for each in row[0])


def _deciding(senses: Set[str]) -> Set[str]:
    """Those that decide: contacts of the door before the controller's word, and the door that is seen worst."""
    if senses & {OPEN_REAR, CLOSED_REAR}:
        has_front = senses & {OPEN, CLOSED}
        lacking = {one for one, rear in ((OPEN, OPEN_REAR), (CLOSED, CLOSED_REAR)) if rear not in senses}
        senses = senses - lacking if has_front else (senses | {OPEN, CLOSED}) - lacking
    return senses - {C_DOOR} if senses & {OPEN, CLOSED} else senses
