"""What the core concludes from the box's battery and from its modem."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pytest

from edge_agent.alarms import Alarm, AlarmKind, AlarmState, Conclusion, OpenIncident, Place, SignalCoverage
from edge_agent.detect.detector import Detector
from edge_agent.detect.limits import limits_with
from edge_agent.installation import Installation, Lift, Wiring
from edge_agent.readings import (
    FaultReason,
    ModemReport,
    Reading,
    Registration,
    SimState,
    SourceFault,
    SupplySample,
)
from edge_agent.recording import with_ticks
from edge_agent.records import draft_of
from edge_agent.wire_values import Measure, Measured, Stream, SystemKind
from tests.detect.scenes import Scene

S = 1_000_000_000
LIMITS = limits_with((("backup_s_min", 120.0), ("modem_unregistered_s_max", 60.0)))
NO_SENSORS = Installation(Lift("supply-1"), Wiring(has_accelerometer=False))
CHARGING_A, DISCHARGING_A = -0.2, 0.4


def concluded(readings: Iterable[Reading], resumed: tuple[OpenIncident, ...] = ()) -> list[Conclusion]:
    detector = Detector(NO_SENSORS, LIMITS, first_incident=10, resumed=resumed)
    return [said for reading in with_ticks(iter(readings), "here") for said in detector.step(reading)]


def stages(said: Iterable[Conclusion], kind: AlarmKind) -> list[tuple[str, int]]:
    """Raised and cleared, with the whole seconds; a suspicion that came to nothing is left out."""
    alarms = [alarm for alarm in said if isinstance(alarm, Alarm) and alarm.kind is kind]
    raised = {alarm.incident for alarm in alarms if alarm.state is AlarmState.RAISED}
    suspected = {alarm.incident for alarm in alarms if alarm.state is AlarmState.SUSPECTED} - raised
    told = [a for a in alarms if a.state is not AlarmState.SUSPECTED and a.incident not in suspected]
    return [(alarm.state.value, alarm.t_ns // S) for alarm in told]


# ---- the supply


@dataclass(frozen=True)
class Span:
    """The supply monitor once a second until `end_s`."""

    end_s: float
    current_a: float
    from_v: float = 4.1
    to_v: float = 4.1


def supply(*spans: Span) -> Iterator[SupplySample]:
    begin_s = 0.0
    for span in spans:
        t_s = begin_s
        while t_s < span.end_s:
            share = (t_s - begin_s) / (span.end_s - begin_s)
            yield SupplySample(round(t_s * S), span.from_v + share * (span.to_v - span.from_v), span.current_a)
            t_s += 1.0
        begin_s = span.end_s


def test_a_current_out_of_the_battery_for_two_seconds_is_the_mains_lost_and_back_is_back() -> None:
    said = concluded(supply(Span(60, CHARGING_A), Span(90, DISCHARGING_A), Span(120, CHARGING_A)))
    assert stages(said, AlarmKind.MAINS_LOST) == [("raised", 62), ("cleared", 90)]
    raised = next(alarm for alarm in said if isinstance(alarm, Alarm) and alarm.state is AlarmState.RAISED)
    assert {sign.name: sign.value for sign in raised.evidence}["supply_v"] == 4.1
    assert raised.note == "the box runs on its battery"


@pytest.mark.parametrize("current_a", [LIMITS.battery_discharge_a_min - 0.001, 0.0, CHARGING_A])
def test_a_battery_that_floats_or_charges_is_no_loss_of_mains(current_a: float) -> None:
    assert stages(concluded(supply(Span(60, current_a))), AlarmKind.MAINS_LOST) == []


def test_a_dip_of_one_second_is_no_loss_of_mains() -> None:
    said = concluded(supply(Span(60, CHARGING_A), Span(61, DISCHARGING_A), Span(90, CHARGING_A)))
    assert stages(said, AlarmKind.MAINS_LOST) == []


EMPTY_V = LIMITS.battery_empty_v


def test_a_battery_that_empties_within_its_hour_is_low_until_a_later_discharge_lasts() -> None:
    said = concluded(
        supply(
            Span(20, CHARGING_A),
            Span(80, DISCHARGING_A, 4.1, EMPTY_V - 0.1),
            Span(100, CHARGING_A),
            Span(250, DISCHARGING_A, 4.1, 3.7),
        )
    )
    [(_, raised_s), (_, cleared_s)] = stages(said, AlarmKind.BACKUP_SUPPLY_LOW)
    assert 70 <= raised_s <= 80
    assert 220 <= cleared_s <= 221
    alarm = next(a for a in said if isinstance(a, Alarm) and a.kind is AlarmKind.BACKUP_SUPPLY_LOW)
    assert {s.name: s.value for s in alarm.evidence}["backup_s"] == pytest.approx(54.0, abs=3.0)


def test_a_battery_that_lasts_beyond_its_hour_is_not_low_when_it_is_empty() -> None:
    said = concluded(
        supply(Span(20, CHARGING_A), Span(142, DISCHARGING_A, 4.1, 3.7), Span(160, DISCHARGING_A, 3.2, 3.0))
    )
    assert stages(said, AlarmKind.BACKUP_SUPPLY_LOW) == []


def test_a_discharge_whose_beginning_nobody_saw_measures_nothing() -> None:
    assert stages(concluded(supply(Span(60, DISCHARGING_A, 3.6, EMPTY_V - 0.1))), AlarmKind.BACKUP_SUPPLY_LOW) == []


def test_a_discharge_with_a_gap_measures_nothing() -> None:
    samples = supply(Span(20, CHARGING_A), Span(80, DISCHARGING_A, 4.1, EMPTY_V - 0.1))
    with_gap = [sample for sample in samples if not 40 * S < sample.t_ns < 55 * S]
    assert stages(concluded(with_gap), AlarmKind.BACKUP_SUPPLY_LOW) == []


def test_no_battery_for_a_minute_is_low_and_another_one_ends_it() -> None:
    said = concluded(supply(Span(60, CHARGING_A), Span(180, 0.0, 0.0, 0.0), Span(240, CHARGING_A)))
    assert stages(said, AlarmKind.BACKUP_SUPPLY_LOW) == [("raised", 120), ("cleared", 180)]


def test_a_battery_changed_within_a_minute_is_no_further_alarm_and_forgets_what_the_old_one_was_worth() -> None:
    said = concluded(
        supply(
            Span(20, CHARGING_A),
            Span(80, DISCHARGING_A, 4.1, EMPTY_V - 0.1),
            Span(100, CHARGING_A),
            Span(140, 0.0, 0.0, 0.0),
            Span(160, CHARGING_A),
        )
    )
    assert [stage for stage, _ in stages(said, AlarmKind.BACKUP_SUPPLY_LOW)] == ["raised", "cleared"]


def test_a_low_battery_from_before_the_restart_stands_until_it_is_measured_or_changed() -> None:
    before = (OpenIncident(AlarmKind.BACKUP_SUPPLY_LOW, 7),)
    assert stages(concluded(supply(Span(100, CHARGING_A)), before), AlarmKind.BACKUP_SUPPLY_LOW) == []
    measured = supply(Span(20, CHARGING_A), Span(160, DISCHARGING_A, 4.1, 3.7))
    assert [stage for stage, _ in stages(concluded(measured, before), AlarmKind.BACKUP_SUPPLY_LOW)] == ["cleared"]


# ---- the modem


def reports(
    seconds: float, sim: SimState = SimState.READY, registration: Registration = Registration.HOME, **levels: int
) -> list[ModemReport]:
    return [ModemReport(round(t * S), sim, registration, **levels) for t in range(1, round(seconds), 10)]


@pytest.mark.parametrize("sim", [SimState.ABSENT, SimState.PIN_NEEDED, SimState.PUK_NEEDED, SimState.BROKEN])
def test_a_sim_card_that_does_not_work_is_told_at_once_by_one_sentence(sim: SimState) -> None:
    said = concluded(reports(40, sim))
    [(stage, raised_s)] = stages(said, AlarmKind.SENSOR_FAULT)
    assert stage == "raised"
    assert raised_s <= 3
    alarm = next(a for a in said if isinstance(a, Alarm) and a.state is AlarmState.RAISED)
    assert {s.name: s.value for s in alarm.evidence} == {"source": "modem", "reason": FaultReason.SIM.value}
    assert "SIM card" in alarm.note


@pytest.mark.parametrize("sim", [SimState.READY, SimState.BUSY, SimState.UNKNOWN])
def test_a_sim_card_that_works_or_is_busy_is_no_fault(sim: SimState) -> None:
    assert stages(concluded(reports(100, sim)), AlarmKind.SENSOR_FAULT) == []


NO_NETWORK = [Registration.SEARCHING, Registration.NOT_SEARCHING, Registration.DENIED, Registration.EMERGENCY_ONLY]


@pytest.mark.parametrize("registration", NO_NETWORK)
def test_no_network_is_a_fault_after_its_time_and_ends_with_the_network(registration: Registration) -> None:
    limit_s = LIMITS.modem_unregistered_s_max
    without = reports(limit_s + 60, registration=registration)
    within = [
        ModemReport(r.t_ns + round((limit_s + 60) * S), SimState.READY, Registration.ROAMING) for r in reports(120)
    ]
    said = concluded([*without, *within])
    [(first, raised_s), (second, _)] = stages(said, AlarmKind.SENSOR_FAULT)
    assert (first, second) == ("raised", "cleared")
    assert limit_s <= raised_s <= limit_s + 15


def test_a_dead_spot_on_the_way_is_no_fault() -> None:
    away = reports(LIMITS.modem_unregistered_s_max - 20, registration=Registration.SEARCHING)
    back = [ModemReport(away[-1].t_ns + 10 * S, SimState.READY, Registration.HOME)]
    again = [ModemReport(r.t_ns + back[0].t_ns, r.sim, r.registration) for r in away]
    assert stages(concluded([*away, *back, *again]), AlarmKind.SENSOR_FAULT) == []


def test_a_modem_that_is_silent_is_a_fault_like_any_source() -> None:
    fault = SourceFault(30 * S, "modem", FaultReason.SILENT, "the modem answers none of 3 commands")
    later = [ModemReport(t * S, SimState.READY, Registration.HOME) for t in range(60, 200, 10)]
    said = concluded([*reports(25), fault, *later])
    assert [stage for stage, _ in stages(said, AlarmKind.SENSOR_FAULT)] == ["raised", "cleared"]


# ---- signal coverage


def hears(scene: Scene, rssi_dbm: int | None, count: int = 7, rsrp_dbm: int | None = None) -> None:
    """The car stands, and the modem says the same once in 10 s."""
    for _ in range(count):
        scene.stand(10.0)
        said = ModemReport(round(scene.t_s * S), SimState.READY, Registration.HOME, rssi_dbm, rsrp_dbm)
        scene.others.append(said)


def coverage_of(scene: Scene) -> list[tuple[int | None, int | None, int | None]]:
    said = [c for c in scene.run().conclusions if isinstance(c, SignalCoverage)]
    return [(coverage.place.landing_index, coverage.rssi_dbm, coverage.rsrp_dbm) for coverage in said]


def test_the_signal_is_told_once_for_each_landing_with_its_levels() -> None:
    scene = Scene().stand(5.0).open().stand(2.0)
    hears(scene, -71, rsrp_dbm=-99)
    scene.close().stand(1.0)
    scene.trip(3)
    scene.stand(1.0).open()
    hears(scene, -103, count=14)
    assert coverage_of(scene) == [(0, -71, -99), (3, -103, None)]


def test_one_bad_report_does_not_count_and_a_lasting_change_is_told() -> None:
    scene = Scene().stand(5.0).open()
    hears(scene, -70)
    hears(scene, -110, count=1)
    hears(scene, -72, count=10)
    hears(scene, -78, count=12)
    assert coverage_of(scene) == [(0, -70, None), (0, -78, None)]


def test_what_is_heard_on_the_way_belongs_to_no_landing() -> None:
    scene = Scene().stand(5.0).open().close()
    for to in (4, 0, 4, 0, 4, 0, 4, 0):
        begun_s, _ = scene.trip(to)
        scene.others.append(ModemReport(round((begun_s + 2.0) * S), SimState.READY, Registration.HOME, -90))
        scene.stand(1.0)
    assert coverage_of(scene) == []


def test_a_modem_that_knows_no_level_tells_no_coverage() -> None:
    scene = Scene().stand(5.0).open()
    hears(scene, None, count=14)
    assert coverage_of(scene) == []


def test_coverage_is_a_record_with_dbm_and_landing() -> None:
    draft = draft_of(SignalCoverage(5, Place(landing_index=3, height_mm=9000), -87, -101))
    assert draft is not None
    assert (draft.stream, draft.kind) == (Stream.TELEMETRY, SystemKind.SIGNAL_COVERAGE)
    assert draft.place is not None
    assert (draft.place.floor, draft.place.height_mm) == (3, 9000)
    assert draft.measures == (Measured(Measure.SIGNAL_STRENGTH, -87),)
    assert draft.note == "rsrp_dbm=-101"
