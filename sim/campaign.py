"""One day of a campaign: draw a lift, live a day with it, run the real detection core over it, judge every alarm.

A day is known by the seed of the campaign and its own number; nothing else decides what happens in it. The box is
new, or settled: then each lift is lived with for a week, of which the first day is ordinary and not judged, and each
of the six others begins with what the box has learned until then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from edge_agent.alarms import Alarm, AlarmState
from edge_agent.detect.baselines import Baselines
from edge_agent.detect.detector import Detector
from edge_agent.detect.limits import Limits
from edge_agent.readings import Reading
from sim.chance import branches
from sim.day import Day, live_day
from sim.diary import Answer, FalseAlarm, incidents
from sim.habits import draw_life
from sim.roughness import rough_from
from sim.sensors import joined, ordered, raw_readings
from sim.troubles import draw_troubles

SETTLED_DAYS = 6
"""Days of one lift that are judged where the box is settled."""


@dataclass(frozen=True, slots=True)
class LivedDay:
    """One day with everything needed to run or record it."""

    seed: int
    number: int
    day: Day
    sensor_seed: int
    before: LivedDay | None = None  # from which a settled box has learned

    @property
    def duration_s(self) -> float:
        """Length of what is simulated."""
        return self.day.lift.now_s

    def raw_readings(self) -> Iterator[Reading]:
        """What the sensors gave, without ticks. The same at each call."""
        rng = np.random.default_rng(self.sensor_seed)
        return raw_readings(self.day.lift, self.day.life.box, rng, self.duration_s)

    def baselines(self) -> Baselines | None:
        """What the box has learned on the days before; None: it is new."""
        return None if self.before is None else self.before.concluded(self.before.baselines())[1]

    def concluded(self, baselines: Baselines | None) -> tuple[tuple[Alarm, ...], Baselines | None]:
        """What the real detection core raises, clears and suspects, and what it has learned in the end."""
        detector = Detector(self.day.life.installation, Limits(), baselines=baselines)
        alarms = tuple(
            conclusion
            for reading in ordered(joined(self.raw_readings()))
            for conclusion in detector.step(reading)
            if isinstance(conclusion, Alarm)
        )
        return alarms, detector.baselines()


@dataclass(frozen=True, slots=True)
class DayResult:
    """What one day adds to the campaign; one line of its file. `run_s` of `24 h` were simulated."""

    number: int
    sensors: str
    drive: str
    knowledge: str
    parking: str
    rate_hz: float
    chip_noise_mps2: float
    trips: int
    calls: int
    run_s: float
    parked_run_s: float
    skipped_s: float
    events: tuple[tuple[str, int], ...]
    false: tuple[FalseAlarm, ...]
    answers: tuple[Answer, ...]
    suspected: int


def lived(seed: int, number: int, *, is_settled: bool = False) -> LivedDay:
    """Live day `number` of the campaign with this seed; a settled box has lived through the days before."""
    if not is_settled:
        return _lived(seed, number, number)
    lift, day = divmod(number, SETTLED_DAYS)
    lived_day = _lived(seed, lift, lift * SETTLED_DAYS, is_ordinary=True)
    for each in range(day + 1):
        lived_day = _lived(seed, lift, lift * SETTLED_DAYS + each, before=lived_day)
    return lived_day


def _lived(seed: int, lift: int, number: int, *, is_ordinary: bool = False, before: LivedDay | None = None) -> LivedDay:
    """A day of lift `lift`. is_ordinary: without special events."""
    life_rng, *day_rngs = branches(np.random.default_rng([seed, lift]), 4)
    life = draw_life(life_rng, f"campaign-{seed}-{lift}")
    if before is not None:
        day_rngs = branches(np.random.default_rng([seed, lift, number + 1]), 3)
    plan_rng, story_rng, sensor_rng = day_rngs
    day = live_day(life, story_rng, () if is_ordinary else draw_troubles(life, plan_rng))
    for kind, start_s in rough_from(day.lift).items():
        day.diary.allow((kind,), start_s, float("inf"))
    return LivedDay(seed, number, day, int(sensor_rng.integers(1 << 62)), before)


def judged(lived_day: LivedDay, alarms: tuple[Alarm, ...]) -> DayResult:
    """The alarms of a day compared with what happened in it."""
    day, life = lived_day.day, lived_day.day.life
    stood = incidents(alarms)
    events = Counter(span.event for span in day.diary.spans)
    accel = life.box.accel
    return DayResult(
        number=lived_day.number,
        sensors=life.sensors.value,
        drive=life.spec.drive.value,
        knowledge=life.knowledge.value,
        parking=life.habits.parking.value,
        rate_hz=accel.rate_hz if accel is not None else 0.0,
        chip_noise_mps2=accel.noise_mps2 if accel is not None else 0.0,
        trips=len(day.lift.trips),
        calls=day.diary.calls,
        run_s=lived_day.duration_s,
        parked_run_s=day.diary.parked_s,
        skipped_s=day.diary.skipped_s,
        events=tuple(sorted(events.items())),
        false=day.diary.false_alarms(stood),
        answers=day.diary.answers(stood),
        suspected=sum(1 for alarm in alarms if alarm.state is AlarmState.SUSPECTED),
    )


def run_day(seed: int, number: int) -> tuple[DayResult, ...]:
    """Live, run and judge one day of a new box."""
    lived_day = lived(seed, number)
    return (judged(lived_day, lived_day.concluded(None)[0]),)


def run_week(seed: int, lift: int) -> tuple[DayResult, ...]:
    """Live, run and judge the days of one lift with a settled box; each day is as `lived` gives it."""
    days: list[LivedDay] = []
    last: LivedDay | None = lived(seed, (lift + 1) * SETTLED_DAYS - 1, is_settled=True)
    while last is not None:
        days.append(last)
        last = last.before
    results: list[DayResult] = []
    baselines: Baselines | None = None
    for each in reversed(days):
        alarms, baselines = each.concluded(baselines)
        if each.before is not None:
            results.append(judged(each, alarms))
    return tuple(results)
