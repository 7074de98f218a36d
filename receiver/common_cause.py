"""Many alarms that begin together are one picture: a blackout over a district, with occupied cars first.

Pure, and the same whatever the order in which incidents are given.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edge_agent.alarms import AlarmKind
from receiver.incident_rows import IncidentView
from receiver.incidents import IncidentKey

LIFTS_MIN = 3
APART_MS = 120_000
"""So many lifts alarm with no longer pause between two of them: one cause. Ours; boxes of a district notice a power cut
in the same second and send within 30 s (design/wire.md section 3.1)."""

POWER_MS = 300_000
"""A box that lost the mains so near to the alarm counts for the cause "power". Our choice."""

UNKNOWN_PERCENT = 50
OCCUPIED_PERCENT = 50
"""Where a box does not say whether somebody is inside, it may be so. Our choice."""


@dataclass(frozen=True, slots=True)
class Occasion:
    """Alarms with one cause. cause: "power" or "unknown"; keys: occupied cars first."""

    cause: str
    since_ms: int
    lifts: int
    occupied: int
    recovered: int
    keys: tuple[IncidentKey, ...]


def occupied_first(views: Iterable[IncidentView]) -> list[IncidentView]:
    """Those that still need somebody first, then by how likely somebody is inside, then the oldest."""
    return sorted(views, key=_urgency)


def occasions(views: Iterable[IncidentView]) -> tuple[Occasion, ...]:
    """Groups among open alarms, the largest first. Losses of the mains are looked for among all that is given."""
    views = list(views)
    alarms = sorted(
        (view for view in views if view.incident.is_alarm and view.incident.is_open),
        key=lambda view: (view.raised.latest_ms, view.incident.key),
    )
    mains = [view for view in views if _kind_of(view) == AlarmKind.MAINS_LOST]
    groups: list[list[IncidentView]] = []
    for view in alarms:
        if groups and view.raised.latest_ms - groups[-1][-1].raised.latest_ms <= APART_MS:
            groups[-1].append(view)
        else:
            groups.append([view])
    found = [_occasion(group, mains) for group in groups if len(_lifts_of(group)) >= LIFTS_MIN]
    return tuple(sorted(found, key=lambda each: (-each.lifts, each.since_ms)))


def _occasion(group: Sequence[IncidentView], mains: Sequence[IncidentView]) -> Occasion:
    since_ms, last_ms = group[0].raised.latest_ms, group[-1].raised.latest_ms
    dark = {
        view.incident.key.device for view in mains if since_ms - POWER_MS <= view.raised.latest_ms <= last_ms + POWER_MS
    }
    devices = {view.incident.key.device for view in group}
    cause = "power" if 2 * len(devices & dark) >= len(devices) else "unknown"
    ordered = occupied_first(group)
    return Occasion(
        cause=cause,
        since_ms=since_ms,
        lifts=len(_lifts_of(group)),
        occupied=sum(_percent(view) >= OCCUPIED_PERCENT and view.incident.condition_gone is None for view in group),
        recovered=sum(view.recovered_by_itself for view in group),
        keys=tuple(view.incident.key for view in ordered),
    )


def _urgency(view: IncidentView) -> tuple[bool, int, int, IncidentKey]:
    is_over = view.incident.condition_gone is not None or not view.incident.is_open
    return is_over, -_percent(view), view.raised.latest_ms, view.incident.key


def _percent(view: IncidentView) -> int:
    return UNKNOWN_PERCENT if view.occupied_percent is None else view.occupied_percent


def _lifts_of(group: Iterable[IncidentView]) -> set[str]:
    return {view.lift_no or view.incident.key.device.hex() for view in group}


def _kind_of(view: IncidentView) -> int:
    first = view.incident.first
    return 0 if first is None else first.kind
