"""All rules of the core, in the order in which they judge a frame."""

from __future__ import annotations

from edge_agent.detect.limits import Limits
from edge_agent.detect.rules.acceleration import (
    EmergencyStopRule,
    ExcessiveAccelerationRule,
    ExcessiveJerkRule,
    ExcessiveVibrationRule,
    ImpactRule,
)
from edge_agent.detect.rules.controller import ControllerFaultRule, SafetyCircuitOpenRule
from edge_agent.detect.rules.door import DoorCloseFailureRule, DoorOpenFailureRule, DoorOpenInMotionRule
from edge_agent.detect.rules.door_wear import (
    DoorContactsDisagreeRule,
    DoorHeldOpenRule,
    DoorReversalsRule,
    DoorSlowRule,
)
from edge_agent.detect.rules.entrapment import AlarmButtonRule, EntrapmentRule
from edge_agent.detect.rules.health import BoxMovedRule, ControllerLinkLostRule, SensorFaultRule
from edge_agent.detect.rules.movement import (
    OverspeedRule,
    PositionLostRule,
    RunTimeExceededRule,
    StoppedOutsideDoorZoneRule,
    UnintendedMovementRule,
)
from edge_agent.detect.rules.rule import Rule
from edge_agent.detect.rules.supply import BackupSupplyLowRule, MainsLostRule


def all_rules(limits: Limits) -> tuple[Rule, ...]:
    """All rules, those first whose alarms are second signs for others."""
    return (
        EmergencyStopRule(limits),
        UnintendedMovementRule(limits),
        DoorOpenInMotionRule(limits),
        OverspeedRule(limits),
        SafetyCircuitOpenRule(limits),
        MainsLostRule(limits),
        ControllerFaultRule(limits),
        AlarmButtonRule(limits),
        DoorOpenFailureRule(limits),
        DoorCloseFailureRule(limits),
        StoppedOutsideDoorZoneRule(limits),
        EntrapmentRule(limits),
        ImpactRule(limits),
        RunTimeExceededRule(limits),
        PositionLostRule(limits),
        ExcessiveAccelerationRule(limits),
        ExcessiveJerkRule(limits),
        ExcessiveVibrationRule(limits),
        DoorHeldOpenRule(limits),
        DoorReversalsRule(limits),
        DoorSlowRule(limits),
        DoorContactsDisagreeRule(limits),
        ControllerLinkLostRule(limits),
        SensorFaultRule(limits),
        BackupSupplyLowRule(limits),
        BoxMovedRule(limits),
    )
