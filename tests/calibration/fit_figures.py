"""How well the fits recover what the simulator put in: `python -m tests.calibration.fit_figures landings 40`.

Also `landings 40 pressure` and `detective 40`; `landings 40 from 1000` judges other lifts, `landings 40 fixed` boxes
that were already screwed on, so that the six sides of the chip are not known, `landings 40 twice` those of a patient
installer. Every lift, chip, mounting and controller is drawn from its seed.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from calibration.chip_errors import ChipErrors
from calibration.controller import Detected, detect
from calibration.controller_fields import registers_of
from calibration.controller_truth import Truth, truth_of
from calibration.doors import fit_doors
from calibration.fit_grades import AccelGrade
from calibration.fit_samples import angle_deg, vector
from calibration.landings import LandingsFit, fit_landings
from calibration.sides import fit_sides
from drivers.register_map import Feed
from drivers.register_map_log import RegisterRead
from edge_agent.detect.limits import Limits
from edge_agent.installation import Drive
from edge_agent.readings import Reading, Signal
from sim.box import GRADES
from sim.lying import lay_box
from sim.words import BoxUp, StopCause
from tests.calibration.drawn_controllers import Controller, decoys_of, drawn_map, sweep
from tests.calibration.learning_lifts import (
    DOORS,
    START_NS,
    Learned,
    drawn,
    inspect_shortly,
    ride_everywhere,
    stop_between,
)
from tests.calibration.lying_box import ALL_SIDES, LIES_S

LIMITS = Limits()
AIR_DEGC = 15.0  # the simulated air
RIGHT, WRONG, NOT_FOUND = "right", "wrong", "not found"


@dataclass(frozen=True, slots=True)
class LandingErrors:
    """Of one learned lift. height_m: the worst landing.

    pull: the worst landing over its own doubt. doubt_m: the largest that was told. speed: as a share; None: no even
    speed was found; speed_pull: over its doubt.
    """

    height_m: float
    pull: float
    doubt_m: float
    speed: float | None
    speed_pull: float
    axis_deg: float
    gravity_deg: float
    has_rails: bool
    is_refused: bool


@dataclass(frozen=True, slots=True)
class Ridden:
    """A lift that has been ridden everywhere; readings: of the ride. errors: of the chip, told by its sides."""

    found: Learned
    readings: list[Reading]
    errors: ChipErrors | None


def ridden_lift(seed: int, *, has_pressure: bool, has_sides: bool = True, times: int = 1) -> Ridden:
    """As an installer does it: the box is laid on its six sides, screwed on and ridden everywhere."""
    found = drawn(seed, has_pressure=has_pressure)
    if not has_sides:
        ride_everywhere(found.lift, times)
        return Ridden(found, found.readings(), None)
    for up in ALL_SIDES:
        lay_box(found.lift, up)
        found.lift.wait(LIES_S)
    lay_box(found.lift, BoxUp.MOUNTED)
    found.lift.wait(2.0)
    mounted_ns = START_NS + round(found.lift.now_s * 1e9)
    ride_everywhere(found.lift, times)
    readings = found.readings()
    accel = found.box.accel
    assert accel is not None, "drawn with an accelerometer"
    lying = [each for each in readings if each.t_ns < mounted_ns]
    sides = fit_sides(lying, chip=found.chip.value, range_mps2=accel.range_mps2)
    return Ridden(found, [each for each in readings if each.t_ns >= mounted_ns], sides.errors)


def landings_fit(ridden: Ridden) -> LandingsFit:
    """With what a box would know: the kind of chip, its errors, and the warmth of the air beside a barometer."""
    grade = GRADES[ridden.found.chip]
    return fit_landings(
        ridden.readings,
        LIMITS,
        errors=ridden.errors,
        grade=AccelGrade(grade.gain_sd, grade.offset_mps2_sd),
        air_degc=None if ridden.found.box.pressure is None else AIR_DEGC,
    )


def landing_errors(seed: int, *, has_pressure: bool, has_sides: bool = True, times: int = 1) -> LandingErrors:
    """What the fit says against the truth."""
    ridden = ridden_lift(seed, has_pressure=has_pressure, has_sides=has_sides, times=times)
    found, fit = ridden.found, landings_fit(ridden)
    accel = found.box.accel
    assert accel is not None, "drawn with an accelerometer"
    true_m = np.array(found.lift.spec.landing_heights_m)
    if fit.problems or fit.scale is None or len(fit.landings) != len(true_m):
        return LandingErrors(0.0, 0.0, 0.0, None, 0.0, 0.0, 0.0, False, True)
    axis = accel.mounting @ np.array([0.0, 0.0, 1.0])
    errors = np.abs(np.array([landing.height_m for landing in fit.landings]) - true_m)
    doubts = np.array([max(landing.sigma_m, 1e-3) for landing in fit.landings])
    speed = None if fit.speed_mps is None else abs(fit.speed_mps / found.lift.spec.style.speed_mps - 1.0)
    return LandingErrors(
        float(errors.max()),
        float((errors / doubts).max()),
        float(doubts.max()),
        speed,
        0.0 if speed is None else speed * found.lift.spec.style.speed_mps / fit.speed_sigma_mps,
        angle_deg(fit.axis, vector(axis)),
        angle_deg(fit.gravity_mps2, vector(axis)),
        any(each.name == "rails" for each in fit.scale.witnesses),
        False,
    )


def detective_story(seed: int, *, drive: Drive | None = None, landings: int | None = None) -> Learned:
    """Every landing, two stops between landings by different faults, the inspection switch twice."""
    landings = landings or int(np.random.default_rng([seed, 11]).integers(4, 8))
    found = drawn(seed, drive=drive, landings=landings, signals=DOORS | {Signal.INSPECTION})
    ride_everywhere(found.lift)
    stop_between(found.lift, StopCause.BRAKE, 1.5)
    stop_between(found.lift, StopCause.SAFETY_CIRCUIT, 1.5)
    inspect_shortly(found.lift)
    inspect_shortly(found.lift)
    return found


def drawn_controller(seed: int, found: Learned) -> Controller:
    """A controller that nobody has seen, of this lift."""
    rng = np.random.default_rng([seed, 5])
    register_map = drawn_map(rng)
    return Controller(register_map, decoys_of(rng, found.lift, register_map), float(rng.uniform(0.02, 0.4)))


def truth_for(readings: list[Reading]) -> Truth:
    """What accelerometer and contacts say."""
    landings = fit_landings(readings, LIMITS)
    return truth_of(readings, landings, fit_doors(readings, LIMITS, DOORS, stops=landings.stops))


def judged(found: Learned, controller: Controller, detected: Detected, reads: list[RegisterRead]) -> Mapping[Feed, str]:
    """Each word by decoding the whole log with the proposal and comparing with what the controller meant.

    Floor and fault may be named otherwise, one name for each; a door that has no code for its way is no mistake.
    """
    registers = {(register.table, register.address): register for register in registers_of(reads)}
    out: dict[Feed, str] = {}
    for word in detected.words:
        one = word.candidate
        if one is None:
            out[word.feed] = NOT_FOUND
            continue
        register = registers[one.place.table, one.place.address]
        meanings = dict(one.values)
        pairs: dict[object, Counter[object]] = defaultdict(Counter)
        for t_ns, code in zip(register.times_ns, one.place.codes(register).tolist(), strict=True):
            true = getattr(controller.report(found.lift, (t_ns - START_NS) / 1e9), word.feed.value)
            meant = getattr(true, "value", true)
            said = meanings.get(code) if meanings else code
            if said is None or (
                word.feed is Feed.DOOR and meant in ("opening", "closing") and said in ("open", "closed")
            ):
                continue
            pairs[said][meant] += 1
        is_named = word.feed in (Feed.FLOOR, Feed.FAULT)
        right = sum(max(each.values()) if is_named else each[said] for said, each in pairs.items())
        total = sum(sum(each.values()) for each in pairs.values())
        is_there = any(field.feeds is word.feed for field in controller.register_map.fields)
        out[word.feed] = RIGHT if is_there and right >= 0.97 * total else WRONG
    return out


def detective_outcome(seed: int) -> tuple[Mapping[Feed, str], Mapping[Feed, str]]:
    """Of one drawn lift with one drawn controller; and of the same controller when it says none of these words."""
    found = detective_story(seed)
    controller = drawn_controller(seed, found)
    mute = Controller(replace(controller.register_map, fields=()), controller.decoys, controller.delay_s)
    truth = truth_for(found.readings())
    outcomes = []
    for each in (controller, mute):
        reads = sweep(found.lift, each, seed=seed)
        outcomes.append(judged(found, each, detect(reads, truth), reads))
    return outcomes[0], outcomes[1]


def _print_landings(seeds: range, *, has_pressure: bool, has_sides: bool, times: int) -> None:
    rows: dict[str, list[LandingErrors]] = defaultdict(list)
    for seed in seeds:
        chip = drawn(seed).chip.value
        rows[chip].append(landing_errors(seed, has_pressure=has_pressure, has_sides=has_sides, times=times))
    print("chip      lifts refused  <=20mm <=50mm median | speed<=1%                | axis, gravity <=0.5 | rails")
    for chip, every in sorted({**rows, "all": [each for many in rows.values() for each in many]}.items()):
        kept = [each for each in every if not each.is_refused]
        heights = np.array([each.height_m for each in kept])
        speeds = np.array([each.speed for each in kept if each.speed is not None])
        print(
            f"{chip:9} {len(every):5} {len(every) - len(kept):7}  {np.mean(heights <= 0.02):6.0%} "
            f"{np.mean(heights <= 0.05):6.0%} {1000 * np.median(heights):5.0f}mm | "
            f"{np.mean(speeds <= 0.01):9.0%} ({len(kept) - len(speeds)} never even) | "
            f"{np.mean([each.axis_deg <= 0.5 for each in kept]):9.0%} "
            f"{np.mean([each.gravity_deg <= 0.5 for each in kept]):12.0%} | "
            f"{np.mean([each.has_rails for each in kept]):.0%}; doubt told {_share_within(kept)}"
        )


def _share_within(kept: list[LandingErrors]) -> str:
    """Of the doubts that are told: how often the worst landing, and the speed, are within two and three of them."""
    heights, speeds = ([each.pull for each in kept], [each.speed_pull for each in kept if each.speed is not None])
    median_mm = 1000.0 * np.median([each.doubt_m for each in kept])
    shares = [f"{np.mean(np.array(of) <= sigmas):.0%}" for of in (heights, speeds) for sigmas in (2.0, 3.0)]
    return f"{median_mm:.0f} mm; heights within 2, 3 of it: {shares[0]} {shares[1]}; speed {shares[2]} {shares[3]}"


def _print_detective(count: int) -> None:
    seen: Counter[tuple[str, str, str]] = Counter()
    for seed in range(count):
        for kind, outcome in zip(("says it", "does not"), detective_outcome(seed), strict=True):
            for feed, word in outcome.items():
                seen[kind, feed.value, word] += 1
                if word != (RIGHT if kind == "says it" else NOT_FOUND):
                    print(f"seed {seed}, controller {kind}: {feed.value} {word}")
    for kind in ("says it", "does not"):
        for name in ("floor", "direction", "door", "mode", "fault"):
            counts = ", ".join(f"{word} {seen[kind, name, word]}" for word in (RIGHT, NOT_FOUND, WRONG))
            print(f"controller {kind}: {name:10} {counts}")


if __name__ == "__main__":
    what, number = sys.argv[1], int(sys.argv[2])
    if what == "landings":
        more = sys.argv[3:]
        first = int(more[more.index("from") + 1]) if "from" in more else 0
        _print_landings(
            range(first, first + number),
            has_pressure="pressure" in more,
            has_sides="fixed" not in more,
            times=2 if "twice" in more else 1,
        )
    else:
        _print_detective(number)
