"""The box's own supply and modem: what a supply monitor at its battery and a modem would say, as readings.

Figures of battery and signal are guesses, unless a Source is given.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from edge_agent.readings import ModemReport, Reading, Registration, SimState, SupplySample
from sim.box import ModemSpec, SupplySpec
from sim.lift import Lift
from sim.words import SupplyGives

_STEP_S = 1.0
_CHARGE_S = 4 * 3600.0  # from empty to full
_CHARGE_A, _TRICKLE_A = 0.4, 0.002
_HELP_SHARE = 0.4  # of the load, where the supply unit gives too little
_CELL_OHM = 0.1
_CHARGES = (0.0, 0.05, 0.15, 0.5, 1.0)
_VOLTS = (3.0, 3.3, 3.5, 3.7, 4.15)  # of one Li-ion cell at rest, by its charge
_RSSI_DBM = (-113, -51)  # Source: 3GPP TS 27.007, 8.5 +CSQ: steps of 2 dB between these ends
_RSRP_BELOW_DB = 25  # RSSI is of 12 times 10 MHz and more, RSRP of one carrier: about so much apart
_RSRP_DBM = (-141, -44)  # Source: 3GPP TS 27.007, 8.69 +CESQ


@dataclass(frozen=True, slots=True)
class BatteryState:
    """What a meter in the battery's lead shows: V, and A out of the battery."""

    voltage_v: float
    current_a: float


class Battery:
    """The battery of the box, empty to full. Ask in ascending order of time.

    State: its charge and the time of the last question. An empty battery stays at its last voltage under its load: that
    the box then goes dark is not simulated.
    """

    def __init__(self, lift: Lift, spec: SupplySpec) -> None:
        self._lift, self._spec = lift, spec
        self._charge, self._now_s = 1.0, 0.0

    def at(self, t_s: float) -> BatteryState:
        """Voltage and current at a time of the story."""
        while self._now_s < t_s:
            step_s = min(_STEP_S, t_s - self._now_s)
            self._now_s += step_s
            self._live(self._now_s, step_s)
        now_s = self._now_s
        if not self._lift.battery_is_fitted.at(now_s):
            return BatteryState(0.0, 0.0)
        current_a = self._drain(now_s) * self._spec.load_a
        if current_a == 0.0:
            current_a = -_TRICKLE_A - _CHARGE_A * (1.0 - self._charge)
        return BatteryState(float(np.interp(self._charge, _CHARGES, _VOLTS)) - _CELL_OHM * current_a, current_a)

    def _live(self, now_s: float, step_s: float) -> None:
        if not self._lift.battery_is_fitted.at(now_s):
            self._charge = 1.0  # the next one that is put in is another, and full
            return
        drain = self._drain(now_s)
        lasts_s = self._lift.battery_lasts_s.at(now_s) or self._spec.lasts_s
        change = step_s / _CHARGE_S if drain == 0.0 else -drain * step_s / lasts_s
        self._charge = min(1.0, max(0.0, self._charge + change))

    def _drain(self, now_s: float) -> float:
        """Share of the load that the battery carries."""
        gives = self._lift.box_supply.at(now_s)
        if gives is SupplyGives.NOTHING or not self._lift.mains.at(now_s):
            return 1.0
        return _HELP_SHARE if gives is SupplyGives.TOO_LITTLE else 0.0


class SupplyMonitor:
    """A sample of the battery every now and then, with the noise of the monitor."""

    def __init__(self, lift: Lift, spec: SupplySpec, rng: np.random.Generator) -> None:
        self._battery, self._spec, self._rng = Battery(lift, spec), spec, rng
        self._next = 0

    def readings(self, end_s: float, start_ns: int) -> Iterator[Reading]:
        """The samples before `end_s` that were not given yet."""
        while (t_s := self._next / self._spec.poll_hz) < end_s:
            self._next += 1
            state = self._battery.at(t_s)
            # Source: INA219 data sheet: 4 mV and, at 0.1 ohm, 0.1 mA a count
            voltage_v = round(state.voltage_v / 0.004) * 0.004
            current_a = round((state.current_a + self._rng.normal(0.0, 0.0005)) / 0.0001) * 0.0001
            yield SupplySample(start_ns + round(t_s * 1e9), round(voltage_v, 4), round(current_a, 5))


class ModemTruth:
    """What the modem finds at a moment: its card, the network, and how strong it hears the cell there."""

    def __init__(self, lift: Lift, spec: ModemSpec) -> None:
        self._lift, self._spec = lift, spec

    def report(self, t_s: float, t_ns: int, noise_db: float = 0.0) -> ModemReport:
        """One round of answers at a time of the story; `t_ns` is its capture time."""
        lift = self._lift
        card, registration = lift.sim_card.at(t_s), lift.registration.at(t_s)
        if card is not SimState.READY:
            registration = Registration.NOT_SEARCHING
        if registration in (Registration.SEARCHING, Registration.NOT_SEARCHING):
            return ModemReport(t_ns, card, registration)  # nothing is heard
        height_m = lift.motion.state(t_s)[0]
        level_dbm = float(np.interp(height_m, lift.spec.landing_heights_m, self._spec.rssi_dbm))
        level_dbm += noise_db - lift.signal_weaker_db.at(t_s)
        rssi_dbm = _RSSI_DBM[0] + 2 * round((level_dbm - _RSSI_DBM[0]) / 2)
        rsrp_dbm = round(level_dbm) - _RSRP_BELOW_DB
        return ModemReport(
            t_ns,
            card,
            registration,
            rssi_dbm=min(_RSSI_DBM[1], max(_RSSI_DBM[0], rssi_dbm)),
            rsrp_dbm=min(_RSRP_DBM[1], max(_RSRP_DBM[0], rsrp_dbm)),
        )


class ModemRounds:
    """A report every round of questions."""

    def __init__(self, lift: Lift, spec: ModemSpec, rng: np.random.Generator) -> None:
        self._truth, self._spec, self._rng = ModemTruth(lift, spec), spec, rng
        self._next_s = float(rng.uniform(0.0, spec.period_s))

    def readings(self, end_s: float, start_ns: int) -> Iterator[Reading]:
        """The reports before `end_s` that were not given yet."""
        while self._next_s < end_s:
            noise_db = float(self._rng.normal(0.0, self._spec.noise_db))
            yield self._truth.report(self._next_s, start_ns + round(self._next_s * 1e9), noise_db)
            self._next_s += self._spec.period_s
