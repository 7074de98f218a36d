"""What the stages hand to each other is set once, and takes no attribute that it does not name."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import is_dataclass

import edge_agent.detect
from edge_agent.alarms import AlarmKind
from edge_agent.detect.limits import Limits
from edge_agent.detect.motion_state import MotionState
from edge_agent.detect.rules.table import all_rules

MODULES = [
    importlib.import_module(found.name)
    for found in pkgutil.walk_packages(edge_agent.detect.__path__, "edge_agent.detect.")
]
VALUES = {
    value
    for module in MODULES
    for value in vars(module).values()
    if isinstance(value, type) and is_dataclass(value) and value.__module__ == module.__name__
}
SNAPSHOTS = {"CarState", "ControllerView", "DoorView", "Frame", "MotionState", "MountView", "OccupancyView", "Position",
             "SourceView"}  # fmt: skip
MEMORIES = {"_Doubt", "_Episode", "_Heard", "_Landing", "_Source", "_Steady", "_Trip"}
"""What a stage writes into while it remembers; snapshots are kept frozen by the type checker, see `snapshot.py`."""


def test_only_memories_and_snapshots_can_be_written_into() -> None:
    written = {value.__name__ for value in VALUES if not value.__dataclass_params__.frozen}  # type: ignore[attr-defined]
    assert written <= SNAPSHOTS | MEMORIES, written - SNAPSHOTS - MEMORIES


def test_a_misspelt_attribute_is_refused_instead_of_remembered() -> None:
    assert len(VALUES) > 30
    assert MotionState in VALUES
    assert [value.__name__ for value in VALUES if "__slots__" not in vars(value)] == []


def test_inspection_operation_mutes_all_but_what_is_dangerous_to_a_technician_or_concerns_the_box() -> None:
    """Source: alarms.md, muting; unintended movement counts above 0.63 m/s then."""
    heard = {rule.kind for rule in all_rules(Limits()) if rule.outlives_inspection}
    assert heard == {
        AlarmKind.ALARM_BUTTON,
        AlarmKind.IMPACT,
        AlarmKind.UNINTENDED_MOVEMENT,
        AlarmKind.MAINS_LOST,
        AlarmKind.BACKUP_SUPPLY_LOW,
        AlarmKind.SENSOR_FAULT,
        AlarmKind.CONTROLLER_LINK_LOST,
        AlarmKind.BOX_MOVED,
    }
