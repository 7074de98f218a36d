"""Supply stage: whether the box runs on its battery, and how long the battery has been seen to last.

In: voltage of the box's battery and the current out of it. Out: a `SupplyView`. State: since when the battery has been
discharging, and whether that beginning was seen. Decision: a current out of the battery is the mains of the box gone; a
battery that falls to its empty voltage has been measured by the time that took. Nothing is claimed that was not
measured: a discharge whose beginning was not seen, or with a gap, measures nothing. After a gap: the discharge goes on,
its measurement does not.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.detect.limits import Limits
from edge_agent.readings import SupplySample

GAP_NS_MAX = 10_000_000_000  # the monitor speaks at least once in 5 s


@dataclass(frozen=True, slots=True)
class SupplyView:
    """The box's own supply. `None`: not measured, or not so."""

    voltage_v: float | None = None
    on_battery_since_ns: int | None = None
    absent_since_ns: int | None = None  # no battery is there
    backup_s: float | None = None  # how long the last measured discharge lasted, at least
    is_backup_short: bool = False  # it ended by an empty battery, too early
    is_renewed: bool = False  # since the last measured discharge the battery was seen to be taken out


class SupplyStage:
    """Fold over supply samples; see the file's first lines."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._last_ns: int | None = None
        self._was_charging = False  # seen at the sample before: the next discharge begins where it is seen
        self._measures_since_ns: int | None = None
        self.view = SupplyView()

    def take(self, sample: SupplySample) -> None:
        """Judge one sample."""
        limits, view, t_ns = self._limits, self.view, sample.t_ns
        if self._last_ns is not None and t_ns - self._last_ns > GAP_NS_MAX:
            self._was_charging, self._measures_since_ns = False, None
        self._last_ns = t_ns
        is_absent = sample.voltage_v <= limits.battery_absent_v_max
        is_discharging = not is_absent and sample.current_a >= limits.battery_discharge_a_min
        if is_discharging and view.on_battery_since_ns is None and self._was_charging:
            self._measures_since_ns = t_ns
        if not is_discharging:
            self._measures_since_ns = None
        self._was_charging = not is_discharging and not is_absent
        backup_s, is_short, is_renewed = view.backup_s, view.is_backup_short, view.is_renewed
        if is_absent:
            backup_s, is_short, is_renewed = None, False, True  # whatever is put in next is another one
        elif self._measures_since_ns is not None:
            lasted_s = (t_ns - self._measures_since_ns) / 1e9
            if lasted_s >= limits.backup_s_min:
                backup_s, is_short, is_renewed = lasted_s, False, False
            elif sample.voltage_v <= limits.battery_empty_v:
                backup_s, is_short, is_renewed = lasted_s, True, False
                self._measures_since_ns = None
        self.view = SupplyView(
            voltage_v=sample.voltage_v,
            on_battery_since_ns=_since(view.on_battery_since_ns, t_ns) if is_discharging else None,
            absent_since_ns=_since(view.absent_since_ns, t_ns) if is_absent else None,
            backup_s=backup_s,
            is_backup_short=is_short,
            is_renewed=is_renewed,
        )


def _since(before_ns: int | None, t_ns: int) -> int:
    return t_ns if before_ns is None else before_ns
