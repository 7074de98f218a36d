"""The state of the car as `replay --trace` shows it: only what changed since the last line."""

from __future__ import annotations

from collections.abc import Iterator

from edge_agent.detect.car import CarState


class Trace:
    """Remembers what was shown last."""

    def __init__(self) -> None:
        self._shown: dict[str, str] = {}

    def changes(self, car: CarState) -> tuple[tuple[str, str], ...]:
        """Name and value of each item that reads differently than when last shown."""
        changed = tuple((name, text) for name, text in _items(car) if self._shown.get(name) != text)
        self._shown.update(changed)
        return changed


def _items(car: CarState) -> Iterator[tuple[str, str]]:
    yield "phase", car.motion.phase.value
    yield "accel_mps2", _number(car.motion.accel_mps2)
    yield "speed_mps", _number(car.motion.speed_mps)
    yield "travel_m", _number(car.motion.travel_m)
    yield "is_mounted", _yes(car.motion.is_mounted)
    yield "door", car.door.state.name.lower()
    yield "height_m", _number(car.position.height_m)
    yield "landing", "-" if car.position.landing_index is None else str(car.position.landing_index)
    yield "outside_zone", _yes(car.position.is_outside_zone)
    yield "occupied_percent", str(car.occupancy.percent)
    yield "inspection", _yes(car.is_inspection)
    yield "visit", _yes(car.is_visited)
    yield "mode", "-" if car.controller.mode is None else car.controller.mode.value
    yield "fault", "-" if car.controller.fault is None else str(car.controller.fault)
    for source in car.sources:
        yield source.name, "ok" if source.fault is None else source.fault.value


def _number(value: float | None) -> str:
    return "-" if value is None else f"{round(value, 2) + 0.0:.2f}"


def _yes(value: bool | None) -> str:
    return "-" if value is None else "yes" if value else "no"
