"""Foreign codes of every alarm kind: BACnet lift objects, Ademco Contact ID, SIA. A kind without one says so.

Source of BACnetLiftFault and Passenger_Alarm: ANSI/ASHRAE 135-2016 clause 21 and 12.59 (addendum 135-2012aq) as four
public implementations agree on it (bacnet-stack `bacenum.h`; bacstack `LiftFault`; bac-py; bacnet-objects); the text of
the standard was not read. Source of Contact ID and SIA codes: SIA DC-05 and DC-03 as in `siadc09` 1.0.1 (`dc05.py`,
`dc03.py`) and the lists of receiver makers; which of them stands for a lift alarm is ours. A centre may want others:
they can be set.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edge_agent.alarms import AlarmKind as K


@dataclass(frozen=True, slots=True)
class BacnetCode:
    """fault: of Fault_Signals; passenger_alarm: the property of that name is true. remark: for people."""

    fault: int | None
    passenger_alarm: bool = False
    remark: str = ""


_OWN = "a fault of the box, not of the lift"

BACNET: Mapping[K, BacnetCode] = {
    K.ENTRAPMENT: BacnetCode(8, True, "the fault only where the car stands between landings"),
    K.ALARM_BUTTON: BacnetCode(None, True),
    K.UNINTENDED_MOVEMENT: BacnetCode(1024, remark="proprietary from 1024 on: the standard has no value for it"),
    K.OVERSPEED: BacnetCode(2),
    K.DOOR_OPEN_IN_MOTION: BacnetCode(5),
    K.EMERGENCY_STOP: BacnetCode(5),
    K.STOPPED_OUTSIDE_DOOR_ZONE: BacnetCode(8),
    K.IMPACT: BacnetCode(3),
    K.RUN_TIME_EXCEEDED: BacnetCode(13),
    K.POSITION_LOST: BacnetCode(14),
    K.EXCESSIVE_ACCELERATION: BacnetCode(1),
    K.EXCESSIVE_JERK: BacnetCode(1),
    K.EXCESSIVE_VIBRATION: BacnetCode(3),
    K.MISLEVELLING: BacnetCode(3),
    K.DOOR_OPEN_FAILURE: BacnetCode(7),
    K.DOOR_CLOSE_FAILURE: BacnetCode(6),
    K.DOOR_HELD_OPEN: BacnetCode(6),
    K.DOOR_REVERSALS: BacnetCode(6),
    K.DOOR_SLOW: BacnetCode(6, remark="opening and closing are one kind here: 6 stands for 6 and 7"),
    K.DOOR_CONTACTS_DISAGREE: BacnetCode(3),
    K.CONTROLLER_FAULT: BacnetCode(0),
    K.SAFETY_CIRCUIT_OPEN: BacnetCode(5),
    K.MAINS_LOST: BacnetCode(4),
    K.CONTROLLER_LINK_LOST: BacnetCode(0),
    K.SENSOR_FAULT: BacnetCode(12),
    K.STORAGE_LOW: BacnetCode(None, remark=_OWN),
    K.CLOCK_UNTRUSTED: BacnetCode(None, remark=_OWN),
    K.BACKUP_SUPPLY_LOW: BacnetCode(4),
    K.BOX_MOVED: BacnetCode(None, remark=_OWN),
    K.BOX_OPENED: BacnetCode(None, remark=_OWN),
    K.REPEATED_REBOOT: BacnetCode(None, remark=_OWN),
    K.CERTIFICATE_NOT_RENEWED: BacnetCode(None, remark=_OWN),
}

BACNET_FAULTS: Mapping[int, str] = {
    0: "controller-fault",
    1: "drive-and-motor-fault",
    2: "governor-and-safety-gear-fault",
    3: "lift-shaft-device-fault",
    4: "power-supply-fault",
    5: "safety-interlock-fault",
    6: "door-closing-fault",
    7: "door-opening-fault",
    8: "car-stopped-outside-landing-zone",
    9: "call-button-stuck",
    10: "start-failure",
    11: "controller-supply-fault",
    12: "self-test-failure",
    13: "runtime-limit-exceeded",
    14: "position-lost",
    15: "drive-temperature-exceeded",
    16: "load-measurement-fault",
    1024: "proprietary: unintended car movement",
}


@dataclass(frozen=True, slots=True)
class AlarmCode:
    """cid: three digits of Contact ID. event, restoral: two letters of SIA. The zone is the number of the kind."""

    cid: str
    event: str
    restoral: str


HELP = AlarmCode("101", "QA", "QR")  # emergency assistance request; never 120/PA, which calls the police
DANGER = AlarmCode("150", "UA", "UR")  # 24 hour non-burglary; zone of unknown type
TROUBLE = AlarmCode("330", "UT", "UJ")  # system peripheral trouble
PERIODIC_TEST = AlarmCode("602", "RP", "RP")

CENTRE: Mapping[K, AlarmCode] = {
    **dict.fromkeys(K, TROUBLE),
    K.ENTRAPMENT: HELP,
    K.ALARM_BUTTON: HELP,
    K.UNINTENDED_MOVEMENT: DANGER,
    K.OVERSPEED: DANGER,
    K.DOOR_OPEN_IN_MOTION: DANGER,
    K.MAINS_LOST: AlarmCode("301", "AT", "AR"),
    K.SENSOR_FAULT: AlarmCode("380", "UT", "UJ"),
    K.STORAGE_LOW: AlarmCode("300", "UT", "UJ"),
    K.CLOCK_UNTRUSTED: AlarmCode("626", "UT", "UJ"),
    K.BACKUP_SUPPLY_LOW: AlarmCode("302", "YT", "YR"),
    K.BOX_MOVED: AlarmCode("144", "TA", "TR"),
    K.BOX_OPENED: AlarmCode("145", "TA", "TR"),
    K.REPEATED_REBOOT: AlarmCode("305", "UT", "UJ"),
    K.CERTIFICATE_NOT_RENEWED: AlarmCode("300", "UT", "UJ"),
}


def kind_of(number: int | None) -> K | None:
    """The alarm kind of a record; None for one that this receiver does not know."""
    try:
        return None if number is None else K(number)
    except ValueError:
        return None
