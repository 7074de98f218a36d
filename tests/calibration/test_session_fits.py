"""Wiring, controller link, signal, backup supply, test alarm: mistakes are named, nothing unmeasured is claimed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import pytest

from calibration import fit_link, fit_signal, fit_supply, fit_test_alarm, fit_wiring
from calibration.fits import FITS
from calibration.session import StepCapture
from calibration.session_tells import Answer, Finding, Found, Stored, Told
from calibration.words import StepName, StepResult, Verdict
from edge_agent.readings import (
    ControllerReport,
    Direction,
    FaultReason,
    ModemReport,
    Reading,
    Registration,
    Signal,
    SignalEdge,
    SimState,
    SourceFault,
    SupplySample,
)
from edge_agent.settings import Settings
from tests.calibration.captures import Site, pieces, played, settings_of, settings_text

S = 1_000_000_000
SITE = Site(landings=3)
LIVE = played(SITE)
SETTINGS = settings_of(settings_text(LIVE))
RTU = settings_of(
    settings_text(LIVE)
    .replace('"modbus_tcp"\nhost = "10.0.0.5"', '"modbus_rtu"\nport = "/dev/ttyUSB0"\nbaud_rate = 9600')
    .replace('map = "nice3000plus"', 'map = "nice3000plus"\npoll_hz = 2')
)


def keys(result: StepResult) -> list[str]:
    return [reason.key for reason in result.reasons]


def taken(readings: Sequence[Reading], findings: Iterable[Finding] = (), settings: Settings = SETTINGS) -> StepCapture:
    return StepCapture(readings, tuple(Told(0, finding) for finding in findings), settings)


# ---- wiring


def wiring(*wrong: Found, settings: Settings = SETTINGS) -> StepResult:
    names = ["accelerometer", "pressure", "door_contacts", "controller"]
    found = {name: Found(name, 50) for name in names} | {each.source: each for each in wrong}
    return fit_wiring.fit(taken((), found.values(), settings))


def test_all_sources_found_is_passed() -> None:
    result = wiring()
    assert (result.verdict, keys(result), result.settings) == (Verdict.PASSED, ["wiring.all_found"], ())


@pytest.mark.parametrize(
    ("found", "key", "lines"),
    [
        (
            Found("accelerometer", 0, FaultReason.ABSENT, "nothing at 0x53", "", ("0x1d",)),
            "wiring.other_address",
            (("accelerometer.address", "0x1d"),),
        ),
        (
            Found("accelerometer", 0, FaultReason.ABSENT, "nothing at 0x53", "", ("lis3dh 0x18",)),
            "wiring.other_chip",
            (("accelerometer.chip", '"lis3dh"'), ("accelerometer.address", "0x18")),
        ),
        (Found("pressure", 0, FaultReason.ABSENT, "nothing at 0x76"), "wiring.no_chip", ()),
        (Found("pressure", 0, FaultReason.WRONG_DEVICE, "chip id 0x12"), "wiring.other_device", ()),
        (Found("door_contacts", 0, FaultReason.ABSENT, "no gpiochip0"), "wiring.no_lines", ()),
        (Found("controller", 0, FaultReason.ABSENT, "refused"), "wiring.no_controller", ()),
        (Found("controller", 0, FaultReason.SILENT, "no answer"), "wiring.unit_silent", ()),
    ],
)
def test_each_wiring_mistake_is_named(found: Found, key: str, lines: tuple[tuple[str, str], ...]) -> None:
    result = wiring(found)
    assert result.verdict is Verdict.FAILED
    assert keys(result)[0] == key
    assert result.settings == lines
    assert result.next_action is not None


def test_a_wrong_baud_rate_and_a_swapped_pair_are_told_apart() -> None:
    rate = wiring(Found("controller", 0, FaultReason.SILENT, "no answer", "", ("38400 even",)), settings=RTU)
    swapped = wiring(Found("controller", 0, FaultReason.SILENT, "no answer"), settings=RTU)
    assert (keys(rate), keys(swapped)) == (["wiring.other_rate"], ["wiring.swapped_pair"])
    assert rate.settings == (("controller.baud_rate", "38400"), ("controller.parity", '"even"'))
    assert swapped.settings == ()


def test_a_recording_without_findings_tells_which_sources_spoke() -> None:
    readings = [each for each in pieces(SITE)[StepName.NOISE] if not isinstance(each, ControllerReport)]
    readings.append(SourceFault(readings[-1].t_ns, "controller", FaultReason.ABSENT, "no route"))
    assert keys(fit_wiring.fit(taken(readings))) == ["wiring.no_controller"]


# ---- controller link


ANSWERS = tuple(Answer(name, "yes") for name in ("floor", "direction", "door", "mode", "fault"))


def test_a_controller_that_says_what_is_so_is_confirmed() -> None:
    result = fit_link.fit(taken(pieces(SITE)[StepName.CONTROLLER], ANSWERS))
    assert (result.verdict, keys(result)) == (Verdict.PASSED, ["link.confirmed"])


def test_a_direction_that_is_the_other_way_round_is_refused_though_a_person_confirmed_it() -> None:
    turned = {Direction.UP: Direction.DOWN, Direction.DOWN: Direction.UP}
    readings = [
        replace(each, direction=turned.get(each.direction, each.direction))
        if isinstance(each, ControllerReport) and each.direction is not None
        else each
        for each in pieces(SITE)[StepName.CONTROLLER]
    ]
    result = fit_link.fit(taken(readings, ANSWERS))
    assert (result.verdict, keys(result)) == (Verdict.FAILED, ["link.opposite"])


def test_a_value_that_the_person_denies_is_refused_and_one_unconfirmed_is_doubtful() -> None:
    readings = pieces(SITE)[StepName.CONTROLLER]
    denied = fit_link.fit(taken(readings, (*ANSWERS[1:], Answer("floor", "no"))))
    unsaid = fit_link.fit(taken(readings, ANSWERS[1:]))
    assert (denied.verdict, keys(denied)) == (Verdict.FAILED, ["link.denied"])
    assert (unsaid.verdict, keys(unsaid)) == (Verdict.DOUBTFUL, ["link.unconfirmed"])


def test_a_controller_that_hardly_speaks_is_refused_with_the_last_trouble() -> None:
    result = fit_link.fit(taken([SourceFault(1, "controller", FaultReason.SILENT, "no answer in time")]))
    assert result.verdict is Verdict.FAILED
    assert result.reasons[0].values == (("problem", "no answer in time"),)


# ---- signal


def reports(readings: Sequence[Reading], rssi: Sequence[int]) -> list[Reading]:
    """A report every second; the level changes with each stretch of equal length."""
    found: list[Reading] = []
    first_ns, last_ns = readings[0].t_ns, readings[-1].t_ns
    due_ns = first_ns
    for reading in readings:
        found.append(reading)
        if reading.t_ns >= due_ns:
            due_ns += S
            level = rssi[min(len(rssi) - 1, (reading.t_ns - first_ns) * len(rssi) // (last_ns - first_ns))]
            found.append(ModemReport(reading.t_ns, SimState.READY, Registration.HOME, level))
    return found


def test_the_signal_is_told_by_landing_the_lowest_first() -> None:
    result = fit_signal.fit(taken(reports(pieces(SITE)[StepName.TRIPS], [-70])))
    assert result.verdict is Verdict.PASSED
    heights = [row[1] for row in result.tables[0].rows]
    truth = LIVE.lift.spec.landing_heights_m
    assert len(heights) == len(truth)
    assert all(isinstance(found, float) and abs(found - real) < 0.6 for found, real in zip(heights, truth, strict=True))


def test_a_weak_landing_is_named() -> None:
    result = fit_signal.fit(taken(reports(pieces(SITE)[StepName.TRIPS], [-70, -70, -109, -70])))
    assert result.verdict is Verdict.DOUBTFUL
    assert set(keys(result)) == {"signal.weak"}


@pytest.mark.parametrize(
    ("sim", "registration", "key"),
    [
        (SimState.ABSENT, Registration.UNKNOWN, "signal.trouble.absent"),
        (SimState.READY, Registration.SEARCHING, "signal.no_network"),
    ],
)
def test_a_modem_in_trouble_is_refused_with_its_reason(sim: SimState, registration: Registration, key: str) -> None:
    assert keys(fit_signal.fit(taken([ModemReport(1, sim, registration)]))) == [key]


def test_reports_that_came_while_the_car_moved_say_nothing() -> None:
    assert keys(fit_signal.fit(taken([ModemReport(1, SimState.READY, Registration.HOME, -60)]))) == ["signal.too_few"]


def test_a_car_between_two_landings_is_at_neither() -> None:
    readings = pieces(SITE)[StepName.TRIPS]
    up = next(trip for trip in LIVE.lift.trips if trip.start_s * S > readings[0].t_ns)
    moving = [
        ModemReport(round((up.start_s + 1.5 + number * 0.2) * S), SimState.READY, Registration.HOME, -60)
        for number in range(4)
    ]
    assert moving[-1].t_ns < up.end_s * S
    mixed = sorted([*readings, *moving], key=lambda reading: reading.t_ns)
    assert keys(fit_signal.fit(taken(mixed))) == ["signal.too_few"]


# ---- doors


def test_lines_that_are_turned_round_are_proposed_with_the_other_level() -> None:
    readings = [
        replace(each, is_active=not each.is_active)
        if isinstance(each, SignalEdge) and each.signal is Signal.DOOR_OPEN
        else each
        for each in pieces(SITE)[StepName.DOORS]
    ]
    result = FITS[StepName.DOORS](taken(readings))
    lines = dict(result.settings)
    assert lines["contacts.door_open"] == '{ pin = 17, active = "low", pull = "down" }'
    assert lines["contacts.door_closed"] == '{ pin = 27, active = "high", pull = "down" }'


# ---- supply


def battery(*parts: tuple[int, float, float, float]) -> list[Reading]:
    """Each part: seconds, volts at its begin and end, amperes out of the battery."""
    found: list[Reading] = []
    t_s = 0
    for seconds, first_v, last_v, amperes in parts:
        for number in range(seconds):
            volts = first_v + (last_v - first_v) * number / max(1, seconds - 1)
            found.append(SupplySample(t_s * S, volts, amperes))
            t_s += 1
    return found


CHARGING, RETURNED = (10, 4.15, 4.15, -0.1), (5, 4.0, 4.05, -0.3)


def test_a_sound_battery_carries_the_box_and_no_more_is_claimed_than_was_measured() -> None:
    result = fit_supply.fit(taken(battery(CHARGING, (130, 4.0, 3.9, 0.5), RETURNED)))
    assert (result.verdict, keys(result)) == (Verdict.PASSED, ["supply.carries"])
    measured = {each.name: each for each in result.measured}
    assert measured["supply.carried"].value == 129.0
    assert measured["supply.load"].value == pytest.approx(1.975, abs=0.01)
    assert all(each.is_expected for each in result.measured)


@pytest.mark.parametrize(
    ("parts", "verdict", "key"),
    [
        ([CHARGING, (60, 4.0, 3.95, 0.5), RETURNED], Verdict.DOUBTFUL, "supply.short"),
        ([CHARGING, (60, 3.6, 3.2, 0.5), RETURNED], Verdict.FAILED, "supply.empty"),
        ([CHARGING, (130, 3.6, 3.4, 0.5), RETURNED], Verdict.DOUBTFUL, "supply.sags"),
        ([CHARGING, (130, 4.0, 3.9, 0.5)], Verdict.DOUBTFUL, "supply.not_back"),
        ([(150, 4.15, 4.15, -0.1)], Verdict.FAILED, "supply.never_carried"),
        ([(10, 4.15, 4.15, 0.0), (120, 4.0, 3.9, -0.5)], Verdict.FAILED, "supply.reversed"),
        ([(30, 0.0, 0.0, 0.0)], Verdict.FAILED, "supply.no_battery"),
        ([], Verdict.FAILED, "supply.silent"),
    ],
)
def test_each_trouble_of_the_backup_supply_is_named(
    parts: list[tuple[int, float, float, float]], verdict: Verdict, key: str
) -> None:
    result = fit_supply.fit(taken(battery(*parts)))
    assert (result.verdict, keys(result)) == (verdict, [key])


# ---- test alarm


def test_only_a_stored_alarm_at_every_receiver_passes() -> None:
    assert fit_test_alarm.fit(taken((), [Stored("firm", True, 0.8)])).verdict is Verdict.PASSED
    late = fit_test_alarm.fit(taken((), [Stored("firm", True, 75.0)]))
    assert (late.verdict, keys(late)) == (Verdict.DOUBTFUL, ["test_alarm.late"])
    for findings in ([], [Stored("firm", False, 90.0, "cannot be reached")], [Stored("other", True, 0.5)]):
        result = fit_test_alarm.fit(taken((), findings))
        assert (result.verdict, keys(result)) == (Verdict.FAILED, ["test_alarm.not_stored"])
