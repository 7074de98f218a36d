"""Catalogue rows 1 to 31: people may be in danger. Source: the project's alarm catalogue."""

from __future__ import annotations

from edge_agent.alarms import AlarmKind, Severity
from edge_agent.catalogue_row import CatalogueRow, EvidenceField

ROWS = (
    CatalogueRow(
        kind=AlarmKind.ENTRAPMENT,
        severity=Severity.CRITICAL,
        title_en="Entrapment",
        title_zh="困人",
        raised_when_en=(
            "The car is at rest, its door is not open, someone is believed inside, and the time since "
            "standstill passes 30 s with a second sign of trouble (emergency stop, door open failure, safety "
            "circuit open, mains lost, controller fault, alarm button), 60 s outside the door zone, or 90 s at "
            "a landing. Absence of a presence signal is no evidence of nobody: a still passenger disappears "
            "from a motion sensor."
        ),
        cleared_when_en=(
            "The car door stands open in a door zone for 2 s, or a normal trip ends with the door open "
            '("recovered by itself").'
        ),
        evidence=(
            EvidenceField("standstill_s", "s", "time since the car came to rest"),
            EvidenceField("occupied_percent", "%", "P(someone inside)"),
            EvidenceField("between_landings", "yes/no", "the car stands outside every door zone"),
            EvidenceField("second_sign", "name", "the other sign of trouble that shortened the hold time"),
            EvidenceField("recovered_by_itself", "yes/no", "cleared by a normal trip, nobody came"),
        ),
        first_check_en=(
            "Speak to the car over its alarm telephone. Then look at the landing named here: car level, "
            "landing door, main switch."
        ),
        first_check_zh="先用轿厢对讲与乘客通话并安抚；再到所示层站查看轿厢位置、层门和主电源开关。",
        gb="profile (extension; e.g. 11, 93, 09)",
        bacnet="8 or Passenger_Alarm",
    ),
    CatalogueRow(
        kind=AlarmKind.ALARM_BUTTON,
        severity=Severity.CRITICAL,
        title_en="Alarm button pressed",
        title_zh="报警按钮触发",
        raised_when_en=(
            "The alarm button in the car is held for 3 s; filtered while the car stands in the door zone with "
            "its doors open. Held for 30 s it passes every filter."
        ),
        cleared_when_en="The end of alarm is given at the lift.",
        evidence=(
            EvidenceField("button_s", "s", "how long the button has been held"),
            EvidenceField("filter_bypassed", "yes/no", "held long enough to pass every filter"),
        ),
        first_check_en="Speak to the car. If nobody answers, treat it as an entrapment.",
        first_check_zh="与轿厢通话；如无人应答，按困人处理。",
        gb="90",
        bacnet="Passenger_Alarm",
    ),
    CatalogueRow(
        kind=AlarmKind.UNINTENDED_MOVEMENT,
        severity=Severity.CRITICAL,
        title_en="Unintended car movement",
        title_zh="轿厢意外移动",
        raised_when_en=(
            "The car leaves the landing by more than 0.20 m, or moves faster than 0.3 m/s, with its door open. "
            "Re-levelling (at most 0.08 m/s, within +-20 mm) is none."
        ),
        cleared_when_en="The door is closed and the car is at rest in a door zone.",
        evidence=(
            EvidenceField("car_travel_m", "m", "distance from the landing"),
            EvidenceField("car_speed_mps", "m/s", "largest speed with the door open"),
        ),
        first_check_en="Take the lift out of service. Check brake, traction and the unintended-movement protection.",
        first_check_zh="立即停梯；检查制动器、曳引能力和轿厢意外移动保护装置。",
        gb="05",
        bacnet=">= 1024 (1024 here)",
    ),
    CatalogueRow(
        kind=AlarmKind.OVERSPEED,
        severity=Severity.CRITICAL,
        title_en="Overspeed",
        title_zh="超速",
        raised_when_en="The car is faster than 115 % of rated speed plus 0.1 m/s for 0.2 s.",
        cleared_when_en="The next normal trip ends.",
        evidence=(
            EvidenceField("car_speed_mps", "m/s", "largest speed"),
            EvidenceField("rated_speed_mps", "m/s", "rated speed of this lift"),
        ),
        first_check_en="Check whether the governor or safety gear has operated before anything is moved.",
        first_check_zh="移动轿厢之前，先确认限速器和安全钳是否动作。",
        gb="profile 11",
        bacnet="2",
    ),
    CatalogueRow(
        kind=AlarmKind.DOOR_OPEN_IN_MOTION,
        severity=Severity.CRITICAL,
        title_en="Car door open in motion",
        title_zh="运行中开门",
        raised_when_en="The car door contact is open for 20 ms or longer while the car moves faster than 0.1 m/s "
        "outside the door zone.",
        cleared_when_en="The door is closed and the car is at rest.",
        evidence=(
            EvidenceField("car_speed_mps", "m/s", "speed when the contact opened"),
            EvidenceField("door_open_ms", "ms", "how long the contact has been open"),
        ),
        first_check_en="Take the lift out of service. Check car door lock, door contact and its wiring.",
        first_check_zh="立即停梯；检查轿门锁、门触点及其接线。",
        gb="profile 08/12",
        bacnet="5",
    ),
)
