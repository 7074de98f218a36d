"""Baselines: everything the core has learned of its lift and its box, as one frozen value that outlives a restart.

A value is whole or it is refused: every number finite, every list bounded, every relation as the stages leave it. The
tree form holds only text, numbers and lists, so that one text of it is valid JSON and valid TOML: the file beside the
outbox and the head of a recording carry the same.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from itertools import pairwise
from math import isfinite
from typing import Any, Union, get_args, get_origin, get_type_hints

from edge_agent.detect.habit import Leaving
from edge_agent.detect.position import LearnedLanding
from edge_agent.detect.rules.door_wear import LearnedPace

ENTRIES_MAX = 256
TEXT_LENGTH_MAX = 40
NUMBER_MAX = 1e6
DIGITS = 6
"""Ours: a value is written with 6 significant digits, far below any noise."""


class BaselinesProblem(ValueError):
    """A tree that is no baselines of this version; the text says where."""


@dataclass(frozen=True, slots=True)
class LearnedHabit:
    """How often the lift did so with its empty car. leaving: a name of `habit.Leaving`."""

    leaving: str
    opened: float
    stayed_shut: float


@dataclass(frozen=True, slots=True)
class Baselines:
    """What was learned; empty and None: nothing yet. Units as in the stages that learn it."""

    gravity_mps2: tuple[float, float, float] | None = None  # where it points in the box's own axes
    decels_mps2: tuple[float, ...] = ()
    speeds_mps: tuple[float, ...] = ()
    run_s_longest: float = 0.0
    jerks_mps3: tuple[float, ...] = ()
    vibrations_mps2: tuple[float, ...] = ()
    landings: tuple[LearnedLanding, ...] = ()
    accel_scale: float = 1.0
    trip_errors_m: tuple[float, ...] = ()
    door_paces: tuple[LearnedPace, ...] = ()
    habits: tuple[LearnedHabit, ...] = ()
    stirring: tuple[float, float, float] = (0.0, 0.0, 0.0)  # floor, beats of the empty car, those that stood out
    presence: tuple[float, float] = (0.0, 0.0)  # trips with people, and those in which the sensor was silent


def tree_of(baselines: Baselines) -> dict[str, object]:
    """Name to text, numbers and lists; what is None is left out."""
    tree = {field.name: _plain(getattr(baselines, field.name)) for field in fields(Baselines)}
    return {name: value for name, value in tree.items() if value is not None}


def baselines_from(tree: Mapping[str, object]) -> Baselines:
    """What `tree_of` gave. Raises BaselinesProblem for anything else."""
    hints = get_type_hints(Baselines)
    for name in tree:
        if name not in hints:
            raise BaselinesProblem(f"{name}: not known")
    baselines = Baselines(**{name: _built(hints[name], value, name) for name, value in tree.items()})
    _check(baselines)
    return baselines


def rounded(baselines: Baselines) -> Baselines:
    """The value as it would come back from its tree."""
    return baselines_from(tree_of(baselines))


def _check(baselines: Baselines) -> None:
    for one, other in pairwise(baselines.landings):
        if other.height_m <= one.height_m:
            raise BaselinesProblem("landings: not in ascending order")
    amounts: list[tuple[str, float]] = [
        *(("landings", each.sigma_m) for each in baselines.landings),
        *(("landings", float(each.visits - 1)) for each in baselines.landings),
        *(("habits", min(each.opened, each.stayed_shut)) for each in baselines.habits),
        *(("stirring", each) for each in baselines.stirring),
        *(("presence", each) for each in baselines.presence),
        *(("door_paces", min(each.normal_s + each.recent_s, default=0.0)) for each in baselines.door_paces),
        ("run_s_longest", baselines.run_s_longest),
    ]
    for name, amount in amounts:
        if amount < 0.0:
            raise BaselinesProblem(f"{name}: below what can be")
    if not 0.5 <= baselines.accel_scale <= 2.0:
        raise BaselinesProblem("accel_scale: not between 0.5 and 2")
    for habit in baselines.habits:
        if habit.leaving not in Leaving.__members__:
            raise BaselinesProblem(f"habits: {habit.leaving!r} is not known")
    if any(not pace.normal_s or 0.0 in pace.normal_s for pace in baselines.door_paces):
        raise BaselinesProblem("door_paces: a door that takes no time, or of which nothing is known")


def _plain(value: object) -> object:
    """Dataclasses and tuples to lists, floats rounded."""
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if is_dataclass(value):
        return [_plain(getattr(value, field.name)) for field in fields(value)]
    return value


def _built(kind: Any, value: object, where: str) -> Any:
    """`value` of a tree made into `kind`."""
    if get_origin(kind) in (Union, types.UnionType):
        kind = next(each for each in get_args(kind) if each is not type(None))
    if is_dataclass(kind) and isinstance(kind, type):
        hints = list(get_type_hints(kind).values())
        parts = _list_in(value, where)
        if len(parts) != len(hints):
            raise BaselinesProblem(f"{where}: {len(parts)} parts, not {len(hints)}")
        return kind(*(_built(hint, part, where) for hint, part in zip(hints, parts, strict=True)))
    if get_origin(kind) is tuple:
        parts, inner = _list_in(value, where), get_args(kind)
        if inner[-1] is Ellipsis:
            return tuple(_built(inner[0], part, where) for part in parts)
        if len(parts) != len(inner):
            raise BaselinesProblem(f"{where}: {len(parts)} numbers, not {len(inner)}")
        return tuple(_built(hint, part, where) for hint, part in zip(inner, parts, strict=True))
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        if not isfinite(value) or abs(value) > NUMBER_MAX:
            raise BaselinesProblem(f"{where}: {value} is out of range")
        return float(value)
    if type(value) is not kind:
        raise BaselinesProblem(f"{where}: {str(value)[:TEXT_LENGTH_MAX]!r} is no {kind.__name__}")
    if isinstance(value, str) and len(value) > TEXT_LENGTH_MAX:
        raise BaselinesProblem(f"{where}: a text of {len(value)} characters")
    if isinstance(value, int) and abs(value) > NUMBER_MAX:
        raise BaselinesProblem(f"{where}: {value} is out of range")
    return value


def _list_in(value: object, where: str) -> list[object]:
    if not isinstance(value, list):
        raise BaselinesProblem(f"{where}: no list")
    if len(value) > ENTRIES_MAX:
        raise BaselinesProblem(f"{where}: {len(value)} entries, at most {ENTRIES_MAX}")
    return value
