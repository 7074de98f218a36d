"""Controllers that nobody has seen: maps drawn at random, decoys beside them, and the register log of a sweep."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from drivers.register_map import (
    Evidence,
    Feed,
    Field,
    Kind,
    Meaning,
    ReadBlock,
    RegisterImage,
    RegisterMap,
    Table,
    plan_reads,
)
from drivers.register_map_log import RegisterRead
from edge_agent.readings import ControllerDoor, ControllerReport, Direction, Mode
from sim.box import CONTROLLER_FIELDS
from sim.lift import Lift
from sim.report import report_at
from tests.calibration.learning_lifts import START_NS

Decoy = Callable[[float], int]
BLOCK = 16


@dataclass(frozen=True, slots=True)
class Controller:
    """A map, and registers that mean something else. delay_s: how late it knows."""

    register_map: RegisterMap
    decoys: tuple[tuple[Table, int, Decoy], ...]
    delay_s: float

    def report(self, lift: Lift, t_s: float) -> ControllerReport:
        """What it would say."""
        return report_at(lift, max(0.0, t_s - self.delay_s), START_NS + round(t_s * 1e9), CONTROLLER_FIELDS)

    def image(self, lift: Lift, t_s: float) -> RegisterImage:
        """All words at one moment."""
        image = self.register_map.encode(self.report(lift, t_s))
        for table, address, decoy in self.decoys:
            image.put(table, address, decoy(max(0.0, t_s - self.delay_s)) & 0xFFFF)
        return image


def sweep(lift: Lift, controller: Controller, *, read_s: float = 0.05, seed: int = 0) -> list[RegisterRead]:
    """The log of reading everything over and over while the lift lives through its story."""
    places = [(table, address) for table, address, _ in controller.decoys]
    places += [(block.table, a) for block in controller.register_map.reads for a in range(block.address, block.end)]
    blocks = sorted({(table.value, address // BLOCK * BLOCK) for table, address in places})
    rng = np.random.default_rng([seed, 9])
    reads: list[RegisterRead] = []
    t_s = float(rng.uniform(0.0, 0.1))
    while t_s < lift.now_s - 0.5:
        for code, address in blocks:
            t_s += read_s * float(rng.uniform(0.8, 1.2))
            words = controller.image(lift, t_s).words(ReadBlock(Table(code), address, BLOCK))
            reads.append(RegisterRead(START_NS + round(t_s * 1e9), Table(code), address, words))
    return reads


def drawn_map(rng: np.random.Generator, *, with_mode: bool = True) -> RegisterMap:
    """Addresses, bits and codes drawn at random; several words may share a register."""
    table = Table.HOLDING if rng.random() < 0.6 else Table.INPUT
    base = int(rng.integers(0, 0xF000))
    used: dict[int, int] = {}

    def place(bits: int, aligned: bool) -> tuple[int, int]:
        while True:
            address = base + int(rng.integers(0, 40))
            first = (
                int(rng.choice([0, 8])) if aligned and bits <= 8 else 0 if aligned else int(rng.integers(0, 17 - bits))
            )
            own = ((1 << bits) - 1) << first
            if not used.get(address, 0) & own:
                used[address] = used.get(address, 0) | own
                return address, first

    def enum(feed: Feed, meanings: tuple[Meaning, ...]) -> Field:
        bits = int(rng.choice([2, 3, 4, 8, 16])) if len(meanings) <= 4 else int(rng.choice([3, 4, 8, 16]))
        codes = [int(c) for c in rng.choice(min(1 << bits, 64), size=len(meanings), replace=False)]
        address, first = place(bits, bits >= 8)
        pairs = tuple(zip(codes, meanings, strict=True))
        return Field(feed.value, table, address, Kind.ENUM, first, bits, meanings=pairs, feeds=feed)

    floor_bits = int(rng.choice([5, 6, 8, 16]))
    floor_at = place(floor_bits, floor_bits >= 8)
    fault_bits = int(rng.choice([8, 16]))
    fault_at = place(fault_bits, True)
    fields = [
        Field("floor", table, floor_at[0], Kind.BITS, floor_at[1], floor_bits, feeds=Feed.FLOOR),
        enum(Feed.DIRECTION, (Direction.NONE, Direction.UP, Direction.DOWN)),
        enum(Feed.DOOR, tuple(door for door in ControllerDoor if door is not ControllerDoor.FAULT)),
        Field("fault", table, fault_at[0], Kind.BITS, fault_at[1], fault_bits, feeds=Feed.FAULT),
    ]
    if with_mode:
        fields.append(enum(Feed.MODE, (Mode.NORMAL, Mode.INSPECTION, Mode.FIRE_RETURN)))
    reads = plan_reads(fields, most_registers=32, gap_registers_max=8)
    return RegisterMap("drawn", "nobody", "drawn", "-", Evidence.INFERRED, "drawn", True, "-", tuple(fields), reads)


def decoys_of(rng: np.random.Generator, lift: Lift, register_map: RegisterMap) -> tuple[tuple[Table, int, Decoy], ...]:
    """What else stands in such a controller: each looks a little like one of the words."""
    trips = lift.trips
    heights = lift.spec.landing_heights_m

    def goal(t_s: float) -> int:
        going = next((trip for trip in trips if trip.end_s > t_s), None)
        at_s = t_s if going is None or going.start_s - 0.5 > t_s else going.end_s
        return lift.nearest_landing(lift.motion.state(at_s)[0]) + 1

    def last_way(t_s: float) -> int:
        past = [trip for trip in trips if trip.start_s <= t_s]
        return 1 if past and past[-1].direction is Direction.UP else 2 if past else 0

    def moving(t_s: float) -> int:
        return int(abs(lift.motion.state(t_s)[1]) > 0.001)

    noise = rng.integers(0, 1 << 16, 4096)
    made: list[Decoy] = [
        goal,
        last_way,
        moving,
        lambda t_s: round(lift.motion.state(t_s)[0] * 1000) + 50,
        lambda t_s: round(lift.motion.state(t_s)[0] * 10),
        lambda t_s: round(lift.motion.state(t_s)[1] * 1000) & 0xFFFF,
        lambda t_s: round(abs(lift.motion.state(t_s)[1]) * 100),
        lambda t_s: int(t_s),
        lambda t_s: sum(trip.start_s <= t_s for trip in trips),
        lambda t_s: int(noise[int(t_s * 7) % 4096]) % 3,
        lambda t_s: int(noise[int(t_s * 3) % 4096]),
        lambda t_s: 1234,
        lambda t_s: int(lift.is_in_door_zone(lift.motion.state(t_s)[0])),
        lambda t_s: int(lift.motion.state(t_s)[0] < 0.1) | int(lift.motion.state(t_s)[0] > heights[-1] - 0.1) << 1,
        lambda t_s: int(lift.safety_circuit_closed.at(t_s)),
        lambda t_s: int(lift.fault.at(t_s) != 0),
        lambda t_s: next((code for _, code in reversed(list(lift.fault.changes(0.0, t_s))) if code), 0),
        lambda t_s: int(noise[int(t_s / 8) % 4096]) & 1,
    ]
    taken = {(block.table, a) for block in register_map.reads for a in range(block.address, block.end)}
    base = min(block.address for block in register_map.reads)
    table = register_map.reads[0].table
    free = [a for a in range(base, min(base + 90, 0xFFF0)) if (table, a) not in taken]
    places = rng.choice(len(free), size=len(made), replace=False)
    return tuple((table, free[int(at)], decoy) for at, decoy in zip(places, made, strict=True))


def without(register_map: RegisterMap, feed: Feed) -> RegisterMap:
    """The same controller, in which nobody says this word."""
    fields = tuple(field for field in register_map.fields if field.feeds is not feed)
    return replace(register_map, fields=fields)
