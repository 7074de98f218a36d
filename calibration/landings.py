"""What learning trips tell of a lift: trips with direction, landings and heights, rated speed, the axis of travel.

In: a recording of a few trips in both directions. Out: a `LandingsFit`, each figure with its doubt. Which trips there
were is told by the detection core; each is then measured anew from standstill to standstill, all are balanced against
each other, and the scale of the sensor is weighed from what there is: chip, gravity, air, rails, told travel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot, sqrt
from statistics import median

from calibration.chip_errors import ChipErrors
from calibration.doors import Stop
from calibration.doors_lines import line_of
from calibration.fit_grades import AccelGrade, grade_of
from calibration.fit_motion import Moved, movements
from calibration.fit_samples import (
    NS_PER_S,
    Samples,
    Vector,
    angle_deg,
    capture_doubts,
    capture_problems,
    length_of,
    samples_of,
)
from calibration.landings_common import Common, at_common_speed
from calibration.landings_heights import Balance, air_against_trips, air_stops, balance
from calibration.landings_rails import rails_of
from calibration.landings_scale import Scale, scale_of
from calibration.landings_speed import BIAS_SIGMA_MPS2
from calibration.landings_trips import (
    Course,
    MeasuredTrip,
    Rest,
    axis_of_travel,
    density_of,
    mean_force,
    measure,
    rests_between,
    window_of,
)
from calibration.words import Said, said
from edge_agent.detect.limits import Limits
from edge_agent.readings import Direction, Reading, Signal

TRIPS_MIN = 4
SECONDS_MIN = 30.0
AXIS_DEG_MAX = 8.0
AXIS_DOUBT_DEG_MAX = 1.2
TURNED_DEG_MAX = 0.6
MISFIT_DOUBTFUL, MISFIT_MAX = 3.0, 8.0
SURE_SIGMAS = 2.0
WANTED_M, WANTED_M_WITH_AIR, WANTED_SPEED_SHARE = 0.05, 0.02, 0.01
"""The accuracy asked of a calibration; what is not within it by two sigma is usable, and said to be doubtful."""
HEIGHT_SIGMA_M_DOUBTFUL = 0.10
SPEED_SIGMA_DOUBTFUL = 0.015


@dataclass(frozen=True, slots=True)
class LearnedTrip:
    """One trip, corrected by the scale. from_landing, to_landing: 0 is the lowest visited; None: at no landing."""

    start_ns: int
    end_ns: int
    direction: Direction
    from_landing: int | None
    to_landing: int | None
    distance_m: float
    residual_m: float
    speed_mps: float | None


@dataclass(frozen=True, slots=True)
class LearnedHeight:
    """A landing above the lowest one; sigma_m with the doubt of the scale."""

    height_m: float
    sigma_m: float
    visits: int


@dataclass(frozen=True, slots=True, eq=False)
class LandingsFit:
    """axis: direction of travel in the axes of the box, pointing up. speed_mps: even speed; None: never reached.

    scale: measured over true. misfit: how well the trips agree, about 1. example: the longest trip, for a picture.
    """

    trips: tuple[LearnedTrip, ...]
    landings: tuple[LearnedHeight, ...]
    stops: tuple[Stop, ...]
    speed_mps: float | None
    speed_sigma_mps: float
    axis: Vector
    axis_doubt_deg: float
    gravity_mps2: Vector
    scale: Scale | None
    misfit: float
    example: Course | None
    problems: tuple[Said, ...]
    doubts: tuple[Said, ...]


def fit_landings(
    readings: Sequence[Reading],
    limits: Limits,
    *,
    chip: str = "",
    errors: ChipErrors | None = None,
    grade: AccelGrade | None = None,
    range_mps2: float | None = None,
    opens: frozenset[Signal] = frozenset((Signal.DOOR_CLOSED, Signal.DOOR_CLOSED_REAR)),
    air_degc: float | None = None,
    told_travel_m: float | None = None,
) -> LandingsFit:
    """Learn from the trips of a recording.

    chip: its name in the settings. errors: of this very chip, where its six sides were measured. opens: contacts that
    are made while the doors are closed. air_degc: of the air in the well, if somebody has measured it. told_travel_m:
    from the lowest to the highest landing, if somebody knows it.
    """
    samples = samples_of(readings)
    problems = capture_problems(samples, SECONDS_MIN, range_mps2)
    if problems:
        return _nothing(problems)
    if errors is not None:
        samples = errors.corrected(samples)
        grade = AccelGrade(errors.gain_sigma, errors.offset_sigma_mps2)
    moved = movements(readings, limits)
    if not moved:
        return _nothing((said("trips.none"),))
    rests = rests_between(samples, moved)
    if not rests:
        return _nothing((said("trips.no_standstill"),))
    turned = max(angle_deg(each.mean_mps2, rests[0].mean_mps2) for each in rests)
    if turned > TURNED_DEG_MAX:
        return _nothing((said("trips.box_moved", degrees=round(turned, 1)),))
    gravity = mean_force(rests)
    grade = grade or grade_of(chip)
    axis, axis_doubt = axis_of_travel(samples, moved, rests, gravity, grade)
    is_axis_good = axis_doubt <= AXIS_DOUBT_DEG_MAX and angle_deg(axis, gravity) <= AXIS_DEG_MAX
    along = axis if is_axis_good else tuple(part / length_of(gravity) for part in gravity)
    debounce_ns = round(limits.door_debounce_ms * 1e6)
    opened_ns = [t for signal in opens for t, made in line_of(readings, signal, debounce_ns).changes if not made]
    courses, common = _courses(samples, moved, rests, (along[0], along[1], along[2]), opened_ns)
    if not courses:
        return _nothing((said("trips.none"),))
    along_mps2 = sum(a * g for a, g in zip(along, gravity, strict=True))
    found = _balanced(readings, courses, common, grade, along_mps2, air_degc, told_travel_m, samples, opened_ns)
    return _fit(found, courses, samples, moved, opened_ns, (axis, axis_doubt, is_axis_good), gravity)


def _courses(
    samples: Samples, moved: Sequence[Moved], rests: Sequence[Rest], axis: Vector, opened_ns: Sequence[int]
) -> tuple[list[Course], Common]:
    noise = median(each.noise_mps2 for each in rests)
    courses = []
    for number, trip in enumerate(moved):
        beside = sorted(rests, key=lambda each: abs((each.start_ns + each.end_ns) // 2 - trip.start_ns))[:3]
        bias = sum(a * m for a, m in zip(axis, mean_force(beside), strict=True))
        course = measure(window_of(samples, moved, number, opened_ns), axis, bias, noise)
        if course is not None and abs(course.trip.distance_m) > 0.5:
            courses.append(course)
    rest_s = median((each.end_ns - each.start_ns) / NS_PER_S for each in rests)
    zero = hypot(BIAS_SIGMA_MPS2, noise * sqrt(samples.period_s / (3.0 * rest_s)))
    return at_common_speed(courses, density_of(samples, noise, courses), zero)


@dataclass(frozen=True, slots=True)
class _Balanced:
    result: Balance
    scale: Scale
    common: Common


def _balanced(
    readings: Sequence[Reading],
    courses: Sequence[Course],
    common: Common,
    grade: AccelGrade,
    along_mps2: float,
    air_degc: float | None,
    told_travel_m: float | None,
    samples: Samples,
    opened_ns: Sequence[int],
) -> _Balanced:
    trips = [course.trip for course in courses]
    spans = _spans(trips, samples)
    opened = [_has_opened(span, opened_ns) for span in spans]
    alone = balance(trips, opened=opened)
    air = air_stops(readings, spans)
    ratio = air_against_trips(air, alone.stops, alone.heights_m)
    told = None if told_travel_m is None else (alone.heights_m[-1], told_travel_m)
    rails = rails_of(courses, [alone.heights_m[stop] for stop in alone.stops])
    if rails is not None:
        rails = (rails[0], hypot(rails[1], common.apart_share))
    common_share = common.share * common.even_share
    scale = scale_of(grade, along_mps2, common_share=common_share, air=ratio, air_degc=air_degc, rails=rails, told=told)
    is_air_used = air and abs(ratio[0] - 1.0) < 0.15
    return _Balanced(balance(trips, air, ratio[0], opened) if is_air_used else alone, scale, common)


def _spans(trips: Sequence[MeasuredTrip], samples: Samples) -> list[tuple[int, int]]:
    """From the end of a trip to the beginning of the next."""
    starts = [int(samples.times_ns[0]), *(trip.end_ns for trip in trips)]
    ends = [*(trip.start_ns for trip in trips), int(samples.times_ns[-1])]
    return list(zip(starts, ends, strict=True))


def _fit(
    found: _Balanced,
    courses: Sequence[Course],
    samples: Samples,
    moved: Sequence[Moved],
    opened_ns: Sequence[int],
    axis: tuple[Vector, float, bool],
    gravity: Vector,
) -> LandingsFit:
    result, scale = found.result, found.scale
    trips = [course.trip for course in courses]
    spans = _spans(trips, samples)
    names = _names(result, spans, opened_ns)
    base = result.heights_m[min(names)]
    learned = tuple(
        LearnedTrip(
            trip.start_ns,
            trip.end_ns,
            Direction.UP if trip.distance_m > 0.0 else Direction.DOWN,
            names.get(a),
            names.get(b),
            abs(trip.distance_m) / scale.scale,
            residual / scale.scale,
            None if trip.speed_mps is None else trip.speed_mps / scale.scale,
        )
        for trip, a, b, residual in zip(trips, result.stops[:-1], result.stops[1:], result.residuals_m, strict=True)
    )
    landings = tuple(
        LearnedHeight(
            (height - base) / scale.scale, sqrt(sigma**2 + (height * scale.sigma) ** 2), result.stops.count(number)
        )
        for number, (height, sigma) in enumerate(zip(result.heights_m, result.sigmas_m, strict=True))
        if number in names
    )
    stops = tuple(Stop(a, b, names[k]) for (a, b), k in zip(spans, result.stops, strict=True) if k in names)
    common = found.common
    speed = None if common.mps is None else common.mps / scale.scale
    speed_sigma = (speed or 0.0) * hypot(scale.sigma, common.share * (1.0 - common.even_share))
    problems, doubts = _judged(learned, landings, result, scale, speed, speed_sigma, axis, len(moved))
    return LandingsFit(
        learned,
        landings,
        stops,
        speed,
        speed_sigma,
        axis[0],
        axis[1],
        gravity,
        scale,
        result.misfit,
        max(courses, key=lambda course: abs(course.trip.distance_m)),
        tuple(problems),
        (*capture_doubts(samples), *doubts),
    )


def _has_opened(span_ns: tuple[int, int], opened_ns: Sequence[int]) -> bool:
    return any(span_ns[0] <= t_ns < span_ns[1] for t_ns in opened_ns)


def _names(result: Balance, spans_ns: Sequence[tuple[int, int]], opened_ns: Sequence[int]) -> dict[int, int]:
    """Places where the car stood to the landings they are: where doors are seen to open at all, a landing has one."""
    opened = {place for place, span in zip(result.stops, spans_ns, strict=True) if _has_opened(span, opened_ns)}
    places = range(len(result.heights_m))
    kept = [place for place in places if place in opened] if opened else list(places)
    return {place: number for number, place in enumerate(kept)}


def _judged(
    trips: Sequence[LearnedTrip],
    landings: Sequence[LearnedHeight],
    result: Balance,
    scale: Scale,
    speed: float | None,
    speed_sigma: float,
    axis: tuple[Vector, float, bool],
    moved_count: int,
) -> tuple[list[Said], list[Said]]:
    problems: list[Said] = []
    doubts: list[Said] = []
    if len(trips) < TRIPS_MIN:
        problems.append(said("trips.too_few", count=len(trips), needed=TRIPS_MIN))
    if result.misfit > MISFIT_MAX:
        problems.append(said("trips.disagree", metres=round(max(map(abs, result.residuals_m)), 2)))
    elif result.misfit > MISFIT_DOUBTFUL:
        doubts.append(said("trips.disagree", metres=round(max(map(abs, result.residuals_m)), 2)))
    if len({trip.direction for trip in trips}) < 2:
        doubts.append(said("trips.one_way"))
    if moved_count > len(trips):
        doubts.append(said("trips.unmeasured", count=moved_count - len(trips)))
    if speed is None:
        doubts.append(said("trips.no_even_speed"))
    elif SURE_SIGMAS * speed_sigma > WANTED_SPEED_SHARE * speed:
        percent = round(100.0 * SURE_SIGMAS * speed_sigma / speed, 1)
        doubts.append(said("trips.speed_doubt", wanted=round(100.0 * WANTED_SPEED_SHARE), percent=percent))
    worst_m = SURE_SIGMAS * max(landing.sigma_m for landing in landings)
    if any(each.name == "air" for each in scale.witnesses) and worst_m > WANTED_M_WITH_AIR:
        wanted, reached = round(1000.0 * WANTED_M_WITH_AIR), round(1000.0 * worst_m)
        doubts.append(said("trips.height_doubt_air", wanted=wanted, millimetres=reached))
    elif worst_m > WANTED_M:
        doubts.append(said("trips.height_doubt", wanted=round(1000.0 * WANTED_M), millimetres=round(1000.0 * worst_m)))
    if not axis[2]:
        doubts.append(said("trips.axis_doubt", degrees=round(axis[1], 1)))
    doubts += [said(f"trips.scale_{name}") for name in scale.disagreeing]
    return problems, doubts


def _nothing(problems: tuple[Said, ...]) -> LandingsFit:
    zero = (0.0, 0.0, 0.0)
    return LandingsFit((), (), (), None, 0.0, zero, 90.0, zero, None, 0.0, None, problems, ())
