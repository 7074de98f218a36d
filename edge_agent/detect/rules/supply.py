"""Rules about the supply of the box and of the lift."""

from __future__ import annotations

from edge_agent.alarms import AlarmKind, Evidence, Witness
from edge_agent.detect.car import CarState
from edge_agent.detect.limits import Limits
from edge_agent.detect.rules.rule import Finding


class MainsLostRule:
    """Symptom: the supply of the box or the lift is gone.

    Signal: the mains contact, or a current out of the box's battery; the one that has lasted longer counts.
    Decision: for 2 s. Confused with: a dip. Source: alarm catalogue row 54.
    """

    kind = AlarmKind.MAINS_LOST
    outlives_inspection = True

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    def step(self, car: CarState, raised: frozenset[AlarmKind]) -> tuple[Finding, ...]:
        """See the class."""
        since_ns = self._lost_since_ns(car)
        if since_ns is None:
            return ()
        lost_s = (car.t_ns - since_ns) / 1e9
        on_battery = () if car.supply.on_battery_since_ns is None else _voltage(car)
        return (
            Finding(
                kind=self.kind,
                is_confirmed=lost_s >= self._limits.mains_lost_s_min,
                evidence=(Evidence("mains_lost_s", round(lost_s, 1)), *on_battery),
                witnesses=frozenset({Witness.POWER}),
                note="the box runs on its battery" if on_battery else "",
            ),
        )

    def is_over(self, car: CarState, subject: str) -> bool:
        """Supply is back."""
        return self._lost_since_ns(car) is None

    @staticmethod
    def _lost_since_ns(car: CarState) -> int | None:
        of_lift = [car.mains_since_ns] if car.mains_ok is False else []
        of_box = [] if car.supply.on_battery_since_ns is None else [car.supply.on_battery_since_ns]
        return min(of_lift + of_box, default=None)


class BackupSupplyLowRule:
    """Symptom: the battery would not carry the box through a power cut.

    Signal: no voltage at the battery for a minute; or the last discharge emptied it within the hour.
    Decision: measured only, never claimed from a voltage at rest. Confused with: a battery being changed.
    Source: alarm catalogue row 59.
    """

    kind = AlarmKind.BACKUP_SUPPLY_LOW
    outlives_inspection = True
    ABSENT_S = 60.0  # Source: ours, time enough to change a battery
    ABSENT, SHORT = "absent", "short"

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    def step(self, car: CarState, raised: frozenset[AlarmKind]) -> tuple[Finding, ...]:
        """See the class."""
        supply = car.supply
        if supply.absent_since_ns is not None:
            is_confirmed = (car.t_ns - supply.absent_since_ns) / 1e9 >= self.ABSENT_S
            return (self._finding(car, self.ABSENT, 0.0, "no battery is found", is_confirmed=is_confirmed),)
        if supply.is_backup_short and supply.backup_s is not None:
            note = "the battery was empty too soon"
            return (self._finding(car, self.SHORT, supply.backup_s, note, is_confirmed=True),)
        return ()

    def is_over(self, car: CarState, subject: str) -> bool:
        """A battery is in again; of a short one: it was changed, or a later discharge lasted long enough.

        After a restart nobody knows which it was, and an emptied battery often is why there was one: as a short one.
        """
        supply = car.supply
        is_there = supply.voltage_v is not None and supply.absent_since_ns is None
        if subject == self.ABSENT:
            return is_there
        return is_there and not supply.is_backup_short and (supply.backup_s is not None or supply.is_renewed)

    def _finding(self, car: CarState, subject: str, backup_s: float, note: str, *, is_confirmed: bool) -> Finding:
        return Finding(
            kind=self.kind,
            is_confirmed=is_confirmed,
            evidence=(Evidence("backup_s", round(backup_s, 1)), *_voltage(car)),
            witnesses=frozenset({Witness.POWER}),
            subject=subject,
            note=note,
        )


def _voltage(car: CarState) -> tuple[Evidence, ...]:
    volts = car.supply.voltage_v
    return () if volts is None else (Evidence("supply_v", round(volts, 2)),)
