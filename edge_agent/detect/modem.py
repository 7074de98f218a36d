"""Modem stage: whether the box can reach the mobile network, and how strong the signal is at each landing.

In: what the modem says, and where the car stands. Out: the modem's trouble in one sentence, and a `SignalCoverage` when
a landing has been heard often enough. State: the reports of each landing since the last one told; since when no network
lets the modem in. Decision: a trouble of the SIM card at once; of the network after a while, because a car passes
places without signal on every trip. After a gap: nothing is lost.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median

from edge_agent.alarms import Place, SignalCoverage
from edge_agent.detect.limits import Limits
from edge_agent.readings import FaultReason, ModemReport, Registration, SimState

REPORTS_ENOUGH = 6  # a minute at the usual round of 10 s: the median outlives a bad one
TOLD_AGAIN_NS = 24 * 3600 * 1_000_000_000
CHANGE_DB_MIN = 6.0  # half the strength in amplitude: an aerial moved or a cell gone, no weather
PLACES_MAX = 256

_SIM_TROUBLES = {
    SimState.ABSENT: "no SIM card is found: check that it is in, and the right way round",
    SimState.PIN_NEEDED: "the SIM card asks for its PIN: switch the PIN off with a telephone",
    SimState.PUK_NEEDED: "the SIM card is locked and asks for its PUK: unlock it with a telephone",
    SimState.BROKEN: "the SIM card cannot be read: clean its contacts, or replace it",
}
_NOT_FOUND = "no network is found: check the aerial and its plug, and the signal at this landing"
_NETWORK_TROUBLES = {
    Registration.DENIED: "the network refuses this SIM card: ask the provider whether the contract is active",
    Registration.SEARCHING: _NOT_FOUND,
    Registration.NOT_SEARCHING: _NOT_FOUND,
    Registration.EMERGENCY_ONLY: "the network gives emergency calls only: another provider's cell, or no contract",
}


@dataclass(frozen=True, slots=True)
class ModemTrouble:
    """Why nothing can be sent, for the person who can fix it."""

    reason: FaultReason
    sentence: str


def trouble_of(report: ModemReport) -> ModemTrouble | None:
    """What one report says; None if the modem can send, or does not know."""
    if report.sim in _SIM_TROUBLES:
        return ModemTrouble(FaultReason.SIM, _SIM_TROUBLES[report.sim])
    if report.registration in _NETWORK_TROUBLES:
        return ModemTrouble(FaultReason.NETWORK, _NETWORK_TROUBLES[report.registration])
    return None


@dataclass(slots=True)
class _Heard:
    rssi_dbm: list[int] = field(default_factory=list)
    rsrp_dbm: list[int] = field(default_factory=list)
    told_ns: int | None = None
    told_dbm: float = 0.0


class ModemStage:
    """Fold over the modem's reports; see the file's first lines."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._places: dict[int | None, _Heard] = {}
        self._unregistered_ns: int | None = None

    def trouble(self, report: ModemReport) -> ModemTrouble | None:
        """The trouble that stands with this report."""
        found = trouble_of(report)
        if found is None or found.reason is not FaultReason.NETWORK:
            self._unregistered_ns = None
            return found
        if self._unregistered_ns is None:
            self._unregistered_ns = report.t_ns
        lasted_s = (report.t_ns - self._unregistered_ns) / 1e9
        return found if lasted_s >= self._limits.modem_unregistered_s_max else None

    def coverage(self, report: ModemReport, place: Place | None) -> SignalCoverage | None:
        """Take note of the signal where the car stands; None as place: it moves."""
        if place is None or (report.rssi_dbm is None and report.rsrp_dbm is None):
            return None
        key = place.landing_index
        if key is None and place.height_mm is not None:
            key = -1 - round(place.height_mm / 1000.0)  # landings that are still being learned have no number yet
        if key not in self._places and len(self._places) >= PLACES_MAX:
            return None
        heard = self._places.setdefault(key, _Heard())
        for kept, dbm in ((heard.rssi_dbm, report.rssi_dbm), (heard.rsrp_dbm, report.rsrp_dbm)):
            if dbm is not None:
                kept.append(dbm)
                del kept[:-REPORTS_ENOUGH]
        if max(len(heard.rssi_dbm), len(heard.rsrp_dbm)) < REPORTS_ENOUGH:
            return None
        return self._told(report.t_ns, place, heard)

    def _told(self, t_ns: int, place: Place, heard: _Heard) -> SignalCoverage | None:
        rssi_dbm = round(median(heard.rssi_dbm)) if heard.rssi_dbm else None
        rsrp_dbm = round(median(heard.rsrp_dbm)) if heard.rsrp_dbm else None
        level_dbm = median(heard.rssi_dbm or heard.rsrp_dbm)
        is_news = (
            heard.told_ns is None
            or t_ns - heard.told_ns >= TOLD_AGAIN_NS
            or abs(level_dbm - heard.told_dbm) >= CHANGE_DB_MIN
        )
        heard.rssi_dbm.clear()
        heard.rsrp_dbm.clear()
        if not is_news:
            return None
        heard.told_ns, heard.told_dbm = t_ns, level_dbm
        return SignalCoverage(t_ns, place, rssi_dbm, rsrp_dbm)
