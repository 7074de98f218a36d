"""The watchers of the steps in which the car moves or the supply is taken away, and the table of all watchers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from calibration.session_live import Gauge, Live, Question, Watcher
from calibration.session_sides import SidesWatcher
from calibration.session_tells import Answer, Finding
from calibration.session_watchers import (
    DOOR_LINES,
    NS_PER_S,
    AlarmWayWatcher,
    BaseWatcher,
    MountWatcher,
    NoiseWatcher,
    PresenceWatcher,
    WiringWatcher,
)
from calibration.words import Said, StepName, said
from edge_agent.alarms import Trip
from edge_agent.detect.detector import Detector
from edge_agent.installation import Installation
from edge_agent.readings import ControllerReport, Direction, ModemReport, Reading, Signal, SignalEdge, SupplySample
from edge_agent.settings import Settings

TRIPS_MIN = 4
FEW_LANDINGS = 4
DOOR_CYCLES = 3
BOUNCE_NS = 300_000_000  # a line that changes sooner bounces: no door is so quick
SPEED_BAR_MPS = 3.0
SAME_STOP_M = 1.0
DISCHARGE_S = 120.0
BELOW_DBM, ABOVE_DBM = -113.0, -51.0
"""Ends of the bar. Source: 3GPP TS 27.007, +CSQ: the lowest and the highest level that a modem tells."""
CONTROLLER_VALUES = ("floor", "direction", "door", "mode", "fault")


def blank_installation(settings: Settings) -> Installation:
    """The wiring as it is, and nothing claimed of the lift: what is to be learned is not told."""
    told = settings.installation()
    lift = replace(told.lift, rated_speed_mps=None, landing_heights_m=(), start_landing_index=None)
    return Installation(lift, told.wiring)


class _RidingWatcher(BaseWatcher):
    """Lets the detection core tell of trips and landings."""

    def __init__(self, step: StepName, settings: Settings) -> None:
        super().__init__(step, settings)
        self._detector = Detector(blank_installation(settings), settings.limits)
        self.trips: list[Trip] = []

    def take(self, reading: Reading) -> None:
        self.trips += [each for each in self._detector.step(reading) if isinstance(each, Trip)]

    def directions(self) -> frozenset[Direction]:
        """Seen so far."""
        return frozenset(trip.direction for trip in self.trips)

    def speed_gauge(self) -> Gauge:
        """Of the car now, up positive."""
        car = self._detector.car
        bar_mps = self.settings.lift.rated_speed_mps or SPEED_BAR_MPS
        value = None if car is None else car.motion.speed_mps
        return Gauge("gauge.speed", value, "m/s", -1.2 * bar_mps, 1.2 * bar_mps)

    def height_gauge(self) -> Gauge:
        """Above the place where the step began."""
        car = self._detector.car
        return Gauge("gauge.height", None if car is None else car.position.height_m, "m")


class DoorsWatcher(_RidingWatcher):
    """The state of each line of a door, how often it changed, and the trip that shows which end is the closed one."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(StepName.DOORS, settings)
        contacts = () if settings.contacts is None else settings.contacts.contacts
        self._lines = tuple(contact.signal for contact in contacts if contact.signal in DOOR_LINES)
        self._states: dict[Signal, bool] = {}
        self._changes: dict[Signal, int] = dict.fromkeys(self._lines, 0)
        self._changed_ns: dict[Signal, int] = {}

    def take(self, reading: Reading) -> None:
        super().take(reading)
        if isinstance(reading, SignalEdge) and reading.signal in self._changes:
            before = self._states.get(reading.signal)
            is_other = before is not None and before is not reading.is_active
            if is_other and reading.t_ns - self._changed_ns.get(reading.signal, -BOUNCE_NS) >= BOUNCE_NS:
                self._changes[reading.signal] += 1
                self._changed_ns[reading.signal] = reading.t_ns
            self._states[reading.signal] = reading.is_active

    def live(self) -> Live:
        gauges = []
        for line in self._lines:
            state = self._states.get(line)
            word = None if state is None else "on" if state else "off"
            gauges.append(Gauge(f"line.{line.value}", word))
        cycles = max((count // 2 for count in self._changes.values()), default=0)
        gauges.append(Gauge("gauge.door_cycles", float(cycles), "", 0.0, float(DOOR_CYCLES), cycles >= DOOR_CYCLES))
        trips = len(self.trips)
        gauges.append(Gauge("gauge.trips", float(trips), "", 0.0, 1.0, trips >= 1))
        lacks = said("doors.more", left=DOOR_CYCLES - cycles) if cycles < DOOR_CYCLES else said("doors.ride")
        return self.seen(gauges, (min(cycles, DOOR_CYCLES) + min(trips, 1)) / (DOOR_CYCLES + 1), lacks)


class TripsWatcher(_RidingWatcher):
    """Speed, height, trips and landings."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(StepName.TRIPS, settings)
        self._at_m, self.stops_m, self._seen = 0.0, [0.0], 0

    def take(self, reading: Reading) -> None:
        super().take(reading)
        for trip in self.trips[self._seen :]:
            self._at_m += trip.distance_m if trip.direction is Direction.UP else -trip.distance_m
            if all(abs(self._at_m - stop_m) > SAME_STOP_M for stop_m in self.stops_m):
                self.stops_m.append(self._at_m)
        self._seen = len(self.trips)

    def live(self) -> Live:
        count, both, wanted = len(self.trips), len(self.directions()) == 2, self._wanted()
        gauges = (
            self.speed_gauge(),
            self.height_gauge(),
            Gauge("gauge.trips", float(count), "", 0.0, float(wanted), count >= TRIPS_MIN),
            Gauge("gauge.stops", float(len(self.stops_m))),
        )
        lacks = said("trips.more", left=max(1, wanted - count)) if count < wanted else said("trips.both_ways")
        share = min(count / wanted, 1.0 if both else 0.9)
        return self.seen(gauges, share, lacks)

    def _wanted(self) -> int:
        """Each landing once on the way up and down, and the whole way both ways; with few landings twice."""
        stops = len(self.stops_m)
        return max(TRIPS_MIN, 2 * stops * (2 if stops <= FEW_LANDINGS else 1))


class ControllerWatcher(_RidingWatcher):
    """Each value that the controller says, to be held against what the person sees."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(StepName.CONTROLLER, settings)
        self._report: ControllerReport | None = None
        self._answers: dict[str, str] = {}

    def take(self, reading: Reading) -> None:
        super().take(reading)
        if isinstance(reading, ControllerReport) and not reading.is_suspect:
            self._report = reading

    def tell(self, finding: Finding) -> None:
        if isinstance(finding, Answer):
            self._answers[finding.question] = finding.value

    def _values(self) -> dict[str, str]:
        return {} if self._report is None else values_of(self._report)

    def questions(self) -> tuple[Question, ...]:
        if not self.trips:
            return ()
        return tuple(
            Question(name, said(f"controller.ask.{name}", value=value))
            for name, value in self._values().items()
            if name not in self._answers
        )

    def live(self) -> Live:
        gauges = [Gauge(f"controller.{name}", value) for name, value in self._values().items()]
        gauges.append(self.speed_gauge())
        if self._report is None:
            return self.seen(gauges, 0.0, said("controller.silent"))
        if not self.trips:
            return self.seen(gauges, 0.3, said("controller.ride"))
        left = self.questions()
        share = 1.0 - 0.7 * len(left) / max(1, len(self._values()))
        return self.seen(gauges, share, said("controller.confirm", left=len(left)) if left else None)


def values_of(report: ControllerReport) -> dict[str, str]:
    """What a report says, in words of the catalogue or as it stands."""
    found: dict[str, str] = {}
    for name in CONTROLLER_VALUES:
        value = getattr(report, name)
        if value is not None:
            found[name] = str(value.value) if hasattr(value, "value") else str(value)
    return found


class SignalWatcher(_RidingWatcher):
    """Strength of the mobile signal now, and how often it was heard."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(StepName.SIGNAL, settings)
        self._report: ModemReport | None = None
        self._count = 0

    def take(self, reading: Reading) -> None:
        super().take(reading)
        if isinstance(reading, ModemReport):
            self._report = reading
            self._count += 1

    def live(self) -> Live:
        report = self._report
        if report is None:
            return self.seen((), 0.0, said("signal.silent"))
        gauges = [Gauge("gauge.registration", report.registration.value)]
        for name, dbm in (("gauge.rssi", report.rssi_dbm), ("gauge.rsrp", report.rsrp_dbm)):
            if dbm is not None:
                gauges.append(Gauge(name, float(dbm), "dBm", BELOW_DBM, ABOVE_DBM))
        gauges.append(self.height_gauge())
        count = len(self.trips)
        return self.seen(gauges, (1 + count) / 3.0, said("signal.more", trips=count))


class SupplyWatcher(BaseWatcher):
    """Voltage and current of the battery, and how long it has carried the box."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(StepName.SUPPLY, settings)
        self._sample: SupplySample | None = None
        self._since_ns: int | None = None
        self.carried_s = 0.0

    def take(self, reading: Reading) -> None:
        if not isinstance(reading, SupplySample):
            return
        self._sample = reading
        is_discharging = reading.current_a >= self.settings.limits.battery_discharge_a_min
        if not is_discharging:
            self._since_ns = None
        elif self._since_ns is None:
            self._since_ns = reading.t_ns
        else:
            self.carried_s = max(self.carried_s, (reading.t_ns - self._since_ns) / NS_PER_S)

    def instruction(self) -> Said:
        if self.carried_s >= DISCHARGE_S:
            return said("supply.do.back")
        return said("supply.do" if self._since_ns is None else "supply.do.wait")

    def live(self) -> Live:
        if self._sample is None:
            return self.seen((), 0.0, said("supply.silent"))
        empty_v = self.settings.limits.battery_empty_v
        volts, amperes = self._sample.voltage_v, self._sample.current_a
        gauges = (
            Gauge("gauge.battery", volts, "V", empty_v * 0.9, empty_v * 1.4, volts > empty_v),
            Gauge("gauge.current", amperes, "A", -2.0, 2.0),
            Gauge("gauge.carried", self.carried_s, "s", 0.0, DISCHARGE_S, self.carried_s >= DISCHARGE_S),
        )
        lacks = said("supply.more", seconds=max(0, round(DISCHARGE_S - self.carried_s)))
        return self.seen(gauges, self.carried_s / DISCHARGE_S, lacks)


WATCHERS: Mapping[StepName, Callable[[Settings], Watcher]] = MappingProxyType(
    {
        StepName.WIRING: WiringWatcher,
        StepName.SIDES: SidesWatcher,
        StepName.MOUNT: MountWatcher,
        StepName.NOISE: NoiseWatcher,
        StepName.DOORS: DoorsWatcher,
        StepName.PRESENCE: PresenceWatcher,
        StepName.TRIPS: TripsWatcher,
        StepName.CONTROLLER: ControllerWatcher,
        StepName.SIGNAL: SignalWatcher,
        StepName.SUPPLY: SupplyWatcher,
        StepName.TEST_ALARM: AlarmWayWatcher,
    }
)
