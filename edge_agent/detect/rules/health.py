"""Rules about the sources themselves: sensors and the link to the controller."""

from __future__ import annotations

from edge_agent.alarms import AlarmKind, Evidence, Witness
from edge_agent.detect.car import CarState, SourceView
from edge_agent.detect.limits import Limits
from edge_agent.detect.rules.rule import Finding

CONTROLLER = "controller"


class SensorFaultRule:
    """Symptom: a sensor gives nothing usable, so part of what the box should notice cannot be noticed.

    Signal: `SourceFault` readings and the core's own watch over silence and frozen values.
    Decision: any fault that stands 2 s. Confused with: a hiccup of the bus that the driver's ladder cures at once.
    Source: alarm catalogue row 56.
    """

    kind = AlarmKind.SENSOR_FAULT
    outlives_inspection = True
    HOLD_S = 2.0

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._healthy_since_ns: dict[str, int] = {}

    def step(self, car: CarState, raised: frozenset[AlarmKind]) -> tuple[Finding, ...]:
        """See the class."""
        found = []
        for source in car.sources:
            if source.name == CONTROLLER:
                continue
            if source.fault is None:
                self._healthy_since_ns.setdefault(source.name, car.t_ns)
                continue
            self._healthy_since_ns.pop(source.name, None)
            found.append(self._finding(car, source))
        return tuple(found)

    def _finding(self, car: CarState, source: SourceView) -> Finding:
        faulty_s = (car.t_ns - source.fault_since_ns) / 1e9
        silent = () if source.last_ns is None else (Evidence("silent_s", round((car.t_ns - source.last_ns) / 1e9, 1)),)
        reason = "" if source.fault is None else source.fault.value
        return Finding(
            kind=self.kind,
            is_confirmed=faulty_s >= self.HOLD_S,
            evidence=(Evidence("source", source.name), Evidence("reason", reason), *silent),
            witnesses=frozenset(),
            subject=source.name,
            note=source.detail,
        )

    def is_over(self, car: CarState, subject: str) -> bool:
        """Plausible readings for long enough."""
        since = self._healthy_since_ns.get(subject)
        if subject == "":  # resumed after a restart: all must be well
            since = max(self._healthy_since_ns.values(), default=None)
            if any(source.fault is not None for source in car.sources):
                return False
        return since is not None and (car.t_ns - since) / 1e9 >= self._limits.sensor_plausible_s_min


def _controller(car: CarState) -> SourceView | None:
    for source in car.sources:
        if source.name == CONTROLLER:
            return source
    return None


class ControllerLinkLostRule:
    """Symptom: the lift controller does not answer any more.

    Signal: a standing fault of the controller source, or silence of a source that used to report regularly.
    Decision: 30 s. Confused with: a controller that reports only on change (then silence alone says nothing).
    Source: alarm catalogue row 55.
    """

    kind = AlarmKind.CONTROLLER_LINK_LOST
    outlives_inspection = True

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._valid_since_ns: int | None = None

    def step(self, car: CarState, raised: frozenset[AlarmKind]) -> tuple[Finding, ...]:
        """See the class."""
        source = _controller(car)
        if source is None or source.fault is None:
            if self._valid_since_ns is None:
                self._valid_since_ns = car.t_ns
            return ()
        self._valid_since_ns = None
        silent_since = source.fault_since_ns if source.last_ns is None else source.last_ns
        silent_s = (car.t_ns - silent_since) / 1e9
        return (
            Finding(
                kind=self.kind,
                is_confirmed=silent_s >= self._limits.controller_silence_s_max,
                evidence=(Evidence("silent_s", round(silent_s, 1)), Evidence("reason", source.fault.value)),
                witnesses=frozenset({Witness.CONTROLLER}),
                note=source.detail,
            ),
        )

    def is_over(self, car: CarState, subject: str) -> bool:
        """Valid replies for 30 s."""
        since = self._valid_since_ns
        return since is not None and (car.t_ns - since) / 1e9 >= self._limits.controller_silence_s_max


class BoxMovedRule:
    """Symptom: the box no longer sits as it did when it learned; what it measures sideways is wrong.

    Signal: the direction of gravity while the car stands. Decision: more than 3 degrees off for 60 s.
    Confused with: a car floor that tilts under load (well below 3 degrees). Source: alarm catalogue row 60.
    """

    kind = AlarmKind.BOX_MOVED
    outlives_inspection = True

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._since_ns = 0

    def step(self, car: CarState, raised: frozenset[AlarmKind]) -> tuple[Finding, ...]:
        """See the class."""
        tilt = car.mount.tilt_deg
        if tilt is None or tilt <= self._limits.box_tilt_deg_max:
            self._since_ns = 0
            return ()
        if self._since_ns == 0:
            self._since_ns = car.t_ns
        tilted_s = (car.t_ns - self._since_ns) / 1e9
        return (
            Finding(
                kind=self.kind,
                is_confirmed=tilted_s >= self._limits.box_tilt_s_min,
                evidence=(Evidence("tilt_deg", round(tilt, 1)),),
                witnesses=frozenset({Witness.ACCELEROMETER}),
            ),
        )

    def is_over(self, car: CarState, subject: str) -> bool:
        """Back where it was, or the new direction has been learned."""
        return car.mount.tilt_deg is not None and car.mount.tilt_deg <= self._limits.box_tilt_deg_max
