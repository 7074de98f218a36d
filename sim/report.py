"""What the controller of a simulated lift believes and says at one moment."""

from __future__ import annotations

from edge_agent.readings import ControllerReport, Direction
from sim.lift import Lift

_PERSON_KG = 75.0


def report_at(lift: Lift, known_s: float, t_ns: int, fields: frozenset[str]) -> ControllerReport:
    """The report stamped `t_ns` about the state at `known_s`, with `fields` only."""
    height_m, speed_mps, _ = lift.motion.state(known_s)
    landing = lift.nearest_landing(height_m)
    people = lift.occupants.at(known_s)
    return ControllerReport(
        t_ns=t_ns,
        floor=str(landing + lift.spec.first_floor_number) if "floor" in fields else None,
        direction=_direction(speed_mps) if "direction" in fields else None,
        mode=lift.mode.at(known_s) if "mode" in fields else None,
        door=lift.controller_door.at(known_s) if "door" in fields else None,
        fault=lift.fault.at(known_s) if "fault" in fields else None,
        safety_circuit_closed=lift.safety_circuit_closed.at(known_s) if "safety_circuit" in fields else None,
        door_zone=lift.is_in_door_zone(height_m) if "door_zone" in fields else None,
        passenger=people > 0 if "passenger" in fields else None,
        speed_mps=round(abs(speed_mps), 3) if "speed_mps" in fields else None,
        load_percent=round(100.0 * people * _PERSON_KG / lift.spec.body.rated_load_kg, 1)
        if "load_percent" in fields
        else None,
    )


def _direction(speed_mps: float) -> Direction:
    if abs(speed_mps) < 0.001:
        return Direction.NONE
    return Direction.UP if speed_mps > 0 else Direction.DOWN
