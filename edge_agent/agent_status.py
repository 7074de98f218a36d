"""Builds the status of the running agent from its parts."""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.agent_core import AgentCore
from edge_agent.agent_visits import VisitKeeper
from edge_agent.clock import Clock
from edge_agent.detect.car import CarState
from edge_agent.errors import OutboxError
from edge_agent.status import AgentState, AgentStatus, CarStatus, VisitStatus, detectability, readiness_status

NS_PER_S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is running since when."""

    version: str
    lift_id: str
    boot_id: str
    pid: int
    started_ns: int
    safe_without: tuple[str, ...] | None = None
    storage_trouble: str = ""


def status_of(core: AgentCore, identity: Identity, state: AgentState, clock: Clock, now_ns: int) -> AgentStatus:
    """Everything that is known now."""
    wall = clock.wall_estimate()
    readiness = core.detector.readiness()
    try:
        destinations = core.dispatch.statuses(now_ns)
    except OutboxError:
        destinations = ()
    return AgentStatus(
        version=identity.version,
        lift_id=identity.lift_id,
        state=state.value,
        boot_id=identity.boot_id,
        pid=identity.pid,
        now_ns=now_ns,
        up_s=(now_ns - identity.started_ns) / NS_PER_S,
        wall_unix_ms=None if wall is None else wall.unix_ms,
        wall_uncertainty_ms=None if wall is None else wall.uncertainty_ms,
        sources=core.watch.statuses(now_ns),
        car=_car_status(core.detector.car),
        incidents=core.incidents(now_ns),
        destinations=destinations,
        records_count=core.records_count,
        alarms_raised_count=core.alarms_raised_count,
        trips_count=core.trips_count,
        late_count=core.late_count,
        dropped_count=core.dropped_count,
        readiness=readiness_status(
            readiness.state, tuple((each.lesson, each.have, each.need) for each in readiness.missing)
        ),
        detectability=detectability(core.watch.senses),
        visit=_visit_status(core.visits, now_ns),
        safe_without=identity.safe_without,
        storage_trouble=identity.storage_trouble,
    )


def _visit_status(visits: VisitKeeper | None, now_ns: int) -> VisitStatus | None:
    visit = None if visits is None else visits.under_way
    if visits is None or visit is None:
        return None
    elapsed_s = round(visits.elapsed_s(now_ns), 1)
    return VisitStatus(visit.number, visit.person, elapsed_s, visit.minutes, visit.checklist)


def _car_status(car: CarState | None) -> CarStatus | None:
    if car is None:
        return None
    place = car.place()
    return CarStatus(
        motion=car.motion.phase.value,
        speed_mps=round(car.motion.speed_mps, 3),
        landing_index=place.landing_index,
        is_between_landings=place.is_between_landings,
        height_mm=place.height_mm,
        door=place.door.name.lower(),
        occupied_percent=car.occupancy.percent,
        is_inspection=car.is_inspection,
    )
