"""Catalogue rows 32 to 40: how the car moves and stops. Source: the project's alarm catalogue."""

from __future__ import annotations

from edge_agent.alarms import AlarmKind, Severity
from edge_agent.catalogue_row import CatalogueRow, EvidenceField

ROWS = (
    CatalogueRow(
        kind=AlarmKind.EMERGENCY_STOP,
        severity=Severity.MAJOR,
        title_en="Emergency stop",
        title_zh="急停",
        raised_when_en=(
            "During a trip the car brakes harder than its normal stop: 10 Hz-filtered deceleration of 2.0 m/s2 "
            "or more, or 1.6 times the learned braking, and the speed falls from above 0.3 m/s to rest within "
            "1.5 s."
        ),
        cleared_when_en="The next normal trip ends.",
        evidence=(
            EvidenceField("decel_mps2_peak", "m/s2", "largest deceleration, 10 Hz-filtered"),
            EvidenceField("car_speed_mps", "m/s", "speed before braking"),
            EvidenceField("stop_s", "s", "time from that speed to rest"),
        ),
        first_check_en=(
            "Check for people in the car. Read the controller's fault memory: safety circuit, brake, mains."
        ),
        first_check_zh="先确认轿内有无乘客；再读取控制系统故障记录：安全回路、制动器、电源。",
        gb="-",
        bacnet="5",
    ),
    CatalogueRow(
        kind=AlarmKind.STOPPED_OUTSIDE_DOOR_ZONE,
        severity=Severity.MAJOR,
        title_en="Stopped outside the door zone",
        title_zh="开锁区域外停止",
        raised_when_en=(
            "The car is at rest outside every door zone for longer than 15 s, not in inspection operation."
        ),
        cleared_when_en="The car moves on or reaches a landing.",
        evidence=(
            EvidenceField("standstill_s", "s", "time since the car came to rest"),
            EvidenceField("landing_offset_mm", "mm", "distance from the nearest landing, above is positive"),
        ),
        first_check_en="Look for people in the car. Then check safety circuit and levelling signals.",
        first_check_zh="先确认轿内有无乘客；再检查安全回路和平层信号。",
        gb="04",
        bacnet="8",
    ),
    CatalogueRow(
        kind=AlarmKind.IMPACT,
        severity=Severity.MAJOR,
        title_en="Impact",
        title_zh="冲击",
        raised_when_en=(
            "A shock above 10 m/s2, shorter than 0.5 s: pit or top strike, safety gear, vandalism. A slammed "
            "door or a jump is none."
        ),
        cleared_when_en="60 s have passed.",
        evidence=(
            EvidenceField("shock_mps2_peak", "m/s2", "largest change of acceleration"),
            EvidenceField("shock_ms", "ms", "length of the shock"),
        ),
        first_check_en="Check pit, buffers, safety gear and car for damage before the lift runs again.",
        first_check_zh="恢复运行前检查底坑、缓冲器、安全钳和轿厢有无损伤。",
        gb="profile 09/10",
        bacnet="3",
    ),
    CatalogueRow(
        kind=AlarmKind.RUN_TIME_EXCEEDED,
        severity=Severity.MAJOR,
        title_en="Run time exceeded",
        title_zh="运行时间超限",
        raised_when_en=(
            "The car moves for longer than the smaller of 45 s and full travel time plus 10 s, not below 20 s."
        ),
        cleared_when_en="The car is at rest.",
        evidence=(
            EvidenceField("run_s", "s", "time in motion"),
            EvidenceField("run_s_max", "s", "limit for this lift"),
        ),
        first_check_en="Check traction (ropes slipping), drive and position signals.",
        first_check_zh="检查曳引（钢丝绳打滑）、驱动和位置信号。",
        gb="06",
        bacnet="13",
    ),
    CatalogueRow(
        kind=AlarmKind.POSITION_LOST,
        severity=Severity.MINOR,
        title_en="Position lost",
        title_zh="楼层位置丢失",
        raised_when_en=(
            "Learned landings and measured travel disagree by more than half a landing, or the controller says so."
        ),
        cleared_when_en="The position is known again.",
        evidence=(
            EvidenceField("position_error_m", "m", "difference between measured travel and the nearest landing"),
        ),
        first_check_en=(
            "Let the lift serve both terminal landings. If it returns, check the levelling and limit switches."
        ),
        first_check_zh="让电梯运行至上下端站；若再次出现，检查平层开关和端站开关。",
        gb="07",
        bacnet="14",
    ),
    CatalogueRow(
        kind=AlarmKind.EXCESSIVE_ACCELERATION,
        severity=Severity.MINOR,
        title_en="Excessive acceleration",
        title_zh="加速度过大",
        raised_when_en=(
            "10 Hz-filtered vertical acceleration above 1.5 m/s2 in a normal start or stop, in 3 trips of 20."
        ),
        cleared_when_en="20 trips without.",
        evidence=(
            EvidenceField("accel_mps2_peak", "m/s2", "largest acceleration of the latest trip"),
            EvidenceField("trips_count", "", "trips beyond the limit among the last 20"),
        ),
        first_check_en="Check drive parameters, brake timing and the load weighing device.",
        first_check_zh="检查驱动参数、制动器动作时序和称重装置。",
        gb="-",
        bacnet="1",
    ),
    CatalogueRow(
        kind=AlarmKind.EXCESSIVE_JERK,
        severity=Severity.MINOR,
        title_en="Excessive jerk",
        title_zh="加加速度过大",
        raised_when_en="Jerk above 2.5 m/s3 over 0.5 s, or above 1.5 times the learned jerk, in 3 trips of 20.",
        cleared_when_en="20 trips without.",
        evidence=(
            EvidenceField("jerk_mps3_peak", "m/s3", "largest jerk of the latest trip"),
            EvidenceField("trips_count", "", "trips beyond the limit among the last 20"),
        ),
        first_check_en="Check drive ramps, brake timing and, on old lifts, the speed change points.",
        first_check_zh="检查驱动曲线、制动器动作时序；老旧电梯检查换速点。",
        gb="-",
        bacnet="1",
    ),
    CatalogueRow(
        kind=AlarmKind.EXCESSIVE_VIBRATION,
        severity=Severity.MINOR,
        title_en="Excessive vibration",
        title_zh="振动过大",
        raised_when_en="Ride quality beyond the limit of this lift or 1.5 times its own baseline, in 5 trips of 20.",
        cleared_when_en="20 trips within.",
        evidence=(
            EvidenceField("vibration_mps2_a95", "m/s2", "A95 peak to peak of the latest trip"),
            EvidenceField("trips_count", "", "trips beyond the limit among the last 20"),
        ),
        first_check_en="Check guide shoes or rollers, rail joints and rope tension.",
        first_check_zh="检查导靴或滚轮、导轨接头和钢丝绳张力。",
        gb="-",
        bacnet="3",
    ),
    CatalogueRow(
        kind=AlarmKind.MISLEVELLING,
        severity=Severity.MINOR,
        title_en="Mislevelling",
        title_zh="平层不准",
        raised_when_en="Stopping accuracy beyond +-20 mm in 3 stops of 20 at one landing.",
        cleared_when_en="20 stops within +-10 mm.",
        evidence=(
            EvidenceField("level_error_mm", "mm", "sill to sill distance at the latest stop"),
            EvidenceField("landing_index", "", "the landing, lowest is 0"),
            EvidenceField("stops_count", "", "stops beyond the limit among the last 20"),
        ),
        first_check_en="Check the levelling vane of this landing, brake torque and rope wear.",
        first_check_zh="检查该层平层隔板、制动力矩和钢丝绳磨损。",
        gb="-",
        bacnet="3",
    ),
)
