"""How a run of bits proves that it is floor, direction, door, mode or fault; each proof says how sure it is.

A proof needs repetition: each answer at least twice, by events that the sensors saw. What could as well be something
else (the floor where the car is going to, a flag that the car moves, a state of the drive) is left "not found".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from calibration.controller_fields import Events, Place, Register, Told, codes_by_label, is_slice, runs_of, widened
from calibration.controller_truth import Span, Truth
from drivers.register_map import Feed

SHARE_MIN = {Feed.FLOOR: 0.85, Feed.DIRECTION: 0.96, Feed.DOOR: 0.85, Feed.MODE: 0.9, Feed.FAULT: 0.9}
CONFIDENCE_MIN = 0.8
SURENESS = (0.0, 0.5, 0.9, 0.95, 0.97)  # by how often the least frequent answer was given
LANDINGS_MIN = 3
STATES_MAX = 16
BETWEEN_SHARE_MIN = 0.7


@dataclass(frozen=True, slots=True)
class Candidate:
    """One run of bits taken for one word. values: code to meaning; empty: the code is the number itself.

    rank: of two that fit, the larger one says more.
    """

    feed: Feed
    place: Place
    values: tuple[tuple[int, str], ...]
    confidence: float
    rank: tuple[int, ...]


def sureness(count: int) -> float:
    """How sure one may be of an answer that was given so often."""
    return SURENESS[min(count, len(SURENESS) - 1)]


def candidates(register: Register, truth: Truth) -> list[Candidate]:
    """All words that runs of this register could be."""
    found: list[Candidate] = []
    events = {
        Feed.FLOOR: Events(register, truth.landings),
        Feed.DIRECTION: Events(register, truth.directions),
        Feed.DOOR: Events(register, [s for s in truth.doors if s.label in ("open", "closed")]),
        Feed.MODE: Events(register, truth.modes),
        Feed.FAULT: Events(register, truth.faults),
    }
    between = Events(register, truth.travelling)
    turning = Events(register, [s for s in truth.doors if s.label in ("opening", "closing")])
    proofs = {Feed.DIRECTION: _direction, Feed.MODE: _mode, Feed.FAULT: _fault}
    landing_count = len({span.label for span in truth.landings})
    for place in runs_of(register):
        codes = place.codes(register)
        if len(np.unique(codes)) > max(STATES_MAX, len(truth.landings)) or is_slice(place, register, landing_count):
            continue
        for feed in (Feed.FLOOR, Feed.DOOR, *proofs):
            told = events[feed].told(codes, SHARE_MIN[feed])
            if not told:
                continue
            if feed is Feed.FLOOR:
                one = _floor(place, told, between.told(codes, 0.0) or [], len(set(codes.tolist())), truth.travelling)
            elif feed is Feed.DOOR:
                one = _door(place, told, turning.told(codes, 0.0) or [])
            else:
                one = proofs[feed](place, told)
            if one is not None:
                found.append(_with_room(one, register))
    return found


def _with_room(one: Candidate, register: Register) -> Candidate:
    """Numbers get the whole byte or word that they stand in."""
    if one.feed is Feed.FAULT or (one.feed is Feed.FLOOR and not one.values):
        wide = widened(one.place, register)
        shift = one.place.bit_first - wide.bit_first
        if shift and one.feed is Feed.FLOOR:
            return one
        return Candidate(one.feed, wide, one.values, one.confidence, one.rank)
    return one


def _apart(sets: Sequence[set[int]]) -> bool:
    return sum(map(len, sets)) == len(set().union(*sets))


def _direction(place: Place, told: Sequence[Told]) -> Candidate | None:
    by_label = codes_by_label(told)
    if set(by_label) != {"up", "down", "none"}:
        return None
    sets = {label: set(codes) for label, codes in by_label.items()}
    if not _apart(list(sets.values())) or len(sets["up"]) != 1 or len(sets["down"]) != 1 or len(sets["none"]) > 2:
        return None
    least = min(sum(codes.values()) for codes in by_label.values())
    values = tuple(sorted((code, label) for label, codes in sets.items() for code in codes))
    return Candidate(Feed.DIRECTION, place, values, sureness(least), (-len(values), -place.bit_count))


def _door(place: Place, told: Sequence[Told], turning: Sequence[Told]) -> Candidate | None:
    by_label = codes_by_label(told)
    if set(by_label) != {"open", "closed"}:
        return None
    sets = {label: set(codes) for label, codes in by_label.items()}
    if not _apart(list(sets.values())) or len(sets["open"]) > 2:
        return None
    least = min(sum(codes.values()) for codes in by_label.values())
    values = {code: label for label, codes in sets.items() for code in codes}
    ways = codes_by_label(turning)
    both = set(ways.get("opening", ())) & set(ways.get("closing", ()))
    for label, counts in ways.items():
        for code, count in counts.items():
            if code not in values and code not in both and 2 * count > sum(counts.values()):
                values[code] = label
    labels = len(set(values.values()))
    return Candidate(Feed.DOOR, place, tuple(sorted(values.items())), sureness(least), (labels, -place.bit_count))


def _mode(place: Place, told: Sequence[Told]) -> Candidate | None:
    by_label = codes_by_label(told)
    if set(by_label) != {"normal", "inspection"}:
        return None
    sets = {label: set(codes) for label, codes in by_label.items()}
    if not _apart(list(sets.values())) or len(sets["inspection"]) != 1 or len(sets["normal"]) != 1:
        return None
    least = min(sum(codes.values()) for codes in by_label.values())
    values = tuple(sorted((code, label) for label, codes in sets.items() for code in codes))
    return Candidate(Feed.MODE, place, values, sureness(least), (place.bit_count,))


def _fault(place: Place, told: Sequence[Told]) -> Candidate | None:
    """0 while all is well, and a number of its own for each kind of fault; a mere flag or state is no fault number."""
    by_label = codes_by_label(told)
    if set(by_label) != {"none", "fault"} or set(by_label["none"]) != {0} or 0 in by_label["fault"]:
        return None
    numbers = set(by_label["fault"])
    if place.bit_count < 2:
        return None
    count = sum(by_label["fault"].values())
    sure = sureness(count) if len(numbers) >= 2 else min(0.7, sureness(count))
    return Candidate(Feed.FAULT, place, (), sure, (len(numbers), place.bit_count))


def _floor(
    place: Place, told: Sequence[Told], between: Sequence[Told], code_count: int, travelling: Sequence[Span]
) -> Candidate | None:
    """One code for each landing, and on the way the codes of the landings between: else it may be the goal."""
    by_label = codes_by_label(told)
    if len(by_label) < LANDINGS_MIN or any(len(codes) != 1 for codes in by_label.values()):
        return None
    code_of = {int(label): next(iter(codes)) for label, codes in by_label.items()}
    if len(set(code_of.values())) != len(code_of) or code_count > len(code_of) + 2:
        return None
    again = sum(sum(codes.values()) >= 2 for codes in by_label.values())
    passed = wrong = 0
    for each in between:
        start, end = map(int, each.label.split(">"))
        if abs(start - end) >= 2:
            inner = {code_of.get(landing) for landing in range(min(start, end) + 1, max(start, end))}
            passed, wrong = passed + (each.code in inner), wrong + (each.code not in inner)
    if passed < 1 or wrong > 0.25 * (passed + wrong):
        return None
    order = sorted(code_of)
    steps = {code_of[b] - code_of[a] - (b - a) for a, b in pairwise(order)}
    values = () if steps == {0} else tuple(sorted((code, str(landing + 1)) for landing, code in code_of.items()))
    if values and code_count > len(values):
        return None  # codes that are no landing: it counts something else
    sure = min(sureness(1 + min(again, 2) + (len(code_of) > LANDINGS_MIN)), sureness(1 + passed))
    return Candidate(Feed.FLOOR, place, values, sure, (-len(values), -place.bit_count))


def best_of(found: Sequence[Candidate]) -> Mapping[Feed, tuple[Candidate, ...]]:
    """For each word the candidates, the one that says most first, then by address."""
    sorted_found: dict[Feed, list[Candidate]] = {}
    for one in found:
        sorted_found.setdefault(one.feed, []).append(one)
    return {
        feed: tuple(
            sorted(each, key=lambda c: (-c.confidence, [-r for r in c.rank], c.place.table.value, c.place.address))
        )
        for feed, each in sorted_found.items()
    }
