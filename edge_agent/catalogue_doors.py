"""Catalogue rows 44 to 49: the doors. Source: the project's alarm catalogue."""

from __future__ import annotations

from edge_agent.alarms import AlarmKind, Severity
from edge_agent.catalogue_row import CatalogueRow, EvidenceField

ROWS = (
    CatalogueRow(
        kind=AlarmKind.DOOR_OPEN_FAILURE,
        severity=Severity.MAJOR,
        title_en="Door does not open",
        title_zh="开门故障",
        raised_when_en=(
            "The car stands at a landing, an opening was begun or is due, and the door is not fully open "
            "within twice its learned time plus 5 s, in 2 tries."
        ),
        cleared_when_en="The door opens fully.",
        evidence=(
            EvidenceField("waiting_s", "s", "time since the opening was begun or due"),
            EvidenceField("tries_count", "", "openings begun and not completed"),
        ),
        first_check_en="Check the sill of this landing for dirt, the coupler and the door operator's open limit.",
        first_check_zh="检查该层地坎有无杂物、门刀与门锁滚轮、门机开门到位信号。",
        gb="03",
        bacnet="7",
    ),
    CatalogueRow(
        kind=AlarmKind.DOOR_CLOSE_FAILURE,
        severity=Severity.MAJOR,
        title_en="Door does not close",
        title_zh="关门故障",
        raised_when_en="Closing began and was not completed: 4 tries or 60 s.",
        cleared_when_en="The door closes fully.",
        evidence=(
            EvidenceField("waiting_s", "s", "time since the first closing began"),
            EvidenceField("tries_count", "", "closings begun and not completed"),
        ),
        first_check_en="Check the sill for dirt, the light curtain, the close limit and the door lock contact.",
        first_check_zh="检查地坎杂物、光幕、关门到位信号和门锁触点。",
        gb="02",
        bacnet="6",
    ),
    CatalogueRow(
        kind=AlarmKind.DOOR_HELD_OPEN,
        severity=Severity.MINOR,
        title_en="Door held open",
        title_zh="长时间开门",
        raised_when_en=(
            "The door is fully open for longer than 120 s with no trip, and the lift is not out of service."
        ),
        cleared_when_en="The door closes.",
        evidence=(EvidenceField("door_open_s", "s", "time fully open"),),
        first_check_en="Look for an object in the door or a blocked light curtain.",
        first_check_zh="查看门口有无物品挡门，光幕是否被遮挡。",
        gb="-",
        bacnet="6",
    ),
    CatalogueRow(
        kind=AlarmKind.DOOR_REVERSALS,
        severity=Severity.MINOR,
        title_en="Door reverses again and again",
        title_zh="反复开关门",
        raised_when_en=(
            "4 or more reversals in one stop. One incident with a count: 5,000 openings a day are one alarm."
        ),
        cleared_when_en="20 stops without.",
        evidence=(
            EvidenceField("reversals_count", "", "reversals in this incident"),
            EvidenceField("landing_index", "", "the landing, lowest is 0"),
        ),
        first_check_en="Clean the light curtain. Check the closing force and the sill of this landing.",
        first_check_zh="清洁光幕；检查关门力和该层地坎。",
        gb="profile 14",
        bacnet="6",
    ),
    CatalogueRow(
        kind=AlarmKind.DOOR_SLOW,
        severity=Severity.MINOR,
        title_en="Door is slow",
        title_zh="门动作变慢",
        raised_when_en=(
            "Opening or closing takes more than 1.3 times its learned time over 20 cycles; the landing is named."
        ),
        cleared_when_en="The time is back in range.",
        evidence=(
            EvidenceField("door_open_s_mean", "s", "mean opening time"),
            EvidenceField("door_close_s_mean", "s", "mean closing time"),
            EvidenceField("landing_index", "", "the landing, lowest is 0"),
        ),
        first_check_en="Check hangers, belt tension, sill and door operator parameters.",
        first_check_zh="检查门挂轮、皮带张力、地坎和门机参数。",
        gb="-",
        bacnet="6/7",
    ),
    CatalogueRow(
        kind=AlarmKind.DOOR_CONTACTS_DISAGREE,
        severity=Severity.MINOR,
        title_en="Door contacts disagree",
        title_zh="门触点信号矛盾",
        raised_when_en=(
            "Open and closed contact both made for longer than 0.5 s, neither made for longer than 60 s at "
            "rest, or a contact that does not change over 20 trips."
        ),
        cleared_when_en="Plausible for 20 trips.",
        evidence=(
            EvidenceField("contradiction", "name", "both_made, neither_made or never_changes"),
            EvidenceField("contradiction_s", "s", "how long it has lasted"),
        ),
        first_check_en="Check the contacts fitted for this box, their alignment and wiring; then the door itself.",
        first_check_zh="检查本终端所装门触点的位置和接线，再检查门本身。",
        gb="-",
        bacnet="3",
    ),
)
